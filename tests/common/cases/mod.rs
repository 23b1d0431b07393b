//! The rules as one list of cases, run against everything that holds them: the domain, the training server, and
//! PostgreSQL.
//!
//! `rules.txt` is the list, meant to be read: who, what is tried, what comes of it, what else follows. Each case
//! begins from the initial rows. `parse` reads it; `model` answers a case by the domain alone; the binaries
//! `domain`, `sandbox` and `server` each hold what they get against the list, and the two servers also against the
//! model: the whole of the rows afterwards, stamps aside, and the rows that a cascade is said to have changed.

#![allow(
    dead_code,
    clippy::panic,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

pub mod model;
mod parse;

use std::collections::BTreeMap;
use std::fmt;

use flyos::domain::{Change, Fields, Key, Kind, Record, Value, World, rules};
use flyos::remote::wire::{OpKind, OpResult, OpWire, Outcome, PushReply};
use uuid::Uuid;

pub use parse::all;

const INITIAL: &str = include_str!("../../../assets/initial.json");

/// Columns that the server stamps: they differ from run to run.
const STAMPS: [&str; 3] = ["created_at", "updated_at", "assigned_at"];

/// One row of the list.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// What an administrator did before anybody looked.
    pub first: Vec<Edit>,
    /// Whose edits these are: the part of the address before the @.
    pub who: String,
    /// More than one stand in one group.
    pub edits: Vec<Edit>,
    /// What an administrator did after the person looked, and before the edits arrived.
    pub meanwhile: Vec<Edit>,
    /// What comes of each edit.
    pub comes_to: Vec<Told>,
    /// What else changes, besides what the edits themselves say.
    pub then: Changed,
}

/// An edit as it is written down, with names resolved.
#[derive(Clone, Debug)]
pub struct Edit {
    pub k: OpKind,
    pub kind: Kind,
    /// As it is sent: it may be no key at all.
    pub pk: String,
    pub set: Fields,
}

/// What comes of an edit, as far as everybody must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told(pub String);

impl Told {
    pub fn is_in(&self) -> bool {
        matches!(self.0.as_str(), "applied" | "merged" | "noop")
    }

    pub fn of(outcome: &Outcome) -> Self {
        let word = |text: &str| text.to_owned();
        Self(match outcome {
            Outcome::Applied { .. } => word("applied"),
            Outcome::Merged { .. } => word("merged"),
            Outcome::Noop { .. } => word("noop"),
            Outcome::Gone => word("gone"),
            Outcome::Blocked { .. } => word("blocked"),
            Outcome::Retry { .. } => word("retry"),
            Outcome::IdReused => word("id_reused"),
            Outcome::Conflict { fields, drops, .. } => {
                let fields: Vec<_> = fields.keys().cloned().collect();
                return Self::conflict(&fields, drops);
            }
            Outcome::Rejected { reason, field, .. } => {
                return Self::refused(*reason, field.as_deref());
            }
        })
    }

    pub fn conflict(fields: &[String], drops: &[String]) -> Self {
        let drops = drops.iter().map(|pk| format!("+{pk}"));
        let words = std::iter::once("conflict".to_owned()).chain(fields.iter().cloned()).chain(drops);
        Self(words.collect::<Vec<_>>().join(" "))
    }

    pub fn refused(reason: flyos::domain::Reason, field: Option<&str>) -> Self {
        let reason = format!("{reason:?}").to_lowercase();
        Self([Some(reason.as_str()), field].into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How one row differs from what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diff {
    New,
    Gone,
    Columns(Fields),
}

pub type Changed = BTreeMap<Key, Diff>;

/// What somebody who holds the rules makes of a case.
#[derive(Clone, Debug)]
pub struct Answer {
    pub told: Vec<Told>,
    /// Of each edit that got in, the rows its cascade is said to have changed.
    pub effects: Vec<Vec<Key>>,
    /// The rows as they were when the edits arrived, and after.
    pub before: World,
    pub after: World,
}

/// The initial rows.
pub fn initial() -> World {
    let initial: serde_json::Value = serde_json::from_str(INITIAL).expect("the initial rows are JSON");
    let mut world = World::default();
    for kind in Kind::ALL {
        let rows: Vec<Fields> =
            serde_json::from_value(initial[kind.table()].clone()).expect("rows of texts and nulls");
        for row in rows {
            world.put(record_of(kind, &row));
        }
    }
    world
}

/// A row as PostgreSQL tells it.
pub fn record_of(kind: Kind, row: &Fields) -> Record {
    let text = |name: &str| row[name].clone().expect("a key is never null");
    let pk = match kind {
        Kind::Assignment => format!("{}:{}", text("user_id"), text("drone_id")),
        _ => text("id"),
    };
    let key = Key::known(kind, &pk).expect("a key of its table");
    Record::from_fields(&key, row).expect("a row of its key")
}

/// What became of the rows, stamps aside.
pub fn difference(before: &World, after: &World) -> Changed {
    let mut changed = Changed::new();
    for kind in Kind::ALL {
        let keys = before.keys(kind).into_iter().chain(after.keys(kind));
        for key in keys {
            let diff = match (before.get(&key), after.get(&key)) {
                (None, Some(_)) => Diff::New,
                (Some(_), None) => Diff::Gone,
                (Some(old), Some(new)) => {
                    let mut columns = new.fields();
                    columns.retain(|name, value| !STAMPS.contains(&name.as_str()) && old.get(name) != *value);
                    if columns.is_empty() {
                        continue;
                    }
                    Diff::Columns(columns)
                }
                (None, None) => continue,
            };
            changed.insert(key, diff);
        }
    }
    changed
}

/// The rows without their stamps, for comparing two servers.
pub fn unstamped(world: &World) -> BTreeMap<Key, Fields> {
    let rows = Kind::ALL.into_iter().flat_map(|kind| world.keys(kind)).filter_map(|key| world.get(&key));
    rows.map(|row| {
        let mut fields = row.fields();
        fields.retain(|name, _| !STAMPS.contains(&name.as_str()));
        (row.key(), fields)
    })
    .collect()
}

impl Edit {
    /// The row it is about; of an edit that got in.
    pub fn key(&self) -> Key {
        Key::known(self.kind, &self.pk).unwrap_or_else(|| panic!("{} is no key", self.pk))
    }

    /// The edit as a change of a row that is there (or not), for an administrator.
    pub fn change(&self, world: &World) -> Change {
        let key = self.key();
        let row = world.get(&key);
        let there = || row.as_ref().unwrap_or_else(|| panic!("{key} is not there"));
        match self.k {
            OpKind::Insert => Change::insert(key, self.set.clone()),
            OpKind::Update => Change::update(there(), &self.set).expect("something to change"),
            OpKind::Delete => Change::delete(there()),
        }
    }

    /// What an edit started from: the columns it sets with their units, or the whole row that it deletes.
    pub fn base(&self, seen: &World) -> Fields {
        let row = Key::known(self.kind, &self.pk).and_then(|key| seen.get(&key));
        match (self.k, row) {
            (OpKind::Insert, _) | (_, None) => Fields::new(),
            (OpKind::Delete, Some(row)) => row.fields(),
            (OpKind::Update, Some(row)) => {
                let described = |name: &str| self.kind.field(name);
                let units: Vec<_> = self.set.keys().filter_map(|name| described(name)?.unit).collect();
                let mut base = row.fields();
                base.retain(|name, _| {
                    let unit = described(name).and_then(|field| field.unit);
                    self.set.contains_key(name) || unit.is_some_and(|unit| units.contains(&unit))
                });
                base
            }
        }
    }
}

/// Of each edit of one person, the assignments that they see going with it: what it is about is done already to the
/// rows that the next one is made from. `None` where no assignment can go.
pub fn foreseen(seen: &World, edits: &[Edit]) -> Vec<Option<Vec<String>>> {
    let mut world = seen.clone();
    let each = edits.iter().map(|edit| {
        let key = Key::known(edit.kind, &edit.pk)?;
        let row = world.get(&key);
        let change = match edit.k {
            OpKind::Insert => Some(Change::insert(key, edit.set.clone())),
            OpKind::Update => Change::update(&row?, &edit.set),
            OpKind::Delete => Some(Change::delete(&row?)),
        }?;
        let effects = rules::effects(&world, &change);
        let _one_that_is_refused_takes_nothing = rules::carry_out_one(&mut world, None, &change);
        let moves =
            edit.k == OpKind::Delete || edit.k == OpKind::Update && edit.set.contains_key("region_id");
        let takes = moves && matches!(edit.kind, Kind::User | Kind::Drone);
        takes.then(|| rules::drops(&effects).map(str::to_owned).collect())
    });
    each.collect()
}

impl Case {
    /// The edits as they travel, made from what the person saw.
    pub fn ops(&self, seen: &World) -> Vec<OpWire> {
        let foreseen = foreseen(seen, &self.edits);
        let group = (self.edits.len() > 1).then(Uuid::now_v7);
        let ops = self.edits.iter().enumerate().map(|(at, edit)| OpWire {
            id: Uuid::now_v7(),
            seq: at as u64 + 1,
            group,
            t: edit.kind,
            pk: edit.pk.clone(),
            k: edit.k,
            base: edit.base(seen),
            set: edit.set.clone(),
            deps: Vec::new(),
            drops: foreseen[at].clone(),
            reason: None,
        });
        ops.collect()
    }

    pub fn email(&self) -> String {
        format!("{}@flyos.mil", self.who)
    }

    /// What the list says must become of the rows, once they were `before`.
    fn expected(&self, before: &World) -> Changed {
        let mut expected = self.then.clone();
        if !self.comes_to.iter().all(Told::is_in) {
            return expected;
        }
        for (edit, told) in self.edits.iter().zip(&self.comes_to) {
            let key = edit.key();
            match (edit.k, before.get(&key)) {
                _ if told.0 == "noop" => {}
                (OpKind::Insert, _) => drop(expected.insert(key, Diff::New)),
                (OpKind::Delete, _) => drop(expected.insert(key, Diff::Gone)),
                (OpKind::Update, row) => {
                    let mut set = edit.set.clone();
                    set.retain(|name, value| row.as_ref().is_some_and(|row| row.get(name) != *value));
                    match expected.entry(key).or_insert_with(|| Diff::Columns(Fields::new())) {
                        Diff::Columns(columns) => columns.extend(set),
                        Diff::New | Diff::Gone => {}
                    }
                }
            }
        }
        expected.retain(|_, diff| *diff != Diff::Columns(Fields::new()));
        expected
    }

    /// Where an answer is not what the list says, in words.
    pub fn faults(&self, answer: &Answer) -> Vec<String> {
        let mut faults = Vec::new();
        if answer.told != self.comes_to {
            faults.push(format!("comes to {:?}, and not {:?}", texts(&answer.told), texts(&self.comes_to)));
        }
        let (found, expected) = (difference(&answer.before, &answer.after), self.expected(&answer.before));
        for key in found.keys().chain(expected.keys()) {
            let pair = (found.get(key), expected.get(key));
            if pair.0 != pair.1 {
                faults.push(format!("{key} becomes {:?}, and not {:?}", pair.0, pair.1));
            }
        }
        let broken = rules::broken(&answer.after);
        if !broken.is_empty() {
            faults.push(format!("afterwards {broken:?}"));
        }
        faults.dedup();
        faults
    }

    /// Where a server's answer differs from the model's.
    pub fn faults_beside(&self, answer: &Answer, model: &Answer) -> Vec<String> {
        let mut faults = self.faults(answer);
        if answer.effects != model.effects {
            faults.push(format!("effects {:?}, and by the domain {:?}", answer.effects, model.effects));
        }
        let (found, expected) = (unstamped(&answer.after), unstamped(&model.after));
        for key in found.keys().chain(expected.keys()) {
            if found.get(key) != expected.get(key) {
                let pair = (found.get(key), expected.get(key));
                faults.push(format!("{key} is {:?}, and by the domain {:?}", pair.0, pair.1));
            }
        }
        faults.dedup();
        faults
    }
}

fn texts(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.0.as_str()).collect()
}

/// What a server said to a push, edit by edit.
pub fn read(reply: &PushReply, edits: usize) -> (Vec<Told>, Vec<Vec<Key>>) {
    match reply {
        PushReply::Must(must) => {
            let word =
                format!("must {}", serde_json::to_value(must.must).expect("a word").as_str().unwrap_or("?"));
            (vec![Told(word); edits], vec![Vec::new(); edits])
        }
        PushReply::Results { results, .. } => {
            results.iter().map(|result| (Told::of(&result.outcome), effects_of(result))).unzip()
        }
    }
}

fn effects_of(result: &OpResult) -> Vec<Key> {
    match &result.outcome {
        Outcome::Applied { effects, .. }
        | Outcome::Merged { effects, .. }
        | Outcome::Noop { effects, .. } => {
            let mut keys: Vec<Key> =
                effects.iter().map(|(kind, pk)| Key { kind: *kind, pk: pk.clone() }).collect();
            keys.sort();
            keys
        }
        _ => Vec::new(),
    }
}

/// Fails with every case that went wrong, or passes.
pub fn report(by: &str, wrong: &[(String, Vec<String>)]) {
    let told = wrong.iter().map(|(name, faults)| format!("\n{name}\n    {}\n", faults.join("\n    ")));
    let text: String = told.collect();
    assert!(wrong.is_empty(), "{} of the rules do not hold by {by}:\n{text}", wrong.len());
}

/// "" stands for null.
fn value(text: &str) -> Value {
    (!text.is_empty()).then(|| text.to_owned())
}

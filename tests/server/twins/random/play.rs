//! One sequence, played on both servers at once: the same people do the same things, and after each step the answers
//! are laid side by side.
//!
//! Times, and versions as numbers, are each server's own: PostgreSQL counts a version per statement, the training
//! server one per group. What a version promises is held on each: a pull after the push brings it.

use std::collections::BTreeMap;

use flyos::domain::field::FieldType;
use flyos::domain::{Change, Fields, Key, Kind, Op, Record, World, rules};
use flyos::remote::wire::{
    DigestReply, Must, OpKind, OpResult, OpWire, Outcome, PULL_BYTES_MAX, PullReply, PullRequest, PushReply,
    SCHEMA,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::pair::Stage;
use super::plan::{Base, Deed, Edit, Group, PEOPLE, Set, Step};
use super::values::text;
use crate::twins::pull::digest_of;
use crate::twins::{Person, Server, Training, read_back, sign_in, visible};

pub type Verdict = Result<(), String>;

/// An edit that was decided on, without what each server knows of its row.
#[derive(Clone, Debug)]
struct Planned {
    id: Uuid,
    seq: u64,
    group: Option<Uuid>,
    deps: Vec<Uuid>,
    edit: Edit,
}

/// One server's half of a sequence.
struct Side {
    people: Vec<Person>,
    /// The truth after each step, newest last.
    history: Vec<World>,
    /// Calls as they went out.
    sent: Vec<(usize, Vec<OpWire>)>,
}

impl Side {
    fn now(&self) -> &World {
        self.history.last().expect("there is a first")
    }

    /// The row as it was so many steps ago.
    fn row(&self, key: &Key, age: usize) -> Option<Record> {
        let at = self.history.len().saturating_sub(age + 1);
        self.history.get(at)?.get(key)
    }

    /// The assignments that were seen to go with it, so many steps ago.
    fn foreseen(&self, row: &Record, k: OpKind, set: &Fields, age: usize) -> Option<Vec<String>> {
        let change = match k {
            OpKind::Insert => None,
            OpKind::Update => Change::update(row, set),
            OpKind::Delete => Some(Change::delete(row)),
        }?;
        let at = self.history.len().saturating_sub(age + 1);
        let effects = rules::effects(self.history.get(at)?, &change);
        Some(rules::drops(&effects).map(str::to_owned).collect())
    }

    fn op(&self, planned: &Planned) -> OpWire {
        let edit = &planned.edit;
        let ((kind, pk), k, set) = match &edit.deed {
            Deed::Make(row, set) => (row, OpKind::Insert, fields_of(set)),
            Deed::Change(row, set) => (row, OpKind::Update, fields_of(set)),
            Deed::Remove(row) => (row, OpKind::Delete, Fields::new()),
        };
        let row = Key::known(*kind, pk).and_then(|key| self.row(&key, edit.age));
        let drops = match edit.base {
            Base::Nothing => None,
            _ => row.as_ref().and_then(|row| self.foreseen(row, k, &set, edit.age)),
        };
        OpWire {
            id: planned.id,
            seq: planned.seq,
            group: planned.group,
            t: *kind,
            pk: pk.clone(),
            k,
            base: base_of(*kind, row.as_ref(), k, &set, edit.base),
            set,
            deps: planned.deps.clone(),
            drops,
            reason: None,
        }
    }
}

fn fields_of(set: &Set) -> Fields {
    set.iter().map(|(name, word)| ((*name).to_owned(), text(word))).collect()
}

/// What the edit says of the row that it started from.
fn base_of(kind: Kind, row: Option<&Record>, k: OpKind, set: &Fields, base: Base) -> Fields {
    let Some(row) = row.filter(|_| k != OpKind::Insert) else { return Fields::new() };
    let units: Vec<_> = set.keys().filter_map(|name| kind.field(name)?.unit).collect();
    let mut told = row.fields();
    told.retain(|name, _| match base {
        Base::Nothing => false,
        Base::Wide => true,
        Base::Lean => set.contains_key(name),
        Base::Usual if k == OpKind::Delete => true,
        Base::Usual => {
            set.contains_key(name)
                || kind.field(name).and_then(|field| field.unit).is_some_and(|unit| units.contains(&unit))
        }
    });
    told
}

/// Is this a column of times? They are each server's own.
fn is_time(kind: Kind, name: &str) -> bool {
    kind.field(name).is_some_and(|field| matches!(field.ty, FieldType::Time))
}

/// Rows without their times.
fn bare(rows: impl IntoIterator<Item = (Key, Fields)>) -> BTreeMap<Key, Fields> {
    let without = |(key, mut row): (Key, Fields)| {
        row.retain(|name, _| !is_time(key.kind, name));
        (key, row)
    };
    rows.into_iter().map(without).collect()
}

fn rows_of(world: &World) -> BTreeMap<Key, Fields> {
    let keys = Kind::ALL.iter().flat_map(|kind| world.keys(*kind));
    bare(keys.filter_map(|key| Some((key.clone(), world.get(&key)?.fields()))))
}

/// An answer without what is each server's own.
fn likeness(op: &OpWire, result: &OpResult) -> Json {
    let mut json = serde_json::to_value(result).expect("JSON");
    json.as_object_mut().expect("an object").remove("v");
    if let Outcome::Conflict { fields, at, .. } = &result.outcome {
        json["at"] = json!(at.is_some());
        for name in fields.keys().filter(|name| is_time(op.t, name)) {
            json["fields"][name] = json!("times");
        }
    }
    json
}

pub struct Play<'a> {
    stage: &'a Stage,
    training: Training,
    sides: [Side; 2],
    ids: Vec<Uuid>,
    count: u128,
}

impl<'a> Play<'a> {
    pub async fn begin(stage: &'a Stage) -> Self {
        let (training, people) = stage.begin().await;
        let worlds = [training.world().await, stage.postgres.world().await];
        let sides = people.into_iter().zip(worlds).map(|(people, world)| Side {
            people,
            history: vec![world],
            sent: Vec::new(),
        });
        let sides: Vec<_> = sides.collect();
        let sides = sides.try_into().unwrap_or_else(|_| unreachable!("there are two"));
        Self { stage, training, sides, ids: Vec::new(), count: 0 }
    }

    pub async fn all(mut self, steps: &[Step]) -> Verdict {
        for (number, step) in steps.iter().enumerate() {
            self.step(step).await.map_err(|why| format!("step {number}, {step:?}:\n{why}"))?;
            self.same_truth().await.map_err(|why| format!("after step {number}, {step:?}:\n{why}"))?;
        }
        for who in 0..PEOPLE.len() {
            self.drain(who, if who % 3 == 0 { 9 } else { 2000 })
                .await
                .map_err(|why| format!("in the end:\n{why}"))?;
            self.holds_the_truth(who).await.map_err(|why| format!("in the end:\n{why}"))?;
        }
        self.stage.is_sound(self.sides[1].now()).await
    }

    async fn step(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Push { who, groups, pull } => {
                let planned = self.plan(groups);
                let ops = self
                    .sides
                    .each_ref()
                    .map(|side| planned.iter().map(|planned| side.op(planned)).collect::<Vec<_>>());
                for (side, ops) in self.sides.iter_mut().zip(&ops) {
                    side.sent.push((*who, ops.clone()));
                }
                self.push(*who, &ops, *pull).await
            }
            Step::Again { push } => {
                let count = self.sides[0].sent.len();
                let Some(at) = count.checked_sub(push % count.max(1) + 1) else { return Ok(()) };
                let who = self.sides[0].sent[at].0;
                let ops = self.sides.each_ref().map(|side| side.sent[at].1.clone());
                self.push(who, &ops, false).await
            }
            Step::Pull { who, rows } => self.pull(*who, *rows).await.map(drop),
            Step::Drain { who, rows } => {
                self.drain(*who, *rows).await?;
                self.holds_the_truth(*who).await
            }
            Step::Admin { deed } => self.admin(deed).await,
        }
    }

    fn fresh(&mut self) -> Uuid {
        self.count += 1;
        Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + self.count)
    }

    /// Ids, names and what waits for what: the same on both servers.
    fn plan(&mut self, groups: &[Group]) -> Vec<Planned> {
        let mut planned = Vec::new();
        for group in groups {
            let name = group.named.then(|| self.fresh());
            for edit in &group.edits {
                let before = |back: usize| self.ids.len().checked_sub(back + 1).map(|at| self.ids[at]);
                let deps = edit.waits_for.and_then(before).into_iter().collect();
                let id = edit.id_of.and_then(before);
                let id = id.unwrap_or_else(|| self.fresh());
                self.ids.push(id);
                let seq = self.ids.len() as u64;
                planned.push(Planned { id, seq, group: name, deps, edit: edit.clone() });
            }
        }
        planned
    }

    async fn push(&mut self, who: usize, ops: &[Vec<OpWire>; 2], pull: bool) -> Verdict {
        let replies = [self.pushed(0, who, &ops[0]).await?, self.pushed(1, who, &ops[1]).await?];
        let results = match replies {
            [PushReply::Results { results: a, .. }, PushReply::Results { results: b, .. }] => [a, b],
            [PushReply::Must(a), PushReply::Must(b)] if a == b => return Ok(()),
            [a, b] => return Err(format!("training server {a:?}\nPostgreSQL {b:?}")),
        };
        for (at, op) in ops[0].iter().enumerate() {
            let [a, b] = results.each_ref().map(|results| results.get(at).map(|result| likeness(op, result)));
            if a != b {
                let show = |json: Option<Json>| json.map_or("nothing".to_owned(), |json| json.to_string());
                return Err(format!("{op:?}\ntraining server {}\nPostgreSQL      {}", show(a), show(b)));
            }
        }
        if pull {
            self.drain(who, 2000).await?;
            for side in 0..2 {
                self.brings(side, who, &ops[side], &results[side])?;
            }
        }
        Ok(())
    }

    /// A pull that was begun after a push has brought what its answers promise.
    fn brings(&self, side: usize, who: usize, ops: &[OpWire], results: &[OpResult]) -> Verdict {
        let person = &self.sides[side].people[who];
        for (op, result) in ops.iter().zip(results) {
            let (Outcome::Applied { v, .. } | Outcome::Merged { v, .. } | Outcome::Noop { v, .. }) =
                &result.outcome
            else {
                continue;
            };
            let Some(key) = Key::parse(op.t, &op.pk) else { continue };
            let Some((held, ..)) = person.copy.get(&key) else { continue };
            if held < v {
                return Err(format!("server {side}: {key} came as version {held}, told was {result:?}"));
            }
        }
        Ok(())
    }

    async fn pushed(&mut self, side: usize, who: usize, ops: &[OpWire]) -> Result<PushReply, String> {
        loop {
            let person = &self.sides[side].people[who];
            let reply = person.rpc("sync_push", &person.push_body(ops)).await;
            if reply.status() != 200 {
                return Err(format!("server {side}: {} {:?}", reply.status(), reply.text().await));
            }
            match read_back(reply).await {
                PushReply::Must(word) if word.must == Must::SignedOut => self.sign_in_again(side, who).await,
                reply => return Ok(reply),
            }
        }
    }

    async fn pulled(&mut self, side: usize, who: usize, rows: u32) -> Result<PullReply, String> {
        loop {
            let person = &self.sides[side].people[who];
            let cursor = person.cursor.clone();
            let request =
                PullRequest { cursor, limit_rows: rows, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA };
            let reply = person.rpc("sync_pull", &serde_json::to_value(request).expect("JSON")).await;
            if reply.status() != 200 {
                return Err(format!("server {side}: {} {:?}", reply.status(), reply.text().await));
            }
            match read_back(reply).await {
                PullReply::Must(word) if word.must == Must::SignedOut => self.sign_in_again(side, who).await,
                reply => return Ok(reply),
            }
        }
    }

    /// Whoever was INACTIVE for a while has lost the session with it.
    async fn sign_in_again(&mut self, side: usize, who: usize) {
        let email = PEOPLE[who];
        let again = if side == 0 {
            sign_in(&self.training, email).await
        } else {
            sign_in(&self.stage.postgres, email).await
        };
        let person = &mut self.sides[side].people[who];
        (person.token, person.refresh) = (again.token, again.refresh);
    }

    /// One page for somebody, on both servers. False when there is no more to come.
    async fn pull(&mut self, who: usize, rows: u32) -> Result<bool, String> {
        let mut words = Vec::new();
        let mut more = false;
        for side in 0..2 {
            let reply = self.pulled(side, who, rows).await?;
            let person = &mut self.sides[side].people[who];
            match &reply {
                PullReply::Must(word) if word.must != Must::Resync => {
                    (person.cursor, person.copy) = (None, BTreeMap::new());
                    words.push(Some(word.clone()));
                }
                reply => {
                    more |= person.obey(reply);
                    words.push(None);
                }
            }
        }
        if words[0] == words[1] { Ok(more) } else { Err(format!("{}: {words:?}", PEOPLE[who])) }
    }

    async fn drain(&mut self, who: usize, rows: u32) -> Verdict {
        for _ in 0..1000 {
            if !self.pull(who, rows).await? {
                return Ok(());
            }
        }
        Err(format!("{}: the pull never ends", PEOPLE[who]))
    }

    /// What somebody has drained is what they may see, on each server, and the sums say the same.
    async fn holds_the_truth(&mut self, who: usize) -> Verdict {
        for side in 0..2 {
            let half = &self.sides[side];
            let person = &half.people[who];
            let truth = visible(half.now(), person.uid);
            let copy: BTreeMap<_, _> =
                person.copy.iter().map(|(key, (_, row, _))| (key.clone(), row.clone())).collect();
            if copy != truth {
                return Err(format!("server {side}, {}: {}", PEOPLE[who], difference(&copy, &truth)));
            }
            let digest = person.rpc("sync_digest", &json!({"tables": Kind::ALL})).await;
            let told = digest_of(&person.copy);
            match read_back(digest).await {
                DigestReply::Must(_) if truth.is_empty() => {}
                DigestReply::Tables(digest) if digest == told => {}
                digest => return Err(format!("server {side}, {}: {digest:?}, not {told:?}", PEOPLE[who])),
            }
        }
        let [a, b] = self.sides.each_ref().map(|side| {
            let copy = side.people[who].copy.iter();
            copy.map(|(key, (.., scopes))| (key.clone(), scopes.clone())).collect::<BTreeMap<_, _>>()
        });
        if a == b { Ok(()) } else { Err(format!("{}: scopes {a:?}\nand not {b:?}", PEOPLE[who])) }
    }

    async fn same_truth(&mut self) -> Verdict {
        let worlds = [self.training.world().await, self.stage.postgres.world().await];
        let [a, b] = worlds.each_ref().map(rows_of);
        for (side, world) in self.sides.iter_mut().zip(worlds) {
            side.history.push(world);
        }
        if a == b { Ok(()) } else { Err(format!("the truths differ: {}", difference(&a, &b))) }
    }

    /// Both take what an administrator writes, or both refuse it in the same words.
    async fn admin(&mut self, deed: &Deed) -> Verdict {
        let mut told = Vec::new();
        for side in 0..2 {
            let change = match deed {
                Deed::Make((kind, pk), set) => {
                    Key::parse(*kind, pk).map(|key| Change::insert(key, fields_of(set)))
                }
                Deed::Change((kind, pk), set) => {
                    let row = Key::parse(*kind, pk).and_then(|key| self.sides[side].row(&key, 0));
                    row.and_then(|row| Change::update(&row, &fields_of(set)))
                }
                Deed::Remove((kind, pk)) => {
                    let row = Key::parse(*kind, pk).and_then(|key| self.sides[side].row(&key, 0));
                    row.map(|row| Change::delete(&row))
                }
            };
            let there = |change: &Change| self.sides[side].row(&change.key, 0).is_some();
            // What SQL itself refuses is no rule of ours.
            let plain = |change: &Change| {
                is_plain(change) && (!matches!(change.op, Op::Insert { .. }) || !there(change))
            };
            let Some(change) = change.filter(plain) else { return Ok(()) };
            told.push(if side == 0 {
                self.training.try_admin(&[change]).await
            } else {
                self.stage.postgres.try_admin(&[change]).await
            });
        }
        // With several columns each may name another one first.
        let many = matches!(deed, Deed::Make(_, set) | Deed::Change(_, set) if set.len() > 1);
        if told[0] == told[1] || (many && told.iter().all(Result::is_err)) {
            Ok(())
        } else {
            Err(format!("training server {:?}\nPostgreSQL {:?}", told[0], told[1]))
        }
    }
}

/// Could it be written in SQL at all? An administrator knows the columns, and may write those of the server.
fn is_plain(change: &Change) -> bool {
    let writes = |name: &String| change.key.kind.field(name).is_some_and(|field| !field.server);
    let id =
        |name: &str| matches!(change.key.kind.field(name).map(|field| field.ty), Some(FieldType::Ref(_)));
    let sound = |name: &str, value: &Option<String>| {
        !id(name)
            || value
                .as_deref()
                .is_none_or(|text| Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text))
    };
    match &change.op {
        Op::Delete { .. } => true,
        Op::Insert { set } | Op::Update { set, .. } => {
            set.iter().all(|(name, value)| writes(name) && sound(name, value))
        }
    }
}

fn difference(a: &BTreeMap<Key, Fields>, b: &BTreeMap<Key, Fields>) -> String {
    let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let lines = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    let told: Vec<_> =
        lines.map(|key| format!("\n{key}: {:?}\n  and not {:?}", a.get(key), b.get(key))).collect();
    told.concat()
}

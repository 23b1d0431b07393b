//! What it takes to take rows in: each row judged by policy, values and rules as an edit by hand would be, on a copy of
//! the rows that are here, which every row changes for those after it. Nothing else is changed by planning.
//!
//! Rows go in the order in which one points at the other: regions, users, drones, assignments. A drone and its operator
//! are one edit, which assigns the operator as well. What becomes INACTIVE becomes so last, since it takes nothing new
//! from then on: such a row may take two edits; it counts once, and both are judged when it is its turn. So a row that is
//! refused is left out whole. Columns that the server writes are passed over, and told.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::names::{Meant, Names, Unclear};
use super::reader::{Row, Table};
use crate::domain::rules::Step;
use crate::domain::{Actor, Fields, Intent, Key, Kind, Refusal, Value, World, intent, rules};
use crate::service::Undecided;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In the file, from 1.
    pub line: usize,
    pub column: Option<String>,
    /// What would be right, in a sentence.
    pub why: String,
}

/// What rows came to, or would.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub rows: usize,
    /// Rows that were not here.
    pub new: usize,
    pub changed: usize,
    /// Rows that are here as the file has them.
    pub same: usize,
    /// Rows that are here and differ, and were to be left alone.
    pub left: usize,
    pub wrong: Vec<Wrong>,
    /// Rows that were taken for rows here with another id, by their names.
    pub by_name: usize,
    /// Columns with values that the server alone writes.
    pub passed_over: BTreeSet<&'static str>,
    /// What an answer told beside the columns of its rows.
    pub beside: BTreeSet<&'static str>,
    /// Edits that were judged on the console's own rows, which had changed since, and refused: which row, and why.
    pub late: Vec<(String, String)>,
    /// Rows that are in as far as that they were to become INACTIVE, which was refused: which row, and why.
    pub unended: Vec<(String, String)>,
    /// Edits that were saved.
    pub saved: usize,
    /// In which line of the file each row stands: for what is told of it later.
    pub places: HashMap<Key, usize>,
}

/// What is to be done, in its order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub intents: Vec<Intent>,
    /// How many of them, at the end, are second edits of their rows: what becomes INACTIVE.
    pub ends: usize,
    /// Changes of rows that the intents take, cascades aside.
    pub changes: usize,
    /// And their bytes, as the journal keeps them.
    pub bytes: usize,
    pub report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    New,
    Changed,
    Same,
    Left,
    Wrong,
}

/// What is done when all rows are in, for the row in that line.
struct Later {
    line: usize,
    /// The row has an edit before it.
    second: bool,
    wish: Intent,
}

struct Planner<'a> {
    world: &'a mut World,
    actor: &'a Actor,
    insert_only: bool,
    names: Names,
    barriers: Barriers,
    seen: HashMap<Key, usize>,
    outcomes: Vec<Outcome>,
    inactive: Vec<Later>,
    /// Users that are MAIN_HQ and ACTIVE until then.
    ending: usize,
    /// Assignments that came with the operators of drones.
    assigned: HashSet<Key>,
    plan: Plan,
}

/// Edits that need a decision before anything more is made of their rows.
#[derive(Debug, Default)]
struct Barriers {
    rows: HashMap<Key, u64>,
    /// By kind, unique column and value in lower case: a new row of that name would be the one that is not decided on.
    names: HashMap<(Kind, String, String), u64>,
}

impl Barriers {
    fn of(undecided: Vec<Undecided>) -> Self {
        let mut barriers = Self::default();
        for Undecided { edit, key, names } in undecided {
            for (name, value) in names {
                let Some(value) = value else { continue };
                barriers.names.entry((key.kind, name, value.to_lowercase())).or_insert(edit);
            }
            barriers.rows.entry(key).or_insert(edit);
        }
        barriers
    }

    /// The edit that stands in the way: one of the same row, or one that was to make a row of the same name.
    fn before(&self, wish: &Intent) -> Option<u64> {
        let key = wish.key();
        if let Some(edit) = self.rows.get(&key) {
            return Some(*edit);
        }
        let Intent::Create { fields, .. } = wish else { return None };
        let named = |(name, value): (&String, &Value)| {
            let value = value.as_ref()?.to_lowercase();
            self.names.get(&(key.kind, name.clone(), value)).copied()
        };
        fields.iter().find_map(named)
    }
}

/// Plans taking in a file's rows; `world` is a copy of what is here, and `undecided` what nothing more is to be made of
/// before a person has decided.
pub(super) fn plan(
    world: &mut World,
    actor: &Actor,
    table: Table,
    undecided: Vec<Undecided>,
    insert_only: bool,
) -> Plan {
    let Table { mut rows, wrong, beside, .. } = table;
    rows.sort_by_key(|row| row.kind);
    let report = Report { rows: rows.len() + wrong.len(), wrong, beside, ..Report::default() };
    let mut planner = Planner {
        world,
        actor,
        insert_only,
        names: Names::default(),
        barriers: Barriers::of(undecided),
        seen: HashMap::new(),
        outcomes: vec![Outcome::Same; rows.len()],
        inactive: Vec::new(),
        ending: 0,
        assigned: HashSet::new(),
        plan: Plan { report, ..Plan::default() },
    };
    for (nth, row) in rows.iter().enumerate() {
        planner.row(nth, row);
    }
    let mut inactive = std::mem::take(&mut planner.inactive);
    // Users before the regions that they are in, and second edits at the end.
    inactive.sort_by_key(|later| (later.second, std::cmp::Reverse(later.wish.key().kind)));
    for later in inactive {
        planner.later(later);
    }
    planner.counted()
}

impl Planner<'_> {
    fn counted(mut self) -> Plan {
        let count = |wanted| self.outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let report = &mut self.plan.report;
        (report.new, report.changed) = (count(Outcome::New), count(Outcome::Changed));
        (report.same, report.left) = (count(Outcome::Same), count(Outcome::Left));
        report.wrong.sort_by_key(|wrong| wrong.line);
        report.places = self.seen;
        self.plan
    }

    fn wrong(&mut self, nth: usize, line: usize, column: Option<&str>, why: String) {
        self.outcomes[nth] = Outcome::Wrong;
        self.plan.report.wrong.push(Wrong { line, column: column.map(str::to_owned), why });
    }

    fn unclear(&mut self, nth: usize, row: &Row, (column, why): Unclear) {
        self.wrong(nth, row.line, Some(column), why);
    }

    fn row(&mut self, nth: usize, row: &Row) {
        let meant = match self.names.meant(self.world, row, Uuid::now_v7) {
            Ok(meant) => meant,
            Err(unclear) => return self.unclear(nth, row, unclear),
        };
        self.plan.report.by_name += usize::from(matches!(meant, Meant::HereAs(_)));
        let (Meant::Here(key) | Meant::HereAs(key) | Meant::New(key)) = &meant;
        if let Some(line) = self.seen.insert(key.clone(), row.line) {
            let why = format!("The {} stands in line {line} already: keep one of the two.", row.kind);
            return self.wrong(nth, row.line, None, why);
        }
        let mut cells = Fields::new();
        for field in row.kind.fields() {
            let Some(value) = row.cells.get(field.name) else { continue };
            if !field.server {
                cells.insert(field.name.to_owned(), value.clone());
            } else if value.is_some() && !Names::keys(row.kind).contains(&field.name) {
                self.plan.report.passed_over.insert(field.name);
            }
        }
        if let Err(unclear) = self.names.resolve(self.world, row.kind, &mut cells) {
            return self.unclear(nth, row, unclear);
        }
        match meant {
            Meant::New(key) => self.create(nth, row, key, cells),
            Meant::Here(key) | Meant::HereAs(key) => self.update(nth, row, key, cells),
        }
    }

    fn create(&mut self, nth: usize, row: &Row, key: Key, cells: Fields) {
        let mut cells = row.kind.with_presets(cells);
        let last = ends(&key, &cells);
        if last.is_some() {
            cells.insert("status".to_owned(), Some("ACTIVE".to_owned()));
        }
        if self.take(nth, row, Some(Intent::Create { key, fields: cells }), last) {
            self.outcomes[nth] = Outcome::New;
        }
    }

    fn update(&mut self, nth: usize, row: &Row, key: Key, mut cells: Fields) {
        let Some(record) = self.world.get(&key) else { return };
        // What is so already is not judged: an old value that breaks a rule may stay.
        let differs = |name: &str, value: &Value| record.get(name) != *value;
        cells.retain(|name, value| differs(name, value) || name == "operator_id");
        // A drone that moves may lose its operator by that: one that the file names is judged where it is then.
        let moves = row.kind == Kind::Drone && cells.contains_key("region_id");
        let stays = cells.get("operator_id").is_some_and(|value| !differs("operator_id", value));
        let operator = if stays { cells.remove_entry("operator_id") } else { None };
        if cells.is_empty() {
            if self.assigned.remove(&key) {
                self.outcomes[nth] = Outcome::New;
            }
            return;
        }
        if self.insert_only {
            self.outcomes[nth] = Outcome::Left;
            return;
        }
        let operator = operator.filter(|_| moves);
        let last = ends(&key, &cells)
            .or_else(|| operator.map(|cell| Intent::Update { key: key.clone(), set: Fields::from([cell]) }));
        if row.kind != Kind::Drone && last.is_some() {
            cells.remove("status");
        }
        let first = Some(cells).filter(|cells| !cells.is_empty()).map(|set| Intent::Update { key, set });
        if self.take(nth, row, first, last) {
            self.outcomes[nth] = Outcome::Changed;
        }
    }

    /// Judges all that a row wants, and does to the copy what comes first; `last` is put off until all rows are in. Where
    /// any of it is refused, nothing of it stays.
    fn take(&mut self, nth: usize, row: &Row, first: Option<Intent>, last: Option<Intent>) -> bool {
        let before = self.main_hq_left();
        let Some(done) = self.try_out(nth, row, first.as_ref()) else { return false };
        let Some(end) = self.try_out(nth, row, last.as_ref()) else {
            rules::take_back_steps(self.world, &done);
            return false;
        };
        let left = self.main_hq_left();
        rules::take_back_steps(self.world, &end);
        if before > 0 && left == 0 {
            rules::take_back_steps(self.world, &done);
            self.refused(nth, row, rules::last_main_hq(end.is_empty()));
            return false;
        }
        self.ending += self.main_hq_left() - left;
        for step in done.iter().chain(&end) {
            self.plan.changes += 1;
            self.plan.bytes += kept_bytes(step);
        }
        let assigned = done.iter().map(|step| &step.change.key).filter(|key| key.kind == Kind::Assignment);
        self.assigned.extend(assigned.filter(|_| row.kind == Kind::Drone).cloned());
        // No steps: a value that only reads differently.
        self.plan.intents.extend(first.filter(|_| !done.is_empty()));
        let last = last.filter(|_| !end.is_empty());
        let second = !done.is_empty();
        self.inactive.extend(last.map(|wish| Later { line: row.line, second, wish }));
        true
    }

    /// Users that will be MAIN_HQ and ACTIVE when what is put off is done.
    fn main_hq_left(&self) -> usize {
        self.world.main_hq_active_count() - self.ending
    }

    /// What was put off is judged already, and no other row can have changed that; if one did, it is told as it is.
    fn later(&mut self, Later { line, second, wish }: Later) {
        match judged(self.world, self.actor, &wish) {
            Ok(_) => {
                self.plan.intents.push(wish);
                self.plan.ends += usize::from(second);
            }
            Err(refusal) if second => {
                self.plan.report.unended.push((format!("line {line}"), refusal.message));
            }
            Err(refusal) => self.plan.report.late.push((format!("line {line}"), refusal.message)),
        }
    }

    /// Judges what a row wants, and does it to the copy; what is wrong is told of each column.
    fn try_out(&mut self, nth: usize, row: &Row, wish: Option<&Intent>) -> Option<Vec<Step>> {
        let Some(wish) = wish else { return Some(Vec::new()) };
        if let Some(edit) = self.barriers.before(wish) {
            let why = format!("Edit {edit} of it needs your decision first: flyos conflicts show {edit}.");
            self.wrong(nth, row.line, None, why);
            return None;
        }
        if let Intent::Create { fields, .. } | Intent::Update { set: fields, .. } = wish
            && let Err(refusals) = intent::accept(row.kind, fields)
        {
            for refusal in refusals {
                self.refused(nth, row, refusal);
            }
            return None;
        }
        judged(self.world, self.actor, wish).map_err(|refusal| self.refused(nth, row, refusal)).ok()
    }

    fn refused(&mut self, nth: usize, row: &Row, refusal: Refusal) {
        // The operator's assignment is judged as one; the file has the column of the drone.
        let column = match (row.kind, refusal.field.as_deref()) {
            (Kind::Drone, Some("user_id")) => Some("operator_id"),
            (Kind::Drone, Some("drone_id")) => Some("id"),
            (_, column) => column,
        };
        self.wrong(nth, row.line, column, refusal.message);
    }
}

/// Does it to the copy, by rights and rules.
fn judged(world: &mut World, actor: &Actor, wish: &Intent) -> Result<Vec<Step>, Refusal> {
    let changes = intent::plan(world, wish)?;
    rules::carry_out(world, Some(actor), &changes)
}

/// How many bytes a change takes in the journal, with the assignments that go with it.
fn kept_bytes(step: &Step) -> usize {
    let change = serde_json::to_vec(&step.change).map_or(0, |bytes| bytes.len());
    let drops = rules::drops_of(std::slice::from_ref(step));
    // A comma each, and quotes.
    change + 1 + drops.iter().map(|key| key.len() + 3).sum::<usize>()
}

/// What a user or region that these cells make INACTIVE takes at the end.
fn ends(key: &Key, cells: &Fields) -> Option<Intent> {
    let status = cells.get_key_value("status").filter(|(_, value)| value.as_deref() == Some("INACTIVE"))?;
    let set = Fields::from([(status.0.clone(), status.1.clone())]);
    (key.kind != Kind::Drone).then(|| Intent::Update { key: key.clone(), set })
}

impl Report {
    /// What came of it, in sentences. `planned`: what would come of it.
    pub fn lines(&self, planned: bool) -> Vec<String> {
        let count = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let will = if planned { "would be " } else { "" };
        let parts = [
            count(self.new, &format!("{will}new")),
            count(self.changed, &format!("{will}changed")),
            count(self.same, "are here as they are"),
            count(self.left, "are here otherwise and stay so (insert only)"),
            count(self.wrong_rows(), "wrong"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let parts = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
        let rows = if self.rows == 1 { "row" } else { "rows" };
        let mut lines = vec![format!("{} {rows} in the file: {parts}.", self.rows)];
        if self.by_name > 0 {
            lines.push(format!("Taken for rows here with another id, by their names: {}.", self.by_name));
        }
        if !self.passed_over.is_empty() {
            let names: Vec<&str> = self.passed_over.iter().copied().collect();
            lines.push(format!("Passed over, since the server alone writes them: {}.", names.join(", ")));
        }
        if !self.beside.is_empty() {
            let names: Vec<&str> = self.beside.iter().copied().collect();
            lines.push(format!("Passed over, since it is no column of a table: {}.", names.join(", ")));
        }
        if !self.late.is_empty() {
            lines.push(format!("Refused, since what is here has changed meanwhile: {}.", self.late.len()));
        }
        if !self.unended.is_empty() {
            lines
                .push(format!("Taken in, and not made INACTIVE, which was refused: {}.", self.unended.len()));
        }
        lines
    }

    /// Rows with something wrong; one may have several faults.
    pub fn wrong_rows(&self) -> usize {
        self.wrong.iter().map(|wrong| wrong.line).collect::<BTreeSet<_>>().len()
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column {column}: {}", self.line, self.why),
            None => write!(f, "line {}: {}", self.line, self.why),
        }
    }
}

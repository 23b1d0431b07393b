//! Who did what: a line for each row that came or went and for each column that changed, as the SQL's trigger writes
//! them, and for each deed on a sign-in account. Append-only; beyond a bound the oldest are forgotten, for a training server runs in memory.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Caller, Commit, Engine};
use crate::domain::rules::{self, Step};
use crate::domain::{Change, Key, Kind, Op, Role, Stamp};
use crate::remote::wire::activity::{ActivityItem, ActivityRequest, PAGE_LINES_MAX};
use crate::remote::wire::admin::{ACCOUNT_LINE, NoteRequest};

/// Lines that are kept: a day of training, and some tens of MB at the most.
const KEPT_MAX: usize = 100_000;

/// A line, and who could see its row then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub item: ActivityItem,
    scopes: Vec<String>,
}

/// Which edit a step is of, from which device it came, and why it was made.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    pub op: Option<Uuid>,
    pub device: Option<Uuid>,
    pub reason: Option<String>,
}

/// The lines, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity {
    lines: VecDeque<Line>,
    last: i64,
}

impl Activity {
    pub(super) fn push(&mut self, line: Line) {
        self.last = self.last.max(line.item.id);
        if self.lines.len() == KEPT_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// A row as the line of its coming or going has it.
fn whole(fields: &crate::domain::Fields) -> Option<String> {
    serde_json::to_string(fields).ok()
}

/// What a change makes of a row, column by column: field, old, new.
fn columns(change: &Change) -> Vec<(Option<String>, Option<String>, Option<String>)> {
    match &change.op {
        Op::Insert { set } => vec![(None, None, whole(set))],
        Op::Delete { base } => vec![(None, whole(base), None)],
        Op::Update { base, set } => {
            let now = set.iter().map(|(name, new)| (name, base.get(name).cloned().flatten(), new.clone()));
            now.filter(|(_, old, new)| old != new)
                .map(|(name, old, new)| (Some(name.clone()), old, new))
                .collect()
        }
    }
}

impl Engine {
    pub fn activity(&self) -> impl Iterator<Item = &Line> {
        self.activity.lines.iter()
    }

    /// A line that is here already, from a snapshot made since, is left out.
    pub fn restore_activity(&mut self, line: Line) {
        if line.item.id > self.activity.last {
            self.activity.push(line);
        }
    }

    fn note(&mut self, commit: &mut Commit, item: ActivityItem, scopes: Vec<String>) {
        let line = Line { item: ActivityItem { id: self.activity.last + 1, ..item }, scopes };
        commit.activity.push(line.clone());
        self.activity.push(line);
    }

    /// Notes what was done to a sign-in account; false where that was noted before.
    pub fn note_deed(&mut self, commit: &mut Commit, note: &NoteRequest, now: Stamp) -> bool {
        let key = Key::user(note.profile);
        let before = |line: &Line| line.item.kind == ACCOUNT_LINE && line.item.op_id == Some(note.op);
        if self.activity().any(|line| before(line) && line.item.pk == key.pk) {
            return false;
        }
        let name = note.actor.and_then(|id| self.world.user(id)).map(|user| user.username.to_string());
        let item = ActivityItem {
            id: 0,
            at: now,
            op_id: Some(note.op),
            device: None,
            actor_id: note.actor,
            actor_name: name.unwrap_or_else(|| "service_role".to_owned()),
            tbl: Kind::User,
            kind: ACCOUNT_LINE.to_owned(),
            field: None,
            old: None,
            new: Some(note.deed.clone()),
            reason: note.reason.clone().filter(|text| !text.is_empty()),
            pk: key.pk.clone(),
        };
        let scopes = self.scopes_then(&key, None, None);
        self.note(commit, item, scopes);
        true
    }

    /// Notes what steps did. After their rows are settled: who could see a row is who can see it now.
    pub(super) fn note_activity(
        &mut self,
        commit: &mut Commit,
        steps: &[(&Step, Cause)],
        by: Option<Uuid>,
        now: Stamp,
    ) {
        let name = by.and_then(|id| self.world.user(id)).map(|user| user.username.to_string());
        let name = name.unwrap_or_else(|| "postgres".to_owned());
        for (step, cause) in steps {
            for change in rules::in_order(step) {
                let kind = match change.op {
                    Op::Insert { .. } => "insert",
                    Op::Update { .. } => "update",
                    Op::Delete { .. } => "delete",
                };
                for (field, old, new) in columns(change) {
                    let scopes = self.scopes_then(&change.key, field.as_deref(), old.as_deref());
                    let item = ActivityItem {
                        id: 0,
                        at: now,
                        op_id: cause.op,
                        device: cause.device,
                        actor_id: by,
                        actor_name: name.clone(),
                        tbl: change.key.kind,
                        pk: change.key.pk.clone(),
                        kind: kind.to_owned(),
                        field,
                        old,
                        new,
                        reason: cause.reason.clone(),
                    };
                    self.note(commit, item, scopes);
                }
            }
        }
    }

    /// The region that a row left hears that it left.
    fn scopes_then(&self, key: &Key, field: Option<&str>, old: Option<&str>) -> Vec<String> {
        let seen = self.states.get(key).map(|state| state.scopes.clone()).unwrap_or_default();
        let left = old.filter(|_| field == Some("region_id")).map(|region| format!("r:{region}"));
        seen.into_iter().chain(left).collect()
    }

    /// The lines a caller may see, newest first, and whether there are more.
    pub fn activity_page(&self, caller: &Caller, request: &ActivityRequest) -> (Vec<ActivityItem>, bool) {
        let me = &caller.actor;
        let command = me.region.filter(|_| me.role == Role::RegionalHq).map(|region| format!("r:{region}"));
        let may = |line: &&Line| {
            me.role == Role::MainHq
                || line.item.actor_id == Some(me.user)
                || command.as_ref().is_some_and(|region| line.scopes.contains(region))
        };
        let wanted = |line: &&Line| {
            request.before.is_none_or(|before| line.item.id < before)
                && request.tbl.is_none_or(|tbl| line.item.tbl == tbl)
                && request.pk.as_ref().is_none_or(|pk| line.item.pk == *pk)
        };
        let size = request.limit_rows.min(PAGE_LINES_MAX) as usize;
        let found = self.activity.lines.iter().rev().filter(wanted).filter(may);
        let mut items: Vec<ActivityItem> = found.take(size + 1).map(|line| line.item.clone()).collect();
        let more = items.len() > size;
        items.truncate(size);
        (items, more)
    }
}

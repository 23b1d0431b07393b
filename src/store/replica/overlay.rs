//! The overlay: taking the edits off the base, and laying them on again.
//!
//! A page of a pull touches a few rows, and thousands of edits may wait: only the edits about those rows are taken off,
//! with the edits that share a row with them, and so on (`Part`). What an edit reads beside the rows that it writes it
//! reads for its cascade alone; the few edits that can have one are always in the part. Should such a cascade reach an
//! edit outside of it, all are laid on again.

use std::collections::{BTreeSet, HashSet};

use super::outbox::HeldUp;
use super::{Fate, Pending, Replica};
use crate::domain::{Change, Key, Kind, Op, Record, rules};

/// Rows, and all edits that are about one of them, or share a row with such an edit.
#[derive(Debug, Default)]
pub(super) struct Part {
    keys: HashSet<Key>,
    edits: BTreeSet<u64>,
}

/// Can the change write other rows than its own? See `rules::effects`.
fn may_cascade(change: &Change) -> bool {
    match &change.op {
        Op::Delete { .. } => true,
        Op::Update { set, .. } => {
            matches!(change.key.kind, Kind::User | Kind::Drone) && set.contains_key("region_id")
        }
        Op::Insert { .. } => false,
    }
}

/// The rows that an edit is about.
pub(super) fn rows_of(pending: &Pending) -> impl Iterator<Item = &Key> {
    pending.edit.changes.iter().map(|change| &change.key).chain(&pending.touched)
}

impl Replica {
    pub(super) fn take_off(&mut self) {
        for (key, record) in std::mem::take(&mut self.shadow) {
            match record {
                Some(record) => drop(self.show(record)),
                None => drop(self.hide(&key)),
            }
        }
    }

    /// Lays every edit that counts on the base again, oldest first.
    pub(super) fn relay(&mut self) {
        self.about.clear();
        self.held_up = HeldUp::default();
        let seqs: Vec<u64> = self.outbox.keys().copied().collect();
        for seq in seqs {
            self.lay_on_top(seq);
        }
        self.news.turn();
    }

    /// The edits about these rows, and about theirs.
    pub(super) fn part(&self, rows: impl Iterator<Item = Key>) -> Part {
        let mut part = Part::default();
        let mut open: Vec<Key> = rows.collect();
        let cascades = |pending: &&Pending| pending.edit.changes.iter().any(may_cascade);
        open.extend(self.outbox.values().filter(cascades).flat_map(rows_of).cloned());
        while let Some(key) = open.pop() {
            for seq in self.about.get(&key).into_iter().flatten() {
                if part.edits.insert(*seq) {
                    open.extend(self.outbox.get(seq).into_iter().flat_map(rows_of).cloned());
                }
            }
            part.keys.insert(key);
        }
        part
    }

    /// Takes the edits of a part off the base. They stay in the outbox.
    pub(super) fn take_off_part(&mut self, part: &Part) {
        for key in &part.keys {
            match self.shadow.remove(key) {
                Some(Some(record)) => drop(self.show(record)),
                Some(None) => drop(self.hide(key)),
                None => {}
            }
        }
    }

    /// Lays the edits of a part on again, those that are still in the outbox; or all, where the part was too small.
    pub(super) fn relay_part(&mut self, part: &Part) {
        for key in &part.keys {
            self.about.remove(key);
        }
        let mut whole = true;
        for seq in &part.edits {
            let Some(mut pending) = self.outbox.remove(seq) else { continue };
            self.lay_edit(&mut pending);
            let others = |key: &Key| self.about.get(key).is_some_and(|seqs| !seqs.is_subset(&part.edits));
            whole &= !pending.touched.iter().any(others);
            self.outbox.insert(*seq, pending);
        }
        if whole {
            self.news.turn();
        } else {
            self.take_off();
            self.relay();
        }
    }

    /// Lays one edit on what is there: all earlier ones are on already.
    pub(super) fn lay_on_top(&mut self, seq: u64) {
        let Some(mut pending) = self.outbox.remove(&seq) else { return };
        pending.blocked = pending.fate.is_unsent() && self.held_up.holds(&pending);
        if pending.blocked || pending.fate.needs_you() {
            self.held_up.add(&pending);
        }
        self.lay_edit(&mut pending);
        self.outbox.insert(seq, pending);
    }

    fn lay_edit(&mut self, pending: &mut Pending) {
        pending.touched.clear();
        let hidden = crate::bugs::bug("taken_is_not_shown") && matches!(pending.fate, Fate::Acked { .. });
        if !pending.fate.needs_you() && !pending.again && !hidden {
            for change in &pending.edit.changes {
                self.lay(change, &mut pending.touched);
            }
        }
        pending.touched.sort_unstable();
        pending.touched.dedup();
        for key in rows_of(pending) {
            self.about.entry(key.clone()).or_default().insert(pending.seq);
        }
    }

    fn lay(&mut self, change: &Change, touched: &mut Vec<Key>) {
        let effects = rules::effects(&self.view, change);
        if matches!(change.op, Op::Delete { .. }) {
            self.lay_each(&effects, touched);
            self.lay_one(change, touched);
        } else {
            self.lay_one(change, touched);
            self.lay_each(&effects, touched);
        }
    }

    fn lay_each(&mut self, changes: &[Change], touched: &mut Vec<Key>) {
        for change in changes {
            self.lay_one(change, touched);
        }
    }

    /// Writes a change over whatever is there; one whose row is not there (any more) shows nothing.
    fn lay_one(&mut self, change: &Change, touched: &mut Vec<Key>) {
        let before = self.view.get(&change.key);
        let after = match (&change.op, &before) {
            (Op::Insert { set }, None) => Record::from_fields(&change.key, set),
            (Op::Update { set, .. }, Some(record)) => {
                let mut record = record.clone();
                record.put_all(set);
                Some(record)
            }
            (Op::Delete { .. }, Some(_)) => None,
            _ => return,
        };
        touched.push(change.key.clone());
        self.shadow.entry(change.key.clone()).or_insert(before);
        match after {
            Some(record) => drop(self.show(record)),
            None => drop(self.hide(&change.key)),
        }
    }
}

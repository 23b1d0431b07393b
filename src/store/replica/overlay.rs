//! The overlay: taking the edits off the base, and laying them on again.

use super::outbox::HeldUp;
use super::{Fate, Replica};
use crate::domain::{Change, Key, Op, Record, rules};

impl Replica {
    pub(super) fn take_off(&mut self) {
        for (key, record) in std::mem::take(&mut self.shadow) {
            match record {
                Some(record) => drop(self.view.put(record)),
                None => drop(self.view.remove(&key)),
            }
        }
    }

    /// Lays every edit that counts on the base again, oldest first.
    pub(super) fn relay(&mut self) {
        self.revision += 1;
        self.about.clear();
        self.held_up = HeldUp::default();
        let seqs: Vec<u64> = self.outbox.keys().copied().collect();
        for seq in seqs {
            self.lay_on_top(seq);
        }
    }

    /// Lays one edit on what is there: all earlier ones are on already.
    pub(super) fn lay_on_top(&mut self, seq: u64) {
        let Some(mut pending) = self.outbox.remove(&seq) else { return };
        pending.touched.clear();
        pending.blocked = pending.fate.is_unsent() && self.held_up.holds(&pending);
        if pending.blocked || pending.fate.needs_you() {
            self.held_up.add(&pending);
        }
        let hidden = crate::bugs::bug("taken_is_not_shown") && matches!(pending.fate, Fate::Acked { .. });
        if !pending.fate.needs_you() && !pending.again && !hidden {
            for change in &pending.edit.changes {
                self.lay(change, &mut pending.touched);
            }
        }
        pending.touched.sort_unstable();
        pending.touched.dedup();
        let own = pending.edit.changes.iter().map(|change| &change.key);
        for key in own.chain(&pending.touched) {
            self.about.entry(key.clone()).or_default().insert(seq);
        }
        self.outbox.insert(seq, pending);
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
            Some(record) => drop(self.view.put(record)),
            None => drop(self.view.remove(&change.key)),
        }
    }
}

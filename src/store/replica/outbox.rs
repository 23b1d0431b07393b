//! The outbox: entries taken in, and which edits may be sent.
//!
//! An edit waits behind an earlier one that needs a decision only where it builds on it: the same row, or a
//! row that the earlier one makes. Everything else goes on.

use std::collections::HashSet;

use uuid::Uuid;

use super::{Fate, HISTORY_MAX, Pending, Replica};
use crate::domain::{Change, Key, Op};
use crate::store::entry::Entry;

/// Operations of one call, about: more of them take longer than a server lets a statement run.
const CALL_OPS_MAX: usize = 1000;

/// Rows and new keys that wait for a decision.
#[derive(Debug, Default)]
pub(super) struct HeldUp {
    rows: HashSet<Key>,
    /// Keys of rows that would be new: whatever points at them waits as well.
    new: HashSet<String>,
}

impl HeldUp {
    pub(super) fn add(&mut self, pending: &Pending) {
        for change in &pending.edit.changes {
            self.rows.insert(change.key.clone());
            if matches!(change.op, Op::Insert { .. }) {
                self.new.insert(change.key.pk.clone());
            }
        }
    }

    pub(super) fn holds(&self, pending: &Pending) -> bool {
        pending.edit.changes.iter().any(|change| {
            self.rows.contains(&change.key)
                || !self.new.is_empty() && points_at(change, |id| self.new.contains(id))
        })
    }
}

/// Does the change name a key, as a value or as half of its own key?
fn points_at(change: &Change, is_it: impl Fn(&str) -> bool) -> bool {
    let by_value = change.set().is_some_and(|set| set.values().flatten().any(|value| is_it(value)));
    by_value || change.key.pair().is_some() && change.key.pk.split(':').any(is_it)
}

/// Does `later` need `earlier`: the same row, or a row that an insert makes?
fn builds_on(later: &Change, earlier: &Change) -> bool {
    later.key == earlier.key
        || matches!(earlier.op, Op::Insert { .. }) && points_at(later, |id| id == earlier.key.pk)
}

impl Replica {
    /// Takes in entries that are durable, numbered from `first`.
    pub fn enter(&mut self, first: u64, entries: &[Entry]) {
        // A new edit lies on top of what is there, and that one is frozen or got in changes nothing that can be
        // seen; all else may change what lies below, so the overlay is made anew.
        let light = entries.iter().all(|entry| {
            matches!(entry, Entry::Edit(_) | Entry::Sent { .. } | Entry::Ack { .. } | Entry::Clock { .. })
        });
        if !light {
            self.take_off();
        }
        for (seq, entry) in (first..).zip(entries) {
            self.note(seq, entry);
            self.meta.seen = self.meta.seen.max(entry.clock());
            if light && matches!(entry, Entry::Edit(_)) && !crate::bugs::bug("light_edit_not_laid") {
                self.lay_on_top(seq);
            }
        }
        if !light {
            self.relay();
        } else if entries.iter().any(|entry| matches!(entry, Entry::Edit(_))) {
            self.news.turn();
        }
    }

    pub(super) fn note(&mut self, seq: u64, entry: &Entry) {
        let pulls = self.pulls_begun;
        let mut fate = |edit: &u64, fate: Fate| {
            if let Some(pending) = self.outbox.get_mut(edit) {
                pending.fate = fate;
            }
        };
        match entry {
            Entry::Edit(edit) => drop(self.outbox.insert(seq, Pending::new(seq, edit.clone()))),
            Entry::Sent { edit, ids } => {
                if let Some(pending) = self.outbox.get_mut(edit) {
                    pending.ids.clone_from(ids);
                    pending.fate = Fate::Sent;
                }
            }
            Entry::Ack { edit, v } => fate(edit, Fate::Acked { v: v.clone(), pulls }),
            Entry::Conflict { edit, change, fields, drops, by, at } => {
                let (fields, drops, by) = (fields.clone(), drops.clone(), by.clone());
                fate(edit, Fate::Conflict { change: *change, fields, drops, by, at: *at });
            }
            Entry::Rejected { edit, change, reason, field, message } => {
                let (field, message) = (field.clone(), message.clone());
                fate(edit, Fate::Rejected { change: *change, reason: *reason, field, message });
            }
            Entry::Gone { edit, change } => fate(edit, Fate::Gone { change: *change }),
            Entry::Unsent { edit } => {
                if let Some(pending) = self.outbox.get_mut(edit)
                    && !crate::bugs::bug("reused_ids_kept")
                {
                    pending.ids.clear();
                    pending.fate = Fate::Waiting;
                }
            }
            Entry::Rewritten { edit, changes, drops, gone } => {
                for edit in gone {
                    self.outbox.remove(edit);
                }
                if changes.is_empty() {
                    self.outbox.remove(edit);
                } else if let Some(pending) = self.outbox.get_mut(edit) {
                    pending.edit.changes.clone_from(changes);
                    pending.edit.drops.clone_from(drops);
                    let decided = pending.fate.needs_you();
                    pending.fate = Fate::Waiting;
                    pending.again = false;
                    if decided && crate::bugs::bug("decided_keeps_ids") {
                        pending.fate = Fate::Sent;
                    } else {
                        pending.ids.clear();
                    }
                }
            }
            Entry::Offered { edits } => {
                for edit in edits {
                    self.offer(*edit);
                }
            }
            Entry::Discarded { edit: _ } if crate::bugs::bug("discard_undone") => {}
            Entry::Clock { .. } => {}
            Entry::Settled { edit } => self.leave(*edit),
            Entry::Discarded { edit } => drop(self.outbox.remove(edit)),
        }
        if let Entry::Ack { v, .. } = entry
            && crate::bugs::bug("results_write_the_base")
        {
            for seen in v.iter().filter(|seen| seen.v < u64::MAX) {
                let by = self.base.get(&self.view, &seen.key).map(|(_, by)| by.to_vec());
                if let Some(by) = by {
                    self.base.insert(&self.view, &seen.key, seen.v, &by);
                }
            }
        }
        self.meta.applied_seq = self.meta.applied_seq.max(seq);
    }

    /// An edit that is in leaves the outbox, and is remembered for a while.
    pub(super) fn leave(&mut self, edit: u64) {
        let Some(pending) = self.outbox.remove(&edit) else { return };
        self.history.insert(edit, pending);
        if self.history.len() > HISTORY_MAX {
            self.history.pop_first();
        }
    }

    /// An edit that got in is to be sent again as it was.
    fn offer(&mut self, edit: u64) {
        let held = |pending: &Pending| matches!(pending.fate, Fate::Acked { .. });
        let found = if self.outbox.get(&edit).is_some_and(held) {
            self.outbox.remove(&edit)
        } else {
            self.history.remove(&edit)
        };
        if let Some(pending) = found {
            self.meta.settled.remove(&edit);
            self.outbox.insert(edit, Pending { fate: Fate::Sent, again: true, ..pending });
        }
    }

    /// The edits that got in, as far as they are remembered: those that a restored server may not know.
    pub fn got_in(&self) -> Vec<u64> {
        let acked = self.outbox.values().filter(|pending| matches!(pending.fate, Fate::Acked { .. }));
        let mut all: Vec<u64> =
            self.history.keys().copied().chain(acked.map(|pending| pending.seq)).collect();
        all.sort_unstable();
        all
    }

    pub fn outbox(&self) -> impl DoubleEndedIterator<Item = &Pending> {
        self.outbox.values()
    }

    /// Is there an edit under those ids, in the outbox or among those that got in lately?
    pub fn knows(&self, ids: &[Uuid]) -> bool {
        !ids.is_empty() && self.outbox.values().chain(self.history.values()).any(|pending| pending.ids == ids)
    }

    /// The edit of that number, while it is in the outbox.
    pub fn pending(&self, seq: u64) -> Option<&Pending> {
        self.outbox.get(&seq)
    }

    /// The edits that touch a row, or that need a decision about it; newest first.
    pub fn edits_of(&self, key: &Key) -> impl Iterator<Item = &Pending> {
        let about = self.about.get(key).into_iter().flatten().rev();
        about.filter_map(|seq| self.outbox.get(seq))
    }

    /// Counts of edits: waiting (sent ones included), on their way, and needing a decision.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |test: fn(&Pending) -> bool| self.outbox.values().filter(|pending| test(pending)).count();
        let waiting = count(|pending| pending.fate.is_unsent());
        let sending = count(|pending| pending.fate == Fate::Sent && !pending.blocked);
        (waiting, sending, count(|pending| pending.fate.needs_you()))
    }

    /// Of the edits that wait: how many wait behind one that needs a decision.
    pub fn blocked(&self) -> usize {
        self.outbox.values().filter(|pending| pending.fate.is_unsent() && pending.blocked).count()
    }

    /// Edits that are in, and that no pull has brought back yet.
    pub fn confirmed(&self) -> usize {
        self.outbox.values().filter(|pending| matches!(pending.fate, Fate::Acked { .. })).count()
    }

    /// The next edits to send, oldest first, none that is held up. Those that wait (`waits`) hold up what builds on
    /// them, and nothing else.
    pub fn to_send(&self, groups: usize, waits: &impl Fn(u64) -> bool) -> Vec<&Pending> {
        let mut held_up = HeldUp::default();
        let mut next = Vec::new();
        let mut ops = 0;
        for pending in self.outbox.values().filter(|pending| {
            pending.fate.is_unsent() && (!pending.blocked || crate::bugs::bug("blocked_is_sent"))
        }) {
            let full = next.len() == groups || (ops > 0 && ops + pending.edit.changes.len() > CALL_OPS_MAX);
            if full {
                break;
            } else if waits(pending.seq) || held_up.holds(pending) {
                if !crate::bugs::bug("waiting_is_overtaken") {
                    held_up.add(pending);
                }
            } else {
                ops += pending.edit.changes.len();
                next.push(pending);
            }
        }
        next
    }

    /// Is there an edit to send that does not wait?
    pub fn has_more(&self, waits: &impl Fn(u64) -> bool) -> bool {
        !self.to_send(1, waits).is_empty()
    }

    /// The ids of the unsent edits that this one builds on.
    pub fn deps_of(&self, pending: &Pending) -> Vec<Uuid> {
        let earlier =
            self.outbox.range(..pending.seq).map(|(_, other)| other).filter(|other| other.fate.is_unsent());
        let needed = earlier.filter(|other| {
            let mut pairs = pending
                .edit
                .changes
                .iter()
                .flat_map(|mine| other.edit.changes.iter().map(move |it| (mine, it)));
            pairs.any(|(mine, earlier)| builds_on(mine, earlier))
        });
        needed.flat_map(|other| other.ids.iter().copied()).collect()
    }
}

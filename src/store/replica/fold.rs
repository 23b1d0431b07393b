//! Folding: adjacent unsent edits of one row go out as one.
//!
//! Done when edits are about to be frozen, and never later: what was sent once is sent again as it was. Two edits fold
//! where each is one change of the same row, made by the same person for the same reason, and nothing between them in
//! the outbox touches that row or points at it. The first base is kept, the last values win, and what comes to
//! nothing is not sent at all. So a hundred turns of a status while offline are one edit, and what the server compares
//! with is what the person saw first.

use std::collections::{HashMap, HashSet};

use super::{Fate, Pending, Replica};
use crate::domain::{Change, Fields, Key, Kind, Op};
use crate::store::entry::Entry;

/// Edits looked at, from the oldest on: several calls' worth, and no more work before a call for a longer outbox.
const WINDOW: usize = 500;

/// One edit in the making.
struct Fold<'a> {
    first: &'a Pending,
    gone: Vec<u64>,
    /// `None`: it came to nothing.
    change: Option<Change>,
    drops: Option<Vec<String>>,
}

impl Replica {
    /// What can be folded now, as entries to note.
    pub fn folds(&self) -> Vec<Entry> {
        let window = || self.outbox.values().take(WINDOW);
        let mut rows = HashSet::new();
        let twice =
            window().flat_map(|pending| &pending.edit.changes).any(|change| !rows.insert(&change.key));
        if !twice {
            return Vec::new();
        }
        let mut open: HashMap<Key, Fold> = HashMap::new();
        let mut done = Vec::new();
        for pending in window() {
            let [change] = &pending.edit.changes[..] else {
                close(&mut open, pending, None, &mut done);
                continue;
            };
            close(&mut open, pending, Some(&change.key), &mut done);
            let free = pending.fate == Fate::Waiting && pending.ids.is_empty() && !pending.blocked;
            let fold = open.remove(&change.key);
            if !free {
                done.extend(fold);
                continue;
            }
            let begin = || Fold {
                first: pending,
                gone: Vec::new(),
                change: Some(change.clone()),
                drops: pending.edit.drops.clone(),
            };
            let mut next = fold.unwrap_or_else(begin);
            if next.first.seq != pending.seq && !next.takes(pending, change) {
                done.push(std::mem::replace(&mut next, begin()));
            }
            open.insert(change.key.clone(), next);
        }
        done.extend(open.into_values());
        done.retain(|fold| !fold.gone.is_empty());
        done.sort_by_key(|fold| fold.first.seq);
        let entry = |fold: Fold| Entry::Rewritten {
            edit: fold.first.seq,
            changes: fold.change.into_iter().collect(),
            drops: fold.drops,
            gone: fold.gone,
        };
        done.into_iter().map(entry).collect()
    }
}

/// An edit ends the folds of all rows that it touches or points at, but for the one that it may join.
fn close<'a>(
    open: &mut HashMap<Key, Fold<'a>>,
    pending: &Pending,
    joins: Option<&Key>,
    done: &mut Vec<Fold<'a>>,
) {
    let values =
        pending.edit.changes.iter().flat_map(|change| change.set().into_iter().flat_map(Fields::values));
    let halves = pending.edit.changes.iter().filter_map(|change| change.key.pk.split_once(':'));
    let named = values.flatten().map(String::as_str).chain(halves.flat_map(|(user, drone)| [user, drone]));
    let pointed = named
        .flat_map(|pk| [Kind::Region, Kind::User, Kind::Drone].map(|kind| Key { kind, pk: pk.to_owned() }));
    let own = pending.edit.changes.iter().map(|change| change.key.clone());
    for key in own.chain(pending.touched.iter().cloned()).chain(pointed) {
        if Some(&key) != joins {
            done.extend(open.remove(&key));
        }
    }
}

impl Fold<'_> {
    /// Takes in one more edit of the row, if it can be.
    fn takes(&mut self, pending: &Pending, change: &Change) -> bool {
        let alike = self.first.edit.by == pending.edit.by && self.first.edit.reason == pending.edit.reason;
        let Some(folded) = self.change.as_ref().filter(|_| alike) else {
            return false;
        };
        let Some(folded) = fold(folded, change) else { return false };
        self.change = folded;
        self.gone.push(pending.seq);
        self.drops = match (self.drops.take(), &pending.edit.drops) {
            (Some(mut all), Some(more)) => {
                all.extend(more.iter().filter(|pk| !all.contains(pk)).cloned().collect::<Vec<_>>());
                Some(all)
            }
            _ => None,
        };
        true
    }
}

/// One change for two of the same row; `Some(None)` where they come to nothing, `None` where they do not fit.
#[expect(clippy::option_option, reason = "no fold, nothing left, and one change are three answers")]
fn fold(first: &Change, then: &Change) -> Option<Option<Change>> {
    let op = match (&first.op, &then.op) {
        (Op::Insert { set }, Op::Update { set: more, .. }) => {
            let mut set = set.clone();
            set.extend(more.clone());
            Op::Insert { set }
        }
        (Op::Insert { .. }, Op::Delete { .. }) => return Some(None),
        (Op::Update { base, set }, Op::Update { base: later, set: more }) => {
            let (mut base, mut set) = (base.clone(), set.clone());
            for (name, was) in later {
                base.entry(name.clone()).or_insert_with(|| was.clone());
            }
            set.extend(more.clone());
            set.retain(|name, value| base.get(name) != Some(value));
            if set.is_empty() {
                return Some(None);
            }
            Op::Update { base, set }
        }
        (Op::Update { base, .. }, Op::Delete { base: seen }) => {
            let mut seen = seen.clone();
            seen.extend(base.clone());
            Op::Delete { base: seen }
        }
        _ => return None,
    };
    Some(Some(Change { key: first.key.clone(), op }))
}

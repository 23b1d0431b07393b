//! What a decision makes of an edit that needs one, and of the later edits that were made on top of it.
//!
//! A decision keeps the edit's place in the outbox and gives it other changes: based on what the server has now, so
//! that it is not the same conflict again. Later edits of the same row saw the old wish; what they are based on
//! follows the new one, or they would all come back as conflicts. Everything decided on is sent under new ids: the
//! old ones were answered for good.
//!
//! Which decisions an edit is open to is said once, by `may_settle`: what is offered goes by it, and nothing else is
//! done. Another decision would make another edit of it, from which there may be no way back: a deletion that was to be
//! "made once more", a change that becomes a new row beside the one that is there.

use super::{Fate, Pending, Replica};
use crate::domain::{Change, Fields, Key, Op, Record};
use crate::store::entry::Entry;

/// How a person settles an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// As it was meant, on what is there now.
    Mine,
    /// Without the columns on which others disagree; nothing is left of a deletion or of a move that would take what
    /// others made.
    Theirs,
    /// These columns instead, on what is there now; an insert keeps its other columns.
    Set(Fields),
    /// The row, which is gone, is made once more as the edit leaves it.
    CreateAgain,
    Discard,
}

impl Settle {
    pub fn way(&self) -> Way {
        match self {
            Self::Mine => Way::Mine,
            Self::Theirs => Way::Theirs,
            Self::Set(_) => Way::Set,
            Self::CreateAgain => Way::CreateAgain,
            Self::Discard => Way::Discard,
        }
    }
}

/// The ways to settle an edit, without their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Mine,
    Theirs,
    Set,
    CreateAgain,
    Discard,
}

impl Way {
    /// The gentlest first.
    const ALL: [Self; 5] = [Self::Mine, Self::Theirs, Self::Set, Self::CreateAgain, Self::Discard];
}

/// Why an edit cannot be settled so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSettle {
    #[error("that edit needs no decision (any more)")]
    NotThere,
    #[error("the row is not there any more")]
    Gone,
    #[error("what the row held is not known here any more")]
    Unknown,
    #[error("no row that it changes was deleted")]
    NotDeleted,
    #[error("nobody changed the same meanwhile")]
    NoOther,
    #[error("it sets no values")]
    NoValues,
}

impl Replica {
    /// A row as the edits before `seq` leave it: what an edit at that place is judged against.
    pub fn row_before(&self, seq: u64, key: &Key) -> Option<Record> {
        let mut row = self.base_row(key);
        let earlier = self.outbox.range(..seq).map(|(_, pending)| pending);
        let earlier = earlier.filter(|pending| !pending.fate.needs_you() && !pending.again);
        for change in earlier.flat_map(|pending| &pending.edit.changes).filter(|change| change.key == *key) {
            row = laid(change, row);
        }
        row
    }

    /// The ways that are open to an edit, the gentlest first.
    pub fn ways(&self, pending: &Pending) -> Vec<Way> {
        Way::ALL.into_iter().filter(|way| self.may_settle(pending, *way).is_ok()).collect()
    }

    /// May the edit be settled so? What the server said of it counts, and whether its row is there now.
    pub fn may_settle(&self, pending: &Pending, way: Way) -> Result<(), CannotSettle> {
        let change = pending.at_fault().ok_or(CannotSettle::NotThere)?;
        let updates = matches!(change.op, Op::Update { .. });
        let there = self.row_before(pending.seq, &change.key).is_some();
        match way {
            Way::CreateAgain if !updates || there => Err(CannotSettle::NotDeleted),
            Way::CreateAgain => self.last_seen(&change.key).map(drop).ok_or(CannotSettle::Unknown),
            Way::Theirs if !matches!(pending.fate, Fate::Conflict { .. }) => Err(CannotSettle::NoOther),
            Way::Theirs if gives_up(pending, change) => Ok(()),
            Way::Set if change.set().is_none_or(Fields::is_empty) => Err(CannotSettle::NoValues),
            Way::Mine | Way::Theirs | Way::Set if updates && !there => Err(CannotSettle::Gone),
            Way::Mine | Way::Theirs | Way::Set | Way::Discard => Ok(()),
        }
    }

    /// The entries of a decision; the first is the edit's own, and they are to be noted together.
    pub fn settle(&self, seq: u64, how: &Settle) -> Result<Vec<Entry>, CannotSettle> {
        let pending = self.outbox.get(&seq).filter(|pending| pending.fate.needs_you());
        let pending = pending.ok_or(CannotSettle::NotThere)?;
        self.may_settle(pending, how.way())?;
        let changes = match how {
            Settle::Discard => Vec::new(),
            _ => self.changes(pending, how)?,
        };
        let own = if changes.is_empty() {
            Entry::Discarded { edit: seq }
        } else {
            // What goes with it is what is there now, and what the server told of: the person was told as well.
            let told = match &pending.fate {
                Fate::Conflict { drops, .. } => drops.clone(),
                _ => Vec::new(),
            };
            let drops = pending.edit.drops.as_ref().map(|_| {
                let mut all = self.drops(&changes);
                all.extend(told);
                all.sort_unstable();
                all.dedup();
                all
            });
            Entry::Rewritten { edit: seq, changes: changes.clone(), drops, gone: Vec::new() }
        };
        let mut entries = vec![own];
        entries.extend(self.follow(pending, &changes));
        Ok(entries)
    }

    fn drops(&self, changes: &[Change]) -> Vec<String> {
        let effects = changes.iter().flat_map(|change| crate::domain::rules::effects(&self.view, change));
        let effects: Vec<_> = effects.collect();
        crate::domain::rules::drops(&effects).map(str::to_owned).collect()
    }

    /// The edit's changes after the decision: the one at fault made anew, the others of its group as they were.
    fn changes(&self, pending: &Pending, how: &Settle) -> Result<Vec<Change>, CannotSettle> {
        let at_fault = at_fault(pending).ok_or(CannotSettle::NotThere)?;
        if *how == Settle::Theirs
            && pending.edit.changes.get(at_fault).is_none_or(|change| gives_up(pending, change))
        {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        for (place, change) in pending.edit.changes.iter().enumerate() {
            if place == at_fault {
                changes.extend(self.remade(pending, change, how)?);
            } else {
                changes.push(change.clone());
            }
        }
        Ok(changes)
    }

    fn remade(
        &self,
        pending: &Pending,
        change: &Change,
        how: &Settle,
    ) -> Result<Option<Change>, CannotSettle> {
        let now = self.row_as_told(pending, change);
        let key = &change.key;
        Ok(match (&change.op, how) {
            (Op::Insert { set }, Settle::Set(fields)) => {
                let mut set = set.clone();
                set.extend(fields.clone());
                Some(Change::insert(key.clone(), set))
            }
            (Op::Insert { .. }, _) => Some(change.clone()),
            (Op::Update { base, set }, Settle::CreateAgain) => {
                let mut row = self.last_seen(key).ok_or(CannotSettle::Unknown)?.fields();
                row.extend(base.clone());
                row.extend(set.clone());
                row.retain(|name, _| key.kind.field(name).is_some_and(|field| !field.server));
                // Whoever flew it was assigned to it; those assignments went with it.
                row.entry("operator_id".to_owned()).and_modify(|operator| *operator = None);
                Some(Change::insert(key.clone(), row))
            }
            (Op::Update { set, .. }, _) => {
                let now = now.ok_or(CannotSettle::Gone)?;
                let wanted = match (how, &pending.fate) {
                    (Settle::Set(fields), _) => fields.clone(),
                    (Settle::Theirs, Fate::Conflict { fields, .. }) => {
                        set.iter().filter(|(name, _)| !fields.contains_key(*name)).map(owned).collect()
                    }
                    _ => set.clone(),
                };
                Change::update(&now, &wanted)
            }
            (Op::Delete { .. }, _) => now.map(|now| Change::delete(&now)),
        })
    }

    /// The row below the edit, with what the conflict told of it: the person decided about that. The pull that brings it
    /// may be still to come, or may have brought something newer, which nobody has seen.
    fn row_as_told(&self, pending: &Pending, change: &Change) -> Option<Record> {
        let mut row = self.row_before(pending.seq, &change.key)?;
        match &pending.fate {
            Fate::Conflict { change: at, fields, .. } if pending.edit.changes.get(*at) == Some(change) => {
                for (name, clash) in fields {
                    row.put(name, &clash.theirs);
                }
            }
            _ => {}
        }
        Some(row)
    }

    /// The later edits of the same rows, based on what the decision leaves. One that was sent is left as it was: it may
    /// be in, and under another id it would be carried out twice.
    fn follow(&self, decided: &Pending, changes: &[Change]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let later = self.outbox.range(decided.seq + 1..).map(|(_, pending)| pending);
        for pending in later.filter(|pending| pending.fate == Fate::Waiting && pending.ids.is_empty()) {
            let mut followed = pending.edit.changes.clone();
            for change in &mut followed {
                let Some(old) = decided.edit.changes.iter().find(|old| old.key == change.key) else {
                    continue;
                };
                let new = changes.iter().find(|new| new.key == change.key);
                let row = self.row_as_told(decided, old);
                let now = new.map_or_else(|| row.clone(), |new| laid(new, row.clone()));
                rebase(change, old, now.as_ref());
            }
            if followed != pending.edit.changes {
                let drops = pending.edit.drops.clone();
                entries.push(Entry::Rewritten {
                    edit: pending.seq,
                    changes: followed,
                    drops,
                    gone: Vec::new(),
                });
            }
        }
        entries
    }
}

impl Pending {
    /// The change that the server did not take.
    pub fn at_fault(&self) -> Option<&Change> {
        at_fault(self).and_then(|place| self.edit.changes.get(place).or(self.edit.changes.first()))
    }
}

/// Which of its changes the server did not take.
fn at_fault(pending: &Pending) -> Option<usize> {
    match &pending.fate {
        Fate::Conflict { change, .. } | Fate::Rejected { change, .. } | Fate::Gone { change } => {
            Some(*change)
        }
        Fate::Waiting | Fate::Sent | Fate::Acked { .. } => None,
    }
}

/// Is nothing left of the edit where others are given way to?
fn gives_up(pending: &Pending, change: &Change) -> bool {
    !matches!(change.op, Op::Update { .. })
        || !matches!(&pending.fate, Fate::Conflict { drops, .. } if drops.is_empty())
}

fn owned((name, value): (&String, &crate::domain::Value)) -> (String, crate::domain::Value) {
    (name.clone(), value.clone())
}

/// A row after a change of it.
fn laid(change: &Change, row: Option<Record>) -> Option<Record> {
    match (&change.op, row) {
        (Op::Insert { set }, None) => Record::from_fields(&change.key, set),
        (Op::Update { set, .. }, Some(mut row)) => {
            row.put_all(set);
            Some(row)
        }
        (Op::Delete { .. }, _) => None,
        (_, row) => row,
    }
}

/// Columns that a change took from an earlier wish are based on what became of that wish.
fn rebase(change: &mut Change, old: &Change, now: Option<&Record>) {
    let (Some(wish), Some(now)) = (old.set(), now) else { return };
    if let Op::Update { base, .. } | Op::Delete { base } = &mut change.op {
        for (name, was) in base.iter_mut() {
            if wish.get(name) == Some(was) {
                *was = now.get(name);
            }
        }
    }
}

//! A disk that forgets as disks do: the journal loses the end of an append that did not finish, the cache its
//! newest batches, an older state of itself, or all.
//!
//! What an append returned `Ok` for is never lost: that is the promise of `fdatasync`. An append that failed may have
//! left frames behind, which the next start finds unless another append came first. Once the machine has died
//! (`dead`) nothing more is written; the scheduler sees it and starts the device anew.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::rc::Rc;

use flyos::bugs::bug;
use flyos::domain::Key;
use flyos::store::{Batch, CachedRow, Entry, Log, Meta, Replica, Rows, StoreError};

use crate::dice::Dice;
use crate::tally::{Counts, Tally};

/// Batches that a roll back can reach.
const BATCHES_MAX: usize = 48;

/// What happens to the next call of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    Fails,
    Dies,
}

/// One device's disk.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Disk {
    /// The journal: every frame that is durable.
    pub entries: Vec<(u64, Entry)>,
    next: u64,
    /// Frames of a failed append that could not be cut off.
    ghosts: Vec<(u64, Entry)>,
    /// The cache: an old state and the batches since; so many of them were handed on by a flush.
    rows: BTreeMap<Key, CachedRow>,
    meta: Meta,
    batches: Vec<Batch>,
    flushed: usize,
    pub append: Option<Mishap>,
    pub write: Option<Mishap>,
    pub flush: Option<Mishap>,
    /// No room left, until somebody makes some.
    pub full: bool,
    pub dead: bool,
    /// The cache lacks a batch, until it is written whole.
    rows_behind: bool,
    /// The journal does not say of some edits that they are back, until the next start.
    settled_behind: bool,
    pub dice: Dice,
    pub counts: Counts,
}

fn no_room() -> StoreError {
    StoreError::Full { path: PathBuf::from("simulated") }
}

fn apply(rows: &mut BTreeMap<Key, CachedRow>, meta: &mut Meta, batch: &Batch) {
    if batch.clear {
        rows.clear();
    }
    for (key, row) in &batch.rows {
        match row {
            Some(row) => drop(rows.insert(key.clone(), row.clone())),
            None => drop(rows.remove(key)),
        }
    }
    *meta = batch.meta.clone();
}

impl Disk {
    pub fn new(dice: Dice) -> Self {
        Self {
            entries: Vec::new(),
            next: 1,
            ghosts: Vec::new(),
            rows: BTreeMap::new(),
            meta: Meta::default(),
            batches: Vec::new(),
            flushed: 0,
            append: None,
            write: None,
            flush: None,
            full: false,
            dead: false,
            rows_behind: false,
            settled_behind: false,
            dice,
            counts: Counts::default(),
        }
    }

    pub fn heal(&mut self) {
        (self.append, self.write, self.flush, self.full) = (None, None, None, false);
    }

    fn appended(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError> {
        if self.dead {
            return Err(no_room());
        }
        let first = self.next;
        let frames = (first..).zip(entries.iter().cloned());
        match self.append.take().or(self.full.then_some(Mishap::Fails)) {
            Some(Mishap::Dies) => {
                let kept = self.dice.place(entries.len() + 1);
                self.counts.add(Tally::CrashAppend);
                let torn = kept < entries.len();
                self.counts.add(if torn { Tally::TornTail } else { Tally::CrashAfterAppend });
                if kept > 0 {
                    // A new segment makes void what the old one still holds.
                    self.ghosts.clear();
                }
                self.entries.extend(frames.take(kept));
                self.dead = true;
                Err(no_room())
            }
            Some(Mishap::Fails) => {
                self.counts.add(Tally::FailAppend);
                let kept = if self.dice.one_in(2) { self.dice.place(entries.len() + 1) } else { 0 };
                self.ghosts = frames.take(kept).collect();
                self.settled_behind |= entries.iter().any(|entry| matches!(entry, Entry::Settled { .. }));
                Err(no_room())
            }
            None => {
                self.ghosts.clear();
                self.entries.extend(frames);
                self.next += entries.len() as u64;
                Ok(first..=self.next - 1)
            }
        }
    }

    fn written(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.dead {
            return Err(no_room());
        }
        match self.write.take().or(self.full.then_some(Mishap::Fails)) {
            Some(Mishap::Dies) => {
                self.counts.add(Tally::CrashWrite);
                if self.dice.one_in(2) {
                    self.batches.push(batch.clone());
                }
                self.dead = true;
                return Err(no_room());
            }
            Some(Mishap::Fails) => {
                self.counts.add(Tally::FailWrite);
                // What came back with this page is not written down either.
                (self.rows_behind, self.settled_behind) = (true, true);
                return Err(no_room());
            }
            None => self.batches.push(batch.clone()),
        }
        self.rows_behind &= !batch.clear;
        if self.batches.len() > BATCHES_MAX {
            for batch in self.batches.drain(..BATCHES_MAX / 2) {
                apply(&mut self.rows, &mut self.meta, &batch);
            }
            self.flushed = self.flushed.saturating_sub(BATCHES_MAX / 2);
        }
        Ok(())
    }

    fn handed_on(&mut self) -> Result<(), StoreError> {
        if self.dead {
            return Err(no_room());
        }
        match self.flush.take() {
            Some(Mishap::Dies) => {
                self.counts.add(Tally::CrashFlush);
                self.dead = true;
                return Err(no_room());
            }
            Some(Mishap::Fails) => return Err(no_room()),
            None => self.flushed = self.batches.len(),
        }
        Ok(())
    }

    /// Does a start find what memory has?
    pub fn is_up_to_date(&self) -> bool {
        !self.dead && !self.rows_behind && !self.settled_behind
    }

    /// The machine died, or only the program: what the next start finds.
    pub fn die(&mut self) {
        if bug("sync_skipped") {
            let lost = self.dice.place(3).min(self.entries.len());
            self.entries.truncate(self.entries.len() - lost);
        }
        self.entries.append(&mut self.ghosts);
        self.next = self.entries.last().map_or(1, |(seq, _)| seq + 1);
        let (len, flushed) = (self.batches.len(), self.flushed);
        let kept = match self.dice.weigh(&[50, 25, 10, 10]) {
            0 => len,
            1 => {
                let kept = flushed + self.dice.place(len - flushed + 1);
                if kept < len {
                    self.counts.add(Tally::RowsLost);
                }
                kept
            }
            2 => {
                self.counts.add(Tally::RowsBack);
                self.dice.place(len + 1)
            }
            _ => {
                self.counts.add(Tally::RowsGone);
                (self.rows, self.meta) = (BTreeMap::new(), Meta::default());
                0
            }
        };
        for batch in self.batches.drain(..).take(kept) {
            apply(&mut self.rows, &mut self.meta, &batch);
        }
        self.flushed = 0;
        (self.append, self.write, self.flush) = (None, None, None);
        (self.dead, self.rows_behind, self.settled_behind) = (false, false, false);
        // A journal that lost its end must not give the numbers again that the cache has seen.
        self.next = self.next.max(self.meta.applied_seq + 1);
    }

    /// What a start makes of the disk as it is now, as `Store::open` does it.
    pub fn opened(&self) -> Replica {
        let (mut rows, mut meta) = (self.rows.clone(), self.meta.clone());
        self.batches.iter().for_each(|batch| apply(&mut rows, &mut meta, batch));
        let mut replica = Replica::default();
        for (key, row) in rows {
            replica.restore(&key, row);
        }
        replica.replay(meta, &self.entries);
        replica
    }
}

/// The journal's side of a disk.
#[derive(Clone, Debug)]
pub struct SimLog(pub Rc<RefCell<Disk>>);

impl Log for SimLog {
    fn append(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError> {
        self.0.borrow_mut().appended(entries)
    }
}

/// The cache's side of a disk.
#[derive(Clone, Debug)]
pub struct SimRows(pub Rc<RefCell<Disk>>);

impl Rows for SimRows {
    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.0.borrow_mut().written(&batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.borrow_mut().handed_on()
    }
}

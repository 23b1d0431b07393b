//! Journal, cache and replica of one account, kept in step.
//!
//! The order is the promise. An edit: journal and fdatasync first (then it is *saved*), memory after. A page:
//! memory, then the cache in one batch with its cursor; if that write fails, memory is right and the cache
//! is an older state of itself, which the next start pulls forward. So nothing a person did depends on the
//! cache, and the cache never runs ahead of its cursor.
//!
//! Where the two lie is behind `Log` and `Rows`: on disk for the console, in memory that forgets and tears as disks
//! do for the simulator. The order above is the same code for both.

use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use uuid::Uuid;

use super::StoreError;
use super::cache::{Batch, CachedRow, Meta};
use super::entry::{Edit, Entry};
use super::replica::{Fate, Pending, Pulled, Replica};
use crate::domain::Key;

/// Where entries are made durable.
pub trait Log {
    /// Appends entries and returns their numbers once they are durable. After an error none of them may count as
    /// saved, though some may be found by the next start.
    fn append(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError>;
}

/// Where the server's rows are kept. It may lose its newest batches, never a part of one.
pub trait Rows {
    /// Writes rows and meta in one batch.
    fn write(&mut self, batch: Batch) -> Result<(), StoreError>;
    /// Hands on what was written, so that a later start finds it.
    fn flush(&mut self) -> Result<(), StoreError>;
}

/// The three in step.
#[derive(Debug)]
pub struct Books<L, R> {
    log: L,
    rows: R,
    /// A write failed: the cache holds an older state and is written whole next time.
    rows_behind: bool,
    replica: Arc<RwLock<Replica>>,
}

impl<L: Log, R: Rows> Books<L, R> {
    /// `replica` is what `rows` and the entries of `log` came to.
    pub fn new(log: L, rows: R, replica: Replica) -> Self {
        Self { log, rows, rows_behind: false, replica: Arc::new(RwLock::new(replica)) }
    }

    pub fn replica(&self) -> &Arc<RwLock<Replica>> {
        &self.replica
    }

    pub fn log(&self) -> &L {
        &self.log
    }

    /// The replica, for changing memory. Short: readers wait meanwhile.
    pub fn write(&self) -> RwLockWriteGuard<'_, Replica> {
        self.replica.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Replica> {
        self.replica.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves an edit: when this returns `Ok` it survives whatever happens to the process or the machine.
    pub fn save(&mut self, edit: Edit) -> Result<u64, StoreError> {
        self.note(&[Entry::Edit(edit)])
    }

    /// Makes entries durable, then takes them in. Gives the number of the last.
    pub fn note(&mut self, entries: &[Entry]) -> Result<u64, StoreError> {
        if crate::bugs::bug("saved_in_memory_first") {
            let next = self.read().meta().applied_seq + 1;
            self.write().enter(next, entries);
            return self.log.append(entries).map(|numbers| *numbers.end());
        }
        let numbers = self.log.append(entries)?;
        self.write().enter(*numbers.start(), entries);
        Ok(*numbers.end())
    }

    /// The next edits to send, each frozen under its ids, durably, before anybody sends them. `waits`: which edits are
    /// not to be sent yet; what builds on them waits with them. `id` makes a new id.
    pub fn freeze(
        &mut self,
        groups: usize,
        waits: impl Fn(u64) -> bool,
        mut id: impl FnMut() -> Uuid,
    ) -> Result<Vec<Pending>, StoreError> {
        let folds = self.read().folds();
        if !folds.is_empty() {
            self.note(&folds)?;
        }
        let next: Vec<Pending> = self.read().to_send(groups, &waits).into_iter().cloned().collect();
        let fresh = next.iter().filter(|pending| pending.fate == Fate::Waiting);
        let sent: Vec<Entry> = fresh
            .map(|pending| Entry::Sent {
                edit: pending.seq,
                ids: pending.edit.changes.iter().map(|_| id()).collect(),
            })
            .collect();
        if sent.is_empty() {
            return Ok(next);
        }
        if crate::bugs::bug("sent_not_written") {
            let next = self.read().meta().applied_seq;
            self.write().enter(next, &sent);
        } else {
            self.note(&sent)?;
        }
        let frozen = self.read().to_send(groups, &waits).into_iter().cloned().collect::<Vec<_>>();
        Ok(frozen.into_iter().filter(|pending| pending.fate != Fate::Waiting).collect())
    }

    /// Takes in one page of pull `number`; tells whether anything is new by it. An error is about the disk alone:
    /// memory has the page.
    pub fn take_page(
        &mut self,
        page: Vec<Pulled>,
        meta: Meta,
        number: u64,
        drained: bool,
    ) -> (bool, Result<(), StoreError>) {
        if crate::bugs::bug("cursor_before_page") {
            let meta = Meta { applied_seq: self.read().meta().applied_seq, ..meta.clone() };
            drop(self.rows.write(Batch { rows: Vec::new(), clear: false, meta }));
        }
        let taken = self.write().take_page(page, meta, drained.then_some(number));
        let news = !taken.writes.is_empty() || !taken.settled.is_empty();
        let kept = self.write_rows(taken.writes).and_then(|()| self.settle());
        (news, kept.and_then(|()| if drained && news { self.rows.flush() } else { Ok(()) }))
    }

    /// My scopes became `now`: what none of them meets goes, in memory and in the cache.
    pub fn narrow(&mut self, now: &[String], meta: Meta) -> Result<(), StoreError> {
        let writes = self.write().narrow(now, meta);
        self.write_rows(writes)
    }

    /// The server let the account in no further; said again at the next start.
    pub fn shut(&mut self) -> Result<(), StoreError> {
        self.write().shut();
        self.write_rows(Vec::new())
    }

    /// The server was restored: what it had taken is to be sent again, since it may not know it.
    pub fn offer_again(&mut self) -> Result<(), StoreError> {
        let edits = self.read().got_in();
        if edits.is_empty() || crate::bugs::bug("restored_is_not_offered") {
            Ok(())
        } else {
            self.note(&[Entry::Offered { edits }]).map(drop)
        }
    }

    /// The server asked for everything anew.
    pub fn begin_generation(&mut self) -> Result<(), StoreError> {
        self.write().begin_generation();
        self.write_rows(Vec::new())
    }

    /// Puts what is in the cache's buffers where the next start finds it.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.rows.flush()
    }

    /// Writes down what left the outbox. Should this be lost, or the rows by which it left, the next start finds the
    /// same again: the rows themselves say what they have.
    fn settle(&mut self) -> Result<(), StoreError> {
        let settled = self.read().meta().settled.clone();
        if settled.is_empty() {
            return Ok(());
        }
        let entries: Vec<Entry> = settled.iter().map(|edit| Entry::Settled { edit: *edit }).collect();
        let numbers = self.log.append(&entries)?;
        self.write().settled_by(*numbers.end(), &settled);
        Ok(())
    }

    fn write_rows(&mut self, rows: Vec<(Key, Option<CachedRow>)>) -> Result<(), StoreError> {
        let batch = {
            let replica = self.read();
            let rows = if self.rows_behind { replica.base_rows() } else { rows };
            Batch { rows, clear: self.rows_behind, meta: replica.meta().clone() }
        };
        let written = self.rows.write(batch);
        self.rows_behind = written.is_err() && !crate::bugs::bug("cache_left_behind");
        written
    }
}

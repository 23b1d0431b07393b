//! One account's store: journal, cache and replica, kept in step.
//!
//! The order is the promise. An edit: journal and fdatasync first (then it is *saved*), memory after. A page:
//! memory, then the cache in one batch with its cursor; if that write fails, memory is right and the cache
//! is an older state of itself, which the next start pulls forward. So nothing a person did depends on the
//! cache, and the cache never runs ahead of its cursor.

use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use secrecy::SecretString;
use uuid::Uuid;

use super::cache::{Batch, Cache, Meta};
use super::entry::{Edit, Entry};
use super::journal::Journal;
use super::replica::{Fate, Pending, Pulled, Replica};
use super::{AccountFolder, AccountLock, StoreError};
use crate::vault::Sealer;

/// What was found on opening, for the log and for the person.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What was cut or skipped in the journal.
    pub damage: Vec<super::Damage>,
    /// Numbers of edits that are lost.
    pub missing: Vec<RangeInclusive<u64>>,
    /// The cache could not be used and is loaded anew.
    pub cache_rebuilt: Option<String>,
}

/// One account's store. Lives on the desk's thread.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    cache: Cache,
    /// A write failed: the cache holds an older state and is written whole next time.
    cache_behind: bool,
    replica: Arc<RwLock<Replica>>,
    sealer: Sealer,
    folder: AccountFolder,
    // Dropped last: until then nobody else may open the account.
    _lock: AccountLock,
}

impl Store {
    /// Opens what the folder holds.
    pub fn open(
        folder: AccountFolder,
        lock: AccountLock,
        sealer: &Sealer,
    ) -> Result<(Self, Found), StoreError> {
        let quarantine = folder.quarantine_dir();
        let (mut journal, opened) = Journal::open(&folder.journal_dir(), &quarantine, sealer.clone())?;
        let mut found = Found { damage: opened.damage, missing: opened.missing, cache_rebuilt: None };
        let mut replica = Replica::default();
        let (cache, meta) = match load(&folder, sealer, &mut replica) {
            Ok(loaded) => loaded,
            // Sealed by another key is no cache of this account either: it can always be pulled again.
            Err(
                StoreError::Corrupt { what } | StoreError::Key { what } | StoreError::Schema { what, .. },
            ) => {
                found.cache_rebuilt = Some(what);
                replica = Replica::default();
                (Cache::rebuild(&folder.cache_dir(), &quarantine, sealer.clone())?, Meta::default())
            }
            Err(error) => return Err(error),
        };
        // A journal that lost its end must not give the numbers again that the cache has seen.
        journal.skip_past(meta.applied_seq);
        replica.replay(meta, &opened.entries);
        let replica = Arc::new(RwLock::new(replica));
        Ok((
            Self {
                journal,
                cache,
                cache_behind: false,
                replica,
                sealer: sealer.clone(),
                folder,
                _lock: lock,
            },
            found,
        ))
    }

    pub fn replica(&self) -> &Arc<RwLock<Replica>> {
        &self.replica
    }

    /// The replica, for changing memory. Short: readers wait meanwhile.
    pub fn write(&self) -> RwLockWriteGuard<'_, Replica> {
        self.replica.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Replica> {
        self.replica.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves an edit: when this returns `Ok` it survives whatever happens to the process or the machine.
    pub fn save(&mut self, edit: Edit) -> Result<u64, StoreError> {
        self.note(&[Entry::Edit(edit)])
    }

    /// Makes entries durable, then takes them in. Gives the number of the last.
    pub fn note(&mut self, entries: &[Entry]) -> Result<u64, StoreError> {
        let numbers = self.journal.append(entries)?;
        let last = *numbers.end();
        self.write().enter(*numbers.start(), entries);
        Ok(last)
    }

    /// The next edits to send, each frozen under its ids, durably, before anybody sends them.
    pub fn freeze(&mut self, groups: usize) -> Result<Vec<Pending>, StoreError> {
        let next: Vec<Pending> = self.read().to_send(groups).into_iter().cloned().collect();
        let fresh = next.iter().filter(|pending| pending.fate == Fate::Waiting);
        let sent: Vec<Entry> = fresh
            .map(|pending| Entry::Sent {
                edit: pending.seq,
                ids: pending.edit.changes.iter().map(|_| Uuid::now_v7()).collect(),
            })
            .collect();
        if sent.is_empty() {
            return Ok(next);
        }
        self.note(&sent)?;
        Ok(self
            .read()
            .to_send(groups)
            .into_iter()
            .filter(|pending| pending.fate == Fate::Sent)
            .cloned()
            .collect())
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
        let taken = self.write().take_page(page, meta, drained.then_some(number));
        let news = !taken.writes.is_empty() || !taken.settled.is_empty();
        let kept = self.write_cache(taken.writes).and_then(|()| self.settle(&taken.settled));
        (news, kept.and_then(|()| if drained && news { self.cache.flush() } else { Ok(()) }))
    }

    /// My scopes became `now`: what none of them meets goes, in memory and in the cache.
    pub fn narrow(&mut self, now: &[String], meta: Meta) -> Result<(), StoreError> {
        let writes = self.write().narrow(now, meta);
        self.write_cache(writes)
    }

    /// The server let the account in no further; said again at the next start.
    pub fn shut(&mut self) -> Result<(), StoreError> {
        self.write().shut();
        self.write_cache(Vec::new())
    }

    /// The server asked for everything anew.
    pub fn begin_generation(&mut self) -> Result<(), StoreError> {
        self.write().begin_generation();
        self.write_cache(Vec::new())
    }

    /// Writes down what left the outbox. Should this be lost, the next start finds the same again.
    fn settle(&mut self, settled: &[u64]) -> Result<(), StoreError> {
        if settled.is_empty() {
            return Ok(());
        }
        let entries: Vec<Entry> = settled.iter().map(|edit| Entry::Settled { edit: *edit }).collect();
        self.journal.append(&entries).map(drop)
    }

    fn write_cache(
        &mut self,
        rows: Vec<(crate::domain::Key, Option<super::cache::CachedRow>)>,
    ) -> Result<(), StoreError> {
        let batch = {
            let replica = self.read();
            let rows = if self.cache_behind { replica.base_rows() } else { rows };
            Batch { rows, clear: self.cache_behind, meta: replica.meta().clone() }
        };
        let written = self.cache.write(&batch);
        self.cache_behind = written.is_err();
        written
    }

    /// Writes the refresh token down, sealed, durably.
    pub fn keep_session(&self, refresh: &SecretString) -> Result<(), StoreError> {
        self.write_session(Some(refresh))
    }

    pub fn forget_session(&self) -> Result<(), StoreError> {
        self.write_session(None)
    }

    fn write_session(&self, refresh: Option<&SecretString>) -> Result<(), StoreError> {
        let Some(mut account) = self.folder.read()? else {
            return Err(StoreError::Corrupt { what: "account.toml is gone".to_owned() });
        };
        account.set_session(&self.sealer, refresh)?;
        self.folder.write(&account)
    }

    /// The refresh token of an earlier session, where there is one that opens.
    pub fn stored_session(&self) -> Option<SecretString> {
        self.folder.read().ok()??.session(&self.sealer).ok()?
    }

    /// Puts what is in sled's buffers on the disk and lets go of the files.
    pub fn close(self) {
        if let Err(error) = self.cache.flush() {
            tracing::warn!(%error, "the cache was not flushed; the next start pulls what is missing");
        }
    }
}

fn load(folder: &AccountFolder, sealer: &Sealer, replica: &mut Replica) -> Result<(Cache, Meta), StoreError> {
    let cache = Cache::open(&folder.cache_dir(), sealer.clone())?;
    let meta = cache.load(|key, row| replica.restore(key, row))?;
    Ok((cache, meta))
}

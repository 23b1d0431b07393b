//! One account's store: its books on disk, opened and shut, and the session's token.

use std::ops::RangeInclusive;

use secrecy::SecretString;

use super::books::Books;
use super::cache::{Cache, Meta};
use super::journal::Journal;
use super::replica::Replica;
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
    /// What people did, what the server said, and both as one view.
    pub books: Books<Journal, Cache>,
    sealer: Sealer,
    folder: AccountFolder,
    // Dropped last: until then nobody else may open the account.
    lock: AccountLock,
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
        let books = Books::new(journal, cache, replica);
        Ok((Self { books, sealer: sealer.clone(), folder, lock }, found))
    }

    /// Writes the refresh token down, sealed, durably.
    pub fn keep_session(&self, refresh: &SecretString) -> Result<(), StoreError> {
        self.write_session(Some(refresh))
    }

    pub fn forget_session(&self) -> Result<(), StoreError> {
        self.write_session(None)
    }

    fn write_session(&self, refresh: Option<&SecretString>) -> Result<(), StoreError> {
        self.folder.update(|account| account.set_session(&self.sealer, refresh))
    }

    /// The refresh token of an earlier session, where there is one that opens.
    pub fn stored_session(&self) -> Option<SecretString> {
        self.folder.read().ok()??.session(&self.sealer).ok()?
    }

    /// Puts what is in sled's buffers on the disk and lets go of the files and the keys. Gives the account's lock, which
    /// goes where it is dropped.
    pub fn close(mut self) -> AccountLock {
        if let Err(error) = self.books.flush() {
            tracing::warn!(%error, "the cache was not flushed; the next start pulls what is missing");
        }
        self.lock
    }
}

fn load(folder: &AccountFolder, sealer: &Sealer, replica: &mut Replica) -> Result<(Cache, Meta), StoreError> {
    let cache = Cache::open(&folder.cache_dir(), sealer.clone())?;
    let meta = cache.load(|key, row| replica.restore(&key, row))?;
    Ok((cache, meta))
}

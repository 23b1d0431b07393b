//! One account's store: its books on disk, opened, looked after and shut, and the session's token.
//!
//! Opening puts right what can be: the journal mends itself, the cache climbs down its ladder (`recovery`), and a disk
//! that is all but full gets the reserve. What was found is told, not only logged: what is lost is for a person to know,
//! and what may have been done already (`held`) is for a person to decide.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::books::{Books, Log};
use super::entry::Entry;
use super::held::Held;
use super::journal::Journal;
use super::lost::{Gap, Lost};
use super::minded::Minded;
use super::recovery::{self, Loaded, PATIENCE};
use super::reserve::Reserve;
use super::{AccountFile, AccountFolder, AccountLock, Mended, StoreError};
use crate::domain::Stamp;
use crate::vault::Sealer;

/// What was found on opening, for the log and for the person.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What was cut or skipped in the journal.
    pub damage: Vec<super::Damage>,
    /// Numbers of entries that are lost.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Those of them that nobody has seen yet.
    pub unseen: Vec<Gap>,
    /// The cache could not be used and is loaded anew.
    pub cache_rebuilt: Option<String>,
    /// The cache could be used without its snapshot; it may be older than it was.
    pub cache_mended: Option<String>,
    /// The journal ends earlier than it once did, by the cache: at the first number instead of the second.
    pub ends_early: Option<(u64, u64)>,
    /// Edits that are held back for it.
    pub held: usize,
    /// `account.toml` was damaged, and how it was put right.
    pub account: Option<Mended>,
}

impl Found {
    /// How many entries are lost that nobody has seen yet.
    pub fn lost(&self) -> u64 {
        self.unseen.iter().map(Gap::count).sum()
    }
}

/// The journal, with the reserve behind it.
#[derive(Debug)]
pub struct Durable {
    journal: Journal,
    reserve: Reserve,
}

impl Log for Durable {
    fn append(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError> {
        let appended = match self.journal.append(entries) {
            Err(StoreError::Full { .. }) if self.reserve.give_up() => self.journal.append(entries),
            appended => appended,
        };
        if appended.is_ok() {
            self.reserve.restore();
        }
        appended
    }
}

/// One account's store. Lives on the desk's thread.
#[derive(Debug)]
pub struct Store {
    /// What people did, what the server said, and both as one view.
    pub books: Books<Durable, Minded>,
    sealer: Sealer,
    folder: AccountFolder,
    held: Held,
    lost: Lost,
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
        Self::open_within(folder, lock, sealer, PATIENCE)
    }

    /// The same with another patience for the cache: for tests, which cannot wait as long.
    pub fn open_within(
        folder: AccountFolder,
        lock: AccountLock,
        sealer: &Sealer,
        patience: Duration,
    ) -> Result<(Self, Found), StoreError> {
        let (cache_dir, quarantine) = (folder.cache_dir(), folder.quarantine_dir());
        let mut reserve = Reserve::of(&folder);
        reserve.prepare();
        let mut held = Held::read(folder.path())?;
        let account = folder.told_mended()?;
        let (mut journal, opened) = Journal::open(&folder.journal_dir(), &quarantine, sealer.clone())?;
        let mut found = Found { damage: opened.damage, missing: opened.missing, account, ..Found::default() };
        let loaded = match recovery::load(&cache_dir, &quarantine, sealer, patience) {
            Err(StoreError::Full { .. }) if reserve.give_up() => {
                recovery::load(&cache_dir, &quarantine, sealer, patience)
            }
            loaded => loaded,
        };
        let Loaded { cache, meta, mut replica, rebuilt, mended } = loaded?;
        (found.cache_rebuilt, found.cache_mended) = (rebuilt, mended);
        let (newest, seen) = (journal.next_seq() - 1, meta.applied_seq);
        replica.replay(meta, &opened.entries);
        if seen > newest {
            if replica.outbox().any(|pending| pending.fate.is_unsent()) {
                held.hold(newest)?;
            }
            // Its numbers must not be given again: the cache has seen them.
            journal.skip_past(seen);
            found.missing.push(newest + 1..=seen);
            found.ends_early = Some((newest, seen));
        }
        let gaps = Lost::read(folder.path(), &found.missing, &opened.entries);
        found.unseen = gaps.unseen().to_vec();
        replica.hold_back(held.up_to());
        let cache = Minded::start(cache, &cache_dir, patience)?;
        let books = Books::new(Durable { journal, reserve }, cache, replica);
        let store = Self { books, sealer: sealer.clone(), folder, held, lost: gaps, lock };
        found.held = store.held_edits().len();
        Ok((store, found))
    }

    /// Up to which edit none is sent until a person has decided; see `held`.
    pub fn held_back(&self) -> Option<u64> {
        self.held.up_to()
    }

    /// The edits that are held back and not sent.
    pub fn held_edits(&self) -> Vec<u64> {
        let replica = self.books.read();
        let held = replica.outbox().filter(|pending| replica.is_held_back(pending));
        held.map(|pending| pending.seq).collect()
    }

    /// A person says that they are to be sent.
    pub fn send_held(&mut self) -> Result<(), StoreError> {
        self.held.release()?;
        self.books.write().hold_back(None);
        Ok(())
    }

    /// A person lets go of them.
    pub fn discard_held(&mut self) -> Result<usize, StoreError> {
        let edits = self.held_edits();
        let entries: Vec<Entry> = edits.iter().map(|edit| Entry::Discarded { edit: *edit }).collect();
        if !entries.is_empty() {
            self.books.note(&entries)?;
        }
        self.send_held()?;
        Ok(edits.len())
    }

    /// Entries that are lost and that nobody has seen yet.
    pub fn lost(&self) -> &[Gap] {
        self.lost.unseen()
    }

    /// A person has seen which ones.
    pub fn acknowledge_lost(&mut self, now: Stamp) -> Result<(), StoreError> {
        self.lost.acknowledge(now)
    }

    /// The disk is full, and edits are saved into what was kept back for that.
    pub fn is_disk_full(&self) -> bool {
        self.books.log().reserve.is_used_up()
    }

    /// Writes the refresh token down, sealed, durably.
    pub fn keep_session(&self, refresh: &SecretString) -> Result<(), StoreError> {
        self.write_session(Some(refresh))
    }

    pub fn forget_session(&self) -> Result<(), StoreError> {
        self.write_session(None)
    }

    fn write_session(&self, refresh: Option<&SecretString>) -> Result<(), StoreError> {
        self.change_account(|account| account.set_session(&self.sealer, refresh))
    }

    /// Changes `account.toml`, durably.
    pub fn change_account(
        &self,
        change: impl FnOnce(&mut AccountFile) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.folder.update(change)
    }

    /// The refresh token of an earlier session, where there is one that opens.
    pub fn stored_session(&self) -> Option<SecretString> {
        self.folder.read().ok()??.session(&self.sealer).ok()?
    }

    pub(super) fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    pub(super) fn quarantine_dir(&self) -> std::path::PathBuf {
        self.folder.quarantine_dir()
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.folder.path()
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

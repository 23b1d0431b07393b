//! The cache of the server's rows: sled, sealed, and rebuildable at any time.
//!
//! sled's `flush` is not durable on Linux, and a power cut may take the newest batches or the whole cache.
//! That is borne by what is in it: rows, the cursor they were pulled up to and the journal's `applied_seq`
//! are written in one batch, so an older cache is only older, and what it lacks is pulled and replayed again.
//! One tree: key `0` is the meta, `1 | number` a page of rows (`pages`). Numbers say in which order pages came to be;
//! keys and values say nothing else without the data key.
//! sled may panic on damaged files; such a panic is caught (`guarded`) and is damage like any other.
//!
//! Calls block, and sled has one gate for the whole process: one thread of the caller's own, never a task.
//!
//! Rows are kept in pages of neighbours by key, each sealed as one value: a value per row took sled some 2.7 kB of memory
//! a row, and half of a start went into 2 us per envelope. A pull that touches rows all over rewrites their pages, 4 kB
//! for each at the worst; a first load comes in the order of the keys and writes each page once. Two threads open them.
//!
//! sled gives little room back. At our sizes it stays within a few times the live data, so the rule is to
//! look now and then (`bloated`) and to rebuild by pulling again; there is no compaction.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk;
use super::error::{READING, StoreError};
use super::guarded::{guarded, sled_error};
use super::pages::{self, Directory};
use super::row;
use crate::domain::{Key, Role, Stamp};
use crate::vault::{Purpose, Sealer};

pub use super::row::CachedRow;

/// The form of rows and meta. Another one is not migrated: the cache is rebuilt.
pub const SCHEMA: u32 = 2;
/// sled's own default is 1 GiB.
const CACHE_BYTES: u64 = 32 << 20;
/// sled notes which leaves are used in 256 lists, and lets go of leaves beyond its cache when one of these has 64 entries:
/// until then it keeps some hundred MB of what was read once. So what is read or written is asked for some times more,
/// which costs under 1 us each.
const USES: usize = 4;
const META_KEY: &[u8] = b"\0meta";
const ROW_PREFIX: u8 = 1;
/// sled's own lock is let go of with its last handle, and with those that a process being started still has of ours.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Rebuilding is worth it from here on: a small cache may well be mostly old versions.
const BLOAT_BYTES_MIN: u64 = 64 << 20;
/// And only when the files are this many times the live data.
const BLOAT_TIMES: u64 = 6;
/// Rebuilt caches kept to look at.
const QUARANTINED_MAX: usize = 2;

/// Pages opened ahead of who takes them.
const LOAD_PAGES_WAITING: usize = 64;

/// The cache of one account.
#[derive(Debug)]
pub struct Cache {
    db: sled::Db,
    dir: PathBuf,
    sealer: Sealer,
    /// Bytes of keys and values as of the last load.
    live: AtomicU64,
    /// Which page a key is in; unknown until the rows were read once.
    directory: Mutex<Option<Directory>>,
}

/// An opened page on its way to who asked for it.
#[derive(Debug)]
struct Page {
    number: u32,
    rows: Vec<(Key, CachedRow)>,
    /// What it takes on disk.
    bytes: u64,
}

/// What the rows are worth: written with them, always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub schema: u32,
    /// Where the next pull goes on; the server's, not looked into.
    pub cursor: Option<serde_json::Value>,
    /// Which life of the server the rows are of, where its cursors say so: a restored one has another.
    #[serde(default)]
    pub epoch: Option<String>,
    /// The last entry of the journal whose effect is in the rows.
    pub applied_seq: u64,
    /// Edits that left the outbox by the rows, and of which the journal does not say so yet.
    #[serde(default)]
    pub settled: BTreeSet<u64>,
    /// Edits that are in the outbox though the journal says that they left it: the rows by which they did were lost.
    #[serde(default)]
    pub back: BTreeSet<u64>,
    /// The server's time of the last pull.
    pub as_of: Option<Stamp>,
    /// The latest time that this machine's clock was seen to show since then.
    #[serde(default)]
    pub seen: Option<Stamp>,
    pub who: Option<Who>,
    /// A reload was under way: rows that it has not confirmed may be left over.
    #[serde(default)]
    pub reloading: bool,
    /// The server said that this account may do nothing (INACTIVE, or without a profile).
    #[serde(default)]
    pub shut: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            cursor: None,
            epoch: None,
            applied_seq: 0,
            settled: BTreeSet::new(),
            back: BTreeSet::new(),
            as_of: None,
            seen: None,
            who: None,
            reloading: false,
            shut: false,
        }
    }
}

/// As whom the server last answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The sign-in.
    pub uid: Uuid,
    /// The profile.
    pub user: Uuid,
    pub role: Role,
    pub region: Option<Uuid>,
}

/// Rows and meta that change together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `None` takes the row out.
    pub rows: Vec<(Key, Option<CachedRow>)>,
    /// Takes out every row first.
    pub clear: bool,
    pub meta: Meta,
}

impl Cache {
    /// Opens the cache in `dir`, or makes an empty one. `Corrupt` means: rebuild it.
    pub fn open(dir: &Path, sealer: Sealer) -> Result<Self, StoreError> {
        disk::private_dir(dir)?;
        sweep(dir)?;
        let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let patience = Instant::now() + LOCK_PATIENCE;
        let db = loop {
            match guarded(dir, || config.open()) {
                // The account is locked before its cache is opened: who has sled's lock is about to let go of it.
                Err(StoreError::Locked { .. }) if Instant::now() < patience => thread::sleep(LOCK_PAUSE),
                opened => break opened?,
            }
        };
        Ok(Self { db, dir: dir.to_owned(), sealer, live: AtomicU64::new(0), directory: Mutex::new(None) })
    }

    /// Moves what is in `dir` to `quarantine` and opens an empty cache. No `Cache` of `dir` may be alive.
    pub fn rebuild(dir: &Path, quarantine: &Path, sealer: Sealer) -> Result<Self, StoreError> {
        disk::private_dir(quarantine)?;
        let place = disk::fresh_name(quarantine, "cache");
        match fs::rename(dir, &place) {
            Ok(()) => keep_newest(quarantine),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A copy to look at is a courtesy; the rebuild is not.
            Err(_) => fs::remove_dir_all(dir).map_err(StoreError::io("clearing", dir))?,
        }
        Self::open(dir, sealer)
    }

    /// Gives every row to `sink`, in no order, and returns the meta. An empty cache has the default meta.
    /// After an error the rows given so far are worth nothing.
    pub fn load(&self, mut sink: impl FnMut(Key, CachedRow)) -> Result<Meta, StoreError> {
        let meta = self.meta()?;
        let mut live = 0;
        let mut directory = Directory::default();
        self.each_page(|page| {
            live += page.bytes;
            if let Some((first, _)) = page.rows.first() {
                directory.note(first.clone(), page.number);
            }
            page.rows.into_iter().for_each(|(key, row)| sink(key, row));
        })?;
        *self.directory() = Some(directory);
        self.live.store(live, Ordering::Relaxed);
        match meta {
            Some(meta) => Ok(meta),
            None if live == 0 => Ok(Meta::default()),
            None => Err(StoreError::corrupt("the cache has rows but does not say what they are worth")),
        }
    }

    fn directory(&self) -> MutexGuard<'_, Option<Directory>> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens every page. Opening takes most of the time: each thread has its part of the numbers.
    fn each_page(&self, mut sink: impl FnMut(Page)) -> Result<(), StoreError> {
        let last = guarded(&self.dir, || self.db.range(name(0)..=name(u32::MAX)).next_back().transpose())?;
        let last = last.and_then(|(name, _)| number(&name)).unwrap_or(0);
        let (to, from) = mpsc::sync_channel(LOAD_PAGES_WAITING);
        thread::scope(|scope| {
            for part in [0..=last / 2, last / 2 + 1..=u32::MAX] {
                let to = to.clone();
                scope.spawn(move || {
                    if let Err(error) = self.load_part(&part, &to) {
                        // Nobody listens any more when another part has failed already.
                        drop(to.send(Err(error)));
                    }
                });
            }
            drop(to);
            from.into_iter().try_for_each(|page| page.map(&mut sink))
        })
    }

    /// Opens the pages of these numbers, and sends them on.
    fn load_part(
        &self,
        numbers: &RangeInclusive<u32>,
        to: &SyncSender<Result<Page, StoreError>>,
    ) -> Result<(), StoreError> {
        let mut items = self.db.range(name(*numbers.start())..=name(*numbers.end()));
        // Damage shows only while reading: each item is looked at.
        let next = |items: &mut sled::Iter| {
            let item = items.next().transpose()?;
            if let Some((name, _)) = &item {
                self.make_room(name)?;
            }
            Ok(item)
        };
        while let Some((name, sealed)) = guarded(&self.dir, || next(&mut items))? {
            let bytes = u64::try_from(name.len() + sealed.len()).unwrap_or(u64::MAX);
            let bad = || StoreError::corrupt("a page of the cache has no number");
            let page =
                Page { number: number(&name).ok_or_else(bad)?, rows: self.open_page(&name, &sealed)?, bytes };
            if to.send(Ok(page)).is_err() {
                return Ok(()); // Another part has failed.
            }
        }
        Ok(())
    }

    /// Makes sled look whether it keeps too much.
    fn make_room(&self, name: &[u8]) -> sled::Result<()> {
        (0..USES).try_for_each(|_| self.db.get(name).map(drop))
    }

    fn meta(&self) -> Result<Option<Meta>, StoreError> {
        let Some(sealed) = guarded(&self.dir, || self.db.get(META_KEY))? else { return Ok(None) };
        let plain = self
            .sealer
            .open(Purpose::Rows, META_KEY, &sealed)
            .map_err(|error| StoreError::opening("the cache", &error))?;
        let bad = || StoreError::corrupt("the cache's own page cannot be read");
        // The schema first: another one may have another shape.
        let value: serde_json::Value = serde_json::from_slice(&plain).map_err(|_| bad())?;
        let found = value.get("schema").and_then(serde_json::Value::as_u64).ok_or_else(bad)?;
        if found != u64::from(SCHEMA) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(StoreError::Schema { what: "the cache".to_owned(), found, known: SCHEMA });
        }
        serde_json::from_value(value).map(Some).map_err(|_| bad())
    }

    fn open_page(&self, name: &[u8], sealed: &[u8]) -> Result<Vec<(Key, CachedRow)>, StoreError> {
        let plain = self
            .sealer
            .open(Purpose::Rows, name, sealed)
            .map_err(|error| StoreError::opening("rows of the cache", &error))?;
        let rows =
            row::decode(&plain).ok_or_else(|| StoreError::corrupt("rows of the cache cannot be read"))?;
        Ok(rows.into_iter().map(|row| (row.row.key(), row)).collect())
    }

    /// Writes rows and meta in one batch: after a crash both are there or neither is.
    pub fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut changes = sled::Batch::default();
        if batch.clear {
            for name in self.db.scan_prefix([ROW_PREFIX]).keys() {
                changes.remove(name.map_err(|error| self.failed(error))?);
            }
        }
        // What was not read yet is read now: without it nobody knows where a row is.
        if self.directory().is_none() && !batch.clear && !batch.rows.is_empty() {
            self.load(|_, _| ())?;
        }
        // Taken out: an error on the way leaves it unknown, and it is read again.
        let known = self.directory().take();
        let mut written = Vec::new();
        let known = if batch.clear { Some(Directory::default()) } else { known };
        let known = match known {
            Some(mut directory) => {
                directory.change(
                    &batch.rows,
                    &mut Pages { cache: self, changes: &mut changes, written: &mut written },
                )?;
                Some(directory)
            }
            None => None,
        };
        let meta = serde_json::to_vec(&batch.meta)
            .map_err(|error| StoreError::corrupt(format!("the cache's page could not be made: {error}")))?;
        changes.insert(META_KEY, self.seal(META_KEY, &meta)?);
        guarded(&self.dir, || {
            self.db.apply_batch(changes)?;
            written.iter().try_for_each(|name| self.make_room(name))
        })?;
        *self.directory() = known;
        Ok(())
    }

    fn seal(&self, name: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.sealer.seal(Purpose::Rows, name, plain).map_err(StoreError::Seal)
    }

    /// Hands what was written to the system. Nothing else does: there is no timer. Not durable; see above.
    pub fn flush(&self) -> Result<(), StoreError> {
        guarded(&self.dir, || self.db.flush().map(drop))
    }

    /// Whether the files have grown so far past the rows that a rebuild is due.
    pub fn bloated(&self) -> Result<bool, StoreError> {
        let size = guarded(&self.dir, || self.db.size_on_disk())?;
        let live = self.live.load(Ordering::Relaxed);
        Ok(size > BLOAT_BYTES_MIN.max(live.saturating_mul(BLOAT_TIMES)))
    }

    fn failed(&self, error: sled::Error) -> StoreError {
        sled_error(&self.dir, error)
    }
}

/// Under which key a page is.
fn name(number: u32) -> [u8; 5] {
    let mut name = [ROW_PREFIX; 5];
    name[1..].copy_from_slice(&number.to_be_bytes());
    name
}

fn number(name: &[u8]) -> Option<u32> {
    name.get(1..)?.try_into().ok().map(u32::from_be_bytes)
}

/// The pages as one batch sees and changes them.
struct Pages<'a> {
    cache: &'a Cache,
    changes: &'a mut sled::Batch,
    written: &'a mut Vec<[u8; 5]>,
}

impl pages::Shelf for Pages<'_> {
    fn read(&mut self, number: u32) -> Result<Vec<(Key, CachedRow)>, StoreError> {
        let name = name(number);
        let sealed = guarded(&self.cache.dir, || self.cache.db.get(name))?;
        sealed.map_or_else(|| Ok(Vec::new()), |sealed| self.cache.open_page(&name, &sealed))
    }

    fn write(&mut self, number: u32, rows: &[(Key, CachedRow)]) -> Result<(), StoreError> {
        let name = name(number);
        if rows.is_empty() {
            self.changes.remove(&name);
        } else {
            let mut plain = Vec::with_capacity(rows.len() * 160);
            for (_, row) in rows {
                row::encode(&mut plain, row);
            }
            self.changes.insert(&name, self.cache.seal(&name, &plain)?);
            self.written.push(name);
        }
        Ok(())
    }
}

/// Takes away snapshots that were never finished: sled refuses to open beside one, and makes a new one.
fn sweep(dir: &Path) -> Result<(), StoreError> {
    for item in fs::read_dir(dir).map_err(StoreError::io(READING, dir))? {
        let path = item.map_err(StoreError::io(READING, dir))?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(StoreError::io("clearing", &path))?;
        }
    }
    Ok(())
}

/// Keeps the newest of the caches put aside. Best effort: they are only there to be looked at.
fn keep_newest(quarantine: &Path) {
    let Ok(items) = fs::read_dir(quarantine) else { return };
    let is_cache = |item: &fs::DirEntry| item.file_name().to_string_lossy().starts_with("cache");
    let changed =
        |item: fs::DirEntry| Some((item.metadata().and_then(|found| found.modified()).ok()?, item.path()));
    let mut caches: Vec<_> = items.flatten().filter(is_cache).filter_map(changed).collect();
    caches.sort();
    let old = caches.len().saturating_sub(QUARANTINED_MAX);
    for (_, path) in caches.into_iter().take(old) {
        drop(fs::remove_dir_all(path));
    }
}

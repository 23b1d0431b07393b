//! The cache of the server's rows: sled, sealed, and rebuildable at any time.
//!
//! sled's `flush` is not durable on Linux, and a power cut may take the newest batches or the whole cache.
//! That is borne by what is in it: rows, the cursor they were pulled up to and the journal's `applied_seq`
//! are written in one batch, so an older cache is only older, and what it lacks is pulled and replayed again.
//! One tree: key `0` is the meta, `1 | hashed key` a row; keys and values say nothing without the data key.
//! sled may panic on damaged files; such a panic is caught here and is damage like any other.
//!
//! Calls block, and sled has one gate for the whole process: one thread of the caller's own, never a task.
//!
//! One value per row. Sealed pages of many rows would open faster (half of a start goes into 2 us per envelope),
//! but a pull touches rows all over, and each would rewrite its page. Two threads open them instead:
//! 100,000 rows in some 300 ms, 10,000 in 50 ms.
//!
//! sled gives little room back. At our sizes it stays within a few times the live data, so the rule is to
//! look now and then (`bloated`) and to rebuild by pulling again; there is no compaction.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk;
use super::error::{READING, StoreError};
use super::row;
use crate::domain::{Key, Role, Stamp};
use crate::vault::{Purpose, Sealer};

pub use super::row::CachedRow;

/// The form of rows and meta. Another one is not migrated: the cache is rebuilt.
pub const SCHEMA: u32 = 1;
/// sled's own default is 1 GiB, and it takes several times what it is told.
const CACHE_BYTES: u64 = 32 << 20;
const META_KEY: &[u8] = b"\0meta";
const ROW_PREFIX: u8 = 1;
/// Rebuilding is worth it from here on: a small cache may well be mostly old versions.
const BLOAT_BYTES_MIN: u64 = 64 << 20;
/// And only when the files are this many times the live data.
const BLOAT_TIMES: u64 = 6;
/// Rebuilt caches kept to look at.
const QUARANTINED_MAX: usize = 2;

/// Threads that open rows when loading: the machines this runs on have two cores or more.
const LOAD_THREADS: u8 = 2;
/// Rows handed on at once, so that handing on costs nothing beside opening them.
const LOAD_CHUNK_ROWS: usize = 512;
/// Chunks opened ahead of who takes them: some 2 MiB of rows.
const LOAD_CHUNKS_WAITING: usize = 8;

/// The cache of one account.
#[derive(Debug)]
pub struct Cache {
    db: sled::Db,
    dir: PathBuf,
    sealer: Sealer,
    /// Bytes of keys and values as of the last load.
    live: AtomicU64,
}

/// Opened rows on their way to who asked for them, and the bytes they take on disk.
#[derive(Debug, Default)]
struct Chunk {
    rows: Vec<(Key, CachedRow)>,
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
        let db = guarded(dir, || config.open())?;
        Ok(Self { db, dir: dir.to_owned(), sealer, live: AtomicU64::new(0) })
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
        let (to, from) = mpsc::sync_channel(LOAD_CHUNKS_WAITING);
        let mut live = 0;
        // Opening takes most of the time, and the hashed keys are spread evenly: each thread has a part.
        thread::scope(|scope| {
            for part in 0..LOAD_THREADS {
                let to = to.clone();
                scope.spawn(move || {
                    if let Err(error) = self.load_part(part, &to) {
                        // Nobody listens any more when another part has failed already.
                        drop(to.send(Err(error)));
                    }
                });
            }
            drop(to);
            for chunk in from {
                let Chunk { rows, bytes } = chunk?;
                live += bytes;
                for (key, row) in rows {
                    sink(key, row);
                }
            }
            Ok::<_, StoreError>(())
        })?;
        self.live.store(live, Ordering::Relaxed);
        match meta {
            Some(meta) => Ok(meta),
            None if live == 0 => Ok(Meta::default()),
            None => Err(StoreError::corrupt("the cache has rows but does not say what they are worth")),
        }
    }

    /// Opens one part of the rows, by the first byte of their hashed keys, and sends them on.
    fn load_part(&self, part: u8, to: &SyncSender<Result<Chunk, StoreError>>) -> Result<(), StoreError> {
        let width = u8::MAX / LOAD_THREADS;
        let from = [ROW_PREFIX, part * width];
        let below =
            if part + 1 < LOAD_THREADS { vec![ROW_PREFIX, (part + 1) * width] } else { vec![ROW_PREFIX + 1] };
        let mut items = self.db.range(from.to_vec()..below);
        let mut chunk = Chunk::default();
        // Damage shows only while reading: each item is looked at.
        while let Some((name, sealed)) = guarded(&self.dir, || items.next().transpose())? {
            chunk.bytes += u64::try_from(name.len() + sealed.len()).unwrap_or(u64::MAX);
            chunk.rows.push(self.open_row(&name, &sealed)?);
            if chunk.rows.len() >= LOAD_CHUNK_ROWS && to.send(Ok(std::mem::take(&mut chunk))).is_err() {
                return Ok(()); // Another part has failed.
            }
        }
        drop(to.send(Ok(chunk)));
        Ok(())
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

    fn open_row(&self, name: &[u8], sealed: &[u8]) -> Result<(Key, CachedRow), StoreError> {
        let plain = self
            .sealer
            .open(Purpose::Rows, name, sealed)
            .map_err(|error| StoreError::opening("a row of the cache", &error))?;
        row::decode(&plain).ok_or_else(|| StoreError::corrupt("a row of the cache cannot be read"))
    }

    /// Writes rows and meta in one batch: after a crash both are there or neither is.
    pub fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut changes = sled::Batch::default();
        if batch.clear {
            for name in self.db.scan_prefix([ROW_PREFIX]).keys() {
                changes.remove(name.map_err(|error| self.failed(error))?);
            }
        }
        // sled keeps the last word per key, so a row that is cleared and written again is written.
        for (key, row) in &batch.rows {
            let name = self.name(key);
            match row {
                Some(row) => changes.insert(&name, self.seal(&name, &row::encode(key, row))?),
                None => changes.remove(&name),
            }
        }
        let meta = serde_json::to_vec(&batch.meta)
            .map_err(|error| StoreError::corrupt(format!("the cache's page could not be made: {error}")))?;
        changes.insert(META_KEY, self.seal(META_KEY, &meta)?);
        guarded(&self.dir, || self.db.apply_batch(changes))
    }

    fn seal(&self, name: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.sealer.seal(Purpose::Rows, name, plain).map_err(StoreError::Seal)
    }

    fn name(&self, key: &Key) -> [u8; 17] {
        let mut name = [ROW_PREFIX; 17];
        name[1..].copy_from_slice(&self.sealer.hashed_key(key.kind, &key.pk));
        name
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

/// Runs a call into sled; a panic in it is damage.
fn guarded<T>(dir: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(done) => done.map_err(|error| sled_error(dir, error)),
        Err(_) => Err(StoreError::corrupt(format!("the cache in {} is damaged", dir.display()))),
    }
}

/// The one place where sled's errors get a meaning.
fn sled_error(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        // Its lock has no kind of its own. Ours comes first, so this is seen only when that was left out.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::Locked { holder: None }
        }
        // These come of reading what is not what was written.
        sled::Error::Io(error) if damaged(&error) => {
            StoreError::corrupt(format!("the cache in {} is damaged: {error}", dir.display()))
        }
        sled::Error::Io(error) => StoreError::from_io("using the cache in", dir, error),
        other => StoreError::corrupt(format!("the cache in {} is damaged: {other}", dir.display())),
    }
}

fn damaged(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
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

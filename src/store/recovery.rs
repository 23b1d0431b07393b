//! Opening the cache, whatever its files are: a ladder from "as it is" to "anew".
//!
//! 1. As it is, without snapshots that were never finished.
//! 2. Without any snapshot: the library makes one anew from its log. The rows may be older then; their cursor is as old.
//! 3. Anew: what is there goes to quarantine, and the rows are pulled again. What people did is in the journal.
//!
//! Each is done under watch, on a thread of its own: a panic is damage, and so is an error of the disk under a file; a
//! thread that gets nowhere for `PATIENCE` is given up. Such a thread cannot be ended, and what it holds in the library's
//! one gate for the whole process may stop every other cache here. So its files are put aside, no cache is opened in this
//! process any more, and the person is told to start again: that opens an empty one.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::cache::{Cache, Meta};
use super::disk;
use super::error::StoreError;
use super::replica::Replica;
use crate::vault::Sealer;

/// How long opening may bring no further row. A million rows take seconds, but never so long for the next one.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A cache was given up in this process.
static HUNG: AtomicBool = AtomicBool::new(false);

/// A cache and what it held.
#[derive(Debug)]
pub(super) struct Loaded {
    pub cache: Cache,
    pub meta: Meta,
    pub replica: Replica,
    /// Why it had to be begun anew.
    pub rebuilt: Option<String>,
    /// Why its snapshot had to go.
    pub mended: Option<String>,
}

/// Opens the cache in `dir`, by the highest rung that holds.
pub(super) fn load(
    dir: &Path,
    quarantine: &Path,
    sealer: &Sealer,
    patience: Duration,
) -> Result<Loaded, StoreError> {
    let first = match watched(dir, quarantine, sealer, patience) {
        Err(error) => error,
        loaded => return loaded,
    };
    tracing::warn!(%first, "the cache cannot be opened as it is");
    let why = match damage(first) {
        Damage::OfFiles(why) => why,
        // No snapshot is at fault: sealed by another key, or of another form.
        Damage::Foreign(why) => return anew(dir, quarantine, sealer, patience, why),
        Damage::None(error) => return Err(error),
    };
    if drop_snapshots(dir) > 0 {
        match watched(dir, quarantine, sealer, patience) {
            Err(error @ StoreError::Hung { .. }) => return Err(error),
            Err(error) => tracing::warn!(%error, "nor without its snapshots"),
            Ok(loaded) => return Ok(Loaded { mended: Some(why), ..loaded }),
        }
    }
    anew(dir, quarantine, sealer, patience, why)
}

fn anew(
    dir: &Path,
    quarantine: &Path,
    sealer: &Sealer,
    patience: Duration,
    why: String,
) -> Result<Loaded, StoreError> {
    drop(Cache::rebuild(dir, quarantine, sealer.clone())?);
    let loaded = watched(dir, quarantine, sealer, patience)?;
    Ok(Loaded { rebuilt: Some(why), ..loaded })
}

/// Opens a copy of a cache as it is and puts nothing right: for who only looks.
pub(super) fn examine(
    dir: &Path,
    sealer: &Sealer,
    patience: Duration,
) -> Result<(Meta, Replica), StoreError> {
    let aside = dir.with_extension("aside");
    let Loaded { cache, meta, replica, .. } = watched(dir, &aside, sealer, patience)?;
    close(cache);
    Ok((meta, replica))
}

/// What an error says of the cache's files.
enum Damage {
    OfFiles(String),
    /// Sound, and no use here.
    Foreign(String),
    /// Nothing: there is no room, no right, or too many files are open.
    None(StoreError),
}

fn damage(error: StoreError) -> Damage {
    /// `EIO`, `EUCLEAN`, `EBADMSG`: the disk cannot give back what stood there.
    const BROKEN: [i32; 3] = [5, 117, 74];
    match error {
        StoreError::Corrupt { what } => Damage::OfFiles(what),
        StoreError::Key { what } | StoreError::Schema { what, .. } => Damage::Foreign(what),
        StoreError::Io { ref source, .. }
            if source.raw_os_error().is_some_and(|raw| BROKEN.contains(&raw)) =>
        {
            Damage::OfFiles(error.to_string())
        }
        other => Damage::None(other),
    }
}

/// Takes the snapshots away, and says how many there were: they are made of the log.
fn drop_snapshots(dir: &Path) -> usize {
    let Ok(items) = fs::read_dir(dir) else { return 0 };
    let snapshots = items.flatten().filter(|item| item.file_name().to_string_lossy().starts_with("snap."));
    snapshots.filter(|item| fs::remove_file(item.path()).is_ok()).count()
}

/// Opens and reads the cache on a thread of its own, for as long as it gets on.
fn watched(dir: &Path, quarantine: &Path, sealer: &Sealer, patience: Duration) -> Result<Loaded, StoreError> {
    if HUNG.load(Ordering::Acquire) {
        return Err(hung(dir, patience));
    }
    let rows = Arc::new(AtomicU64::new(0));
    let (done, wait) = sync_channel(1);
    let work = {
        let (dir, sealer, rows) = (dir.to_owned(), sealer.clone(), Arc::clone(&rows));
        move || tell(&done, &dir, || read(&dir, sealer, &rows))
    };
    let spawned = std::thread::Builder::new().name("cache".to_owned()).spawn(work);
    spawned.map_err(StoreError::io("starting to read", dir))?;
    let mut seen = 0;
    loop {
        match wait.recv_timeout(patience) {
            Ok(loaded) => return loaded,
            Err(RecvTimeoutError::Disconnected) => return Err(damaged(dir)),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = rows.load(Ordering::Relaxed);
        if now == seen {
            break;
        }
        seen = now;
    }
    let error = give_up(dir, patience);
    disk::private_dir(quarantine)?;
    let place = disk::fresh_name(quarantine, "cache");
    fs::rename(dir, &place).map_err(StoreError::io("putting aside", dir))?;
    Err(error)
}

/// A cache got nowhere: this process opens none any more.
pub(super) fn give_up(dir: &Path, patience: Duration) -> StoreError {
    HUNG.store(true, Ordering::Release);
    tracing::error!(path = %dir.display(), "the cache does not answer; it is given up");
    hung(dir, patience)
}

pub(super) fn hung(dir: &Path, patience: Duration) -> StoreError {
    StoreError::Hung { path: dir.to_owned(), seconds: patience.as_secs() }
}

fn read(dir: &Path, sealer: Sealer, rows: &AtomicU64) -> Result<Loaded, StoreError> {
    let cache = Cache::open(dir, sealer)?;
    let mut replica = Replica::default();
    let loaded = cache.load(|key, row| {
        replica.restore(&key, row);
        rows.fetch_add(1, Ordering::Relaxed);
    });
    match loaded {
        Ok(meta) => Ok(Loaded { cache, meta, replica, rebuilt: None, mended: None }),
        Err(error) => {
            close(cache);
            Err(error)
        }
    }
}

/// Carries out and tells, also of a panic.
fn tell<T>(
    done: &SyncSender<Result<T, StoreError>>,
    dir: &Path,
    work: impl FnOnce() -> Result<T, StoreError>,
) {
    let told = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(damaged(dir)));
    // Who waited has given up.
    drop(done.send(told));
}

fn damaged(dir: &Path) -> StoreError {
    StoreError::corrupt(format!("the cache in {} is damaged", dir.display()))
}

/// Lets go of what holds a cache. The library panics where its last sync fails; that is no more than an older cache.
pub(super) fn close<T>(holder: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(holder))).is_err() {
        tracing::warn!("the cache could not be shut properly; the next start looks after it");
    }
}

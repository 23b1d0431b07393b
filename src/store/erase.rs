//! Letting go of an account for good: its keys first, then everything else.
//!
//! A mark is made durable before anything is touched. From then on the folder opens for nobody (`AccountFolder::read`
//! finds no account in it), and whoever comes next finishes what was begun. Then `account.toml`, with every way to the
//! key, and copies of it are written over, made durable and removed: what is left cannot be opened by anybody. Then the
//! rest, the mark last.
//!
//! What a disk keeps beneath its files (an SSD's spare blocks, a snapshot, a backup) is out of reach from here: what is
//! found there is still sealed by the password and the slow function.

use std::fs;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::disk;
use super::error::{READING, StoreError};
use super::{AccountFolder, AccountLock};

/// The mark of a folder that is being erased.
const MARK: &str = "erasing";
/// Files that may hold ways to the key begin so, wherever they lie in the folder.
const KEYS: &str = "account";
const LOCK: &str = "lock";
/// More bytes than these are never in a file with keys; a bound for what is written over.
const KEY_FILE_BYTES_MAX: u64 = 1 << 20;

impl AccountFolder {
    /// Is it marked as being erased?
    pub fn is_erasing(&self) -> bool {
        fs::symlink_metadata(self.path().join(MARK)).is_ok()
    }

    /// Erases the account: when this returns `Ok` nothing of it is left, and after an error what is left is either
    /// untouched (no mark could be made) or opens for nobody.
    pub fn erase(&self, lock: AccountLock) -> Result<(), StoreError> {
        let dir = self.path();
        let mark = dir.join(MARK);
        let made = disk::options().write(true).create(true).truncate(true).open(&mark);
        made.and_then(|file| file.sync_all()).map_err(StoreError::io("writing", &mark))?;
        disk::sync_dir(dir)?;
        for holder in [self.quarantine_dir(), dir.to_owned()] {
            for path in entries(&holder)?.into_iter().filter(|path| named(path).starts_with(KEYS)) {
                write_over(&path)?;
            }
            if holder.is_dir() {
                disk::sync_dir(&holder)?;
            }
        }
        for path in entries(dir)?.into_iter().filter(|path| ![MARK, LOCK].contains(&named(path).as_str())) {
            remove(&path).map_err(StoreError::io("removing", &path))?;
        }
        disk::sync_dir(dir)?;
        // The lock's own file while it is held: a console that waits for it finds a folder of its own to make.
        for path in [self.lock_path(), mark] {
            remove(&path).map_err(StoreError::io("removing", &path))?;
        }
        fs::remove_dir(dir).map_err(StoreError::io("removing", dir))?;
        drop(lock);
        dir.parent().map_or(Ok(()), disk::sync_dir)
    }

    /// Finishes what an earlier process began; nothing where another one is at it.
    pub(super) fn finish_erasing(&self) -> Result<(), StoreError> {
        if !self.is_erasing() {
            return Ok(());
        }
        match self.lock() {
            Ok(lock) => self.erase(lock),
            Err(StoreError::Locked { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Finishes the erasing of every account that an earlier process began.
pub fn finish_erasing(root: &Path) -> Result<(), StoreError> {
    let aside = AccountFolder::all_aside(root)?.into_iter().map(|(folder, _)| folder);
    AccountFolder::all(root)?.into_iter().chain(aside).try_for_each(|folder| folder.finish_erasing())
}

fn named(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let found = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(StoreError::io(READING, dir))?,
    };
    found.map(|entry| entry.map(|entry| entry.path()).map_err(StoreError::io(READING, dir))).collect()
}

/// Puts zeroes in the place of a file's bytes, durably, and removes it. Never through a symlink.
fn write_over(path: &Path) -> Result<(), StoreError> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        let mut file =
            disk::options().write(true).open(path).map_err(StoreError::io("writing over", path))?;
        let written = (|| {
            let length = file.metadata()?.len().min(KEY_FILE_BYTES_MAX);
            file.rewind()?;
            io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
            file.flush()?;
            file.sync_all()
        })();
        written.map_err(StoreError::io("writing over", path))?;
    }
    remove(path).map_err(StoreError::io("removing", path))
}

/// A file, a link or a whole folder; what is gone already is fine.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

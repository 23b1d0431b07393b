//! Looking at an account's folder and leaving it as it is: what is there, whose it is, and what of it can be read.
//!
//! Opening mends, and the cache's library writes whenever it opens. So the journal is only read, and the cache is
//! copied and the copy opened.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::Meta;
use super::error::{READING, StoreError};
use super::journal::Examined;
use super::replica::Replica;
use super::{AccountFolder, Gap, SeenGap, filesystem, frame, recovery};
use crate::vault::Sealer;

/// A larger cache is not copied.
pub const COPY_BYTES_MAX: u64 = 1 << 30;

/// What is wrong with a file or folder of ours, in words: its kind, its owner, its mode.
pub fn wrong_with(path: &Path, is_folder: bool) -> Option<String> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(format!("cannot be looked at: {error}")),
    };
    let me = rustix::process::getuid().as_raw();
    let open = found.mode() & 0o077;
    if found.is_symlink() {
        Some("is a symlink, which is not followed".to_owned())
    } else if found.is_dir() != is_folder {
        Some(if is_folder { "is not a folder".to_owned() } else { "is not a plain file".to_owned() })
    } else if found.uid() != me {
        Some(format!("belongs to user {}, and this is user {me}", found.uid()))
    } else if open != 0 {
        Some(format!("is open to others (mode {:o})", found.mode() & 0o7777))
    } else {
        None
    }
}

/// What is in an account's folder and not as it must be: the path, and what is wrong.
pub fn wrong_in(folder: &AccountFolder) -> Vec<(PathBuf, String)> {
    let folders =
        [folder.path().to_owned(), folder.journal_dir(), folder.cache_dir(), folder.quarantine_dir()];
    let files = ["account.toml", "account.copy", "lock", "reserve", "held-back", "lost", "summary"]
        .map(|name| folder.path().join(name));
    let there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
    let wrong = |(path, is_folder): (PathBuf, bool)| wrong_with(&path, is_folder).map(|what| (path, what));
    let folders = folders.into_iter().filter(there).map(|path| (path, true));
    folders.chain(files.into_iter().filter(there).map(|path| (path, false))).filter_map(wrong).collect()
}

/// What is kept of damaged files: names, and bytes in all.
pub fn quarantine(folder: &AccountFolder) -> (Vec<String>, u64) {
    let dir = folder.quarantine_dir();
    let mut names: Vec<String> = entries(&dir)
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    (names, bytes(&dir))
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|item| item.path())
}

/// Bytes of all files below; links are not followed.
pub fn bytes(dir: &Path) -> u64 {
    let size = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => bytes(&path),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries(dir).map(size).sum()
}

/// Looks at the journal: with the key at each entry, without it at the sums alone.
pub fn journal(folder: &AccountFolder, sealer: Option<&Sealer>) -> Result<Examined, StoreError> {
    super::journal::examine(&folder.journal_dir(), sealer)
}

/// How many sound entries the bytes of a segment hold.
pub fn segment(bytes: &[u8], sealer: Option<&Sealer>) -> Result<usize, StoreError> {
    match sealer {
        Some(sealer) => frame::scan(bytes, sealer, "a segment").map(|found| found.frames.len()),
        None => frame::survey(bytes, "a segment").map(|found| found.frames.len()),
    }
}

/// Opens a copy of the cache and reads every row. `None`: there is none yet, or no room for a copy.
pub fn cache(
    folder: &AccountFolder,
    sealer: &Sealer,
    patience: Duration,
) -> Result<Option<(Meta, Replica)>, StoreError> {
    let dir = folder.cache_dir();
    let size = bytes(&dir);
    let place = tempfile::tempdir().map_err(StoreError::io("making a copy of", &dir))?;
    let room = filesystem::room(place.path()).unwrap_or_default();
    if size == 0 || size > COPY_BYTES_MAX || room / 2 < size {
        return Ok(None);
    }
    let copy = place.path().join("cache");
    copy_tree(&dir, &copy)?;
    recovery::examine(&copy, sealer, patience).map(Some)
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), StoreError> {
    super::disk::private_dir(to)?;
    for path in entries(from) {
        let Some(name) = path.file_name() else { continue };
        let found = fs::symlink_metadata(&path).map_err(StoreError::io(READING, &path))?;
        if found.is_dir() {
            copy_tree(&path, &to.join(name))?;
        } else if found.is_file() {
            fs::copy(&path, to.join(name)).map_err(StoreError::io(READING, &path))?;
        }
    }
    Ok(())
}

/// The last edit that is held back, as the mark says.
pub fn held_back(folder: &AccountFolder) -> Result<Option<u64>, StoreError> {
    Ok(super::held::Held::read(folder.path())?.up_to())
}

/// The lost entries that somebody has seen, and those among the missing that nobody has.
pub fn lost(folder: &AccountFolder, examined: &Examined) -> (Vec<SeenGap>, Vec<Gap>) {
    let seen = super::lost::seen(folder.path());
    let unseen = super::lost::to_tell(&examined.missing, &examined.entries, &seen);
    (seen, unseen)
}

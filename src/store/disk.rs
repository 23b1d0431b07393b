//! A few steps on files that every part of the store takes the same way.
//!
//! Folders are made 0700 and files 0600 whatever the umask says. A name is durable only when the folder
//! that holds it was synced as well.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::error::{READING, StoreError};
use super::filesystem::refuse_foreign;

pub(super) const DIR_MODE: u32 = 0o700;
pub(super) const FILE_MODE: u32 = 0o600;
/// Names tried for one more copy in quarantine before giving up.
const NAMES_MAX: u32 = 10_000;

/// How our files are opened: ours alone, and never through a symlink.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // The flags are bits of a C int: the sign bit is not among them.
    options.mode(FILE_MODE).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Makes a folder's entries (new, renamed, removed names) durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("syncing", dir))
}

/// Makes the folder if it is missing and holds it to be a folder, ours, no symlink, on this machine, and closed to others.
pub(super) fn private_dir(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = DirBuilder::new().mode(DIR_MODE).create(path);
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(StoreError::from_io("making the folder", path, error));
                }
                _ => {}
            }
            if let Some(parent) = path.parent() {
                sync_dir(parent)?;
            }
        }
        Err(error) => return Err(StoreError::from_io("looking at", path, error)),
    }
    let found = fs::symlink_metadata(path).map_err(StoreError::io("looking at", path))?;
    let refuse = |why: String| Err(StoreError::Unsafe { path: path.to_owned(), why });
    if found.is_symlink() {
        return refuse("it is a symlink, and a folder is needed".to_owned());
    }
    if !found.is_dir() {
        return refuse("it is not a folder".to_owned());
    }
    let me = rustix::process::getuid().as_raw();
    if found.uid() != me {
        return refuse(format!("it belongs to user {}, and this is user {me}", found.uid()));
    }
    refuse_foreign(path)?;
    set_mode(path, found.mode(), DIR_MODE)
}

/// Brings a mode to what it should be, where it is not.
pub(super) fn set_mode(path: &Path, found: u32, wanted: u32) -> Result<(), StoreError> {
    if found & 0o7777 == wanted {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(wanted))
        .map_err(StoreError::io("closing to others", path))
}

/// Reads a whole file of at most `limit` bytes; `None` where there is none.
pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match options().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::from_io(READING, path, error)),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(StoreError::io(READING, path))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(StoreError::corrupt(format!("{} is larger than {limit} bytes", path.display())));
    }
    Ok(Some(bytes))
}

/// Replaces a file as a whole: readers see the old or the new one, also after a power cut.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = path.with_extension("new");
    let written = (|| {
        let mut file = options().write(true).create(true).truncate(true).open(&temporary)?;
        file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    written.map_err(|error| {
        // Best effort: the next replacement truncates it anyway.
        drop(fs::remove_file(&temporary));
        StoreError::from_io("writing", path, error)
    })?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Takes a file away, durably; one that is not there is gone already.
pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::from_io("deleting", path, error))
        }
        _ => path.parent().map_or(Ok(()), sync_dir),
    }
}

/// A path in `dir` that nothing has yet: `name`, `name-2`, `name-3`, …
pub(super) fn fresh_name(dir: &Path, name: &str) -> PathBuf {
    let nth = |n: u32| dir.join(if n == 1 { name.to_owned() } else { format!("{name}-{n}") });
    (1..NAMES_MAX).map(nth).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| nth(NAMES_MAX))
}

/// Puts a copy of damaged bytes aside, for who wants to look at them.
pub(super) fn set_aside(quarantine: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    private_dir(quarantine)?;
    let path = fresh_name(quarantine, name);
    replace(&path, bytes)?;
    Ok(path)
}

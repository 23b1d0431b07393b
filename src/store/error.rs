//! What can go wrong on disk, told as a sentence with the thing it happened to.
//!
//! The kinds are those on which a caller acts differently: wait for the other console, free space, rebuild
//! the cache, ask for another password. An operating system's error becomes one of them in one place.

use std::io;
use std::path::{Path, PathBuf};

use super::holder::Holder;
use crate::vault::VaultError;

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the account open. `holder` is what it wrote down, as a hint.
    #[error("this account is in use by another console{}", told(holder.as_deref()))]
    Locked { holder: Option<Box<Holder>> },
    #[error("the disk has no room left for {}; nothing of this was saved", path.display())]
    Full { path: PathBuf },
    #[error("{} cannot be written to; nothing of this was saved", path.display())]
    ReadOnly { path: PathBuf },
    /// The bytes are not what was written.
    #[error("{what}")]
    Corrupt { what: String },
    /// Sealed by another key; nothing was changed.
    #[error("{what} was sealed with another key than this account's")]
    Key { what: String },
    /// Made by a newer version; nothing was changed.
    #[error("{what} has format {found}, made by a newer version; this one knows up to {known}")]
    Schema { what: String, found: u32, known: u32 },
    #[error("{what} takes {bytes} bytes, and {limit} is the most; nothing of this was saved")]
    TooLarge { what: String, bytes: usize, limit: usize },
    /// A folder that other people could read or swap.
    #[error("{} is not safe to use: {why}", path.display())]
    Unsafe { path: PathBuf, why: String },
    /// A folder on another machine, where neither a lock nor a sync is to be relied on.
    #[error("{} lies on another machine ({kind}), where what is saved is not safe", path.display())]
    Foreign { path: PathBuf, kind: String },
    /// The cache got nowhere; this process uses none any more.
    #[error("the cache in {} did not answer for {seconds} s", path.display())]
    Hung { path: PathBuf, seconds: u64 },
    #[error("sealing failed: {0}")]
    Seal(VaultError),
    #[error("{doing} {} failed: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}

fn told(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| {
        format!(" (process {}: {}, since {})", holder.pid, holder.place(), holder.since.text())
    })
}

/// The errors of a disk, a quota, or a size limit that is used up (Linux and macOS agree on 27 and 28).
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;

impl StoreError {
    /// For `map_err`: what was being done, to which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::from_io(doing, path, source)
    }

    pub(crate) fn from_io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        let used_up = matches!(source.raw_os_error(), Some(EFBIG | ENOSPC));
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ if used_up => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            io::ErrorKind::PermissionDenied if doing != READING => Self::ReadOnly { path },
            _ => Self::Io { doing, path, source },
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// What a fault of the vault means for `what`, which was to be opened.
    pub(crate) fn opening(what: impl Into<String>, error: &VaultError) -> Self {
        let what = what.into();
        match error {
            VaultError::OtherKey => Self::Key { what },
            other => Self::Corrupt { what: format!("{what} is damaged: {other}") },
        }
    }
}

/// What a reader says it is doing: a refusal to read is no matter of a read-only disk.
pub(crate) const READING: &str = "reading";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_become_what_a_caller_acts_on() {
        let path = Path::new("/data/journal");
        let told = |doing, raw| StoreError::from_io(doing, path, io::Error::from_raw_os_error(raw));
        assert!(matches!(told("writing", 28), StoreError::Full { .. }));
        assert!(matches!(told("writing", 27), StoreError::Full { .. }));
        assert!(matches!(told("writing", 30), StoreError::ReadOnly { .. }));
        assert!(matches!(told("writing", 13), StoreError::ReadOnly { .. }));
        assert!(matches!(told(READING, 13), StoreError::Io { .. }));
        assert!(matches!(told("writing", 5), StoreError::Io { .. }));
        assert_eq!(
            told("writing", 28).to_string(),
            "the disk has no room left for /data/journal; nothing of this was saved"
        );
        let locked = StoreError::Locked { holder: None };
        assert_eq!(locked.to_string(), "this account is in use by another console");
    }
}

//! An account's folder: where it is, and that it is one process's and one user's alone.
//!
//! `accounts/<sign-in's uuid>/` under the data folder holds `lock`, `account.toml` and its copy (`account`), `journal/`,
//! `cache/` and `quarantine/`, closed to everybody else. The lock is taken before anything in it is used; the system lets
//! go of it when the process dies, so it is never stale and never needs breaking.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::disk::{self, DIR_MODE, FILE_MODE};
use super::error::{READING, StoreError};
use super::filesystem::refuse_foreign;
use super::holder::Holder;

/// Who only looks whether the lock can be had has it for an instant, and so has a program that is being started until it
/// has let go of the files of the one that starts it: that is no refusal.
const GLANCE: Duration = Duration::from_millis(100);
/// Bytes of the lock file that are read for its hint.
const LOCK_BYTES_MAX: u64 = 1024;

/// Closes every file that this process will make to other users. Once, first thing in `main`: the mask
/// belongs to the whole process, and the cache's library opens its files without a mode of its own.
pub fn private_umask() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// One account's folder. Having this is not having the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFolder {
    path: PathBuf,
    account: Uuid,
}

/// The lock on an account's folder, for as long as this value lives.
#[derive(Debug)]
pub struct AccountLock {
    _file: File,
}

impl AccountFolder {
    /// The account's folder under the data folder `root`, made if missing. Modes open to others are
    /// repaired; a symlink or another user's folder is refused.
    pub fn create_or_open(root: &Path, account: Uuid) -> Result<Self, StoreError> {
        prepare_root(root)?;
        let accounts = root.join("accounts");
        disk::private_dir(&accounts)?;
        let folder = Self::of(root, account);
        folder.finish_erasing()?;
        disk::private_dir(&folder.path)?;
        for dir in [folder.journal_dir(), folder.cache_dir(), folder.quarantine_dir()] {
            disk::private_dir(&dir)?;
        }
        folder.close_files()?;
        folder.mend_account()?;
        Ok(folder)
    }

    /// The account's folder as it lies there, if it does: nothing is made, mended or locked.
    pub fn of(root: &Path, account: Uuid) -> Self {
        Self { path: root.join("accounts").join(account.to_string()), account }
    }

    /// A folder of that account under another name.
    pub(super) const fn at(path: PathBuf, account: Uuid) -> Self {
        Self { path, account }
    }

    /// What its folder is called.
    pub fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The accounts that this machine has, as they lie there: nothing is made, mended or locked.
    pub fn all(root: &Path) -> Result<Vec<Self>, StoreError> {
        let ids = names(root)?.into_iter().filter_map(|name| Uuid::try_parse(&name).ok());
        Ok(ids.map(|account| Self::of(root, account)).collect())
    }

    /// The folder of whom `email` names at the project `url`, if this machine has one, as it lies there. Folders whose
    /// file cannot be read are passed over: they cannot be this one's to open either.
    pub fn find(root: &Path, url: &str, email: &str) -> Result<Option<Self>, StoreError> {
        let is_theirs =
            |folder: &Self| folder.read().ok().flatten().is_some_and(|file| file.is_for(url, email));
        Ok(Self::all(root)?.into_iter().find(is_theirs))
    }

    /// The sign-in's uuid.
    pub fn account(&self) -> Uuid {
        self.account
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal_dir(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Is there a journal? Then there were keys to it as well.
    pub fn has_journal(&self) -> bool {
        fs::read_dir(self.journal_dir()).is_ok_and(|mut entries| entries.next().is_some())
    }

    pub fn cache_dir(&self) -> PathBuf {
        self.path.join("cache")
    }

    pub fn quarantine_dir(&self) -> PathBuf {
        self.path.join("quarantine")
    }

    /// Our own files, as an older version or a copy may have left them.
    fn close_files(&self) -> Result<(), StoreError> {
        let files = ["account.toml", "account.copy", "lock"].map(|name| self.path.join(name));
        for path in files {
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_file() => disk::set_mode(&path, found.mode(), FILE_MODE)?,
                Ok(_) => return Err(StoreError::Unsafe { path, why: "it is not a plain file".to_owned() }),
                Err(_) => {}
            }
        }
        Ok(())
    }

    pub fn lock_path(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Takes the lock, or says who has it. Before anything else in the folder is changed. Blocks for `GLANCE` where somebody
    /// has it.
    pub fn lock(&self) -> Result<AccountLock, StoreError> {
        let end = Instant::now() + GLANCE;
        let mut file = loop {
            match self.hold() {
                Err(StoreError::Locked { .. }) if Instant::now() < end => std::thread::sleep(GLANCE / 20),
                held => break held?,
            }
        };
        let text = serde_json::to_string(&Holder::here()).unwrap_or_default();
        // A hint for people: that it cannot be written (a full disk) is no reason not to hold the lock.
        let hint =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(text.as_bytes()));
        drop(hint);
        Ok(AccountLock { _file: file })
    }

    /// Could the lock be had now?
    pub fn is_free(&self) -> bool {
        self.hold().is_ok()
    }

    /// Has another process the lock? Neither takes it nor makes its file, but for the moment of asking.
    pub fn is_held(&self) -> bool {
        let file = disk::options().read(true).open(self.lock_path());
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn hold(&self) -> Result<File, StoreError> {
        let path = self.lock_path();
        let opened = disk::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(StoreError::io("opening", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { holder: holder(&file) }),
            Err(TryLockError::Error(error)) => Err(StoreError::from_io("locking", &path, error)),
        }
    }

    /// Who had the lock last, as they wrote it down.
    pub fn holder(&self) -> Option<Holder> {
        holder(&disk::options().read(true).open(self.lock_path()).ok()?).map(|holder| *holder)
    }
}

/// The names of all folders of accounts, also of those that were set aside.
pub(super) fn names(root: &Path) -> Result<Vec<String>, StoreError> {
    let accounts = root.join("accounts");
    let entries = match fs::read_dir(&accounts) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::from_io(READING, &accounts, error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        let name = entry.map_err(StoreError::io(READING, &accounts))?.file_name();
        Ok(name.to_str().map(str::to_owned))
    };
    entries.filter_map(|entry| name(entry).transpose()).collect()
}

/// The data folder: made with its missing parents; ours, a folder, and on this machine.
pub(super) fn prepare_root(root: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(DIR_MODE).create(root);
    made.map_err(StoreError::io("making the folder", root))?;
    let found = fs::metadata(root).map_err(StoreError::io("looking at", root))?;
    let me = rustix::process::getuid().as_raw();
    if found.uid() != me {
        let why = format!("it belongs to user {}, and this is user {me}", found.uid());
        return Err(StoreError::Unsafe { path: root.to_owned(), why });
    }
    refuse_foreign(root)
}

/// What the holder of the lock wrote into it.
fn holder(file: &File) -> Option<Box<Holder>> {
    let mut text = String::new();
    // Without its hint the answer is still that it is locked.
    file.take(LOCK_BYTES_MAX).read_to_string(&mut text).ok()?;
    Holder::parse(&text).map(Box::new)
}

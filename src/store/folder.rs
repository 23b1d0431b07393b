//! An account's folder: where it is, whose it is, and its one file in the clear.
//!
//! `accounts/<sign-in's uuid>/` under the data folder holds `lock`, `account.toml`, `journal/`, `cache/` and
//! `quarantine/`, closed to everybody else. The lock is taken before anything in it is used; the system lets
//! go of it when the process dies, so it is never stale and never needs breaking. `account.toml` holds no
//! name and no address, only a salted tag by which an address that somebody types finds its folder while
//! offline. It is no secret: the tag can be tried with guesses. What is secret in it is sealed.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::disk::{self, DIR_MODE, FILE_MODE};
use super::error::{READING, StoreError};
use super::filesystem::refuse_foreign;
use super::holder::Holder;
use super::tries::Tries;
use crate::domain::Stamp;
use crate::vault::{Purpose, Sealer, Wrap, WrapBy, random, text};

/// The format of `account.toml`.
const VERSION: u32 = 1;
/// `account.toml` is some 1 KiB; a larger file is not ours.
const ACCOUNT_BYTES_MAX: u64 = 64 << 10;
/// Bytes of the lock file that are read for its hint.
const LOCK_BYTES_MAX: u64 = 1024;
/// What a sealed refresh token is bound to, besides the account.
const SESSION_AAD: &[u8] = b"refresh token";

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

/// `account.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountFile {
    version: u32,
    /// The sign-in account.
    pub user_id: Uuid,
    /// This installation, as the server knows it; made once.
    pub device: Uuid,
    #[serde(with = "text::bytes")]
    salt: [u8; 32],
    #[serde(with = "text::bytes")]
    tag: [u8; 32],
    /// The refresh token, sealed.
    #[serde(with = "text::maybe", default, skip_serializing_if = "Option::is_none")]
    session: Option<Vec<u8>>,
    /// Wrong passwords since the last right one.
    #[serde(default, skip_serializing_if = "Tries::none")]
    pub tries: Tries,
    /// Since when the server says that the account is dismissed, until it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<Stamp>,
    /// The ways to the data key.
    #[serde(default)]
    pub wraps: Vec<Wrap>,
    /// What a newer version wrote beside it: kept.
    #[serde(flatten)]
    rest: toml::Table,
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
        Ok(folder)
    }

    /// The account's folder as it lies there, if it does: nothing is made, mended or locked.
    pub fn of(root: &Path, account: Uuid) -> Self {
        Self { path: root.join("accounts").join(account.to_string()), account }
    }

    /// The accounts that this machine has, as they lie there: nothing is made, mended or locked.
    pub fn all(root: &Path) -> Result<Vec<Self>, StoreError> {
        let accounts = root.join("accounts");
        let entries = match fs::read_dir(&accounts) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::from_io(READING, &accounts, error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(StoreError::io(READING, &accounts))?.file_name();
            if let Some(account) = name.to_str().and_then(|name| Uuid::try_parse(name).ok()) {
                found.push(Self::of(root, account));
            }
        }
        Ok(found)
    }

    /// The folder of whom `email` names at the project `url`, if this machine has one. Folders whose file
    /// cannot be read are passed over: they cannot be this one's to open either.
    pub fn find(root: &Path, url: &str, email: &str) -> Result<Option<Self>, StoreError> {
        let is_theirs =
            |folder: &Self| folder.read().ok().flatten().is_some_and(|file| file.is_for(url, email));
        let found = Self::all(root)?.into_iter().find(is_theirs);
        found.map(|folder| Self::create_or_open(root, folder.account)).transpose()
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

    pub fn cache_dir(&self) -> PathBuf {
        self.path.join("cache")
    }

    pub fn quarantine_dir(&self) -> PathBuf {
        self.path.join("quarantine")
    }

    fn account_path(&self) -> PathBuf {
        self.path.join("account.toml")
    }

    /// Our own files, as an older version or a copy may have left them.
    fn close_files(&self) -> Result<(), StoreError> {
        for path in [self.account_path(), self.lock_path()] {
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

    /// Takes the lock, or says who has it. Before anything else in the folder is changed.
    pub fn lock(&self) -> Result<AccountLock, StoreError> {
        let mut file = self.hold()?;
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

    /// Reads `account.toml`; `None` where there is none yet, or not any more.
    pub fn read(&self) -> Result<Option<AccountFile>, StoreError> {
        if self.is_erasing() {
            return Ok(None);
        }
        let path = self.account_path();
        let Some(bytes) = disk::read_bounded(&path, ACCOUNT_BYTES_MAX)? else { return Ok(None) };
        AccountFile::parse(&bytes).map(Some)
    }

    /// The account of a folder that has one.
    pub fn account_file(&self) -> Result<AccountFile, StoreError> {
        self.read()?.ok_or_else(|| StoreError::corrupt("account.toml is gone"))
    }

    /// Changes `account.toml`: read, changed and replaced as a whole, durably, one after the other, whichever process
    /// does it. Nothing is written where nothing changed or `change` fails.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut AccountFile) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // On the folder: the file itself is replaced, and `lock` is held by a console for hours.
        let turn = File::open(&self.path).map_err(StoreError::io("opening", &self.path))?;
        turn.lock().map_err(StoreError::io("locking", &self.path))?;
        let before = self.account_file()?;
        let mut file = before.clone();
        let done = change(&mut file)?;
        if file != before {
            self.write(&file)?;
        }
        Ok(done)
    }

    /// Replaces `account.toml` as a whole, durably.
    pub fn write(&self, file: &AccountFile) -> Result<(), StoreError> {
        disk::replace(&self.account_path(), file.text()?.as_bytes())
    }
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

/// A tag for (project, address) that needs the salt to be tried.
fn tag(salt: &[u8; 32], url: &str, email: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(salt);
    hasher.update(url.trim().trim_end_matches('/').as_bytes());
    hasher.update(&[0]).update(email.trim().to_lowercase().as_bytes());
    *hasher.finalize().as_bytes()
}

impl AccountFile {
    /// A new file with a device of its own and no wraps yet.
    pub fn new(url: &str, email: &str, user_id: Uuid) -> Result<Self, StoreError> {
        let salt = random().map_err(StoreError::Seal)?;
        Ok(Self {
            version: VERSION,
            user_id,
            device: Uuid::new_v4(),
            tag: tag(&salt, url, email),
            salt,
            session: None,
            tries: Tries::default(),
            dismissed: None,
            wraps: Vec::new(),
            rest: toml::Table::new(),
        })
    }

    /// Reads it from its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let bad = || StoreError::corrupt("account.toml cannot be read");
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        // The version first: a newer file may have another shape.
        let table: toml::Table = toml::from_str(text).map_err(|_| bad())?;
        let found = table.get("version").and_then(toml::Value::as_integer).ok_or_else(bad)?;
        let found = u32::try_from(found).map_err(|_| bad())?;
        if found > VERSION {
            return Err(StoreError::Schema { what: "account.toml".to_owned(), found, known: VERSION });
        }
        table.try_into().map_err(|_| bad())
    }

    /// As it is for another installation: a device of its own, no session, and none of the ways to the key that belong to
    /// this one.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        (self.session, self.tries, self.dismissed) = (None, Tries::default(), None);
        self.device = Uuid::new_v4();
        self.wraps.retain(|wrap| wrap.by != WrapBy::Server);
        self
    }

    /// The file's text.
    pub fn text(&self) -> Result<String, StoreError> {
        toml::to_string(self)
            .map_err(|error| StoreError::corrupt(format!("account.toml could not be made: {error}")))
    }

    /// Whether this is the account of that address at that project.
    pub fn is_for(&self, url: &str, email: &str) -> bool {
        self.tag == tag(&self.salt, url, email)
    }

    /// Follows a change of address.
    pub fn readdress(&mut self, url: &str, email: &str) {
        self.tag = tag(&self.salt, url, email);
    }

    /// Keeps the refresh token, sealed; `None` forgets it.
    pub fn set_session(&mut self, sealer: &Sealer, token: Option<&SecretString>) -> Result<(), StoreError> {
        let seal = |token: &SecretString| {
            sealer.seal(Purpose::Session, SESSION_AAD, token.expose_secret().as_bytes())
        };
        self.session = token.map(seal).transpose().map_err(StoreError::Seal)?;
        Ok(())
    }

    /// The refresh token, if one is kept.
    pub fn session(&self, sealer: &Sealer) -> Result<Option<SecretString>, StoreError> {
        let Some(kept) = &self.session else { return Ok(None) };
        let what = "the sign-in kept in account.toml";
        let plain = sealer
            .open(Purpose::Session, SESSION_AAD, kept)
            .map_err(|error| StoreError::opening(what, &error))?;
        let text =
            std::str::from_utf8(&plain).map_err(|_| StoreError::corrupt(format!("{what} is no text")))?;
        let text = Zeroizing::new(text.to_owned());
        Ok(Some(SecretString::from(text.as_str())))
    }
}

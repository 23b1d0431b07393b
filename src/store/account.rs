//! `account.toml`: whose folder it is, the ways to its key, and that it is as it was written.
//!
//! It holds no name and no address, only a salted tag by which an address that somebody types finds its folder while
//! offline. It is no secret: the tag can be tried with guesses. What is secret in it is sealed.
//!
//! The ways to the key cannot be made again by anybody, so the file is kept twice: `account.copy` is written after it.
//! Each begins with a sum over the rest, as a comment, which an older version leaves out when it writes. Reading takes
//! the copy where the file is damaged or gone; where neither is whole, the file as it is, or what is left of both
//! (`remains`), which is said to be doubtful: a way to the key that opens all the same is a right one. Opening the folder
//! puts the file right, keeps what was damaged in quarantine, and leaves a mark by which the person is told.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::disk;
use super::error::StoreError;
use super::folder::AccountFolder;
use super::remains;
use super::tries::Tries;
use crate::domain::Stamp;
use crate::vault::{Purpose, Sealer, Wrap, WrapBy, random, text};

/// The format of `account.toml`.
const VERSION: u32 = 1;
/// `account.toml` is some 1 KiB; a larger file is not ours.
const ACCOUNT_BYTES_MAX: u64 = 64 << 10;
/// What a sealed refresh token is bound to, besides the account.
const SESSION_AAD: &[u8] = b"refresh token";
/// How long another process may be at the file, and how often it is asked for.
const TURN_PATIENCE: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(10) };
const TURN_PAUSE: Duration = Duration::from_millis(5);
/// The same for what need not be done now.
const LOOK_PATIENCE: Duration = Duration::from_millis(500);
/// The first line, before the sum of the rest.
const SUM: &str = "# sum ";
/// In the place of a sum, which it is none of.
const DOUBTFUL: &str = "doubtful";
const FILE: &str = "account.toml";
const COPY: &str = "account.copy";
/// The mark of a file that was put right, until a person has been told.
const MENDED: &str = "mended";
/// What it holds where there was a whole copy.
const FROM_COPY: &[u8] = b"copy";
/// Bytes of that mark that are read: one word.
const MENDED_BYTES_MAX: u64 = 16;

/// How `account.toml` was put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// By its copy, whole.
    FromCopy,
    /// There was no whole copy: what is in it was kept, and some of it may be wrong.
    Doubtful,
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
    /// Its sum is another one than it was written with.
    #[serde(skip)]
    doubtful: bool,
}

impl AccountFolder {
    fn account_path(&self) -> PathBuf {
        self.path().join(FILE)
    }

    /// Reads the account's file, or the copy in its place, or what is left of both; `None` where there is none yet, or not
    /// any more.
    pub fn read(&self) -> Result<Option<AccountFile>, StoreError> {
        if self.is_erasing() {
            return Ok(None);
        }
        let file = read_one(&self.account_path());
        let is_final = match &file {
            Ok(Some(file)) => !file.is_doubtful(),
            Ok(None) | Err(StoreError::Corrupt { .. }) => false,
            Err(_) => true,
        };
        if is_final {
            return file;
        }
        match (file, read_one(&self.path().join(COPY))) {
            (_, Ok(Some(copy))) if !copy.is_doubtful() => Ok(Some(copy)),
            (Err(_), Ok(Some(copy))) => Ok(Some(copy)),
            (Ok(None), Ok(None)) => Ok(None),
            (file @ (Err(_) | Ok(None)), _) => self.remains().map_or(file, |left| Ok(Some(left))),
            (file, _) => file,
        }
    }

    /// What is left of a file and a copy that cannot be read.
    fn remains(&self) -> Option<AccountFile> {
        let read = |name: &str| disk::read_bounded(&self.path().join(name), ACCOUNT_BYTES_MAX).ok().flatten();
        let found: Vec<Vec<u8>> = [FILE, COPY].into_iter().filter_map(read).collect();
        AccountFile::of_remains(&found.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The account of a folder that has one.
    pub fn account_file(&self) -> Result<AccountFile, StoreError> {
        self.read()?.ok_or_else(|| StoreError::corrupt("account.toml is gone"))
    }

    /// Is the file itself as it was written?
    pub fn is_file_whole(&self) -> bool {
        read_one(&self.account_path()).is_ok_and(|file| file.is_some_and(|file| !file.is_doubtful()))
    }

    /// One process at a time changes the file: on the folder, since the file is replaced, and `lock` is held by a console
    /// for hours. Each has it for some milliseconds; one that was stopped meanwhile is not waited for without end.
    fn turn(&self, patience: Duration) -> Result<File, StoreError> {
        let turn = File::open(self.path()).map_err(StoreError::io("opening", self.path()))?;
        let end = Instant::now() + patience;
        loop {
            match turn.try_lock() {
                Ok(()) => return Ok(turn),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(TURN_PAUSE),
                // To the person it is a console that does not answer.
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { holder: self.holder().map(Box::new) });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::from_io("locking", self.path(), error));
                }
            }
        }
    }

    /// Changes `account.toml`: read, changed and replaced as a whole, durably, one after the other, whichever process
    /// does it. Nothing is written where nothing changed or `change` fails.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut AccountFile) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _turn = self.turn(TURN_PATIENCE)?;
        let before = self.account_file()?;
        let mut file = before.clone();
        let done = change(&mut file)?;
        if file != before {
            self.write(&file)?;
        }
        Ok(done)
    }

    /// Replaces `account.toml` as a whole, durably, and its copy after it.
    pub fn write(&self, file: &AccountFile) -> Result<(), StoreError> {
        let text = file.text()?;
        disk::replace(&self.account_path(), text.as_bytes())?;
        self.keep_copy(text.as_bytes());
        Ok(())
    }

    fn keep_copy(&self, bytes: &[u8]) {
        let path = self.path().join(COPY);
        if let Err(error) = disk::replace(&path, bytes) {
            tracing::warn!(%error, "account.toml has no copy");
            // An older one might hold a way to the key that was taken away.
            drop(fs::remove_file(path));
        }
    }

    /// Puts right what reading got round, and brings the copy up to date. What cannot be put right is left as it is: who
    /// reads it is told. It waits for whoever is at the file, and not without end: reading does without.
    pub(super) fn mend_account(&self) -> Result<(), StoreError> {
        if self.is_erasing() {
            return Ok(());
        }
        let _turn = match self.turn(LOOK_PATIENCE) {
            Err(StoreError::Locked { holder }) => {
                tracing::warn!(
                    ?holder,
                    "account.toml is not looked over: a process that has its turn does not go on"
                );
                return Ok(());
            }
            turn => turn?,
        };
        let path = self.account_path();
        let found = match disk::read_bounded(&path, ACCOUNT_BYTES_MAX) {
            // Too large to be ours: as damaged as can be.
            Err(StoreError::Corrupt { .. }) => Some(Vec::new()),
            found => found?,
        };
        let copy = disk::read_bounded(&self.path().join(COPY), ACCOUNT_BYTES_MAX).ok().flatten();
        let parsed = found.as_deref().map(AccountFile::parse);
        let copy = match &parsed {
            Some(Ok(file)) if !file.is_doubtful() => {
                if let (Some(found), Some(copy)) = (&found, &copy)
                    && found != copy
                {
                    self.keep_copy(found);
                }
                return Ok(());
            }
            Some(Err(StoreError::Schema { .. })) => return Ok(()),
            parsed => {
                let whole = |bytes: &Vec<u8>| AccountFile::parse(bytes).is_ok_and(|copy| !copy.is_doubtful());
                match (copy.as_ref().filter(|copy| whole(copy)), self.remains()) {
                    (Some(copy), _) => copy.clone(),
                    // It stays until something of it has opened: `Store::open`.
                    (None, _) if matches!(parsed, Some(Ok(_))) => return self.mark(Mended::Doubtful),
                    (None, None) => return Ok(()),
                    (None, Some(left)) => {
                        for (name, bytes) in [(FILE, &found), (COPY, &copy)] {
                            if let Some(bytes) = bytes {
                                disk::set_aside(&self.quarantine_dir(), name, bytes)?;
                            }
                        }
                        tracing::error!(
                            "account.toml and its copy were damaged, and are put together from what is left"
                        );
                        self.mark(Mended::Doubtful)?;
                        return self.write(&left);
                    }
                }
            }
        };
        if let Some(found) = &found {
            disk::set_aside(&self.quarantine_dir(), FILE, found)?;
        }
        tracing::error!("account.toml was damaged, and is put right from its copy");
        self.mark(Mended::FromCopy)?;
        disk::replace(&path, &copy)
    }

    /// Leaves the mark by which a person is told.
    fn mark(&self, mended: Mended) -> Result<(), StoreError> {
        let word: &[u8] = if mended == Mended::FromCopy { FROM_COPY } else { b"doubtful" };
        disk::replace(&self.path().join(MENDED), word)
    }

    /// How the file was put right since a person was told last. Only for who has opened the key: what is doubtful is kept
    /// from then on.
    pub(super) fn told_mended(&self) -> Result<Option<Mended>, StoreError> {
        let mark = self.path().join(MENDED);
        let Some(word) = disk::read_bounded(&mark, MENDED_BYTES_MAX).ok().flatten() else { return Ok(None) };
        let mended = if word == FROM_COPY { Mended::FromCopy } else { Mended::Doubtful };
        if !self.is_file_whole() {
            let found = disk::read_bounded(&self.account_path(), ACCOUNT_BYTES_MAX)?.unwrap_or_default();
            disk::set_aside(&self.quarantine_dir(), FILE, &found)?;
            self.write(&AccountFile { doubtful: false, ..self.account_file()? })?;
        }
        disk::remove(&mark)?;
        Ok(Some(mended))
    }
}

fn sum_of(text: &str) -> String {
    format!("{:08x}", crc32c::crc32c(text.as_bytes()))
}

fn read_one(path: &Path) -> Result<Option<AccountFile>, StoreError> {
    disk::read_bounded(path, ACCOUNT_BYTES_MAX)?.map(|bytes| AccountFile::parse(&bytes)).transpose()
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
            doubtful: false,
        })
    }

    /// Reads it from its bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let bad = || StoreError::corrupt("account.toml cannot be read");
        let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
        let first = text.split_once('\n').filter(|(first, _)| first.starts_with(SUM));
        let is_whole =
            first.is_none_or(|(first, rest)| first.strip_prefix(SUM) == Some(sum_of(rest).as_str()));
        // The version first: a newer file may have another shape.
        let table: toml::Table = toml::from_str(text).map_err(|_| bad())?;
        let found = table.get("version").and_then(toml::Value::as_integer).ok_or_else(bad)?;
        let found = u32::try_from(found).map_err(|_| bad())?;
        if found > VERSION && !is_whole {
            return Err(bad());
        }
        if found > VERSION {
            return Err(StoreError::Schema { what: "account.toml".to_owned(), found, known: VERSION });
        }
        let file: Self = table.try_into().map_err(|_| bad())?;
        Ok(Self { doubtful: !is_whole, ..file })
    }

    /// What is left of damaged files, as one file that is doubtful; `None` where no way to the key is among it.
    pub fn of_remains(files: &[&[u8]]) -> Option<Self> {
        let new = Self::new("", "", Uuid::nil()).ok()?;
        let new = toml::Table::try_from(&new).ok()?;
        let read = |table: &toml::Table| table.clone().try_into::<Self>();
        let whole = remains::gather(files, new, VERSION, |table| read(table).is_ok())?;
        read(&whole).ok().map(|file| Self { doubtful: true, ..file })
    }

    /// The file's text, with its sum.
    pub fn text(&self) -> Result<String, StoreError> {
        let text = toml::to_string(self)
            .map_err(|error| StoreError::corrupt(format!("account.toml could not be made: {error}")))?;
        // What is doubtful stays so until the key has opened, whatever is changed in it meanwhile.
        let sum = if self.doubtful { DOUBTFUL.to_owned() } else { sum_of(&text) };
        Ok(format!("{SUM}{sum}\n{text}"))
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

    /// Was it changed by nobody of ours since it was written? What is sealed in it shows for itself whether it is right.
    pub const fn is_doubtful(&self) -> bool {
        self.doubtful
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A console that was stopped in the middle of it (SIGSTOP) keeps the turn.
    #[test]
    fn a_turn_that_nobody_gives_back_is_not_waited_for_without_end() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = AccountFolder::create_or_open(root.path(), Uuid::from_u128(7)).expect("a folder");
        folder
            .write(&AccountFile::new("https://flyos.example", "ann@x.mil", Uuid::nil()).expect("a file"))
            .expect("kept");
        let stopped = File::open(folder.path()).expect("the folder");
        stopped.try_lock().expect("free");
        let _lock = folder.lock().expect("free");
        let error = folder.update(|_| Ok(())).expect_err("it is taken");
        assert!(matches!(error, StoreError::Locked { holder: Some(_) }), "{error}");
        // What is there is read all the same: who it is can be told, and the console be taken over.
        let again = AccountFolder::create_or_open(root.path(), Uuid::from_u128(7)).expect("opened");
        assert!(again.account_file().is_ok());
        drop(stopped);
        folder.update(|_| Ok(())).expect("it is free again");
    }
}

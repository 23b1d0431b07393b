//! Making an account's folder here, or opening the one that is here, once the server has taken the password.

use std::path::PathBuf;

use uuid::Uuid;

use super::own::{self, Typed};
use super::{Known, Old, Shut, SignInError, lock, open_store, prove, unwrap};
use crate::domain::Stamp;
use crate::store::{AccountFile, AccountFolder, StoreError, Tries};
use crate::vault::{DataKey, KdfParams};

/// One folder per project and sign-in account: a cloned project has the same accounts, and its edits must
/// not meet.
pub(super) fn account_id(url: &str, user: Uuid) -> Uuid {
    let hash = blake3::hash(format!("{url}\0{user}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

/// Does the folder's file say truly whose it is? One that was put together from what was left of it may not.
pub(super) fn is_of(folder: &AccountFolder, url: &str) -> bool {
    folder.read().ok().flatten().is_some_and(|file| account_id(url, file.user_id) == folder.account())
}

/// What an account's folder is made of, or opened with, once the server has taken the password.
pub(super) struct Making {
    pub data: PathBuf,
    pub url: String,
    pub email: String,
    pub user: Uuid,
    pub password: Typed,
    pub old: Old,
    /// The account's key, where the server's key for this device opened it.
    pub by_server: Option<DataKey>,
    pub kdf: KdfParams,
    pub now: Stamp,
}

impl Making {
    /// Makes the account's folder; or, where the account is known under an older address or password, opens it.
    pub fn make(&self) -> Result<Known, SignInError> {
        let mut folder = self.folder()?;
        // Whether the password opens what is here is seen before anybody has to leave.
        let key = match self.opened(&folder) {
            Err(SignInError::Shut { .. }) if matches!(self.old, Old::SetAside) => {
                let aside = folder.set_aside(lock(&folder)?, self.now)?;
                tracing::warn!(path = %aside.display(), "an account that does not open was set aside");
                folder = self.folder()?;
                None
            }
            opened => opened?,
        };
        let lock = lock(&folder)?;
        let mut account = match folder.read()? {
            Some(account) => account,
            None => AccountFile::new(&self.url, &self.email, self.user)?,
        };
        let key = match key {
            Some(key) => key,
            None if account.wraps.is_empty() => DataKey::random().map_err(SignInError::Vault)?,
            // Somebody else made it meanwhile.
            None => unwrap(&account, &self.password)?,
        };
        account.readdress(&self.url, &self.email);
        // A file that was put together from what was left of it may not know.
        account.user_id = self.user;
        account.tries = Tries::default();
        own::wrap_only_by(&mut account, &self.password, &key, self.kdf)?;
        folder.write(&account)?;
        open_store(folder, lock, key, &account)
    }

    /// The key of what is here, by the password or by what was said about an older one; `None`: nothing is here yet.
    fn opened(&self, folder: &AccountFolder) -> Result<Option<DataKey>, SignInError> {
        let shut = |why| SignInError::Shut { why, unsent: folder.unsent() };
        let account = match folder.read() {
            // A new key would shut what is sealed by the old one out for good.
            Ok(None) if folder.has_journal() && !folder.is_erasing() => return Err(shut(Shut::Unreadable)),
            Ok(None) => return Ok(None),
            Ok(Some(_)) if self.by_server.is_some() => return Ok(self.by_server.clone()),
            Ok(Some(account)) => account,
            Err(StoreError::Corrupt { .. }) => return Err(shut(Shut::Unreadable)),
            Err(error) => return Err(error.into()),
        };
        let why = match unwrap(&account, &self.password) {
            Err(SignInError::WrongPassword) => Shut::OlderPassword,
            Err(SignInError::Damaged) => Shut::Damaged,
            opened => return opened.map(Some),
        };
        let Old::Password(old) = &self.old else { return Err(shut(why)) };
        let proved = prove(folder, old, self.now).map_err(|error| match error {
            SignInError::WrongPassword | SignInError::Damaged => SignInError::OldPasswordWrong,
            other => other,
        });
        Ok(Some(proved?.1))
    }

    fn folder(&self) -> Result<AccountFolder, StoreError> {
        AccountFolder::create_or_open(&self.data, account_id(&self.url, self.user))
    }
}

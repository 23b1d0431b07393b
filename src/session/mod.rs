//! Who is signed in: from an address and a password to an open account.
//!
//! An account this machine knows is opened by its own key first: the password unwraps it, no network is
//! asked, and the server's word comes later, in the background. An account it does not know needs the
//! server once. Either way the folder is locked for the life of the session.
//!
//! The password is looked at before the lock: whoever is told that another console has the account, where it
//! runs, and may take over from it, has shown to be its owner. `socket` is how that console is spoken to,
//! `takeover` how one that hangs is ended.

pub mod clock;
pub mod keeper;
pub mod socket;
pub mod takeover;

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use uuid::Uuid;

pub use clock::Clock;
pub use keeper::Keeper;

use crate::domain::Stamp;
use crate::remote::{Client, RemoteError};
use crate::store::{AccountFile, AccountFolder, AccountLock, Desk, Found, Holder, Store, StoreError, Tries};
use crate::vault::{self, DataKey, KdfParams, Sealer, VaultError};

/// An account that is open here.
#[derive(Debug)]
pub struct Open {
    pub email: String,
    pub uid: Uuid,
    pub device: Uuid,
    pub folder: AccountFolder,
    pub desk: Arc<Desk>,
    pub keeper: Arc<Keeper>,
    pub found: Found,
    /// Opened by its own key, without the server.
    pub offline: bool,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password is right, and another console has the account open.
    #[error("another console has the account open")]
    InUse { folder: AccountFolder, holder: Option<Box<Holder>> },
    /// This machine knows the account under another password, and the server agrees with neither or cannot
    /// be asked.
    #[error("the password does not open what this machine has")]
    WrongPassword,
    /// Too many wrong ones: none is looked at for so many seconds.
    #[error("too many wrong passwords: wait {wait_s} s")]
    TooManyTries { wait_s: i64 },
    /// The server takes the password, but what this machine has is sealed with an older one.
    #[error("the password was changed elsewhere")]
    PasswordChanged,
    #[error("the keys could not be made: {0}")]
    Vault(VaultError),
}

/// What a sign-in needs.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub data: &'a Path,
    pub client: Client,
    pub url: &'a str,
    pub email: &'a str,
    pub password: &'a SecretString,
    pub kdf: KdfParams,
    /// What the clock says.
    pub now: Stamp,
}

/// Signs in. Blocking work (key derivation, opening files) runs on a thread of its own.
pub async fn sign_in(request: Request<'_>) -> Result<Open, SignInError> {
    let (data, url, email) = (request.data.to_owned(), request.url.to_owned(), request.email.to_owned());
    let known = blocking(move || AccountFolder::find(&data, &url, &email)).await??;
    match known {
        Some(folder) => unlock(request, folder).await,
        None => first_time(request).await,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Corrupt { what: "opening the account ended in a fault".to_owned() })
}

async fn unlock(request: Request<'_>, folder: AccountFolder) -> Result<Open, SignInError> {
    let (password, now) = (request.password.clone(), request.now);
    let opened = blocking(move || open_known(folder, &password, now)).await?;
    let (folder, desk, found, uid, device, refresh) = match opened {
        Err(SignInError::WrongPassword) => {
            // Wrong here: either mistyped, or changed on the server meanwhile. Only the server can tell.
            return Err(match request.client.sign_in(request.email, request.password).await {
                Ok(_) => SignInError::PasswordChanged,
                Err(error) if error.is_offline() => SignInError::WrongPassword,
                Err(error) => error.into(),
            });
        }
        other => other?,
    };
    let keeper = Keeper::unlocked(
        uid,
        request.client,
        Arc::clone(&desk),
        refresh,
        request.email.to_owned(),
        request.password.clone(),
    );
    Ok(Open {
        email: request.email.to_owned(),
        uid,
        device,
        folder,
        desk,
        keeper: Arc::new(keeper),
        found,
        offline: true,
    })
}

type Known = (AccountFolder, Arc<Desk>, Found, Uuid, Uuid, Option<SecretString>);

fn open_known(folder: AccountFolder, password: &SecretString, now: Stamp) -> Result<Known, SignInError> {
    let (account, key) = prove(&folder, password, now)?;
    let lock = lock(&folder)?;
    open_store(folder, lock, &key, &account)
}

/// Whether it is the account's owner; wrong passwords are counted. Without the lock: where another console has it, both
/// may write the file at the same moment, and what gets lost then is a count, or a refresh token for which the
/// password stands in.
fn prove(
    folder: &AccountFolder,
    password: &SecretString,
    now: Stamp,
) -> Result<(AccountFile, DataKey), SignInError> {
    let read =
        || folder.read()?.ok_or_else(|| StoreError::Corrupt { what: "account.toml is gone".to_owned() });
    let account = read()?;
    if let Some(wait_s) = account.tries.wait_s(now) {
        return Err(SignInError::TooManyTries { wait_s });
    }
    let key = unwrap(&account, password);
    // Read again: the derivation of the key took its time.
    let mut account = read()?;
    let before = account.tries.clone();
    match &key {
        Ok(_) => account.tries = Tries::default(),
        Err(SignInError::WrongPassword) => account.tries.failed(now),
        Err(_) => {}
    }
    if account.tries != before
        && let Err(error) = folder.write(&account)
    {
        // A full disk is no reason to keep out who has the right password.
        tracing::warn!(%error, "the count of wrong passwords could not be written");
    }
    Ok((account, key?))
}

fn lock(folder: &AccountFolder) -> Result<AccountLock, SignInError> {
    folder.lock().map_err(|error| match error {
        StoreError::Locked { holder } => SignInError::InUse { folder: folder.clone(), holder },
        other => other.into(),
    })
}

fn unwrap(account: &AccountFile, password: &SecretString) -> Result<DataKey, SignInError> {
    let opened = account.wraps.iter().find_map(|wrap| match vault::unwrap(password, wrap) {
        Ok(key) => Some(Ok(key)),
        Err(VaultError::WrongPassword) => None,
        Err(error) => Some(Err(SignInError::Vault(error))),
    });
    opened.unwrap_or(Err(SignInError::WrongPassword))
}

fn open_store(
    folder: AccountFolder,
    lock: AccountLock,
    key: &DataKey,
    account: &AccountFile,
) -> Result<Known, SignInError> {
    let sealer = Sealer::new(key, folder.account().into_bytes());
    let (store, found) = Store::open(folder.clone(), lock, &sealer)?;
    let refresh = store.stored_session();
    let desk = Desk::start(store).map_err(|source| StoreError::Io {
        doing: "starting the thread of",
        path: "the store".into(),
        source,
    })?;
    Ok((folder, Arc::new(desk), found, account.user_id, account.device, refresh))
}

async fn first_time(request: Request<'_>) -> Result<Open, SignInError> {
    let reply = request.client.sign_in(request.email, request.password).await?.value;
    let (data, url, email) = (request.data.to_owned(), request.url.to_owned(), request.email.to_owned());
    let (password, kdf, user) = (request.password.clone(), request.kdf, reply.user.id);
    let made = blocking(move || make(&data, (&url, &email, user), &password, kdf)).await??;
    let (folder, desk, found, uid, device, _) = made;
    let keeper = Keeper::signed_in(request.client, Arc::clone(&desk), &reply);
    keeper.keep(&reply).await;
    let email = request.email.to_owned();
    Ok(Open { email, uid, device, folder, desk, keeper: Arc::new(keeper), found, offline: false })
}

/// One folder per project and sign-in account: a cloned project has the same accounts, and its edits must
/// not meet.
fn account_id(url: &str, user: Uuid) -> Uuid {
    let hash = blake3::hash(format!("{url}\0{user}").as_bytes());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(id).into_uuid()
}

/// Makes the account's folder; or, where the account is known under an older address, opens it.
fn make(
    data: &Path,
    (url, email, user): (&str, &str, Uuid),
    password: &SecretString,
    kdf: KdfParams,
) -> Result<Known, SignInError> {
    let folder = AccountFolder::create_or_open(data, account_id(url, user))?;
    // The server has taken the password; whether it opens what is here is seen before anybody has to leave.
    if let Some(account) = folder.read()?
        && !folder.is_free()
    {
        unwrap(&account, password).map_err(|_| SignInError::PasswordChanged)?;
    }
    let lock = lock(&folder)?;
    let (account, key) = if let Some(mut account) = folder.read()? {
        let key = unwrap(&account, password).map_err(|_| SignInError::PasswordChanged)?;
        account.readdress(url, email);
        (account, key)
    } else {
        let key = DataKey::random().map_err(SignInError::Vault)?;
        let mut account = AccountFile::new(url, email, user)?;
        account.wraps.push(vault::wrap(password, &key, kdf).map_err(SignInError::Vault)?);
        (account, key)
    };
    folder.write(&account)?;
    open_store(folder, lock, &key, &account)
}

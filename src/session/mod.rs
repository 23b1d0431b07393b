//! Who is signed in: from an address and a password to an open account.
//!
//! An account this machine knows is opened by its own key first: the password unwraps it, no network is
//! asked, and the server's word comes later, in the background. An account it does not know needs the
//! server once. Either way the folder is locked for the life of the session.
//!
//! The password, or recovery words in its place, is looked at before the lock: whoever is told that another console has the account, where it
//! runs, and may take over from it, has shown to be its owner. `socket` is how that console is spoken to,
//! `takeover` how one that hangs is ended.

pub mod clock;
pub mod keeper;
pub mod socket;
pub mod takeover;
pub mod ways;

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

pub use clock::Clock;
pub use keeper::Keeper;

use crate::domain::Stamp;
use crate::remote::wire::TokenReply;
use crate::remote::{Client, RemoteError};
use crate::store::{AccountFile, AccountFolder, AccountLock, Desk, Found, Holder, Store, StoreError, Tries};
use crate::vault::{self, DataKey, KdfParams, Sealer, VaultError, WrapBy, words};

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
    /// The account's key, for making another way to it.
    pub key: DataKey,
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
    /// Meant as recovery words, and none.
    #[error("these are no recovery words: {0}")]
    Words(words::BadWords),
    /// Recovery words, and nothing here that they could open.
    #[error("this machine has nothing of the account that recovery words could open")]
    NothingToRecover,
    /// Headquarters wants what this device has erased.
    #[error("this device's key was deleted on the server")]
    Erased { folder: AccountFolder },
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
        // Words are for this machine alone: they are sent to nobody.
        None if is_words(request.password) => Err(SignInError::NothingToRecover),
        None => first_time(request).await,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| StoreError::Corrupt { what: "opening the account ended in a fault".to_owned() })
}

fn is_words(typed: &SecretString) -> bool {
    words::is_meant(typed.expose_secret())
}

async fn unlock(request: Request<'_>, folder: AccountFolder) -> Result<Open, SignInError> {
    let (password, now, again) = (request.password.clone(), request.now, folder.clone());
    let opened = blocking(move || open_known(folder, &password, now)).await?;
    match opened {
        Err(SignInError::WrongPassword) if !is_words(request.password) => {
            // Wrong here: either mistyped, or changed on the server meanwhile. Only the server can tell.
            match request.client.sign_in(request.email, request.password).await {
                Ok(reply) => by_server(request, again, &reply.value).await,
                Err(error) if error.is_offline() => Err(SignInError::WrongPassword),
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?.unlocked(request.client, request.email, request.password)),
    }
}

/// The server took a password that does not open what is here: the key that it keeps for this device may.
async fn by_server(
    request: Request<'_>,
    folder: AccountFolder,
    reply: &TokenReply,
) -> Result<Open, SignInError> {
    let token = SecretString::from(reply.access_token.clone());
    let way = ways::by_server(&request.client, &token, &folder, request.password, request.kdf).await?;
    let Some((account, key)) = way.filter(|(account, _)| account.user_id == reply.user.id) else {
        return Err(SignInError::PasswordChanged);
    };
    let (url, email) = (request.url.to_owned(), request.email.to_owned());
    let known = blocking(move || {
        let lock = lock(&folder)?;
        folder.update(|account| {
            account.readdress(&url, &email);
            Ok(())
        })?;
        open_store(folder, lock, key, &account)
    });
    Ok(known.await??.signed_in(request.client, request.email, reply).await)
}

/// An account that was opened, before anybody speaks for it with the server.
struct Known {
    folder: AccountFolder,
    desk: Arc<Desk>,
    found: Found,
    uid: Uuid,
    device: Uuid,
    refresh: Option<SecretString>,
    key: DataKey,
}

impl Known {
    /// Opened without the server: by the password, which is tried there once, or by words, which never are.
    fn unlocked(mut self, client: Client, email: &str, typed: &SecretString) -> Open {
        let unlock = (!is_words(typed)).then(|| (email.to_owned(), typed.clone()));
        let desk = Arc::clone(&self.desk);
        let keeper = Keeper::unlocked(self.uid, client, desk, self.refresh.take(), unlock);
        self.open(email, keeper, true)
    }

    /// With the session of a fresh sign-in.
    async fn signed_in(self, client: Client, email: &str, reply: &TokenReply) -> Open {
        let keeper = Keeper::signed_in(client, Arc::clone(&self.desk), reply);
        keeper.keep(reply).await;
        self.open(email, keeper, false)
    }

    fn open(self, email: &str, keeper: Keeper, offline: bool) -> Open {
        let Self { folder, desk, found, uid, device, key, .. } = self;
        let (email, keeper) = (email.to_owned(), Arc::new(keeper));
        Open { email, uid, device, folder, desk, keeper, found, offline, key }
    }
}

fn open_known(folder: AccountFolder, password: &SecretString, now: Stamp) -> Result<Known, SignInError> {
    let (account, key, _) = prove(&folder, password, now)?;
    let lock = lock(&folder)?;
    open_store(folder, lock, key, &account)
}

/// Opens an account for its owner, and asks no server.
pub fn open_alone(
    folder: AccountFolder,
    password: &SecretString,
    now: Stamp,
) -> Result<Arc<Desk>, SignInError> {
    open_known(folder, password, now).map(|known| known.desk)
}

/// Opens an account whose lock is held already, for its owner: after the console was locked.
pub fn reopen(
    folder: AccountFolder,
    lock: AccountLock,
    (account, key): (&AccountFile, DataKey),
    client: Client,
    (email, typed): (&str, &SecretString),
) -> Result<Open, SignInError> {
    Ok(open_store(folder, lock, key, account)?.unlocked(client, email, typed))
}

/// Whether it is the account's owner; wrong passwords are counted. Without the lock, which another console may have.
pub fn prove(
    folder: &AccountFolder,
    password: &SecretString,
    now: Stamp,
) -> Result<(AccountFile, DataKey, WrapBy), SignInError> {
    let read =
        || folder.read()?.ok_or_else(|| StoreError::Corrupt { what: "account.toml is gone".to_owned() });
    let account = read()?;
    if let Some(wait_s) = account.tries.wait_s(now) {
        return Err(SignInError::TooManyTries { wait_s });
    }
    let key = ways::open(&account, password);
    // Read again: the derivation of the key took its time.
    let counted = folder.update(|account| {
        match &key {
            Ok(_) => account.tries = Tries::default(),
            Err(SignInError::WrongPassword) => account.tries.failed(now),
            Err(_) => {}
        }
        Ok(())
    });
    if let Err(error) = counted {
        // A full disk is no reason to keep out who has the right password.
        tracing::warn!(%error, "the count of wrong passwords could not be written");
    }
    let (key, by) = key?;
    Ok((read()?, key, by))
}

fn lock(folder: &AccountFolder) -> Result<AccountLock, SignInError> {
    folder.lock().map_err(|error| match error {
        StoreError::Locked { holder } => SignInError::InUse { folder: folder.clone(), holder },
        other => other.into(),
    })
}

fn open_store(
    folder: AccountFolder,
    lock: AccountLock,
    key: DataKey,
    account: &AccountFile,
) -> Result<Known, SignInError> {
    let sealer = Sealer::new(&key, folder.account().into_bytes());
    let (store, found) = Store::open(folder.clone(), lock, &sealer)?;
    let refresh = store.stored_session();
    let desk = Desk::start(store).map_err(|source| StoreError::Io {
        doing: "starting the thread of",
        path: "the store".into(),
        source,
    })?;
    let (uid, device) = (account.user_id, account.device);
    Ok(Known { folder, desk: Arc::new(desk), found, uid, device, refresh, key })
}

async fn first_time(request: Request<'_>) -> Result<Open, SignInError> {
    let reply = request.client.sign_in(request.email, request.password).await?.value;
    let (data, url, email) = (request.data.to_owned(), request.url.to_owned(), request.email.to_owned());
    let (password, kdf, user) = (request.password.clone(), request.kdf, reply.user.id);
    let folder = AccountFolder::of(request.data, account_id(request.url, user));
    match blocking(move || make(&data, (&url, &email, user), &password, kdf)).await? {
        Err(SignInError::PasswordChanged) => by_server(request, folder, &reply).await,
        made => Ok(made?.signed_in(request.client, request.email, &reply).await),
    }
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
        ways::open(&account, password).map_err(|_| SignInError::PasswordChanged)?;
    }
    let lock = lock(&folder)?;
    let (account, key) = if let Some(mut account) = folder.read()? {
        let (key, _) = ways::open(&account, password).map_err(|_| SignInError::PasswordChanged)?;
        account.readdress(url, email);
        (account, key)
    } else {
        let key = DataKey::random().map_err(SignInError::Vault)?;
        let mut account = AccountFile::new(url, email, user)?;
        account.wraps.push(vault::wrap(password, &key, kdf).map_err(SignInError::Vault)?);
        (account, key)
    };
    folder.write(&account)?;
    open_store(folder, lock, key, &account)
}

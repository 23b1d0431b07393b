//! Who is signed in: from an address and a password to an open account.
//!
//! An account this machine knows is opened by its own key first: the password unwraps it, no network is
//! asked, and the server's word comes later, in the background. An account it does not know needs the
//! server once. Either way the folder is locked for the life of the session.
//!
//! Where the server takes a password that does not open what this machine has, it was changed elsewhere: the key that the
//! server keeps for this device opens it (`ways`), or the old one is asked for once, and the key is wrapped anew (`own`);
//! or what is here is set aside, and nothing is deleted.
//!
//! The password, or recovery words in its place, is looked at before the lock: whoever is told that another console has the
//! account, where it
//! runs, and may take over from it, has shown to be its owner. `socket` is how that console is spoken to,
//! `takeover` how one that hangs is ended.

pub mod clock;
pub mod keeper;
pub mod kept;
mod making;
pub mod own;
pub mod socket;
pub mod takeover;
pub mod ways;

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

pub use clock::Clock;
pub use keeper::Keeper;
use making::{Making, account_id, is_of};
use own::Typed;

use crate::domain::Stamp;
use crate::remote::wire::TokenReply;
use crate::remote::{Client, RemoteError, SignOutScope};
use crate::store::{AccountFile, AccountFolder, AccountLock, Desk, Found, Holder, Store, StoreError, Tries};
use crate::vault::{DataKey, KdfParams, Sealer, VaultError, WrapBy, words};

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
    /// The server takes the password, and it does not open what this machine has. `unsent`: how many edits are in it
    /// that were not sent, where that is known.
    #[error("the password does not open what this machine has, and the server takes it")]
    Shut { why: Shut, unsent: Option<usize> },
    /// The password opens nothing, and the file that holds its copy of the key is damaged.
    #[error("the copy of the key that the password opens is damaged")]
    Damaged,
    /// The old password that was given for it opens nothing either.
    #[error("the old password does not open what this machine has")]
    OldPasswordWrong,
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

/// Why what this machine has does not open, though the server takes the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shut {
    /// It is sealed with an older one.
    OlderPassword,
    /// The copy of its key that the password opens is damaged; other ways in may be whole.
    Damaged,
    /// The file with all ways to its key cannot be read, nor its copy, and no way to the key is left in them.
    Unreadable,
}

/// What a sign-in needs.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub data: &'a Path,
    pub client: Client,
    pub url: &'a str,
    pub email: &'a str,
    pub password: &'a SecretString,
    /// A session that the server has begun with it already, as after a mailed code.
    pub session: Option<TokenReply>,
    /// What is to be done where this machine has the account under an older password.
    pub old: &'a Old,
    pub kdf: KdfParams,
    /// What the clock says.
    pub now: Stamp,
}

/// What is to be done with an account that is sealed with an older password.
#[derive(Clone, Debug, Default)]
pub enum Old {
    /// Nothing yet: the person is asked.
    #[default]
    Ask,
    /// It opens with this one, and is wrapped anew with the password of today.
    Password(SecretString),
    /// It is set aside as it is, and the account begins empty.
    SetAside,
}

/// Signs in. Blocking work (key derivation, opening files) runs on a thread of its own.
pub async fn sign_in(mut request: Request<'_>) -> Result<Open, SignInError> {
    if let Some(reply) = request.session.take() {
        let typed = Typed::new(request.password);
        return online(request, &typed, reply, false).await;
    }
    let (data, url, email) = (request.data.to_owned(), request.url.to_owned(), request.email.to_owned());
    let find = move || {
        let found = AccountFolder::find(&data, &url, &email)?;
        // Else the server has to say whose it is.
        let found = found.filter(|folder| is_of(folder, &url));
        found.map(|folder| AccountFolder::create_or_open(&data, folder.account())).transpose()
    };
    let known = blocking(find).await??;
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
    let (typed, now) = (Typed::new(request.password), request.now);
    let (at, words) = (folder.clone(), is_words(request.password));
    if !words && blocking(move || own::is_unsure(&at)).await? {
        // A change of the password whose end nobody heard: with a line, the server says which one holds.
        match request.client.sign_in(request.email, request.password).await {
            Ok(reply) => return online(request, &typed, reply.value, true).await,
            Err(error) => tracing::info!(cause = ?error.cause, "which password holds is not known yet"),
        }
    }
    let known = typed.clone();
    let opened = blocking(move || open_known(folder, &known, now)).await?;
    match opened {
        Err(refused @ (SignInError::WrongPassword | SignInError::Damaged)) if !words => {
            // Wrong here: either mistyped, or changed on the server meanwhile. Only the server can tell.
            match request.client.sign_in(request.email, request.password).await {
                Ok(reply) => online(request, &typed, reply.value, true).await,
                Err(error) if error.is_offline() => Err(refused),
                Err(error) => Err(error.into()),
            }
        }
        other => Ok(other?.unlocked(request.client, request.email, request.password)),
    }
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

fn open_known(folder: AccountFolder, password: &Typed, now: Stamp) -> Result<Known, SignInError> {
    let (account, key, _) = prove_typed(&folder, password, now)?;
    let lock = lock(&folder)?;
    open_store(folder, lock, key, &account)
}

/// Opens an account for its owner, and asks no server.
pub fn open_alone(
    folder: AccountFolder,
    password: &SecretString,
    now: Stamp,
) -> Result<Arc<Desk>, SignInError> {
    open_known(folder, &Typed::new(password), now).map(|known| known.desk)
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
    prove_typed(folder, &Typed::new(password), now)
}

fn prove_typed(
    folder: &AccountFolder,
    password: &Typed,
    now: Stamp,
) -> Result<(AccountFile, DataKey, WrapBy), SignInError> {
    let account = folder.account_file()?;
    if let Some(wait_s) = account.tries.wait_s(now) {
        return Err(SignInError::TooManyTries { wait_s });
    }
    let key = ways::open(&account, password);
    // Read again: the derivation of the key took its time.
    let counted = folder.update(|account| {
        match &key {
            Ok(_) => account.tries = Tries::default(),
            Err(SignInError::WrongPassword | SignInError::Damaged) => account.tries.failed(now),
            Err(_) => {}
        }
        Ok(())
    });
    if let Err(error) = counted {
        // A full disk is no reason to keep out who has the right password.
        tracing::warn!(%error, "the count of wrong passwords could not be written");
    }
    let (key, by) = key?;
    Ok((folder.account_file()?, key, by))
}

fn lock(folder: &AccountFolder) -> Result<AccountLock, SignInError> {
    folder.lock().map_err(|error| match error {
        StoreError::Locked { holder } => SignInError::InUse { folder: folder.clone(), holder },
        other => other.into(),
    })
}

fn unwrap(account: &AccountFile, password: &Typed) -> Result<DataKey, SignInError> {
    own::opened_by(account, password).map(|(_, key)| key)
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
    let typed = Typed::new(request.password);
    online(request, &typed, reply, true).await
}

/// The server has taken the password. `own`: nobody else will use this session where it comes to nothing here.
async fn online(
    request: Request<'_>,
    typed: &Typed,
    reply: TokenReply,
    own: bool,
) -> Result<Open, SignInError> {
    let reply = request.client.checked(reply).await?;
    let mut making = Making {
        data: request.data.to_owned(),
        url: request.url.to_owned(),
        email: request.email.to_owned(),
        user: reply.user.id,
        password: typed.clone(),
        old: request.old.clone(),
        by_server: None,
        kdf: request.kdf,
        now: request.now,
    };
    let (mut made, again) = blocking(move || (making.make(), making)).await?;
    making = again;
    if matches!(made, Err(SignInError::Shut { .. })) {
        let token = SecretString::from(reply.access_token.clone());
        let folder = AccountFolder::of(request.data, account_id(request.url, reply.user.id));
        match ways::by_server(&request.client, &token, &folder).await {
            Ok(Some(key)) => {
                making.by_server = Some(key);
                made = blocking(move || making.make()).await?;
            }
            Ok(None) => {}
            Err(error) => made = Err(error),
        }
    }
    match made {
        Ok(made) => Ok(made.signed_in(request.client, request.email, &reply).await),
        Err(error) => {
            // One that was given is whose gave it: it may be used again.
            if own {
                let (client, token) = (request.client, SecretString::from(reply.access_token));
                tokio::spawn(async move { client.logout(&token, SignOutScope::Local).await.map(drop) });
            }
            Err(error)
        }
    }
}

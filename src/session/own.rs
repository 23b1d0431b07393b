//! The own password: which wraps of the account's key it opens, and changing it.
//!
//! A change goes in three steps. The key is wrapped by the new password as well, durably; the server is told; then the
//! old wrap goes, or the new one where the server refused. Whatever breaks off in between, the folder opens with one
//! of the two. Where it is not known what the server did, both stay until it says at a sign-in which one holds.

use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use tokio::sync::oneshot;

use super::{Keeper, SignInError, blocking, prove};
use crate::domain::Stamp;
use crate::remote::{Cause, RemoteError};
use crate::store::{AccountFile, AccountFolder, Desk, StoreError};
use crate::vault::{self, DataKey, KdfParams, VaultError, Wrap, WrapBy};

/// What somebody typed, and what it came to on each wrap it was tried on. A try costs a slow derivation, so none is made
/// twice, however often a sign-in looks at the same wraps.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub secret: SecretString,
    tried: Arc<Mutex<Vec<Try>>>,
}

/// A wrap, and what came of opening it.
type Try = (Wrap, Result<DataKey, VaultError>);

impl Typed {
    pub fn new(secret: &SecretString) -> Self {
        Self { secret: secret.clone(), tried: Arc::default() }
    }

    /// The key in that wrap, if this opens it.
    fn open(&self, wrap: &Wrap) -> Result<DataKey, VaultError> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, came_to)) = tried.iter().find(|(other, _)| other == wrap) {
            return came_to.clone();
        }
        let came_to = vault::unwrap(&self.secret, wrap);
        tried.push((wrap.clone(), came_to.clone()));
        came_to
    }
}

/// Which wrap that password opens, and the key in it.
pub(super) fn opened_by(account: &AccountFile, password: &Typed) -> Result<(usize, DataKey), SignInError> {
    let mut damaged = account.is_doubtful();
    let opened =
        account.wraps.iter().enumerate().filter(|(_, wrap)| is_password(wrap)).find_map(|(at, wrap)| {
            match password.open(wrap) {
                Ok(key) => Some((at, key)),
                Err(VaultError::WrongPassword) => None,
                Err(error) => {
                    tracing::warn!(%error, "a copy of the key is damaged");
                    damaged = true;
                    None
                }
            }
        });
    opened.ok_or(if damaged { SignInError::Damaged } else { SignInError::WrongPassword })
}

fn is_password(wrap: &Wrap) -> bool {
    wrap.by == WrapBy::Password
}

/// Is it not known which of two passwords holds?
pub(super) fn is_unsure(folder: &AccountFolder) -> bool {
    let account = folder.read().ok().flatten();
    account.is_some_and(|account| account.wraps.iter().filter(|wrap| is_password(wrap)).count() > 1)
}

/// Leaves one wrap by password: by this one.
pub(super) fn wrap_only_by(
    account: &mut AccountFile,
    password: &Typed,
    key: &DataKey,
    kdf: KdfParams,
) -> Result<(), SignInError> {
    let passwords = account.wraps.iter().filter(|wrap| is_password(wrap)).count();
    let own = match opened_by(account, password) {
        Ok(_) if passwords == 1 => return Ok(()),
        Ok((at, _)) => account.wraps.get(at).cloned(),
        Err(SignInError::WrongPassword | SignInError::Damaged) => None,
        Err(error) => return Err(error),
    };
    let own = own.map_or_else(|| vault::wrap(&password.secret, key, kdf).map_err(SignInError::Vault), Ok)?;
    account.put_wrap(own);
    Ok(())
}

/// A change of the own password, while signed in.
#[derive(Debug)]
pub struct Change {
    pub folder: AccountFolder,
    pub desk: Arc<Desk>,
    pub keeper: Arc<Keeper>,
    pub current: SecretString,
    pub new: SecretString,
    /// What the server had mailed for it, where it wants that.
    pub nonce: Option<SecretString>,
    pub kdf: KdfParams,
    pub now: Stamp,
}

/// Why the password is not known to be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The present password is wrong, or could not be looked at.
    #[error(transparent)]
    Local(#[from] SignInError),
    /// The server refused, and nothing was changed.
    #[error(transparent)]
    Refused(RemoteError),
    /// What the server did is not known: both passwords open what is here.
    #[error(transparent)]
    Unknown(RemoteError),
    /// The server has the new password, and this machine's disk refused it: what is here opens with the old one.
    #[error("the password was changed on the server, and not here: {0}")]
    NotHere(StoreError),
}

impl Change {
    pub async fn carry_out(self) -> Result<(), ChangeError> {
        let (folder, current, new) = (self.folder.clone(), self.current.clone(), self.new.clone());
        let (kdf, now) = (self.kdf, self.now);
        let wrap = blocking(move || {
            let (_, key, by) = prove(&folder, &current, now)?;
            if by != WrapBy::Password {
                // Recovery words are told to nobody, and the server is to be told the present password.
                return Err(SignInError::WrongPassword);
            }
            vault::wrap(&new, &key, kdf).map_err(SignInError::Vault)
        });
        let wrap = wrap.await.map_err(SignInError::from)??;
        // The token first: without one the server is not asked at all.
        let token = self.keeper.token().await.map_err(ChangeError::Refused)?;
        let beside = wrap.clone();
        self.write(move |account| account.wraps.push(beside)).await.map_err(SignInError::from)?;
        let client = self.keeper.client();
        let told = client.set_password(&token, &self.new, Some(&self.current), self.nonce.as_ref()).await;
        match told {
            Ok(_) => self.write(move |account| account.put_wrap(wrap)).await.map_err(ChangeError::NotHere),
            Err(error) if may_be_done(&error) => Err(ChangeError::Unknown(error)),
            Err(error) => {
                let back = self.write(move |account| account.wraps.retain(|own| *own != wrap)).await;
                if let Err(error) = back {
                    tracing::warn!(%error, "a wrap by a password that was refused stays until the next sign-in");
                }
                Err(ChangeError::Refused(error))
            }
        }
    }

    /// Changes `account.toml` at the desk, durably.
    async fn write(&self, change: impl FnOnce(&mut AccountFile) + Send + 'static) -> Result<(), StoreError> {
        let shut = || StoreError::Corrupt { what: "the store is shut".to_owned() };
        let (done, wait) = oneshot::channel();
        let job = self.desk.submit(move |store| {
            let written = store.change_account(|account| {
                change(account);
                Ok(())
            });
            drop(done.send(written));
        });
        job.map_err(|_| shut())?;
        wait.await.map_err(|_| shut())?
    }
}

/// May the server have done it all the same? Only where it was reached and its answer was not.
fn may_be_done(error: &RemoteError) -> bool {
    match error.status {
        Some(status) => status >= 500,
        None => !matches!(error.cause, Cause::Dns | Cause::ConnectionRefused | Cause::Tls | Cause::Setup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_tried_once_on_each_wrap() {
        let key = DataKey::from_bytes([7; 32]);
        let password = |text: &str| SecretString::from(text);
        let wrap = |text: &str| vault::wrap(&password(text), &key, KdfParams::cheap()).expect("wrapped");
        let mut account =
            AccountFile::new("https://p.example", "ann@p.example", uuid::Uuid::nil()).expect("made");
        account.wraps.push(wrap("the old one"));
        let new = Typed::new(&password("the new one"));
        let tries = |typed: &Typed| typed.tried.lock().map(|tried| tried.len()).unwrap_or_default();
        for _ in 0..3 {
            assert!(matches!(opened_by(&account, &new), Err(SignInError::WrongPassword)));
            assert_eq!(tries(&new), 1);
        }
        wrap_only_by(&mut account, &new, &key, KdfParams::cheap()).expect("wrapped anew");
        assert_eq!((tries(&new), account.wraps.len()), (1, 1), "known by then that it opens nothing here");
        assert!(opened_by(&account, &new).is_ok_and(|(at, found)| at == 0 && found.id() == key.id()));
        // A copy knows as much: it goes to the thread that does the slow work.
        assert!(opened_by(&account, &new.clone()).is_ok());
        assert_eq!(tries(&new), 2);
    }
}

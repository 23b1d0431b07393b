//! The ways to an account's key beside its password.
//!
//! * Recovery words: made on wish, shown once, kept on paper. They are typed in the place of the password and open what
//!   this machine has; they are never sent anywhere.
//! * The server's key for this device (`remote::wire::device`): fetched with every good sign-in. A copy of the account's
//!   key is sealed by it, so that unsent edits survive a password that somebody set anew. It is random, so its copy needs
//!   no slow function.

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::SignInError;
use super::own::{Typed, opened_by};
use crate::domain::Stamp;
use crate::remote::wire::device::{DeviceKey, DeviceKeyReply, DeviceKeyRequest};
use crate::remote::{Client, RemoteError};
use crate::store::{AccountFile, AccountFolder};
use crate::vault::words;
use crate::vault::{self, DataKey, KdfParams, VaultError, Wrap, WrapBy};

/// What the server said of this device.
#[derive(Debug, PartialEq)]
pub enum ServerKey {
    Kept(DeviceKey),
    /// It keeps none: too many devices, or the caller may not work now.
    None,
    /// What this device has is to be erased.
    Erased,
}

/// Opens the key with what somebody typed: the password, or the recovery words.
pub(super) fn open(account: &AccountFile, typed: &Typed) -> Result<(DataKey, WrapBy), SignInError> {
    if !words::is_meant(typed.secret.expose_secret()) {
        return opened_by(account, typed).map(|(_, key)| (key, WrapBy::Password));
    }
    let words = words::read(typed.secret.expose_secret()).map_err(SignInError::Words)?;
    let wrap = account.wrap(WrapBy::Recovery).ok_or(SignInError::WrongPassword)?;
    match wrap.open(&words) {
        Ok(key) => Ok((key, WrapBy::Recovery)),
        Err(VaultError::WrongPassword) => Err(SignInError::WrongPassword),
        Err(error) => {
            tracing::warn!(%error, "the recovery words' copy of the key is damaged");
            Err(SignInError::Damaged)
        }
    }
}

/// The key of an account of which there is nothing but its file: by the password, or the recovery words.
pub fn key_of(account: &AccountFile, typed: &SecretString) -> Result<DataKey, SignInError> {
    open(account, &Typed::new(typed)).map(|(key, _)| key)
}

/// Asks the server for this device's key.
pub async fn ask(client: &Client, token: &SecretString, device: Uuid) -> Result<ServerKey, RemoteError> {
    let Ok(bytes) = vault::random().map(Zeroizing::new) else { return Ok(ServerKey::None) };
    let offered = DeviceKey::from_bytes(&bytes);
    let reply = client.device_key(token, &DeviceKeyRequest { device, offered }).await?;
    Ok(match reply.value {
        DeviceKeyReply::Key { key: Some(key) } => ServerKey::Kept(key),
        DeviceKeyReply::Erased { erased: true } => ServerKey::Erased,
        DeviceKeyReply::Key { key: None }
        | DeviceKeyReply::Erased { erased: false }
        | DeviceKeyReply::Must(_) => ServerKey::None,
    })
}

/// Makes the server's key a way to the account's, where it is not one already.
pub fn keep(folder: &AccountFolder, server: &DeviceKey, key: &DataKey) -> Result<(), SignInError> {
    let account = folder.account_file()?;
    let known = account.wrap(WrapBy::Server).and_then(|wrap| wrap.open(server.secret()).ok());
    if known.is_some_and(|known| known.id() == key.id()) {
        return Ok(());
    }
    let wrap = Wrap::new(WrapBy::Server, server.secret(), key, KdfParams::cheap());
    Ok(folder.put_wrap(wrap.map_err(SignInError::Vault)?)?)
}

/// After a good sign-in with a password that does not open what this machine has: the account's key by way of the
/// server's. `None`: there is no such way.
pub(super) async fn by_server(
    client: &Client,
    token: &SecretString,
    folder: &AccountFolder,
) -> Result<Option<DataKey>, SignInError> {
    // A file that cannot be read has no way to anything.
    let Ok(account) = folder.account_file() else { return Ok(None) };
    let Some(wrap) = account.wrap(WrapBy::Server) else { return Ok(None) };
    match ask(client, token, account.device).await {
        Ok(ServerKey::Kept(server)) => Ok(wrap.open(server.secret()).ok()),
        Ok(ServerKey::None) => Ok(None),
        Ok(ServerKey::Erased) => Err(SignInError::Erased { folder: folder.clone() }),
        Err(error) => {
            tracing::warn!(%error, "the server's key for this device could not be fetched");
            Ok(None)
        }
    }
}

/// New recovery words for who knows the password (or the words before them), and the wrap that makes them count once
/// it is put in its place (`AccountFolder::put_wrap`).
pub fn new_words(
    folder: &AccountFolder,
    typed: &SecretString,
    kdf: KdfParams,
    now: Stamp,
) -> Result<(SecretString, Wrap), SignInError> {
    let (_, key, _) = super::prove(folder, typed, now)?;
    let words = words::make().map_err(SignInError::Vault)?;
    let wrap = Wrap::new(WrapBy::Recovery, &words, &key, kdf).map_err(SignInError::Vault)?;
    Ok((words, wrap))
}

/// Are these the words that were shown? Compared as they are read.
pub fn same_words(typed: &SecretString, shown: &SecretString) -> Result<bool, words::BadWords> {
    let typed = words::read(typed.expose_secret())?;
    let (typed, shown) = (Zeroizing::new(typed.expose_secret().to_owned()), shown.expose_secret());
    Ok(*typed == shown)
}

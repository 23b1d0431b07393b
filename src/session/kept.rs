//! An account's key that the kernel keeps for a while (`vault::keyring`), so that commands need no password: by the
//! account's folder, with who and where it is for beside it.
//!
//! It opens what is here, as recovery words do. With the server it goes on with the session that is written down; where
//! that has ended, there is no password to begin another one with, and the person is told to sign in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Keeper, Open, SignInError, lock, open_store};
use crate::remote::Client;
use crate::store::AccountFolder;
use crate::vault::DataKey;
use crate::vault::keyring::{self, NoKeyring};

/// Whose key it is, and of which project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// By its name in the configuration.
    pub project: String,
    pub email: String,
}

/// Two homes on one machine may have the same account, each with a key of its own.
fn name(folder: &AccountFolder) -> String {
    format!("flyos:{}", folder.path().display())
}

/// Has the kernel keep the key.
pub fn keep(folder: &AccountFolder, key: &DataKey, owner: &Owner, time: Duration) -> Result<(), NoKeyring> {
    let note = serde_json::to_string(owner).unwrap_or_default();
    keyring::keep(&name(folder), key, &note, time)
}

/// Whose key the kernel keeps for that folder.
pub fn owner(folder: &AccountFolder) -> Option<Owner> {
    let (_, note) = keyring::kept(&name(folder))?;
    serde_json::from_str(&note).ok()
}

/// Has the kernel forget it; whether there was one.
pub fn forget(folder: &AccountFolder) -> bool {
    keyring::forget(&name(folder))
}

/// Opens the account by the key that is kept. Blocks. `None`: it is kept no longer, or is for another project than the
/// client's.
pub fn open(folder: &AccountFolder, client: Client, email: &str) -> Result<Option<Open>, SignInError> {
    let Some((key, _)) = keyring::kept(&name(folder)) else { return Ok(None) };
    let account = folder.account_file()?;
    if !account.is_for(client.project().url(), email) {
        return Ok(None);
    }
    let mut known = open_store(folder.clone(), lock(folder)?, key, &account)?;
    let refresh = known.refresh.take();
    let keeper = Keeper::unlocked(known.uid, client, std::sync::Arc::clone(&known.desk), refresh, None);
    Ok(Some(known.open(email, keeper, true)))
}

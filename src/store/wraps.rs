//! The ways to an account's data key, kept in `account.toml`: at most one of each kind, and never none.
//!
//! Each change is durable when it returns, and readers see the file before it or after it (`AccountFolder::update`).
//! What a way is worth is for the vault; when one is made, replaced or taken away is for the session.

use super::{AccountFile, AccountFolder, StoreError};
use crate::vault::{Wrap, WrapBy};

impl AccountFile {
    /// The way to the key by that, where there is one.
    pub fn wrap(&self, by: WrapBy) -> Option<&Wrap> {
        self.wraps.iter().find(|wrap| wrap.by == by)
    }

    /// Adds a way to the key, in the place of the one by the same.
    pub fn put_wrap(&mut self, wrap: Wrap) {
        self.wraps.retain(|other| other.by != wrap.by);
        self.wraps.push(wrap);
    }

    /// Takes a way to the key away; false: there is none by that, or it is the last one, which stays.
    pub fn remove_wrap(&mut self, by: WrapBy) -> bool {
        let others = self.wraps.iter().any(|wrap| wrap.by != by);
        let found = others && self.wrap(by).is_some();
        self.wraps.retain(|wrap| !found || wrap.by != by);
        found
    }
}

impl AccountFolder {
    /// `AccountFile::put_wrap`, durably.
    pub fn put_wrap(&self, wrap: Wrap) -> Result<(), StoreError> {
        self.update(|account| {
            account.put_wrap(wrap);
            Ok(())
        })
    }

    /// `AccountFile::remove_wrap`, durably.
    pub fn remove_wrap(&self, by: WrapBy) -> Result<bool, StoreError> {
        self.update(|account| Ok(account.remove_wrap(by)))
    }
}

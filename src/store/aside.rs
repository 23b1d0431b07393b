//! An account's folder that does not open: what can be said of it all the same, and putting it out of the way.
//!
//! How many edits are unsent is sealed, so the number stands beside it in a file of its own: for saying what a person
//! would leave behind who has not the key. It is a hint, never waited for and never decided by.
//!
//! A folder that is set aside is only renamed: nothing in it is changed or deleted, and a console looks for accounts
//! by names that this is none of. Whoever finds the password again gives it its old name back.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use super::disk;
use super::{AccountFolder, AccountLock, StoreError};
use crate::domain::Stamp;

const UNSENT: &str = "unsent";
/// Bytes of that file that are read: a number.
const UNSENT_BYTES_MAX: u64 = 32;

impl AccountFolder {
    /// Notes how many edits are unsent or wait for a decision.
    pub fn note_unsent(&self, edits: usize) -> std::io::Result<()> {
        let file = disk::options().write(true).create(true).truncate(true).open(self.path().join(UNSENT));
        file?.write_all(edits.to_string().as_bytes())
    }

    /// How many edits were unsent when that was noted last.
    pub fn unsent(&self) -> Option<usize> {
        let bytes = disk::read_bounded(&self.path().join(UNSENT), UNSENT_BYTES_MAX).ok()??;
        std::str::from_utf8(&bytes).ok()?.parse().ok()
    }

    /// Renames the folder to one that is no account's; where it is now.
    pub fn set_aside(&self, lock: AccountLock, now: Stamp) -> Result<PathBuf, StoreError> {
        let Some(accounts) = self.path().parent() else {
            return Err(StoreError::corrupt("the account's folder lies nowhere"));
        };
        let name = format!("{}.aside-{}", self.account(), now.as_millis() / 1000);
        let aside = disk::fresh_name(accounts, &name);
        fs::rename(self.path(), &aside).map_err(StoreError::io("setting aside", self.path()))?;
        // Until here nobody else could open it.
        drop(lock);
        disk::sync_dir(accounts)?;
        Ok(aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_folder_that_is_set_aside_is_whole_and_no_account_any_more() {
        let place = tempfile::tempdir().expect("a folder");
        let id = Uuid::from_u128(7);
        let folder = AccountFolder::create_or_open(place.path(), id).expect("a folder");
        assert_eq!(folder.unsent(), None);
        folder.note_unsent(12).expect("noted");
        folder.note_unsent(3).expect("noted");
        assert_eq!(folder.unsent(), Some(3));
        for second in 0..2 {
            let folder = AccountFolder::create_or_open(place.path(), id).expect("a folder");
            fs::write(folder.journal_dir().join("edits"), b"mine").expect("written");
            let lock = folder.lock().expect("free");
            let aside = folder.set_aside(lock, Stamp(0)).expect("set aside");
            assert_eq!(fs::read(aside.join("journal/edits")).expect("kept"), b"mine", "{second}");
            assert_eq!(AccountFolder::all(place.path()).expect("read"), []);
        }
        assert_eq!(fs::read_dir(place.path().join("accounts")).expect("read").count(), 2, "neither is lost");
    }
}

//! An account's folder that does not open: what can be said of it all the same, and putting it out of the way.
//!
//! How many edits are unsent is sealed, so the number stands beside it in a file of its own: for saying what a person
//! would leave behind who has not the key. It is a hint, never waited for and never decided by. So is `summary`: numbers and
//! times, for whoever watches the machine, with when they were noted.
//!
//! A folder that is set aside is only renamed: nothing in it is changed or deleted, and a console looks for accounts
//! by names that this is none of. Whoever finds the password again can have its unsent edits taken over.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::disk;
use super::{AccountFolder, AccountLock, StoreError};
use crate::domain::Stamp;

const UNSENT: &str = "unsent";
const SUMMARY: &str = "summary";
/// Bytes of it that are read: a few numbers.
const SUMMARY_BYTES_MAX: u64 = 1024;
/// Between the account and the second in the name of a folder that was set aside.
const ASIDE: &str = ".aside-";
/// Bytes of that file that are read: a number.
const UNSENT_BYTES_MAX: u64 = 32;

/// How an account stood when that was noted last: numbers and times, and nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Edits that were not sent.
    pub waiting: usize,
    /// When the oldest of them was made.
    pub oldest: Option<Stamp>,
    /// Edits that need a decision.
    pub needs_you: usize,
    /// Server time of the last pull that brought everything.
    pub as_of: Option<Stamp>,
    /// When this was noted.
    pub at: Stamp,
}

impl AccountFolder {
    /// Notes how it stands: the old file or the new one is there, whole, or none that can be read.
    pub fn note_summary(&self, summary: &Summary) -> std::io::Result<()> {
        let path = self.path().join(SUMMARY);
        let beside = path.with_extension("new");
        let mut file = disk::options().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(&serde_json::to_vec(summary)?)?;
        fs::rename(&beside, &path)
    }

    /// How it stood when that was noted last.
    pub fn summary(&self) -> Option<Summary> {
        let bytes = disk::read_bounded(&self.path().join(SUMMARY), SUMMARY_BYTES_MAX).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

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

    /// The folders that were set aside here, as they lie there, each with when; the oldest first.
    pub fn all_aside(root: &Path) -> Result<Vec<(Self, Stamp)>, StoreError> {
        let aside = |name: String| {
            let (account, rest) = name.split_once(ASIDE)?;
            let account = Uuid::try_parse(account).ok()?;
            // A second one within the same second has one more number.
            let second: i64 = rest.split('-').next()?.parse().ok()?;
            let since = Stamp(second.checked_mul(1_000_000)?);
            Some((Self::at(root.join("accounts").join(name), account), since))
        };
        let mut found: Vec<_> = super::folder::names(root)?.into_iter().filter_map(aside).collect();
        found.sort_by_key(|(folder, since)| (*since, folder.name()));
        Ok(found)
    }

    /// Renames the folder to one that is no account's; where it is now.
    pub fn set_aside(&self, lock: AccountLock, now: Stamp) -> Result<PathBuf, StoreError> {
        let Some(accounts) = self.path().parent() else {
            return Err(StoreError::corrupt("the account's folder lies nowhere"));
        };
        let name = format!("{}{ASIDE}{}", self.account(), now.as_millis() / 1000);
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

    #[test]
    fn what_was_noted_is_read_and_what_is_torn_is_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = AccountFolder::at(home.path().to_owned(), Uuid::nil());
        assert_eq!(folder.summary(), None);
        let noted = Summary { waiting: 2, oldest: Some(Stamp(7)), needs_you: 1, as_of: None, at: Stamp(9) };
        folder.note_summary(&noted).expect("noted");
        assert_eq!(folder.summary(), Some(noted));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(home.path().join("summary")).expect("there").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        for torn in ["", "{\"waiting\":2,"] {
            fs::write(home.path().join("summary"), torn).expect("written");
            assert_eq!(folder.summary(), None);
        }
    }

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
        let aside = AccountFolder::all_aside(place.path()).expect("read");
        let told: Vec<_> =
            aside.iter().map(|(folder, since)| (folder.account(), *since, folder.unsent())).collect();
        assert_eq!(told, [(id, Stamp(0), Some(3)), (id, Stamp(0), None)], "neither is lost");
    }
}

//! How the person likes the lists to look: one small sealed file beside the journal, since what somebody filters by may
//! be a name.
//!
//! It is replaced as a whole and no more than a convenience: one that does not open is put into quarantine and told,
//! and the lists are as they come.

use zeroize::Zeroizing;

use super::disk;
use super::{Store, StoreError};
use crate::vault::{OVERHEAD, Purpose};

const FILE: &str = "taste";
const AAD: &[u8] = b"taste";
/// A hundred views take some 40 KiB, the rows of the largest bulk action some 400; a larger file is not ours.
pub const TASTE_BYTES_MAX: usize = 1 << 20;

impl Store {
    /// What was kept; `None`: nothing yet.
    pub fn taste(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let limit = u64::try_from(TASTE_BYTES_MAX + OVERHEAD).unwrap_or(u64::MAX);
        let Some(sealed) = disk::read_bounded(&self.path().join(FILE), limit)? else { return Ok(None) };
        let opened = self.sealer().open(Purpose::Taste, AAD, &sealed);
        opened.map(Some).map_err(|error| StoreError::opening("how the lists look", &error))
    }

    /// Keeps it, durably.
    pub fn keep_taste(&self, plain: &[u8]) -> Result<(), StoreError> {
        let sealed = self.sealer().seal(Purpose::Taste, AAD, plain).map_err(StoreError::Seal)?;
        disk::replace(&self.path().join(FILE), &sealed)
    }

    /// Puts a file that cannot be used into quarantine.
    pub fn set_taste_aside(&self) -> Result<(), StoreError> {
        disk::private_dir(&self.quarantine_dir())?;
        let to = disk::fresh_name(&self.quarantine_dir(), FILE);
        let from = self.path().join(FILE);
        std::fs::rename(&from, to).map_err(StoreError::io("putting aside", &from))?;
        disk::sync_dir(self.path())
    }
}

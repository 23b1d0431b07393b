//! Edits held back: the journal was found to end earlier than it once did.
//!
//! The cache notes the last entry of the journal that it knows of. A journal that ends before that was put back from an
//! older copy, or lost its end. What its outbox says may have been sent, answered and decided since, so none of it is
//! sent until a person has said so. That has to outlive this process: the next entry gets a number past the gap, and then
//! nothing would show it any more. So a small file beside the journal, `held-back`, names the last edit it is about.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::disk;

/// A number and a line's end.
const BYTES_MAX: u64 = 64;

/// The mark of one account.
#[derive(Debug)]
pub(super) struct Held {
    path: PathBuf,
    up_to: Option<u64>,
}

impl Held {
    /// As it was left. A mark that cannot be read holds back everything.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("held-back");
        let text = match disk::read_bounded(&path, BYTES_MAX) {
            Ok(bytes) => bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            Err(StoreError::Corrupt { .. }) => Some(String::new()),
            Err(error) => return Err(error),
        };
        let up_to = text.map(|text| text.trim().parse().unwrap_or(u64::MAX));
        Ok(Self { path, up_to })
    }

    /// The last edit that is held back.
    pub fn up_to(&self) -> Option<u64> {
        self.up_to
    }

    /// Holds back the edits up to `seq`, durably.
    pub fn hold(&mut self, seq: u64) -> Result<(), StoreError> {
        let seq = self.up_to.map_or(seq, |held| held.max(seq));
        disk::replace(&self.path, format!("{seq}\n").as_bytes())?;
        self.up_to = Some(seq);
        Ok(())
    }

    /// A person has decided.
    pub fn release(&mut self) -> Result<(), StoreError> {
        disk::remove(&self.path)?;
        self.up_to = None;
        Ok(())
    }
}

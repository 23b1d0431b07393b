//! A call into sled: a panic in it is damage like any other, its threads are born lazy (`lax`), and its errors get their
//! meaning here and nowhere else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::error::StoreError;
use super::lax::lax;

/// Runs a call into sled; a panic in it is damage.
pub(super) fn guarded<T>(dir: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match lax(|| catch_unwind(AssertUnwindSafe(call))) {
        Ok(done) => done.map_err(|error| sled_error(dir, error)),
        Err(_) => Err(StoreError::corrupt(format!("the cache in {} is damaged", dir.display()))),
    }
}

/// The one place where sled's errors get a meaning.
pub(super) fn sled_error(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        // Its lock has no kind of its own. Ours comes first, so this is seen only when that was left out.
        sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
            StoreError::Locked { holder: None }
        }
        // These come of reading what is not what was written.
        sled::Error::Io(error) if damaged(&error) => {
            StoreError::corrupt(format!("the cache in {} is damaged: {error}", dir.display()))
        }
        sled::Error::Io(error) => StoreError::from_io("using the cache in", dir, error),
        other => StoreError::corrupt(format!("the cache in {} is damaged: {other}", dir.display())),
    }
}

fn damaged(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

//! An account made anew of a copy: built aside, opened once to see that it is what it should be, then put in its place by
//! one rename. So it is there whole or not at all, and nothing that was there is touched.

use std::fs;
use std::path::Path;

use uuid::Uuid;

use super::disk;
use super::folder::prepare_root;
use super::journal::Journal;
use super::{AccountFile, AccountFolder, Batch, Cache, CachedRow, Entry, Meta, Store, StoreError};
use crate::domain::Key;
use crate::vault::Sealer;

/// Rows that are written at once.
const BATCH_ROWS: usize = 20_000;

/// What an account is made of. The numbers of the edits in `entries` are those that a journal which begins with them gives.
#[derive(Debug)]
pub struct Restored {
    pub file: AccountFile,
    pub entries: Vec<Entry>,
    pub rows: Vec<(Key, CachedRow)>,
    pub meta: Meta,
}

/// Makes the account under `root`, where there must be none of that name.
pub fn restore(root: &Path, account: Uuid, made: Restored, sealer: &Sealer) -> Result<(), StoreError> {
    let place = AccountFolder::of(root, account);
    prepare_root(root)?;
    let accounts = root.join("accounts");
    disk::private_dir(&accounts)?;
    let aside = tempfile::Builder::new().prefix("restoring-").tempdir_in(root);
    let aside = aside.map_err(StoreError::io("making a folder in", root))?;
    let folder = AccountFolder::create_or_open(aside.path(), account)?;
    let (rows, edits) = (made.rows.len(), made.entries.iter().filter(|entry| is_edit(entry)).count());
    build(&folder, made, sealer)?;
    look(&folder, sealer, (rows, edits))?;
    if fs::symlink_metadata(place.path()).is_ok() {
        return Err(StoreError::Unsafe {
            path: place.path().to_owned(),
            why: "it is there already".to_owned(),
        });
    }
    fs::rename(folder.path(), place.path()).map_err(StoreError::io("making", place.path()))?;
    disk::sync_dir(&accounts)
}

fn is_edit(entry: &Entry) -> bool {
    matches!(entry, Entry::Edit(_))
}

fn build(folder: &AccountFolder, made: Restored, sealer: &Sealer) -> Result<(), StoreError> {
    let Restored { file, entries, mut rows, meta } = made;
    let (mut journal, _) = Journal::open(&folder.journal_dir(), &folder.quarantine_dir(), sealer.clone())?;
    if !entries.is_empty() {
        journal.append(&entries)?;
    }
    drop(journal);
    let cache = Cache::open(&folder.cache_dir(), sealer.clone())?;
    // In the order of the keys, in which each page is written once.
    rows.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut rows = rows.into_iter().map(|(key, row)| (key, Some(row))).peekable();
    while rows.peek().is_some() {
        let batch = rows.by_ref().take(BATCH_ROWS).collect();
        cache.write(&Batch { rows: batch, clear: false, meta: Meta::default() })?;
    }
    cache.write(&Batch { meta, ..Batch::default() })?;
    cache.flush()?;
    drop(cache);
    folder.write(&file)
}

/// Opens it as a console will.
fn look(folder: &AccountFolder, sealer: &Sealer, (rows, edits): (usize, usize)) -> Result<(), StoreError> {
    let (store, found) = Store::open(folder.clone(), folder.lock()?, sealer)?;
    let (there, waiting) = {
        let replica = store.books.read();
        (replica.rows(), replica.outbox().count())
    };
    drop(store.close());
    let sound = found.damage.is_empty() && found.missing.is_empty() && found.cache_rebuilt.is_none();
    if sound && (there, waiting) == (rows, edits) {
        return Ok(());
    }
    Err(StoreError::corrupt(format!(
        "of {rows} rows and {edits} edits {there} and {waiting} could be read back"
    )))
}

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
/// Bytes of entries that are appended at once, about: a quarter of what the journal takes.
const APPEND_BYTES: usize = 1 << 20;

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

/// How many entries are appended at once: what the journal takes in one write is bounded.
fn part_of(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += serde_json::to_vec(entry).map_or(0, |text| text.len());
        bytes <= APPEND_BYTES
    });
    fitting.count().max(1)
}

fn is_edit(entry: &Entry) -> bool {
    matches!(entry, Entry::Edit(_))
}

fn build(folder: &AccountFolder, made: Restored, sealer: &Sealer) -> Result<(), StoreError> {
    let Restored { file, entries, mut rows, meta } = made;
    let (mut journal, _) = Journal::open(&folder.journal_dir(), &folder.quarantine_dir(), sealer.clone())?;
    let mut rest = entries.as_slice();
    while !rest.is_empty() {
        let (part, left) = rest.split_at(part_of(rest));
        journal.append(part)?;
        rest = left;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Change, Fields, Stamp};
    use crate::store::Edit;
    use crate::vault::DataKey;

    #[test]
    fn more_edits_than_one_write_takes_are_restored_and_once_only() {
        let (root, account) = (tempfile::tempdir().unwrap(), Uuid::from_u128(7));
        let sealer = Sealer::new(&DataKey::random().unwrap(), account.into_bytes());
        let edit = |n: u32| {
            let change = Change::insert(Key::drone(&format!("d-{n}")), Fields::new());
            let (op, by, at) = (Uuid::from_u128(n.into()), Uuid::nil(), Stamp(n.into()));
            let reason = Some("x".repeat(200_000));
            Entry::Edit(Edit { op, by, at, reason, changes: vec![change], drops: None })
        };
        let made = || Restored {
            file: AccountFile::new("https://flyos.example", "ann@x.mil", Uuid::nil()).unwrap(),
            entries: (0..25).map(edit).collect(),
            rows: Vec::new(),
            meta: Meta::default(),
        };
        restore(root.path(), account, made(), &sealer).unwrap();
        assert!(matches!(restore(root.path(), account, made(), &sealer), Err(StoreError::Unsafe { .. })));
    }
}

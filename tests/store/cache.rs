//! The cache: rows and meta move together, damage is told, and a rebuild always helps.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flyos::domain::{Key, Record, Role, Stamp};
use flyos::store::{Batch, Cache, CachedRow, Meta, StoreError, Who};
use flyos::vault::{DataKey, Sealer};
use uuid::Uuid;

use crate::{ACCOUNT, Place, sealer};

/// A row of some 300 bytes, told apart by its number.
pub fn row(n: u64) -> (Key, CachedRow) {
    let text = |name: &str, value: String| (name.to_owned(), Some(value));
    let row = BTreeMap::from([
        text("id", format!("drone-{n}")),
        text("model", "FlyOS_MQ7".to_owned()),
        text("status", "AVAILABLE".to_owned()),
        text("region_id", Uuid::from_u128(u128::from(n % 9)).to_string()),
        ("operator_id".to_owned(), None),
        text("created_at", "2025-01-01T00:00:00.123456+00:00".to_owned()),
        text("updated_at", "2026-01-01T00:00:00.123456+00:00".to_owned()),
    ]);
    let scopes = vec![format!("r:{}", Uuid::from_u128(u128::from(n % 9)))];
    let key = Key::drone(&format!("drone-{n}"));
    let row = Record::from_fields(&key, &row).unwrap();
    (key, CachedRow { v: n, scopes, row })
}

/// Rows of these numbers, with a meta that names the batch.
pub fn batch(numbers: Range<u64>, applied_seq: u64) -> Batch {
    let who = Who { uid: ACCOUNT, user: Uuid::from_u128(3), role: Role::MainHq, region: None };
    let meta = Meta {
        cursor: Some(serde_json::json!({ "xid": applied_seq, "pk": "x" })),
        applied_seq,
        as_of: Some(Stamp(1_795_000_000_000_000)),
        who: Some(who),
        reloading: false,
        shut: false,
        ..Meta::default()
    };
    let rows = numbers.map(row).map(|(key, row)| (key, Some(row))).collect();
    Batch { rows, clear: false, meta }
}

fn open(place: &Path) -> Result<Cache, StoreError> {
    Cache::open(&place.join("cache"), sealer())
}

fn load(cache: &Cache) -> Result<(Meta, BTreeMap<Key, CachedRow>), StoreError> {
    let mut rows = BTreeMap::new();
    let meta = cache.load(|key, row| {
        rows.insert(key, row);
    })?;
    Ok((meta, rows))
}

#[test]
fn rows_and_meta_are_there_again() {
    let place = Place::new();
    let cache = open(place.path()).unwrap();
    assert_eq!(load(&cache).unwrap(), (Meta::default(), BTreeMap::new()));
    let first = batch(0..50, 7);
    cache.write(&first).unwrap();
    cache.flush().unwrap();
    drop(cache);
    let cache = open(place.path()).unwrap();
    let (meta, rows) = load(&cache).unwrap();
    assert_eq!(meta, first.meta);
    assert_eq!(rows, (0..50).map(row).collect());
    // One row goes, one changes, the rest stays.
    let mut second = Batch { meta: batch(0..0, 8).meta, ..Batch::default() };
    let changed = CachedRow { v: 99, ..row(4).1 };
    second.rows = vec![(row(3).0, None), (row(4).0, Some(changed.clone()))];
    cache.write(&second).unwrap();
    drop(cache);
    let (meta, rows) = load(&open(place.path()).unwrap()).unwrap();
    assert_eq!((meta.applied_seq, rows.len()), (8, 49));
    assert_eq!(rows.get(&row(4).0), Some(&changed));
    assert!(!rows.contains_key(&row(3).0));
}

#[test]
fn a_lock_that_is_about_to_go_is_waited_for() {
    let place = Place::new();
    let held = open(place.path()).unwrap();
    held.write(&batch(0..5, 3)).unwrap();
    std::thread::scope(|scope| {
        let next = scope.spawn(|| open(place.path()));
        std::thread::sleep(Duration::from_millis(100));
        drop(held);
        let (meta, rows) = load(&next.join().unwrap().unwrap()).unwrap();
        assert_eq!((meta.applied_seq, rows.len()), (3, 5));
    });
}

#[test]
fn clearing_and_writing_is_one_batch() {
    let place = Place::new();
    let cache = open(place.path()).unwrap();
    cache.write(&batch(0..50, 1)).unwrap();
    cache.write(&Batch { clear: true, ..batch(40..60, 2) }).unwrap();
    let (meta, rows) = load(&cache).unwrap();
    assert_eq!(meta.applied_seq, 2);
    assert_eq!(rows, (40..60).map(row).collect());
    assert!(!cache.bloated().unwrap());
}

#[test]
fn another_key_is_told_from_damage() {
    let place = Place::new();
    open(place.path()).unwrap().write(&batch(0..5, 1)).unwrap();
    let other = Sealer::new(&DataKey::from_bytes([1; 32]), ACCOUNT.into_bytes());
    let told = load(&Cache::open(&place.path().join("cache"), other).unwrap());
    assert!(matches!(told, Err(StoreError::Key { .. })), "{told:?}");
}

#[test]
fn nothing_of_a_row_is_in_the_clear() {
    let place = Place::new();
    let cache = open(place.path()).unwrap();
    cache.write(&batch(0..50, 1)).unwrap();
    cache.flush().unwrap();
    drop(cache);
    for file in files(&place.path().join("cache")) {
        let bytes = fs::read(file).unwrap();
        for word in ["drone-", "FlyOS_MQ7", "applied_seq", "region"] {
            assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word}");
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

/// What may be done to a file, by number.
fn damage(bytes: &mut Vec<u8>, how: usize) {
    let len = bytes.len();
    match how {
        0 => bytes.clear(),
        1 => bytes.truncate(len / 2),
        2 => bytes.fill(0),
        3 => *bytes = b"garbage".repeat(100),
        _ => {
            let at = how * 7919 % len.max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x55;
            }
        }
    }
}

#[test]
fn damage_is_told_or_is_only_an_older_cache_and_a_rebuild_helps() {
    let sound = Place::in_memory();
    let cache = open(sound.path()).unwrap();
    for n in 0..5 {
        cache.write(&batch(n * 20..(n + 1) * 20, n + 1)).unwrap();
        cache.flush().unwrap();
    }
    drop(cache);
    let (mut told, mut older) = (0, 0);
    for file in files(&sound.path().join("cache")) {
        for how in 0..14 {
            let place = Place::in_memory();
            let dir = place.path().join("cache");
            copy(&sound.path().join("cache"), &dir);
            let path = dir.join(file.file_name().unwrap());
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes, how);
            fs::write(&path, bytes).unwrap();
            match open(place.path()).and_then(|cache| load(&cache)) {
                Ok((meta, rows)) => {
                    assert_eq!(rows, (0..meta.applied_seq * 20).map(row).collect(), "{path:?} {how}");
                    older += usize::from(meta.applied_seq < 5);
                }
                Err(StoreError::Corrupt { .. }) => told += 1,
                Err(other) => unreachable!("{path:?} {how}: {other:?}"),
            }
            let cache = Cache::rebuild(&dir, &place.path().join("quarantine"), sealer()).unwrap();
            assert_eq!(load(&cache).unwrap(), (Meta::default(), BTreeMap::new()));
            cache.write(&batch(0..3, 1)).unwrap();
            assert!(place.path().join("quarantine/cache").is_dir());
        }
    }
    assert!(told > 5, "{told} told, {older} older");
}

#[test]
fn only_the_newest_of_the_rebuilt_caches_are_kept() {
    let place = Place::new();
    let quarantine = place.path().join("quarantine");
    fs::create_dir(&quarantine).unwrap();
    fs::write(quarantine.join("00000001.log"), "a segment").unwrap();
    for _ in 0..5 {
        Cache::rebuild(&place.path().join("cache"), &quarantine, sealer()).unwrap();
    }
    let caches = fs::read_dir(&quarantine).unwrap().filter(|item| item.as_ref().unwrap().path().is_dir());
    assert_eq!(caches.count(), 2);
    assert!(quarantine.join("00000001.log").exists());
}

#[test]
fn an_unfinished_snapshot_is_no_damage() {
    let place = Place::new();
    open(place.path()).unwrap().write(&batch(0..5, 1)).unwrap();
    fs::write(place.path().join("cache/snap.0000000000000000.generating"), "").unwrap();
    assert_eq!(load(&open(place.path()).unwrap()).unwrap().1.len(), 5);
}

/// Whoever can write the files but lacks the key can put one sealed value in the place of another. No row comes of it.
#[test]
fn a_value_moved_to_another_place_is_refused() {
    let place = Place::in_memory();
    let cache = open(place.path()).unwrap();
    cache.write(&batch(0..200, 1)).unwrap();
    let (_, rows) = load(&cache).unwrap();
    drop(cache);
    let tree = tree(place.path());
    let values: Vec<(sled::IVec, sled::IVec)> = tree.iter().map(Result::unwrap).collect();
    drop(tree);
    assert!(values.len() >= 4, "several pages and the meta: {}", values.len());
    for (nth, (name, _)) in values.iter().enumerate() {
        let other = &values[(nth + 1) % values.len()].1;
        drop(tree_with(place.path(), name, other));
        let told = open(place.path()).and_then(|cache| load(&cache)).unwrap_err();
        assert!(matches!(told, StoreError::Corrupt { .. }), "value {nth}: {told:?}");
        drop(tree_with(place.path(), name, &values[nth].1));
    }
    assert_eq!(load(&open(place.path()).unwrap()).unwrap().1, rows, "put back, all is well");
}

/// The cache's own tree. Its lock goes a moment after whoever had it, or when a process that was started meanwhile has closed
/// what it inherited.
fn tree(place: &Path) -> sled::Db {
    let begun = Instant::now();
    loop {
        match sled::Config::new().path(place.join("cache")).open() {
            Ok(tree) => return tree,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The cache's own tree with one value set.
fn tree_with(place: &Path, name: &[u8], value: &[u8]) -> sled::Db {
    let tree = tree(place);
    tree.insert(name, value).unwrap();
    tree.flush().unwrap();
    tree
}

//! Recovery: caches of every kind of damage, disks that are full, journals put back from older copies, folders that are not
//! safe, and accounts that share nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use flyos::domain::Stamp;
use flyos::store::replica::Pulled;
use flyos::store::{AccountFolder, Entry, Found, Meta, RESERVE_BYTES, Store, StoreError, look};
use flyos::vault::{DataKey, Sealer};
use uuid::Uuid;

use crate::limits::Disk;
use crate::{ACCOUNT, Place, came_through, child, copy, entry, padded, place_of_child, say, sealer};

fn try_open(place: &Path) -> Result<(Store, Found), StoreError> {
    let folder = AccountFolder::create_or_open(place, ACCOUNT)?;
    let lock = folder.lock()?;
    Store::open(folder, lock, &sealer())
}

fn open(place: &Path) -> (Store, Found) {
    try_open(place).unwrap()
}

fn folder(place: &Path) -> AccountFolder {
    AccountFolder::create_or_open(place, ACCOUNT).unwrap()
}

fn save(store: &mut Store, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        store.books.note(&[entry(n)]).unwrap();
    }
}

/// A page of so many drones, and with it what the cache knows of the journal.
fn pull(store: &mut Store, rows: u64) {
    try_pull(store, rows).unwrap();
}

fn try_pull(store: &mut Store, rows: u64) -> Result<(), StoreError> {
    let row = |n: u64| {
        let fields = [
            ("model", Some("FlyOS_MQ5")),
            ("status", Some("ACTIVE")),
            ("region_id", None),
            ("operator_id", None),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        let key = flyos::domain::Key::drone(&format!("pulled-{n}"));
        Pulled { key, v: n + 1, row: Some((fields.into(), vec!["*".to_owned()])), deleted: false }
    };
    let meta = Meta { cursor: Some(serde_json::json!({ "rows": rows })), ..Meta::default() };
    let number = store.books.write().begin_pull();
    store.books.take_page((0..rows).map(row).collect(), meta, number, true).1
}

fn waiting(store: &Store) -> Vec<u64> {
    store.books.read().outbox().map(|pending| pending.seq).collect()
}

fn snapshots(place: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder(place).cache_dir()).unwrap().map(|item| item.unwrap().path());
    files.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

// ---- the cache's ladder ----

#[test]
fn a_snapshot_that_is_damaged_costs_no_row() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=2);
    pull(&mut store, 50);
    store.close();
    // The library makes its snapshot on opening.
    open(place.path()).0.close();
    let snapshots = snapshots(place.path());
    assert!(!snapshots.is_empty());
    for path in snapshots {
        fs::write(path, "").unwrap();
    }
    let (store, found) = open(place.path());
    assert!(
        found.cache_rebuilt.is_none() && found.cache_mended.is_some(),
        "the log has all of it: {found:?}"
    );
    assert_eq!((store.books.read().rows(), waiting(&store)), (50, vec![1, 2]));
    store.close();
    assert!(look::quarantine(&folder(place.path())).0.is_empty());
}

#[test]
fn a_cache_that_cannot_be_used_goes_to_quarantine_and_costs_no_edit() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=2);
    pull(&mut store, 50);
    store.close();
    let conf = folder(place.path()).cache_dir().join("conf");
    let mut bytes = fs::read(&conf).unwrap();
    bytes[10] ^= 1;
    fs::write(&conf, bytes).unwrap();
    let (mut store, found) = open(place.path());
    assert!(found.cache_rebuilt.is_some());
    assert_eq!((store.books.read().rows(), waiting(&store)), (0, vec![1, 2]));
    assert_eq!(look::quarantine(&folder(place.path())).0, ["cache"]);
    pull(&mut store, 50);
    store.close();
    let (store, found) = open(place.path());
    assert_eq!((found.cache_rebuilt, store.books.read().rows()), (None, 50));
}

/// In a process of its own: the thread that hangs stays, and no other cache may be opened beside it.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_meets_a_cache_that_hangs() {
    let Some(place) = place_of_child() else { return };
    let attempt = || {
        let folder = folder(&place);
        let lock = folder.lock().unwrap();
        Store::open_within(folder, lock, &sealer(), Duration::from_millis(300)).map(drop)
    };
    let told = attempt().unwrap_err();
    assert!(matches!(told, StoreError::Hung { .. }), "{told:?}");
    let told = attempt().unwrap_err();
    assert!(matches!(told, StoreError::Hung { .. }), "not in this process any more: {told:?}");
    say("it has an end");
}

#[test]
fn a_cache_that_hangs_has_an_end_and_the_next_start_has_another() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=2);
    pull(&mut store, 50);
    store.close();
    // Whoever opens a pipe that nobody writes to waits for ever.
    let conf = folder(place.path()).cache_dir().join("conf");
    fs::remove_file(&conf).unwrap();
    assert!(Command::new("mkfifo").arg(&conf).status().unwrap().success());
    assert!(came_through(child("recovery::child_meets_a_cache_that_hangs", place.path()), "it has an end"));
    let (store, _) = open(place.path());
    assert_eq!((store.books.read().rows(), waiting(&store)), (0, vec![1, 2]));
    assert_eq!(look::quarantine(&folder(place.path())).0, ["cache"], "put aside");
}

/// In a process of its own: its cache is slow beyond all patience when it is flushed.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_goes_on_without_its_cache() {
    let Some(place) = place_of_child() else { return };
    let folder = folder(&place);
    let lock = folder.lock().unwrap();
    let (mut store, _) = Store::open_within(folder, lock, &sealer(), Duration::from_secs(3)).unwrap();
    save(&mut store, 1..=2);
    let told = try_pull(&mut store, 50).unwrap_err();
    assert!(matches!(told, StoreError::Hung { .. }), "{told:?}");
    save(&mut store, 3..=4);
    let told = try_pull(&mut store, 60).unwrap_err();
    assert!(matches!(told, StoreError::Hung { .. }), "{told:?}");
    assert_eq!((store.books.read().rows(), waiting(&store)), (60, vec![1, 2, 3, 4]), "memory has it all");
    store.close();
    say("without its cache");
}

#[test]
fn a_cache_that_hangs_at_work_is_given_up_and_edits_are_saved_all_the_same() {
    if !crate::can_trace() {
        return;
    }
    let place = Place::new();
    open(place.path()).0.close();
    let db = folder(place.path()).cache_dir().join("db");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=sync_file_range", "-e"]);
    strace.args(["inject=sync_file_range:delay_enter=4000000", "-P"]).arg(&db);
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "recovery::child_goes_on_without_its_cache", "--ignored", "--nocapture"]);
    strace.args(["--test-threads=1"]).env("FLYOS_TEST_PLACE", place.path());
    strace.stdin(Stdio::null()).stdout(Stdio::piped());
    assert!(came_through(strace.spawn().unwrap(), "without its cache"));
    let (store, _) = open(place.path());
    assert_eq!(waiting(&store), [1, 2, 3, 4]);
}

// ---- a journal from an older copy, or without its end ----

#[test]
fn a_journal_from_an_older_copy_holds_its_edits_back_until_somebody_decides() {
    let place = Place::new();
    let (mut store, found) = open(place.path());
    assert_eq!(found.ends_early, None);
    save(&mut store, 1..=2);
    store.close();
    let older = Place::new();
    copy(&folder(place.path()).journal_dir(), &older.path().join("journal"));
    let (mut store, _) = open(place.path());
    save(&mut store, 3..=5);
    pull(&mut store, 5);
    store.close();
    fs::remove_dir_all(folder(place.path()).journal_dir()).unwrap();
    copy(&older.path().join("journal"), &folder(place.path()).journal_dir());

    let (mut store, found) = open(place.path());
    assert_eq!((found.ends_early, found.held), (Some((2, 5)), 2));
    assert_eq!(found.missing, [3..=5]);
    assert_eq!((store.held_back(), store.held_edits()), (Some(2), vec![1, 2]));
    // What is made now is no old edit, and gets a number that was never given.
    assert_eq!(store.books.note(&[entry(6)]).unwrap(), 6);
    let held = store.held_back().unwrap();
    let sent = store.books.freeze(50, |seq| seq <= held, Uuid::now_v7).unwrap();
    assert_eq!(sent.iter().map(|pending| pending.seq).collect::<Vec<_>>(), [6]);
    store.close();

    // Nothing shows it any more but the mark.
    let (mut store, found) = open(place.path());
    assert_eq!((found.ends_early, store.held_edits()), (None, vec![1, 2]));
    assert_eq!(found.missing, [3..=5], "told at every opening");
    store.send_held().unwrap();
    assert_eq!(store.held_back(), None);
    store.close();
    let (store, _) = open(place.path());
    assert_eq!((store.held_back(), waiting(&store)), (None, vec![1, 2, 6]));
}

#[test]
fn edits_that_are_held_back_can_be_let_go_of() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=3);
    pull(&mut store, 5);
    store.close();
    // The last entry is damaged: only the cache knows that it was acknowledged.
    let path = folder(place.path()).journal_dir().join("00000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (mut store, found) = open(place.path());
    assert_eq!((found.ends_early, found.lost()), (Some((2, 3)), 1));
    assert_eq!(store.discard_held().unwrap(), 2);
    assert_eq!((waiting(&store), store.held_back()), (vec![], None));
    store.close();
    let (store, _) = open(place.path());
    assert!(waiting(&store).is_empty() && store.held_back().is_none());
}

#[test]
fn lost_entries_are_told_until_somebody_has_seen_them() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=3);
    store.close();
    let path = folder(place.path()).journal_dir().join("00000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    for _ in 0..2 {
        let (store, found) = open(place.path());
        assert_eq!((found.missing.clone(), found.lost(), store.lost().len()), (vec![2..=2], 1, 1));
        assert!(found.unseen[0].after.is_some() && found.unseen[0].before.is_some());
        store.close();
    }
    let (mut store, _) = open(place.path());
    store.acknowledge_lost(Stamp(9)).unwrap();
    assert!(store.lost().is_empty());
    store.close();
    let (store, found) = open(place.path());
    assert_eq!((found.missing, found.unseen.len(), store.lost().len()), (vec![2..=2], 0, 0), "calm");
    drop(store);
    let folder = folder(place.path());
    let (seen, unseen) = look::lost(&folder, &look::journal(&folder, None).unwrap());
    assert_eq!((seen.len(), seen[0].seen, unseen.len()), (1, Stamp(9), 0), "it is still known");
}

#[test]
fn a_mark_that_cannot_be_read_holds_everything_back() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=2);
    store.close();
    fs::write(folder(place.path()).path().join("held-back"), [0xff; 100]).unwrap();
    let (store, _) = open(place.path());
    assert_eq!(store.held_edits(), [1, 2]);
}

// ---- full disks ----

fn reserve(place: &Path) -> Option<u64> {
    fs::metadata(folder(place).path().join("reserve")).ok().map(|found| found.len())
}

#[test]
fn a_full_disk_takes_edits_into_the_reserve_and_makes_it_again_when_there_is_room() {
    let Some(disk) = Disk::of_size("64m") else { return };
    let (mut store, _) = open(disk.path());
    save(&mut store, 1..=2);
    pull(&mut store, 50);
    assert_eq!(reserve(disk.path()), Some(RESERVE_BYTES));
    assert!(!store.is_disk_full());
    disk.fill();
    // Larger than what is left of a page: without the reserve this is refused.
    store.books.note(&[padded(3, 100 << 10)]).unwrap();
    assert_eq!(reserve(disk.path()), None, "given up");
    assert!(store.is_disk_full());
    store.close();
    // And it opens while it is full.
    let (mut store, found) = open(disk.path());
    assert_eq!((waiting(&store), found.cache_rebuilt), (vec![1, 2, 3], None));
    fs::remove_file(disk.path().join("filler")).unwrap();
    store.books.note(&[entry(4)]).unwrap();
    assert_eq!(reserve(disk.path()), Some(RESERVE_BYTES), "there is room again");
    assert!(!store.is_disk_full());
    store.close();
    let (store, _) = open(disk.path());
    assert_eq!(waiting(&store), [1, 2, 3, 4]);
}

#[test]
fn a_disk_that_is_full_before_the_first_opening_of_the_day_still_opens() {
    let Some(disk) = Disk::of_size("64m") else { return };
    let (mut store, _) = open(disk.path());
    save(&mut store, 1..=2);
    pull(&mut store, 50);
    store.close();
    disk.fill();
    let (mut store, found) = open(disk.path());
    assert!(store.is_disk_full());
    assert_eq!((store.books.read().rows(), waiting(&store), found.cache_rebuilt), (50, vec![1, 2], None));
    store.books.note(&[entry(3)]).unwrap();
    store.close();
    assert_eq!(waiting(&open(disk.path()).0), [1, 2, 3]);
}

// ---- syncs that fail ----

/// Saves until a sync fails, and after that.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_meets_a_sync_that_fails() {
    let Some(place) = place_of_child() else { return };
    let (mut journal, _) = crate::open_journal(&place).unwrap();
    for n in 1..=3 {
        let told = journal.append(&[entry(n)]);
        assert_eq!(told.is_err(), n == 3, "{told:?}");
    }
    let first = place.join("journal/00000001.log");
    let (len, changed) = (fs::metadata(&first).unwrap().len(), fs::metadata(&first).unwrap().mtime_nsec());
    assert_eq!(journal.append(&[entry(3), entry(4)]).unwrap(), 3..=4);
    let after = fs::metadata(&first).unwrap();
    assert_eq!((after.len(), after.mtime_nsec()), (len, changed), "that file is never written again");
    say("told");
}

#[test]
fn after_a_failed_sync_that_file_is_never_written_again() {
    if !crate::can_trace() {
        return;
    }
    let place = Place::new();
    crate::journal_dir(place.path());
    let first = place.path().join("journal/00000001.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qqq", "-o", "/dev/null", "-e", "signal=none", "-e", "trace=fdatasync", "-e"]);
    strace.args(["inject=fdatasync:error=EIO:when=3", "-P"]).arg(&first);
    strace.arg(std::env::current_exe().unwrap());
    strace.args([
        "--exact",
        "recovery::child_meets_a_sync_that_fails",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    strace.env("FLYOS_TEST_PLACE", place.path()).stdin(Stdio::null()).stdout(Stdio::piped());
    assert!(came_through(strace.spawn().unwrap(), "told"));
    assert_eq!(fs::read_dir(place.path().join("journal")).unwrap().count(), 2, "a new one was begun at once");
    let (_, opened) = crate::open_journal(place.path()).unwrap();
    assert_eq!(crate::seqs(&opened), [1, 2, 3, 4]);
    assert!(opened.missing.is_empty() && opened.damage.is_empty());
}

// ---- folders that are not safe ----

/// Files of another machine, really mounted: by sshfs over a server of files that runs here, without a network.
struct Elsewhere(Place);

impl Elsewhere {
    fn mount() -> Option<Self> {
        let server = "/usr/lib/openssh/sftp-server";
        let here = Place::new();
        let (mount, files) = (here.path().join("mount"), here.path().join("files"));
        fs::create_dir(&mount).unwrap();
        fs::create_dir(&files).unwrap();
        // What stands for ssh: it runs the server beside us.
        let way = here.path().join("way");
        fs::write(&way, format!("#!/bin/sh\nexec {server}\n")).unwrap();
        fs::set_permissions(&way, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let mut command = Command::new("sshfs");
        command.arg(format!("ground-1:{}", files.display())).arg(&mount);
        command.arg("-o").arg(format!("ssh_command={}", way.display()));
        let mounted = Path::new(server).exists() && command.output().is_ok_and(|done| done.status.success());
        if !mounted {
            say("skipped: no sshfs here, or nothing may be mounted");
        }
        mounted.then_some(Self(here))
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _done = Command::new("umount").arg("-l").arg(self.0.path().join("mount")).status();
    }
}

#[test]
fn a_folder_of_another_machine_is_refused_before_anything_is_written() {
    let Some(elsewhere) = Elsewhere::mount() else { return };
    let root = elsewhere.0.path().join("mount");
    let told = AccountFolder::create_or_open(&root, ACCOUNT).unwrap_err();
    let StoreError::Foreign { path, kind } = &told else { unreachable!("{told:?}") };
    assert_eq!((path.as_path(), kind.as_str()), (root.as_path(), "fuse.sshfs"));
    assert!(told.to_string().contains("another machine"), "{told}");
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    // Nor by a way that leads there: the account's folder, the journal's, a link.
    let here = Place::new();
    symlink(&root, here.path().join("data")).unwrap();
    let told = AccountFolder::create_or_open(&here.path().join("data"), ACCOUNT).unwrap_err();
    assert!(matches!(told, StoreError::Foreign { .. }), "{told:?}");
    let journal = folder(here.path()).journal_dir();
    assert!(Command::new("mount").args(["--bind"]).arg(&root).arg(&journal).status().unwrap().success());
    let told = AccountFolder::create_or_open(here.path(), ACCOUNT).unwrap_err();
    assert!(Command::new("umount").arg(&journal).status().unwrap().success());
    assert!(matches!(&told, StoreError::Foreign { path, .. } if *path == journal), "{told:?}");
}

#[test]
fn an_overlay_and_a_disk_in_memory_are_this_machines_own() {
    let Some(disk) = Disk::of_size("64m") else { return };
    folder(&disk.path().join("memory"));
    let [lower, upper, work, merged] =
        ["lower", "upper", "work", "merged"].map(|name| disk.path().join(name));
    for path in [&lower, &upper, &work, &merged] {
        fs::create_dir(path).unwrap();
    }
    let options =
        format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let mounted =
        Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(&merged).status();
    if !mounted.unwrap().success() {
        return say("skipped: no overlay can be mounted here");
    }
    let opened = try_open(&merged).map(|(store, _)| store.close());
    assert!(Command::new("umount").arg("-l").arg(&merged).status().unwrap().success());
    opened.unwrap();
}

// ---- two accounts on one machine ----

#[test]
fn two_accounts_on_one_machine_share_nothing() {
    let place = Place::new();
    let other = Uuid::from_u128(7);
    let keys = [(ACCOUNT, sealer()), (other, Sealer::new(&DataKey::from_bytes([9; 32]), other.into_bytes()))];
    let mut stores = keys.each_ref().map(|(account, sealer)| {
        let folder = AccountFolder::create_or_open(place.path(), *account).unwrap();
        // Neither lock is in the way of the other's.
        let lock = folder.lock().unwrap();
        (Store::open(folder.clone(), lock, sealer).unwrap().0, folder)
    });
    save(&mut stores[0].0, 1..=3);
    save(&mut stores[1].0, 1..=1);
    pull(&mut stores[0].0, 20);
    assert_eq!(stores.each_ref().map(|(store, _)| waiting(store)), [vec![1, 2, 3], vec![1]]);
    assert_eq!(stores.each_ref().map(|(store, _)| store.books.read().rows()), [20, 0]);
    let folders = stores.map(|(store, folder)| {
        store.close();
        folder
    });
    assert!(
        !folders[0].path().starts_with(folders[1].path())
            && folders[0].path().parent() == folders[1].path().parent()
    );
    // No file of one is a file of the other under another name.
    let inodes = folders.each_ref().map(|folder| {
        let mut found = Vec::new();
        files(folder.path(), &mut found);
        found.sort_unstable();
        found
    });
    assert!(inodes[0].len() > 4 && inodes[0].iter().all(|inode| inodes[1].binary_search(inode).is_err()));
    // Neither key opens anything of the other's, and trying it changes nothing.
    for (folder, (_, wrong)) in folders.iter().zip(keys.iter().rev()) {
        let told = look::journal(folder, Some(wrong));
        assert!(matches!(told, Err(StoreError::Key { .. })), "{told:?}");
        let told = Store::open(folder.clone(), folder.lock().unwrap(), wrong).map(drop);
        assert!(matches!(told, Err(StoreError::Key { .. })), "{told:?}");
    }
    // Nor where one's files are put into the other's folder under its own key.
    let key = DataKey::from_bytes([42; 32]);
    let swapped = Sealer::new(&key, other.into_bytes());
    assert!(matches!(look::journal(&folders[0], Some(&swapped)), Err(StoreError::Key { .. })));
    // Erasing one leaves the other as it is.
    fs::remove_dir_all(folders[1].path()).unwrap();
    let (store, found) = open(place.path());
    assert_eq!((waiting(&store), store.books.read().rows()), (vec![1, 2, 3], 20));
    assert!(found.damage.is_empty() && found.cache_rebuilt.is_none());
}

fn files(dir: &Path, found: &mut Vec<u64>) {
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(fs::metadata(&path).unwrap().ino());
        }
    }
}

// ---- looking ----

#[test]
fn looking_finds_what_opening_would_and_changes_nothing() {
    let place = Place::new();
    let (mut store, _) = open(place.path());
    save(&mut store, 1..=4);
    pull(&mut store, 30);
    store.close();
    let folder = folder(place.path());
    let path = folder.journal_dir().join("00000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    bytes.extend_from_slice(b"torn");
    fs::write(&path, &bytes).unwrap();
    let before = all_bytes(folder.path());
    for sealer in [None, Some(&sealer())] {
        let found = look::journal(&folder, sealer).unwrap();
        assert_eq!((found.segments, found.frames, found.next), (1, 3, 5));
        assert_eq!(found.missing.iter().map(|gap| gap.clone().count()).sum::<usize>(), 1);
        assert_eq!(found.damage.iter().map(|damage| damage.torn).collect::<Vec<_>>(), [false, true]);
        assert_eq!(found.entries.len(), if sealer.is_some() { 3 } else { 0 });
        assert!(found.entries.iter().all(|(_, entry)| matches!(entry, Entry::Edit(_))));
    }
    let (meta, replica) = look::cache(&folder, &sealer(), Duration::from_secs(20)).unwrap().unwrap();
    assert_eq!((meta.applied_seq, replica.rows()), (4, 30));
    assert!(look::wrong_in(&folder).is_empty());
    assert!(!folder.is_held());
    assert_eq!(all_bytes(folder.path()), before);
    let _lock = folder.lock().unwrap();
    assert!(folder.is_held());
}

fn all_bytes(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            all.extend(all_bytes(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

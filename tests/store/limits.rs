//! Disks that are full or cannot be written to: a plain answer, nothing lost, and it goes on afterwards.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use flyos::store::{Batch, Cache, Meta, StoreError};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{Place, came_through, child, entry, open_journal, padded, place_of_child, say, sealer, seqs};

/// Lets files of this process grow to so many bytes.
fn allow(bytes: Option<u64>) {
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// In a process of its own, since the limit is the process's.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_with_a_limit() {
    let Some(place) = place_of_child() else { return };
    // Past the limit the system sends a signal, which would end the process.
    signal_hook::flag::register(25, Arc::new(AtomicBool::new(false))).unwrap();
    let (mut journal, _) = open_journal(&place).unwrap();
    journal.append(&[entry(1)]).unwrap();
    let size = fs::metadata(place.join("journal/00000001.log")).unwrap().len();
    allow(Some(size + 100));
    let told = journal.append(&[entry(2)]).unwrap_err();
    assert!(matches!(told, StoreError::Full { .. }), "{told:?}");
    assert_eq!(fs::metadata(place.join("journal/00000001.log")).unwrap().len(), size, "the tail is cut");
    assert_eq!(journal.next_seq(), 2, "the number is given back");
    allow(Some(0));
    for _ in 0..3 {
        let told = journal.append(&[entry(2)]).unwrap_err();
        assert!(matches!(told, StoreError::Full { .. }), "{told:?}");
    }
    allow(None);
    assert_eq!(journal.append(&[entry(2)]).unwrap(), 2..=2);
    assert_eq!(fs::read_dir(place.join("journal")).unwrap().count(), 2, "in a new segment");
    drop(journal);
    let (_, opened) = open_journal(&place).unwrap();
    assert_eq!(seqs(&opened), [1, 2]);
    assert!(opened.damage.is_empty() && opened.missing.is_empty());
    say("limit held");
}

#[test]
fn a_file_that_may_not_grow_is_told_and_costs_nothing() {
    let place = Place::new();
    assert!(came_through(child("limits::child_with_a_limit", place.path()), "limit held"));
}

/// A small disk of our own; `None` where we may not mount one.
pub struct Disk(Place);

impl Disk {
    fn new() -> Option<Self> {
        Self::of_size("8m")
    }

    pub fn of_size(size: &str) -> Option<Self> {
        let place = Place::new();
        let mut mount = Command::new("mount");
        let mount =
            mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(place.path()).output();
        let mounted = mount.is_ok_and(|done| done.status.success());
        if !mounted {
            say("skipped: no disk can be mounted here");
        }
        mounted.then_some(Self(place))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.path()).status();
        assert!(done.unwrap().success());
    }

    /// Takes all the room there is.
    pub fn fill(&self) {
        let mut file = fs::File::create(self.path().join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _done = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_saved_is_safe() {
    let Some(disk) = Disk::new() else { return };
    let (mut journal, _) = open_journal(disk.path()).unwrap();
    journal.append(&[entry(1), padded(2, 100 << 10)]).unwrap();
    disk.fill();
    for _ in 0..3 {
        let told = journal.append(&[padded(3, 100 << 10)]).unwrap_err();
        assert!(matches!(told, StoreError::Full { .. }), "{told:?}");
        assert!(told.to_string().contains("no room"), "{told}");
    }
    // What is there can be read while the disk is full.
    let (_, opened) = open_journal(disk.path()).unwrap();
    assert_eq!(seqs(&opened), [1, 2]);
    fs::remove_file(disk.path().join("filler")).unwrap();
    assert_eq!(journal.append(&[padded(3, 100 << 10)]).unwrap(), 3..=3);
    drop(journal);
    let (_, opened) = open_journal(disk.path()).unwrap();
    assert_eq!(seqs(&opened), [1, 2, 3]);
    assert!(opened.missing.is_empty() && opened.damage.is_empty(), "{:?}", opened.damage);
}

#[test]
fn a_torn_journal_on_a_full_disk_still_opens() {
    let Some(disk) = Disk::new() else { return };
    let (mut journal, _) = open_journal(disk.path()).unwrap();
    journal.append(&[entry(1), padded(2, 100 << 10)]).unwrap();
    drop(journal);
    let path = disk.path().join("journal/00000001.log");
    let len = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(len - 7).unwrap();
    disk.fill();
    let (mut journal, opened) = open_journal(disk.path()).unwrap();
    assert_eq!(seqs(&opened), [1]);
    assert_eq!(opened.damage.len(), 1);
    assert!(journal.append(&[padded(2, 100 << 10)]).is_err());
    fs::remove_file(disk.path().join("filler")).unwrap();
    assert_eq!(journal.append(&[entry(2)]).unwrap(), 2..=2);
    drop(journal);
    let (_, opened) = open_journal(disk.path()).unwrap();
    assert_eq!(seqs(&opened), [1, 2]);
    assert!(opened.missing.is_empty());
}

#[test]
fn a_read_only_disk_can_be_read_and_says_what_it_is() {
    let Some(disk) = Disk::new() else { return };
    let (mut journal, _) = open_journal(disk.path()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    drop(journal);
    disk.remount("ro");
    let (mut journal, opened) = open_journal(disk.path()).unwrap();
    assert_eq!(seqs(&opened), [1]);
    let told = journal.append(&[entry(2)]).unwrap_err();
    assert!(matches!(told, StoreError::ReadOnly { .. }), "{told:?}");
    let told =
        flyos::store::AccountFolder::create_or_open(&disk.path().join("data"), crate::ACCOUNT).unwrap_err();
    assert!(matches!(told, StoreError::ReadOnly { .. }) && told.to_string().contains("data"), "{told}");
    disk.remount("rw");
    assert_eq!(journal.append(&[entry(2)]).unwrap(), 2..=2);
}

#[test]
fn a_cache_on_a_full_disk_is_told_and_recovers() {
    let Some(disk) = Disk::new() else { return };
    let dir = disk.path().join("cache");
    let cache = Cache::open(&dir, sealer()).unwrap();
    let batch = Batch { meta: Meta { applied_seq: 1, ..Meta::default() }, ..Batch::default() };
    cache.write(&batch).unwrap();
    cache.flush().unwrap();
    drop(cache);
    disk.fill();
    let told = Cache::open(&dir, sealer()).and_then(|cache| {
        // Enough of it that the log must grow.
        for n in 0..200 {
            cache.write(&crate::cache::batch(n * 100..(n + 1) * 100, n))?;
            cache.flush()?;
        }
        Ok(())
    });
    assert!(matches!(told, Err(StoreError::Full { .. })), "{told:?}");
    fs::remove_file(disk.path().join("filler")).unwrap();
    let cache = Cache::open(&dir, sealer())
        .or_else(|_| Cache::rebuild(&dir, &disk.path().join("quarantine"), sealer()));
    let cache = cache.unwrap();
    cache.write(&batch).unwrap();
    assert_eq!(cache.load(|_, _| {}).unwrap().applied_seq, 1);
}

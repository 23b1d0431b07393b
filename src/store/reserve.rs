//! The reserve: a file that only takes room, so that there is some to give up when the disk is full.
//!
//! A full disk would stop everything: the cache's library cannot even be opened without writing, and no edit is saved.
//! So each account's folder keeps 8 MiB back. They are given up when there is next to no room on opening, or when the
//! journal cannot append; that is enough for thousands of edits, and it is told. Once there is room again, the file is
//! made anew.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use rustix::fs::{FallocateFlags, fallocate};

use super::{disk, filesystem};

/// What is kept back: two segments of the journal, or the cache's buffers and its snapshot.
pub const RESERVE_BYTES: u64 = 8 << 20;
/// With less room than this, opening gives the reserve up: the cache's library writes when it opens.
const ROOM_MIN: u64 = 2 << 20;
/// Without a reserve, and with less room than this, the disk counts as full.
const ROOM_LOW: u64 = 16 << 20;
/// It is made when so much is left beside it: far enough above what gives it up that it does not come and go.
const ROOM_AFTER: u64 = 32 << 20;
/// Zeros written at once, where room cannot be asked for.
static CHUNK: [u8; 64 << 10] = [0; 64 << 10];

/// One account's reserve.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    /// It is not there: given up, or never made for want of room.
    missing: bool,
}

impl Reserve {
    pub fn of(folder: &super::AccountFolder) -> Self {
        Self { path: folder.path().join("reserve"), missing: false }
    }

    /// The disk is all but full, and there is nothing to give up any more.
    pub fn is_used_up(&self) -> bool {
        self.missing && self.room().is_some_and(|room| room < ROOM_LOW)
    }

    fn room(&self) -> Option<u64> {
        self.path.parent().and_then(filesystem::room)
    }

    /// Before the account is opened.
    pub fn prepare(&mut self) {
        if self.room().is_some_and(|room| room < ROOM_MIN) {
            self.give_up();
            self.missing = true;
        } else {
            self.missing = fs::symlink_metadata(&self.path).map_or(0, |found| found.len()) < RESERVE_BYTES;
            self.restore();
        }
    }

    /// Whether there was something to give up, and it was.
    pub fn give_up(&mut self) -> bool {
        let given = fs::remove_file(&self.path).is_ok();
        if given {
            self.missing = true;
            tracing::warn!("the disk is full: the reserve was given up");
        }
        given
    }

    /// Makes it again where there is room. Best effort: without it everything works but on a full disk.
    pub fn restore(&mut self) {
        if !self.missing || self.room().is_none_or(|room| room < ROOM_AFTER + RESERVE_BYTES) {
            return;
        }
        match self.make() {
            Ok(()) => self.missing = false,
            Err(error) => {
                tracing::warn!(%error, "no reserve could be made");
                drop(fs::remove_file(&self.path));
            }
        }
    }

    fn make(&self) -> std::io::Result<()> {
        let mut file: File = disk::options().write(true).create(true).truncate(true).open(&self.path)?;
        if fallocate(file.as_fd(), FallocateFlags::empty(), 0, RESERVE_BYTES).is_ok() {
            return Ok(());
        }
        for _ in 0..RESERVE_BYTES / CHUNK.len() as u64 {
            file.write_all(&CHUNK)?;
        }
        Ok(())
    }
}

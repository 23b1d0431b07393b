//! The durable parts of the store, from outside: real files, real processes, real full disks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bench;
mod cache;
mod fixtures;
mod folder;
mod journal;
mod kit;
mod limits;
mod recovery;

use kit::{
    ACCOUNT, Place, Said, came_through, can_trace, child, copy, entry, journal_dir, key, open_journal,
    padded, place_of_child, say, sealer, seqs,
};

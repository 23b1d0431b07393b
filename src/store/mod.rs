//! The store: what an account keeps on this machine.
//!
//! * `journal`: what people did here, durable before anybody is told "saved"; the one thing that must survive;
//! * `cache`: what the server said, in sled, rebuildable at any time;
//! * `replica`: both in memory, as one view; all reading goes through it;
//! * `books`: the three in step; `local`: on disk, for one account; `desk`: the thread that owns them;
//! * `minded`: the cache at work, never waited for without end; `recovery`: opening one that is damaged; `reserve`: room
//!   for when the disk is full; `restore`: an account made anew of a copy; `held`: edits of a journal that was put back
//!   from an older copy; `lost`: entries that are gone for good; `look`: looking at all of
//!   it without touching it;
//! * `folder`: where it lies, who may read it, and that one process has it; `account`: its one file in the clear; `remains`: what
//!   is left of it when it is damaged; `holder`: which one; `aside`: a folder that
//!   does not open; `filesystem`: that it is a disk of this machine; `wraps`: the ways to its key; `erase`: letting go of
//!   it for good.
//!
//! Journal and cache are sealed. All of it but the replica blocks: one thread owns it, never a task of the
//! runtime. The store judges nothing: what may be edited is for the service, what is sent is for sync.

pub mod account;
mod aside;
pub mod books;
pub mod cache;
pub mod desk;
mod disk;
pub mod entry;
mod erase;
pub mod error;
pub mod filesystem;
pub mod folder;
mod frame;
mod guarded;
mod held;
pub mod holder;
pub mod journal;
mod lax;
pub mod local;
pub mod look;
mod lost;
mod minded;
mod pages;
mod recovery;
mod remains;
pub mod replica;
mod reserve;
mod restore;
pub mod row;
pub mod taste;
mod tries;
mod wraps;

pub use account::{AccountFile, Mended};
pub use aside::Summary;
pub use books::{Books, Log, Rows};
pub use cache::{Batch, Cache, CachedRow, Meta, Who};
pub use desk::Desk;
pub use entry::{Edit, Entry, Seen};
pub use erase::finish_erasing;
pub use error::StoreError;
pub use folder::{AccountFolder, AccountLock, private_umask};
pub use holder::Holder;
pub use journal::{Damage, Journal, Opened};
pub use local::{Durable, Found, Store};
pub use lost::{Gap, SeenGap};
pub use minded::Minded;
pub use recovery::PATIENCE;
pub use replica::Replica;
pub use reserve::RESERVE_BYTES;
pub use restore::{Restored, restore};
pub use tries::Tries;

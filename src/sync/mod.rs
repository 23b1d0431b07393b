//! Reconciling with the server: `engine` decides when, `exchange` what goes out and what comes of it, `translate` puts
//! the words, `runner` does it with what `flights` has under way, `listen` hears when there is news.
//!
//! The protocol in short. A pull goes page by page from an opaque cursor, which is kept in the same batch as its
//! page; a push sends frozen edits under ids of their own, and the server stores what became of each, so sending
//! again is always safe. Pull and push are independent. Base rows are written by pulls alone: the answer to a
//! push only says which version to wait for, or a late answer would bring back a row that has left our sight.
//!
//! What is so on purpose:
//! * An edit's base is what the person saw, never brought up to date behind their back: if the server has
//!   something else, a person decides.
//! * An acknowledged edit leaves the overlay when the base has its version; where a cascade touched other rows,
//!   whose versions are not told, when a pull that began after the answer has drained.
//! * A delete carries the row as seen, and of an assignment its time, which tells it from a later one of the same
//!   pair. What an edit depends on is no part of its identity: after a crash it may be sent without a forerunner
//!   that is in by then.
//! * Who loses the right to work (`inactive`, `no_profile`, fewer scopes) loses it here at once, also for the next
//!   start without a line.
//!
//! * Adjacent unsent edits of a row are folded when they are about to be frozen, and never later.
//! * A server that was restored is sent again what it had taken, under the old ids: it knows by its claims which of
//!   that it still has. Meanwhile these edits are not shown on top of the rows, which most likely have them.
//! * A decision on an edit keeps its place in the outbox and gets new ids; later edits of the row follow it.
//! * A difference between the rows here and the server's digest counts only where no pull explains it. Then everything
//!   is loaded anew beside what is shown: the protocol has no load of single buckets, and 100,000 rows are seconds.
//! * A person's hold on the traffic counts from the moment it was set: a push that was asked for before makes its request
//!   with nothing that was saved after (`runner::Valve`). What is asked for during a hold is done to its end, with what is saved
//!   until then; what is saved later waits.
//! * Without a line nothing is frozen for sending: it stays as it is for folding and for taking back.

pub mod engine;
mod errands;
pub mod exchange;
mod flights;
pub mod history;
mod listen;
pub mod runner;
pub mod translate;
mod way;

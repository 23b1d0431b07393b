//! Real crashes: consoles that are killed in the middle of their work, by SIGKILL, and started again on what is left.
//!
//! What was said to be saved reaches the server, once. A console tells of each edit before it is tried and when it was
//! acknowledged; the server's rows and their versions tell what came of it.
//!
//! * `child`: the console that is killed: this program started once more, the service without its screen
//! * `edits`: the edits it makes, by number, so that whoever counts knows what each of them was
//! * `episode`: a training server, a home, lives in it one after the other, and the count at the end
//! * `moments`: kills at random moments, with a line that fails, replies that get lost, and loads anew
//! * `calls`: kills at exact system calls, by `strace`
//! * `screen`: the real program in a real pty, killed around the moment it says "Saved"
//!
//! `./tests/kills --kills 10000` runs it long.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on stops, and a helper fails its test"
)]

mod calls;
#[path = "../common/chance.rs"]
mod chance;
mod child;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/door.rs"]
mod door;
mod edits;
mod episode;
mod moments;
mod screen;

/// How many kills a test is to make: its share of what the command asked for, or what is usual.
fn share(per_cent: u64, usual: u64) -> u64 {
    chance::setting("FLYOS_KILLS").map_or(usual, |kills| (kills * per_cent).div_ceil(100))
}

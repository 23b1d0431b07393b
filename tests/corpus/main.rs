//! The fault corpus: a scripted life of a store, and everything that can go wrong on its disk at each of its steps.
//!
//! * `script`: the life, in a process of its own; what it acknowledged, and what must be there afterwards
//! * `record`: the system calls of a life, as `strace` saw them, and the files after any of them, or after a power cut
//! * `calls`: that process killed at each call, and each call failing with `EIO` or `ENOSPC`
//! * `power`: a kill after each recorded call of any thread; a power cut there, with what was not synced kept, dropped, torn
//! * `bytes`: every byte of every kind of file cut, flipped, pages zeroed
//! * `decoders`: bytes that others wrote, whatever they are
//!
//! What must hold: no acknowledged edit is lost, no panic escapes, no row has a wrong value, nothing hangs, and the store
//! works on. A few of each run with the other tests; `./tests/faults` runs all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bytes;
mod calls;
mod decoders;
#[path = "../store/kit.rs"]
mod kit;
mod power;
mod record;
mod script;

/// The cases of `all` that a test takes: every one in the long run, else a few spread over them.
fn chosen(all: usize, usual: usize) -> impl Iterator<Item = usize> {
    let mut step = if is_long() { 1 } else { all.div_ceil(usual).max(1) };
    // Cases come in twos, threes and fives: a step that shares none of these meets each kind.
    while step > 1 && [2, 3, 5].iter().any(|part| step.is_multiple_of(*part)) {
        step += 1;
    }
    // Not always the same ones in a short run.
    (std::process::id() as usize % step..all).step_by(step)
}

fn is_long() -> bool {
    std::env::var_os("FLYOS_FAULTS").is_some()
}

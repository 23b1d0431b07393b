//! Kills at exact system calls: before the first, the second, … call of a kind that any thread of the console makes.
//!
//! `strace` stops the console as it enters the call, and kills it there; the call is not made. Since each call is
//! tried, also the moment right after the one before it is. Each place is tried on a home that is new and, in the next
//! life, on what that left. Once a console gets to its end before its nth call of a kind, that kind is done with.

use std::process::Command;
use std::time::Instant;

use crate::chance::{Rng, setting};
use crate::episode::{Episode, Tally};
use crate::share;

/// The calls by which a console changes its files, talks, and tells of it; several names where one call has several
/// forms.
const CALLS: [&str; 14] = [
    "fdatasync",
    "pwrite64",
    "fsync",
    "write",
    "writev",
    "sendto",
    "recvfrom",
    "renameat,renameat2,rename",
    "openat",
    "mkdir,mkdirat",
    "ftruncate",
    "unlink,unlinkat",
    "sync_file_range",
    "flock",
];
/// Edits of each life.
const EDITS: u64 = 8;
/// A life makes about so many calls of a kind; how many, turns out.
const FIRST_GUESS: u64 = 20;
/// No life makes more than so many calls of a kind that matter.
const FAR: u64 = 400;

/// What is known of a kind of call.
#[derive(Default)]
struct Call {
    name: &'static str,
    kills: u64,
    furthest: u64,
    /// No life got to its call of this number.
    never: Option<u64>,
}

impl Call {
    fn is_open(&self, round: u64) -> bool {
        round < FAR
            && self.never.is_none_or(|never| never > 1)
            && (self.never.is_none_or(|never| never > round) || !is_long())
    }
}

fn is_long() -> bool {
    setting("FLYOS_KILLS").is_some()
}

fn at(call: &str, nth: u64) -> Vec<String> {
    let inject = format!("inject={call}:signal=SIGKILL:when={nth}");
    let words = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "signal=none", "-e"];
    words.into_iter().map(str::to_owned).chain([format!("trace={call}"), "-e".to_owned(), inject]).collect()
}

/// Two lives that die at their nth call; fewer where the call is not reached.
fn die_at(call: &str, nth: u64, rng: &mut Rng) -> Tally {
    let mut episode = Episode::start(rng);
    if rng.in_hundred(30) {
        episode.sandbox().faults().lose_replies(1);
    }
    for _ in 0..2 {
        let life = episode.live(EDITS, 0, &at(call, nth));
        episode.ended(life);
    }
    episode.finish()
}

#[test]
fn what_was_acknowledged_before_a_kill_at_a_call_arrives_once() {
    let traced = Command::new("strace").args(["-f", "-qqq", "-o", "/dev/null", "true"]).status();
    if !traced.is_ok_and(|status| status.success()) {
        println!("not run: this machine has no strace, or lets nobody trace");
        return;
    }
    let kills = share(10, 32);
    let mut rng = Rng::from_environment("FLYOS_KILLS_SEED");
    let (seed, begun) = (rng.0, Instant::now());
    println!("kills at exact calls: {kills}, seed {seed}");
    let mut tally = Tally::default();
    let mut calls: Vec<Call> = CALLS.iter().map(|name| Call { name, ..Call::default() }).collect();
    let mut round = 0;
    while tally.kills < kills && calls.iter().any(|call| call.is_open(round + 1)) {
        round += 1;
        for call in calls.iter_mut().filter(|call| call.is_open(round)) {
            let among = call.never.unwrap_or(FIRST_GUESS).saturating_sub(1).max(1);
            let nth = if is_long() { round } else { 1 + rng.below(among) };
            let died = if tally.kills < kills { die_at(call.name, nth, &mut rng) } else { continue };
            tally.add(died);
            call.kills += died.kills;
            if died.kills == 0 {
                call.never = Some(call.never.map_or(nth, |never| never.min(nth)));
            } else {
                call.furthest = call.furthest.max(nth);
            }
        }
    }
    for Call { name, kills, furthest, .. } in calls {
        println!("  {name}: {kills} kills, up to call {furthest}");
    }
    println!("{}", tally.report("at exact calls", begun.elapsed()));
    assert!(tally.kills >= kills || is_long(), "{tally:?}");
}

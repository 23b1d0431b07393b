//! The simulator's seeds on real PostgreSQL: the same people, wishes, faults and schedule, the same consoles, the same
//! oracles; only the server is another one, and the requests of different devices are carried out at the same time.
//!
//! The scheduler is the simulator's (`tests/simulator/episode.rs`). Where the training server is done with a request as
//! it arrives, here the request begins, on a connection of its own, and its answer is waited for when the schedule says
//! so: meanwhile other requests begin, and their transactions overlap. How they meet is PostgreSQL's to decide, so a seed
//! brings back what was tried, not the outcome.
//!
//! * `server`: the simulator's doors to a server, with PostgreSQL behind them
//! * `calls`: the requests, each on a connection of its own
//! * `rest`: what must hold at quiet points that only the database can tell
//! * `stats`: how much was really concurrent
//!
//! `./tests/simulate-pg --minutes 10` plays it long.

pub mod calls;
pub mod rest;
pub mod stats;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stats::STATS;

use crate::episode::{self, Outcome};
use crate::oracle::Broken;
use crate::tally::Counts;

/// Seeds of one run, unless more are asked for.
const SEEDS: u64 = 3;
/// An episode ends by itself, long before.
const STEPS_MAX: u64 = 1_000_000;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// Plays a seed; a panic of the program is a failure like any other.
fn play(seed: u64) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| episode::play(seed, STEPS_MAX, true)));
    played.unwrap_or_else(|cause| {
        let words = cause.downcast_ref::<String>().cloned();
        let words = words.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let broken = Broken { oracle: "nothing panics", what: words.unwrap_or_default() };
        let (counts, told) = (Counts::default(), Vec::new());
        Outcome { steps: 0, counts, trace: 0, broken: Some(broken), told }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_seeds_on_postgresql() {
    let first = setting("FLYOS_SIMULATE_SEED").unwrap_or(1);
    let length = setting("FLYOS_SIMULATE_SECONDS").map(Duration::from_secs);
    let seeds = setting("FLYOS_SIMULATE_SEEDS").unwrap_or(if length.is_some() { u64::MAX } else { SEEDS });
    let begun = Instant::now();
    let (mut steps, mut played, mut counts) = (0, 0, Counts::default());
    for seed in first..first.saturating_add(seeds) {
        if length.is_some_and(|length| begun.elapsed() >= length) {
            break;
        }
        let outcome = tokio::task::spawn_blocking(move || play(seed)).await.expect("a seed ends");
        if let Some(Broken { oracle, what }) = outcome.broken {
            let (told, steps) = (outcome.told.join("\n"), outcome.steps + 1);
            let again = format!("again: ./tests/simulate-pg --seed {seed} --seeds 1");
            unreachable!(
                "{told}\n\nseed {seed}, at step {steps}: does not hold: {oracle}\n{what}\n\n{again}"
            );
        }
        (steps, played) = (steps + outcome.steps, played + 1);
        counts.merge(&outcome.counts);
    }
    let took = begun.elapsed();
    eprintln!("{}\n{}", counts.table(), STATS.table());
    eprintln!("{steps} steps of {played} seeds from {first} in {took:?}");
    for what in [
        "requests begun while others were under way",
        "looks that found several transactions at once",
        "cursors over transactions in progress",
        "columns held against what their author had seen",
        "devices equal to PostgreSQL at a quiet point",
    ] {
        assert!(STATS.counted(what) > 0, "there were no {what}");
    }
}

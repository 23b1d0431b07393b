//! Many seeds on several threads, and what is told of a seed that fails.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::episode::{self, Outcome};
use crate::oracle::Broken;
use crate::tally::Counts;

/// Steps of one seed, at most: an episode ends long before.
const EPISODE_STEPS_MAX: u64 = 1_000_000;

pub struct Plan {
    pub seed: u64,
    pub steps: u64,
    pub time: Option<Duration>,
    pub threads: u64,
}

/// What many seeds came to.
#[derive(Default)]
pub struct Report {
    pub steps: u64,
    pub seeds: u64,
    /// The same for the same seeds, in whatever order they were played.
    pub trace: u64,
    pub counts: Counts,
    pub failure: Option<String>,
}

/// Plays one seed; a panic of the program is a failure like any other.
pub fn play(seed: u64, steps_max: u64, tell: bool) -> Outcome {
    let played = catch_unwind(AssertUnwindSafe(|| episode::play(seed, steps_max, tell)));
    played.unwrap_or_else(|cause| {
        let words = cause.downcast_ref::<String>().cloned();
        let words = words.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Outcome {
            steps: 0,
            counts: Counts::default(),
            trace: 0,
            broken: Some(Broken { oracle: "nothing panics", what: words.unwrap_or_default() }),
            told: Vec::new(),
        }
    })
}

/// What a failing seed says: which oracle, what happened before, and how to see it again.
pub fn explain(seed: u64) -> String {
    let outcome = play(seed, EPISODE_STEPS_MAX, true);
    let mut text = String::new();
    let Some(broken) = outcome.broken else {
        return format!("seed {seed} failed once and not again: the simulator is not deterministic");
    };
    for line in &outcome.told {
        let _infallible = writeln!(text, "{line}");
    }
    let (oracle, what, steps) = (broken.oracle, broken.what, outcome.steps + 1);
    let _infallible = writeln!(text, "\nseed {seed}, before step {steps}: does not hold: {oracle}\n{what}\n");
    let _infallible = writeln!(text, "again: ./tests/simulate --seed {seed} --steps {steps}");
    text
}

/// Plays seeds from the plan's on until there were enough steps, the time is over, or one fails.
pub fn many(plan: &Plan) -> Report {
    let begun = Instant::now();
    let (next, steps) = (AtomicU64::new(plan.seed), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let worker = || {
        let late = || plan.time.is_some_and(|time| begun.elapsed() >= time);
        while !stop.load(Ordering::Relaxed) && !late() {
            let left = plan.steps.saturating_sub(steps.load(Ordering::Relaxed));
            if left == 0 {
                break;
            }
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let outcome = play(seed, if plan.threads == 1 { left } else { EPISODE_STEPS_MAX }, false);
            steps.fetch_add(outcome.steps, Ordering::Relaxed);
            let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
            report.steps += outcome.steps;
            report.seeds += 1;
            report.trace ^= outcome.trace;
            report.counts.merge(&outcome.counts);
            if outcome.broken.is_some() && !stop.swap(true, Ordering::Relaxed) {
                report.failure = Some(explain(seed));
            }
        }
    };
    thread::scope(|scope| (0..plan.threads).for_each(|_| drop(scope.spawn(worker))));
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

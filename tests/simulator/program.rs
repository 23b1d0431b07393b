//! The simulator as a program: `./tests/simulate` builds and runs it.

mod cast;
mod device;
mod dice;
mod disk;
mod episode;
mod faults;
mod net;
mod oracle;
mod people;
mod rest;
mod run;
mod server;
mod tally;
mod watch;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

/// Below this many steps one thread plays, so that the last step is the same each time.
const ALONE_STEPS: u64 = 50_000;

#[derive(Parser)]
#[command(about = "Plays the sync protocol against everything that can go wrong, from a seed.")]
struct Arguments {
    /// The first seed; each later episode has the next.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 2_000_000)]
    steps: u64,
    /// Ends after so many minutes, whatever the steps.
    #[arg(long, conflicts_with = "steps")]
    minutes: Option<u64>,
    /// Each fault and each outcome must have happened so often.
    #[arg(long, default_value_t = 0)]
    least: u64,
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Names the bugs that a build with the feature `bugs` can have switched on.
    #[arg(long)]
    bugs: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let threads = if arguments.steps <= ALONE_STEPS { 1 } else { arguments.threads.max(1) };
    let plan = run::Plan {
        seed: arguments.seed,
        steps: if arguments.minutes.is_some() { u64::MAX } else { arguments.steps },
        time: arguments.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        threads,
    };
    if arguments.bugs {
        let names = flyos::bugs::ALL.join("\n");
        return if writeln!(std::io::stdout(), "{names}").is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let begun = Instant::now();
    let report = run::many(&plan);
    let (took, mut out) = (begun.elapsed(), std::io::stdout().lock());
    let rate = u128::from(report.steps) * 1000 / took.as_millis().max(1);
    let mut text = report.counts.table();
    let (steps, seeds, from, took) = (report.steps, report.seeds, arguments.seed, took.as_secs());
    let _infallible = writeln!(
        text,
        "{steps} steps of {seeds} seeds from {from} in {took} s: {rate} steps/s, {threads} threads"
    );
    let _infallible = writeln!(text, "trace {:016x}", report.trace);
    let seldom = report.counts.below(arguments.least);
    if !seldom.is_empty() {
        let _infallible = writeln!(text, "less than {} times: {}", arguments.least, seldom.join("; "));
    }
    if let Some(failure) = &report.failure {
        text.push_str(failure);
    }
    let told = out.write_all(text.as_bytes());
    if report.failure.is_none() && seldom.is_empty() && told.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

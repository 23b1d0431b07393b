//! The simulator without optimisation, for a few seeds: that a seed replays to the letter, and that nothing breaks.
//!
//! The run that counts is `./tests/simulate`, which `./tests/run` ends with.

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

#[test]
fn a_seed_replays_to_the_letter() {
    for seed in [3, 4] {
        let (first, second) = (run::play(seed, 1500, false), run::play(seed, 1500, true));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.steps, second.steps);
        assert_eq!(first.counts, second.counts);
        assert!(!second.told.is_empty() && first.told.is_empty());
        assert_ne!(first.trace, run::play(seed + 10, 1500, false).trace);
    }
}

#[test]
fn a_few_seeds() {
    let report = run::many(&run::Plan { seed: 50, steps: 15_000, time: None, threads: 2 });
    assert_eq!(report.failure, None, "after {} steps\n{}", report.steps, report.counts.table());
    assert!(report.seeds > 1 && !report.counts.below(1).contains(&"edits saved"));
}

//! Random sequences of edits by everybody, with pulls between, to both servers from the same rows: the answers must
//! agree, each person's copy must end as the truth for their role, and the truths must be equal.
//!
//! `plan` makes the steps of `values`, `pair` puts both servers back to the start, `play` plays and compares. Each run takes
//! another seed and prints it; `FLYOS_TWINS_SEED` takes that one again, `FLYOS_TWINS_CASES` plays more of them. A
//! sequence that failed is made shorter for a minute (`FLYOS_TWINS_SHRINK_MS`), kept in `regressions.txt`, and played
//! first from then on.

mod pair;
mod plan;
mod play;
mod values;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner,
};

use pair::Stage;
use play::Play;

/// Sequences of one run, unless more are asked for: about 20 seconds.
const CASES: u32 = 50;
const REGRESSIONS: &str = "tests/server/twins/random/regressions.txt";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn the_same_edits_come_to_the_same_on_both_servers() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let seed = number("FLYOS_TWINS_SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let cases = number("FLYOS_TWINS_CASES").map_or(CASES, |cases| u32::try_from(cases).unwrap_or(u32::MAX));
    eprintln!("FLYOS_TWINS_SEED={seed} FLYOS_TWINS_CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        // A sequence is a second's work, so that the smallest one is not waited for.
        max_shrink_time: number("FLYOS_TWINS_SHRINK_MS")
            .map_or(60_000, |ms| u32::try_from(ms).unwrap_or(u32::MAX)),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let stage = runtime.block_on(Stage::start());
    let played = runner.run(&plan::steps(), |steps| {
        let play = async { Play::begin(&stage).await.all(&steps).await };
        runtime.block_on(play).map_err(TestCaseError::fail)
    });
    assert!(
        played.is_ok(),
        "FLYOS_TWINS_SEED={seed}\n{}",
        played.err().map_or_else(String::new, |why| why.to_string())
    );
}

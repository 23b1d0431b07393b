//! What the line was used for: one entry a run, with times, counts, bytes and errors, for people who want to know how
//! they stand or what a line costs them.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::domain::Stamp;

/// Runs that are kept: at the usual rhythm most of a day, since empty ones in a row are one entry.
const RUNS_MAX: usize = 200;
/// Bytes of a request's and a reply's head, about: the token is most of it.
const HEAD_BYTES: (u64, u64) = (1100, 500);

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Pull,
    Push,
    Verify,
    /// Who did what was read.
    Activity,
}

/// What a comparison with the server came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// All rows are as the server has them.
    Same { rows: usize },
    /// Some are not, in so many buckets: all are loaded anew.
    Differs { buckets: usize },
    /// They differ also after everything was loaded anew: it is the server whose books are wrong.
    Stays { buckets: usize },
    /// Others changed rows all the time: nothing can be said.
    Unsettled,
}

/// One exchange with the server, or several of one kind in a row that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it began; of several, the last.
    pub at: Stamp,
    pub what: What,
    pub took_ms: u64,
    pub rows: usize,
    pub edits: usize,
    pub bytes: Bytes,
    pub error: Option<String>,
    /// Of which sort the error is: `Trouble::sort`.
    pub sort: Option<&'static str>,
    /// Of a comparison that was not cut short.
    pub verdict: Option<Verdict>,
    pub times: u32,
}

/// Bytes up and down, heads included, about: bodies count unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    pub up: u64,
    pub down: u64,
}

impl Bytes {
    /// One exchange with bodies of these sizes.
    pub fn exchange(up: u64, down: u64) -> Self {
        Self { up: up + HEAD_BYTES.0, down: down + HEAD_BYTES.1 }
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { up: self.up + other.up, down: self.down + other.down }
    }

    pub fn total(self) -> u64 {
        self.up + self.down
    }
}

/// Up to how many milliseconds a run counts in which place of `Tally::took`; longer ones count in a last one.
pub const TOOK_MS: [u64; 8] = [50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];

/// What all runs for one purpose came to since the session began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub done: u64,
    /// Those that failed, by the sort of their error.
    pub failed: BTreeMap<&'static str, u64>,
    /// How many took how long, by `TOOK_MS`; failed ones too.
    pub took: [u64; TOOK_MS.len() + 1],
    pub took_ms: u64,
    pub rows: u64,
    pub edits: u64,
    pub bytes: Bytes,
}

impl Tally {
    fn add(&mut self, run: &Run) {
        match run.sort {
            Some(sort) => *self.failed.entry(sort).or_default() += 1,
            None => self.done += 1,
        }
        let place = TOOK_MS.iter().position(|most| run.took_ms <= *most).unwrap_or(TOOK_MS.len());
        self.took[place] += 1;
        self.took_ms += run.took_ms;
        self.rows += run.rows as u64;
        self.edits += run.edits as u64;
        self.bytes = self.bytes.plus(run.bytes);
    }
}

/// The runs of one session, newest last.
#[derive(Clone, Debug, Default)]
pub struct History {
    runs: VecDeque<Run>,
    tallies: BTreeMap<What, Tally>,
}

impl History {
    pub fn add(&mut self, run: Run) {
        self.tallies.entry(run.what).or_default().add(&run);
        let alike =
            |last: &Run| (last.what, last.rows, last.edits) == (run.what, 0, 0) && last.error == run.error;
        // Who asked for a comparison looks for it.
        let dull = run.rows == 0 && run.edits == 0 && run.what != What::Verify;
        if let Some(last) = self.runs.back_mut().filter(|last| dull && alike(last)) {
            let (times, bytes) = (last.times + 1, last.bytes.plus(run.bytes));
            *last = Run { bytes, times, ..run };
            return;
        }
        if self.runs.len() == RUNS_MAX {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }

    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &Run> + ExactSizeIterator {
        self.runs.iter()
    }

    /// All bytes of the session.
    pub fn bytes(&self) -> Bytes {
        self.tallies.values().fold(Bytes::default(), |all, tally| all.plus(tally.bytes))
    }

    pub fn tallies(&self) -> impl Iterator<Item = (What, &Tally)> {
        self.tallies.iter().map(|(what, tally)| (*what, tally))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_came_to_nothing_in_a_row_are_one_entry_and_every_byte_counts() {
        let run = |what, rows, error: Option<&str>| Run {
            at: Stamp(1),
            what,
            took_ms: 2,
            rows,
            edits: 0,
            bytes: Bytes { up: 10, down: 20 },
            error: error.map(str::to_owned),
            sort: error.map(|_| "no_line"),
            verdict: None,
            times: 1,
        };
        let mut history = History::default();
        for (what, rows, error) in [
            (What::Pull, 0, None),
            (What::Pull, 0, None),
            (What::Push, 0, None),
            (What::Pull, 3, None),
            (What::Pull, 0, Some("no line")),
            (What::Pull, 0, Some("no line")),
            (What::Verify, 0, None),
            (What::Verify, 0, None),
        ] {
            history.add(run(what, rows, error));
        }
        assert_eq!(history.runs().map(|run| run.times).collect::<Vec<_>>(), [2, 1, 1, 2, 1, 1]);
        assert_eq!(history.bytes().total(), 240);
        let pulls = history.tallies().find(|(what, _)| *what == What::Pull).map(|(_, tally)| tally.clone());
        let failed = BTreeMap::from([("no_line", 2)]);
        let took = [5, 0, 0, 0, 0, 0, 0, 0, 0];
        let bytes = Bytes { up: 50, down: 100 };
        assert_eq!(pulls, Some(Tally { done: 3, failed, took, took_ms: 10, rows: 3, edits: 0, bytes }));
        (0..1000).for_each(|_| history.add(run(What::Pull, 1, None)));
        assert_eq!(history.runs().count(), RUNS_MAX);
    }
}

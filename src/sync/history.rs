//! What the line was used for: one entry a run, with times, counts, bytes and errors, for people who want to know how
//! they stand or what a line costs them.

use std::collections::VecDeque;

use crate::domain::Stamp;

/// Runs that are kept: at the usual rhythm most of a day, since empty ones in a row are one entry.
const RUNS_MAX: usize = 200;
/// Bytes of a request's and a reply's head, about: the token is most of it.
const HEAD_BYTES: (u64, u64) = (1100, 500);

/// What a run was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Pull,
    Push,
    Verify,
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

/// The runs of one session, newest last.
#[derive(Clone, Debug, Default)]
pub struct History {
    runs: VecDeque<Run>,
    all: Bytes,
}

impl History {
    pub fn add(&mut self, run: Run) {
        self.all = self.all.plus(run.bytes);
        let alike =
            |last: &Run| (last.what, last.rows, last.edits) == (run.what, 0, 0) && last.error == run.error;
        let dull = run.rows == 0 && run.edits == 0;
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
        self.all
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
        ] {
            history.add(run(what, rows, error));
        }
        assert_eq!(history.runs().map(|run| run.times).collect::<Vec<_>>(), [2, 1, 1, 2]);
        assert_eq!(history.bytes().total(), 180);
        (0..1000).for_each(|_| history.add(run(What::Pull, 1, None)));
        assert_eq!(history.runs().count(), RUNS_MAX);
    }
}

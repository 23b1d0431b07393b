//! How freely the line is used, and what it was used for, in words: the runs of the session, and what a comparison with
//! the server came to.

use serde::{Deserialize, Serialize};

use super::session::Inner;
use super::status::thousands;
use super::words::plural;
use super::{ErrorKind, Event, ServiceError, Traffic, explain, read, write};
use crate::domain::Stamp;
pub use crate::sync::history::Verdict;
use crate::sync::history::{Run, What};
use crate::sync::runner::{Ask, Mode};

/// One exchange with the server, or several in a row that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// When it began; of several, the last.
    pub at: Stamp,
    /// What it was for.
    pub what: String,
    /// What came of it.
    pub came: String,
    pub took_ms: u64,
    /// Bytes up and down together, about.
    pub bytes: u64,
    pub failed: bool,
    /// Bytes sent, of them.
    pub up: u64,
    /// Rows that came, and edits that were answered.
    pub rows: usize,
    pub edits: usize,
    /// Of a comparison with the server that was not cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// What a comparison with the server is called.
pub const VERIFIED: &str = "verified";

fn view(run: &Run) -> RunView {
    let differs = run.verdict.filter(|verdict| !matches!(verdict, Verdict::Same { .. }));
    let came = match (run.what, run.rows, run.edits) {
        (What::Pull, 0, _) => "no news".to_owned(),
        (What::Pull, rows, _) => plural(rows, "row"),
        (What::Push, _, 0) => "told how this machine stands".to_owned(),
        (What::Push, _, edits) => format!("{} answered", plural(edits, "edit")),
        (What::Verify, rows, _) => format!("{} compared", plural(rows, "row")),
        (What::Activity, lines, _) => plural(lines, "line"),
    };
    let verb = match run.what {
        What::Pull => "asked for news",
        What::Push => "sent",
        What::Verify => VERIFIED,
        What::Activity => "read activity",
    };
    let came = match (&run.error, differs) {
        (Some(error), _) => format!("failed, {error}"),
        (None, Some(verdict)) => self::verdict(verdict),
        (None, None) => came,
    };
    let times =
        if run.times > 1 { format!(", {} times", thousands(run.times.into())) } else { String::new() };
    RunView {
        at: run.at,
        what: format!("{verb}{times}"),
        came,
        took_ms: run.took_ms,
        bytes: run.bytes.total(),
        failed: run.error.is_some() || differs.is_some(),
        up: run.bytes.up,
        rows: run.rows,
        edits: run.edits,
        verdict: run.verdict,
    }
}

/// What came of comparing.
pub(super) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Same { rows } => {
            format!("Verified: all {} are as the server has them.", plural(rows, "row"))
        }
        Verdict::Differs { buckets } => {
            let places = plural(buckets, "place");
            format!(
                "Rows here differed from the server's in {places}: all are loaded anew. Your edits are safe."
            )
        }
        Verdict::Stays { buckets } => {
            let places = plural(buckets, "place");
            format!(
                "Rows here differ from the server's in {places}, also after all were loaded anew: its own books lack \
                 them. Who runs the project mends that by flyos supabase migrate --again. Your edits are safe."
            )
        }
        Verdict::Unsettled => "Not verified: rows change all the time. Try again later.".to_owned(),
    }
}

/// `950 B`, `12 kB`, `3.4 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{}.{} MB", count / 1_000_000, count / 100_000 % 10),
    }
}

/// The same in the words of the traffic.
pub(super) const fn mode(traffic: Traffic) -> Mode {
    match traffic {
        Traffic::Normal => Mode::Normal,
        Traffic::Sparing => Mode::Sparing,
        Traffic::Held => Mode::Held,
    }
}

impl Inner {
    /// The runs of this session, newest first.
    pub(super) fn runs(&self) -> Vec<RunView> {
        read(&self.state, |state| state.history.runs().rev().map(view).collect())
    }

    pub(super) fn set_traffic(&self, traffic: Traffic) -> Result<(), ServiceError> {
        let asked = read(&self.session, |session| {
            session.as_ref().is_some_and(|session| {
                session.valve.set(mode(traffic), || {
                    let told = session.asks.try_send(Ask::Mode(mode(traffic))).is_ok();
                    if told {
                        write(&self.state, |state| state.traffic = traffic);
                    }
                    told
                })
            })
        });
        if !asked {
            return Err(explain::signed_out());
        }
        self.emit(Event::Status);
        Ok(())
    }

    pub(super) fn set_line(&self, up: bool) -> Result<(), ServiceError> {
        let Some(training) = &self.settings.training else {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                "Only the training server's line can be switched.",
            ));
        };
        (training.set_line)(up);
        write(&self.state, |state| state.training_line = Some(up));
        self.ask_runner(Ask::SyncNow);
        self.emit(Event::Status);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::history::Bytes;

    #[test]
    fn runs_are_told_in_words() {
        let run = |what, rows, edits, error: Option<&str>, times| Run {
            at: Stamp(0),
            what,
            took_ms: 5,
            rows,
            edits,
            bytes: Bytes { up: 1000, down: 500 },
            error: error.map(str::to_owned),
            sort: error.map(|_| "no_line"),
            verdict: None,
            times,
        };
        for (run, words) in [
            (run(What::Pull, 0, 0, None, 40), "asked for news, 40 times: no news"),
            (run(What::Pull, 1, 0, None, 1), "asked for news: 1 row"),
            (run(What::Push, 0, 3, None, 1), "sent: 3 edits answered"),
            (run(What::Push, 0, 0, None, 1), "sent: told how this machine stands"),
            (run(What::Verify, 99, 0, None, 1), "verified: 99 rows compared"),
            (run(What::Pull, 0, 0, Some("no line: x"), 1), "asked for news: failed, no line: x"),
        ] {
            let seen = view(&run);
            assert_eq!(format!("{}: {}", seen.what, seen.came), words);
        }
        for (verdict, words, failed) in [
            (Verdict::Same { rows: 99 }, "99 rows compared", false),
            (Verdict::Differs { buckets: 1 }, "Rows here differed from the server's in 1 place: ", true),
            (
                Verdict::Stays { buckets: 2 },
                "Rows here differ from the server's in 2 places, also after ",
                true,
            ),
            (Verdict::Unsettled, "Not verified: ", true),
        ] {
            let seen = view(&Run { verdict: Some(verdict), ..run(What::Verify, 99, 0, None, 1) });
            assert!(seen.came.starts_with(words), "{seen:?}");
            assert_eq!((seen.what.as_str(), seen.failed, seen.verdict), (VERIFIED, failed, Some(verdict)));
        }
        assert_eq!([0, 999, 1000, 12_345, 3_456_789].map(bytes), ["0 B", "999 B", "1 kB", "12 kB", "3.4 MB"]);
    }
}

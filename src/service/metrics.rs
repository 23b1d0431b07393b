//! Figures for whoever watches the machines: what waits and for how long, when the server was heard last, what the runs
//! came to. Made by the console that has an account open, gathered from beside, and written in the text format that
//! Prometheus reads. An account that no console has open has a few: that it is closed, and what was noted beside it when it
//! was open last (`Summary`), with when that was.
//!
//! Nothing here tells whose account it is or what is in it: it is named by the first digits of its folder, which is
//! named after a hash. So the figures may lie where others can read them. The text is written by hand: a library would
//! keep counters of its own, and these are another process's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::beside::{self, Console};
use super::session::Inner;
use super::{Answer, DiskState, Folders, Query, ServiceError, explain, read};
use crate::domain::Stamp;
use crate::store::{AccountFolder, Summary};
use crate::sync::engine::Line;
use crate::sync::history::{Bytes, TOOK_MS, Tally, What};

/// Of the folder's name, the digits that name an account: enough to tell those of one machine apart.
const DIGITS: usize = 8;

/// How one account stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The first digits of its folder's name.
    pub account: String,
    /// A console has it open.
    pub open: bool,
    /// That console is locked, or does not answer, and tells no more.
    pub silent: bool,
    /// Edits that were not sent. Unknown where nobody noted it.
    pub waiting: Option<usize>,
    /// What was noted beside it, where no console tells it.
    pub noted: Option<Summary>,
    /// What an open console tells.
    pub session: Option<SessionMetrics>,
}

/// Figures of a session, since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMetrics {
    pub online: bool,
    pub waiting: usize,
    pub needs_you: usize,
    /// When the oldest edit that waits was made.
    pub oldest: Option<Stamp>,
    /// Server time of the last pull that brought everything.
    pub as_of: Option<Stamp>,
    /// Rows of the server that are here.
    pub rows: usize,
    pub disk: DiskState,
    pub runs: Vec<Runs>,
}

impl Metrics {
    /// What the console tells, or what was noted.
    fn of<T>(&self, told: fn(&SessionMetrics) -> T, noted: fn(&Summary) -> T) -> Option<T> {
        self.session.as_ref().map(told).or_else(|| self.noted.as_ref().map(noted))
    }
}

/// What the runs for one purpose came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// `pull`, `push`, `verify` or `activity`.
    pub what: String,
    pub done: u64,
    /// By the sort of the error.
    pub failed: BTreeMap<String, u64>,
    /// How many took how long, by the bounds of `sync::history::TOOK_MS`, the longest last.
    pub took: Vec<u64>,
    pub took_ms: u64,
    pub rows: u64,
    pub edits: u64,
    pub up: u64,
    pub down: u64,
}

fn runs((what, tally): (What, &Tally)) -> Runs {
    let Tally { done, failed, took, took_ms, rows, edits, bytes: Bytes { up, down } } = tally.clone();
    let what = match what {
        What::Pull => "pull",
        What::Push => "push",
        What::Verify => "verify",
        What::Activity => "activity",
    };
    Runs {
        what: what.to_owned(),
        done,
        failed: failed.into_iter().map(|(sort, count)| (sort.to_owned(), count)).collect(),
        took: took.to_vec(),
        took_ms,
        rows,
        edits,
        up,
        down,
    }
}

impl Inner {
    pub(super) fn metrics(&self) -> SessionMetrics {
        let counted = self.peek(|replica| {
            let oldest = replica.outbox().filter(|pending| pending.fate.is_unsent());
            let oldest = oldest.map(|pending| pending.edit.at).min();
            (replica.counts(), oldest, replica.meta().as_of, replica.rows())
        });
        let ((waiting, _, needs_you), oldest, as_of, rows) = counted.unwrap_or_default();
        read(&self.state, |state| SessionMetrics {
            online: state.line == Line::Up,
            waiting,
            needs_you,
            oldest,
            as_of,
            rows,
            disk: state.disk,
            runs: state.history.tallies().map(runs).collect(),
        })
    }
}

/// Every account on this machine.
pub fn gather(folders: &Folders) -> Result<Vec<Metrics>, ServiceError> {
    let open = beside::consoles(folders)?.open;
    let accounts = AccountFolder::all(&folders.data).map_err(|error| explain::store(&error))?;
    Ok(accounts.iter().map(|folder| one(folder, &open)).collect())
}

fn one(folder: &AccountFolder, open: &[Console]) -> Metrics {
    let account = folder.account().simple().to_string().chars().take(DIGITS).collect();
    let Some(console) = open.iter().find(|console| console.is_of(folder)) else {
        let silent = folder.is_held();
        let noted = folder.summary();
        let waiting = noted.as_ref().map(|noted| noted.waiting).or_else(|| folder.unsent());
        return Metrics { account, open: silent, silent, waiting, noted, session: None };
    };
    let session = match console.query(Query::Metrics) {
        Ok(Answer::Metrics(session)) => Some(*session),
        _ => None,
    };
    let waiting = session.as_ref().map_or(console.whois.unsent, |session| session.waiting);
    let noted = if session.is_none() { folder.summary() } else { None };
    Metrics { account, open: true, silent: session.is_none(), waiting: Some(waiting), noted, session }
}

/// The families of figures: `name`, `type`, what it is.
struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Family<'_> {
    fn begin<'a>(text: &'a mut String, name: &'a str, sort: &str, help: &str) -> Family<'a> {
        let _written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {sort}");
        Family { text, name }
    }

    /// `labels`: names and values, none of which needs escaping.
    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let _written = writeln!(self.text, "{}{suffix}{{{}}} {value}", self.name, labels.join(","));
    }
}

/// The text for Prometheus, version 0.0.4.
pub fn text(all: &[Metrics], now: Stamp) -> String {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    Family::begin(&mut text, "flyos_info", "gauge", "The version of flyos that tells this.").line(
        "",
        &[("version", version)],
        1,
    );
    gauges(&mut text, all, now);
    counters(&mut text, all);
    text
}

type Gauge = (&'static str, &'static str, fn(&Metrics, Stamp) -> Option<f64>);

/// Counts fit a double to the last digit up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53 in the units told")]
const GAUGES: &[Gauge] = &[
    ("flyos_console_open", "Whether a console has the account open.", |m, _| {
        Some(f64::from(u8::from(m.open)))
    }),
    (
        "flyos_console_silent",
        "Whether that console is locked or does not answer, and tells no more.",
        |m, _| Some(f64::from(u8::from(m.silent))),
    ),
    ("flyos_outbox_edits", "Edits that were saved and not sent.", |m, _| m.waiting.map(|n| n as f64)),
    ("flyos_outbox_oldest_age_seconds", "How long the oldest of them waits; 0: none does.", |m, now| {
        let oldest = m.of(|session| session.oldest, |noted| noted.oldest)?;
        Some(oldest.map_or(0.0, |at| (now.0 - at.0).max(0) as f64 / 1e6))
    }),
    ("flyos_outbox_needs_decision", "Edits that were refused or are in conflict.", |m, _| {
        m.of(|session| session.needs_you, |noted| noted.needs_you).map(|edits| edits as f64)
    }),
    ("flyos_online", "Whether the server answers.", |m, _| {
        m.session.as_ref().map(|session| f64::from(u8::from(session.online)))
    }),
    ("flyos_last_sync_timestamp_seconds", "Server time of the last pull that brought everything.", |m, _| {
        m.of(|session| session.as_of, |noted| noted.as_of)?.map(|at| at.0 as f64 / 1e6)
    }),
    (
        "flyos_noted_timestamp_seconds",
        "When the figures of an account were noted that no console tells of now.",
        |m, _| m.noted.as_ref().map(|noted| noted.at.0 as f64 / 1e6),
    ),
    ("flyos_rows", "Rows of the server that are on this machine.", |m, _| {
        m.session.as_ref().map(|session| session.rows as f64)
    }),
    ("flyos_disk_full", "Whether edits are saved into what was kept back for a full disk.", |m, _| {
        m.session.as_ref().map(|session| f64::from(u8::from(session.disk.full)))
    }),
    ("flyos_journal_lost_entries", "Entries of the journal that cannot be read.", |m, _| {
        m.session.as_ref().map(|session| session.disk.lost as f64)
    }),
    ("flyos_outbox_held_edits", "Edits that are held back until a person decides.", |m, _| {
        m.session.as_ref().map(|session| session.disk.held as f64)
    }),
];

fn gauges(text: &mut String, all: &[Metrics], now: Stamp) {
    for (name, help, value) in GAUGES {
        let known: Vec<(&Metrics, f64)> =
            all.iter().filter_map(|metrics| Some((metrics, value(metrics, now)?))).collect();
        if known.is_empty() {
            continue;
        }
        let mut family = Family::begin(text, name, "gauge", help);
        for (metrics, value) in known {
            family.line("", &[("account", &metrics.account)], value);
        }
    }
}

fn counters(text: &mut String, all: &[Metrics]) {
    let each = || {
        all.iter().flat_map(|metrics| {
            let runs = metrics.session.iter().flat_map(|session| &session.runs);
            runs.map(|runs| (metrics.account.as_str(), runs))
        })
    };
    if each().next().is_none() {
        return;
    }
    let mut family = Family::begin(
        text,
        "flyos_sync_runs_total",
        "counter",
        "Exchanges with the server that came to an end well.",
    );
    for (account, runs) in each() {
        family.line("", &[("account", account), ("what", &runs.what)], runs.done);
    }
    let mut family = Family::begin(
        text,
        "flyos_sync_errors_total",
        "counter",
        "Exchanges that failed, by the sort of the error.",
    );
    for (account, runs) in each() {
        for (sort, count) in &runs.failed {
            family.line("", &[("account", account), ("what", &runs.what), ("kind", sort)], count);
        }
    }
    let mut family = Family::begin(
        text,
        "flyos_sync_bytes_total",
        "counter",
        "Bytes on the line, about; bodies count unpacked.",
    );
    for (account, runs) in each() {
        for (direction, bytes) in [("up", runs.up), ("down", runs.down)] {
            family.line("", &[("account", account), ("what", &runs.what), ("direction", direction)], bytes);
        }
    }
    let mut family = Family::begin(text, "flyos_sync_rows_total", "counter", "Rows received, or compared.");
    for (account, runs) in each() {
        family.line("", &[("account", account), ("what", &runs.what)], runs.rows);
    }
    let mut family =
        Family::begin(text, "flyos_sync_edits_total", "counter", "Edits that the server answered.");
    for (account, runs) in each() {
        family.line("", &[("account", account), ("what", &runs.what)], runs.edits);
    }
    let mut family = Family::begin(
        text,
        "flyos_sync_run_seconds",
        "histogram",
        "How long exchanges took, failed ones too.",
    );
    for (account, runs) in each() {
        histogram(&mut family, account, runs);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a session does not last 2^53 milliseconds")]
fn histogram(family: &mut Family, account: &str, runs: &Runs) {
    let labels = [("account", account), ("what", runs.what.as_str())];
    let mut sum = 0;
    for (place, count) in runs.took.iter().enumerate() {
        sum += count;
        let most =
            TOOK_MS.get(place).map_or_else(|| "+Inf".to_owned(), |most| (*most as f64 / 1e3).to_string());
        let [account, what] = labels;
        family.line("_bucket", &[account, what, ("le", &most)], sum);
    }
    family.line("_sum", &labels, runs.took_ms as f64 / 1e3);
    family.line("_count", &labels, sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let second = |s: i64| Stamp(s * 1_000_000);
        let pulls = Runs {
            what: "pull".to_owned(),
            done: 3,
            failed: [("no_line".to_owned(), 2)].into(),
            took: vec![1, 0, 0, 3, 0, 0, 0, 0, 1],
            took_ms: 62_500,
            rows: 12,
            edits: 0,
            up: 100,
            down: 2_000,
        };
        let session = SessionMetrics {
            online: true,
            waiting: 2,
            needs_you: 1,
            oldest: Some(second(1_000)),
            as_of: Some(second(900)),
            rows: 40,
            disk: DiskState::default(),
            runs: vec![pulls],
        };
        let open = Metrics {
            account: "0198aaaa".to_owned(),
            open: true,
            silent: false,
            waiting: Some(2),
            noted: None,
            session: Some(session),
        };
        let noted = Summary {
            waiting: 5,
            oldest: Some(second(700)),
            needs_you: 2,
            as_of: Some(second(600)),
            at: second(960),
        };
        let closed = Metrics {
            account: "0198bbbb".to_owned(),
            waiting: Some(5),
            noted: Some(noted),
            ..Metrics::default()
        };
        let text = text(&[open, closed], second(1_060));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../tests/snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!("metrics", text));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(value.parse::<f64>().is_ok() && name.ends_with('}'), "{line}");
        }
    }
}

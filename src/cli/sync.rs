//! `flyos sync`: news and what waits, comparing with the server, loading anew, and what the line was used for.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::door::{Door, Place, unexpected, unsent};
use super::out::Out;
use super::rows::table;
use crate::domain::Stamp;
use crate::service::{
    Action, Answer, ErrorKind, Link, Query, RunView, ServiceError, Status, Traffic, Verdict, line, status,
};

/// How long a comparison may take, where nobody said: of a million rows some seconds.
const VERIFY_TIME: Duration = Duration::from_secs(60);

/// Ask the server for news, send what waits, and wait for both
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: flyos sync --wait 60")]
pub struct Sync {
    #[command(subcommand)]
    pub(super) what: Option<What>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Compare all rows with the server's; where they differ, all are loaded anew, and the exit code is 13
    #[command(after_help = "Example: flyos sync verify")]
    Verify,
    /// The same, and wait until what differed is mended: exit code 0
    #[command(after_help = "Example: flyos sync heal")]
    Heal,
    /// Load all rows anew; edits that wait stay
    #[command(after_help = "Example: flyos sync resync --wait 300")]
    Resync,
    /// Tell what the line was used for in this session
    #[command(after_help = "Example: flyos sync runs")]
    Runs,
    /// Say how freely the open console uses the line, until its session ends
    #[command(after_help = "Example: flyos sync traffic sparing")]
    Traffic { how: How },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum How {
    Normal,
    Sparing,
    Held,
}

impl Sync {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let (door, fresh) = Door::open_as_is(place)?;
        match &self.what {
            None => exchange(&door, fresh, patience, out),
            Some(What::Verify) => verify(&door, fresh, patience, false, out),
            Some(What::Heal) => verify(&door, fresh, patience, true, out),
            Some(What::Resync) => resync(&door, patience, out),
            Some(What::Runs) => runs(&door, out),
            Some(What::Traffic { how }) => traffic(&door, *how, out),
        }
    }
}

fn words(status: &Status) -> String {
    status::line(status, super::now(), &jiff::tz::TimeZone::system())
}

/// Says how it stands, or that it did not do.
fn ended(door: &Door, done: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let status = door.status()?;
    let line = words(&status);
    let fields = json!({ "asOf": status.as_of, "waiting": status.waiting, "needsYou": status.needs_you });
    let (kind, message, hint) = if !done {
        let message = format!("Not everything was received and sent: {line}.");
        (ErrorKind::Offline, message, "What was saved here is kept and sent when there is a line.")
    } else if status.needs_you > 0 {
        let message = format!("{} your decision: {line}.", status::edits_need(status.needs_you));
        (ErrorKind::Attention, message, "flyos conflicts list shows what to decide; everything else is done.")
    } else {
        return out.told(&line, fields);
    };
    out.found(fields, Some(ServiceError::new(kind, message).hint(hint)))
}

fn exchange(
    door: &Door,
    fresh: bool,
    patience: Option<Duration>,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    let before = door.status()?.as_of.filter(|_| fresh && matches!(door, Door::Beside(_)));
    door.act(Action::SyncNow)?;
    let done = door.wait(patience, |status| fresh && status.as_of != before && unsent(status) == 0)?;
    ended(door, done, out)
}

fn resync(door: &Door, patience: Option<Duration>, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let before = door.status()?.as_of;
    door.act(Action::Reload)?;
    let done = door.wait(patience, |status| status.as_of.is_some() && status.as_of != before)?;
    ended(door, done, out)
}

fn verify(
    door: &Door,
    fresh: bool,
    patience: Option<Duration>,
    heal: bool,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    if !fresh {
        return ended(door, false, out);
    }
    let since = super::now();
    door.act(Action::Verify)?;
    let mut told = Ok(None);
    let done = loop {
        let done = door.wait(patience.or(Some(VERIFY_TIME)), |_| {
            told = all_runs(door).map(|runs| verdict(&runs, since, heal));
            !matches!(told, Ok(None))
        })?;
        // Where nobody said for how long, a load is waited for to its end.
        if done || patience.is_some() || !matches!(door.status()?.link, Link::Loading { .. }) {
            break done;
        }
    };
    match told?.filter(|_| done) {
        None => ended(door, false, out),
        Some(Ok(said)) => out.told(&said, json!({ "differs": false })),
        Some(Err(error)) => Err(error),
    }
}

/// What the comparisons since then came to; `None`: what is waited for is not told yet. After one that found a difference
/// all rows are loaded and compared once more.
fn verdict(runs: &[RunView], since: Stamp, heal: bool) -> Option<Result<String, ServiceError>> {
    let mut word = "Verified";
    for run in runs.iter().rev().filter(|run| run.at >= since && run.what == line::VERIFIED) {
        let attention = || ServiceError::new(ErrorKind::Attention, run.came.clone());
        return Some(match run.verdict {
            Some(Verdict::Differs { .. }) if heal => {
                word = "Mended and verified";
                continue;
            }
            Some(Verdict::Differs { .. }) => {
                Err(attention().hint("flyos sync heal waits until they are here."))
            }
            Some(Verdict::Same { .. }) => Ok(format!("{word}: {}.", run.came)),
            Some(Verdict::Stays { .. } | Verdict::Unsettled) => Err(attention()),
            None => Err(ServiceError::new(ErrorKind::Offline, format!("Not verified: {}.", run.came))
                .hint("Nothing is lost. Try again when there is a line: flyos status tells how it stands.")),
        });
    }
    None
}

fn all_runs(door: &Door) -> Result<Vec<RunView>, ServiceError> {
    match door.query(Query::Runs)? {
        Answer::Runs(runs) => Ok(runs),
        other => Err(unexpected(&other)),
    }
}

fn runs(door: &Door, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let runs = all_runs(door)?;
    if out.is_json() {
        return out.value(&json!({ "success": true, "runs": runs, "totalCount": runs.len() }));
    }
    let head = ["BEGAN", "WHAT", "CAME OF IT", "TOOK", "BYTES"].map(str::to_owned).to_vec();
    let zone = jiff::tz::TimeZone::system();
    let body = runs.iter().map(|run| {
        let began = status::at_text(run.at, super::now(), &zone);
        vec![began, run.what.clone(), run.came.clone(), format!("{} ms", run.took_ms), line::bytes(run.bytes)]
    });
    out.text(&table(&std::iter::once(head).chain(body).collect::<Vec<_>>(), out.width()))
}

fn traffic(door: &Door, how: How, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if matches!(door, Door::Alone(_)) {
        let message = "No console is open whose use of the line could be said.";
        return Err(ServiceError::new(ErrorKind::NotOpen, message));
    }
    let traffic = match how {
        How::Normal => Traffic::Normal,
        How::Sparing => Traffic::Sparing,
        How::Held => Traffic::Held,
    };
    door.act(Action::SetTraffic { traffic })?;
    out.told(&words(&door.status()?), json!({ "traffic": traffic }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_over_when_it_is_known_what_it_came_to() {
        let (same, differs, stays) =
            (Verdict::Same { rows: 9 }, Verdict::Differs { buckets: 1 }, Verdict::Stays { buckets: 1 });
        // Oldest first; `None` is one that was cut short.
        let told = |verdicts: &[Option<Verdict>], heal| {
            let run = |(at, verdict): (i64, &Option<Verdict>)| RunView {
                at: Stamp(at),
                what: line::VERIFIED.to_owned(),
                came: "so".to_owned(),
                took_ms: 1,
                bytes: 1,
                failed: true,
                up: 1,
                rows: 0,
                edits: 0,
                verdict: *verdict,
            };
            let mut runs: Vec<RunView> = (0..).zip(verdicts).map(run).collect();
            runs.push(RunView { what: "sent".to_owned(), ..run((9, &Some(same))) });
            runs.reverse();
            // The first one was before.
            let told = verdict(&runs, Stamp(1), heal);
            told.map(|told| told.map_err(|error| (error.kind, error.hints.len())))
        };
        let before = Some(stays);
        let attention = |hints| Some(Err((ErrorKind::Attention, hints)));
        for (heal, verdicts, wanted) in [
            (false, vec![before], None),
            (true, vec![before], None),
            (false, vec![before, Some(same)], Some(Ok("Verified: so.".to_owned()))),
            (true, vec![before, Some(same)], Some(Ok("Verified: so.".to_owned()))),
            // Loaded and compared once more by the time it is looked.
            (false, vec![before, Some(differs), Some(same)], attention(1)),
            (true, vec![before, Some(differs)], None),
            (true, vec![before, Some(differs), Some(same)], Some(Ok("Mended and verified: so.".to_owned()))),
            (true, vec![before, Some(differs), Some(stays)], attention(0)),
            (true, vec![before, Some(stays)], attention(0)),
            (true, vec![before, Some(Verdict::Unsettled)], attention(0)),
            (true, vec![before, None], Some(Err((ErrorKind::Offline, 1)))),
            (true, vec![before, Some(differs), None], Some(Err((ErrorKind::Offline, 1)))),
        ] {
            assert_eq!(told(&verdicts, heal), wanted, "{verdicts:?}, {heal}");
        }
    }
}

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
    Action, Answer, ErrorKind, Query, RunView, ServiceError, Status, Traffic, line, status,
};

/// How long a comparison may take, where nobody said: of a million rows some seconds.
const VERIFY_TIME: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(100);

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
    let (before, since) = (door.status()?.as_of, super::now());
    door.act(Action::Verify)?;
    let Some(run) = verified(door, since, patience.unwrap_or(VERIFY_TIME))? else {
        return ended(door, false, out);
    };
    if !run.failed {
        return out.told(&format!("Verified: {}.", run.came), json!({ "differs": false }));
    }
    if heal {
        let done = door.wait(patience, |status| status.as_of != before && unsent(status) == 0)?;
        // They are compared once more then.
        let again = if done { verified(door, Stamp(run.at.0 + 1), VERIFY_TIME)? } else { None };
        return match again {
            Some(run) if run.failed => Err(ServiceError::new(ErrorKind::Attention, run.came)),
            _ => ended(door, done, out),
        };
    }
    Err(ServiceError::new(ErrorKind::Attention, run.came).hint("flyos sync heal waits until they are here."))
}

/// The comparison that began since then, once it is done.
fn verified(door: &Door, since: Stamp, patience: Duration) -> Result<Option<RunView>, ServiceError> {
    for _ in 0..patience.as_millis() / STEP.as_millis() {
        let found = all_runs(door)?.into_iter().find(|run| run.at >= since && run.what == line::VERIFIED);
        if found.is_some() {
            return Ok(found);
        }
        std::thread::sleep(STEP);
    }
    Ok(None)
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

//! `flyos activity`: who did what, when, from where and why, newest first; of everything or of one row. It is read from
//! the server where there is a line, and is else what an open console has.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::door::{Door, Place, unexpected};
use super::out::Out;
use super::rows::table;
use crate::domain::{Key, Kind};
use crate::service::{self, Action, Answer, ErrorKind, Link, Query, ServiceError, status};

/// How long the server may take for a page, where nothing else was said.
const PATIENCE: Duration = Duration::from_secs(15);
const STEP: Duration = Duration::from_millis(50);
/// Lines at most: what a console keeps.
const LINES_MAX: usize = 10_000;
const DELETED: &str = "The history of one that was deleted is asked for by its id. flyos activity --json tells it, in key.pk, \
                       where the deed is among its lines (--limit).";
const OLDER: &str = "There are older lines: --limit N shows more.";
const OLDEST: &str =
    "There are older lines, which no console reads; --drone, --user, --region tell one row's.";

#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: flyos activity --drone drone-001 --limit 50 --json")]
pub struct Activity {
    /// The history of that drone alone
    #[arg(long, value_name = "ID", conflicts_with_all = ["user", "region"])]
    drone: Option<String>,
    /// The history of that user alone, by name, address or id
    #[arg(long, value_name = "NAME", conflicts_with = "region")]
    user: Option<String>,
    /// The history of that region alone, by name or id
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Lines at most
    #[arg(long, default_value_t = 20, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=LINES_MAX as u64))]
    limit: usize,
}

impl Activity {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience().unwrap_or(PATIENCE);
        let door = Door::open(place)?;
        let query = self.key(&door)?.map_or(Query::Activity, |key| Query::History { key });
        let mut found = read(&door, &query, patience)?;
        while found.more && found.lines.len() < self.limit {
            let before = found.lines.len();
            door.act(match &query {
                Query::History { key } => Action::MoreHistory { key: key.clone() },
                _ => Action::MoreActivity,
            })?;
            found = read(&door, &query, patience)?;
            if found.lines.len() == before {
                break;
            }
        }
        // A console that is full reads no more, though there is more.
        let full = found.lines.len() >= LINES_MAX && found.trouble.is_some();
        found.more |= found.lines.len() > self.limit || full;
        found.lines.truncate(self.limit);
        tell(&door, &found, out)
    }

    /// The row that was named.
    fn key(&self, door: &Door) -> Result<Option<Key>, ServiceError> {
        let named = [(Kind::Drone, &self.drone), (Kind::User, &self.user), (Kind::Region, &self.region)];
        let Some((kind, name)) = named.into_iter().find_map(|(kind, name)| Some((kind, name.as_ref()?)))
        else {
            return Ok(None);
        };
        match door.query(Query::Row { kind, name: name.clone() })? {
            Answer::Row(Some(data)) => Ok(Some(data.row.key)),
            // Its history may be there still, and goes by its id.
            Answer::Row(None) => Key::known(kind, name).map(Some).ok_or_else(|| {
                let message = format!("There is no {} {name} that you may see.", kind.noun());
                ServiceError::new(ErrorKind::Refused, message).hint(DELETED)
            }),
            other => Err(unexpected(&other)),
        }
    }
}

fn tell(door: &Door, found: &service::Activity, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let missing = if let Some(trouble) = &found.trouble {
        Some(format!("It is not all: {trouble}"))
    } else if !matches!(door.status()?.link, Link::Online) {
        Some("There is no line: what is not sent yet, and what was read before, is all there is.".to_owned())
    } else if found.more {
        let lines = found.lines.len();
        Some(format!(
            "These are the newest {lines} lines. {}",
            if lines < LINES_MAX { OLDER } else { OLDEST }
        ))
    } else {
        None
    };
    if let Some(missing) = &missing {
        super::note(missing);
    }
    if out.is_json() {
        return out.value(&json!({
            "success": true, "activity": found.lines, "totalCount": found.lines.len(), "more": found.more,
            "asOf": found.as_of, "complete": missing.is_none(), "missing": missing,
        }));
    }
    let head = ["AT", "WHO", "FROM", "ROW", "WHAT", "WHY"].map(str::to_owned).to_vec();
    let (now, zone) = (super::now(), jiff::tz::TimeZone::system());
    let body = found.lines.iter().map(|line| {
        let why = line.reason.clone().unwrap_or_default();
        vec![
            status::at_text(line.at, now, &zone),
            line.who.clone(),
            line.from.clone().unwrap_or_default(),
            line.label.clone(),
            line.what.clone(),
            why,
        ]
    });
    out.text(&table(&std::iter::once(head).chain(body).collect::<Vec<_>>(), out.width()))
}

/// What is there once the page that was asked for has come; without a line, what is there.
fn read(door: &Door, query: &Query, patience: Duration) -> Result<service::Activity, ServiceError> {
    for _ in 0..=patience.as_millis() / STEP.as_millis() {
        let found = match door.query(query.clone())? {
            Answer::Activity(found) | Answer::History(found) => found,
            other => return Err(unexpected(&other)),
        };
        let online = matches!(door.status()?.link, Link::Online | Link::Loading { .. } | Link::Connecting);
        let whole = found.as_of.is_some() || found.trouble.is_some() || !online;
        if !found.asking && whole {
            return Ok(found);
        }
        std::thread::sleep(STEP);
    }
    let message = "The server did not tell who did what in time.";
    Err(ServiceError::new(ErrorKind::Offline, message).hint("--wait SECONDS waits longer."))
}

//! What belongs to no account: the configuration, the folders and the room in them, the clock, the line.

use std::path::Path;
use std::time::Duration;

use super::{Examination, Report};
use crate::domain::Stamp;
use crate::remote::{Client, KeyKind, Limits, Project, RemoteError, Seen};
use crate::service::{Config, Folders, status};
use crate::store::{RESERVE_BYTES, filesystem, look};

/// How long a project may take to answer; whoever looks is waiting.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);
/// Less room than this is told.
const ROOM_MIN: u64 = 64 << 20;
/// A clock that differs by more is told, in seconds. A server tells whole ones, and the answer takes a while.
const CLOCK_DIFFERS_S: i64 = 120;
/// No clock of this program's time shows less: 2026-01-01.
const BEGINNING: Stamp = Stamp(1_767_225_600_000_000);

pub(super) fn configuration(report: &mut Report, what: &Examination, config: &Config) {
    let path = Config::path(&what.folders);
    if !path.exists() {
        return report.note("configuration", format!("There is no {}.", path.display()));
    }
    let many = config.projects.len();
    match &config.default_project {
        Some(name) if !config.projects.contains_key(name) => report.attention(
            "configuration",
            format!("{} names {name} as the default project and does not describe it.", path.display()),
            "Describe it there, or name another one.",
        ),
        _ => {
            let projects = super::account::count(many, "project");
            report.sound("configuration", format!("{} is read: {projects}.", path.display()));
        }
    }
}

/// Address and key of each, before anything is sent.
pub(super) fn projects(report: &mut Report, config: &Config) {
    if config.projects.is_empty() {
        report.note("project", "No project is known: flyos asks for one when it starts.");
    }
    for (name, project) in &config.projects {
        let about = format!("project {name}");
        match Project::new(&project.url, &project.key) {
            Ok(project) => {
                let kind = match project.key().kind() {
                    KeyKind::Publishable => "a publishable key",
                    _ => "an anon key (of the older kind)",
                };
                report.sound(&about, format!("{} with {kind}.", project.url()));
            }
            Err(problem) => {
                report.attention(&about, problem.to_string(), "Mend it in config.toml or the environment.");
            }
        }
    }
}

pub(super) fn data(report: &mut Report, folders: &Folders) {
    let data = &folders.data;
    if !data.exists() {
        return report.note("data", format!("{} is not there yet: nobody has signed in.", data.display()));
    }
    let kind = filesystem::name(data).unwrap_or_else(|| "unknown".to_owned());
    // The way there may have a link in it, and others may look into a folder: what is theirs to keep out of is below.
    let real = std::fs::canonicalize(data).unwrap_or_else(|_| data.clone());
    let accounts = data.join("accounts");
    let wrong = look::wrong_with(&real, true).filter(|wrong| !wrong.starts_with("is open"));
    let below = accounts.exists().then(|| look::wrong_with(&accounts, true)).flatten();
    if let Some(foreign) = filesystem::foreign(data) {
        report.attention(
            "data",
            format!(
                "{} lies on another machine ({foreign}): neither a lock nor a sync holds there.",
                data.display()
            ),
            "Set FLYOS_HOME to a folder on a disk of this machine.",
        );
    } else if let Some(wrong) = wrong {
        report.attention("data", format!("{} {wrong}.", real.display()), MAKE_OWN);
    } else if let Some(wrong) = below {
        report.attention("data", format!("{} {wrong}.", accounts.display()), MAKE_OWN);
    } else {
        report.sound("data", format!("{} is yours, on this machine ({kind}).", data.display()));
    }
    room(report, data);
}

/// What to do about an owner, a mode or a link that is not as it must be.
pub(super) const MAKE_OWN: &str = "Make it your own, and closed to others (chown, chmod go=), with no symlink in its place. \
                                   Modes alone flyos closes itself when the account is opened.";

fn room(report: &mut Report, data: &Path) {
    let Some(room) = filesystem::room(data) else { return };
    let mib = room >> 20;
    if room < ROOM_MIN {
        let todo =
            format!("Make room. Each account keeps {} MiB back for this, no more.", RESERVE_BYTES >> 20);
        report.attention("room", format!("{mib} MiB are left where the data lies."), todo);
    } else {
        report.sound("room", format!("{mib} MiB are left where the data lies."));
    }
}

/// The clock against what this machine's files say; against the server's it is looked at over the line.
pub(super) fn clock(report: &mut Report, what: &Examination) {
    let newest = newest(&what.folders.data);
    if what.now.0 < BEGINNING.0 {
        report.attention("clock", "The clock shows a time before this program was made.", SET_CLOCK);
    } else if let Some(newest) = newest.filter(|newest| newest.0 - what.now.0 > CLOCK_DIFFERS_S * 1_000_000) {
        let ahead = status::span(what.now, newest);
        let text =
            format!("The clock was {ahead} later when something was saved here last: it was set back.");
        report.attention("clock", text, SET_CLOCK);
    } else {
        report.sound("clock", "The clock is not behind what was saved here.");
    }
}

const SET_CLOCK: &str =
    "Set it right: times of edits, and how long the server was not heard, are counted by it.";

/// When something of the accounts was written last, as the file system has it.
fn newest(data: &Path) -> Option<Stamp> {
    let accounts = crate::store::AccountFolder::all(data).ok()?;
    let files = accounts.iter().flat_map(|folder| {
        [folder.journal_dir(), folder.path().join("account.toml")].into_iter().filter_map(|path| {
            let changed = std::fs::metadata(path).ok()?.modified().ok()?;
            Some(Stamp(jiff::Timestamp::try_from(changed).ok()?.as_microsecond()))
        })
    });
    files.max()
}

/// Asks each project whether it is there.
pub(super) fn line(report: &mut Report, config: &Config, now: Stamp) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    for (name, project) in &config.projects {
        let about = format!("line to {name}");
        let Ok(project) = Project::new(&project.url, &project.key) else { continue };
        let limits = Limits { connect: CONNECT_TIME_MAX, auth: ANSWER_TIME_MAX, ..Limits::default() };
        let client = Client::with_limits(project, env!("CARGO_PKG_VERSION"), limits);
        let asked =
            client.as_ref().map_err(Clone::clone).and_then(|client| runtime.block_on(client.settings()));
        match asked {
            Ok(reply) if !reply.value.allows_email() => report.attention(
                &about,
                "The project answers, and lets nobody sign in with an e-mail address.",
                "Switch that provider on in the project's sign-in settings.",
            ),
            Ok(reply) => {
                report.sound(&about, "The project answers and takes the key.");
                let differs = reply.server_date.map_or(0, |date| (now.0 - date.0) / 1_000_000);
                if differs.abs() > CLOCK_DIFFERS_S {
                    let way = if differs > 0 { "ahead of" } else { "behind" };
                    let text = format!("This machine's clock is {} s {way} the server's.", differs.abs());
                    report.attention(&about, text, SET_CLOCK);
                }
                if let Ok(client) = &client {
                    schema(report, &format!("database of {name}"), runtime.block_on(client.knock()));
                }
            }
            Err(error) if error.is_offline() => {
                let text = format!("Offline: {} Edits are kept until there is a line.", error.message);
                report.unreachable(&about, text, "Look at the line and at the project; --offline asks none.");
            }
            Err(error) => {
                let todo =
                    error.hint.clone().unwrap_or_else(|| "Look at the project's address and key.".to_owned());
                report.attention(&about, error.message, todo);
            }
        }
    }
}

/// What of the project's database can be seen from outside; `flyos supabase verify` sees all of it.
fn schema(report: &mut Report, about: &str, seen: Result<Seen, RemoteError>) {
    match seen {
        Err(error) => report.note(about, format!("It could not be looked at: {}", error.message)),
        Ok(Seen { missing, open }) => {
            if !missing.is_empty() {
                let text =
                    format!("Its API does not know {}: migrations are not applied.", missing.join(", "));
                report.attention(
                    about,
                    text,
                    "Run flyos supabase migrate, or have whoever runs the project do so.",
                );
            }
            if !open.is_empty() {
                let text = format!("Whoever has the publishable key gets at {}.", open.join(", "));
                report.attention(
                    about,
                    text,
                    "Have whoever runs the project run flyos supabase verify: it names what opens it.",
                );
            }
            if missing.is_empty() && open.is_empty() {
                report.sound(
                    about,
                    "It has the functions that this flyos calls, and lets nobody in without signing in.",
                );
            }
        }
    }
}

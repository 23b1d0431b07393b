//! `flyos outbox`: edits that wait, a sealed file of them, and entries of the journal that are lost.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::door::{Door, Place, unexpected};
use super::out::Out;
use super::prompt::{self, Source};
use super::rows::table;
use crate::service::{
    Action, Answer, Confidence, Done, EditState, ErrorKind, Gap, OutboxLine, Query, ServiceError, status,
};

#[derive(Clone, Debug, Subcommand)]
pub enum Outbox {
    /// List the edits that wait, are on their way, or need a decision; newest first
    #[command(after_help = "Example: flyos outbox list --json")]
    List,
    /// Write unsent edits into a file that a passphrase opens
    #[command(after_help = "Example: flyos outbox export edits.sealed --passphrase-file ~/.flyos-passphrase")]
    Export {
        file: PathBuf,
        /// The numbers of the edits; without one, all of them
        edit: Vec<u64>,
        /// Read the passphrase from the first line of a file
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Make the edits of such a file yours
    #[command(after_help = "Example: flyos outbox import edits.sealed")]
    Import {
        file: PathBuf,
        /// Read the passphrase from the first line of a file
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
    /// Send the edits that are held back since the journal ends earlier than it once did, or let go of them
    #[command(after_help = "Example: flyos outbox held --send")]
    Held {
        #[arg(long, required_unless_present = "discard")]
        send: bool,
        #[arg(long, conflicts_with = "send")]
        discard: bool,
    },
    /// Tell which entries of the journal are lost, until you say that you have seen it
    #[command(after_help = "Example: flyos outbox lost --seen")]
    Lost {
        /// You have seen it: they are told once more now, and not again
        #[arg(long)]
        seen: bool,
    },
}

impl Outbox {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let door = Door::open(place)?;
        match self {
            Self::List => {
                let lines = door.outbox()?;
                if out.is_json() {
                    return out.value(&json!({ "success": true, "edits": lines, "totalCount": lines.len() }));
                }
                super::note(&format!("{} unsent", lines.len()));
                out.text(&as_table(&lines, out.width()))
            }
            Self::Export { file, edit, passphrase_file } => {
                let passphrase = passphrase(passphrase_file.as_deref(), true)?;
                let (edits, path) = (edit.clone(), from_here(file)?);
                match confide(&door, Confidence::Export { edits, path, passphrase })? {
                    Done::Exported { edits, path } => out.told(
                        &format!("Exported: {edits}, into {path}. They wait on here as well."),
                        json!({ "edits": edits, "path": path }),
                    ),
                    _ => Ok(()),
                }
            }
            Self::Import { file, passphrase_file } => {
                let passphrase = passphrase(passphrase_file.as_deref(), false)?;
                let done = confide(&door, Confidence::Import { path: from_here(file)?, passphrase })?;
                let sent = door.wait_sent(patience)?;
                imported(&done, sent, out)
            }
            Self::Lost { seen } => lost(&door, *seen, out),
            Self::Held { send, .. } => match door.act(Action::SettleHeld { send: *send })? {
                Done::Settled { summary } => {
                    let sent = *send && door.wait_sent(patience)?;
                    out.told(&summary, json!({ "sent": sent }))
                }
                _ => Ok(()),
            },
        }
    }
}

/// Tells what is lost, and only then that it was seen.
fn lost(door: &Door, seen: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let gaps = match door.query(Query::Lost)? {
        Answer::Lost(gaps) => gaps,
        other => return Err(unexpected(&other)),
    };
    let entries: u64 = gaps.iter().map(Gap::count).sum();
    let zone = jiff::tz::TimeZone::system();
    for gap in &gaps {
        out.say(&status::lost(gap, super::now(), &zone))?;
    }
    let words = match seen {
        _ if gaps.is_empty() => "Nothing is lost.".to_owned(),
        true => match door.act(Action::AcknowledgeLost)? {
            Done::Settled { summary } => summary,
            _ => String::new(),
        },
        false => "Look through what you did then. With --seen it is not told again.".to_owned(),
    };
    out.told(&words, json!({ "lost": gaps, "totalCount": entries, "seen": seen }))
}

fn from_here(file: &std::path::Path) -> Result<PathBuf, ServiceError> {
    std::path::absolute(file)
        .map_err(|error| ServiceError::new(ErrorKind::Usage, format!("{}: {error}.", file.display())))
}

fn passphrase(file: Option<&std::path::Path>, twice: bool) -> Result<secrecy::SecretString, ServiceError> {
    use secrecy::ExposeSecret as _;
    let Some(file) = file else {
        let first = prompt::secret(Source::Terminal, "Passphrase: ")?;
        if twice
            && prompt::secret(Source::Terminal, "Passphrase once more: ")?.expose_secret()
                != first.expose_secret()
        {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                "The two passphrases differ. Nothing was written.",
            ));
        }
        return Ok(first);
    };
    prompt::secret(Source::File(file), "")
}

/// What needs a secret is done where it was typed, and goes over no socket.
fn confide(door: &Door, confidence: Confidence) -> Result<Done, ServiceError> {
    match door {
        Door::Alone(alone) => alone.confide(confidence),
        Door::Beside(console) => {
            let message = format!(
                "The console on {} has this account open, and a passphrase is handed to nobody. Nothing was done.",
                console.whois.holder.place()
            );
            Err(ServiceError::new(ErrorKind::Locked, message)
                .hint("Press E there to export, I to import; or quit it and say this again."))
        }
    }
}

fn imported(done: &Done, sent: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let Done::Imported { author, saved, known, refused } = done else { return Ok(()) };
    let sent = sent && *saved > 0;
    let words =
        format!("From {author}: {saved} became yours, {known} were here already, {} refused.", refused.len());
    if refused.is_empty() {
        let fields = json!({ "author": author, "saved": saved, "known": known, "sent": sent });
        return out.told(&words, fields);
    }
    let error = ServiceError::new(ErrorKind::Refused, words);
    Err(refused.iter().map(|(what, why)| format!("{what}: {why}")).fold(error, ServiceError::hint))
}

/// How an edit stands, in a few words without a stop.
pub(super) fn state(state: &EditState) -> String {
    match state {
        EditState::Waiting => "waiting".to_owned(),
        EditState::Sending => "on its way".to_owned(),
        EditState::Confirmed => "confirmed".to_owned(),
        EditState::Held => "held back until you decide".to_owned(),
        EditState::Blocked => "waits for an edit that needs you".to_owned(),
        EditState::Conflict { fields, drops, by, .. } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let what: Vec<&str> = fields.keys().chain(drops).map(String::as_str).collect();
            format!("conflict: {} changed meanwhile{by}", what.join(", "))
        }
        EditState::Refused { message, .. } => format!("refused: {}", message.trim_end_matches('.')),
        EditState::Gone => "its row is gone".to_owned(),
    }
}

pub(super) fn as_table(lines: &[OutboxLine], width: Option<usize>) -> String {
    let head = ["EDIT", "MADE", "ROW", "WHAT", "STATE"].map(str::to_owned).to_vec();
    let zone = jiff::tz::TimeZone::system();
    let body = lines.iter().map(|line| {
        let made = status::age(line.at, super::now(), &zone);
        vec![line.edit.to_string(), made, line.label.clone(), line.what.clone(), state(&line.state)]
    });
    table(&std::iter::once(head).chain(body).collect::<Vec<_>>(), width)
}

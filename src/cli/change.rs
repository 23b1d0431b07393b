//! Changes: what follows is asked about as the console would, they are saved, and whether the server took them is said.

use std::io::{BufRead as _, Write};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::conflicts;
use super::door::{Door, unexpected};
use super::list::named;
use super::out::Out;
use super::prompt;
use super::rows::{as_json, plain, plural};
use crate::domain::{Fields, Intent, Key, Kind};
use crate::service::{Action, Answer, Done, ErrorKind, OutboxLine, Query, ServiceError};

/// Why, and whether to ask.
#[derive(Args, Clone, Debug)]
pub struct Why {
    /// The reason, which is kept with the change: up to 200 characters
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Do it without asking, also what the console would ask about
    #[arg(long)]
    pub yes: bool,
}

/// Changes, and how they are to be made.
pub struct Wishes<'a> {
    pub intents: Vec<Intent>,
    /// Of several, those that are not there, with the reason: they are told, and the others are done.
    pub unknown: Vec<(String, String)>,
    pub why: &'a Why,
    /// All or none.
    pub together: bool,
}

/// What they came to.
struct Came {
    message: String,
    edits: usize,
    refused: Vec<(String, String)>,
}

impl<'a> Wishes<'a> {
    /// Makes one row, with what a new row of its kind has where nothing else is said.
    pub fn create(key: Key, fields: Fields, why: &'a Why) -> Self {
        let intents = vec![Intent::Create { fields: key.kind.with_presets(fields), key }];
        Self { intents, unknown: Vec::new(), why, together: false }
    }

    /// Carries them out. `patience`: how long the server's word is waited for, where that was said.
    pub fn carry_out(
        self,
        (door, kind): (&Door, Kind),
        patience: Option<Duration>,
        out: &mut Out<impl Write>,
    ) -> Result<(), ServiceError> {
        self.confirm(door)?;
        let (before, behind) = (needing(door)?, door.status()?.blocked);
        let keys: Vec<Key> = self.intents.iter().map(Intent::key).collect();
        let deletes = self.deletes();
        let came = self.act(door)?;
        let mut sent = false;
        let followed = see_through(door, (&came, patience), (&before, behind), &mut sent);
        let done =
            Map::from_iter([("edits".to_owned(), json!(came.edits)), ("sent".to_owned(), json!(sent))]);
        // Whatever went wrong after that: what was done is told beside it.
        let beside = |error| ServiceError { beside: Some(Box::new(Value::Object(done.clone()))), ..error };
        let behind = followed.map_err(beside)?;
        if !out.is_json() {
            let end = match (came.edits, sent) {
                (0, _) => "",
                (_, true) => " Sent.",
                _ if behind => {
                    " Saved here; it waits behind an edit that needs a decision: flyos conflicts list."
                }
                (_, false) => " Saved here; it is sent when there is a line.",
            };
            return out.text(&format!("{}{end}\n", plain(&stop(&came.message))));
        }
        let mut fields = done.clone();
        if !deletes {
            let (name, rows) = rows(door, kind, &keys).map_err(beside)?;
            fields.insert(name, rows);
        }
        out.told(&came.message, Value::Object(fields))
    }

    fn deletes(&self) -> bool {
        self.intents.iter().any(|intent| matches!(intent, Intent::Delete { .. }))
    }

    /// Asks where the console would: before a deletion, and where something else follows.
    fn confirm(&self, door: &Door) -> Result<(), ServiceError> {
        if self.why.yes {
            return Ok(());
        }
        let mut follows: Vec<String> = self.unknown.iter().map(|(_, why)| why.clone()).collect();
        let known = follows.len();
        for intent in &self.intents {
            match door.query(Query::Consequences { intent: intent.clone() })? {
                Answer::Consequences(lines) => {
                    follows.extend(lines.into_iter().map(|line| format!("{}: {line}", label(door, intent))));
                }
                other => return Err(unexpected(&other)),
            }
        }
        confirmed(follows.len() == known && !self.deletes(), follows)
    }

    fn act(mut self, door: &Door) -> Result<Came, ServiceError> {
        let (reason, unknown) = (self.why.reason.clone(), std::mem::take(&mut self.unknown));
        let several = self.intents.len() + unknown.len() > 1;
        let one = if several { None } else { self.intents.pop() };
        let action = match one {
            Some(intent) => Action::Edit { intent, reason, seen: Fields::new() },
            None => Action::Bulk { intents: self.intents, reason, together: self.together, deed: None },
        };
        match door.act(action)? {
            Done::Saved { edits, summary } => Ok(Came { message: summary, edits, refused: Vec::new() }),
            Done::Bulk { saved, refused } => {
                let refused: Vec<_> = unknown.into_iter().chain(refused).collect();
                let message = format!("{saved} of {} saved.", saved + refused.len());
                Ok(Came { message, edits: saved, refused })
            }
            _ => Err(ServiceError::new(ErrorKind::Usage, "The answer is not understood.")),
        }
    }
}

/// What becomes of edits that are saved; whether they wait behind one that needs a decision. `needing` and `behind`: how it
/// stood before. `sent` is whether they reached the server, also where not all went well.
fn see_through(
    door: &Door,
    (came, patience): (&Came, Option<Duration>),
    (needing, behind): (&[OutboxLine], usize),
    sent: &mut bool,
) -> Result<bool, ServiceError> {
    // Where all was so already, nothing of this is on its way.
    let waits = came.edits > 0;
    let gone = waits && door.wait_sent(patience)?;
    // It went nowhere, since it builds on one that needs a decision.
    let behind = door.status()?.blocked > behind;
    *sent = gone && !behind;
    let not_taken = newly_needing(door, needing)?;
    if !not_taken.is_empty() {
        return Err(refused_by_server(&not_taken));
    }
    if !came.refused.is_empty() {
        return Err(refused_here(came));
    }
    if waits && !*sent && patience.is_some_and(|patience| !patience.is_zero()) {
        let message = format!("{} It is saved here and was not sent in that time.", stop(&came.message));
        let hint = if behind {
            "It waits behind an edit that needs a decision: flyos conflicts list."
        } else {
            "It is kept, and sent when there is a line: flyos sync, or an open console."
        };
        return Err(ServiceError::new(ErrorKind::Offline, message).hint(hint));
    }
    Ok(behind)
}

/// A person's word for it, unless it is given already: what follows is told, and asked about where somebody is there.
pub(super) fn confirmed(given: bool, follows: Vec<String>) -> Result<(), ServiceError> {
    if given {
        return Ok(());
    }
    if prompt::is_attended() {
        for line in &follows {
            super::note(line);
        }
        return asked("Type yes to go on: ");
    }
    let error =
        ServiceError::new(ErrorKind::Usage, "This wants a word of yours: --yes. Nothing was changed.");
    Err(follows.into_iter().fold(error, ServiceError::hint))
}

/// What a row is called, for a question; its key where it has no name.
fn label(door: &Door, intent: &Intent) -> String {
    let key = intent.key();
    named(door, key.kind, &key.pk).map_or(key.pk, |data| data.row.label)
}

/// Somebody types yes.
fn asked(words: &str) -> Result<(), ServiceError> {
    let failed = |error: std::io::Error| {
        ServiceError::new(ErrorKind::Usage, format!("Nobody could be asked: {error}. Nothing was changed."))
            .hint("Say --yes to do it without asking.")
    };
    let terminal = std::fs::File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    (&terminal).write_all(words.as_bytes()).map_err(failed)?;
    let mut line = String::new();
    std::io::BufReader::new(&terminal).read_line(&mut line).map_err(failed)?;
    if line.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(ServiceError::new(ErrorKind::Usage, "It was not said: nothing was changed."))
}

/// The edits that need a person now. Of the cards and not of the outbox, which may be longer than a console's answer.
pub(super) fn needing(door: &Door) -> Result<Vec<OutboxLine>, ServiceError> {
    Ok(conflicts::cards(door)?.into_iter().map(|card| card.line).collect())
}

/// Those that do not need one in `before`.
pub(super) fn newly_needing(door: &Door, before: &[OutboxLine]) -> Result<Vec<OutboxLine>, ServiceError> {
    let mut lines = needing(door)?;
    lines.retain(|line| before.iter().all(|was| was.edit != line.edit));
    Ok(lines)
}

fn refused_by_server(lines: &[OutboxLine]) -> ServiceError {
    let message = match lines {
        [line] => {
            format!("The server did not take it: {}: {}.", line.label, super::outbox::state(&line.state))
        }
        _ => format!("The server did not take {} of these edits.", lines.len()),
    };
    let error = ServiceError::new(ErrorKind::Refused, message);
    let told = lines.iter().map(|line| {
        format!("Edit {}, {}: {}: flyos conflicts show {}", line.edit, line.label, line.what, line.edit)
    });
    told.fold(error, ServiceError::hint)
}

fn refused_here(came: &Came) -> ServiceError {
    let error = ServiceError::new(ErrorKind::Refused, came.message.clone());
    let told = came.refused.iter().map(|(name, why)| format!("{name}: {why}"));
    told.fold(error, ServiceError::hint)
}

/// The rows as they are now: one by its own name, several as a list.
fn rows(door: &Door, kind: Kind, keys: &[Key]) -> Result<(String, Value), ServiceError> {
    let mut found = Vec::new();
    for key in keys {
        found.push(as_json(&named(door, kind, &key.pk)?));
    }
    Ok(match found.pop() {
        Some(row) if found.is_empty() => (kind.noun().to_owned(), row),
        last => {
            found.extend(last);
            (plural(kind), Value::Array(found))
        }
    })
}

fn stop(words: &str) -> String {
    if words.ends_with('.') { words.to_owned() } else { format!("{words}.") }
}

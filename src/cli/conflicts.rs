//! `flyos conflicts`: edits that need a person, and what the person makes of them.

use std::io::Write;
use std::time::Duration;

use clap::{ArgGroup, Subcommand};
use serde_json::json;

use super::door::{Door, Place, unexpected};
use super::list::value;
use super::out::Out;
use super::rows::table;
use crate::domain::Fields;
use crate::service::{Action, Answer, Card, Decision, Done, ErrorKind, Query, ServiceError};

#[derive(Clone, Debug, Subcommand)]
pub enum Conflicts {
    /// List the edits that need a decision
    #[command(after_help = "Example: flyos conflicts list --json")]
    List,
    /// Show what was wanted, what the server has, and what can be decided
    #[command(after_help = "Example: flyos conflicts show 12")]
    Show { edit: u64 },
    /// Decide: yours, theirs, other values, or the deleted row once more
    #[command(
        after_help = "Example: flyos conflicts resolve 12 --set status=STANDBY",
        group(ArgGroup::new("decision").required(true).args(["mine", "theirs", "set", "create_again"]))
    )]
    Resolve {
        edit: u64,
        /// Send it again as it was meant
        #[arg(long)]
        mine: bool,
        /// Give way where others changed the same
        #[arg(long)]
        theirs: bool,
        /// Send these values instead
        #[arg(long, value_name = "COLUMN=VALUE")]
        set: Vec<String>,
        /// Make the deleted row once more
        #[arg(long)]
        create_again: bool,
    },
    /// Send an edit now that was to be sent again later
    #[command(after_help = "Example: flyos conflicts retry 12")]
    Retry { edit: u64 },
    /// Let go of an edit; the later ones of its row follow it
    #[command(after_help = "Example: flyos conflicts discard 12 --yes")]
    Discard {
        edit: u64,
        /// It is gone then, and this says so
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Write edits as JSON lines, in the clear: what was wanted, and what came of it
    #[command(after_help = "Example: flyos conflicts export > edits.jsonl")]
    Export {
        /// The numbers of the edits; without one, all of the outbox
        edit: Vec<u64>,
    },
}

impl Conflicts {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let door = Door::open(place)?;
        let (edit, decision) = match self {
            Self::List => return list(&cards(&door)?, out),
            Self::Show { edit } => return show(&card(&door, *edit)?, out),
            Self::Export { edit } => return export(&door, edit, out),
            Self::Retry { edit } => return retry(&door, *edit, patience, out),
            Self::Discard { edit, .. } => (*edit, Decision::Discard),
            Self::Resolve { edit, mine, theirs, set, .. } => {
                let decision = match (mine, theirs, set.is_empty()) {
                    (true, ..) => Decision::Mine,
                    (_, true, _) => Decision::Theirs,
                    (_, _, false) => Decision::Set { fields: fields(&door, *edit, set)? },
                    _ => Decision::CreateAgain,
                };
                (*edit, decision)
            }
        };
        let sends = decision != Decision::Discard;
        let summary = match door.act(Action::Settle { edit, decision })? {
            Done::Settled { summary } => summary,
            _ => String::new(),
        };
        let sent = door.wait_sent(patience)?;
        if let Some(card) = cards(&door)?.into_iter().find(|card| card.edit == edit) {
            return Err(not_taken(&card).hint("It needs a decision again."));
        }
        out.told(&summary, json!({ "sent": sends && sent }))
    }
}

/// Sends an edit now that was to be sent again later, and says what came of it.
fn retry(
    door: &Door,
    edit: u64,
    patience: Option<Duration>,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    door.act(Action::Retry { edit })?;
    let sent = door.wait_sent(patience)?;
    if let Some(card) = cards(door)?.into_iter().find(|card| card.edit == edit) {
        return Err(not_taken(&card).hint("It needs a decision now."));
    }
    let words = if sent { "is sent" } else { "is sent when there is a line" };
    out.told(&format!("Edit {edit} {words}."), json!({ "sent": sent }))
}

fn not_taken(card: &Card) -> ServiceError {
    let message = format!("The server did not take it: {}.", super::outbox::state(&card.line.state));
    ServiceError::new(ErrorKind::Refused, message)
}

/// The edits that need a decision.
pub(super) fn cards(door: &Door) -> Result<Vec<Card>, ServiceError> {
    match door.query(Query::Cards)? {
        Answer::Cards(cards) => Ok(cards),
        other => Err(unexpected(&other)),
    }
}

fn card(door: &Door, edit: u64) -> Result<Card, ServiceError> {
    let found = cards(door)?.into_iter().find(|card| card.edit == edit);
    found.ok_or_else(|| {
        let message = format!("There is no edit {edit} that needs a decision. Nothing was changed.");
        ServiceError::new(ErrorKind::Refused, message).hint("flyos conflicts list tells which do.")
    })
}

/// `column=value` of each.
fn fields(door: &Door, edit: u64, set: &[String]) -> Result<Fields, ServiceError> {
    let kind = card(door, edit)?.line.key.kind;
    let each = set.iter().map(|text| {
        let (column, typed) = text.split_once('=').ok_or_else(|| {
            ServiceError::new(ErrorKind::Usage, format!("{text} is no COLUMN=VALUE. Nothing was changed."))
        })?;
        Ok((column.to_owned(), value(door, kind, column, typed)?))
    });
    each.collect()
}

fn export(door: &Door, edits: &[u64], out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    match door.query(Query::Export { edits: edits.to_vec() })? {
        Answer::Export(text) => out.text(&text),
        other => Err(unexpected(&other)),
    }
}

fn list(cards: &[Card], out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if out.is_json() {
        return out.value(&json!({ "success": true, "conflicts": cards, "totalCount": cards.len() }));
    }
    let lines: Vec<_> = cards.iter().map(|card| card.line.clone()).collect();
    super::note(&format!("{} to be decided", cards.len()));
    out.text(&super::outbox::as_table(&lines, out.width()))
}

fn show(card: &Card, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if out.is_json() {
        return out.value(&json!({ "success": true, "conflict": card }));
    }
    let mut lines = vec![
        vec!["edit".to_owned(), card.edit.to_string()],
        vec!["row".to_owned(), card.line.label.clone()],
        vec!["wanted".to_owned(), card.line.what.clone()],
        vec!["state".to_owned(), super::outbox::state(&card.line.state)],
    ];
    lines.extend(card.reason.iter().map(|reason| vec!["reason".to_owned(), reason.clone()]));
    for field in &card.fields {
        let text = format!("yours {}, theirs {}, before {}", field.mine, field.theirs, field.base);
        lines.push(vec![field.name.clone(), text]);
    }
    if let Some(kept) = &card.kept {
        lines.push(vec!["if kept".to_owned(), kept.told()]);
    }
    if card.behind > 0 {
        lines.push(vec!["behind".to_owned(), format!("{} later edits wait for it", card.behind)]);
    }
    let mut ways: Vec<&str> = card.decisions.iter().map(way).collect();
    if !card.wanted.is_empty() {
        // Letting go of it comes last.
        ways.insert(ways.len().saturating_sub(1), SET);
    }
    lines.push(vec!["decide".to_owned(), ways.join(", ")]);
    out.text(&table(&lines, None))
}

const SET: &str = "resolve --set COLUMN=VALUE";

/// The words that decide so.
const fn way(decision: &Decision) -> &'static str {
    match decision {
        Decision::Mine => "resolve --mine",
        Decision::Theirs => "resolve --theirs",
        Decision::Set { .. } => SET,
        Decision::CreateAgain => "resolve --create-again",
        Decision::Discard => "discard --yes",
    }
}

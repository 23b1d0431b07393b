//! `flyos import`: rows of a file taken in as edits. What is wrong is told row by row; what is right is saved and sent as
//! any edit is.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::change::{needing, newly_needing};
use super::door::{Door, Place};
use super::files::{Form, Progress, What, format, through};
use super::out::Out;
use super::outbox::state;
use crate::service::transfer::import::{self, Imported};
use crate::service::{ErrorKind, OutboxLine, ServiceError};

/// Faults that are told one by one; JSON has all of them.
const TOLD_MAX: usize = 50;

/// Take rows of a file in: new ones are created, those that are here are changed to what the file says
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A row is one that is here by its id or, for users and regions, by its username or name. Regions, \
                        users and operators may be named in the place of their ids. An empty cell clears a column, a \
                        column that the file does not have stays.\n\nExamples:\n  flyos import drones.csv --kind drones \
                        --dry-run\n  flyos import all.ndjson --reason \"moved from the old server\""
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a person says or not")]
pub struct Import {
    /// The file; - for the input
    file: PathBuf,
    /// Of which kind its rows are, where they do not say so
    #[arg(long, value_enum)]
    kind: Option<What>,
    /// In which form it is; without it, the file's name tells
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Tell what would come of it, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Rows that are here stay as they are
    #[arg(long)]
    insert_only: bool,
    /// Rows that are here are changed to what the file says (so it is unless otherwise said)
    #[arg(long, conflicts_with = "insert_only")]
    upsert: bool,
    /// One group of at most 1,000 changes: the server applies all of it or nothing, and nothing where one row is wrong
    #[arg(long)]
    all_or_nothing: bool,
    /// Each row for itself (so it is unless otherwise said)
    #[arg(long, conflicts_with = "all_or_nothing")]
    row_by_row: bool,
    /// Why, kept with each edit
    #[arg(long)]
    reason: Option<String>,
}

impl Import {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let piped = self.file == Path::new("-");
        let format = format(self.format, Some(&self.file)).ok_or_else(|| {
            ServiceError::new(ErrorKind::Usage, "The file's name does not tell its form.")
                .hint("Say it: --format csv, json or ndjson.")
        })?;
        // Read before the account is opened: who writes it may need the account for that. Where the password is the input's
        // first line, that comes first.
        let later = piped && place.access.password_stdin;
        let read = || {
            if piped { import::read_from(io::stdin(), "the input") } else { import::read_file(&self.file) }
        };
        let early = if later { None } else { Some(read()?) };
        let how = import::Import {
            kind: self
                .kind
                .map(What::kinds)
                .filter(|kinds| kinds.len() == 1)
                .and_then(|mut kinds| kinds.pop()),
            format,
            insert_only: self.insert_only,
            together: self.all_or_nothing,
            dry_run: self.dry_run,
            reason: self.reason.clone(),
        };
        let door = Door::open(place)?;
        let before = needing(&door)?;
        let bytes = early.map_or_else(read, Ok)?;
        let mut shown = Progress::new();
        let told = through(&door, |door| {
            let progress =
                &mut |saved: usize, all: usize| shown.show(&format!("{saved} of {all} edits saved"));
            import::import(door, &bytes, &how, progress)
        })?;
        let saved = told.report.saved;
        let tell = |left: usize| shown.show(&format!("{} of {saved} edits sent", saved.saturating_sub(left)));
        let sent = saved > 0 && door.wait_sent_told(patience, tell)?;
        drop(shown);
        let refused = newly_needing(&door, &before)?;
        self.tell(&told, (sent, &refused), out)
    }

    /// `refused`: edits that were sent and that the server did not take.
    fn tell(
        &self,
        told: &Imported,
        (sent, refused): (bool, &[OutboxLine]),
        out: &mut Out<impl Write>,
    ) -> Result<(), ServiceError> {
        let report = &told.report;
        let mut lines = report.lines(self.dry_run || told.why_nothing.is_some());
        lines.push(match (self.dry_run, told.why_nothing.is_some(), report.saved) {
            (true, ..) => "Nothing was changed: this was a dry run.".to_owned(),
            (_, true, _) | (.., 0) => "Nothing was changed.".to_owned(),
            (.., saved) if sent => format!("Edits saved: {saved}."),
            (.., saved) => format!("Edits saved: {saved}. They are sent when there is a line."),
        });
        if !out.is_json() {
            lines.extend(report.wrong.iter().take(TOLD_MAX).map(|wrong| format!("  {wrong}")));
            let more = report.wrong.len().saturating_sub(TOLD_MAX);
            lines.extend((more > 0).then(|| format!("  … and {more} more; --json tells all.")));
            let late = report.late.iter().take(TOLD_MAX).chain(report.unended.iter().take(TOLD_MAX));
            lines.extend(late.map(|(row, why)| format!("  {row}: {why}")));
            lines.extend(refused.iter().take(TOLD_MAX).map(|edit| {
                let place =
                    report.places.get(&edit.key).map_or(String::new(), |line| format!("line {line}, "));
                format!("  {place}{}: {} (edit {})", edit.label, state(&edit.state), edit.edit)
            }));
        }
        let wrong = report.wrong.iter();
        let wrong: Vec<_> = wrong
            .map(|wrong| json!({"line": wrong.line, "column": wrong.column, "message": wrong.why}))
            .collect();
        let not_taken: Vec<_> = refused
            .iter()
            .map(|edit| {
                let line = report.places.get(&edit.key);
                json!({"edit": edit.edit, "line": line, "row": edit.label, "message": state(&edit.state)})
            })
            .collect();
        let passed_over: Vec<_> = report.passed_over.iter().chain(&report.beside).collect();
        let fields = json!({
            "dryRun": self.dry_run, "rows": report.rows, "new": report.new, "changed": report.changed,
            "same": report.same, "left": report.left, "wrong": wrong, "refused": report.late,
            "notInactive": report.unended,
            "byName": report.by_name, "passedOver": passed_over, "saved": report.saved, "sent": sent,
            "notTaken": not_taken,
        });
        let wrong = report.wrong_rows() + report.late.len();
        let failed = match (&told.why_nothing, wrong, report.unended.len(), refused.len()) {
            (Some(why), ..) => Some(why.clone()),
            (None, 0, 0, 0) => None,
            (None, wrong, unended, refused) => Some(failed(wrong, unended, refused)),
        };
        if failed.is_none() {
            return out.told(&lines.join("\n"), fields);
        }
        out.say(&lines.join("\n"))?;
        out.found(fields, failed)
    }
}

/// So many rows that were wrong here, so many that are in and not INACTIVE, and so many edits that the server did not
/// take.
fn failed(wrong: usize, unended: usize, refused: usize) -> ServiceError {
    let here = match wrong {
        0 => None,
        1 => Some("1 row was not taken in.".to_owned()),
        rows => Some(format!("{rows} rows were not taken in.")),
    };
    let ended = match unended {
        0 => None,
        1 => Some("1 row was taken in and could not be made INACTIVE.".to_owned()),
        rows => Some(format!("{rows} rows were taken in and could not be made INACTIVE.")),
    };
    let there = match refused {
        0 => None,
        1 => Some("The server did not take 1 edit.".to_owned()),
        edits => Some(format!("The server did not take {edits} edits.")),
    };
    let (mend, decide) = (here.is_some() || ended.is_some(), there.is_some());
    let message = here.into_iter().chain(ended).chain(there).collect::<Vec<_>>().join(" ");
    let mut error = ServiceError::new(ErrorKind::Refused, message);
    if mend {
        error =
            error.hint("Mend them in the file and import it once more: what is in already is passed over.");
    }
    if decide {
        error =
            error.hint("They are kept until you decide: flyos conflicts list shows each, and what is open.");
    }
    error
}

//! Rows of a file taken in, through the same validation, policy and outbox as edits by hand.
//!
//! The rows that are here are copied through the door, and everything is planned on the copy first (`plan`): so every
//! fault is told with its line before anything is done, and a dry run is the same without the end. Then the edits are
//! handed in, in parts, each saved durably before the next; the console judges them once more. What was saved stays after a
//! break: a second run finds it here and passes it over. All or nothing is one group, which the server applies as one.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use uuid::Uuid;

use super::plan::{self, Plan, Report};
use super::reader::{self, BYTES_MAX};
use super::{Door, Format, Header, usage};
use crate::domain::{Actor, Intent, Key, Kind, Record, World};
use crate::remote::wire::GROUP_OPS_MAX;
use crate::service::{Action, Done, ErrorKind, ServiceError, Undecided, explain};
use crate::store::journal::FRAME_BYTES_MAX;

/// Edits handed in at once: a part of a second's work, and far from what a message may take.
const PART_EDITS: usize = 500;
/// A group is one edit of the journal: so many bytes of changes, beside 2 KiB for its author, its reason and its seal.
const TOGETHER_BYTES_MAX: usize = FRAME_BYTES_MAX - (2 << 10);

/// How rows are to be taken in.
#[derive(Clone, Debug)]
pub struct Import {
    /// Of which the rows are, where the file does not say.
    pub kind: Option<Kind>,
    pub format: Format,
    /// Rows that are here stay as they are.
    pub insert_only: bool,
    /// One group, or each row for itself.
    pub together: bool,
    pub dry_run: bool,
    pub reason: Option<String>,
}

/// Told how many of how many edits are saved.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// What came of it.
#[derive(Debug)]
pub struct Imported {
    pub header: Option<Header>,
    pub report: Report,
    /// Nothing was changed, since something was wrong or nothing was to be.
    pub why_nothing: Option<ServiceError>,
}

/// The bytes of a file that is to be taken in.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ServiceError> {
    let file = File::open(path).map_err(|error| not_read(&path.display().to_string(), &error))?;
    read_from(file, &path.display().to_string())
}

/// The same of standard input or whatever is called `name`.
pub fn read_from(from: impl Read, name: &str) -> Result<Vec<u8>, ServiceError> {
    let mut bytes = Vec::new();
    let read = from.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| not_read(name, &error))?;
    if bytes.len() > BYTES_MAX {
        let message = format!("{name} is larger than {} MiB. Nothing was changed.", BYTES_MAX >> 20);
        return Err(
            usage(message).hint("Part it, and import one part after the other: parents before children.")
        );
    }
    Ok(bytes)
}

fn not_read(name: &str, error: &io::Error) -> ServiceError {
    usage(format!("{name} cannot be read: {error}. Nothing was changed."))
}

/// Takes the rows of a file in. An error: nothing was changed, or it says how much was.
pub fn import(
    door: &Door<'_>,
    bytes: &[u8],
    import: &Import,
    progress: Progress<'_>,
) -> Result<Imported, ServiceError> {
    let table = reader::read(bytes, import.format, import.kind)?;
    let header = table.header.clone();
    let (mut world, actor, undecided) = copy(door)?;
    let mut plan = plan::plan(&mut world, &actor, table, undecided, import.insert_only);
    drop(world);
    let why_nothing = if import.together { check_group(&plan).err() } else { None };
    if !import.dry_run && why_nothing.is_none() {
        hand_in(door, &mut plan, import, progress)?;
    }
    Ok(Imported { header, report: plan.report, why_nothing })
}

/// A copy of the rows that are here, who acts, and what has to be decided first.
fn copy(door: &Door<'_>) -> Result<(World, Actor, Vec<Undecided>), ServiceError> {
    let (mut world, mut actor, mut undecided) = (World::default(), None, Vec::new());
    for kind in Kind::ALL {
        door.each_page((kind, ""), |page| {
            actor = page.moment.actor;
            undecided.extend(page.undecided);
            for fields in &page.rows {
                let text = |name: &str| fields.get(name).cloned().flatten().unwrap_or_default();
                let pk = match kind {
                    Kind::Assignment => format!("{}:{}", text("user_id"), text("drone_id")),
                    _ => text("id"),
                };
                let record = Record::from_fields(&Key { kind, pk }, fields);
                record.map(|record| world.put(record));
            }
            Ok(())
        })?;
    }
    Ok((world, actor.ok_or_else(explain::nobody)?, undecided))
}

/// May all of it be one group?
fn check_group(plan: &Plan) -> Result<(), ServiceError> {
    let refuse = |message: String| ServiceError::new(ErrorKind::Refused, message);
    match plan.report.wrong_rows() {
        0 => {}
        1 => return Err(refuse("1 row is wrong, so nothing was changed.".to_owned())),
        rows => return Err(refuse(format!("{rows} rows are wrong, so nothing was changed."))),
    }
    if plan.changes <= GROUP_OPS_MAX && plan.bytes <= TOGETHER_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "All or nothing takes at most {GROUP_OPS_MAX} changes and {} KiB, and this would be {} and {} KiB. \
         Nothing was changed.",
        TOGETHER_BYTES_MAX >> 10,
        plan.changes,
        plan.bytes.div_ceil(1 << 10)
    );
    Err(refuse(message)
        .hint("Import it row by row, or in parts: what is in already is passed over the next time."))
}

fn hand_in(
    door: &Door<'_>,
    plan: &mut Plan,
    import: &Import,
    progress: Progress<'_>,
) -> Result<(), ServiceError> {
    let intents = std::mem::take(&mut plan.intents);
    let (all, report) = (intents.len(), &mut plan.report);
    let part = if import.together { all.max(1) } else { PART_EDITS };
    // The second edits of rows go by themselves: where that is refused, the row is in all the same.
    let ends = if import.together { 0 } else { plan.ends };
    let (rows, ends) = intents.split_at(all - ends);
    let parts = rows.chunks(part).map(|part| (part, false)).chain(ends.chunks(part).map(|part| (part, true)));
    let deed = Some(Uuid::now_v7());
    for (intents, ends) in parts {
        let (reason, intents): (_, Vec<Intent>) = (import.reason.clone(), intents.to_vec());
        let done = (door.act)(Action::Bulk { intents, reason, together: import.together, deed });
        match done {
            Ok(Done::Bulk { saved, mut refused }) => {
                report.saved += saved;
                if ends {
                    // Of a row that is not in, that was told.
                    let told: HashSet<&str> = report.late.iter().map(|(name, _)| name.as_str()).collect();
                    refused.retain(|(name, _)| !told.contains(name.as_str()));
                    report.unended.extend(refused);
                } else {
                    report.late.extend(refused);
                }
            }
            Ok(_) => {}
            Err(error) if report.saved == 0 => return Err(error),
            Err(error) => {
                let saved = report.saved;
                return Err(error.hint(format!(
                    "{saved} of {all} edits were saved before that and are safe. Import the file once more: what is in \
                     already is passed over."
                )));
            }
        }
        progress(report.saved, all);
    }
    Ok(())
}

//! One edit: judged on what is here, and saved. Runs on the desk's thread, where edits come one after the other.

use super::undo::{Made, Past};
use super::{Done, ErrorKind, OpCtx, REASON_LENGTH_MAX, ServiceError, explain, words};
use crate::domain::{Actor, Fields, Intent, intent, rules};
use crate::store::Store;
use crate::store::entry::Edit;

/// What a person asks for, why, and on what grounds.
pub(super) struct Wish {
    pub intent: Intent,
    pub reason: Option<String>,
    pub seen: Fields,
}

/// Judges and saves one edit, on the desk's thread.
pub(super) fn save(
    store: &mut Store,
    past: &mut Past,
    ctx: &OpCtx,
    wish: Wish,
) -> Result<Done, ServiceError> {
    let reason = accept_reason(wish.reason)?;
    let key = wish.intent.key();
    let (actor, changes, summary) = {
        let replica = store.books.read();
        let actor: Actor = replica.actor().ok_or_else(explain::nobody)?;
        words::still_so(replica.view(), &key, &wish.seen)?;
        let changes = intent::plan(replica.view(), &wish.intent)?;
        let summary = words::summary(&replica, &key, &changes);
        (actor, changes, summary)
    };
    if changes.is_empty() {
        return Ok(Done::Saved { edits: 0, summary: "Nothing to change.".to_owned() });
    }
    let edits = changes.len();
    let steps = store.books.write().try_out(&actor, &changes)?;
    let drops = Some(rules::drops_of(&steps));
    let edit = Edit { op: ctx.op, by: actor.user, at: ctx.now, reason: reason.clone(), changes, drops };
    let edit = store.books.save(edit).map_err(|error| explain::not_saved(&error))?;
    past.did(Made { edit, steps, reason, summary: summary.clone() });
    Ok(Done::Saved { edits, summary })
}

/// A reason that may stand in the journal; blanks are none.
pub(super) fn accept_reason(reason: Option<String>) -> Result<Option<String>, ServiceError> {
    let Some(reason) = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let harmful = reason.chars().any(crate::domain::field::is_harmful);
    if harmful || reason.chars().count() > REASON_LENGTH_MAX {
        let message = format!("The reason has at most {REASON_LENGTH_MAX} plain characters.");
        return Err(ServiceError {
            field: Some("reason".to_owned()),
            ..ServiceError::new(ErrorKind::Usage, message)
        });
    }
    Ok(Some(reason))
}

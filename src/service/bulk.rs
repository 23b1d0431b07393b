//! Several edits at once: one group, or each for itself, as the person says.
//!
//! Each is judged on what the ones before it leave, and they are saved in a few writes: a crash keeps the first few of
//! those that stand for themselves, and of a group all or nothing, since a group is one entry.
//! `rehearse` tells before what would come of each, judged in the same way.

use super::edit::accept_reason;
use super::undo::{self, Made};
use super::{Done, ErrorKind, Foreseen, OpCtx, ServiceError, explain, words};
use crate::domain::rules::{self, Step};
use crate::domain::{Actor, Intent, Refusal, intent};
use crate::remote::wire::GROUP_OPS_MAX;
use crate::store::Store;
use crate::store::replica::Replica;

/// Edits of one bulk action: more are an import.
pub const BULK_MAX: usize = 10_000;

/// What became of each, in order: its steps, or why not.
type Judged = Vec<Result<Vec<Step>, Refusal>>;

pub(super) fn save(
    store: &mut Store,
    ctx: &OpCtx,
    intents: &[Intent],
    reason: Option<String>,
    together: bool,
) -> Result<(Done, Vec<Made>), ServiceError> {
    let reason = accept_reason(reason)?;
    let mut replica = store.books.write();
    let actor = replica.actor().ok_or_else(explain::nobody)?;
    let judged = judge(&mut replica, &actor, intents)?;
    let label = |wish: &Intent| words::label(&replica, &wish.key());
    let refused: Vec<(String, String)> = intents
        .iter()
        .zip(&judged)
        .filter_map(|(wish, result)| Some((label(wish), result.as_ref().err()?.message.clone())))
        .collect();
    if together && let Some((name, why)) = refused.first() {
        let message =
            format!("{} of {} cannot be done, so nothing was changed.", refused.len(), intents.len());
        return Err(ServiceError::new(ErrorKind::Refused, message).hint(format!("{name}: {why}")));
    }
    let mut groups: Vec<(String, Vec<Step>)> = Vec::new();
    for (wish, steps) in intents.iter().zip(judged).filter_map(|(wish, result)| Some((wish, result.ok()?))) {
        let changes: Vec<_> = steps.iter().map(|step| step.change.clone()).collect();
        if !changes.is_empty() {
            groups.push((words::summary(&replica, &wish.key(), &changes), steps));
        }
    }
    drop(replica);
    if together && groups.len() > 1 {
        let summary = format!("{} together, first {}", groups.len(), groups[0].0);
        groups = vec![(summary, groups.into_iter().flat_map(|(_, steps)| steps).collect())];
    }
    if let Some((_, steps)) = groups.iter().find(|(_, steps)| steps.len() > GROUP_OPS_MAX) {
        let message =
            format!("One group takes at most {GROUP_OPS_MAX} changes, and this would be {}.", steps.len());
        return Err(ServiceError::new(ErrorKind::Usage, message).hint("Do it in parts, or each for itself."));
    }
    let made = undo::write(store, ctx, reason.as_deref(), groups)?;
    let saved = if made.is_empty() { 0 } else { intents.len() - refused.len() };
    Ok((Done::Bulk { saved, refused }, made))
}

/// What each would come to. Nothing is changed.
pub(super) fn rehearse(store: &Store, intents: &[Intent]) -> Result<Done, ServiceError> {
    let mut replica = store.books.write();
    let actor = replica.actor().ok_or_else(explain::nobody)?;
    let judged = judge(&mut replica, &actor, intents)?;
    let foreseen = |(wish, result): (&Intent, Result<Vec<Step>, Refusal>)| {
        let label = words::label(&replica, &wish.key());
        match result {
            Ok(steps) => {
                let what = words::changes(replica.view(), steps.iter().map(|step| &step.change));
                let follows = match steps.as_slice() {
                    [] => Vec::new(),
                    _ => words::for_others(words::consequences(&replica, wish)),
                };
                Foreseen { label, what, follows, why_not: None }
            }
            Err(refusal) => {
                let why_not = Some(refusal.message);
                Foreseen { label, what: String::new(), follows: Vec::new(), why_not }
            }
        }
    };
    Ok(Done::Rehearsed { rows: intents.iter().zip(judged).map(foreseen).collect() })
}

/// Each judged on what the ones before it leave; the view is as it was afterwards.
fn judge(replica: &mut Replica, actor: &Actor, intents: &[Intent]) -> Result<Judged, ServiceError> {
    if intents.len() > BULK_MAX {
        let message = format!("At most {BULK_MAX} edits are made at once. Nothing was changed.");
        return Err(ServiceError::new(ErrorKind::Usage, message));
    }
    let (_, judged) = replica.rehearse(|view| {
        let (mut all, mut judged) = (Vec::new(), Judged::new());
        for wish in intents {
            let result =
                intent::plan(view, wish).and_then(|changes| rules::carry_out(view, Some(actor), &changes));
            all.extend(result.iter().flatten().cloned());
            judged.push(result);
        }
        (all, judged)
    });
    Ok(judged)
}

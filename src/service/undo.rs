//! Undo and redo of what was done in this session.
//!
//! An edit that was not frozen for sending yet is taken back: as if it had never been. One that was is answered with its
//! opposite as a new edit, and the person is told so: others may have seen it. Either way policy and rules judge, and a
//! row that somebody changed since in the same columns is left alone. Both happen on the desk's thread, where freezing
//! happens as well, so an edit cannot be on its way and taken back at once.

use super::{Done, ErrorKind, OpCtx, ServiceError, explain};
use crate::domain::rules::{self, Step};
use crate::store::entry::Edit;
use crate::store::replica::{Fate, Replica};
use crate::store::{Entry, Store};

/// Edits that can be undone: as far back as anybody remembers what they did.
const UNDO_MAX: usize = 200;

/// One thing that was done here.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) edit: u64,
    pub(super) steps: Vec<Step>,
    pub(super) reason: Option<String>,
    pub(super) summary: String,
}

/// What was done, and what was undone since.
#[derive(Debug, Default)]
pub(super) struct Past {
    done: Vec<Made>,
    undone: Vec<Undone>,
}

#[derive(Clone, Debug)]
enum Undone {
    /// It was taken back before it was sent.
    Taken(Made),
    /// Its opposite was saved.
    Answered(Made),
}

impl Past {
    /// Something new was done: what was undone before it cannot be done again.
    pub(super) fn did(&mut self, made: Made) {
        self.undone.clear();
        self.push(made);
    }

    fn push(&mut self, made: Made) {
        if self.done.len() == UNDO_MAX {
            self.done.remove(0);
        }
        self.done.push(made);
    }
}

fn nothing(what: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Refused, format!("There is nothing to {what} in this session."))
}

/// Undoes the last thing done.
pub(super) fn undo(store: &mut Store, past: &mut Past, ctx: &OpCtx) -> Result<Done, ServiceError> {
    let made = past.done.last().cloned().ok_or_else(|| nothing("undo"))?;
    let summary;
    let undone;
    if may_take_back(&store.books.read(), &made)? {
        let entry = Entry::Discarded { edit: made.edit };
        store.books.note(&[entry]).map_err(|error| explain::not_saved(&error))?;
        summary = format!("Taken back, it was not sent yet: {}", made.summary);
        undone = Undone::Taken(made);
    } else {
        let opposite = answer(store, ctx, &made)?;
        summary =
            format!("It was sent already, so its opposite was saved as a new edit. Undone: {}", made.summary);
        undone = Undone::Answered(opposite);
    }
    past.done.pop();
    past.undone.push(undone);
    Ok(Done::Undone { summary })
}

/// Does again what was undone last.
pub(super) fn redo(store: &mut Store, past: &mut Past, ctx: &OpCtx) -> Result<Done, ServiceError> {
    let undone = past.undone.last().cloned().ok_or_else(|| nothing("do again"))?;
    let (made, summary) = match undone {
        Undone::Taken(made) => {
            let changes: Vec<_> = made.steps.iter().map(|step| step.change.clone()).collect();
            let again = save(store, ctx, made.reason.clone(), made.summary.clone(), |replica, actor| {
                let fresh = changes.iter().filter_map(|change| remade(replica, change));
                Ok(replica.try_out(actor, &fresh.collect::<Vec<_>>())?)
            })?;
            let summary = format!("Done again: {}", again.summary);
            (again, summary)
        }
        Undone::Answered(opposite) if may_take_back(&store.books.read(), &opposite)? => {
            let entry = Entry::Discarded { edit: opposite.edit };
            store.books.note(&[entry]).map_err(|error| explain::not_saved(&error))?;
            past.undone.pop();
            return Ok(Done::Undone { summary: format!("Done again: {}", opposite.summary) });
        }
        Undone::Answered(opposite) => {
            let again = answer(store, ctx, &opposite)?;
            let summary = format!("Done again, as a new edit: {}", again.summary);
            (again, summary)
        }
    };
    past.undone.pop();
    past.push(made);
    Ok(Done::Undone { summary })
}

/// A change as it is made on the row of now.
fn remade(replica: &Replica, change: &crate::domain::Change) -> Option<crate::domain::Change> {
    use crate::domain::{Change, Op};
    match &change.op {
        Op::Insert { .. } => Some(change.clone()),
        Op::Update { set, .. } => Change::update(&replica.view().get(&change.key)?, set),
        Op::Delete { .. } => Some(Change::delete(&replica.view().get(&change.key)?)),
    }
}

/// May the edit be taken back as if it had never been?
fn may_take_back(replica: &Replica, made: &Made) -> Result<bool, ServiceError> {
    let Some(pending) = replica.pending(made.edit) else { return Ok(false) };
    if pending.fate.needs_you() {
        let told = ServiceError::new(ErrorKind::Refused, format!("It needs a decision: {}", made.summary));
        return Err(told.hint("Decide on it where it is marked ?!: there it can be discarded as well."));
    }
    Ok(pending.fate == Fate::Waiting && pending.ids.is_empty())
}

/// Saves the opposite of what was done.
fn answer(store: &mut Store, ctx: &OpCtx, made: &Made) -> Result<Made, ServiceError> {
    save(store, ctx, None, made.summary.clone(), |replica, actor| {
        let changes = replica.undo(actor, &made.steps)?;
        Ok(replica.try_out(actor, &changes)?)
    })
}

/// Judges and saves changes as one edit; `plan` gives them as steps.
pub(super) fn save(
    store: &mut Store,
    ctx: &OpCtx,
    reason: Option<String>,
    summary: String,
    plan: impl FnOnce(&mut Replica, &crate::domain::Actor) -> Result<Vec<Step>, ServiceError>,
) -> Result<Made, ServiceError> {
    let (by, steps) = {
        let mut replica = store.books.write();
        let actor = replica.actor().ok_or_else(explain::nobody)?;
        (actor.user, plan(&mut replica, &actor)?)
    };
    if steps.is_empty() {
        return Err(ServiceError::new(ErrorKind::Refused, "It is so already: nothing was changed."));
    }
    let changes = steps.iter().map(|step| step.change.clone()).collect();
    let drops = Some(rules::drops_of(&steps));
    let edit = Edit { op: ctx.op, by, at: ctx.now, reason: reason.clone(), changes, drops };
    let edit = store.books.save(edit).map_err(|error| explain::not_saved(&error))?;
    Ok(Made { edit, steps, reason, summary })
}

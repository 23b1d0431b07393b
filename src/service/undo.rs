//! Undo and redo of what was done in this session, a deed at a time: one edit, or all that one bulk action made.
//!
//! An edit that was not frozen for sending yet is taken back: as if it had never been. One that was is answered with its
//! opposite as a new edit, and the person is told so: others may have seen it. Either way policy and rules judge, and a
//! row that somebody changed since in the same columns is left alone; of several edits, the others go. Both happen on the
//! desk's thread, where freezing happens as well, so an edit cannot be on its way and taken back at once.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Done, ErrorKind, OpCtx, ServiceError, explain};
use crate::domain::rules::{self, Step};
use crate::domain::{Actor, Change, Op, World, undo as opposite};
use crate::store::entry::Edit;
use crate::store::replica::{Fate, Replica};
use crate::store::{Entry, Store};

/// Deeds that can be undone: as far back as anybody remembers what they did.
const UNDO_MAX: usize = 200;
/// Edits of all of them together: two bulk actions of the largest kind.
const EDITS_MAX: usize = 20_000;
/// Edits of one write, at most: it has to fit into a segment of the journal, and an edit of one row takes a few kB.
const WRITE_EDITS_MAX: usize = 500;

const BARRED: &str = " A sign-in account that was barred by the deletion stays barred: delete it in the project's \
                      dashboard, then make a new one.";

/// One edit that was made here.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) edit: u64,
    pub(super) steps: Vec<Step>,
    pub(super) reason: Option<String>,
    pub(super) summary: String,
}

/// What was done in one go, in its order; never empty.
#[derive(Clone, Debug)]
struct Deed {
    /// Under which its portions come.
    id: Option<Uuid>,
    made: Vec<Made>,
}

/// A deed that was undone, in its order.
#[derive(Clone, Debug)]
struct Undone {
    id: Option<Uuid>,
    edits: Vec<Back>,
}

/// How an edit was undone.
#[derive(Clone, Debug)]
enum Back {
    /// It was taken back before it was sent.
    Taken(Made),
    /// Its opposite was saved, the second one.
    Answered(Made, Made),
}

/// What was done, and what was undone since.
#[derive(Debug, Default)]
pub(super) struct Past {
    done: Vec<Deed>,
    undone: Vec<Undone>,
}

impl Past {
    /// Something new was done: what was undone before it cannot be done again.
    pub(super) fn did(&mut self, made: Made) {
        self.did_all(vec![made], None);
    }

    /// The same of a bulk action, or of one more portion of the one of that id.
    pub(super) fn did_all(&mut self, made: Vec<Made>, id: Option<Uuid>) {
        if made.is_empty() {
            return;
        }
        self.undone.clear();
        match self.done.iter_mut().find(|deed| id.is_some() && deed.id == id) {
            Some(deed) => deed.made.extend(made),
            None => self.done.push(Deed { id, made }),
        }
        self.bound();
    }

    /// Lets go of the oldest; the last one stays, however large it is.
    fn bound(&mut self) {
        let edits = |done: &[Deed]| done.iter().map(|deed| deed.made.len()).sum::<usize>();
        while self.done.len() > 1 && (self.done.len() > UNDO_MAX || edits(&self.done) > EDITS_MAX) {
            self.done.remove(0);
        }
    }
}

fn nothing(what: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Refused, format!("There is nothing to {what} in this session."))
}

fn so_already() -> ServiceError {
    ServiceError::new(ErrorKind::Refused, "It is so already: nothing was changed.")
}

/// Undoes the last deed.
pub(super) fn undo(store: &mut Store, past: &mut Past, ctx: &OpCtx) -> Result<Done, ServiceError> {
    let deed = past.done.last().cloned().ok_or_else(|| nothing("undo"))?;
    let mut left = Vec::new();
    let edits = take_back(store, ctx, &deed.made, &mut left)?;
    let summary = match edits.as_slice() {
        [] => return Err(left.pop().unwrap_or_else(so_already)),
        [Back::Taken(made)] if left.is_empty() => {
            format!("Taken back, it was not sent yet: {}", made.summary)
        }
        [Back::Answered(made, _)] if left.is_empty() => {
            let words = "It was sent already, so its opposite was saved as a new edit. Undone";
            format!("{words}: {}{}", made.summary, barred(&edits))
        }
        _ => {
            let answered = edits.iter().filter(|back| matches!(back, Back::Answered(..))).count();
            let sent = match answered {
                0 => String::new(),
                count => format!(" {count} were sent already: their opposites were saved as new edits."),
            };
            format!("Undone: {}.{sent}{}{}", several(edits.len(), &deed), told(&left), barred(&edits))
        }
    };
    past.done.pop();
    past.undone.push(Undone { id: deed.id, edits });
    Ok(Done::Undone { summary })
}

/// What the undoing of a deletion that was sent does not bring back.
fn barred(edits: &[Back]) -> &'static str {
    let had_account = |step: &Step| match &step.change.op {
        Op::Delete { base } => base.get("auth_user_id").is_some_and(Option::is_some),
        _ => false,
    };
    let is_barred =
        |back: &Back| matches!(back, Back::Answered(made, _) if made.steps.iter().any(had_account));
    if edits.iter().any(is_barred) { BARRED } else { "" }
}

/// Does again what was undone last.
pub(super) fn redo(store: &mut Store, past: &mut Past, ctx: &OpCtx) -> Result<Done, ServiceError> {
    let undone = past.undone.last().cloned().ok_or_else(|| nothing("do again"))?;
    let (mut taken, mut opposites, mut originals) = (Vec::new(), Vec::new(), HashMap::new());
    for back in undone.edits {
        match back {
            Back::Taken(made) => taken.push(made),
            Back::Answered(made, by) => {
                originals.insert(by.edit, made);
                opposites.push(by);
            }
        }
    }
    let mut left = Vec::new();
    let back = take_back(store, ctx, &opposites, &mut left)?;
    let anew = back.iter().any(|back| matches!(back, Back::Answered(..)));
    // Where the opposite was taken back, the edit itself counts again; else the opposite of the opposite.
    let again = back.into_iter().filter_map(|back| match back {
        Back::Taken(by) => originals.remove(&by.edit),
        Back::Answered(_, again) => Some(again),
    });
    let mut made: Vec<Made> = again.collect();
    made.extend(remake(store, ctx, taken, &mut left)?);
    made.sort_by_key(|made| made.edit);
    let deed = Deed { id: undone.id, made };
    let summary = match deed.made.as_slice() {
        [] => return Err(left.pop().unwrap_or_else(so_already)),
        [one] if left.is_empty() && anew => format!("Done again, as a new edit: {}", one.summary),
        [one] if left.is_empty() => format!("Done again: {}", one.summary),
        _ => format!("Done again: {}.{}", several(deed.made.len(), &deed), told(&left)),
    };
    past.undone.pop();
    past.done.push(deed);
    past.bound();
    Ok(Done::Undone { summary })
}

fn several(count: usize, deed: &Deed) -> String {
    let first = deed.made.first().map_or("", |made| made.summary.as_str());
    format!("{count} edits, such as {first}")
}

/// How many are left as they are, with the first reason.
fn told(left: &[ServiceError]) -> String {
    match left {
        [] => String::new(),
        [why] => format!(" 1 is left as it is: {}", why.message),
        [why, ..] => format!(" {} are left as they are, such as: {}", left.len(), why.message),
    }
}

/// Takes edits back, or answers them with their opposites; `left`: why some stay. What came of the others, in their order.
fn take_back(
    store: &mut Store,
    ctx: &OpCtx,
    made: &[Made],
    left: &mut Vec<ServiceError>,
) -> Result<Vec<Back>, ServiceError> {
    let (mut taken, mut sent) = (Vec::new(), Vec::new());
    {
        let replica = store.books.read();
        // The newest first: what builds on another is undone before it.
        for one in made.iter().rev() {
            match may_take_back(&replica, one) {
                Ok(true) => taken.push(one.clone()),
                Ok(false) => sent.push(one.clone()),
                Err(why) => left.push(why),
            }
        }
    }
    let discarded: Vec<Entry> = taken.iter().map(|one| Entry::Discarded { edit: one.edit }).collect();
    if !discarded.is_empty() {
        store.books.note(&discarded).map_err(|error| explain::not_saved(&error))?;
    }
    let judged = judged(store, &sent, |view, actor, one| {
        let changes = opposite::undo(view, actor, &one.steps)?;
        rules::carry_out(view, Some(actor), &changes)
    })?;
    let answers = answers(store, ctx, None, sent, judged, left)?;
    let mut back: Vec<Back> = taken.into_iter().map(Back::Taken).collect();
    back.extend(answers.into_iter().map(|(made, by)| Back::Answered(made, by)));
    back.sort_by_key(|back| match back {
        Back::Taken(made) | Back::Answered(made, _) => made.edit,
    });
    Ok(back)
}

/// Makes edits once more that were taken back.
fn remake(
    store: &mut Store,
    ctx: &OpCtx,
    taken: Vec<Made>,
    left: &mut Vec<ServiceError>,
) -> Result<Vec<Made>, ServiceError> {
    let reason = taken.first().and_then(|made| made.reason.clone());
    let judged = judged(store, &taken, |view, actor, one| {
        let changes: Vec<Change> = one.steps.iter().filter_map(|step| remade(view, &step.change)).collect();
        rules::carry_out(view, Some(actor), &changes)
    })?;
    let again = answers(store, ctx, reason.as_deref(), taken, judged, left)?;
    Ok(again.into_iter().map(|(_, again)| again).collect())
}

type Judged = Vec<Result<Vec<Step>, crate::domain::Refusal>>;

/// What would answer each, judged on what the ones before it leave; the view is as it was afterwards.
fn judged(
    store: &Store,
    made: &[Made],
    judge: impl Fn(&mut World, &Actor, &Made) -> Result<Vec<Step>, crate::domain::Refusal>,
) -> Result<Judged, ServiceError> {
    if made.is_empty() {
        return Ok(Judged::new());
    }
    let mut replica = store.books.write();
    let actor = replica.actor().ok_or_else(explain::nobody)?;
    let (_, judged) = replica.rehearse(|view| {
        let (mut all, mut judged) = (Vec::new(), Judged::new());
        for one in made {
            let result = judge(view, &actor, one);
            all.extend(result.iter().flatten().cloned());
            judged.push(result);
        }
        (all, judged)
    });
    Ok(judged)
}

/// Saves what was judged sound: each edit with the one that answers it.
fn answers(
    store: &mut Store,
    ctx: &OpCtx,
    reason: Option<&str>,
    made: Vec<Made>,
    judged: Judged,
    left: &mut Vec<ServiceError>,
) -> Result<Vec<(Made, Made)>, ServiceError> {
    let (mut kept, mut groups) = (Vec::new(), Vec::new());
    for (one, result) in made.into_iter().zip(judged) {
        match result {
            Ok(steps) if steps.is_empty() => left.push(so_already()),
            Ok(steps) => {
                groups.push((one.summary.clone(), steps));
                kept.push(one);
            }
            Err(refusal) => left.push(refusal.into()),
        }
    }
    Ok(kept.into_iter().zip(write(store, ctx, reason, groups)?).collect())
}

/// A change as it is made on the row of now.
fn remade(world: &World, change: &Change) -> Option<Change> {
    match &change.op {
        Op::Insert { .. } => Some(change.clone()),
        Op::Update { set, .. } => Change::update(&world.get(&change.key)?, set),
        Op::Delete { .. } => Some(Change::delete(&world.get(&change.key)?)),
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

/// Judges and saves changes as one edit; `plan` gives them as steps.
pub(super) fn save(
    store: &mut Store,
    ctx: &OpCtx,
    summary: String,
    plan: impl FnOnce(&mut Replica, &Actor) -> Result<Vec<Step>, ServiceError>,
) -> Result<Made, ServiceError> {
    let steps = {
        let mut replica = store.books.write();
        let actor = replica.actor().ok_or_else(explain::nobody)?;
        plan(&mut replica, &actor)?
    };
    let groups = if steps.is_empty() { Vec::new() } else { vec![(summary, steps)] };
    write(store, ctx, None, groups)?.pop().ok_or_else(so_already)
}

/// Saves steps that were judged, each group as one edit, some hundreds in one write.
pub(super) fn write(
    store: &mut Store,
    ctx: &OpCtx,
    reason: Option<&str>,
    mut groups: Vec<(String, Vec<Step>)>,
) -> Result<Vec<Made>, ServiceError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let by = store.books.read().actor().ok_or_else(explain::nobody)?.user;
    let entry = |steps: &[Step]| {
        let changes = steps.iter().map(|step| step.change.clone()).collect();
        let (at, reason) = (ctx.now, reason.map(str::to_owned));
        // Each its own: the name of a group on the wire is made of it.
        Entry::Edit(Edit { op: Uuid::now_v7(), by, at, reason, changes, drops: Some(rules::drops_of(steps)) })
    };
    let (all, mut made) = (groups.len(), Vec::with_capacity(groups.len()));
    while !groups.is_empty() {
        let rest = groups.split_off(groups.len().min(WRITE_EDITS_MAX));
        let entries: Vec<Entry> = groups.iter().map(|(_, steps)| entry(steps)).collect();
        let last = store.books.note(&entries).map_err(|error| match made.len() {
            0 => explain::not_saved(&error),
            saved => explain::not_saved(&error)
                .hint(format!("{saved} of {all} edits were saved before that and are safe.")),
        })?;
        let first = last + 1 - entries.len() as u64;
        let reason = reason.map(str::to_owned);
        made.extend((first..).zip(groups).map(|(edit, (summary, steps))| Made {
            edit,
            steps,
            reason: reason.clone(),
            summary,
        }));
        groups = rest;
    }
    Ok(made)
}

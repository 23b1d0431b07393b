//! Cards: edits that need a person, and what a person makes of them. Nothing of theirs goes without being told to.

use super::cells::value_text;
use super::{
    Card, CardField, Decision, Done, ErrorKind, Kept, OutboxLine, ServiceError, Wanted, explain, words,
};
use crate::domain::merge::Clash;
use crate::domain::{Actor, Change, Fields, Key, Op, intent, policy, rules};
use crate::store::replica::decide::{CannotSettle, Settle, Way};
use crate::store::replica::{Fate, Pending, Replica};
use crate::store::{Entry, Store};

/// Every edit that needs a decision, oldest first.
pub(super) fn cards(replica: &Replica) -> Vec<Card> {
    replica
        .outbox()
        .filter(|pending| pending.fate.needs_you())
        .map(|pending| card(replica, pending))
        .collect()
}

fn card(replica: &Replica, pending: &Pending) -> Card {
    let line = words::outbox_line(replica, pending);
    let clashes = match &pending.fate {
        Fate::Conflict { fields, .. } => {
            fields.iter().map(|(name, clash)| field(replica, &line.key, name, clash)).collect()
        }
        _ => Vec::new(),
    };
    let behind = replica.outbox().filter(|other| other.blocked && other.seq > pending.seq);
    let about = |other: &&Pending| other.edit.changes.iter().any(|change| touches(pending, &change.key));
    Card {
        edit: pending.seq,
        fields: clashes,
        wanted: wanted(replica, pending),
        reason: pending.edit.reason.clone(),
        behind: behind.filter(about).count(),
        kept: kept(replica, pending),
        decisions: decisions(replica, pending),
        line,
    }
}

/// What would be sent again.
fn kept(replica: &Replica, pending: &Pending) -> Option<Kept> {
    let entries = replica.settle(pending.seq, &Settle::Mine).ok()?;
    let Some(Entry::Rewritten { changes, .. }) = entries.first() else { return None };
    let what = words::changes(replica.view(), changes);
    let deletes = changes.iter().any(|change| matches!(change.op, Op::Delete { .. }));
    let follows = words::for_others(words::effects(replica, changes));
    Some(Kept { what, follows, deletes })
}

/// The columns of the change that is in question, where other values for them can be sent.
fn wanted(replica: &Replica, pending: &Pending) -> Vec<Wanted> {
    if replica.may_settle(pending, Way::Set).is_err() {
        return Vec::new();
    }
    let set = pending.at_fault().and_then(Change::set).into_iter().flatten();
    let each = set.map(|(name, value)| Wanted {
        name: name.clone(),
        value: value.clone(),
        text: value_text(replica.view(), name, value),
    });
    each.collect()
}

fn touches(pending: &Pending, key: &Key) -> bool {
    pending.edit.changes.iter().any(|change| change.key == *key)
}

fn field(replica: &Replica, key: &Key, name: &str, clash: &Clash) -> CardField {
    let text = |value| value_text(replica.view(), name, value);
    CardField {
        name: name.to_owned(),
        title: key.kind.field(name).map_or(name, |field| field.title).to_owned(),
        base: text(&clash.base),
        mine: text(&clash.mine),
        theirs: text(&clash.theirs),
        values: clash.clone(),
    }
}

/// What can be decided about an edit, the gentlest first. Other values are offered with what it wanted.
fn decisions(replica: &Replica, pending: &Pending) -> Vec<Decision> {
    let offered = |way: Way| match way {
        Way::Mine => Some(Decision::Mine),
        Way::Theirs => Some(Decision::Theirs),
        Way::Set => None,
        Way::CreateAgain => Some(Decision::CreateAgain),
        Way::Discard => Some(Decision::Discard),
    };
    replica.ways(pending).into_iter().filter_map(offered).collect()
}

fn settle_of(decision: &Decision, accepted: Fields) -> Settle {
    match decision {
        Decision::Mine => Settle::Mine,
        Decision::Theirs => Settle::Theirs,
        Decision::Set { .. } => Settle::Set(accepted),
        Decision::CreateAgain => Settle::CreateAgain,
        Decision::Discard => Settle::Discard,
    }
}

/// Settles one edit, on the desk's thread. A decision that is not open to it is refused before anything else.
pub(super) fn settle(store: &mut Store, edit: u64, decision: &Decision) -> Result<Done, ServiceError> {
    let (entries, summary) = {
        let replica = store.books.read();
        let pending = to_decide(&replica, edit)?;
        let line = words::outbox_line(&replica, pending);
        let how = settle_of(decision, Fields::new());
        replica.may_settle(pending, how.way()).map_err(|why| cannot(&replica, pending, why))?;
        let how = match decision {
            Decision::Set { fields } => Settle::Set(other_values(&line, fields)?),
            _ => how,
        };
        let entries = replica.settle(edit, &how).map_err(|why| cannot(&replica, pending, why))?;
        if let Some(Entry::Rewritten { changes, .. }) = entries.first() {
            judge(&replica, changes)?;
        }
        let summary = match entries.first() {
            Some(Entry::Rewritten { changes, .. }) => {
                let what = words::changes(replica.view(), changes);
                format!("{}: {}. It is sent again.", line.label, what)
            }
            _ => format!("{}: let go of \"{}\".", line.label, line.what),
        };
        (entries, summary)
    };
    store.books.note(&entries).map_err(|error| explain::not_saved(&error))?;
    Ok(Done::Settled { summary })
}

/// Policy and values. How it stands beside other rows is for the server: later edits of the row lie on top here.
fn judge(replica: &Replica, changes: &[Change]) -> Result<(), ServiceError> {
    permit(replica, &replica.actor().ok_or_else(explain::nobody)?, changes)
}

/// Policy and values, for whoever acts.
pub(super) fn permit(replica: &Replica, actor: &Actor, changes: &[Change]) -> Result<(), ServiceError> {
    for change in changes {
        policy::permit_change(actor, replica.view(), change)?;
        if let Some(set) = change.set() {
            rules::check_values(change.key.kind, set, matches!(change.op, Op::Insert { .. }))?;
        }
    }
    Ok(())
}

/// The values that are to be sent instead.
fn other_values(line: &OutboxLine, fields: &Fields) -> Result<Fields, ServiceError> {
    if fields.is_empty() {
        let message =
            format!("It is not said which values edit {} is to set. Nothing was changed.", line.edit);
        return Err(ServiceError::new(ErrorKind::Usage, message));
    }
    intent::accept(line.key.kind, fields).map_err(|mut wrong| ServiceError::from(wrong.swap_remove(0)))
}

/// The edit of that number, which needs a decision.
fn to_decide(replica: &Replica, edit: u64) -> Result<&Pending, ServiceError> {
    let pending = known(replica, edit)?;
    if pending.fate.needs_you() {
        return Ok(pending);
    }
    let message = format!("{} needs no decision (any more). Nothing was changed.", named(replica, pending));
    Err(ServiceError::new(ErrorKind::Refused, message))
}

/// The edit of that number, while it is in the outbox.
fn known(replica: &Replica, edit: u64) -> Result<&Pending, ServiceError> {
    replica.pending(edit).ok_or_else(|| {
        let message = format!("There is no edit {edit} that waits or needs a decision. Nothing was changed.");
        ServiceError::new(ErrorKind::Refused, message)
            .hint("It is sent, was let go of, or never was: flyos outbox list tells those that are here.")
    })
}

/// What an edit is called in a sentence.
fn named(replica: &Replica, pending: &Pending) -> String {
    let line = words::outbox_line(replica, pending);
    format!("Edit {} ({}: {})", line.edit, line.label, line.what)
}

/// Why that edit cannot be settled so, and how it can.
fn cannot(replica: &Replica, pending: &Pending, why: CannotSettle) -> ServiceError {
    let message = format!(
        "{} cannot be decided so: {why}. Nothing was changed; the edit is kept.",
        named(replica, pending)
    );
    let told = ServiceError::new(ErrorKind::Refused, message).hint(open_to(replica, pending));
    match why {
        CannotSettle::Unknown => {
            told.hint("Export the edit or discard it, and make the row by hand if it is needed.")
        }
        _ => told,
    }
}

/// Which decisions there are, in a sentence.
fn open_to(replica: &Replica, pending: &Pending) -> String {
    let word = |way: Way| match way {
        Way::Mine => "send it again (mine)",
        Way::Theirs => "give way (theirs)",
        Way::Set => "send other values (set)",
        Way::CreateAgain => "make the row once more (create again)",
        Way::Discard => "discard it",
    };
    let ways: Vec<_> = replica.ways(pending).into_iter().map(word).collect();
    format!("Open to it: {}.", ways.join(", "))
}

/// May the edit be sent now? One that needs a decision, or waits behind such a one, goes nowhere by itself.
pub(super) fn may_be_sent(replica: &Replica, edit: u64) -> Result<(), ServiceError> {
    let pending = known(replica, edit)?;
    let refuse = |why: &str| {
        let message = format!("{} {why}. It was not sent, and is kept.", named(replica, pending));
        ServiceError::new(ErrorKind::Refused, message)
    };
    if pending.fate.needs_you() {
        return Err(refuse("needs a decision")
            .hint(open_to(replica, pending))
            .hint(format!("flyos conflicts show {edit} tells more; on the screen ! decides.")));
    }
    if replica.is_held_back(pending) {
        return Err(refuse("is held back until you decide")
            .hint("On the screen ! decides; else flyos outbox held --send, or --discard."));
    }
    if pending.blocked {
        return Err(refuse("waits behind an edit that needs a decision")
            .hint("flyos conflicts list tells which; on the screen ! decides."));
    }
    Ok(())
}

/// Edits as JSON lines, for keeping or for doing them by hand: what was wanted, what it was based on, what came of it.
pub(super) fn export(replica: &Replica, edits: &[u64]) -> Result<String, ServiceError> {
    edits.iter().try_for_each(|edit| known(replica, *edit).map(drop))?;
    let chosen = |pending: &&Pending| edits.is_empty() || edits.contains(&pending.seq);
    let line = |pending: &Pending| {
        let outcome = words::outbox_line(replica, pending);
        let json = serde_json::json!({
            "edit": pending.seq, "made_at": pending.edit.at, "reason": pending.edit.reason,
            "row": outcome.label, "what": outcome.what, "state": outcome.state, "changes": pending.edit.changes,
        });
        format!("{json}\n")
    };
    Ok(replica.outbox().filter(chosen).map(line).collect())
}

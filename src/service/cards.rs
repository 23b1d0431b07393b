//! Cards: edits that need a person, and what a person makes of them. Nothing of theirs goes without being told to.

use super::cells::value_text;
use super::{Card, CardField, Decision, Done, ErrorKind, ServiceError, Wanted, explain, words};
use crate::domain::merge::Clash;
use crate::domain::{Actor, Change, Fields, Key, Op, intent, policy, rules};
use crate::store::replica::decide::{CannotSettle, Settle};
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
        wanted: wanted(replica, pending, &line.key),
        reason: pending.edit.reason.clone(),
        behind: behind.filter(about).count(),
        decisions: decisions(replica, pending),
        line,
    }
}

/// The columns of the change that is in question, where other values for them can be sent.
fn wanted(replica: &Replica, pending: &Pending, key: &Key) -> Vec<Wanted> {
    let (Fate::Conflict { change, .. } | Fate::Rejected { change, .. }) = &pending.fate else {
        return Vec::new();
    };
    let change = pending.edit.changes.get(*change).filter(|change| change.key == *key);
    let Some(set) = change.and_then(Change::set) else { return Vec::new() };
    if replica.settle(pending.seq, &Settle::Set(set.clone())).is_err() {
        return Vec::new();
    }
    let text = |name: &str, value| value_text(replica.view(), name, value);
    let each = set.iter().map(|(name, value)| Wanted {
        name: name.clone(),
        value: value.clone(),
        text: text(name, value),
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

/// What can be decided about an edit, the gentlest first.
fn decisions(replica: &Replica, pending: &Pending) -> Vec<Decision> {
    let candidates = match &pending.fate {
        Fate::Conflict { .. } => vec![Decision::Mine, Decision::Theirs, Decision::Discard],
        Fate::Rejected { .. } => vec![Decision::Mine, Decision::Discard],
        Fate::Gone { .. } => vec![Decision::CreateAgain, Decision::Discard],
        _ => Vec::new(),
    };
    let open = |decision: &Decision| replica.settle(pending.seq, &settle_of(decision, Fields::new())).is_ok();
    candidates.into_iter().filter(open).collect()
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

/// Settles one edit, on the desk's thread.
pub(super) fn settle(store: &mut Store, edit: u64, decision: &Decision) -> Result<Done, ServiceError> {
    let (entries, summary) = {
        let replica = store.books.read();
        let pending = replica.pending(edit).filter(|pending| pending.fate.needs_you());
        let pending = pending.ok_or_else(|| cannot(CannotSettle::NotThere))?;
        let line = words::outbox_line(&replica, pending);
        let accepted = match decision {
            Decision::Set { fields } => intent::accept(line.key.kind, fields)
                .map_err(|mut wrong| ServiceError::from(wrong.swap_remove(0)))?,
            _ => Fields::new(),
        };
        let entries = replica.settle(edit, &settle_of(decision, accepted)).map_err(cannot)?;
        if let Some(Entry::Rewritten { changes, .. }) = entries.first() {
            judge(&replica, changes)?;
        }
        let summary = match entries.first() {
            Some(Entry::Rewritten { changes, .. }) => {
                let what: Vec<_> =
                    changes.iter().map(|change| words::change(replica.view(), change)).collect();
                format!("{}: {}. It is sent again.", line.label, what.join("; "))
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

fn cannot(why: CannotSettle) -> ServiceError {
    let told = ServiceError::new(
        ErrorKind::Refused,
        format!("This cannot be decided so: {why}. Nothing was changed."),
    );
    match why {
        CannotSettle::NotThere => told,
        CannotSettle::Gone => told.hint("Make it once more, export the edit, or discard it."),
        CannotSettle::Unknown => {
            told.hint("Export the edit or discard it, and make the row by hand if it is needed.")
        }
    }
}

/// Edits as JSON lines, for keeping or for doing them by hand: what was wanted, what it was based on, what came of it.
pub(super) fn export(replica: &Replica, edits: &[u64]) -> String {
    let chosen = |pending: &&Pending| edits.is_empty() || edits.contains(&pending.seq);
    let line = |pending: &Pending| {
        let outcome = words::outbox_line(replica, pending);
        let json = serde_json::json!({
            "edit": pending.seq, "made_at": pending.edit.at, "reason": pending.edit.reason,
            "row": outcome.label, "what": outcome.what, "state": outcome.state, "changes": pending.edit.changes,
        });
        format!("{json}\n")
    };
    replica.outbox().filter(chosen).map(line).collect()
}

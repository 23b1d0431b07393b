//! What any server's answers to a push must be, whichever server carries it out, and the passing troubles that are
//! played before it does.

use std::collections::{BTreeMap, HashSet};

use flyos::domain::Reason;
use flyos::remote::wire::{OpResult, OpWire, Outcome, PushRequest};
use uuid::Uuid;

use crate::dice::Dice;
use crate::oracle::{Check, Ledger, holds};
use crate::tally::{Counts, Tally};

/// How often each change of each edit was carried out, by (device, number of the operation, how often it was decided).
pub type Done = BTreeMap<(usize, u64, u32), u32>;

/// Each edit has its answer, got in once, and not past what it builds on. `restored`: the server was put back to an
/// older state, once at the least.
pub fn each_once(
    done: &mut Done,
    device: usize,
    ops: &[OpWire],
    results: &[OpResult],
    ledger: &Ledger,
    restored: bool,
) -> Check {
    const ANSWERS: &str = "each edit gets its answer, in order";
    holds(ops.len() == results.len(), ANSWERS, || format!("{} for {}", results.len(), ops.len()))?;
    let (mut failed, mut rows) = (HashSet::<Uuid>::new(), HashSet::new());
    for (op, result) in ops.iter().zip(results) {
        holds(op.id == result.id, ANSWERS, || format!("{result:?} for {op:?}"))?;
        let taken = matches!(result.outcome, Outcome::Applied { .. } | Outcome::Merged { .. });
        if !taken && !matches!(result.outcome, Outcome::Noop { .. }) {
            failed.insert(op.id);
            rows.insert((op.t, &op.pk));
        }
        if !taken || result.replayed {
            continue;
        }
        let behind = rows.contains(&(op.t, &op.pk)) || op.deps.iter().any(|id| failed.contains(id));
        holds(!behind, "nothing gets in past what it builds on", || format!("{op:?} in {results:?}"))?;
        if !ledger.is_wanted(device, op) {
            // A restore made the server forget that it had answered this for good.
            holds(restored, "what was answered for good is not carried out", || {
                format!("device {device}: {op:?}")
            })?;
            continue;
        }
        let wish = ledger.decisions(device, op);
        *done.entry((device, op.seq, wish)).or_default() += 1;
        // A server that was put back may have carried out what a person was asked about, and decided.
        let since = if restored { wish } else { 0 };
        let times: u32 = (since..=wish).filter_map(|wish| done.get(&(device, op.seq, wish))).sum();
        holds(times == 1, "an edit is carried out once", || format!("device {device}: {op:?}"))?;
    }
    Ok(())
}

pub fn count(counts: &mut Counts, result: &OpResult) {
    if result.replayed {
        counts.add(Tally::Replayed);
    }
    counts.add(match &result.outcome {
        Outcome::Applied { .. } => Tally::Applied,
        Outcome::Merged { .. } => Tally::Merged,
        Outcome::Noop { .. } => Tally::Noop,
        Outcome::Conflict { drops, .. } if !drops.is_empty() => Tally::ConflictDrops,
        Outcome::Conflict { .. } => Tally::ConflictFields,
        Outcome::Rejected { reason, .. } => match reason {
            Reason::Forbidden => Tally::Forbidden,
            Reason::Invalid => Tally::Invalid,
            Reason::Unique => Tally::Unique,
            Reason::Reference => Tally::Reference,
        },
        Outcome::Gone => Tally::Gone,
        Outcome::Blocked { .. } => Tally::Blocked,
        Outcome::Retry { .. } => Tally::Retry,
        Outcome::IdReused => Tally::IdReused,
    });
}

/// Takes some edits out of a push, as if they had met something passing; what builds on them is blocked, as the server
/// itself would. Gives what is left, and the answers of the others.
pub fn put_off(request: &PushRequest, dice: &mut Dice, faults: bool) -> (PushRequest, Vec<OpResult>) {
    if !faults || !dice.one_in(8) {
        return (request.clone(), Vec::new());
    }
    let mut left = PushRequest { ops: Vec::new(), ..request.clone() };
    let (mut failed, mut rows) = (HashSet::new(), HashSet::new());
    let mut answers = Vec::new();
    let plain = |id, outcome| OpResult { id, replayed: false, outcome };
    for group in request.ops.chunk_by(|a, b| a.group.is_some() && a.group == b.group) {
        let behind = group
            .iter()
            .any(|op| rows.contains(&(op.t, op.pk.clone())) || op.deps.iter().any(|id| failed.contains(id)));
        if !behind && !dice.one_in(3) {
            left.ops.extend_from_slice(group);
            continue;
        }
        for (place, op) in group.iter().enumerate() {
            failed.insert(op.id);
            rows.insert((op.t, op.pk.clone()));
            let outcome = if behind || place > 0 {
                Outcome::Blocked { op: group[0].id }
            } else {
                Outcome::Retry { after_ms: (!dice.one_in(4)).then(|| dice.between(100, 5000)) }
            };
            answers.push(plain(op.id, outcome));
        }
    }
    (left, answers)
}

/// Both kinds of answers in the order of the request.
pub fn in_order(request: &PushRequest, taken: Vec<OpResult>, put_off: Vec<OpResult>) -> Vec<OpResult> {
    let (mut taken, mut put_off) = (taken.into_iter().peekable(), put_off.into_iter().peekable());
    let next = |op: &OpWire| {
        if put_off.peek().is_some_and(|result| result.id == op.id) { put_off.next() } else { taken.next() }
    };
    request.ops.iter().filter_map(next).collect()
}

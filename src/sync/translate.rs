//! Between the store's words and the wire's: edits to operations, results to journal entries, pages to rows.
//! Pure, so that tests and a simulator use the same translation.

use std::collections::HashMap;

use uuid::Uuid;

use super::engine::{Stop, Trouble};
use crate::domain::{Change, Fields, Key, Kind, Op};
use crate::remote::wire::{DROPS_MAX, Must, OpKind, OpResult, OpWire, Outcome, Page, RowKind};
use crate::store::cache::{Meta, Who};
use crate::store::entry::{Entry, Seen};
use crate::store::replica::{Pending, Pulled};

/// Room for the operations of one edit within its sequence number.
const OPS_PER_EDIT_BITS: u32 = 10;

/// The operations of frozen edits, in order; `deps` names the ids each edit waits for.
pub fn ops(pendings: &[Pending], deps: impl Fn(&Pending) -> Vec<Uuid>) -> Vec<OpWire> {
    let each = pendings.iter().flat_map(|pending| {
        let deps = if crate::bugs::bug("deps_forgotten") { Vec::new() } else { deps(pending) };
        let group = (pending.edit.changes.len() > 1).then_some(pending.edit.op);
        let numbered = pending.edit.changes.iter().zip(&pending.ids).enumerate();
        numbered
            .map(|(place, (change, id))| {
                let seq = (pending.seq << OPS_PER_EDIT_BITS) + place as u64;
                let reason = pending.edit.reason.clone();
                let drops = pending.edit.drops.as_deref().and_then(|seen| drops(change, seen));
                OpWire { group, deps: deps.clone(), drops, reason, ..op(change, *id, seq) }
            })
            .collect::<Vec<_>>()
    });
    each.collect()
}

fn op(change: &Change, id: Uuid, seq: u64) -> OpWire {
    let kind = change.key.kind;
    let own = |fields: &Fields| own_columns(kind, fields);
    let (k, base, set) = match &change.op {
        Op::Insert { set } => (OpKind::Insert, Fields::new(), own(set)),
        Op::Update { base, set } => (OpKind::Update, own(base), own(set)),
        Op::Delete { base } => (OpKind::Delete, seen(kind, base), Fields::new()),
    };
    let pk = change.key.pk.clone();
    OpWire { id, seq, group: None, t: kind, pk, k, base, set, deps: Vec::new(), drops: None, reason: None }
}

/// The columns that are people's to write: the server's own never travel.
fn own_columns(kind: Kind, fields: &Fields) -> Fields {
    let own = fields.iter().filter(|(name, _)| kind.field(name).is_some_and(|field| !field.server));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The whole row as the person saw it. An assignment's time tells it from a later one of the same pair.
fn seen(kind: Kind, base: &Fields) -> Fields {
    let mut seen = own_columns(kind, base);
    let at = base.get("assigned_at").filter(|at| at.is_some());
    seen.extend(at.map(|at| ("assigned_at".to_owned(), at.clone())));
    seen
}

/// Of the assignments that were seen to go with an edit, those that go with this change. `None` where none can go; and
/// where there are more than travel: who decided on so many decided on all.
fn drops(change: &Change, seen: &[String]) -> Option<Vec<String>> {
    if crate::bugs::bug("drops_forgotten") {
        return None;
    }
    let moves = change.sets("region_id").is_some() && !matches!(change.op, Op::Insert { .. });
    if !moves && !matches!(change.op, Op::Delete { .. }) {
        return None;
    }
    let half = |pk: &str| match (change.key.kind, pk.split_once(':')) {
        (Kind::User, Some((user, _))) => user == change.key.pk,
        (Kind::Drone, Some((_, drone))) => drone == change.key.pk,
        _ => false,
    };
    let mine: Vec<_> = seen.iter().filter(|pk| half(pk)).cloned().collect();
    (matches!(change.key.kind, Kind::User | Kind::Drone) && mine.len() <= DROPS_MAX).then_some(mine)
}

/// What a push's results mean for the edits that were sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    pub entries: Vec<Entry>,
    /// Edits to be sent again, by number: not before so many ms.
    pub again: HashMap<u64, u64>,
}

/// The wait when a server says "again" without saying when, in ms.
const RETRY_DEFAULT_MS: u64 = 2000;

pub fn verdicts(pendings: &[Pending], results: &[OpResult]) -> Verdicts {
    let answers = results.iter().filter(|it| !it.replayed || !crate::bugs::bug("replay_is_no_answer"));
    let by_id: HashMap<Uuid, &OpResult> = answers.map(|result| (result.id, result)).collect();
    let mut verdicts = Verdicts::default();
    for pending in pendings {
        let outcomes: Vec<Option<&Outcome>> =
            pending.ids.iter().map(|id| by_id.get(id).map(|result| &result.outcome)).collect();
        match verdict(pending, &outcomes) {
            Verdict::Final(entry) => verdicts.entries.push(entry),
            Verdict::Again(after_ms) => drop(verdicts.again.insert(pending.seq, after_ms)),
        }
    }
    verdicts
}

enum Verdict {
    Final(Entry),
    Again(u64),
}

/// One edit's verdict: of a group, the culprit speaks for all.
fn verdict(pending: &Pending, outcomes: &[Option<&Outcome>]) -> Verdict {
    let edit = pending.seq;
    let speakers = if crate::bugs::bug("first_speaks_for_all") { 1 } else { outcomes.len() };
    for (change, outcome) in outcomes.iter().take(speakers).enumerate() {
        match outcome {
            Some(Outcome::Conflict { fields, drops, by, at, .. })
                if !crate::bugs::bug("conflict_is_taken") =>
            {
                let (fields, drops, by) = (fields.clone(), drops.clone(), by.clone());
                return Verdict::Final(Entry::Conflict { edit, change, fields, drops, by, at: *at });
            }
            Some(Outcome::Rejected { reason, field, message }) => {
                let (field, message) = (field.clone(), message.clone());
                return Verdict::Final(Entry::Rejected { edit, change, reason: *reason, field, message });
            }
            Some(Outcome::Gone) if !crate::bugs::bug("gone_is_taken") => {
                return Verdict::Final(Entry::Gone { edit, change });
            }
            _ => {}
        }
    }
    let mut seen = Vec::new();
    let mut again = None;
    for (change, outcome) in pending.edit.changes.iter().zip(outcomes) {
        match outcome {
            Some(
                Outcome::Applied { v, effects }
                | Outcome::Merged { v, effects }
                | Outcome::Noop { v, effects },
            ) => {
                seen.push(Seen { key: change.key.clone(), v: *v });
                // A cascade's versions are not told: only a pull that began later can show that they are in.
                let cascaded = effects.iter().filter_map(|(kind, pk)| Key::parse(*kind, pk));
                let cascaded = cascaded.filter(|_| !crate::bugs::bug("cascades_unseen"));
                seen.extend(cascaded.map(|key| Seen { key, v: u64::MAX }));
            }
            Some(Outcome::IdReused) => return Verdict::Final(Entry::Unsent { edit }),
            Some(Outcome::Retry { after_ms }) => again = Some(after_ms.unwrap_or(RETRY_DEFAULT_MS)),
            Some(Outcome::Conflict { .. }) if crate::bugs::bug("conflict_is_taken") => {}
            Some(Outcome::Gone) if crate::bugs::bug("gone_is_taken") => {}
            None if crate::bugs::bug("silence_is_taken") => {}
            // What holds it back may be settled by then; if a person must decide, it is not sent. An answer
            // that leaves an edit out is no answer. In both cases the same id goes again.
            None | Some(_) => {
                again = Some(RETRY_DEFAULT_MS);
            }
        }
    }
    again.map_or(Verdict::Final(Entry::Ack { edit, v: seen }), Verdict::Again)
}

/// A page as the store takes it, and how many of its rows made no sense.
pub fn rows(page: &Page) -> (Vec<Pulled>, usize) {
    let each = page.changes.iter().map(|change| {
        let key = Key::known(change.t, &change.pk)?;
        let row = match change.k {
            RowKind::Row => Some((change.row.clone()?, change.scopes.clone()?)),
            RowKind::Del | RowKind::Exit => None,
        };
        Some(Pulled { key, v: change.v, row, deleted: change.k == RowKind::Del })
    });
    let (sound, unsound): (Vec<_>, Vec<_>) = each.partition(Option::is_some);
    (sound.into_iter().flatten().collect(), unsound.len())
}

/// What the cache remembers beside a page's rows.
pub fn meta(before: &Meta, page: &Page) -> Meta {
    let who = Who { uid: page.uid, user: page.user, role: page.role, region: page.region };
    // From what the server says of the time on, this machine's clock is watched anew.
    let (as_of, seen) = if page.more { (before.as_of, before.seen) } else { (Some(page.server_time), None) };
    let epoch = epoch(page).or_else(|| before.epoch.clone());
    Meta {
        cursor: Some(page.cursor.clone()),
        epoch,
        as_of,
        seen,
        who: Some(who),
        shut: false,
        ..before.clone()
    }
}

/// Which life of the server a page is of. All else in a cursor is the server's alone; this much is asked of it, since a
/// reload begins without a cursor, and the server cannot say then that it is not the one that took our edits.
pub fn epoch(page: &Page) -> Option<String> {
    page.cursor.get("epoch")?.as_str().map(str::to_owned)
}

/// A word of the server that ends the traffic; `None` for `resync`, which goes on.
pub fn stop(must: Must) -> Option<Trouble> {
    Some(Trouble::Stop(match must {
        Must::Resync => return None,
        Must::Inactive => Stop::Inactive,
        Must::NoProfile => Stop::NoProfile,
        Must::SignedOut => Stop::SignInAgain,
        Must::Aal2 => Stop::SecondFactor,
        Must::SchemaOld => Stop::Configuration { why: "this console is too old for the server".to_owned() },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Stamp;
    use crate::store::entry::Edit;
    use crate::store::replica::Fate;

    #[test]
    fn a_move_says_what_it_was_seen_to_take() {
        let (user, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let pk = |user: Uuid, drone: &str| Key::assignment(user, drone).pk;
        let seen = vec![pk(user, "a"), pk(user, "b"), pk(other, "b")];
        let update = |key: Key, field: &str| {
            let set = Fields::from([(field.to_owned(), None)]);
            Change { key, op: Op::Update { base: Fields::new(), set } }
        };
        let delete = |key| Change { key, op: Op::Delete { base: Fields::new() } };
        assert_eq!(drops(&update(Key::user(user), "region_id"), &seen), Some(seen[..2].to_vec()));
        assert_eq!(drops(&delete(Key::drone("b")), &seen), Some(seen[1..].to_vec()));
        assert_eq!(drops(&delete(Key::drone("c")), &seen), Some(Vec::new()), "nothing, and that is said");
        assert_eq!(drops(&update(Key::drone("b"), "status"), &seen), None);
        assert_eq!(drops(&delete(Key::assignment(user, "a")), &seen), None);
        assert_eq!(drops(&delete(Key::region(user)), &seen), None, "members stay");
        assert_eq!(
            drops(&Change::insert(Key::drone("b"), Fields::from([("region_id".into(), None)])), &seen),
            None
        );
        let many: Vec<_> = (0..=DROPS_MAX).map(|n| pk(user, &format!("d{n}"))).collect();
        assert_eq!(drops(&delete(Key::user(user)), &many), None, "who decided on so many decided on all");
    }

    #[test]
    fn each_operation_of_an_edit_says_why() {
        let change = |id| Change::insert(Key::drone(id), Fields::new());
        let edit = |reason: Option<&str>| Edit {
            op: Uuid::from_u128(1),
            by: Uuid::from_u128(2),
            at: Stamp(0),
            reason: reason.map(str::to_owned),
            changes: vec![change("a"), change("b")],
            drops: None,
        };
        let reasons = |reason| {
            let ids = vec![Uuid::from_u128(3), Uuid::from_u128(4)];
            let pending = Pending {
                seq: 1,
                edit: edit(reason),
                ids,
                fate: Fate::Waiting,
                touched: Vec::new(),
                blocked: false,
                again: false,
            };
            ops(&[pending], |_| Vec::new()).into_iter().map(|op| op.reason).collect::<Vec<_>>()
        };
        assert_eq!(reasons(None), [None, None]);
        assert_eq!(reasons(Some("hail")), [Some("hail".to_owned()), Some("hail".to_owned())]);
    }
}

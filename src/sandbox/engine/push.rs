//! Pushes: other people's edits, each taken once.
//!
//! A group is applied whole or not at all. An edit that was answered for good is claimed by its id with a
//! hash of what it said, and a later delivery gets the stored answer. Each edit is judged in this order: the
//! id, what it waits for, its values, who may, the row as it is now (the three-way merge), the rules.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::Range;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::groups::{doubled, groups};
use super::{Caller, Cause, Claim, Commit, Engine, Fault, RowState};
use crate::domain::merge::{self, Clash};
use crate::domain::rules::{self, Step};
use crate::domain::{Change, Fields, Key, Kind, Op, Reason, Record, Refusal, Stamp, policy, scope};
use crate::remote::wire::{DROPS_TOLD_MAX, EFFECTS_MAX, OpKind, OpResult, OpWire, Outcome, PushRequest};

/// The state of one push.
struct Run<'a> {
    caller: &'a Caller,
    device: Uuid,
    now: Stamp,
    results: Vec<OpResult>,
    /// Edits of this push that did not get in, and the rows they were about.
    failed: HashSet<Uuid>,
    failed_rows: HashMap<Key, Uuid>,
    /// Ids that stand more than once in this push: the hash of what the first edit said, once it was looked at.
    doubled: HashMap<Uuid, Option<String>>,
    commit: Commit,
}

/// A group while it is carried out: for whom, and what it did so far, which is not in the states yet.
struct Turn<'a> {
    caller: &'a Caller,
    now: Stamp,
    steps: Vec<Step>,
}

impl Turn<'_> {
    /// Did an edit of this group write, make or take away that row?
    fn touched(&self, key: &Key) -> bool {
        self.steps.iter().flat_map(rules::in_order).any(|change| change.key == *key)
    }
}

/// What is known of an edit's id.
enum Known {
    New,
    Reused,
    Stored(OpResult),
}

/// How an edit got in: its part of the group's steps.
enum Done {
    Applied(Range<usize>),
    Merged(Range<usize>),
    Noop,
}

fn is_in(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. } | Outcome::Merged { .. } | Outcome::Noop { .. })
}

/// Answers that stand for good, and are stored.
fn is_final(outcome: &Outcome) -> bool {
    is_in(outcome) || matches!(outcome, Outcome::Conflict { .. } | Outcome::Rejected { .. } | Outcome::Gone)
}

/// sha256 of an edit. Fields are sorted, so that the same edit always has the same hash. What it depends on is no
/// part of it: after a crash an edit whose forerunner is in by then is sent without it.
fn hash_of(op: &OpWire) -> String {
    let deps = if crate::bugs::bug("hash_holds_deps") { op.deps.clone() } else { Vec::new() };
    let alone = OpWire { deps, ..op.clone() };
    let json = serde_json::to_vec(&alone).expect("an edit holds texts and numbers only, which JSON takes");
    Sha256::digest(&json).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Rejected { reason: refusal.reason, field: refusal.field, message: refusal.message }
}

fn hidden(key: &Key) -> Outcome {
    refused(Refusal::forbidden(format!("The {key} is not there, or not yours to see.")))
}

impl Engine {
    /// Takes a push; the results stand in the order of the edits.
    pub fn push(
        &mut self,
        caller: &Caller,
        request: &PushRequest,
        now: Stamp,
    ) -> Result<(Vec<OpResult>, Commit), Fault> {
        if request.uid != caller.uid && !crate::bugs::bug("uid_ignored") {
            return Err(Fault::AuthMismatch);
        }
        let groups = groups(&request.ops)?;
        let mut run = Run {
            caller,
            device: request.device,
            now,
            results: Vec::with_capacity(request.ops.len()),
            failed: HashSet::new(),
            failed_rows: HashMap::new(),
            doubled: doubled(&request.ops),
            commit: self.begin(),
        };
        for group in groups {
            self.group(&mut run, group);
        }
        self.finish(&mut run.commit);
        Ok((run.results, run.commit))
    }

    /// What is known of the id of the edit at `at` of a group. In one push an id stands for one edit, and in one
    /// group it stands once.
    fn known(&self, run: &mut Run, ops: &[OpWire], at: usize) -> Known {
        let op = &ops[at];
        match self.claims.get(&op.id) {
            None => match run.doubled.get_mut(&op.id) {
                None => Known::New,
                Some(_) if ops[..at].iter().any(|other| other.id == op.id) => Known::Reused,
                Some(first) => {
                    let hash = hash_of(op);
                    if *first.get_or_insert_with(|| hash.clone()) == hash {
                        Known::New
                    } else {
                        Known::Reused
                    }
                }
            },
            Some(claim) if claim.uid == run.caller.uid && claim.hash == hash_of(op) => {
                Known::Stored(OpResult { replayed: true, ..claim.result.clone() })
            }
            Some(_) => Known::Reused,
        }
    }

    fn group(&mut self, run: &mut Run, ops: &[OpWire]) {
        let known: Vec<_> = (0..ops.len()).map(|at| self.known(run, ops, at)).collect();
        for (at, known) in known.iter().enumerate() {
            match known {
                Known::Reused => return fail(run, ops, at, &plain(ops[at].id, Outcome::IdReused)),
                Known::Stored(result) if !is_in(&result.outcome) => {
                    return fail(run, ops, at, result);
                }
                Known::New | Known::Stored(_) => {}
            }
        }
        let new = ops.iter().zip(&known).filter(|(_, known)| matches!(known, Known::New));
        if let Some(blocker) = new.into_iter().find_map(|(op, _)| self.blocker(run, op)) {
            return block(run, ops, blocker);
        }
        let mut turn = Turn { caller: run.caller, now: run.now, steps: Vec::new() };
        let mut done = Vec::new();
        for (at, op) in ops.iter().enumerate() {
            if matches!(known[at], Known::Stored(_)) {
                done.push(Done::Noop);
                continue;
            }
            match self.one(&mut turn, op) {
                Ok(how) => done.push(how),
                Err(outcome) => {
                    if !crate::bugs::bug("group_half_undone") {
                        rules::take_back_steps(&mut self.world, &turn.steps);
                    }
                    let result = plain(op.id, *outcome);
                    self.claim_result(run, op, &result);
                    return fail(run, ops, at, &result);
                }
            }
        }
        let steps = turn.steps;
        let by = Some(run.caller.actor.user);
        self.write(&mut run.commit, &steps, by, run.now);
        self.note_activity(&mut run.commit, &causes(ops, &done, &steps, run.device), by, run.now);
        for ((op, known), how) in ops.iter().zip(known).zip(done) {
            let result = match known {
                Known::Stored(result) => result,
                Known::New | Known::Reused => plain(op.id, self.outcome(op, how, &steps)),
            };
            self.claim_result(run, op, &result);
            run.results.push(result);
        }
    }

    /// The failed edit that this one waits for. An edit nobody has sent does not hold others back: it may
    /// have been answered by a server that was restored since.
    fn blocker(&self, run: &Run, op: &OpWire) -> Option<Uuid> {
        let stored = |id: &Uuid| {
            let claim = self.claims.get(id).filter(|claim| claim.uid == run.caller.uid);
            claim.is_some_and(|claim| !is_in(&claim.result.outcome))
        };
        let dep = op.deps.iter().find(|id| run.failed.contains(*id) || stored(id)).copied();
        if crate::bugs::bug("failed_row_ignored") {
            return None;
        }
        dep.or_else(|| run.failed_rows.get(&Key::parse(op.t, &op.pk)?).copied())
    }

    fn claim_result(&mut self, run: &mut Run, op: &OpWire, result: &OpResult) {
        if result.replayed || !is_final(&result.outcome) {
            return;
        }
        let claim = Claim {
            hash: hash_of(op),
            uid: run.caller.uid,
            device: run.device,
            result: result.clone(),
            at: run.now,
        };
        if !crate::bugs::bug("claim_not_kept") {
            self.claims.insert(op.id, claim);
        }
        run.commit.claims.push(op.id);
    }

    fn outcome(&self, op: &OpWire, how: Done, steps: &[Step]) -> Outcome {
        let key = Key::parse(op.t, &op.pk);
        let v = key.as_ref().and_then(|key| self.states.get(key)).map_or(0, |state| state.ver);
        let effects = |range: Range<usize>| {
            let changes = steps[range].iter().flat_map(|step| &step.effects);
            let mut keys: Vec<_> = changes.map(|change| (change.key.kind, change.key.pk.clone())).collect();
            keys.sort();
            keys.dedup();
            keys.retain(|(kind, pk)| key.as_ref().is_none_or(|key| key.kind != *kind || key.pk != *pk));
            keys.truncate(EFFECTS_MAX);
            keys
        };
        match how {
            Done::Applied(range) => Outcome::Applied { v, effects: effects(range) },
            Done::Merged(range) => Outcome::Merged { v, effects: effects(range) },
            Done::Noop => Outcome::Noop { v, effects: Vec::new() },
        }
    }

    /// Carries out one edit on the rows; its steps are added to the group's.
    fn one(&mut self, turn: &mut Turn, op: &OpWire) -> Result<Done, Box<Outcome>> {
        let key = Key::parse(op.t, &op.pk).ok_or_else(|| {
            Box::new(refused(Refusal::invalid("id", format!("{} is no key of a {}.", op.pk, op.t))))
        })?;
        let (change, merged) = match op.k {
            OpKind::Insert => (self.insert(turn.caller, &key, op)?, false),
            OpKind::Update => self.update(turn, &key, op)?,
            OpKind::Delete => (self.delete(turn, &key, op)?, false),
        };
        let Some(change) = change else { return Ok(Done::Noop) };
        let step = rules::carry_out_one(&mut self.world, Some(&turn.caller.actor), &change)
            .map_err(|refusal| Box::new(refused(refusal)))?;
        let range = turn.steps.len()..turn.steps.len() + 1;
        turn.steps.push(step);
        // Who failed takes back the whole group, this step with it.
        rules::check_weights(&turn.steps).map_err(|refusal| Box::new(refused(refusal)))?;
        Ok(if merged { Done::Merged(range) } else { Done::Applied(range) })
    }

    fn insert(&self, caller: &Caller, key: &Key, op: &OpWire) -> Result<Option<Change>, Box<Outcome>> {
        let refuse = |refusal| Box::new(refused(refusal));
        rules::check_values(key.kind, &op.set, true).map_err(refuse)?;
        let change = Change::insert(key.clone(), op.set.clone());
        policy::permit_change(&caller.actor, &self.world, &change).map_err(refuse)?;
        let Some(record) = self.world.get(key) else { return Ok(Some(change)) };
        let same = policy::may_see(&caller.actor, &self.world, &record)
            && op.set.iter().all(|(name, value)| record.get(name) == *value);
        if same {
            return Ok(None);
        }
        let field = if key.kind == Kind::Assignment { "drone_id" } else { "id" };
        Err(refuse(Refusal::new(Reason::Unique, Some(field), format!("The {key} is already there."))))
    }

    fn update(&self, turn: &Turn, key: &Key, op: &OpWire) -> Result<(Option<Change>, bool), Box<Outcome>> {
        let caller = turn.caller;
        let refuse = |refusal| Box::new(refused(refusal));
        rules::check_values(key.kind, &op.set, false).map_err(refuse)?;
        let Some(record) = self.seen(caller, key) else {
            let gone = self.was_seen(turn, key);
            return Err(Box::new(if gone { Outcome::Gone } else { hidden(key) }));
        };
        let wish = Change { key: key.clone(), op: Op::Update { base: op.base.clone(), set: op.set.clone() } };
        policy::permit_change(&caller.actor, &self.world, &wish).map_err(refuse)?;
        let theirs = record.fields();
        let base = if crate::bugs::bug("merge_is_blind") { &theirs } else { &op.base };
        let merged = merge::three_way(key.kind, base, &op.set, &theirs);
        if !merged.clashes.is_empty() {
            return Err(Box::new(self.conflict(turn, key, merged.clashes)));
        }
        let change = Change::update(&record, &merged.apply);
        if let Some(change) = &change {
            self.foreseen(turn, change, op)?;
        }
        let beside = op
            .base
            .iter()
            .any(|(name, was)| !op.set.contains_key(name) && theirs.get(name).is_some_and(|now| now != was));
        Ok((change, merged.moved || beside))
    }

    fn delete(&self, turn: &Turn, key: &Key, op: &OpWire) -> Result<Option<Change>, Box<Outcome>> {
        let caller = turn.caller;
        let Some(record) = self.seen(caller, key) else {
            return if self.was_seen(turn, key) { Ok(None) } else { Err(Box::new(hidden(key))) };
        };
        let change = Change::delete(&record);
        policy::permit_change(&caller.actor, &self.world, &change).map_err(|r| Box::new(refused(r)))?;
        let clashes = differing(&record, &op.base);
        if !clashes.is_empty() {
            return Err(Box::new(self.conflict(turn, key, clashes)));
        }
        self.foreseen(turn, &change, op)?;
        Ok(Some(change))
    }

    /// Takes a change away only what its author knew of? Who made the others is told, as far as may be.
    fn foreseen(&self, turn: &Turn, change: &Change, op: &OpWire) -> Result<(), Box<Outcome>> {
        let Some(foreseen) = &op.drops else { return Ok(()) };
        let mut others = rules::unforeseen(&self.world, change, foreseen);
        others.truncate(DROPS_TOLD_MAX);
        let Some(first) = others.first().and_then(|pk| Key::known(Kind::Assignment, pk)) else {
            return Ok(());
        };
        let mut outcome = self.conflict(turn, &first, BTreeMap::new());
        if let Outcome::Conflict { drops, v, .. } = &mut outcome {
            *drops = others;
            *v = self.states.get(&change.key).map_or(0, |state| state.ver);
        }
        Err(Box::new(outcome))
    }

    fn seen(&self, caller: &Caller, key: &Key) -> Option<Record> {
        self.world.get(key).filter(|record| policy::may_see(&caller.actor, &self.world, record))
    }

    /// Is this a row that was deleted, and that the caller could see until then? The group's own steps are not in
    /// the states yet: what they made and took away again, the caller has seen.
    fn was_seen(&self, turn: &Turn, key: &Key) -> bool {
        let met = |state: &RowState| scope::meet(&turn.caller.scopes, &state.scopes);
        !self.world.has(key) && self.states.get(key).map_or_else(|| turn.touched(key), met)
    }

    fn conflict(&self, turn: &Turn, key: &Key, fields: BTreeMap<String, Clash>) -> Outcome {
        let state = self.states.get(key);
        let caller = turn.caller;
        // A group may clash with what an earlier edit of its own brought about.
        let own = turn.touched(key).then_some((Some(caller.actor.user), Some(turn.now)));
        let last = own.or_else(|| state.map(|state| (state.by, state.at)));
        let (writer, at) = last.unwrap_or_default();
        let by = writer.and_then(|id| self.world.user(id)).and_then(|writer| {
            let seen = policy::may_see(&caller.actor, &self.world, &Record::User(writer.clone()));
            if seen { Some(writer.username.to_string()) } else { writer.role.map(|role| role.to_string()) }
        });
        Outcome::Conflict { fields, drops: Vec::new(), v: state.map_or(0, |state| state.ver), by, at }
    }
}

/// The steps of a group with the edits they are of, which came from that device.
fn causes<'a>(ops: &[OpWire], done: &[Done], steps: &'a [Step], device: Uuid) -> Vec<(&'a Step, Cause)> {
    let ranges = ops.iter().zip(done).filter_map(|(op, how)| match how {
        Done::Applied(range) | Done::Merged(range) => Some((op, range.clone())),
        Done::Noop => None,
    });
    let of = |(op, range): (&OpWire, Range<usize>)| {
        let (op, reason) = (Some(op.id), op.reason.clone());
        let steps = steps.get(range).unwrap_or_default().iter();
        steps.map(move |step| (step, Cause { op, device: Some(device), reason: reason.clone() }))
    };
    ranges.flat_map(of).collect()
}

/// Where the row differs from what the person saw when deleting it. Of the server's own columns only an
/// assignment's time counts, where it was known: the row may be another assignment by now.
fn differing(record: &Record, base: &Fields) -> BTreeMap<String, Clash> {
    let counts = |name: &str, was: &Option<String>| {
        let own = record.kind().field(name).is_some_and(|field| !field.server);
        own || (name == "assigned_at" && was.is_some())
    };
    let told = base.iter().filter(|(name, was)| counts(name, was));
    told.filter_map(|(name, was)| {
        let theirs = record.get(name);
        let differs = theirs != *was;
        differs.then(|| (name.clone(), Clash { base: was.clone(), mine: None, theirs }))
    })
    .collect()
}

fn plain(id: Uuid, outcome: Outcome) -> OpResult {
    OpResult { id, replayed: false, outcome }
}

/// The edit at `at` failed: it carries its answer, the others of its group wait behind it.
fn fail(run: &mut Run, ops: &[OpWire], at: usize, culprit: &OpResult) {
    let id = ops[at].id;
    for (other, op) in ops.iter().enumerate() {
        note_failure(run, op);
        let blocked = || plain(op.id, Outcome::Blocked { op: id });
        run.results.push(if other == at { culprit.clone() } else { blocked() });
    }
}

/// The whole group waits behind an edit that failed before it.
fn block(run: &mut Run, ops: &[OpWire], blocker: Uuid) {
    for op in ops {
        note_failure(run, op);
        run.results.push(plain(op.id, Outcome::Blocked { op: blocker }));
    }
}

fn note_failure(run: &mut Run, op: &OpWire) {
    run.failed.insert(op.id);
    if let Some(key) = Key::parse(op.t, &op.pk) {
        run.failed_rows.entry(key).or_insert(op.id);
    }
}

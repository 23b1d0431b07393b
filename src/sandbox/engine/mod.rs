//! The training server's truth: rows with their versions, who may see them, what left whose sight, and which
//! edits were taken. The same bookkeeping as the SQL's `sync` schema, as plain data.
//!
//! Pure: no I/O, no clock, no randomness. Times and ids come in as arguments, and every writing call gives
//! back a `Commit` that says what it touched, for the log and for the nudges.
//!
//! Invariants:
//! * `states` has an entry for every row of `world` and for every row that ever was (tombstones keep the
//!   scopes the row had last);
//! * `recent` is the index of `states` by (xid, table, key), without the rows nobody wrote since seeding: no
//!   cursor can be older than those;
//! * a row that leaves a scope leaves an exit notice for it, under the transaction that did it;
//! * transactions run one after the other, so a snapshot has no transactions in progress.

mod activity;
mod cursor;
mod digest;
mod groups;
mod link;
mod pull;
mod push;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::activity::Activity;
use crate::domain::scope::{self, Scopes};
use crate::domain::{Actor, Change, Key, Op, Refusal, Stamp, World, rules};
use crate::remote::wire::{Must, OpResult};
pub use activity::{Cause, Line};
pub use link::{Bar, NewAccount};

/// The transaction that wrote the rows a server starts with.
pub const SEED_XID: u64 = 1;

/// What is known of a row besides its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowState {
    pub ver: u64,
    pub xid: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    pub scopes: Scopes,
    /// Who wrote it last: a `profiles.id`. Absent for the seed and for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Stamp>,
}

/// An edit that was answered for good: the key of idempotency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// sha256 of the edit, in hexadecimal.
    pub hash: String,
    /// The account that sent it.
    pub uid: Uuid,
    pub device: Uuid,
    pub result: OpResult,
    pub at: Stamp,
}

/// Who calls, and what they may see.
#[derive(Clone, Debug)]
pub struct Caller {
    pub uid: Uuid,
    pub actor: Actor,
    pub scopes: Scopes,
}

/// A call that is wrong in itself; no edit was looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("auth_mismatch")]
    AuthMismatch,
}

/// What one transaction touched.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub xid: u64,
    pub keys: BTreeSet<Key>,
    pub exits: BTreeSet<(Key, String)>,
    pub claims: Vec<Uuid>,
    /// Every scope, old and new, of every row it touched.
    pub scopes: BTreeSet<String>,
    /// What it does to sign-in accounts, in order.
    pub bars: Vec<Bar>,
    /// Who did what in it.
    pub activity: Vec<Line>,
}

impl Commit {
    /// Is there anything to keep?
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.claims.is_empty() && self.activity.is_empty()
    }
}

/// The server's state.
#[derive(Clone, Debug)]
pub struct Engine {
    world: World,
    states: BTreeMap<Key, RowState>,
    recent: BTreeSet<(u64, Key)>,
    exits: BTreeMap<(Key, String), u64>,
    exits_by_xid: BTreeSet<(u64, Key, String)>,
    claims: HashMap<Uuid, Claim>,
    activity: Activity,
    /// Sign-in accounts to the profiles they are linked to.
    profiles: HashMap<Uuid, Uuid>,
    epoch: Uuid,
    next_xid: u64,
    min_xid: u64,
}

impl Engine {
    /// A server that starts with these rows.
    pub fn new(epoch: Uuid, world: World) -> Self {
        let mut engine = Self::empty(epoch, SEED_XID + 1);
        for kind in crate::domain::Kind::ALL {
            for key in world.keys(kind) {
                let Some(record) = world.get(&key) else { continue };
                let at = record.get("updated_at").or_else(|| record.get("assigned_at"));
                let state = RowState {
                    ver: 1,
                    xid: SEED_XID,
                    deleted: false,
                    scopes: scope::of_row(&world, &record),
                    by: None,
                    at: at.as_deref().and_then(Stamp::parse),
                };
                engine.states.insert(key, state);
            }
        }
        engine.world = world;
        engine.link_profiles();
        engine
    }

    /// A server without rows, to be filled by `restore`.
    pub fn empty(epoch: Uuid, next_xid: u64) -> Self {
        Self {
            world: World::default(),
            states: BTreeMap::new(),
            recent: BTreeSet::new(),
            exits: BTreeMap::new(),
            exits_by_xid: BTreeSet::new(),
            claims: HashMap::new(),
            activity: Activity::default(),
            profiles: HashMap::new(),
            epoch,
            next_xid,
            min_xid: SEED_XID + 1,
        }
    }

    /// Writes a column so that no pull will tell of it.
    pub fn write_past_the_books(&mut self, key: &Key, column: &str, value: &crate::domain::Value) {
        if let (Some(mut record), Some(state)) = (self.world.get(key), self.states.get_mut(key)) {
            record.put(column, value);
            self.world.put(record);
            state.ver += 1;
        }
    }

    /// The same rows under another epoch: no cursor of before is good for it.
    #[must_use]
    pub fn restored(self, epoch: Uuid) -> Self {
        Self { epoch, ..self }
    }

    /// Reads off the loaded rows who is linked; no edit can write the link.
    pub fn link_profiles(&mut self) {
        self.profiles = self.world.users().filter_map(|user| Some((user.auth_user_id?, user.id))).collect();
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    pub fn epoch(&self) -> Uuid {
        self.epoch
    }

    /// The number the next transaction gets.
    pub fn next_xid(&self) -> u64 {
        self.next_xid
    }

    pub fn min_xid(&self) -> u64 {
        self.min_xid
    }

    pub fn states(&self) -> impl Iterator<Item = (&Key, &RowState)> {
        self.states.iter()
    }

    pub fn state(&self, key: &Key) -> Option<&RowState> {
        self.states.get(key)
    }

    pub fn exits(&self) -> impl Iterator<Item = (&Key, &str, u64)> {
        self.exits.iter().map(|((key, scope), xid)| (key, scope.as_str(), *xid))
    }

    pub fn claims(&self) -> impl Iterator<Item = (Uuid, &Claim)> {
        self.claims.iter().map(|(id, claim)| (*id, claim))
    }

    pub fn claim(&self, id: Uuid) -> Option<&Claim> {
        self.claims.get(&id)
    }

    /// Puts a row back as it was stored.
    pub fn restore_row(&mut self, key: Key, state: RowState, record: Option<crate::domain::Record>) {
        match record {
            Some(record) => drop(self.world.put(record)),
            None => drop(self.world.remove(&key)),
        }
        self.set_state(key, state);
    }

    pub fn restore_exit(&mut self, key: Key, scope: String, xid: u64) {
        if let Some(old) = self.exits.insert((key.clone(), scope.clone()), xid) {
            self.exits_by_xid.remove(&(old, key.clone(), scope.clone()));
        }
        self.exits_by_xid.insert((xid, key, scope));
    }

    pub fn restore_claim(&mut self, id: Uuid, claim: Claim) {
        self.claims.insert(id, claim);
    }

    /// Continues after a stored transaction.
    pub fn resume_at(&mut self, next_xid: u64, min_xid: u64) {
        self.next_xid = self.next_xid.max(next_xid);
        self.min_xid = self.min_xid.max(min_xid);
    }

    /// Who an account is here; the word for who may not work.
    pub fn caller(&self, uid: Uuid) -> Result<Caller, Must> {
        let profile = self.profile_of(uid).ok_or(Must::NoProfile)?;
        let actor = Actor::of(profile).ok_or(Must::Inactive)?;
        Ok(Caller { uid, actor, scopes: scope::of_actor(&actor) })
    }

    /// Writes as an administrator: the rules hold, roles do not matter.
    pub fn admin(&mut self, changes: &[Change], now: Stamp) -> Result<Commit, Refusal> {
        let steps = rules::carry_out(&mut self.world, None, changes)?;
        let mut commit = self.begin();
        self.write(&mut commit, &steps, None, now);
        let causes: Vec<_> = steps.iter().map(|step| (step, Cause::default())).collect();
        self.note_activity(&mut commit, &causes, None, now);
        self.finish(&mut commit);
        Ok(commit)
    }

    /// Drops tombstones and exit notices of transactions before `xid`; older cursors must load anew.
    pub fn forget_before(&mut self, xid: u64) {
        self.min_xid = self.min_xid.max(xid.min(self.next_xid));
        let floor = self.min_xid;
        self.states.retain(|_, state| !state.deleted || state.xid >= floor);
        self.exits.retain(|_, at| *at >= floor);
        self.exits_by_xid.retain(|(at, ..)| *at >= floor);
        let states = &self.states;
        self.recent.retain(|(_, key)| states.contains_key(key));
    }

    fn begin(&self) -> Commit {
        Commit { xid: self.next_xid, ..Commit::default() }
    }

    fn finish(&mut self, commit: &mut Commit) {
        if !commit.keys.is_empty() {
            self.next_xid += 1;
            commit.scopes.insert("*".to_owned());
        }
    }

    /// Books steps that were carried out on `world`: stamps, versions, scopes, exits.
    fn write(&mut self, commit: &mut Commit, steps: &[rules::Step], by: Option<Uuid>, now: Stamp) {
        let (mut touched, mut created) = (BTreeSet::new(), BTreeSet::new());
        for change in steps.iter().flat_map(rules::in_order) {
            touched.insert(change.key.clone());
            match change.op {
                Op::Insert { .. } => drop(created.insert(change.key.clone())),
                Op::Update { .. } => {}
                Op::Delete { .. } => drop(created.remove(&change.key)),
            }
        }
        for key in &touched {
            if let Some(mut record) = self.world.get(key) {
                rules::stamp(&mut record, created.contains(key), now);
                self.world.put(record);
            }
        }
        let affected: BTreeSet<Key> =
            touched.iter().flat_map(|key| scope::dependents(&self.world, key)).collect();
        for key in affected {
            let writer = touched.contains(&key).then_some((by, now));
            self.settle(commit, key, writer);
        }
        commit.bars.extend(link::bars(self, steps));
    }

    /// Brings a row's state up to date. `writer` is absent where at most its scopes changed.
    fn settle(&mut self, commit: &mut Commit, key: Key, writer: Option<(Option<Uuid>, Stamp)>) {
        let record = self.world.get(&key);
        let old = self.states.get(&key).cloned();
        let was = old.as_ref().map(|state| state.scopes.clone()).unwrap_or_default();
        let deleted = record.is_none();
        let scopes = record.map_or_else(|| was.clone(), |record| scope::of_row(&self.world, &record));
        let same = old.as_ref().is_none_or(|state| state.deleted == deleted && state.scopes == scopes);
        if writer.is_none() && (same || old.is_none()) {
            return;
        }
        let left = |scope: &&String| !scopes.contains(scope) && !crate::bugs::bug("exit_lost");
        for scope in was.iter().filter(left) {
            self.restore_exit(key.clone(), scope.clone(), commit.xid);
            commit.exits.insert((key.clone(), scope.clone()));
        }
        commit.scopes.extend(was.into_iter().chain(scopes.iter().cloned()));
        let (by, at) = match writer {
            Some((by, now)) => (by, Some(now)),
            None => old.as_ref().map_or((None, None), |state| (state.by, state.at)),
        };
        let ver = old.map_or(0, |state| state.ver) + 1;
        self.set_state(key.clone(), RowState { ver, xid: commit.xid, deleted, scopes, by, at });
        commit.keys.insert(key);
    }

    fn set_state(&mut self, key: Key, state: RowState) {
        let xid = state.xid;
        if let Some(old) = self.states.insert(key.clone(), state) {
            self.recent.remove(&(old.xid, key.clone()));
        }
        if xid > SEED_XID {
            self.recent.insert((xid, key));
        }
    }
}

//! The server: the training server's truth, and what can befall it.
//!
//! It can be restarted, put back to an older state under a new epoch, forget its tombstones, put single edits off, and
//! leave answers out. Beside each push it checks what only the server can see: that an edit was carried out once in the
//! history that stands, that nothing was overwritten unseen, and that every rule holds.

use std::collections::{BTreeMap, BTreeSet};

use flyos::domain::{Change, Intent, Key, Stamp, intent, rules};
use flyos::remote::wire::{
    Must, MustReply, OpKind, OpResult, OpWire, Outcome, PullReply, PullRequest, PushReply, PushRequest,
};
use flyos::sandbox::engine::{Caller, Commit, Engine, Fault, NewAccount};
use flyos::sync::engine::{Stop, Trouble};
use uuid::Uuid;

use crate::cast;
use crate::device::Device;
use crate::dice::Dice;
use crate::net::Answer;
use crate::oracle::{self, Check, Ledger, Shown, broken, holds};
use crate::tally::{Counts, Tally};
use crate::watch::{Done, count, each_once, in_order, put_off};

/// How long a request is being carried out, in simulated ms: it is done as it arrives.
pub const TAKES_MS: Option<(u64, u64)> = None;

/// Changes with every transaction and every restore.
pub type Moment = (Uuid, u64);
/// Versions of one history can be compared: a restore begins another, and so does forgetting tombstones, since a row
/// that is made anew then counts from one.
pub type History = (Uuid, u64);

/// States a restore may go back to.
const KEPT_MAX: usize = 6;
/// Ids that may turn up a second time.
const IDS_MAX: usize = 40;

/// A pull that has arrived.
#[derive(Debug)]
pub struct Pulling {
    uid: Uuid,
    request: PullRequest,
    now: Stamp,
}

/// A push that has arrived.
#[derive(Debug)]
pub struct Pushing {
    device: usize,
    uid: Uuid,
    request: PushRequest,
    /// What of it is carried out, and the answers of the rest.
    taken: PushRequest,
    put_off: Vec<OpResult>,
    now: Stamp,
    faults: bool,
}

pub struct Server {
    pub engine: Engine,
    done: Done,
    kept: Vec<(Engine, Done)>,
    /// It was put back to an older state, once at the least.
    restored: bool,
    /// Nobody answers until then.
    pub down_until_ms: u64,
    stamps: i64,
    /// Ids of edits that were taken lately.
    pub ids: Vec<Uuid>,
    pub counts: Counts,
}

impl Server {
    pub fn new(epoch: Uuid) -> Self {
        Self {
            engine: Engine::new(epoch, cast::world()),
            done: Done::new(),
            kept: Vec::new(),
            restored: false,
            down_until_ms: 0,
            stamps: 0,
            ids: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// No two transactions have the same time.
    fn now(&mut self, now_ms: u64) -> Stamp {
        self.stamps += 1;
        Stamp(1_760_000_000_000_000 + i64::try_from(now_ms).unwrap_or_default() * 1000 + self.stamps % 1000)
    }

    pub fn history(&self) -> History {
        (self.engine.epoch(), self.engine.min_xid())
    }

    pub fn moment(&self) -> Moment {
        (self.engine.epoch(), self.engine.next_xid())
    }

    /// What is true now.
    pub fn look(&mut self) -> &Engine {
        &self.engine
    }

    /// At a quiet point: every rule holds.
    pub fn at_rest(&mut self, _devices: &[Device]) -> Check {
        let wrong = rules::broken(self.engine.world());
        holds(wrong.is_empty(), "the rules of the rows hold", || format!("{wrong:?}"))
    }

    // ---- what befalls it ----

    pub fn keep(&mut self) {
        if self.kept.len() == KEPT_MAX {
            self.kept.remove(0);
        }
        self.kept.push((self.engine.clone(), self.done.clone()));
    }

    /// Reads itself back from what it had stored.
    pub fn restart(&mut self) {
        self.engine = read_back(&self.engine, self.engine.epoch());
    }

    pub fn restore(&mut self, epoch: Uuid, dice: &mut Dice) -> bool {
        if self.kept.is_empty() {
            return false;
        }
        let at = dice.place(self.kept.len());
        self.kept.truncate(at + 1);
        let Some((engine, done)) = self.kept.pop() else { return false };
        self.engine = read_back(&engine, epoch);
        let before: u32 = self.done.values().sum();
        let undone = before - done.values().sum::<u32>();
        (0..undone).for_each(|_| self.counts.add(Tally::LostToRestore));
        (self.done, self.restored) = (done, true);
        true
    }

    pub fn forget(&mut self, dice: &mut Dice) {
        let next = self.engine.next_xid();
        self.engine.forget_before(next.saturating_sub(dice.below(12)));
    }

    /// Writes as an administrator; what the rules refuse is not done.
    pub fn reform(&mut self, wish: &Intent, now_ms: u64) -> Check<Option<Commit>> {
        let Ok(changes) = intent::plan(self.engine.world(), wish) else { return Ok(None) };
        let now = self.now(now_ms);
        let Ok(commit) = self.engine.admin(&changes, now) else { return Ok(None) };
        self.rules_hold()?;
        Ok(Some(commit))
    }

    /// Whoever has an account and no profile gets one again.
    pub fn mend_people(&mut self, now_ms: u64) -> Option<Commit> {
        let lost = (0..cast::ACCOUNTS).find(|n| self.engine.profile_of(cast::account(*n)).is_none())?;
        let now = self.now(now_ms);
        let key = Key::user(cast::person(lost));
        if !self.engine.world().has(&key) {
            let mut user = cast::user(lost);
            user.auth_user_id = None;
            let home = user.region_id.and_then(|id| self.engine.world().region(id));
            if home.is_none_or(|region| !region.is_active()) {
                user.region_id = None;
            }
            let mut set = flyos::domain::Record::User(user).fields();
            set.retain(|name, _| key.kind.field(name).is_some_and(|field| !field.server));
            return self.engine.admin(&[Change::insert(key, set)], now).ok();
        }
        let claim = key.pk.clone();
        let account =
            NewAccount { id: cast::account(lost), email: "a@b.c", confirmed: true, claim: Some(&claim) };
        Some(self.engine.link(account, now)).filter(|commit| !commit.is_empty())
    }

    // ---- pulls ----

    pub fn begin_pull(&mut self, uid: Uuid, request: PullRequest, now_ms: u64) -> Pulling {
        Pulling { uid, request, now: self.now(now_ms) }
    }

    pub fn end_pull(&mut self, pulling: &mut Pulling, dice: &mut Dice) -> Check<Answer> {
        let (reply, shown) = self.pull(pulling, dice)?;
        Ok(Answer::Pull(reply, shown, (self.moment(), self.history())))
    }

    fn pull(
        &mut self,
        Pulling { uid, request, now }: &Pulling,
        dice: &mut Dice,
    ) -> Check<(PullReply, Option<Shown>)> {
        let caller = match self.caller(*uid) {
            Ok(caller) => caller,
            Err(word) => return Ok((PullReply::Must(word), None)),
        };
        let now = *now;
        if dice.one_in(40)
            && let Some((old, _)) = self.kept.last()
            && old.epoch() == self.engine.epoch()
            && let Ok(PullReply::Must(word)) = old.pull(&caller, request, now)
            && word.why.as_deref() == Some("ahead")
        {
            // A standby that lags behind.
            return Ok((PullReply::Must(word), None));
        }
        let reply = match self.engine.pull(&caller, request, now) {
            Ok(reply) => reply,
            Err(fault) => return broken("the server understands what is asked", fault.to_string()),
        };
        let drained = matches!(&reply, PullReply::Page(page) if !page.more);
        let shown = drained.then(|| oracle::shown(&self.engine, &caller));
        if let Some(shown) = &shown
            && dice.one_in(16)
        {
            oracle::scopes_are_the_policy(&self.engine, &caller, shown)?;
        }
        Ok((reply, shown))
    }

    fn caller(&mut self, uid: Uuid) -> Result<Caller, MustReply> {
        self.engine.caller(uid).map_err(|must| {
            match must {
                Must::Inactive => self.counts.add(Tally::MustInactive),
                _ => self.counts.add(Tally::MustNoProfile),
            }
            MustReply { must, why: None }
        })
    }

    // ---- pushes ----

    pub fn begin_push(
        &mut self,
        (device, uid): (usize, Uuid),
        request: PushRequest,
        now_ms: u64,
        dice: &mut Dice,
        faults: bool,
    ) -> Pushing {
        let (taken, put_off) = put_off(&request, dice, faults);
        Pushing { device, uid, request, taken, put_off, now: self.now(now_ms), faults }
    }

    pub fn end_push(
        &mut self,
        pushing: Pushing,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) -> Check<(Answer, Option<Commit>)> {
        let (reply, commit) = self.push(pushing, ledger, dice)?;
        let reply = reply.map(|reply| Answer::Push(reply, self.history()));
        let answer = reply.unwrap_or(Answer::Trouble(Trouble::Stop(Stop::SignInAgain)));
        Ok((answer, commit.filter(|commit| !commit.keys.is_empty())))
    }

    /// Takes a push of a device. `None`: it came under another account, and no edit was looked at.
    fn push(
        &mut self,
        Pushing { device, uid, request, taken, put_off, now, faults }: Pushing,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) -> Check<(Option<PushReply>, Option<Commit>)> {
        let caller = match self.caller(uid) {
            Ok(caller) => caller,
            Err(word) => return Ok((Some(PushReply::Must(word)), None)),
        };
        let before = self.before(&taken.ops);
        let (results, commit) = match self.engine.push(&caller, &taken, now) {
            Ok(done) => done,
            Err(Fault::AuthMismatch) => return Ok((None, None)),
            Err(fault) => return broken("the server understands what is sent", fault.to_string()),
        };
        holds(request.uid == uid || results.is_empty(), "edits are taken from their author alone", || {
            format!("device {device}: {results:?}")
        })?;
        self.watch(device, &taken.ops, &results, &before, ledger)?;
        if !commit.keys.is_empty() {
            self.rules_hold()?;
        }
        for (op, result) in taken.ops.iter().zip(&results) {
            ledger.answered(device, op, result, &self.engine);
        }
        self.ids.extend(&commit.claims);
        self.ids.drain(..self.ids.len().saturating_sub(IDS_MAX));
        let mut results = in_order(&request, results, put_off);
        for result in &results {
            count(&mut self.counts, result);
        }
        if faults && results.len() > 1 && dice.one_in(25) {
            results.remove(dice.place(results.len()));
            self.counts.add(Tally::LeftOut);
        }
        Ok((Some(PushReply::Results { results, server_time: now }), Some(commit)))
    }

    /// The rows of the edits that are the first of the push to be about theirs.
    fn before(&self, ops: &[OpWire]) -> BTreeMap<Uuid, flyos::domain::Fields> {
        let mut met = BTreeSet::new();
        let mut before = BTreeMap::new();
        for op in ops {
            // What an earlier edit brings about may reach any row.
            if op.k == OpKind::Update
                && met.is_empty()
                && let Some(record) = Key::parse(op.t, &op.pk).and_then(|key| self.engine.world().get(&key))
            {
                before.insert(op.id, record.fields());
            }
            met.insert(&op.pk);
        }
        before
    }

    fn watch(
        &mut self,
        device: usize,
        ops: &[OpWire],
        results: &[OpResult],
        before: &BTreeMap<Uuid, flyos::domain::Fields>,
        ledger: &Ledger,
    ) -> Check {
        each_once(&mut self.done, device, ops, results, ledger, self.restored)?;
        for (op, result) in ops.iter().zip(results) {
            let taken = matches!(result.outcome, Outcome::Applied { .. } | Outcome::Merged { .. });
            if let Some(before) = before.get(&op.id).filter(|_| taken && !result.replayed) {
                oracle::overwrote(op, before)?;
            }
        }
        if let ([op], [result]) = (ops, results)
            && matches!(result.outcome, Outcome::Applied { .. } | Outcome::Merged { .. })
            && !result.replayed
            && op.k != OpKind::Delete
        {
            let row = Key::parse(op.t, &op.pk).and_then(|key| self.engine.world().get(&key));
            let is_in = row.is_some_and(|row| {
                // A move may clear the operator with it.
                op.set.iter().all(|(name, value)| name == "operator_id" || row.get(name) == *value)
            });
            holds(is_in, "what is called taken is there", || format!("{op:?}"))?;
        }
        Ok(())
    }

    fn rules_hold(&self) -> Check {
        let world = self.engine.world();
        // Looking at every row costs more than an edit: every fourth transaction is looked at.
        if !self.engine.next_xid().is_multiple_of(4) {
            return Ok(());
        }
        let broken = rules::broken(world);
        holds(broken.is_empty() && world.main_hq_active_count() > 0, "the rules of the rows hold", || {
            format!("{broken:?}")
        })
    }
}

/// The same state under an epoch, through what a server stores.
fn read_back(engine: &Engine, epoch: Uuid) -> Engine {
    let mut read = Engine::empty(epoch, engine.next_xid());
    for (key, state) in engine.states() {
        read.restore_row(key.clone(), state.clone(), engine.world().get(key));
    }
    for (key, scope, xid) in engine.exits() {
        read.restore_exit(key.clone(), scope.to_owned(), xid);
    }
    for (id, claim) in engine.claims() {
        read.restore_claim(id, claim.clone());
    }
    read.resume_at(engine.next_xid(), engine.min_xid());
    read.link_profiles();
    read
}

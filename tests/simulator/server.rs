//! The server: the training server's truth, and what can befall it.
//!
//! It can be restarted, put back to an older state under a new epoch, forget its tombstones, put single edits off, and
//! leave answers out. Beside each push it checks what only the server can see: that an edit was carried out once in the
//! history that stands, that nothing was overwritten unseen, and that every rule holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use flyos::domain::{Change, Intent, Key, Reason, Stamp, intent, rules};
use flyos::remote::wire::{
    Must, MustReply, OpKind, OpResult, OpWire, Outcome, PullReply, PullRequest, PushReply, PushRequest,
};
use flyos::sandbox::engine::{Caller, Commit, Engine, Fault, NewAccount};
use uuid::Uuid;

use crate::cast;
use crate::dice::Dice;
use crate::oracle::{self, Check, Ledger, Shown, broken, holds};
use crate::tally::{Counts, Tally};

/// How often each change of each edit was carried out, by (device, number of the operation, how often it was decided).
type Done = BTreeMap<(usize, u64, u32), u32>;

/// Changes with every transaction and every restore.
pub type Moment = (Uuid, u64);
/// Versions of one history can be compared: a restore begins another, and so does forgetting tombstones, since a row
/// that is made anew then counts from one.
pub type History = (Uuid, u64);

/// States a restore may go back to.
const KEPT_MAX: usize = 6;
/// Ids that may turn up a second time.
const IDS_MAX: usize = 40;

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
        self.engine.link(account, now).ok()
    }

    // ---- pulls ----

    pub fn pull(
        &mut self,
        uid: Uuid,
        request: &PullRequest,
        now_ms: u64,
        dice: &mut Dice,
    ) -> Check<(PullReply, Option<Shown>)> {
        let caller = match self.caller(uid) {
            Ok(caller) => caller,
            Err(word) => return Ok((PullReply::Must(word), None)),
        };
        let now = self.now(now_ms);
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

    /// Takes a push of a device. `None`: it came under another account, and no edit was looked at.
    pub fn push(
        &mut self,
        (device, uid): (usize, Uuid),
        request: &PushRequest,
        now_ms: u64,
        ledger: &mut Ledger,
        dice: &mut Dice,
        faults: bool,
    ) -> Check<(Option<PushReply>, Option<Commit>)> {
        let caller = match self.caller(uid) {
            Ok(caller) => caller,
            Err(word) => return Ok((Some(PushReply::Must(word)), None)),
        };
        let now = self.now(now_ms);
        let (taken, put_off) = put_off(request, dice, faults);
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
        let mut results = in_order(request, results, put_off);
        for result in &results {
            self.count(result);
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
        const ANSWERS: &str = "each edit gets its answer, in order";
        holds(ops.len() == results.len(), ANSWERS, || format!("{} for {}", results.len(), ops.len()))?;
        let (mut failed, mut rows) = (HashSet::<Uuid>::new(), HashSet::new());
        for (op, result) in ops.iter().zip(results) {
            holds(op.id == result.id, ANSWERS, || format!("{result:?} for {op:?}"))?;
            let done = matches!(result.outcome, Outcome::Applied { .. } | Outcome::Merged { .. });
            if !done && !matches!(result.outcome, Outcome::Noop { .. }) {
                failed.insert(op.id);
                rows.insert((op.t, &op.pk));
            }
            if !done || result.replayed {
                continue;
            }
            let behind = rows.contains(&(op.t, &op.pk)) || op.deps.iter().any(|id| failed.contains(id));
            holds(!behind, "nothing gets in past what it builds on", || format!("{op:?} in {results:?}"))?;
            if !ledger.is_wanted(device, op) {
                // A restore made the server forget that it had answered this for good.
                holds(self.restored, "what was answered for good is not carried out", || {
                    format!("device {device}: {op:?}")
                })?;
                continue;
            }
            let wish = ledger.decisions(device, op);
            *self.done.entry((device, op.seq, wish)).or_default() += 1;
            // A server that was put back may have carried out what a person was asked about, and decided.
            let since = if self.restored { wish } else { 0 };
            let times: u32 = (since..=wish).filter_map(|wish| self.done.get(&(device, op.seq, wish))).sum();
            holds(times == 1, "an edit is carried out once", || format!("device {device}: {op:?}"))?;
            if let Some(before) = before.get(&op.id) {
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

    fn count(&mut self, result: &OpResult) {
        if result.replayed {
            self.counts.add(Tally::Replayed);
        }
        self.counts.add(match &result.outcome {
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

/// Takes some edits out of a push, as if they had met something passing; what builds on them is blocked, as the server
/// itself would. Gives what is left, and the answers of the others.
fn put_off(request: &PushRequest, dice: &mut Dice, faults: bool) -> (PushRequest, Vec<OpResult>) {
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
fn in_order(request: &PushRequest, taken: Vec<OpResult>, put_off: Vec<OpResult>) -> Vec<OpResult> {
    let (mut taken, mut put_off) = (taken.into_iter().peekable(), put_off.into_iter().peekable());
    let next = |op: &OpWire| {
        if put_off.peek().is_some_and(|result| result.id == op.id) { put_off.next() } else { taken.next() }
    };
    request.ops.iter().filter_map(next).collect()
}

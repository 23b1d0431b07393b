//! The simulator's server, where it is PostgreSQL: the same doors as `simulator/server.rs` has, and behind them requests
//! that are carried out on connections of their own while the scheduler goes on.
//!
//! `engine` is what was true when somebody looked last: all that PostgreSQL has, read in one snapshot into the training
//! server's shapes, so that every oracle of the simulator holds one server as it holds the other. What only the
//! database can say is asked of it at quiet points (`rest`).
//!
//! Not played here: a server put back to an older state, a standby that lags behind. Played here alone: a restart ends
//! connections in the middle of their transactions, and nobody knows what of them was committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flyos::domain::{Change, Intent, Key, Record, Stamp, World, intent, rules};
use flyos::remote::wire::{Must, OpResult, OpWire, Outcome, PullReply, PullRequest, PushReply, PushRequest};
use flyos::sandbox::engine::{Commit, Engine, RowState};
use flyos::sync::engine::{Stop, Trouble};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::cast;
use crate::dice::Dice;
use crate::net::Answer;
use crate::oracle::{Check, Ledger, Shown, broken, holds};
use crate::pg::{self, Sql};
use crate::rows;
use crate::simulated::calls::{Calls, Came};
use crate::simulated::stats::{self, STATS};
use crate::tally::{Counts, Tally};
use crate::watch::{Done, count, each_once, in_order, put_off};

/// How long a request is being carried out, in simulated ms: until then others begin.
pub const TAKES_MS: Option<(u64, u64)> = Some((5, 900));

/// What can be told of it: one in so many replies lacks an answer.
const LEFT_OUT_EVERY: u64 = 25;
/// Ids that may turn up a second time.
const IDS_MAX: usize = 40;
/// How long a push stays open before it commits, at most, in real ms.
const LINGER_MS: u64 = 12;
/// How long an administrator's transaction does.
const ADMIN_LINGERS: Duration = Duration::from_millis(4);

const BOOKS: &str = include_str!("books.sql");

/// Changes with every transaction that a pull could tell of.
pub type Moment = (Uuid, u64);
/// Versions of one history can be compared; forgetting tombstones begins another.
pub type History = (Uuid, u64);

/// A pull under way.
#[derive(Debug)]
pub struct Pulling {
    work: JoinHandle<Came<(PullReply, Shown, i64)>>,
    history: History,
}

/// A push under way.
#[derive(Debug)]
pub struct Pushing {
    device: usize,
    uid: Uuid,
    request: PushRequest,
    /// What of it is carried out, and the answers of the rest.
    taken: PushRequest,
    put_off: Vec<OpResult>,
    faults: bool,
    work: JoinHandle<Came<(PushReply, Shown)>>,
    history: History,
}

pub struct Server {
    pub engine: Engine,
    pub moment: i64,
    /// Something may have been written since that was read.
    stale: bool,
    done: Done,
    /// Every operation that was sent, and by whom.
    pub sent: HashMap<Uuid, Vec<(usize, OpWire)>>,
    /// The last line of the activity that was looked at.
    pub looked_at: i64,
    cut: bool,
    /// Nobody answers until then.
    pub down_until_ms: u64,
    /// Ids of edits that were taken lately.
    pub ids: Vec<Uuid>,
    pub counts: Counts,
    pub runtime: Handle,
    watcher: JoinHandle<()>,
    pub owner: Sql,
    /// The project's owner: an administrator with SQL.
    hand: Sql,
    pub calls: Arc<Calls>,
}

/// The rows a server starts with, as they are once they are written.
fn world() -> World {
    let mut world = cast::world();
    let keys: Vec<Key> = flyos::domain::Kind::ALL.into_iter().flat_map(|kind| world.keys(kind)).collect();
    for key in keys {
        let Some(mut record) = world.get(&key) else { continue };
        rules::stamp(&mut record, true, Stamp(1_750_000_000_000_000));
        world.put(record);
    }
    world
}

impl Server {
    /// In a runtime's blocking thread. The epoch is the database's own.
    pub fn new(_epoch: Uuid) -> Self {
        let runtime = Handle::current();
        let accounts: Vec<_> = (0..cast::ACCOUNTS)
            .map(|n| {
                json!({"id": cast::account(n), "email": cast::user(n).email, "created_at": "2025-06-01T00:00:00Z"})
            })
            .collect();
        let (owner, hand, watcher, db) = runtime.block_on(async {
            let db = pg::database().await;
            db.put(&json!(accounts), &world()).await;
            let owner = db.superuser().await;
            // Transactions that meet head on shall cost as little time as they may.
            let quick = format!("alter database {} set deadlock_timeout = '20ms'", db.name());
            owner.batch_execute(&format!("{quick}; {BOOKS}")).await.expect("the superuser may");
            let watcher = tokio::spawn(stats::watch(db.superuser().await));
            (owner, db.postgres().await, watcher, db)
        });
        let mut server = Self {
            engine: Engine::empty(Uuid::nil(), 1),
            moment: 0,
            stale: true,
            done: Done::new(),
            sent: HashMap::new(),
            looked_at: 0,
            cut: false,
            down_until_ms: 0,
            ids: Vec::new(),
            counts: Counts::default(),
            runtime,
            watcher,
            owner,
            hand,
            calls: Arc::new(Calls::new(db)),
        };
        server.look();
        server
    }

    pub fn history(&self) -> History {
        (self.engine.epoch(), self.engine.min_xid())
    }

    pub fn moment(&self) -> Moment {
        (self.engine.epoch(), self.moment.cast_unsigned())
    }

    /// What is true now, as far as it is committed.
    pub fn look(&mut self) -> &Engine {
        if std::mem::replace(&mut self.stale, !STATS.is_idle()) {
            (self.engine, self.moment) = self.runtime.block_on(crate::simulated::rest::read(&self.owner));
        }
        &self.engine
    }

    // ---- what befalls it ----

    #[expect(clippy::unused_self, reason = "no older states are kept here")]
    pub fn keep(&mut self) {}

    #[expect(clippy::unused_self, reason = "no older states are kept here")]
    pub fn restore(&mut self, _epoch: Uuid, _dice: &mut Dice) -> bool {
        false
    }

    pub fn restart(&mut self) {
        self.cut = true;
        self.runtime.block_on(self.calls.cut(&self.owner));
    }

    /// Tombstones of all but the newest transactions have their ninety days behind them.
    pub fn forget(&mut self, dice: &mut Dice) {
        // Nothing may be of two histories.
        while !STATS.is_idle() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let newest = dice.below(12);
        let statement = format!(
            "update sync.row_state set at = now() - interval '91 days' where deleted and xid::text::bigint <
                (select max(xid::text::bigint) - {newest} from sync.row_state);
            update sync.scope_exit set at = now() - interval '91 days' where xid::text::bigint <
                (select max(xid::text::bigint) - {newest} from sync.row_state);
            select sync.prune(1000000)"
        );
        self.runtime.block_on(self.owner.batch_execute(&statement)).expect("the superuser may");
        self.stale = true;
        self.look();
    }

    /// Who heard that there is news: the topics of all nudges since the last time.
    fn nudged(&self) -> Option<Commit> {
        let all = "delete from realtime.messages returning topic";
        let rows = self.runtime.block_on(self.owner.query(all, &[])).expect("the superuser may");
        let topics = rows.iter().map(|row| row.get::<_, String>(0));
        let scopes = topics.filter_map(|topic| topic.strip_prefix("sync:").map(str::to_owned)).collect();
        (!rows.is_empty()).then(|| Commit { scopes, ..Commit::default() })
    }

    fn write(&mut self, changes: &[Change], then: &str) -> Check<Option<Commit>> {
        self.stale = true;
        let hand = &self.hand;
        let done = self.runtime.block_on(async {
            hand.batch_execute("begin").await?;
            for change in changes {
                rows::write(hand, change).await?;
            }
            hand.batch_execute(then).await?;
            tokio::time::sleep(ADMIN_LINGERS).await;
            hand.batch_execute("commit").await
        });
        let Err(error) = done else {
            STATS.add("administrator: transactions committed");
            return Ok(self.nudged());
        };
        self.runtime.block_on(self.hand.batch_execute("rollback")).expect("it ends");
        let by_rule = error.as_db_error().and_then(|told| told.constraint()).is_some();
        let code = error.code().map_or("", |code| code.code());
        STATS.add(&format!("administrator: refused, {}", if by_rule { "by a rule" } else { code }));
        holds(by_rule || matches!(code, "40P01" | "42501"), "an administrator is told why", || {
            format!("{changes:?}: {error:?}")
        })?;
        Ok(None)
    }

    /// Writes as an administrator; what the rules refuse is not done.
    pub fn reform(&mut self, wish: &Intent, _now_ms: u64) -> Check<Option<Commit>> {
        let Ok(changes) = intent::plan(self.engine.world(), wish) else { return Ok(None) };
        self.write(&changes, "")
    }

    /// Whoever has an account and no profile gets one again.
    pub fn mend_people(&mut self, _now_ms: u64) -> Option<Commit> {
        self.look();
        let lost = (0..cast::ACCOUNTS).find(|n| self.engine.profile_of(cast::account(*n)).is_none())?;
        let key = Key::user(cast::person(lost));
        let mut made = Vec::new();
        if !self.engine.world().has(&key) {
            let mut user = cast::user(lost);
            user.auth_user_id = None;
            let home = user.region_id.and_then(|id| self.engine.world().region(id));
            if home.is_none_or(|region| !region.is_active()) {
                user.region_id = None;
            }
            let mut set = Record::User(user).fields();
            set.retain(|name, _| key.kind.field(name).is_some_and(|field| !field.server));
            made.push(Change::insert(key, set));
        }
        let (account, person) = (cast::account(lost), cast::person(lost));
        let link = format!("update public.profiles set auth_user_id = '{account}' where id = '{person}'");
        let commit = self.write(&made, &link).ok()?;
        let unbar = format!("update auth.users set banned_until = null where id = '{account}'");
        self.runtime.block_on(self.owner.batch_execute(&unbar)).expect("the superuser may");
        commit
    }

    // ---- pulls ----

    pub fn begin_pull(&self, uid: Uuid, request: PullRequest, _now_ms: u64) -> Pulling {
        let work = self.runtime.spawn(Arc::clone(&self.calls).pull(uid, request));
        Pulling { work, history: self.history() }
    }

    pub fn end_pull(&mut self, pulling: &mut Pulling, _dice: &mut Dice) -> Check<Answer> {
        let (reply, shown, moment) = match self.came(&mut pulling.work)? {
            Ok(came) => came,
            Err(answer) => return Ok(answer),
        };
        match &reply {
            PullReply::Must(word) if word.must == Must::Inactive => self.counts.add(Tally::MustInactive),
            PullReply::Must(word) if word.must == Must::NoProfile => self.counts.add(Tally::MustNoProfile),
            _ => {}
        }
        let drained = matches!(&reply, PullReply::Page(page) if !page.more);
        let moment = (pulling.history.0, moment.cast_unsigned());
        Ok(Answer::Pull(reply, drained.then_some(shown), (moment, pulling.history)))
    }

    /// Waits for a request: its reply, or what it is answered without one.
    fn came<T>(&self, work: &mut JoinHandle<Came<T>>) -> Check<Result<T, Answer>> {
        let stopped = Answer::Trouble(Trouble::Stop(Stop::SignInAgain));
        match self.runtime.block_on(work) {
            Ok(Came::Reply(reply)) => Ok(Ok(reply)),
            Ok(Came::Cut) if self.cut => {
                let why = "the connection ended".to_owned();
                Ok(Err(Answer::Trouble(Trouble::Unreachable { why })))
            }
            Ok(Came::Refused(code, _)) if code == "PT409" => Ok(Err(stopped)),
            Ok(Came::Refused(code, words)) => {
                broken("the server understands what it is asked", code + &words)
            }
            Ok(Came::Cut) => broken("the server understands what it is asked", "the connection ended"),
            Err(error) => broken("nothing panics", error.to_string()),
        }
    }

    // ---- pushes ----

    pub fn begin_push(
        &mut self,
        (device, uid): (usize, Uuid),
        request: PushRequest,
        _now_ms: u64,
        dice: &mut Dice,
        faults: bool,
    ) -> Pushing {
        self.stale = true;
        let (taken, put_off) = put_off(&request, dice, faults);
        let linger = Duration::from_millis(if dice.one_in(3) { dice.below(LINGER_MS) } else { 0 });
        for op in &taken.ops {
            let before = self.sent.entry(op.id).or_default();
            if !before.iter().any(|(by, was)| *by == device && was.seq == op.seq) {
                before.push((device, op.clone()));
            }
        }
        let work = self.runtime.spawn(Arc::clone(&self.calls).push(uid, taken.clone(), linger));
        Pushing { device, uid, request, taken, put_off, faults, work, history: self.history() }
    }

    pub fn end_push(
        &mut self,
        Pushing { device, uid, request, taken, put_off, faults, mut work, history }: Pushing,
        ledger: &mut Ledger,
        dice: &mut Dice,
    ) -> Check<(Answer, Option<Commit>)> {
        self.stale = true;
        let (reply, versions) = match self.came(&mut work)? {
            Ok(came) => came,
            Err(answer) => return Ok((answer, None)),
        };
        let (results, server_time) = match reply {
            PushReply::Results { results, server_time } => (results, server_time),
            word @ PushReply::Must(_) => return Ok((Answer::Push(word, history), None)),
        };
        holds(request.uid == uid, "edits are taken from their author alone", || format!("{results:?}"))?;
        each_once(&mut self.done, device, &taken.ops, &results, ledger, false)?;
        let books = books(history, versions);
        for (op, result) in taken.ops.iter().zip(&results) {
            ledger.answered(device, op, result, &books);
            if matches!(result.outcome, Outcome::Retry { .. }) {
                STATS.add("edits that PostgreSQL itself put off");
            }
            if matches!(result.outcome, Outcome::Applied { .. }) && !result.replayed {
                self.ids.push(op.id);
            }
        }
        self.ids.drain(..self.ids.len().saturating_sub(IDS_MAX));
        let mut results = in_order(&request, results, put_off);
        for result in &results {
            count(&mut self.counts, result);
        }
        if faults && results.len() > 1 && dice.one_in(LEFT_OUT_EVERY) {
            results.remove(dice.place(results.len()));
            self.counts.add(Tally::LeftOut);
        }
        Ok((Answer::Push(PushReply::Results { results, server_time }, history), self.nudged()))
    }
}

/// The versions as a push left them, in the shape that the ledger reads.
fn books((epoch, min_xid): History, versions: Shown) -> Engine {
    let mut books = Engine::empty(epoch, 1);
    books.resume_at(1, min_xid);
    for (key, ver) in versions {
        let state = RowState { ver, xid: 1, deleted: false, scopes: Vec::new(), by: None, at: None };
        books.restore_row(key, state, None);
    }
    books
}

impl Drop for Server {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

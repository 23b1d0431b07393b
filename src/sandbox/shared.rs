//! What every request shares: the rows, the accounts, the keys, the faults, the nudges and the log.
//!
//! Locks are held for as long as plain data is worked on and never across an await. The order, where two
//! are held, is engine, accounts, keys of devices, reports, log. A transaction is in the log before anybody hears of it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::SandboxError;
use super::accounts::{self, AuthCommit};
use super::auth::{Account, Auth};
use super::device_keys::{DeviceKeys, Reports};
use super::engine::{Commit, Engine};
use super::faults::Faults;
use super::keys::{Claims, Keys};
use super::persist::Log;
use crate::domain::Stamp;
use crate::remote::wire::device::DeviceKey;

/// Nudges a slow socket may be behind; beyond, it is nudged on everything it joined.
const NUDGES_MAX: usize = 256;
/// More scopes than this in one transaction: everybody is nudged instead.
const SCOPES_NUDGED_MAX: usize = 20;

/// The topics of one transaction, without `realtime:`.
pub type Nudge = Arc<Vec<String>>;

pub struct Shared {
    engine: Mutex<Engine>,
    auth: Mutex<Auth>,
    device_keys: Mutex<DeviceKeys>,
    reports: Mutex<Reports>,
    log: Option<Mutex<Log>>,
    /// The log could not be written: what is in memory is ahead of it, so nothing more is taken.
    stuck: AtomicBool,
    pub keys: Keys,
    pub faults: Faults,
    pub nudges: broadcast::Sender<Nudge>,
    /// When requests of a kind came that are counted, in unix milliseconds.
    counted: Mutex<HashMap<&'static str, VecDeque<i64>>>,
    pub url: String,
    pub token_lifetime_s: u64,
}

/// The storage failed, so that nothing can be promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one place where this room reads the clock.
pub fn now() -> Stamp {
    Stamp(Timestamp::now().as_microsecond())
}

/// Unix seconds, as tokens count.
pub fn now_s() -> i64 {
    Timestamp::now().as_second()
}

impl Shared {
    pub fn new(
        engine: Engine,
        auth: Auth,
        (device_keys, log): (DeviceKeys, Option<Log>),
        keys: Keys,
        faults: Faults,
        line: (String, u64),
    ) -> Self {
        faults.note_issue(auth.issues());
        Self {
            engine: Mutex::new(engine),
            auth: Mutex::new(auth),
            device_keys: Mutex::new(device_keys),
            reports: Mutex::default(),
            log: log.map(Mutex::new),
            stuck: AtomicBool::new(false),
            keys,
            faults,
            nudges: broadcast::Sender::new(NUDGES_MAX),
            counted: Mutex::default(),
            url: line.0,
            token_lifetime_s: line.1,
        }
    }

    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        locked(&self.engine)
    }

    pub fn auth(&self) -> MutexGuard<'_, Auth> {
        locked(&self.auth)
    }

    pub fn device_keys(&self) -> MutexGuard<'_, DeviceKeys> {
        locked(&self.device_keys)
    }

    pub fn reports(&self) -> MutexGuard<'_, Reports> {
        locked(&self.reports)
    }

    /// Keeps a device's key, or (`None`) that it was deleted.
    pub fn keep_device_key(&self, account: Uuid, device: Uuid, key: Option<&DeviceKey>) -> Result<(), Stuck> {
        let Some(log) = &self.log else { return Ok(()) };
        locked(log).device_key(account, device, key).map_err(|error| {
            tracing::error!(%error, "a device's key could not be logged");
            Stuck
        })
    }

    /// Runs one transaction on rows: carried out, with what it does to accounts, logged, then told to whoever
    /// listens.
    pub fn transact<T, E>(
        &self,
        work: impl FnOnce(&mut Engine, Stamp) -> Result<(T, Commit), E>,
    ) -> Result<Result<T, E>, Stuck> {
        let mut engine = self.unstuck()?;
        let now = now();
        let (value, commit) = match work(&mut engine, now) {
            Ok(done) => done,
            Err(error) => return Ok(Err(error)),
        };
        // Only now: the work looks at accounts by itself.
        let mut auth = self.auth();
        let deeds = accounts::bar(&mut auth, &commit.bars, now);
        self.keep(&engine, &auth, &commit, &deeds)?;
        drop((auth, engine));
        self.nudge(&commit);
        Ok(Ok(value))
    }

    /// Runs one transaction on accounts, and on the profiles that follow them.
    pub fn transact_accounts<T, E>(
        &self,
        work: impl FnOnce(&mut Engine, &mut Auth, Stamp) -> Result<(T, Commit, AuthCommit), E>,
    ) -> Result<Result<T, E>, Stuck> {
        let mut engine = self.unstuck()?;
        let mut auth = self.auth();
        let (value, commit, deeds) = match work(&mut engine, &mut auth, now()) {
            Ok(done) => done,
            Err(error) => return Ok(Err(error)),
        };
        self.keep(&engine, &auth, &commit, &deeds)?;
        drop((auth, engine));
        self.nudge(&commit);
        Ok(Ok(value))
    }

    fn unstuck(&self) -> Result<MutexGuard<'_, Engine>, Stuck> {
        let engine = self.engine();
        if self.stuck.load(Ordering::SeqCst) { Err(Stuck) } else { Ok(engine) }
    }

    fn keep(&self, engine: &Engine, auth: &Auth, commit: &Commit, deeds: &AuthCommit) -> Result<(), Stuck> {
        if (!commit.is_empty() || !deeds.is_empty())
            && let Some(log) = &self.log
            && let Err(error) = locked(log).commit(engine, commit, auth, deeds)
        {
            tracing::error!(%error, "a transaction could not be logged: the server takes no more");
            self.stuck.store(true, Ordering::SeqCst);
            return Err(Stuck);
        }
        Ok(())
    }

    /// One message per scope, or one to all.
    fn nudge(&self, commit: &Commit) {
        if commit.keys.is_empty() {
            return;
        }
        let own = commit.scopes.iter().filter(|scope| *scope != "*").count();
        let topics: Vec<String> = if own > SCOPES_NUDGED_MAX {
            vec!["sync:all".to_owned()]
        } else {
            commit.scopes.iter().map(|scope| format!("sync:{scope}")).collect()
        };
        // Nobody may be listening, which is no fault.
        let _listeners = self.nudges.send(Arc::new(topics));
    }

    /// Under the fault `expired_token`: was this session not refreshed since?
    pub fn is_made_to_expire(&self, session: Uuid) -> bool {
        let Some(mark) = self.faults.expired_up_to() else { return false };
        self.auth().session(session).is_none_or(|session| session.issue <= mark)
    }

    /// Has the account a second factor that this token was got without?
    pub fn lacks_second_factor(&self, claims: &Claims) -> bool {
        claims.aal != "aal2" && self.auth().account(claims.sub).is_some_and(Account::has_second_factor)
    }

    /// The mails whose code was not used yet.
    pub fn mails(&self) -> Vec<super::SentMail> {
        let auth = self.auth();
        let mails = auth.accounts().filter_map(|account| Some((account, account.mail.as_ref()?)));
        mails
            .map(|(account, mail)| super::SentMail {
                to: account.email.clone(),
                good_for: mail.good_for,
                code: mail.code.clone(),
            })
            .collect()
    }

    /// Counts a request of that kind; true: there were so many within the window already. Everybody comes from one
    /// address here.
    pub fn is_too_often(&self, what: &'static str, most: usize, window_ms: i64) -> bool {
        let (mut counted, now) = (locked(&self.counted), now().as_millis());
        let times = counted.entry(what).or_default();
        while times.front().is_some_and(|at| now - at >= window_ms) {
            times.pop_front();
        }
        if times.len() >= most {
            return true;
        }
        times.push_back(now);
        false
    }

    /// Keeps a session that was just made or refreshed.
    pub fn keep_session(&self, id: Uuid) -> Result<(), SandboxError> {
        let auth = self.auth();
        self.faults.note_issue(auth.issues());
        match (&self.log, auth.session(id)) {
            (Some(log), Some(session)) => locked(log).session(session),
            _ => Ok(()),
        }
    }

    /// Keeps that sessions have ended; where that fails they come back with a restart, and no harm is done.
    pub fn keep_ended(&self, sessions: &[Uuid]) {
        if let Some(log) = &self.log
            && let Err(error) = locked(log).ended(sessions)
        {
            tracing::warn!(%error, "the end of a session could not be logged");
        }
    }
}

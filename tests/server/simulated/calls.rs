//! The requests themselves: each on a connection that nobody else has meanwhile, as PostgREST would carry it out.
//!
//! Connections are kept for each account, and a session of the sign-in server belongs to them: an account whose
//! sessions were ended gets a new one when it is told so. A push is a transaction that may stay open a little before
//! it commits, as behind a slow pooler: so transactions overlap. With a pull comes what row-level security shows in
//! its own snapshot.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flyos::domain::{Key, Kind};
use flyos::remote::wire::{PullReply, PullRequest, PushReply, PushRequest};
use serde_json::{Value as Json, json};
use tokio::sync::RwLock;
use uuid::Uuid;

use super::stats::STATS;
use crate::oracle::Shown;
use crate::pg::{Database, Sql};

const PULL: &str = "select public.sync_pull($1::text::jsonb, $2, $3, $4)::text, sim.shown(), sim.moment()";
const PUSH: &str = "select public.sync_push($1, $2, $3, $4::text::jsonb, $5::text::jsonb)::text";
const VERSIONS: &str =
    "select coalesce(jsonb_object_agg(v.tbl || ' ' || v.pk, v.ver), '{}')::text from sim.versions() v";

/// What became of a request.
#[derive(Debug)]
pub enum Came<T> {
    Reply(T),
    /// An error of the call: its SQLSTATE, and its words.
    Refused(String, String),
    /// The connection ended before the answer: whether the work was done, nobody knows.
    Cut,
}

/// Why there is no reply.
struct Failed(tokio_postgres::Error);

impl Failed {
    /// The session is over, or was ended from outside.
    fn is_cut(&self) -> bool {
        self.0.is_closed() || matches!(self.0.code().map_or("", |code| code.code()), "57P01" | "08006" | "")
    }
}

impl From<tokio_postgres::Error> for Failed {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(error)
    }
}

/// The account that calls, and which of its sessions.
type Who = (Uuid, u64);

#[derive(Default)]
struct Account {
    claims: Option<Json>,
    session: u64,
    idle: Vec<Sql>,
}

pub struct Calls {
    accounts: Mutex<HashMap<Uuid, Account>>,
    /// Held for reading by whoever connects: only requests are cut off.
    connecting: RwLock<()>,
    // Last: it is dropped with its connections gone.
    pub db: Database,
}

/// `{"drones drone-01": 3}` as versions by key.
pub fn versions(text: &str) -> Shown {
    let all: BTreeMap<String, Json> = serde_json::from_str(text).expect("an object");
    let places = all.into_iter().filter_map(|(place, version)| {
        let (table, pk) = place.split_once(' ')?;
        // A row without a version is equal to none.
        Some((Key::parse(Kind::from_table(table)?, pk)?, version.as_u64().unwrap_or(u64::MAX)))
    });
    places.collect()
}

impl Calls {
    pub fn new(db: Database) -> Self {
        Self { accounts: Mutex::default(), connecting: RwLock::default(), db }
    }

    fn with<T>(&self, uid: Uuid, f: impl FnOnce(&mut Account) -> T) -> T {
        f(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).entry(uid).or_default())
    }

    async fn connect(&self, uid: Uuid) -> (Sql, Who) {
        let (idle, claims, session) = self.with(uid, |account| {
            let idle = account.idle.pop().filter(|sql| !sql.is_closed());
            (idle, account.claims.clone(), account.session)
        });
        if let Some(sql) = idle {
            return (sql, (uid, session));
        }
        let _guard = self.connecting.read().await;
        let claims = if let Some(claims) = claims {
            claims
        } else {
            let claims = self.db.session(uid).await;
            self.with(uid, |account| account.claims.get_or_insert(claims).clone())
        };
        (self.db.as_user(&claims).await, (uid, session))
    }

    fn give_back(&self, (uid, session): Who, sql: Sql) {
        self.with(uid, |account| {
            if account.session == session {
                account.idle.push(sql);
            }
        });
    }

    /// The account is signed out: it signs in anew.
    fn renew(&self, (uid, session): Who) {
        self.with(uid, |account| {
            if account.session == session {
                *account = Account { session: session + 1, ..Account::default() };
            }
        });
    }

    /// Ends every connection, whatever it is doing, as a restart of the server does.
    pub async fn cut(&self, owner: &Sql) {
        let _guard = self.connecting.write().await;
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and usename = 'authenticator'";
        owner.query_one(end, &[]).await.expect("the superuser may");
        for account in self.accounts.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            account.idle.clear();
        }
    }

    fn ended<T>(&self, who: Who, sql: Sql, result: Result<(T, bool), Failed>) -> Came<T> {
        match result {
            Ok((reply, signed_out)) => {
                if signed_out {
                    STATS.add("sessions that had ended");
                    self.renew(who);
                } else {
                    self.give_back(who, sql);
                }
                Came::Reply(reply)
            }
            Err(failed) if failed.is_cut() => {
                STATS.add("requests cut off by the server's end");
                Came::Cut
            }
            Err(Failed(error)) => {
                self.give_back(who, sql);
                let code = error.code().map_or("", |code| code.code()).to_owned();
                STATS.add(&format!("calls refused with {code}"));
                Came::Refused(code, error.as_db_error().map(ToString::to_string).unwrap_or_default())
            }
        }
    }

    /// What row-level security shows somebody, and the digest of it.
    pub async fn ask(&self, uid: Uuid) -> (String, String) {
        let (sql, who) = self.connect(uid).await;
        let ask = "select sim.shown(), public.sync_digest($1)::text";
        let row = sql.query_one(ask, &[&json!(Kind::ALL)]).await.expect("it answers");
        self.give_back(who, sql);
        (row.get(0), row.get(1))
    }

    /// A pull; with it what row-level security shows the caller in the same snapshot, and the moment of that.
    pub async fn pull(self: Arc<Self>, uid: Uuid, request: PullRequest) -> Came<(PullReply, Shown, i64)> {
        let _under_way = STATS.begin();
        let (sql, who) = self.connect(uid).await;
        let cursor = request.cursor.map_or_else(|| "null".to_owned(), |cursor| cursor.to_string());
        let [rows, bytes, schema] = [request.limit_rows, request.limit_bytes, request.schema]
            .map(|number| i32::try_from(number).unwrap_or(i32::MAX));
        let row = sql.query_one(PULL, &[&cursor, &rows, &bytes, &schema]).await;
        let result = row.map_err(Failed).map(|row| {
            let (text, shown, moment): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
            if text.contains(r#""must": "signed_out""#) {
                return ((read(&text), Shown::new(), moment), true);
            }
            STATS.page(&text);
            ((read(&text), versions(&shown), moment), false)
        });
        self.ended(who, sql, result)
    }

    /// A push; with it the versions of all rows as its transaction left them. `linger` before the commit.
    pub async fn push(
        self: Arc<Self>,
        uid: Uuid,
        request: PushRequest,
        linger: Duration,
    ) -> Came<(PushReply, Shown)> {
        let _under_way = STATS.begin();
        let (sql, who) = self.connect(uid).await;
        let work = async {
            sql.batch_execute("begin").await?;
            let [report, ops] = [serde_json::to_string(&request.report), serde_json::to_string(&request.ops)]
                .map(|text| text.expect("it is JSON"));
            let schema = i32::try_from(request.schema).unwrap_or(i32::MAX);
            let row = sql.query_one(PUSH, &[&request.uid, &request.device, &schema, &report, &ops]).await?;
            let text: String = row.get(0);
            let after: String = sql.query_one(VERSIONS, &[]).await?.get(0);
            if !linger.is_zero() {
                tokio::time::sleep(linger).await;
            }
            sql.batch_execute("commit").await?;
            let signed_out = text.contains(r#""must": "signed_out""#);
            Ok::<_, tokio_postgres::Error>(((read(&text), versions(&after)), signed_out))
        };
        let result = work.await.map_err(Failed);
        if result.as_ref().is_err_and(|failed| !failed.is_cut()) {
            sql.batch_execute("rollback").await.expect("it ends");
        }
        self.ended(who, sql, result)
    }
}

pub fn read<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| unreachable!("no reply: {error}: {text}"))
}

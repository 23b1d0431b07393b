//! People who speak the sync protocol by hand, and small words for what they send: for the tests of any server.
//!
//! A `Person` keeps a copy of the rows as a client would, by what the server tells and nothing else. Nothing here
//! knows which server it is; `sandbox/kit.rs` and `server/twins/` bring servers.

#![allow(
    dead_code,
    clippy::panic,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use flyos::domain::{Change, Fields, Key, Kind, Op, Record, Value, World, policy};
use flyos::remote::wire::{
    OpKind, OpResult, OpWire, Outcome, PULL_BYTES_MAX, Page, PullReply, PullRequest, PushReply, PushRequest,
    RowKind, SCHEMA, TokenReply,
};
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub const MAIN: &str = "main@flyos.mil";
pub const EAST: &str = "east@flyos.mil";
pub const WEST: &str = "west@flyos.mil";
pub const OPERATOR1: &str = "operator1@flyos.mil";
pub const OPERATOR2: &str = "operator2@flyos.mil";
pub const INACTIVE: &str = "t.weaver@flyos.mil";
/// The device that all of them sit at.
pub const DEVICE: Uuid = Uuid::from_u128(7);
/// The five of the default set.
pub const FIVE: [&str; 5] = [MAIN, EAST, WEST, OPERATOR1, OPERATOR2];

/// A row of a copy: its version, its columns, and the reader's scopes that it has.
pub type Held = (u64, Fields, Vec<String>);

pub fn client() -> reqwest::Client {
    // Another test of this process may have installed it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Waits until `check` holds, at most 30 seconds.
pub async fn until(mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if check().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it did not come to be within 30 seconds");
}

/// `POST /auth/v1/token` of the server at `url`.
pub async fn token_at(url: &str, key: &str, grant: &str, body: &Json) -> Response {
    let request = client().post(format!("{url}/auth/v1/token?grant_type={grant}")).header("apikey", key);
    let request = request.header("X-Supabase-Api-Version", "2024-01-01").json(body);
    request.send().await.expect("an answer")
}

/// Signs somebody in at the server at `url`.
pub async fn sign_in_at(url: &str, key: &str, email: &str, password: &str) -> Person {
    let reply = token_at(url, key, "password", &json!({"email": email, "password": password})).await;
    assert_eq!(reply.status(), StatusCode::OK, "{email}: {}", reply.text().await.unwrap_or_default());
    let reply: TokenReply = reply.json().await.expect("a session");
    Person {
        http: client(),
        url: url.to_owned(),
        key: key.to_owned(),
        email: email.to_owned(),
        uid: reply.user.id,
        token: reply.access_token,
        refresh: reply.refresh_token,
        copy: BTreeMap::new(),
        cursor: None,
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Person {
    pub http: reqwest::Client,
    pub url: String,
    pub key: String,
    pub email: String,
    pub uid: Uuid,
    pub token: String,
    pub refresh: String,
    /// Their copy of the rows.
    pub copy: BTreeMap<Key, Held>,
    pub cursor: Option<Json>,
}

impl Person {
    pub async fn rpc(&self, function: &str, body: &Json) -> Response {
        self.try_rpc(function, body).await.expect("an answer")
    }

    pub async fn try_rpc(&self, function: &str, body: &Json) -> reqwest::Result<Response> {
        self.request(function).json(body).send().await
    }

    /// A call whose body is yet to be given.
    pub fn request(&self, function: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/rest/v1/rpc/{function}", self.url);
        self.http.post(url).header("apikey", &self.key).bearer_auth(&self.token)
    }

    pub async fn table(&self, query: &str) -> Response {
        let request = self.http.get(format!("{}/rest/v1/{query}", self.url));
        request.header("apikey", &self.key).bearer_auth(&self.token).send().await.expect("an answer")
    }

    pub async fn pull_once(&self, limit_rows: u32) -> PullReply {
        let cursor = self.cursor.clone();
        let request = PullRequest { cursor, limit_rows, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA };
        let reply = self.rpc("sync_pull", &serde_json::to_value(request).expect("JSON")).await;
        read_back(reply).await
    }

    /// One step of a client: a page applied, a change of scopes obeyed, a resync begun. False when drained.
    pub async fn step(&mut self, limit_rows: u32) -> bool {
        let reply = self.pull_once(limit_rows).await;
        self.obey(&reply)
    }

    /// Does what a pull says. False when there is no more to come.
    pub fn obey(&mut self, reply: &PullReply) -> bool {
        match reply {
            PullReply::Page(page) => {
                self.apply(page);
                page.more
            }
            PullReply::Scope { scope, cursor } => {
                self.copy.retain(|_, (.., scopes)| {
                    scopes.retain(|own| !scope.removed.contains(own));
                    !scopes.is_empty()
                });
                self.cursor = Some(cursor.clone());
                true
            }
            PullReply::Must(must) => {
                assert_eq!(must.must, flyos::remote::wire::Must::Resync, "{must:?}");
                (self.cursor, self.copy) = (None, BTreeMap::new());
                true
            }
        }
    }

    pub fn apply(&mut self, page: &Page) {
        for change in &page.changes {
            let key = Key { kind: change.t, pk: change.pk.clone() };
            match change.k {
                RowKind::Row => {
                    let (row, scopes) = (change.row.clone().expect("a row"), change.scopes.clone());
                    let scopes = scopes.expect("its scopes");
                    assert!(!scopes.is_empty(), "a row is sent for a reason");
                    let had = self.copy.get(&key).map_or(0, |held| held.0);
                    assert!(change.v >= had, "{key} never goes back in time");
                    self.copy.insert(key, (change.v, row, scopes));
                }
                RowKind::Del | RowKind::Exit => drop(self.copy.remove(&key)),
            }
        }
        self.cursor = Some(page.cursor.clone());
    }

    /// Pulls until nothing more comes.
    pub async fn drain(&mut self, limit_rows: u32) {
        for _ in 0..100_000 {
            if !self.step(limit_rows).await {
                return;
            }
        }
        panic!("the pull never ends");
    }

    pub async fn push(&self, ops: &[OpWire]) -> Vec<OpResult> {
        match self.push_reply(ops).await {
            PushReply::Results { results, .. } => results,
            PushReply::Must(must) => panic!("the push was answered with {must:?}"),
        }
    }

    pub async fn push_reply(&self, ops: &[OpWire]) -> PushReply {
        let reply = self.rpc("sync_push", &self.push_body(ops)).await;
        read_back(reply).await
    }

    pub fn push_body(&self, ops: &[OpWire]) -> Json {
        let (uid, device, ops) = (self.uid, DEVICE, ops.to_vec());
        let request = PushRequest { uid, device, schema: SCHEMA, report: None, ops };
        serde_json::to_value(request).expect("JSON")
    }

    /// One edit alone.
    pub async fn edit(&self, op: OpWire) -> Outcome {
        self.push(&[op]).await.swap_remove(0).outcome
    }

    /// Does the copy hold exactly what this person may see, row by row?
    pub fn assert_equals_truth(&self, world: &World) {
        let truth = visible(world, self.uid);
        for (key, row) in &truth {
            let held = self.copy.get(key).map(|(_, row, _)| row);
            assert_eq!(held, Some(row), "{}: {key} is missing or stale", self.email);
        }
        let left_over: Vec<_> = self.copy.keys().filter(|key| !truth.contains_key(*key)).collect();
        assert!(left_over.is_empty(), "{}: left over: {left_over:?}", self.email);
    }
}

/// Reads a reply that must be all that its type says, and nothing else: written back, it is as it came.
pub async fn read_back<T: Serialize + DeserializeOwned>(reply: Response) -> T {
    let status = reply.status();
    let text = reply.text().await.expect("a whole reply");
    assert_eq!(status, StatusCode::OK, "{text}");
    let json: Json = serde_json::from_str(&text).expect("JSON");
    let typed: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(serde_json::to_value(&typed).expect("JSON"), json);
    typed
}

/// The rows an account may see by the policy.
pub fn visible(world: &World, uid: Uuid) -> BTreeMap<Key, Fields> {
    let profile = world.users().find(|user| user.auth_user_id == Some(uid));
    let Some(actor) = profile.and_then(policy::Actor::of) else { return BTreeMap::new() };
    let keys = Kind::ALL.iter().flat_map(|kind| world.keys(*kind));
    let rows = keys.filter_map(|key| world.get(&key)).filter(|row| policy::may_see(&actor, world, row));
    rows.map(|row| (row.key(), row.fields())).collect()
}

pub fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

/// "" stands for null.
pub fn value(text: &str) -> Value {
    (!text.is_empty()).then(|| text.to_owned())
}

pub fn op(key: &Key, k: OpKind, base: Fields, set: Fields) -> OpWire {
    static SEQ: AtomicU64 = AtomicU64::new(1);
    OpWire {
        id: Uuid::now_v7(),
        seq: SEQ.fetch_add(1, Ordering::SeqCst),
        group: None,
        t: key.kind,
        pk: key.pk.clone(),
        k,
        base,
        set,
        deps: Vec::new(),
        drops: None,
        reason: None,
    }
}

/// An update of a row as it stands in `record`.
pub fn update_of(record: &Record, set: &[(&str, &str)]) -> OpWire {
    let change = Change::update(record, &fields(set)).expect("something to change");
    let Op::Update { base, set } = change.op else { unreachable!("an update was made") };
    op(&record.key(), OpKind::Update, base, set)
}

pub fn delete_of(record: &Record) -> OpWire {
    op(&record.key(), OpKind::Delete, record.fields(), Fields::new())
}

pub fn insert(key: &Key, set: &[(&str, &str)]) -> OpWire {
    op(key, OpKind::Insert, Fields::new(), fields(set))
}

pub async fn error_of(reply: Response) -> (u16, Json) {
    let status = reply.status().as_u16();
    (status, reply.json().await.expect("an error in JSON"))
}

/// The status and the `code` of an error.
pub async fn code_of(reply: Response) -> (u16, String) {
    let (status, body) = error_of(reply).await;
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

//! What the tests share: a server, signed-in people, and small words for pulls and pushes.

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use flyos::domain::{Fields, Key, Kind, Record, Value, World, policy};
use flyos::remote::wire::{
    OpKind, OpResult, OpWire, Outcome, PULL_BYTES_MAX, Page, PullReply, PullRequest, PushReply, PushRequest,
    RowKind, SCHEMA, TokenReply,
};
use flyos::sandbox::{Options, Sandbox};
use reqwest::{Response, StatusCode};
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub const MAIN: &str = "main@flyos.mil";
pub const EAST: &str = "east@flyos.mil";
pub const WEST: &str = "west@flyos.mil";
pub const OPERATOR1: &str = "operator1@flyos.mil";
pub const OPERATOR2: &str = "operator2@flyos.mil";
pub const INACTIVE: &str = "t.weaver@flyos.mil";
/// The five of the default set.
pub const FIVE: [&str; 5] = [MAIN, EAST, WEST, OPERATOR1, OPERATOR2];

pub async fn start() -> Sandbox {
    start_with(Options::default()).await
}

pub async fn start_with(options: Options) -> Sandbox {
    // Another test of this process may have installed it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Sandbox::start(options).await.expect("a free port")
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Waits until `check` holds, at most five seconds.
pub async fn until(mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if check().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it did not come to be within five seconds");
}

/// Somebody who is signed in.
pub struct Person {
    pub http: reqwest::Client,
    pub url: String,
    pub key: String,
    pub uid: Uuid,
    pub token: String,
    pub refresh: String,
    /// Their copy of the rows, with versions.
    pub copy: BTreeMap<Key, (u64, Fields, Vec<String>)>,
    pub cursor: Option<Json>,
}

pub async fn token_call(sandbox: &Sandbox, grant: &str, body: Json) -> Response {
    let url = format!("{}/auth/v1/token?grant_type={grant}", sandbox.url());
    let request = client().post(url).header("apikey", sandbox.publishable_key());
    let request = request.header("X-Supabase-Api-Version", "2024-01-01").json(&body);
    request.send().await.expect("an answer")
}

pub async fn sign_in(sandbox: &Sandbox, email: &str) -> Person {
    let body = json!({"email": email, "password": sandbox.password()});
    let reply = token_call(sandbox, "password", body).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let reply: TokenReply = reply.json().await.expect("a session");
    Person {
        http: client(),
        url: sandbox.url(),
        key: sandbox.publishable_key(),
        uid: reply.user.id,
        token: reply.access_token,
        refresh: reply.refresh_token,
        copy: BTreeMap::new(),
        cursor: None,
    }
}

impl Person {
    pub async fn rpc(&self, function: &str, body: &Json) -> Response {
        self.try_rpc(function, body).await.expect("an answer")
    }

    pub async fn try_rpc(&self, function: &str, body: &Json) -> reqwest::Result<Response> {
        let url = format!("{}/rest/v1/rpc/{function}", self.url);
        self.http.post(url).header("apikey", &self.key).bearer_auth(&self.token).json(body).send().await
    }

    pub async fn table(&self, query: &str) -> Response {
        let request = self.http.get(format!("{}/rest/v1/{query}", self.url));
        request.header("apikey", &self.key).bearer_auth(&self.token).send().await.expect("an answer")
    }

    pub async fn pull_once(&self, limit_rows: u32) -> PullReply {
        let cursor = self.cursor.clone();
        let request = PullRequest { cursor, limit_rows, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA };
        let reply = self.rpc("sync_pull", &serde_json::to_value(request).expect("JSON")).await;
        assert_eq!(reply.status(), StatusCode::OK);
        reply.json().await.expect("a reply to a pull")
    }

    /// One step of a client: a page applied, a change of scopes obeyed, a resync begun. False when drained.
    pub async fn step(&mut self, limit_rows: u32) -> bool {
        match self.pull_once(limit_rows).await {
            PullReply::Page(page) => {
                self.apply(&page);
                page.more
            }
            PullReply::Scope { scope, cursor } => {
                self.copy.retain(|_, (.., scopes)| {
                    scopes.retain(|own| !scope.removed.contains(own));
                    !scopes.is_empty()
                });
                self.cursor = Some(cursor);
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
        assert_eq!(reply.status(), StatusCode::OK, "{}", reply.text().await.unwrap_or_default());
        reply.json().await.expect("a reply to a push")
    }

    pub fn push_body(&self, ops: &[OpWire]) -> Json {
        let (uid, device, ops) = (self.uid, Uuid::from_u128(7), ops.to_vec());
        let request = PushRequest { uid, device, schema: SCHEMA, report: None, ops };
        serde_json::to_value(request).expect("JSON")
    }

    /// One edit alone.
    pub async fn edit(&self, op: OpWire) -> Outcome {
        self.push(&[op]).await.swap_remove(0).outcome
    }

    /// Does the copy hold exactly what this person may see?
    pub fn assert_equals_truth(&self, sandbox: &Sandbox) {
        let truth = sandbox.with_world(|world| visible(world, self.uid));
        let copy: BTreeMap<_, _> =
            self.copy.iter().map(|(key, (_, row, _))| (key.clone(), row.clone())).collect();
        for (key, row) in &truth {
            assert_eq!(copy.get(key), Some(row), "{key} is missing or stale");
        }
        let left_over: Vec<_> = copy.keys().filter(|key| !truth.contains_key(*key)).collect();
        assert!(left_over.is_empty(), "left over: {left_over:?}");
    }
}

/// The rows an account may see by the policy.
pub fn visible(world: &World, uid: Uuid) -> BTreeMap<Key, Fields> {
    let profile = world.users().find(|user| user.auth_user_id == Some(uid));
    let Some(actor) = profile.and_then(policy::Actor::of) else { return BTreeMap::new() };
    let keys = Kind::ALL.iter().flat_map(|kind| world.keys(*kind));
    let rows = keys.filter_map(|key| world.get(&key)).filter(|row| policy::may_see(&actor, world, row));
    rows.map(|row| (row.key(), row.fields())).collect()
}

pub fn user_named(sandbox: &Sandbox, username: &str) -> Uuid {
    sandbox.with_world(|world| {
        world.users().find(|user| &*user.username == username).expect("a user of the initial set").id
    })
}

pub fn region_named(sandbox: &Sandbox, name: &str) -> Uuid {
    sandbox.with_world(|world| world.regions().find(|r| &*r.name == name).expect("a region").id)
}

pub fn row(sandbox: &Sandbox, key: &Key) -> Option<Record> {
    sandbox.with_world(|world| world.get(key))
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
    }
}

/// An update of a row as it is now.
pub fn update(sandbox: &Sandbox, key: &Key, set: &[(&str, &str)]) -> OpWire {
    let record = row(sandbox, key).expect("a row to update");
    let change = flyos::domain::Change::update(&record, &fields(set)).expect("something to change");
    let flyos::domain::Op::Update { base, set } = change.op else { unreachable!("an update was made") };
    op(key, OpKind::Update, base, set)
}

pub fn delete(sandbox: &Sandbox, key: &Key) -> OpWire {
    let record = row(sandbox, key).expect("a row to delete");
    op(key, OpKind::Delete, record.fields(), Fields::new())
}

pub fn insert(key: &Key, set: &[(&str, &str)]) -> OpWire {
    op(key, OpKind::Insert, Fields::new(), fields(set))
}

/// Writes as an administrator.
pub fn admin_update(sandbox: &Sandbox, key: &Key, set: &[(&str, &str)]) {
    let record = row(sandbox, key).expect("a row to update");
    let change = flyos::domain::Change::update(&record, &fields(set)).expect("something to change");
    sandbox.admin(&[change]).expect("a change the rules allow");
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

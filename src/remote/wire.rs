//! The shapes on the wire, as the sync protocol states them. The client and the training server both use
//! these types; `tests/wire/` holds one fixture per shape, which the tests of every server read.
//!
//! A row travels as a JSON object of texts and nulls (every column is text, uuid or timestamptz). A server
//! may send columns we do not know: they are kept out of `Fields` only by the record that is made of them.

pub mod activity;
pub mod admin;
pub mod device;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::domain::{Fields, Kind, Role, Stamp, merge::Clash};

/// The version of these shapes; a server that no longer speaks it answers `schema_old`.
pub const SCHEMA: u32 = 1;
/// Rows of one page of a pull, at most.
pub const PULL_ROWS_MAX: u32 = 2000;
/// Bytes of one page of a pull, about: a page must fit a slow line's patience.
pub const PULL_BYTES_MAX: u32 = 1 << 20;
/// Groups of one push: each is a subtransaction, and more than 64 overflow the database's cache.
pub const PUSH_GROUPS_MAX: usize = 50;
/// Edits of one group.
pub const GROUP_OPS_MAX: usize = 1000;
/// Bytes of one group's JSON.
pub const GROUP_BYTES_MAX: usize = 1 << 20;
/// Rows that an answer lists as effects of one edit. Whoever reads it asks only whether there is something to wait for,
/// and keeps the list with the edit; which of more rows are listed is not said.
pub const EFFECTS_MAX: usize = 100;

/// Assignments that an edit says it takes away with it.
pub const DROPS_MAX: usize = 1000;
/// Assignments that a conflict names, of those that would go unforeseen.
pub const DROPS_TOLD_MAX: usize = 100;

/// The longest reason of an edit, in characters.
pub const REASON_CHARS_MAX: usize = 200;

/// `POST /rest/v1/rpc/sync_pull`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Opaque: exactly what the last reply said, or null for the first load.
    pub cursor: Option<Json>,
    pub limit_rows: u32,
    pub limit_bytes: u32,
    pub schema: u32,
}

/// What a pull answers: told apart by the keys that are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PullReply {
    Must(MustReply),
    Scope { scope: ScopeChange, cursor: Json },
    Page(Box<Page>),
}

/// A word instead of an answer: `{"must": "resync", "why": "epoch"}`. All three RPCs may answer it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MustReply {
    pub must: Must,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What the caller must do, or why it may not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Must {
    Resync,
    Inactive,
    NoProfile,
    Aal2,
    SignedOut,
    SchemaOld,
}

/// The caller's scopes are no longer those of the cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeChange {
    pub now: Vec<String>,
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

/// One page of a pull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub changes: Vec<RowChange>,
    pub cursor: Json,
    pub more: bool,
    pub progress: Option<Progress>,
    /// The sign-in account.
    pub uid: Uuid,
    /// The caller's `profiles.id`.
    pub user: Uuid,
    pub role: Role,
    pub region: Option<Uuid>,
    pub server_time: Stamp,
    pub horizon_age_ms: u64,
}

/// How far a bulk load has come, in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// One row of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    pub t: Kind,
    pub pk: String,
    pub v: u64,
    pub k: RowKind,
    /// All columns; with `k: row` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<Fields>,
    /// Those of the row's scopes that the caller has; `["*"]` for a `*` caller. With `k: row` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

/// What the page says of a row: its contents, that it was deleted, or that it left the caller's sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowKind {
    Row,
    Del,
    Exit,
}

/// `POST /rest/v1/rpc/sync_push`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PushRequest {
    /// The account whose edits these are; another caller gets `auth_mismatch` (PT409).
    pub uid: Uuid,
    pub device: Uuid,
    pub schema: u32,
    pub report: Option<Report>,
    pub ops: Vec<OpWire>,
}

/// What this device says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub waiting: u64,
    pub oldest_s: u64,
    pub needs_you: u64,
    pub version: String,
}

/// One edit on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpWire {
    /// uuid v7: the key of idempotency.
    pub id: Uuid,
    pub seq: u64,
    /// Edits of one group are applied all or not at all; they stand side by side.
    pub group: Option<Uuid>,
    pub t: Kind,
    pub pk: String,
    pub k: OpKind,
    pub base: Fields,
    pub set: Fields,
    pub deps: Vec<Uuid>,
    /// Of a move or a deletion: the assignments that the person knew to go with it, by key. Where others would go
    /// (made since, by somebody else), it is a conflict. Absent: whatever goes, goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops: Option<Vec<String>>,
    /// Why, in the person's words: up to 200 characters, kept in the activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpKind {
    Insert,
    Update,
    Delete,
}

/// What a push answers: results in the order of the ops, or a word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PushReply {
    Must(MustReply),
    Results { results: Vec<OpResult>, server_time: Stamp },
}

/// The result of one edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpResult {
    pub id: Uuid,
    /// True where this is the stored result of an earlier delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of an edit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Outcome {
    /// In, as sent.
    Applied {
        v: u64,
        #[serde(default)]
        effects: Vec<(Kind, String)>,
    },
    /// In, beside somebody else's change of other fields.
    Merged {
        v: u64,
        #[serde(default)]
        effects: Vec<(Kind, String)>,
    },
    /// It was already so.
    Noop {
        v: u64,
        #[serde(default)]
        effects: Vec<(Kind, String)>,
    },
    /// Nothing of its group was applied: a person decides.
    Conflict {
        fields: BTreeMap<String, Clash>,
        /// Assignments that would go, and that the edit did not name; a hundred at most are told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drops: Vec<String>,
        v: u64,
        /// A name only where the caller may see that profile, else the role.
        by: Option<String>,
        at: Option<Stamp>,
    },
    /// For good.
    Rejected { reason: crate::domain::Reason, field: Option<String>, message: String },
    /// The row was deleted meanwhile.
    Gone,
    /// What it depends on (`op`) did not get in.
    Blocked { op: Uuid },
    /// Passing: send the same id again.
    Retry { after_ms: Option<u64> },
    /// This id was used for something else: send under a new one.
    IdReused,
}

/// `POST /rest/v1/rpc/sync_digest` `{"tables": ["drones"]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestRequest {
    pub tables: Vec<Kind>,
}

pub use crate::domain::digest::Digests;

/// What a digest answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DigestReply {
    Must(MustReply),
    Tables(Digests),
}

/// `POST /auth/v1/token`: a session.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenReply {
    pub access_token: String,
    pub token_type: String,
    pub expires_in: u64,
    /// Unix seconds.
    #[serde(default)]
    pub expires_at: Option<i64>,
    pub refresh_token: String,
    pub user: AuthUser,
}

impl std::fmt::Debug for TokenReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenReply")
            .field("user", &self.user.id)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// A sign-in account as the sign-in server tells of it: only the id is certain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthUser {
    pub id: Uuid,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(flatten)]
    pub rest: BTreeMap<String, Json>,
}

impl AuthUser {
    /// The account's second factors; what else the list holds is passed over.
    pub fn factors(&self) -> Vec<AuthFactor> {
        let list = self.rest.get("factors").and_then(Json::as_array);
        let each = |json: &Json| serde_json::from_value::<AuthFactor>(json.clone()).ok();
        list.into_iter().flatten().take(FACTORS_MAX).filter_map(each).collect()
    }

    /// The one whose code is asked for: an authenticator app of which a code was given once.
    pub fn second_factor(&self) -> Option<AuthFactor> {
        self.factors().into_iter().find(|factor| factor.factor_type == "totp" && factor.is_verified())
    }
}

/// Factors of one account that are looked at; servers take ten.
const FACTORS_MAX: usize = 32;

/// A second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthFactor {
    pub id: String,
    #[serde(default)]
    pub friendly_name: Option<String>,
    #[serde(default)]
    pub factor_type: String,
    #[serde(default)]
    pub status: String,
}

impl AuthFactor {
    pub fn is_verified(&self) -> bool {
        self.status == "verified"
    }
}

/// `POST /auth/v1/factors`.
#[derive(Clone, Deserialize)]
pub struct EnrolReply {
    pub id: String,
    pub totp: TotpReply,
}

/// What the app has to know.
#[derive(Clone, Deserialize)]
pub struct TotpReply {
    /// Base32.
    pub secret: String,
    /// `otpauth://totp/…`, with the secret in it.
    pub uri: String,
}

impl std::fmt::Debug for EnrolReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnrolReply").field("id", &self.id).finish_non_exhaustive()
    }
}

/// `POST /auth/v1/factors/{id}/challenge`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChallengeReply {
    pub id: String,
}

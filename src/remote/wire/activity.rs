//! The shapes of `POST /rest/v1/rpc/activity_page`: who did what, when, from which edit, and why; newest first.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::MustReply;
use crate::domain::{Kind, Stamp};

/// Lines of one page, at most.
pub const PAGE_LINES_MAX: u32 = 1000;

/// A page: those before a line's id, of one table, of one row. What is not asked for is left out: SQL has its defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    pub limit_rows: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tbl: Option<Kind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pk: Option<String>,
}

/// What that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ActivityReply {
    Must(MustReply),
    Page { items: Vec<ActivityItem>, more: bool, server_time: Stamp },
}

/// One line: of an update one column; of what was done to a sign-in account the deed, as `new`; else the whole row in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityItem {
    pub id: i64,
    pub at: Stamp,
    /// The edit; absent for what was not done through the console.
    pub op_id: Option<Uuid>,
    /// The device that sent the edit; absent in lines from before servers noted it.
    #[serde(default)]
    pub device: Option<Uuid>,
    /// A `profiles.id`; absent for administrators.
    pub actor_id: Option<Uuid>,
    /// The name they had then.
    pub actor_name: String,
    pub tbl: Kind,
    pub pk: String,
    /// `insert`, `update`, `delete` or `account`; newer servers may know more.
    pub kind: String,
    pub field: Option<String>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub reason: Option<String>,
}

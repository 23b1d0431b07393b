//! What the journal says: one entry a frame.
//!
//! An edit is one frame with all its changes (a group is never torn); what became of it comes in later
//! frames. Replaying the frames in order gives the outbox as it was: nothing else needs to survive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{Change, Reason, Stamp, merge::Clash};

/// One frame's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A person's edit: saved once this frame is on disk. Its number is the frame's sequence number.
    Edit(Edit),
    /// The edit got ids for sending; durable before the request leaves, so that after a crash it is sent
    /// again as it was. One id per change of the edit.
    Sent { edit: u64, ids: Vec<Uuid> },
    /// In, with the version of each change's row and the rows its cascade touched.
    Ack { edit: u64, v: Vec<Seen> },
    /// The base has what was acknowledged: the edit has left the overlay.
    Settled { edit: u64 },
    /// The server has other values: a person decides.
    Conflict {
        edit: u64,
        change: usize,
        fields: BTreeMap<String, Clash>,
        /// Assignments that would go with it and that were not there when it was decided.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drops: Vec<String>,
        by: Option<String>,
        at: Option<Stamp>,
    },
    /// Refused for good.
    Rejected { edit: u64, change: usize, reason: Reason, field: Option<String>, message: String },
    /// The row was deleted meanwhile.
    Gone { edit: u64, change: usize },
    /// A person let go of it.
    Discarded { edit: u64 },
    /// The edit's ids were used for something else: it is to be sent under new ones.
    Unsent { edit: u64 },
    /// Not sent yet, an edit says this from now on: a decision was made about it, an earlier one that it builds on was
    /// decided, or edits of one row were folded into it. `gone` are those that it takes the place of. Without changes
    /// nothing is left of it.
    Rewritten {
        edit: u64,
        changes: Vec<Change>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drops: Option<Vec<String>>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gone: Vec<u64>,
    },
    /// Edits that had got in are to be sent again under their old ids: the server was restored and may not know them.
    Offered { edits: Vec<u64> },
    /// What this machine's clock said, for the lease: now and then while the server is not heard.
    Clock { at: Stamp },
}

impl Entry {
    /// What this machine's clock said when the entry was made, where it tells.
    pub fn clock(&self) -> Option<Stamp> {
        match self {
            Self::Edit(edit) => Some(edit.at),
            Self::Clock { at } => Some(*at),
            _ => None,
        }
    }
}

/// A row and the version it must have reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(flatten)]
    pub key: crate::domain::Key,
    pub v: u64,
}

/// What a person did, as one unit: applied all or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The call that made it.
    pub op: Uuid,
    /// The author's profile.
    pub by: Uuid,
    pub at: Stamp,
    pub reason: Option<String>,
    pub changes: Vec<Change>,
    /// The assignments that were seen to go with it, by key; `None` in journals from before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drops: Option<Vec<String>>,
}

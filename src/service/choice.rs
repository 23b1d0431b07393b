//! What can be done with a row, and what a field can be set to, as values that go through the door.

use serde::{Deserialize, Serialize};

use crate::domain::Value;

/// The verbs of the console's menus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Create,
    Edit,
    Delete,
    SetStatus,
    Assign,
    Unassign,
}

/// Whether a verb is open to me here, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerbState {
    pub verb: Verb,
    pub why_not: Option<String>,
}

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored; `None` clears the field.
    pub value: Value,
    pub label: String,
    /// Beside the label: its region, how many drones.
    pub note: String,
    /// Why it cannot be chosen.
    pub why_not: Option<String>,
}

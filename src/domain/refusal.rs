//! Why an edit cannot be: the same four reasons the server gives, in words for the person.

use serde::{Deserialize, Serialize};

/// The reasons for good, as `sync_push` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The role does not allow it.
    Forbidden,
    /// A value or a relation breaks a rule.
    Invalid,
    /// Another row has this name or key.
    Unique,
    /// It points at a row that is not there.
    Reference,
}

/// A refusal: nothing was changed. `field` is the column to mend, where there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub reason: Reason,
    pub field: Option<String>,
    pub message: String,
}

impl Refusal {
    pub fn new(reason: Reason, field: Option<&str>, message: impl Into<String>) -> Self {
        Self { reason, field: field.map(str::to_owned), message: message.into() }
    }

    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(Reason::Invalid, Some(field), message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Reason::Forbidden, None, message)
    }
}

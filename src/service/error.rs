//! One error for every front: its kind, words for the person, what to do next.

use serde::{Deserialize, Serialize};

/// What sort of trouble; one table maps it to an exit code and to a popup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The program itself, or the system under it.
    Fault,
    /// The input is wrong.
    Usage,
    /// The role does not allow it.
    Denied,
    /// A rule forbids it.
    Refused,
    /// Password, token or account.
    SignIn,
    /// URL, key, clock or version.
    Configuration,
    /// There is no line; later it may work.
    Offline,
    /// The server answered with a fault.
    Server,
    /// The disk: nothing was saved.
    Storage,
    /// Another process has this account open.
    Locked,
    /// The session went on in another console.
    Moved,
    /// No console is open to ask.
    NotOpen,
    /// Something on this machine is to be looked after.
    Attention,
}

impl ErrorKind {
    /// The exit code of a command that ends with it.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Fault => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Refused => 4,
            Self::SignIn => 5,
            Self::Configuration => 6,
            Self::Offline => 7,
            Self::Server => 8,
            Self::Storage => 9,
            Self::Locked => 10,
            Self::Moved => 11,
            Self::NotOpen => 12,
            Self::Attention => 13,
        }
    }
}

/// What happened, to what, what is safe, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    pub kind: ErrorKind,
    pub message: String,
    /// The form's field it is about.
    pub field: Option<String>,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
}

impl ServiceError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), field: None, hints: Vec::new() }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<crate::domain::Refusal> for ServiceError {
    fn from(refusal: crate::domain::Refusal) -> Self {
        let kind = match refusal.reason {
            crate::domain::Reason::Forbidden => ErrorKind::Denied,
            _ => ErrorKind::Refused,
        };
        Self { field: refusal.field, ..Self::new(kind, refusal.message) }
    }
}

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
    pub const ALL: [Self; 13] = [
        Self::Fault,
        Self::Usage,
        Self::Denied,
        Self::Refused,
        Self::SignIn,
        Self::Configuration,
        Self::Offline,
        Self::Server,
        Self::Storage,
        Self::Locked,
        Self::Moved,
        Self::NotOpen,
        Self::Attention,
    ];

    /// The exit code of a command that ends with it, and what the code means: the one table of both.
    const fn coded(self) -> (u8, &'static str) {
        match self {
            Self::Fault => (1, "a fault of its own or of the system"),
            Self::Usage => {
                (2, "wrong usage: an argument, a file that is not fit or is there already, no terminal")
            }
            Self::Denied => (3, "the role does not allow it"),
            Self::Refused => (4, "a rule forbids it"),
            Self::SignIn => (5, "password, passphrase, session or account"),
            Self::Configuration => (6, "configuration: address, key, version"),
            Self::Offline => (7, "no line, where one is needed"),
            Self::Server => (8, "a fault of the server"),
            Self::Storage => (9, "the disk, or a file that is damaged"),
            Self::Locked => (10, "another process has the account open, or does not answer"),
            Self::Moved => (11, "another console took the session over"),
            Self::NotOpen => (12, "no console is open to ask"),
            Self::Attention => (13, "something was found that is to be looked after"),
        }
    }

    pub const fn exit_code(self) -> u8 {
        self.coded().0
    }

    pub const fn meaning(self) -> &'static str {
        self.coded().1
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
    /// What a script is told beside it, as an object: what was done all the same, or was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<serde_json::Value>>,
}

impl ServiceError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (message, hints) = (message.into(), Vec::new());
        Self { kind, message, field: None, hints, beside: None }
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

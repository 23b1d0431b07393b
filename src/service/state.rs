//! How the console stands, as values that go through the door: the account, the line, and what waits.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::DiskState;
use crate::domain::{Role, Stamp};

/// How the console stands; the state line is made of it by `status::line`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub account: Option<Account>,
    pub link: Link,
    /// Server time of the last pull that brought everything.
    pub as_of: Option<Stamp>,
    pub waiting: usize,
    pub sending: usize,
    pub needs_you: usize,
    /// Of those that wait: behind an edit that needs a decision.
    #[serde(default)]
    pub blocked: usize,
    /// In, and not seen back yet.
    #[serde(default)]
    pub confirmed: usize,
    /// The project holds no regions and drones, and I may fill it.
    pub empty: bool,
    pub traffic: Traffic,
    /// Bytes that went over the line in this session, up and down, about.
    pub bytes: u64,
    /// Why the last edit could not be saved, until one could be.
    pub not_saved: Option<String>,
    /// What headquarters changed about the person, until it was loaded and seen.
    #[serde(default)]
    pub news: Option<News>,
    /// What is wrong with this machine's own files.
    #[serde(default)]
    pub disk: DiskState,
    /// In training: whether the line is up.
    pub training_line: Option<bool>,
    /// Nothing is changed in this session.
    #[serde(default)]
    pub read_only: bool,
}

impl Status {
    /// Of a console that is locked.
    pub fn locked(waiting: usize, syncing: bool) -> Self {
        Self {
            account: None,
            link: Link::Idle { syncing },
            as_of: None,
            waiting,
            sending: 0,
            needs_you: 0,
            blocked: 0,
            confirmed: 0,
            empty: false,
            traffic: Traffic::Normal,
            bytes: 0,
            not_saved: None,
            news: None,
            disk: DiskState::default(),
            training_line: None,
            read_only: false,
        }
    }
}

/// Another role or region of the person's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// `YOUR REGION IS NOW Western`.
    pub text: String,
    /// What it brings into sight, or takes out of it, is on its way.
    pub reloading: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub project: String,
    pub email: String,
    /// Absent until the first pull has told.
    pub user: Option<Uuid>,
    pub role: Option<Role>,
    pub region: Option<String>,
}

/// The ways to what this machine has of the account, beside the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// Recovery words were made and count.
    pub words: bool,
    /// The server keeps a key for this device.
    pub server: bool,
}

/// How the line to the server stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", content = "of", rename_all = "snake_case")]
pub enum Link {
    SignedOut,
    Connecting,
    Loading {
        done: u64,
        total: u64,
    },
    Online,
    Offline {
        since: Stamp,
        why: String,
    },
    ServerFault {
        next_try_s: u64,
    },
    SignInAgain,
    /// The account has a second factor, and this session has not given its code.
    SecondFactor,
    /// Headquarters barred the account, or deleted it.
    Blocked,
    /// The console was left alone and is locked; its owner unlocks it. `syncing`: traffic goes on.
    Idle {
        syncing: bool,
    },
    CannotSync {
        why: String,
    },
    Inactive,
    NoProfile,
    /// No word of the server for so many days, which is more than may be: nothing can be read until it answers.
    Locked {
        days: i64,
    },
}

/// How freely the line is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    #[default]
    Normal,
    /// Without a socket, and asking seldom: for a line that is slow or paid by the byte. Edits are sent at once.
    Sparing,
    /// Nothing goes out but what a person asks for.
    Held,
}

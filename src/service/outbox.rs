//! Edits on their way, as values that go through the door: lines, cards, and what a person decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{Fields, Key, Stamp, Value, merge::Clash};

/// One edit of the outbox, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxLine {
    /// Its number: what `Settle` and `Export` name it by.
    pub edit: u64,
    pub key: Key,
    /// What the row is called, even where it is gone.
    pub label: String,
    pub what: String,
    pub state: EditState,
    pub at: Stamp,
}

/// An edit that needs a person: what was wanted, what the server has, and what can be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub edit: u64,
    pub line: OutboxLine,
    /// Of a conflict, the columns on which others disagree.
    pub fields: Vec<CardField>,
    /// What it sets, where that can be changed before it is sent again: then `Decision::Set` is open, too.
    pub wanted: Vec<Wanted>,
    /// Why it was done, in the person's own words.
    pub reason: Option<String>,
    /// Later edits that wait for the decision.
    pub behind: usize,
    /// What keeping it would come to; none where that is not open.
    #[serde(default)]
    pub kept: Option<Kept>,
    /// What is open beside that, the gentlest first. Another decision is refused.
    pub decisions: Vec<Decision>,
}

/// What is sent again of an edit that is kept, on what is there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub what: String,
    /// What follows from it for other rows, a sentence each: also what others made since.
    pub follows: Vec<String>,
    pub deletes: bool,
}

impl Kept {
    /// What is sent and what follows, in one line.
    pub fn told(&self) -> String {
        super::words::with_follows(&self.what, &self.follows)
    }
}

/// One column that an edit sets, as stored and in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub name: String,
    pub value: Value,
    pub text: String,
}

/// One column of a conflict, in words and as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardField {
    pub name: String,
    pub title: String,
    pub base: String,
    pub mine: String,
    pub theirs: String,
    pub values: Clash,
}

/// What a person makes of an edit that needs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Send it again as it was meant, on top of what is there now.
    Mine,
    /// Give way in the columns on which others disagree; what is left of the edit is sent.
    Theirs,
    /// These values instead.
    Set {
        fields: Fields,
    },
    /// Make the row, which was deleted, once more.
    CreateAgain,
    Discard,
}

/// How an edit stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EditState {
    Waiting,
    Sending,
    /// In; shown until a pull has brought it back.
    Confirmed,
    /// It depends on an edit that did not get in.
    Blocked,
    /// The journal was put back from an older copy, and it may have been sent since: it waits for a person's word.
    Held,
    Conflict {
        fields: BTreeMap<String, Clash>,
        /// The same in words, a sentence each.
        #[serde(default)]
        told: Vec<String>,
        /// Assignments that would go with it and that somebody made since, by name.
        drops: Vec<String>,
        by: Option<String>,
        at: Option<Stamp>,
    },
    Refused {
        field: Option<String>,
        message: String,
    },
    Gone,
}

impl EditState {
    pub fn needs_you(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Refused { .. } | Self::Gone)
    }

    /// Nothing becomes of it until a person has decided, about it or about all that is held back.
    pub fn waits_for_you(&self) -> bool {
        self.needs_you() || *self == Self::Held
    }
}

//! One column of one row, typed and borrowed: what a record gives and takes without making texts.
//!
//! A list, an index or the cache looks at millions of them; `Value` is for what travels.

use uuid::Uuid;

use super::{Stamp, Value};

/// A column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Text(&'a str),
    Uuid(Uuid),
    Time(Stamp),
}

impl<'a> Cell<'a> {
    pub fn of(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    /// Of a column that holds "" for null.
    pub(super) fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    pub(super) fn uuid(id: Option<Uuid>) -> Self {
        id.map_or(Self::Null, Self::Uuid)
    }

    pub(super) fn time(at: Option<Stamp>) -> Self {
        at.map_or(Self::Null, Self::Time)
    }

    /// The text, where it is one.
    pub(super) fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The uuid, also read from a text.
    pub(super) fn as_uuid(self) -> Option<Uuid> {
        match self {
            Self::Uuid(id) => Some(id),
            Self::Text(text) => Uuid::try_parse(text).ok(),
            _ => None,
        }
    }

    /// The time, also read from a text.
    pub(super) fn as_time(self) -> Option<Stamp> {
        match self {
            Self::Time(at) => Some(at),
            Self::Text(text) => Stamp::parse(text),
            _ => None,
        }
    }

    /// As it travels.
    pub fn value(self) -> Value {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(text.to_owned()),
            Self::Uuid(id) => Some(id.to_string()),
            Self::Time(at) => Some(at.text()),
        }
    }
}

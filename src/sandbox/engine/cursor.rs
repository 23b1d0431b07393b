//! The cursor of a pull, opaque to clients: where in the history a reader stands.
//!
//! `base` is the snapshot whose transactions the reader has; `target` and `after` say how far the present
//! window was read; `bulk` how far the load of whole scopes has come. A cursor is a claim by the caller: it
//! chooses what is sent next, never what may be seen.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::Fault;
use crate::domain::scope::Scopes;
use crate::domain::{Key, Kind};

/// Scopes of one cursor, at most: a caller has three.
const SCOPES_MAX: usize = 16;
/// Characters of a cursor in JSON.
const CURSOR_CHARS_MAX: usize = 65_536;
/// Transactions listed as in progress, at most.
const IN_PROGRESS_MAX: usize = 1000;

/// The `pg_snapshot` of SQL: `xmin:xmax:in,progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Snapshot {
    pub xmin: u64,
    pub xmax: u64,
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// All transactions before `next` are done and none is in progress.
    pub fn before(next: u64) -> Self {
        Self { xmin: next, xmax: next, in_progress: Vec::new() }
    }

    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmax && !self.in_progress.contains(&xid)
    }
}

impl TryFrom<String> for Snapshot {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text} is not a snapshot.");
        let mut parts = text.split(':');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let (xmin, xmax) = number().zip(number()).ok_or_else(wrong)?;
        let listed = parts.next().ok_or_else(wrong)?;
        let in_progress: Vec<u64> = listed
            .split(',')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong())?;
        let sound = parts.next().is_none()
            && xmin > 0
            && xmin <= xmax
            && in_progress.len() <= IN_PROGRESS_MAX
            && in_progress.iter().all(|xid| (xmin..xmax).contains(xid));
        if sound { Ok(Self { xmin, xmax, in_progress }) } else { Err(wrong()) }
    }
}

impl From<Snapshot> for String {
    fn from(snapshot: Snapshot) -> Self {
        let listed: Vec<_> = snapshot.in_progress.iter().map(u64::to_string).collect();
        format!("{}:{}:{}", snapshot.xmin, snapshot.xmax, listed.join(","))
    }
}

/// A transaction's number, as text: JSON's numbers are not meant for 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Xid(pub u64);

impl TryFrom<String> for Xid {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain);
        number.map(Self).ok_or_else(|| format!("{text} is no transaction"))
    }
}

impl From<Xid> for String {
    fn from(xid: Xid) -> Self {
        xid.0.to_string()
    }
}

/// How far a load of whole scopes has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bulk {
    pub scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(Kind, String)>,
    pub done: u64,
    pub total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    pub epoch: Uuid,
    pub base: Snapshot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Snapshot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<(Xid, Kind, String)>,
    pub scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<Bulk>,
}

impl Cursor {
    pub fn read(json: &Json) -> Result<Self, Fault> {
        if json.to_string().len() > CURSOR_CHARS_MAX {
            return Err(Fault::Malformed("The cursor is not one of this server: it is too long.".to_owned()));
        }
        let cursor = Self::deserialize(json)
            .map_err(|error| Fault::Malformed(format!("The cursor is not one of this server: {error}.")))?;
        let many = cursor.scopes.len().max(cursor.bulk.as_ref().map_or(0, |bulk| bulk.scopes.len()));
        if many > SCOPES_MAX {
            return Err(Fault::Malformed("The cursor names too many scopes.".to_owned()));
        }
        if cursor.after.is_some() && cursor.target.is_none() {
            return Err(Fault::Malformed("The cursor has a place in a window it does not name.".to_owned()));
        }
        Ok(cursor)
    }

    pub fn write(&self) -> Json {
        serde_json::to_value(self).expect("a cursor holds texts and numbers only, which JSON takes")
    }

    /// The place after which the present window goes on.
    pub fn place(&self) -> Option<(u64, Key)> {
        self.after.as_ref().map(|(xid, kind, pk)| (xid.0, Key { kind: *kind, pk: pk.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_read_as_postgres_writes_them() {
        let snapshot = Snapshot::try_from("10:20:11,15".to_owned()).expect("a snapshot");
        let seen: Vec<_> = (8..22).filter(|xid| snapshot.sees(*xid)).collect();
        assert_eq!(seen, [8, 9, 10, 12, 13, 14, 16, 17, 18, 19]);
        assert_eq!(String::from(snapshot), "10:20:11,15");
        for bad in ["", "10:20", "20:10:", "10:20:x", "10:20:25", "10:20::", "-1:2:", "0:5:"] {
            assert!(Snapshot::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}

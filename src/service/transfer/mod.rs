//! Rows in files: written for other programs to read, and read for taking them in. A copy for oneself, with everything
//! that waits, is `backup`.
//!
//! * `cells`: a table's cells, made harmless for spreadsheets and brought back to the letter;
//! * `writer`, `reader`: the three forms, CSV, JSON and NDJSON, without knowing whence rows come and where they go;
//! * `export`: page after page of what the door shows, into a file;
//! * `plan`: what it takes to take rows in, judged by the rules on a copy of the rows that are here; `names`: which row
//!   here one of a file means; `import`: carrying that out through the door, as edits like any others;
//! * `file`: a file that is whole or not there.
//!
//! Columns go by their names in SQL, values are raw, times are RFC 3339 in UTC; a null is an empty cell or JSON's null.
//! JSON and NDJSON say at the beginning of what they are, and at their end how many rows there were: a file that was cut
//! is told from a whole one. Nothing here knows whether a console is open: it asks and acts through a `Door`.

mod cells;
pub mod export;
pub(in crate::service) mod file;
pub mod import;
mod names;
mod plan;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::plan::{Report, Wrong};
use super::{Action, Answer, Done, ErrorKind, Query, ServiceError, StoredPage, StoredQuery, explain};
use crate::domain::{Kind, Stamp};
use crate::session::socket::LineError;

/// The version of the form that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The way to an account: a console's socket, or the account opened in this process.
pub struct Door<'a> {
    pub ask: &'a dyn Fn(Query) -> Result<Answer, ServiceError>,
    pub act: &'a dyn Fn(Action) -> Result<Done, ServiceError>,
}

impl Door<'_> {
    fn stored(&self, query: StoredQuery) -> Result<StoredPage, ServiceError> {
        match (self.ask)(Query::Stored(query))? {
            Answer::Stored(page) => Ok(page),
            _ => Err(explain::not_understood(&LineError::Garbage)),
        }
    }

    /// Every row of a kind that a filter leaves, a page at a time.
    fn each_page(
        &self,
        (kind, filter): (Kind, &str),
        mut take: impl FnMut(StoredPage) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let mut query = StoredQuery { kind, filter: filter.to_owned(), after: None };
        loop {
            let page = self.stored(query.clone())?;
            query.after.clone_from(&page.next);
            take(page)?;
            if query.after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Ndjson,
}

impl Format {
    /// The form that a file's name tells.
    pub fn of(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" => Some(Self::Json),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// What a kind is called where there are many: on the command line, and as a file's name.
pub const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Region => "regions",
        Kind::User => "users",
        Kind::Drone => "drones",
        Kind::Assignment => "assignments",
    }
}

/// A kind by any of its names: one, many, its table.
fn kind_named(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| [kind.noun(), plural(*kind), kind.table()].contains(&name))
}

/// What a file says of itself at its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    #[serde(rename = "flyos_export")]
    pub version: u32,
    /// The project's address.
    pub project: String,
    pub as_of: Option<Stamp>,
    pub made_at: Stamp,
    /// Edits that are in the rows and that the server did not have yet.
    pub unsent: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
}

/// And at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footer {
    /// Rows of each kind.
    pub counts: BTreeMap<String, usize>,
    /// Whether all of them are of one moment: nothing changed while they were written.
    pub still: bool,
}

fn usage(message: impl Into<String>) -> ServiceError {
    ServiceError::new(ErrorKind::Usage, message)
}

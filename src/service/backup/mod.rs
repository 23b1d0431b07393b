//! A backup: all that a machine has of an account in one file, sealed under a passphrase of its own; and an account made
//! anew of it.
//!
//! Inside the seal (`vault::parcel`) are lines of JSON: a head that says what it is, the edits, the rows, and an end that
//! counts them. The account's key stays sealed by its password and its recovery words, as it is on the disk: a restored
//! account opens by those of the day of the backup. It is a device of its own, with no session.
//!
//! Edits go by the ids that they have here. Whichever of the two machines sends them first, the server knows them by
//! these from the other, and nothing is applied twice.

pub mod copy;
mod keep;
mod restore;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::keep::{Keep, name_in, remove_old};
pub use self::restore::{Backup, Outcome, read};
use super::transfer::{Door, file::Whole};
use super::{
    Action, Answer, CopiedEdit, CopiedRow, CopyHead, CopyQuery, ErrorKind, Query, ServiceError, explain,
    parcel,
};
use crate::domain::Stamp;
use crate::session::socket::LineError;
use crate::vault::{KdfParams, parcel as sealed};

/// The version of what is inside.
const VERSION: u32 = 1;
/// The largest backup: some 1,500,000 rows. It is in memory as a whole, twice.
const BYTES_MAX: usize = 512 << 20;
/// What is sealed is a little longer than what is in it.
const SEALED_BYTES_MAX: usize = BYTES_MAX + (1 << 20);

/// One line inside.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Head { flyos_backup: u32, made_at: Stamp, of: Box<CopyHead> },
    Edit(CopiedEdit),
    Row(CopiedRow),
    End { edits: usize, rows: usize },
}

/// What is to be written, in memory.
pub struct Collected {
    plain: Zeroizing<Vec<u8>>,
    pub head: CopyHead,
    pub edits: usize,
    pub rows: usize,
    made_at: Stamp,
}

/// Takes everything together; `progress` is told after every page how many rows there are.
pub fn collect(
    door: &Door<'_>,
    now: Stamp,
    progress: &mut dyn FnMut(usize),
) -> Result<Collected, ServiceError> {
    (door.act)(Action::Freeze)?;
    let mut page = ask(door, CopyQuery::default())?;
    let head = page.head.take().ok_or_else(misunderstood)?;
    let mut made =
        Collected { plain: Zeroizing::new(Vec::new()), head: head.clone(), edits: 0, rows: 0, made_at: now };
    made.put(&Line::Head { flyos_backup: VERSION, made_at: now, of: Box::new(head) })?;
    loop {
        made.edits += page.edits.len();
        made.rows += page.rows.len();
        page.edits.into_iter().try_for_each(|edit| made.put(&Line::Edit(edit)))?;
        page.rows.into_iter().try_for_each(|row| made.put(&Line::Row(row)))?;
        progress(made.rows);
        let Some(from) = page.next else { break };
        page = ask(door, CopyQuery { from: Some(from) })?;
    }
    made.put(&Line::End { edits: made.edits, rows: made.rows })?;
    Ok(made)
}

fn ask(door: &Door<'_>, query: CopyQuery) -> Result<super::CopyPage, ServiceError> {
    match (door.ask)(Query::Copy(query))? {
        Answer::Copy(page) => Ok(*page),
        _ => Err(misunderstood()),
    }
}

fn misunderstood() -> ServiceError {
    explain::not_understood(&LineError::Garbage)
}

impl Collected {
    fn put(&mut self, line: &Line) -> Result<(), ServiceError> {
        let put = serde_json::to_writer(&mut *self.plain, line);
        put.map_err(|error| not_made(&error.to_string()))?;
        self.plain.push(b'\n');
        if self.plain.len() > BYTES_MAX {
            let message = format!(
                "What this machine has takes more than {} MiB. Nothing was written.",
                BYTES_MAX >> 20
            );
            return Err(ServiceError::new(ErrorKind::Storage, message)
                .hint("The rows are on the server: export what waits into a sealed file instead."));
        }
        Ok(())
    }

    /// Seals it and writes the file: whole, durable, the owner's alone. Gives where, and how many bytes.
    pub fn write(
        self,
        path: &Path,
        passphrase: &SecretString,
        (kdf, replace): (KdfParams, bool),
    ) -> Result<(PathBuf, usize), ServiceError> {
        parcel::check(passphrase)?;
        let mut out = Whole::begin(path, replace)?;
        let bytes = sealed::seal(&self.plain, (self.made_at, self.rows + self.edits), passphrase, kdf);
        let bytes = bytes.map_err(|error| not_made(&error.to_string()))?;
        out.write_all(&bytes).map_err(|error| not_made(&error.to_string()))?;
        Ok((out.keep()?, bytes.len()))
    }
}

fn not_made(why: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Storage, format!("The backup could not be written: {why}."))
        .hint("What was under that name before is as it was.")
}

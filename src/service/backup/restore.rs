//! A backup read back, and an account made of it: everything is opened, counted and judged before anything is touched.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use secrecy::SecretString;

use super::super::{Config, ErrorKind, Folders, ServiceError, explain};
use super::copy::renumbered;
use super::{CopiedRow, CopyHead, Line, SEALED_BYTES_MAX, VERSION};
use crate::domain::{Record, Stamp};
use crate::session::ways;
use crate::store::{self, AccountFile, AccountFolder, CachedRow, Entry, Restored};
use crate::vault::Sealer;
use crate::vault::parcel;

/// A backup that was opened and is whole.
pub struct Backup {
    pub head: CopyHead,
    pub made_at: Stamp,
    /// The edits that are not in yet, each with what became of it.
    edits: Vec<Vec<Entry>>,
    rows: Vec<CopiedRow>,
}

/// What was restored beside the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was no configuration: the backup's is in its place.
    Settings,
    /// The project was added to the configuration that is there.
    Project,
    /// The configuration knows the project.
    Known,
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> ServiceError {
    ServiceError::new(ErrorKind::Usage, format!("{}: {why}. Nothing was changed.", path.display()))
}

/// Opens and checks a backup; nothing is written.
pub fn read(path: &Path, passphrase: &SecretString) -> Result<Backup, ServiceError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| wrong(path, format!("it cannot be read: {error}")))?;
    let read = file.take(SEALED_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| wrong(path, format!("it cannot be read: {error}")))?;
    if bytes.len() > SEALED_BYTES_MAX {
        return Err(wrong(
            path,
            format!("it is larger than {} MiB, and no backup is", SEALED_BYTES_MAX >> 20),
        ));
    }
    let (label, plain) = parcel::open(&bytes, passphrase)
        .map_err(|error| explain::sealed(path, &error, "Nothing was changed."))?;
    drop(bytes);
    let backup = parse(&plain).map_err(|why| wrong(path, why))?;
    if label.count != backup.rows() + backup.edits() {
        return Err(wrong(path, UNKNOWN));
    }
    Ok(backup)
}

const UNKNOWN: &str = "what is in it is no backup of a form that this version knows";

fn parse(plain: &[u8]) -> Result<Backup, &'static str> {
    let mut lines = serde_json::Deserializer::from_slice(plain).into_iter::<Line>();
    let Some(Ok(Line::Head { flyos_backup: VERSION, made_at, of })) = lines.next() else {
        return Err(UNKNOWN);
    };
    let mut backup = Backup { head: *of, made_at, edits: Vec::new(), rows: Vec::new() };
    for line in lines.by_ref() {
        match line.map_err(|_| UNKNOWN)? {
            Line::Edit(edit) if matches!(edit.entries.first(), Some(Entry::Edit(_))) => {
                backup.edits.push(edit.entries);
            }
            Line::Row(row) => backup.rows.push(row),
            Line::End { edits, rows } if (edits, rows) == (backup.edits.len(), backup.rows.len()) => {
                return if lines.next().is_none() { Ok(backup) } else { Err(UNKNOWN) };
            }
            _ => return Err(UNKNOWN),
        }
    }
    Err(UNKNOWN)
}

impl Backup {
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    pub fn edits(&self) -> usize {
        self.edits.len()
    }

    /// Refuses where this machine has the account.
    pub fn refuse_known(&self, folders: &Folders) -> Result<(), ServiceError> {
        let folder = AccountFolder::of(&folders.data, self.head.account);
        if std::fs::symlink_metadata(folder.path()).is_err() {
            return Ok(());
        }
        let message = format!(
            "This machine has something of {} already, and a backup is restored only where there is nothing. \
             Nothing was changed.",
            self.head.email
        );
        Err(ServiceError::new(ErrorKind::Refused, message)
            .hint("Restore it on another machine, or with FLYOS_HOME set to another folder.")
            .hint("Or let go of what is here first, unsent edits included: flyos wipe --email ADDRESS."))
    }

    /// Makes the account of it. `password`: the account's, of the day of the backup, or its recovery words.
    pub fn restore(self, folders: &Folders, password: &SecretString) -> Result<Outcome, ServiceError> {
        self.refuse_known(folders)?;
        let Self { head, edits, rows, .. } = self;
        let file = AccountFile::parse(head.file.as_bytes()).map_err(|error| explain::store(&error))?;
        // Each restored account is a device of its own, however many are made of one backup.
        let file = file.elsewhere();
        let key = ways::key_of(&file, password).map_err(|error| {
            let told = explain::prove(&error);
            ServiceError { hints: Vec::new(), ..told }
                .hint("It is the password that the account had when the backup was made, or its recovery words then.")
                .hint("Nothing was changed.")
        })?;
        let sealer = Sealer::new(&key, head.account.into_bytes());
        let rows = rows.into_iter().filter_map(|row| {
            let record = Record::from_fields(&row.key, &row.fields)?;
            Some((row.key, CachedRow { v: row.v, scopes: row.scopes, row: record }))
        });
        let made = Restored { file, entries: numbered(edits), rows: rows.collect(), meta: head.meta.clone() };
        store::restore(&folders.data, head.account, made, &sealer).map_err(|error| explain::store(&error))?;
        settings(folders, &head)
    }
}

/// All entries in one order, under the numbers that a new journal gives them.
fn numbered(edits: Vec<Vec<Entry>>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for edit in edits {
        let number = entries.len() as u64 + 1;
        entries.extend(edit.into_iter().map(|entry| renumbered(entry, number)));
    }
    entries
}

/// Sees to it that the project is known here.
fn settings(folders: &Folders, head: &CopyHead) -> Result<Outcome, ServiceError> {
    let told = |error: ServiceError| {
        error.hint("The account is restored. Its project is not remembered: add it at the sign-in.")
    };
    let mut config = Config::read(folders).map_err(told)?;
    let there = std::fs::symlink_metadata(Config::path(folders)).is_ok();
    if !there && let Ok(settings) = serde_json::from_value::<Config>(head.settings.clone()) {
        config = settings;
    }
    let known = config.projects.values().any(|project| project.url == head.project.url);
    if !known {
        let mut name = head.name.clone();
        while name == super::super::config::FROM_ENVIRONMENT || config.projects.contains_key(&name) {
            name = format!("{name}-restored");
        }
        config.default_project.get_or_insert_with(|| name.clone());
        config.projects.insert(name, head.project.clone());
    } else if there {
        return Ok(Outcome::Known);
    }
    config.write(folders).map_err(told)?;
    Ok(if there { Outcome::Project } else { Outcome::Settings })
}

//! Everything that a backup keeps, a page at a time: what the account is, the edits that are not in yet, and the server's
//! rows with their versions.
//!
//! No page waits for another, and sync goes on meanwhile. What is read stays sound all the same, because the head is read
//! first: its cursor is not newer than any row, so the first pull of a restored account brings what changed while the
//! copy was made; and its edits go by ids that the server knows once it has taken them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{Fields, Key, Kind, Record};
use crate::service::list::filter::At;
use crate::service::session::Inner;
use crate::service::stored::{by_keys, bytes_of, fill};
use crate::service::{Config, Done, ErrorKind, OpCtx, ProjectConfig, ServiceError, explain, parcel, read};
use crate::store::replica::{Fate, Pending, Replica};
use crate::store::{Entry, Meta, Store};

/// From where a page goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyFrom {
    /// After that edit.
    Edit(u64),
    /// In that kind, after that row.
    Row(Kind, Option<Key>),
}

/// Which page: none begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyQuery {
    pub from: Option<CopyFrom>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyPage {
    /// With the first page.
    pub head: Option<CopyHead>,
    pub edits: Vec<CopiedEdit>,
    pub rows: Vec<CopiedRow>,
    pub next: Option<CopyFrom>,
}

/// What the account is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyHead {
    /// The name of its folder.
    pub account: Uuid,
    pub email: String,
    /// What the project is called, and where it is.
    pub name: String,
    pub project: ProjectConfig,
    /// The configuration file.
    pub settings: serde_json::Value,
    /// `account.toml` for another installation: its key is in it, sealed by the password and by the recovery words.
    pub file: String,
    /// What the rows are worth.
    pub meta: Meta,
}

/// An edit with what became of it so far, as entries of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedEdit {
    pub entries: Vec<Entry>,
}

/// A row as the server gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedRow {
    pub key: Key,
    pub v: u64,
    pub scopes: Vec<String>,
    pub fields: Fields,
}

/// Gives every edit that waits its ids.
pub(in crate::service) fn freeze(store: &mut Store) -> Result<Done, ServiceError> {
    let held = store.held_edits().len();
    if held > 0 {
        let message =
            format!("{held} edits are held back until somebody decides about them. Nothing was changed.");
        return Err(ServiceError::new(ErrorKind::Refused, message)
            .hint("Decide in the console (!): send them, or let go of them."));
    }
    let edits = parcel::freeze(store, &[])?;
    Ok(Done::Saved { edits, summary: "Everything that waits has its ids for sending.".to_owned() })
}

impl Inner {
    pub(in crate::service) fn copy(&self, ctx: &OpCtx, query: &CopyQuery) -> Result<CopyPage, ServiceError> {
        self.open_desk()?;
        let page = match &query.from {
            None => {
                let head = self.head()?;
                self.look(|replica| edits_after(replica, 0)).map(|page| CopyPage { head: Some(head), ..page })
            }
            Some(CopyFrom::Edit(after)) => self.look(|replica| edits_after(replica, *after)),
            Some(CopyFrom::Row(kind, after)) => {
                let after = after.as_ref();
                self.look(|replica| self.rows_after(replica, *kind, after, At::of(ctx, replica)))
            }
        };
        page.ok_or_else(explain::signed_out)
    }

    fn head(&self) -> Result<CopyHead, ServiceError> {
        let (folder, _) = self.folder_and_desk().ok_or_else(explain::signed_out)?;
        let file = folder.account_file().and_then(|file| file.elsewhere().text());
        let file = file.map_err(|error| explain::store(&error))?;
        let named = read(&self.session, |session| {
            session.as_ref().map(|session| (session.project.clone(), session.email.clone()))
        });
        let (name, email) = named.ok_or_else(explain::signed_out)?;
        let project = read(&self.config, |config| config.projects.get(&name).cloned());
        let project = project.ok_or_else(explain::signed_out)?;
        let settings =
            Config::read(&self.settings.folders).ok().and_then(|file| serde_json::to_value(file).ok());
        let meta = self.look(|replica| {
            let kept = replica.meta().clone();
            Meta { applied_seq: 0, settled: BTreeSet::new(), back: BTreeSet::new(), ..kept }
        });
        Ok(CopyHead {
            account: folder.account(),
            email,
            name,
            project,
            settings: settings.unwrap_or_default(),
            file,
            meta: meta.ok_or_else(explain::signed_out)?,
        })
    }

    fn rows_after(&self, replica: &Replica, kind: Kind, after: Option<&Key>, at: At<'_>) -> CopyPage {
        // Without a filter there is none that means nothing.
        let places = self.lists.after(replica, &by_keys(kind, String::new()), after, at).unwrap_or_default();
        let shown = places.iter().filter_map(|place| replica.view().key_at(kind, *place));
        // What an unsent edit deletes is the server's row all the same; there are few.
        let hidden = if after.is_none() { replica.ghosts() } else { Vec::new() };
        let hidden = hidden.into_iter().map(|record| record.key()).filter(|key| key.kind == kind);
        let mut last = None;
        let mut page = CopyPage { head: None, edits: Vec::new(), rows: Vec::new(), next: None };
        let more = fill(
            hidden.map(|key| (false, key)).chain(shown.map(|key| (true, key))).map(|(shown, key)| {
                let row = copied(replica, &key);
                (shown, key, row)
            }),
            |(.., row)| row.as_ref().map_or(0, |row| bytes_of(&row.fields)),
            |(shown, key, row)| {
                if shown {
                    last = Some(key);
                }
                page.rows.extend(row);
            },
        );
        let next_kind = Kind::ALL.into_iter().find(|next| *next > kind).map(|next| CopyFrom::Row(next, None));
        page.next = if more { Some(CopyFrom::Row(kind, last)) } else { next_kind };
        page
    }
}

fn copied(replica: &Replica, key: &Key) -> Option<CopiedRow> {
    let cached = replica.cached(key)?;
    let fields = Record::fields(&cached.row);
    Some(CopiedRow { key: key.clone(), v: cached.v, scopes: cached.scopes, fields })
}

fn edits_after(replica: &Replica, after: u64) -> CopyPage {
    let mut page = CopyPage { head: None, edits: Vec::new(), rows: Vec::new(), next: None };
    let mut last = after;
    // One that was made since the edits got their ids is not of this copy.
    let edits = replica.outbox().filter(|pending| pending.seq > after && !pending.ids.is_empty());
    let size = |pending: &&Pending| {
        let sizes = pending.edit.changes.iter().map(|change| change.set().map_or(600, bytes_of));
        sizes.sum::<usize>() * 2 + 200
    };
    let more = fill(edits, size, |pending| {
        last = pending.seq;
        page.edits.push(CopiedEdit { entries: entries_of(pending) });
    });
    page.next = Some(if more { CopyFrom::Edit(last) } else { CopyFrom::Row(Kind::ALL[0], None) });
    page
}

/// The entries that bring the edit back as it is.
fn entries_of(pending: &Pending) -> Vec<Entry> {
    let edit = pending.seq;
    let mut entries = vec![Entry::Edit(pending.edit.clone()), Entry::Sent { edit, ids: pending.ids.clone() }];
    entries.extend(match pending.fate.clone() {
        Fate::Waiting | Fate::Sent if pending.again => {
            vec![Entry::Ack { edit, v: Vec::new() }, Entry::Offered { edits: vec![edit] }]
        }
        Fate::Waiting | Fate::Sent => Vec::new(),
        Fate::Acked { v, .. } => vec![Entry::Ack { edit, v }],
        Fate::Conflict { change, fields, drops, by, at } => {
            vec![Entry::Conflict { edit, change, fields, drops, by, at }]
        }
        Fate::Rejected { change, reason, field, message } => {
            vec![Entry::Rejected { edit, change, reason, field, message }]
        }
        Fate::Gone { change } => vec![Entry::Gone { edit, change }],
    });
    entries
}

/// The same edit under the number that another journal gives it.
pub(super) fn renumbered(entry: Entry, to: u64) -> Entry {
    match entry {
        Entry::Sent { ids, .. } => Entry::Sent { edit: to, ids },
        Entry::Ack { v, .. } => Entry::Ack { edit: to, v },
        Entry::Conflict { change, fields, drops, by, at, .. } => {
            Entry::Conflict { edit: to, change, fields, drops, by, at }
        }
        Entry::Rejected { change, reason, field, message, .. } => {
            Entry::Rejected { edit: to, change, reason, field, message }
        }
        Entry::Gone { change, .. } => Entry::Gone { edit: to, change },
        Entry::Offered { .. } => Entry::Offered { edits: vec![to] },
        other => other,
    }
}

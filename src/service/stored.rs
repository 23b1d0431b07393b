//! Rows as they are stored, a page at a time: for files, which want every column and not what a list shows.
//!
//! A page goes on after the last key of the one before, so rows that come and go between two pages neither double
//! another row nor hide it. Each page says of which moment it is: who reads several can tell whether all of them are of
//! one. The rows are those that people see, unsent edits included; what such an edit deletes is not among them.

use serde::{Deserialize, Serialize};

use super::list::filter::At;
use super::session::Inner;
use super::{ErrorKind, ListQuery, OpCtx, ServiceError, explain};
use crate::domain::{Actor, Change, Fields, Key, Kind, Record, Stamp};
use crate::store::replica::Replica;

/// Rows of one page: some 600 kB of texts, far from what a message may take.
pub(super) const PAGE_ROWS_MAX: usize = 2000;
/// And their bytes, for old data with long texts.
pub(super) const PAGE_BYTES_MAX: usize = 1 << 20;

/// Which rows, and after which key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredQuery {
    pub kind: Kind,
    /// As in a list.
    pub filter: String,
    pub after: Option<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPage {
    /// Every column of each row, in the order of the keys.
    pub rows: Vec<Fields>,
    /// Where the next page goes on; none: these were the last.
    pub next: Option<Key>,
    pub moment: Moment,
    /// With the first page of all rows: what edits of this kind are about that need a decision.
    #[serde(default)]
    pub undecided: Vec<Undecided>,
}

/// A row that an edit is about which needs a decision: no other edit of it gets in before, and a new row is not among the
/// rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undecided {
    pub edit: u64,
    pub key: Key,
    /// What is unique of what it sets.
    pub names: Fields,
}

/// Of when the rows are, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The project's address.
    pub project: String,
    /// The server's time of the last pull that brought everything.
    pub as_of: Option<Stamp>,
    /// Edits that are in the rows and that the server does not have yet.
    pub unsent: usize,
    /// The same as long as nothing of what can be seen has changed.
    pub revision: u64,
    /// Who looks; none: an account that may do nothing.
    pub actor: Option<Actor>,
}

/// Takes what fits into one page; true: there was more.
pub(super) fn fill<T>(
    items: impl Iterator<Item = T>,
    size: impl Fn(&T) -> usize,
    mut take: impl FnMut(T),
) -> bool {
    let (mut count, mut bytes) = (0, 0);
    for item in items {
        bytes += size(&item);
        if count == PAGE_ROWS_MAX || count > 0 && bytes > PAGE_BYTES_MAX {
            return true;
        }
        count += 1;
        take(item);
    }
    false
}

/// About how many bytes the columns take in a message.
pub(super) fn bytes_of(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len) + 8).sum()
}

/// An order by keys: there is no column to sort by.
pub(super) fn by_keys(kind: Kind, filter: String) -> ListQuery {
    ListQuery { kind, filter, sort: String::new(), descending: false, offset: 0, limit: 0 }
}

impl Inner {
    pub(super) fn stored(&self, ctx: &OpCtx, query: &StoredQuery) -> Result<StoredPage, ServiceError> {
        self.open_desk()?;
        let project = self.project_url().ok_or_else(explain::signed_out)?;
        let page = self.look(|replica| self.page(replica, query, project, At::of(ctx, replica)));
        let page = page.ok_or_else(explain::signed_out)?;
        page.map_err(|problem| ServiceError::new(ErrorKind::Usage, problem))
    }

    /// A page, or why the filter means nothing.
    fn page(
        &self,
        replica: &Replica,
        query: &StoredQuery,
        project: String,
        at: At<'_>,
    ) -> Result<StoredPage, String> {
        let first = query.after.is_none() && query.filter.is_empty();
        let undecided = if first { undecided(replica, query.kind) } else { Vec::new() };
        let mut page =
            StoredPage { rows: Vec::new(), next: None, moment: moment(replica, project), undecided };
        let mut last = None;
        let all = by_keys(query.kind, query.filter.clone());
        let found = self.lists.after(replica, &all, query.after.as_ref(), at)?;
        let found = found.iter().filter_map(|place| replica.view().record_at(query.kind, *place));
        let found = found.map(|record: Record| (record.key(), record.fields()));
        let more = fill(
            found,
            |(_, fields)| bytes_of(fields),
            |(key, fields)| {
                last = Some(key);
                page.rows.push(fields);
            },
        );
        page.next = last.filter(|_| more);
        Ok(page)
    }
}

fn undecided(replica: &Replica, kind: Kind) -> Vec<Undecided> {
    let unique = |change: &Change| -> Fields {
        let set = change.set().into_iter().flatten();
        let named = |name: &str| kind.field(name).is_some_and(|field| field.unique);
        set.filter(|(name, _)| named(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let edits = replica.outbox().filter(|pending| pending.fate.needs_you());
    let changes = edits.flat_map(|pending| pending.edit.changes.iter().map(|change| (pending.seq, change)));
    let changes = changes.filter(|(_, change)| change.key.kind == kind);
    changes.map(|(edit, change)| Undecided { edit, key: change.key.clone(), names: unique(change) }).collect()
}

pub(super) fn moment(replica: &Replica, project: String) -> Moment {
    Moment {
        project,
        as_of: replica.meta().as_of,
        unsent: replica.counts().0,
        revision: replica.revision(),
        actor: replica.actor(),
    }
}

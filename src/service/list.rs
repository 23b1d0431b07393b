//! Lists: filter, order, window. The order of a list is kept until a row changes, so that moving through a
//! long list costs one window and not one sort.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::cells::{self, cell};
use super::{ListPage, ListQuery, Mark, RowView, columns};
use crate::domain::{Key, Kind, Op, Record, World};
use crate::store::replica::{Pending, Replica};

/// Orders kept: one per tab and some to come back to.
const KEPT_MAX: usize = 8;
/// The longest filter, in bytes.
const FILTER_BYTES_MAX: usize = 200;

/// Orders made earlier.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    revision: u64,
    query: ListQuery,
    total: usize,
    keys: Arc<Vec<Key>>,
}

impl Lists {
    /// Another account has other rows under the same revisions: nothing kept is good for it.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The window a query asks for.
    pub(super) fn page(&self, replica: &Replica, query: &ListQuery) -> ListPage {
        let (total, keys) = self.order(replica, query);
        let window = keys.iter().skip(query.offset).take(query.limit);
        let rows = window.filter_map(|key| row_view(replica, key)).collect();
        ListPage { total, matched: keys.len(), rows }
    }

    /// Where a row stands in the order.
    pub(super) fn place(&self, replica: &Replica, query: &ListQuery, key: &Key) -> Option<usize> {
        self.order(replica, query).1.iter().position(|other| other == key)
    }

    fn order(&self, replica: &Replica, query: &ListQuery) -> (usize, Arc<Vec<Key>>) {
        let query = ListQuery { offset: 0, limit: 0, ..query.clone() };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.revision == replica.revision());
        if let Some(found) = kept.iter().find(|kept| kept.query == query) {
            return (found.total, Arc::clone(&found.keys));
        }
        let (total, keys) = ordered(replica, &query);
        let keys = Arc::new(keys);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept { revision: replica.revision(), query, total, keys: Arc::clone(&keys) });
        (total, keys)
    }
}

fn ordered(replica: &Replica, query: &ListQuery) -> (usize, Vec<Key>) {
    let world = replica.view();
    let filter = Filter::parse(query.kind, &query.filter);
    let mut total = 0;
    let mut rows: Vec<(SortKey, Key)> = Vec::new();
    let ghosts = replica.ghosts().into_iter().filter(|record| record.kind() == query.kind);
    for record in world.records(query.kind).chain(ghosts) {
        total += 1;
        if filter.matches(world, &record) {
            rows.push((SortKey::of(&cell(world, &record, &query.sort)), record.key()));
        }
    }
    rows.sort_by(|(a, key_a), (b, key_b)| {
        let order = a.cmp(b, query.descending);
        order.then_with(|| key_a.cmp(key_b))
    });
    (total, rows.into_iter().map(|(_, key)| key).collect())
}

/// Numbers before texts, texts without regard to case, nothing always last.
enum SortKey {
    Number(i64),
    Text(String),
    Nothing,
}

impl SortKey {
    fn of(text: &str) -> Self {
        match text.parse() {
            _ if text.is_empty() => Self::Nothing,
            Ok(number) => Self::Number(number),
            Err(_) => Self::Text(text.to_lowercase()),
        }
    }

    fn cmp(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Nothing, Self::Nothing) => return Ordering::Equal,
            (Self::Nothing, _) => return Ordering::Greater,
            (_, Self::Nothing) => return Ordering::Less,
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if descending { order.reverse() } else { order }
    }
}

/// Words that must all hold.
struct Filter {
    kind: Kind,
    words: Vec<Word>,
}

struct Word {
    column: Option<&'static str>,
    text: String,
    negated: bool,
}

impl Filter {
    fn parse(kind: Kind, text: &str) -> Self {
        let text: String = text.chars().take(FILTER_BYTES_MAX).collect();
        let words = text.split_whitespace().filter_map(|word| Word::parse(kind, word)).collect();
        Self { kind, words }
    }

    fn matches(&self, world: &World, record: &Record) -> bool {
        self.words.iter().all(|word| word.found(self.kind, world, record) != word.negated)
    }
}

impl Word {
    fn parse(kind: Kind, word: &str) -> Option<Self> {
        let (negated, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let named = word.split_once(':').and_then(|(name, text)| {
            let name = name.to_lowercase();
            let column =
                columns(kind).iter().find(|column| ***column == name || alias(&name) == Some(column))?;
            Some((Some(*column), text))
        });
        let (column, text) = named.unwrap_or((None, word));
        (!text.is_empty()).then(|| Self { column, text: text.to_lowercase(), negated })
    }

    fn found(&self, kind: Kind, world: &World, record: &Record) -> bool {
        let holds = |column: &str| cell(world, record, column).to_lowercase().contains(&self.text);
        match self.column {
            Some(column) => holds(column),
            None => columns(kind).iter().filter(|column| **column != "changed").any(|column| holds(column)),
        }
    }
}

/// Short names people type.
fn alias(name: &str) -> Option<&'static str> {
    match name {
        "user" => Some("username"),
        "name" => Some("full_name"),
        "commander" => Some("commander_name"),
        "drone" => Some("id"),
        _ => None,
    }
}

/// A row as lists show it; of a row that an unsent edit deletes, the server's last word, and of a new one that was
/// refused, what was asked for.
pub(super) fn row_view(replica: &Replica, key: &Key) -> Option<RowView> {
    let world = replica.view();
    let (record, ghost) = match world.get(key) {
        Some(record) => (record, false),
        None => (replica.ghost(key)?, true),
    };
    let cells = columns(key.kind).iter().filter(|column| **column != "changed").filter_map(|column| {
        let text = cell(world, &record, column);
        (!text.is_empty()).then(|| ((*column).to_owned(), text))
    });
    let edits: Vec<&Pending> = replica.edits_of(key).collect();
    Some(RowView {
        cells: cells.collect(),
        label: record.label().to_owned(),
        changed: cells::changed(&record),
        mark: mark(replica, key, ghost, &edits),
        needs_you: edits.iter().any(|pending| pending.fate.needs_you()),
        alert: cells::alerts(world, &record).into_iter().next(),
        key: key.clone(),
    })
}

fn mark(replica: &Replica, key: &Key, ghost: bool, edits: &[&Pending]) -> Option<Mark> {
    if ghost {
        return Some(if replica.is_known(key) { Mark::Deleted } else { Mark::New });
    }
    let open: Vec<_> = edits.iter().filter(|pending| !pending.fate.needs_you()).collect();
    let inserts = |pending: &&&Pending| {
        pending.edit.changes.iter().any(|change| change.key == *key && matches!(change.op, Op::Insert { .. }))
    };
    match (open.is_empty(), open.iter().any(inserts) && !replica.is_known(key)) {
        (true, _) => None,
        (false, true) => Some(Mark::New),
        (false, false) => Some(Mark::Changed),
    }
}

//! Lists: filter, order, window. The order of a list is kept, so that moving through a long list costs one window and not
//! one sort; and where a few rows changed since, these alone are taken out of it and put in again.
//!
//! An order has a row's place in its table for each row, four bytes; a million rows are listed several ways at once. What a
//! row shows may be another row's name, so the rows that point at one that changed are looked at again, too (`stirred`).

mod filter;
mod sort;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use self::filter::Filter;
use self::sort::{SortKey, Sorting};
use super::cells::{self, cell};
use super::rows::PAGE_ROWS_MAX;
use super::{ListPage, ListQuery, Mark, RowView, columns};
use crate::domain::{Key, Kind, Op, Record, World};
use crate::store::replica::{Pending, Replica, Written};

/// Orders kept: one per tab and some to come back to.
const KEPT_MAX: usize = 8;
/// Rows that are put in anew one by one; from here on sorting all is quicker.
const STIRRED_MAX: usize = 2000;

/// Orders made earlier.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    revision: u64,
    query: ListQuery,
    order: Arc<Order>,
}

/// The rows that a query finds, in its order.
#[derive(Clone, Debug, Default)]
struct Order {
    items: Vec<Item>,
    /// Rows that are not in the view (see `Replica::ghosts`).
    ghosts: Vec<Record>,
}

/// One row: its place in its table, or among the ghosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Row(u32),
    Ghost(u32),
}

impl Order {
    fn record(&self, world: &World, kind: Kind, item: Item) -> Option<Record> {
        match item {
            Item::Row(place) => world.record_at(kind, place),
            Item::Ghost(number) => self.ghosts.get(number as usize).cloned(),
        }
    }

    fn key(&self, world: &World, kind: Kind, item: Item) -> Option<Key> {
        match item {
            Item::Row(place) => world.key_at(kind, place),
            Item::Ghost(number) => self.ghosts.get(number as usize).map(Record::key),
        }
    }

    fn place(&self, world: &World, key: &Key) -> Option<usize> {
        let ghost = || self.ghosts.iter().position(|ghost| ghost.key() == *key).map(number).map(Item::Ghost);
        let item = world.place_of(key).map(Item::Row).or_else(ghost)?;
        self.items.iter().position(|other| *other == item)
    }
}

impl Lists {
    /// Another account has other rows under the same revisions: nothing kept is good for it.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The window a query asks for.
    pub(super) fn page(&self, replica: &Replica, query: &ListQuery) -> ListPage {
        let order = self.order(replica, query);
        let window = order.items.iter().skip(query.offset).take(query.limit);
        let records = window.filter_map(|item| order.record(replica.view(), query.kind, *item));
        let rows = records.filter_map(|record| row_view(replica, &record.key())).collect();
        let total = replica.view().count(query.kind) + order.ghosts.len();
        ListPage { total, matched: order.items.len(), rows }
    }

    /// Where a row stands in the order.
    pub(super) fn place(&self, replica: &Replica, query: &ListQuery, key: &Key) -> Option<usize> {
        self.order(replica, query).place(replica.view(), key)
    }

    /// The keys of the window, or of the rows from one to another; rows that are not in the list end nothing.
    pub(super) fn keys(
        &self,
        replica: &Replica,
        query: &ListQuery,
        between: Option<&(Key, Key)>,
    ) -> Vec<Key> {
        let order = self.order(replica, query);
        let (mut from, mut count) = (query.offset, query.limit);
        if let Some((one, other)) = between {
            let places = [one, other].map(|key| order.place(replica.view(), key));
            let [Some(one), Some(other)] = places else { return Vec::new() };
            (from, count) = (one.min(other), (one.abs_diff(other) + 1).min(query.limit));
        }
        let items = order.items.iter().skip(from).take(count);
        items.filter_map(|item| order.key(replica.view(), query.kind, *item)).collect()
    }

    /// The places of the rows of the view that come after a key, those that one page of rows takes and one more; for an
    /// order by keys.
    pub(super) fn after(&self, replica: &Replica, query: &ListQuery, after: Option<&Key>) -> Vec<u32> {
        let order = self.order(replica, query);
        let world = replica.view();
        let from = order.items.partition_point(|item| {
            let key = match item {
                Item::Row(place) => world.key_at(query.kind, *place),
                Item::Ghost(number) => order.ghosts.get(*number as usize).map(Record::key),
            };
            after.is_some_and(|after| key.is_some_and(|key| key <= *after))
        });
        let rows = order.items.iter().skip(from).filter_map(|item| match item {
            Item::Row(place) => Some(*place),
            Item::Ghost(_) => None,
        });
        rows.take(PAGE_ROWS_MAX + 1).collect()
    }

    fn order(&self, replica: &Replica, query: &ListQuery) -> Arc<Order> {
        let query = ListQuery { offset: 0, limit: 0, ..query.clone() };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = kept.iter().position(|kept| kept.query == query).map(|place| kept.remove(place));
        let order = match earlier {
            Some(kept) if kept.revision == replica.revision() => kept.order,
            Some(mut kept) => {
                let stirred = replica.written_since(kept.revision);
                match stirred.and_then(|written| stirred_by(replica.view(), query.kind, &written)) {
                    Some(stirred) => {
                        stir(replica, &query, Arc::make_mut(&mut kept.order), &stirred);
                        kept.order
                    }
                    None => Arc::new(ordered(replica, &query)),
                }
            }
            None => Arc::new(ordered(replica, &query)),
        };
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept { revision: replica.revision(), query, order: Arc::clone(&order) });
        order
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The rows of a list that what was written may have moved, by their places; `None` where all may have been.
fn stirred_by(world: &World, kind: Kind, written: &Written) -> Option<BTreeSet<u32>> {
    // What each list shows of other kinds.
    let shown: &[Kind] = match kind {
        Kind::Region => return written.places.is_empty().then(BTreeSet::new),
        Kind::User => &[Kind::Region, Kind::Assignment],
        Kind::Drone => &[Kind::Region, Kind::User],
        Kind::Assignment => &[Kind::User],
    };
    if shown.iter().any(|other| written.gone.contains(other)) {
        return None;
    }
    let mut stirred = BTreeSet::new();
    for (other, place) in &written.places {
        if *other == kind {
            stirred.insert(*place);
        } else if shown.contains(other) {
            let Some(record) = world.record_at(*other, *place) else { continue };
            stirred.extend(pointing(world, kind, &record).iter().filter_map(|key| world.place_of(key)));
        }
        if stirred.len() > STIRRED_MAX {
            return None;
        }
    }
    Some(stirred)
}

/// The rows of a kind that show something of another's row.
fn pointing(world: &World, kind: Kind, record: &Record) -> Vec<Key> {
    match (kind, record) {
        (Kind::User, Record::Region(row)) => world.users_of(row.id).map(Key::user).collect(),
        (Kind::User, Record::Assignment(row)) => vec![Key::user(row.user_id)],
        (Kind::Drone, Record::Region(row)) => world.drones_of(row.id).map(Key::drone).collect(),
        (Kind::Drone, Record::User(row)) => world.operated(row.id).map(Key::drone).collect(),
        (Kind::Assignment, Record::User(row)) => {
            world.held(row.id).map(|drone| Key::assignment(row.id, drone)).collect()
        }
        _ => Vec::new(),
    }
}

/// The ghosts of a kind.
fn ghosts(replica: &Replica, kind: Kind) -> Vec<Record> {
    replica.ghosts().into_iter().filter(|record| record.kind() == kind).collect()
}

fn ordered(replica: &Replica, query: &ListQuery) -> Order {
    let world = replica.view();
    let filter = Filter::parse(query.kind, &query.filter);
    let ghosts = ghosts(replica, query.kind);
    let sorting = Sorting { world, query, ghosts: &ghosts };
    let rows = world.places(query.kind).map(|(place, record)| (Item::Row(place), record));
    let others = (0..).zip(&ghosts).map(|(number, record)| (Item::Ghost(number), record.clone()));
    let found = rows.chain(others).filter(|(_, record)| filter.matches(world, record));
    let mut found: Vec<(SortKey, Item)> = found.map(|(item, record)| (sorting.key(&record), item)).collect();
    found.sort_unstable_by(|a, b| sorting.compare(a, b));
    let items = found.into_iter().map(|(_, item)| item).collect();
    Order { items, ghosts }
}

/// Takes rows out of an order and puts those that still belong there in again, ghosts always.
fn stir(replica: &Replica, query: &ListQuery, order: &mut Order, stirred: &BTreeSet<u32>) {
    let world = replica.view();
    order.items.retain(|item| matches!(item, Item::Row(place) if !stirred.contains(place)));
    order.ghosts = ghosts(replica, query.kind);
    let filter = Filter::parse(query.kind, &query.filter);
    let sorting = Sorting { world, query, ghosts: &order.ghosts };
    let rows =
        stirred.iter().filter_map(|place| Some((Item::Row(*place), world.record_at(query.kind, *place)?)));
    let others = (0..).zip(&order.ghosts).map(|(number, record)| (Item::Ghost(number), record.clone()));
    let found = rows.chain(others).filter(|(_, record)| filter.matches(world, record));
    let mut found: Vec<(SortKey, Item)> = found.map(|(item, record)| (sorting.key(&record), item)).collect();
    if found.is_empty() {
        return;
    }
    found.sort_unstable_by(|a, b| sorting.compare(a, b));
    let mut items = Vec::with_capacity(order.items.len() + found.len());
    let mut rest = order.items.as_slice();
    for new in &found {
        let before = rest.partition_point(|item| {
            let record = order.record(world, query.kind, *item);
            record.is_some_and(|record| sorting.compare(&(sorting.key(&record), *item), new).is_lt())
        });
        let (taken, left) = rest.split_at(before);
        items.extend_from_slice(taken);
        items.push(new.1);
        rest = left;
    }
    items.extend_from_slice(rest);
    order.items = items;
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

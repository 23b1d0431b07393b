//! Lists: filter, order, window. The order of a list is kept, so that moving through a long list costs one window and not
//! one sort; and where a few rows changed since, these alone are taken out of it and put in again.
//!
//! An order has a row's place in its table for each row, four bytes; a million rows are listed several ways at once. What a
//! row shows may be another row's name, so the rows that point at one that changed are looked at again, too (`stirred`).
//!
//! A filter that finds some of what an order has is made by looking through that order: what is typed letter by letter
//! is never sorted, and looks at fewer rows with each letter.

pub(super) mod filter;
mod making;
mod row;
pub(super) mod sort;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::filter::FILTER_CHARS_MAX;
use self::filter::{At, Filter};
pub(super) use self::row::row_view;
use self::sort::{SortKey, Sorting};
use super::stored::PAGE_ROWS_MAX;
use super::{ListPage, ListQuery};
use crate::domain::stamp::MINUTE_MICROS;
use crate::domain::{Fields, Key, Kind, Record, RowRef, World};
use crate::store::replica::{Replica, Written};

/// Orders kept: one per tab and some to come back to.
const KEPT_MAX: usize = 8;
/// Rows that are put in anew one by one; from here on sorting all is quicker.
const STIRRED_MAX: usize = 2000;

/// Orders made earlier, and the one that is being made.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: Mutex<Vec<Kept>>,
    making: making::Making,
}

#[derive(Clone, Debug)]
struct Kept {
    revision: u64,
    /// The minute since 1970 in which it was made, where its filter depends on the time.
    minute: Option<i64>,
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
    fn row<'a>(&'a self, world: &'a World, kind: Kind, item: Item) -> Option<RowRef<'a>> {
        match item {
            Item::Row(place) => world.row_at(kind, place),
            Item::Ghost(number) => self.ghosts.get(number as usize).map(Record::row),
        }
    }

    fn key(&self, world: &World, kind: Kind, item: Item) -> Option<Key> {
        match item {
            Item::Row(place) => world.key_at(kind, place),
            Item::Ghost(number) => self.ghosts.get(number as usize).map(Record::key),
        }
    }

    /// The window a query asks for.
    fn page(&self, replica: &Replica, query: &ListQuery) -> ListPage {
        let window = self.items.iter().skip(query.offset).take(query.limit);
        let keys = window.filter_map(|item| self.key(replica.view(), query.kind, *item));
        let rows = keys.filter_map(|key| row_view(replica, &key)).collect();
        let total = replica.view().count(query.kind) + self.ghosts.len();
        ListPage { total, matched: self.items.len(), rows, problem: None, coming: false }
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
        self.kept().clear();
        self.making.forget();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The window a query asks for.
    pub(super) fn page(&self, replica: &Replica, query: &ListQuery, at: At<'_>) -> ListPage {
        let (order, problem) = self.order(replica, query, at);
        ListPage { problem, ..order.page(replica, query) }
    }

    /// How many rows of a query have these values, and the keys of those in its window.
    /// Or why the filter means nothing.
    pub(super) fn having(
        &self,
        replica: &Replica,
        query: &ListQuery,
        exact: &Fields,
        at: At<'_>,
    ) -> Result<(usize, Vec<Key>), String> {
        let (order, problem) = self.order(replica, query, at);
        if let Some(problem) = problem {
            return Err(problem);
        }
        let has = |row: &RowRef<'_>| exact.iter().all(|(name, value)| row.cell(name).value() == *value);
        let rows = order.items.iter().filter_map(|item| order.row(replica.view(), query.kind, *item));
        if exact.is_empty() {
            let keys = rows.skip(query.offset).take(query.limit).map(RowRef::key).collect();
            return Ok((order.items.len(), keys));
        }
        let (mut matched, mut keys) = (0, Vec::new());
        for row in rows.filter(has) {
            if matched >= query.offset && keys.len() < query.limit {
                keys.push(row.key());
            }
            matched += 1;
        }
        Ok((matched, keys))
    }

    /// Where a row stands in the order.
    pub(super) fn place(&self, replica: &Replica, query: &ListQuery, key: &Key, at: At<'_>) -> Option<usize> {
        self.order(replica, query, at).0.place(replica.view(), key)
    }

    /// The keys of the window, or of the rows from one to another; where one of these is not in the list, none.
    pub(super) fn keys(
        &self,
        replica: &Replica,
        query: &ListQuery,
        between: Option<&(Key, Key)>,
        at: At<'_>,
    ) -> Vec<Key> {
        let (order, _) = self.order(replica, query, at);
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
    /// order by keys. Or why the filter means nothing.
    pub(super) fn after(
        &self,
        replica: &Replica,
        query: &ListQuery,
        after: Option<&Key>,
        at: At<'_>,
    ) -> Result<Vec<u32>, String> {
        let (order, problem) = self.order(replica, query, at);
        if let Some(problem) = problem {
            return Err(problem);
        }
        let world = replica.view();
        let from = order.items.partition_point(|item| {
            let key = order.key(world, query.kind, *item);
            after.is_some_and(|after| key.is_some_and(|key| key <= *after))
        });
        let rows = order.items.iter().skip(from).filter_map(|item| match item {
            Item::Row(place) => Some(*place),
            Item::Ghost(_) => None,
        });
        Ok(rows.take(PAGE_ROWS_MAX + 1).collect())
    }

    /// The order of a query: the one that was kept, brought up to date; else a wider one that was kept, looked through;
    /// else one made anew. And why its filter means nothing, where it does.
    fn order(&self, replica: &Replica, query: &ListQuery, at: At<'_>) -> (Arc<Order>, Option<String>) {
        let query = without_window(query);
        let filter = Filter::parse(query.kind, &query.filter, at);
        let problem = filter.problem.clone();
        let minute = minute(&filter, at);
        let mut kept = self.kept();
        forget_hours_gone(&mut kept, at);
        let order = if let Some(place) = kept.iter().position(|kept| kept.query == query) {
            let earlier = kept.remove(place);
            brought_up(replica, earlier, at)
        } else if let Some(place) = wider(&kept, &query, &filter, at) {
            let mut base = kept.remove(place);
            base.order = brought_up(replica, base.clone(), at);
            base.revision = replica.revision();
            let order = Arc::new(narrowed(replica, &base.order, query.kind, filter));
            kept.push(base);
            order
        } else {
            Arc::new(ordered(replica, &query, filter))
        };
        keep(&mut kept, Kept { revision: replica.revision(), minute, query, order: Arc::clone(&order) });
        (order, problem)
    }
}

fn without_window(query: &ListQuery) -> ListQuery {
    ListQuery { offset: 0, limit: 0, ..query.clone() }
}

/// The minute in which an order is made whose filter depends on the time.
fn minute(filter: &Filter, at: At<'_>) -> Option<i64> {
    filter.is_of_the_hour().then_some(at.now.0.div_euclid(MINUTE_MICROS))
}

fn forget_hours_gone(kept: &mut Vec<Kept>, at: At<'_>) {
    let minute = at.now.0.div_euclid(MINUTE_MICROS);
    kept.retain(|kept| kept.minute.is_none_or(|then| then == minute));
}

fn keep(kept: &mut Vec<Kept>, new: Kept) {
    kept.retain(|kept| kept.query != new.query);
    while kept.len() >= KEPT_MAX {
        kept.remove(0);
    }
    kept.push(new);
}

/// An order that was kept, as it is by now.
fn brought_up(replica: &Replica, mut kept: Kept, at: At<'_>) -> Arc<Order> {
    if kept.revision == replica.revision() {
        return kept.order;
    }
    let filter = Filter::parse(kept.query.kind, &kept.query.filter, at);
    match stirred_since(replica, &kept) {
        Some(stirred) => {
            stir(replica, &kept.query, &filter, Arc::make_mut(&mut kept.order), &stirred);
            kept.order
        }
        None => Arc::new(ordered(replica, &kept.query, filter)),
    }
}

/// The smallest order that was kept and has all that the query finds, in its order.
fn wider(kept: &[Kept], query: &ListQuery, filter: &Filter, at: At<'_>) -> Option<usize> {
    let same = |other: &ListQuery| {
        (other.kind, &other.sort, other.descending) == (query.kind, &query.sort, query.descending)
    };
    let fits =
        |kept: &Kept| same(&kept.query) && filter.narrows(&Filter::parse(query.kind, &kept.query.filter, at));
    let found = kept.iter().enumerate().filter(|(_, kept)| fits(kept));
    found.min_by_key(|(_, kept)| kept.order.items.len()).map(|(place, _)| place)
}

/// What a filter leaves of an order.
fn narrowed(replica: &Replica, base: &Order, kind: Kind, mut filter: Filter) -> Order {
    let world = replica.view();
    filter.prepare(world);
    let items = left(world, base, &base.items, kind, &filter).collect();
    Order { items, ghosts: base.ghosts.clone() }
}

/// What a filter leaves of some items of an order.
fn left<'a>(
    world: &'a World,
    base: &'a Order,
    items: &'a [Item],
    kind: Kind,
    filter: &'a Filter,
) -> impl Iterator<Item = Item> + 'a {
    let found = move |item: &Item| base.row(world, kind, *item).is_some_and(|row| filter.matches(world, row));
    items.iter().copied().filter(found)
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// The rows that may have moved since an order was made, by their places; `None` where all may have been.
fn stirred_since(replica: &Replica, kept: &Kept) -> Option<BTreeSet<u32>> {
    let written = replica.written_since(kept.revision)?;
    stirred_by(replica.view(), kept.query.kind, &written)
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

fn ordered(replica: &Replica, query: &ListQuery, mut filter: Filter) -> Order {
    let world = replica.view();
    filter.prepare(world);
    let ghosts = ghosts(replica, query.kind);
    let sorting = Sorting::new(query);
    let rows = world.rows(query.kind).map(|(place, row)| (Item::Row(place), row));
    let rows = rows.chain(ghost_rows(&ghosts));
    let items = in_order(&sorting, keyed(world, &filter, &sorting, rows).collect());
    Order { items, ghosts }
}

/// The rows that the filter leaves, with what they are sorted by.
fn keyed<'a>(
    world: &'a World,
    filter: &'a Filter,
    sorting: &'a Sorting,
    rows: impl Iterator<Item = (Item, RowRef<'a>)> + 'a,
) -> impl Iterator<Item = (SortKey, Item)> + 'a {
    let found = rows.filter(|(_, row)| filter.matches(world, *row));
    found.map(|(item, row)| (sorting.key(world, row), item))
}

fn in_order(sorting: &Sorting, mut found: Vec<(SortKey, Item)>) -> Vec<Item> {
    found.sort_unstable_by(|(a, _), (b, _)| sorting.compare(a, b));
    found.into_iter().map(|(_, item)| item).collect()
}

fn ghost_rows(ghosts: &[Record]) -> impl Iterator<Item = (Item, RowRef<'_>)> {
    (0..).zip(ghosts).map(|(number, record)| (Item::Ghost(number), record.row()))
}

/// Takes rows out of an order and puts those that still belong there in again, ghosts always.
fn stir(replica: &Replica, query: &ListQuery, filter: &Filter, order: &mut Order, stirred: &BTreeSet<u32>) {
    let world = replica.view();
    // Most rows are far from what was stirred: a look at the ends saves them the look into the set.
    let (first, last) = (stirred.first().copied().unwrap_or(1), stirred.last().copied().unwrap_or(0));
    order.items.retain(|item| match item {
        Item::Row(place) => *place < first || *place > last || !stirred.contains(place),
        Item::Ghost(_) => false,
    });
    order.ghosts = ghosts(replica, query.kind);
    let sorting = Sorting::new(query);
    let rows =
        stirred.iter().filter_map(|place| Some((Item::Row(*place), world.row_at(query.kind, *place)?)));
    let rows = rows.chain(ghost_rows(&order.ghosts));
    let mut found: Vec<(SortKey, Item)> = keyed(world, filter, &sorting, rows).collect();
    found.sort_unstable_by(|(a, _), (b, _)| sorting.compare(a, b));
    // From the end, so that each row that stays is moved once and at once.
    let mut end = order.items.len();
    order.items.resize(end + found.len(), Item::Ghost(0));
    for (before, (key, item)) in found.iter().enumerate().rev() {
        let place = order.items[..end].partition_point(|item| {
            let row = order.row(world, query.kind, *item);
            row.is_some_and(|row| sorting.compare(&sorting.key(world, row), key).is_lt())
        });
        order.items.copy_within(place..end, place + before + 1);
        order.items[place + before] = *item;
        end = place;
    }
}

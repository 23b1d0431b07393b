//! The order of a list: by one column or several, and by the keys where these say nothing.

use std::cmp::Ordering;

use super::Item;
use crate::domain::{Cell, RowRef, World};
use crate::domain::{Key, Record};
use crate::service::cells::{self, cell};
use crate::service::{ListQuery, columns};

/// Columns that a list is sorted by, at most.
pub const SORTS_MAX: usize = 3;

/// The columns that a query sorts by, each with whether it descends. Unknown ones are passed over.
pub(super) fn sorts(query: &ListQuery) -> Vec<(&'static str, bool)> {
    let known = |name: &str| columns(query.kind).iter().find(|column| **column == name).copied();
    let each = query.sort.split(',').filter_map(|word| {
        let (down, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
        Some((known(name.trim())?, down))
    });
    let mut sorts: Vec<_> = each.take(SORTS_MAX).collect();
    if let Some(first) = sorts.first_mut().filter(|_| query.descending) {
        first.1 = !first.1;
    }
    sorts
}

/// What two rows are compared by.
pub(super) struct Sorting<'a> {
    world: &'a World,
    query: &'a ListQuery,
    ghosts: &'a [Record],
    sorts: Vec<(&'static str, bool)>,
}

impl<'a> Sorting<'a> {
    pub(super) fn new(world: &'a World, query: &'a ListQuery, ghosts: &'a [Record]) -> Self {
        Self { world, query, ghosts, sorts: sorts(query) }
    }

    pub(super) fn key(&self, row: RowRef<'_>) -> SortKey {
        let mut values = self.sorts.iter().map(|(column, _)| SortValue::of(self.world, row, column));
        let first = values.next().unwrap_or(SortValue::Nothing);
        let rest: Box<[SortValue]> = values.collect();
        SortKey { first, rest }
    }

    pub(super) fn compare(&self, (a, one): &(SortKey, Item), (b, other): &(SortKey, Item)) -> Ordering {
        let pairs = std::iter::once((&a.first, &b.first)).chain(a.rest.iter().zip(&b.rest));
        let ways = self.sorts.iter().map(|(_, down)| *down).chain([false]);
        let by_columns = pairs.zip(ways).map(|((a, b), down)| a.cmp(b, down)).find(|order| order.is_ne());
        by_columns.unwrap_or_else(|| self.by_key(*one, *other))
    }

    fn by_key(&self, one: Item, other: Item) -> Ordering {
        let kind = self.query.kind;
        if let (Item::Row(one), Item::Row(other)) = (one, other) {
            return self.world.compare(kind, one, other);
        }
        let key = |item| -> Option<Key> {
            match item {
                Item::Row(place) => self.world.key_at(kind, place),
                Item::Ghost(number) => self.ghosts.get(number as usize).map(Record::key),
            }
        };
        key(one).cmp(&key(other))
    }
}

/// What a row is sorted by; without a second column it takes no memory of its own for one.
pub(super) struct SortKey {
    first: SortValue,
    rest: Box<[SortValue]>,
}

/// Numbers and times before texts, texts without regard to case, nothing always last.
enum SortValue {
    Number(i64),
    Text(Box<str>),
    Nothing,
}

impl SortValue {
    fn of(world: &World, row: RowRef<'_>, column: &str) -> Self {
        if let Some(count) = cells::counted(world, row, column) {
            return if count == 0 {
                Self::Nothing
            } else {
                Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
            };
        }
        if column == "changed" {
            return cells::changed(row).map_or(Self::Nothing, |at| Self::Number(at.0));
        }
        match row.cell(column) {
            Cell::Text(text) => Self::text(text),
            _ => Self::text(&cell(world, row, column)),
        }
    }

    fn text(text: &str) -> Self {
        match text.parse() {
            _ if text.is_empty() => Self::Nothing,
            Ok(number) => Self::Number(number),
            Err(_) => Self::Text(text.to_lowercase().into()),
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

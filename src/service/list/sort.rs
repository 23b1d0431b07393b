//! The order of a list: by one column or several, and by the keys where these say nothing. What two rows are compared by is
//! taken out of them once (`SortKey`), so that rows can be put in order while others write the table.

use std::cmp::Ordering;

use uuid::Uuid;

use crate::domain::{Cell, RowRef, World};
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
pub(super) struct Sorting(Vec<(&'static str, bool)>);

impl Sorting {
    pub(super) fn new(query: &ListQuery) -> Self {
        Self(sorts(query))
    }

    pub(super) fn key(&self, world: &World, row: RowRef<'_>) -> SortKey {
        let mut values = self.0.iter().map(|(column, _)| SortValue::of(world, row, column));
        let first = values.next().unwrap_or(SortValue::Nothing);
        let rest: Box<[SortValue]> = values.collect();
        SortKey { first, rest, last: RowKey::of(row) }
    }

    pub(super) fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let pairs = std::iter::once((&a.first, &b.first)).chain(a.rest.iter().zip(&b.rest));
        let ways = self.0.iter().map(|(_, down)| *down).chain([false]);
        let by_columns = pairs.zip(ways).map(|((a, b), down)| a.cmp(b, down)).find(|order| order.is_ne());
        by_columns.unwrap_or_else(|| a.last.cmp(&b.last))
    }
}

/// What a row is sorted by; without a second column it takes no memory of its own for one.
pub(super) struct SortKey {
    first: SortValue,
    rest: Box<[SortValue]>,
    last: RowKey,
}

/// A row's key, in the order of the keys of its kind.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum RowKey {
    Id(Uuid),
    Name(Box<str>),
    Pair(Uuid, Box<str>),
}

impl RowKey {
    fn of(row: RowRef<'_>) -> Self {
        match row {
            RowRef::Region(row) => Self::Id(row.id),
            RowRef::User(row) => Self::Id(row.id),
            RowRef::Drone(row) => Self::Name((*row.id).into()),
            RowRef::Assignment(row) => Self::Pair(row.user_id, (*row.drone_id).into()),
        }
    }
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

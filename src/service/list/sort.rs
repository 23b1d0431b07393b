//! The order of a list: by one column, and by the keys where that says nothing.

use std::cmp::Ordering;

use super::Item;
use crate::domain::{Record, World};
use crate::service::ListQuery;
use crate::service::cells::cell;

/// What two rows are compared by.
pub(super) struct Sorting<'a> {
    pub world: &'a World,
    pub query: &'a ListQuery,
    pub ghosts: &'a [Record],
}

impl Sorting<'_> {
    pub(super) fn key(&self, record: &Record) -> SortKey {
        SortKey::of(&cell(self.world, record, &self.query.sort))
    }

    pub(super) fn compare(&self, (a, one): &(SortKey, Item), (b, other): &(SortKey, Item)) -> Ordering {
        a.cmp(b, self.query.descending).then_with(|| self.by_key(*one, *other))
    }

    fn by_key(&self, one: Item, other: Item) -> Ordering {
        let kind = self.query.kind;
        if let (Item::Row(one), Item::Row(other)) = (one, other) {
            return self.world.compare(kind, one, other);
        }
        let key = |item| match item {
            Item::Row(place) => self.world.record_at(kind, place).map(|record| record.key()),
            Item::Ghost(number) => self.ghosts.get(number as usize).map(Record::key),
        };
        key(one).cmp(&key(other))
    }
}

/// Numbers before texts, texts without regard to case, nothing always last.
pub(super) enum SortKey {
    Number(i64),
    Text(Box<str>),
    Nothing,
}

impl SortKey {
    fn of(text: &str) -> Self {
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

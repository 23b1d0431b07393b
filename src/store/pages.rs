//! Which rows stand together in a page, and how pages grow, part and go.
//!
//! A page has the rows between its first key and the next page's. Where a row belongs is found by these first keys
//! alone, so there is one place for it, and nothing has to be remembered for each row. A page that grew too long is
//! parted: in halves, or, where the new rows all come after the others, as in a first load, into full ones.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::row::CachedRow;
use crate::domain::Key;

/// Some 4 kB.
pub(super) const PAGE_ROWS_MAX: usize = 32;

/// Where pages are read and written.
pub(super) trait Shelf {
    /// The rows of a page in the order of their keys; none where there is no such page.
    fn read(&mut self, number: u32) -> Result<Vec<(Key, CachedRow)>, StoreError>;
    /// Writes a page anew; without rows it goes.
    fn write(&mut self, number: u32, rows: &[(Key, CachedRow)]) -> Result<(), StoreError>;
}

/// The first key of each page to its number.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pages: BTreeMap<Key, u32>,
    next: u32,
}

impl Directory {
    /// There is such a page.
    pub(super) fn note(&mut self, first: Key, number: u32) {
        self.pages.insert(first, number);
        self.next = self.next.max(number.saturating_add(1));
    }

    /// The page that a key belongs to; the first has also what comes before it.
    fn page_of(&self, key: &Key) -> Option<(&Key, u32)> {
        let found = self.pages.range(..=key).next_back().or_else(|| self.pages.first_key_value());
        found.map(|(first, number)| (first, *number))
    }

    /// Writes rows, or takes them out, each in its page. Of several words about one row the last counts.
    pub(super) fn change(
        &mut self,
        rows: &[(Key, Option<CachedRow>)],
        to: &mut impl Shelf,
    ) -> Result<(), StoreError> {
        let rows: BTreeMap<&Key, Option<&CachedRow>> =
            rows.iter().map(|(key, row)| (key, row.as_ref())).collect();
        let mut rows = rows.into_iter().peekable();
        while let Some((key, _)) = rows.peek() {
            let page = self.page_of(key).map(|(first, number)| (first.clone(), number));
            let end = page.as_ref().and_then(|(first, _)| {
                // The first page takes what comes before it, too.
                let from = (*key).max(first);
                let after = (std::ops::Bound::Excluded(from), std::ops::Bound::Unbounded);
                self.pages.range(after).next().map(|(first, _)| first.clone())
            });
            let mut mine = Vec::new();
            while let Some(change) = rows.next_if(|(key, _)| end.as_ref().is_none_or(|end| *key < end)) {
                mine.push(change);
            }
            self.change_page(page, mine, to)?;
        }
        Ok(())
    }

    fn change_page(
        &mut self,
        page: Option<(Key, u32)>,
        changes: Vec<(&Key, Option<&CachedRow>)>,
        to: &mut impl Shelf,
    ) -> Result<(), StoreError> {
        let mut rows: BTreeMap<Key, CachedRow> = match &page {
            Some((_, number)) => to.read(*number)?.into_iter().collect(),
            None => BTreeMap::new(),
        };
        let last = rows.last_key_value().map(|(key, _)| key.clone());
        let behind = changes.iter().all(|(key, _)| last.as_ref().is_none_or(|last| *key > last));
        for (key, row) in changes {
            match row {
                Some(row) => drop(rows.insert(key.clone(), row.clone())),
                None => drop(rows.remove(key)),
            }
        }
        let rows: Vec<(Key, CachedRow)> = rows.into_iter().collect();
        let parts = rows.len().div_ceil(PAGE_ROWS_MAX).max(1);
        let size = if behind { PAGE_ROWS_MAX } else { rows.len().div_ceil(parts).max(1) };
        let mut number = page.map(|(first, number)| {
            self.pages.remove(&first);
            number
        });
        if let (Some(number), true) = (number, rows.is_empty()) {
            return to.write(number, &[]);
        }
        for part in rows.chunks(size) {
            let number = number.take().unwrap_or(self.next);
            to.write(number, part)?;
            if let Some((first, _)) = part.first() {
                self.note(first.clone(), number);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Drone, Record};

    #[derive(Default)]
    struct Memory(HashMap<u32, Vec<(Key, CachedRow)>>);

    impl Shelf for Memory {
        fn read(&mut self, number: u32) -> Result<Vec<(Key, CachedRow)>, StoreError> {
            Ok(self.0.get(&number).cloned().unwrap_or_default())
        }

        fn write(&mut self, number: u32, rows: &[(Key, CachedRow)]) -> Result<(), StoreError> {
            if rows.is_empty() {
                self.0.remove(&number)
            } else {
                self.0.insert(number, rows.to_vec())
            };
            Ok(())
        }
    }

    fn row(n: u16, v: u64) -> (Key, CachedRow) {
        let id = format!("d-{n:05}");
        (Key::drone(&id), CachedRow { v, scopes: Vec::new(), row: Record::Drone(Drone::new(&id)) })
    }

    /// The directory that a start would make of the pages.
    fn found(shelf: &Memory) -> Directory {
        let mut directory = Directory::default();
        shelf.0.iter().for_each(|(number, rows)| directory.note(rows[0].0.clone(), *number));
        directory
    }

    #[test]
    fn rows_in_order_fill_their_pages() {
        let (mut directory, mut shelf) = (Directory::default(), Memory::default());
        for batch in 0..10 {
            let rows: Vec<_> = (batch * 50..batch * 50 + 50).map(|n| row(n, 1)).collect();
            let rows: Vec<_> = rows.into_iter().map(|(key, row)| (key, Some(row))).collect();
            directory.change(&rows, &mut shelf).expect("memory does not fail");
        }
        assert_eq!(shelf.0.len(), 500_usize.div_ceil(PAGE_ROWS_MAX));
    }

    proptest! {
        /// Whatever is written and taken out, and wherever a start falls between: each row stands once, in no page too
        /// long, and those that stand are those that were written last.
        #[test]
        fn pages_hold_what_was_written(
            batches in prop::collection::vec(
                (prop::collection::vec((0_u16..300, any::<bool>()), 1..120), any::<bool>()), 1..20),
        ) {
            let (mut directory, mut shelf) = (Directory::default(), Memory::default());
            let mut model = BTreeMap::new();
            for (v, (batch, restart)) in (1_u64..).zip(batches) {
                let rows: Vec<_> = batch.into_iter().map(|(n, there)| {
                    let (key, row) = row(n, v);
                    (key, there.then_some(row))
                }).collect();
                directory.change(&rows, &mut shelf).expect("memory does not fail");
                for (key, row) in rows {
                    match row {
                        Some(row) => drop(model.insert(key, row)),
                        None => drop(model.remove(&key)),
                    }
                }
                let mut all: Vec<_> = shelf.0.values().flatten().cloned().collect();
                all.sort_by(|(a, _), (b, _)| a.cmp(b));
                prop_assert!(all == model.clone().into_iter().collect::<Vec<_>>());
                prop_assert!(shelf.0.values().all(|page| (1..=PAGE_ROWS_MAX).contains(&page.len())));
                if restart {
                    directory = found(&shelf);
                }
            }
        }
    }
}

//! Which rows have a value: the hash of the value and the row's place, eight bytes for each.
//!
//! The value itself stands in the row alone, so whoever looks something up holds what is found against the row: two
//! values may have one hash. The hash is keyed anew for each index; nobody can choose values that all meet.

use std::collections::BTreeSet;
use std::collections::btree_set::Range;
use std::hash::{BuildHasher, Hash, RandomState};

/// Values to places.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    state: RandomState,
    entries: BTreeSet<(u32, u32)>,
}

impl Index {
    #[expect(clippy::cast_possible_truncation, reason = "half of the hash is enough")]
    fn hash(&self, value: &impl Hash) -> u32 {
        self.state.hash_one(value) as u32
    }

    pub(super) fn add(&mut self, value: &impl Hash, place: u32) {
        self.entries.insert((self.hash(value), place));
    }

    pub(super) fn take(&mut self, value: &impl Hash, place: u32) {
        self.entries.remove(&(self.hash(value), place));
    }

    /// The places of all rows that have the value, and perhaps of some that have another.
    pub(super) fn find(&self, value: &impl Hash) -> Places<'_> {
        let hash = self.hash(value);
        Places(self.entries.range((hash, 0)..=(hash, u32::MAX)))
    }
}

/// What `find` found.
#[derive(Debug)]
pub(super) struct Places<'a>(Range<'a, (u32, u32)>);

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.0.next().map(|(_, place)| *place as usize)
    }
}

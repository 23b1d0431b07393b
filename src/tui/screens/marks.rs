//! The marked rows of one list. Marks belong to rows and not to places: they outlive filter, order and news.

use std::collections::BTreeSet;

use crate::domain::Key;
use crate::service::BULK_MAX;

/// Rows marked at most: as many as can be changed at once.
pub const MARKS_MAX: usize = BULK_MAX;

#[derive(Clone, Debug, Default)]
pub struct Marks {
    keys: BTreeSet<Key>,
    /// The row at which a range began, and its place at that time.
    pub range: Option<(Key, usize)>,
}

impl Marks {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn has(&self, key: &Key) -> bool {
        self.keys.contains(key)
    }

    /// In the order of the keys.
    pub fn keys(&self) -> Vec<Key> {
        self.keys.iter().cloned().collect()
    }

    /// Marks it, or takes its mark away; false: there is no room for it.
    pub fn turn(&mut self, key: Key) -> bool {
        self.keys.remove(&key) || self.add(vec![key])
    }

    /// Marks them; false: not all of them found room.
    pub fn add(&mut self, keys: Vec<Key>) -> bool {
        for key in keys {
            if self.keys.len() >= MARKS_MAX && !self.keys.contains(&key) {
                return false;
            }
            self.keys.insert(key);
        }
        true
    }

    pub fn take_away(&mut self, key: &Key) {
        self.keys.remove(key);
    }

    pub fn clear(&mut self) {
        self.keys.clear();
        self.range = None;
    }

    /// Does the row at that place lie in the range that was begun?
    pub fn in_range(&self, place: usize, selected: usize) -> bool {
        self.range
            .as_ref()
            .is_some_and(|(_, from)| (*from.min(&selected)..=*from.max(&selected)).contains(&place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded_and_say_so() {
        let key = |n: usize| Key::drone(&format!("d-{n}"));
        let mut marks = Marks::default();
        assert!(marks.add((0..MARKS_MAX).map(key).collect()));
        assert!(marks.add(vec![key(3)]), "what is marked needs no room");
        assert!(!marks.turn(key(MARKS_MAX)) && marks.len() == MARKS_MAX);
        assert!(marks.turn(key(3)) && marks.len() == MARKS_MAX - 1);
    }
}

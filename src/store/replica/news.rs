//! Which places of the view were written lately, so that an order made earlier need not be made anew for one row.
//!
//! Places, not keys: a row that went and one that came to its place are both about it, and four bytes name it.

use std::collections::{BTreeSet, VecDeque};

use crate::domain::Kind;

/// Revisions that are remembered: lists are asked for many times a second while anything happens.
const REVISIONS_MAX: usize = 256;
/// Places of one revision. Whoever would look at more of them is quicker beginning anew.
const PLACES_MAX: usize = 4096;

/// What became of the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The places that were written, those of rows that came and went included.
    pub places: BTreeSet<(Kind, u32)>,
    /// Of these kinds rows were taken out: what showed their names shows others now.
    pub gone: BTreeSet<Kind>,
}

/// The revision, and what was written on the way to it.
#[derive(Debug, Default)]
pub(super) struct News {
    revision: u64,
    /// What the last revisions wrote, the newest last; `None` is more than is remembered.
    past: VecDeque<Option<Written>>,
    open: Written,
}

impl News {
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// A row was written at a place.
    pub(super) fn shown(&mut self, kind: Kind, place: u32) {
        if self.open.places.len() <= PLACES_MAX {
            self.open.places.insert((kind, place));
        }
    }

    /// The row at a place goes.
    pub(super) fn hidden(&mut self, kind: Kind, place: u32) {
        self.shown(kind, place);
        self.open.gone.insert(kind);
    }

    /// What was written until now can be seen.
    pub(super) fn turn(&mut self) {
        self.revision += 1;
        let open = std::mem::take(&mut self.open);
        self.past.push_back((open.places.len() <= PLACES_MAX).then_some(open));
        if self.past.len() > REVISIONS_MAX {
            self.past.pop_front();
        }
    }

    pub(super) fn since(&self, revision: u64) -> Option<Written> {
        let turns = usize::try_from(self.revision.checked_sub(revision)?).ok()?;
        let first = self.past.len().checked_sub(turns)?;
        let mut all = Written::default();
        for written in self.past.range(first..) {
            let Written { places, gone } = written.as_ref()?;
            all.places.extend(places);
            all.gone.extend(gone);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_or_too_old_is_not_told() {
        let mut news = News::default();
        for n in 0..3 {
            news.shown(Kind::Drone, n);
            news.turn();
        }
        news.hidden(Kind::User, 7);
        news.turn();
        assert_eq!(news.revision(), 4);
        assert_eq!(news.since(4), Some(Written::default()));
        let places = BTreeSet::from([(Kind::Drone, 2), (Kind::User, 7)]);
        assert_eq!(news.since(2), Some(Written { places, gone: BTreeSet::from([Kind::User]) }));
        assert_eq!(news.since(5), None, "that is of another life");
        (0..=5000).for_each(|n| news.shown(Kind::Drone, n));
        news.turn();
        assert_eq!(news.since(4), None, "too many");
        (0..REVISIONS_MAX).for_each(|_| news.turn());
        assert_eq!(news.since(5), Some(Written::default()));
        news.turn();
        assert_eq!(news.since(5), None, "too long ago");
    }
}

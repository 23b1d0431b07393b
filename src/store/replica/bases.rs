//! What is known of the server's rows beside their columns: the version, and by which of my scopes I see them.
//!
//! There is one for each row, sixteen bytes, at the row's place in the view; of the scopes a number, since the server
//! names those alone that I have, three at the most, and there are few sets of them. A row that unsent edits took out of
//! the view has no place there: its base stands aside, by key, and goes back with it. So whoever writes rows of the view
//! for good does it by `Replica::show` and `hide`, which see to that; what is tried out and taken back leaves every row
//! where it was.

use std::collections::BTreeMap;

use crate::domain::{Key, Kind, World};

#[derive(Clone, Copy, Debug)]
struct Base {
    v: u64,
    /// Its place in `sets`, or `NONE`.
    scopes: u32,
}

/// No base: a row that only unsent edits make.
const NONE: Base = Base { v: 0, scopes: u32::MAX };

/// Versions and scopes.
#[derive(Debug, Default)]
pub(super) struct Bases {
    shown: [Vec<Base>; Kind::ALL.len()],
    aside: BTreeMap<Key, Base>,
    sets: Vec<Vec<String>>,
    count: usize,
}

impl Bases {
    fn at(&self, kind: Kind, place: u32) -> Option<Base> {
        self.shown[kind as usize].get(place as usize).copied().filter(|base| base.scopes != NONE.scopes)
    }

    fn find(&self, view: &World, key: &Key) -> Option<Base> {
        match view.place_of(key) {
            Some(place) => self.at(key.kind, place),
            None => self.aside.get(key).copied(),
        }
    }

    pub(super) fn version(&self, view: &World, key: &Key) -> Option<u64> {
        self.find(view, key).map(|base| base.v)
    }

    /// The row's version and scopes.
    pub(super) fn get(&self, view: &World, key: &Key) -> Option<(u64, &[String])> {
        self.find(view, key).map(|base| self.told(base))
    }

    fn told(&self, base: Base) -> (u64, &[String]) {
        (base.v, self.sets.get(base.scopes as usize).map_or(&[], Vec::as_slice))
    }

    fn set(&mut self, scopes: &[String]) -> u32 {
        let place = self.sets.iter().position(|set| set == scopes).unwrap_or_else(|| {
            self.sets.push(scopes.to_vec());
            self.sets.len() - 1
        });
        u32::try_from(place).unwrap_or(NONE.scopes - 1)
    }

    fn put(&mut self, kind: Kind, place: u32, base: Base) {
        let (shown, place) = (&mut self.shown[kind as usize], place as usize);
        if shown.len() <= place {
            shown.resize(place + 1, NONE);
        }
        shown[place] = base;
    }

    /// What the server said of a row that is in the view.
    pub(super) fn insert(&mut self, view: &World, key: &Key, v: u64, scopes: &[String]) {
        let Some(place) = view.place_of(key) else { return };
        let base = Base { v, scopes: self.set(scopes) };
        self.count += usize::from(self.at(key.kind, place).is_none());
        self.put(key.kind, place, base);
    }

    /// The row was put into the view.
    pub(super) fn shown(&mut self, key: &Key, place: u32) {
        if let Some(base) = self.aside.remove(key) {
            self.put(key.kind, place, base);
        }
    }

    /// The row is about to leave the view.
    pub(super) fn hidden(&mut self, key: &Key, place: u32) {
        if let Some(base) = self.at(key.kind, place) {
            self.put(key.kind, place, NONE);
            self.aside.insert(key.clone(), base);
        }
    }

    /// The server's row is gone, and was taken out of the view before.
    pub(super) fn remove(&mut self, key: &Key) {
        self.count -= usize::from(self.aside.remove(key).is_some());
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Each row's key, version and scopes, in no order.
    pub(super) fn iter<'a>(&'a self, view: &'a World) -> impl Iterator<Item = (Key, u64, &'a [String])> {
        let shown = Kind::ALL.into_iter().flat_map(move |kind| {
            let places = (0..).zip(&self.shown[kind as usize]);
            let known = places.filter(|(_, base)| base.scopes != NONE.scopes);
            known.filter_map(move |(place, base)| Some((view.key_at(kind, place)?, *base)))
        });
        let aside = self.aside.iter().map(|(key, base)| (key.clone(), *base));
        shown.chain(aside).map(|(key, base)| {
            let (v, scopes) = self.told(base);
            (key, v, scopes)
        })
    }
}

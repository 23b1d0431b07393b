//! What is known of the server's rows beside their columns: the version, and by which of my scopes I see them.
//!
//! There is one for each row, so they are kept small: keys as they are and not in text, and of the scopes a number.
//! The server names those alone that I have, three at the most, so there are few sets of them.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::{Key, Kind};

#[derive(Clone, Copy, Debug)]
struct Base {
    v: u64,
    /// Its place in `sets`.
    scopes: u32,
}

/// Versions and scopes by key.
#[derive(Debug, Default)]
pub(super) struct Bases {
    regions: BTreeMap<Uuid, Base>,
    users: BTreeMap<Uuid, Base>,
    drones: BTreeMap<Box<str>, Base>,
    assignments: BTreeMap<(Uuid, Box<str>), Base>,
    sets: Vec<Vec<String>>,
}

impl Bases {
    fn find(&self, key: &Key) -> Option<Base> {
        let base = match key.kind {
            Kind::Region => self.regions.get(&key.uuid()?),
            Kind::User => self.users.get(&key.uuid()?),
            Kind::Drone => self.drones.get(key.pk.as_str()),
            Kind::Assignment => self.assignments.get(&key.pair().map(|(user, drone)| (user, drone.into()))?),
        };
        base.copied()
    }

    pub(super) fn version(&self, key: &Key) -> Option<u64> {
        self.find(key).map(|base| base.v)
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.find(key).is_some()
    }

    /// The row's version and scopes.
    pub(super) fn get(&self, key: &Key) -> Option<(u64, &[String])> {
        self.find(key).map(|base| self.told(base))
    }

    fn told(&self, base: Base) -> (u64, &[String]) {
        (base.v, self.sets.get(base.scopes as usize).map_or(&[], Vec::as_slice))
    }

    fn set(&mut self, scopes: &[String]) -> u32 {
        let place = self.sets.iter().position(|set| set == scopes).unwrap_or_else(|| {
            self.sets.push(scopes.to_vec());
            self.sets.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// A key that is none is not taken.
    pub(super) fn insert(&mut self, key: &Key, v: u64, scopes: &[String]) {
        let base = Base { v, scopes: self.set(scopes) };
        match key.kind {
            Kind::Region => key.uuid().and_then(|id| self.regions.insert(id, base)),
            Kind::User => key.uuid().and_then(|id| self.users.insert(id, base)),
            Kind::Drone => self.drones.insert(key.pk.as_str().into(), base),
            Kind::Assignment => {
                key.pair().and_then(|(user, drone)| self.assignments.insert((user, drone.into()), base))
            }
        };
    }

    pub(super) fn remove(&mut self, key: &Key) {
        match key.kind {
            Kind::Region => key.uuid().and_then(|id| self.regions.remove(&id)),
            Kind::User => key.uuid().and_then(|id| self.users.remove(&id)),
            Kind::Drone => self.drones.remove(key.pk.as_str()),
            Kind::Assignment => {
                key.pair().and_then(|(user, drone)| self.assignments.remove(&(user, drone.into())))
            }
        };
    }

    pub(super) fn len(&self) -> usize {
        self.regions.len() + self.users.len() + self.drones.len() + self.assignments.len()
    }

    /// Each row's key, version and scopes, in the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, u64, &[String])> {
        let regions = self.regions.iter().map(|(id, base)| (Key::region(*id), *base));
        let users = self.users.iter().map(|(id, base)| (Key::user(*id), *base));
        let drones = self.drones.iter().map(|(id, base)| (Key::drone(id), *base));
        let assignments = self.assignments.iter();
        let assignments = assignments.map(|((user, drone), base)| (Key::assignment(*user, drone), *base));
        regions.chain(users).chain(drones).chain(assignments).map(|(key, base)| {
            let (v, scopes) = self.told(base);
            (key, v, scopes)
        })
    }
}

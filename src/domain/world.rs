//! All rows known at one place, with the indexes the rules need. Plain data: the console's view, the
//! training server's truth and the tests' models are each one of these.
//!
//! A million rows are to fit beside everything else in 400 MB, so a row stands once, at its place in its table, and
//! indexes name places: eight bytes an entry for those by a value (`index`), four for the members of a region. Indexes
//! are kept by `put` and `remove` alone, so they cannot disagree with the rows. Places are in no order that means
//! anything: what is given of one row's relations is in the order of the keys, whole tables are in none.

mod index;

use std::collections::{BTreeSet, HashMap};

use slab::Slab;
use uuid::Uuid;

use self::index::Index;
use super::{Assignment, Cell, Drone, Key, Kind, Record, Region, RowRef, User};

/// The places of those that belong to a region.
type Members = HashMap<Uuid, BTreeSet<u32>>;

/// Rows by key, and who belongs to what.
#[derive(Clone, Debug, Default)]
pub struct World {
    regions: Slab<Region>,
    users: Slab<User>,
    drones: Slab<Drone>,
    assignments: Slab<Assignment>,
    region_ids: Index,
    user_ids: Index,
    /// Assignments by user and drone, by user, and by drone.
    pairs: Index,
    held: Index,
    holders: Index,
    /// Drones by operator.
    operated: Index,
    region_users: Members,
    region_drones: Members,
    /// Unique texts in lower case with their column, the ids of drones among them: old data may hold doubles.
    names: Index,
    main_hq_active: usize,
}

/// A unique text as `names` has it.
fn name<'a>(kind: Kind, field: &'a str, text: &str) -> (Kind, &'a str, String) {
    (kind, field, text.to_lowercase())
}

fn member(members: &mut Members, region: Uuid, place: u32, add: bool) {
    if add {
        members.entry(region).or_default().insert(place);
    } else if let Some(places) = members.get_mut(&region) {
        places.remove(&place);
        if places.is_empty() {
            members.remove(&region);
        }
    }
}

fn entry<V: std::hash::Hash>(index: &mut Index, value: &V, place: u32, add: bool) {
    if add { index.add(value, place) } else { index.take(value, place) }
}

#[expect(clippy::cast_possible_truncation, reason = "four thousand million rows fit no memory")]
fn short(place: usize) -> u32 {
    place as u32
}

/// In order, whatever the places were.
fn sorted<T: Ord>(found: impl Iterator<Item = T>) -> std::vec::IntoIter<T> {
    let mut found: Vec<T> = found.collect();
    found.sort_unstable();
    found.into_iter()
}

impl World {
    fn region_place(&self, id: Uuid) -> Option<usize> {
        self.region_ids.find(&id).find(|place| self.regions.get(*place).is_some_and(|row| row.id == id))
    }

    fn user_place(&self, id: Uuid) -> Option<usize> {
        self.user_ids.find(&id).find(|place| self.users.get(*place).is_some_and(|row| row.id == id))
    }

    fn drone_place(&self, id: &str) -> Option<usize> {
        let mut named = self.names.find(&name(Kind::Drone, "id", id));
        named.find(|place| self.drones.get(*place).is_some_and(|row| *row.id == *id))
    }

    fn assignment_place(&self, user: Uuid, drone: &str) -> Option<usize> {
        let found = |row: &Assignment| row.user_id == user && *row.drone_id == *drone;
        self.pairs.find(&(user, drone)).find(|place| self.assignments.get(*place).is_some_and(found))
    }

    pub fn region(&self, id: Uuid) -> Option<&Region> {
        self.region_place(id).map(|place| &self.regions[place])
    }

    pub fn user(&self, id: Uuid) -> Option<&User> {
        self.user_place(id).map(|place| &self.users[place])
    }

    pub fn drone(&self, id: &str) -> Option<&Drone> {
        self.drone_place(id).map(|place| &self.drones[place])
    }

    pub fn assignment(&self, user: Uuid, drone: &str) -> Option<&Assignment> {
        self.assignment_place(user, drone).map(|place| &self.assignments[place])
    }

    /// All regions, in no order.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().map(|(_, row)| row)
    }

    /// All users, in no order.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter().map(|(_, row)| row)
    }

    /// All drones, in no order.
    pub fn drones(&self) -> impl Iterator<Item = &Drone> {
        self.drones.iter().map(|(_, row)| row)
    }

    /// All assignments, in no order.
    pub fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.assignments.iter().map(|(_, row)| row)
    }

    /// The users a drone is assigned to.
    pub fn holders(&self, drone: &str) -> impl Iterator<Item = Uuid> + use<> {
        let rows = self.holders.find(&drone).filter_map(|place| self.assignments.get(place));
        sorted(rows.filter(|row| *row.drone_id == *drone).map(|row| row.user_id))
    }

    /// The drones assigned to a user.
    pub fn held(&self, user: Uuid) -> impl Iterator<Item = &str> {
        let rows = self.held.find(&user).filter_map(|place| self.assignments.get(place));
        sorted(rows.filter(|row| row.user_id == user).map(|row| &*row.drone_id))
    }

    /// How many drones are assigned to a user.
    pub fn held_count(&self, user: Uuid) -> usize {
        let rows = self.held.find(&user).filter_map(|place| self.assignments.get(place));
        rows.filter(|row| row.user_id == user).count()
    }

    /// The drones whose operator is this user.
    pub fn operated(&self, user: Uuid) -> impl Iterator<Item = &str> {
        let rows = self.operated.find(&user).filter_map(|place| self.drones.get(place));
        sorted(rows.filter(|row| row.operator_id == Some(user)).map(|row| &*row.id))
    }

    pub fn users_of(&self, region: Uuid) -> impl Iterator<Item = Uuid> + use<> {
        let places = self.region_users.get(&region).into_iter().flatten();
        sorted(places.filter_map(|place| self.users.get(*place as usize)).map(|row| row.id))
    }

    pub fn drones_of(&self, region: Uuid) -> impl Iterator<Item = &str> {
        let places = self.region_drones.get(&region).into_iter().flatten();
        sorted(places.filter_map(|place| self.drones.get(*place as usize)).map(|row| &*row.id))
    }

    /// How many users and how many drones a region has.
    pub fn members(&self, region: Uuid) -> (usize, usize) {
        let count = |members: &Members| members.get(&region).map_or(0, BTreeSet::len);
        (count(&self.region_users), count(&self.region_drones))
    }

    /// The keys whose unique field has this text, without regard to case.
    pub fn named(&self, kind: Kind, field: &'static str, text: &str) -> impl Iterator<Item = Key> + use<> {
        let wanted = name(kind, field, text);
        let rows = self.names.find(&wanted).filter_map(|place| self.at(kind, place));
        let has =
            |row: &Record| matches!(row.cell(field), Cell::Text(text) if text.to_lowercase() == wanted.2);
        sorted(rows.filter(has).map(|row| row.key()))
    }

    /// Users who are MAIN_HQ and ACTIVE; at least one must remain.
    pub fn main_hq_active_count(&self) -> usize {
        self.main_hq_active
    }

    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Region => self.regions.len(),
            Kind::User => self.users.len(),
            Kind::Drone => self.drones.len(),
            Kind::Assignment => self.assignments.len(),
        }
    }

    /// Where a row stands in its table: the same for as long as it is there, also when it is written again.
    pub fn place_of(&self, key: &Key) -> Option<u32> {
        self.place(key).map(short)
    }

    /// The row at a place.
    pub fn record_at(&self, kind: Kind, place: u32) -> Option<Record> {
        self.at(kind, place as usize)
    }

    /// The key of the row at a place.
    pub fn key_at(&self, kind: Kind, place: u32) -> Option<Key> {
        let place = place as usize;
        Some(match kind {
            Kind::Region => Key::region(self.regions.get(place)?.id),
            Kind::User => Key::user(self.users.get(place)?.id),
            Kind::Drone => Key::drone(&self.drones.get(place)?.id),
            Kind::Assignment => {
                let row = self.assignments.get(place)?;
                Key::assignment(row.user_id, &row.drone_id)
            }
        })
    }

    /// All rows of a kind with their places, in no order.
    pub fn rows(&self, kind: Kind) -> Box<dyn Iterator<Item = (u32, RowRef<'_>)> + '_> {
        match kind {
            Kind::Region => {
                Box::new(self.regions.iter().map(|(place, row)| (short(place), RowRef::Region(row))))
            }
            Kind::User => Box::new(self.users.iter().map(|(place, row)| (short(place), RowRef::User(row)))),
            Kind::Drone => {
                Box::new(self.drones.iter().map(|(place, row)| (short(place), RowRef::Drone(row))))
            }
            Kind::Assignment => {
                Box::new(self.assignments.iter().map(|(place, row)| (short(place), RowRef::Assignment(row))))
            }
        }
    }

    /// One more than the last place that a row of the kind may have.
    pub fn places(&self, kind: Kind) -> u32 {
        short(match kind {
            Kind::Region => self.regions.capacity(),
            Kind::User => self.users.capacity(),
            Kind::Drone => self.drones.capacity(),
            Kind::Assignment => self.assignments.capacity(),
        })
    }

    /// The row at a place, where it stands.
    pub fn row_at(&self, kind: Kind, place: u32) -> Option<RowRef<'_>> {
        let place = place as usize;
        Some(match kind {
            Kind::Region => RowRef::Region(self.regions.get(place)?),
            Kind::User => RowRef::User(self.users.get(place)?),
            Kind::Drone => RowRef::Drone(self.drones.get(place)?),
            Kind::Assignment => RowRef::Assignment(self.assignments.get(place)?),
        })
    }

    fn place(&self, key: &Key) -> Option<usize> {
        match key.kind {
            Kind::Region => self.region_place(key.uuid()?),
            Kind::User => self.user_place(key.uuid()?),
            Kind::Drone => self.drone_place(&key.pk),
            Kind::Assignment => {
                let (user, drone) = key.pair()?;
                self.assignment_place(user, drone)
            }
        }
    }

    fn at(&self, kind: Kind, place: usize) -> Option<Record> {
        self.row_at(kind, short(place)).map(RowRef::to_record)
    }

    pub fn get(&self, key: &Key) -> Option<Record> {
        self.at(key.kind, self.place(key)?)
    }

    pub fn has(&self, key: &Key) -> bool {
        self.place(key).is_some()
    }

    /// Every key of a kind, in key order.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        match kind {
            Kind::Region => sorted(self.regions().map(|row| row.id)).map(Key::region).collect(),
            Kind::User => sorted(self.users().map(|row| row.id)).map(Key::user).collect(),
            Kind::Drone => sorted(self.drones().map(|row| &*row.id)).map(Key::drone).collect(),
            Kind::Assignment => sorted(self.assignments().map(|row| (row.user_id, &*row.drone_id)))
                .map(|(user, drone)| Key::assignment(user, drone))
                .collect(),
        }
    }

    /// Writes a row; gives what stood there before.
    pub fn put(&mut self, record: Record) -> Option<Record> {
        let before = self.remove(&record.key());
        let place = match &record {
            Record::Region(_) => self.regions.vacant_key(),
            Record::User(_) => self.users.vacant_key(),
            Record::Drone(_) => self.drones.vacant_key(),
            Record::Assignment(_) => self.assignments.vacant_key(),
        };
        self.index_record(&record, place, true);
        match record {
            Record::Region(row) => self.regions.insert(row),
            Record::User(row) => self.users.insert(row),
            Record::Drone(row) => self.drones.insert(row),
            Record::Assignment(row) => self.assignments.insert(row),
        };
        before
    }

    pub fn remove(&mut self, key: &Key) -> Option<Record> {
        let place = self.place(key)?;
        let record = match key.kind {
            Kind::Region => Record::Region(self.regions.remove(place)),
            Kind::User => Record::User(self.users.remove(place)),
            Kind::Drone => Record::Drone(self.drones.remove(place)),
            Kind::Assignment => Record::Assignment(self.assignments.remove(place)),
        };
        self.index_record(&record, place, false);
        Some(record)
    }

    fn index_record(&mut self, record: &Record, place: usize, add: bool) {
        let place = short(place);
        for field in record.kind().fields().iter().filter(|field| field.unique) {
            if let Cell::Text(text) = record.cell(field.name) {
                entry(&mut self.names, &name(record.kind(), field.name, text), place, add);
            }
        }
        match record {
            Record::Region(row) => entry(&mut self.region_ids, &row.id, place, add),
            Record::User(row) => {
                entry(&mut self.user_ids, &row.id, place, add);
                if let Some(region) = row.region_id {
                    member(&mut self.region_users, region, place, add);
                }
                if row.is_active_main_hq() {
                    self.main_hq_active =
                        if add { self.main_hq_active + 1 } else { self.main_hq_active.saturating_sub(1) };
                }
            }
            Record::Drone(row) => {
                if let Some(region) = row.region_id {
                    member(&mut self.region_drones, region, place, add);
                }
                if let Some(operator) = row.operator_id {
                    entry(&mut self.operated, &operator, place, add);
                }
            }
            Record::Assignment(row) => {
                let drone = &*row.drone_id;
                entry(&mut self.pairs, &(row.user_id, drone), place, add);
                entry(&mut self.held, &row.user_id, place, add);
                entry(&mut self.holders, &drone, place, add);
            }
        }
    }

    /// A small copy: a drone, its holders, and the regions; enough to foresee what a change of it does.
    #[must_use]
    pub fn clone_drone_neighbourhood(&self, drone: &str) -> Self {
        let mut copy = Self::default();
        for region in self.regions() {
            copy.put(Record::Region(region.clone()));
        }
        if let Some(row) = self.drone(drone) {
            copy.put(Record::Drone(row.clone()));
            for user in self.holders(drone) {
                let user = Key::user(user);
                drop(self.get(&user).map(|row| copy.put(row)));
            }
            for user in self.holders(drone) {
                drop(self.assignment(user, drone).map(|row| copy.put(Record::Assignment(row.clone()))));
            }
        }
        copy
    }
}

impl PartialEq for World {
    /// The same rows; where they stand is nobody's concern.
    fn eq(&self, other: &Self) -> bool {
        let same = |kind| {
            self.count(kind) == other.count(kind)
                && self
                    .rows(kind)
                    .map(|(_, row)| row.to_record())
                    .all(|row| other.get(&row.key()) == Some(row))
        };
        Kind::ALL.into_iter().all(same)
    }
}

impl Eq for World {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Role, Status};

    fn id(n: u8) -> Uuid {
        Uuid::from_u128(u128::from(n))
    }

    /// Rows of few keys and few values, so that they meet.
    fn a_row() -> impl Strategy<Value = Record> {
        let maybe = || prop::option::of(0_u8..3).prop_map(|n| n.map(id));
        let name = || prop::sample::select(vec!["Alpha", "alpha", "ALPHA", "beta", ""]);
        let drone = || prop::sample::select(vec!["d-1", "D-1", "d-2"]);
        let user = (0_u8..3, name(), maybe(), any::<bool>()).prop_map(|(n, name, region, chief)| {
            let mut user = User::new(id(n));
            (user.username, user.region_id, user.status) = (name.into(), region, Some(Status::Active));
            user.role = Some(if chief { Role::MainHq } else { Role::Operator });
            Record::User(user)
        });
        let drones = (drone(), maybe(), maybe()).prop_map(|(name, region, operator)| {
            let mut drone = Drone::new(name);
            (drone.region_id, drone.operator_id) = (region, operator);
            Record::Drone(drone)
        });
        let region = (0_u8..3).prop_map(|n| Record::Region(Region::new(id(n))));
        let assigned =
            (0_u8..3, drone()).prop_map(|(n, drone)| Record::Assignment(Assignment::new(id(n), drone)));
        prop_oneof![user, drones, region, assigned]
    }

    proptest! {
        /// Whatever comes and goes, an index gives what a look at every row would.
        #[test]
        fn indexes_are_what_a_look_at_every_row_gives(
            acts in prop::collection::vec((a_row(), any::<bool>()), 1..60),
            tries in prop::collection::vec((a_row(), any::<bool>()), 0..20),
        ) {
            let mut world = World::default();
            let mut rows = BTreeMap::new();
            for (row, put) in acts {
                let key = row.key();
                if put {
                    prop_assert_eq!(world.put(row.clone()), rows.insert(key, row));
                } else {
                    prop_assert_eq!(world.remove(&key), rows.remove(&key));
                }
            }
            let all = |kind| rows.values().filter(move |row: &&Record| row.kind() == kind);
            for kind in Kind::ALL {
                let keys: Vec<Key> = world.keys(kind);
                prop_assert!(keys.iter().eq(all(kind).map(Record::key).collect::<Vec<_>>().iter()));
                prop_assert_eq!(world.count(kind), keys.len());
            }
            prop_assert!(rows.iter().all(|(key, row)| world.get(key).as_ref() == Some(row)));
            for text in ["alpha", "BETA"] {
                let alike = all(Kind::User).filter(|row| row.label().eq_ignore_ascii_case(text)).map(Record::key);
                prop_assert!(world.named(Kind::User, "username", text).eq(alike));
            }
            for n in 0..3 {
                let drones = |test: &dyn Fn(&Drone) -> bool| -> Vec<String> {
                    let drones = all(Kind::Drone).filter(|row| matches!(row, Record::Drone(row) if test(row)));
                    drones.map(|row| row.label().to_owned()).collect()
                };
                prop_assert!(world.operated(id(n)).eq(drones(&|row| row.operator_id == Some(id(n)))));
                prop_assert!(world.drones_of(id(n)).eq(drones(&|row| row.region_id == Some(id(n)))));
                let (users, drones) = world.members(id(n));
                prop_assert_eq!(drones, world.drones_of(id(n)).count());
                prop_assert_eq!(users, world.users_of(id(n)).count());
                let theirs = all(Kind::Assignment).filter(|row| row.key().pair().is_some_and(|pair| pair.0 == id(n)));
                prop_assert!(world.held(id(n)).eq(theirs.map(Record::label)));
            }
            let of_it = all(Kind::Assignment).filter_map(|row| row.key().pair().filter(|pair| pair.1 == "d-1").map(|pair| pair.0));
            prop_assert!(world.holders("d-1").eq(of_it));
            // What is tried out and taken back stands where it stood.
            let places = |world: &World| rows.keys().map(|key| world.place_of(key)).collect::<Vec<_>>();
            let before = places(&world);
            let tried: Vec<(Key, Option<Record>)> = tries.into_iter().map(|(row, put)| {
                let key = row.key();
                let was = if put { world.put(row) } else { world.remove(&key) };
                (key, was)
            }).collect();
            for (key, was) in tried.into_iter().rev() {
                match was {
                    Some(row) => drop(world.put(row)),
                    None => drop(world.remove(&key)),
                }
            }
            prop_assert_eq!(places(&world), before);
            let chiefs = world.users().filter(|user| user.is_active_main_hq()).count();
            prop_assert_eq!(world.main_hq_active_count(), chiefs);
        }
    }
}

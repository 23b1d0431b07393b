//! All rows known at one place, with the indexes the rules need. Plain data: the console's view, the
//! training server's truth and the tests' models are each one of these.
//!
//! Indexes are kept by `put` and `remove` alone, so they cannot disagree with the rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{Assignment, Drone, Key, Kind, Record, Region, User};

/// A unique text in lower case, with its column.
type Name = (Kind, &'static str, Box<str>);

/// Rows by key, and who belongs to what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    regions: BTreeMap<Uuid, Region>,
    users: BTreeMap<Uuid, User>,
    drones: BTreeMap<Box<str>, Drone>,
    assignments: BTreeMap<(Uuid, Box<str>), Assignment>,
    holders: HashMap<Box<str>, BTreeSet<Uuid>>,
    operated: HashMap<Uuid, BTreeSet<Box<str>>>,
    region_users: HashMap<Uuid, BTreeSet<Uuid>>,
    region_drones: HashMap<Uuid, BTreeSet<Box<str>>>,
    /// Unique texts in lower case to the keys that have them: old data may hold doubles.
    names: HashMap<Name, BTreeSet<Box<str>>>,
    main_hq_active: BTreeSet<Uuid>,
}

/// Adds to or takes from one of the sets, dropping sets that became empty.
fn index<K: std::hash::Hash + Eq, V: Ord>(map: &mut HashMap<K, BTreeSet<V>>, key: K, value: V, add: bool) {
    if add {
        map.entry(key).or_default().insert(value);
    } else if let Some(set) = map.get_mut(&key) {
        set.remove(&value);
        if set.is_empty() {
            map.remove(&key);
        }
    }
}

impl World {
    pub fn region(&self, id: Uuid) -> Option<&Region> {
        self.regions.get(&id)
    }

    pub fn user(&self, id: Uuid) -> Option<&User> {
        self.users.get(&id)
    }

    pub fn drone(&self, id: &str) -> Option<&Drone> {
        self.drones.get(id)
    }

    pub fn assignment(&self, user: Uuid, drone: &str) -> Option<&Assignment> {
        self.assignments.get(&(user, drone.into()))
    }

    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    pub fn drones(&self) -> impl Iterator<Item = &Drone> {
        self.drones.values()
    }

    pub fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.assignments.values()
    }

    /// The users a drone is assigned to.
    pub fn holders(&self, drone: &str) -> impl Iterator<Item = Uuid> + '_ {
        self.holders.get(drone).into_iter().flatten().copied()
    }

    /// The drones assigned to a user.
    pub fn held(&self, user: Uuid) -> impl Iterator<Item = &str> {
        self.assignments
            .range((user, "".into())..)
            .take_while(move |((id, _), _)| *id == user)
            .map(|((_, drone), _)| drone.as_ref())
    }

    /// The drones whose operator is this user.
    pub fn operated(&self, user: Uuid) -> impl Iterator<Item = &str> {
        self.operated.get(&user).into_iter().flatten().map(AsRef::as_ref)
    }

    pub fn users_of(&self, region: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.region_users.get(&region).into_iter().flatten().copied()
    }

    pub fn drones_of(&self, region: Uuid) -> impl Iterator<Item = &str> {
        self.region_drones.get(&region).into_iter().flatten().map(AsRef::as_ref)
    }

    /// The keys whose unique field has this text, without regard to case.
    pub fn named(&self, kind: Kind, field: &'static str, text: &str) -> impl Iterator<Item = &str> {
        self.names.get(&(kind, field, text.to_lowercase().into())).into_iter().flatten().map(AsRef::as_ref)
    }

    /// Users who are MAIN_HQ and ACTIVE; at least one must remain.
    pub fn main_hq_active_count(&self) -> usize {
        self.main_hq_active.len()
    }

    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Region => self.regions.len(),
            Kind::User => self.users.len(),
            Kind::Drone => self.drones.len(),
            Kind::Assignment => self.assignments.len(),
        }
    }

    pub fn get(&self, key: &Key) -> Option<Record> {
        Some(match key.kind {
            Kind::Region => Record::Region(self.region(key.uuid()?)?.clone()),
            Kind::User => Record::User(self.user(key.uuid()?)?.clone()),
            Kind::Drone => Record::Drone(self.drone(&key.pk)?.clone()),
            Kind::Assignment => {
                let (user, drone) = key.pair()?;
                Record::Assignment(self.assignment(user, drone)?.clone())
            }
        })
    }

    pub fn has(&self, key: &Key) -> bool {
        match key.kind {
            Kind::Region => key.uuid().is_some_and(|id| self.regions.contains_key(&id)),
            Kind::User => key.uuid().is_some_and(|id| self.users.contains_key(&id)),
            Kind::Drone => self.drones.contains_key(key.pk.as_str()),
            Kind::Assignment => {
                key.pair().is_some_and(|(user, drone)| self.assignment(user, drone).is_some())
            }
        }
    }

    /// Every key of a kind, in key order.
    pub fn keys(&self, kind: Kind) -> Vec<Key> {
        match kind {
            Kind::Region => self.regions.keys().copied().map(Key::region).collect(),
            Kind::User => self.users.keys().copied().map(Key::user).collect(),
            Kind::Drone => self.drones.keys().map(|id| Key::drone(id)).collect(),
            Kind::Assignment => {
                self.assignments.keys().map(|(user, drone)| Key::assignment(*user, drone)).collect()
            }
        }
    }

    /// Writes a row; gives what stood there before.
    pub fn put(&mut self, record: Record) -> Option<Record> {
        let before = self.remove(&record.key());
        self.index_record(&record, true);
        match record {
            Record::Region(row) => drop(self.regions.insert(row.id, row)),
            Record::User(row) => drop(self.users.insert(row.id, row)),
            Record::Drone(row) => drop(self.drones.insert(row.id.clone(), row)),
            Record::Assignment(row) => {
                drop(self.assignments.insert((row.user_id, row.drone_id.clone()), row));
            }
        }
        before
    }

    pub fn remove(&mut self, key: &Key) -> Option<Record> {
        let record = match key.kind {
            Kind::Region => self.regions.remove(&key.uuid()?).map(Record::Region),
            Kind::User => self.users.remove(&key.uuid()?).map(Record::User),
            Kind::Drone => self.drones.remove(key.pk.as_str()).map(Record::Drone),
            Kind::Assignment => {
                let (user, drone) = key.pair()?;
                self.assignments.remove(&(user, drone.into())).map(Record::Assignment)
            }
        }?;
        self.index_record(&record, false);
        Some(record)
    }

    fn index_record(&mut self, record: &Record, add: bool) {
        for field in record.kind().fields().iter().filter(|field| field.unique) {
            if let Some(text) = record.get(field.name) {
                let name = (record.kind(), field.name, text.to_lowercase().into());
                index(&mut self.names, name, record.key().pk.into(), add);
            }
        }
        match record {
            Record::Region(_) => {}
            Record::User(user) => {
                if let Some(region) = user.region_id {
                    index(&mut self.region_users, region, user.id, add);
                }
                if user.is_active_main_hq() && add {
                    self.main_hq_active.insert(user.id);
                } else {
                    self.main_hq_active.remove(&user.id);
                }
            }
            Record::Drone(drone) => {
                if let Some(region) = drone.region_id {
                    index(&mut self.region_drones, region, drone.id.clone(), add);
                }
                if let Some(operator) = drone.operator_id {
                    index(&mut self.operated, operator, drone.id.clone(), add);
                }
            }
            Record::Assignment(row) => index(&mut self.holders, row.drone_id.clone(), row.user_id, add),
        }
    }
}

impl World {
    /// A small copy: a drone, its holders, and the regions; enough to foresee what a change of it does.
    #[must_use]
    pub fn clone_drone_neighbourhood(&self, drone: &str) -> Self {
        let mut copy = Self::default();
        copy.regions.clone_from(&self.regions);
        if let Some(row) = self.drone(drone) {
            copy.put(Record::Drone(row.clone()));
            for user in self.holders(drone) {
                copy.users.extend(self.user(user).map(|row| (user, row.clone())));
                if let Some(row) = self.assignment(user, drone) {
                    copy.put(Record::Assignment(row.clone()));
                }
            }
        }
        copy
    }
}

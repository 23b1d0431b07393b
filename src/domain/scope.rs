//! Scopes: the words that say who sees a row, as the sync protocol carries them.
//!
//! Of a caller: MAIN_HQ `*`; REGIONAL_HQ `r:<region> m:<region> u:<self>`; OPERATOR `m:<region> u:<self>`.
//! Of a row: region `r:<id> m:<id>`; profile `r:<its region> u:<id>`; drone `r:<its region> u:<operator>
//! u:<each assigned>`; assignment `r:<its drone's region> u:<its user>`. A row is seen where the two sets
//! meet; a property test holds that against `policy::may_see`.

use super::{Actor, Key, Record, Role, World};

/// Sorted and distinct.
pub type Scopes = Vec<String>;

fn sorted(mut scopes: Scopes) -> Scopes {
    scopes.sort();
    scopes.dedup();
    scopes
}

pub fn of_actor(actor: &Actor) -> Scopes {
    let mut scopes = vec![format!("u:{}", actor.user)];
    match actor.role {
        Role::MainHq => return vec!["*".to_owned()],
        Role::RegionalHq => {
            scopes.extend(actor.region.into_iter().flat_map(|r| [format!("r:{r}"), format!("m:{r}")]));
        }
        Role::Operator => scopes.extend(actor.region.map(|r| format!("m:{r}"))),
    }
    sorted(scopes)
}

pub fn of_row(world: &World, record: &Record) -> Scopes {
    let mut scopes = Scopes::new();
    match record {
        Record::Region(region) => scopes.extend([format!("r:{}", region.id), format!("m:{}", region.id)]),
        Record::User(user) => {
            scopes.push(format!("u:{}", user.id));
            scopes.extend(user.region_id.map(|r| format!("r:{r}")));
        }
        Record::Drone(drone) => {
            scopes.extend(drone.region_id.map(|r| format!("r:{r}")));
            scopes.extend(drone.operator_id.map(|u| format!("u:{u}")));
            scopes.extend(world.holders(&drone.id).map(|u| format!("u:{u}")));
        }
        Record::Assignment(row) => {
            scopes.push(format!("u:{}", row.user_id));
            let region = world.drone(&row.drone_id).and_then(|drone| drone.region_id);
            scopes.extend(region.map(|r| format!("r:{r}")));
        }
    }
    sorted(scopes)
}

/// Does a caller with `mine` see a row with `row`?
pub fn meet<S: AsRef<str>, T: AsRef<str>>(mine: &[S], row: &[T]) -> bool {
    mine.iter().any(|scope| scope.as_ref() == "*" || row.iter().any(|other| other.as_ref() == scope.as_ref()))
}

/// The rows whose scopes may differ after the row of `key` changed: itself, a drone's assignments, and an
/// assignment's drone.
pub fn dependents(world: &World, key: &Key) -> Vec<Key> {
    let mut keys = vec![key.clone()];
    if let Some((_, drone)) = key.pair() {
        keys.push(Key::drone(drone));
    }
    if key.kind == super::Kind::Drone {
        keys.extend(world.holders(&key.pk).map(|user| Key::assignment(user, &key.pk)));
    }
    keys
}

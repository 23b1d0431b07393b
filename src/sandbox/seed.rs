//! The rows a training server starts with: the initial data set, and as many more as are asked for.
//!
//! What is made is the same every time, and keeps every rule of the domain: tests and demonstrations may
//! rely on ids.

use serde::Deserialize;
use uuid::Uuid;

use super::SandboxError;
use super::auth::Account;
use crate::domain::{
    Assignment, Drone, DroneModel, DroneStatus, Fields, Key, Kind, Record, Role, Stamp, Status, User, World,
};

const INITIAL: &str = include_str!("../../assets/initial.json");

/// The password of every training account; public on purpose.
pub const PASSWORD: &str = "FlyOS2025!";

/// When the first of the made-up rows was created: 2025-03-01, in seconds.
const FIRST_CREATED_S: i64 = 1_740_787_200;
/// A made-up user comes with two drones and one assignment.
const ROWS_PER_USER: usize = 4;

#[derive(Deserialize)]
struct Initial {
    accounts: Vec<InitialAccount>,
    regions: Vec<Fields>,
    profiles: Vec<Fields>,
    drones: Vec<Fields>,
    user_drone_assignments: Vec<Fields>,
}

#[derive(Deserialize)]
struct InitialAccount {
    id: Uuid,
    email: String,
    who: String,
    created_at: String,
}

fn initial() -> Result<Initial, SandboxError> {
    serde_json::from_str(INITIAL).map_err(|error| SandboxError::InitialData(error.to_string()))
}

/// The key of a row from its columns.
fn key_of(kind: Kind, fields: &Fields) -> Option<Key> {
    let text = |name: &str| fields.get(name).cloned().flatten();
    match kind {
        Kind::Assignment => Key::parse(kind, &format!("{}:{}", text("user_id")?, text("drone_id")?)),
        _ => Key::parse(kind, &text("id")?),
    }
}

/// The initial rows, filled up to about `rows`.
pub fn world(rows: usize) -> Result<World, SandboxError> {
    let initial = initial()?;
    let mut world = World::default();
    let tables = [
        (Kind::Region, initial.regions),
        (Kind::User, initial.profiles),
        (Kind::Drone, initial.drones),
        (Kind::Assignment, initial.user_drone_assignments),
    ];
    for (kind, fields) in
        tables.into_iter().flat_map(|(kind, rows)| rows.into_iter().map(move |row| (kind, row)))
    {
        let record = key_of(kind, &fields).and_then(|key| Record::from_fields(&key, &fields));
        let record = record.ok_or_else(|| SandboxError::InitialData(format!("a {kind} has no key")))?;
        world.put(record);
    }
    fill(&mut world, rows);
    Ok(world)
}

/// The accounts that belong to the initial rows.
pub fn accounts() -> Result<Vec<Account>, SandboxError> {
    let accounts = initial()?.accounts.into_iter();
    accounts.map(|a| Account::new(a.id, &a.email, PASSWORD, &a.who, &a.created_at)).collect()
}

/// Adds users with drones until there are about `rows` rows in all.
fn fill(world: &mut World, rows: usize) {
    let have: usize = Kind::ALL.iter().map(|kind| world.count(*kind)).sum();
    let mut regions: Vec<Uuid> = world.regions().map(|region| region.id).collect();
    regions.sort_unstable();
    for number in 0..rows.saturating_sub(have).div_ceil(ROWS_PER_USER) {
        // Every seventeenth belongs to no region.
        let region =
            (number % 17 != 16).then(|| regions.get(number % regions.len().max(1)).copied()).flatten();
        let user = made_user(number, region);
        let drones = [2 * number, 2 * number + 1].map(|n| made_drone(n, region));
        let [mut flown, spare] = drones;
        if user.is_active() {
            flown.operator_id = Some(user.id);
            let mut assignment = Assignment::new(user.id, &flown.id);
            assignment.assigned_at = flown.updated_at;
            world.put(Record::Assignment(assignment));
        }
        world.put(Record::User(user));
        world.put(Record::Drone(flown));
        world.put(Record::Drone(spare));
    }
}

/// A minute apart, from the first on.
fn created(number: usize) -> Stamp {
    let minutes = i64::try_from(number % 800_000).unwrap_or_default();
    Stamp((FIRST_CREATED_S + minutes * 60) * 1_000_000)
}

fn made_user(number: usize, region: Option<Uuid>) -> User {
    const FIRST: [&str; 16] = [
        "Adam", "Beatriz", "Carlos", "Dana", "Elif", "Farid", "Grace", "Henrik", "Imani", "Jonas", "Keiko",
        "Liam", "Mina", "Nadia", "Oscar", "Priya",
    ];
    const LAST: [&str; 16] = [
        "Abbott", "Berg", "Castillo", "Demir", "Eriksen", "Fischer", "Grant", "Haddad", "Ivanov", "Jensen",
        "Kowalski", "Lopez", "Mbeki", "Novak", "Okafor", "Petrov",
    ];
    let (first, last) = (FIRST[number % 16], LAST[(number / 16) % 16]);
    let mut user = User::new(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number as u128));
    user.username = format!("{}_{}_{number}", first.to_lowercase(), last.to_lowercase()).into();
    user.full_name = format!("{first} {last}").into();
    user.email = format!("{}.{}.{number}@flyos.mil", first.to_lowercase(), last.to_lowercase()).into();
    user.role = Some(if number % 50 == 49 { Role::RegionalHq } else { Role::Operator });
    user.status = Some(if number % 40 == 39 { Status::Inactive } else { Status::Active });
    user.region_id = region;
    (user.created_at, user.updated_at) = (Some(created(number)), Some(created(number)));
    user
}

fn made_drone(number: usize, region: Option<Uuid>) -> Drone {
    let mut drone = Drone::new(&format!("drone-x{number:07}"));
    drone.model = DroneModel::ALL.get(number % DroneModel::ALL.len()).copied();
    drone.status = DroneStatus::ALL.get(number / 3 % DroneStatus::ALL.len()).copied();
    drone.region_id = region;
    (drone.created_at, drone.updated_at) = (Some(created(number)), Some(created(number)));
    drone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rules;

    #[test]
    fn the_initial_rows_keep_every_rule() {
        let world = world(0).expect("the initial rows");
        assert_eq!(rules::broken(&world), Vec::<String>::new());
        for kind in Kind::ALL {
            for key in world.keys(kind) {
                let record = world.get(&key).expect("a row of its key");
                assert_eq!(record.flaws(), Vec::<&str>::new(), "{key}");
                let created = record.get("created_at").or_else(|| record.get("assigned_at"));
                assert!(created.is_some(), "{key} was created at some time");
            }
        }
        for account in accounts().expect("the accounts") {
            let profile = world.users().find(|user| user.auth_user_id == Some(account.id));
            assert_eq!(profile.map(|user| user.email.as_ref()), Some(account.email.as_str()));
        }
        assert_eq!(world.main_hq_active_count(), 2);
        assert!(world.drones().any(|drone| drone.region_id.is_none()));
        assert!(world.drones().any(|drone| drone.operator_id.is_none()));
        for status in DroneStatus::ALL {
            assert!(world.drones().any(|drone| drone.status == Some(*status)), "{status}");
        }
    }

    #[test]
    fn filled_rows_keep_every_rule_and_are_the_same_each_time() {
        let filled = world(5_000).expect("rows");
        assert_eq!(rules::broken(&filled), Vec::<String>::new());
        let count: usize = Kind::ALL.iter().map(|kind| filled.count(*kind)).sum();
        assert!((4_800..5_200).contains(&count), "{count} rows");
        assert!(filled == world(5_000).expect("rows"));
        assert!(filled.users().all(|user| Record::User(user.clone()).flaws().is_empty()));
    }
}

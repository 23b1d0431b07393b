//! What a column of a list shows: stored values in words, and the computed ones.

use uuid::Uuid;

use crate::domain::{Record, Stamp, User, World};

/// A row somebody may not see is named so where another row points at it.
pub const SOMEBODY: &str = "another user";
/// The same for a region.
pub const ELSEWHERE: &str = "another region";

/// The text of a column of `columns(kind)`; empty where there is nothing.
pub fn cell(world: &World, record: &Record, column: &str) -> String {
    match (record, column) {
        (Record::User(user), "drones") => count(world.held(user.id).count()),
        (Record::Region(region), "users") => count(world.members(region.id).0),
        (Record::Region(region), "drones") => count(world.members(region.id).1),
        (Record::User(user), "region") => region_name(world, user.region_id),
        (Record::Drone(drone), "region") => region_name(world, drone.region_id),
        (Record::Drone(drone), "operator") => user_name(world, drone.operator_id),
        (Record::Assignment(row), "username") => user_name(world, Some(row.user_id)),
        (Record::Assignment(row), "drone") => row.drone_id.to_string(),
        (_, "changed") => changed(record).map(Stamp::text).unwrap_or_default(),
        (_, column) => record.get(column).unwrap_or_default(),
    }
}

fn count(count: usize) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

/// When the row last changed on the server.
pub fn changed(record: &Record) -> Option<Stamp> {
    match record {
        Record::Region(row) => row.updated_at,
        Record::User(row) => row.updated_at,
        Record::Drone(row) => row.updated_at,
        Record::Assignment(row) => row.assigned_at,
    }
}

pub fn region_name(world: &World, region: Option<Uuid>) -> String {
    let name = |id| world.region(id).map_or_else(|| ELSEWHERE.to_owned(), |region| region.name.to_string());
    region.map(name).unwrap_or_default()
}

pub fn user_name(world: &World, user: Option<Uuid>) -> String {
    let name =
        |id| world.user(id).map_or_else(|| SOMEBODY.to_owned(), |user: &User| user.username.to_string());
    user.map(name).unwrap_or_default()
}

/// What a stored value reads like: references by name, the rest as it is, nothing as `-`.
pub fn value_text(world: &World, field: &str, value: &crate::domain::Value) -> String {
    let id = value.as_deref().and_then(|text| Uuid::try_parse(text).ok());
    match (field, id) {
        ("region_id", Some(_)) => region_name(world, id),
        ("operator_id" | "user_id", Some(_)) => user_name(world, id),
        _ => value.clone().unwrap_or_else(|| "-".to_owned()),
    }
}

/// What may look wrong with a row and is counted by these words.
pub mod alert {
    pub const OPERATOR_INACTIVE: &str = "its operator is INACTIVE";
    pub const STILL_HOLDS: &str = "INACTIVE, but still holds drones";
    pub const NO_SIGN_IN: &str = "no sign-in yet";
    pub const NO_COMMANDER: &str = "no commander";
    pub const REGION_INACTIVE: &str = "region is INACTIVE";
    pub const FLAWED: &str = "breaks a rule";
}

/// What looks wrong with a row, in words, most important first.
pub fn alerts(world: &World, record: &Record) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for field in record.flaws() {
        let value = record.get(field).unwrap_or_else(|| "empty".to_owned());
        found.push(format!("{field} {} ({value}): edit it to mend it", alert::FLAWED));
    }
    match record {
        Record::Drone(drone) => {
            let operator = drone.operator_id.and_then(|id| world.user(id));
            if operator.is_some_and(|user| !user.is_active()) {
                found.push(alert::OPERATOR_INACTIVE.to_owned());
            }
            if drone.region_id.and_then(|id| world.region(id)).is_some_and(|region| !region.is_active()) {
                found.push(format!("its {}", alert::REGION_INACTIVE));
            }
        }
        Record::User(user) => {
            if !user.is_active() && world.held(user.id).next().is_some() {
                found.push(alert::STILL_HOLDS.to_owned());
            }
            if user.region_id.and_then(|id| world.region(id)).is_some_and(|region| !region.is_active()) {
                found.push(format!("the {}", alert::REGION_INACTIVE));
            }
            if user.auth_user_id.is_none() {
                found.push(alert::NO_SIGN_IN.to_owned());
            }
        }
        Record::Region(region) => {
            if region.commander_name.is_none() {
                found.push(alert::NO_COMMANDER.to_owned());
            }
            if !region.is_active() && world.members(region.id).0 > 0 {
                found.push("INACTIVE, but still has people".to_owned());
            }
        }
        Record::Assignment(_) => {}
    }
    found
}

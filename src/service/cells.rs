//! What a column of a list shows: stored values in words, and the computed ones.

use uuid::Uuid;

use crate::domain::{Record, RowRef, Stamp, User, World};

/// A row somebody may not see is named so where another row points at it.
pub const SOMEBODY: &str = "another user";
pub const ANOTHER_REGION: &str = "another region";

/// The text of a column of `columns(kind)`; empty where there is nothing.
pub fn cell(world: &World, row: RowRef<'_>, column: &str) -> String {
    if let Some(number) = counted(world, row, column) {
        return count(number);
    }
    match (row, column) {
        (RowRef::User(user), "region") => region_name(world, user.region_id),
        (RowRef::Drone(drone), "region") => region_name(world, drone.region_id),
        (RowRef::Drone(drone), "operator") => user_name(world, drone.operator_id),
        (RowRef::Assignment(row), "username") => user_name(world, Some(row.user_id)),
        (RowRef::Assignment(row), "drone") => row.drone_id.to_string(),
        (_, "changed") => changed(row).map(Stamp::text).unwrap_or_default(),
        (_, column) => row.cell(column).value().unwrap_or_default(),
    }
}

/// The number in a column that counts.
pub fn counted(world: &World, row: RowRef<'_>, column: &str) -> Option<usize> {
    match (row, column) {
        (RowRef::User(user), "drones") => Some(world.held_count(user.id)),
        (RowRef::Region(region), "users") => Some(world.members(region.id).0),
        (RowRef::Region(region), "drones") => Some(world.members(region.id).1),
        _ => None,
    }
}

fn count(count: usize) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

/// When the row last changed on the server.
pub fn changed(row: RowRef<'_>) -> Option<Stamp> {
    match row {
        RowRef::Region(row) => row.updated_at,
        RowRef::User(row) => row.updated_at,
        RowRef::Drone(row) => row.updated_at,
        RowRef::Assignment(row) => row.assigned_at,
    }
}

pub fn region_name(world: &World, region: Option<Uuid>) -> String {
    let name =
        |id| world.region(id).map_or_else(|| ANOTHER_REGION.to_owned(), |region| region.name.to_string());
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

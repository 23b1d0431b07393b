//! Assignments: which users hold which drones. Both columns are the key; there is nothing to edit.

use uuid::Uuid;

use super::field::{Field, FieldType};
use super::record::Raw;
use super::{Cell, Kind, Stamp};

pub const FIELDS: &[Field] = &[
    Field::server("user_id", "User", FieldType::Ref(Kind::User)),
    Field::server("drone_id", "Drone", FieldType::Text { min: 1, max: 64, sound: super::drone::id_is_sound }),
    Field::server("assigned_at", "Assigned", FieldType::Time),
];

/// One row of `user_drone_assignments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub user_id: Uuid,
    pub drone_id: Box<str>,
    pub assigned_at: Option<Stamp>,
    pub raw: Raw,
}

impl Assignment {
    pub fn new(user: Uuid, drone: &str) -> Self {
        Self { user_id: user, drone_id: drone.into(), assigned_at: None, raw: Raw::default() }
    }

    pub(super) fn typed(&self, field: &str) -> Cell<'_> {
        match field {
            "user_id" => Cell::Uuid(self.user_id),
            "drone_id" => Cell::Text(&self.drone_id),
            "assigned_at" => Cell::time(self.assigned_at),
            _ => Cell::Null,
        }
    }

    pub(super) fn put_typed(&mut self, field: &str, value: Cell<'_>) {
        if field == "assigned_at" {
            self.assigned_at = value.as_time();
        }
    }
}

//! Drones: the aircraft, keyed by the id painted on them.

use uuid::Uuid;

use super::field::{Field, FieldType};
use super::record::Raw;
use super::{Cell, Kind, Stamp, text_enum};

text_enum! {
    DroneModel { Mq5 = "FlyOS_MQ5", Mq7 = "FlyOS_MQ7", Mq9 = "FlyOS_MQ9" }
}

text_enum! {
    DroneStatus { Active = "ACTIVE", Standby = "STANDBY", Maintenance = "MAINTENANCE", Offline = "OFFLINE" }
}

const UNIT: Option<&str> = Some("post");

/// The longest drone id, in characters.
pub const ID_LENGTH_MAX: usize = 64;

pub const FIELDS: &[Field] = &[
    Field {
        required: true,
        unique: true,
        hint: "is 1 to 64 of A-Z a-z 0-9 . _ -",
        ..Field::server("id", "Id", FieldType::Text { min: 1, max: ID_LENGTH_MAX, sound: id_is_sound })
    },
    Field { required: true, ..Field::new("model", "Model", FieldType::Choice(DroneModel::TEXTS)) },
    Field {
        required: true,
        preset: Some(DroneStatus::Standby.as_str()),
        ..Field::new("status", "Status", FieldType::Choice(DroneStatus::TEXTS))
    },
    Field { unit: UNIT, ..Field::new("region_id", "Region", FieldType::Ref(Kind::Region)) },
    Field { unit: UNIT, ..Field::new("operator_id", "Operator", FieldType::Ref(Kind::User)) },
    Field::server("created_at", "Created", FieldType::Time),
    Field::server("updated_at", "Updated", FieldType::Time),
];

/// 1 to 64 of `[A-Za-z0-9._-]`.
pub fn id_is_sound(text: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// One row of `drones`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drone {
    pub id: Box<str>,
    pub model: Option<DroneModel>,
    pub status: Option<DroneStatus>,
    pub region_id: Option<Uuid>,
    pub operator_id: Option<Uuid>,
    pub created_at: Option<Stamp>,
    pub updated_at: Option<Stamp>,
    pub raw: Raw,
}

impl Drone {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            model: None,
            status: None,
            region_id: None,
            operator_id: None,
            created_at: None,
            updated_at: None,
            raw: Raw::default(),
        }
    }

    pub(super) fn typed(&self, field: &str) -> Cell<'_> {
        match field {
            "id" => Cell::Text(&self.id),
            "model" => Cell::of(self.model.map(DroneModel::as_str)),
            "status" => Cell::of(self.status.map(DroneStatus::as_str)),
            "region_id" => Cell::uuid(self.region_id),
            "operator_id" => Cell::uuid(self.operator_id),
            "created_at" => Cell::time(self.created_at),
            "updated_at" => Cell::time(self.updated_at),
            _ => Cell::Null,
        }
    }

    pub(super) fn put_typed(&mut self, field: &str, value: Cell<'_>) {
        match field {
            "model" => self.model = value.as_text().and_then(DroneModel::parse),
            "status" => self.status = value.as_text().and_then(DroneStatus::parse),
            "region_id" => self.region_id = value.as_uuid(),
            "operator_id" => self.operator_id = value.as_uuid(),
            "created_at" => self.created_at = value.as_time(),
            "updated_at" => self.updated_at = value.as_time(),
            _ => {}
        }
    }
}

//! Regions: where users and drones belong.

use uuid::Uuid;

use super::field::{Field, FieldType, any_text};
use super::record::{self, Raw};
use super::{Stamp, Status, Value};

pub const FIELDS: &[Field] = &[
    Field::server("id", "Id", FieldType::Uuid),
    Field {
        required: true,
        unique: true,
        hint: "is a name of 1 to 80 characters",
        ..Field::new("name", "Name", FieldType::Text { min: 1, max: 80, sound: any_text })
    },
    Field {
        required: true,
        hint: "says where it is, in 1 to 120 characters",
        ..Field::new("area", "Area", FieldType::Text { min: 1, max: 120, sound: any_text })
    },
    Field {
        hint: "is a name of 1 to 120 characters",
        ..Field::new("commander_name", "Commander", FieldType::Text { min: 1, max: 120, sound: any_text })
    },
    Field { required: true, ..Field::new("status", "Status", FieldType::Choice(Status::TEXTS)) },
    Field::server("created_at", "Created", FieldType::Time),
    Field::server("updated_at", "Updated", FieldType::Time),
];

/// One row of `regions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    pub id: Uuid,
    pub name: Box<str>,
    pub area: Box<str>,
    pub commander_name: Option<Box<str>>,
    /// Absent where the stored text is none of the known ones (then in `raw`).
    pub status: Option<Status>,
    pub created_at: Option<Stamp>,
    pub updated_at: Option<Stamp>,
    pub raw: Raw,
}

impl Region {
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            name: "".into(),
            area: "".into(),
            commander_name: None,
            status: None,
            created_at: None,
            updated_at: None,
            raw: Raw::default(),
        }
    }

    pub fn is_active(&self) -> bool {
        self.status == Some(Status::Active)
    }

    pub(super) fn typed(&self, field: &str) -> Value {
        match field {
            "id" => Some(self.id.to_string()),
            "name" => record::text(&self.name),
            "area" => record::text(&self.area),
            "commander_name" => self.commander_name.as_deref().map(str::to_owned),
            "status" => self.status.map(|status| status.as_str().to_owned()),
            "created_at" => self.created_at.map(Stamp::text),
            "updated_at" => self.updated_at.map(Stamp::text),
            _ => None,
        }
    }

    pub(super) fn put_typed(&mut self, field: &str, value: Option<&str>) {
        match field {
            "name" => self.name = value.unwrap_or_default().into(),
            "area" => self.area = value.unwrap_or_default().into(),
            "commander_name" => self.commander_name = value.map(Into::into),
            "status" => self.status = value.and_then(Status::parse),
            "created_at" => self.created_at = value.and_then(Stamp::parse),
            "updated_at" => self.updated_at = value.and_then(Stamp::parse),
            _ => {}
        }
    }
}

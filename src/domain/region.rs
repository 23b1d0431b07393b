//! Regions: where users and drones belong.

use uuid::Uuid;

use super::field::{Field, FieldType, any_text};
use super::record::Raw;
use super::{Cell, Stamp, Status};

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
    Field {
        required: true,
        preset: Some(Status::Active.as_str()),
        ..Field::new("status", "Status", FieldType::Choice(Status::TEXTS))
    },
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

    pub(super) fn typed(&self, field: &str) -> Cell<'_> {
        match field {
            "id" => Cell::Uuid(self.id),
            "name" => Cell::text(&self.name),
            "area" => Cell::text(&self.area),
            "commander_name" => Cell::of(self.commander_name.as_deref()),
            "status" => Cell::of(self.status.map(Status::as_str)),
            "created_at" => Cell::time(self.created_at),
            "updated_at" => Cell::time(self.updated_at),
            _ => Cell::Null,
        }
    }

    pub(super) fn put_typed(&mut self, field: &str, value: Cell<'_>) {
        match field {
            "name" => self.name = value.as_text().unwrap_or_default().into(),
            "area" => self.area = value.as_text().unwrap_or_default().into(),
            "commander_name" => self.commander_name = value.as_text().map(Into::into),
            "status" => self.status = value.as_text().and_then(Status::parse),
            "created_at" => self.created_at = value.as_time(),
            "updated_at" => self.updated_at = value.as_time(),
            _ => {}
        }
    }
}

//! Users: the people, in table `profiles`. A profile and a sign-in account are two things.

use uuid::Uuid;

use super::field::{Field, FieldType, any_text};
use super::record::Raw;
use super::{Cell, Kind, Stamp, text_enum};

text_enum! {
    /// What somebody may do; the table is in `policy`.
    Role { MainHq = "MAIN_HQ", RegionalHq = "REGIONAL_HQ", Operator = "OPERATOR" }
}

text_enum! {
    /// Of users and regions. INACTIVE takes nothing new and, of a user, may do nothing.
    Status { Active = "ACTIVE", Inactive = "INACTIVE" }
}

const UNIT: Option<&str> = Some("standing");

pub const FIELDS: &[Field] = &[
    Field::server("id", "Id", FieldType::Uuid),
    Field {
        required: true,
        unique: true,
        hint: "is 3 to 64 of A-Z a-z 0-9 _",
        ..Field::new("username", "Username", FieldType::Text { min: 3, max: 64, sound: username_is_sound })
    },
    Field {
        required: true,
        hint: "is a name of 1 to 120 characters",
        ..Field::new("full_name", "Full name", FieldType::Text { min: 1, max: 120, sound: any_text })
    },
    Field {
        required: true,
        unique: true,
        hint: "is an address like name@unit.mil",
        ..Field::new("email", "E-mail", FieldType::Text { min: 5, max: 254, sound: email_is_sound })
    },
    Field { required: true, unit: UNIT, ..Field::new("role", "Role", FieldType::Choice(Role::TEXTS)) },
    Field { unit: UNIT, ..Field::new("region_id", "Region", FieldType::Ref(Kind::Region)) },
    Field {
        required: true,
        preset: Some(Status::Active.as_str()),
        unit: UNIT,
        ..Field::new("status", "Status", FieldType::Choice(Status::TEXTS))
    },
    Field::server("auth_user_id", "Sign-in account", FieldType::Uuid),
    Field::server("created_at", "Created", FieldType::Time),
    Field::server("updated_at", "Updated", FieldType::Time),
];

fn username_is_sound(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `x@y.z`: one `@`, something before it, a dot inside what follows, no space.
fn email_is_sound(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    !local.is_empty()
        && !host.contains('@')
        && !text.contains(char::is_whitespace)
        && host.split('.').count() >= 2
        && host.split('.').all(|part| !part.is_empty())
}

/// One row of `profiles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    pub username: Box<str>,
    pub full_name: Box<str>,
    pub email: Box<str>,
    /// Absent where the stored text is none of the known ones (then in `raw`): no role, no rights.
    pub role: Option<Role>,
    pub region_id: Option<Uuid>,
    pub status: Option<Status>,
    pub auth_user_id: Option<Uuid>,
    pub created_at: Option<Stamp>,
    pub updated_at: Option<Stamp>,
    pub raw: Raw,
}

impl User {
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            username: "".into(),
            full_name: "".into(),
            email: "".into(),
            role: None,
            region_id: None,
            status: None,
            auth_user_id: None,
            created_at: None,
            updated_at: None,
            raw: Raw::default(),
        }
    }

    pub fn is_active(&self) -> bool {
        self.status == Some(Status::Active)
    }

    /// One of those of whom at least one must remain.
    pub fn is_active_main_hq(&self) -> bool {
        self.is_active() && self.role == Some(Role::MainHq)
    }

    pub(super) fn typed(&self, field: &str) -> Cell<'_> {
        match field {
            "id" => Cell::Uuid(self.id),
            "username" => Cell::text(&self.username),
            "full_name" => Cell::text(&self.full_name),
            "email" => Cell::text(&self.email),
            "role" => Cell::of(self.role.map(Role::as_str)),
            "region_id" => Cell::uuid(self.region_id),
            "status" => Cell::of(self.status.map(Status::as_str)),
            "auth_user_id" => Cell::uuid(self.auth_user_id),
            "created_at" => Cell::time(self.created_at),
            "updated_at" => Cell::time(self.updated_at),
            _ => Cell::Null,
        }
    }

    pub(super) fn put_typed(&mut self, field: &str, value: Cell<'_>) {
        match field {
            "username" => self.username = value.as_text().unwrap_or_default().into(),
            "full_name" => self.full_name = value.as_text().unwrap_or_default().into(),
            "email" => self.email = value.as_text().unwrap_or_default().into(),
            "role" => self.role = value.as_text().and_then(Role::parse),
            "region_id" => self.region_id = value.as_uuid(),
            "status" => self.status = value.as_text().and_then(Status::parse),
            "auth_user_id" => self.auth_user_id = value.as_uuid(),
            "created_at" => self.created_at = value.as_time(),
            "updated_at" => self.updated_at = value.as_time(),
            _ => {}
        }
    }
}

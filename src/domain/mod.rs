//! The domain: what users, regions, drones and assignments are, and every rule about them.
//!
//! Pure: no async, no I/O, no clock, no randomness, no JSON. The same functions judge an edit offline in
//! the console, in the training server, and in property tests; the SQL holds the same rules and is tested
//! against these. One glossary, the same words in SQL, code and on the screens:
//!
//! * **kind** of thing: a table. Regions, users (table `profiles`), drones, assignments.
//! * **record**: one row, typed. A value that breaks its type is kept as it came (the record is *flawed*).
//! * **field**: a column, described once in the kind's file (`FIELDS`): form, list, filter, merge read it.
//! * **change**: a value that says what one row was and becomes. It can be applied and inverted.
//! * **effect**: a change that follows from another by a rule (a cascade). People send changes; the
//!   server and the overlay each derive the effects with `rules::effects`.
//! * **intent**: what a person asks for (`Assign`); it is planned into changes.
//! * **scope**: a word that says who sees a row (`r:<region>`, `u:<user>`); see `scope`.
//!
//! Values travel as `Value = Option<String>` in the text form PostgreSQL gives (`null` is `None`): every
//! column of the four tables is text, uuid or timestamptz, so one form serves the wire, the journal,
//! forms and merge alike, and a flawed value needs no second way.

pub mod assignment;
pub mod cell;
pub mod change;
pub mod digest;
pub mod drone;
pub mod field;
pub mod intent;
pub mod merge;
pub mod policy;
pub mod record;
pub mod refusal;
pub mod region;
pub mod rules;
pub mod scope;
pub mod stamp;
pub mod undo;
pub mod user;
pub mod world;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use assignment::Assignment;
pub use cell::Cell;
pub use change::{Change, Op};
pub use drone::{Drone, DroneModel, DroneStatus};
pub use field::{Field, FieldType};
pub use intent::Intent;
pub use policy::{Actor, Deed};
pub use record::{Record, RowRef};
pub use refusal::{Reason, Refusal};
pub use region::Region;
pub use stamp::Stamp;
pub use user::{Role, Status, User};
pub use world::World;

/// A column's value in PostgreSQL's text form; `None` is SQL's null.
pub type Value = Option<String>;

/// Some columns of one row, by column name.
pub type Fields = BTreeMap<String, Value>;

/// The kinds of thing, parents before children: the order in which tables are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    #[serde(rename = "regions")]
    Region,
    #[serde(rename = "profiles")]
    User,
    #[serde(rename = "drones")]
    Drone,
    #[serde(rename = "user_drone_assignments")]
    Assignment,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Region, Self::User, Self::Drone, Self::Assignment];

    /// The table's name in SQL and on the wire.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Region => "regions",
            Self::User => "profiles",
            Self::Drone => "drones",
            Self::Assignment => "user_drone_assignments",
        }
    }

    pub fn from_table(table: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.table() == table)
    }

    /// One such thing, in a sentence.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::User => "user",
            Self::Drone => "drone",
            Self::Assignment => "assignment",
        }
    }

    /// The description of its columns, in the order forms and exports show them.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::Region => region::FIELDS,
            Self::User => user::FIELDS,
            Self::Drone => drone::FIELDS,
            Self::Assignment => assignment::FIELDS,
        }
    }

    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// The values of a new row, with what it has where nothing else is said.
    #[must_use]
    pub fn with_presets(self, mut values: Fields) -> Fields {
        for field in self.fields() {
            if let Some(preset) = field.preset {
                values.entry(field.name.to_owned()).or_insert_with(|| Some(preset.to_owned()));
            }
        }
        values
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

/// The longest key that is taken from a server, in bytes.
const KNOWN_LENGTH_MAX: usize = 512;

/// Which row: its table and its key in text (`<user>:<drone>` for an assignment).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    #[serde(rename = "t")]
    pub kind: Kind,
    pub pk: String,
}

impl Key {
    /// A key as it stands on the wire; `None` where the text cannot be a key of that table. Uuids are
    /// brought to lower case, as PostgreSQL does.
    pub fn parse(kind: Kind, pk: &str) -> Option<Self> {
        let uuid = |text: &str| Uuid::try_parse(text).ok().filter(|_| text.len() == 36);
        let pk = match kind {
            Kind::Region | Kind::User => uuid(pk)?.to_string(),
            Kind::Drone => drone::id_is_sound(pk).then(|| pk.to_owned())?,
            Kind::Assignment => {
                let (user, drone) = pk.split_once(':')?;
                drone::id_is_sound(drone).then_some(())?;
                format!("{}:{drone}", uuid(user)?)
            }
        };
        Some(Self { kind, pk })
    }

    /// A key as a server has it: old data may hold drone ids that nobody may choose any more.
    pub fn known(kind: Kind, pk: &str) -> Option<Self> {
        match kind {
            Kind::Drone => (!pk.is_empty() && pk.len() <= KNOWN_LENGTH_MAX).then(|| Self::drone(pk)),
            Kind::Assignment => {
                let (user, drone) = pk.split_once(':')?;
                Some(Self::assignment(Uuid::try_parse(user).ok()?, &Self::known(Kind::Drone, drone)?.pk))
            }
            _ => Self::parse(kind, pk),
        }
    }

    pub fn region(id: Uuid) -> Self {
        Self { kind: Kind::Region, pk: id.to_string() }
    }

    pub fn user(id: Uuid) -> Self {
        Self { kind: Kind::User, pk: id.to_string() }
    }

    pub fn drone(id: &str) -> Self {
        Self { kind: Kind::Drone, pk: id.to_owned() }
    }

    pub fn assignment(user: Uuid, drone: &str) -> Self {
        Self { kind: Kind::Assignment, pk: format!("{user}:{drone}") }
    }

    /// The key as a uuid; `None` for drones and assignments.
    pub fn uuid(&self) -> Option<Uuid> {
        matches!(self.kind, Kind::Region | Kind::User).then(|| Uuid::try_parse(&self.pk).ok()).flatten()
    }

    /// The two halves of an assignment's key.
    pub fn pair(&self) -> Option<(Uuid, &str)> {
        let (user, drone) = self.pk.split_once(':').filter(|_| self.kind == Kind::Assignment)?;
        Some((Uuid::try_parse(user).ok()?, drone))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.pk)
    }
}

/// Makes an enum whose variants are texts in SQL, on the wire and on the screen.
macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $(#[serde(rename = $text)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            pub const TEXTS: &'static [&'static str] = &[$($text),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
pub(crate) use text_enum;

//! A row of any kind, read and written by column name.
//!
//! A value that does not fit its column's type (old data: a role nobody knows) is kept as text in `raw`,
//! shown as it is, and judged only when somebody changes it.

use std::collections::BTreeMap;

use super::{Assignment, Cell, Drone, Fields, Key, Kind, Region, User, Value};

/// Texts that did not fit their column, by column. Nearly always absent, so it costs one pointer.
pub type Raw = Option<Box<BTreeMap<&'static str, String>>>;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Region(Region),
    User(User),
    Drone(Drone),
    Assignment(Assignment),
}

/// One row where it stands: what a look at many rows goes by, since nothing is copied.
#[derive(Clone, Copy, Debug)]
pub enum RowRef<'a> {
    Region(&'a Region),
    User(&'a User),
    Drone(&'a Drone),
    Assignment(&'a Assignment),
}

impl<'a> RowRef<'a> {
    /// A column's value, as stored.
    pub fn cell(self, field: &str) -> Cell<'a> {
        let raw: &'a Raw = match self {
            Self::Region(row) => &row.raw,
            Self::User(row) => &row.raw,
            Self::Drone(row) => &row.raw,
            Self::Assignment(row) => &row.raw,
        };
        raw.as_ref().and_then(|raw| raw.get(field)).map_or_else(|| self.typed(field), |raw| Cell::Text(raw))
    }

    fn typed(self, field: &str) -> Cell<'a> {
        match self {
            Self::Region(row) => row.typed(field),
            Self::User(row) => row.typed(field),
            Self::Drone(row) => row.typed(field),
            Self::Assignment(row) => row.typed(field),
        }
    }

    pub fn key(self) -> Key {
        match self {
            Self::Region(region) => Key::region(region.id),
            Self::User(user) => Key::user(user.id),
            Self::Drone(drone) => Key::drone(&drone.id),
            Self::Assignment(row) => Key::assignment(row.user_id, &row.drone_id),
        }
    }

    pub fn to_record(self) -> Record {
        match self {
            Self::Region(row) => Record::Region(row.clone()),
            Self::User(row) => Record::User(row.clone()),
            Self::Drone(row) => Record::Drone(row.clone()),
            Self::Assignment(row) => Record::Assignment(row.clone()),
        }
    }
}

impl Record {
    /// The row as lists look at it.
    pub fn row(&self) -> RowRef<'_> {
        match self {
            Self::Region(row) => RowRef::Region(row),
            Self::User(row) => RowRef::User(row),
            Self::Drone(row) => RowRef::Drone(row),
            Self::Assignment(row) => RowRef::Assignment(row),
        }
    }

    /// An empty row of that key; `None` where the key's text is no key.
    pub fn new(key: &Key) -> Option<Self> {
        Some(match key.kind {
            Kind::Region => Self::Region(Region::new(key.uuid()?)),
            Kind::User => Self::User(User::new(key.uuid()?)),
            Kind::Drone => Self::Drone(Drone::new(&key.pk)),
            Kind::Assignment => {
                let (user, drone) = key.pair()?;
                Self::Assignment(Assignment::new(user, drone))
            }
        })
    }

    /// A row from its columns. Columns that are no columns of ours are passed over.
    pub fn from_fields(key: &Key, fields: &Fields) -> Option<Self> {
        let mut record = Self::new(key)?;
        record.put_all(fields);
        Some(record)
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Region(_) => Kind::Region,
            Self::User(_) => Kind::User,
            Self::Drone(_) => Kind::Drone,
            Self::Assignment(_) => Kind::Assignment,
        }
    }

    pub fn key(&self) -> Key {
        self.row().key()
    }

    fn raw_mut(&mut self) -> &mut Raw {
        match self {
            Self::Region(row) => &mut row.raw,
            Self::User(row) => &mut row.raw,
            Self::Drone(row) => &mut row.raw,
            Self::Assignment(row) => &mut row.raw,
        }
    }

    fn put_typed(&mut self, field: &str, value: Cell<'_>) {
        match self {
            Self::Region(row) => row.put_typed(field, value),
            Self::User(row) => row.put_typed(field, value),
            Self::Drone(row) => row.put_typed(field, value),
            Self::Assignment(row) => row.put_typed(field, value),
        }
    }

    /// A column's value, as stored.
    pub fn cell(&self, field: &str) -> Cell<'_> {
        self.row().cell(field)
    }

    /// The same, as it travels.
    pub fn get(&self, field: &str) -> Value {
        self.cell(field).value()
    }

    /// Writes a column. Key columns and unknown columns stay as they are.
    pub fn put(&mut self, field: &str, value: &Value) {
        self.put_cell(field, Cell::of(value.as_deref()));
    }

    /// The same, from a cell.
    pub fn put_cell(&mut self, field: &str, value: Cell<'_>) {
        let Some(described) = self.kind().field(field) else { return };
        self.put_typed(field, value);
        let fits = self.row().typed(field) != Cell::Null || value == Cell::Null;
        let raw = self.raw_mut();
        if fits {
            if let Some(map) = raw {
                map.remove(field);
                if map.is_empty() {
                    *raw = None;
                }
            }
        } else if let Some(text) = value.value() {
            raw.get_or_insert_default().insert(described.name, text);
        }
    }

    /// Writes several columns.
    pub fn put_all(&mut self, fields: &Fields) {
        for (name, value) in fields {
            self.put(name, value);
        }
    }

    /// Every column, in the kind's order.
    pub fn fields(&self) -> Fields {
        self.kind().fields().iter().map(|field| (field.name.to_owned(), self.get(field.name))).collect()
    }

    /// The columns whose value breaks its own rule, as old data may.
    pub fn flaws(&self) -> Vec<&'static str> {
        let fields = self.kind().fields().iter().filter(|field| !field.server);
        let bad_id =
            matches!(self, Self::Drone(drone) if !super::drone::id_is_sound(&drone.id)).then_some("id");
        let flawed =
            fields.filter(|field| field.accept(&self.get(field.name)).is_err()).map(|field| field.name);
        bad_id.into_iter().chain(flawed).collect()
    }

    /// The name people know it by.
    pub fn label(&self) -> &str {
        match self {
            Self::Region(region) => &region.name,
            Self::User(user) => &user.username,
            Self::Drone(drone) => &drone.id,
            Self::Assignment(assignment) => &assignment.drone_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_flawed_value_is_kept_and_can_be_mended() {
        let key = Key::user(Uuid::from_u128(7));
        let mut row = Record::new(&key).expect("a key");
        row.put("role", &Some("ADMIN".to_owned()));
        assert_eq!(row.get("role").as_deref(), Some("ADMIN"));
        let Record::User(user) = &row else { unreachable!() };
        assert_eq!(user.role, None, "an unknown role gives no rights");
        assert!(row.flaws().contains(&"role"));
        row.put("role", &Some("OPERATOR".to_owned()));
        assert_eq!(row.get("role").as_deref(), Some("OPERATOR"));
        assert!(!row.flaws().contains(&"role"));
        row.put("id", &Some("nonsense".to_owned()));
        assert_eq!(row.key(), key, "a key is never rewritten");
    }

    #[test]
    fn columns_survive_the_round_trip() {
        let key = Key::drone("drone-017");
        let mut row = Record::new(&key).expect("a key");
        for (field, value) in
            [("model", "FlyOS_MQ7"), ("status", "BROKEN"), ("created_at", "2025-01-01T00:00:00+00:00")]
        {
            row.put(field, &Some(value.to_owned()));
        }
        assert_eq!(Record::from_fields(&key, &row.fields()), Some(row));
    }
}

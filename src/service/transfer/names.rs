//! Which row here a row of a file means, and which one its references mean.
//!
//! By the key first. A user or region whose id is not here, or who has none in the file, is the one that goes by the same
//! name: by its username where the file has no ids, and by everything that is unique (username and e-mail) where it has
//! one, since then two people may be meant. References to the file's id then mean the row that is here. Regions and users
//! may be pointed at by name.

use std::collections::HashMap;

use uuid::Uuid;

use super::reader::Row;
use crate::domain::field::FieldType;
use crate::domain::{Field, Fields, Key, Kind, Value, World};

/// Why a row's key or reference means nothing: the column, and what would be right.
pub(super) type Unclear = (&'static str, String);

/// A row's place here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    Here(Key),
    /// Another id, the same names.
    HereAs(Key),
    New(Key),
}

/// Ids of the file that stand for other ids here.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: HashMap<(Kind, String), String>,
}

impl Names {
    /// The key columns of a kind.
    pub(super) const fn keys(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::Assignment => &["user_id", "drone_id"],
            _ => &["id"],
        }
    }

    /// Which row is meant; a new one gets `id` where the file names none.
    pub(super) fn meant(
        &mut self,
        world: &World,
        row: &Row,
        id: impl FnOnce() -> Uuid,
    ) -> Result<Meant, Unclear> {
        let given = |name: &'static str| row.cells.get(name).cloned().flatten();
        let key = match row.kind {
            Kind::Drone => {
                let text = given("id").ok_or(("id", "Id is needed.".to_owned()))?;
                let key = Key::known(Kind::Drone, &text);
                key.ok_or_else(|| ("id", format!("Id {}.", hint(Kind::Drone, "id"))))?
            }
            Kind::Assignment => {
                let user = self.reference(world, Kind::Assignment, "user_id", &given("user_id"))?;
                let user = user.and_then(|text| Uuid::try_parse(&text).ok());
                let user = user.ok_or(("user_id", "User is needed: an id or a username.".to_owned()))?;
                let drone = given("drone_id").ok_or(("drone_id", "Drone is needed.".to_owned()))?;
                Key::assignment(user, &drone)
            }
            Kind::Region | Kind::User => return self.by_id_or_name(world, row, id),
        };
        Ok(if world.has(&key) { Meant::Here(key) } else { Meant::New(key) })
    }

    fn by_id_or_name(
        &mut self,
        world: &World,
        row: &Row,
        id: impl FnOnce() -> Uuid,
    ) -> Result<Meant, Unclear> {
        let unique = row.kind.fields().iter().filter(|field| field.unique);
        let named = |field: &Field| {
            let text = row.cells.get(field.name)?.as_deref()?;
            Some(world.named(row.kind, field.name, text).next())
        };
        let Some(text) = row.cells.get("id").cloned().flatten() else {
            let found = unique.clone().find_map(named).flatten();
            return Ok(
                found.map_or_else(|| Meant::New(Key { kind: row.kind, pk: id().to_string() }), Meant::Here)
            );
        };
        let key = Key::parse(row.kind, &text);
        let key =
            key.ok_or_else(|| ("id", "Id is a uuid; leave it empty, and a new row gets one.".to_owned()))?;
        if world.has(&key) {
            return Ok(Meant::Here(key));
        }
        let found: Vec<Option<Key>> = unique.filter_map(named).collect();
        match found
            .first()
            .cloned()
            .flatten()
            .filter(|first| found.iter().all(|key| key.as_ref() == Some(first)))
        {
            Some(here) => {
                self.ids.insert((row.kind, key.pk), here.pk.clone());
                Ok(Meant::HereAs(here))
            }
            None => Ok(Meant::New(key)),
        }
    }

    /// The row's references as ids of rows here.
    pub(super) fn resolve(&self, world: &World, kind: Kind, cells: &mut Fields) -> Result<(), Unclear> {
        for field in kind.fields().iter().filter(|field| !field.server) {
            if let Some(value) = cells.get_mut(field.name) {
                *value = self.reference(world, kind, field.name, value)?;
            }
        }
        Ok(())
    }

    /// A reference by id or by name, as an id here; other columns as they are.
    fn reference(
        &self,
        world: &World,
        kind: Kind,
        name: &'static str,
        value: &Value,
    ) -> Result<Value, Unclear> {
        let Some(FieldType::Ref(of)) = kind.field(name).map(|field| field.ty) else {
            return Ok(value.clone());
        };
        let Some(text) = value.as_deref().map(str::trim) else { return Ok(None) };
        if let Some(key) = Key::parse(of, text) {
            let here = self.ids.get(&(of, key.pk.clone()));
            return Ok(Some(here.cloned().unwrap_or(key.pk)));
        }
        let by = of.fields().iter().find(|field| field.unique);
        let mut found = by.into_iter().flat_map(|field| world.named(of, field.name, text));
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(Some(key.pk)),
            (Some(_), Some(_)) => Err((name, format!("More than one {of} is named {text}: give the id."))),
            (None, _) => Err((name, format!("There is no {of} named {text}, nor is it an id."))),
        }
    }
}

fn hint(kind: Kind, name: &str) -> &'static str {
    kind.field(name).map_or("", |field| field.hint)
}

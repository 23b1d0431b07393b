//! The initial data set: what an empty project is offered, as one edit of a MAIN_HQ user that can be undone like any.
//!
//! Who is there already stays as they are: a person of the set whose name or address is taken is that person. Nobody
//! gets a sign-in account by it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::undo::{self, Made};
use super::{ErrorKind, OpCtx, ServiceError};
use crate::domain::rules::{self, Step};
use crate::domain::{Actor, Change, Fields, Key, Kind, Record, Role, World};
use crate::store::Store;
use crate::store::replica::Replica;

const INITIAL: &str = include_str!("../../assets/initial.json");

#[derive(Deserialize)]
struct Initial {
    regions: Vec<Fields>,
    profiles: Vec<Fields>,
    drones: Vec<Fields>,
    user_drone_assignments: Vec<Fields>,
}

/// Is the project empty, and is it somebody's to fill?
pub(super) fn is_offered(replica: &Replica) -> bool {
    let view = replica.view();
    let hq = replica.actor().is_some_and(|actor| actor.role == Role::MainHq);
    let empty = view.regions().next().is_none() && view.drones().next().is_none();
    hq && empty && replica.meta().as_of.is_some() && replica.outbox().next().is_none()
}

/// Saves the set as one edit.
pub(super) fn load(store: &mut Store, ctx: &OpCtx) -> Result<Made, ServiceError> {
    if !is_offered(&store.books.read()) {
        let message =
            "The initial data set is for a project without regions and drones, loaded by a MAIN_HQ user.";
        return Err(ServiceError::new(ErrorKind::Refused, message).hint("Nothing was changed."));
    }
    let initial: Initial = serde_json::from_str(INITIAL).map_err(|error| {
        ServiceError::new(ErrorKind::Configuration, format!("The initial data set cannot be read: {error}."))
    })?;
    undo::save(store, ctx, "the initial data set".to_owned(), |replica, actor| {
        let (steps, result) = replica.rehearse(|view| {
            let mut filling = Filling { actor, view, ids: BTreeMap::new(), steps: Vec::new() };
            let result = filling.all(&initial);
            (filling.steps, result)
        });
        result.map(|()| steps)
    })
}

/// Fills the rows one after the other.
struct Filling<'a> {
    actor: &'a Actor,
    view: &'a mut World,
    /// People of the set who are there already under another id.
    ids: BTreeMap<String, String>,
    steps: Vec<Step>,
}

impl Filling<'_> {
    fn all(&mut self, initial: &Initial) -> Result<(), ServiceError> {
        let inactive = |row: &&Fields| row.get("status").cloned().flatten().as_deref() == Some("INACTIVE");
        for row in &initial.regions {
            self.insert(Kind::Region, row)?;
        }
        for row in &initial.profiles {
            self.insert(Kind::User, row)?;
        }
        for row in &initial.drones {
            self.insert(Kind::Drone, row)?;
        }
        for row in &initial.user_drone_assignments {
            let (Some(user), Some(drone)) = (self.value(row, "user_id"), self.value(row, "drone_id")) else {
                continue;
            };
            let key = Key { kind: Kind::Assignment, pk: format!("{user}:{drone}") };
            self.carry_out(&Change::insert(key, Fields::new()))?;
        }
        for row in &initial.drones {
            if let (Some(id), Some(operator)) = (self.value(row, "id"), self.value(row, "operator_id")) {
                self.update(&Key::drone(&id), "operator_id", &operator)?;
            }
        }
        // Nobody INACTIVE is given a drone, so that comes last.
        for row in initial.profiles.iter().filter(inactive) {
            if let Some(id) = self.value(row, "id") {
                self.update(&Key { kind: Kind::User, pk: id }, "status", "INACTIVE")?;
            }
        }
        Ok(())
    }

    /// A column's value; ids of people who are there already are theirs.
    fn value(&self, row: &Fields, name: &str) -> Option<String> {
        let value = row.get(name).cloned().flatten()?;
        Some(self.ids.get(&value).cloned().unwrap_or(value))
    }

    fn insert(&mut self, kind: Kind, row: &Fields) -> Result<(), ServiceError> {
        let Some(id) = row.get("id").cloned().flatten() else { return Ok(()) };
        let key = Key { kind, pk: id.clone() };
        let taken =
            kind.fields().iter().filter(|field| field.unique && field.name != "id").find_map(|field| {
                let text = row.get(field.name).cloned().flatten()?;
                self.view.named(kind, field.name, &text).next().map(|key| key.pk)
            });
        if let Some(taken) = taken {
            self.ids.insert(id, taken);
            return Ok(());
        }
        let mut set: Fields = row
            .iter()
            .filter(|(name, _)| kind.field(name).is_some_and(|field| !field.server && field.name != "id"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if kind == Kind::Drone {
            set.insert("operator_id".to_owned(), None);
        } else {
            set.insert("status".to_owned(), Some("ACTIVE".to_owned()));
        }
        self.carry_out(&Change::insert(key, set))
    }

    fn update(&mut self, key: &Key, column: &str, value: &str) -> Result<(), ServiceError> {
        let set = Fields::from([(column.to_owned(), Some(value.to_owned()))]);
        let change = self.view.get(key).and_then(|record: Record| Change::update(&record, &set));
        change.map_or(Ok(()), |change| self.carry_out(&change))
    }

    fn carry_out(&mut self, change: &Change) -> Result<(), ServiceError> {
        self.steps.push(rules::carry_out_one(self.view, Some(self.actor), change)?);
        Ok(())
    }
}

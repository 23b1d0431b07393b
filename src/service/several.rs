//! What can be done to several rows at once: the rules of one row, held against each of them. What is possible for one of
//! them at least is offered, and the preview tells of the others (`bulk`).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::detail::{self, NOBODY};
use super::{Choice, ErrorKind, Service, ServiceError, Verb, cells, explain};
use crate::domain::{Actor, Key, Kind, Record, World};
use crate::store::replica::Replica;

const GONE: &str = "None of these rows is there any more.";
const NOBODYS: &str = "Nobody is assigned to any of them.";

impl Service {
    pub(super) fn choices_for(&self, verb: Verb, keys: &[Key]) -> Result<Vec<Choice>, ServiceError> {
        self.inner.look(|replica| choices(replica, verb, keys)).unwrap_or_else(|| Err(explain::signed_out()))
    }

    pub(super) fn locked(&self, keys: &[Key]) -> BTreeMap<String, String> {
        self.inner.look(|replica| locked(replica, keys)).unwrap_or_default()
    }
}

/// The fields that I may change in none of the rows; the reason is the first row's.
fn locked(replica: &Replica, keys: &[Key]) -> BTreeMap<String, String> {
    let (world, actor) = (replica.view(), replica.actor());
    let mut rows = keys.iter().filter_map(|key| world.get(key));
    let first = rows.next();
    let mut locked = first.map_or_else(BTreeMap::new, |row| detail::locked(world, actor.as_ref(), &row));
    for row in rows {
        if locked.is_empty() {
            break;
        }
        locked.retain(|field, _| detail::why_locked(world, actor.as_ref(), &row, field).is_some());
    }
    locked
}

/// What the verb can be about; an error where it is open to me for none of the rows.
fn choices(replica: &Replica, verb: Verb, keys: &[Key]) -> Result<Vec<Choice>, ServiceError> {
    let world = replica.view();
    let field = if verb == Verb::SetStatus { "status" } else { "operator_id" };
    let actor = replica.actor();
    let rows = open_to(world, actor.as_ref(), keys, field)
        .map_err(|why| ServiceError::new(ErrorKind::Denied, why))?;
    match (verb, rows.as_slice()) {
        (Verb::Unassign, rows) => {
            let choices = holders(world, rows);
            if choices.is_empty() {
                return Err(ServiceError::new(ErrorKind::Refused, NOBODYS));
            }
            Ok(choices)
        }
        (_, [row]) => Ok(detail::choices(replica, row.kind(), field, Some(&row.key()))),
        (Verb::Assign, rows) => {
            let region = |row: &Record| match row {
                Record::Drone(drone) => Some(drone.region_id),
                _ => None,
            };
            let regions: BTreeSet<Option<Uuid>> = rows.iter().filter_map(region).collect();
            let mut choices = detail::people(world, &regions);
            detail::fitting_first(&mut choices);
            Ok(choices)
        }
        (_, rows) => {
            Ok(detail::choices(replica, rows.first().map_or(Kind::Drone, Record::kind), field, None))
        }
    }
}

/// The rows of which I may change that field; else why not.
fn open_to(world: &World, actor: Option<&Actor>, keys: &[Key], field: &str) -> Result<Vec<Record>, String> {
    let (mut open, mut why_not) = (Vec::new(), None);
    for row in keys.iter().filter_map(|key| world.get(key)) {
        match detail::why_locked(world, actor, &row, field) {
            None => open.push(row),
            Some(why) => why_not = why_not.or(Some(why)),
        }
    }
    match why_not {
        _ if !open.is_empty() => Ok(open),
        Some(why) => Err(why),
        None if actor.is_none() => Err(NOBODY.to_owned()),
        None => Err(GONE.to_owned()),
    }
}

/// Those a drone of these can be taken from, with how many of them they have.
fn holders(world: &World, rows: &[Record]) -> Vec<Choice> {
    let mut counts: BTreeMap<Uuid, usize> = BTreeMap::new();
    for user in rows.iter().flat_map(|row| world.holders(row.label())) {
        *counts.entry(user).or_default() += 1;
    }
    let choice = |(user, count): (Uuid, usize)| Choice {
        value: Some(user.to_string()),
        label: cells::user_name(world, Some(user)),
        note: format!("has {count} of them"),
        why_not: None,
    };
    let mut choices: Vec<Choice> = counts.into_iter().map(choice).collect();
    detail::fitting_first(&mut choices);
    choices
}

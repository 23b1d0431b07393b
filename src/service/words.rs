//! Changes, edits and consequences in words.

use std::collections::BTreeMap;

use serde_json::json;

use super::cells::{region_name, user_name, value_text};
use super::{EditState, ErrorKind, OutboxLine, ServiceError};
use crate::domain::merge::Clash;
use crate::domain::{Change, Fields, Intent, Key, Kind, Op, Record, World, intent, rules};
use crate::store::replica::{Fate, Pending, Replica};

/// A row's name, also where it is gone from the view.
pub fn label(replica: &Replica, key: &Key) -> String {
    if let Some((user, drone)) = key.pair() {
        return format!("{} / {drone}", user_name(replica.view(), Some(user)));
    }
    let record = replica.view().get(key).or_else(|| replica.ghost(key));
    record.map_or_else(|| key.pk.clone(), |record| record.label().to_owned())
}

/// One change in words: `status MAINTENANCE (was ACTIVE)`.
pub fn change(world: &World, change: &Change) -> String {
    match &change.op {
        Op::Insert { .. } => match change.key.pair() {
            Some((user, drone)) => format!("assign {drone} to {}", user_name(world, Some(user))),
            None => format!("new {}", change.key.kind),
        },
        Op::Delete { base } => {
            if let Some((user, drone)) = change.key.pair() {
                format!("unassign {drone} from {}", user_name(world, Some(user)))
            } else {
                let name = ["username", "name"].iter().find_map(|field| base.get(*field).cloned().flatten());
                format!("delete {}", name.unwrap_or_else(|| change.key.to_string()))
            }
        }
        Op::Update { base, set } => {
            let each = set.iter().map(|(field, value)| {
                let title = change.key.kind.field(field).map_or(field.as_str(), |field| field.title);
                let was = base.get(field).cloned().flatten();
                let (now, was) = (value_text(world, field, value), value_text(world, field, &was));
                format!("{} {now} (was {was})", title.to_lowercase())
            });
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Several changes in words, one after the other.
pub fn changes<'a>(world: &World, all: impl IntoIterator<Item = &'a Change>) -> String {
    all.into_iter().map(|one| change(world, one)).collect::<Vec<_>>().join("; ")
}

/// What was done, and then what follows from it: for a place that has one line for both.
pub fn with_follows(what: &str, follows: &[String]) -> String {
    let mut told = what.to_owned();
    for sentence in follows {
        told.push_str(". ");
        told.push_str(sentence.trim_end_matches('.'));
    }
    told
}

/// What was saved, in one sentence without a stop.
pub fn summary(replica: &Replica, key: &Key, all: &[Change]) -> String {
    let label = match all.first().map(|change| &change.op) {
        Some(Op::Insert { set }) if key.kind != Kind::Assignment => {
            let name = ["username", "name"].iter().find_map(|field| set.get(*field).cloned().flatten());
            name.unwrap_or_else(|| key.pk.clone())
        }
        _ => label(replica, key),
    };
    format!("{label}: {}", changes(replica.view(), all))
}

/// An edit of the outbox as a line.
pub fn outbox_line(replica: &Replica, pending: &Pending) -> OutboxLine {
    let at_fault = match &pending.fate {
        Fate::Conflict { change, .. } | Fate::Rejected { change, .. } | Fate::Gone { change } => *change,
        _ => pending.edit.changes.len().saturating_sub(1),
    };
    let all = &pending.edit.changes;
    let key = all.get(at_fault).or(all.first()).map_or_else(|| Key::drone("?"), |change| change.key.clone());
    OutboxLine {
        edit: pending.seq,
        label: label(replica, &key),
        key,
        what: changes(replica.view(), all),
        state: state(replica, pending),
        at: pending.edit.at,
    }
}

fn state(replica: &Replica, pending: &Pending) -> EditState {
    match &pending.fate {
        Fate::Waiting | Fate::Sent if replica.is_held_back(pending) => EditState::Held,
        Fate::Waiting | Fate::Sent if pending.blocked => EditState::Blocked,
        Fate::Waiting => EditState::Waiting,
        Fate::Sent => EditState::Sending,
        Fate::Acked { .. } => EditState::Confirmed,
        Fate::Conflict { fields, drops, by, at, .. } => {
            let drops = drops.iter().filter_map(|pk| Key::known(Kind::Assignment, pk));
            let drops = drops.map(|key| label(replica, &key)).collect();
            let told =
                pending.at_fault().map_or_else(Vec::new, |change| clashes(replica, &change.key, fields));
            EditState::Conflict { fields: fields.clone(), told, drops, by: by.clone(), at: *at }
        }
        Fate::Rejected { field, message, .. } => {
            EditState::Refused { field: field.clone(), message: message.clone() }
        }
        Fate::Gone { .. } => EditState::Gone,
    }
}

/// The columns of a conflict in words; a column that nobody else changed is in it for what hangs on it.
fn clashes(replica: &Replica, key: &Key, fields: &BTreeMap<String, Clash>) -> Vec<String> {
    let each = fields.iter().map(|(name, clash)| {
        let text = |value| match value_text(replica.view(), name, value) {
            text if text.is_empty() => "-".to_owned(),
            text => text,
        };
        let title = key.kind.field(name).map_or(name.as_str(), |field| field.title).to_lowercase();
        let (base, mine, theirs) = (text(&clash.base), text(&clash.mine), text(&clash.theirs));
        if clash.base == clash.theirs {
            format!("{title}: yours {mine}, there still {theirs}, but what depends on it was changed")
        } else {
            format!("{title}: base {base}, yours {mine}, theirs {theirs}")
        }
    });
    each.collect()
}

/// Has the row still the values that the person saw? Else the edit would undo what they never saw.
pub fn still_so(world: &World, key: &Key, seen: &Fields) -> Result<(), ServiceError> {
    let Some(record) = world.get(key).filter(|_| !seen.is_empty()) else { return Ok(()) };
    let Some((field, was)) = seen.iter().find(|(field, was)| record.get(field) != **was) else {
        return Ok(());
    };
    // For a form that stays open: what all of them are now, as stored and in words.
    let text = |field: &str| value_text(world, field, &record.get(field));
    let now: serde_json::Map<_, _> =
        seen.keys().map(|field| (field.clone(), json!([record.get(field), text(field)]))).collect();
    let beside = Some(Box::new(json!({ "now": now })));
    let title = key.kind.field(field).map_or(field.as_str(), |field| field.title);
    let (now, was) = (text(field), value_text(world, field, was));
    let message = format!("{title} became {now} meanwhile (it was {was}). Nothing was changed.");
    let error = ServiceError::new(ErrorKind::Refused, message)
        .hint("Leave this and open it again to see the row as it is.");
    Err(ServiceError { field: Some(field.clone()), beside, ..error })
}

const NO_DRONE: &str = "No drone is assigned to them.";
const NOBODY: &str = "Nobody is assigned to it.";

/// Of what would follow, what is about other rows: not that nothing does.
pub fn for_others(mut said: Vec<String>) -> Vec<String> {
    said.retain(|sentence| sentence != NO_DRONE && sentence != NOBODY);
    said
}

/// What would follow from an intent, one sentence each.
pub fn consequences(replica: &Replica, wish: &Intent) -> Vec<String> {
    let world = replica.view();
    intent::plan(world, wish).map_or_else(|_| Vec::new(), |changes| effects(replica, &changes))
}

/// The same of changes.
pub fn effects(replica: &Replica, changes: &[Change]) -> Vec<String> {
    let world = replica.view();
    let mut said = Vec::new();
    for change in changes {
        match (&change.op, world.get(&change.key)) {
            (Op::Delete { .. }, Some(record)) => said.extend(deletion(replica, &record)),
            (Op::Update { .. }, Some(Record::Drone(_) | Record::User(_))) => {
                said.extend(unassignments(world, &change.key, &rules::effects(world, change)));
            }
            _ => {}
        }
    }
    said
}

fn people(count: usize) -> String {
    plural(count, "user")
}

/// `1 drone`, `14 drones`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `1 drone is`, `14 drones are`.
fn are(count: usize, noun: &str) -> String {
    format!("{} {}", plural(count, noun), if count == 1 { "is" } else { "are" })
}

const BARRED: &str = "The sign-in account is barred once this is sent, and undoing it does not lift that.";

fn deletion(replica: &Replica, record: &Record) -> Vec<String> {
    let world = replica.view();
    match record {
        Record::Region(region) => {
            let (users, drones) = world.members(region.id);
            vec![format!("Its {} and {} stay, without a region.", people(users), plural(drones, "drone"))]
        }
        Record::User(user) => {
            let (held, flown) = (world.held(user.id).count(), world.operated(user.id).count());
            let drones = match held {
                0 => NO_DRONE.to_owned(),
                _ => {
                    format!("{} no longer assigned to them; {flown} without an operator.", are(held, "drone"))
                }
            };
            let barred = user.auth_user_id.map(|_| BARRED.to_owned());
            std::iter::once(drones).chain(barred).collect()
        }
        Record::Drone(drone) => {
            vec![match world.holders(&drone.id).count() {
                0 => NOBODY.to_owned(),
                1 => "Its 1 assignment goes with it.".to_owned(),
                held => format!("Its {held} assignments go with it."),
            }]
        }
        Record::Assignment(row) => {
            let flown =
                world.drone(&row.drone_id).is_some_and(|drone| drone.operator_id == Some(row.user_id));
            flown.then(|| format!("{} is then without an operator.", row.drone_id)).into_iter().collect()
        }
    }
}

/// Who no longer goes with what, since the one that is changed moves.
fn unassignments(world: &World, moves: &Key, effects: &[Change]) -> Vec<String> {
    let gone = effects.iter().filter(|effect| matches!(effect.op, Op::Delete { .. })).filter_map(|effect| {
        let (user, drone) = effect.key.pair()?;
        // The one that stays, where it is.
        let (user_moves, name) = (moves.kind == Kind::User, user_name(world, Some(user)));
        let region = if user_moves {
            world.drone(drone).and_then(|drone| drone.region_id)
        } else {
            world.user(user).and_then(|user| user.region_id)
        };
        let region = region_name(world, region);
        let place = if region.is_empty() { "has no region".to_owned() } else { format!("is in {region}") };
        Some(if user_moves {
            format!("{drone} {place} and is no longer assigned to {name}.")
        } else {
            format!("{name} {place} and loses {drone}.")
        })
    });
    gone.collect()
}

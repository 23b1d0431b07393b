//! What a person asks for, and the changes it takes.
//!
//! Only the person's own changes are planned here; what follows from them is `rules::effects`. `assign` is
//! an insert and the operator's post, as one group; naming an operator who is not assigned yet is the same.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Change, Drone, Fields, Key, Kind, Reason, Record, Refusal, Value, World};

/// A wish, as a plain value: it can come from a key, a command line, a socket or a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "snake_case")]
pub enum Intent {
    /// A new row under `key`, which the front made (a uuid v7, or the drone's id).
    Create {
        key: Key,
        fields: Fields,
    },
    Update {
        key: Key,
        set: Fields,
    },
    Delete {
        key: Key,
    },
    /// The user gets the drone and becomes its operator.
    Assign {
        drone: String,
        user: Uuid,
    },
    Unassign {
        drone: String,
        user: Uuid,
    },
    /// Names the operator, assigning where needed; `None` clears the post and leaves the assignment.
    SetOperator {
        drone: String,
        user: Option<Uuid>,
    },
}

impl Intent {
    /// The row it is about.
    pub fn key(&self) -> Key {
        match self {
            Self::Create { key, .. } | Self::Update { key, .. } | Self::Delete { key } => key.clone(),
            Self::Assign { drone, .. } | Self::Unassign { drone, .. } | Self::SetOperator { drone, .. } => {
                Key::drone(drone)
            }
        }
    }
}

/// Checks each value of a form; the result holds what is stored, or every field that is wrong.
pub fn accept(kind: Kind, fields: &Fields) -> Result<Fields, Vec<Refusal>> {
    let mut kept = Fields::new();
    let mut wrong = Vec::new();
    for (name, value) in fields {
        match kind.field(name).map(|field| field.accept(value)) {
            Some(Ok(value)) => drop(kept.insert(name.clone(), value)),
            Some(Err(refusal)) => wrong.push(refusal),
            None => wrong.push(Refusal::invalid(name, format!("{kind}s have no column {name}."))),
        }
    }
    if wrong.is_empty() { Ok(kept) } else { Err(wrong) }
}

fn missing(key: &Key) -> Refusal {
    Refusal::new(Reason::Reference, None, format!("The {key} is not there (any more)."))
}

/// An assignment has no name of its own: it is told by those of the two.
fn not_assigned(world: &World, drone: &str, user: Uuid) -> Refusal {
    let who = world.user(user).map_or("that user", |user| &*user.username);
    Refusal::new(Reason::Reference, None, format!("{drone} is not assigned to {who}."))
}

fn first(mut wrong: Vec<Refusal>) -> Refusal {
    wrong.swap_remove(0)
}

/// The changes an intent takes, in order. Empty when all is already so. Not yet judged by policy or rules.
pub fn plan(world: &World, intent: &Intent) -> Result<Vec<Change>, Refusal> {
    match intent {
        Intent::Create { key, fields } => create(key, fields),
        Intent::Update { key, set } => {
            let record = world.get(key).ok_or_else(|| missing(key))?;
            let set = accept(key.kind, set).map_err(first)?;
            update(world, &record, set)
        }
        Intent::Delete { key } => Ok(vec![Change::delete(&world.get(key).ok_or_else(|| missing(key))?)]),
        Intent::Assign { drone, user } => set_operator(world, drone, Some(*user)),
        Intent::SetOperator { drone, user } => set_operator(world, drone, *user),
        Intent::Unassign { drone, user } => {
            let row = world.get(&Key::assignment(*user, drone));
            Ok(vec![Change::delete(&row.ok_or_else(|| not_assigned(world, drone, *user))?)])
        }
    }
}

fn create(key: &Key, fields: &Fields) -> Result<Vec<Change>, Refusal> {
    let key = Key::parse(key.kind, &key.pk).ok_or_else(|| {
        let hint = key.kind.field("id").map_or("", |field| field.hint);
        Refusal::invalid("id", format!("Id {hint}."))
    })?;
    let mut set = accept(key.kind, fields).map_err(first)?;
    let operator = set.remove("operator_id").flatten();
    for field in key.kind.fields().iter().filter(|field| !field.server) {
        set.entry(field.name.to_owned()).or_insert(None);
    }
    let drone = Record::from_fields(&key, &set);
    let mut changes = vec![Change::insert(key.clone(), set)];
    if let (Some(operator), Some(Record::Drone(drone))) = (uuid(operator.as_ref()), drone) {
        changes.extend(post(&drone, operator, true));
    }
    Ok(changes)
}

fn uuid(text: Option<&String>) -> Option<Uuid> {
    text.and_then(|text| Uuid::try_parse(text).ok())
}

/// A form's update; a new operator who is not assigned yet is assigned with it.
fn update(world: &World, record: &Record, mut set: Fields) -> Result<Vec<Change>, Refusal> {
    let Record::Drone(drone) = record else {
        return Ok(Change::update(record, &set).into_iter().collect());
    };
    let operator: Value = set.remove("operator_id").unwrap_or_else(|| record.get("operator_id"));
    let wanted = uuid(operator.as_ref());
    if wanted == drone.operator_id {
        return Ok(Change::update(record, &set).into_iter().collect());
    }
    // First the move with its cascade, then the new operator on the drone as the move leaves it.
    let mut changes: Vec<Change> = Change::update(record, &set).into_iter().collect();
    let mut after = world.clone_drone_neighbourhood(&drone.id);
    for change in &changes {
        super::rules::carry_out_one(&mut after, None, change)?;
    }
    changes.extend(set_operator(&after, &drone.id, wanted)?);
    Ok(changes)
}

fn set_operator(world: &World, drone: &str, user: Option<Uuid>) -> Result<Vec<Change>, Refusal> {
    let key = Key::drone(drone);
    let Some(row) = world.drone(drone) else { return Err(missing(&key)) };
    if let Some(user) = user {
        Ok(post(row, user, world.assignment(user, drone).is_none()))
    } else {
        let cleared = Fields::from([("operator_id".to_owned(), None)]);
        Ok(Change::update(&Record::Drone(row.clone()), &cleared).into_iter().collect())
    }
}

/// The assignment, where it is new, and the operator's post.
fn post(drone: &Drone, user: Uuid, assign: bool) -> Vec<Change> {
    let named = Fields::from([("operator_id".to_owned(), Some(user.to_string()))]);
    let assignment = assign.then(|| Change::insert(Key::assignment(user, &drone.id), Fields::new()));
    assignment.into_iter().chain(Change::update(&Record::Drone(drone.clone()), &named)).collect()
}

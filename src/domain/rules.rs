//! The relation rules: what may stand beside what, and what follows from a change.
//!
//! `check` judges a change against the rows as they are before it, and only the columns that it changes: a
//! flawed old row can be mended field by field. `effects` lists what the rules make of it: cascades, which
//! are the server's to carry out and the overlay's to foresee. `carry_out` runs changes one after the other
//! with their effects, all or nothing; it is the training server's write path, the overlay's, and the model
//! of the property tests. `weight` says how many rows a server must write because of a change: of a person's edit
//! it is bounded.
//!
//! Invariants that any sequence of carried-out changes keeps (held by a property test):
//! * a drone's operator is among its assigned users;
//! * every assigned user is in the drone's region when the drone has one;
//! * what a row points at exists;
//! * usernames, e-mails, region names and drone ids are unique without regard to case;
//! * once there is an active MAIN_HQ, one remains.

mod effects;

use uuid::Uuid;

pub use effects::{drops, drops_of, effects, unforeseen, weight};

use super::field::FieldType;
use super::{Actor, Change, Drone, Fields, Key, Kind, Op, Reason, Record, Refusal, Stamp, World, policy};

/// Rows that may be written because of one person's edit, besides those it names: what a server does within the time
/// of a call, several times over. More must be done in parts. Administrators have no such bound.
pub const CASCADE_ROWS_MAX: usize = 5000;

/// A change that was carried out, with what followed from it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub change: Change,
    pub effects: Vec<Change>,
    /// How many rows are written, or their scopes, because of it.
    pub weight: usize,
}

fn uuid_of(value: Option<&super::Value>) -> Option<Uuid> {
    value.and_then(Option::as_deref).and_then(|text| Uuid::try_parse(text).ok())
}

/// Checks every value of a change, then the relations.
pub fn check(world: &World, change: &Change) -> Result<(), Refusal> {
    if let Some(set) = change.set() {
        check_values(change.key.kind, set, matches!(change.op, Op::Insert { .. }))?;
    }
    match &change.op {
        Op::Insert { set } => check_insert(world, &change.key, set),
        Op::Update { set, .. } => check_update(world, &change.key, set),
        Op::Delete { .. } => check_delete(world, &change.key),
    }
}

/// Values alone: known columns, right types; of a new row, everything that is needed.
pub fn check_values(kind: Kind, set: &Fields, new: bool) -> Result<(), Refusal> {
    for (name, value) in set {
        let field = kind
            .field(name)
            .ok_or_else(|| Refusal::invalid(name, format!("{kind}s have no column {name}.")))?;
        let kept = field.accept(value)?;
        if kept != *value {
            return Err(field.unfit());
        }
    }
    let missing = kind.fields().iter().find(|f| new && f.required && !f.server && !set.contains_key(f.name));
    missing.map_or(Ok(()), |field| Err(Refusal::invalid(field.name, format!("{} is needed.", field.title))))
}

fn check_insert(world: &World, key: &Key, set: &Fields) -> Result<(), Refusal> {
    let record = Record::from_fields(key, set)
        .ok_or_else(|| Refusal::invalid("id", format!("{} is no key of a {}.", key.pk, key.kind)))?;
    if world.has(key) {
        let field = if key.kind == Kind::Assignment { "drone_id" } else { "id" };
        return Err(Refusal::new(Reason::Unique, Some(field), format!("The {key} is already there.")));
    }
    if key.kind == Kind::Drone {
        check_unique(world, key, "id", &Some(key.pk.clone()))?;
    }
    for (name, value) in set {
        check_unique(world, key, name, value)?;
        check_reference(world, key.kind, name, value)?;
    }
    match record {
        Record::Drone(drone) => check_operator(world, &drone, drone.operator_id),
        Record::Assignment(row) => check_assignment(world, row.user_id, &row.drone_id),
        Record::Region(_) | Record::User(_) => Ok(()),
    }
}

fn check_update(world: &World, key: &Key, set: &Fields) -> Result<(), Refusal> {
    if key.kind == Kind::Assignment {
        return Err(Refusal::invalid(
            "assigned_at",
            "An assignment has nothing to edit: unassign and assign anew.",
        ));
    }
    let record = world.get(key);
    for (name, value) in set {
        check_locked(record.as_ref(), name, value)?;
        check_unique(world, key, name, value)?;
        check_reference(world, key.kind, name, value)?;
    }
    match record {
        Some(Record::User(user)) if user.is_active_main_hq() => {
            let mut after = Record::User(user);
            after.put_all(set);
            let remains = matches!(&after, Record::User(user) if user.is_active_main_hq());
            if remains { Ok(()) } else { check_last_main_hq(world, set.contains_key("role")) }
        }
        Some(Record::Drone(mut drone)) if set.contains_key("operator_id") => {
            drone.region_id = set.get("region_id").map_or(drone.region_id, |value| uuid_of(Some(value)));
            check_operator(world, &drone, uuid_of(set.get("operator_id")))
        }
        Some(_) => Ok(()),
        None => Err(Refusal::new(Reason::Reference, None, format!("The {key} is not there."))),
    }
}

fn check_delete(world: &World, key: &Key) -> Result<(), Refusal> {
    let Some(record) = world.get(key) else {
        return Err(Refusal::new(Reason::Reference, None, format!("The {key} is not there.")));
    };
    match record {
        Record::User(user) if user.is_active_main_hq() => check_last_main_hq(world, false),
        _ => Ok(()),
    }
}

fn check_last_main_hq(world: &World, by_role: bool) -> Result<(), Refusal> {
    if world.main_hq_active_count() > 1 {
        return Ok(());
    }
    Err(last_main_hq(by_role))
}

/// Why the last active MAIN_HQ stays one. `by_role`: it would end by another role.
pub fn last_main_hq(by_role: bool) -> Refusal {
    let field = if by_role { "role" } else { "status" };
    Refusal::invalid(field, "This is the last active MAIN_HQ user: make another one first.")
}

/// Why a column of this row is not changed by edits, whoever makes them. The address of a person who signs in is the
/// account's, and changes with it; who lacks one altogether (old data) may be given one, which the server compares
/// with the account's.
pub fn locked(record: &Record, column: &str) -> Option<Refusal> {
    let Record::User(user) = record else { return None };
    let linked = column == "email" && user.auth_user_id.is_some() && !user.email.is_empty();
    linked.then(|| {
        let words = "The e-mail belongs to a sign-in account: change it there, and it changes here.";
        Refusal::invalid(column, words)
    })
}

/// The same text in another case is no change of a name.
fn check_locked(record: Option<&Record>, name: &str, value: &super::Value) -> Result<(), Refusal> {
    let Some(record) = record else { return Ok(()) };
    let lower = |value: &super::Value| value.as_deref().unwrap_or_default().to_lowercase();
    let refusal = locked(record, name).filter(|_| lower(&record.get(name)) != lower(value));
    refusal.map_or(Ok(()), Err)
}

fn check_unique(world: &World, key: &Key, name: &str, value: &super::Value) -> Result<(), Refusal> {
    let Some(field) = key.kind.field(name).filter(|field| field.unique) else { return Ok(()) };
    let Some(text) = value else { return Ok(()) };
    if world.named(key.kind, field.name, text).any(|other| other != *key) {
        let message = format!("{} {text} is taken.", field.title);
        return Err(Refusal::new(Reason::Unique, Some(field.name), message));
    }
    Ok(())
}

/// What a column points at must exist, and an INACTIVE region takes no new members.
fn check_reference(world: &World, kind: Kind, name: &str, value: &super::Value) -> Result<(), Refusal> {
    let Some(FieldType::Ref(of)) = kind.field(name).map(|field| field.ty) else { return Ok(()) };
    let Some(id) = uuid_of(Some(value)) else { return Ok(()) };
    match of {
        Kind::Region => match world.region(id) {
            None => Err(Refusal::new(Reason::Reference, Some(name), "There is no such region.")),
            Some(region) if !region.is_active() => {
                Err(Refusal::invalid(name, format!("{} is INACTIVE and takes no new members.", region.name)))
            }
            Some(_) => Ok(()),
        },
        Kind::User if world.user(id).is_none() => {
            Err(Refusal::new(Reason::Reference, Some(name), "There is no such user."))
        }
        _ => Ok(()),
    }
}

/// May this user fly this drone? Active, and in its region when it has one.
fn check_fit(world: &World, user: Uuid, drone: &Drone, field: &str) -> Result<(), Refusal> {
    let Some(user) = world.user(user) else {
        return Err(Refusal::new(Reason::Reference, Some(field), "There is no such user."));
    };
    if !user.is_active() {
        return Err(Refusal::invalid(
            field,
            format!("{} is INACTIVE and takes no new assignments.", user.username),
        ));
    }
    let Some(region) = drone.region_id else { return Ok(()) };
    if user.region_id != Some(region) {
        let name = world.region(region).map_or("another region", |region| &region.name);
        return Err(Refusal::invalid(
            field,
            format!("{} is not in {name}, where {} is.", user.username, drone.id),
        ));
    }
    match world.region(region) {
        Some(region) if !region.is_active() => {
            Err(Refusal::invalid(field, format!("{} is INACTIVE and takes no new assignments.", region.name)))
        }
        _ => Ok(()),
    }
}

fn check_operator(world: &World, drone: &Drone, operator: Option<Uuid>) -> Result<(), Refusal> {
    let Some(operator) = operator else { return Ok(()) };
    check_fit(world, operator, drone, "operator_id")?;
    if world.assignment(operator, &drone.id).is_none() {
        let name = world.user(operator).map_or("The operator", |user| &user.username);
        return Err(Refusal::invalid(
            "operator_id",
            format!("{name} is not assigned to {}: assign first.", drone.id),
        ));
    }
    Ok(())
}

fn check_assignment(world: &World, user: Uuid, drone: &str) -> Result<(), Refusal> {
    let Some(drone) = world.drone(drone) else {
        return Err(Refusal::new(Reason::Reference, Some("drone_id"), format!("There is no drone {drone}.")));
    };
    check_fit(world, user, drone, "user_id")
}

/// Does what follows from a person's edit stay within what a server can do at once?
pub fn check_weight(weight: usize) -> Result<(), Refusal> {
    if weight <= CASCADE_ROWS_MAX {
        return Ok(());
    }
    let message = format!(
        "{weight} users, drones and assignments would change with this, and at most {CASCADE_ROWS_MAX} can at once: \
         move or unassign some of them first, in parts."
    );
    Err(Refusal::new(Reason::Invalid, None, message))
}

/// The same of all changes of one edit together.
pub fn check_weights(steps: &[Step]) -> Result<(), Refusal> {
    check_weight(steps.iter().map(|step| step.weight).sum())
}

/// Does one change with its effects; the rows are untouched if it is refused.
pub fn carry_out_one(world: &mut World, actor: Option<&Actor>, change: &Change) -> Result<Step, Refusal> {
    if let Some(actor) = actor {
        policy::permit_change(actor, world, change)?;
    }
    check(world, change)?;
    let weight = weight(world, change);
    if actor.is_some() {
        check_weight(weight)?;
    }
    let effects = effects(world, change);
    let first = matches!(change.op, Op::Delete { .. });
    // A delete's base is the row as it stands once its effects are done.
    let mut change = change.clone();
    let mut done: Vec<Change> = Vec::new();
    let result = (|| {
        if first {
            for effect in &effects {
                effect.apply(world)?;
                done.push(effect.clone());
            }
            if let (Op::Delete { base }, Some(record)) = (&mut change.op, world.get(&change.key)) {
                *base = record.fields();
            }
        }
        change.apply(world)?;
        done.push(change.clone());
        if !first {
            for effect in &effects {
                effect.apply(world)?;
                done.push(effect.clone());
            }
        }
        Ok(())
    })();
    if let Err(misfit) = result {
        let misfit: super::change::Misfit = misfit;
        take_back(world, &done);
        return Err(Refusal::new(
            Reason::Invalid,
            None,
            format!("The {} cannot be changed: {misfit}.", change.key),
        ));
    }
    Ok(Step { change, effects, weight })
}

/// Does several changes with their effects, all or nothing.
pub fn carry_out(world: &mut World, actor: Option<&Actor>, changes: &[Change]) -> Result<Vec<Step>, Refusal> {
    let mut steps: Vec<Step> = Vec::with_capacity(changes.len());
    for change in changes {
        let done = carry_out_one(world, actor, change).and_then(|step| {
            steps.push(step);
            if actor.is_some() { check_weights(&steps) } else { Ok(()) }
        });
        if let Err(refusal) = done {
            take_back_steps(world, &steps);
            return Err(refusal);
        }
    }
    Ok(steps)
}

/// The changes of some steps in the order they were done.
pub fn in_order(step: &Step) -> Vec<&Change> {
    match step.change.op {
        Op::Delete { .. } => step.effects.iter().chain([&step.change]).collect(),
        _ => std::iter::once(&step.change).chain(&step.effects).collect(),
    }
}

/// Undoes steps that were just carried out.
pub fn take_back_steps(world: &mut World, steps: &[Step]) {
    for step in steps.iter().rev() {
        let done: Vec<_> = in_order(step).into_iter().cloned().collect();
        take_back(world, &done);
    }
}

fn take_back(world: &mut World, done: &[Change]) {
    for change in done.iter().rev() {
        let undone = change.invert().apply(world);
        debug_assert!(undone.is_ok(), "a change that was just made can be taken back: {change:?}");
    }
}

/// Every row that breaks an invariant, in words; for tests, and for taking over old data.
pub fn broken(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for drone in world.drones() {
        if let Some(operator) = drone.operator_id.filter(|user| world.assignment(*user, &drone.id).is_none())
        {
            found.push(format!("{}: its operator {operator} is not among its assigned users", drone.id));
        }
        if drone.region_id.is_some_and(|id| world.region(id).is_none()) {
            found.push(format!("{}: its region is not there", drone.id));
        }
    }
    for row in world.assignments() {
        match (world.user(row.user_id), world.drone(&row.drone_id)) {
            (Some(user), Some(drone)) if drone.region_id.is_some() && drone.region_id != user.region_id => {
                found.push(format!("{} holds {} of another region", user.username, drone.id));
            }
            (Some(_), Some(_)) => {}
            _ => found.push(format!("assignment {}:{} points at nothing", row.user_id, row.drone_id)),
        }
    }
    for user in world.users() {
        if user.region_id.is_some_and(|id| world.region(id).is_none()) {
            found.push(format!("{}: the region is not there", user.username));
        }
    }
    for kind in [Kind::Region, Kind::User, Kind::Drone] {
        for key in world.keys(kind) {
            let record = world.get(&key);
            for field in kind.fields().iter().filter(|field| field.unique) {
                let text = record.as_ref().and_then(|record| record.get(field.name)).unwrap_or_default();
                if world.named(kind, field.name, &text).count() > 1 {
                    found.push(format!("{key}: {} {text} is there twice", field.name));
                }
            }
        }
    }
    found
}

/// Stamps a row the server just wrote: what was created now, and when it last changed.
pub fn stamp(record: &mut Record, created: bool, now: Stamp) {
    let now = Some(now.text());
    if record.kind() == Kind::Assignment {
        if created {
            record.put("assigned_at", &now);
        }
        return;
    }
    if created {
        record.put("created_at", &now);
    }
    record.put("updated_at", &now);
}

//! What follows from a change: the cascades, which nobody sends. The server carries them out, the overlay foresees
//! them.

use uuid::Uuid;

use super::{Step, uuid_of};
use crate::domain::{Change, Fields, Key, Kind, Op, Record, World};

/// An assignment that goes is written, and so is its drone, whose operator or scopes change.
const ROWS_OF_UNASSIGNING: usize = 2;

/// What follows from a change, read off the rows as they are before it: in the order it must be done, after
/// the change itself for updates and inserts, before it for deletes.
pub fn effects(world: &World, change: &Change) -> Vec<Change> {
    match (&change.op, change.key.kind) {
        (Op::Update { set, .. }, Kind::Drone) if set.contains_key("region_id") => {
            drone_moves(world, &change.key.pk, uuid_of(set.get("region_id")), set)
        }
        (Op::Update { set, .. }, Kind::User) if set.contains_key("region_id") => change
            .key
            .uuid()
            .map_or_else(Vec::new, |user| user_moves(world, user, uuid_of(set.get("region_id")))),
        (Op::Delete { .. }, Kind::Region) => {
            change.key.uuid().map_or_else(Vec::new, |region| region_goes(world, region))
        }
        (Op::Delete { .. }, Kind::User) => change.key.uuid().map_or_else(Vec::new, |user| {
            let held: Vec<_> = world.held(user).collect();
            held.into_iter().flat_map(|drone| unassign(world, user, drone)).collect()
        }),
        (Op::Delete { .. }, Kind::Drone) => {
            let holders = world.holders(&change.key.pk);
            holders.filter_map(|user| deletion(world, &Key::assignment(user, &change.key.pk))).collect()
        }
        (Op::Delete { .. }, Kind::Assignment) => {
            let Some((user, drone)) = change.key.pair() else { return Vec::new() };
            operator_cleared(world, user, drone).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The assignments that a change takes away with it, by key, in order. A person who decides on a move or a deletion
/// has these before them; the server refuses to take others (`unforeseen`).
pub fn drops(effects: &[Change]) -> impl Iterator<Item = &str> {
    let gone =
        |change: &&Change| change.key.kind == Kind::Assignment && matches!(change.op, Op::Delete { .. });
    effects.iter().filter(gone).map(|change| change.key.pk.as_str())
}

/// The same for all steps of an edit: what it says when it is sent.
pub fn drops_of(steps: &[Step]) -> Vec<String> {
    steps.iter().flat_map(|step| drops(&step.effects)).map(str::to_owned).collect()
}

/// The assignments that a change would take away and that were not there when it was decided, in order.
pub fn unforeseen(world: &World, change: &Change, foreseen: &[String]) -> Vec<String> {
    let effects = effects(world, change);
    let mut others: Vec<_> =
        drops(&effects).filter(|pk| !foreseen.iter().any(|seen| seen == pk)).map(str::to_owned).collect();
    others.sort_unstable();
    others
}

/// How many rows are written, or their scopes, because of a change, besides its own: members and assignments; an
/// assignment that goes counts with its drone.
pub fn weight(world: &World, change: &Change) -> usize {
    match (&change.op, change.key.kind) {
        (Op::Delete { .. }, Kind::Region) => change.key.uuid().map_or(0, |region| {
            let held: usize = world.drones_of(region).map(|drone| world.holders(drone).count()).sum();
            let (users, drones) = world.members(region);
            users + drones + held
        }),
        (Op::Delete { .. }, Kind::User) => {
            change.key.uuid().map_or(0, |user| ROWS_OF_UNASSIGNING * world.held(user).count())
        }
        (Op::Update { set, .. }, Kind::User) if set.contains_key("region_id") => {
            let region = uuid_of(set.get("region_id"));
            change.key.uuid().map_or(0, |user| ROWS_OF_UNASSIGNING * misfits(world, user, region).count())
        }
        (Op::Delete { .. }, Kind::Drone) => world.holders(&change.key.pk).count(),
        (Op::Update { set, .. }, Kind::Drone) if set.contains_key("region_id") => {
            ROWS_OF_UNASSIGNING * world.holders(&change.key.pk).count()
        }
        _ => 0,
    }
}

fn deletion(world: &World, key: &Key) -> Option<Change> {
    world.get(key).map(|record| Change::delete(&record))
}

/// The drone's operator goes when that assignment goes.
fn operator_cleared(world: &World, user: Uuid, drone: &str) -> Option<Change> {
    world.drone(drone).filter(|row| row.operator_id == Some(user))?;
    Change::update(&world.get(&Key::drone(drone))?, &Fields::from([("operator_id".to_owned(), None)]))
}

/// Takes an assignment away with the operator's post.
fn unassign(world: &World, user: Uuid, drone: &str) -> Vec<Change> {
    operator_cleared(world, user, drone)
        .into_iter()
        .chain(deletion(world, &Key::assignment(user, drone)))
        .collect()
}

fn drone_moves(world: &World, id: &str, region: Option<Uuid>, set: &Fields) -> Vec<Change> {
    let (Some(region), Some(before)) = (region, world.get(&Key::drone(id))) else { return Vec::new() };
    let misfits =
        world.holders(id).filter(|user| world.user(*user).is_none_or(|user| user.region_id != Some(region)));
    let misfits: Vec<_> = misfits.collect();
    let mut moved = before.clone();
    moved.put_all(set);
    let Record::Drone(drone) = &moved else { return Vec::new() };
    let mut effects = Vec::new();
    // The base of what follows is the drone as the move leaves it.
    if drone.operator_id.is_some_and(|operator| misfits.contains(&operator)) {
        effects.extend(Change::update(&moved, &Fields::from([("operator_id".to_owned(), None)])));
    }
    effects.extend(misfits.into_iter().filter_map(|user| deletion(world, &Key::assignment(user, id))));
    effects
}

fn user_moves(world: &World, user: Uuid, region: Option<Uuid>) -> Vec<Change> {
    misfits(world, user, region).flat_map(|drone| unassign(world, user, drone)).collect()
}

/// The drones that a user holds and cannot in that region.
fn misfits(world: &World, user: Uuid, region: Option<Uuid>) -> impl Iterator<Item = &str> {
    world.held(user).filter(move |drone| {
        world.drone(drone).is_some_and(|drone| drone.region_id.is_some() && drone.region_id != region)
    })
}

/// Users and drones stay, without a region. Drones first, so that no assignment ever fails to fit.
fn region_goes(world: &World, region: Uuid) -> Vec<Change> {
    let cleared = Fields::from([("region_id".to_owned(), None)]);
    let drones = world.drones_of(region).map(Key::drone);
    let members = drones.chain(world.users_of(region).map(Key::user));
    members.filter_map(|key| Change::update(&world.get(&key)?, &cleared)).collect()
}

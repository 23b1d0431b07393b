//! Taking back what was done: the changes that bring rows to what they were.
//!
//! Made from the steps as they were carried out, cascades included, newest first: a drone that moved comes back, then the
//! assignments that the move took, then its operator. Each is judged as any change is, so nobody undoes what they may
//! not do; and a row that somebody changed since in the same columns is left alone, with a refusal that says so.

use super::rules::{self, Step};
use super::{Actor, Change, Fields, Key, Kind, Op, Reason, Refusal, World};

/// The changes that take `steps` back, judged for `actor` on the rows as they are; the rows are left as they were.
pub fn undo(world: &mut World, actor: &Actor, steps: &[Step]) -> Result<Vec<Change>, Refusal> {
    let mut done = Vec::new();
    let tried = steps.iter().rev().try_for_each(|step| {
        let effects = step.effects.iter().rev();
        std::iter::once(&step.change).chain(effects).try_for_each(|change| {
            if let Some(back) = inverse(world, change)? {
                done.push(rules::carry_out_one(world, Some(actor), &back)?);
            }
            Ok(())
        })
    });
    let tried = tried.and_then(|()| {
        steps.iter().rev().filter_map(operator).try_for_each(|(drone, operator)| {
            let post = Fields::from([("operator_id".to_owned(), Some(operator))]);
            if let Some(back) = world.get(drone).and_then(|row| Change::update(&row, &post)) {
                done.push(rules::carry_out_one(world, Some(actor), &back)?);
            }
            Ok(())
        })
    });
    rules::take_back_steps(world, &done);
    tried.map(|()| done.into_iter().map(|step| step.change).collect())
}

fn moved(key: &Key) -> Refusal {
    Refusal::new(
        Reason::Invalid,
        None,
        format!("The {key} was changed since: undoing would undo that as well."),
    )
}

/// The operator of a drone that was deleted: the post is given back once the assignments are there again.
fn operator(step: &Step) -> Option<(&Key, String)> {
    match &step.change.op {
        Op::Delete { base } if step.change.key.kind == Kind::Drone => {
            Some((&step.change.key, base.get("operator_id")?.clone()?))
        }
        _ => None,
    }
}

/// What takes one change back; `None` where it is so already.
fn inverse(world: &World, change: &Change) -> Result<Option<Change>, Refusal> {
    let now = world.get(&change.key);
    Ok(match (&change.op, now) {
        (Op::Insert { .. }, None) | (Op::Delete { .. }, Some(_)) => None,
        (Op::Insert { set }, Some(row)) => {
            if set.iter().any(|(name, value)| row.get(name) != *value) {
                return Err(moved(&change.key));
            }
            Some(Change::delete(&row))
        }
        (Op::Update { .. }, None) => return Err(moved(&change.key)),
        (Op::Update { base, set }, Some(row)) => {
            let back: Fields = base.iter().filter(|(name, _)| set.contains_key(*name)).map(owned).collect();
            let as_left = |(name, value): (&String, &super::Value)| row.get(name) == *value;
            if !set.iter().all(as_left) && !back.iter().all(as_left) {
                return Err(moved(&change.key));
            }
            Change::update(&row, &back)
        }
        (Op::Delete { base }, None) => Some(again(&change.key, base)),
    })
}

fn owned((name, value): (&String, &super::Value)) -> (String, super::Value) {
    (name.clone(), value.clone())
}

/// A row once more; a drone's operator comes after the assignment that the post needs.
fn again(key: &Key, base: &Fields) -> Change {
    let own = |name: &str| key.kind.field(name).is_some_and(|field| !field.server);
    let mut set: Fields = base.iter().filter(|(name, _)| own(name)).map(owned).collect();
    if key.kind == Kind::Drone {
        set.insert("operator_id".to_owned(), None);
    }
    Change::insert(key.clone(), set)
}

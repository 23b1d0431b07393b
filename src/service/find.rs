//! One search over users, regions and drones, by what people call them.

use std::collections::BinaryHeap;

use super::list::filter::has_part;
use super::{Found, cells};
use crate::domain::{Cell, Key, Kind, RowRef, World};

/// Rows found, at most: a window takes no more.
const FOUND_MAX: usize = 20;

/// The columns a row is found by, its name first.
const fn searched(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &["username", "full_name", "email"],
        Kind::Region => &["name", "area", "commander_name"],
        Kind::Drone | Kind::Assignment => &["id"],
    }
}

/// The rows that the text names: whole names first, then beginnings, then parts.
pub(super) fn find(world: &World, text: &str) -> Vec<Found> {
    let wanted = text.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    // The worst on top, to be let go of.
    let mut best: BinaryHeap<(u8, String, Kind, u32)> = BinaryHeap::new();
    for kind in [Kind::User, Kind::Region, Kind::Drone] {
        for (place, row) in world.rows(kind) {
            let Some((rank, label)) = rank(row, kind, &wanted) else { continue };
            let worse = best.len() >= FOUND_MAX
                && best.peek().is_some_and(|worst| (worst.0, &*worst.1) <= (rank, label));
            if worse {
                continue;
            }
            best.push((rank, label.to_owned(), kind, place));
            if best.len() > FOUND_MAX {
                best.pop();
            }
        }
    }
    let found = best.into_sorted_vec().into_iter();
    found
        .filter_map(|(_, label, kind, place)| {
            let (key, row) = (world.key_at(kind, place)?, world.row_at(kind, place)?);
            Some(Found { note: note(world, row, &key), key, label })
        })
        .collect()
}

fn rank<'a>(row: RowRef<'a>, kind: Kind, wanted: &str) -> Option<(u8, &'a str)> {
    let text = |field: &str| match row.cell(field) {
        Cell::Text(text) => text,
        _ => "",
    };
    let (name, others) = searched(kind).split_first()?;
    let label = text(name);
    if has_part(label, wanted) {
        let whole = label.len() == wanted.len();
        let begins = label.get(..wanted.len()).is_some_and(|start| start.to_lowercase() == wanted);
        return Some((if whole { 0 } else { 2 - u8::from(begins) }, label));
    }
    others.iter().any(|field| has_part(text(field), wanted)).then_some((3, label))
}

fn note(world: &World, row: RowRef<'_>, key: &Key) -> String {
    let shown = match key.kind {
        Kind::User => ["full_name", "region"],
        Kind::Region => ["area", "commander_name"],
        Kind::Drone | Kind::Assignment => ["status", "region"],
    };
    let texts =
        shown.map(|column| cells::cell(world, row, column)).into_iter().filter(|text| !text.is_empty());
    std::iter::once(key.kind.noun().to_owned()).chain(texts).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Drone, Record, Region, User};
    use uuid::Uuid;

    #[test]
    fn whole_names_come_first_and_no_more_than_a_window() {
        let mut world = World::default();
        for n in 0..200 {
            world.put(Record::Drone(Drone::new(&format!("drone-{n:03}"))));
        }
        let mut region = Region::new(Uuid::from_u128(1));
        region.name = "Drone school".into();
        world.put(Record::Region(region));
        let mut user = User::new(Uuid::from_u128(2));
        (user.username, user.full_name) = ("ann".into(), "Ann Drone-007".into());
        world.put(Record::User(user));
        let labels =
            |text: &str| -> Vec<String> { find(&world, text).into_iter().map(|found| found.label).collect() };
        assert_eq!(labels("DRONE-007"), ["drone-007", "ann"]);
        assert_eq!(labels("school"), ["Drone school"]);
        let many = labels("drone");
        assert_eq!(
            (many.len(), many[0].as_str(), many[1].as_str()),
            (FOUND_MAX, "Drone school", "drone-000")
        );
        assert!(labels("  ").is_empty() && labels("zzz").is_empty());
    }
}

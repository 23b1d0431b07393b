//! One search over users, regions and drones, by what people call them.

use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::list::filter::has_part;
use super::session::Inner;
use super::slices::{self, AT_ONCE_MAX, Look, SLICE};
use super::{Event, Found, cells};
use crate::domain::{Cell, Key, Kind, RowRef, World};
use crate::store::replica::Replica;

/// Rows found, at most: a window takes no more.
const FOUND_MAX: usize = 20;

/// The kinds whose rows are looked through.
const FOUND: [Kind; 3] = [Kind::User, Kind::Region, Kind::Drone];

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
    let mut best = Best::of(text);
    for kind in FOUND {
        world.rows(kind).for_each(|(place, row)| best.row(kind, place, row));
    }
    best.found(world)
}

/// The best of the rows looked at so far.
#[derive(Default)]
struct Best {
    /// In lower case.
    wanted: String,
    /// The worst on top, to be let go of.
    heap: BinaryHeap<(u8, String, Kind, u32)>,
}

impl Best {
    fn of(text: &str) -> Self {
        Self { wanted: text.trim().to_lowercase(), ..Self::default() }
    }

    fn row(&mut self, kind: Kind, place: u32, row: RowRef<'_>) {
        let Some((rank, label)) = rank(row, kind, &self.wanted) else { return };
        let heap = &mut self.heap;
        let worse =
            heap.len() >= FOUND_MAX && heap.peek().is_some_and(|worst| (worst.0, &*worst.1) <= (rank, label));
        if worse {
            return;
        }
        heap.push((rank, label.to_owned(), kind, place));
        if heap.len() > FOUND_MAX {
            heap.pop();
        }
    }

    /// Those that are still there.
    fn found(self, world: &World) -> Vec<Found> {
        let (wanted, found) = (self.wanted, self.heap.into_sorted_vec());
        let found = found.into_iter().filter_map(|(ranked, label, kind, place)| {
            let (key, row) = (world.key_at(kind, place)?, world.row_at(kind, place)?);
            let is_it = rank(row, kind, &wanted) == Some((ranked, label.as_str()));
            is_it.then(|| Found { note: note(world, row, &key), key, label })
        });
        found.collect()
    }
}

impl Inner {
    /// The same for a screen, which must not wait; `None`: there are very many rows, and `Event::Found` brings what was found,
    /// unless something else is looked for meanwhile.
    pub(super) fn find_soon(this: &Arc<Self>, text: &str) -> Option<Vec<Found>> {
        let turn = this.finding.fetch_add(1, Ordering::Relaxed) + 1;
        let at_once =
            this.look(|replica| (replica.rows() <= AT_ONCE_MAX).then(|| find(replica.view(), text)));
        if let Some(found) = at_once? {
            return Some(found);
        }
        let (inner, text) = (Arc::clone(this), text.to_owned());
        this.aside(move || {
            let is_wanted = || inner.finding.load(Ordering::Relaxed) == turn;
            let look = |see: &mut dyn FnMut(&Replica)| is_wanted() && inner.shows(see);
            if let Some(found) = find_in_slices(&look, &text, SLICE) {
                inner.emit(Event::Found(text, found));
            }
        });
        None
    }
}

fn find_in_slices(look: &Look<'_>, text: &str, slice: u32) -> Option<Vec<Found>> {
    let mut best = Best::of(text);
    for kind in FOUND {
        slices::all(look, kind, slice, &mut |_, place, row| best.row(kind, place, row))?;
    }
    let mut found = None;
    look(&mut |replica| {
        found = Some(std::mem::take(&mut best).found(replica.view()));
    });
    found
}

/// How well a row is named, and its name; nothing is wanted: not at all.
fn rank<'a>(row: RowRef<'a>, kind: Kind, wanted: &str) -> Option<(u8, &'a str)> {
    if wanted.is_empty() {
        return None;
    }
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
    use crate::store::Meta;
    use crate::store::replica::Pulled;
    use std::cell::{Cell, RefCell};
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

    /// One is renamed between two looks, and is not told by the name it had.
    #[test]
    fn what_is_found_in_slices_is_what_is_there_at_the_end() {
        let drone = |id: &str| {
            let key = Key::drone(id);
            let row = Record::Drone(Drone::new(id)).fields();
            Pulled { key, v: 1, deleted: false, row: Some((row, vec!["*".to_owned()])) }
        };
        let replica = RefCell::new(Replica::default());
        replica.borrow_mut().take_page(
            (0..9).map(|n| drone(&format!("d-{n}"))).collect(),
            Meta::default(),
            None,
        );
        let looks = Cell::new(0);
        let look = |see: &mut dyn FnMut(&Replica)| {
            see(&replica.borrow());
            looks.set(looks.get() + 1);
            // By then the first rows were looked at; the other one comes to the place of the one that goes.
            if looks.get() == 5 {
                let gone = Pulled { deleted: true, row: None, v: 2, ..drone("d-0") };
                replica.borrow_mut().take_page(vec![gone], Meta::default(), None);
                replica.borrow_mut().take_page(vec![Pulled { v: 3, ..drone("e-d") }], Meta::default(), None);
            }
            true
        };
        let found = find_in_slices(&look, "d", 2).expect("nobody stops it");
        let labels: Vec<&str> = found.iter().map(|found| found.label.as_str()).collect();
        assert!(looks.get() > 5 && !labels.contains(&"d-0"), "{labels:?}");
        assert!(labels.starts_with(&["d-1", "d-2"]) && labels.contains(&"d-8"), "{labels:?}");
        assert!(found.iter().all(|found| found.key == Key::drone(&found.label)), "{found:?}");
        assert_eq!(find_in_slices(&|_| false, "d", 2), None, "something else is looked for");
    }
}

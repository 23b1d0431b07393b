//! Looks at many rows, a few thousand at a time: whoever writes them, and the screen behind the writer, waits for one look
//! at the most. Rows may change between two looks; whoever looks says as of which revision what was found is.

use super::session::Inner;
use crate::domain::{Kind, RowRef};
use crate::store::replica::Replica;

/// Rows that are looked at on the spot: some 8 ms on a slow machine, half of what a frame may take.
pub const AT_ONCE_MAX: usize = 10_000;
/// Places that one look goes over.
pub const SLICE: u32 = 4_096;

/// Shows the rows to somebody, for a moment; false where there is nothing to be seen (any more).
pub type Look<'a> = dyn Fn(&mut dyn FnMut(&Replica)) -> bool + 'a;

impl Inner {
    /// The rows of the account that is open, to be looked at in slices.
    pub(super) fn shows(&self, see: &mut dyn FnMut(&Replica)) -> bool {
        self.look(|replica| see(replica)).is_some()
    }
}

/// Every row of a kind that has one of the first `places`, with its place; `None` where the looks ended before.
pub fn each(
    look: &Look<'_>,
    kind: Kind,
    places: u32,
    slice: u32,
    work: &mut dyn FnMut(&Replica, u32, RowRef<'_>),
) -> Option<()> {
    (0..places).step_by(slice.max(1) as usize).try_for_each(|from| {
        let seen = look(&mut |replica| {
            for place in from..places.min(from.saturating_add(slice)) {
                if let Some(row) = replica.view().row_at(kind, place) {
                    work(replica, place, row);
                }
            }
        });
        seen.then_some(())
    })
}

/// Every row of a kind, as many as there are at the beginning.
pub fn all(
    look: &Look<'_>,
    kind: Kind,
    slice: u32,
    work: &mut dyn FnMut(&Replica, u32, RowRef<'_>),
) -> Option<()> {
    let mut places = 0;
    look(&mut |replica| places = replica.view().places(kind));
    each(look, kind, places, slice, work)
}

//! A row as lists show it, and the mark of what is not sent of it.

use crate::domain::{Key, Op};
use crate::service::cells::{self, cell};
use crate::service::{Mark, RowView, columns};
use crate::store::replica::{Pending, Replica};

/// A row as lists show it; of a row that an unsent edit deletes, the server's last word, and of a new one that was
/// refused, what was asked for.
pub(in crate::service) fn row_view(replica: &Replica, key: &Key) -> Option<RowView> {
    let world = replica.view();
    let (record, ghost) = match world.get(key) {
        Some(record) => (record, false),
        None => (replica.ghost(key)?, true),
    };
    let cells = columns(key.kind).iter().filter(|column| **column != "changed").filter_map(|column| {
        let text = cell(world, record.row(), column);
        (!text.is_empty()).then(|| ((*column).to_owned(), text))
    });
    let edits: Vec<&Pending> = replica.edits_of(key).collect();
    Some(RowView {
        cells: cells.collect(),
        label: record.label().to_owned(),
        changed: cells::changed(record.row()),
        mark: mark(replica, key, ghost, &edits),
        needs_you: edits.iter().any(|pending| pending.fate.needs_you()),
        alert: cells::alerts(world, &record).into_iter().next(),
        key: key.clone(),
    })
}

fn mark(replica: &Replica, key: &Key, ghost: bool, edits: &[&Pending]) -> Option<Mark> {
    if ghost {
        return Some(if replica.is_known(key) { Mark::Deleted } else { Mark::New });
    }
    let open: Vec<_> = edits.iter().filter(|pending| !pending.fate.needs_you()).collect();
    let inserts = |pending: &&&Pending| {
        pending.edit.changes.iter().any(|change| change.key == *key && matches!(change.op, Op::Insert { .. }))
    };
    match (open.is_empty(), open.iter().any(inserts) && !replica.is_known(key)) {
        (true, _) => None,
        (false, true) => Some(Mark::New),
        (false, false) => Some(Mark::Changed),
    }
}

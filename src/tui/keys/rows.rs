//! The table's lines for working on several rows: marks, and what is done to all that are marked.

use super::table::{bind, key, letter};
use super::{Act, Binding, Context as C};
use crate::tui::press::{Code, Press};

pub const ROWS: &[Binding] = &[
    bind(
        Act::Mark,
        &[letter(' ')],
        &[C::List],
        11,
        "mark",
        "Marks this row, or takes its mark away, and goes on to the next.",
    ),
    bind(
        Act::MarkRange,
        &[letter('v')],
        &[C::List],
        0,
        "mark a range",
        "Begins a range at this row; again, or Space, marks all rows from there to the selected one.",
    ),
    bind(
        Act::MarkAll,
        &[Press::ctrl('a'), letter('*')],
        &[C::List],
        0,
        "mark all",
        "Marks every row that the filter leaves, also those out of sight.",
    ),
    bind(
        Act::MarkInvert,
        &[letter('i')],
        &[C::List],
        0,
        "invert marks",
        "Turns the mark of every row that the filter leaves round.",
    ),
    bind(Act::MarkClear, &[letter('c')], &[C::List], 0, "clear marks", "Takes all marks of this list away."),
    bind(
        Act::Accept,
        &[key(Code::Enter)],
        &[C::Bulk],
        1,
        "do it",
        "Makes the changes that are shown; once they are made, closes.",
    ),
    bind(
        Act::Leave,
        &[key(Code::Esc)],
        &[C::Bulk],
        2,
        "leave",
        "Closes it and changes nothing; while changes are made, stops after those under way.",
    ),
    bind(Act::Up, &[key(Code::Up)], &[C::Bulk], 0, "up", "One row up."),
    bind(Act::Down, &[key(Code::Down)], &[C::Bulk], 0, "down", "One row down."),
    bind(Act::PageUp, &[key(Code::PageUp)], &[C::Bulk], 0, "page up", "One page up."),
    bind(Act::PageDown, &[key(Code::PageDown)], &[C::Bulk], 0, "page down", "One page down."),
    bind(Act::FieldNext, &[key(Code::Tab)], &[C::Bulk], 0, "next field", "Goes to the next field."),
    bind(
        Act::FieldPrevious,
        &[key(Code::BackTab)],
        &[C::Bulk],
        0,
        "previous field",
        "Goes to the field before.",
    ),
];

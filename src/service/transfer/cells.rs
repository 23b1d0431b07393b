//! Cells of a table that a spreadsheet may open. A text that it would take for a formula gets an apostrophe before it,
//! by which it stays a text. A text that begins with apostrophes and goes on like a formula gets one more, so that what
//! is taken off on reading is what was put there, and nothing else.

/// By which a formula begins, or what spreadsheets pass over before one; the wide forms are taken for the same.
const BEGINNINGS: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
const MARK: char = '\'';

fn is_risky(text: &str) -> bool {
    text.trim_start_matches(MARK).starts_with(BEGINNINGS)
}

/// The cell of a value; nothing is an empty cell.
pub(super) fn cell_of(value: Option<&str>) -> String {
    match value {
        Some(text) if is_risky(text) => format!("{MARK}{text}"),
        Some(text) => text.to_owned(),
        None => String::new(),
    }
}

/// The value of a cell.
pub(super) fn value_of(cell: &str) -> Option<String> {
    let text = cell.strip_prefix(MARK).filter(|text| is_risky(text)).unwrap_or(cell);
    (!text.is_empty()).then(|| text.to_owned())
}

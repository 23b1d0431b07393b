//! What is said instead of doing what was asked for: once more, or not at all.

/// Of several rows that were to go together.
pub fn no_group(why: &str) -> String {
    format!("Nothing was done: all or nothing is not possible, {why}.")
}

pub fn not_typed(wanted: &str) -> String {
    format!("Nothing was done: that is not {wanted}.")
}

pub const FORM_LEFT: &str = "What you changed here is not saved. Esc once more drops it.";

pub fn view_there(name: &str) -> String {
    format!("There is a view {name} of this list. Enter once more replaces it; another name keeps both.")
}

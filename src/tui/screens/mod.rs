//! The screens: signing in, the locked console, one list per kind, the detail of one row, the state of the line, who
//! did what, and the overview. Each keeps its state and draws it.

pub mod activity;
pub mod detail;
pub mod drones;
pub mod list;
pub mod lock;
pub mod marks;
pub mod overview;
pub mod regions;
pub mod sign_in;
pub mod sync;
pub mod users;

use super::widgets::table::Column;
use crate::domain::Kind;
use crate::service::ColumnLook;

/// What lists list, in the order of their tabs.
pub const LISTED: [Kind; 3] = [Kind::User, Kind::Region, Kind::Drone];

/// The columns of a kind's list.
pub const fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::User => users::COLUMNS,
        Kind::Region => regions::COLUMNS,
        Kind::Drone | Kind::Assignment => drones::COLUMNS,
    }
}

/// A column of that kind by its name.
pub fn column(kind: Kind, name: &str) -> Option<&'static Column> {
    columns(kind).iter().find(|column| column.name == name)
}

/// Every column's look: those that are said, in their order, then the others as they come. The row's name stays first.
pub fn looks(kind: Kind, said: &[ColumnLook]) -> Vec<ColumnLook> {
    let (name, others) = match columns(kind).split_first() {
        Some((name, others)) => (name.name, others),
        None => ("", &[][..]),
    };
    let said_of = |name: &str| said.iter().find(|look| look.name == name).cloned();
    let plain = |name: &str| ColumnLook { name: name.to_owned(), ..ColumnLook::default() };
    let first = ColumnLook { hidden: false, ..said_of(name).unwrap_or_else(|| plain(name)) };
    let known = said.iter().filter(|look| others.iter().any(|column| column.name == look.name)).cloned();
    let rest = others.iter().filter(|column| said_of(column.name).is_none()).map(|column| plain(column.name));
    std::iter::once(first).chain(known).chain(rest).collect()
}

/// The columns that a list shows, as wide as is said.
pub fn shown_columns(kind: Kind, said: &[ColumnLook]) -> Vec<Column> {
    let looks = looks(kind, said).into_iter().filter(|look| !look.hidden);
    let shown = looks.filter_map(|look| {
        let column = *column(kind, &look.name)?;
        let (width_min, width_max) =
            look.width.map_or((column.width_min, column.width_max), |width| (width, width));
        Some(Column { width_min, width_max, ..column })
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_one_the_service_knows() {
        for kind in LISTED {
            for column in columns(kind) {
                assert!(crate::service::columns(kind).contains(&column.name), "{kind} {}", column.name);
            }
        }
    }
}

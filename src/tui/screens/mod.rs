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

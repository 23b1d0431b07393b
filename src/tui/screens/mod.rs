//! The screens: signing in, the locked console, one list per kind, and the detail of one row. Each keeps its state and draws it.

pub mod detail;
pub mod drones;
pub mod list;
pub mod lock;
pub mod marks;
pub mod regions;
pub mod sign_in;
pub mod users;

use super::widgets::table::Column;
use crate::domain::Kind;

/// The lists, in the order of the tabs.
pub const TABS: [Kind; 3] = [Kind::User, Kind::Region, Kind::Drone];
pub const TAB_TITLES: [&str; 3] = ["Users", "Regions", "Drones"];

/// The columns of a kind's list.
pub const fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::User => users::COLUMNS,
        Kind::Region => regions::COLUMNS,
        Kind::Drone | Kind::Assignment => drones::COLUMNS,
    }
}

/// The tab that shows that kind.
pub fn tab_of(kind: Kind) -> Option<usize> {
    TABS.iter().position(|tab| *tab == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_one_the_service_knows() {
        for kind in TABS {
            for column in columns(kind) {
                assert!(crate::service::columns(kind).contains(&column.name), "{kind} {}", column.name);
            }
        }
    }
}

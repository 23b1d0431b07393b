//! The list of regions.

use crate::tui::widgets::table::Column;

pub const COLUMNS: &[Column] = &[
    Column::new("name", "NAME", (12, 24), 1),
    Column::new("area", "AREA", (14, 30), 6),
    Column::new("commander_name", "COMMANDER", (14, 30), 5),
    Column::new("status", "STATUS", (10, 10), 2),
    Column::new("users", "USERS", (6, 6), 4).right(),
    Column::new("drones", "DRONES", (6, 6), 3).right(),
    Column::new("changed", "CHANGED", (9, 9), 7).right(),
];

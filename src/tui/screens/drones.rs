//! The list of drones.

use crate::tui::widgets::table::Column;

pub const COLUMNS: &[Column] = &[
    Column::new("id", "ID", (10, 24), 1),
    Column::new("model", "MODEL", (5, 6), 6),
    Column::new("status", "STATUS", (13, 13), 2),
    Column::new("region", "REGION", (8, 16), 3),
    Column::new("operator", "OPERATOR", (12, 24), 5),
    Column::new("changed", "CHANGED", (9, 9), 4).right(),
];

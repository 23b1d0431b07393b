//! The list of users.

use crate::tui::widgets::table::Column;

pub const COLUMNS: &[Column] = &[
    Column::new("username", "USERNAME", (14, 24), 1),
    Column::new("full_name", "NAME", (16, 30), 6),
    Column::new("role", "ROLE", (11, 11), 3),
    Column::new("status", "STATUS", (10, 10), 2),
    Column::new("region", "REGION", (9, 16), 4),
    Column::new("drones", "DRONES", (6, 6), 7).right(),
    Column::new("email", "E-MAIL", (20, 32), 8),
    Column::new("changed", "CHANGED", (9, 9), 5).right(),
];

//! Keys in, screen out: every screen and popup at 100x30 and 80x24, and what must hold on all of them.

mod behaviour;
mod budget;
mod cells;
mod hands;
mod marks;
mod own;
mod people;
mod pictures;
mod places;
mod sealed;
mod sizes;
mod tables;
mod ways_out;

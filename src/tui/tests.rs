//! Keys in, screen out: every screen and popup in all its forms, and what must hold on all of them.

mod behaviour;
mod budget;
mod cells;
mod hands;
mod marks;
mod matrix;
mod own;
mod people;
mod pictures;
mod places;
mod random;
mod registry;
mod sealed;
mod sizes;
mod tables;
mod unseen;
mod ways_out;

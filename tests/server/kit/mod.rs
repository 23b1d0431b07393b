//! What the tests of races, of rules under concurrency and of the sync traps stand on.
//!
//! * `copy`: a client as plain as can be: applies newer versions, changes of scope, loads anew when told to
//! * `ground`: a small set of rows on which two transactions meet
//! * `truth`: what a copy must come to, read from the tables; and everything that must hold on the server
//! * `lanes`: connections whose transactions are interleaved step by step
//! * `ops`: a person with a device, and the edits they push

#![expect(clippy::panic, reason = "a helper that cannot go on fails its test")]

pub mod copy;
pub mod ground;
pub mod lanes;
pub mod ops;
pub mod truth;

pub use crate::chance::Rng;
pub use copy::{Came, Copy};
pub use ground::Ground;
pub use lanes::Lane;
pub use ops::Person;

/// The regions of the initial rows.
pub const EAST: &str = "0194a3c0-0000-7000-8000-000000000001";
pub const WEST: &str = "0194a3c0-0000-7000-8000-000000000002";

/// The id of the nth of the initial users.
pub fn user(n: u32) -> String {
    format!("0194a3d2-0000-7000-8000-{n:012x}")
}

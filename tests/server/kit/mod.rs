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

/// Chance with a seed (`SplitMix64`): the same seed makes the same choices, though not the same race.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True in so many of a hundred cases.
    pub fn in_hundred(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).expect("an index")]
    }

    /// A stream of its own for another writer.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

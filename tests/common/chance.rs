//! Chance with a seed, for tests that try many things and print what they began with.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

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

    /// A seed that a test may be told by its environment.
    pub fn from_environment(name: &str) -> Self {
        Self(setting(name).unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0))
    }
}

/// A whole number by which a command tells a test how long or how often.
pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

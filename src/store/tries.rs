//! Wrong passwords, counted in `account.toml`: after a few the next try has to wait, longer each time.
//!
//! A courtesy, and a bar for who tries at the keyboard. Whoever has the files can try without us; against that stands
//! the function that makes a key of the password slow on purpose.

use serde::{Deserialize, Serialize};

use crate::domain::Stamp;

/// Wrong passwords without a wait.
const FREE: u32 = 5;
/// The first wait, in seconds; doubled with each further wrong password.
const FIRST_S: i64 = 30;
/// The longest wait, in seconds.
const LONGEST_S: i64 = 15 * 60;

/// Wrong passwords since the last right one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    wrong: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    not_before: Option<Stamp>,
}

impl Tries {
    pub fn none(&self) -> bool {
        self.wrong == 0
    }

    /// Seconds until the next password is looked at. A clock that was set back makes it no longer than the longest.
    pub fn wait_s(&self, now: Stamp) -> Option<i64> {
        let left = (self.not_before?.0 - now.0 + 999_999) / 1_000_000;
        (left > 0).then(|| left.min(LONGEST_S))
    }

    pub fn failed(&mut self, now: Stamp) {
        self.wrong = self.wrong.saturating_add(1);
        if let Some(beyond) = self.wrong.checked_sub(FREE) {
            let wait = FIRST_S.saturating_mul(1 << beyond.min(10)).min(LONGEST_S);
            self.not_before = Some(Stamp(now.0 + wait * 1_000_000));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_ends() {
        let (mut tries, mut now) = (Tries::default(), Stamp(1_760_000_000_000_000));
        let mut waits = Vec::new();
        for _ in 0..12 {
            tries.failed(now);
            let wait = tries.wait_s(now).unwrap_or(0);
            waits.push(wait);
            now = Stamp(now.0 + wait * 1_000_000);
            assert_eq!(tries.wait_s(now), None);
        }
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(tries.wait_s(Stamp(0)), Some(900), "the clock was set back");
    }
}

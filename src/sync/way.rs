//! One direction of traffic, pull or push: whether it is wanted, whether it is under way, and how long it waits after a
//! failure.

use super::engine::Trouble;

/// The wait after the first failure, in ms; doubled with each further one.
pub(super) const BACKOFF_FIRST_MS: u64 = 500;
/// The longest wait between tries, in ms.
pub(super) const BACKOFF_MAX_MS: u64 = 60_000;
/// After a fault that only a person or an administrator can mend, look again this seldom, in ms.
pub(super) const STOPPED_RETRY_MS: u64 = 300_000;

/// One direction of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they come in every combination"
)]
pub(super) struct Way {
    pub(super) wanted: bool,
    /// A person asked for it: it goes out though traffic is held.
    pub(super) asked: bool,
    pub(super) in_flight: bool,
    /// What is under way was asked for by a person: so is what is left of it.
    pub(super) on_ask: bool,
    /// Not before this time.
    pub(super) not_before_ms: u64,
    /// Failures in a row, and what the last one was.
    pub(super) failures: u32,
    pub(super) trouble: Option<Trouble>,
    /// How long it waits after that.
    pub(super) wait_ms: u64,
}

impl Way {
    /// Full jitter over a doubling span, but never so short that it is a busy loop.
    fn backoff(&self, dice: u64) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(16);
        let span = (BACKOFF_FIRST_MS << doublings).min(BACKOFF_MAX_MS);
        BACKOFF_FIRST_MS / 2 + dice % span
    }

    /// It sets out: what is wished from now on is another time.
    pub(super) fn sets_out(&mut self) {
        self.on_ask = std::mem::take(&mut self.asked);
        (self.wanted, self.in_flight, self.not_before_ms) = (false, true, 0);
    }

    /// It was done but for a part.
    pub(super) fn goes_on(&mut self) {
        self.wanted = true;
        self.asked |= self.on_ask;
    }

    pub(super) fn failed(&mut self, trouble: Trouble, now_ms: u64, dice: u64) {
        self.in_flight = false;
        self.wanted = !crate::bugs::bug("failure_drops_the_wish");
        self.failures = self.failures.saturating_add(1);
        let backoff = self.backoff(dice);
        self.wait_ms = match &trouble {
            Trouble::Fault { retry_after_ms: Some(asked), .. } => {
                backoff.max((*asked).min(10 * BACKOFF_MAX_MS))
            }
            Trouble::Stop(_) => STOPPED_RETRY_MS,
            _ => backoff,
        };
        self.not_before_ms = now_ms + self.wait_ms;
        // Of the line, a disk that refuses says nothing.
        if !matches!(trouble, Trouble::Disk { .. }) {
            self.trouble = Some(trouble);
        }
    }

    pub(super) fn succeeded(&mut self) {
        self.in_flight = crate::bugs::bug("success_stays_in_flight") && self.failures > 2;
        self.failures = 0;
        self.trouble = None;
    }

    /// The other way got through: the line is there, so what waited for it need not wait its backoff out. Where this
    /// way alone failed again and again, it is not for the line.
    pub(super) fn line_is_there(&mut self, now_ms: u64) {
        match &self.trouble {
            Some(Trouble::Unreachable { why }) if self.failures > 1 => {
                self.trouble = Some(Trouble::Fault { why: why.clone(), retry_after_ms: None });
            }
            Some(Trouble::Unreachable { .. } | Trouble::Stop(_)) => self.not_before_ms = now_ms,
            _ => {}
        }
        if self.failures <= 1 {
            self.trouble = None;
        }
    }

    pub(super) fn is_unreachable(&self) -> bool {
        matches!(self.trouble, Some(Trouble::Unreachable { .. }))
    }
}

//! When to pull, when to push, when to wait: a pure machine, `step(event, now, dice) -> effects`.
//!
//! It knows no rows and no network. The runner carries the effects out and tells how they went; a simulator
//! can do the same. Time is monotonic milliseconds handed in, chance is a number handed in, so one seed
//! replays a whole run.
//!
//! Invariants: one pull and one push in flight at most, independent of each other, each with failures and waits of
//! its own; a failure never drops a wish (what was wanted stays wanted until it was done); after a push there is a
//! pull; a word from the server that a person must act on (`Stop`) ends the traffic until a person or time asks
//! again. Edits that must be sent again later hold up no others. While traffic is held (a metered line), only what a
//! person asks for goes out.

mod words;

pub use words::{Effect, Event, Line, Rhythm, Stop, Trouble};

use super::way::{BACKOFF_FIRST_MS, BACKOFF_MAX_MS, Way};

/// The shortest time between two pulls asked for by nudges, in ms.
const NUDGE_GAP_MS: u64 = 150;
/// Spread of the nudged pulls of many consoles, in ms.
const NUDGE_JITTER_MS: u64 = 60;

/// While more is to be sent, what came of it is looked at this seldom, in ms.
const LOOK_GAP_MS: u64 = 1000;

/// How often the rows here are compared with the server's, in ms, and how soon again after a failure.
const VERIFY_MS: u64 = 24 * 3600 * 1000;
const VERIFY_RETRY_MS: u64 = 3600 * 1000;

/// Spread of the pulls of many consoles whose sockets closed at once, in ms.
const SOCKET_DOWN_JITTER_MS: u64 = 1000;

/// The machine.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they come in every combination"
)]
pub struct Engine {
    rhythm: Rhythm,
    started: bool,
    held: bool,
    pull: Way,
    push: Way,
    line: Line,
    /// Has any exchange got through?
    reached: bool,
    socket: bool,
    poll_at_ms: u64,
    /// When a pull got through last.
    pulled_ms: u64,
    /// Edits were answered that no pull was asked for since.
    unseen: bool,
    report_at_ms: u64,
    /// When the edits that wait are due.
    again_at_ms: u64,
    /// A comparison with the server is due, or asked for by a person, and when the next one is.
    verify: bool,
    verify_asked: bool,
    verify_at_ms: u64,
}

impl Engine {
    pub fn new(rhythm: Rhythm) -> Self {
        Self {
            rhythm,
            started: false,
            held: false,
            pull: Way::default(),
            push: Way::default(),
            line: Line::Unknown,
            reached: false,
            socket: false,
            poll_at_ms: 0,
            pulled_ms: 0,
            unseen: false,
            report_at_ms: 0,
            again_at_ms: u64::MAX,
            verify: false,
            verify_asked: false,
            verify_at_ms: u64::MAX,
        }
    }

    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Takes an event at `now_ms`; `dice` is a fresh random number.
    pub fn step(&mut self, event: Event, now_ms: u64, dice: u64) -> Vec<Effect> {
        self.take(event, now_ms, dice);
        let mut effects = self.launch(now_ms);
        let line = self.judge();
        if self.line != line {
            self.line = line;
            effects.insert(0, Effect::Line(self.line.clone()));
        }
        if let Some(at_ms) = self.next_wake(now_ms) {
            effects.push(Effect::Wake { at_ms });
        }
        effects
    }

    fn take(&mut self, event: Event, now_ms: u64, dice: u64) {
        match event {
            Event::Start => {
                self.started = true;
                (self.pull.wanted, self.push.wanted) = (true, true);
                self.report_at_ms = now_ms + self.rhythm.report_ms;
                self.verify_at_ms = now_ms + VERIFY_MS;
            }
            Event::Tick => self.tick(now_ms),
            Event::Edited => self.push.wanted = true,
            Event::SyncNow => self.asked(now_ms),
            Event::Mode { held, rhythm } => {
                // The newer word counts: what was asked for before it waits as well, and all that waits goes after it.
                if held && !self.held {
                    (self.push.asked, self.push.on_ask) = (false, false);
                }
                self.push.wanted |= self.held && !held;
                self.held = held;
                self.rhythm = rhythm;
                self.poll_at_ms = self.poll_at_ms.min(now_ms + self.poll_gap());
                self.report_at_ms = self.report_at_ms.min(now_ms + rhythm.report_ms);
            }
            Event::Nudge => self.nudged(now_ms, dice),
            Event::SocketUp => {
                // A line that carries a socket carries a pull: no need to wait its backoff out.
                self.socket = true;
                self.pull.wanted = true;
                self.pull.not_before_ms = now_ms + dice % NUDGE_JITTER_MS;
            }
            Event::SocketDown => {
                // Perhaps the line is gone, perhaps only the socket: a pull tells which, soon.
                let was_up = std::mem::take(&mut self.socket);
                let soon = if was_up { dice % SOCKET_DOWN_JITTER_MS } else { self.rhythm.poll_ms };
                self.poll_at_ms = self.poll_at_ms.min(now_ms + soon);
            }
            Event::Pulled { more, send, verify } => {
                self.verify |= verify;
                self.verify_asked |= verify && self.pull.on_ask;
                self.push.wanted |= send;
                self.pull.succeeded();
                if more {
                    self.pull.goes_on();
                }
                self.reached = true;
                self.pulled_ms = now_ms;
                self.push.line_is_there(now_ms);
                self.poll_at_ms = now_ms + self.poll_gap();
            }
            Event::VerifyAsked => {
                (self.verify, self.verify_asked) = (true, true);
                self.asked(now_ms);
            }
            Event::Verified { reload } => {
                self.pull.succeeded();
                if reload {
                    self.pull.goes_on();
                }
                self.reached = true;
                self.verify_at_ms = now_ms + VERIFY_MS;
            }
            Event::Pushed { left, after_ms, quiet } => self.pushed(left, after_ms, quiet, now_ms),
            Event::PushedNothing { after_ms } => {
                self.push.in_flight = false;
                self.look();
                self.again(after_ms, now_ms);
            }
            Event::PullFailed(trouble) => self.failed(true, trouble, now_ms, dice),
            Event::PushFailed(trouble) => {
                self.look();
                self.failed(false, trouble, now_ms, dice);
            }
        }
    }

    fn asked(&mut self, now_ms: u64) {
        for way in [&mut self.pull, &mut self.push] {
            way.wanted = true;
            way.asked = true;
            way.failures = 0;
            way.not_before_ms = now_ms;
        }
    }

    fn pushed(&mut self, left: bool, after_ms: Option<u64>, quiet: bool, now_ms: u64) {
        self.push.succeeded();
        if left {
            self.push.goes_on();
        }
        self.reached = true;
        self.pull.line_is_there(now_ms);
        self.report_at_ms = now_ms + self.rhythm.report_ms;
        // What came of it is to be seen, also while traffic is held: a person asked for the push. Of many pushes in a row
        // not each: looking takes a server as long as a push.
        self.unseen |= !quiet;
        if !left || now_ms >= self.pulled_ms + LOOK_GAP_MS {
            self.look();
        }
        self.again(after_ms, now_ms);
    }

    /// Asks for what came of the pushes, where that was not done yet.
    fn look(&mut self) {
        if std::mem::take(&mut self.unseen) {
            self.pull.wanted = true;
            self.pull.asked |= self.held;
        }
    }

    /// When edits that were put off are due.
    fn again(&mut self, after_ms: Option<u64>, now_ms: u64) {
        let wait = |ms: u64| now_ms + ms.clamp(BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
        self.again_at_ms = after_ms.map_or(u64::MAX, wait);
        if crate::bugs::bug("put_off_is_forgotten") {
            self.again_at_ms = u64::MAX;
        }
    }

    fn tick(&mut self, now_ms: u64) {
        if self.started && now_ms >= self.poll_at_ms {
            self.pull.wanted = true;
        }
        if self.started && now_ms >= self.report_at_ms {
            self.push.wanted = true;
            self.report_at_ms = now_ms + self.rhythm.report_ms;
        }
        if self.started && !self.held && now_ms >= self.verify_at_ms {
            self.verify = true;
            self.verify_at_ms = now_ms + VERIFY_RETRY_MS;
        }
        if now_ms >= self.again_at_ms {
            self.push.wanted = true;
            self.again_at_ms = u64::MAX;
        }
    }

    /// Many consoles hear the same nudge: each waits a little, and a burst of nudges is one pull.
    fn nudged(&mut self, now_ms: u64, dice: u64) {
        if !self.pull.wanted {
            let gap = if self.pull.in_flight { NUDGE_GAP_MS } else { 0 };
            self.pull.wanted = true;
            self.pull.not_before_ms = self.pull.not_before_ms.max(now_ms + gap + dice % NUDGE_JITTER_MS);
        }
    }

    fn poll_gap(&self) -> u64 {
        if self.socket { self.rhythm.poll_with_socket_ms } else { self.rhythm.poll_ms }
    }

    fn failed(&mut self, pull: bool, trouble: Trouble, now_ms: u64, dice: u64) {
        let (way, other) =
            if pull { (&mut self.pull, &mut self.push) } else { (&mut self.push, &mut self.pull) };
        let stops = matches!(trouble, Trouble::Stop(_));
        way.failed(trouble, now_ms, dice);
        if stops {
            // Whoever may not pull may not push.
            other.not_before_ms = other.not_before_ms.max(way.not_before_ms);
        } else if !pull && way.is_unreachable() && !other.is_unreachable() {
            // Is it the line? The other way tells.
            other.wanted = true;
        }
    }

    /// How the line stands, by what both ways met last.
    fn judge(&self) -> Line {
        let troubles =
            || [&self.pull, &self.push].into_iter().filter_map(|way| Some((way, way.trouble.as_ref()?)));
        let stop = troubles().find_map(|(_, trouble)| match trouble {
            Trouble::Stop(stop) => Some(Line::Stopped(stop.clone())),
            _ => None,
        });
        let other = || {
            troubles().next().map(|(way, trouble)| match trouble {
                Trouble::Unreachable { why } => Line::Down { why: why.clone() },
                Trouble::Fault { why, .. } | Trouble::Disk { why } => {
                    Line::Faulty { why: why.clone(), wait_ms: way.wait_ms }
                }
                Trouble::Stop(stop) => Line::Stopped(stop.clone()),
            })
        };
        stop.or_else(other).unwrap_or(if self.reached { Line::Up } else { Line::Unknown })
    }

    fn launch(&mut self, now_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.started {
            return effects;
        }
        let unreachable = self.no_line();
        for (way, effect) in [(&mut self.pull, Effect::Pull), (&mut self.push, Effect::Push)] {
            // Without a line nothing is frozen for sending: what waits can still be folded or taken back.
            let no_line = effect == Effect::Push && unreachable;
            let may = way.asked || !self.held && !no_line;
            let free = !way.in_flight || crate::bugs::bug("two_in_flight");
            if way.wanted && may && free && now_ms >= way.not_before_ms {
                way.sets_out();
                effects.push(effect);
            }
        }
        // In the place of a pull, when nothing is wanted and nothing under way that would change rows meanwhile.
        let goes = |way: &Way| way.wanted && (way.asked || !self.held);
        let quiet = |way: &Way| !way.in_flight && !goes(way);
        let may = self.verify && (self.verify_asked || !self.held);
        if may && quiet(&self.pull) && quiet(&self.push) && self.pull.trouble.is_none() {
            self.verify = false;
            (self.pull.in_flight, self.pull.on_ask) = (true, std::mem::take(&mut self.verify_asked));
            self.verify_at_ms = now_ms + VERIFY_RETRY_MS;
            effects.push(Effect::Verify);
        }
        effects
    }

    /// Does a push find no line, as far as is known? Before the first exchange nothing is.
    fn no_line(&self) -> bool {
        let nothing_known = !self.reached && self.pull.trouble.is_none() && self.push.trouble.is_none();
        self.pull.is_unreachable() || nothing_known
    }

    fn next_wake(&self, now_ms: u64) -> Option<u64> {
        if !self.started {
            return None;
        }
        let may = |way: &&Way| way.wanted && !way.in_flight && (!self.held || way.asked);
        // A push waits for a pull that gets through: there is no time to wake for.
        let push = Some(&self.push).filter(|way| way.asked || !self.no_line());
        let ways = [Some(&self.pull), push].into_iter().flatten().filter(may);
        let mut at = ways.map(|way| way.not_before_ms).min().unwrap_or(u64::MAX);
        if !self.held {
            at = at.min(self.report_at_ms).min(self.again_at_ms).min(self.verify_at_ms);
            if !self.pull.in_flight && !self.pull.wanted {
                at = at.min(self.poll_at_ms);
            }
        }
        (at < u64::MAX).then(|| at.max(now_ms + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::way::STOPPED_RETRY_MS;
    use super::*;
    use proptest::prelude::*;

    fn started() -> Engine {
        let mut engine = Engine::new(Rhythm::default());
        let effects = engine.step(Event::Start, 0, 0);
        assert!(
            effects.contains(&Effect::Pull) && !effects.contains(&Effect::Push),
            "first it must be known of a line"
        );
        assert!(
            engine
                .step(Event::Pulled { more: false, send: false, verify: false }, 0, 0)
                .contains(&Effect::Push)
        );
        engine.step(Event::Nudge, 0, 0);
        engine
    }

    fn wake(effects: &[Effect]) -> u64 {
        effects
            .iter()
            .find_map(|e| if let Effect::Wake { at_ms } = e { Some(*at_ms) } else { None })
            .expect("a wake")
    }

    fn unreachable() -> Trouble {
        Trouble::Unreachable { why: "no route".to_owned() }
    }

    #[test]
    fn a_push_is_followed_by_a_pull_at_once() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 10, 0);
        engine.step(Event::PushedNothing { after_ms: None }, 10, 0);
        assert!(engine.step(Event::Edited, 20, 0).contains(&Effect::Push));
        let effects = engine.step(Event::Pushed { left: false, after_ms: None, quiet: false }, 30, 0);
        assert!(effects.contains(&Effect::Pull), "{effects:?}");
    }

    #[test]
    fn without_a_line_it_waits_longer_and_longer_and_says_so_once() {
        let mut engine = started();
        engine.step(Event::PushedNothing { after_ms: None }, 0, 0);
        let (mut now, mut waits, mut said) = (0, Vec::new(), 0);
        for _ in 0..12 {
            let effects = engine.step(Event::PullFailed(unreachable()), now, u64::MAX);
            said += effects.iter().filter(|e| matches!(e, Effect::Line(_))).count();
            let at = wake(&effects);
            waits.push(at - now);
            now = at;
            assert!(engine.step(Event::Tick, now, 0).contains(&Effect::Pull));
        }
        assert_eq!(said, 1);
        assert!(waits.iter().max() > waits.first(), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= BACKOFF_MAX_MS + BACKOFF_FIRST_MS), "{waits:?}");
    }

    #[test]
    fn a_line_that_comes_back_is_used_at_once_in_both_directions() {
        let mut engine = started();
        engine.step(Event::PullFailed(unreachable()), 0, 40_000);
        engine.step(Event::PushFailed(unreachable()), 0, 40_000);
        let effects = engine.step(Event::SyncNow, 100, 0);
        assert!(effects.contains(&Effect::Pull) && effects.contains(&Effect::Push), "{effects:?}");
        engine.step(Event::PushFailed(unreachable()), 110, 40_000);
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 120, 0);
        assert!(effects.contains(&Effect::Line(Line::Up)) && effects.contains(&Effect::Push), "{effects:?}");
    }

    #[test]
    fn a_burst_of_nudges_is_one_pull() {
        let mut engine = started();
        engine.step(Event::PushedNothing { after_ms: None }, 0, 0);
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 10, 0);
        let mut pulls = 0;
        for at in 1000..1050 {
            pulls += engine.step(Event::Nudge, at, 59).iter().filter(|e| **e == Effect::Pull).count();
        }
        pulls += engine.step(Event::Tick, 1200, 0).iter().filter(|e| **e == Effect::Pull).count();
        assert_eq!(pulls, 1);
        // One that comes while the pull is out leads to another pull, later.
        engine.step(Event::Nudge, 1201, 0);
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 1300, 0);
        let later = wake(&effects);
        assert!(
            effects.contains(&Effect::Pull) || engine.step(Event::Tick, later, 0).contains(&Effect::Pull)
        );
    }

    #[test]
    fn an_edit_that_must_wait_does_not_spin() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        let effects = engine.step(Event::Pushed { left: false, after_ms: Some(3000), quiet: false }, 10, 0);
        assert!(!effects.contains(&Effect::Push));
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 20, 0);
        assert!(engine.step(Event::Tick, 3010, 0).contains(&Effect::Push));
    }

    #[test]
    fn an_edit_that_must_wait_holds_up_no_other() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        engine.step(Event::Pushed { left: false, after_ms: Some(30_000), quiet: false }, 10, 0);
        assert!(engine.step(Event::Edited, 20, 0).contains(&Effect::Push));
    }

    #[test]
    fn a_push_that_fails_alone_leaves_pulls_alone_and_is_told() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        let fault = || Trouble::Fault { why: "it is full".to_owned(), retry_after_ms: Some(40_000) };
        for at in [10, 50_000] {
            engine.step(Event::PushFailed(fault()), at, 0);
            engine.step(Event::Tick, at + 41_000, 0);
            engine.step(Event::Pulled { more: false, send: false, verify: false }, at + 41_000, 0);
        }
        let effects = engine.step(Event::Nudge, 91_001, 0);
        assert!(effects.contains(&Effect::Pull), "a pull does not wait for the push: {effects:?}");
        engine.step(Event::PushFailed(fault()), 91_002, 0);
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 91_003, 0);
        assert!(matches!(engine.line(), Line::Faulty { .. }), "{:?}", engine.line());
        engine.step(Event::Tick, 140_000, 0);
        engine.step(Event::Pushed { left: false, after_ms: None, quiet: false }, 140_001, 0);
        assert_eq!(engine.line(), &Line::Up);
    }

    #[test]
    fn without_a_line_nothing_is_frozen_until_a_pull_gets_through() {
        let mut engine = started();
        engine.step(Event::PushedNothing { after_ms: None }, 0, 0);
        let at = wake(&engine.step(Event::PullFailed(unreachable()), 1, 0));
        assert!(!engine.step(Event::Edited, 2, 0).contains(&Effect::Push));
        let effects = engine.step(Event::Tick, at, 0);
        assert!(effects.contains(&Effect::Pull) && !effects.contains(&Effect::Push), "{effects:?}");
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, at + 1, 0);
        assert!(effects.contains(&Effect::Push), "{effects:?}");
    }

    #[test]
    fn a_push_without_a_line_asks_the_pull() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        let effects = engine.step(Event::PushFailed(unreachable()), 10, 0);
        assert!(effects.contains(&Effect::Pull), "{effects:?}");
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 20, 0);
        assert!(effects.contains(&Effect::Line(Line::Up)) && effects.contains(&Effect::Push), "{effects:?}");
        // Where pushes alone find no line, again and again, it is not the line.
        engine.step(Event::PushFailed(unreachable()), 30, 0);
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 40, 0);
        engine.step(Event::PushFailed(unreachable()), 2000, 0);
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 2001, 0);
        assert!(matches!(engine.line(), Line::Faulty { .. } | Line::Up), "{:?}", engine.line());
    }

    #[test]
    fn while_traffic_is_held_only_what_is_asked_for_goes_out() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        engine.step(Event::PushedNothing { after_ms: None }, 1, 0);
        let mode = |held| Event::Mode { held, rhythm: Rhythm::default() };
        engine.step(mode(true), 2, 0);
        for event in [Event::Edited, Event::Nudge, Event::SocketUp, Event::Tick] {
            let effects = engine.step(event, 90_000_000, 0);
            assert!(effects.is_empty(), "{effects:?}");
        }
        let effects = engine.step(Event::SyncNow, 90_000_001, 0);
        assert!(effects.contains(&Effect::Pull) && effects.contains(&Effect::Push), "{effects:?}");
        let effects = engine.step(Event::Pulled { more: true, send: false, verify: false }, 90_000_002, 0);
        assert!(effects.contains(&Effect::Pull), "what was asked for is done to its end: {effects:?}");
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 90_000_003, 0);
        let effects = engine.step(Event::Pushed { left: false, after_ms: None, quiet: false }, 90_000_004, 0);
        assert!(effects.contains(&Effect::Pull), "what came of it is to be seen: {effects:?}");
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 90_000_005, 0);
        assert!(!effects.contains(&Effect::Verify), "the daily comparison, due by then, was not asked for");
        assert!(engine.step(Event::Edited, 90_000_006, 0).is_empty());
        let effects = engine.step(mode(false), 90_000_007, 0);
        assert!(effects.contains(&Effect::Push), "{effects:?}");
    }

    #[test]
    fn what_was_asked_for_before_traffic_was_held_sends_nothing_after() {
        let mode = |held| Event::Mode { held, rhythm: Rhythm::default() };
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        engine.step(Event::VerifyAsked, 2, 0);
        engine.step(mode(true), 3, 0);
        let effects = engine.step(Event::Pushed { left: true, after_ms: None, quiet: false }, 4, 0);
        assert!(!effects.contains(&Effect::Push), "{effects:?}");
        engine.step(Event::Edited, 5, 0);
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 6, 0);
        assert!(effects.contains(&Effect::Verify), "rows are compared all the same: {effects:?}");
        engine.step(Event::Verified { reload: false }, 8, 0);
        assert!(engine.step(mode(false), 9, 0).contains(&Effect::Push));
    }

    #[test]
    fn while_traffic_is_held_what_is_asked_for_is_done_to_its_end_and_what_is_saved_after_waits() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        engine.step(Event::PushedNothing { after_ms: None }, 1, 0);
        engine.step(Event::Mode { held: true, rhythm: Rhythm::default() }, 2, 0);
        let pushed = |left| Event::Pushed { left, after_ms: None, quiet: false };
        engine.step(Event::SyncNow, 3, 0);
        engine.step(Event::Edited, 4, 0);
        let effects = engine.step(pushed(true), 5, 0);
        assert!(effects.contains(&Effect::Push), "what is left, with what was saved until then: {effects:?}");
        assert!(!engine.step(pushed(false), 6, 0).contains(&Effect::Push), "and no more than that");
        assert!(!engine.step(Event::Edited, 7, 0).contains(&Effect::Push));
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 8, 0);
        assert!(effects.contains(&Effect::Pull), "what came of it is to be seen: {effects:?}");
        engine.step(Event::SyncNow, 9, 0);
        engine.step(Event::SyncNow, 10, 0);
        assert!(engine.step(pushed(false), 11, 0).contains(&Effect::Push), "asked for once more");
    }

    #[test]
    fn while_traffic_is_held_what_is_asked_for_during_a_failure_is_tried_and_not_again_and_again() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1, 0);
        engine.step(Event::PushedNothing { after_ms: None }, 1, 0);
        engine.step(Event::Mode { held: true, rhythm: Rhythm::default() }, 2, 0);
        engine.step(Event::SyncNow, 3, 0);
        engine.step(Event::Edited, 4, 0);
        engine.step(Event::SyncNow, 5, 0);
        let at = wake(&engine.step(Event::PushFailed(unreachable()), 6, 0));
        assert!(engine.step(Event::Tick, at, 0).contains(&Effect::Push), "asked for after the first set out");
        // What came of it was to be seen, and the pull that it waited for comes to nothing.
        engine.step(Event::Pushed { left: false, after_ms: None, quiet: false }, at + 1, 0);
        let at = wake(&engine.step(Event::PullFailed(unreachable()), at + 2, 0));
        assert!(engine.step(Event::Tick, at, 0).contains(&Effect::Pull));
        let effects = engine.step(Event::PullFailed(unreachable()), at + 1, 0);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Line(_))), "{effects:?}");
        assert!(
            engine.step(Event::Tick, at + 11 * BACKOFF_MAX_MS, 0).is_empty(),
            "what failed is not asked for"
        );
    }

    #[test]
    fn while_traffic_is_held_rows_are_compared_and_loaded_anew_for_who_asks_alone() {
        let mode = |held| Event::Mode { held, rhythm: Rhythm::default() };
        let pulled = Event::Pulled { more: false, send: false, verify: false };
        let mut engine = started();
        engine.step(pulled.clone(), 1, 0);
        let fault = Trouble::Fault { why: String::new(), retry_after_ms: Some(60_000) };
        engine.step(Event::PushFailed(fault), VERIFY_MS - 1, 0);
        engine.step(Event::Tick, VERIFY_MS, 0);
        engine.step(pulled.clone(), VERIFY_MS + 1, 0);
        let effects = engine.step(mode(true), VERIFY_MS + 2, 0);
        assert!(effects.is_empty(), "due before, while a push waited: {effects:?}");

        engine.step(Event::VerifyAsked, VERIFY_MS + 3, 0);
        engine.step(pulled.clone(), VERIFY_MS + 4, 0);
        let effects = engine.step(Event::PushedNothing { after_ms: None }, VERIFY_MS + 5, 0);
        assert!(effects.contains(&Effect::Verify), "{effects:?}");
        let effects = engine.step(Event::Verified { reload: true }, VERIFY_MS + 6, 0);
        assert!(effects.contains(&Effect::Pull), "what it found is mended: {effects:?}");
        let page = Event::Pulled { more: true, send: false, verify: false };
        assert!(engine.step(page, VERIFY_MS + 7, 0).contains(&Effect::Pull), "to the last page");
        let loaded = Event::Pulled { more: false, send: false, verify: true };
        let effects = engine.step(loaded, VERIFY_MS + 8, 0);
        assert!(effects.contains(&Effect::Verify), "and looked at once more: {effects:?}");
        assert!(engine.step(Event::Verified { reload: false }, VERIFY_MS + 9, 0).is_empty());
    }

    #[test]
    fn of_many_pushes_in_a_row_not_each_is_looked_at() {
        let mut engine = started();
        let pulled = Event::Pulled { more: false, send: false, verify: false };
        engine.step(pulled.clone(), 100, 0);
        let pushed = |left| Event::Pushed { left, after_ms: None, quiet: false };
        let pulls = |effects: &[Effect]| effects.contains(&Effect::Pull);
        for at in [120, 500, 1099] {
            let effects = engine.step(pushed(true), at, 0);
            assert!(effects.contains(&Effect::Push) && !pulls(&effects), "{effects:?}");
        }
        assert!(pulls(&engine.step(pushed(true), 1100, 0)), "now and then it is");
        engine.step(pulled, 1200, 0);
        assert!(pulls(&engine.step(pushed(false), 1210, 0)), "and after the last");
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 1300, 0);
        engine.step(Event::Edited, 1301, 0);
        assert!(!pulls(&engine.step(pushed(true), 1310, 0)));
        let ended = engine.step(Event::PushedNothing { after_ms: None }, 1320, 0);
        assert!(pulls(&ended), "also where the last one had nothing to send: {ended:?}");
    }

    #[test]
    fn what_waits_is_not_forgotten_where_nothing_went_out() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 0, 0);
        let effects = engine.step(Event::Pushed { left: false, after_ms: Some(600), quiet: false }, 0, 0);
        assert!(effects.contains(&Effect::Pull));
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 10, 0);
        // One of two is due, and a person has to decide first; the other waits longer.
        assert!(engine.step(Event::Tick, 600, 0).contains(&Effect::Push));
        let effects = engine.step(Event::PushedNothing { after_ms: Some(1400) }, 601, 0);
        assert_eq!(wake(&effects), 2001);
        assert!(engine.step(Event::Tick, 2001, 0).contains(&Effect::Push));
    }

    #[test]
    fn a_stop_is_told_and_looked_at_seldom() {
        let mut engine = started();
        engine.step(Event::PushedNothing { after_ms: None }, 0, 0);
        let effects = engine.step(Event::PullFailed(Trouble::Stop(Stop::Inactive)), 5, 0);
        assert!(effects.contains(&Effect::Line(Line::Stopped(Stop::Inactive))));
        assert_eq!(wake(&effects), 5 + STOPPED_RETRY_MS);
    }

    #[test]
    fn rows_are_compared_once_all_is_quiet_and_once_a_day() {
        let mut engine = started();
        let verifies = |effects: &[Effect]| effects.contains(&Effect::Verify);
        engine.step(Event::PushedNothing { after_ms: None }, 1, 0);
        assert!(!verifies(&engine.step(Event::VerifyAsked, 2, 0)), "a pull is under way");
        assert!(!verifies(&engine.step(Event::PushedNothing { after_ms: None }, 3, 0)));
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 4, 0);
        assert!(
            !verifies(&effects) && effects.contains(&Effect::Pull),
            "first what is there to pull: {effects:?}"
        );
        let effects = engine.step(Event::Pulled { more: false, send: false, verify: false }, 5, 0);
        assert!(verifies(&effects), "{effects:?}");
        assert!(!engine.step(Event::Nudge, 6, 0).contains(&Effect::Pull), "it is in the place of a pull");
        let effects = engine.step(Event::Verified { reload: true }, 300, 0);
        assert!(effects.contains(&Effect::Pull) && !verifies(&effects), "{effects:?}");
        engine.step(Event::Pulled { more: false, send: false, verify: false }, 301, 0);
        let day = 300 + VERIFY_MS;
        engine.step(Event::Tick, day, 0);
        engine.step(Event::PushedNothing { after_ms: None }, day, 0);
        assert!(verifies(&engine.step(
            Event::Pulled { more: false, send: false, verify: false },
            day + 1,
            0
        )));
    }

    proptest! {
        /// Whatever happens: never two of a kind in flight, always a next wake, and once all faults end,
        /// everything wanted is done.
        #[test]
        fn it_never_sticks(script in prop::collection::vec((0u8..9, 0u64..5000, any::<u64>()), 1..200)) {
            let mut engine = Engine::new(Rhythm::default());
            let (mut now, mut pulls, mut pushes) = (0u64, 0usize, 0usize);
            let mut run = |engine: &mut Engine, event: Event, now: u64, dice: u64| {
                match event {
                    Event::Pulled { .. } | Event::PullFailed(_) => pulls -= 1,
                    Event::Pushed { .. } | Event::PushFailed(_) | Event::PushedNothing { .. } => pushes -= 1,
                    _ => {}
                }
                let effects = engine.step(event, now, dice);
                pulls += effects.iter().filter(|e| **e == Effect::Pull).count();
                pushes += effects.iter().filter(|e| **e == Effect::Push).count();
                assert!(pulls <= 1 && pushes <= 1);
                assert!(effects.iter().any(|e| matches!(e, Effect::Wake { at_ms } if *at_ms > now)));
                (pulls, pushes)
            };
            let mut flight = run(&mut engine, Event::Start, 0, 0);
            for (what, after, dice) in script {
                now += after;
                let event = match what {
                    0 => Event::Edited,
                    1 => Event::Nudge,
                    2 => Event::SocketUp,
                    3 => Event::SocketDown,
                    4 if flight.0 > 0 => Event::Pulled { more: dice % 2 == 0, send: false, verify: false },
                    5 if flight.0 > 0 => Event::PullFailed(unreachable()),
                    6 if flight.1 > 0 => Event::Pushed { left: dice % 2 == 0, after_ms: None, quiet: false },
                    7 if flight.1 > 0 => {
                        Event::PushFailed(Trouble::Fault { why: String::new(), retry_after_ms: Some(dice) })
                    }
                    8 if flight.1 > 0 => Event::PushedNothing { after_ms: None },
                    _ => Event::Tick,
                };
                flight = run(&mut engine, event, now, dice);
            }
            run(&mut engine, Event::Edited, now, 0);
            let (mut pulled, mut pushed) = (0, 0);
            for _ in 0..20 {
                flight = run(&mut engine, Event::Tick, now, 0);
                if flight.1 > 0 {
                    pushed += 1;
                    flight = run(&mut engine, Event::Pushed { left: false, after_ms: None, quiet: false }, now, 0);
                }
                if flight.0 > 0 {
                    pulled += 1;
                    run(&mut engine, Event::Pulled { more: false, send: false, verify: false }, now, 0);
                }
                now += 11 * BACKOFF_MAX_MS;
            }
            prop_assert!(pulled > 0 && pushed > 0);
            prop_assert_eq!(engine.line(), &Line::Up);
        }
    }
}

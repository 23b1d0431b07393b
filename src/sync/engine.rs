//! When to pull, when to push, when to wait: a pure machine, `step(event, now, dice) -> effects`.
//!
//! It knows no rows and no network. The runner carries the effects out and tells how they went; a simulator
//! can do the same. Time is monotonic milliseconds handed in, chance is a number handed in, so one seed
//! replays a whole run.
//!
//! Invariants: one pull and one push in flight at most, independent of each other; a failure never drops a
//! wish (what was wanted stays wanted until it was done); after a push there is a pull; a word from the server
//! that a person must act on (`Stop`) ends the traffic until a person or time asks again.

/// The wait after the first failure, in ms; doubled with each further one.
const BACKOFF_FIRST_MS: u64 = 500;
/// The longest wait between tries, in ms.
const BACKOFF_MAX_MS: u64 = 60_000;
/// After a fault that only a person or an administrator can mend, look again this seldom, in ms.
const STOPPED_RETRY_MS: u64 = 300_000;
/// The shortest time between two pulls asked for by nudges, in ms.
const NUDGE_GAP_MS: u64 = 150;
/// Spread of the nudged pulls of many consoles, in ms.
const NUDGE_JITTER_MS: u64 = 60;

/// Spread of the pulls of many consoles whose sockets closed at once, in ms.
const SOCKET_DOWN_JITTER_MS: u64 = 1000;

/// How often to ask when nobody nudges, in ms.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    pub poll_ms: u64,
    pub poll_with_socket_ms: u64,
    /// An empty push at least this often, so that others see this device.
    pub report_ms: u64,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { poll_ms: 15_000, poll_with_socket_ms: 90_000, report_ms: 900_000 }
    }
}

/// What a failed exchange means for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody answers: no line.
    Unreachable { why: String },
    /// Somebody answers, but with a fault that passes.
    Fault { why: String, retry_after_ms: Option<u64> },
    /// The disk refused; the line is as it was.
    Disk { why: String },
    /// Traffic ends until a person acts.
    Stop(Stop),
}

/// Why traffic ended; in each case edits are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    SignInAgain,
    Inactive,
    NoProfile,
    Configuration { why: String },
}

/// What happens to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Work may begin.
    Start,
    /// The time of the last `Effect::Wake` has come, or may have.
    Tick,
    /// There is an edit to send.
    Edited,
    /// A person asks.
    SyncNow,
    Nudge,
    SocketUp,
    SocketDown,
    /// A page came; `more`: go on at once.
    Pulled {
        more: bool,
    },
    PullFailed(Trouble),
    /// Results came; `left`: more edits wait. `after_ms`: some must be sent again, then.
    Pushed {
        left: bool,
        after_ms: Option<u64>,
    },
    /// There was nothing to push after all.
    PushedNothing,
    PushFailed(Trouble),
}

/// What the runner has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Pull,
    Push,
    /// Send `Event::Tick` at this time.
    Wake {
        at_ms: u64,
    },
    /// The line changed.
    Line(Line),
}

/// How the line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Unknown,
    Up,
    Down { why: String },
    Faulty { why: String, wait_ms: u64 },
    Stopped(Stop),
}

/// One direction of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Way {
    wanted: bool,
    in_flight: bool,
    /// Not before this time.
    not_before_ms: u64,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Engine {
    rhythm: Rhythm,
    started: bool,
    pull: Way,
    push: Way,
    failures: u32,
    line: Line,
    socket: bool,
    poll_at_ms: u64,
    report_at_ms: u64,
}

impl Engine {
    pub fn new(rhythm: Rhythm) -> Self {
        Self {
            rhythm,
            started: false,
            pull: Way::default(),
            push: Way::default(),
            failures: 0,
            line: Line::Unknown,
            socket: false,
            poll_at_ms: 0,
            report_at_ms: 0,
        }
    }

    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Takes an event at `now_ms`; `dice` is a fresh random number.
    pub fn step(&mut self, event: Event, now_ms: u64, dice: u64) -> Vec<Effect> {
        let before = self.line.clone();
        self.take(event, now_ms, dice);
        let mut effects = self.launch(now_ms);
        if self.line != before {
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
            }
            Event::Tick => self.tick(now_ms),
            Event::Edited => self.push.wanted = true,
            Event::SyncNow => self.asked(now_ms),
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
            Event::Pulled { more } => {
                self.pull.in_flight = false;
                self.pull.wanted |= more;
                self.succeeded(now_ms);
                self.poll_at_ms = now_ms + self.poll_gap();
            }
            Event::Pushed { left, after_ms } => self.pushed(left, after_ms, now_ms),
            Event::PushedNothing => self.push.in_flight = false,
            Event::PullFailed(trouble) => {
                self.pull.in_flight = false;
                self.pull.wanted = true;
                self.failed(trouble, now_ms, dice);
            }
            Event::PushFailed(trouble) => {
                self.push.in_flight = false;
                self.push.wanted = true;
                self.failed(trouble, now_ms, dice);
            }
        }
    }

    fn asked(&mut self, now_ms: u64) {
        self.failures = 0;
        for way in [&mut self.pull, &mut self.push] {
            *way = Way { wanted: true, not_before_ms: now_ms, ..*way };
        }
    }

    fn pushed(&mut self, left: bool, after_ms: Option<u64>, now_ms: u64) {
        self.push.in_flight = false;
        self.succeeded(now_ms);
        self.report_at_ms = now_ms + self.rhythm.report_ms;
        self.pull.wanted = true;
        self.push.wanted |= left || after_ms.is_some();
        if let Some(after_ms) = after_ms {
            self.push.not_before_ms = now_ms + after_ms.clamp(BACKOFF_FIRST_MS, BACKOFF_MAX_MS);
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

    fn succeeded(&mut self, now_ms: u64) {
        let came_back = self.line != Line::Up;
        self.failures = 0;
        self.line = Line::Up;
        // What waited for the line need not wait out its backoff.
        for way in [&mut self.pull, &mut self.push] {
            if came_back {
                way.not_before_ms = way.not_before_ms.min(now_ms);
            }
        }
    }

    fn failed(&mut self, trouble: Trouble, now_ms: u64, dice: u64) {
        self.failures = self.failures.saturating_add(1);
        let backoff = self.backoff(dice);
        let wait = match &trouble {
            Trouble::Fault { retry_after_ms: Some(asked), .. } => {
                backoff.max((*asked).min(10 * BACKOFF_MAX_MS))
            }
            Trouble::Stop(_) => STOPPED_RETRY_MS,
            _ => backoff,
        };
        for way in [&mut self.pull, &mut self.push] {
            way.not_before_ms = now_ms + wait;
        }
        self.line = match trouble {
            Trouble::Disk { .. } => return,
            Trouble::Unreachable { why } => Line::Down { why },
            Trouble::Fault { why, .. } => Line::Faulty { why, wait_ms: wait },
            Trouble::Stop(stop) => Line::Stopped(stop),
        };
    }

    /// Full jitter over a doubling span, but never so short that it is a busy loop.
    fn backoff(&self, dice: u64) -> u64 {
        let doublings = self.failures.saturating_sub(1).min(16);
        let span = (BACKOFF_FIRST_MS << doublings).min(BACKOFF_MAX_MS);
        BACKOFF_FIRST_MS / 2 + dice % span
    }

    fn launch(&mut self, now_ms: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.started {
            return effects;
        }
        for (way, effect) in [(&mut self.pull, Effect::Pull), (&mut self.push, Effect::Push)] {
            if way.wanted && !way.in_flight && now_ms >= way.not_before_ms {
                *way = Way { wanted: false, in_flight: true, not_before_ms: 0 };
                effects.push(effect);
            }
        }
        effects
    }

    fn next_wake(&self, now_ms: u64) -> Option<u64> {
        if !self.started {
            return None;
        }
        let ways = [self.pull, self.push].into_iter().filter(|way| way.wanted && !way.in_flight);
        let mut at = ways.map(|way| way.not_before_ms).min().unwrap_or(u64::MAX).min(self.report_at_ms);
        if !self.pull.in_flight && !self.pull.wanted {
            at = at.min(self.poll_at_ms);
        }
        Some(at.max(now_ms + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn started() -> Engine {
        let mut engine = Engine::new(Rhythm::default());
        let effects = engine.step(Event::Start, 0, 0);
        assert!(effects.contains(&Effect::Pull) && effects.contains(&Effect::Push));
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
        engine.step(Event::Pulled { more: false }, 10, 0);
        engine.step(Event::PushedNothing, 10, 0);
        assert!(engine.step(Event::Edited, 20, 0).contains(&Effect::Push));
        let effects = engine.step(Event::Pushed { left: false, after_ms: None }, 30, 0);
        assert!(effects.contains(&Effect::Pull), "{effects:?}");
    }

    #[test]
    fn without_a_line_it_waits_longer_and_longer_and_says_so_once() {
        let mut engine = started();
        engine.step(Event::PushedNothing, 0, 0);
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
        let effects = engine.step(Event::Pulled { more: false }, 120, 0);
        assert!(effects.contains(&Effect::Line(Line::Up)) && effects.contains(&Effect::Push), "{effects:?}");
    }

    #[test]
    fn a_burst_of_nudges_is_one_pull() {
        let mut engine = started();
        engine.step(Event::PushedNothing, 0, 0);
        engine.step(Event::Pulled { more: false }, 10, 0);
        let mut pulls = 0;
        for at in 1000..1050 {
            pulls += engine.step(Event::Nudge, at, 59).iter().filter(|e| **e == Effect::Pull).count();
        }
        pulls += engine.step(Event::Tick, 1200, 0).iter().filter(|e| **e == Effect::Pull).count();
        assert_eq!(pulls, 1);
        // One that comes while the pull is out leads to another pull, later.
        engine.step(Event::Nudge, 1201, 0);
        let effects = engine.step(Event::Pulled { more: false }, 1300, 0);
        let later = wake(&effects);
        assert!(
            effects.contains(&Effect::Pull) || engine.step(Event::Tick, later, 0).contains(&Effect::Pull)
        );
    }

    #[test]
    fn an_edit_that_must_wait_does_not_spin() {
        let mut engine = started();
        engine.step(Event::Pulled { more: false }, 1, 0);
        let effects = engine.step(Event::Pushed { left: false, after_ms: Some(3000) }, 10, 0);
        assert!(!effects.contains(&Effect::Push));
        engine.step(Event::Pulled { more: false }, 20, 0);
        assert!(engine.step(Event::Tick, 3010, 0).contains(&Effect::Push));
    }

    #[test]
    fn a_stop_is_told_and_looked_at_seldom() {
        let mut engine = started();
        engine.step(Event::PushedNothing, 0, 0);
        let effects = engine.step(Event::PullFailed(Trouble::Stop(Stop::Inactive)), 5, 0);
        assert!(effects.contains(&Effect::Line(Line::Stopped(Stop::Inactive))));
        assert_eq!(wake(&effects), 5 + STOPPED_RETRY_MS);
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
                    Event::Pushed { .. } | Event::PushFailed(_) | Event::PushedNothing => pushes -= 1,
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
                    4 if flight.0 > 0 => Event::Pulled { more: dice % 2 == 0 },
                    5 if flight.0 > 0 => Event::PullFailed(unreachable()),
                    6 if flight.1 > 0 => Event::Pushed { left: dice % 2 == 0, after_ms: None },
                    7 if flight.1 > 0 => {
                        Event::PushFailed(Trouble::Fault { why: String::new(), retry_after_ms: Some(dice) })
                    }
                    8 if flight.1 > 0 => Event::PushedNothing,
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
                    flight = run(&mut engine, Event::Pushed { left: false, after_ms: None }, now, 0);
                }
                if flight.0 > 0 {
                    pulled += 1;
                    run(&mut engine, Event::Pulled { more: false }, now, 0);
                }
                now += 11 * BACKOFF_MAX_MS;
            }
            prop_assert!(pulled > 0 && pushed > 0);
            prop_assert_eq!(engine.line(), &Line::Up);
        }
    }
}

//! One seed: a server, its people and their devices, and a scheduler that decides what happens next.
//!
//! Time is simulated, in ms: the next thing to happen is taken off a queue, carried out, and what follows is put on it.
//! An episode goes through rounds: first everything goes wrong that can, then all faults end (`calm`) and everything
//! must come to rest and agree. Nothing depends on the machine's time, on threads or on the order of a hash map, so
//! a seed replays to the letter.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

use flyos::domain::scope;
use flyos::remote::wire::{PullRequest, PushRequest};
use flyos::sandbox::engine::Commit;
use flyos::sync::engine::{Effect, Event, Stop, Trouble};

use crate::device::{Device, Flight};
use crate::dice::Dice;
use crate::net::{Answer, Way, Work};
use crate::oracle::{Broken, Check, Ledger, broken, holds};
use crate::server::Server;
use crate::tally::{Counts, Tally};

/// Of each kind, per device.
const ONE: &str = "one pull and one push are under way at most";
/// Things that are remembered for a failing seed.
const TOLD_MAX: usize = 60;

/// What can be next.
#[derive(Debug)]
pub enum What {
    Tick { device: usize, life: u32, wake: u64 },
    Tell { device: usize, life: u32, event: Event },
    PullArrives { device: usize, life: u32, flight: u64, request: Rc<PullRequest>, mute: bool },
    PushArrives { device: usize, life: u32, flight: u64, request: Rc<PushRequest>, mute: bool },
    Done { device: usize, life: u32, flight: u64, work: Work, mute: bool },
    Returns { device: usize, life: u32, flight: u64, way: Way, answer: Box<Answer> },
    PatienceEnds { device: usize, life: u32, flight: u64, way: Way },
    Person { device: usize },
    Administrator,
    Fault,
    Line { device: usize },
    SignIn { device: usize, life: u32 },
}

impl What {
    fn is_on_the_wire(&self) -> bool {
        matches!(
            self,
            Self::PullArrives { .. } | Self::PushArrives { .. } | Self::Done { .. } | Self::Returns { .. }
        )
    }
}

/// How rough an episode is; each a "one in".
#[derive(Debug)]
pub struct Weather {
    pub network: u64,
    pub fault_ms: u64,
    pub person_ms: u64,
    pub admin_ms: u64,
    pub latency_ms: u64,
}

pub struct Episode {
    pub dice: Dice,
    pub now_ms: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    waiting: Vec<Option<What>>,
    free: Vec<usize>,
    order: u64,
    /// Requests and replies that are on the wire.
    pub on_the_wire: usize,
    pub flights: u64,
    pub server: Server,
    pub devices: Vec<Device>,
    pub ledger: Ledger,
    pub weather: Weather,
    pub calm: bool,
    pub counts: Counts,
    pub steps: u64,
    steps_max: u64,
    trace: u64,
    told: Option<Vec<String>>,
}

/// How an episode ended.
pub struct Outcome {
    pub steps: u64,
    pub counts: Counts,
    /// The same for the same seed, always.
    pub trace: u64,
    pub broken: Option<Broken>,
    pub told: Vec<String>,
}

/// Plays a seed, at most so many steps of it. `tell`: remember what happened, in words.
pub fn play(seed: u64, steps_max: u64, tell: bool) -> Outcome {
    let mut episode = Episode::new(seed, steps_max, tell);
    let result = episode.run();
    let mut counts = episode.counts.clone();
    counts.merge(&episode.server.counts);
    counts.merge(&episode.ledger.counts);
    for device in &episode.devices {
        counts.merge(&device.counts);
        counts.merge(&device.disk.borrow().counts);
    }
    Outcome {
        steps: episode.steps,
        counts,
        trace: episode.trace,
        broken: result.err(),
        told: episode.told.unwrap_or_default(),
    }
}

impl Episode {
    fn new(seed: u64, steps_max: u64, tell: bool) -> Self {
        let mut dice = Dice::new(seed);
        let mut devices = Vec::new();
        let owners = dice.between(4, 8);
        for owner in 0..owners {
            for _ in 0..dice.between(1, 3) {
                devices.push(Device::new(devices.len(), u128::from(owner), &mut dice));
            }
        }
        let weather = Weather {
            network: *dice.pick(&[12, 24, 60]),
            fault_ms: *dice.pick(&[250, 500, 900]),
            person_ms: *dice.pick(&[900, 2500]),
            admin_ms: *dice.pick(&[900, 2500]),
            latency_ms: *dice.pick(&[60, 250, 800]),
        };
        Self {
            now_ms: 1000,
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            free: Vec::new(),
            order: 0,
            on_the_wire: 0,
            flights: 0,
            server: Server::new(dice.uuid()),
            ledger: Ledger::new(devices.len()),
            devices,
            weather,
            calm: false,
            counts: Counts::default(),
            steps: 0,
            steps_max,
            trace: seed,
            told: tell.then(Vec::new),
            dice,
        }
    }

    // ---- the queue ----

    pub fn later(&mut self, after_ms: u64, what: What) {
        self.on_the_wire += usize::from(what.is_on_the_wire());
        let place = self.free.pop().unwrap_or_else(|| {
            self.waiting.push(None);
            self.waiting.len() - 1
        });
        self.waiting[place] = Some(what);
        self.order += 1;
        self.queue.push(Reverse((self.now_ms + after_ms, self.order, place)));
    }

    /// Remembers what happened, where somebody wants to know.
    pub fn say(&mut self, words: impl FnOnce(&Self) -> String) {
        if self.told.is_some() {
            let line = format!("{:>7} {:>9} ms  {}", self.steps, self.now_ms, words(self));
            if let Some(told) = &mut self.told {
                if told.len() == TOLD_MAX {
                    told.remove(0);
                }
                told.push(line);
            }
        }
    }

    pub fn mark(&mut self, word: u64) {
        self.trace = (self.trace ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
    }

    pub fn is_over(&self) -> bool {
        self.steps >= self.steps_max
    }

    // ---- rounds ----

    fn run(&mut self) -> Check {
        for device in 0..self.devices.len() {
            self.start(device);
            let soon = self.dice.below(self.weather.person_ms);
            self.later(soon, What::Person { device });
            let soon = self.dice.between(5_000, 40_000);
            self.later(soon, What::Line { device });
        }
        self.later(self.weather.admin_ms, What::Administrator);
        self.later(self.weather.fault_ms, What::Fault);
        for _ in 0..self.dice.between(1, 4) {
            let until = self.steps + self.dice.between(400, 1600);
            self.calm = false;
            while self.steps < until && !self.is_over() {
                self.next()?;
            }
            self.come_to_rest()?;
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }

    pub fn next(&mut self) -> Check {
        let Some(Reverse((at_ms, _, place))) = self.queue.pop() else {
            return broken("nothing sticks", "nothing is left to happen");
        };
        self.now_ms = at_ms;
        let Some(what) = self.waiting[place].take() else { return Ok(()) };
        self.free.push(place);
        self.on_the_wire -= usize::from(what.is_on_the_wire());
        self.happens(what)
    }

    /// Something of this happened: a step.
    pub fn step(&mut self, kind: u64, device: usize) {
        self.steps += 1;
        self.mark(self.now_ms ^ (kind << 48) ^ ((device as u64) << 56));
    }

    fn is_alive(&self, device: usize, life: u32) -> bool {
        self.devices[device].life == life
    }

    fn happens(&mut self, what: What) -> Check {
        match what {
            What::Tick { device, life, wake } => {
                if self.is_alive(device, life) && self.devices[device].wake == wake {
                    self.step(1, device);
                    self.tell(device, Event::Tick)?;
                }
            }
            What::Tell { device, life, event } => {
                if self.is_alive(device, life) {
                    self.step(2, device);
                    self.tell(device, event)?;
                }
            }
            What::PullArrives { device, life, flight, request, mute } => {
                self.step(3, device);
                self.pull_arrives((device, life, flight), &request, mute)?;
            }
            What::PushArrives { device, life, flight, request, mute } => {
                self.step(4, device);
                self.push_arrives((device, life, flight), &request, mute)?;
            }
            What::Done { device, life, flight, work, mute } => {
                self.done((device, life, flight), work, mute)?;
            }
            What::Returns { device, life, flight, way, answer } => {
                if self.is_awaited(device, life, flight, way) {
                    self.step(5, device);
                    self.returns(device, way, *answer)?;
                }
            }
            What::PatienceEnds { device, life, flight, way } => {
                if self.is_awaited(device, life, flight, way) {
                    self.step(6, device);
                    self.say(|_| format!("device {device}: no answer in time ({way:?})"));
                    let why = "no answer in time".to_owned();
                    self.landed(device, way, Err(Trouble::Unreachable { why }))?;
                }
            }
            What::Person { device } => self.person(device)?,
            What::Administrator => self.administrator()?,
            What::Fault => self.fault()?,
            What::Line { device } => self.line(device),
            What::SignIn { device, life } => {
                if self.is_alive(device, life) {
                    self.step(7, device);
                    self.say(|_| format!("device {device}: signed in again"));
                    self.devices[device].token = true;
                    self.devices[device].hurry();
                    self.tell(device, Event::SyncNow)?;
                }
            }
        }
        Ok(())
    }

    // ---- a device's machine ----

    pub fn start(&mut self, device: usize) {
        let life = self.devices[device].life;
        self.later(1, What::Tell { device, life, event: Event::Start });
    }

    /// Ends the device's present life: it starts again from its disk.
    pub fn crash(&mut self, device: usize) -> Check {
        self.say(|_| format!("device {device}: dies and starts again"));
        let now_ms = self.now_ms;
        self.devices[device].restart(now_ms, &mut self.ledger)?;
        self.start(device);
        Ok(())
    }

    /// Starts it again if its machine died in the last step.
    pub fn bury(&mut self, device: usize) -> Check {
        if self.devices[device].is_dead() { self.crash(device) } else { Ok(()) }
    }

    pub fn tell(&mut self, device: usize, event: Event) -> Check {
        let effects = self.devices[device].step(event, self.now_ms, &mut self.dice);
        for effect in effects {
            match effect {
                Effect::Wake { at_ms } => {
                    let it = &mut self.devices[device];
                    it.wake += 1;
                    let (at, life, wake) = (it.at(at_ms), it.life, it.wake);
                    self.later(at.saturating_sub(self.now_ms), What::Tick { device, life, wake });
                }
                Effect::Line(line) => self.say(|_| format!("device {device}: the line is {line:?}")),
                Effect::Pull => self.start_pull(device)?,
                Effect::Verify => {
                    self.counts.add(Tally::Verified);
                    self.devices[device].compare(&self.server.engine, self.server.moment())?;
                    let (life, after) = (self.devices[device].life, self.dice.between(1, 200));
                    self.later(after, What::Tell { device, life, event: Event::Verified { reload: false } });
                }
                Effect::Push => {
                    self.start_push(device)?;
                    if self.devices[device].is_dead() {
                        return self.crash(device);
                    }
                }
            }
        }
        Ok(())
    }

    fn next_flight(&mut self) -> u64 {
        self.flights += 1;
        self.flights
    }

    fn start_pull(&mut self, device: usize) -> Check {
        holds(self.devices[device].pull.is_none(), ONE, || format!("device {device}: a second pull"))?;
        let flight = self.next_flight();
        let mut request = self.devices[device].pull_request();
        // A server may give smaller pages than it is asked for.
        if self.dice.one_in(2) {
            request.limit_rows = u32::try_from(self.dice.between(1, 25)).unwrap_or(1);
        }
        self.devices[device].pull = Some(Flight { id: flight, sent: () });
        self.send_pull((device, flight), request);
        Ok(())
    }

    fn start_push(&mut self, device: usize) -> Check {
        holds(self.devices[device].push.is_none(), ONE, || format!("device {device}: a second push"))?;
        let it = &mut self.devices[device];
        let made = it.push_request(self.now_ms, &mut self.dice, &self.server.ids)?;
        it.read_journal(&mut self.ledger);
        let life = it.life;
        match made {
            Ok(None) => {
                let after_ms = self.devices[device].due(self.now_ms);
                self.later(1, What::Tell { device, life, event: Event::PushedNothing { after_ms } });
            }
            Err(trouble) => self.later(1, What::Tell { device, life, event: Event::PushFailed(trouble) }),
            Ok(Some(push)) => {
                let flight = self.next_flight();
                let request = push.request.clone();
                self.devices[device].push = Some(Flight { id: flight, sent: push });
                self.send_push((device, flight), request);
            }
        }
        Ok(())
    }

    fn is_awaited(&self, device: usize, life: u32, flight: u64, way: Way) -> bool {
        let it = &self.devices[device];
        let at = match way {
            Way::Pull => it.pull.as_ref().map(|flight| flight.id),
            Way::Push => it.push.as_ref().map(|flight| flight.id),
        };
        it.life == life && at == Some(flight)
    }

    /// A flight ended with this event, or with trouble.
    pub fn landed(&mut self, device: usize, way: Way, event: Result<Event, Trouble>) -> Check {
        let it = &mut self.devices[device];
        match way {
            Way::Pull => it.pull = None,
            Way::Push => it.push = None,
        }
        let life = it.life;
        if matches!(event, Err(Trouble::Stop(Stop::SignInAgain))) {
            let soon = self.dice.between(500, 20_000);
            self.later(soon, What::SignIn { device, life });
        }
        let failed = match way {
            Way::Pull => Event::PullFailed,
            Way::Push => Event::PushFailed,
        };
        self.bury(device)?;
        if self.is_alive(device, life) {
            self.tell(device, event.unwrap_or_else(failed))?;
        }
        Ok(())
    }

    /// Everybody who can see what was written hears that there is news, mostly.
    pub fn nudge(&mut self, commit: &Commit) {
        for device in 0..self.devices.len() {
            let it = &self.devices[device];
            let actor = it.replica().actor().filter(|_| it.socket && it.line);
            let hears = actor.is_some_and(|actor| {
                scope::of_actor(&actor).iter().any(|scope| commit.scopes.contains(scope))
            });
            if !hears {
                continue;
            }
            if !self.calm && self.dice.one_in(8) {
                self.counts.add(Tally::NudgeLost);
                continue;
            }
            self.counts.add(Tally::Nudge);
            let (life, after) = (self.devices[device].life, self.dice.between(5, 200));
            self.later(after, What::Tell { device, life, event: Event::Nudge });
        }
    }
}

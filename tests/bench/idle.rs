//! What a console that nobody touches costs the line: counted for some minutes and scaled to an hour, and beside it the
//! number that the rhythm foretells, by running the engine's own clock for an hour.

use std::time::Duration;

use flyos::remote::Project;
use flyos::remote::realtime::Config;
use flyos::service::Traffic;
use flyos::sync::engine::{Effect, Engine, Event, Rhythm};

use crate::ground::{self, Ground};
use crate::person::{Person, Place};
use crate::report::{Column, Target, Unit, float};
use crate::wire::{Counts, Wire};

const HOUR_MS: u64 = 3_600_000;
/// A token is good for an hour and renewed 90 s before its end, where anything is asked for at all.
const TOKEN_MS: u64 = 3_510_000;
/// Asks for news that are counted, to know what one costs.
const ASKS: u64 = 5;
/// Longer than an exchange with a server on the same machine takes.
const EXCHANGED: Duration = Duration::from_millis(500);

const PULL: &str = "/sync_pull";
const PUSH: &str = "/sync_push";
const TOKEN: &str = "/token";
const REALTIME: &str = "/realtime/";

struct Mode {
    title: &'static str,
    traffic: Traffic,
    /// Whether the line lets sockets through.
    socket: bool,
}

const MODES: [Mode; 4] = [
    Mode { title: "normal, with the socket", traffic: Traffic::Normal, socket: true },
    Mode { title: "normal, no socket gets through", traffic: Traffic::Normal, socket: false },
    Mode { title: "sparing", traffic: Traffic::Sparing, socket: true },
    Mode { title: "held", traffic: Traffic::Held, socket: true },
];

/// A console that is watched.
struct Watched {
    mode: &'static Mode,
    _person: Person,
    _home: tempfile::TempDir,
    wire: Wire,
    /// What one request of each kind costs, in bytes.
    costs: Costs,
    begun: Counts,
}

#[derive(Clone, Copy, Default)]
struct Costs {
    pull: f64,
    report: f64,
    token: f64,
}

/// All modes at once, for so many minutes.
pub fn measure(minutes: u64) -> anyhow::Result<Vec<Column>> {
    let server = Ground::training(0)?;
    let begin = |mode| Watched::begin(mode, &server);
    let watched: Vec<Watched> = MODES.iter().map(begin).collect::<anyhow::Result<_>>()?;
    std::thread::sleep(Duration::from_secs(minutes * 60));
    watched.iter().map(|one| one.end(minutes, &server)).collect()
}

impl Watched {
    fn begin(mode: &'static Mode, server: &Ground) -> anyhow::Result<Self> {
        let (wire, home) = (Wire::to(&server.url, mode.socket)?, ground::home()?);
        let person = Person::in_sync(Place { home: home.path(), url: &wire.url, key: &server.key })?;
        person.set_traffic(mode.traffic)?;
        std::thread::sleep(EXCHANGED * 4);
        let before = wire.counts();
        for _ in 0..ASKS {
            person.sync_now()?;
            std::thread::sleep(EXCHANGED);
        }
        let after = wire.counts();
        let asked = after.since(&before).of(PULL);
        anyhow::ensure!(asked.times == ASKS, "{} pulls for {ASKS} asks", asked.times);
        let (report, token) = (after.of(PUSH), after.of(TOKEN));
        let each = |tally: crate::wire::Tally| float(tally.bytes()) / float(tally.times.max(1));
        let costs = Costs { pull: each(asked), report: each(report), token: each(token) };
        Ok(Self { mode, _person: person, _home: home, begun: wire.counts(), wire, costs })
    }

    fn end(&self, minutes: u64, server: &Ground) -> anyhow::Result<Column> {
        let counts = self.wire.counts().since(&self.begun);
        let hourly = |count: u64| float(count) * 60.0 / float(minutes);
        let (requests, socket, tries) = (counts.requests(), counts.socket(), counts.of(REALTIME));
        let mut column = Column::new(self.mode.title.to_owned());
        let mut put = |what: &str, unit, value| column.put(what, unit, value, Target::None);
        let foretold = Foretold::of(self.mode, server)?;
        put("requests an hour, counted", Unit::Count, hourly(requests.times - tries.times));
        put("requests an hour, foretold", Unit::Count, foretold.requests());
        put("bytes of these an hour, sent", Unit::Bytes, hourly(requests.up - tries.up));
        put("bytes of these an hour, received", Unit::Bytes, hourly(requests.down - tries.down));
        put("bytes of these an hour, foretold, both", Unit::Bytes, foretold.bytes(self.costs));
        put("signs of life of the socket an hour, counted", Unit::Count, hourly(socket.times));
        put("signs of life of the socket an hour, foretold", Unit::Count, foretold.heartbeats);
        put("bytes of the socket an hour, both", Unit::Bytes, hourly(socket.bytes()));
        put("tries to open a socket an hour, counted", Unit::Count, hourly(tries.times));
        put("tries to open a socket an hour, foretold", Unit::Count, foretold.tries);
        put("bytes of these tries an hour, both", Unit::Bytes, hourly(tries.bytes()));
        put("all bytes an hour, counted", Unit::Bytes, hourly(requests.bytes() + socket.bytes()));
        put("connections made an hour, counted", Unit::Count, hourly(counts.connections));
        put("one ask for news that brings none, both", Unit::Bytes, self.costs.pull);
        put("one report of how this machine stands, both", Unit::Bytes, self.costs.report);
        Ok(column)
    }
}

/// What an hour holds by the constants of the rhythm.
struct Foretold {
    pulls: f64,
    reports: f64,
    tokens: f64,
    heartbeats: f64,
    tries: f64,
}

impl Foretold {
    fn of(mode: &Mode, server: &Ground) -> anyhow::Result<Self> {
        let listens = mode.traffic == Traffic::Normal;
        let (pulls, reports) = engine_hour(mode);
        let socket = Config::new(Project::new(&server.url, &server.key)?, "bench");
        // Somebody answers and lets no socket through: a try comes after three quarters of the longest wait, in the mean.
        let wait = socket.seldom * 3 / 4;
        let hourly = |every: Duration| 3600.0 / every.as_secs_f64();
        Ok(Self {
            pulls: float(pulls),
            reports: float(reports),
            tokens: if pulls > 0 { float(HOUR_MS) / float(TOKEN_MS) } else { 0.0 },
            heartbeats: if listens && mode.socket { hourly(socket.heartbeat) } else { 0.0 },
            tries: if listens && !mode.socket { hourly(wait) } else { 0.0 },
        })
    }

    fn requests(&self) -> f64 {
        self.pulls + self.reports + self.tokens
    }

    fn bytes(&self, costs: Costs) -> f64 {
        self.pulls * costs.pull + self.reports * costs.report + self.tokens * costs.token
    }
}

/// Pulls and pushes of the second hour of a session in which nothing happens, every exchange taking no time.
fn engine_hour(mode: &Mode) -> (u64, u64) {
    let mut engine = Engine::new(Rhythm::default());
    let rhythm = if mode.traffic == Traffic::Sparing { Rhythm::SPARING } else { Rhythm::default() };
    let mut events = vec![Event::Mode { held: mode.traffic == Traffic::Held, rhythm }];
    if mode.traffic == Traffic::Normal && mode.socket {
        events.push(Event::SocketUp);
    }
    events.push(Event::Start);
    let (mut now_ms, mut pulls, mut pushes) = (0, 0, 0);
    while now_ms < 2 * HOUR_MS {
        let event = events.pop().unwrap_or(Event::Tick);
        let mut wake = u64::MAX;
        for effect in engine.step(event, now_ms, 0) {
            let counts = u64::from(now_ms >= HOUR_MS);
            match effect {
                Effect::Pull => {
                    pulls += counts;
                    events.push(Event::Pulled { more: false, send: false, verify: false });
                }
                Effect::Push => {
                    pushes += counts;
                    events.push(Event::Pushed { left: false, after_ms: None, quiet: true });
                }
                Effect::Verify => events.push(Event::Verified { reload: false }),
                Effect::Wake { at_ms } => wake = at_ms,
                Effect::Line(_) => {}
            }
        }
        if events.is_empty() {
            now_ms = wake;
        }
    }
    (pulls, pushes)
}

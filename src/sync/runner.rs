//! Carries the engine's effects out: one task that owns the engine, short-lived tasks for what is in flight.
//!
//! The runner knows the network, the store's desk and the clock; it decides nothing. What it learns it tells
//! the engine as events, and the service by `Told`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::engine::{Effect, Engine, Event, Line, Rhythm, Stop, Trouble};
use super::errands;
use super::exchange::Exchange;
use super::flights::Flights;
use super::history::Run;
use super::listen::Listener;
use crate::remote::wire::Progress;
use crate::session::Keeper;
use crate::store::replica::Replica;
use crate::store::{Desk, Store};

/// Events that may wait for the engine.
const EVENTS_MAX: usize = 256;

/// What the service is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// Rows or edits changed.
    Data,
    Line(Line),
    Progress(Option<Progress>),
    /// What was received could not be written to the cache.
    CacheTrouble(String),
    Run(Run),
    /// What is to be sent, or came of it, could not be written to the journal.
    DiskTrouble(String),
}

/// What the service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Edited,
    SyncNow,
    Mode(Mode),
    /// Compare the rows here with the server's.
    Verify,
    /// Load everything anew.
    Reload,
    /// Send that edit now, though it was to wait.
    Retry(u64),
    Stop,
}

/// How freely the line is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Normal,
    /// No socket, and seldom: for a line that is slow or paid by the byte.
    Sparing,
    /// Only what a person asks for.
    Held,
}

/// How freely the line is used. Whoever sets it is obeyed from then on, by a push under way as well: edits that are saved
/// after a hold are not part of what was on its way before it.
#[derive(Clone, Debug, Default)]
pub struct Valve(Arc<Mutex<Mode>>);

impl Valve {
    pub fn new(mode: Mode) -> Self {
        Self(Arc::new(Mutex::new(mode)))
    }

    /// Before the runner hears of it by `Ask::Mode`, after what was asked before it. `tell` asks that, and tells whether it
    /// could; if not, all is as it was. Of several at the same time, the last one to set it is the last one to tell.
    pub fn set(&self, mode: Mode, tell: impl FnOnce() -> bool) -> bool {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *now, mode);
        let told = tell();
        if !told {
            *now = before;
        }
        told
    }

    pub(super) fn mode(&self) -> Mode {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything a flight needs; shared by the short-lived tasks.
pub struct Context {
    pub keeper: Arc<Keeper>,
    pub desk: Arc<Desk>,
    pub uid: Uuid,
    pub device: Uuid,
    pub rhythm: Rhythm,
    pub valve: Valve,
    pub tell: Box<dyn Fn(Told) + Send + Sync>,
    exchange: Arc<Mutex<Exchange>>,
    begun: Instant,
}

impl Context {
    pub fn new(
        keeper: Arc<Keeper>,
        desk: Arc<Desk>,
        (uid, device): (Uuid, Uuid),
        rhythm: Rhythm,
        valve: Valve,
        tell: impl Fn(Told) + Send + Sync + 'static,
    ) -> Self {
        Self {
            keeper,
            desk,
            uid,
            device,
            rhythm,
            valve,
            tell: Box::new(tell),
            exchange: Arc::new(Mutex::new(Exchange::new(uid, device, rhythm.report_ms))),
            begun: Instant::now(),
        }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&self.desk.replica().read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs until asked to stop. What is in flight then is let go: it is asked or sent again at the next start.
pub async fn run(context: Arc<Context>, mut asks: mpsc::Receiver<Ask>) {
    let (events, mut inbox) = mpsc::channel(EVENTS_MAX);
    let mut engine = Engine::new(context.rhythm);
    let mut flights = Flights::default();
    let mut socket = Listener::default();
    let mut wake;
    let mut mode = context.valve.mode();
    // Nothing goes out before the start.
    engine.step(context.use_line(mode), context.now_ms(), dice());
    let mut event = Event::Start;
    loop {
        wake = None;
        for effect in engine.step(event, context.now_ms(), dice()) {
            match effect {
                Effect::Wake { at_ms } => wake = Some(context.begun + Duration::from_millis(at_ms)),
                Effect::Line(line) => (context.tell)(Told::Line(line)),
                Effect::Pull => {
                    let context = Arc::clone(&context);
                    flights.pull = Some(tokio::spawn(async move { errands::pull(&context).await }));
                }
                Effect::Verify => {
                    let context = Arc::clone(&context);
                    flights.pull = Some(tokio::spawn(async move { errands::verify(&context).await }));
                }
                Effect::Push => {
                    let context = Arc::clone(&context);
                    // While traffic is held there is no other.
                    let asked = mode == Mode::Held;
                    flights.push = Some(tokio::spawn(async move { errands::push(&context, asked).await }));
                }
            }
        }
        if mode == Mode::Normal {
            socket.follow(&context, engine.line(), &events);
        } else {
            std::mem::take(&mut socket).stop();
        }
        event = tokio::select! {
            Some(event) = inbox.recv() => event,
            event = flights.landed() => event,
            ask = asks.recv() => match ask {
                Some(Ask::Edited) => Event::Edited,
                Some(Ask::SyncNow) => {
                    context.hurry();
                    Event::SyncNow
                }
                Some(Ask::Mode(to)) => {
                    mode = to;
                    context.use_line(mode)
                }
                Some(Ask::Verify) => Event::VerifyAsked,
                Some(Ask::Reload) => {
                    let begun = context.exchange(|exchange, store, _| exchange.reload(&mut store.books)).await;
                    if let Err(Trouble::Disk { why }) = begun {
                        (context.tell)(Told::DiskTrouble(why));
                    }
                    Event::SyncNow
                }
                Some(Ask::Retry(edit)) => {
                    context.locked(|exchange| exchange.retry(edit));
                    Event::SyncNow
                }
                Some(Ask::Stop) | None => break,
            },
            () = sleep_until(wake) => Event::Tick,
        };
    }
    flights.let_go();
    socket.stop();
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Chance for jitter; its quality does not matter.
fn dice() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

impl Context {
    /// Makes a request or takes a reply in, on the desk: that is where the books are.
    pub(super) async fn exchange<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Exchange, &mut Store, u64) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (done, wait) = oneshot::channel();
        let (exchange, now_ms) = (Arc::clone(&self.exchange), self.now_ms());
        let shut = || Trouble::Disk { why: "the store is shut".to_owned() };
        let job = move |store: &mut Store| {
            let mut exchange = exchange.lock().unwrap_or_else(PoisonError::into_inner);
            drop(done.send(job(&mut exchange, store, now_ms)));
        };
        self.desk.submit(job).map_err(|_| shut())?;
        wait.await.map_err(|_| shut())?
    }

    /// The line is used like that from now on.
    fn use_line(&self, mode: Mode) -> Event {
        let rhythm = if mode == Mode::Sparing { Rhythm::SPARING } else { self.rhythm };
        self.locked(|exchange| exchange.set_report_ms(rhythm.report_ms));
        Event::Mode { held: mode == Mode::Held, rhythm }
    }

    /// A person asks: edits that wait to be sent again go at once.
    fn hurry(&self) {
        self.locked(Exchange::hurry);
    }

    pub(super) fn locked<T>(&self, look: impl FnOnce(&mut Exchange) -> T) -> T {
        look(&mut self.exchange.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who may do nothing any more sees it at once.
    pub(super) fn told_of_stop(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Stop(Stop::Inactive | Stop::NoProfile)) {
            (self.tell)(Told::Data);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) async fn token(&self) -> Result<SecretString, Trouble> {
        self.keeper.token().await.map_err(|error| errands::trouble(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_valve_is_set_to_is_what_was_told_last() {
        let (valve, heard) = (Valve::default(), Mutex::new(Vec::new()));
        let tell = |mode| {
            heard.lock().expect("heard").push(mode);
            true
        };
        std::thread::scope(|scope| {
            valve.set(Mode::Held, || {
                scope.spawn(|| valve.set(Mode::Sparing, || tell(Mode::Sparing)));
                // Time enough for the other to come between.
                std::thread::sleep(Duration::from_millis(50));
                tell(Mode::Held)
            });
        });
        assert_eq!(heard.lock().expect("heard").last(), Some(&valve.mode()));
        let before = valve.mode();
        assert!(!valve.set(Mode::Normal, || false), "nobody hears");
        assert_eq!(valve.mode(), before);
    }
}

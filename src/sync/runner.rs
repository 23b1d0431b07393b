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
use super::exchange::Exchange;
use super::flights::Flights;
use super::listen::Listener;
use crate::domain::Stamp;
use crate::remote::wire::Progress;
use crate::remote::{Cause, ErrorKind, RemoteError};
use crate::session::Keeper;
use crate::session::keeper::is_expired;
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
    /// What is to be sent, or came of it, could not be written to the journal.
    DiskTrouble(String),
}

/// What the service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Edited,
    SyncNow,
    Mode(Mode),
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

/// Everything a flight needs; shared by the short-lived tasks.
pub struct Context {
    pub keeper: Arc<Keeper>,
    pub desk: Arc<Desk>,
    pub uid: Uuid,
    pub device: Uuid,
    pub rhythm: Rhythm,
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
        tell: impl Fn(Told) + Send + Sync + 'static,
    ) -> Self {
        Self {
            keeper,
            desk,
            uid,
            device,
            rhythm,
            tell: Box::new(tell),
            exchange: Arc::new(Mutex::new(Exchange::new(uid, device, rhythm.report_ms))),
            begun: Instant::now(),
        }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&self.desk.replica().read().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn fault(why: &str) -> Trouble {
    Trouble::Fault { why: why.to_owned(), retry_after_ms: None }
}

/// Runs until asked to stop. What is in flight then is let go: it is asked or sent again at the next start.
pub async fn run(context: Arc<Context>, mut asks: mpsc::Receiver<Ask>) {
    let (events, mut inbox) = mpsc::channel(EVENTS_MAX);
    let mut engine = Engine::new(context.rhythm);
    let mut flights = Flights::default();
    let mut socket = Listener::default();
    let mut wake;
    let mut mode = Mode::Normal;
    let mut event = Event::Start;
    loop {
        wake = None;
        for effect in engine.step(event, context.now_ms(), dice()) {
            match effect {
                Effect::Wake { at_ms } => wake = Some(context.begun + Duration::from_millis(at_ms)),
                Effect::Line(line) => (context.tell)(Told::Line(line)),
                Effect::Pull => {
                    let context = Arc::clone(&context);
                    flights.pull = Some(tokio::spawn(async move { pull(&context).await }));
                }
                Effect::Push => {
                    let context = Arc::clone(&context);
                    flights.push = Some(tokio::spawn(async move { push(&context).await }));
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
                    Event::Mode { held: to == Mode::Held, rhythm: context.rhythm_of(to) }
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
    async fn exchange<T: Send + 'static>(
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

    fn rhythm_of(&self, mode: Mode) -> Rhythm {
        let rhythm = if mode == Mode::Sparing { Rhythm::SPARING } else { self.rhythm };
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner).set_report_ms(rhythm.report_ms);
        rhythm
    }

    /// A person asks: edits that wait to be sent again go at once.
    fn hurry(&self) {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner).hurry();
    }

    /// Who may do nothing any more sees it at once.
    fn told_of_stop(&self, trouble: &Trouble) {
        if matches!(trouble, Trouble::Stop(Stop::Inactive | Stop::NoProfile)) {
            (self.tell)(Told::Data);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn token(&self) -> Result<SecretString, Trouble> {
        self.keeper.token().await.map_err(|error| trouble(&error))
    }

    /// After a failed call: another token, if one would mend it (the old one had ended after all).
    async fn another_token(
        &self,
        token: &SecretString,
        error: &RemoteError,
    ) -> Result<SecretString, Trouble> {
        if !is_expired(error) {
            return Err(trouble(error));
        }
        self.keeper.expire(token).await;
        self.token().await
    }
}

/// What an error of the wire means for the traffic.
fn trouble(error: &RemoteError) -> Trouble {
    tracing::info!(cause = ?error.cause, status = error.status, request = error.request_id(), "an exchange failed");
    let why = short(error);
    let retry_after_ms = error.retry_after.and_then(|after| u64::try_from(after.as_millis()).ok());
    match (error.kind, error.cause) {
        (ErrorKind::SignInAgain, _) | (_, Cause::AccountGone) => Trouble::Stop(Stop::SignInAgain),
        (ErrorKind::TryAgain { unreachable: true }, _) => Trouble::Unreachable { why },
        (ErrorKind::TryAgain { .. } | ErrorKind::ServerFault | ErrorKind::Gone, _) => {
            Trouble::Fault { why, retry_after_ms }
        }
        (ErrorKind::Configuration | ErrorKind::Refused, _) => Trouble::Stop(Stop::Configuration { why }),
    }
}

/// The trouble in a few words, for the state line.
fn short(error: &RemoteError) -> String {
    let known = match error.cause {
        Cause::KeyMissing | Cause::KeyInvalid | Cause::KeyDisabled | Cause::KeySecret => {
            "the project refuses this key"
        }
        Cause::SchemaMissing | Cause::GrantMissing => "the project's tables are not set up for this console",
        Cause::Paused => "the project is paused",
        Cause::Quota => "the project is over its quota",
        Cause::Dns => "no such host, or no name service",
        Cause::ConnectionRefused => "nobody listens at that address",
        Cause::NotJson | Cause::Redirected => "something else than the server answers",
        Cause::Timeout => "no answer in time",
        _ => error.message.split(". ").next().unwrap_or_default().trim_end_matches('.'),
    };
    known.to_owned()
}

// ---- pull ----

async fn pull(context: &Context) -> Event {
    match pull_page(context).await {
        Ok(more) => Event::Pulled { more },
        Err(trouble) => Event::PullFailed(trouble),
    }
}

async fn pull_page(context: &Context) -> Result<bool, Trouble> {
    let request = context.exchange(|exchange, store, _| Ok(exchange.pull_request(&store.books))).await?;
    let client = context.keeper.client();
    let token = context.token().await?;
    let reply = match client.sync_pull(&token, &request).await {
        Ok(reply) => reply,
        Err(error) => {
            let token = context.another_token(&token, &error).await?;
            client.sync_pull(&token, &request).await.map_err(|error| trouble(&error))?
        }
    };
    let done =
        context.exchange(move |exchange, store, _| exchange.pulled(&mut store.books, reply.value)).await;
    let pulled = done.inspect_err(|trouble| context.told_of_stop(trouble))?;
    if let Some(why) = pulled.cache_trouble {
        (context.tell)(Told::CacheTrouble(why));
    }
    (context.tell)(Told::Progress(pulled.progress));
    if pulled.news {
        (context.tell)(Told::Data);
    }
    Ok(pulled.more)
}

// ---- push ----

async fn push(context: &Context) -> Event {
    match push_once(context).await {
        Ok(event) => event,
        Err(trouble) => {
            if let Trouble::Disk { why } = &trouble {
                (context.tell)(Told::DiskTrouble(why.clone()));
            }
            Event::PushFailed(trouble)
        }
    }
}

async fn push_once(context: &Context) -> Result<Event, Trouble> {
    let now = Stamp(jiff::Timestamp::now().as_microsecond());
    let made = context.exchange(move |exchange, store, now_ms| {
        let push = exchange.push_request(&mut store.books, now_ms, now, Uuid::now_v7)?;
        Ok(push.ok_or(exchange.due(now_ms)))
    });
    let push = match made.await? {
        Ok(push) => push,
        Err(after_ms) => return Ok(Event::PushedNothing { after_ms }),
    };
    if !push.pendings.is_empty() {
        (context.tell)(Told::Data);
    }
    let client = context.keeper.client();
    let token = context.token().await?;
    let reply = match client.sync_push(&token, &push.request).await {
        Ok(reply) => reply,
        Err(error) if error.cause == Cause::StatementTimeout => {
            let smaller = context.exchange(move |exchange, _, _| Ok(exchange.too_slow(&push))).await?;
            return if smaller {
                Ok(Event::Pushed { left: true, after_ms: None })
            } else {
                Err(trouble(&error))
            };
        }
        Err(error) => {
            let token = context.another_token(&token, &error).await?;
            client.sync_push(&token, &push.request).await.map_err(|error| trouble(&error))?
        }
    };
    let done = context.exchange(move |exchange, store, now_ms| {
        exchange.pushed(&mut store.books, &push, reply.value, now_ms)
    });
    let pushed = done.await.inspect_err(|trouble| context.told_of_stop(trouble))?;
    if pushed.answered > 0 {
        (context.tell)(Told::Data);
    }
    if pushed.empty && !pushed.left && pushed.after_ms.is_none() {
        return Ok(Event::PushedNothing { after_ms: None });
    }
    Ok(Event::Pushed { left: pushed.left, after_ms: pushed.after_ms })
}

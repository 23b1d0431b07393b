//! Carries the engine's effects out: one task that owns the engine, short-lived tasks for what is in flight.
//!
//! The runner knows the network, the store's desk and the clock; it decides nothing. What it learns it tells
//! the engine as events, and the service by `Told`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use super::engine::{Effect, Engine, Event, Line, Rhythm, Stop, Trouble};
use super::flights::Flights;
use super::listen::Listener;
use super::translate;
use crate::remote::wire::{
    Must, OpWire, PULL_BYTES_MAX, PULL_ROWS_MAX, PUSH_GROUPS_MAX, Page, Progress, PullReply, PullRequest,
    PushReply, PushRequest, Report, SCHEMA,
};
use crate::remote::{Cause, ErrorKind, RemoteError};
use crate::session::Keeper;
use crate::session::keeper::is_expired;
use crate::store::replica::{Fate, Pending, Replica};
use crate::store::{Desk, Store, StoreError};

/// Events that may wait for the engine.
const EVENTS_MAX: usize = 256;
/// Resyncs or scope changes in a row without a page between them before it counts as a fault of the server.
const TURNS_MAX: u64 = 3;

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
    Stop,
}

/// Everything a flight needs; shared by the short-lived tasks.
pub struct Context {
    pub keeper: Arc<Keeper>,
    pub desk: Arc<Desk>,
    pub uid: Uuid,
    pub device: Uuid,
    pub rhythm: Rhythm,
    pub tell: Box<dyn Fn(Told) + Send + Sync>,
    /// The number of the pull that is under way, and how often it was turned round without a page.
    pull: Mutex<Option<u64>>,
    turns: AtomicU64,
    last_report: Mutex<Option<Instant>>,
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
            pull: Mutex::new(None),
            turns: AtomicU64::new(0),
            last_report: Mutex::new(None),
        }
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Replica) -> T) -> T {
        look(&self.desk.replica().read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does a job on the desk and waits for it.
    async fn at_desk<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (done, wait) = oneshot::channel();
        let disk = |why: String| Trouble::Disk { why };
        let shut = |_| disk("the store is shut".to_owned());
        self.desk.submit(move |store| drop(done.send(job(store)))).map_err(|shut| disk(shut.to_string()))?;
        wait.await.map_err(shut)?.map_err(|error| disk(error.to_string()))
    }
}

pub(super) fn fault(why: &str) -> Trouble {
    Trouble::Fault { why: why.to_owned(), retry_after_ms: None }
}

/// Runs until asked to stop. What is in flight then is let go: it is asked or sent again at the next start.
pub async fn run(context: Arc<Context>, mut asks: mpsc::Receiver<Ask>) {
    let begun = Instant::now();
    let now = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (events, mut inbox) = mpsc::channel(EVENTS_MAX);
    let mut engine = Engine::new(context.rhythm);
    let mut flights = Flights::default();
    let mut socket = Listener::default();
    let mut wake = None;
    let mut event = Event::Start;
    loop {
        for effect in engine.step(event, now(), dice()) {
            match effect {
                Effect::Wake { at_ms } => wake = Some(begun + Duration::from_millis(at_ms)),
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
        socket.follow(&context, engine.line(), &events);
        event = tokio::select! {
            Some(event) = inbox.recv() => event,
            event = flights.landed() => event,
            ask = asks.recv() => match ask {
                Some(Ask::Edited) => Event::Edited,
                Some(Ask::SyncNow) => Event::SyncNow,
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
    let number = begin(context).await?;
    let cursor = context.read(|replica| replica.meta().cursor.clone());
    let request =
        PullRequest { cursor, limit_rows: PULL_ROWS_MAX, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA };
    let client = context.keeper.client();
    let token = context.token().await?;
    let reply = match client.sync_pull(&token, &request).await {
        Ok(reply) => reply,
        Err(error) => {
            let token = context.another_token(&token, &error).await?;
            client.sync_pull(&token, &request).await.map_err(|error| trouble(&error))?
        }
    };
    match reply.value {
        PullReply::Page(page) => take_page(context, *page, number).await,
        PullReply::Scope { scope, cursor } => {
            turn(context)?;
            let before = context.read(|replica| replica.meta().clone());
            let meta = crate::store::cache::Meta { cursor: Some(cursor), ..before };
            context.at_desk(move |store| store.narrow(&scope.now, meta)).await?;
            (context.tell)(Told::Data);
            Ok(true)
        }
        PullReply::Must(word) => {
            if let Some(stop) = stopped(context, word.must).await {
                Err(stop)
            } else {
                turn(context)?;
                tracing::info!(why = ?word.why, "the server asks for everything anew");
                context.at_desk(Store::begin_generation).await?;
                end(context);
                Ok(true)
            }
        }
    }
}

/// A word that ends the traffic. Who may do nothing is known as such here as well, also after a restart.
async fn stopped(context: &Context, word: Must) -> Option<Trouble> {
    let stop = translate::stop(word)?;
    if matches!(stop, Trouble::Stop(Stop::Inactive | Stop::NoProfile)) {
        if let Err(trouble) = context.at_desk(Store::shut).await {
            tracing::warn!(?trouble, "that the account is shut could not be written down");
        }
        (context.tell)(Told::Data);
    }
    Some(stop)
}

/// The number of the pull under way; a new one where none is.
async fn begin(context: &Context) -> Result<u64, Trouble> {
    let under_way = *context.pull.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = under_way {
        return Ok(number);
    }
    let number = context.at_desk(|store| Ok(store.write().begin_pull())).await?;
    *context.pull.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
    Ok(number)
}

fn end(context: &Context) {
    *context.pull.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Guards against a server that sends us round and round.
fn turn(context: &Context) -> Result<(), Trouble> {
    if context.turns.fetch_add(1, Ordering::Relaxed) < TURNS_MAX {
        return Ok(());
    }
    context.turns.store(0, Ordering::Relaxed);
    Err(fault("the server asks for the same reload again and again"))
}

async fn take_page(context: &Context, page: Page, number: u64) -> Result<bool, Trouble> {
    context.turns.store(0, Ordering::Relaxed);
    let (rows, unsound) = translate::rows(&page);
    if unsound > 0 {
        tracing::warn!(unsound, "rows of a page made no sense and were passed over");
    }
    let meta = translate::meta(&context.read(|replica| replica.meta().clone()), &page);
    let drained = !page.more;
    if page.uid != context.uid {
        return Err(Trouble::Stop(Stop::SignInAgain));
    }
    let (news, kept) = context.at_desk(move |store| Ok(store.take_page(rows, meta, number, drained))).await?;
    // Memory has the page even where the disk refused it.
    if let Err(error) = kept {
        (context.tell)(Told::CacheTrouble(error.to_string()));
    }
    if drained {
        end(context);
    }
    (context.tell)(Told::Progress(page.progress.filter(|_| page.more)));
    if news {
        (context.tell)(Told::Data);
    }
    Ok(page.more)
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
    let pendings = context.at_desk(|store| store.freeze(PUSH_GROUPS_MAX)).await?;
    if pendings.is_empty() && !report_is_due(context) {
        return Ok(Event::PushedNothing);
    }
    if !pendings.is_empty() {
        (context.tell)(Told::Data);
    }
    let ops = context.read(|replica| translate::ops(&pendings, |pending| replica.deps_of(pending)));
    let request = request(context, ops);
    let client = context.keeper.client();
    let token = context.token().await?;
    let asked = Instant::now();
    let reply = match client.sync_push(&token, &request).await {
        Ok(reply) => reply,
        Err(error) => {
            let token = context.another_token(&token, &error).await?;
            client.sync_push(&token, &request).await.map_err(|error| trouble(&error))?
        }
    };
    *context.last_report.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    match reply.value {
        PushReply::Must(word) if word.must == Must::Resync => {
            Ok(Event::Pushed { left: true, after_ms: None })
        }
        PushReply::Must(word) => {
            Err(stopped(context, word.must).await.unwrap_or_else(|| fault("an unknown word of the server")))
        }
        PushReply::Results { results, .. } => {
            let verdicts = translate::verdicts(&pendings, &results);
            record(context, verdicts, pendings.len()).await
        }
    }
}

async fn record(context: &Context, verdicts: translate::Verdicts, sent: usize) -> Result<Event, Trouble> {
    let after_ms = verdicts.retry_after_ms;
    if !verdicts.entries.is_empty() {
        let entries = verdicts.entries;
        context.at_desk(move |store| store.note(&entries)).await?;
        (context.tell)(Told::Data);
    }
    let left = context.read(|replica| replica.to_send(1).iter().any(|pending| pending.fate == Fate::Waiting));
    if sent == 0 && !left && after_ms.is_none() {
        return Ok(Event::PushedNothing);
    }
    Ok(Event::Pushed { left, after_ms })
}

fn report_is_due(context: &Context) -> bool {
    let last = *context.last_report.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_none_or(|at| at.elapsed() >= Duration::from_millis(context.rhythm.report_ms))
}

fn request(context: &Context, ops: Vec<OpWire>) -> PushRequest {
    let (waiting, needs_you, oldest) = context.read(|replica| {
        let (waiting, _, needs_you) = replica.counts();
        let oldest = replica
            .outbox()
            .find(|pending| pending.fate.is_unsent())
            .map(|pending: &Pending| pending.edit.at);
        (waiting as u64, needs_you as u64, oldest)
    });
    let now = jiff::Timestamp::now().as_microsecond();
    let oldest_s = oldest.map_or(0, |at| u64::try_from((now - at.0) / 1_000_000).unwrap_or(0));
    let report = Some(Report { waiting, oldest_s, needs_you, version: env!("CARGO_PKG_VERSION").to_owned() });
    PushRequest { uid: context.uid, device: context.device, schema: SCHEMA, report, ops }
}

//! The one door: every action and query of every front goes through it.
//!
//! Reading is answered from memory at once. An edit is judged (policy, then rules) and saved on the desk's
//! thread, one after the other, so that each is judged on what the one before it left; `Event::Done` tells
//! when it is on disk. Nothing here waits for the network: signing in and syncing run on the background
//! runtime and tell by events. The role is read from the profile's row at the moment of judging, so a role
//! that a pull just changed counts at once.

mod accounts;
pub mod activity;
pub mod api;
mod aside;
mod at_desk;
pub mod backup;
pub mod beside;
mod bulk;
mod cards;
mod cells;
mod choice;
pub mod config;
pub(crate) mod control;
mod detail;
mod devices;
pub mod doctor;
mod edit;
mod erase;
mod error;
mod explain;
mod find;
mod held;
mod initial;
pub mod kept;
pub mod ladder;
mod lease;
pub mod line;
mod list;
mod lock;
pub mod log;
pub mod metrics;
mod noted;
pub mod outbox;
pub mod overview;
pub mod own;
mod parcel;
mod projects;
mod read_only;
pub mod rows;
mod secrets;
mod session;
mod sessions;
mod setup;
pub mod setup_project;
mod several;
mod sign_in;
mod slices;
mod standing;
mod state;
pub mod status;
mod stored;
pub mod support;
mod tables;
mod takeover;
pub mod taste;
pub mod transfer;
mod undo;
mod unlinked;
pub mod wipe;
mod words;

use std::sync::{Arc, PoisonError, RwLock};

pub use api::*;
pub use aside::does_not_open;
pub use bulk::BULK_MAX;
pub use config::{Config, Environment, Folders, ProjectConfig, ScreenConfig};
pub use error::{ErrorKind, ServiceError};
pub use explain::taken;
pub use list::FILTER_CHARS_MAX;
pub use list::filter::HELP as FILTER_HELP;
pub use list::sort::SORTS_MAX;
pub use read_only::refusal as read_only_refusal;
pub use secrets::closed_to_others;
pub use session::{Settings, Training};
pub use tables::columns;

use self::at_desk::waited;
use self::edit::Wish;
use self::session::Inner;
use self::sign_in::Credentials;
use crate::domain::{Intent, Key, Kind};
/// The longest reason of an edit, in characters.
pub use crate::remote::wire::REASON_CHARS_MAX as REASON_LENGTH_MAX;
pub use crate::session::Clock;
use crate::session::Old;
use crate::store::replica::Replica;
use crate::sync::runner::Ask;

/// The front's handle. Cheap to clone; every method answers at once but those that say otherwise.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

impl Service {
    /// Starts the background runtime; nobody is signed in yet.
    pub fn open(settings: Settings) -> Result<Self, ServiceError> {
        Ok(Self { inner: Inner::start(settings)? })
    }

    /// Where events go. One sink; it is called from background threads and must not block.
    pub fn subscribe(&self, sink: impl Fn(Event) + Send + Sync + 'static) {
        self.inner.subscribe(Arc::new(sink));
    }

    /// A fresh context for one call.
    pub fn ctx(&self, front: Front) -> OpCtx {
        let who = self.inner.peek(|replica| replica.who().map(|who| who.user)).flatten();
        OpCtx { op: uuid::Uuid::now_v7(), front, who, now: self.clock().now() }
    }

    pub fn clock(&self) -> Clock {
        self.inner.settings.clock.clone()
    }

    /// What the sign-in screen shows.
    pub fn setup(&self) -> Setup {
        self.inner.setup()
    }

    /// Starts signing in; `Event::SignedIn`, `Event::SignInFailed` or `Event::InUse` tells the end.
    pub fn sign_in(&self, ctx: &OpCtx, project: &str, email: &str, password: secrecy::SecretString) {
        tracing::info!(op = %ctx.op, project, "signing in");
        self.inner.speaks_for(ctx.front);
        let (project, email) = (project.to_owned(), email.trim().to_owned());
        Inner::sign_in(&self.inner, Credentials { project, email, password, session: None, old: Old::Ask });
    }

    /// Starts a wish about the own sign-in; `Event::Own` with `ctx.op` tells the end.
    pub fn own(&self, ctx: &OpCtx, wish: Own) {
        if let Err(refusal) = self.may_write(wish.writes()) {
            return self.inner.emit(Event::Own(ctx.op, Err(refusal)));
        }
        Inner::own(&self.inner, ctx.op, wish);
    }

    /// After `Event::OlderPassword`: what this machine has opens with this password, and is sealed with the one of
    /// today from then on. The end is that of a sign-in.
    pub fn open_with_old(&self, ctx: &OpCtx, old: secrecy::SecretString) {
        tracing::info!(op = %ctx.op, "opening with an older password");
        Inner::with_old(&self.inner, Old::Password(old));
    }

    /// After `Event::OlderPassword`: what this machine has is kept aside as it is, and the account begins empty. The
    /// end is that of a sign-in.
    pub fn set_aside(&self, ctx: &OpCtx) {
        tracing::info!(op = %ctx.op, "setting the account aside");
        Inner::with_old(&self.inner, Old::SetAside);
    }

    /// After `Event::InUse`: the other console is to leave. `Event::TakingOver` tells each step, and the end is that
    /// of a sign-in.
    pub fn take_over(&self, ctx: &OpCtx) {
        tracing::info!(op = %ctx.op, "taking over");
        Inner::take_over(&self.inner);
    }

    /// After `Event::InUse` or `Event::OlderPassword`: all is left as it is.
    pub fn let_be(&self, _ctx: &OpCtx) {
        self.inner.next_attempt();
    }

    /// Somebody is at the keys: others are told how long nobody was. False: nobody was for so long that the console is
    /// locked now, and what was pressed is not to be obeyed.
    #[must_use]
    pub fn touched(&self) -> bool {
        Inner::touched(&self.inner)
    }

    /// Locks where nobody was at the keys for too long; to be called now and then by a front that wakes anyway.
    pub fn look_at_idle(&self) {
        Inner::look_at_idle(&self.inner);
    }

    /// Starts an action; `Event::Done` with `ctx.op` tells the end.
    pub fn submit(&self, ctx: &OpCtx, action: Action) {
        let (inner, op) = (Arc::clone(&self.inner), ctx.op);
        self.start(ctx, action, move |result| inner.emit(Event::Done { op, result }));
    }

    /// Does an action and waits for its end (for an edit: until it is on disk).
    pub fn run(&self, ctx: &OpCtx, action: Action) -> Result<Done, ServiceError> {
        waited(|done| self.start(ctx, action, done))
    }

    fn start(
        &self,
        ctx: &OpCtx,
        action: Action,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        if let Err(refusal) = self.may_write(action.writes()) {
            return done(Err(refusal));
        }
        match action {
            Action::Edit { intent, reason, seen } => {
                let (ctx, wish) = (ctx.clone(), Wish { intent, reason, seen });
                self.at_desk(done, move |store, past| edit::save(store, past, &ctx, wish));
            }
            Action::SetTraffic { traffic } => {
                done(self.inner.set_traffic(traffic).map(|()| Done::Traffic { traffic }));
            }
            Action::Bulk { intents, reason, together, deed } => {
                let ctx = ctx.clone();
                self.at_desk(done, move |store, past| {
                    let (done, made) = bulk::save(store, &ctx, &intents, reason, together)?;
                    past.did_all(made, deed);
                    Ok(done)
                });
            }
            Action::ReadTaste => self.at_desk(done, |store, _| Ok(taste::read(store))),
            Action::KeepTaste { taste } => self.at_desk(done, move |store, _| taste::keep(store, taste)),
            Action::Rehearse { intents } => {
                self.at_desk(done, move |store, _| bulk::rehearse(store, &intents));
            }
            Action::Undo => {
                let ctx = ctx.clone();
                self.at_desk(done, move |store, past| undo::undo(store, past, &ctx));
            }
            Action::Redo => {
                let ctx = ctx.clone();
                self.at_desk(done, move |store, past| undo::redo(store, past, &ctx));
            }
            Action::LoadInitial => {
                let ctx = ctx.clone();
                self.at_desk(done, move |store, past| {
                    let made = initial::load(store, &ctx)?;
                    let saved = Done::Saved { edits: made.steps.len(), summary: made.summary.clone() };
                    past.did(made);
                    Ok(saved)
                });
            }
            Action::Settle { edit, decision } => {
                self.at_desk(done, move |store, _| cards::settle(store, edit, &decision));
            }
            Action::SettleHeld { send } => {
                let inner = Arc::clone(&self.inner);
                self.at_desk(done, move |store, _| {
                    let done = held::settle(store, send)?;
                    inner.ask(Ask::SyncNow)?;
                    Ok(done)
                });
            }
            Action::Freeze => self.at_desk(done, |store, _| backup::copy::freeze(store)),
            Action::AcknowledgeLost => {
                let now = ctx.now;
                self.at_desk(done, move |store, _| held::acknowledge(store, now));
            }
            Action::SyncNow => {
                // What was done to accounts changes no row that would tell of it.
                self.inner.activities.outdate();
                done(self.inner.ask(Ask::SyncNow).map(|()| Done::SyncAsked));
            }
            Action::Verify => done(self.inner.ask(Ask::Verify).map(|()| Done::VerifyAsked)),
            Action::Reload => done(self.inner.ask(Ask::Reload).map(|()| Done::ReloadAsked)),
            Action::Retry { edit } => done(self.retry(edit)),
            Action::MoreActivity => done(Inner::more_activity(&self.inner, None)),
            Action::MoreHistory { key } => done(Inner::more_activity(&self.inner, Some(key))),
            Action::SignOut => {
                Inner::sign_out(&self.inner);
                done(Ok(Done::SignedOut));
            }
            Action::EndSessions { sessions } => Inner::end_sessions(&self.inner, sessions, done),
            Action::Machines => Inner::machines(&self.inner, done),
            Action::EraseMachine { user, device } => {
                Inner::erase_machine(&self.inner, (user, device), done);
            }
            Action::Accounts { who } => Inner::accounts(&self.inner, who, done),
            Action::Erase => Inner::erase(&self.inner, erase::BY_OWNER, done),
            Action::Lock => {
                Inner::lock(&self.inner);
                done(if self.inner.is_locked() { Ok(Done::Locked) } else { Err(explain::signed_out()) });
            }
            Action::RemoveWords => {
                let inner = Arc::clone(&self.inner);
                self.inner.aside(move || done(inner.remove_words()));
            }
            Action::AddProject { name, url, key } => {
                let inner = Arc::clone(&self.inner);
                self.inner.aside(move || {
                    done(inner.add_project(&name, &url, &key).map(|()| Done::ProjectAdded { name }));
                });
            }
            Action::TrainingLine { up } => done(self.inner.set_line(up).map(|()| Done::Line { up })),
        }
    }

    /// Answers a query; the same as the methods below, as values.
    pub fn ask(&self, ctx: &OpCtx, query: &Query) -> Result<Answer, ServiceError> {
        Ok(match query {
            Query::List(query) => Answer::List(self.list(ctx, query)),
            Query::Rows(query) => Answer::Rows(self.inner.rows(ctx, query)?),
            Query::Row { kind, name } => Answer::Row(self.inner.row(*kind, name)?.map(Box::new)),
            Query::Stored(query) => Answer::Stored(self.inner.stored(ctx, query)?),
            Query::Copy(query) => Answer::Copy(Box::new(self.inner.copy(ctx, query)?)),
            Query::Keys { list, between } => Answer::Keys(self.keys(ctx, list, between.as_ref())),
            Query::Find { text } => Answer::Found(self.find(ctx, text)),
            Query::Complete { kind, filter } => Answer::Completed(self.complete(ctx, *kind, filter)),
            Query::Show { key } => Answer::Show(self.show(ctx, key).map(Box::new)),
            Query::Status => Answer::Status(Box::new(self.status())),
            Query::Verbs { kind, key } => Answer::Verbs(self.verbs(ctx, *kind, key.as_ref())),
            Query::Choices { kind, field, key } => {
                Answer::Choices(self.choices(ctx, *kind, field, key.as_ref()))
            }
            Query::ChoicesFor { verb, keys } => Answer::Choices(self.choices_for(*verb, keys)?),
            Query::Locked { keys } => Answer::Locked(self.locked(keys)),
            Query::Consequences { intent } => Answer::Consequences(self.consequences(ctx, intent)),
            Query::Outbox => Answer::Outbox(self.outbox(ctx)),
            Query::Runs => Answer::Runs(self.runs()),
            Query::Activity => Answer::Activity(Inner::activity(&self.inner, None)),
            Query::History { key } => Answer::History(Inner::activity(&self.inner, Some(key))),
            Query::Overview => Answer::Overview(Inner::overview(&self.inner)),
            Query::Metrics => Answer::Metrics(Box::new(self.inner.metrics())),
            Query::Lost => Answer::Lost(read(&self.inner.state, |state| state.lost.clone())),
            Query::Cards => Answer::Cards(self.cards(ctx)),
            Query::Aside => Answer::Aside(self.inner.asides()?),
            Query::Ways => Answer::Ways(self.inner.ways()?),
            Query::Export { edits } => Answer::Export(self.export(ctx, edits)?),
        })
    }

    pub fn show(&self, _ctx: &OpCtx, key: &Key) -> Option<Detail> {
        self.inner.look(|replica| detail::show(replica, replica.actor().as_ref(), key)).flatten()
    }

    pub fn status(&self) -> Status {
        self.inner.status()
    }

    pub fn verbs(&self, _ctx: &OpCtx, kind: Kind, key: Option<&Key>) -> Vec<VerbState> {
        let verbs = self.inner.look(|replica| detail::verbs(replica, replica.actor().as_ref(), kind, key));
        let mut verbs = verbs.unwrap_or_default();
        if self.is_read_only() {
            for state in &mut verbs {
                state.why_not = Some(read_only::WHY.to_owned());
            }
        }
        verbs
    }

    pub fn choices(&self, _ctx: &OpCtx, kind: Kind, field: &str, key: Option<&Key>) -> Vec<Choice> {
        self.inner.look(|replica| detail::choices(replica, kind, field, key)).unwrap_or_default()
    }

    pub fn consequences(&self, _ctx: &OpCtx, intent: &Intent) -> Vec<String> {
        self.inner.look(|replica| words::consequences(replica, intent)).unwrap_or_default()
    }

    /// Edits that wait, are on their way, or need a decision; newest first.
    pub fn outbox(&self, _ctx: &OpCtx) -> Vec<OutboxLine> {
        let lines = |replica: &Replica| {
            replica.outbox().rev().map(|pending| words::outbox_line(replica, pending)).collect()
        };
        let mut lines: Vec<OutboxLine> = self.inner.look(lines).unwrap_or_default();
        // One that has its ids for sending, as a backup gives them, is on no way while there is no line.
        if !matches!(self.status().link, Link::Online | Link::Loading { .. }) {
            for line in lines.iter_mut().filter(|line| line.state == EditState::Sending) {
                line.state = EditState::Waiting;
            }
        }
        lines
    }

    /// What the line was used for in this session, newest first.
    pub fn runs(&self) -> Vec<RunView> {
        self.inner.runs()
    }

    /// Edits that need a decision, oldest first.
    pub fn cards(&self, _ctx: &OpCtx) -> Vec<Card> {
        self.inner.look(cards::cards).unwrap_or_default()
    }

    /// Edits of the outbox as JSON lines; all of them where none is named.
    pub fn export(&self, _ctx: &OpCtx, edits: &[u64]) -> Result<String, ServiceError> {
        self.inner.look(|replica| cards::export(replica, edits)).unwrap_or_else(|| Ok(String::new()))
    }

    /// An edit that was to be sent again later goes now.
    fn retry(&self, edit: u64) -> Result<Done, ServiceError> {
        let may = self.inner.look(|replica| cards::may_be_sent(replica, edit));
        may.unwrap_or_else(|| Err(explain::signed_out()))?;
        self.inner.ask(Ask::Retry(edit)).map(|()| Done::SyncAsked)
    }

    /// Ends the session and waits until the store is shut.
    pub fn close(&self) {
        self.inner.close();
    }
}

fn read<T, R>(shared: &RwLock<T>, look: impl FnOnce(&T) -> R) -> R {
    look(&shared.read().unwrap_or_else(PoisonError::into_inner))
}

fn write<T, R>(lock: &RwLock<T>, change: impl FnOnce(&mut T) -> R) -> R {
    change(&mut lock.write().unwrap_or_else(PoisonError::into_inner))
}

//! Behind the door: the background runtime, the open session, and how the line stands.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::activity::Activities;
use super::control::Control;
use super::list::Lists;
use super::lock::Lock;
use super::overview::Counted;
use super::own::Redeemed;
use super::secrets::NewWords;
use super::sign_in::Credentials;
use super::standing::State;
use super::takeover::Pending;
use super::undo::Past;
use super::{
    Config, Done, ErrorKind, Event, Folders, ServiceError, Setup, Traffic, TrainingHint, explain, line, read,
    write,
};
use crate::session::{Clock, Keeper, Open};
use crate::store::replica::Replica;
use crate::store::{AccountFolder, Desk, Holder, finish_erasing};
use crate::sync::engine::{Line, Rhythm};
use crate::sync::runner::{self, Ask, Told, Valve};
use crate::vault::KdfParams;

/// What the program sets up before the door opens.
pub struct Settings {
    pub folders: Folders,
    pub config: Config,
    /// What was wrong with the configuration file; told on the sign-in screen.
    pub problem: Option<String>,
    pub training: Option<Training>,
    pub clock: Clock,
    pub rhythm: Rhythm,
    pub kdf: KdfParams,
}

/// In training: the accounts to try, and the switch of the line.
pub struct Training {
    pub hint: TrainingHint,
    pub set_line: Box<dyn Fn(bool) + Send + Sync>,
    /// The code in the last mail to that address: in training nothing is mailed.
    pub mailed: Mailed,
}

/// Looks a mailed code up by its address.
pub type Mailed = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// What the service's handles share.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) lists: Lists,
    /// Counts what was looked for; see `find_soon`.
    pub(super) finding: AtomicU64,
    pub(super) counted: Counted,
    pub(super) activities: Activities,
    pub(super) config: RwLock<Config>,
    sink: RwLock<Option<Sink>>,
    pub(super) session: RwLock<Option<Session>>,
    pub(super) state: RwLock<State>,
    /// What was done in this session, for undoing it. The desk's thread alone uses it.
    pub(super) past: Mutex<Past>,
    /// The sign-in that found the account open elsewhere, until the person has decided.
    pub(super) pending: Mutex<Option<Pending>>,
    /// The sign-in that found the account under an older password, until the person has decided.
    pub(super) asked: Mutex<Option<Credentials>>,
    /// A mailed code that was taken, until the password is set by it.
    pub(super) redeemed: Mutex<Option<Redeemed>>,
    /// So many sessions that were not used are being ended.
    pub(super) endings: Arc<AtomicUsize>,
    /// When a key was pressed last, in microseconds since 1970.
    pub(super) last_key: AtomicI64,
    /// A command has the account open, and no screen: it is about to be done.
    pub(super) by_command: AtomicBool,
    pub(super) lock: Lock,
    /// Recovery words that were shown and do not count yet.
    pub(super) words: Mutex<Option<NewWords>>,
    runtime: tokio::runtime::Handle,
    stop: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
}

/// The session that is open.
pub(super) struct Session {
    pub(super) project: String,
    pub(super) email: String,
    pub(super) open: Open,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) valve: Valve,
    pub(super) control: Option<Control>,
}

impl Session {
    /// A wish to the runner. A full queue means that it is about to look anyway.
    pub(super) fn ask(&self, ask: Ask) {
        let _ = self.asks.try_send(ask);
    }
}

/// Questions to the runner that may wait.
const ASKS_MAX: usize = 64;

impl Inner {
    pub(super) fn start(settings: Settings) -> Result<Arc<Self>, ServiceError> {
        let failed = |error: std::io::Error| {
            ServiceError::new(
                ErrorKind::Storage,
                format!("The background work could not be started: {error}."),
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("net".to_owned())
            .spawn(move || {
                drop(runtime.block_on(stopped));
                // A look-up of a name may hang for long: leaving does not wait for it.
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        let state = State::new(settings.training.is_some());
        if let Err(error) = finish_erasing(&settings.folders.data) {
            tracing::warn!(%error, "what an earlier console began to erase could not be finished; it opens for nobody");
        }
        Ok(Arc::new(Self {
            config: RwLock::new(settings.config.clone()),
            settings,
            lists: Lists::default(),
            finding: AtomicU64::default(),
            counted: Counted::default(),
            activities: Activities::default(),
            sink: RwLock::new(None),
            session: RwLock::new(None),
            state: RwLock::new(state),
            past: Mutex::new(Past::default()),
            pending: Mutex::new(None),
            asked: Mutex::new(None),
            redeemed: Mutex::new(None),
            endings: Arc::default(),
            last_key: AtomicI64::new(0),
            by_command: AtomicBool::new(false),
            lock: Lock::default(),
            words: Mutex::new(None),
            runtime: handle,
            stop: Mutex::new(Some((stop, thread))),
        }))
    }

    pub(super) fn subscribe(&self, sink: Sink) {
        write(&self.sink, |held| *held = Some(sink));
    }

    pub(super) fn emit(&self, event: Event) {
        if let Some(sink) = read(&self.sink, Clone::clone) {
            sink(event);
        }
    }

    /// Looks at the replica of the open session, for somebody: not while it is locked.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        if self.is_locked() {
            return None;
        }
        self.peek(|replica| self.lease_over(replica).is_none().then(|| look(replica))).flatten()
    }

    /// Looks at the replica of the open session, for what is no secret: counts, times, whose it is.
    pub(super) fn peek<T>(&self, look: impl FnOnce(&Replica) -> T) -> Option<T> {
        let desk = self.desk()?;
        let replica = desk.replica().read().unwrap_or_else(PoisonError::into_inner);
        Some(look(&replica))
    }

    pub(super) fn desk(&self) -> Option<Arc<Desk>> {
        read(&self.session, |session| session.as_ref().map(|session| Arc::clone(&session.open.desk)))
    }

    pub(super) fn folder(&self) -> Option<AccountFolder> {
        let folder =
            read(&self.session, |session| session.as_ref().map(|session| session.open.folder.clone()));
        folder.filter(|_| !self.is_locked())
    }

    pub(super) fn keeper(&self) -> Option<Arc<Keeper>> {
        read(&self.session, |session| session.as_ref().map(|session| Arc::clone(&session.open.keeper)))
    }

    pub(super) fn email(&self) -> Option<String> {
        read(&self.session, |session| session.as_ref().map(|session| session.email.clone()))
    }

    pub(super) fn folder_and_desk(&self) -> Option<(AccountFolder, Arc<Desk>)> {
        read(&self.session, |session| {
            let open = &session.as_ref()?.open;
            Some((open.folder.clone(), Arc::clone(&open.desk)))
        })
    }

    pub(super) fn setup(&self) -> Setup {
        let hint = self.settings.training.as_ref().map(|training| training.hint.clone());
        read(&self.config, |config| Setup {
            projects: config.views(),
            known: config.accounts(),
            training: hint,
            problem: self.settings.problem.clone(),
        })
    }

    // ---- the session ----

    /// `traffic`: how freely the line is used from its start.
    pub(super) fn begin_session(this: &Arc<Self>, project: String, open: Open, traffic: Traffic) {
        for damage in &open.found.damage {
            tracing::warn!(?damage, "the journal was damaged; what is sound was kept");
        }
        if !open.found.missing.is_empty() {
            tracing::error!(numbers = ?open.found.missing, "entries of the journal are lost");
        }
        let (offline, found) = (open.offline, explain::found(&open.found));
        let (asks, inbox) = mpsc::channel(ASKS_MAX);
        let valve = Valve::new(line::mode(traffic));
        let inner = Arc::clone(this);
        let context = runner::Context::new(
            Arc::clone(&open.keeper),
            Arc::clone(&open.desk),
            (open.uid, open.device),
            this.settings.rhythm,
            valve.clone(),
            move |told| Self::told(&inner, told),
        );
        *this.past.lock().unwrap_or_else(PoisonError::into_inner) = Past::default();
        write(&this.state, |state| state.begin(traffic));
        write(&this.state, |state| {
            (state.disk.lost, state.lost) = (open.found.lost(), open.found.unseen.clone());
        });
        this.forget_views();
        let email = open.email.clone();
        this.touched_now();
        let control = Self::listen(this, open.folder.path(), Holder::here());
        write(&this.session, |session| {
            *session = Some(Session { project, email, open, asks, valve, control });
        });
        this.note_start();
        this.runtime.spawn(runner::run(Arc::new(context), inbox));
        Self::watch_idle(this);
        Self::look_at_disk(this);
        this.note_standing();
        this.note_unsent();
        let over = this.lease_at_start();
        this.emit(Event::SignedIn { offline, trouble: found.or(over) });
        this.emit(Event::Data);
        this.emit(Event::Status);
    }

    pub(super) fn sign_out(this: &Arc<Self>) {
        this.next_attempt();
        this.forget_words();
        this.forget_kept();
        if this.leave_locked() {
            // The server is not told: the session's token is sealed, and its key is gone.
            return this.emit(Event::SignedOut { why: None });
        }
        let Some(mut session) = write(&this.session, Option::take) else { return };
        drop(session.control.take());
        session.ask(Ask::Stop);
        this.forget_views();
        let inner = Arc::clone(this);
        this.runtime.spawn(async move {
            // Here first, so that nothing stays behind however long the server takes to hear of it.
            let access = session.open.keeper.forget().await;
            let desk = Arc::clone(&session.open.desk);
            drop(tokio::task::spawn_blocking(move || desk.close()).await);
            inner.emit(Event::SignedOut { why: None });
            session.open.keeper.sign_out(access).await;
        });
    }

    pub(super) fn end_session(&self) {
        self.forget_words();
        self.leave_locked();
        if let Some(mut session) = write(&self.session, Option::take) {
            drop(session.control.take());
            session.ask(Ask::Stop);
            session.open.desk.close();
        }
    }

    pub(super) fn close(&self) {
        self.next_attempt();
        self.end_session();
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = stop {
            self.given_ended();
            let _ = stop.send(());
            if thread.join().is_err() {
                tracing::error!("the background runtime ended badly");
            }
        }
    }

    pub(super) const fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Somebody is at the keys; false: the console is locked, and was not when nobody was.
    pub(super) fn touched(this: &Arc<Self>) -> bool {
        let was_locked = this.is_locked();
        let obeyed = was_locked || !Self::look_at_idle(this);
        this.news_seen();
        this.touched_now();
        obeyed
    }

    pub(super) fn touched_now(&self) {
        self.last_key.store(self.settings.clock.now().0, Ordering::Relaxed);
    }

    /// Does blocking work off the screen's thread.
    pub(super) fn aside(&self, work: impl FnOnce() + Send + 'static) {
        drop(self.runtime.spawn_blocking(work));
    }

    pub(super) fn ask_runner(&self, ask: Ask) {
        read(&self.session, |session| {
            if let Some(session) = session {
                session.ask(ask);
            }
        });
    }

    /// Hands a wish on to the runner; an error where nobody is signed in.
    pub(super) fn ask(&self, ask: Ask) -> Result<(), ServiceError> {
        if self.is_locked() {
            return Err(explain::locked());
        } else if self.desk().is_none() {
            return Err(explain::signed_out());
        }
        self.ask_runner(ask);
        Ok(())
    }

    // ---- what comes from below ----

    /// After an edit was saved or not.
    pub(super) fn edited(&self, result: &Result<Done, ServiceError>) {
        match result {
            Ok(Done::Saved { edits: 0, .. }) => return,
            Ok(_) => {
                write(&self.state, |state| state.not_saved = None);
                self.ask_runner(Ask::Edited);
                self.note_unsent();
                self.emit(Event::Data);
            }
            Err(error) if error.kind == ErrorKind::Storage => {
                let why = explain::short_reason(error).to_owned();
                write(&self.state, |state| state.not_saved = Some(why));
            }
            Err(_) => return,
        }
        self.emit(Event::Status);
    }

    fn told(this: &Arc<Self>, told: Told) {
        match told {
            Told::Data => {
                this.note_standing();
                this.note_unsent();
                this.emit(Event::Data);
            }
            Told::Line(line) => {
                Self::look_at_dismissal(this, &line);
                this.line_changed(line);
            }
            Told::Run(run) => {
                if run.error.is_none() {
                    this.heard();
                    this.note_unsent();
                    if read(&this.state, |state| state.progress.is_none()) {
                        this.news_loaded();
                    }
                    Self::look_for_server_key(this);
                } else {
                    this.note_time();
                }
                let verdict = run.verdict;
                write(&this.state, |state| state.history.add(run));
                if let Some(verdict) = verdict {
                    this.emit(Event::Told(line::verdict(verdict)));
                }
                this.look_at_lease();
                Self::tell_news(this);
            }
            Told::Progress(progress) => write(&this.state, |state| state.progress = progress),
            Told::DiskTrouble(why) => write(&this.state, |state| state.not_saved = Some(why)),
            Told::CacheTrouble(why) => {
                tracing::warn!(
                    why,
                    "what was received could not be kept on disk; it is asked for again next time"
                );
            }
        }
        this.emit(Event::Status);
    }

    fn line_changed(&self, line: Line) {
        let now = self.settings.clock.now();
        let as_of = self.peek(|replica| replica.meta().as_of).flatten();
        write(&self.state, |state| state.line_changed(line, now, as_of));
    }
}

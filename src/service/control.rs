//! The door seen from outside: what another process of the same person may ask the console that has an account open.
//!
//! Whoever holds the account's lock listens on the socket beside it. A command asks its query or hands in its
//! action there, and both are carried out as the console's own: the same policy, the same journal, the rights of
//! who is signed in. No password is asked for that: the socket lets in the same user of the machine alone, and a
//! process of that user can do to this one what it likes without any socket. A console that is locked answers `Whois` and
//! `Yield`, and nothing else.
//!
//! A second console asks `Whois`, tells the person, and says `Yield` if they want to take over. Then the first
//! stops syncing, finishes what it is saving, shuts the store and lets go of the lock, and only after that answers
//! and tells its front (`Event::Moved`): when the answer is there, everything is on disk and the account free,
//! whatever the front's terminal does.
//!
//! One request and one answer a connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use super::session::Inner;
use super::status::{ago, idle};
use super::{Action, Administer, Answer, Done, Event, Front, Query, Service, ServiceError, explain};
use crate::domain::Stamp;
use crate::session::socket::{self, Line, LineError, Listener, MESSAGE_TIME_MAX};
use crate::store::Holder;

/// How long one may take to say who it is: a machine that has much to do is slow.
pub(super) const WHOIS_TIME_MAX: Duration = Duration::from_secs(5);
/// Processes that are answered at the same time; more wait.
const CALLERS_MAX: usize = 8;
/// After a failure of the system (too many open files), how long until it is tried again.
const REST: Duration = Duration::from_secs(1);

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// Who has the account open?
    Whois,
    /// Leave: the session goes on there.
    Yield {
        to: Holder,
    },
    Ask(Query),
    Act(Action),
    /// Somebody's sign-in account; a password may be part of it.
    Administer(Administer),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Whois(Whois),
    /// The store is shut and the lock free.
    Yielded,
    Answer(Answer),
    Done(Done),
    Refused(ServiceError),
}

/// The console that has an account open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whois {
    pub holder: Holder,
    /// When a key was pressed there last.
    pub last_key: Stamp,
    /// Edits that are saved there and not sent yet.
    pub unsent: usize,
    /// It was left alone and is locked.
    #[serde(default)]
    pub locked: bool,
    /// It is a command, which is about to be done, and no console.
    #[serde(default)]
    pub command: bool,
}

/// What a second console knows of the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// As it answered, or as it wrote down beside its lock.
    pub holder: Holder,
    /// Or why it did not tell, in a sentence.
    pub whois: Result<Whois, String>,
}

impl InUse {
    /// Where it runs, since when, how long nobody typed there and what waits, in sentences.
    pub fn lines(&self, now: Stamp) -> Vec<String> {
        let holder = &self.holder;
        let opened = format!("Opened {}", ago(holder.since, now));
        let (who, how, then) = match &self.whois {
            Ok(whois) if whois.command => (
                "a command",
                format!("{opened}. {}", unsent(whois.unsent)),
                "It ends by itself when it is done. If you take over, it finishes what it is saving, and ends. Saved \
                 edits come along.",
            ),
            Ok(whois) => (
                "the console",
                format!(
                    "{opened}, {}{}. {}",
                    idle(whois.last_key, now),
                    if whois.locked { ", locked" } else { "" },
                    unsent(whois.unsent)
                ),
                "If you take over, it finishes what it is saving, says where the session went, and ends. Saved edits \
                 come along; what is typed in an open form there does not.",
            ),
            Err(why) => (
                "the console",
                format!("{opened}. {why}"),
                "If you take over, it is asked to leave; if it does not, its process is told to end, and killed if \
                 need be. Saved edits come along: they are on the disk.",
            ),
        };
        vec![format!("By {who} on {}.", holder.place_and_process()), how, then.to_owned()]
    }

    /// The same for who is not asked.
    pub fn refusal(&self) -> ServiceError {
        explain::in_use(Some(&self.holder))
    }
}

fn unsent(edits: usize) -> String {
    match edits {
        0 => "No edit is unsent.".to_owned(),
        1 => "1 edit is unsent.".to_owned(),
        _ => format!("{edits} edits are unsent."),
    }
}

/// Whether bytes are the message of a request, of an answer.
pub(crate) fn understood(bytes: &[u8]) -> (bool, bool) {
    (serde_json::from_slice::<Request>(bytes).is_ok(), serde_json::from_slice::<Reply>(bytes).is_ok())
}

// ---- the side that is asked ----

/// The socket of an open session. To be dropped before the lock is let go of.
pub(super) struct Control {
    task: AbortHandle,
    folder: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Err(error) = socket::take_away(&self.folder) {
            tracing::warn!(%error, "the socket's name stays behind; the next console replaces it");
        }
        self.task.abort();
    }
}

impl Inner {
    /// Begins to answer. A folder that takes no socket is no reason not to work: then a second console is told that
    /// this one does not answer.
    pub(super) fn listen(this: &Arc<Self>, folder: &Path, holder: Holder) -> Option<Control> {
        let listener = match Listener::bind(folder) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::warn!(%error, "there is no socket for other processes");
                return None;
            }
        };
        let inner = Arc::clone(this);
        let task = this.runtime().spawn(async move {
            let callers = Arc::new(Semaphore::new(CALLERS_MAX));
            loop {
                let Ok(place) = Arc::clone(&callers).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok(line) => {
                        let (inner, holder) = (Arc::clone(&inner), holder.clone());
                        // Not of this task: it answers a takeover, which ends this task.
                        inner.runtime().clone().spawn(async move {
                            answer(&inner, line, holder).await;
                            drop(place);
                        });
                    }
                    Err(LineError::Io(error)) => {
                        tracing::warn!(%error, "the socket for other processes");
                        tokio::time::sleep(REST).await;
                    }
                    Err(error) => tracing::warn!(%error, "a caller was turned away"),
                }
            }
        });
        Some(Control { task: task.abort_handle(), folder: folder.to_owned() })
    }
}

async fn answer(inner: &Arc<Inner>, mut line: Line, holder: Holder) {
    let request = match line.hear(MESSAGE_TIME_MAX).await {
        Ok(request) => request,
        Err(LineError::Silent | LineError::Ended | LineError::Io(_)) => return,
        Err(error) => return reply(&mut line, &Reply::Refused(explain::not_understood(&error))).await,
    };
    match request {
        Request::Whois => {
            let last_key = Stamp(inner.last_key.load(Ordering::Relaxed));
            let unsent = inner.status().waiting;
            let (locked, command) = (inner.is_locked(), inner.by_command.load(Ordering::Relaxed));
            reply(&mut line, &Reply::Whois(Whois { holder, last_key, unsent, locked, command })).await;
        }
        Request::Yield { to } => {
            let to = to.plain();
            tracing::info!(to = to.place(), "the session moves");
            let (leaving, waiting) = (Arc::clone(inner), inner.status().waiting);
            drop(tokio::task::spawn_blocking(move || leaving.end_session()).await);
            reply(&mut line, &Reply::Yielded).await;
            inner.emit(Event::Moved { to, at: inner.settings.clock.now(), waiting });
        }
        // Whoever asks shows no password, and a locked console is open to who does alone.
        Request::Ask(_) | Request::Act(_) | Request::Administer(_) if inner.is_locked() => {
            reply(&mut line, &Reply::Refused(explain::locked())).await;
        }
        Request::Ask(query) => {
            let service = Service { inner: Arc::clone(inner) };
            let answer = service.ask(&service.ctx(Front::Cli), &query);
            reply(&mut line, &answer.map_or_else(Reply::Refused, Reply::Answer)).await;
        }
        Request::Act(action) => {
            let service = Service { inner: Arc::clone(inner) };
            let (done, wait) = oneshot::channel();
            service.start(&service.ctx(Front::Cli), action, move |result| drop(done.send(result)));
            ended(&mut line, wait).await;
        }
        Request::Administer(wish) => {
            let service = Service { inner: Arc::clone(inner) };
            let (done, wait) = oneshot::channel();
            service.start_administering(wish, move |result| drop(done.send(result)));
            ended(&mut line, wait).await;
        }
    }
}

/// Waits for the end of what was handed in, and tells it.
async fn ended(line: &mut Line, wait: oneshot::Receiver<Result<Done, ServiceError>>) {
    let result = wait.await.unwrap_or_else(|_| Err(explain::store_shut()));
    reply(line, &result.map_or_else(Reply::Refused, Reply::Done)).await;
}

async fn reply(line: &mut Line, reply: &Reply) {
    let said = match line.say(reply).await {
        Err(error @ LineError::TooLong) => line.say(&Reply::Refused(explain::not_understood(&error))).await,
        said => said,
    };
    if let Err(error) = said {
        tracing::info!(%error, "an answer did not arrive");
    }
}

// ---- the side that asks ----

/// Asks the console that has that folder open.
pub(super) async fn call(folder: &Path, request: &Request, patience: Duration) -> Result<Reply, LineError> {
    let mut line = Line::call(folder).await?;
    line.say(request).await?;
    line.hear(patience).await
}

/// Who has it open.
pub(super) async fn whois(folder: &Path) -> Result<Whois, LineError> {
    match call(folder, &Request::Whois, WHOIS_TIME_MAX).await? {
        Reply::Whois(whois) => Ok(Whois { holder: whois.holder.plain(), ..whois }),
        _ => Err(LineError::Garbage),
    }
}

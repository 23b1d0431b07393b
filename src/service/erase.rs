//! Letting go of what this machine has of an account, its keys first (`store::erase`): on wish, or since the server
//! said so.
//!
//! The server says so in two ways. It deleted this device's key: that is the remote erase, meant for a machine that was
//! lost, and nothing is asked. Or the account is dismissed (no profile, INACTIVE, barred, gone): then what is here goes
//! after a grace of some days, in which unsent edits can be exported; the day is noted in `account.toml`, taken back when
//! the account may work again, and the erasing waits for the server to say it once more after the grace. Without a word
//! of the server nothing is erased, ever: that is what the lease is for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::session::Inner;
use super::{Done, Event, ServiceError, explain, read, write};
use crate::domain::stamp::DAY_MICROS;
use crate::session::ways::{self, ServerKey};
use crate::sync::engine::{Line, Stop};
use crate::sync::runner::Ask;

/// Days of grace after a dismissal, where the configuration says nothing.
pub const GRACE_DAYS: u16 = 7;
/// How often the server is asked for this device's key, which is how a running console learns that it was deleted.
const ASK_AGAIN: Duration = Duration::from_secs(3600);

/// What is told after erasing on wish.
pub(super) const BY_OWNER: &str = "What this machine had of the account was erased.";
const BY_HEADQUARTERS: &str =
    "Headquarters erased what this machine had of the account: its key on the server was deleted.";
const DISMISSED: &str =
    "The account is dismissed, and the days of grace are over: what this machine had of it was erased.";

impl Inner {
    /// Ends the session and erases the account here; `done` hears how that went.
    pub(super) fn erase(
        this: &Arc<Self>,
        why: &str,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        this.next_attempt();
        this.forget_kept();
        let Some(mut session) = write(&this.session, Option::take) else {
            return done(Err(explain::signed_out()));
        };
        drop(session.control.take());
        session.ask(Ask::Stop);
        this.forget_views();
        this.forget_words();
        this.leave_locked();
        let (inner, why) = (Arc::clone(this), why.to_owned());
        this.runtime().spawn(async move {
            // In memory alone: what is on the disk is to be written over, not replaced.
            let access = session.open.keeper.let_go().await;
            let (desk, folder) = (Arc::clone(&session.open.desk), session.open.folder.clone());
            let erased = tokio::task::spawn_blocking(move || {
                let lock = desk.close().map_or_else(|| folder.lock(), Ok)?;
                folder.erase(lock)
            });
            let erased = erased.await.unwrap_or_else(|_| {
                Err(crate::store::StoreError::Corrupt { what: "erasing ended in a fault".to_owned() })
            });
            match erased {
                Ok(()) => {
                    done(Ok(Done::Erased));
                    inner.emit(Event::SignedOut { why: Some(why) });
                }
                Err(error) => {
                    let error = explain::not_erased(&error);
                    inner.emit(Event::SignedOut { why: Some(error.message.clone()) });
                    done(Err(error));
                }
            }
            session.open.keeper.sign_out(access).await;
        });
    }

    /// Asks for this device's key, now and then: makes it a way to what is here, or learns that this is to be erased.
    pub(super) fn look_for_server_key(this: &Arc<Self>) {
        let due = write(&this.state, |state| {
            let due = state.key_asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN);
            if due {
                state.key_asked = Some(Instant::now());
            }
            due
        });
        let session = read(&this.session, |session| {
            session.as_ref().map(|session| {
                let open = &session.open;
                (Arc::clone(&open.keeper), open.folder.clone(), open.device, open.key.clone())
            })
        });
        let Some((keeper, folder, device, key)) = session.filter(|_| due) else { return };
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            let said = match keeper.token().await {
                Ok(token) => ways::ask(keeper.client(), &token, device).await,
                Err(error) => Err(error),
            };
            match said {
                Ok(ServerKey::Kept(server)) => {
                    let kept = tokio::task::spawn_blocking(move || ways::keep(&folder, &server, &key)).await;
                    if !matches!(kept, Ok(Ok(()))) {
                        tracing::warn!(?kept, "the server's key could not be made a way to the account's");
                    }
                }
                Ok(ServerKey::Erased) => return Self::erase_if_open(&inner, device, BY_HEADQUARTERS),
                Ok(ServerKey::None) => {}
                Err(error) => {
                    // A line that broke says nothing; a project without that function is not asked all the time.
                    if error.is_offline() {
                        write(&inner.state, |state| state.key_asked = None);
                    }
                    tracing::info!(%error, "the server's key for this device");
                }
            }
            write(&inner.state, |state| state.key_heard = true);
            inner.emit(Event::Status);
        });
    }

    /// Erases the session of that device, if it is still the one that is open.
    fn erase_if_open(this: &Arc<Self>, device: uuid::Uuid, why: &str) {
        let open = read(&this.session, |session| session.as_ref().map(|session| session.open.device));
        if open == Some(device) {
            tracing::warn!(why, "erasing what this machine has of the account");
            Self::erase(this, why, |_| {});
        }
    }

    /// The server said something about the account: notes a dismissal, takes it back, or carries it out.
    pub(super) fn look_at_dismissal(this: &Arc<Self>, line: &Line) {
        let dismissed = match line {
            Line::Stopped(Stop::Inactive | Stop::NoProfile | Stop::Blocked) => true,
            Line::Up => false,
            _ => return,
        };
        let session = read(&this.session, |session| {
            session.as_ref().map(|session| (session.open.folder.clone(), session.open.device))
        });
        let Some((folder, device)) = session else { return };
        let (inner, now) = (Arc::clone(this), this.settings.clock.now());
        let grace = i64::from(read(&this.config, |config| config.grace_days.unwrap_or(GRACE_DAYS)));
        this.aside(move || {
            let noted = folder.update(|account| {
                account.dismissed = dismissed.then(|| account.dismissed.unwrap_or(now));
                Ok(account.dismissed)
            });
            match noted {
                Ok(Some(since)) if now.0 - since.0 >= grace * DAY_MICROS => {
                    Self::erase_if_open(&inner, device, DISMISSED);
                }
                Ok(Some(since)) => {
                    let left = (grace * DAY_MICROS - (now.0 - since.0) + DAY_MICROS - 1) / DAY_MICROS;
                    inner.emit(Event::Told(format!(
                        "The account is dismissed. What this machine has of it is erased in {left} days, unless \
                         headquarters takes it back: export unsent edits before."
                    )));
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the dismissal could not be noted"),
            }
        });
    }
}

//! The lock of a console that is left alone: after so many minutes without a key, or on wish, nothing of the account can
//! be read until its owner unlocks it.
//!
//! The store is shut: the keys are wiped, the rows let go of, nothing is synced. The account's lock and the socket stay,
//! so that nobody needs to guess where the account is open, and another console can take over; `control` answers `whois`
//! and `yield` and nothing else. By `sync_while_locked` the store stays open instead and traffic goes on; then the key
//! stays in memory too, and only the door is shut.
//!
//! Unlocking is proving to be the owner, slowed after wrong passwords like any sign-in here. The time is looked at by a
//! task of its own, so that a screen that hangs on a dead line is locked as well, and at each key: a machine that slept
//! counts no time, and the key that wakes it must not be the first one that is obeyed.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::control::Control;
use super::session::Inner;
use super::undo::Past;
use super::{ErrorKind, Event, ServiceError, explain, read, write};
use crate::domain::stamp::MINUTE_MICROS;
use crate::session;
use crate::store::{AccountFolder, AccountLock};
use crate::sync::runner::Ask;

/// Minutes without a key, where the configuration says nothing.
pub const MINUTES: u16 = 15;
/// Who unlocks or leaves while the store is still being shut waits for that in steps.
const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: usize = 500;

/// Whether the console is locked, and what stays of the session meanwhile.
#[derive(Default)]
pub(super) struct Lock {
    on: AtomicBool,
    held: Mutex<Option<Held>>,
    /// Edits that waited when the store was shut.
    unsent: AtomicUsize,
    /// Counts sessions: the task that looks at the time ends with its own.
    session: AtomicU64,
}

struct Held {
    project: String,
    email: String,
    folder: AccountFolder,
    /// `None`: it syncs on.
    shut: Option<(Option<Control>, AccountLock)>,
}

impl Inner {
    pub(super) fn is_locked(&self) -> bool {
        self.lock.on.load(Ordering::SeqCst)
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.lock.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Edits that wait in a locked session, and whether it syncs on.
    pub(super) fn locked_counts(&self) -> (usize, bool) {
        match self.peek(|replica| replica.counts().0) {
            Some(unsent) => (unsent, true),
            None => (self.lock.unsent.load(Ordering::SeqCst), false),
        }
    }

    /// How long until it locks, in microseconds; `None`: never, or it is locked, or there is nothing to lock.
    fn idle_left(&self) -> Option<i64> {
        let minutes = i64::from(read(&self.config, |config| config.lock_minutes.unwrap_or(MINUTES)));
        if minutes == 0 || self.is_locked() || self.desk().is_none() {
            return None;
        }
        let idle = self.settings.clock.now().0 - self.last_key.load(Ordering::Relaxed);
        // A clock that was set back makes it no longer than a whole stretch.
        Some((minutes * MINUTE_MICROS - idle).min(minutes * MINUTE_MICROS))
    }

    /// Locks where nobody was at the keys for too long. True: it is locked.
    pub(super) fn look_at_idle(this: &Arc<Self>) -> bool {
        if this.idle_left().is_some_and(|left| left <= 0) {
            tracing::info!("nobody was at the keys: locked");
            Self::lock(this);
        }
        this.is_locked()
    }

    /// Looks at the time by itself, for as long as the session that begins now.
    pub(super) fn watch_idle(this: &Arc<Self>) {
        let session = this.lock.session.fetch_add(1, Ordering::SeqCst) + 1;
        let weak = Arc::downgrade(this);
        this.runtime().spawn(async move {
            loop {
                let Some(inner) = weak.upgrade().filter(|inner| {
                    inner.lock.session.load(Ordering::SeqCst) == session && !Self::look_at_idle(inner)
                }) else {
                    return;
                };
                let Some(left) = inner.idle_left() else { return };
                drop(inner);
                tokio::time::sleep(Duration::from_micros(left.unsigned_abs().max(1000))).await;
            }
        });
    }

    /// Locks now. Nothing where nobody is signed in.
    pub(super) fn lock(this: &Arc<Self>) {
        let Some(unsent) = this.peek(|replica| replica.counts().0) else { return };
        if this.lock.on.swap(true, Ordering::SeqCst) {
            return;
        }
        this.lock.unsent.store(unsent, Ordering::SeqCst);
        this.forget_words();
        *this.past.lock().unwrap_or_else(PoisonError::into_inner) = Past::default();
        this.forget_views();
        let syncing = read(&this.config, |config| config.sync_while_locked);
        let of = |session: &super::session::Session, shut| Held {
            project: session.project.clone(),
            email: session.email.clone(),
            folder: session.open.folder.clone(),
            shut,
        };
        if syncing {
            *this.held() = read(&this.session, |session| session.as_ref().map(|session| of(session, None)));
        } else if let Some(mut session) = write(&this.session, Option::take) {
            let inner = Arc::clone(this);
            // Not by this thread, which may be the screen's: shutting takes a disk's time.
            this.aside(move || {
                session.ask(Ask::Stop);
                let control = session.control.take();
                match session.open.desk.close().or_else(|| session.open.folder.lock().ok()) {
                    Some(lock) => *inner.held() = Some(of(&session, Some((control, lock)))),
                    None => inner.unlocked_to_nobody(),
                }
            });
        } else {
            // It ended at this very moment.
            this.lock.on.store(false, Ordering::SeqCst);
            return;
        }
        this.emit(Event::Locked { syncing });
        this.emit(Event::Status);
    }

    /// Opens it for its owner. Blocks, for as long as the key's derivation takes at the least.
    pub(super) fn unlock(this: &Arc<Self>, typed: &SecretString) -> Result<(), ServiceError> {
        this.wait_until_shut();
        let not_locked = || ServiceError::new(ErrorKind::Usage, "The console is not locked.");
        let folder = this.held().as_ref().map(|held| held.folder.clone()).ok_or_else(not_locked)?;
        let now = this.settings.clock.now();
        let proven = session::prove(&folder, typed, now).map_err(|error| explain::prove(&error))?;
        // Whoever left or was taken over from meanwhile has nothing to unlock.
        let held = this.held().take().ok_or_else(not_locked)?;
        let (account, key, _) = proven;
        let Some((control, lock)) = held.shut else {
            this.touched_now();
            this.lock.on.store(false, Ordering::SeqCst);
            Self::watch_idle(this);
            this.emit(Event::Unlocked);
            this.emit(Event::Data);
            this.emit(Event::Status);
            return Ok(());
        };
        // The session binds it anew.
        drop(control);
        let opened = this.client_of(&held.project).and_then(|client| {
            session::reopen(held.folder, lock, (&account, key), client, (&held.email, typed))
                .map_err(|error| explain::sign_in(&error))
        });
        this.lock.on.store(false, Ordering::SeqCst);
        match opened {
            Ok(open) => {
                // Whoever held the line back still does.
                let traffic = read(&this.state, |state| state.traffic);
                Self::begin_session(this, held.project, open, traffic);
            }
            Err(error) => {
                this.emit(Event::SignedOut { why: Some(error.message.clone()) });
                return Err(error);
            }
        }
        Ok(())
    }

    /// Where it was just locked, the store may still be shutting on its own thread.
    fn wait_until_shut(&self) {
        for _ in 0..STEPS_MAX {
            if !self.is_locked() || self.held().is_some() {
                return;
            }
            std::thread::sleep(STEP);
        }
    }

    /// Lets go of a locked session, as of one that ends: when this returns the account is free. True: it was shut.
    pub(super) fn leave_locked(&self) -> bool {
        self.wait_until_shut();
        let held = self.held().take();
        self.lock.on.store(false, Ordering::SeqCst);
        held.is_some_and(|held| held.shut.is_some())
    }

    /// The store is shut and the account's lock is another's by now.
    fn unlocked_to_nobody(&self) {
        self.lock.on.store(false, Ordering::SeqCst);
        self.emit(Event::SignedOut { why: Some("Another console has this account open by now.".to_owned()) });
    }
}

//! Taking over from another console, step by step, each said to the person.
//!
//! First politely: it is asked over its socket, shuts its store and answers. If it does not answer or does not let
//! go, its process is looked for (`session::takeover`), told to end, and killed if it has not ended after a while.
//! Then the account is opened here as at any sign-in; edits that were saved there are in the journal. The lock
//! decides all along: nothing is opened but by who has it.
//!
//! The password is asked for once. It is kept, with the question, until the person has answered, and no longer.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::control::{self, InUse, Reply, Request};
use super::session::Inner;
use super::sign_in::Credentials;
use super::{ErrorKind, Event, ServiceError, explain};
use crate::session::socket::LineError;
use crate::session::takeover::Running;
use crate::store::{AccountFolder, Holder};

/// How long a console may take to finish what it is saving and to shut its store.
const YIELD_TIME_MAX: Duration = Duration::from_secs(4);
/// How long the lock may take to be free after that.
const FREE_TIME_MAX: Duration = Duration::from_secs(2);
/// How long a process may take to end after a request; it needs half a second itself.
const END_TIME_MAX: Duration = Duration::from_secs(5);
/// How long who is about to let go by itself is waited for, before a person is asked.
pub(super) const PASSING_TIME_MAX: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(20);

/// A sign-in that found the account open elsewhere.
pub(super) struct Pending {
    pub(super) folder: AccountFolder,
    pub(super) in_use: InUse,
    pub(super) credentials: Credentials,
}

/// Asks who has it; `None` where nobody answers and nothing of another process was written down. And whether it is about
/// to let go: a command, or a console that is ending.
pub(super) async fn ask(folder: &AccountFolder, holder: Option<&Holder>) -> (Option<InUse>, bool) {
    let told = control::whois(folder.path()).await;
    let passes = match &told {
        Ok(whois) => whois.command,
        Err(error) => matches!(error, LineError::Nobody | LineError::Ended),
    };
    let whois = told.map_err(|error| {
        tracing::info!(%error, "who has the account open does not tell");
        match error {
            LineError::Version { .. } => "It is of another version and tells no more.".to_owned(),
            _ => "It does not answer now, so it hangs or is suspended.".to_owned(),
        }
    });
    let written = holder.filter(|holder| holder.pid != std::process::id());
    let holder = whois.as_ref().map(|whois| &whois.holder).ok().or(written).cloned();
    (holder.map(|holder| InUse { holder, whois }), passes)
}

impl Inner {
    pub(super) fn put_question(&self, pending: Pending) {
        let question = Box::new(pending.in_use.clone());
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        self.emit(Event::InUse(question));
    }

    pub(super) fn take_over(this: &Arc<Self>) {
        let pending = this.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(pending) = pending else { return };
        let attempt = this.next_attempt();
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            match inner.make_free(&pending.folder, &pending.in_use.holder).await {
                Ok(()) => Self::attempt(&inner, attempt, pending.credentials).await,
                Err(error) => inner.emit(Event::SignInFailed(error)),
            }
        });
    }

    /// Makes the other console let go of the account, by the gentlest way that helps.
    async fn make_free(&self, folder: &AccountFolder, holder: &Holder) -> Result<(), ServiceError> {
        let say = |words: String| self.emit(Event::TakingOver(words));
        say(format!("Asking the console on {} to leave …", holder.place()));
        let wish = Request::Yield { to: Holder::here() };
        match control::call(folder.path(), &wish, YIELD_TIME_MAX).await {
            // One that hangs up is ending.
            Ok(Reply::Yielded) | Err(LineError::Nobody | LineError::Ended)
                if free_within(folder, FREE_TIME_MAX).await =>
            {
                return Ok(());
            }
            Ok(Reply::Refused(error)) => say(error.message),
            Err(error @ LineError::Version { .. }) => say(explain::not_understood(&error).message),
            Ok(_) | Err(_) => say("It does not let go.".to_owned()),
        }
        if folder.is_free() {
            return Ok(());
        }
        let pid = holder.pid;
        let running = Running::find(folder, holder).ok_or_else(|| unsure(folder, pid))?;
        let stuck = |error| cannot(pid, &format!("the system refuses it ({error})"));
        running.tell_to_end().map_err(stuck)?;
        say(format!("Process {pid} was told to end (SIGTERM); waiting up to {} s …", END_TIME_MAX.as_secs()));
        let running = Arc::new(running);
        if !gone(&running).await {
            running.kill().map_err(stuck)?;
            say(format!("Process {pid} did not end and was killed (SIGKILL). Saved edits are on the disk."));
            if !gone(&running).await {
                return Err(cannot(pid, "the system does not let go of it"));
            }
        }
        if free_within(folder, FREE_TIME_MAX).await { Ok(()) } else { Err(unsure(folder, pid)) }
    }
}

async fn gone(running: &Arc<Running>) -> bool {
    let running = Arc::clone(running);
    tokio::task::spawn_blocking(move || running.gone_within(END_TIME_MAX)).await.unwrap_or(false)
}

/// Waits until nobody has it; `false`: it took longer.
pub(super) async fn free_within(folder: &AccountFolder, time: Duration) -> bool {
    let free = async {
        while !folder.is_free() {
            tokio::time::sleep(STEP).await;
        }
    };
    tokio::time::timeout(time, free).await.is_ok()
}

fn cannot(pid: u32, why: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Locked, format!("Process {pid} could not be ended: {why}."))
        .hint("Nothing was opened here. What was saved there is on the disk.")
}

fn unsure(folder: &AccountFolder, pid: u32) -> ServiceError {
    let message = format!("It is not sure that process {pid} has this account open, so it was left alone.");
    let lock = folder.lock_path();
    tracing::warn!(pid, lock = %lock.display(), "the holder of the lock is not known");
    ServiceError::new(ErrorKind::Locked, message).hint(
        "lslocks tells which process has the file \"lock\" of this account; end that one and sign in again.",
    )
}

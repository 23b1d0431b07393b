//! Accounts whose key the kernel keeps for a while: `flyos unlock` has it kept, commands open by it, and `flyos lock`,
//! signing out and erasing let go of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::session::Inner;
use super::{ErrorKind, Event, Folders, Front, OpCtx, Service, ServiceError, Traffic, explain, read, write};
use crate::session::SignInError;
use crate::session::kept::{self, Owner};
use crate::store::AccountFolder;

/// The longest time for which a key is kept.
pub const KEPT_TIME_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// An account that opens without a password.
#[derive(Clone, Debug)]
pub struct KeptAccount {
    folder: AccountFolder,
    pub project: String,
    pub email: String,
}

/// Those of this machine.
pub fn accounts(folders: &Folders) -> Result<Vec<KeptAccount>, ServiceError> {
    let all = AccountFolder::all(&folders.data).map_err(|error| explain::store(&error))?;
    let kept = all.into_iter().filter_map(|folder| {
        let Owner { project, email } = kept::owner(&folder)?;
        Some(KeptAccount { folder, project, email })
    });
    Ok(kept.collect())
}

impl KeptAccount {
    /// Has the kernel forget the key.
    pub fn forget(&self) -> bool {
        kept::forget(&self.folder)
    }
}

impl Service {
    /// Has the kernel keep the open account's key for so long.
    pub fn keep_unlocked(&self, time: Duration) -> Result<(), ServiceError> {
        if time.is_zero() || time > KEPT_TIME_MAX {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                format!("A key is kept for at most {} days.", KEPT_TIME_MAX.as_secs() / 86_400),
            ));
        }
        let open = read(&self.inner.session, |session| {
            let session = session.as_ref()?;
            let owner = Owner { project: session.project.clone(), email: session.email.clone() };
            Some((session.open.folder.clone(), session.open.key.clone(), owner))
        });
        let (folder, key, owner) = open.ok_or_else(explain::signed_out)?;
        kept::keep(&folder, &key, &owner, time).map_err(|error| {
            ServiceError::new(ErrorKind::Storage, explain::sentence(&error.to_string())).hint(
                "Nothing was kept, and no file was written: go on with --password-file or --password-stdin.",
            )
        })
    }

    /// Starts signing in with the key that is kept; the end is that of a sign-in.
    pub fn sign_in_kept(&self, ctx: &OpCtx, account: &KeptAccount) {
        tracing::info!(op = %ctx.op, project = account.project, "signing in with a key that is kept");
        self.inner.speaks_for(ctx.front);
        let (inner, account) = (Arc::clone(&self.inner), account.clone());
        let attempt = self.inner.next_attempt();
        self.inner.aside(move || {
            inner.end_session();
            let opened = inner.open_kept(&account);
            if read(&inner.state, |state| state.attempt) != attempt {
                return; // Somebody else tries by now.
            }
            match opened {
                Ok(open) => Inner::begin_session(&inner, account.project, open, Traffic::Normal),
                Err(error) => inner.emit(Event::SignInFailed(error)),
            }
        });
    }

    /// The server said in this session that this machine keeps what it has, or could not be asked.
    pub fn device_was_heard(&self) -> bool {
        read(&self.inner.state, |state| state.key_heard)
    }

    /// As of when the account was when it was opened: once the status says another time, everything was received anew.
    pub fn opened_as_of(&self) -> Option<crate::domain::Stamp> {
        read(&self.inner.state, |state| state.as_of_at_start)
    }
}

impl Inner {
    fn open_kept(&self, account: &KeptAccount) -> Result<crate::session::Open, ServiceError> {
        let client = self.client_of(&account.project)?;
        let opened = kept::open(&account.folder, client, &account.email);
        let opened = opened.map_err(|error| match error {
            SignInError::InUse { holder, .. } => explain::in_use(holder.as_deref()),
            error => explain::sign_in(&error),
        })?;
        opened.ok_or_else(|| {
            ServiceError::new(
                ErrorKind::SignIn,
                "The account's key is kept no longer, or is another project's.",
            )
            .hint("Say flyos unlock again, or give the password.")
        })
    }

    /// Which front signs in.
    pub(super) fn speaks_for(&self, front: Front) {
        self.by_command.store(front == Front::Cli, Ordering::Relaxed);
    }

    /// Notes as of when the rows are that a session begins with.
    pub(super) fn note_start(&self) {
        let as_of = self.peek(|replica| replica.meta().as_of).flatten();
        write(&self.state, |state| state.as_of_at_start = as_of);
    }

    /// Signing out, the key goes as well.
    pub(super) fn forget_kept(&self) {
        let folder =
            read(&self.session, |session| session.as_ref().map(|session| session.open.folder.clone()));
        if folder.is_some_and(|folder| kept::forget(&folder)) {
            tracing::info!("the key that the kernel kept is gone");
        }
    }
}

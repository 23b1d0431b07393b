//! Troubles of the rooms below, in words for a person: what happened, what is safe, what to do next.

use std::path::Path;

use super::{ErrorKind, ServiceError};
use crate::remote::{self, Cause, RemoteError};
use crate::session::SignInError;
use crate::session::own::ChangeError;
use crate::session::socket::LineError;
use crate::store::{Found, Holder, Mended, StoreError};
use crate::vault::parcel::ParcelError;

pub(super) fn signed_out() -> ServiceError {
    ServiceError::new(ErrorKind::SignIn, "Nobody is signed in, so nothing was changed.")
}

pub(super) fn store_shut() -> ServiceError {
    ServiceError::new(ErrorKind::Storage, "The store takes no more work now: the edit was not saved.")
        .hint("Edits that were shown as saved are safe. Start flyos again.")
}

pub(super) fn nobody() -> ServiceError {
    ServiceError::new(ErrorKind::Denied, "This machine does not know (yet) that your account is ACTIVE.")
        .hint("With a line, the first load tells it. If it stays so, ask headquarters.")
}

/// No word of the server for `days`, which is too long; the clock is `ahead` days of when it was seen last.
pub(super) fn lease_over(days: i64, ahead: i64) -> ServiceError {
    let message =
        format!("Locked: no contact with the server for {days} days, so nothing can be read or changed.");
    let error = ServiceError::new(ErrorKind::SignIn, message)
        .hint("Connect to a network: the server's first answer opens everything again.")
        .hint("Nothing is lost: rows and unsent edits are kept, sealed.");
    if ahead < 1 {
        return error;
    }
    error.hint(format!(
        "This machine's clock is {ahead} days later than when it was last seen. If it is wrong, set it right; \
         the server's answer is needed all the same."
    ))
}

/// Of a storage error, the few words for the state line.
pub(super) fn short_reason(error: &ServiceError) -> &str {
    let message = error.message.trim_start_matches("Not saved: ");
    message.strip_suffix(NOT_MADE).unwrap_or(message)
}

const NOT_MADE: &str = ". The edit was not made.";

/// An edit that could not be put on disk.
pub(super) fn not_saved(error: &StoreError) -> ServiceError {
    let why = match error {
        StoreError::Full { .. } => "the disk is full".to_owned(),
        StoreError::ReadOnly { .. } => "the disk is read-only".to_owned(),
        StoreError::TooLarge { .. } => "it is too large for one edit".to_owned(),
        other => other.to_string(),
    };
    ServiceError::new(ErrorKind::Storage, format!("Not saved: {why}{NOT_MADE}"))
        .hint("Everything that was saved before is safe.")
        .hint("Make room, or mend what is named here, and do it again.")
}

pub(super) fn store(error: &StoreError) -> ServiceError {
    let kind =
        if matches!(error, StoreError::Locked { .. }) { ErrorKind::Locked } else { ErrorKind::Storage };
    let told = ServiceError::new(kind, sentence(&error.to_string()));
    match error {
        StoreError::Locked { .. } => told.hint(GO_ON_THERE),
        StoreError::Full { .. } => told.hint("Make room on that disk. What was saved before is safe."),
        StoreError::ReadOnly { .. } | StoreError::Unsafe { .. } | StoreError::Io { .. } => {
            told.hint("Mend that folder, or set FLYOS_HOME to one that is yours to write.")
        }
        StoreError::Hung { .. } => told
            .hint("Quit and start flyos again. Where the cache cannot be used, the server's rows are loaded anew.")
            .hint("Your own edits are safe: they are in the journal."),
        StoreError::Foreign { .. } => told
            .hint("Set FLYOS_HOME to a folder on a disk of this machine.")
            .hint("Over a network, two consoles could open one account, and a saved edit could be lost. Nothing was written."),
        _ => told.hint("Nothing was changed or deleted."),
    }
}

const GO_ON_THERE: &str = "Go on in that console, or close it and sign in here again.";

/// Another console has the account, and it is not known which, or it cannot be taken over.
pub(super) fn in_use(holder: Option<&Holder>) -> ServiceError {
    let place = holder.map(|holder| format!(" on {}", holder.place())).unwrap_or_default();
    ServiceError::new(ErrorKind::Locked, format!("Another console{place} has this account open."))
        .hint(GO_ON_THERE)
}

/// The line between two processes on this machine.
pub(super) fn not_understood(error: &LineError) -> ServiceError {
    let kind = match error {
        LineError::Nobody => ErrorKind::NotOpen,
        LineError::Silent | LineError::Ended | LineError::Io(_) => ErrorKind::Locked,
        _ => ErrorKind::Usage,
    };
    let told = ServiceError::new(kind, sentence(&error.to_string()));
    match error {
        LineError::Version { .. } => {
            told.hint("End that console and start it again, so that both are of one version.")
        }
        _ => told,
    }
}

/// The same, where something was to be done.
pub(super) fn not_told(error: &LineError) -> ServiceError {
    let told = not_understood(error);
    match error {
        LineError::Silent | LineError::Ended | LineError::Io(_) => told
            .hint("Whether it was done before that is not known. Nothing that was saved is lost.")
            .hint("flyos outbox lists what is saved and not sent yet, flyos activity what was done."),
        _ => told,
    }
}

/// The server could not be asked for what it does at once or not at all.
pub(super) fn not_asked(error: &RemoteError) -> ServiceError {
    remote(error)
        .hint("Nothing was changed: the server does this at once or not at all, and it waits for no line.")
}

/// A file of that name is there, and was not meant to be written over.
pub fn taken(path: &Path) -> ServiceError {
    let told = format!("{} is there already, and is not written over.", path.display());
    ServiceError::new(ErrorKind::Usage, told)
}

/// A sealed file that does not open; `safe`: what has become of everything else.
pub(super) fn sealed(path: &Path, error: &ParcelError, safe: &str) -> ServiceError {
    let (kind, hint) = match error {
        ParcelError::WrongPassphrase => {
            (ErrorKind::SignIn, Some("Check the passphrase; there is no other way in."))
        }
        ParcelError::Damaged => {
            (ErrorKind::Storage, Some("Copy it once more from where it was written, or take an older one."))
        }
        ParcelError::Newer { .. } => {
            (ErrorKind::Configuration, Some("Open it with the version that made it."))
        }
        ParcelError::NotOne | ParcelError::Vault(_) => (ErrorKind::Usage, None),
    };
    let told = ServiceError::new(kind, format!("{}: {error}. {safe}", path.display()));
    hint.into_iter().fold(told, ServiceError::hint)
}

/// An answer that is well made and of another kind.
pub(super) fn another_answer() -> ServiceError {
    ServiceError::new(ErrorKind::Server, "The server answered something else than was asked.")
}

/// Errors are told as phrases; people read sentences.
pub(super) fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

pub(super) fn remote(error: &RemoteError) -> ServiceError {
    let kind = match error.kind {
        remote::ErrorKind::TryAgain { unreachable: true } => ErrorKind::Offline,
        remote::ErrorKind::TryAgain { .. } | remote::ErrorKind::ServerFault | remote::ErrorKind::Gone => {
            ErrorKind::Server
        }
        remote::ErrorKind::SignInAgain => ErrorKind::SignIn,
        remote::ErrorKind::Configuration => ErrorKind::Configuration,
        remote::ErrorKind::Refused => ErrorKind::Refused,
    };
    let mut told = ServiceError::new(kind, error.message.clone());
    told.hints.extend(error.hint.clone());
    if error.cause != Cause::WrongPassword
        && let Some(id) = error.request_id()
    {
        told.hints.push(format!("For support: request {id}"));
    }
    told
}

/// What was found damaged on opening; a write that never ended is no damage, for nobody was told it was saved.
pub(super) fn found(found: &Found) -> Option<ServiceError> {
    let lost = found.lost();
    if let Some((last, seen)) = found.ends_early {
        let message = format!(
            "The journal of this account ends at entry {last}, and this machine has known entry {seen}: it was put back \
             from an older copy, or its end was lost."
        );
        let told = ServiceError::new(ErrorKind::Storage, message)
            .hint("Edits after that entry which were not sent yet are lost: look through what you did last.");
        if found.held == 0 {
            return Some(told);
        }
        return Some(
            told.hint("Those before it that seem unsent may have been sent already: they are held back until you decide."),
        );
    }
    if lost > 0 {
        let message =
            format!("The journal of this account was damaged: {lost} of its entries cannot be read.");
        return Some(
            ServiceError::new(ErrorKind::Storage, message)
                .hint("Edits among them that were not sent yet are lost: look through what you did last. The key ! tells which, and puts it away.")
                .hint(
                    "All other edits are safe. The damaged file is kept in the account's quarantine folder.",
                ),
        );
    }
    if let Some(mended) = found.account {
        return Some(account_mended(mended));
    }
    if let Some(why) = &found.cache_mended {
        tracing::warn!(why, "the cache was opened without its snapshot");
        let message = "What this machine had of the server's rows was damaged, and may be older than it was.";
        return Some(
            ServiceError::new(ErrorKind::Storage, message)
                .hint("It is brought up to date as soon as there is a line. Your own edits are safe."),
        );
    }
    let why = found.cache_rebuilt.as_ref()?;
    tracing::warn!(why, "the cache was set aside");
    Some(
        ServiceError::new(
            ErrorKind::Storage,
            "What this machine had of the server's rows could not be used.",
        )
        .hint("It is loaded anew as soon as there is a line. Your own edits are safe."),
    )
}

/// The file with the ways to the key was damaged, and the account opened all the same.
fn account_mended(mended: Mended) -> ServiceError {
    let message = "The file with the keys of this account (account.toml) was found damaged.";
    let told = ServiceError::new(ErrorKind::Storage, message);
    let told = match mended {
        Mended::FromCopy => told.hint("It was put right from its copy: nothing is lost."),
        Mended::Doubtful => told
            .hint("What opened it is whole. Recovery words or the server's key may be damaged in it: make new recovery words (W).")
            .hint("Everything that was saved is safe."),
    };
    told.hint("A disk that changes files is about to fail: look after it. The damaged file is in the account's quarantine folder.")
}

/// The console is locked: nothing is read or changed before it is unlocked.
pub(super) fn locked() -> ServiceError {
    ServiceError::new(ErrorKind::SignIn, "The console is locked, so nothing was read or changed.")
        .hint("Unlock it there with the password, or sign in elsewhere and take over.")
}

/// Somebody who had to show to be the owner did not.
pub(super) fn prove(error: &SignInError) -> ServiceError {
    match error {
        SignInError::WrongPassword => ServiceError::new(
            ErrorKind::SignIn,
            "This is not the password with which this machine was used last, nor its recovery words.",
        )
        .hint("If the password was changed elsewhere: sign out, and sign in with the new one."),
        other => sign_in(other),
    }
}

/// A folder that was set aside does not open.
pub(super) fn aside(error: &SignInError) -> ServiceError {
    match error {
        SignInError::WrongPassword | SignInError::Damaged => {
            ServiceError::new(ErrorKind::SignIn, "This opens nothing of what was kept aside.").hint(
                "It wants the password of then, or recovery words that were made before. It stays as it is.",
            )
        }
        other => sign_in(other),
    }
}

pub(super) fn not_erased(error: &StoreError) -> ServiceError {
    ServiceError::new(ErrorKind::Storage, format!("Not everything could be erased: {error}.")).hint(
        "Where the keys are gone already, what is left opens for nobody, and the next start finishes it.",
    )
}

pub(super) fn no_address() -> ServiceError {
    ServiceError::new(ErrorKind::Usage, "An e-mail address is needed to sign in.")
}

/// The server wants a mailed code with a new password, and has just sent one.
pub(super) fn nonce_mailed(email: &str, told: Option<&str>) -> ServiceError {
    let message = format!("The project wants a code with it: one was mailed to {email} just now.");
    let error = ServiceError {
        field: Some(super::own::field::NONCE.to_owned()),
        ..ServiceError::new(ErrorKind::Refused, message)
    };
    match told {
        Some(code) => error.hint(format!("In training nothing is mailed: it is {code}.")),
        None => error,
    }
}

/// A change of the password that is not known to be one.
pub(super) fn change(error: &ChangeError) -> ServiceError {
    match error {
        ChangeError::Local(SignInError::WrongPassword) => ServiceError {
            field: Some(super::own::field::CURRENT.to_owned()),
            ..ServiceError::new(ErrorKind::SignIn, "This is not your present password. Nothing was changed.")
        },
        ChangeError::Local(error) => sign_in(error),
        ChangeError::Refused(error) => remote(error),
        ChangeError::Unknown(error) => remote(error).hint(
            "Whether it was changed is not known. Until you sign in again, both passwords open what is here.",
        ),
        ChangeError::NotHere(error) => {
            let message = format!("The password was changed on the server, and could not be here: {error}.");
            ServiceError::new(ErrorKind::Storage, message)
                .hint("What this machine has opens with the old one; at the next sign-in with the new one it may be asked for.")
        }
    }
}

pub(super) fn sign_in(error: &SignInError) -> ServiceError {
    match error {
        SignInError::Words(bad) => ServiceError::new(ErrorKind::SignIn, sentence(&bad.to_string()))
            .hint("Type all 24 recovery words, or the first four letters of each, in their order."),
        SignInError::NothingToRecover => ServiceError::new(
            ErrorKind::SignIn,
            "Recovery words open what this machine has of an account, and it has nothing of this one.",
        )
        .hint("Check address and project, or sign in with the password. The words were sent to nobody."),
        SignInError::Erased { .. } => ServiceError::new(
            ErrorKind::SignIn,
            "Headquarters erased what this machine had of the account: its key on the server was deleted.",
        )
        .hint("Sign in again: everything is loaded anew."),
        SignInError::Remote(error) => remote(error),
        SignInError::Store(error) => store(error),
        SignInError::InUse { holder, .. } => in_use(holder.as_deref()),
        SignInError::WrongPassword => ServiceError::new(
            ErrorKind::SignIn,
            "The password does not open what this machine has of that account, and the server cannot be asked.",
        )
        .hint("Check the password and try again, or type the recovery words in its place. Nothing was changed."),
        SignInError::TooManyTries { wait_s } => {
            let wait = if *wait_s < 60 { format!("{wait_s} s") } else { format!("{} min", (wait_s + 59) / 60) };
            let message = format!("Too many wrong passwords: the next one is looked at in {wait}.");
            ServiceError::new(ErrorKind::SignIn, message)
                .hint("Nothing was changed. A forgotten password can be set anew by headquarters.")
        }
        SignInError::Damaged => ServiceError::new(
            ErrorKind::SignIn,
            "This password does not open what this machine has, and the file that holds its copy of the key was found damaged.",
        )
        .hint("Check the password. Recovery words may open it in its place; with a line, the server's key for this device may.")
        .hint("Nothing was changed or deleted."),
        SignInError::Shut { .. } => ServiceError::new(
            ErrorKind::SignIn,
            "The server takes this password, but what this machine has does not open by it.",
        )
        .hint("Nothing was changed or deleted."),
        SignInError::OldPasswordWrong => {
            ServiceError::new(ErrorKind::SignIn, "This password does not open what this machine has either.")
                .hint("Nothing was changed or deleted.")
        }
        SignInError::Vault(error) => ServiceError::new(ErrorKind::Storage, sentence(&error.to_string()))
            .hint("Nothing was changed. If it stays so, what this machine has of the account is damaged."),
    }
}

//! What needs a secret of the person: unlocking, recovery words, sealed files. A secret is never part of an `Action`,
//! which may be written down or sent; it comes here beside it, is used once and wiped.
//!
//! Making recovery words asks for the password: whoever finds a console open must not leave with a way in. The words
//! count once they were typed back; until then they are in memory alone, and gone with the session.

use std::path::PathBuf;
use std::sync::PoisonError;

use secrecy::SecretString;

use super::session::Inner;
use super::{Done, ErrorKind, Event, OpCtx, Service, ServiceError, aside, explain, parcel};
use crate::session::ways;
use crate::store::AccountFolder;
use crate::vault::{Wrap, WrapBy};

/// Something to be done with a secret.
#[derive(Clone, Debug)]
pub enum Confidence {
    /// Opens a locked console: the password, or recovery words.
    Unlock { typed: SecretString },
    /// New recovery words, shown by `Event::Words`; for who types the password.
    MakeWords { typed: SecretString },
    /// The new words, typed back: from now on they count, and those before them do not.
    KeepWords { typed: SecretString },
    /// Edits of the outbox, all of them where none is named, as a file sealed by that passphrase.
    Export { edits: Vec<u64>, path: PathBuf, passphrase: SecretString },
    /// The edits of such a file, as this person's own.
    Import { path: PathBuf, passphrase: SecretString },
    /// What is unsent in a folder that was set aside, by its name; the password of then, or recovery words.
    TakeBack { aside: String, typed: SecretString },
}

/// Words that were shown and were not typed back yet.
pub(super) struct NewWords {
    folder: AccountFolder,
    words: SecretString,
    wrap: Wrap,
}

/// A file with a secret is its owner's alone: the same rule, code and words for each.
pub fn closed_to_others(file: &std::fs::File, path: &std::path::Path) -> Result<(), ServiceError> {
    let told = |problem: crate::remote::admin::AdminKeyProblem| {
        ServiceError::new(ErrorKind::Usage, problem.to_string())
    };
    crate::remote::admin::closed_to_others(file, path).map_err(told)
}

impl Service {
    /// Does something with a secret; `Event::Done` with `ctx.op` tells the end.
    pub fn confide(&self, ctx: &OpCtx, confidence: Confidence) {
        if let Err(refusal) = self.may_write(confidence.writes()) {
            return self.inner.emit(Event::Done { op: ctx.op, result: Err(refusal) });
        }
        let (service, ctx) = (self.clone(), ctx.clone());
        self.inner.aside(move || {
            let inner = &service.inner;
            let mut words = None;
            let result = match confidence {
                Confidence::Unlock { typed } => Inner::unlock(inner, &typed).map(|()| Done::Unlocked),
                Confidence::MakeWords { typed } => inner.make_words(&typed).map(|made| {
                    words = Some(made);
                    Done::WordsMade
                }),
                Confidence::KeepWords { typed } => inner.keep_words(&typed).map(|()| Done::WordsKept),
                Confidence::Export { edits, path, passphrase } => {
                    parcel::export(inner, &edits, &path, &passphrase)
                }
                Confidence::TakeBack { aside, typed } => aside::take_back(&service, &ctx, &aside, &typed),
                Confidence::Import { path, passphrase } => parcel::import(&service, &ctx, &path, &passphrase),
            };
            inner.emit(Event::Done { op: ctx.op, result });
            if let Some(words) = words {
                inner.emit(Event::Words(words));
            }
        });
    }

    /// The words that were shown are not wanted.
    pub fn forget_words(&self) {
        self.inner.forget_words();
    }
}

impl Inner {
    pub(super) fn forget_words(&self) {
        drop(self.words.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn make_words(&self, typed: &SecretString) -> Result<SecretString, ServiceError> {
        let folder = self.folder().ok_or_else(explain::signed_out)?;
        let now = self.settings.clock.now();
        let made = ways::new_words(&folder, typed, self.settings.kdf, now);
        let (words, wrap) = made.map_err(|error| explain::prove(&error))?;
        let kept = NewWords { folder, words: words.clone(), wrap };
        *self.words.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(words)
    }

    fn keep_words(&self, typed: &SecretString) -> Result<(), ServiceError> {
        let mut slot = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let new = slot.as_ref().ok_or_else(|| {
            ServiceError::new(
                ErrorKind::Usage,
                "There are no new recovery words to be kept. Make them once more.",
            )
        })?;
        let differ = |message: String| {
            ServiceError::new(ErrorKind::Usage, message).hint(
                "They do not count yet. Type all 24, or the first four letters of each, in their order.",
            )
        };
        match ways::same_words(typed, &new.words) {
            Ok(true) => {}
            Ok(false) => return Err(differ("These are other words than those that were shown.".to_owned())),
            Err(bad) => return Err(differ(explain::sentence(&bad.to_string()))),
        }
        new.folder.put_wrap(new.wrap.clone()).map_err(|error| explain::store(&error))?;
        *slot = None;
        Ok(())
    }

    pub(super) fn remove_words(&self) -> Result<Done, ServiceError> {
        let folder = self.folder().ok_or_else(explain::signed_out)?;
        let removed = folder.remove_wrap(WrapBy::Recovery).map_err(|error| explain::store(&error))?;
        let none = || ServiceError::new(ErrorKind::Usage, "There are no recovery words to take away.");
        removed.then_some(Done::WordsRemoved).ok_or_else(none)
    }

    /// Which ways there are to what this machine has.
    pub(super) fn ways(&self) -> Result<super::Ways, ServiceError> {
        let folder = self.folder().ok_or_else(explain::signed_out)?;
        let account =
            folder.read().map_err(|error| explain::store(&error))?.ok_or_else(explain::signed_out)?;
        let has = |by| account.wrap(by).is_some();
        Ok(super::Ways { words: has(WrapBy::Recovery), server: has(WrapBy::Server) })
    }
}

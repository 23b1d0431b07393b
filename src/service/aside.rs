//! What was kept aside of an account, since it did not open, and the way back: whoever finds the old password, or has the
//! recovery words, takes its unsent edits over into the account as it is now.
//!
//! They go the way of a sealed file (`parcel`), without the file: each edit is judged anew, keeps the id by which the
//! server would know it, and is taken once however often this is done. What was taken over is let go of in the folder
//! that was kept aside, and what was refused stays there, so that it is not told as unsent for ever, and nothing goes
//! silently. The folder itself goes by `flyos wipe`.

use std::sync::mpsc::channel;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::parcel;
use super::session::Inner;
use super::{Done, ErrorKind, OpCtx, Service, ServiceError, explain};
use crate::domain::Stamp;
use crate::session::{self, Shut};
use crate::store::{AccountFolder, Desk, Entry};

/// A folder that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The folder's name, by which it is meant.
    pub name: String,
    pub since: Stamp,
    /// Edits in it that were not sent, as they were counted last.
    pub unsent: Option<usize>,
}

/// Why what this machine has of an account does not open though the server takes the password, and what is in it.
pub fn does_not_open(why: Shut, unsent: Option<usize>) -> String {
    let unsent = match unsent {
        Some(0) => "No edit in it is unsent.".to_owned(),
        Some(1) => "1 edit in it was not sent yet.".to_owned(),
        Some(edits) => format!("{edits} edits in it were not sent yet."),
        None => "How many edits in it are unsent is not known.".to_owned(),
    };
    let why = match why {
        Shut::OlderPassword => "What this machine has is sealed with the one before.",
        Shut::Damaged => "What this machine has does not open by it: its copy of the key was found damaged.",
        Shut::Unreadable => "The file with the keys of what this machine has is damaged, and so is its copy.",
    };
    format!("The server takes this password. {why} {unsent}")
}

impl Inner {
    fn folders_aside(&self) -> Result<Vec<(AccountFolder, Stamp)>, ServiceError> {
        let own = self.folder().ok_or_else(explain::signed_out)?;
        let all = AccountFolder::all_aside(&self.settings.folders.data);
        let all = all.map_err(|error| explain::store(&error))?;
        Ok(all.into_iter().filter(|(folder, _)| folder.account() == own.account()).collect())
    }

    /// What is kept aside of the account that is open.
    pub(super) fn asides(&self) -> Result<Vec<Aside>, ServiceError> {
        let view = |(folder, since): (AccountFolder, Stamp)| Aside {
            name: folder.name(),
            since,
            unsent: folder.unsent(),
        };
        Ok(self.folders_aside()?.into_iter().map(view).collect())
    }
}

/// Takes over what is unsent there, for who has the password of then.
pub(super) fn take_back(
    service: &Service,
    ctx: &OpCtx,
    name: &str,
    typed: &SecretString,
) -> Result<Done, ServiceError> {
    let inner = &service.inner;
    let url = inner.project_url().ok_or_else(explain::signed_out)?;
    let found = inner.folders_aside()?.into_iter().find(|(folder, _)| folder.name() == name);
    let gone = || ServiceError::new(ErrorKind::Usage, "It is not kept aside any more. Nothing was changed.");
    let (folder, _) = found.ok_or_else(gone)?;
    let desk = session::open_alone(folder.clone(), typed, ctx.now).map_err(|error| explain::aside(&error))?;
    let done = take_over(service, ctx, &folder, &desk, url);
    drop(desk.close());
    done
}

fn take_over(
    service: &Service,
    ctx: &OpCtx,
    folder: &AccountFolder,
    desk: &Desk,
    url: String,
) -> Result<Done, ServiceError> {
    let (contents, numbers) = parcel::from_desk(desk, move |store| {
        let contents = parcel::pack(store, &[], url)?;
        Ok((contents, parcel::open_edits(&store.books.read())))
    })?;
    let now = ctx.now;
    let (tell, told) = channel();
    let done = service.run_at_desk(move |store, _| {
        let (done, refused) = parcel::take_in(store, contents, now)?;
        drop(tell.send(refused));
        Ok(done)
    })?;
    let (folder, refused) = (folder.clone(), told.recv().unwrap_or_default());
    parcel::from_desk(desk, move |store| {
        let arrived = numbers.iter().enumerate().filter(|(nth, _)| !refused.contains(nth));
        let entries: Vec<Entry> = arrived.map(|(_, edit)| Entry::Discarded { edit: *edit }).collect();
        if !entries.is_empty() {
            store.books.note(&entries).map_err(|error| explain::not_saved(&error))?;
        }
        if let Err(error) = folder.note_unsent(parcel::open_edits(&store.books.read()).len()) {
            tracing::info!(%error, "how much is unsent in what is kept aside could not be noted");
        }
        Ok(())
    })?;
    Ok(done)
}

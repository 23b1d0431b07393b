//! What is noted beside an account for whoever has not its key: how many edits are unsent, and how it stands in numbers and
//! times. Hints: nothing is decided by them, and a console that dies leaves the last ones, with when they were noted.

use super::session::Inner;
use super::write;
use crate::domain::Stamp;
use crate::store::{Replica, Summary};

/// Where nothing else has changed, it is noted anew once the server was heard so much later.
const AGE_MAX_US: i64 = 60_000_000;

fn summary(replica: &Replica, at: Stamp) -> Summary {
    let (waiting, _, needs_you) = replica.counts();
    let unsent = replica.outbox().filter(|pending| pending.fate.is_unsent());
    let oldest = unsent.map(|pending| pending.edit.at).min();
    Summary { waiting, oldest, needs_you, as_of: replica.meta().as_of, at }
}

/// Would noting it anew tell nothing new?
fn is_known(noted: &Summary, now: &Summary) -> bool {
    let heard = |summary: &Summary| summary.as_of.map_or(i64::MIN, |at| at.0);
    let counts = |summary: &Summary| (summary.waiting, summary.needs_you, summary.oldest);
    counts(noted) == counts(now) && heard(now).saturating_sub(heard(noted)) < AGE_MAX_US
}

impl Inner {
    /// Notes beside the account how it stands, where that changed: for who cannot open it.
    pub(super) fn note_unsent(&self) {
        let clock = self.settings.clock.clone();
        let Some(now) = self.peek(|replica| summary(replica, clock.now())) else { return };
        let known = write(&self.state, |state| {
            let known = state.noted.as_ref().is_some_and(|noted| is_known(noted, &now));
            if !known {
                state.noted = Some(now);
            }
            known
        });
        let Some((folder, desk)) = self.folder_and_desk().filter(|_| !known) else { return };
        // At the desk, where one note is not overtaken by another.
        let submitted = desk.submit(move |store| {
            let summary = summary(&store.books.read(), clock.now());
            let unsent = folder.note_unsent(summary.waiting + summary.needs_you);
            if let Err(error) = unsent.and_then(|()| folder.note_summary(&summary)) {
                tracing::info!(%error, "how much is unsent could not be noted");
            }
        });
        if submitted.is_err() {
            tracing::info!("the store is shut: how much is unsent is not noted");
        }
    }
}

//! What is wrong with this machine's files, followed while a session lasts; and the edits that are held back since the
//! journal ends earlier than it once did.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::session::Inner;
use super::{Done, Event, ServiceError, explain, write};
use crate::domain::Stamp;
use crate::store::{Gap, Store};

/// What is wrong with the files of the account on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskState {
    /// There is no room: edits are saved into what was kept back for that.
    pub full: bool,
    /// Entries of the journal that cannot be read, and that nobody has seen.
    pub lost: u64,
    /// Edits that are not sent until a person has decided.
    pub held: usize,
}

/// A person has seen what is lost.
pub(super) fn acknowledge(store: &mut Store, now: Stamp) -> Result<Done, ServiceError> {
    let lost: u64 = store.lost().iter().map(Gap::count).sum();
    store.acknowledge_lost(now).map_err(|error| explain::not_saved(&error))?;
    let many = if lost == 1 { "1 lost entry".to_owned() } else { format!("{lost} lost entries") };
    Ok(Done::Settled { summary: format!("Noted: you have seen {many}. It is not told again.") })
}

/// A person has decided.
pub(super) fn settle(store: &mut Store, send: bool) -> Result<Done, ServiceError> {
    let edits = store.held_edits().len();
    let settled = if send { store.send_held() } else { store.discard_held().map(drop) };
    settled.map_err(|error| explain::not_saved(&error))?;
    let many = if edits == 1 { "1 edit".to_owned() } else { format!("{edits} edits") };
    let summary = if send { format!("{many} will be sent.") } else { format!("Let go of {many}.") };
    Ok(Done::Settled { summary })
}

impl Inner {
    /// Looks once, at the beginning of a session.
    pub(super) fn look_at_disk(this: &Arc<Self>) {
        let Some(desk) = this.desk() else { return };
        let inner = Arc::clone(this);
        // A desk that is shut already has nothing to tell.
        let _ = desk.submit(move |store| inner.note_disk(store));
    }

    /// On the desk's thread, after each job.
    pub(super) fn note_disk(&self, store: &Store) {
        let (full, held) = (store.is_disk_full(), store.held_edits().len());
        let lost = store.lost();
        let changed = write(&self.state, |state| {
            let before = state.disk;
            (state.disk.full, state.disk.held) = (full, held);
            state.disk.lost = lost.iter().map(Gap::count).sum();
            if state.lost != lost {
                state.lost = lost.to_vec();
            }
            state.disk != before
        });
        if changed {
            self.emit(Event::Status);
        }
    }
}

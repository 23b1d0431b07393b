//! The lease: for how many days what this machine has may be read without a word of the server.
//!
//! Somebody who was dismissed, or whose laptop was lost, is locked out by the server the moment it is heard. Where it
//! is not heard, this ends what can be read. Nothing goes: rows and unsent edits stay sealed where they are, traffic
//! goes on, and the first answer opens everything again.
//!
//! Counted from the server's time of the last whole pull to the latest time this machine ever showed: what the clock
//! says now, what it said when an edit was saved, and a note of it in the journal at each start and every hour. So
//! setting the clock back does not help. Once the server was heard in this session, the time since counts by this
//! machine alone, so that a clock that is wrong by weeks does not lock who is online. A clock that went forward is named
//! as a possible cause; whoever believes it wrong needs the server's word, or the lease would be worth nothing.

use std::time::Instant;

use super::session::Inner;
use super::{Event, ServiceError, explain, read, write};
use crate::domain::Stamp;
use crate::domain::stamp::{DAY_MICROS, MINUTE_MICROS};
use crate::store::Entry;
use crate::store::replica::Replica;

/// Where the configuration says nothing.
pub const DAYS: u16 = 14;
/// Between two notes of the time.
const NOTE_MICROS: i64 = 60 * MINUTE_MICROS;

/// What of this is remembered while a session lasts.
#[derive(Default)]
pub(super) struct Lease {
    /// When the server was heard last: by the clock, and by what cannot be set.
    heard: Option<(Stamp, Instant)>,
    locked: bool,
}

impl Lease {
    /// How long nothing was heard, in microseconds.
    fn silence(&self, replica: &Replica, now: Stamp) -> Option<i64> {
        let latest = Some(now).max(replica.meta().seen)?;
        if let Some((wall, at)) = self.heard {
            let passed = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
            return Some(passed.max(latest.0 - wall.0));
        }
        Some(latest.0 - replica.meta().as_of?.0)
    }
}

impl Inner {
    /// Whole days without a word, where these are more than may be.
    pub(super) fn lease_over(&self, replica: &Replica) -> Option<i64> {
        let days = i64::from(read(&self.config, |config| config.lease_days.unwrap_or(DAYS)));
        let now = self.settings.clock.now();
        let silence = read(&self.state, |state| state.lease.silence(replica, now))?;
        (silence > days * DAY_MICROS).then_some(silence / DAY_MICROS)
    }

    /// The server answered.
    pub(super) fn heard(&self) {
        let now = self.settings.clock.now();
        write(&self.state, |state| state.lease.heard = Some((now, Instant::now())));
    }

    /// After anything by which the lease may have ended or begun again: tells the fronts.
    pub(super) fn look_at_lease(&self) {
        let over = self.peek(|replica| self.lease_over(replica)).flatten();
        let was = write(&self.state, |state| std::mem::replace(&mut state.lease.locked, over.is_some()));
        if was == over.is_some() {
            return;
        }
        if let Some(days) = over {
            self.emit(Event::Told(format!(
                "Locked: no contact with the server for {days} days. Nothing is lost: connect to go on."
            )));
        }
        self.emit(Event::Data);
        self.emit(Event::Status);
    }

    /// What is to be told at the start of a session whose lease is over. Notes the time.
    pub(super) fn lease_at_start(&self) -> Option<ServiceError> {
        let now = self.settings.clock.now();
        let (days, before) = self.peek(|replica| {
            let meta = replica.meta();
            (self.lease_over(replica), meta.seen.max(meta.as_of))
        })?;
        self.note_time();
        let ahead = before.map_or(0, |before| (now.0 - before.0) / DAY_MICROS);
        days.map(|days| explain::lease_over(days, ahead))
    }

    /// Notes the time where it was not noted for an hour, nor the server heard.
    pub(super) fn note_time(&self) {
        let now = self.settings.clock.now();
        let noted = self.peek(|replica| replica.meta().seen.max(replica.meta().as_of)).flatten();
        let Some(desk) = self.desk().filter(|_| noted.is_some_and(|noted| now.0 - noted.0 > NOTE_MICROS))
        else {
            return;
        };
        let submitted = desk.submit(move |store| {
            if let Err(error) = store.books.note(&[Entry::Clock { at: now }]) {
                tracing::warn!(%error, "the time could not be noted");
            }
        });
        if submitted.is_err() {
            tracing::warn!("the store is shut: the time is not noted");
        }
    }
}

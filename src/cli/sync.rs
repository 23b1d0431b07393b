//! `flyos sync`: asks for news and sends what waits.

use std::io::Write;

use serde_json::json;

use super::door::{Door, Place};
use super::out::Out;
use crate::service::{Action, ErrorKind, ServiceError, status};

/// Asks, sends and waits.
pub(super) fn sync(place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let patience = place.access.patience();
    let (door, fresh) = Door::open_as_is(place)?;
    let before = door.status()?.as_of.filter(|_| fresh && matches!(door, Door::Beside(_)));
    door.act(Action::SyncNow)?;
    let done = door.wait(patience, |status| {
        let received = fresh && status.as_of != before;
        received && status.waiting == 0 && status.sending == 0
    })?;
    let status = door.status()?;
    let line = status::line(&status, super::now(), &jiff::tz::TimeZone::system());
    if !done {
        let message = format!("Not everything was received and sent: {line}.");
        return Err(ServiceError::new(ErrorKind::Offline, message)
            .hint("What was saved here is kept and sent when there is a line."));
    }
    out.told(&line, json!({ "asOf": status.as_of, "waiting": status.waiting, "needsYou": status.needs_you }))
}

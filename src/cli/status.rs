//! `flyos status`: how the open console stands, in the words of its own state line, or as JSON for scripts.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::json;

use super::out::Out;
use crate::domain::{Stamp, field::harmless};
use crate::service::beside::{self, Console};
use crate::service::{Folders, ServiceError, Status, Whois, status as words};

/// Tells how each open console stands; an error where there is none, or one that does not answer.
pub fn status(folders: &Folders, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let found = beside::consoles(folders)?;
    if found.open.is_empty() && found.silent.is_empty() {
        return Err(beside::none_open());
    }
    let now = super::now();
    let mut all = Vec::with_capacity(found.open.len());
    for (nth, console) in found.open.iter().enumerate() {
        // A locked console tells no more than that.
        let status = match console.whois {
            Whois { locked: true, unsent, .. } => Status::locked(unsent, false),
            _ => console.status()?,
        };
        let gap = if nth > 0 { "\n" } else { "" };
        out.say(&format!("{gap}{}", as_text(console, &status, now)))?;
        all.push(as_json(console, &status, now));
    }
    let silent = found.silent.first().map(|holder| beside::silent(holder, now));
    out.found(json!({ "consoles": all, "totalCount": all.len() }), silent)
}

fn as_text(console: &Console, status: &Status, now: Stamp) -> String {
    let whois = &console.whois;
    let who = status
        .account
        .as_ref()
        .map_or_else(|| if whois.locked { "the console is locked" } else { "nobody" }.to_owned(), words::who);
    // Names are others' words: nothing in them reaches the terminal as a code.
    let (who, place) = (harmless(&who), whois.holder.place_and_process());
    let since = words::at_text(whois.holder.since, now, &TimeZone::system());
    format!(
        "Signed in   {who}\nState       {}\nWaiting     {}\nNeeds you   {}\nOpen        since {since} ({}), {}\nConsole     {}\n",
        harmless(&words::line(status, now, &TimeZone::system())),
        status.waiting,
        status.needs_you,
        words::ago(whois.holder.since, now),
        words::idle(whois.last_key, now),
        harmless(&place),
    )
}

fn as_json(console: &Console, status: &Status, now: Stamp) -> serde_json::Value {
    let (whois, account) = (&console.whois, status.account.as_ref());
    json!({
        "email": account.map(|account| &account.email),
        "project": account.map(|account| &account.project),
        "role": account.and_then(|account| account.role),
        "region": account.and_then(|account| account.region.as_ref()),
        "state": words::line(status, now, &TimeZone::system()),
        "link": status.link,
        "as_of": status.as_of,
        "waiting": status.waiting,
        "sending": status.sending,
        "needs_you": status.needs_you,
        "not_saved": status.not_saved,
        "since": whois.holder.since,
        "last_key": whois.last_key,
        "console": whois.holder,
    })
}

//! `flyos sign-in` and `flyos sign-out`: an account on this machine, made ready for commands, and let go of.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::door::{Door, Place};
use super::out::Out;
use crate::service::{Action, Done, ServiceError, Sessions, status};

/// Sign out here, on all other machines, or everywhere; what this machine has is kept, sealed
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example: flyos sign-out --others")]
pub struct SignOut {
    /// On all other machines, and not here
    #[arg(long, conflicts_with = "everywhere")]
    pub others: bool,
    /// On all machines, this one too
    #[arg(long)]
    pub everywhere: bool,
}

/// Signs in.
pub(super) fn sign_in(place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let door = Door::open(place)?;
    let status = door.status()?;
    let line = status::line(&status, super::now(), &jiff::tz::TimeZone::system());
    let account = status.account.as_ref();
    let who = account.map(status::who).unwrap_or_default();
    out.told(
        &format!("Signed in: {who}. {line}."),
        json!({
            "email": account.map(|account| &account.email),
            "project": account.map(|account| &account.project),
            "role": account.and_then(|account| account.role),
            "region": account.and_then(|account| account.region.as_ref()),
            "asOf": status.as_of,
            "waiting": status.waiting,
        }),
    )
}

impl SignOut {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let sessions = match (self.others, self.everywhere) {
            (true, _) => Sessions::Others,
            (_, true) => Sessions::All,
            _ => Sessions::Here,
        };
        let door = Door::open(place)?;
        let told = match door.act(Action::EndSessions { sessions })? {
            Done::SessionsEnded { told, .. } => told,
            _ => true,
        };
        let words = match (sessions, told) {
            (Sessions::Others, _) => "Signed out on all other machines.",
            (Sessions::All, _) => "Signed out on all machines. What this machine has is kept, sealed.",
            (Sessions::Here, true) => "Signed out here. What this machine has is kept, sealed.",
            (Sessions::Here, false) => {
                "Signed out here, and the server could not be told. What this machine has is kept, sealed."
            }
        };
        out.told(words, json!({ "sessions": sessions, "serverTold": told }))
    }
}

//! People's machines, as they last said of themselves, and having one erased: for a machine that was lost.
//!
//! Both are online: they are asked of the server when they are wanted, answered by it, and never journalled. Whom one sees
//! is the server's to say, by role; that only headquarters may have one erased as well. A machine that is erased hears of it
//! the next time it reaches the server, and destroys its keys then: until that moment what it has lies there, sealed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::session::Inner;
use super::status::ago;
use super::{Done, ErrorKind, ServiceError, explain, read};
use crate::domain::{Role, Stamp};
use crate::remote::RemoteError;
use crate::remote::wire::device::{DeviceReport, DevicesReply, EraseDeviceReply, EraseDeviceRequest};
use crate::session::Keeper;

/// A machine as it was heard of last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Whose: their profile, and what they are called.
    pub user: Uuid,
    pub username: String,
    pub device: Uuid,
    pub heard: Stamp,
    /// Edits that waited there then, and those that needed a decision.
    pub waiting: u64,
    pub needs_you: u64,
    pub version: String,
    /// Headquarters had it erased.
    pub erased: bool,
    /// It is this one.
    pub here: bool,
}

impl Machine {
    /// What it is called.
    pub fn short(&self) -> String {
        short(self.device)
    }

    /// Why somebody of that role cannot have it erased from here.
    pub fn why_not_erase(&self, role: Option<Role>) -> Option<(ErrorKind, &'static str)> {
        if self.erased {
            Some((ErrorKind::Refused, IS_ERASED))
        } else if self.here {
            Some((ErrorKind::Refused, IS_HERE))
        } else if role != Some(Role::MainHq) {
            Some((ErrorKind::Denied, FOR_HEADQUARTERS))
        } else {
            None
        }
    }

    /// What would follow from erasing it, in sentences.
    pub fn erasing(&self, now: Stamp) -> [String; 2] {
        let heard = ago(self.heard, now);
        let loses = match self.waiting {
            0 => format!("Nothing was unsent there when it was heard of ({heard})."),
            1 => format!("1 edit was unsent there when it was heard of ({heard}), and would be lost."),
            n => format!("{n} edits were unsent there when it was heard of ({heard}), and would be lost."),
        };
        [ERASING.to_owned(), loses]
    }
}

/// The beginning of a machine's number, which tells a person's machines apart.
pub(super) fn short(device: Uuid) -> String {
    device.simple().to_string().chars().take(8).collect()
}

const IS_ERASED: &str = "Its keys go the next time it reaches the server, if they have not gone yet.";
const IS_HERE: &str = "This is the machine you sit at: X erases what it has.";
const FOR_HEADQUARTERS: &str = "Only headquarters can have a machine erased.";
const NEEDS_LINE: &str = "Which machines there are, the server alone knows: ask again when there is a line.";
const ERASING: &str = "What it has of the account goes the next time it reaches the server: its keys first. Until then it \
                       lies there, sealed. This cannot be taken back.";

impl Inner {
    /// Asks the server for the machines of the people whom the person sees.
    pub(super) fn machines(this: &Arc<Self>, done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static) {
        let Some(keeper) = this.keeper() else { return done(Err(explain::signed_out())) };
        let here = read(&this.session, |session| session.as_ref().map(|session| session.open.device));
        this.runtime().spawn(async move { done(listed(&keeper, here).await) });
    }

    /// Has a machine erased.
    pub(super) fn erase_machine(
        this: &Arc<Self>,
        (user_id, device): (Uuid, Uuid),
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        let Some(keeper) = this.keeper() else { return done(Err(explain::signed_out())) };
        this.runtime().spawn(async move {
            let request = EraseDeviceRequest { user_id, device };
            let token = keeper.token().await.map_err(|error| explain::not_asked(&error));
            let asked = match token {
                Ok(token) => {
                    let reply = keeper.client().erase_device(&token, &request).await;
                    reply.map(|reply| reply.value).map_err(|error| explain::remote(&error))
                }
                Err(error) => Err(error),
            };
            done(asked.and_then(|reply| match reply {
                EraseDeviceReply::Erased { .. } => Ok(Done::MachineErased),
                EraseDeviceReply::Must(_) => Err(not_now()),
            }));
        });
    }
}

async fn listed(keeper: &Keeper, here: Option<Uuid>) -> Result<Done, ServiceError> {
    let token = keeper.token().await.map_err(|error| not_listed(&error))?;
    match keeper.client().devices(&token).await.map_err(|error| not_listed(&error))?.value {
        DevicesReply::Devices { devices, .. } => {
            Ok(Done::Machines(devices.into_iter().map(|report| machine(report, here)).collect()))
        }
        DevicesReply::Must(_) => Err(not_now()),
    }
}

/// They are the server's to tell, and nothing of them is kept here.
fn not_listed(error: &RemoteError) -> ServiceError {
    let told = explain::remote(error);
    if told.kind == ErrorKind::Offline { told.hint(NEEDS_LINE) } else { told }
}

fn machine(report: DeviceReport, here: Option<Uuid>) -> Machine {
    let DeviceReport { user, username, device, waiting, needs_you, version, at, erased, .. } = report;
    Machine {
        here: here == Some(device),
        user,
        username,
        device,
        heard: at,
        waiting,
        needs_you,
        version,
        erased,
    }
}

/// The server has a word for the person first; the state line says which.
fn not_now() -> ServiceError {
    ServiceError::new(
        ErrorKind::Refused,
        "The server does not let this account work now, so nothing was changed.",
    )
    .hint("The bottom line says why.")
}

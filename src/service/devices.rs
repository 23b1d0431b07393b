//! People's machines, as they last said of themselves, and having one erased: for a machine that was lost.
//!
//! Both are online: they are asked of the server when they are wanted, answered by it, and never journalled. Whom one sees
//! is the server's to say, by role; that only headquarters may have one erased as well. A machine that is erased hears of it
//! the next time it reaches the server, and destroys its keys then: until that moment what it has lies there, sealed.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::session::Inner;
use super::{Done, ErrorKind, ServiceError, explain, read};
use crate::domain::Stamp;
use crate::remote::wire::device::{DeviceReport, DevicesReply, EraseDeviceReply, EraseDeviceRequest};
use crate::remote::{Client, RemoteError, Reply};
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
    /// The beginning of its number, which tells a person's machines apart.
    pub fn short(&self) -> String {
        self.device.simple().to_string().chars().take(8).collect()
    }
}

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
            let asked =
                asked(&keeper, async |client, token| client.erase_device(&token, &request).await).await;
            done(asked.and_then(|reply| match reply {
                EraseDeviceReply::Erased { .. } => Ok(Done::MachineErased),
                EraseDeviceReply::Must(_) => Err(not_now()),
            }));
        });
    }
}

async fn listed(keeper: &Keeper, here: Option<Uuid>) -> Result<Done, ServiceError> {
    match asked(keeper, async |client, token| client.devices(&token).await).await? {
        DevicesReply::Devices { devices, .. } => {
            Ok(Done::Machines(devices.into_iter().map(|report| machine(report, here)).collect()))
        }
        DevicesReply::Must(_) => Err(not_now()),
    }
}

/// Asks under the person's pass.
async fn asked<T>(
    keeper: &Keeper,
    ask: impl AsyncFnOnce(&Client, SecretString) -> Result<Reply<T>, RemoteError>,
) -> Result<T, ServiceError> {
    let told = |error: RemoteError| explain::remote(&error);
    let token = keeper.token().await.map_err(told)?;
    Ok(ask(keeper.client(), token).await.map_err(told)?.value)
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

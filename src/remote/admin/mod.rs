//! Managing sign-in accounts: making, inviting, banning, deleting them, and ending sessions. An action is an online
//! one, done or not done when it is answered, and never journalled: it may hold a password for somebody else.
//!
//! Two ways, with the same requests, replies and refusals:
//! * `Client::admin_users` asks the project's Edge Function under the person's own pass. It is the way of every
//!   console: no secret key is on the machine.
//! * `DirectAdmin` does the same by the admin API with the project's secret key, which `AdminKey` takes from the
//!   environment or a file, never from an argument. It is for the one who runs the project, before the function is
//!   deployed or when nobody can sign in any more. It is nobody's session, so nothing is anybody's own account; that
//!   a MAIN_HQ remains who can sign in is looked at all the same.
//!
//! A third way is the database itself, for whoever runs the project: `database` is the connection, `schema` sets the
//! project up and looks whether it is as it must be, `placing` gives accounts their profiles. `rule` is what `placing` asks
//! of the database, for who has only the answers of the admin API.
//!
//! Whatever was not done is a `RemoteError`. A refusal of ours keeps its code (`AdminCode`), its field and its words,
//! which are whole sentences. After a broken line it may have been done: asking again is safe for every action.

mod by_key;
pub mod database;
mod direct;
mod key;
mod noting;
pub mod placing;
pub mod rule;
pub mod schema;
mod unlinked;

use reqwest::Method;
use secrecy::SecretString;

use super::client::{Call, Client, Reply, body_of};
use super::error::{Doing, RemoteError};
use super::wire::admin::{AdminAction, AdminAsked, AdminReply};
pub use direct::{DirectAdmin, DirectProblem};
pub use key::{AdminKey, AdminKeyProblem, closed_to_others, private_file};

/// Where the function is.
const PATH: &str = "/functions/v1/admin-users";

/// What is said of it where it fails.
const fn doing(action: AdminAction) -> Doing {
    match action {
        AdminAction::ListUnlinked => Doing::LookingAtAccounts,
        _ => Doing::Administering,
    }
}

impl Client {
    /// Asks the project's function to do it, under the person's pass. What breaks a rule by itself is refused
    /// before it is sent.
    pub async fn admin_users(
        &self,
        token: &SecretString,
        request: &AdminAsked,
    ) -> Result<Reply<AdminReply>, RemoteError> {
        let doing = doing(request.request.action());
        request.check().map_err(|refusal| RemoteError::refused(doing, &refusal))?;
        let (limit, timeout) = (self.limits().other_bytes, self.limits().rest);
        let body = Some(body_of(request));
        let call = Call { doing, method: Method::POST, path: PATH, token: Some(token), body, limit, timeout };
        self.json(call).await
    }
}

//! Sign-in accounts of other people, by headquarters: made, invited, barred, given a password or an address, signed out
//! everywhere.
//!
//! These are online actions: done or not done when they are answered, and never kept for later, since a password for
//! somebody else is written down nowhere. The project's function `admin-users` does them under the person's own pass,
//! and judges anew. What becomes of the profile comes with the next pull.
//!
//! A command hands its wish to an open console over the console's socket, a password within it: from memory to memory, and
//! to the same user of the machine alone.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::at_desk::waited;
use super::own::field;
use super::session::Inner;
use super::{Done, ErrorKind, Event, OpCtx, Service, ServiceError, explain};
use crate::domain::{Key, Role};
use crate::remote::wire::admin::{AdminReply, AdminRequest, Password};
use crate::remote::{self, Cause, RemoteError};
use crate::store::replica::Replica;
use crate::sync::runner::Ask;

/// What headquarters wants of somebody's account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Administer {
    /// A `profiles.id`.
    pub user: Uuid,
    pub deed: AccountDeed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountDeed {
    /// An account that can sign in at once.
    Create(#[serde(with = "said")] SecretString),
    /// An account whose owner sets the password by a code that is mailed.
    Invite,
    SetPassword(#[serde(with = "said")] SecretString),
    SetEmail(String),
    Ban,
    Unban,
    /// Every session of theirs ends.
    SignOut,
}

const BAN: &str = "\
    They cannot sign in until the bar is lifted, and their sessions end at once. What their machines hold \
    stays sealed there.";
const SIGN_OUT: &str = "\
    Their sessions on all machines end at once. What those machines hold stays sealed there; unsent edits go \
    out when they sign in again.";

impl AccountDeed {
    /// What a person is told before it, and asked.
    pub const fn warning(&self) -> Option<&'static str> {
        match self {
            Self::Ban => Some(BAN),
            Self::SignOut => Some(SIGN_OUT),
            _ => None,
        }
    }
}

/// A password on its way to the console that does it.
mod said {
    use secrecy::{ExposeSecret as _, SecretString};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}

impl Service {
    /// Starts it; `Event::Done` with `ctx.op` tells the end.
    pub fn administer(&self, ctx: &OpCtx, wish: Administer) {
        let (inner, op) = (Arc::clone(&self.inner), ctx.op);
        self.start_administering(wish, move |result| inner.emit(Event::Done { op, result }));
    }

    /// Does it and waits for its end.
    pub fn administer_now(&self, wish: Administer) -> Result<Done, ServiceError> {
        waited(|done| self.start_administering(wish, done))
    }

    pub(super) fn start_administering(
        &self,
        wish: Administer,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        if let Err(refusal) = self.may_write(true) {
            return done(Err(refusal));
        }
        let inner = Arc::clone(&self.inner);
        self.inner.runtime().spawn(async move { done(inner.administered(wish).await) });
    }
}

impl Inner {
    async fn administered(&self, wish: Administer) -> Result<Done, ServiceError> {
        let key = Key::user(wish.user);
        let (name, email) =
            self.look(|replica| permitted(replica, &key)).ok_or_else(explain::signed_out)??;
        let keeper = self.keeper().ok_or_else(explain::signed_out)?;
        let told = match &wish.deed {
            AccountDeed::Create(_) => format!("{name} can sign in now, as {email}."),
            AccountDeed::Invite => format!("An invitation is on its way to {email}."),
            AccountDeed::SetPassword(_) => format!("{name} has a new password; their sessions have ended."),
            AccountDeed::SetEmail(to) => format!("{name} signs in as {to} from now on."),
            AccountDeed::Ban => format!("{name} cannot sign in any more; their sessions have ended."),
            AccountDeed::Unban => format!("{name} can sign in again."),
            AccountDeed::SignOut => format!("{name} is signed out everywhere."),
        };
        let invited = matches!(wish.deed, AccountDeed::Invite);
        let token = keeper.token().await.map_err(|error| explain::not_asked(&error))?;
        let reply = keeper.client().admin_users(&token, &request(wish).into()).await;
        let reply = reply.map_err(|error| in_form(&error))?.value;
        let AdminReply::Done { .. } = reply else {
            return Err(explain::another_answer());
        };
        // What it did to the profile is fetched at once.
        self.ask(Ask::SyncNow)?;
        let code = self.training_code(&email).filter(|_| invited);
        let code = code.map(|code| format!(" In training nothing is mailed: the code is {code}."));
        Ok(Done::Account { summary: format!("{told}{}", code.unwrap_or_default()) })
    }
}

/// The name and the address of a profile whose account may be changed from here; why not, where not.
fn permitted(replica: &Replica, key: &Key) -> Result<(String, String), ServiceError> {
    let refused = |words: &str| Err(ServiceError::new(ErrorKind::Denied, words));
    for_headquarters(replica)?;
    let Some(record) = replica.view().get(key).filter(|_| replica.is_known(key)) else {
        return refused(
            "The server does not know this profile yet: its account is made once the profile is sent.",
        );
    };
    Ok((record.label().to_owned(), record.get("email").unwrap_or_default()))
}

/// Refused to everybody else.
pub(super) fn for_headquarters(replica: &Replica) -> Result<(), ServiceError> {
    if replica.actor().is_some_and(|actor| actor.role == Role::MainHq) {
        return Ok(());
    }
    Err(ServiceError::new(ErrorKind::Denied, "Sign-in accounts of others are for MAIN_HQ alone."))
}

fn request(wish: Administer) -> AdminRequest {
    let profile = wish.user;
    match wish.deed {
        AccountDeed::Create(password) => AdminRequest::Create { profile, password: Password::new(password) },
        AccountDeed::Invite => AdminRequest::Invite { profile },
        AccountDeed::SetPassword(password) => {
            AdminRequest::SetPassword { profile, password: Password::new(password) }
        }
        AccountDeed::SetEmail(email) => AdminRequest::SetEmail { profile, email },
        AccountDeed::Ban => AdminRequest::Ban { profile },
        AccountDeed::Unban => AdminRequest::Unban { profile },
        AccountDeed::SignOut => AdminRequest::SignOut { profile },
    }
}

/// The form's field that a refusal is about.
fn in_form(error: &RemoteError) -> ServiceError {
    let named = match (error.field.as_deref(), error.cause) {
        (Some("password"), _) | (None, Cause::PasswordWeak) => Some(field::NEW.to_owned()),
        (name, _) => name.map(str::to_owned),
    };
    let told = ServiceError { field: named, ..explain::remote(error) };
    match error.kind {
        // Nobody has that account: no fault of the server.
        remote::ErrorKind::Gone => ServiceError { kind: ErrorKind::Refused, ..told },
        _ => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_in_a_debug_text() {
        let deed = AccountDeed::Create(SecretString::from("hunter2!"));
        let wish = Administer { user: Uuid::nil(), deed };
        assert!(!format!("{wish:?} {:?}", request(wish.clone())).contains("hunter"));
    }

    #[test]
    fn a_wish_arrives_as_it_was_said() {
        let wish = Administer { user: Uuid::nil(), deed: AccountDeed::SetPassword("hunter2!".into()) };
        let text = serde_json::to_string(&wish).expect("a message");
        let heard: Administer = serde_json::from_str(&text).expect("understood");
        let AccountDeed::SetPassword(password) = heard.deed else { panic!("another deed: {text}") };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&password), "hunter2!");
    }
}

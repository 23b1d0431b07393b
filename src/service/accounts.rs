//! Sign-in accounts of other people, by headquarters: made, invited, barred, given a password or an address, signed out
//! everywhere.
//!
//! These are online actions: done or not done when they are answered, and never kept for later, since a password for
//! somebody else is written down nowhere. The project's function `admin-users` does them under the person's own pass,
//! and judges anew. What becomes of the profile comes with the next pull. Each leaves a line in the activity, with the reason
//! that was given, under the rules of an edit's; the function has it written once the deed is done.
//!
//! A command hands its wish to an open console over the console's socket, a password within it: from memory to memory, and
//! to the same user of the machine alone.

use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::at_desk::waited;
use super::edit::accept_reason;
use super::own::field;
use super::session::Inner;
use super::{Done, ErrorKind, Event, OpCtx, Service, ServiceError, explain};
use crate::domain::{Key, Role};
use crate::remote::wire::admin::{AdminAction, AdminAsked, AdminCode, AdminReply, AdminRequest, Password};
use crate::remote::{self, Cause, RemoteError};
use crate::store::replica::Replica;
use crate::sync::runner::Ask;

/// What headquarters wants of somebody's account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Administer {
    /// A `profiles.id`.
    pub user: Uuid,
    pub deed: AccountDeed,
    /// Up to 200 characters, for the activity.
    #[serde(default)]
    pub reason: Option<String>,
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
    async fn administered(&self, mut wish: Administer) -> Result<Done, ServiceError> {
        wish.reason = accept_reason(wish.reason)?;
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
        let reply = keeper.client().admin_users(&token, &request(wish)).await;
        if reply.as_ref().map_or_else(was_done, |_| true) {
            // What it did to the profile is fetched at once, and its line where somebody looks.
            self.activities.outdate();
            self.emit(Event::Data);
            self.ask(Ask::SyncNow)?;
        }
        let reply = reply.map_err(|error| in_form(&error))?.value;
        let line = of_its_line(&reply)?;
        let code = self.training_code(&email).filter(|_| invited);
        let code = code.map(|code| format!(" In training nothing is mailed: the code is {code}."));
        Ok(Done::Account { summary: format!("{told}{line}{}", code.unwrap_or_default()) })
    }
}

const OLDER: &str = " The project's function admin-users is older than this console, so the activity does not tell of it: \
                     deploy the function of this version.";

/// What is to be said of the deed's line in the activity.
fn of_its_line(reply: &AdminReply) -> Result<&'static str, ServiceError> {
    match reply {
        AdminReply::Done { noted: true, .. } => Ok(""),
        AdminReply::Done { noted: false, .. } => Ok(OLDER),
        AdminReply::Unlinked { .. } => Err(explain::another_answer()),
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

fn request(wish: Administer) -> AdminAsked {
    let profile = wish.user;
    let request = match wish.deed {
        AccountDeed::Create(password) => AdminRequest::Create { profile, password: Password::new(password) },
        AccountDeed::Invite => AdminRequest::Invite { profile },
        AccountDeed::SetPassword(password) => {
            AdminRequest::SetPassword { profile, password: Password::new(password) }
        }
        AccountDeed::SetEmail(email) => AdminRequest::SetEmail { profile, email },
        AccountDeed::Ban => AdminRequest::Ban { profile },
        AccountDeed::Unban => AdminRequest::Unban { profile },
        AccountDeed::SignOut => AdminRequest::SignOut { profile },
    };
    AdminAsked { request, reason: wish.reason }
}

/// It was done, though an error is what came.
fn was_done(error: &RemoteError) -> bool {
    error.code.as_deref() == Some(AdminCode::NotNoted.as_str())
}

/// A deed as the activity tells of it; of a newer server's, its name.
pub(super) fn told(deed: &str) -> &str {
    match AdminAction::parse(deed) {
        Some(AdminAction::Create) => "made the account",
        Some(AdminAction::Invite) => "invited",
        Some(AdminAction::SetPassword) => "gave a new password",
        Some(AdminAction::SetEmail) => "changed the address of the account",
        Some(AdminAction::Ban) => "barred the account",
        Some(AdminAction::Unban) => "lifted the bar of the account",
        Some(AdminAction::SignOut) => "ended all sessions",
        Some(AdminAction::Delete) => "deleted the account",
        Some(AdminAction::ListUnlinked) | None => deed,
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
        let wish = Administer { user: Uuid::nil(), deed, reason: None };
        assert!(!format!("{wish:?} {:?}", request(wish.clone())).contains("hunter"));
    }

    #[test]
    fn a_wish_arrives_as_it_was_said() {
        let (deed, reason) = (AccountDeed::SetPassword("hunter2!".into()), Some("lost".to_owned()));
        let wish = Administer { user: Uuid::nil(), deed, reason };
        let text = serde_json::to_string(&wish).expect("a message");
        let heard: Administer = serde_json::from_str(&text).expect("understood");
        let AccountDeed::SetPassword(password) = heard.deed else { panic!("another deed: {text}") };
        assert_eq!(secrecy::ExposeSecret::expose_secret(&password), "hunter2!");
        assert_eq!(heard.reason.as_deref(), Some("lost"));
        let older = r#"{"user":"00000000-0000-0000-0000-000000000000","deed":"ban"}"#;
        let heard: Administer = serde_json::from_str(older).expect("of an older command");
        assert_eq!(heard.reason, None);
    }

    #[test]
    fn a_function_that_notes_no_deeds_is_told() {
        let text = include_str!("../../tests/wire/admin_done.json");
        let reply: AdminReply = serde_json::from_str(text).expect("a reply");
        assert_eq!(of_its_line(&reply), Ok(""));
        let mut older: serde_json::Value = serde_json::from_str(text).expect("JSON");
        older.as_object_mut().expect("an object").remove("noted");
        let reply: AdminReply = serde_json::from_value(older).expect("a reply");
        assert!(of_its_line(&reply).expect("done").contains("deploy the function of this version"));
    }

    #[test]
    fn every_deed_has_its_words_and_a_newer_one_its_name() {
        for action in AdminAction::TEXTS.iter().filter(|action| **action != "list_unlinked") {
            assert!(told(action).contains(char::is_whitespace) || *action == "invite", "{action}");
        }
        assert_eq!((told("ban"), told("ground")), ("barred the account", "ground"));
    }
}

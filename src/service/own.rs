//! The own sign-in: the second factor, the password, a password set anew by a mailed code, and ending sessions.
//!
//! These are no actions: they carry secrets, so they come from the front in this process alone and are never written
//! down. All of them need the server. `Event::Own` tells what one came to; one that ends with somebody signing in goes
//! on as any sign-in.

use std::sync::{Arc, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::session::Inner;
use super::sign_in::{Credentials, Given};
use super::{ErrorKind, Event, ServiceError, explain};
use crate::remote::wire::admin::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::remote::wire::{AuthFactor, TokenReply};
use crate::remote::{Cause, Client, CodeFor, ISSUER, RemoteError, SignOutScope};
use crate::session::own::{Change, ChangeError};
use crate::session::{Keeper, Old, Shut};
use crate::sync::runner::Ask;

/// What a person wants with the own sign-in.
#[derive(Clone, Debug)]
pub enum Own {
    /// Gives the session's second factor.
    Code {
        code: SecretString,
    },
    /// Lists the second factors.
    Factors,
    /// Begins to set one up: nothing is asked for until it is confirmed by a code of it.
    Enrol,
    Confirm {
        factor: String,
        code: SecretString,
    },
    Unenrol {
        factor: String,
    },
    ChangePassword {
        current: SecretString,
        new: SecretString,
        nonce: Option<SecretString>,
    },
    /// Ends the account's sessions on other machines.
    SignOutOthers,
    /// Ends all of them, this one too.
    SignOutEverywhere,
    /// Has a code mailed by which the password can be set anew. For who is not signed in.
    MailCode {
        project: String,
        email: String,
    },
    Redeem(Redeem),
}

/// Sets the password by a mailed code and signs in with it.
#[derive(Clone, Debug)]
pub struct Redeem {
    pub project: String,
    pub email: String,
    /// It came with an invitation, and not for a password that was forgotten.
    pub invited: bool,
    pub code: SecretString,
    pub new: SecretString,
    /// A code of the second factor, for an account that has one.
    pub second: Option<SecretString>,
}

/// What it came to.
#[derive(Clone, Debug)]
pub enum OwnDone {
    CodeTaken,
    Factors(Vec<FactorView>),
    Enrolling(Box<Enrolling>),
    Enrolled,
    Unenrolled,
    PasswordChanged,
    OthersSignedOut,
    /// The session has ended here too: its own event tells.
    SignedOutEverywhere,
    /// In training nothing is mailed, and the code is told.
    CodeMailed {
        told: Option<String>,
    },
    /// Set; signing in with it follows.
    PasswordSet,
}

/// A second factor of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorView {
    pub id: String,
    pub name: String,
}

/// A second factor that is being set up: what the app has to know.
#[derive(Clone, Debug)]
pub struct Enrolling {
    pub factor: String,
    /// For typing.
    pub secret: SecretString,
    /// For scanning: as short as may be, since it is drawn in a terminal.
    pub uri: SecretString,
}

/// A mailed code that was taken, until the password is set.
pub(super) struct Redeemed {
    project: String,
    email: String,
    code: SecretString,
    given: Given,
}

/// Fields of the forms, by which an error says which one it is about.
pub mod field {
    pub const CODE: &str = "code";
    pub const CURRENT: &str = "current";
    pub const NEW: &str = "new";
    pub const NONCE: &str = "nonce";
    pub const SECOND: &str = "second";
}

/// The name of a factor that this console sets up; the day makes it another one than the next.
fn name_of(now: crate::domain::Stamp) -> String {
    format!("console {}", now.text().get(..16).unwrap_or_default().replace('T', " "))
}

impl Inner {
    pub(super) fn own(this: &Arc<Self>, op: Uuid, wish: Own) {
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            let Own::Redeem(redeem) = wish else {
                let result = Self::own_result(&inner, wish).await;
                return inner.emit(Event::Own(op, result));
            };
            let redeemed = inner.redeem(redeem).await;
            // Told before the sign-in begins: what that comes to is another thing, and comes after.
            let told = redeemed.as_ref().map(|_| OwnDone::PasswordSet).map_err(Clone::clone);
            inner.emit(Event::Own(op, told));
            if let Ok(credentials) = redeemed {
                Self::sign_in(&inner, credentials);
            }
        });
    }

    async fn own_result(this: &Arc<Self>, wish: Own) -> Result<OwnDone, ServiceError> {
        if let Own::MailCode { project, email } = &wish {
            return this.mail_code(project, email).await;
        }
        let keeper = this.keeper().ok_or_else(explain::signed_out)?;
        match wish {
            Own::Code { code } => {
                keeper.give_code(None, &code).await.map_err(|error| about(&error))?;
                this.ask(Ask::SyncNow)?;
                Ok(OwnDone::CodeTaken)
            }
            Own::Factors => Ok(OwnDone::Factors(factors(&keeper).await?)),
            Own::Enrol => this.enrol(&keeper).await,
            Own::Confirm { factor, code } => {
                keeper.give_code(Some(&factor), &code).await.map_err(|error| about(&error))?;
                Ok(OwnDone::Enrolled)
            }
            Own::Unenrol { factor } => {
                let token = keeper.token().await.map_err(|error| about(&error))?;
                keeper.client().unenrol(&token, &factor).await.map_err(|error| about(&error))?;
                Ok(OwnDone::Unenrolled)
            }
            Own::ChangePassword { current, new, nonce } => {
                judge_new(&new)?;
                this.change_password(keeper, current, new, nonce).await
            }
            Own::SignOutOthers => {
                keeper.end(SignOutScope::Others).await.map_err(|error| about(&error))?;
                Ok(OwnDone::OthersSignedOut)
            }
            Own::SignOutEverywhere => {
                keeper.end(SignOutScope::Global).await.map_err(|error| about(&error))?;
                Self::sign_out(this);
                Ok(OwnDone::SignedOutEverywhere)
            }
            Own::MailCode { .. } | Own::Redeem(_) => Err(explain::signed_out()),
        }
    }

    async fn enrol(&self, keeper: &Keeper) -> Result<OwnDone, ServiceError> {
        let token = keeper.token().await.map_err(|error| about(&error))?;
        let name = name_of(self.settings.clock.now());
        let reply = keeper.client().enrol(&token, &name).await.map_err(|error| about(&error))?.value;
        let email = self.email().unwrap_or_default();
        Ok(OwnDone::Enrolling(Box::new(Enrolling {
            factor: reply.id,
            uri: SecretString::from(short_uri(&reply.totp.uri, &reply.totp.secret, &email)),
            secret: SecretString::from(reply.totp.secret),
        })))
    }

    async fn change_password(
        &self,
        keeper: Arc<Keeper>,
        current: SecretString,
        new: SecretString,
        nonce: Option<SecretString>,
    ) -> Result<OwnDone, ServiceError> {
        let (folder, desk) = self.folder_and_desk().ok_or_else(explain::signed_out)?;
        let (kdf, now) = (self.settings.kdf, self.settings.clock.now());
        let change = Change { folder, desk, keeper: Arc::clone(&keeper), current, new, nonce, kdf, now };
        match change.carry_out().await {
            Ok(()) => Ok(OwnDone::PasswordChanged),
            Err(ChangeError::Refused(error)) if error.cause == Cause::NonceNeeded => {
                let token = keeper.token().await.map_err(|error| about(&error))?;
                keeper.client().reauthenticate(&token).await.map_err(|error| about(&error))?;
                let email = self.email().unwrap_or_default();
                let told = self.training_code(&email);
                Err(explain::nonce_mailed(&email, told.as_deref()))
            }
            Err(ChangeError::Refused(error)) => Err(about(&error)),
            Err(error) => Err(explain::change(&error)),
        }
    }

    /// In training the code of the last mail to that address.
    pub(super) fn training_code(&self, email: &str) -> Option<String> {
        (self.settings.training.as_ref()?.mailed)(email)
    }

    async fn mail_code(&self, project: &str, email: &str) -> Result<OwnDone, ServiceError> {
        if email.is_empty() {
            return Err(explain::no_address());
        }
        let client = self.client_of(project)?;
        client.recover(email).await.map_err(|error| about(&error))?;
        Ok(OwnDone::CodeMailed { told: self.training_code(email) })
    }

    /// Sets the password by a mailed code; with what one signs in then.
    async fn redeem(&self, redeem: Redeem) -> Result<Credentials, ServiceError> {
        judge_new(&redeem.new)?;
        let client = self.client_of(&redeem.project)?;
        let mut given = self.redeemed(&client, &redeem).await?;
        if let Err(error) = set_password(&client, &redeem, &mut given).await {
            self.keep_redeemed(redeem, given);
            return Err(error);
        }
        // This session goes on: a second factor that was given for it is not asked for once more.
        let (project, email, password) = (redeem.project, redeem.email, redeem.new);
        Ok(Credentials { project, email, password, session: Some(given), old: Old::Ask })
    }

    /// The session that the code is good for. A code is good once, so what it gave is kept where the password cannot be set;
    /// another code is another session.
    async fn redeemed(&self, client: &Client, redeem: &Redeem) -> Result<Given, ServiceError> {
        let same = |kept: &mut Redeemed| {
            (&kept.project, &kept.email) == (&redeem.project, &redeem.email)
                && kept.code.expose_secret() == redeem.code.expose_secret()
        };
        let kept = self.redeemed.lock().unwrap_or_else(PoisonError::into_inner).take_if(same);
        if let Some(kept) = kept {
            return Ok(kept.given);
        }
        let code_for = if redeem.invited { CodeFor::Invite } else { CodeFor::Recovery };
        let mut taken = client.redeem(&redeem.email, code_for, &redeem.code).await;
        if redeem.invited && taken.as_ref().is_err_and(|error| error.cause == Cause::CodeWrong) {
            taken = client.redeem(&redeem.email, CodeFor::SignUp, &redeem.code).await;
        }
        let reply = taken.map_err(|error| about(&error))?.value;
        Ok(self.given(reply, client.clone()))
    }

    fn keep_redeemed(&self, redeem: Redeem, given: Given) {
        let kept = Redeemed { project: redeem.project, email: redeem.email, code: redeem.code, given };
        *self.redeemed.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }

    /// After `Event::OlderPassword`: what to do with what this machine has.
    pub(super) fn with_old(this: &Arc<Self>, old: Old) {
        let asked = this.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(credentials) = asked else { return };
        Self::sign_in(this, Credentials { old, ..credentials });
    }

    /// Puts the question, and keeps what was typed until the person has answered.
    pub(super) fn ask_for_old(
        &self,
        credentials: Credentials,
        (why, unsent): (Shut, Option<usize>),
        wrong: Option<ServiceError>,
    ) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
        self.emit(Event::OlderPassword { why, unsent, wrong });
    }
}

/// Sets the new password in that session, with the second factor before it where one is given.
async fn set_password(client: &Client, redeem: &Redeem, given: &mut Given) -> Result<(), ServiceError> {
    let token = |reply: &TokenReply| SecretString::from(reply.access_token.clone());
    given.check().await.map_err(|error| about(&error))?;
    let reply = &mut given.reply;
    if let Some(code) = &redeem.second {
        let answered = async {
            let factor = reply.user.second_factor().ok_or_else(RemoteError::no_second_factor)?;
            let challenge = client.challenge(&token(reply), &factor.id).await?.value;
            client.answer(&token(reply), &factor.id, &challenge.id, code).await
        };
        *reply = answered.await.map_err(|error| in_field(about(&error), field::SECOND))?.value;
    }
    let set = client.set_password(&token(reply), &redeem.new, None, None).await;
    set.map(drop).map_err(|error| match error.cause {
        Cause::SecondFactor => in_field(about(&error), field::SECOND),
        _ => about(&error),
    })
}

async fn factors(keeper: &Keeper) -> Result<Vec<FactorView>, ServiceError> {
    let token = keeper.token().await.map_err(|error| about(&error))?;
    let user = keeper.client().user(&token).await.map_err(|error| about(&error))?.value;
    let view = |factor: AuthFactor| FactorView {
        name: factor
            .friendly_name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "without a name".to_owned()),
        id: factor.id,
    };
    Ok(user.factors().into_iter().filter(AuthFactor::is_verified).map(view).collect())
}

/// The form's field that an error of the server is about.
fn about(error: &RemoteError) -> ServiceError {
    let named = match error.cause {
        Cause::CodeWrong if error.code.as_deref() == Some("reauthentication_not_valid") => field::NONCE,
        Cause::CodeWrong | Cause::CodeLate => field::CODE,
        Cause::PasswordWeak | Cause::PasswordSame => field::NEW,
        Cause::WrongPassword => field::CURRENT,
        _ => return explain::remote(error),
    };
    in_field(explain::remote(error), named)
}

fn in_field(error: ServiceError, field: &str) -> ServiceError {
    ServiceError { field: Some(field.to_owned()), ..error }
}

/// Said before anything is sent: what no project takes.
fn judge_new(new: &SecretString) -> Result<(), ServiceError> {
    use secrecy::ExposeSecret as _;
    let (chars, bytes) = (new.expose_secret().chars().count(), new.expose_secret().len());
    let wrong = if chars < PASSWORD_CHARS_MIN {
        format!("A password has {PASSWORD_CHARS_MIN} characters at least.")
    } else if bytes > PASSWORD_BYTES_MAX {
        format!("A password has {PASSWORD_BYTES_MAX} bytes at most, and this one has {bytes}.")
    } else {
        return Ok(());
    };
    Err(in_field(ServiceError::new(ErrorKind::Usage, wrong), field::NEW))
}

/// The same for an app with less to draw: what it would take anyway is left out. Where the server wants something else
/// than apps take by themselves, all of it stays.
fn short_uri(uri: &str, secret: &str, email: &str) -> String {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let usual = |pair: &str| match pair.split_once('=') {
        Some(("algorithm", value)) => value.eq_ignore_ascii_case("SHA1"),
        Some(("digits", value)) => value == "6",
        Some(("period", value)) => value == "30",
        Some(("secret", value)) => value == secret,
        Some(("issuer", _)) => true,
        _ => false,
    };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "@.-_".contains(c));
    if query.split('&').all(usual) && plain(secret) && plain(email) {
        format!("otpauth://totp/{ISSUER}:{email}?secret={secret}")
    } else {
        uri.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_takes_by_itself_is_not_drawn() {
        let uri = |more: &str| format!("otpauth://totp/FlyOS:a@b.c?{more}issuer=FlyOS&secret=ABC234");
        let short = |uri: &str, email| short_uri(uri, "ABC234", email);
        assert_eq!(
            short(&uri("algorithm=SHA1&digits=6&period=30&"), "a@b.c"),
            "otpauth://totp/FlyOS:a@b.c?secret=ABC234"
        );
        for more in ["algorithm=SHA256&", "digits=8&", "period=60&", "image=x&"] {
            assert_eq!(short(&uri(more), "a@b.c"), uri(more));
        }
        assert_eq!(
            short(&uri(""), "a+b@c.d"),
            uri(""),
            "what would have to be encoded is left to the server"
        );
    }

    #[test]
    fn no_secret_is_in_a_debug_text() {
        let secret = || SecretString::from("hunter2!");
        let wish = Own::ChangePassword { current: secret(), new: secret(), nonce: Some(secret()) };
        assert!(!format!("{wish:?}").contains("hunter"));
        let enrolling = Enrolling { factor: String::new(), secret: secret(), uri: secret() };
        assert!(!format!("{:?}", OwnDone::Enrolling(Box::new(enrolling))).contains("hunter"));
    }
}

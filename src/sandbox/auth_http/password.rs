//! Setting a password anew: by a mailed code (`/recover`, `/verify`), or while signed in (`PUT /user`,
//! `/reauthenticate`).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::{AuthError, answer, failed, read_json, reply, signed_in, user_json};
use crate::remote::wire::admin::PASSWORD_CHARS_MIN;
use crate::sandbox::accounts::{self, AuthCommit, Fault, Wish};
use crate::sandbox::auth::{Mail, MailFor, PASSWORD_BYTES_MAX, SignOut};
use crate::sandbox::engine::Commit;
use crate::sandbox::shared::{Shared, now};

/// Requests of one kind from one line in five minutes.
const PER_WINDOW: usize = 30;
const WINDOW_MS: i64 = 300_000;

fn stuck<E>(_: E) -> AuthError {
    AuthError::new(500, "unexpected_failure", "Database error")
}

fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Writes a mail down with its account, where it is not too soon for one.
fn send(shared: &Shared, email: &str, good_for: MailFor) -> Result<Value, AuthError> {
    if shared.is_too_often("mail", PER_WINDOW, WINDOW_MS) {
        return Err(AuthError::too_often());
    }
    let done = shared.transact_accounts(|_, auth, now| {
        // Of an unknown address nothing is told, nor of one that is known.
        let Some(mut account) = auth.account_of(email).cloned() else {
            return Ok(((), Commit::default(), AuthCommit::default()));
        };
        if let Some(wait) = account.mail_wait_s(now.as_millis()) {
            let message = format!("For security purposes, you can only request this after {wait} seconds.");
            return Err(AuthError::new(429, "over_email_send_rate_limit", message));
        }
        account.mail = Some(Mail::new(good_for, now.as_millis()).map_err(|error| failed(&error))?);
        auth.put_account(&account);
        Ok(((), Commit::default(), AuthCommit { accounts: [account.id].into(), ended: Vec::new() }))
    });
    done.map_err(stuck)?.map(|()| json!({}))
}

/// `POST /auth/v1/recover`.
pub async fn recover(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let done = read_json(request).await.and_then(|body| {
        let email = text(&body, "email")
            .ok_or_else(|| AuthError::new(400, "validation_failed", "Password recovery requires an email"))?;
        send(&shared, email, MailFor::Recovery)
    });
    answer(&headers, done)
}

/// `GET /auth/v1/reauthenticate`.
pub async fn reauthenticate(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let done = signed_in(&shared, &headers)
        .and_then(|(account, _)| send(&shared, &account.email, MailFor::Reauthentication));
    answer(&headers, done)
}

/// `POST /auth/v1/verify`.
pub async fn verify(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let done = read_json(request).await.and_then(|body| verified(&shared, &body));
    answer(&headers, done)
}

fn verified(shared: &Shared, body: &Value) -> Result<Value, AuthError> {
    if shared.is_too_often("verify", PER_WINDOW, WINDOW_MS) {
        return Err(AuthError::too_often());
    }
    let good_for = match text(body, "type") {
        Some("recovery") => MailFor::Recovery,
        // The real server keeps one code for both.
        Some("invite" | "signup") => MailFor::Invite,
        _ => return Err(AuthError::new(400, "validation_failed", "Verify requires a verification type")),
    };
    let (Some(email), Some(code)) = (text(body, "email"), text(body, "token")) else {
        return Err(AuthError::new(
            400,
            "validation_failed",
            "Only an email address or phone number should be provided on verify",
        ));
    };
    let expired = || AuthError::new(403, "otp_expired", "Token has expired or is invalid");
    let done = shared.transact_accounts(|engine, auth, now| {
        let account = auth.account_of(email).cloned().ok_or_else(expired)?;
        if account.is_banned(now.as_millis()) {
            return Err(AuthError::new(403, "user_banned", "User is banned"));
        }
        if !account.has_code(good_for, code, now.as_millis()) {
            return Err(expired());
        }
        let confirmed = Wish { confirm: true, ..Wish::default() };
        let done = accounts::update(engine, auth, account.id, &confirmed, now);
        let (mut account, commit, deeds) = done.map_err(fault)?;
        account.mail = None;
        auth.put_account(&account);
        let issued = auth.begin_by_mail(account.id, good_for, now.as_millis());
        Ok((issued.map_err(|error| failed(&error))?, commit, deeds))
    });
    serde_json::to_value(reply(shared, &done.map_err(stuck)??)?).map_err(stuck)
}

fn fault(fault: Fault) -> AuthError {
    match fault {
        Fault::Own(error) => failed(&error),
        Fault::EmailExists | Fault::Database => stuck(()),
    }
}

/// `PUT /auth/v1/user`, of which only the password can be set here.
pub async fn change(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let done = read_json(request).await.and_then(|body| changed(&shared, &headers, &body));
    answer(&headers, done)
}

fn changed(shared: &Shared, headers: &HeaderMap, body: &Value) -> Result<Value, AuthError> {
    let (account, claims) = signed_in(shared, headers)?;
    if shared.is_too_often("user", PER_WINDOW, WINDOW_MS) {
        return Err(AuthError::too_often());
    }
    let Some(password) = text(body, "password") else {
        return serde_json::to_value(user_json(&account)).map_err(stuck);
    };
    if password.len() > PASSWORD_BYTES_MAX {
        let message = "Password cannot be longer than 72 characters";
        return Err(AuthError::new(400, "validation_failed", message));
    }
    if account.has_second_factor() && claims.aal != "aal2" {
        let message = "AAL2 session is required to update email or password when MFA is enabled.";
        return Err(AuthError::new(401, "insufficient_aal", message));
    }
    let by_mail = shared.auth().session(claims.session_id).is_some_and(|session| session.method.is_some());
    if shared.faults.get().asks_for_nonce && !by_mail {
        let nonce = text(body, "nonce").ok_or_else(|| {
            AuthError::new(400, "reauthentication_needed", "Password update requires reauthentication")
        })?;
        if !account.has_code(MailFor::Reauthentication, nonce, now().as_millis()) {
            let message = "Nonce has expired or is invalid";
            return Err(AuthError::new(422, "reauthentication_not_valid", message));
        }
    }
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let message = format!("Password should be at least {PASSWORD_CHARS_MIN} characters.");
        return Err(AuthError::weak_password(&message, "length"));
    }
    if accounts::is_leaked(password) {
        let message = "Password is known to be weak and easy to guess, please choose a different one.";
        return Err(AuthError::weak_password(message, "pwned"));
    }
    if account.has_password(password) {
        let message = "New password should be different from the old password.";
        return Err(AuthError::new(422, "same_password", message));
    }
    let done = shared.transact_accounts(|_, auth, _| {
        let mut account = account;
        account.set_password(password).map_err(|error| failed(&error))?;
        account.mail = None;
        auth.put_account(&account);
        let ended = auth.sign_out(claims.session_id, account.id, SignOut::Others);
        Ok((account.clone(), Commit::default(), AuthCommit { accounts: [account.id].into(), ended }))
    });
    serde_json::to_value(user_json(&done.map_err(stuck)??)).map_err(stuck)
}

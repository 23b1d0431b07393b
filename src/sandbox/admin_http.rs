//! The part of `GoTrue`'s admin API that managing accounts needs: `/auth/v1/admin/users` and `/auth/v1/invite`.
//!
//! For the secret key alone: a person's pass beside it makes the request that person's, and nobody is an
//! administrator by a pass. What it asks is `accounts`' work; here are the shapes. No mail is ever sent: an
//! invitation says when, and its code stands with the account.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::accounts::{self, Ban, Done, Fault, Wish};
use super::auth::{Account, Auth, Mail, MailFor, PASSWORD_BYTES_MAX};
use super::auth_http::{AuthError, failed, read_json, user_json};
use super::engine::{Commit, Engine};
use super::http::{bearer, key_of};
use super::keys::{ApiKey, BadToken};
use super::shared::{Shared, Stuck, now, now_s};
use crate::domain::Stamp;

/// Accounts of one page where none are asked for, and at most.
const PER_PAGE: (usize, usize) = (50, 1000);

fn invalid(message: &str) -> AuthError {
    AuthError::new(400, "validation_failed", message)
}

/// Is it the secret key that asks, and it alone?
fn gate(shared: &Shared, request: &Request) -> Result<(), AuthError> {
    let not_admin = || AuthError::new(403, "not_admin", "User not allowed");
    let key = key_of(request);
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let token = text("authorization").and_then(bearer).filter(|token| text("apikey") != Some(*token));
    match token.map(|token| shared.keys.verify(token, now_s())) {
        Some(Err(BadToken::Expired)) => {
            let message = "invalid JWT: unable to parse or verify signature, token has invalid claims: token is expired";
            Err(AuthError::new(403, "bad_jwt", message))
        }
        Some(Err(_)) => {
            Err(AuthError::new(403, "bad_jwt", "invalid JWT: unable to parse or verify signature"))
        }
        None if key == ApiKey::Secret => Ok(()),
        Some(Ok(_)) | None => Err(not_admin()),
    }
}

fn answer(headers: &HeaderMap, reply: Result<Response, AuthError>) -> Response {
    reply.unwrap_or_else(|error| error.into_response(headers))
}

/// Runs a transaction on accounts and answers with the account.
fn run(
    shared: &Shared,
    what: &'static str,
    work: impl FnOnce(&mut Engine, &mut Auth, Stamp) -> Done<Account>,
) -> Result<Response, AuthError> {
    let unexpected = |message: &str| AuthError::new(500, "unexpected_failure", message);
    match shared.transact_accounts(work) {
        Ok(Ok(account)) => Ok(Json(user_json(&account)).into_response()),
        Ok(Err(Fault::EmailExists)) => {
            let message = "A user with this email address has already been registered";
            Err(AuthError::new(422, "email_exists", message))
        }
        Ok(Err(Fault::Database)) => Err(unexpected(what)),
        Ok(Err(Fault::Own(error))) => Err(failed(&error)),
        Err(Stuck) => Err(unexpected("Database error")),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Paging {
    page: Option<usize>,
    per_page: Option<usize>,
    /// Part of an address, with regard to case.
    filter: Option<String>,
}

/// `GET` and `POST /auth/v1/admin/users`.
pub async fn users(
    State(shared): State<Arc<Shared>>,
    Query(paging): Query<Paging>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    if let Err(error) = gate(&shared, &request) {
        return error.into_response(&headers);
    }
    if request.method() == Method::GET {
        return list(&shared, &paging);
    }
    let body = read_json(request).await;
    answer(&headers, body.and_then(|body| create(&shared, &body)))
}

fn list(shared: &Shared, paging: &Paging) -> Response {
    let auth = shared.auth();
    let filter = paging.filter.as_deref().unwrap_or_default();
    let mut all: Vec<&Account> = auth.accounts().filter(|account| account.email.contains(filter)).collect();
    all.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(b.id.cmp(&a.id)));
    let per_page = paging.per_page.unwrap_or(PER_PAGE.0).clamp(1, PER_PAGE.1);
    let page = paging.page.unwrap_or(1).max(1);
    let part = all.iter().skip((page - 1).saturating_mul(per_page)).take(per_page);
    let users: Vec<Value> = part.filter_map(|account| listed(account)).collect();
    let mut response = Json(json!({"users": users, "aud": "authenticated"})).into_response();
    let last = all.len().div_ceil(per_page).max(1);
    let link =
        |page: usize, rel: &str| format!("</admin/users?page={page}&per_page={per_page}>; rel=\"{rel}\"");
    let next = if page < last { link(page + 1, "next") + ", " } else { String::new() };
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(all.len()));
    if let Ok(value) = HeaderValue::from_str(&(next + &link(last, "last"))) {
        headers.insert(header::LINK, value);
    }
    response
}

/// Lists tell no identities.
fn listed(account: &Account) -> Option<Value> {
    let mut user = serde_json::to_value(user_json(account)).ok()?;
    user["identities"] = Value::Null;
    Some(user)
}

fn create(shared: &Shared, body: &Value) -> Result<Response, AuthError> {
    let wish = wish(body, now())?;
    if wish.email.is_none() {
        return Err(invalid("Cannot create a user without either an email or phone"));
    }
    run(shared, "Database error creating new user", |engine, auth, now| {
        accounts::create(engine, auth, &wish, now)
    })
}

/// `GET`, `PUT` and `DELETE /auth/v1/admin/users/{id}`.
pub async fn user(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Response {
    let headers = request.headers().clone();
    if let Err(error) = gate(&shared, &request) {
        return error.into_response(&headers);
    }
    let Ok(id) = Uuid::try_parse(&id) else {
        return AuthError::new(404, "validation_failed", "user_id must be an UUID").into_response(&headers);
    };
    let Some(account) = shared.auth().account(id).cloned() else {
        return AuthError::new(404, "user_not_found", "User not found").into_response(&headers);
    };
    match *request.method() {
        Method::GET => Json(user_json(&account)).into_response(),
        Method::DELETE => answer(&headers, remove(&shared, id)),
        _ => {
            let body = read_json(request).await;
            answer(&headers, body.and_then(|body| update(&shared, id, &body)))
        }
    }
}

fn update(shared: &Shared, id: Uuid, body: &Value) -> Result<Response, AuthError> {
    let wish = wish(body, now())?;
    if let Some(password) = &wish.password {
        strength(password)?;
    }
    run(shared, "Error updating user", |engine, auth, now| accounts::update(engine, auth, id, &wish, now))
}

fn remove(shared: &Shared, id: Uuid) -> Result<Response, AuthError> {
    let done = shared.transact_accounts(|engine, auth, now| {
        let (commit, deeds) = accounts::delete(engine, auth, id, now);
        Ok::<_, Fault>(((), commit, deeds))
    });
    match done {
        Ok(_) => Ok(Json(json!({})).into_response()),
        Err(Stuck) => Err(AuthError::new(500, "unexpected_failure", "Database error deleting user")),
    }
}

/// `POST /auth/v1/invite`: a new account without a password, or the same mail again.
pub async fn invite(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    if let Err(error) = gate(&shared, &request) {
        return error.into_response(&headers);
    }
    let body = read_json(request).await;
    answer(&headers, body.and_then(|body| invited(&shared, &body)))
}

fn invited(shared: &Shared, body: &Value) -> Result<Response, AuthError> {
    let Some(email) = body.get("email").and_then(Value::as_str).filter(|email| email.contains('@')) else {
        return Err(invalid("Unable to validate email address: invalid format"));
    };
    run(shared, "Database error saving new user", |engine, auth, now| {
        let known = auth.account_of(email).cloned();
        let (mut account, commit, mut deeds) = match known {
            Some(account) if !account.unconfirmed => return Err(Fault::EmailExists),
            Some(account) => (account, Commit::default(), accounts::AuthCommit::default()),
            None => {
                let wish = Wish { email: Some(email.to_owned()), ..Wish::default() };
                accounts::create(engine, auth, &wish, now)?
            }
        };
        account.invited_at = Some(now);
        account.mail = Some(Mail::new(MailFor::Invite, now.as_millis()).map_err(Fault::Own)?);
        auth.put_account(&account);
        deeds.accounts.insert(account.id);
        Ok((account, commit, deeds))
    })
}

fn strength(password: &str) -> Result<(), AuthError> {
    if accounts::is_leaked(password) {
        let message = "Password is known to be weak and easy to guess, please choose a different one.";
        return Err(AuthError::weak_password(message, "pwned"));
    }
    Ok(())
}

/// What the body of a creation or an update asks for.
fn wish(body: &Value, now: Stamp) -> Result<Wish, AuthError> {
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(AuthError::new(400, "bad_json", "Could not parse request body as JSON")),
    };
    let metadata = |name: &str| match body.get(name) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    let email = text("email")?;
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        return Err(invalid("Unable to validate email address: invalid format"));
    }
    let password = text("password")?;
    if password.as_ref().is_some_and(|password| password.len() > PASSWORD_BYTES_MAX) {
        return Err(invalid("Password cannot be longer than 72 characters"));
    }
    let ban = match text("ban_duration")?.as_deref() {
        None => Ban::Keep,
        Some("none") => Ban::Lift,
        Some(text) => {
            let micros =
                accounts::duration(text).ok_or_else(|| invalid("invalid format for ban duration"))?;
            Ban::Until(Stamp(now.0.saturating_add(micros)))
        }
    };
    Ok(Wish {
        email,
        password,
        confirm: body.get("email_confirm") == Some(&Value::Bool(true)),
        ban,
        app_metadata: metadata("app_metadata"),
        user_metadata: metadata("user_metadata"),
    })
}

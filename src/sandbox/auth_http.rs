//! The sign-in service on the wire: `/auth/v1/…` in `GoTrue`'s shapes.
//!
//! Errors come in two shapes: `{code: text, message}` to callers that name an API version, and
//! `{code: status, error_code, msg}` to the others; both with the header `x-sb-error-code`.
//!
//! `factors` has the endpoints of the second factor, `password` those by which a password is set anew.

pub mod factors;
pub mod password;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::auth::{Account, AuthRefusal, Issued, SignOut};
use super::http::{bearer, body_of};
use super::keys::{BadToken, Claims};
use super::shared::{Shared, now, now_s};
use crate::domain::Stamp;
use crate::remote::wire::{AuthUser, TokenReply};

/// The version from which errors have their present shape.
const API_VERSION: &str = "2024-01-01";
/// The largest body of an auth request.
const BODY_BYTES_MAX: usize = 1 << 20;

/// An error in the making: status, code, words, and what is wrong with a password.
pub struct AuthError(u16, &'static str, String, Option<&'static str>);

impl AuthError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self(status, code, message.into(), None)
    }

    pub fn weak_password(message: &str, reason: &'static str) -> Self {
        Self(422, "weak_password", message.to_owned(), Some(reason))
    }

    /// Too many requests of one kind from one address.
    pub fn too_often() -> Self {
        Self::new(429, "over_request_rate_limit", "Request rate limit reached")
    }

    pub fn code(&self) -> &'static str {
        self.1
    }

    pub fn message(&self) -> &str {
        &self.2
    }

    pub fn into_response(self, headers: &HeaderMap) -> Response {
        let Self(status, code, message, weak) = self;
        let version = headers.get("x-supabase-api-version").and_then(|value| value.to_str().ok());
        let versioned = version.is_some_and(|version| version >= API_VERSION);
        let mut body = if versioned {
            json!({"code": code, "message": message})
        } else {
            json!({"code": status, "error_code": code, "msg": message})
        };
        if let Some(reason) = weak {
            body["weak_password"] = json!({"reasons": [reason]});
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        response.headers_mut().insert("x-sb-error-code", HeaderValue::from_static(code));
        if versioned {
            response.headers_mut().insert("x-supabase-api-version", HeaderValue::from_static(API_VERSION));
        }
        response
    }
}

pub fn failed(error: &super::SandboxError) -> AuthError {
    tracing::error!(%error, "the sign-in service failed");
    AuthError::new(
        500,
        "unexpected_failure",
        "Unexpected failure, please check server logs for more information",
    )
}

pub async fn token(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default();
    let grant = query.split('&').find_map(|pair| pair.strip_prefix("grant_type=")).map(str::to_owned);
    let body = read_json(request).await;
    let reply = body.and_then(|body| match grant.as_deref() {
        Some("password") => by_password(&shared, &body),
        Some("refresh_token") => by_refresh(&shared, &body),
        _ => Err(AuthError::new(400, "invalid_credentials", "unsupported_grant_type")),
    });
    match reply {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => error.into_response(&headers),
    }
}

pub async fn read_json(request: Request) -> Result<Value, AuthError> {
    let body = body_of(request).await.filter(|body| body.len() <= BODY_BYTES_MAX);
    let too_large = || AuthError::new(413, "request_entity_too_large", "Request body too large");
    serde_json::from_slice(&body.ok_or_else(too_large)?)
        .map_err(|_| AuthError::new(400, "bad_json", "Could not parse request body as JSON"))
}

fn by_password(shared: &Shared, body: &Value) -> Result<TokenReply, AuthError> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let email =
        text("email").ok_or_else(|| AuthError::new(400, "validation_failed", "missing email or phone"))?;
    let issued = shared.auth().sign_in(email, text("password").unwrap_or_default(), now().as_millis());
    let issued = issued.map_err(|error| failed(&error))?.map_err(refusal)?;
    reply(shared, &issued)
}

fn by_refresh(shared: &Shared, body: &Value) -> Result<TokenReply, AuthError> {
    let token = body.get("refresh_token").and_then(Value::as_str).unwrap_or_default();
    let session = shared.auth().session_of(token);
    let issued = shared.auth().refresh(token, now().as_millis()).map_err(|error| failed(&error))?;
    // A ban ends no session: it only keeps it from being renewed.
    if issued.as_ref().is_err_and(|why| *why != AuthRefusal::TokenBanned)
        && let Some(session) = session
    {
        shared.keep_ended(&[session]);
    }
    reply(shared, &issued.map_err(refusal)?)
}

fn refusal(why: AuthRefusal) -> AuthError {
    let (code, message) = match why {
        AuthRefusal::InvalidCredentials => ("invalid_credentials", "Invalid login credentials"),
        AuthRefusal::PasswordTooLong => ("validation_failed", "Password cannot be longer than 72 characters"),
        AuthRefusal::Banned => ("user_banned", "User is banned"),
        AuthRefusal::EmailNotConfirmed => ("email_not_confirmed", "Email not confirmed"),
        AuthRefusal::TokenBanned => ("user_banned", "Invalid Refresh Token: User Banned"),
        AuthRefusal::TokenMalformed => ("validation_failed", "Refresh token is not valid"),
        AuthRefusal::TokenNotFound => {
            ("refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        }
        AuthRefusal::TokenUsed => ("refresh_token_already_used", "Invalid Refresh Token: Already Used"),
    };
    AuthError::new(400, code, message)
}

/// The session as the client gets it. It is kept before it is handed out.
pub(super) fn reply(shared: &Shared, issued: &Issued) -> Result<TokenReply, AuthError> {
    shared.keep_session(issued.session).map_err(|error| failed(&error))?;
    let now = now_s();
    let lifetime = shared.token_lifetime_s;
    let exp = now.saturating_add_unsigned(lifetime);
    let claims = Claims {
        iss: format!("{}/auth/v1", shared.url),
        aud: "authenticated".to_owned(),
        sub: issued.account.id,
        exp,
        iat: now,
        email: issued.account.email.clone(),
        phone: String::new(),
        role: "authenticated".to_owned(),
        aal: if issued.second_factor { "aal2" } else { "aal1" }.to_owned(),
        amr: issued
            .methods
            .iter()
            .map(|(method, at)| json!({"method": method, "timestamp": at.div_euclid(1000)}))
            .collect(),
        session_id: issued.session,
        is_anonymous: false,
        app_metadata: app_metadata(&issued.account),
        user_metadata: user_metadata(&issued.account),
    };
    Ok(TokenReply {
        access_token: shared.keys.sign(&claims).map_err(|error| failed(&error))?,
        token_type: "bearer".to_owned(),
        expires_in: lifetime,
        expires_at: Some(exp),
        refresh_token: issued.refresh_token.clone(),
        user: user_json(&issued.account),
    })
}

fn with(always: Value, own: &Map<String, Value>) -> Value {
    let mut all = always;
    if let Value::Object(all) = &mut all {
        all.extend(own.clone());
    }
    all
}

fn app_metadata(account: &Account) -> Value {
    with(json!({"provider": "email", "providers": ["email"]}), &account.app_metadata)
}

fn user_metadata(account: &Account) -> Value {
    with(json!({"email_verified": !account.unconfirmed}), &account.user_metadata)
}

pub fn user_json(account: &Account) -> AuthUser {
    let signed_in = account.last_sign_in_ms.map(|ms| Stamp::from_millis(ms).text());
    let updated = signed_in.clone().unwrap_or_else(|| account.created_at.clone());
    let confirmed = (!account.unconfirmed).then_some(&account.created_at);
    let identity = json!({
        "identity_id": account.id, "id": account.id, "user_id": account.id, "provider": "email",
        "identity_data": {"email": account.email, "email_verified": confirmed.is_some(), "sub": account.id},
        "last_sign_in_at": signed_in, "created_at": account.created_at, "updated_at": updated,
        "email": account.email,
    });
    let mut rest = json!({
        "aud": "authenticated", "role": "authenticated", "phone": "",
        "email_confirmed_at": confirmed, "confirmed_at": confirmed,
        "last_sign_in_at": signed_in,
        "app_metadata": app_metadata(account),
        "user_metadata": user_metadata(account),
        "identities": [identity],
        "created_at": account.created_at, "updated_at": updated, "is_anonymous": false,
    });
    // These are there only where they say something.
    if let Some(until) = account.banned_until {
        rest["banned_until"] = until.text().into();
    }
    if let Some(at) = account.invited_at {
        rest["invited_at"] = at.text().into();
    }
    if !account.factors.is_empty() {
        rest["factors"] = account.factors.iter().map(factors::listed).collect();
    }
    let rest = match rest {
        Value::Object(map) => map.into_iter().collect(),
        _ => std::collections::BTreeMap::new(),
    };
    AuthUser { id: account.id, email: Some(account.email.clone()), rest }
}

/// The account and claims of a bearer token, as every endpoint for signed-in users checks them.
pub fn signed_in(shared: &Shared, headers: &HeaderMap) -> Result<(Account, Claims), AuthError> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let missing = || AuthError::new(401, "no_authorization", "This endpoint requires a valid Bearer token");
    let token = authorization.and_then(bearer).filter(|token| !token.is_empty()).ok_or_else(missing)?;
    let bad = |what: &str| {
        AuthError::new(403, "bad_jwt", format!("invalid JWT: unable to parse or verify signature, {what}"))
    };
    let claims = shared.keys.verify(token, now_s()).map_err(|error| match error {
        BadToken::Parts(_) => bad("token is malformed: token contains an invalid number of segments"),
        BadToken::Expired => bad("token has invalid claims: token is expired"),
        BadToken::Forged => bad("token signature is invalid"),
    })?;
    let auth = shared.auth();
    let account = auth
        .account(claims.sub)
        .cloned()
        .ok_or_else(|| AuthError::new(403, "user_not_found", "User from sub claim in JWT does not exist"))?;
    if auth.session(claims.session_id).is_none() {
        let message = "Session from session_id claim in JWT does not exist";
        return Err(AuthError::new(403, "session_not_found", message));
    }
    if account.is_banned(now().as_millis()) {
        return Err(AuthError::new(403, "user_banned", "User is banned"));
    }
    Ok((account, claims))
}

/// An answer, or the error it came to.
pub(super) fn answer(headers: &HeaderMap, reply: Result<Value, AuthError>) -> Response {
    match reply {
        Ok(reply) => Json(reply).into_response(),
        Err(error) => error.into_response(headers),
    }
}

pub async fn user(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match signed_in(&shared, &headers) {
        Ok((account, _)) => Json(user_json(&account)).into_response(),
        Err(error) => error.into_response(&headers),
    }
}

pub async fn logout(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let scope = match query.split('&').find_map(|pair| pair.strip_prefix("scope=")) {
        None | Some("" | "global") => Ok(SignOut::Global),
        Some("local") => Ok(SignOut::Local),
        Some("others") => Ok(SignOut::Others),
        Some(other) => {
            Err(AuthError::new(400, "validation_failed", format!("Unsupported logout scope \"{other}\"")))
        }
    };
    let headers = request.headers();
    let ended = scope.and_then(|scope| {
        let (account, claims) = signed_in(&shared, headers)?;
        Ok(shared.auth().sign_out(claims.session_id, account.id, scope))
    });
    match ended {
        Ok(ended) => {
            shared.keep_ended(&ended);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => error.into_response(headers),
    }
}

pub async fn settings() -> Response {
    Json(json!({
        "external": {"email": true, "phone": false, "anonymous_users": false},
        "disable_signup": true, "mailer_autoconfirm": true, "phone_autoconfirm": false,
        "sms_provider": "", "saml_enabled": false, "saml_private_key_next_configured": false,
        "passkeys_enabled": false,
    }))
    .into_response()
}

pub async fn health() -> Response {
    Json(json!({
        "version": "v2.197.0", "name": "GoTrue", "description": "GoTrue is a user registration and authentication API",
    }))
    .into_response()
}

pub async fn jwks(State(shared): State<Arc<Shared>>) -> Response {
    let cached = [(header::CACHE_CONTROL, "public, max-age=600")];
    (cached, Json(shared.keys.jwks())).into_response()
}

//! The gateway: routes, the API key, the faults, and the shapes of errors that are nobody's own.
//!
//! Three families of errors, told apart by clients by their keys: the gateway's `{message, hint}`, auth's
//! `{code, message}` or `{code, error_code, msg}` (in `auth_http`), and the data API's
//! `{code, message, details, hint}`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::faults::{Answer, FaultSettings};
use super::keys::{ApiKey, BadToken, Claims};
use super::shared::{Shared, now_s};
use super::{admin_http, admin_users, auth_http, realtime, rows, rpc, writes};

/// The largest body that is read.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// Who asks, after the gate.
#[derive(Clone, Debug)]
pub enum Asker {
    /// The secret key alone.
    Service,
    /// The publishable key alone.
    Anon,
    User(Box<Claims>),
}

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/auth/v1/token", post(auth_http::token))
        .route("/auth/v1/user", get(auth_http::user).put(auth_http::password::change))
        .route("/auth/v1/recover", post(auth_http::password::recover))
        .route("/auth/v1/verify", post(auth_http::password::verify))
        .route("/auth/v1/reauthenticate", get(auth_http::password::reauthenticate))
        .route("/auth/v1/factors", post(auth_http::factors::enrol))
        .route("/auth/v1/factors/{id}", delete(auth_http::factors::unenrol))
        .route("/auth/v1/factors/{id}/challenge", post(auth_http::factors::challenge))
        .route("/auth/v1/factors/{id}/verify", post(auth_http::factors::verify))
        .route("/auth/v1/logout", post(auth_http::logout))
        .route("/auth/v1/settings", get(auth_http::settings))
        .route("/auth/v1/health", get(auth_http::health))
        .route("/auth/v1/admin/users", get(admin_http::users).post(admin_http::users))
        .route(
            "/auth/v1/admin/users/{id}",
            get(admin_http::user).put(admin_http::user).delete(admin_http::user),
        )
        .route("/auth/v1/invite", post(admin_http::invite))
        .route("/functions/v1/{name}", any(admin_users::call))
        .route("/auth/v1/.well-known/jwks.json", get(auth_http::jwks))
        .route("/rest/v1/rpc/{function}", post(rpc::call))
        .route("/rest/v1/{table}", get(rows::read).post(writes::insert).delete(writes::delete))
        .route("/realtime/v1/websocket", get(realtime::connect))
        .route("/sandbox/v1/faults", get(show_faults).post(set_faults))
        .route("/sandbox/v1/mails", get(show_mails))
        .fallback(no_route)
        .method_not_allowed_fallback(no_verb)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), gate))
        .with_state(shared)
}

/// The data API's error.
pub fn rest_error(status: u16, code: &str, message: &str) -> Response {
    rest_error_with(status, code, message, None)
}

pub fn rest_error_with(status: u16, code: &str, message: &str, details: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"code": code, "message": message, "details": details, "hint": null});
    let mut response = (status, Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("PostgREST; error={code}")) {
        response.headers_mut().insert("proxy-status", value);
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn gateway_error(code: &'static str, message: &str, hint: &str) -> Response {
    let body = json!({"message": message, "hint": hint});
    let mut response = (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    response.headers_mut().insert("sb-error-code", HeaderValue::from_static(code));
    response
}

/// The whole body, or nothing where it is too large or breaks off.
pub async fn body_of(request: Request) -> Option<Bytes> {
    axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await.ok()
}

async fn no_route() -> Response {
    rest_error(404, "PGRST125", "Invalid path specified in request URL")
}

async fn no_verb() -> Response {
    rest_error(405, "PGRST117", "Unsupported HTTP method")
}

fn query_value(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    let axum::extract::Query(pairs) =
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    let found = pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value);
    found.filter(|_| !query.is_empty())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Every request comes through here: faults first, then the API key.
async fn gate(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if !path.starts_with("/sandbox/")
        && let Some(answer) = fault_answer(&shared).await
    {
        return answer;
    }
    if path == "/auth/v1/.well-known/jwks.json" {
        return next.run(request).await;
    }
    let text = header_text(request.headers(), "apikey").map(str::to_owned);
    let Some(text) = text.or_else(|| query_value(&request, "apikey")) else {
        return gateway_error(
            "UNAUTHORIZED_MISSING_API_KEY",
            "No API key found in request",
            "No `apikey` request header or url param was found.",
        );
    };
    let Some(key) = shared.keys.api_key(&text) else {
        return gateway_error(
            "UNAUTHORIZED_INVALID_API_KEY",
            "Invalid API key",
            "Double check your Supabase `anon` or `service_role` API key.",
        );
    };
    request.extensions_mut().insert(key);
    next.run(request).await
}

async fn fault_answer(shared: &Shared) -> Option<Response> {
    let settings = shared.faults.get();
    if settings.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(settings.latency_ms)).await;
    }
    match settings.answer? {
        Answer::ExpiredToken => None,
        Answer::Error500 => Some(rest_error(500, "XX000", "internal error")),
        Answer::TooMany => {
            let body = json!({"code": "over_request_rate_limit", "message": "Request rate limit reached"});
            let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
            let after = settings.retry_after_s.map(HeaderValue::from);
            after.and_then(|value| response.headers_mut().insert(header::RETRY_AFTER, value));
            Some(response)
        }
        Answer::Html => {
            let page = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\
                        <body><h1>Guest network</h1><p>Accept the terms to go online.</p></body></html>\n";
            let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            Some((StatusCode::OK, kind, Body::from(page)).into_response())
        }
    }
}

/// The API key that a request came through the gate with.
pub fn key_of(request: &Request) -> ApiKey {
    request.extensions().get::<ApiKey>().copied().unwrap_or(ApiKey::Publishable)
}

/// Who asks the data API, by the API key and the token; the refusal as `PostgREST` words it.
pub fn asker(shared: &Shared, request: &Request) -> Result<Asker, Box<Response>> {
    let headers = request.headers();
    let alone = match key_of(request) {
        ApiKey::Secret => Asker::Service,
        ApiKey::Publishable => Asker::Anon,
    };
    let Some(authorization) = header_text(headers, "authorization") else { return Ok(alone) };
    let Some(token) = bearer(authorization) else { return Ok(alone) };
    // supabase-js sends the key as the token while nobody is signed in; the gateway takes that for no token.
    if token.starts_with("sb_") && header_text(headers, "apikey") == Some(token) {
        return Ok(alone);
    }
    if token.is_empty() {
        let message = "Empty JWT is sent in Authorization header";
        return Err(Box::new(rest_error(401, "PGRST301", message)));
    }
    let expired = || Box::new(rest_error(401, "PGRST303", "JWT expired"));
    let claims = shared.keys.verify(token, now_s()).map_err(|bad| match bad {
        BadToken::Expired => expired(),
        BadToken::Parts(count) => {
            Box::new(rest_error(401, "PGRST301", &format!("Expected 3 parts in JWT; got {count}")))
        }
        BadToken::Forged => Box::new(rest_error(401, "PGRST301", "No suitable key or wrong key type")),
    })?;
    if shared.is_made_to_expire(claims.session_id) {
        return Err(expired());
    }
    Ok(Asker::User(Box::new(claims)))
}

/// The token of `Bearer …`, without regard to the word's case.
pub fn bearer(authorization: &str) -> Option<&str> {
    let (word, token) = authorization.split_once(' ').unwrap_or((authorization, ""));
    word.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn needs_secret(key: ApiKey) -> Option<Response> {
    (key != ApiKey::Secret).then(|| {
        gateway_error(
            "UNAUTHORIZED_INVALID_API_KEY_TYPE",
            "Secret API key required",
            "Only secret API keys can be used for this endpoint.",
        )
    })
}

async fn show_faults(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match request.extensions().get::<ApiKey>().and_then(|key| needs_secret(*key)) {
        Some(refusal) => refusal,
        None => Json(faults_json(&shared)).into_response(),
    }
}

/// The mails that were never sent: to whom, what their code is good for, and the code.
async fn show_mails(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match request.extensions().get::<ApiKey>().and_then(|key| needs_secret(*key)) {
        Some(refusal) => refusal,
        None => Json(shared.mails()).into_response(),
    }
}

fn faults_json(shared: &Shared) -> Value {
    let mut json = serde_json::to_value(shared.faults.get()).unwrap_or_default();
    json["line_down"] = shared.faults.is_line_down().into();
    json
}

async fn set_faults(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if let Some(refusal) = request.extensions().get::<ApiKey>().and_then(|key| needs_secret(*key)) {
        return refusal;
    }
    let body = body_of(request).await.unwrap_or_default();
    match serde_json::from_slice::<FaultSettings>(&body) {
        Err(error) => rest_error(400, "PGRST102", &format!("These are no fault settings: {error}.")),
        Ok(settings) => {
            let down = settings.line_down_ms;
            shared.faults.set(settings);
            let answer = Json(faults_json(&shared)).into_response();
            if let Some(ms) = down {
                // The answer to this request should still get out.
                let faults = shared.faults.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    faults.line_down_for(Duration::from_millis(ms));
                });
            }
            answer
        }
    }
}

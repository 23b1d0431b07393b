//! The three functions of the sync protocol as `PostgREST` would call them: arguments by name, errors in its
//! shape, everything else an answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

use super::engine::{Caller, Commit, Engine, Fault};
use super::http::{Asker, asker, body_of, rest_error, rest_error_with};
use super::keys::{ApiKey, Claims};
use super::line::Cut;
use super::shared::{Shared, now};
use crate::domain::Kind;
use crate::remote::wire::{
    DigestReply, DigestRequest, Must, MustReply, PullReply, PullRequest, PushReply, PushRequest, SCHEMA,
};

/// The arguments of each function, sorted.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("sync_digest", &["tables"]),
    ("sync_pull", &["cursor", "limit_bytes", "limit_rows", "schema"]),
    ("sync_push", &["device", "ops", "report", "schema", "uid"]),
];
/// How long a request whose connection was cut lingers, so that nothing is answered on it.
const LINGER: Duration = Duration::from_millis(200);

type Answer = Result<Response, Box<Response>>;

pub async fn call(
    State(shared): State<Arc<Shared>>,
    Path(function): Path<String>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    match answer(&shared, &function, &cut, request).await {
        Ok(response) => response,
        Err(response) => *response,
    }
}

/// Boxed, since it is the rare end of a `Result` whose other end should stay small.
#[expect(clippy::unnecessary_box_returns, reason = "every caller puts it into `Answer`, which is boxed")]
fn refuse(status: u16, code: &str, message: &str) -> Box<Response> {
    Box::new(rest_error(status, code, message))
}

async fn answer(shared: &Shared, function: &str, cut: &Cut, request: Request) -> Answer {
    let key = request.extensions().get::<ApiKey>().copied().unwrap_or(ApiKey::Publishable);
    let asker = asker(shared, request.headers(), key)?;
    let too_large = || refuse(413, "PT413", "The body is larger than this server reads.");
    let body = body_of(request).await.ok_or_else(too_large)?;
    let arguments = arguments(function, &body)?;
    let claims = match asker {
        Asker::User(claims) => Some(*claims),
        Asker::Service => None,
        Asker::Anon => {
            return Err(refuse(401, "42501", &format!("permission denied for function {function}")));
        }
    };
    match function {
        "sync_pull" => pull(shared, claims.as_ref(), &typed(arguments)?),
        "sync_push" => {
            let answer = push(shared, claims.as_ref(), &typed(arguments)?);
            if answer.is_ok() && shared.faults.loses_reply() {
                cut.cut();
                tokio::time::sleep(LINGER).await;
            }
            answer
        }
        _ => digest(shared, claims.as_ref(), &typed(arguments)?),
    }
}

/// The arguments, if they are those of the function.
fn arguments(function: &str, body: &[u8]) -> Result<Map<String, Value>, Box<Response>> {
    let body = if body.is_empty() { b"{}" } else { body };
    let arguments: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        let details = error.to_string();
        Box::new(rest_error_with(400, "PGRST102", "Empty or invalid json", Some(&details)))
    })?;
    let mut names: Vec<_> = arguments.keys().map(String::as_str).collect();
    names.sort_unstable();
    if FUNCTIONS.iter().any(|(name, wanted)| *name == function && *wanted == names) {
        return Ok(arguments);
    }
    let message =
        format!("Could not find the function public.{function}({}) in the schema cache", names.join(", "));
    Err(refuse(404, "PGRST202", &message))
}

fn typed<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Box<Response>> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| refuse(400, "PT400", &format!("The arguments have the wrong shape: {error}.")))
}

fn reply<T: Serialize>(value: T) -> Response {
    Json(value).into_response()
}

#[expect(clippy::unnecessary_box_returns, reason = "every caller puts it into `Answer`, which is boxed")]
fn call_fault(fault: &Fault) -> Box<Response> {
    let (status, code) = match fault {
        Fault::Malformed(_) => (400, "PT400"),
        Fault::TooLarge(_) => (413, "PT413"),
        Fault::AuthMismatch => (409, "PT409"),
    };
    refuse(status, code, &fault.to_string())
}

/// The caller, or the word for who may not work.
fn caller(
    shared: &Shared,
    engine: &Engine,
    claims: Option<&Claims>,
    schema: u32,
) -> Result<Caller, MustReply> {
    let word = |must| MustReply { must, why: None };
    let claims = claims.ok_or(word(Must::NoProfile))?;
    if shared.auth().session(claims.session_id).is_none() {
        return Err(word(Must::SignedOut));
    }
    let caller = engine.caller(claims.sub).map_err(word)?;
    if schema == SCHEMA { Ok(caller) } else { Err(word(Must::SchemaOld)) }
}

fn pull(shared: &Shared, claims: Option<&Claims>, request: &PullRequest) -> Answer {
    let engine = shared.engine();
    match caller(shared, &engine, claims, request.schema) {
        Err(must) => Ok(reply(PullReply::Must(must))),
        Ok(caller) => {
            let page = engine.pull(&caller, request, now());
            drop(engine);
            Ok(reply(page.map_err(|fault| call_fault(&fault))?))
        }
    }
}

fn push(shared: &Shared, claims: Option<&Claims>, request: &PushRequest) -> Answer {
    // Whose edits these are comes first: no word about the caller may settle another's edits.
    if claims.is_some_and(|claims| claims.sub != request.uid) {
        return Err(call_fault(&Fault::AuthMismatch));
    }
    // The caller is looked up inside the transaction: it may be losing its role at this moment.
    let done = shared.transact(|engine, now| {
        let caller = match caller(shared, engine, claims, request.schema) {
            Err(must) => return Ok((PushReply::Must(must), Commit::default())),
            Ok(caller) => caller,
        };
        let (results, commit) = engine.push(&caller, request, now)?;
        Ok((PushReply::Results { results, server_time: now }, commit))
    });
    let done = done.map_err(|_| refuse(503, "53100", "The server cannot write to its data folder."))?;
    Ok(reply(done.map_err(|fault: Fault| call_fault(&fault))?))
}

fn digest(shared: &Shared, claims: Option<&Claims>, request: &DigestRequest) -> Answer {
    if request.tables.len() > Kind::ALL.len() {
        return Err(call_fault(&Fault::Malformed("A table is named twice.".to_owned())));
    }
    let engine = shared.engine();
    Ok(match caller(shared, &engine, claims, SCHEMA) {
        Err(must) => reply(DigestReply::Must(must)),
        Ok(caller) => reply(DigestReply::Tables(engine.digest(&caller, &request.tables))),
    })
}

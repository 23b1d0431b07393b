//! The functions of the database as `PostgREST` would call them: arguments by name, errors in its shape,
//! everything else an answer. The three of the sync protocol are here, those of managing accounts in `admin_rpc`, those
//! of devices' keys in `device_keys`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

use super::admin_rpc;
use super::arguments::{self, Arguments};
use super::device_keys;
use super::engine::{Caller, Commit, Engine, Fault};
use super::http::{Asker, asker, body_of, rest_error, rest_error_with};
use super::keys::Claims;
use super::line::Cut;
use super::shared::{Shared, now};
use crate::domain::Kind;
use crate::remote::wire::activity::{ActivityReply, ActivityRequest};
use crate::remote::wire::{
    DigestReply, Must, MustReply, PullReply, PullRequest, PushReply, PushRequest, SCHEMA,
};

/// The arguments of each function, sorted.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("activity_page", &["before", "limit_rows", "pk", "tbl"]),
    ("admin_caller", &[]),
    ("admin_linked", &["accounts"]),
    ("admin_sign_out", &["account"]),
    ("device_key", &["device", "offered"]),
    ("erase_device", &["device", "user_id"]),
    ("note_account_deed", &["actor", "deed", "op", "profile", "reason"]),
    ("sync_devices", &[]),
    ("sync_digest", &["tables"]),
    ("sync_pull", &["cursor", "limit_bytes", "limit_rows", "schema"]),
    ("sync_push", &["device", "ops", "report", "schema", "uid"]),
];
/// The function whose arguments have defaults: any of them may be left out.
const WITH_DEFAULTS: &str = "activity_page";
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
    let asker = asker(shared, &request)?;
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
        "activity_page" => activity(shared, claims.as_ref(), &typed(arguments)?),
        "admin_caller" => Ok(admin_rpc::caller(shared, claims.as_ref())),
        "admin_linked" => admin_rpc::linked(shared, claims.as_ref(), &typed(arguments)?),
        "admin_sign_out" => admin_rpc::sign_out(shared, claims.as_ref(), &typed(arguments)?),
        "device_key" => device_keys::device_key(shared, claims.as_ref(), typed(arguments)?),
        "erase_device" => device_keys::erase_device(shared, claims.as_ref(), &typed(arguments)?),
        "note_account_deed" => admin_rpc::note(shared, claims.as_ref(), &typed(arguments)?),
        "sync_devices" => Ok(device_keys::devices(shared, claims.as_ref())),
        "sync_pull" => pull(shared, claims.as_ref(), &arguments),
        "sync_push" => {
            let answer = push(shared, claims.as_ref(), &arguments);
            if answer.is_ok() && shared.faults.loses_reply() {
                cut.cut();
                tokio::time::sleep(LINGER).await;
            }
            answer
        }
        _ => digest(shared, claims.as_ref(), &arguments),
    }
}

/// The arguments, if they are those of the function.
fn arguments(function: &str, body: &[u8]) -> Result<Arguments, Box<Response>> {
    let body = if body.is_empty() { b"{}" } else { body };
    let arguments: Arguments = serde_json::from_slice(body).map_err(|error| {
        let details = error.to_string();
        Box::new(rest_error_with(400, "PGRST102", "Empty or invalid json", Some(&details)))
    })?;
    let mut names: Vec<_> = arguments.keys().map(String::as_str).collect();
    names.sort_unstable();
    let fits = |wanted: &[&str]| {
        wanted == names || function == WITH_DEFAULTS && names.iter().all(|name| wanted.contains(name))
    };
    if FUNCTIONS.iter().any(|(name, wanted)| *name == function && fits(wanted)) {
        if arguments.values().any(arguments::has_nul) {
            let details = Some("\\u0000 cannot be converted to text.");
            let message = "unsupported Unicode escape sequence";
            return Err(Box::new(rest_error_with(400, "22P05", message, details)));
        }
        return Ok(arguments);
    }
    let message =
        format!("Could not find the function public.{function}({}) in the schema cache", names.join(", "));
    Err(refuse(404, "PGRST202", &message))
}

fn typed<T: DeserializeOwned>(arguments: Arguments) -> Result<T, Box<Response>> {
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

/// The caller, or the word for who may not work. The profile comes before the session: making somebody INACTIVE
/// ends the sessions too, and they should hear the reason.
pub fn caller(
    shared: &Shared,
    engine: &Engine,
    claims: Option<&Claims>,
    schema: u32,
) -> Result<Caller, MustReply> {
    let word = |must| MustReply { must, why: None };
    let claims = claims.ok_or(word(Must::NoProfile))?;
    let caller = engine.caller(claims.sub).map_err(word)?;
    if shared.auth().session(claims.session_id).is_none() {
        return Err(word(Must::SignedOut));
    }
    if shared.lacks_second_factor(claims) {
        return Err(word(Must::Aal2));
    }
    if schema == SCHEMA { Ok(caller) } else { Err(word(Must::SchemaOld)) }
}

/// The schema that a caller speaks; 0 for what is none.
fn schema_of(arguments: &Arguments) -> Result<u32, Box<Response>> {
    let schema = arguments::int(arguments, "schema").map_err(bad_scalar)?;
    Ok(schema.and_then(|schema| u32::try_from(schema).ok()).unwrap_or_default())
}

/// A limit of a page; 0 for what leaves no room.
fn limit_of(arguments: &Arguments, name: &str) -> Result<u32, Box<Response>> {
    let limit = arguments::int(arguments, name).map_err(bad_scalar)?;
    Ok(limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or_default())
}

#[expect(clippy::unnecessary_box_returns, reason = "every caller puts it into `Answer`, which is boxed")]
fn bad_scalar((code, message): arguments::BadScalar) -> Box<Response> {
    refuse(400, code, &message)
}

fn pull(shared: &Shared, claims: Option<&Claims>, arguments: &Arguments) -> Answer {
    let request = PullRequest {
        cursor: arguments.get("cursor").filter(|cursor| !cursor.is_null()).cloned(),
        limit_rows: limit_of(arguments, "limit_rows")?,
        limit_bytes: limit_of(arguments, "limit_bytes")?,
        schema: schema_of(arguments)?,
    };
    let engine = shared.engine();
    match caller(shared, &engine, claims, request.schema) {
        Err(must) => Ok(reply(PullReply::Must(must))),
        Ok(caller) => {
            let page = engine.pull(&caller, &request, now());
            drop(engine);
            Ok(reply(page.map_err(|fault| call_fault(&fault))?))
        }
    }
}

fn push(shared: &Shared, claims: Option<&Claims>, arguments: &Arguments) -> Answer {
    let uid = arguments::uuid(arguments, "uid").map_err(bad_scalar)?;
    let device = arguments::uuid(arguments, "device").map_err(bad_scalar)?;
    let schema = schema_of(arguments)?;
    // Whose edits these are comes first: no word about the caller may settle another's edits.
    if claims.is_some_and(|claims| Some(claims.sub) != uid) {
        return Err(call_fault(&Fault::AuthMismatch));
    }
    // Read before anybody is kept waiting, judged only after the caller was.
    let request = push_request(uid, device, schema, arguments);
    // The caller is looked up inside the transaction: it may be losing its role at this moment.
    let done = shared.transact(|engine, now| {
        let caller = match caller(shared, engine, claims, schema) {
            Err(must) => return Ok(((PushReply::Must(must), None), Commit::default())),
            Ok(caller) => caller,
        };
        let mut request = request?;
        let (device, report) = (request.device, request.report.take());
        let (results, commit) = engine.push(&caller, &request, now)?;
        let said = report.map(|report| (caller.actor.user, device, report));
        Ok(((PushReply::Results { results, server_time: now }, said), commit))
    });
    let done = done.map_err(|_| refuse(503, "53100", "The server cannot write to its data folder."))?;
    let (answer, said) = done.map_err(|fault: Fault| call_fault(&fault))?;
    if let Some((user, device, report)) = said {
        device_keys::report(shared, user, device, report);
    }
    Ok(reply(answer))
}

fn activity(shared: &Shared, claims: Option<&Claims>, request: &ActivityRequest) -> Answer {
    let engine = shared.engine();
    let caller = match caller(shared, &engine, claims, SCHEMA) {
        Err(must) => return Ok(reply(ActivityReply::Must(must))),
        Ok(caller) => caller,
    };
    if request.limit_rows == 0 {
        return Err(refuse(400, "PT400", "A page must have room for at least one line."));
    } else if request.pk.is_some() && request.tbl.is_none() {
        return Err(refuse(400, "PT400", "tbl is one of the tables, and pk goes with it."));
    }
    let (items, more) = engine.activity_page(&caller, request);
    Ok(reply(ActivityReply::Page { items, more, server_time: now() }))
}

fn push_request(
    uid: Option<Uuid>,
    device: Option<Uuid>,
    schema: u32,
    arguments: &Arguments,
) -> Result<PushRequest, Fault> {
    let device = device.ok_or_else(|| Fault::Malformed("device is needed.".to_owned()))?;
    let ops = arguments::ops(arguments.get("ops"))?;
    let report = arguments::report(arguments.get("report"))?;
    Ok(PushRequest { uid: uid.unwrap_or_default(), device, schema, report, ops })
}

fn digest(shared: &Shared, claims: Option<&Claims>, arguments: &Arguments) -> Answer {
    let engine = shared.engine();
    let caller = match caller(shared, &engine, claims, SCHEMA) {
        Err(must) => return Ok(reply(DigestReply::Must(must))),
        Ok(caller) => caller,
    };
    let tables = arguments.get("tables").and_then(|tables| arguments::typed::<Vec<Kind>>(tables).ok());
    let Some(tables) = tables.filter(|tables| tables.len() <= Kind::ALL.len()) else {
        return Err(call_fault(&Fault::Malformed("tables is a list of table names.".to_owned())));
    };
    Ok(reply(DigestReply::Tables(engine.digest(&caller, &tables))))
}

//! Writing tables past the sync, as setting up and repairing accounts does: new profiles, and taking them away again.
//!
//! For the secret key alone, and for profiles alone; what else `PostgREST` would take is told that it is not there. The
//! product's rules hold as the database's triggers have them, roles do not matter, and everybody is nudged.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value as Json;
use uuid::Uuid;

use super::http::{Asker, asker, body_of, rest_error};
use super::query::{Pairs, Refused, as_stored, asked, denied, kind_of, not_there, told};
use super::shared::Shared;
use crate::domain::{Change, Fields, Key, Kind, Reason, Refusal, World};

/// `POST /rest/v1/profiles`: one row; nothing is answered but that it is there.
pub async fn insert(
    State(shared): State<Arc<Shared>>,
    Path(table): Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    if let Err(refusal) = gate(&shared, &table, &request) {
        return *refusal;
    }
    let body = body_of(request).await;
    let change = minimal(&headers).and_then(|()| asked(&table, query, &headers)).and_then(|(_, asked)| {
        if asked.is_bare() { row(body.as_deref()) } else { Err(not_there("A query here")) }
    });
    match change {
        Ok(change) => write(&shared, StatusCode::CREATED, |_| vec![change]),
        Err(refused) => told(refused),
    }
}

/// `DELETE /rest/v1/profiles?…`: the rows that pass, or none of them.
pub async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(table): Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
    request: Request,
) -> Response {
    if let Err(refusal) = gate(&shared, &table, &request) {
        return *refusal;
    }
    let asked = minimal(request.headers()).and_then(|()| asked(&table, query, request.headers()));
    match asked {
        Ok((_, asked)) if asked.is_unfiltered() => rest_error(400, "21000", "DELETE requires a WHERE clause"),
        Ok((_, asked)) if asked.is_ordered() || asked.limit.is_some() => {
            told(not_there("An order or a limit of what is deleted"))
        }
        Ok((kind, asked)) => write(&shared, StatusCode::NO_CONTENT, |world| {
            let rows = world.keys(kind).into_iter().filter_map(|key| world.get(&key));
            rows.filter(|row| asked.passes(row)).map(|row| Change::delete(&row)).collect()
        }),
        Err(refused) => told(refused),
    }
}

/// The secret key, alone, for profiles?
fn gate(shared: &Shared, table: &str, request: &Request) -> Result<(), Box<Response>> {
    let refuse = |refused| Err(Box::new(told(refused)));
    match (asker(shared, request)?, kind_of(table)) {
        (_, Err(refused)) => refuse(refused),
        (Asker::Anon, _) => refuse(denied(table)),
        (Asker::User(_), _) => refuse(not_there("Writing a table, but by sync_push,")),
        (Asker::Service, Ok(Kind::User)) => Ok(()),
        (Asker::Service, Ok(_)) => refuse(not_there("Writing a table other than profiles")),
    }
}

/// Nothing is asked for that is not answered?
fn minimal(headers: &HeaderMap) -> Result<(), Refused> {
    let asks = headers.get_all("prefer").iter().any(|value| value != "return=minimal");
    if asks { Err(not_there("A preference other than return=minimal")) } else { Ok(()) }
}

/// The new row that a body asks for.
fn row(body: Option<&[u8]>) -> Result<Change, Refused> {
    let body = body.ok_or_else(|| (413, "PT413", "The body is larger than this server reads.".to_owned()))?;
    let told = match serde_json::from_slice(body) {
        Ok(Json::Object(told)) => told,
        Ok(Json::Array(_)) => return Err(not_there("Several rows at once")),
        _ => return Err((400, "PGRST102", "Empty or invalid json".to_owned())),
    };
    let (mut set, mut id) = (Fields::new(), None);
    for (name, value) in told {
        let value = match value {
            Json::Null => None,
            Json::String(text) => Some(text),
            _ => return Err(not_there(&format!("A value of {name} that is no text"))),
        };
        match (Kind::User.field(&name), value) {
            (None, _) => {
                let words = format!("Could not find the '{name}' column of 'profiles' in the schema cache");
                return Err((400, "PGRST204", words));
            }
            (Some(field), _) if field.server && name != "id" => {
                return Err(not_there(&format!("Writing the column {name}")));
            }
            (Some(field), value) => {
                let value = value.map(|text| as_stored(field, text)).transpose()?;
                if name == "id" {
                    id = value.and_then(|text| Uuid::try_parse(&text).ok());
                } else {
                    set.insert(name, value);
                }
            }
        }
    }
    let without = "null value in column \"id\" of relation \"profiles\" violates not-null constraint";
    let id = id.ok_or_else(|| (400, "23502", without.to_owned()))?;
    Ok(Change::insert(Key::user(id), set))
}

/// Carries out what `changes` makes of the rows, whole or not at all.
fn write(shared: &Shared, done: StatusCode, changes: impl FnOnce(&World) -> Vec<Change>) -> Response {
    let written = shared.transact(|engine, now| {
        let changes = changes(engine.world());
        engine.admin(&changes, now).map(|commit| ((), commit))
    });
    match written {
        Ok(Ok(())) => done.into_response(),
        Ok(Err(refusal)) => refused(&refusal),
        Err(_) => rest_error(500, "58030", "could not write to the data folder"),
    }
}

/// A refusal by the rules, as the database's triggers raise it.
fn refused(refusal: &Refusal) -> Response {
    let (status, code) = match refusal.reason {
        Reason::Forbidden => (403, "42501"),
        Reason::Invalid => (400, "23514"),
        Reason::Unique => (409, "23505"),
        Reason::Reference => (409, "23503"),
    };
    rest_error(status, code, &refusal.message)
}

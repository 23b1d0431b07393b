//! Reading tables. Rows are filtered by the caller's role, and at most 1000 are given, as Supabase does.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::engine::Engine;
use super::http::{Asker, asker};
use super::query::{Asked, Pairs, asked, denied, told};
use super::shared::Shared;
use crate::domain::{Actor, Fields, Kind, Record, policy};

/// Supabase's own cap.
const ROWS_MAX: usize = 1000;

pub async fn read(
    State(shared): State<Arc<Shared>>,
    Path(table): Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
    request: Request,
) -> Response {
    let read = || {
        let reader = reader(&shared, &table, &request)?;
        let (kind, query) =
            asked(&table, query, request.headers()).map_err(|refused| Box::new(told(refused)))?;
        Ok(page(rows(&shared.engine(), kind, &query, reader)))
    };
    read().unwrap_or_else(|refusal: Box<Response>| *refusal)
}

fn reader(shared: &Shared, table: &str, request: &Request) -> Result<Reader, Box<Response>> {
    Ok(match asker(shared, request)? {
        Asker::Anon => {
            return Err(Box::new(told(denied(table))));
        }
        Asker::Service => Reader::All,
        // Nobody works in a session that has ended.
        Asker::User(claims)
            if shared.auth().session(claims.session_id).is_none() || shared.lacks_second_factor(&claims) =>
        {
            Reader::Nobody
        }
        Asker::User(claims) => {
            shared.engine().caller(claims.sub).map_or(Reader::Nobody, |caller| Reader::Actor(caller.actor))
        }
    })
}

/// Whose eyes read.
#[derive(Clone, Copy)]
enum Reader {
    All,
    Actor(Actor),
    Nobody,
}

fn page(rows: Vec<Fields>) -> Response {
    let range = match rows.len() {
        0 => "*/*".to_owned(),
        count => format!("0-{}/*", count - 1),
    };
    let mut response = Json(rows).into_response();
    if let Ok(value) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

fn rows(engine: &Engine, kind: Kind, asked: &Asked, reader: Reader) -> Vec<Fields> {
    let world = engine.world();
    let may_see = |record: &Record| match reader {
        Reader::All => true,
        Reader::Actor(actor) => policy::may_see(&actor, world, record),
        Reader::Nobody => false,
    };
    let limit = asked.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let keys = world.keys(kind);
    let found = keys.iter().filter_map(|key| world.get(key)).filter(|row| asked.passes(row) && may_see(row));
    if !asked.is_ordered() {
        return found.take(limit).map(|record| record.fields()).collect();
    }
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| asked.compare(a, b));
    found.truncate(limit);
    found.iter().map(Record::fields).collect()
}

//! The ways to ask: direct statements as PostgREST makes them, a push, and both over HTTP.

use flyos::domain::{Change, Key, Op};
use flyos::remote::wire::{OpKind, OpWire, SCHEMA};
use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::probes::{Cell, Probe};
use super::stage::{Caller, Stage};
use crate::pg::{Sql, sqlstate};
use crate::rows::{key_columns, push, statement};

/// The refusals of our rules, by SQLSTATE.
const RULES: [&str; 3] = ["23514", "23505", "23503"];

/// A direct statement, taken back.
pub async fn directly(sql: &Sql, probe: &Probe) -> Cell {
    let (text, argument) = match probe {
        Probe::See(key) => {
            let table = format!("public.{}", key.kind.table());
            let names = key_columns(key).as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
            let is_row =
                names.iter().map(|name| format!("t.{name} = r.{name}")).collect::<Vec<_>>().join(" and ");
            let from = format!("jsonb_populate_record(null::{table}, $1) r");
            (format!("select t.* from {table} t, {from} where {is_row}"), key_columns(key))
        }
        // As `Prefer: return=representation` has it: what was written must be seen as well.
        Probe::Do(change) => {
            let (text, argument) = statement(change);
            let of = if matches!(change.op, Op::Insert { .. }) { "*" } else { "t.*" };
            (format!("{text} returning {of}"), argument)
        }
    };
    sql.batch_execute("begin").await.expect("a transaction begins");
    let done = sql.execute(&text, &[&argument]).await;
    sql.batch_execute("rollback").await.expect("and is taken back");
    match (&done, sqlstate(&done)) {
        (Ok(0), _) | (_, "42501") => Cell::No,
        (Ok(1), _) => Cell::Yes,
        (_, code) if RULES.contains(&code) => Cell::Rule,
        (_, code) => Cell::Odd(code.to_owned()),
    }
}

/// An edit as a console sends it.
fn op(change: &Change) -> OpWire {
    let (k, base, set) = match change.op.clone() {
        Op::Insert { set } => (OpKind::Insert, [].into(), set),
        Op::Update { base, set } => (OpKind::Update, base, set),
        Op::Delete { base } => (OpKind::Delete, base, [].into()),
    };
    let Key { kind: t, pk } = change.key.clone();
    OpWire {
        id: Uuid::now_v7(),
        seq: 1,
        group: None,
        t,
        pk,
        k,
        base,
        set,
        deps: Vec::new(),
        drops: None,
        reason: None,
    }
}

pub fn push_body(caller: &Caller, changes: &[&Change]) -> Json {
    let uid = caller.claims.as_ref().map_or(json!(Uuid::nil()), |claims| claims["sub"].clone());
    let ops: Vec<OpWire> = changes.iter().map(|change| op(change)).collect();
    json!({"uid": uid, "device": Uuid::from_u128(9), "schema": SCHEMA, "report": null, "ops": ops})
}

fn of_result(change: &Change, result: &Json) -> Cell {
    let servers = |field: &Json| {
        let described = field.as_str().and_then(|name| change.key.kind.field(name));
        described.is_some_and(|field| field.server)
            && change.sets(field.as_str().unwrap_or_default()).is_some()
    };
    match (result["code"].as_str(), result["reason"].as_str()) {
        (Some("applied"), _) => Cell::Yes,
        (Some("rejected"), Some("forbidden")) => Cell::No,
        (Some("rejected"), Some("invalid")) if servers(&result["field"]) => Cell::No,
        (Some("rejected"), _) => Cell::Rule,
        _ => Cell::Odd(result.to_string()),
    }
}

/// The cells of a push's answer.
fn of_reply(caller: &Caller, changes: &[&Change], reply: &Json) -> Vec<Cell> {
    if let Some(word) = caller.word {
        let cell = if reply == &json!({"must": word}) { Cell::No } else { Cell::Odd(reply.to_string()) };
        return vec![cell; changes.len()];
    }
    let result = |(at, change): (usize, &&Change)| of_result(change, &reply["results"][at]);
    changes.iter().enumerate().map(result).collect()
}

/// A push, taken back.
pub async fn by_push(sql: &Sql, caller: &Caller, changes: &[&Change]) -> Vec<Cell> {
    let body = push_body(caller, changes);
    sql.batch_execute("begin").await.expect("a transaction begins");
    let done = push(sql, &body).await;
    sql.batch_execute("rollback").await.expect("and is taken back");
    match (&done, sqlstate(&done)) {
        (Ok(reply), _) => of_reply(caller, changes, reply),
        (Err(_), "42501") => vec![Cell::No; changes.len()],
        (Err(_), code) => vec![Cell::Odd(code.to_owned()); changes.len()],
    }
}

impl Stage {
    fn request(&self, caller: &Caller, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.front.request(method, &format!("/rest/v1/{path}"));
        if caller.bearer.is_empty() { request } else { request.bearer_auth(&caller.bearer) }
    }

    /// What HTTP says of a direct request. The rows must be put back after a `Yes`.
    pub async fn over_http(&self, caller: &Caller, probe: &Probe) -> Cell {
        let (key, method, body) = match probe {
            Probe::See(key) => (key, Method::GET, None),
            Probe::Do(change) => match &change.op {
                Op::Insert { set } => {
                    let mut row = key_columns(&change.key);
                    for (name, value) in set {
                        row[name] = json!(value);
                    }
                    (&change.key, Method::POST, Some(row))
                }
                Op::Update { set, .. } => (&change.key, Method::PATCH, Some(json!(set))),
                Op::Delete { .. } => (&change.key, Method::DELETE, None),
            },
        };
        let mut path = key.kind.table().to_owned();
        if method != Method::POST {
            let columns = key_columns(key);
            let columns = columns.as_object().expect("an object").iter();
            let filters =
                columns.map(|(name, value)| format!("{name}=eq.{}", value.as_str().unwrap_or_default()));
            path = format!("{path}?{}", filters.collect::<Vec<_>>().join("&"));
        }
        let mut request = self.request(caller, method, &path);
        if !matches!(probe, Probe::See(_)) {
            request = request.header("Prefer", "return=representation");
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Json = answer.json().await.expect("JSON");
        let code = body["code"].as_str().unwrap_or_default();
        match (status, body.as_array().map(Vec::len)) {
            (401, _) if caller.turned_away == Some(code) => Cell::No,
            _ if caller.turned_away.is_some() => Cell::Odd(format!("{status} {code}")),
            (200 | 201, Some(1)) => Cell::Yes,
            (200, Some(0)) => Cell::No,
            (401 | 403, _) if code == "42501" => Cell::No,
            (400 | 409, _) if RULES.contains(&code) => Cell::Rule,
            _ => Cell::Odd(format!("{status} {code}")),
        }
    }

    /// What HTTP says of a push. The rows must be put back after a `Yes`.
    pub async fn pushed_over_http(&self, caller: &Caller, changes: &[&Change]) -> Vec<Cell> {
        let request = self.request(caller, Method::POST, "rpc/sync_push").json(&push_body(caller, changes));
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body: Json = answer.json().await.expect("JSON");
        let code = body["code"].as_str().unwrap_or_default();
        let refused = caller.turned_away.unwrap_or("42501");
        match status {
            200 => of_reply(caller, changes, &body),
            401 if caller.word == Some("") && code == refused => vec![Cell::No; changes.len()],
            _ => vec![Cell::Odd(format!("{status} {body}")); changes.len()],
        }
    }
}

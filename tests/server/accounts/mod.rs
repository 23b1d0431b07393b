//! Sign-in accounts and profiles, and what the database tells of what people do.
//!
//! * `linking`: which profile a new account gets, and that nothing stops a sign-up
//! * `in_step`: addresses, deactivation, deletion: what one side does, the other follows
//! * `callers`: the functions that `admin-users` asks
//! * `nudges`: who hears what over realtime
//! * `activity`: who did what, when and why, and who may read it; `deeds`: what was done to accounts
//! * `devices`: what devices say of themselves; `device_keys`: the keys that are kept for them

#![expect(clippy::panic, reason = "a helper fails its test")]

mod activity;
mod callers;
mod deeds;
mod device_keys;
mod devices;
mod in_step;
mod linking;
mod nudges;

use serde_json::{Value as Json, json};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::pg::{self, Database, Sql};

pub const MAIN: &str = "main@flyos.mil";
pub const EAST: &str = "east@flyos.mil";
pub const WEST: &str = "west@flyos.mil";
pub const OPERATOR1: &str = "operator1@flyos.mil";
pub const INACTIVE: &str = "t.weaver@flyos.mil";
pub const EASTERN: &str = "0194a3c0-0000-7000-8000-000000000001";
pub const WESTERN: &str = "0194a3c0-0000-7000-8000-000000000002";

/// A project with the initial data set and its accounts.
pub async fn project() -> Database {
    let db = pg::database().await;
    db.seed(0).await;
    db
}

/// The profile of an address.
pub async fn profile(sql: &Sql, email: &str) -> Json {
    let query = format!("select * from public.profiles where lower(email) = lower('{email}')");
    let found = sql.rows(&query).await.expect("the owner may");
    assert_eq!(found.len(), 1, "{email}: {found:?}");
    found[0].clone()
}

/// The uuid of a profile or an account, as it stands in a row.
pub fn uuid(value: &Json) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no uuid"))
}

/// One statement as the owner.
pub async fn run(sql: &Sql, statement: &str, with: &[&(dyn ToSql + Sync)]) -> u64 {
    sql.execute(statement, with).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
}

/// One update for `sync_push`.
pub fn update(table: &str, pk: &str, base: Json, set: Json) -> Json {
    let mut op = json!({"id": Uuid::now_v7(), "seq": 1, "group": null, "t": table, "pk": pk, "k": "update", "deps": []});
    (op["base"], op["set"]) = (base, set);
    op
}

/// Pushes edits as somebody; the whole answer.
pub async fn push(who: &Sql, claims: &Json, device: Uuid, report: Json, ops: &[Json]) -> Json {
    let query = "select public.sync_push(($1::jsonb ->> 'sub')::uuid, $2, 1, $3::jsonb, $4::jsonb)";
    let row = who.query_one(query, &[claims, &device, &report, &Json::from(ops)]).await;
    row.unwrap_or_else(|error| panic!("{error:?}")).get(0)
}

/// Pushes edits that must all get in.
pub async fn work(who: &Sql, claims: &Json, ops: &[Json]) {
    let answer = push(who, claims, Uuid::nil(), Json::Null, ops).await;
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
    assert!(results.iter().all(|result| result["code"] == "applied"), "{answer}");
}

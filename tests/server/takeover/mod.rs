//! Taking over a project that holds the FlyOS document's own four tables, and giving it back.
//!
//! * `clean`: sound data, things of the owner's own, projects that cannot be taken over
//! * `flawed`: data that breaks every rule: nothing lost, all of it told, what has one right answer set right
//! * `mending`: each flawed value set right by a person, column by column, until every constraint stands
//! * `names`: names that were doubled before there were rules
//! * `again`: migrations applied twice, in a project of any age, as the project's owner
//! * `back`: `rollback.sql`

#![expect(clippy::panic, reason = "a helper fails its test")]

mod again;
mod back;
mod clean;
mod flawed;
mod mending;
mod names;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::pg::{self, Database, Sql, migrations_folder};

/// The document's tables, column by column.
pub const DOCUMENT: &str = "
create table profiles (id uuid primary key, username text unique, full_name text, email text unique, role text,
  region_id uuid, status text, created_at timestamptz default now(), updated_at timestamptz default now());
create table regions (id uuid primary key, name text, area text, commander_name text, status text,
  created_at timestamptz default now(), updated_at timestamptz default now());
create table drones (id text primary key, model text, status text, region_id uuid, operator_id uuid,
  created_at timestamptz default now(), updated_at timestamptz default now());
create table user_drone_assignments (user_id uuid, drone_id text, created_at timestamptz default now(),
  updated_at timestamptz default now(), primary key (user_id, drone_id));
";

/// What an older project gives away by itself.
pub const GENEROUS: &str = "
alter default privileges for role postgres grant execute on functions to public;
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;
";

pub const TABLES: [&str; 4] = ["regions", "profiles", "drones", "user_drone_assignments"];

/// Rows of one table by key, each with its columns.
pub type Rows = BTreeMap<String, Json>;

/// A project with the document's tables, made at some time before today, and more SQL.
pub async fn old_project(more: &str) -> Database {
    let db = pg::skeleton().await;
    db.migrate(&format!("{GENEROUS}{DOCUMENT}{more}")).await.unwrap_or_else(|error| panic!("{error:?}"));
    db
}

pub async fn migrate(db: &Database) {
    db.migrate_all(&migrations_folder()).await;
}

pub fn rollback() -> String {
    let path: PathBuf = migrations_folder().with_file_name("rollback.sql");
    std::fs::read_to_string(path).expect("it is there")
}

/// The rows of a table as the project's owner sees them.
pub async fn rows(sql: &Sql, table: &str) -> Rows {
    let key = if table == "user_drone_assignments" { "user_id || ':' || drone_id" } else { "id::text" };
    let found = sql.rows(&format!("select {key} as pk, to_jsonb(t) as row from public.{table} t")).await;
    let found = found.expect("the owner sees them").into_iter();
    found.map(|row| (row["pk"].as_str().expect("a key").to_owned(), row["row"].clone())).collect()
}

/// Every row of the four tables, by table.
pub async fn everything(db: &Database) -> BTreeMap<&'static str, Rows> {
    let sql = db.postgres().await;
    let mut all = BTreeMap::new();
    for table in TABLES {
        all.insert(table, rows(&sql, table).await);
    }
    all
}

/// `expected` without what differs, as a list of differences: `table key column: was, is`.
pub fn differences(
    before: &BTreeMap<&'static str, Rows>,
    after: &BTreeMap<&'static str, Rows>,
) -> Vec<String> {
    let mut found = Vec::new();
    for table in TABLES {
        for (key, row) in &before[table] {
            let Some(now) = after[table].get(key) else {
                found.push(format!("{table} {key} is gone"));
                continue;
            };
            let columns = row.as_object().expect("columns");
            for (column, was) in columns.iter().filter(|(column, was)| now[column.as_str()] != **was) {
                found.push(format!("{table} {key} {column}: {was}, {}", now[column.as_str()]));
            }
        }
        for key in after[table].keys().filter(|key| !before[table].contains_key(*key)) {
            found.push(format!("{table} {key} is new"));
        }
    }
    found
}

/// Two dumps are the same; where they are not, the lines that tell.
#[track_caller]
pub fn assert_same(now: &str, before: &str) {
    let lines = |text: &str, other: &str| -> Vec<String> {
        text.lines().filter(|line| !other.lines().any(|its| its == *line)).map(str::to_owned).collect()
    };
    let first = now.lines().zip(before.lines()).find(|(now, before)| now != before);
    assert!(now == before, "more: {:#?}\nless: {:#?}\n{first:?}", lines(now, before), lines(before, now));
}

/// Somebody at headquarters who can sign in, as the README has it done: claims for `as_user` and `mint`.
pub async fn headquarters(db: &Database) -> Json {
    let owner = db.postgres().await;
    let made = "insert into public.profiles (id, username, full_name, email, role, status)
        values (gen_random_uuid(), 'headquarters', 'Head Quarters', 'hq@unit.mil', 'MAIN_HQ', 'ACTIVE')";
    owner.batch_execute(made).await.expect("allowed");
    let account = db.account("hq@unit.mil").await;
    let linked = owner.value("select flyos.link('HQ@unit.mil')").await.expect("they are of one address");
    assert_eq!(linked, "headquarters (MAIN_HQ) signs in with HQ@unit.mil now.");
    db.session(account).await
}

/// Short names for the keys in the data of these tests: `r01` is a region's, `u01` a user's uuid.
const SHORT: [(&str, &str); 2] =
    [("r", "aaaaaaaa-0000-4000-8000-0000000000"), ("u", "bbbbbbbb-0000-4000-8000-0000000000")];

/// SQL with its short names, in quotes, made into uuids.
pub fn long(sql: &str) -> String {
    let mut text = sql.to_owned();
    for (short, prefix) in SHORT {
        for number in 0..100 {
            text = text.replace(&format!("'{short}{number:02}'"), &format!("'{prefix}{number:02}'"));
        }
    }
    text
}

/// A text with the uuids of these tests made short.
pub fn short(text: &str) -> String {
    SHORT.into_iter().fold(text.to_owned(), |text, (short, prefix)| text.replace(prefix, short))
}

/// The uuid of a short name.
pub fn id(name: &str) -> String {
    long(&format!("'{name}'")).trim_matches('\'').to_owned()
}

/// One edit for `sync_push`.
pub fn op(kind: &str, table: &str, pk: &str, base: Json, set: Json) -> Json {
    let mut op =
        json!({"id": Uuid::now_v7(), "seq": 1, "group": null, "t": table, "pk": pk, "k": kind, "deps": []});
    (op["base"], op["set"]) = (base, set);
    op
}

/// Pushes edits as somebody; the results.
pub async fn push(who: &Sql, claims: &Json, ops: &[Json]) -> Vec<Json> {
    let query = "select public.sync_push(($1::jsonb ->> 'sub')::uuid, gen_random_uuid(), 1, null, $2::jsonb)";
    let row = who.query_one(query, &[claims, &Json::from(ops)]).await;
    let answer: Json = row.unwrap_or_else(|error| panic!("{error:?}")).get(0);
    answer["results"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// The codes of results, with the reason and the words where something was refused.
pub fn codes(results: &[Json]) -> Vec<String> {
    let word = |result: &Json, name: &str| result[name].as_str().unwrap_or_default().to_owned();
    let told = |result: &Json| match word(result, "code").as_str() {
        "rejected" => {
            format!("{} {}: {}", word(result, "reason"), word(result, "field"), word(result, "message"))
        }
        code => code.to_owned(),
    };
    results.iter().map(told).collect()
}

/// The flaws, as `table key column: words`.
pub async fn flaws(sql: &Sql) -> Vec<String> {
    let query = "select tbl || ' ' || pk || ' ' || name || ': ' || flaw as flaw from flyos.flaws order by 1";
    let found = sql.rows(query).await.expect("the owner may");
    found.iter().map(|row| short(row["flaw"].as_str().expect("words"))).collect()
}

/// What is left to wait for, after every constraint was tried.
pub async fn settle(sql: &Sql) -> Vec<String> {
    let waits = sql.query("select rule, waits_for from flyos.settle()", &[]).await.expect("it never fails");
    waits.iter().map(|row| format!("{} {}", row.get::<_, String>(0), row.get::<_, i64>(1))).collect()
}

//! `flyos supabase migrate`, `verify` and `rollback`.

use std::path::{Path, PathBuf};

use flyos::remote::admin::database::{Address, Database as Connection};
use flyos::remote::admin::schema::{MIGRATIONS, expected};
use serde_json::{Value as Json, json};

use crate::pg::{self, Database};
use crate::program::{Home, Told};

/// The document's own tables, with a row that is sound, one that has one right answer, and one that has none.
const DOCUMENT: &str = "
create table profiles (id uuid primary key, username text unique, full_name text, email text unique, role text,
  region_id uuid, status text, created_at timestamptz default now(), updated_at timestamptz default now());
create table regions (id uuid primary key, name text, area text, commander_name text, status text,
  created_at timestamptz default now(), updated_at timestamptz default now());
create table drones (id text primary key, model text, status text, region_id uuid, operator_id uuid,
  created_at timestamptz default now(), updated_at timestamptz default now());
create table user_drone_assignments (user_id uuid, drone_id text, created_at timestamptz default now(),
  updated_at timestamptz default now(), primary key (user_id, drone_id));
alter table drones add column shoe int;
create policy everybody on drones using (true);
insert into drones (id, model, status) values ('drone-1', 'FlyOS_MQ5', 'ACTIVE'), ('drone-2', 'FlyOS_MQ7', 'active'),
  ('drone 3', 'Kite', 'ACTIVE');";

/// What an older project gives away by itself.
const GENEROUS: &str = "
alter default privileges for role postgres grant execute on functions to public;
alter default privileges for role postgres in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to anon, authenticated, service_role;";

fn asset() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/schema.json")
}

async fn verify(home: &Home) -> (Json, i32) {
    let told = home.run(&["supabase", "verify", "--json"]).await;
    (told.json(), told.code)
}

/// The names of a list of objects.
fn objects(list: &Json) -> Vec<&str> {
    let each = list.as_array().unwrap().iter();
    each.map(|item| item["object"].as_str().or(item.as_str()).unwrap()).collect()
}

#[tokio::test]
async fn what_must_be_there_is_what_the_migrations_make() {
    let db = pg::database().await;
    let address = Address::parse(&db.uri("postgres"), None).unwrap();
    let connection = Connection::open(&address).await.unwrap();
    let made = connection.catalog().await.unwrap();
    connection.close().await;
    assert!(made.len() > 300, "{}", made.len());
    for kind in ["schema", "table", "column", "constraint", "index", "function", "trigger", "policy", "grant"]
    {
        assert!(made.keys().any(|object| object.starts_with(&format!("{kind} "))), "{kind}");
    }
    for object in [
        "trigger auth.users.flyos_account_written",
        "policy realtime.messages.flyos_hear",
        "grant public.sync_push(p_user uuid, p_device uuid, p_seq integer, p_meta jsonb, p_ops jsonb) to authenticated",
    ] {
        let name = object.split('(').next().unwrap();
        assert!(made.keys().any(|known| known.starts_with(name)), "{object}");
    }
    if std::env::var_os("FLYOS_WRITE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(asset(), format!("{text}\n")).unwrap();
    } else {
        let known = expected();
        let differs: Vec<_> = made
            .iter()
            .filter(|(object, is)| known.get(*object) != Some(is))
            .map(|(object, _)| object)
            .chain(known.keys().filter(|object| !made.contains_key(*object)))
            .collect();
        assert!(
            differs.is_empty(),
            "assets/schema.json is older than the migrations; FLYOS_WRITE_SCHEMA=1 writes it: {differs:#?}"
        );
    }
}

#[tokio::test]
async fn an_empty_project_is_set_up_once() {
    let db = pg::skeleton().await;
    let home = Home::new(&db);
    let told = home.run(&["supabase", "migrate", "--dry-run"]).await.well();
    told.says(&format!("{0} of {0} migrations would be applied. Nothing was changed.", MIGRATIONS.len()));
    let owner = db.postgres().await;
    assert_eq!(owner.value("select to_regclass('flyos.found') is null").await.unwrap(), true);
    assert_eq!(owner.value("select to_regnamespace('supabase_migrations') is null").await.unwrap(), true);

    let (before, code) = verify(&home).await;
    assert_eq!((code, &before["sound"], &before["there"]), (13, &json!(false), &json!(0)));
    home.run(&["supabase", "verify"])
        .await
        .says("is not set up in this database")
        .says("flyos supabase migrate");
    assert_eq!(before["migrations"]["pending"].as_array().unwrap().len(), MIGRATIONS.len());

    let told = home.run(&["supabase", "migrate"]).await.well();
    assert_eq!(told.out.matches("\napplied ").count(), MIGRATIONS.len(), "{told:?}");
    let rows = owner
        .rows("select version, name, cardinality(statements) as n from supabase_migrations.schema_migrations order by 1")
        .await
        .unwrap();
    let noted: Vec<_> = rows.iter().map(|row| row["version"].as_str().unwrap()).collect();
    assert_eq!(noted, MIGRATIONS.iter().map(|migration| migration.version).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row["n"] == 1 && !row["name"].is_null()));

    let (after, code) = verify(&home).await;
    assert_eq!((code, &after["sound"], &after["own"]), (0, &json!(true), &json!([])), "{after}");
    assert_eq!(after["there"], expected().len());
    let dump = db.dump();
    home.run(&["supabase", "migrate"]).await.well().says("Every migration is applied already.");
    home.run(&["supabase", "migrate", "--again"]).await.well();
    assert_eq!(db.dump(), dump, "once more changes nothing");
}

#[tokio::test]
async fn two_at_once_do_not_clash() {
    let db = pg::skeleton().await;
    let (one, other) = (Home::new(&db), Home::new(&db));
    let words = ["supabase", "migrate"];
    let (first, second) = tokio::join!(one.run(&words), other.run(&words));
    let applied = [first.well(), second.well()].map(|told| told.out.matches("\napplied ").count());
    assert_eq!(applied.iter().sum::<usize>(), MIGRATIONS.len(), "each was applied by one of them");
    assert_eq!(verify(&one).await.1, 0);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_of_itself() {
    let db = pg::skeleton().await;
    db.migrate("create table public.regions (id int primary key)").await.unwrap();
    let dump = db.dump();
    let told = Home::new(&db).run(&["supabase", "migrate"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("20261101000050_found was not applied")
        .says("public.regions.id is of type int4, and must be uuid");
    let owner = db.postgres().await;
    assert_eq!(owner.value("select count(*) from supabase_migrations.schema_migrations").await.unwrap(), 0);
    owner.batch_execute("drop schema supabase_migrations cascade").await.unwrap();
    assert_eq!(db.dump(), dump);
}

#[tokio::test]
async fn a_database_that_is_none_of_supabase_is_left_alone() {
    let db = Database::empty().await;
    let told = Home::new(&db).run(&["supabase", "migrate"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("is no Supabase project");
    let told = Home::new(&db).run(&["supabase", "verify"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("is no Supabase project");
    let told = Home::with(&db.uri("authenticator")).run(&["supabase", "migrate", "--dry-run"]).await;
    assert_ne!(told.code, 0);
}

#[tokio::test]
async fn old_tables_are_taken_over_and_told() {
    let db = pg::skeleton().await;
    db.migrate(&format!("{GENEROUS}{DOCUMENT}")).await.unwrap();
    let home = Home::new(&db);
    let told = home.run(&["supabase", "migrate"]).await.well();
    told.says("values of rows that were there before break a rule");
    let (verdict, code) = verify(&home).await;
    assert_eq!(code, 0, "{verdict:#}");
    assert_eq!(verdict["flaws"], 2);
    let waiting = objects(&verdict["waiting"]);
    assert_eq!(
        waiting,
        ["constraint public.drones.drones_id_check", "constraint public.drones.drones_model_check"]
    );
    assert!(objects(&verdict["own"]).contains(&"column public.drones.shoe"), "{verdict:#}");
}

/// Damage of every kind: the SQL, done as the platform's owner, and the list and object where it must be told.
const DAMAGE: [(&str, &str, &str); 18] = [
    ("alter table public.drones disable row level security", "changed", "table public.drones"),
    ("alter table public.regions drop column area cascade", "missing", "column public.regions.area"),
    ("alter table public.regions alter area set default 'x'", "changed", "column public.regions.area"),
    (
        "alter table public.drones drop constraint drones_model_check",
        "missing",
        "constraint public.drones.drones_model_check",
    ),
    ("drop index public.idx_drones_region_id", "missing", "index public.drones.idx_drones_region_id"),
    ("drop function flyos.link(text)", "missing", "function flyos.link(address text)"),
    (
        "create or replace function flyos.my_role() returns text language sql stable security definer
            set search_path = '' as 'select ''MAIN_HQ'''",
        "changed",
        "function flyos.my_role()",
    ),
    ("alter function public.admin_caller() security invoker", "changed", "function public.admin_caller()"),
    (
        "create function public.admin_linked(accounts text) returns int language sql as 'select 1'",
        "wider",
        "function public.admin_linked(accounts text)",
    ),
    ("drop trigger flyos_6_account on public.profiles", "missing", "trigger public.profiles.flyos_6_account"),
    (
        "alter table public.profiles disable trigger flyos_6_status",
        "changed",
        "trigger public.profiles.flyos_6_status",
    ),
    (
        "drop trigger flyos_account_written on auth.users",
        "missing",
        "trigger auth.users.flyos_account_written",
    ),
    ("drop policy flyos_hear on realtime.messages", "missing", "policy realtime.messages.flyos_hear"),
    ("create policy mine on public.drones for select using (true)", "wider", "policy public.drones.mine"),
    ("alter policy flyos_see on public.activity using (true)", "changed", "policy public.activity.flyos_see"),
    ("grant select on public.drones to anon", "wider", "grant public.drones to anon"),
    (
        "revoke execute on function public.admin_caller() from authenticated",
        "missing",
        "grant public.admin_caller() to authenticated",
    ),
    (
        "alter publication supabase_realtime add table public.drones",
        "own",
        "publication supabase_realtime of public.drones",
    ),
];

#[tokio::test]
async fn each_kind_of_damage_is_found_and_named() {
    let db = pg::database().await;
    let home = Home::new(&db);
    assert_eq!(verify(&home).await.0["sound"], true, "what psql applied is as good");
    for (sql, list, object) in &DAMAGE {
        let hurt = pg::database().await;
        hurt.superuser().await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let (verdict, code) = verify(&Home::new(&hurt)).await;
        assert!(objects(&verdict[list]).contains(object), "{sql}: {verdict:#}");
        assert_eq!(code, if *list == "own" { 0 } else { 13 }, "{sql}");
    }
}

#[tokio::test]
async fn damage_is_mended_by_applying_everything_again() {
    let db = pg::database().await;
    let parts =
        ["flyos.link", "flyos.my_role", "flyos_6_account", "drones_model_check", "idx_drones_region_id"];
    let some = DAMAGE.iter().map(|(sql, ..)| *sql).filter(|sql| parts.iter().any(|part| sql.contains(part)));
    let hurt = some.collect::<Vec<_>>().join(";\n");
    db.superuser().await.batch_execute(&hurt).await.unwrap();
    let home = Home::new(&db);
    let told = home.run(&["supabase", "verify"]).await;
    assert_eq!(told.code, 13);
    told.says("missing: 4").says("changed: 1").says("function flyos.my_role()");
    home.run(&["supabase", "migrate", "--again"]).await.well();
    assert_eq!(verify(&home).await.1, 0);
}

#[tokio::test]
async fn the_way_back_asks_first_and_leaves_the_rows() {
    let db = pg::skeleton().await;
    db.migrate(DOCUMENT).await.unwrap();
    let (home, before) = (Home::new(&db), db.dump());
    let refused = home.run(&["supabase", "rollback", "--yes"]).await;
    assert_eq!(refused.code, 4);
    refused.says("is not set up in this database");
    home.run(&["supabase", "migrate"]).await.well();
    let told = home.run(&["supabase", "rollback"]).await;
    assert_eq!(told.code, 2, "{told:?}");
    told.says("There is nobody to confirm it").says("Nothing was changed");
    assert_eq!(verify(&home).await.1, 0);
    home.run(&["supabase", "rollback", "--yes"]).await.well().says("was taken out");
    let owner = db.postgres().await;
    assert_eq!(owner.value("select count(*) from public.drones").await.unwrap(), 3);
    assert_eq!(owner.value("select count(*) from supabase_migrations.schema_migrations").await.unwrap(), 0);
    owner
        .batch_execute("drop table if exists public.activity; drop schema supabase_migrations cascade")
        .await
        .unwrap();
    assert_eq!(db.dump(), before);
    home.run(&["supabase", "migrate"]).await.well();
    assert_eq!(verify(&home).await.1, 0, "and forth again");
}

#[tokio::test]
async fn the_printed_sql_sets_a_project_up() {
    let db = pg::skeleton().await;
    let home = Home::new(&db);
    let print = async |words: &[&str]| -> Told { home.run_with(words, &[]).await.well() };
    let sql = print(&["supabase", "sql"]).await.out;
    let owner = db.postgres().await;
    owner.batch_execute(&sql).await.unwrap();
    assert_eq!(verify(&home).await.1, 0);
    owner.batch_execute(&print(&["supabase", "sql", "--seed"]).await.out).await.unwrap();
    assert_eq!(owner.value("select count(*) from public.regions").await.unwrap(), 2);
    owner.batch_execute(&print(&["supabase", "sql", "--rollback"]).await.out).await.unwrap();
    assert_eq!(owner.value("select to_regclass('flyos.found') is null").await.unwrap(), true);
}

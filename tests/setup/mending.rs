//! `flyos supabase migrate --again`: whatever `verify` knows is damaged, in every way there is, and put back by it.

use std::collections::BTreeSet;

use flyos::remote::admin::schema::{Catalog, expected};
use serde_json::Value as Json;

use crate::pg::{self, Database};
use crate::program::Home;

/// Objects, each with the SQL that damages it.
type Damage = Vec<(String, String)>;

fn each(kind: &str, damage: impl Fn(&str, &str, &str) -> Option<String>) -> Damage {
    let of_kind = |(object, is): (&String, &String)| {
        let name = object.strip_prefix(kind)?.strip_prefix(' ')?;
        let (table, last) = name.rsplit_once('.').unwrap_or(("", name));
        damage(table, last, is).map(|sql| (object.clone(), sql))
    };
    expected().iter().filter_map(of_kind).collect()
}

fn is_table(must: &Catalog, table: &str) -> bool {
    must.get(&format!("table {table}")).is_some_and(|is| is.starts_with("table"))
}

/// What a right is on, and the right itself as it is said of it.
fn granted(must: &Catalog, name: &str, rights: &str) -> (String, String) {
    if name.starts_with("schema ") {
        return (name.to_owned(), rights.to_owned());
    } else if name.contains('(') {
        return (format!("routine {name}"), rights.to_owned());
    }
    match name.rsplit_once('.').filter(|(table, _)| table.contains('.')) {
        Some((table, column)) => {
            let each = rights.split(", ").map(|right| format!("{right} (\"{column}\")"));
            (format!("table {table}"), each.collect::<Vec<_>>().join(", "))
        }
        None if must[&format!("table {name}")] == "sequence" => {
            (format!("sequence {name}"), rights.to_owned())
        }
        None => (format!("table {name}"), rights.to_owned()),
    }
}

fn grants(damage: impl Fn(&str, &str, &str) -> String) -> Damage {
    let must = expected();
    let of = |(object, rights): (&String, &String)| {
        let (name, whom) = object.strip_prefix("grant ")?.rsplit_once(" to ")?;
        let (on, rights) = granted(&must, name, rights);
        (whom != "public").then(|| (object.clone(), damage(&on, &rights, whom)))
    };
    must.iter().filter_map(of).collect()
}

/// A column that is gone with what stood in it, where rows need it and nothing says what it was.
fn is_lost(table: &str, column: &str) -> bool {
    table == "flyos.found"
        || matches!(
            (table, column),
            ("public.regions" | "public.profiles" | "public.drones", "id")
                | ("public.user_drone_assignments", "user_id" | "drone_id")
        )
}

fn columns_dropped() -> Damage {
    let must = expected();
    each("column", |table, column, _| {
        (is_table(&must, table) && !is_lost(table, column))
            .then(|| format!("alter table {table} drop column \"{column}\" cascade"))
    })
}

fn columns_changed() -> Damage {
    let must = expected();
    each("column", |table, column, is| {
        let change = if is.contains(" default ") {
            "drop default"
        } else if is.ends_with(" identity always") {
            "drop identity"
        } else if is.ends_with(" not null") && !must_be_key(&must, table, column) {
            "drop not null"
        } else if is.starts_with("text collate") || (is == "text" && table.starts_with("sync.")) {
            "type varchar(9999)"
        } else {
            return None;
        };
        is_table(&must, table).then(|| format!("alter table {table} alter \"{column}\" {change}"))
    })
}

/// Is a column part of its table's key, which cannot be empty anyway?
fn must_be_key(must: &Catalog, table: &str, column: &str) -> bool {
    let of_table = |(object, is): (&String, &String)| {
        object.starts_with(&format!("constraint {table}.")) && is.starts_with("PRIMARY KEY") && {
            let columns = is.trim_start_matches("PRIMARY KEY (").trim_end_matches(')');
            columns.split(", ").any(|key| key == column)
        }
    };
    must.iter().any(of_table)
}

fn constraints_changed(keys: bool) -> Damage {
    each("constraint", |table, name, is| {
        if keys == (is.starts_with("CHECK") || is.starts_with("FOREIGN")) {
            return None;
        }
        let (columns, schema) = (is.split_once('(')?.1.split_once(')')?.0, table.split_once('.')?.0);
        let drop = format!("alter table {table} drop constraint if exists {name} cascade");
        Some(if is.starts_with("CHECK") {
            format!("{drop}; alter table {table} add constraint {name} check (true)")
        } else if is.starts_with("FOREIGN") {
            let other = is.replace(" ON DELETE CASCADE", "").split(" ON DELETE").next()?.to_owned();
            format!("{drop}; alter table {table} add constraint {name} {other} on delete restrict not valid")
        } else {
            // An index of its name stands where it stood.
            format!("{drop}; create index {name} on {schema}.{} ({columns})", table.split_once('.')?.1)
        })
    })
}

fn indexes(damage: impl Fn(&str, &str) -> String) -> Damage {
    let must = expected();
    each("index", |table, name, _| {
        let alone = !must.contains_key(&format!("constraint {table}.{name}"));
        alone.then(|| damage(table, &format!("{}.{name}", table.split_once('.').unwrap().0)))
    })
}

fn functions(damage: impl Fn(&str) -> String) -> Damage {
    let must = expected();
    let names = must.keys().filter_map(|object| object.strip_prefix("function "));
    names.map(|name| (format!("function {name}"), damage(name))).collect()
}

fn tables(damage: impl Fn(&str, &str) -> Option<String>) -> Damage {
    let must = expected();
    let names = must.iter().filter_map(|(object, is)| Some((object.strip_prefix("table ")?, is)));
    names.filter_map(|(name, is)| damage(name, is).map(|sql| (format!("table {name}"), sql))).collect()
}

/// Every kind of damage to every object that can be damaged so, by a name for the reader of a failure.
fn batches() -> Vec<(&'static str, Damage)> {
    let on = |words: &'static str| {
        move |table: &str, name: &str, _: &str| {
            Some(words.replace("NAME", &format!("\"{name}\"")).replace("TABLE", table))
        }
    };
    vec![
        ("triggers dropped", each("trigger", on("drop trigger NAME on TABLE"))),
        ("triggers switched off", each("trigger", on("alter table TABLE disable trigger NAME"))),
        ("policies dropped", each("policy", on("drop policy NAME on TABLE"))),
        ("policies changed", each("policy", on("alter policy NAME on TABLE to anon"))),
        ("rights revoked", grants(|on, rights, whom| format!("revoke {rights} on {on} from {whom}"))),
        (
            "rights to be passed on",
            grants(|on, rights, whom| format!("grant {rights} on {on} to {whom} with grant option")),
        ),
        ("indexes dropped", indexes(|_, name| format!("drop index {name}"))),
        ("indexes changed", indexes(|table, name| {
            let bare = name.split_once('.').unwrap().1;
            format!("drop index {name}; create index {bare} on {table} ((1))")
        })),
        ("constraints dropped", each("constraint", on("alter table TABLE drop constraint if exists NAME cascade"))),
        ("checks and references changed", constraints_changed(false)),
        ("keys changed", constraints_changed(true)),
        ("functions changed", functions(|name| format!("alter routine {name} set work_mem = '64kB'"))),
        ("functions dropped", functions(|name| format!("drop routine if exists {name} cascade"))),
        ("functions of another form", functions(|name| {
            let bare = name.split_once('(').unwrap().0;
            let types = name.split_once('(').unwrap().1.trim_end_matches(')');
            let others: Vec<String> = types.split(", ").filter(|one| !one.is_empty()).enumerate()
                .map(|(at, one)| format!("a{at} {}", one.split_once(' ').unwrap().1)).collect();
            format!("drop routine if exists {name} cascade; create or replace function {bare}({}) returns point \
                     language sql as 'select null::point'", others.join(", "))
        }).into_iter().filter(|(object, _)| !object.contains("flyos.field") && !object.contains("sync.")).collect()),
        ("columns dropped", columns_dropped()),
        ("columns changed", columns_changed()),
        ("row-level security turned round", tables(|name, is| {
            let word = if is.contains("row-level security") { "disable" } else { "enable" };
            is.starts_with("table").then(|| format!("alter table {name} {word} row level security"))
        })),
        ("row-level security for owners", tables(|name, is| {
            is.starts_with("table").then(|| format!("alter table {name} force row level security"))
        })),
        ("tables of ours dropped", tables(|name, is| {
            let kind = is.split(',').next().unwrap();
            (!name.starts_with("public.")).then(|| format!("drop {kind} if exists {name} cascade"))
        })),
        ("the four tables dropped", tables(|name, is| {
            (name.starts_with("public.") && is.starts_with("table")).then(|| format!("drop table {name} cascade"))
        })),
        ("schemas dropped", each("schema", |_, name, _| Some(format!("drop schema {name} cascade")))),
    ]
}

async fn verify(home: &Home) -> (Json, i32) {
    let told = home.run(&["supabase", "verify", "--json"]).await;
    (told.json(), told.code)
}

fn named(verdict: &Json) -> BTreeSet<String> {
    let of = |list: &str| verdict[list].as_array().unwrap().clone();
    let object = |item: &Json| item["object"].as_str().or(item.as_str()).unwrap().to_owned();
    of("missing").iter().chain(&of("changed")).map(object).collect()
}

async fn hurt(db: &Database, damage: &Damage) {
    let owner = db.superuser().await;
    for (object, sql) in damage {
        owner.batch_execute(sql).await.unwrap_or_else(|error| panic!("{object}: {sql}: {error:?}"));
    }
    owner.close().await;
}

#[tokio::test]
async fn whatever_verifying_knows_is_put_back() {
    let mut tried = BTreeSet::new();
    for (what, damage) in batches() {
        assert!(!damage.is_empty(), "{what}");
        let db = pg::database().await;
        db.seed(0).await;
        hurt(&db, &damage).await;
        let home = Home::new(&db);
        let (verdict, code) = verify(&home).await;
        let found = named(&verdict);
        let missed: Vec<_> =
            damage.iter().map(|(object, _)| object).filter(|object| !found.contains(*object)).collect();
        assert_eq!((missed, code), (vec![], 13), "{what}: every damage is named");
        let told = home.run(&["supabase", "migrate", "--again", "--json"]).await;
        assert_eq!(told.code, 0, "{what}: {told:?}");
        let mended = told.json();
        let lists = ["putBack", "madeAnew"].map(|list| mended[list].as_array().unwrap().len());
        assert_eq!(lists.iter().sum::<usize>(), found.len(), "{what}: each is told");
        let (verdict, code) = verify(&home).await;
        // Where rows lost what a rule wants of them, its constraint waits until they are mended.
        let waiting = verdict["waiting"].as_array().unwrap().len() as u64;
        let there = verdict["there"].as_u64().unwrap() + waiting;
        assert_eq!((code, there), (0, expected().len() as u64), "{what}: {verdict:#}");
        assert!(waiting == 0 || what == "columns dropped", "{what}: {verdict:#}");
        let owner = db.postgres().await;
        let unbooked = owner.value("select sync.repair()").await.unwrap();
        assert_eq!(unbooked, 0, "{what}: every row has its version");
        owner.close().await;
        tried.extend(damage.into_iter().map(|(object, _)| object));
    }
    // Nothing that verifying knows was left out, but for what is lost with its rows, what belongs to views and types, and
    // the indexes of constraints, which go with them.
    let must = expected();
    let whole = |object: &str| {
        if object.strip_prefix("index ").is_some_and(|name| must.contains_key(&format!("constraint {name}")))
        {
            return true;
        }
        let Some((table, column)) = object.strip_prefix("column ").and_then(|name| name.rsplit_once('.'))
        else {
            return object == "table public.activity_id_seq";
        };
        !is_table(&must, table) || is_lost(table, column)
    };
    let left: Vec<_> = must.keys().filter(|object| !tried.contains(*object) && !whole(object)).collect();
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn what_the_trial_found_is_mended() {
    for (sql, list) in [
        ("drop trigger flyos_account_written on auth.users", "putBack"),
        ("drop trigger flyos_account_moved on auth.users", "putBack"),
        ("alter table auth.users disable trigger flyos_account_written", "madeAnew"),
        ("alter table public.profiles drop constraint profiles_username_key", "putBack"),
    ] {
        let db = pg::database().await;
        db.superuser().await.batch_execute(sql).await.unwrap();
        let home = Home::new(&db);
        assert_eq!(verify(&home).await.1, 13, "{sql}");
        let told = home.run(&["supabase", "migrate", "--again", "--json"]).await.well().json();
        assert!(!told[list].as_array().unwrap().is_empty(), "{sql}: {told}");
        assert_eq!(verify(&home).await.1, 0, "{sql}");
    }
}

#[tokio::test]
async fn what_cannot_be_put_back_is_named_with_what_to_do() {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    owner
        .batch_execute(
            "drop index public.profiles_username_key_ci;
            alter table public.profiles drop constraint profiles_username_key;
            alter table sync.device_key drop constraint device_key_secret_check;
            insert into sync.device_key (account, device, secret)
                select auth_user_id, id, 'short' from public.profiles where username = 'main_hq' or role = 'MAIN_HQ' limit 1;
            set session_replication_role = replica;
            update public.profiles set username = 'twin' where id in (select id from public.profiles order by id limit 2);
            set session_replication_role = origin;
            drop trigger flyos_6_account on public.profiles;
            create policy mine on sync.device for select using (true);
            grant select on public.drones to anon with grant option;",
        )
        .await
        .unwrap();
    let home = Home::new(&db);
    let told = home.run(&["supabase", "migrate", "--again"]).await;
    assert_eq!(told.code, 13, "{told:?}");
    told.says("+  trigger public.profiles.flyos_6_account")
        .says("!! constraint public.profiles.profiles_username_key")
        .says("Rows of today break it (Key (username)=(twin) is duplicated)")
        .says("!! constraint sync.device_key.device_key_secret_check")
        .says("Change or delete those rows, then once more: flyos supabase migrate --again")
        .says("to take it back: drop policy \"mine\" on sync.device;")
        .says("3 missing, 0 changed, 1 open wider");
    // What was said to be done is all there is to do.
    owner
        .batch_execute(
            "delete from sync.device_key; drop policy mine on sync.device;
            set session_replication_role = replica;
            update public.profiles set username = 'twin_' || right(id::text, 6) where username = 'twin';",
        )
        .await
        .unwrap();
    home.run(&["supabase", "migrate", "--again"]).await.well().says("objects are as they must be");
}

/// The migrations close the four tables again: what an owner had opened is gone, and nobody must have to find that out.
#[tokio::test]
async fn what_an_owner_had_opened_is_taken_back_and_told() {
    let db = pg::database().await;
    let owner = db.superuser().await;
    owner
        .batch_execute(
            "create policy wide on public.drones for select to anon using (true);
            grant select on public.drones to anon; grant update (area) on public.regions to anon;
            create table public.theirs (); grant select on public.theirs to anon;",
        )
        .await
        .unwrap();
    let policies = "select count(*) from pg_policies where policyname = 'wide'";
    let home = Home::new(&db);
    let told = home.run(&["supabase", "migrate", "--again", "--json"]).await.well().json();
    assert_eq!(
        told["takenBack"],
        serde_json::json!([
            { "object": "grant public.drones to anon", "is": "select" },
            { "object": "grant public.regions.area to anon", "is": "update" },
            { "object": "policy public.drones.wide", "is": "select to anon using true" },
        ]),
        "{told:#}"
    );
    assert_eq!(told["wider"], serde_json::json!([]));
    assert_eq!(owner.value(policies).await.unwrap(), 0, "none is left");
    let told = home.run(&["supabase", "migrate", "--again", "--json"]).await.well().json();
    assert_eq!(told["takenBack"], serde_json::json!([]), "once");

    // In words, with what becomes of it: it is true.
    owner.batch_execute("create policy open on public.drones using (false)").await.unwrap();
    let told = home.run(&["supabase", "migrate", "--again"]).await.well();
    told.says("!! policy public.drones.open: all to public using false")
        .says("set aside in flyos.found_policy")
        .says("objects are as they must be");
    home.run(&["supabase", "rollback", "--yes"]).await.well();
    assert_eq!(owner.value(policies).await.unwrap(), 1, "it comes back with the way back");
    let granted = "select has_table_privilege('anon', 'public.drones', 'select')::int::bigint";
    assert_eq!(owner.value(granted).await.unwrap(), 0, "the right does not");
}

#[tokio::test]
async fn what_is_lost_with_its_rows_is_told_and_nothing_is_changed() {
    for (sql, says) in [
        ("alter table public.drones drop column id cascade", "column public.drones.id"),
        ("alter table flyos.found drop column existed", "column flyos.found.existed"),
    ] {
        let db = pg::database().await;
        db.seed(0).await;
        db.superuser().await.batch_execute(&format!("{sql}; drop function flyos.link(text)")).await.unwrap();
        let before = db.dump();
        let home = Home::new(&db);
        let told = home.run(&["supabase", "migrate", "--again"]).await;
        assert_eq!(told.code, 4, "{told:?}");
        told.says(says).says("what stood there is lost").says("from a backup").says("Nothing was changed");
        assert!(db.dump() == before, "{sql}");
    }
    // A place in a row of the type's order.
    let db = pg::database().await;
    db.superuser().await.batch_execute("alter type flyos.actor drop attribute must cascade").await.unwrap();
    let home = Home::new(&db);
    let told = home.run(&["supabase", "migrate", "--again"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("Nothing was changed").says("column flyos.actor.must").says("drop type flyos.actor cascade;");
    db.postgres().await.batch_execute("drop type flyos.actor cascade").await.unwrap();
    home.run(&["supabase", "migrate", "--again"]).await.well();
    assert_eq!(verify(&home).await.1, 0);
}

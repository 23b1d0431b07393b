//! Names that were doubled, but for case, before there were rules: the oldest row keeps its name under the index, the
//! others are exempt until they have another one. Nobody new gets a taken name meanwhile, also not in a race.

use std::time::Duration;

use serde_json::json;

use super::{codes, headquarters, id, long, migrate, old_project, op, push, settle};
use crate::pg::{Database, Sql, sqlstate};

const DOUBLED: &str = r"
insert into regions (id, name, area, status, created_at) values
  ('r01', 'East', 'a', 'ACTIVE', '2024-01-02'), ('r02', 'EAST', 'b', 'ACTIVE', '2024-01-01');
insert into profiles (id, username, full_name, email, role, status, created_at) values
  ('u01', 'ann', 'Ann', 'Ann@unit.mil', 'OPERATOR', 'ACTIVE', '2024-01-01'),
  ('u02', 'ANN', 'Ann', 'ann@unit.mil', 'OPERATOR', 'ACTIVE', '2024-01-02'),
  ('u03', 'Ann', 'Ann', 'ann@UNIT.mil', 'OPERATOR', 'ACTIVE', null),
  ('u04', 'ÄNNE', 'Änne', 'x@unit.mil', 'OPERATOR', 'ACTIVE', '2024-01-01');
insert into drones (id, model, status, created_at) values ('drone-001', 'FlyOS_MQ5', 'ACTIVE', '2024-01-01'),
  ('DRONE-001', 'FlyOS_MQ5', 'ACTIVE', '2024-01-01'), ('Drone-001', 'FlyOS_MQ5', 'ACTIVE', '2023-01-01');
";

async fn doubled() -> Database {
    let db = old_project(&long(DOUBLED)).await;
    migrate(&db).await;
    db
}

async fn exempt(sql: &Sql) -> Vec<String> {
    let rows = sql.rows("select tbl || ' ' || name || ' ' || pk as row from flyos.exempt order by 1").await;
    rows.expect("the owner may")
        .iter()
        .map(|row| super::short(row["row"].as_str().expect("a text")))
        .collect()
}

/// Makes a profile of that name, as the project's owner.
fn insert(username: &str) -> String {
    format!(
        "insert into public.profiles (id, username, full_name, email, role, status) values
        (gen_random_uuid(), '{username}', 'New', 'new-{username}@unit.mil', 'OPERATOR', 'ACTIVE')"
    )
}

fn rename(user: &str, username: &str) -> String {
    long(&format!("update public.profiles set username = '{username}' where id = '{user}'"))
}

/// The SQLSTATE of a statement, "" where it was carried out.
async fn run(sql: &Sql, statement: &str) -> String {
    sqlstate(&sql.batch_execute(statement).await).to_owned()
}

#[tokio::test]
async fn the_oldest_row_keeps_its_name_and_nobody_new_gets_it() {
    let db = doubled().await;
    let sql = db.postgres().await;
    let others = [
        "drones id DRONE-001",
        "drones id drone-001",
        "profiles email u02",
        "profiles email u03",
        "profiles username u02",
        "profiles username u03",
        "regions name r01",
    ];
    assert_eq!(exempt(&sql).await, others);
    assert_eq!(run(&sql, &insert("aNN")).await, "23505");
    assert_eq!(run(&sql, &insert("bob")).await, "");
    // The one under the index gives its name up: the exempt ones still have it.
    assert_eq!(run(&sql, &rename("u01", "zoe")).await, "");
    assert_eq!(run(&sql, &insert("aNN")).await, "23505");
    assert_eq!(run(&sql, &rename("u01", "ann")).await, "23505");
    // An exempt one may not take what is taken, may take what is free, and holds it then.
    assert_eq!(run(&sql, &rename("u02", "BOB")).await, "23505");
    assert_eq!(run(&sql, &rename("u02", "eve")).await, "");
    assert_eq!(run(&sql, &insert("Eve")).await, "23505");
    assert_eq!(run(&sql, &rename("u01", "EVE")).await, "23505");
    // The last of the name is no double any more and may write it as it likes.
    assert_eq!(run(&sql, &rename("u03", "ann")).await, "");
    assert_eq!(run(&sql, &insert("äNNE")).await, "23514", "a name is of plain letters, and Änne's is old");
    // Some of it settles; the rest goes on waiting.
    let waits = settle(&sql).await;
    assert_eq!(
        waits,
        [
            "drones_id_key_ci 3",
            "profiles_email_key_ci 3",
            "profiles_username_check 1",
            "regions_name_key_ci 2"
        ]
    );
    let left = [
        "drones id DRONE-001",
        "drones id drone-001",
        "profiles email u02",
        "profiles email u03",
        "regions name r01",
    ];
    assert_eq!(exempt(&sql).await, left);
    let whole =
        "select indpred is null from pg_index where indexrelid = 'public.profiles_username_key_ci'::regclass";
    assert_eq!(sql.value(whole).await.expect("the index is there"), true);
}

#[tokio::test]
async fn the_same_through_a_push() {
    let db = doubled().await;
    let claims = headquarters(&db).await;
    let sql = db.as_user(&claims).await;
    let drone = json!({"model": "FlyOS_MQ5", "status": "ACTIVE", "region_id": null, "operator_id": null});
    let results = push(
        &sql,
        &claims,
        &[
            op("insert", "drones", "dRONE-001", json!({}), drone.clone()),
            op("update", "regions", &id("r01"), json!({"name": "East"}), json!({"name": "east"})),
            op(
                "update",
                "profiles",
                &id("u02"),
                json!({"email": "ann@unit.mil"}),
                json!({"email": "aNN@unit.mil"}),
            ),
            // What is not the name is nobody's business.
            op("update", "profiles", &id("u03"), json!({"full_name": "Ann"}), json!({"full_name": "Anna"})),
            op("delete", "drones", "DRONE-001", drone.clone(), json!({})),
            op("delete", "drones", "Drone-001", drone.clone(), json!({})),
            op("update", "regions", &id("r02"), json!({"name": "EAST"}), json!({"name": "Far East"})),
        ],
    )
    .await;
    let expected = [
        "unique id: Id dRONE-001 is taken.",
        "unique name: Name east is taken.",
        "unique email: E-mail aNN@unit.mil is taken.",
        "applied",
        "applied",
        "applied",
        "applied",
    ];
    assert_eq!(codes(&results), expected);
    // One drone of the name is left, exempt as before: its name is still taken.
    let again = [op("insert", "drones", "Drone-001", json!({}), drone)];
    assert_eq!(codes(&push(&sql, &claims, &again).await), ["unique id: Id Drone-001 is taken."]);
    let owner = db.postgres().await;
    assert_eq!(
        settle(&owner).await,
        ["profiles_email_key_ci 3", "profiles_username_check 1", "profiles_username_key_ci 3"]
    );
}

/// Waits until somebody waits for a lock.
async fn blocked(watch: &Sql) {
    let waits =
        "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    for _ in 0..6000 {
        if !watch.query(waits, &[]).await.expect("a superuser sees everybody").is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody waits");
}

/// One transaction is open with its statement done when the other's begins: the other waits, and sees it then.
async fn race(db: &Database, first: &str, second: &str) -> (String, String) {
    let (one, other, watch) = (db.postgres().await, db.postgres().await, db.superuser().await);
    one.batch_execute("begin").await.expect("it begins");
    let done = run(&one, first).await;
    let (later, ()) = tokio::join!(run(&other, second), async {
        blocked(&watch).await;
        one.batch_execute("commit").await.expect("it ends");
    });
    (done, later)
}

#[tokio::test]
async fn a_race_for_a_name_has_one_winner() {
    let both = |first: &str, second: &str| (first.to_owned(), second.to_owned());
    let lost = both("", "23505");
    let db = doubled().await;
    // No index holds an exempt row: a lock does.
    assert_eq!(race(&db, &rename("u02", "one"), &insert("ONE")).await, lost);
    assert_eq!(race(&db, &insert("two"), &rename("u02", "TWO")).await, lost);
    assert_eq!(race(&db, &rename("u02", "three"), &rename("u01", "Three")).await, lost);
    assert_eq!(race(&db, &rename("u01", "four"), &rename("u02", "FOUR")).await, lost);
    assert_eq!(race(&db, &rename("u02", "five"), &rename("u03", "FIVE")).await, lost);
    // Between two under the index, the index.
    assert_eq!(race(&db, &insert("six"), &insert("SIX")).await, lost);
    // And where there is no quarrel both get what they want.
    assert_eq!(race(&db, &rename("u02", "seven"), &rename("u03", "eight")).await, both("", ""));
    let names = "select count(*) - count(distinct lower(username)) from public.profiles";
    assert_eq!(db.postgres().await.value(names).await.expect("a number"), 0);
}

#[tokio::test]
async fn two_exempt_rows_at_once_do_not_hang() {
    let db = doubled().await;
    let claims = headquarters(&db).await;
    let rename = |user: &str, was: &str, name: &str| {
        [op("update", "profiles", &id(user), json!({"username": was}), json!({"username": name}))]
    };
    for round in 0..10 {
        let (one, other) = (db.as_user(&claims).await, db.as_user(&claims).await);
        let before = |user: &str, first: &str| {
            if round == 0 { first.to_owned() } else { format!("{user}_{}", round - 1) }
        };
        let (mine, theirs) = (
            rename("u02", &before("u02", "ANN"), &format!("u02_{round}")),
            rename("u03", &before("u03", "Ann"), &format!("u03_{round}")),
        );
        // A push that loses a deadlock is asked to come again, and does.
        let keep_on = async |sql: &Sql, ops: &[serde_json::Value]| loop {
            match codes(&push(sql, &claims, ops).await)[0].as_str() {
                "retry" => {}
                code => return code.to_owned(),
            }
        };
        let (a, b) = tokio::join!(keep_on(&one, &mine), keep_on(&other, &theirs));
        assert_eq!((a.as_str(), b.as_str()), ("applied", "applied"));
    }
}

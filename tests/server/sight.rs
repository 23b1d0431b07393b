//! What a call may not do to people it knows nothing of, and what it may not do once its caller lost the right.

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::pg::{self, Database, Sql, sqlstate};

const MAIN: &str = "main@flyos.mil";
const EAST: &str = "east@flyos.mil";
const WEST: &str = "west@flyos.mil";
const OPERATOR1: &str = "operator1@flyos.mil";
/// A drone of the western region.
const WESTERN: &str = "drone-017";

fn status_edit(drone: &str, to: &str) -> Json {
    json!({"id": Uuid::now_v7(), "seq": 1, "group": null, "t": "drones", "pk": drone, "k": "update",
        "base": {}, "set": {"status": to}, "deps": []})
}

/// The call of a push, as SQL.
fn push(claims: &Json, device: Uuid, report: &Json, ops: &Json) -> String {
    let uid = claims["sub"].as_str().expect("somebody");
    format!("select public.sync_push('{uid}', '{device}', 1, '{report}'::jsonb, '{ops}'::jsonb)::text")
}

async fn ask(sql: &Sql, query: &str) -> Json {
    let row = sql.query_one(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
    serde_json::from_str(row.get(0)).expect("JSON")
}

async fn project() -> Database {
    let db = pg::database().await;
    db.seed(0).await;
    db
}

#[tokio::test]
async fn nobody_holds_up_rows_they_cannot_see() {
    let db = project().await;
    let claims = db.session_of(OPERATOR1).await;
    let operator = db.as_user(&claims).await;
    operator.batch_execute("begin").await.expect("a transaction");
    let region = "0194a3c0-0000-7000-8000-000000000002";
    let ops = json!([status_edit(WESTERN, "OFFLINE"), {"id": Uuid::now_v7(), "seq": 2, "group": null, "t": "regions",
        "pk": region, "k": "delete", "base": {}, "set": {}, "deps": []}]);
    let reply = ask(&operator, &push(&claims, Uuid::now_v7(), &Json::Null, &ops)).await;
    assert!(
        reply["results"].as_array().expect("results").iter().all(|r| r["reason"] == "forbidden"),
        "{reply}"
    );
    let owner = db.postgres().await;
    let others = format!(
        "set lock_timeout = '1s'; update public.drones set status = 'ACTIVE' where id = '{WESTERN}';
        update public.regions set area = 'Anywhere' where id = '{region}'"
    );
    owner.batch_execute(&others).await.expect("nobody holds these rows");
    operator.batch_execute("rollback").await.expect("the end");
}

#[tokio::test]
async fn who_was_dismissed_while_waiting_does_nothing_any_more() {
    let db = project().await;
    let claims = db.session_of(WEST).await;
    let holder = db.postgres().await;
    let hold = format!("begin; select from public.drones where id = '{WESTERN}' for update");
    holder.batch_execute(&hold).await.expect("a lock");
    let call = push(&claims, Uuid::now_v7(), &Json::Null, &json!([status_edit(WESTERN, "OFFLINE")]));
    let west = db.as_user(&claims).await;
    let pushed = tokio::spawn(async move { ask(&west, &call).await });
    let owner = db.superuser().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while owner.query_one(waits, &[]).await.expect("a count").get::<_, i64>(0) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // The profile is held by the waiting push: whoever dismisses its author waits for that, or comes first.
    let dismiss = "set lock_timeout = '300ms'; update public.profiles set status = 'INACTIVE' where username = 'west_hq'";
    let late = sqlstate(&owner.batch_execute(dismiss).await).to_owned();
    owner
        .batch_execute("set lock_timeout = 0; delete from auth.sessions")
        .await
        .expect("sessions can be ended");
    holder.batch_execute("commit").await.expect("the lock is given back");
    let reply = pushed.await.expect("an answer");
    assert_eq!((late.as_str(), &reply), ("55P03", &json!({"must": "signed_out"})));
    let row = "select json_build_array((select status from public.drones where id = 'drone-017'),
        (select count(*) from sync.applied_op))::text";
    assert_eq!(ask(&owner, row).await, json!(["STANDBY", 0]), "nothing was done, and no claim is left");
}

#[tokio::test]
async fn the_rules_are_not_given_a_snapshot_they_cannot_see_past() {
    let db = project().await;
    let owner = db.postgres().await;
    for level in ["repeatable read", "serializable"] {
        let write = format!("begin isolation level {level}; update public.drones set status = 'ACTIVE'");
        assert_eq!(sqlstate(&owner.batch_execute(&write).await), "0A000", "{level}");
        owner.batch_execute("rollback").await.expect("the end");
    }
}

#[tokio::test]
async fn devices_are_few_and_say_nothing_harmful() {
    let db = project().await;
    let claims = db.session_of(OPERATOR1).await;
    let operator = db.as_user(&claims).await;
    let report = json!({"waiting": 1, "oldest_s": 2, "needs_you": 0, "version": "1.0"});
    for _ in 0..40 {
        ask(&operator, &push(&claims, Uuid::new_v4(), &report, &json!([]))).await;
    }
    let main = db.as_user(&db.session_of(MAIN).await).await;
    let told = ask(&main, "select public.sync_devices()::text").await;
    assert_eq!(told["devices"].as_array().map(Vec::len), Some(16), "{told}");
    let harmful = json!({"waiting": 1, "oldest_s": 2, "needs_you": 0, "version": "1.0\u{1b}]0;x\u{7}"});
    let refused = operator.query(&push(&claims, Uuid::new_v4(), &harmful, &json!([])), &[]).await;
    assert_eq!(sqlstate(&refused), "PT400");
}

#[tokio::test]
async fn what_is_the_owners_own_stays_unread() {
    let db = project().await;
    let owner = db.postgres().await;
    owner
        .batch_execute("alter table public.profiles add column home_phone text default '555'")
        .await
        .expect("a column");
    owner
        .batch_execute(
            "update public.profiles set home_phone = '556', full_name = 'Jo' where username = 'operator1'",
        )
        .await
        .expect("an update");
    let main = db.as_user(&db.session_of(MAIN).await).await;
    assert_eq!(sqlstate(&main.query("select home_phone from public.profiles", &[]).await), "42501");
    let east = db.as_user(&db.session_of(EAST).await).await;
    assert_eq!(sqlstate(&east.query("select scopes from public.activity", &[]).await), "42501");
    let noted = "select json_agg(a)::text from (select field, old, new from public.activity where tbl = 'profiles') a";
    let noted = ask(&owner, noted).await;
    assert_eq!(noted, json!([{"field": "full_name", "old": "Lt. Michael Rodriguez", "new": "Jo"}]));
    owner
        .batch_execute(
            "insert into public.profiles (id, username, full_name, email, role, status, home_phone)
        values (gen_random_uuid(), 'jo_2', 'Jo', 'jo@x.mil', 'OPERATOR', 'ACTIVE', '557')",
        )
        .await
        .expect("a row");
    let made =
        ask(&owner, "select new from public.activity where kind = 'insert' and tbl = 'profiles'").await;
    assert_eq!((&made["username"], made.get("home_phone")), (&json!("jo_2"), None));
}

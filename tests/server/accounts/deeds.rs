//! What headquarters did to accounts, as the database notes it for `admin-users`. What it has in common with the training
//! server (who may, what is refused, who reads it) is among the twins.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EASTERN, MAIN, OPERATOR1, profile, project, run, uuid};
use crate::pg::{Database, Sql, sqlstate};

const DEEDS: [&str; 8] =
    ["create", "invite", "set_password", "set_email", "ban", "unban", "sign_out", "delete"];
/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
const NOTE: &str = "select public.note_account_deed($1, $2, $3, $4, $5)";

async fn service(db: &Database) -> Sql {
    db.as_user(&json!({"role": "service_role"})).await
}

/// Notes a deed; what is answered, or the SQLSTATE.
async fn note(who: &Sql, op: Uuid, people: [Option<Uuid>; 2], deed: &str, reason: Option<&str>) -> Json {
    let row = who.query_one(NOTE, &[&op, &people[0], &people[1], &deed, &reason]).await;
    row.map_or_else(|error| Json::from(sqlstate(&Err::<(), _>(error))), |row| row.get(0))
}

async fn lines(sql: &Sql) -> Vec<Json> {
    sql.rows("select * from public.activity where kind = 'account' order by id").await.expect("the owner may")
}

#[tokio::test]
async fn every_deed_is_one_line_with_who_why_and_who_could_see_the_row() {
    let db = project().await;
    let (sql, service) = (db.postgres().await, service(&db).await);
    let [actor, target] = [MAIN, OPERATOR1].map(|email| profile(&sql, email));
    let (actor, target) = (uuid(&actor.await["id"]), uuid(&target.await["id"]));
    let ops = DEEDS.map(|_| Uuid::now_v7());
    for (op, deed) in ops.iter().zip(DEEDS) {
        let told = note(&service, *op, [Some(actor), Some(target)], deed, Some("left the unit")).await;
        assert_eq!(told, json!({"noted": true}), "{deed}");
    }
    let found = lines(&sql).await;
    assert_eq!(found.len(), DEEDS.len());
    let state = "select scopes from sync.row_state where tbl = 'profiles' and pk = $1::uuid::text";
    let scopes: Vec<String> = sql.query_one(state, &[&target]).await.expect("a row").get(0);
    assert!(scopes.contains(&format!("r:{EASTERN}")), "{scopes:?}");
    for ((line, deed), op) in found.iter().zip(DEEDS).zip(ops) {
        let wanted = json!({
            "id": line["id"], "at": line["at"], "op_id": op, "device": null, "actor_id": actor, "actor_name": "main_admin",
            "tbl": "profiles", "pk": target, "kind": "account", "field": null, "old": null, "new": deed,
            "reason": "left the unit", "scopes": scopes,
        });
        assert_eq!(*line, wanted);
    }
    // An append-only table is one for the function, too: its owner changes nothing.
    for statement in ["update public.activity set new = 'invite'", "delete from public.activity"] {
        assert_eq!(sqlstate(&sql.execute(statement, &[]).await), "0A000", "{statement}");
        assert_eq!(sqlstate(&service.execute(statement, &[]).await), "42501", "{statement}");
    }
}

#[tokio::test]
async fn what_is_no_deed_is_refused_and_a_reason_has_the_bounds_of_an_edits() {
    let db = project().await;
    let (sql, service) = (db.postgres().await, service(&db).await);
    let who = [None, Some(uuid(&profile(&sql, OPERATOR1).await["id"]))];
    let (op, long) = (Uuid::now_v7(), "é".repeat(200));
    for reason in ["left\nthe unit", "left \u{7f}", "left \u{202e}", "\u{e0041}", &format!("{long}x")] {
        assert_eq!(note(&service, op, who, "ban", Some(reason)).await, "PT400", "{reason:?}");
    }
    for deed in ["", "list_unlinked", "BAN", "ban "] {
        assert_eq!(note(&service, op, who, deed, None).await, "PT400", "{deed:?}");
    }
    assert_eq!(note(&service, op, [None, None], "ban", None).await, "PT400");
    let bare = format!("select public.note_account_deed(null, null, '{op}', 'ban', null)");
    assert_eq!(sqlstate(&service.value(&bare).await), "PT400", "without an op two would be one");
    let bare = format!("select public.note_account_deed('{op}', null, '{op}', null, null)");
    assert_eq!(sqlstate(&service.value(&bare).await), "PT400");
    assert_eq!(lines(&sql).await, Vec::<Json>::new());

    assert_eq!(note(&service, op, who, "ban", Some(&long)).await["noted"], true);
    assert_eq!(note(&service, Uuid::now_v7(), who, "ban", Some("")).await["noted"], true);
    let told: Vec<Json> = lines(&sql).await.iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(told, [json!(long), Json::Null]);
}

#[tokio::test]
async fn the_same_op_leaves_one_line_also_when_both_come_at_once() {
    let db = project().await;
    let sql = db.postgres().await;
    let who = [None, Some(uuid(&profile(&sql, OPERATOR1).await["id"]))];
    let (one, other) = (service(&db).await, service(&db).await);
    let op = Uuid::now_v7();
    one.batch_execute("begin").await.expect("a transaction");
    assert_eq!(note(&one, op, who, "ban", None).await["noted"], true);
    // The second waits for the first, which is not done yet.
    let second = tokio::spawn(async move { note(&other, op, who, "ban", None).await });
    let waits = "select exists (select from pg_locks where locktype = 'advisory' and not granted)";
    let watch = db.superuser().await;
    let begun = Instant::now();
    while watch.value(waits).await.expect("an answer") != true {
        assert!(begun.elapsed() < PATIENCE, "it does not wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    one.batch_execute("commit").await.expect("it is kept");
    assert_eq!(second.await.expect("an answer"), json!({"noted": false}));
    assert_eq!(lines(&sql).await.len(), 1);
    // The same number under another profile is another deed.
    let elsewhere = [None, Some(uuid(&profile(&sql, MAIN).await["id"]))];
    assert_eq!(note(&one, op, elsewhere, "ban", None).await["noted"], true);
}

#[tokio::test]
async fn who_did_it_keeps_the_name_of_then() {
    let db = project().await;
    let (sql, service) = (db.postgres().await, service(&db).await);
    let (actor, target) = (Uuid::now_v7(), uuid(&profile(&sql, OPERATOR1).await["id"]));
    let new = format!(
        "insert into public.profiles (id, username, full_name, email, role, status)
        values ('{actor}', 'brief_one', 'Brief One', 'brief@flyos.mil', 'MAIN_HQ', 'ACTIVE')"
    );
    run(&sql, &new, &[]).await;
    note(&service, Uuid::now_v7(), [Some(actor), Some(target)], "ban", None).await;
    run(&sql, "delete from public.profiles where id = $1", &[&actor]).await;
    note(&service, Uuid::now_v7(), [Some(actor), Some(target)], "unban", None).await;
    note(&service, Uuid::now_v7(), [None, Some(target)], "unban", None).await;
    let told: Vec<Json> =
        lines(&sql).await.iter().map(|line| json!([line["actor_id"], line["actor_name"]])).collect();
    assert_eq!(
        told,
        [json!([actor, "brief_one"]), json!([actor, "service_role"]), json!([null, "service_role"])]
    );
}

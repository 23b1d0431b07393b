//! Upserts through the data API (`on conflict do update`, supabase-js' `.upsert()`): of MAIN_HQ they are what they
//! become, an insert or an update; of everybody else they are inserts, and refused in words that say what to do.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::kit::{EAST, Lane, WEST, user};
use crate::pg::{self, Database, Sql};

/// Upserts a row in PostgREST's words: every column that was sent is set, the key too. What it is refused with: code
/// and words. (The tests' own server adds a system column to the statement, which nobody may read here.)
async fn upsert(asker: &Sql, table: &str, row: &Json) -> Result<(), (String, String)> {
    let columns: Vec<&str> = row.as_object().expect("a row").keys().map(String::as_str).collect();
    let set: Vec<String> = columns.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let (columns, set) = (columns.join(", "), set.join(", "));
    let count = "set_config('pgrst.inserted', '1', true) <> '0'";
    let statement = format!(
        "insert into public.{table} ({columns}) select {columns} from jsonb_populate_record(null::public.{table}, $1)
         where {count} on conflict (id) do update set {set} where {count} returning {table}.id"
    );
    let done = asker.query(&statement, &[row]).await;
    done.map(drop).map_err(|error| {
        let error = error.as_db_error().expect("the database says why");
        (error.code().code().to_owned(), error.message().to_owned())
    })
}

async fn asker(db: &Database, email: &str) -> Sql {
    db.as_user(&db.session_of(email).await).await
}

async fn project() -> Database {
    let db = pg::database().await;
    db.seed(0).await;
    db
}

/// A drone as it is, with another status.
fn drone(id: &str, region: &str, operator: Option<&str>, status: &str) -> Json {
    json!({"id": id, "model": "FlyOS_MQ5", "status": status, "region_id": region, "operator_id": operator})
}

#[tokio::test]
async fn whoever_may_only_change_rows_is_told_to_patch() {
    let db = project().await;
    let told = Err((
        "42501".to_owned(),
        "This row is there already, and an upsert is judged as an insert, which needs the role MAIN_HQ: \
         to change it, use PATCH (update)."
            .to_owned(),
    ));
    let east = asker(&db, "east@flyos.mil").await;
    assert_eq!(upsert(&east, "drones", &drone("drone-012", EAST, None, "OFFLINE")).await, told);
    assert_eq!(upsert(&east, "drones", &json!({"id": "drone-012", "status": "OFFLINE"})).await, told);
    let operator = asker(&db, "operator1@flyos.mil").await;
    assert_eq!(upsert(&operator, "profiles", &json!({"id": user(4), "full_name": "Me"})).await, told);
    let promoted = json!({"id": user(4), "username": "operator1", "full_name": "O", "email": "operator1@flyos.mil",
        "role": "MAIN_HQ", "status": "ACTIVE"});
    assert_eq!(upsert(&operator, "profiles", &promoted).await, told);
    // Of rows they do not see they hear what they hear of rows that are not there.
    for id in [user(1), user(99)] {
        let refused = upsert(&operator, "profiles", &json!({"id": id, "full_name": "Me"})).await;
        let words = "To create, change, delete users needs the role MAIN_HQ.";
        assert_eq!(refused, Err(("42501".to_owned(), words.to_owned())), "{id}");
    }
    for drone in ["drone-020", "drone-999"] {
        let (code, words) =
            upsert(&east, "drones", &json!({"id": drone, "status": "OFFLINE"})).await.unwrap_err();
        assert_eq!((&*code, words.contains("PATCH")), ("42501", false), "{drone}: {words}");
    }
    let owner = db.superuser().await;
    assert_eq!(owner.value("select count(*) from public.activity").await.expect("a count"), 0);
    // The guard is what speaks; without it row-level security refuses all the same.
    owner
        .batch_execute("alter table public.drones disable trigger flyos_1_guard_insert")
        .await
        .expect("it may");
    let row = json!({"id": "drone-012", "model": "FlyOS_MQ5", "status": "OFFLINE"});
    let (code, words) = upsert(&east, "drones", &row).await.unwrap_err();
    assert_eq!(code, "42501");
    assert!(words.starts_with("new row violates row-level security policy"), "{words}");
}

#[tokio::test]
async fn of_main_hq_it_is_what_it_becomes() {
    let db = project().await;
    let owner = db.superuser().await;
    let main = asker(&db, "main@flyos.mil").await;
    let before =
        "select to_jsonb(d) from public.drones d where operator_id is not null and region_id is not null
        order by id limit 1";
    let mut row = owner.value(before).await.expect("a drone that is operated");
    for column in ["created_at", "updated_at"] {
        row.as_object_mut().expect("a row").remove(column);
    }
    row["status"] = json!("MAINTENANCE");
    // Its region takes no new members; this one is none.
    let inactive = format!("update public.regions set status = 'INACTIVE' where id = '{EAST}'");
    owner.batch_execute(&inactive).await.expect("the rules allow it");
    upsert(&main, "drones", &row).await.expect("an update");
    let lines = "select jsonb_agg(jsonb_build_array(kind, field, new) order by id) from public.activity where tbl = 'drones'";
    assert_eq!(owner.value(lines).await.expect("lines"), json!([["update", "status", "MAINTENANCE"]]));
    // As an update it is judged, and as an insert where the row is new.
    let id = row["id"].as_str().expect("an id").to_owned();
    let (_, words) = upsert(&main, "drones", &drone(&id, WEST, Some(&user(99)), "ACTIVE")).await.unwrap_err();
    assert_eq!(words, "There is no such user.");
    for id in ["drone-020", "drone-900"] {
        let (_, words) = upsert(&main, "drones", &drone(id, EAST, None, "ACTIVE")).await.unwrap_err();
        assert_eq!(words, "Eastern is INACTIVE and takes no new members.", "{id}");
    }
    upsert(&main, "drones", &drone("drone-900", WEST, None, "ACTIVE")).await.expect("an insert");
    // All of a row must be there, as for any insert.
    let (_, words) =
        upsert(&main, "drones", &json!({"id": "drone-900", "status": "OFFLINE"})).await.unwrap_err();
    assert_eq!(words, "Model is needed.");
    // Users and regions too.
    let region = json!({"id": WEST, "name": "Western", "area": "Elsewhere", "status": "ACTIVE"});
    upsert(&main, "regions", &region).await.expect("an update");
    let me = "select jsonb_build_object('id', id, 'username', username, 'full_name', 'Head', 'email', email, 'role', 'OPERATOR',
        'status', status) from public.profiles where username = 'main_admin'";
    let demoted = owner.value(me).await.expect("a profile");
    owner
        .batch_execute("delete from public.profiles where role = 'MAIN_HQ' and username <> 'main_admin'")
        .await
        .expect("one");
    let (_, words) = upsert(&main, "profiles", &demoted).await.unwrap_err();
    assert_eq!(words, "This is the last active MAIN_HQ user: make another one first.");
    // A key is granted to be set, and stays what it is.
    let front = db.front().await;
    let token = front.sign_in("main@flyos.mil").await.token;
    for (path, id) in [
        ("drones?id=eq.drone-900".to_owned(), "drone-901".to_owned()),
        (format!("regions?id=eq.{WEST}"), user(77)),
    ] {
        let request = front.request(Method::PATCH, &format!("/rest/v1/{path}")).bearer_auth(&token);
        let answer = request.json(&json!({"id": id})).send().await.expect("an answer");
        let answer: Json = answer.json().await.expect("JSON");
        assert_eq!(answer["code"], "42501", "{path}");
        assert_eq!(answer["message"], "Id is set by the server and cannot be edited.", "{path}");
    }
}

/// Whoever found the row there holds it: it is not made unjudged because it went meanwhile.
#[tokio::test]
async fn a_row_that_goes_meanwhile_is_judged_as_a_new_one() {
    let db = project().await;
    let owner = db.superuser().await;
    let inactive = format!("update public.regions set status = 'INACTIVE' where id = '{EAST}'");
    owner.batch_execute(&inactive).await.expect("the rules allow it");
    let upsert = format!(
        "insert into public.drones (id, model, status, region_id) values ('drone-001', 'FlyOS_MQ5', 'ACTIVE', '{EAST}')
         on conflict (id) do update set status = excluded.status, region_id = excluded.region_id"
    );
    let (first, mut second) = (Lane::owner(&db).await, Lane::owner(&db).await);
    first.must("begin; delete from public.drones where id = 'drone-001'").await;
    assert!(second.hangs(&upsert).await, "it waits for who deletes");
    first.must("commit").await;
    let (state, _) = second.end().await;
    assert_ne!(state, "", "an INACTIVE region takes no new members");
    assert_eq!(
        owner.value("select count(*) from public.drones where id = 'drone-001'").await.expect("a count"),
        0
    );
}

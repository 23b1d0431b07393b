//! Pushes that are repeated, cut off, or meet somebody head on.

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Stage;
use crate::kit::{Came, EAST, Lane, ops, user};
use crate::pg::sqlstate;

fn set_status(drone: &str, base: &str, status: &str) -> Json {
    ops::update("drones", drone, &json!({ "status": base }), &json!({ "status": status }))
}

/// A statement timeout stops a push in the middle, where its second edit has to wait.
async fn cut_off(stage: &Stage, list: &[Json], holding: &str) -> String {
    let main = stage.person("main@flyos.mil").await;
    let holder = Lane::owner(&stage.db).await;
    holder.must(&format!("begin; {holding}")).await;
    main.sql.batch_execute("set statement_timeout = '300ms'").await.expect("a setting");
    let told = sqlstate(&main.push(list).await).to_owned();
    holder.must("rollback").await;
    told
}

#[tokio::test]
async fn trap_13_a_cancelled_push_is_no_answer_to_its_edits() {
    let stage = Stage::new().await;
    // The lock is met inside an edit, where `exception when others` stands around it.
    let list = [set_status("drone-001", "ACTIVE", "OFFLINE"), ops::delete("regions", EAST)];
    let holding = "select from public.drones where region_id is not null and id > 'drone-002' for update";
    assert_eq!(cut_off(&stage, &list, holding).await, "57014", "the call fails, no edit is told anything");
    assert_eq!(stage.value("select count(*) from sync.applied_op").await, 0);
    stage.holds().await;
}

#[tokio::test]
async fn trap_24_a_timeout_undoes_the_whole_call_claims_and_all() {
    let stage = Stage::new().await;
    let list = [
        set_status("drone-001", "ACTIVE", "OFFLINE"),
        set_status("drone-001", "OFFLINE", "BROKEN"),
        set_status("drone-002", "OFFLINE", "STANDBY"),
        ops::delete("regions", EAST),
    ];
    let holding = "select from public.drones where region_id is not null and id > 'drone-002' for update";
    assert_eq!(cut_off(&stage, &list, holding).await, "57014");
    assert_eq!(stage.value("select count(*) from sync.applied_op").await, 0, "no claim is left");
    assert_eq!(stage.value("select count(*) from public.activity where op_id is not null").await, 0);
    assert_eq!(stage.value("select status from public.drones where id = 'drone-001'").await, "ACTIVE");
    // The client halves the batch, with the same ids; each is taken as if for the first time.
    let main = stage.person("main@flyos.mil").await;
    let mut codes = Vec::new();
    for half in list.chunks(2) {
        for result in main.push(half).await.expect("it is answered") {
            assert!(result["replayed"].is_null(), "{result}");
            codes.push(result["code"].clone());
        }
    }
    assert_eq!(codes, ["applied", "rejected", "conflict", "applied"]);
    stage.holds().await;
}

#[tokio::test]
async fn trap_15_a_claim_outlives_its_stored_result() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let list = [
        set_status("drone-001", "ACTIVE", "OFFLINE"),
        set_status("drone-002", "OFFLINE", "STANDBY"),
        set_status("drone-003", "ACTIVE", "BROKEN"),
        ops::delete("drones", "drone-004"),
    ];
    let first = main.push(&list).await.expect("it is answered");
    let stored = "select count(*) from sync.applied_op where result is not null";
    // Why two did not get in is kept: nobody else could tell.
    for (days, left) in [(29, 4), (2, 2), (2_000, 2)] {
        stage.run(&format!("update sync.applied_op set at = at - interval '{days} days'")).await;
        // A push forgets what is old by then; its own result is not.
        let nothing = ops::update("regions", EAST, &json!({}), &json!({"name": "Eastern"}));
        assert_eq!(main.code(&nothing).await, "noop");
        let old = format!("{stored} and op_id <> '{}'", nothing["id"].as_str().expect("an id"));
        let left_now = stage.value(&format!("{old} and at < now() - interval '20 days'")).await;
        assert_eq!(left_now, left, "after {days} days more");
        let again = main.push(&list).await.expect("it is answered");
        for (first, again) in first.iter().zip(&again) {
            assert_eq!((&again["code"], &again["v"]), (&first["code"], &first["v"]), "{again}");
            assert_eq!((&again["id"], &again["replayed"]), (&first["id"], &json!(true)), "{again}");
        }
    }
    assert_eq!(stage.value("select count(*) from sync.applied_op where op_id is not null").await, 7);
    let mut other = list[0].clone();
    other["set"]["status"] = json!("STANDBY");
    assert_eq!(main.code(&other).await, "id_reused", "after years it is still known");
    stage.holds().await;
}

#[tokio::test]
async fn trap_17_a_version_that_only_scopes_moved_is_no_conflict() {
    let stage = Stage::new().await;
    let east = stage.person("east@flyos.mil").await;
    let copy = stage.copy(&east).await;
    let v = copy.rows[&("drones".to_owned(), "drone-005".to_owned())].v;
    stage
        .run(&format!(
            "insert into public.user_drone_assignments (user_id, drone_id) values ('{}', 'drone-005')",
            user(9)
        ))
        .await;
    let now = stage.value("select ver from sync.row_state where tbl = 'drones' and pk = 'drone-005'").await;
    assert!(now.as_i64() > Some(v), "its scopes gave it a new version");
    assert_eq!(east.code(&set_status("drone-005", "ACTIVE", "OFFLINE")).await, "applied");
    stage.holds().await;
}

#[tokio::test]
async fn trap_20_two_devices_with_the_same_rows_in_other_orders() {
    let stage = Stage::new().await;
    let people = [
        stage.person("main@flyos.mil").await,
        stage.person("deputy@flyos.mil").await,
        stage.person("main@flyos.mil").await,
    ];
    let drones: Vec<String> = (1..=20).map(|n| format!("drone-{n:03}")).collect();
    let mut applied = 0;
    for round in 0..6 {
        let (from, to) = if round % 2 == 0 { ("ACTIVE", "OFFLINE") } else { ("OFFLINE", "ACTIVE") };
        let pushes = people.iter().enumerate().map(|(n, person)| {
            let mut list: Vec<Json> = drones.iter().map(|drone| set_status(drone, from, to)).collect();
            for id in [user(9), user(10)] {
                list.push(ops::update(
                    "profiles",
                    &id,
                    &json!({ "region_id": EAST }),
                    &json!({ "region_id": EAST }),
                ));
                list.push(ops::assign(&id, "drone-005"));
            }
            list.rotate_left(n * 7);
            if n == 1 {
                list.reverse();
            }
            async move { person.push(&list).await }
        });
        for answer in join_all(pushes).await {
            let results = answer.expect("it is answered");
            assert!(results.iter().all(|result| result["code"] != "retry"), "{results:?}");
            applied += results.iter().filter(|result| result["code"] == "applied").count();
        }
    }
    assert_eq!(applied, 6 * drones.len() + 2, "each change was made once, by whoever came first");
    stage.holds().await;
}

#[tokio::test]
async fn trap_21_a_deadlock_in_a_push_is_to_be_sent_again() {
    let stage = Stage::new().await;
    let raises = "select coalesce(jsonb_agg(p.oid::regprocedure), '[]') from pg_proc p
        where p.pronamespace in ('sync'::regnamespace, 'flyos'::regnamespace, 'public'::regnamespace)
            and p.prosrc ~ '(40001|40P01|serialization_failure)'";
    assert_eq!(stage.value(raises).await, json!([]), "PostgREST repeats such a call without end");

    // While the rows are locked at the start of a push, and inside an edit. Who waits last looks for a deadlock
    // first and gives way: the push, whose transaction holds what the other waits for.
    let quick = format!("alter database {} set deadlock_timeout = '30s'", stage.db.name());
    let patient = "update public.drones set model = 'FlyOS_MQ9' where id = 'drone-002'";
    for (holds, wants, list, codes) in [
        (
            "update public.drones set model = 'FlyOS_MQ7' where id = 'drone-001'",
            "update public.drones set model = 'FlyOS_MQ9' where id = 'drone-001'",
            vec![set_status("drone-001", "ACTIVE", "OFFLINE"), set_status("drone-002", "ACTIVE", "OFFLINE")],
            ["retry", "retry"],
        ),
        (
            "update public.profiles set full_name = 'y' where id = '0194a3d2-0000-7000-8000-000000000011'",
            "update public.profiles set full_name = 'x' where id = '0194a3d2-0000-7000-8000-000000000011'",
            // The drones of the region are locked by its deletion alone.
            vec![set_status("drone-012", "ACTIVE", "OFFLINE"), ops::delete("regions", EAST)],
            ["applied", "retry"],
        ),
    ] {
        let main = stage.person("main@flyos.mil").await;
        let statement = main.statement(&list);
        let push = Lane::over(&stage.db, main.sql).await;
        stage.owner.batch_execute(&quick).await.expect("the superuser may");
        let mut other = Lane::owner(&stage.db).await;
        push.must("begin").await;
        push.must(holds).await;
        other.must("begin").await;
        other.must(patient).await;
        assert!(other.hangs(wants).await, "it waits for what the push's transaction holds");
        let answer: Json = push.sql.query_one(&statement, &[]).await.expect("it is answered").get(0);
        let results = answer["results"].as_array().expect("results").clone();
        let told: Vec<&Json> = results.iter().map(|result| &result["code"]).collect();
        assert_eq!(told, codes);
        push.must("commit").await;
        assert_eq!(other.end().await.0, "", "the other goes on");
        other.must("rollback").await;
        let left = "select count(*) from sync.applied_op where code is null or code = 'retry'";
        assert_eq!(stage.value(left).await, 0, "nothing is kept of it");
        let again = stage.db.as_user(&main.claims).await;
        let answer: Json = again.query_one(&statement, &[]).await.expect("it is answered").get(0);
        assert_eq!(answer["results"][1]["code"], "applied", "{answer}");
        stage.run("update public.drones set status = 'ACTIVE'").await;
        let back = format!("alter database {} reset deadlock_timeout", stage.db.name());
        stage.owner.batch_execute(&back).await.expect("the superuser may");
    }
    stage.holds().await;
}

#[tokio::test]
async fn trap_23_a_push_with_the_anonymous_key_settles_nothing() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let op = set_status("drone-001", "ACTIVE", "OFFLINE");
    let statement = main.statement(std::slice::from_ref(&op));
    let anonymous = stage.db.as_user(&json!({"role": "anon"})).await;
    assert_eq!(sqlstate(&anonymous.query_one(&statement, &[]).await), "42501");
    // Signed in, but as somebody else than whose edits these are.
    let other = stage.person("deputy@flyos.mil").await;
    let refused = other.sql.query_one(&statement, &[]).await;
    assert_eq!(sqlstate(&refused), "PT409");
    let nobody = stage.db.as_user(&json!({"role": "authenticated"})).await;
    assert_eq!(sqlstate(&nobody.query_one(&statement, &[]).await), "PT409");
    assert_eq!(stage.value("select count(*) from sync.applied_op").await, 0);

    let front = stage.db.front().await;
    let body = json!({"uid": main.uid(), "device": main.device, "schema": 1, "report": null, "ops": [op]});
    let (status, error) = front.rpc("", "sync_push", &body).await;
    assert_eq!((status, &error["code"]), (401, &json!("42501")), "{error}");
    let token = crate::pg::mint(&other.claims);
    let (status, error) = front.rpc(&token, "sync_push", &body).await;
    assert_eq!((status, &error["message"]), (409, &json!("auth_mismatch")), "{error}");
    assert_eq!(stage.value("select count(*) from sync.applied_op").await, 0);
    assert_eq!(main.code(&op).await, "applied", "the edit is as good as before");
}

#[tokio::test]
async fn trap_25_a_gateway_repeats_a_push() {
    let stage = Stage::new().await;
    let front = stage.db.front().await;
    let main = stage.person("main@flyos.mil").await;
    let token = crate::pg::mint(&main.claims);
    let list = [
        set_status("drone-001", "ACTIVE", "OFFLINE"),
        set_status("drone-001", "ACTIVE", "STANDBY"),
        ops::assign(&user(9), "drone-005"),
    ];
    let body = json!({"uid": main.uid(), "device": Uuid::new_v4(), "schema": 1, "report": null, "ops": list});
    let answers = join_all((0..5).map(|_| front.rpc(&token, "sync_push", &body))).await;
    let mut first = 0;
    for (status, answer) in &answers {
        assert_eq!(*status, 200, "{answer}");
        let results = answer["results"].as_array().expect("results");
        first += results.iter().filter(|result| result["replayed"].is_null()).count();
        let codes: Vec<&Json> = results.iter().map(|result| &result["code"]).collect();
        assert_eq!(codes, ["applied", "conflict", "applied"]);
    }
    assert_eq!(first, 3, "each was carried out once");
    let lines = stage.value("select count(*) from public.activity where op_id is not null").await;
    assert_eq!(lines, 2, "and stands in the activity once");
    let mut copy = stage.copy(&main).await;
    assert_eq!(copy.pull(&main.sql, 7).await.expect("a page"), Came::Page { more: false });
    stage.holds().await;
}

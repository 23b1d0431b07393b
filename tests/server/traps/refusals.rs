//! What row-level security, constraints and the platform do in silence or too loudly.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Stage;
use crate::kit::{ops, user};
use crate::pg::sqlstate;

#[tokio::test]
async fn trap_11_an_update_that_row_level_security_turns_into_nothing() {
    let stage = Stage::new().await;
    let east = stage.person("east@flyos.mil").await;
    // A commander sees a drone of nowhere that they hold, and may not change it.
    stage
        .run(&format!(
            "insert into public.drones (id, model, status) values ('nowhere', 'FlyOS_MQ5', 'ACTIVE');
        insert into public.user_drone_assignments (user_id, drone_id) values ('{}', 'nowhere')",
            user(2)
        ))
        .await;
    let update = "update public.drones set status = 'OFFLINE' where id = 'nowhere'";
    assert_eq!(east.sql.execute(update, &[]).await.expect("no error"), 0, "that is the trap");
    let op = ops::update("drones", "nowhere", &json!({"status": "ACTIVE"}), &json!({"status": "OFFLINE"}));
    let results = east.push(&[op]).await.expect("it is answered");
    assert_eq!((&results[0]["code"], &results[0]["reason"]), (&json!("rejected"), &json!("forbidden")));
    // The words come before it; the count of rows stands behind them.
    stage
        .owner
        .batch_execute(
            "create or replace function flyos.no_update(p_tbl text, p_pk text, p_columns text[], p_region uuid, p_operator uuid) returns text
        language sql stable as 'select null::text'",
        )
        .await
        .expect("the superuser may");
    for op in [
        ops::update("drones", "nowhere", &json!({"status": "ACTIVE"}), &json!({"status": "STANDBY"})),
        ops::update("regions", crate::kit::EAST, &json!({"name": "Eastern"}), &json!({"name": "Mine"})),
    ] {
        let results = east.push(std::slice::from_ref(&op)).await.expect("it is answered");
        assert_eq!(
            (&results[0]["code"], &results[0]["reason"]),
            (&json!("rejected"), &json!("forbidden")),
            "{op}"
        );
    }
    assert_eq!(stage.value("select status from public.drones where id = 'nowhere'").await, "ACTIVE");
    stage.holds().await;
}

#[tokio::test]
async fn trap_12_no_constraint_waits_until_after_the_handler() {
    let stage = Stage::new().await;
    let deferred = "select coalesce(jsonb_agg(c.conname order by c.conname), '[]') from pg_constraint c
        where c.condeferrable and c.connamespace in ('public'::regnamespace, 'sync'::regnamespace, 'flyos'::regnamespace)";
    assert_eq!(stage.value(deferred).await, json!(["flyos_tell"]), "the nudge alone, which cannot fail");
    stage
        .owner
        .batch_execute(
            "create or replace function realtime.send(payload jsonb, event text, topic text,
        private boolean default true) returns void language plpgsql as 'begin raise exception ''no''; end'",
        )
        .await
        .expect("the superuser may");
    let main = stage.person("main@flyos.mil").await;
    let op = ops::update("drones", "drone-001", &json!({"status": "ACTIVE"}), &json!({"status": "OFFLINE"}));
    assert_eq!(main.code(&op).await, "applied");
    assert!(
        main.sql.notices().iter().any(|notice| notice.contains("nobody was nudged")),
        "{:?}",
        main.sql.notices()
    );
    stage.holds().await;
}

#[tokio::test]
async fn trap_14_a_nudge_that_is_not_delivered_loses_nothing() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    stage.owner.batch_execute("drop table realtime.messages_always").await.expect("the superuser may");
    let op = ops::update("drones", "drone-001", &json!({"status": "ACTIVE"}), &json!({"status": "OFFLINE"}));
    assert_eq!(main.code(&op).await, "applied");
    assert!(
        main.sql.notices().iter().any(|notice| notice.starts_with("WARNING: WarnSendingBroadcastMessage"))
    );
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
    stage.holds().await;
}

#[tokio::test]
async fn trap_16_policies_ask_once_a_statement_and_definers_have_no_search_path() {
    let stage = Stage::new().await;
    let open = "select coalesce(jsonb_agg(p.oid::regprocedure), '[]') from pg_proc p
        where p.pronamespace in ('sync'::regnamespace, 'flyos'::regnamespace, 'public'::regnamespace)
            and p.prosecdef and not coalesce(p.proconfig, '{}') @> array['search_path=\"\"']";
    assert_eq!(stage.value(open).await, json!([]));
    // Every call of ours inside a policy stands in a sub-select.
    let bare = r"select coalesce(jsonb_agg(p.tablename || ': ' || coalesce(p.qual, p.with_check)), '[]') from pg_policies p
        where p.schemaname = 'public' and regexp_replace(coalesce(p.qual, '') || ' ' || coalesce(p.with_check, ''),
            '\( SELECT [a-z_.()]+ AS [a-z_]+\)', '', 'g') ~ 'flyos\.'";
    assert_eq!(stage.value(bare).await, json!([]));
    // And is carried out once, not for each row.
    stage.run("insert into public.drones (id, model, status) select 'bulk-' || n, 'FlyOS_MQ5', 'ACTIVE' from generate_series(1, 300) n").await;
    for email in ["main@flyos.mil", "east@flyos.mil", "operator1@flyos.mil"] {
        let person = stage.person(email).await;
        for table in ["regions", "profiles", "drones", "user_drone_assignments"] {
            let explain = format!(
                "explain (analyze, timing off, summary off, format json) select * from public.{table}"
            );
            let plan: Json = person.sql.query_one(&explain, &[]).await.expect("a plan").get(0);
            let mut found = Vec::new();
            inits(&plan, &mut found);
            assert!(!found.is_empty(), "{table}: {plan}");
            assert!(found.iter().all(|loops| *loops <= 1), "{email}, {table}: {plan}");
        }
    }
}

/// How often each part of a plan ran that asks something of ours.
fn inits(plan: &Json, found: &mut Vec<u64>) {
    match plan {
        Json::Array(items) => items.iter().for_each(|item| inits(item, found)),
        Json::Object(fields) => {
            if fields.get("Parent Relationship") == Some(&json!("InitPlan")) {
                found.push(fields["Actual Loops"].as_u64().unwrap_or_default());
            }
            fields.values().for_each(|value| inits(value, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn trap_18_a_taken_key_tells_nothing_of_a_row_that_is_hidden() {
    let stage = Stage::new().await;
    let operator = stage.person("operator1@flyos.mil").await;
    let east = stage.person("east@flyos.mil").await;
    let hidden = "drone-010";
    let seen = format!("select count(*) from public.drones where id = '{hidden}'");
    assert_eq!(operator.sql.value(&seen).await.expect("a query"), 0);
    // Whether there is such a row makes no difference to the answer.
    for person in [&operator, &east] {
        for make in [
            |id: &str| ops::insert("drones", id, &json!({"model": "FlyOS_MQ5", "status": "ACTIVE"})),
            |id: &str| ops::update("drones", id, &json!({"status": "ACTIVE"}), &json!({"status": "OFFLINE"})),
            |id: &str| ops::delete("drones", id),
            |id: &str| ops::assign(&user(5), id),
            |id: &str| ops::unassign(&user(5), id),
        ] {
            let mut answers = Vec::new();
            for id in ["drone-017", "drone-999"] {
                let mut result = person.push(&[make(id)]).await.expect("it is answered").remove(0);
                result["id"] = Json::Null;
                answers.push(result.to_string().replace(id, "?"));
            }
            assert_eq!(answers[0], answers[1]);
            assert!(answers[0].contains("forbidden"), "{}", answers[0]);
        }
        // A name that somebody hidden has; straight on the tables as well.
        let (taken, free) = (Uuid::new_v4(), Uuid::new_v4());
        let mut states = Vec::new();
        for (id, name) in [(taken, "main_admin"), (free, "nobody_yet")] {
            let insert = format!(
                "insert into public.profiles (id, username, full_name, email, role, status)
                values ('{id}', '{name}', 'x', '{name}@flyos.mil', 'OPERATOR', 'ACTIVE')"
            );
            states.push(sqlstate(&person.sql.batch_execute(&insert).await).to_owned());
            let update =
                format!("update public.profiles set username = '{name}' where auth_user_id = auth.uid()");
            states.push(sqlstate(&person.sql.batch_execute(&update).await).to_owned());
        }
        for id in ["drone-017", "drone-999"] {
            let insert = format!(
                "insert into public.drones (id, model, status) values ('{id}', 'FlyOS_MQ5', 'ACTIVE')"
            );
            states.push(sqlstate(&person.sql.batch_execute(&insert).await).to_owned());
        }
        // Whom the rules would name: somebody of another region, and nobody.
        for id in [user(5), user(0x999)] {
            let insert = format!(
                "insert into public.user_drone_assignments (user_id, drone_id) values ('{id}', 'drone-017')"
            );
            states.push(sqlstate(&person.sql.batch_execute(&insert).await).to_owned());
        }
        assert_eq!(states[6], states[7], "{states:?}");
        assert_eq!(states[0], states[2], "{states:?}");
        assert_eq!(states[1], states[3], "{states:?}");
        assert_eq!(states[4], states[5], "{states:?}");
    }
    stage.holds().await;
}

//! The same without a script: many at once on very few rows, and the pushes that must be taken once.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};

use crate::kit::{Ground, Lane, Person, Rng, ground, ops, truth, user};
use crate::pg::{self, Sql, sqlstate};

const STATEMENTS: [&str; 17] = [
    "insert into public.user_drone_assignments (user_id, drone_id) values ('$P', '$D')",
    "insert into public.user_drone_assignments (user_id, drone_id) values ('$P', '$D')",
    "insert into public.user_drone_assignments (user_id, drone_id) values ('$P', '$D') on conflict do nothing",
    "delete from public.user_drone_assignments where user_id = '$P' and drone_id = '$D'",
    "update public.drones set operator_id = '$P' where id = '$D'",
    "update public.drones set operator_id = null where id = '$D'",
    "update public.drones set region_id = '$R' where id = '$D'",
    "update public.drones set region_id = null where id = '$D'",
    "update public.profiles set region_id = '$R' where id = '$P'",
    "update public.profiles set region_id = null where id = '$P'",
    "delete from public.drones where id = '$D'",
    "insert into public.drones (id, model, status, region_id) values ('$D', 'FlyOS_MQ5', 'ACTIVE', '$R')",
    "delete from public.regions where id = '$R'",
    "insert into public.regions (id, name, area, status) values ('$R', 'Again ' || right('$R', 1), 'x', 'ACTIVE')",
    "update public.profiles set role = 'OPERATOR' where id = '$H'",
    "update public.profiles set role = 'MAIN_HQ' where id = '$H'",
    "update public.drones set region_id = '$R', operator_id = '$P' where id = '$D'",
];

fn statement(rng: &mut Rng) -> String {
    let text =
        rng.pick(&STATEMENTS).replace("$D", rng.pick(&["d", "n"])).replace("$P", rng.pick(&["$a", "$b"]));
    ground::sql(&text.replace("$R", rng.pick(&["$E", "$W"])).replace("$H", rng.pick(&["$M", "$O"])))
}

/// Transactions of one to three statements, some of them to a savepoint and back.
async fn hit(sql: &Sql, rng: &mut Rng, times: usize) -> Vec<String> {
    let mut refused = Vec::new();
    for _ in 0..times {
        let mut text = "begin".to_owned();
        for _ in 0..=rng.below(3) {
            let one = statement(rng);
            text.push_str("; ");
            let undone = rng.in_hundred(20);
            let parts = if undone { ["savepoint s; ", &one, "; rollback to s"] } else { [&one, "", ""] };
            text.extend(parts);
        }
        let done = sql.batch_execute(&format!("{text}; commit")).await;
        if done.is_err() {
            refused.push(sqlstate(&done).to_owned());
            sql.batch_execute("rollback").await.expect("it ends");
        }
    }
    refused
}

#[tokio::test]
async fn many_at_once_on_two_drones() {
    let ground = Ground::new().await;
    ground.lay("").await;
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut rng = Rng(seed);
    let mut lanes = Vec::new();
    for _ in 0..8 {
        lanes.push((ground.db.postgres().await, rng.fork()));
    }
    let mut refused = std::collections::BTreeMap::<String, u32>::new();
    for burst in 0..6 {
        let hits = lanes.iter_mut().map(|(sql, rng)| hit(sql, rng, 12));
        for state in join_all(hits).await.concat() {
            *refused.entry(state).or_default() += 1;
        }
        ground.holds(&format!("seed {seed}, burst {burst}")).await;
    }
    eprintln!("seed {seed}: of 576 transactions were refused {refused:?}");
    for state in refused.keys() {
        assert!(["23505", "23503", "23514", "40P01"].contains(&state.as_str()), "{refused:?}");
    }
}

#[tokio::test]
async fn an_edit_that_is_delivered_eight_times_at_once_is_taken_once() {
    let db = pg::database().await;
    db.seed(0).await;
    let mut people = Vec::new();
    for _ in 0..8 {
        people.push(Person::new(&db, "main@flyos.mil").await);
    }
    let device = people[0].device;
    for person in &mut people {
        person.device = device;
    }
    let drone = |base: &str, status: &str| {
        ops::update("drones", "drone-001", &json!({ "status": base }), &json!({ "status": status }))
    };
    for (list, codes) in [
        (vec![drone("ACTIVE", "STANDBY")], vec!["applied"]),
        (vec![drone("STANDBY", "NONSENSE")], vec!["rejected"]),
        (vec![drone("OFFLINE", "MAINTENANCE")], vec!["conflict"]),
        (vec![drone("STANDBY", "ACTIVE"), ops::delete("drones", "drone-002")], vec!["applied", "applied"]),
        (
            ops::group(&[
                ops::assign(&user(4), "drone-004"),
                drone("ACTIVE", "OFFLINE"),
                ops::delete("drones", "drone-003"),
            ]),
            vec!["applied", "applied", "applied"],
        ),
    ] {
        let answers = join_all(people.iter().map(|person| person.push(&list))).await;
        let answers: Vec<Vec<Json>> =
            answers.into_iter().map(|answer| answer.expect("it is answered")).collect();
        for (n, code) in codes.iter().enumerate() {
            let (first, again): (Vec<&Json>, Vec<&Json>) =
                answers.iter().map(|results| &results[n]).partition(|result| result["replayed"].is_null());
            assert_eq!((first.len(), again.len()), (1, 7), "{answers:?}");
            assert_eq!(first[0]["code"], *code, "{}", first[0]);
            let mut stored = first[0].clone();
            stored["replayed"] = json!(true);
            assert!(again.iter().all(|result| **result == stored), "{stored} and {again:?}");
        }
    }
    let owner = db.superuser().await;
    let ver = owner.value("select ver from sync.row_state where tbl = 'drones' and pk = 'drone-001'").await;
    assert_eq!(ver.expect("it is there"), 4, "three edits were taken, each once");
    assert_eq!(truth::faults(&owner).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_same_id_for_two_different_edits_at_once_is_one_of_them() {
    let db = pg::database().await;
    db.seed(0).await;
    let (one, other) = (Person::new(&db, "main@flyos.mil").await, Person::new(&db, "main@flyos.mil").await);
    for n in 0..5 {
        let base = json!({ "model": if n == 0 { "FlyOS_MQ5" } else { "?" } });
        let a = ops::update("drones", "drone-001", &base, &json!({"model": "FlyOS_MQ7"}));
        let mut b = ops::update("drones", "drone-002", &base, &json!({"model": "FlyOS_MQ9"}));
        b["id"] = a["id"].clone();
        let (lists, codes) = ([[a], [b]], ["id_reused", "rejected", "conflict", "applied", "noop"]);
        let answers = tokio::join!(one.push(&lists[0]), other.push(&lists[1]));
        let answers = [answers.0, answers.1].map(|answer| answer.expect("it is answered")[0].clone());
        let reused = answers.iter().filter(|answer| answer["code"] == "id_reused").count();
        assert_eq!(reused, 1, "{answers:?}");
        assert!(answers.iter().all(|answer| codes.contains(&answer["code"].as_str().unwrap_or_default())));
    }
}

#[tokio::test]
async fn two_main_hq_push_each_other_out() {
    let ways = |id: u32| {
        let (t, pk) = ("profiles", user(id));
        [
            ops::update(t, &pk, &json!({"role": "MAIN_HQ"}), &json!({"role": "OPERATOR"})),
            ops::update(t, &pk, &json!({"status": "ACTIVE"}), &json!({"status": "INACTIVE"})),
            ops::delete(t, &pk),
        ]
    };
    for n in 0..3 {
        let db = pg::database().await;
        db.seed(0).await;
        let owner = db.superuser().await;
        let (main, deputy) =
            (Person::new(&db, "main@flyos.mil").await, Person::new(&db, "deputy@flyos.mil").await);
        let (by_main, by_deputy) = (main.statement(&ways(6)[n..=n]), deputy.statement(&ways(1)[n..=n]));
        let (first, mut second) = (Lane::over(&db, main.sql).await, Lane::over(&db, deputy.sql).await);
        first.must("begin").await;
        let done: Json = first.sql.query_one(&by_main, &[]).await.expect("it is answered").get(0);
        assert_eq!(done["results"][0]["code"], "applied", "{done}");
        assert!(second.hangs(&by_deputy).await, "it waits for what the other decides");
        first.must("commit").await;
        let (state, answer) = second.end().await;
        let answer = answer.expect("it is answered");
        // Who waited is asked again who they are, and are a MAIN_HQ no more: of a deleted or INACTIVE one even the word.
        let refused = &answer["results"][0]["code"] == "rejected" || answer["must"].is_string();
        assert!(state.is_empty() && refused, "{state} {answer}");
        assert_eq!(truth::faults(&owner).await, Vec::<String>::new());
        let left = owner
            .value("select count(*) from public.profiles where role = 'MAIN_HQ' and status = 'ACTIVE'")
            .await;
        assert_eq!(left.expect("a number"), 1);
    }
}

/// The same meetings as on the ground, with pushes on both sides.
#[tokio::test]
async fn pushes_meet_without_a_deadlock() {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    owner
        .batch_execute(&format!("alter database {} set deadlock_timeout = '20ms'", db.name()))
        .await
        .expect("the superuser may");
    let mut people = Vec::new();
    for email in ["main@flyos.mil", "deputy@flyos.mil", "main@flyos.mil", "east@flyos.mil"] {
        people.push(Arc::new(Person::new(&db, email).await));
    }
    let regions = owner.value("select jsonb_agg(id order by name) from public.regions").await;
    let regions: Vec<String> = serde_json::from_value(regions.expect("regions")).expect("their ids");
    let regions: Vec<&str> = regions.iter().map(String::as_str).collect();
    let people_edited = [1, 4, 6, 9].map(user);
    let people_edited = people_edited.each_ref().map(String::as_str);
    let seed = uuid::Uuid::new_v4().as_u64_pair().0;
    let mut rng = Rng(seed);
    let (mut retries, mut edits) = (0, 0);
    for _ in 0..60 {
        let pushes = people.iter().map(|person| {
            let list: Vec<Json> = (0..4)
                .map(|_| {
                    let (drone, who) = (
                        format!("drone-00{}", rng.below(3) + 1),
                        user(4 + 5 * u32::try_from(rng.below(2)).expect("small")),
                    );
                    let note = format!("{:x}", rng.below(1 << 30));
                    match rng.below(6) {
                        4 => ops::update("regions", rng.pick(&regions), &json!({}), &json!({ "area": note })),
                        5 => {
                            let other = rng.pick(&people_edited);
                            ops::update("profiles", other, &json!({}), &json!({ "full_name": note }))
                        }
                        0 => ops::assign(&who, &drone),
                        1 => ops::unassign(&who, &drone),
                        2 => ops::update(
                            "drones",
                            &drone,
                            &json!({}),
                            &json!({"status": rng.pick(&["ACTIVE", "STANDBY"])}),
                        ),
                        _ => {
                            ops::insert("drones", &drone, &json!({"model": "FlyOS_MQ5", "status": "ACTIVE"}))
                        }
                    }
                })
                .collect();
            let person = Arc::clone(person);
            async move { person.push(&list).await }
        });
        for answer in join_all(pushes.collect::<Vec<_>>()).await {
            let results = answer.expect("it is answered");
            edits += results.len();
            retries += results.iter().filter(|result| result["code"] == "retry").count();
        }
    }
    assert_eq!(truth::faults(&owner).await, Vec::<String>::new(), "seed {seed}");
    assert_eq!(retries, 0, "of {edits} edits; seed {seed}");
}

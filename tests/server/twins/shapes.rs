//! The fixtures of `tests/wire/`: what a server is asked in them it understands, and what it answers has the same
//! keys with the same types, no more and no fewer. Besides, every reply must write back from the wire types as it
//! came (the kit sees to that in every case).

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use flyos::domain::{Change, Fields, Key};
use flyos::remote::wire::{Must, OpKind, OpWire, Outcome, PushReply, PushRequest};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;
use crate::fixtures::{differs, fixture, same_shape};

on_both! {
    pulls_have_the_shapes_of_the_fixtures,
    pushes_have_the_shapes_of_the_fixtures,
    requests_as_in_the_fixtures_are_understood,
    who_may_not_work_gets_the_word_of_the_fixture,
    errors_have_the_shapes_of_the_fixtures,
}

async fn pulled(person: &Person, rows: u32) -> Json {
    let request = json!({"cursor": person.cursor, "limit_rows": rows, "limit_bytes": 1 << 20, "schema": 1});
    person.rpc("sync_pull", &request).await.json().await.expect("a reply")
}

async fn pulls_have_the_shapes_of_the_fixtures(server: &impl Server) {
    let mut operator = sign_in(server, OPERATOR1).await;
    let bulk = pulled(&operator, 5).await;
    same_shape("page_bulk", &bulk);
    assert_eq!(bulk["more"], true);
    operator.drain(2000).await;
    admin_update(server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    let me = user_named(server, "operator1").await;
    let assignment = row(server, &Key::assignment(me, "drone-002")).await.expect("an assignment");
    server.admin(&[Change::delete(&assignment)]).await;
    let page = pulled(&operator, 2000).await;
    same_shape("page", &page);
    let kinds: Vec<_> = page["changes"].as_array().expect("changes").iter().map(|c| c["k"].clone()).collect();
    assert!(["row", "del", "exit"].iter().all(|kind| kinds.contains(&json!(kind))), "{kinds:?}");
    admin_update(server, &Key::user(me), &[("region_id", "")]).await;
    same_shape("scope", &pulled(&operator, 2000).await);
    let digest = operator.rpc("sync_digest", &fixture("digest_request")).await.json::<Json>().await;
    let digest = digest.expect("a digest");
    let wanted: Vec<_> = fixture("digest_request")["tables"].as_array().expect("tables").clone();
    let told = digest.as_object().expect("an object").keys();
    assert_eq!(told.filter(|table| !wanted.contains(&json!(table))).count(), 0);
    let (bucket, sum) = digest["profiles"].as_object().and_then(|map| map.iter().next()).expect("oneself");
    let of_fixture = &fixture("digest_reply")["drones"]["0"];
    assert_eq!(differs("", of_fixture, sum), None);
    assert!(sum.as_array().is_some_and(|pair| pair.len() == 2) && bucket.parse::<u8>().is_ok(), "{digest}");
    server.forget_history().await;
    same_shape("resync", &pulled(&operator, 2000).await);
}

async fn pushes_have_the_shapes_of_the_fixtures(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let key = drone("drone-001");
    let old = update(server, &key, &[("status", "STANDBY")]).await;
    let first = update(server, &key, &[("status", "OFFLINE")]).await;
    let gone = update(server, &drone("drone-009"), &[("status", "OFFLINE")]).await;
    let follows = update(server, &drone("drone-002"), &[("status", "OFFLINE")]).await;
    let again = update(server, &drone("drone-003"), &[("status", "OFFLINE")]).await;
    main.push(&[first.clone(), delete(server, &drone("drone-009")).await]).await;
    east.push(std::slice::from_ref(&again)).await;
    let follows = OpWire { deps: vec![old.id], ..follows };
    let reused = OpWire { pk: "drone-003".into(), ..first };
    let noop = op(&drone("drone-004"), OpKind::Update, Fields::new(), fields(&[("status", "STANDBY")]));
    let forbidden = update(server, &drone("drone-020"), &[("status", "OFFLINE")]).await;
    let invalid = op(&drone("drone-005"), OpKind::Update, Fields::new(), fields(&[("status", "BROKEN")]));
    let holder = Key::assignment(user_named(server, "d_okafor").await, "drone-006");
    let applied = delete(server, &holder).await;
    let base = fields(&[("status", "ACTIVE"), ("model", "FlyOS_MQ5")]);
    let merged = op(&drone("drone-008"), OpKind::Update, base, fields(&[("status", "OFFLINE")]));
    let ops = [old, follows, reused, noop, forbidden, invalid, gone, applied, again, merged];
    let body = east.push_body(&ops);
    let reply = east.rpc("sync_push", &body).await.json::<Json>().await.expect("a reply");
    same_shape("push_reply", &reply);
    let codes: Vec<_> =
        reply["results"].as_array().expect("results").iter().map(|r| r["code"].clone()).collect();
    assert_eq!(
        codes,
        [
            "conflict",
            "blocked",
            "id_reused",
            "noop",
            "rejected",
            "rejected",
            "gone",
            "applied",
            "applied",
            "merged"
        ],
        "{reply:#}"
    );
    // A second delivery gets the same once more; what was answered for good says that it is the stored answer.
    let again = east.rpc("sync_push", &body).await.json::<Json>().await.expect("a reply");
    let mut first = reply["results"].clone();
    for result in first.as_array_mut().expect("results") {
        if !["blocked", "id_reused"].iter().any(|code| result["code"] == *code) {
            result["replayed"] = json!(true);
        }
    }
    assert_eq!(again["results"], first);
}

/// The fixtures are posted as they are: the people and drones in them are those of the initial rows.
async fn requests_as_in_the_fixtures_are_understood(server: &impl Server) {
    let operator = sign_in(server, OPERATOR1).await;
    let first = operator.rpc("sync_pull", &fixture("pull_request_first")).await;
    assert_eq!(first.json::<Json>().await.expect("a page")["more"], false);
    let other = operator.rpc("sync_pull", &fixture("pull_request")).await;
    assert_eq!(other.json::<Json>().await.expect("a word"), fixture("resync"), "it is another server's");
    let request: PushRequest = serde_json::from_value(fixture("push_request")).expect("a push");
    assert_eq!(request.uid, operator.uid);
    let reply = operator.rpc("sync_push", &fixture("push_request")).await;
    let PushReply::Results { results, .. } = reply.json().await.expect("results") else { panic!("results") };
    let ids = |ids: Vec<Uuid>| ids;
    assert_eq!(
        ids(results.iter().map(|result| result.id).collect()),
        ids(request.ops.iter().map(|op| op.id).collect())
    );
    assert!(matches!(results[0].outcome, Outcome::Applied { v: 2, .. }), "{results:?}");
    assert!(matches!(results[3].outcome, Outcome::Rejected { .. }), "{results:?}");
}

async fn who_may_not_work_gets_the_word_of_the_fixture(server: &impl Server) {
    let east = sign_in(server, EAST).await;
    let old = json!({"cursor": null, "limit_rows": 5, "limit_bytes": 1000, "schema": 0});
    let reply = east.rpc("sync_pull", &old).await;
    assert_eq!(reply.json::<Json>().await.expect("a word"), fixture("must_schema_old"));
    let mut push = east.push_body(&[]);
    push["schema"] = json!(2);
    let reply = east.rpc("sync_push", &push).await;
    assert_eq!(reply.json::<Json>().await.expect("a word"), fixture("must_schema_old"));

    let inactive = sign_in(server, INACTIVE).await;
    all_answer(&inactive, "must_inactive").await;
    let out = client().post(format!("{}/auth/v1/logout?scope=local", server.url()));
    let out = out.header("apikey", &east.key).bearer_auth(&east.token).send().await.expect("an answer");
    assert_eq!(out.status(), 204);
    all_answer(&east, "must_signed_out").await;
    let operator = sign_in(server, OPERATOR2).await;
    let me = row(server, &Key::user(user_named(server, "operator2").await)).await.expect("a user");
    server.admin(&[Change::delete(&me)]).await;
    all_answer(&operator, "must_no_profile").await;
}

/// All three functions answer this word, and none of them does anything.
pub async fn all_answer(person: &Person, name: &str) {
    let op = op(&drone("drone-001"), OpKind::Update, Fields::new(), fields(&[("status", "OFFLINE")]));
    let pull = json!({"cursor": null, "limit_rows": 5, "limit_bytes": 1000, "schema": 1});
    let calls = [
        ("sync_pull", pull),
        ("sync_push", person.push_body(&[op])),
        ("sync_digest", json!({"tables": ["drones"]})),
    ];
    for (function, body) in calls {
        let reply = person.rpc(function, &body).await.json::<Json>().await.expect("a word");
        assert_eq!(reply, fixture(name), "{function}");
    }
    let rows = person.table("drones").await.json::<Json>().await.expect("rows");
    assert_eq!(rows, json!([]), "nor does a table show them anything");
}

async fn errors_have_the_shapes_of_the_fixtures(server: &impl Server) {
    let operator = sign_in(server, OPERATOR1).await;
    let bare = client().get(format!("{}/rest/v1/drones", server.url())).send().await.expect("an answer");
    same_shape("error_gateway", &bare.json().await.expect("an error"));
    same_shape("error_rest", &operator.table("planes").await.json().await.expect("an error"));
    let mut foreign = operator.push_body(&[]);
    foreign["uid"] = json!(Uuid::now_v7());
    same_shape("error_rest", &operator.rpc("sync_push", &foreign).await.json().await.expect("an error"));
}

#[tokio::test]
async fn a_second_factor_is_asked_for() {
    let server = Postgres::start(0).await;
    let main = sign_in(&server, MAIN).await;
    server
        .run(&format!(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
            values (gen_random_uuid(), '{}', 'totp', 'verified', now(), now())",
            main.uid
        ))
        .await;
    all_answer(&main, "must_aal2").await;
    let mut claims = server.database.session(main.uid).await;
    claims["aal"] = json!("aal2");
    let main = Person { token: crate::pg::mint(&claims), ..main };
    assert!(matches!(main.push_reply(&[]).await, PushReply::Results { .. }));
    // The words of the profile come first: whoever was dismissed must hear that.
    server.run("update public.profiles set status = 'INACTIVE' where username = 'main_admin'").await;
    let PushReply::Must(word) = main.push_reply(&[]).await else { panic!("a word") };
    assert_eq!(word.must, Must::Inactive);
}

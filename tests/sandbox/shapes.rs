//! The fixtures of `tests/wire/`: each reads as its wire type and writes back as it was, and what the server
//! answers has the same keys with the same types.

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use std::path::Path;

use flyos::domain::{Fields, Key};
use flyos::remote::wire::{
    AuthUser, DigestReply, DigestRequest, OpKind, OpWire, PullReply, PullRequest, PushReply, PushRequest,
    TokenReply,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::kit::*;

fn fixture(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Nulls that may as well be absent, as the types write them.
fn round_trips<T: Serialize + DeserializeOwned>(name: &str) {
    let json = fixture(name);
    let typed: T = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_value(&typed).expect("JSON"), json, "{name}");
}

#[test]
fn fixtures_are_what_the_types_say() {
    for name in ["pull_request", "pull_request_first"] {
        round_trips::<PullRequest>(name);
    }
    for name in ["page", "page_bulk", "resync", "scope"] {
        round_trips::<PullReply>(name);
    }
    for name in ["must_inactive", "must_no_profile", "must_aal2", "must_signed_out", "must_schema_old"] {
        round_trips::<PullReply>(name);
        round_trips::<PushReply>(name);
        round_trips::<DigestReply>(name);
    }
    round_trips::<PushRequest>("push_request");
    round_trips::<PushReply>("push_reply");
    round_trips::<DigestRequest>("digest_request");
    round_trips::<DigestReply>("digest_reply");
    round_trips::<TokenReply>("token_reply");
    round_trips::<AuthUser>("user_reply");
}

/// Objects whose keys are data, not shape.
const MAPS: &[&str] = &["fields", "cursor", "drones", "regions", "profiles", "user_drone_assignments"];

fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

/// How `actual` differs from the shape of `wanted`; a null fits everything.
fn differs(path: &str, wanted: &Json, actual: &Json) -> Option<String> {
    match (wanted, actual) {
        (Json::Null, _) | (_, Json::Null) => None,
        (Json::Object(wanted), Json::Object(actual)) => {
            if MAPS.iter().any(|map| path.ends_with(&format!(".{map}"))) {
                return None;
            }
            let keys = |map: &serde_json::Map<String, Json>| map.keys().cloned().collect::<Vec<_>>();
            if keys(wanted) != keys(actual) {
                return Some(format!("{path}: {:?} and not {:?}", keys(actual), keys(wanted)));
            }
            wanted.iter().find_map(|(key, value)| differs(&format!("{path}.{key}"), value, &actual[key]))
        }
        (Json::Array(wanted), Json::Array(actual)) => actual.iter().find_map(|item| {
            let tries: Vec<_> =
                wanted.iter().map(|shape| differs(&format!("{path}[]"), shape, item)).collect();
            let fits = tries.is_empty() || tries.iter().any(Option::is_none);
            (!fits).then(|| format!("{path}: {item} is like none of the fixture's: {tries:?}"))
        }),
        (wanted, actual) if type_of(wanted) == type_of(actual) => None,
        (wanted, actual) => Some(format!("{path}: {} and not {}", type_of(actual), type_of(wanted))),
    }
}

fn same_shape(name: &str, actual: &Json) {
    let difference = differs("", &fixture(name), actual);
    assert_eq!(difference, None, "{name}: {actual:#}");
}

#[test]
fn the_comparison_sees_differences() {
    assert!(differs("", &json!({"a": 1}), &json!({"a": 1, "b": 2})).is_some());
    assert!(differs("", &json!({"a": [1]}), &json!({"a": ["x"]})).is_some());
    assert!(differs("", &json!({"a": [{"b": 1}, {"c": 1}]}), &json!({"a": [{"c": 5}]})).is_none());
}

#[tokio::test]
async fn the_server_answers_in_the_shapes_of_the_fixtures() {
    let sandbox = start().await;
    let body = json!({"email": OPERATOR1, "password": sandbox.password()});
    let reply = token_call(&sandbox, "password", body).await.json::<Json>().await.expect("a session");
    same_shape("token_reply", &reply);
    same_shape("user_reply", &reply["user"]);
    let wrong = token_call(&sandbox, "password", json!({"email": OPERATOR1, "password": "x"})).await;
    same_shape("error_auth", &wrong.json().await.expect("an error"));
    let mut operator = sign_in(&sandbox, OPERATOR1).await;
    let pull = async |person: &Person, rows: u32| -> Json {
        let request =
            json!({"cursor": person.cursor, "limit_rows": rows, "limit_bytes": 1 << 20, "schema": 1});
        person.rpc("sync_pull", &request).await.json().await.expect("a reply")
    };
    let bulk = pull(&operator, 5).await;
    same_shape("page_bulk", &bulk);
    assert_eq!(bulk["more"], true);
    operator.drain(2000).await;
    admin_update(&sandbox, &Key::drone("drone-001"), &[("status", "OFFLINE")]);
    sandbox
        .admin(&[flyos::domain::Change::delete(
            &row(&sandbox, &Key::assignment(user_named(&sandbox, "operator1"), "drone-002")).expect("a row"),
        )])
        .expect("allowed");
    let page = pull(&operator, 2000).await;
    same_shape("page", &page);
    let kinds: Vec<_> = page["changes"].as_array().expect("changes").iter().map(|c| c["k"].clone()).collect();
    assert!(["row", "del", "exit"].iter().all(|kind| kinds.contains(&json!(kind))), "{kinds:?}");
    admin_update(&sandbox, &Key::user(user_named(&sandbox, "operator1")), &[("region_id", "")]);
    same_shape("scope", &pull(&operator, 2000).await);
    let digest = operator.rpc("sync_digest", &fixture("digest_request")).await.json::<Json>().await;
    let digest = digest.expect("a digest");
    let (_, bucket) = digest["profiles"].as_object().and_then(|map| map.iter().next()).expect("oneself");
    assert_eq!((type_of(&bucket[0]), type_of(&bucket[1])), ("number", "text"));
    sandbox.forget_history();
    same_shape("resync", &pull(&operator, 2000).await);
    let inactive = sign_in(&sandbox, INACTIVE).await;
    same_shape("must_inactive", &pull(&inactive, 5).await);
    let bare = client().get(format!("{}/rest/v1/drones", sandbox.url())).send().await.expect("an answer");
    same_shape("error_gateway", &bare.json().await.expect("an error"));
    same_shape("error_rest", &operator.table("planes").await.json().await.expect("an error"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn push_replies_have_the_shapes_of_the_fixture() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let key = Key::drone("drone-001");
    let old = update(&sandbox, &key, &[("status", "STANDBY")]);
    let first = update(&sandbox, &key, &[("status", "OFFLINE")]);
    let gone = update(&sandbox, &Key::drone("drone-009"), &[("status", "OFFLINE")]);
    main.push(&[first.clone(), delete(&sandbox, &Key::drone("drone-009"))]).await;
    let follows =
        OpWire { deps: vec![old.id], ..update(&sandbox, &Key::drone("drone-002"), &[("status", "OFFLINE")]) };
    let reused = OpWire { pk: "drone-003".into(), ..first };
    let noop = op(&Key::drone("drone-004"), OpKind::Update, Fields::new(), fields(&[("status", "STANDBY")]));
    let forbidden = update(&sandbox, &Key::drone("drone-020"), &[("status", "OFFLINE")]);
    let invalid =
        op(&Key::drone("drone-005"), OpKind::Update, Fields::new(), fields(&[("status", "BROKEN")]));
    let holder = Key::assignment(user_named(&sandbox, "d_okafor"), "drone-006");
    let ops = [old, follows, reused, noop, forbidden, invalid, gone, delete(&sandbox, &holder)];
    let reply = east.rpc("sync_push", &east.push_body(&ops)).await.json::<Json>().await.expect("a reply");
    same_shape("push_reply", &reply);
    let codes: Vec<_> =
        reply["results"].as_array().expect("results").iter().map(|r| r["code"].clone()).collect();
    assert_eq!(
        codes,
        ["conflict", "blocked", "id_reused", "noop", "rejected", "rejected", "gone", "applied"],
        "{reply:#}"
    );
    sandbox.shutdown().await;
}

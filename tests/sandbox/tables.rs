//! Reading tables.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::kit::*;

async fn ids(person: &Person, query: &str) -> Vec<String> {
    let reply = person.table(query).await;
    assert_eq!(reply.status(), StatusCode::OK, "{query}");
    let rows: Vec<Json> = reply.json().await.expect("rows");
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn rows_are_filtered_ordered_and_cut() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    assert_eq!(ids(&main, "drones?id=eq.drone-003").await, ["drone-003"]);
    assert_eq!(
        ids(&main, "drones?select=*&id=in.(drone-005,%22drone-002%22)").await,
        ["drone-002", "drone-005"]
    );
    assert_eq!(ids(&main, "drones?order=id.desc&limit=2").await, ["drone-032", "drone-031"]);
    let by_two = ids(&main, "drones?order=status.asc,id.desc&limit=1").await;
    assert_eq!(by_two, ["drone-030"]);
    assert_eq!(ids(&main, "drones").await.len(), 32);
    assert_eq!(ids(&east, "drones").await.len(), 14);
    assert_eq!(ids(&east, "drones?id=eq.drone-020").await, [""; 0]);
    let reply = main.table("drones?limit=5").await;
    assert_eq!(reply.headers()["content-range"], "0-4/*");
    assert_eq!(main.table("drones?id=eq.none").await.headers()["content-range"], "*/*");
    let url = format!("{}/rest/v1/profiles", sandbox.url());
    let all =
        client().get(&url).header("apikey", sandbox.service_role_key()).send().await.expect("an answer");
    let all: Vec<Json> = all.json().await.expect("rows");
    assert_eq!(all.len(), sandbox.with_world(|world| world.users().count()), "the secret key alone sees all");
    let anon =
        client().get(&url).header("apikey", sandbox.publishable_key()).send().await.expect("an answer");
    assert_eq!(code_of(anon).await, (401, "42501".to_owned()));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn at_most_a_thousand_rows() {
    let options = flyos::sandbox::Options { rows: 5000, ..flyos::sandbox::Options::default() };
    let sandbox = start_with(options).await;
    let main = sign_in(&sandbox, MAIN).await;
    assert_eq!(ids(&main, "drones?limit=5000").await.len(), 1000);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    for (query, status, code) in [
        ("drones?select=id", 400, "PGRST127"),
        ("drones?status=neq.ACTIVE", 400, "PGRST127"),
        ("drones?offset=3", 400, "PGRST127"),
        ("planes", 404, "PGRST205"),
        ("drones?colour=eq.red", 400, "42703"),
        ("drones?region_id=eq.east", 400, "22P02"),
        ("drones?id=in.(%22a)", 400, "PGRST100"),
    ] {
        let (got, body) = error_of(main.table(query).await).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{query}");
        let mut keys: Vec<_> = body.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["code", "details", "hint", "message"]);
    }
    let post = main.http.post(format!("{}/rest/v1/drones", main.url)).header("apikey", &main.key);
    let post = post.bearer_auth(&main.token).json(&json!({})).send().await.expect("an answer");
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    sandbox.shutdown().await;
}

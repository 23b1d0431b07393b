//! Plain reads of tables, for what the sync does not carry.

use reqwest::StatusCode;
use serde_json::Value as Json;

use super::*;

on_both! {
    rows_are_filtered_ordered_and_cut,
    at_most_a_thousand_rows (rows: 5000),
    what_is_not_there_is_refused,
}

async fn ids(person: &Person, query: &str) -> Vec<String> {
    let reply = person.table(query).await;
    assert_eq!(reply.status(), StatusCode::OK, "{query}");
    let rows: Vec<Json> = reply.json().await.expect("rows");
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn rows_are_filtered_ordered_and_cut(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
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
    let url = format!("{}/rest/v1/profiles", server.url());
    let all = client().get(&url).header("apikey", server.service_role_key()).send().await.expect("an answer");
    let all: Vec<Json> = all.json().await.expect("rows");
    assert_eq!(all.len(), server.world().await.users().count(), "the secret key alone sees all");
    let anon = client().get(&url).header("apikey", server.publishable_key()).send().await.expect("an answer");
    assert_eq!(code_of(anon).await, (401, "42501".to_owned()));
}

async fn at_most_a_thousand_rows(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    assert_eq!(ids(&main, "drones?limit=5000").await.len(), 1000);
}

async fn what_is_not_there_is_refused(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    for (query, status, code) in [
        ("planes", 404, "PGRST205"),
        ("drones?colour=eq.red", 400, "42703"),
        ("drones?region_id=eq.east", 400, "22P02"),
    ] {
        let (got, body) = error_of(main.table(query).await).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{query}");
        let mut keys: Vec<_> = body.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["code", "details", "hint", "message"]);
    }
}

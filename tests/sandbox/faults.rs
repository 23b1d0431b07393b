//! Faults that are switched on while the server runs.

use std::time::{Duration, Instant};

use flyos::sandbox::{Answer, FaultSettings};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::kit::*;

#[tokio::test]
async fn the_line_goes_down_and_comes_back_on_the_same_port() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let faults = sandbox.faults();
    for _ in 0..3 {
        faults.line_down().await;
        let refused = main.try_rpc("sync_pull", &json!({})).await.expect_err("nobody listens");
        assert!(refused.is_connect() || refused.is_request(), "{refused:?}");
        let address = sandbox.url().trim_start_matches("http://").to_owned();
        let connected = tokio::net::TcpStream::connect(&address).await;
        assert_eq!(connected.err().map(|e| e.kind()), Some(std::io::ErrorKind::ConnectionRefused));
        faults.line_up().await;
        assert_eq!(main.table("drones").await.status(), StatusCode::OK);
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn answers_are_replaced() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let faults = sandbox.faults();
    faults.set_answer(Some(Answer::Error500), None);
    assert_eq!(main.table("drones").await.status(), StatusCode::INTERNAL_SERVER_ERROR);
    faults.set_answer(Some(Answer::TooMany), Some(7));
    let reply = main.table("drones").await;
    assert_eq!(
        (reply.status(), &reply.headers()["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"7".parse().expect("a header"))
    );
    faults.set_answer(Some(Answer::Html), None);
    let reply = main.table("drones").await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(reply.text().await.expect("a page").starts_with("<!DOCTYPE html>"));
    faults.clear();
    faults.set_latency_ms(80);
    let begun = Instant::now();
    assert_eq!(main.table("drones").await.status(), StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(80));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn faults_are_set_over_http_by_who_has_the_secret_key() {
    let sandbox = start().await;
    let url = format!("{}/sandbox/v1/faults", sandbox.url());
    let http = client();
    let refused = http.get(&url).header("apikey", sandbox.publishable_key()).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let set = json!({"latency_ms": 1, "answer": "429", "retry_after_s": 3, "line_down_ms": 150});
    let secret = sandbox.service_role_key();
    let reply = http.post(&url).header("apikey", &secret).json(&set).send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::OK);
    let wanted = FaultSettings {
        latency_ms: 1,
        answer: Some(Answer::TooMany),
        retry_after_s: Some(3),
        ..FaultSettings::default()
    };
    assert_eq!(sandbox.faults().get(), wanted);
    until(async || sandbox.faults().is_line_down()).await;
    until(async || !sandbox.faults().is_line_down()).await;
    let shown: Json =
        http.get(&url).header("apikey", &secret).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&shown["answer"], &shown["line_down"]), (&json!("429"), &json!(false)));
    let wrong = http
        .post(&url)
        .header("apikey", &secret)
        .json(&json!({"latency": 1}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
    sandbox.shutdown().await;
}

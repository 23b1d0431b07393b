//! The second factor on the wire: shapes, codes of errors, and what a session is worth with it and without.

use flyos::remote::wire::{Must, MustReply, PullReply, PushReply, TokenReply};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::fixtures::same_shape;
use crate::kit::*;
use crate::totp;

/// A call of somebody signed in.
async fn call(person: &Person, method: Method, path: &str, body: Option<Json>) -> (u16, Json) {
    let request = person.http.request(method, format!("{}/auth/v1/{path}", person.url));
    let request = request.header("apikey", &person.key).bearer_auth(&person.token);
    let request = request.header("X-Supabase-Api-Version", "2024-01-01");
    let request = if let Some(body) = body { request.json(&body) } else { request };
    let reply = request.send().await.expect("an answer");
    (reply.status().as_u16(), reply.json().await.unwrap_or_default())
}

async fn post(person: &Person, path: &str, body: Json) -> (u16, Json) {
    call(person, Method::POST, path, Some(body)).await
}

fn refused((status, body): (u16, Json)) -> (u16, String) {
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn enrol(person: &Person, name: &str) -> Json {
    let body = json!({"factor_type": "totp", "friendly_name": name, "issuer": "FlyOS"});
    let (status, factor) = post(person, "factors", body).await;
    assert_eq!(status, 200, "{factor}");
    factor
}

async fn answer(person: &Person, factor: &Json, code: &str) -> (u16, Json) {
    let id = factor["id"].as_str().expect("an id");
    let (status, challenge) = post(person, &format!("factors/{id}/challenge"), json!({})).await;
    assert_eq!(status, 200, "{challenge}");
    same_shape("mfa_challenge", &challenge);
    post(person, &format!("factors/{id}/verify"), json!({"challenge_id": challenge["id"], "code": code}))
        .await
}

fn take(person: &mut Person, reply: Json) {
    let reply: TokenReply = serde_json::from_value(reply).expect("a session");
    (person.token, person.refresh) = (reply.access_token, reply.refresh_token);
}

fn claims(token: &str) -> Json {
    jsonwebtoken::dangerous::insecure_decode::<Json>(token).expect("a token").claims
}

#[tokio::test]
async fn a_second_factor_is_set_up_asked_for_and_taken_away() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, MAIN).await;
    let mut other = sign_in(&sandbox, MAIN).await;
    let factor = enrol(&person, "phone").await;
    same_shape("mfa_enrol", &factor);
    let secret = factor["totp"]["secret"].as_str().expect("a secret").to_owned();
    assert!(factor["totp"]["uri"].as_str().is_some_and(|uri| uri.contains(&secret)), "{factor}");
    // Not confirmed, it counts for nothing.
    assert!(matches!(person.pull_once(10).await, PullReply::Page(_)));

    let wrong = if totp::code(&secret) == "000000" { "111111" } else { "000000" };
    assert_eq!(refused(answer(&person, &factor, wrong).await), code(422, "mfa_verification_failed"));
    let (status, reply) = answer(&person, &factor, &totp::code(&secret)).await;
    assert_eq!(status, 200, "{reply}");
    let before = person.refresh.clone();
    take(&mut person, reply);
    assert_eq!(claims(&person.token)["aal"], "aal2");
    assert_eq!(claims(&person.token)["amr"][0]["method"], "totp");
    let dead = token_call(&sandbox, "refresh_token", json!({"refresh_token": before})).await;
    assert_eq!(code_of(dead).await, code(400, "refresh_token_not_found"), "the token from before the code");
    let ended = call(&other, Method::GET, "user", None).await;
    assert_eq!(refused(ended), code(403, "session_not_found"), "weaker sessions have ended");

    // A new sign-in is worth less until the code is given.
    other = sign_in(&sandbox, MAIN).await;
    assert_eq!(claims(&other.token)["aal"], "aal1");
    let (_, user) = call(&other, Method::GET, "user", None).await;
    same_shape("mfa_factors", &user["factors"]);
    let word = MustReply { must: Must::Aal2, why: None };
    assert_eq!(other.pull_once(10).await, PullReply::Must(word.clone()));
    assert_eq!(other.push_reply(&[]).await, PushReply::Must(word));
    assert_eq!(other.table("drones").await.json::<Json>().await.expect("rows"), json!([]));
    let more = json!({"factor_type": "totp", "friendly_name": "tablet"});
    assert_eq!(refused(post(&other, "factors", more).await), code(403, "insufficient_aal"));
    let path = format!("factors/{}", factor["id"].as_str().expect("an id"));
    assert_eq!(refused(call(&other, Method::DELETE, &path, None).await), code(422, "insufficient_aal"));
    let body = json!({"password": "another one!"});
    let refusal = refused(call(&other, Method::PUT, "user", Some(body)).await);
    assert_eq!(refusal, code(401, "insufficient_aal"));
    let (_, reply) = answer(&other, &factor, &totp::at(&secret, -30)).await;
    take(&mut other, reply);
    assert!(matches!(other.pull_once(10).await, PullReply::Page(_)), "the code of the step before is taken");
    // It lasts over a renewal.
    let renewed = token_call(&sandbox, "refresh_token", json!({"refresh_token": other.refresh})).await;
    take(&mut other, renewed.json().await.expect("a session"));
    assert_eq!(claims(&other.token)["aal"], "aal2");

    assert_eq!(call(&person, Method::DELETE, &path, None).await.0, 200);
    assert!(matches!(sign_in(&sandbox, MAIN).await.pull_once(10).await, PullReply::Page(_)));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_a_factor_refuses_has_the_real_servers_codes() {
    let sandbox = start().await;
    let person = sign_in(&sandbox, EAST).await;
    let factor = enrol(&person, "phone").await;
    let id = factor["id"].as_str().expect("an id").to_owned();
    let again = json!({"factor_type": "totp", "friendly_name": "phone"});
    assert_eq!(refused(post(&person, "factors", again).await), code(422, "mfa_factor_name_conflict"));
    assert_eq!(refused(post(&person, "factors", json!({})).await), code(400, "validation_failed"));
    let nobody = uuid::Uuid::nil();
    let none = post(&person, &format!("factors/{nobody}/challenge"), json!({})).await;
    assert_eq!(refused(none), code(404, "mfa_factor_not_found"));
    let used = json!({"challenge_id": nobody, "code": "000000"});
    let used = post(&person, &format!("factors/{id}/verify"), used).await;
    assert_eq!(refused(used), code(422, "mfa_ip_address_mismatch"));
    let stranger = sign_in(&sandbox, WEST).await;
    let theirs = post(&stranger, &format!("factors/{id}/challenge"), json!({})).await;
    assert_eq!(refused(theirs), code(404, "mfa_factor_not_found"), "another's factor is not there");
    for _ in 0..14 {
        post(&person, &format!("factors/{id}/challenge"), json!({})).await;
    }
    let many = post(&person, &format!("factors/{id}/challenge"), json!({})).await;
    assert_eq!(refused(many), code(429, "over_request_rate_limit"));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn factors_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || flyos::sandbox::Options { data: Some(folder.path().to_owned()), ..Default::default() };
    let sandbox = start_with(options()).await;
    let person = sign_in(&sandbox, MAIN).await;
    let factor = enrol(&person, "phone").await;
    let secret = factor["totp"]["secret"].as_str().expect("a secret");
    let (_, reply) = answer(&person, &factor, &totp::code(secret)).await;
    sandbox.shutdown().await;
    let sandbox = start_with(options()).await;
    let refresh = json!({"refresh_token": reply["refresh_token"]});
    let renewed = token_call(&sandbox, "refresh_token", refresh).await.json::<TokenReply>().await;
    assert_eq!(claims(&renewed.expect("a session").access_token)["aal"], "aal2");
    let word = MustReply { must: Must::Aal2, why: None };
    assert_eq!(sign_in(&sandbox, MAIN).await.pull_once(10).await, PullReply::Must(word));
    sandbox.shutdown().await;
}

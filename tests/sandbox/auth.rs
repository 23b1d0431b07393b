//! Signing in, tokens, API keys.

use flyos::remote::wire::{Must, MustReply, PullReply, PushReply, TokenReply};
use flyos::sandbox::{Answer, Options};
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::kit::*;

#[tokio::test]
async fn passwords_open_the_door_or_not() {
    let sandbox = start().await;
    for email in FIVE {
        let person = sign_in(&sandbox, email).await;
        let me = person.http.get(format!("{}/auth/v1/user", sandbox.url()));
        let me = me.header("apikey", &person.key).bearer_auth(&person.token).send().await.expect("an answer");
        assert_eq!(me.json::<Json>().await.expect("a user")["email"], email);
    }
    let wrong = json!({"email": MAIN, "password": "wrong password"});
    let (status, body) = error_of(token_call(&sandbox, "password", wrong.clone()).await).await;
    assert_eq!(
        (status, body),
        (400, json!({"code": "invalid_credentials", "message": "Invalid login credentials"}))
    );
    // Without a version the older shape is spoken.
    let url = format!("{}/auth/v1/token?grant_type=password", sandbox.url());
    let reply = client().post(url).header("apikey", sandbox.publishable_key()).json(&wrong).send().await;
    let reply = reply.expect("an answer");
    assert_eq!(reply.headers()["x-sb-error-code"], "invalid_credentials");
    let (_, body) = error_of(reply).await;
    assert_eq!(
        body,
        json!({"code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials"})
    );
    for (grant, body, code) in [
        ("magic", json!({}), "invalid_credentials"),
        ("password", json!({"password": "x"}), "validation_failed"),
        ("password", json!({"email": MAIN, "password": "x".repeat(73)}), "validation_failed"),
        ("refresh_token", json!({"refresh_token": "abcdefghijkl"}), "refresh_token_not_found"),
        ("refresh_token", json!({"refresh_token": "?"}), "validation_failed"),
    ] {
        assert_eq!(code_of(token_call(&sandbox, grant, body).await).await, (400, code.to_owned()), "{grant}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn refreshing_rotates_and_signing_out_ends() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, EAST).await;
    let refresh =
        async |token: &str| token_call(&sandbox, "refresh_token", json!({"refresh_token": token})).await;
    let second: TokenReply = refresh(&person.refresh).await.json().await.expect("a session");
    assert_ne!(second.refresh_token, person.refresh);
    let again: TokenReply = refresh(&person.refresh).await.json().await.expect("within ten seconds");
    assert_eq!(again.refresh_token, second.refresh_token);
    person.token.clone_from(&second.access_token);
    let out = person.http.post(format!("{}/auth/v1/logout?scope=local", sandbox.url()));
    let out = out.header("apikey", &person.key).bearer_auth(&person.token).send().await.expect("an answer");
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(code_of(refresh(&second.refresh_token).await).await.1, "refresh_token_not_found");
    // The access token is still good for the data API, which says what happened.
    let word = PullReply::Must(MustReply { must: Must::SignedOut, why: None });
    assert_eq!(person.pull_once(10).await, word);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn keys_and_tokens_are_asked_for() {
    let sandbox = start().await;
    let person = sign_in(&sandbox, MAIN).await;
    let url = format!("{}/rest/v1/rpc/sync_pull", sandbox.url());
    let call = async |key: Option<&str>, token: Option<&str>| {
        let mut request = client().post(&url);
        if let Some(key) = key {
            request = request.header("apikey", key);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let body = json!({"cursor": null, "limit_rows": 5, "limit_bytes": 100_000, "schema": 1});
        request.json(&body).send().await.expect("an answer")
    };
    let reply = call(None, Some(&person.token)).await;
    assert_eq!(reply.headers()["sb-error-code"], "UNAUTHORIZED_MISSING_API_KEY");
    let (status, body) = error_of(reply).await;
    assert_eq!((status, body["message"].as_str()), (401, Some("No API key found in request")));
    assert!(body.get("code").is_none(), "the gateway's errors have no code");
    let reply = call(Some("sb_publishable_nonsense"), None).await;
    assert_eq!(reply.headers()["sb-error-code"], "UNAUTHORIZED_INVALID_API_KEY");
    let key = Some(person.key.as_str());
    assert_eq!(code_of(call(key, None).await).await, (401, "42501".to_owned()));
    // The key as the token is taken for no token, as supabase-js sends it; another one is no token at all.
    assert_eq!(code_of(call(key, key).await).await, (401, "42501".to_owned()));
    let other = Some("sb_publishable_another");
    assert_eq!(code_of(call(key, other).await).await, (401, "PGRST301".to_owned()));
    let forged = format!("{}x", &person.token[..person.token.len() - 5]);
    assert_eq!(code_of(call(key, Some(&forged)).await).await, (401, "PGRST301".to_owned()));
    assert_eq!(call(key, Some(&person.token)).await.status(), StatusCode::OK);
    let jwks = client().get(format!("{}/auth/v1/.well-known/jwks.json", sandbox.url())).send().await;
    let jwks: Json = jwks.expect("an answer").json().await.expect("keys");
    let header = jsonwebtoken::decode_header(&person.token).expect("a token");
    assert_eq!(jwks["keys"][0]["kid"].as_str(), header.kid.as_deref());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn tokens_expire() {
    let sandbox = start_with(Options { token_lifetime_s: 1, ..Options::default() }).await;
    let person = sign_in(&sandbox, MAIN).await;
    until(async || person.table("drones").await.status() == StatusCode::UNAUTHORIZED).await;
    let (_, body) = error_of(person.table("drones").await).await;
    assert_eq!(body["code"], "PGRST303");
    assert_eq!(body["message"], "JWT expired");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn expiry_can_be_played() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, MAIN).await;
    sandbox.faults().set_answer(Some(Answer::ExpiredToken), None);
    assert_eq!(code_of(person.table("drones").await).await, (401, "PGRST303".to_owned()));
    let body = json!({"refresh_token": person.refresh});
    let fresh: TokenReply =
        token_call(&sandbox, "refresh_token", body).await.json().await.expect("a session");
    person.token = fresh.access_token;
    assert_eq!(person.table("drones").await.status(), StatusCode::OK);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_inactive_get_a_word() {
    let sandbox = start().await;
    let person = sign_in(&sandbox, INACTIVE).await;
    let word = MustReply { must: Must::Inactive, why: None };
    assert_eq!(person.pull_once(10).await, PullReply::Must(word.clone()));
    assert_eq!(person.push_reply(&[]).await, PushReply::Must(word.clone()));
    let mut foreign = person.push_body(&[]);
    foreign["uid"] = uuid::Uuid::now_v7().to_string().into();
    let reply = person.rpc("sync_push", &foreign).await;
    assert_eq!(code_of(reply).await, (409, "PT409".to_owned()), "no word settles another's edits");
    let digest = person.rpc("sync_digest", &json!({"tables": ["drones"]})).await;
    assert_eq!(digest.json::<MustReply>().await.expect("a word"), word);
    assert_eq!(person.table("drones").await.json::<Json>().await.expect("rows"), json!([]));
    sandbox.shutdown().await;
}

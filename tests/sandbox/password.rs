//! Passwords set anew on the wire: by a mailed code, and while signed in.

use flyos::remote::wire::TokenReply;
use flyos::sandbox::{MailFor, Sandbox};
use serde_json::{Value as Json, json};

use crate::fixtures::same_shape;
use crate::kit::*;

async fn post(sandbox: &Sandbox, path: &str, body: &Json) -> (u16, Json) {
    let request = client().post(format!("{}/auth/v1/{path}", sandbox.url()));
    let request = request.header("apikey", sandbox.publishable_key());
    let request = request.header("X-Supabase-Api-Version", "2024-01-01").json(body);
    let reply = request.send().await.expect("an answer");
    (reply.status().as_u16(), reply.json().await.unwrap_or_default())
}

fn code_in_mail(sandbox: &Sandbox, to: &str, good_for: MailFor) -> String {
    let mail = sandbox.mails().into_iter().find(|mail| mail.to == to && mail.good_for == good_for);
    mail.expect("a mail").code
}

/// `PUT /user` under that token.
async fn set(sandbox: &Sandbox, token: &str, body: &Json) -> (u16, Json) {
    let request = client().put(format!("{}/auth/v1/user", sandbox.url())).bearer_auth(token);
    let request = request.header("apikey", sandbox.publishable_key());
    let request = request.header("X-Supabase-Api-Version", "2024-01-01").json(body);
    let reply = request.send().await.expect("an answer");
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_mailed_code() {
    let sandbox = start().await;
    let elsewhere = sign_in(&sandbox, EAST).await;
    // Of who is unknown nothing is told.
    for email in ["nobody@flyos.mil", EAST] {
        assert_eq!(post(&sandbox, "recover", &json!({"email": email})).await, (200, json!({})));
    }
    let (status, soon) = post(&sandbox, "recover", &json!({"email": EAST})).await;
    assert_eq!((status, soon["code"].as_str()), (429, Some("over_email_send_rate_limit")));
    assert!(soon["message"].as_str().is_some_and(|text| text.contains("only request this after")), "{soon}");
    let code = code_in_mail(&sandbox, EAST, MailFor::Recovery);
    let verify = async |kind: &str, code: &str| {
        post(&sandbox, "verify", &json!({"type": kind, "email": EAST, "token": code})).await
    };
    let wrong = if code == "000000" { "111111" } else { "000000" };
    for (kind, code) in [("recovery", wrong), ("invite", &code)] {
        let (status, body) = verify(kind, code).await;
        assert_eq!((status, body["code"].as_str()), (403, Some("otp_expired")), "{kind}");
    }
    let (status, session) = verify("recovery", &code).await;
    assert_eq!(status, 200);
    same_shape("token_reply", &session);
    assert_eq!(verify("recovery", &code).await.0, 403, "a code is good once");
    let token = session["access_token"].as_str().expect("a token");
    for (password, reason) in [("short", "length"), ("password123", "pwned")] {
        let (status, body) = set(&sandbox, token, &json!({"password": password})).await;
        assert_eq!((status, body["code"].as_str()), (422, Some("weak_password")));
        assert_eq!(body["weak_password"]["reasons"], json!([reason]));
    }
    let (_, same) = set(&sandbox, token, &json!({"password": sandbox.password()})).await;
    assert_eq!(same["code"], "same_password");
    let (status, user) = set(&sandbox, token, &json!({"password": "a new one 2026"})).await;
    assert_eq!((status, user["email"].as_str()), (200, Some(EAST)));
    let ended = token_call(&sandbox, "refresh_token", json!({"refresh_token": elsewhere.refresh})).await;
    assert_eq!(code_of(ended).await.1, "refresh_token_not_found", "the other sessions have ended");
    let own = token_call(&sandbox, "refresh_token", json!({"refresh_token": session["refresh_token"]})).await;
    own.json::<TokenReply>().await.expect("this one goes on");
    let old = json!({"email": EAST, "password": sandbox.password()});
    assert_eq!(code_of(token_call(&sandbox, "password", old).await).await.1, "invalid_credentials");
    let new = json!({"email": EAST, "password": "a new one 2026"});
    assert_eq!(token_call(&sandbox, "password", new).await.status(), 200);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_invitation_is_accepted_by_its_code() {
    let sandbox = start().await;
    let invited = client().post(format!("{}/auth/v1/invite", sandbox.url()));
    let invited =
        invited.header("apikey", sandbox.service_role_key()).json(&json!({"email": "new@flyos.mil"}));
    assert_eq!(invited.send().await.expect("an answer").status(), 200);
    let code = code_in_mail(&sandbox, "new@flyos.mil", MailFor::Invite);
    let body = json!({"type": "signup", "email": "new@flyos.mil", "token": code});
    let (status, session) = post(&sandbox, "verify", &body).await;
    assert_eq!(status, 200, "{session}");
    let token = session["access_token"].as_str().expect("a token");
    assert_eq!(set(&sandbox, token, &json!({"password": "my first one"})).await.0, 200);
    let new = json!({"email": "new@flyos.mil", "password": "my first one"});
    assert_eq!(token_call(&sandbox, "password", new).await.status(), 200, "the address is confirmed by it");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_project_may_want_a_mailed_nonce_with_a_new_password() {
    let sandbox = start().await;
    sandbox.faults().set_asks_for_nonce(true);
    let person = sign_in(&sandbox, WEST).await;
    let change = async |nonce: Option<&str>| {
        let (status, body) =
            set(&sandbox, &person.token, &json!({"password": "a new one 2026", "nonce": nonce})).await;
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(change(None).await, (400, "reauthentication_needed".to_owned()));
    let mail = client().get(format!("{}/auth/v1/reauthenticate", sandbox.url())).bearer_auth(&person.token);
    let mail = mail.header("apikey", sandbox.publishable_key()).send().await.expect("an answer");
    assert_eq!(mail.status(), 200);
    let nonce = code_in_mail(&sandbox, WEST, MailFor::Reauthentication);
    assert_eq!(change(Some("nonsense")).await, (422, "reauthentication_not_valid".to_owned()));
    assert_eq!(change(Some(&nonce)).await.0, 200);
    sandbox.shutdown().await;
}

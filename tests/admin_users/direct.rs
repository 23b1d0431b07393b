//! The direct path's own: how its key travels, and what is said when it fails half-way.

use axum::http::Method;
use flyos::remote::admin::{AdminKey, DirectAdmin};
use flyos::remote::wire::admin::{AdminAsked, AdminRequest};
use flyos::remote::{Cause, ErrorKind};
use serde_json::{Value as Json, json};

use crate::kit::*;
use crate::proxy::{Proxy, Spoiled};

/// A key of the old kind, as far as its shape goes.
const LEGACY: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln";

fn direct(url: &str, key: &str) -> DirectAdmin {
    let key = AdminKey::from_env(|_| Some(key.to_owned())).expect("a key");
    DirectAdmin::new(url, key, "1.2.3").expect("a project")
}

#[tokio::test]
async fn the_key_travels_as_its_kind_must() {
    let sandbox = start().await;
    let proxy = Proxy::before(&sandbox.url()).await;
    let list = AdminRequest::ListUnlinked { page: 1 }.into();
    let secret = sandbox.service_role_key();
    for (key, wanted) in
        [(&*secret, json!([secret, Json::Null])), (LEGACY, json!([LEGACY, format!("Bearer {LEGACY}")]))]
    {
        let outcome = direct(&proxy.url, key).run(&list).await;
        let seen = proxy.seen().remove(0);
        assert_eq!(json!([seen.header("apikey"), seen.header("authorization")]), wanted);
        assert_eq!(seen.header("user-agent"), Some("flyos/1.2.3"), "never like a browser's");
        if key == LEGACY {
            // The training server has no such key, and the words are not about a session.
            let error = outcome.expect_err("refused");
            assert_eq!((error.kind, error.cause), (ErrorKind::Configuration, Cause::KeyInvalid));
            assert!(error.message.contains("secret key") && !error.message.contains("eyJ"), "{error}");
        } else {
            outcome.expect("a list");
        }
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_failure_half_way_says_what_was_done() {
    let sandbox = start().await;
    let proxy = Proxy::before(&sandbox.url()).await;
    let direct = direct(&proxy.url, &sandbox.service_role_key());
    let fails = async |request: AdminAsked, method: Method, path: &'static str, words: &str| {
        proxy.spoil([Spoiled::html(method, path, false)]);
        let error = direct.run(&request).await.expect_err("spoiled");
        assert!(error.message.starts_with(words) && !error.message.contains("Nothing"), "{error}");
        assert!(error.is_offline(), "{error:?}");
        proxy.spoil([]);
        direct.run(&request).await.expect("again, and no harm is done");
    };
    let profile = user_named(&sandbox, "east_hq");
    let sign_out = "/rest/v1/rpc/admin_sign_out";
    fails(AdminRequest::Ban { profile }.into(), Method::POST, sign_out, "The ban of east_hq is set").await;
    let profile = user_named(&sandbox, "a_lindqvist");
    let mail = "The account of a_lindqvist is there, but no mail may have been sent.";
    fails(AdminRequest::Invite { profile }.into(), Method::POST, "/auth/v1/invite", mail).await;
    // Before anything was done, nothing was.
    proxy.spoil([Spoiled::json(Method::GET, "/rest/v1/profiles", 429, "{}")]);
    let error = direct.run(&AdminRequest::Unban { profile }.into()).await.expect_err("spoiled");
    assert!(error.cause == Cause::RateLimited && error.message.contains("Nothing was changed."), "{error}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_account_the_database_did_not_link_is_removed_again() {
    let sandbox = start().await;
    let proxy = Proxy::before(&sandbox.url()).await;
    let profile = user_named(&sandbox, "d_okafor");
    let row = json!([{
        "id": profile, "username": "d_okafor", "email": "d.okafor@flyos.mil", "role": "OPERATOR",
        "status": "ACTIVE", "auth_user_id": null,
    }]);
    let row = Box::leak(row.to_string().into_boxed_str());
    proxy.spoil([Spoiled::json(Method::GET, "/rest/v1/profiles", 200, row)]);
    let create = AdminRequest::Create { profile, password: "correct horse".into() }.into();
    let error = direct(&proxy.url, &sandbox.service_role_key()).run(&create).await.expect_err("not linked");
    assert_eq!(error.code.as_deref(), Some("not_made"));
    let body = json!({"email": "d.okafor@flyos.mil", "password": "correct horse"});
    assert_eq!(code_of(token_call(&sandbox, "password", body).await).await.1, "invalid_credentials");
    sandbox.shutdown().await;
}

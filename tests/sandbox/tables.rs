//! Reading and writing tables: what the training server does not do, and says so. The rest is in `tests/server/twins/`.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::kit::*;

#[tokio::test]
async fn what_it_does_not_do_is_refused() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    for (query, status, code) in [
        ("drones?select=id", 400, "PGRST127"),
        ("drones?status=neq.ACTIVE", 400, "PGRST127"),
        ("drones?offset=3", 400, "PGRST127"),
        ("drones?id=in.(%22a)", 400, "PGRST100"),
    ] {
        let (got, body) = error_of(main.table(query).await).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{query}");
    }
    let url = |table: &str| format!("{}/rest/v1/{table}", main.url);
    let put = main.http.put(url("drones")).header("apikey", &main.key).bearer_auth(&main.token);
    let put = put.json(&json!({})).send().await.expect("an answer");
    assert_eq!(put.status(), StatusCode::METHOD_NOT_ALLOWED);
    // People write by the sync, the secret key writes profiles.
    let post = main.http.post(url("profiles")).header("apikey", &main.key).bearer_auth(&main.token);
    let post = post.json(&json!({})).send().await.expect("an answer");
    assert_eq!(code_of(post).await, (400, "PGRST127".to_owned()));
    let anon = main.http.post(url("profiles")).header("apikey", &main.key).json(&json!({}));
    assert_eq!(code_of(anon.send().await.expect("an answer")).await, (401, "42501".to_owned()));
    let by_key = |method: Method, table: &str| {
        main.http.request(method, url(table)).header("apikey", sandbox.service_role_key())
    };
    let row = json!({"username": "new_one", "auth_user_id": null});
    for (request, status, code) in [
        (by_key(Method::POST, "drones").json(&row), 400, "PGRST127"),
        (by_key(Method::POST, "planes").json(&row), 404, "PGRST205"),
        (by_key(Method::POST, "profiles").json(&json!([row])), 400, "PGRST127"),
        (by_key(Method::POST, "profiles").json(&row), 400, "PGRST127"),
        (by_key(Method::POST, "profiles").json(&json!({"username": 5})), 400, "PGRST127"),
        (by_key(Method::POST, "profiles").body("{"), 400, "PGRST102"),
        (
            by_key(Method::POST, "profiles").header("prefer", "return=representation").json(&row),
            400,
            "PGRST127",
        ),
        (by_key(Method::POST, "profiles?on_conflict=id").json(&row), 400, "PGRST127"),
        (by_key(Method::DELETE, "profiles"), 400, "21000"),
        (by_key(Method::DELETE, "profiles?username=neq.a"), 400, "PGRST127"),
        (by_key(Method::DELETE, "profiles?username=eq.main_hq&limit=1"), 400, "PGRST127"),
        (by_key(Method::DELETE, "drones?id=eq.drone-001"), 400, "PGRST127"),
    ] {
        let (got, body) = error_of(request.send().await.expect("an answer")).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{body}");
    }
    sandbox.shutdown().await;
}

//! Reading tables: what the training server does not do, and says so. The rest is in `tests/server/twins/`.

use reqwest::StatusCode;
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
    let post = main.http.post(format!("{}/rest/v1/drones", main.url)).header("apikey", &main.key);
    let post = post.bearer_auth(&main.token).json(&json!({})).send().await.expect("an answer");
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    sandbox.shutdown().await;
}

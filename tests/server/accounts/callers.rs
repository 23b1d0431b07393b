//! The functions that `admin-users` asks, as who may call them and who may not.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EAST, INACTIVE, MAIN, OPERATOR1, profile, project, run, uuid};
use crate::pg::{Database, mint, sqlstate};

/// What a function answers somebody; the SQLSTATE where it refuses.
async fn call(db: &Database, claims: &Json, query: &str) -> Json {
    match db.as_user(claims).await.value(query).await {
        Ok(answer) => answer,
        refused => json!(sqlstate(&refused)),
    }
}

#[tokio::test]
async fn who_calls_is_told_by_the_database() {
    let db = project().await;
    let sql = db.postgres().await;
    let caller = "select public.admin_caller()";
    for (email, role) in [(MAIN, "MAIN_HQ"), (EAST, "REGIONAL_HQ"), (OPERATOR1, "OPERATOR")] {
        let user = profile(&sql, email).await["id"].clone();
        let expected =
            json!({"must": null, "user": user, "role": role, "status": "ACTIVE", "last_main_hq": false});
        assert_eq!(call(&db, &db.session_of(email).await, caller).await, expected);
    }
    assert_eq!(call(&db, &db.session_of(INACTIVE).await, caller).await, json!({"must": "inactive"}));
    let nobody = db.account("nobody@flyos.mil").await;
    run(&sql, "delete from public.profiles where auth_user_id = $1", &[&nobody]).await;
    assert_eq!(call(&db, &db.session(nobody).await, caller).await, json!({"must": "no_profile"}));
    let mut ended = db.session_of(MAIN).await;
    ended["session_id"] = json!(Uuid::new_v4());
    assert_eq!(call(&db, &ended, caller).await, json!({"must": "signed_out"}));
    let factor = "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
        select gen_random_uuid(), id, 'totp', 'verified', now(), now() from auth.users where email = 'main@flyos.mil'";
    run(&db.superuser().await, factor, &[]).await;
    let mut claims = db.session_of(MAIN).await;
    assert_eq!(call(&db, &claims, caller).await, json!({"must": "aal2"}));
    claims["aal"] = json!("aal2");
    assert_eq!(call(&db, &claims, caller).await["role"], "MAIN_HQ");
    // The deputy is the other one; without him the first is the last, and only a MAIN_HQ can be that.
    run(&sql, "update public.profiles set status = 'INACTIVE' where username = 'deputy_admin'", &[]).await;
    assert_eq!(call(&db, &claims, caller).await["last_main_hq"], true);
    assert_eq!(call(&db, &db.session_of(EAST).await, caller).await["last_main_hq"], false);
    for claims in [json!({"role": "anon"}), json!({"role": "service_role"})] {
        assert_eq!(call(&db, &claims, caller).await, "42501");
    }
}

#[tokio::test]
async fn sessions_are_ended_by_headquarters_alone() {
    let db = project().await;
    let target = uuid(&profile(&db.postgres().await, OPERATOR1).await["auth_user_id"]);
    db.session(target).await;
    db.session(target).await;
    let query = format!("select public.admin_sign_out('{target}')");
    for email in [EAST, OPERATOR1] {
        assert_eq!(call(&db, &db.session_of(email).await, &query).await, "42501", "{email}");
    }
    assert_eq!(call(&db, &db.session_of(INACTIVE).await, &query).await, json!({"must": "inactive"}));
    assert_eq!(call(&db, &json!({"role": "anon"}), &query).await, "42501");
    let main = db.session_of(MAIN).await;
    assert_eq!(call(&db, &main, &query).await, json!({"ended": 3}), "one was the refused operator's own");
    assert_eq!(call(&db, &main, &query).await, json!({"ended": 0}));
    let pull = "select public.sync_pull(null, 1, 1, 1) -> 'must'";
    assert_eq!(call(&db, &main, pull).await, Json::Null, "and nobody else's");
}

#[tokio::test]
async fn who_has_a_profile_is_told_headquarters_alone() {
    let db = project().await;
    let sql = db.postgres().await;
    let (first, second) = (profile(&sql, OPERATOR1).await, profile(&sql, INACTIVE).await);
    let stranger = Uuid::new_v4();
    let ids = format!(
        "{},{},{stranger}",
        first["auth_user_id"].as_str().expect("linked"),
        second["auth_user_id"].as_str().expect("linked")
    );
    let query = format!("select public.admin_linked('{{{ids}}}')");
    let linked = json!({"linked": {
        first["auth_user_id"].as_str().expect("linked"): first["id"],
        second["auth_user_id"].as_str().expect("linked"): second["id"],
    }});
    let main = db.session_of(MAIN).await;
    assert_eq!(call(&db, &main, &query).await, linked);
    assert_eq!(call(&db, &main, "select public.admin_linked('{}')").await, json!({"linked": {}}));
    let many = "select public.admin_linked(array(select gen_random_uuid() from generate_series(1, 1001)))";
    assert_eq!(call(&db, &main, many).await, "PT413");
    assert_eq!(call(&db, &db.session_of(EAST).await, &query).await, "42501");
    assert_eq!(call(&db, &db.session_of(INACTIVE).await, &query).await, json!({"must": "inactive"}));
    assert_eq!(call(&db, &json!({"role": "anon"}), &query).await, "42501");
    // Who holds the secret key has no profile, and may.
    let secret = json!({"role": "service_role"});
    assert_eq!(call(&db, &secret, &query).await, linked);
    let out = format!("select public.admin_sign_out('{}')", first["auth_user_id"].as_str().expect("linked"));
    assert_eq!(call(&db, &secret, &out).await, json!({"ended": 0}));
    // As the function asks: over HTTP, with the person's token.
    let front = db.front().await;
    let (status, answer) = front.rpc(&mint(&main), "admin_linked", &json!({"accounts": [stranger]})).await;
    assert_eq!((status, answer), (200, json!({"linked": {}})));
    let (status, answer) =
        front.rpc(&mint(&db.session_of(EAST).await), "admin_sign_out", &json!({"account": stranger})).await;
    assert_eq!((status, &answer["code"]), (403, &json!("42501")));
    let (status, answer) = front.rpc(&mint(&main), "admin_caller", &json!({})).await;
    assert_eq!((status, &answer["role"]), (200, &json!("MAIN_HQ")));
    assert_eq!(front.rpc("", "admin_caller", &json!({})).await.0, 401);
}

//! What the actions do: who can sign in, whose sessions live, which profile is linked to what, and that all of it is
//! still so after a restart. The training server's side of the bargain.

use flyos::domain::{Change, Key, Record};
use flyos::remote::admin::{AdminKey, DirectAdmin};
use flyos::remote::wire::TokenReply;
use flyos::remote::wire::admin::{AdminAsked, AdminReply, AdminRequest, WhyUnlinked};
use flyos::sandbox::{Options, Sandbox};
use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::kit::*;

const PASSWORD: &str = "correct horse";

fn direct(sandbox: &Sandbox) -> DirectAdmin {
    let key = AdminKey::from_env(|_| Some(sandbox.service_role_key())).expect("a key");
    DirectAdmin::new(&sandbox.url(), key, "1").expect("a project")
}

async fn ask(by: &Person, request: Json) -> Json {
    let url = format!("{}/functions/v1/admin-users", by.url);
    let request = by.http.post(url).header("apikey", &by.key).bearer_auth(&by.token).json(&request);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

/// The error's code, or "ok".
async fn opens(sandbox: &Sandbox, email: &str, password: &str) -> String {
    let reply = token_call(sandbox, "password", json!({"email": email, "password": password})).await;
    let body: Json = reply.json().await.expect("JSON");
    body["code"].as_str().unwrap_or("ok").to_owned()
}

async fn refresh(sandbox: &Sandbox, token: &str) -> String {
    let reply = token_call(sandbox, "refresh_token", json!({"refresh_token": token})).await;
    let body: Json = reply.json().await.expect("JSON");
    body["code"].as_str().unwrap_or("ok").to_owned()
}

async fn must(person: &Person) -> Json {
    person.rpc("admin_caller", &json!({})).await.json::<Json>().await.expect("JSON")["must"].clone()
}

async fn admin(sandbox: &Sandbox, method: Method, path: &str, body: &Json) -> (u16, Json) {
    let request = client().request(method, format!("{}{path}", sandbox.url()));
    let request = request.header("apikey", sandbox.service_role_key()).json(body);
    error_of(request.header("x-supabase-api-version", "2024-01-01").send().await.expect("an answer")).await
}

fn user(sandbox: &Sandbox, username: &str) -> flyos::domain::User {
    match row(sandbox, &Key::user(user_named(sandbox, username))) {
        Some(Record::User(user)) => user,
        other => unreachable!("a user of the initial set and not {other:?}"),
    }
}

#[tokio::test]
async fn an_account_lives_from_its_creation_to_its_end() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let (id, email) = (user_named(&sandbox, "d_okafor"), "d.okafor@flyos.mil");
    let mut watcher = sign_in(&sandbox, EAST).await;
    watcher.drain(2000).await;
    assert_eq!(opens(&sandbox, email, PASSWORD).await, "invalid_credentials");
    ask(&main, json!({"action": "create", "profile": id, "password": PASSWORD})).await;
    watcher.drain(2000).await;
    sandbox.with_world(|world| watcher.assert_equals_truth(world));
    let reply = token_call(&sandbox, "password", json!({"email": email, "password": PASSWORD})).await;
    let session: TokenReply = reply.json().await.expect("a session");
    let operator = Person {
        token: session.access_token,
        refresh: session.refresh_token,
        ..sign_in(&sandbox, MAIN).await
    };
    assert_eq!(must(&operator).await, Json::Null);
    // A new password ends every session.
    ask(&main, json!({"action": "set_password", "profile": id, "password": "another horse"})).await;
    assert_eq!(refresh(&sandbox, &operator.refresh).await, "refresh_token_not_found");
    assert_eq!(must(&operator).await, "signed_out");
    assert_eq!(opens(&sandbox, email, PASSWORD).await, "invalid_credentials");
    assert_eq!(opens(&sandbox, email, "another horse").await, "ok");
    // The address is changed in both places.
    ask(&main, json!({"action": "set_email", "profile": id, "email": "david@flyos.mil"})).await;
    assert_eq!(&*user(&sandbox, "d_okafor").email, "david@flyos.mil");
    assert_eq!(opens(&sandbox, email, "another horse").await, "invalid_credentials");
    assert_eq!(opens(&sandbox, "david@flyos.mil", "another horse").await, "ok");
    watcher.drain(2000).await;
    sandbox.with_world(|world| watcher.assert_equals_truth(world));
    ask(&main, json!({"action": "delete", "profile": id})).await;
    assert_eq!(user(&sandbox, "d_okafor").auth_user_id, None);
    assert_eq!(opens(&sandbox, "david@flyos.mil", "another horse").await, "invalid_credentials");
    watcher.drain(2000).await;
    sandbox.with_world(|world| watcher.assert_equals_truth(world));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_ban_ends_everything_at_once_and_lifting_it_needs_a_new_sign_in() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let id = user_named(&sandbox, "east_hq");
    ask(&main, json!({"action": "ban", "profile": id})).await;
    assert_eq!(opens(&sandbox, EAST, sandbox.password()).await, "user_banned");
    assert_eq!(opens(&sandbox, EAST, "wrong").await, "user_banned", "before the password, as the real one");
    assert_eq!(refresh(&sandbox, &east.refresh).await, "refresh_token_not_found");
    assert_eq!(must(&east).await, "signed_out");
    ask(&main, json!({"action": "unban", "profile": id})).await;
    assert_eq!(must(&east).await, "signed_out", "what ended has ended");
    assert_eq!(opens(&sandbox, EAST, sandbox.password()).await, "ok");
    // By the admin API alone a ban leaves sessions as they are, and keeps them from being renewed.
    let east = sign_in(&sandbox, EAST).await;
    let path = format!("/auth/v1/admin/users/{}", east.uid);
    admin(&sandbox, Method::PUT, &path, &json!({"ban_duration": "24h"})).await;
    assert_eq!(must(&east).await, Json::Null);
    assert_eq!(refresh(&sandbox, &east.refresh).await, "user_banned");
    let me = client().get(format!("{}/auth/v1/user", sandbox.url()));
    let me = me
        .header("apikey", &east.key)
        .bearer_auth(&east.token)
        .header("x-supabase-api-version", "2024-01-01");
    assert_eq!(code_of(me.send().await.expect("an answer")).await, (403, "user_banned".to_owned()));
    admin(&sandbox, Method::PUT, &path, &json!({"ban_duration": "none"})).await;
    assert_eq!(refresh(&sandbox, &east.refresh).await, "ok", "the session was there all the time");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn deactivating_or_deleting_a_profile_bans_its_account_by_itself() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let key = Key::user(user_named(&sandbox, "operator1"));
    let operator = sign_in(&sandbox, OPERATOR1).await;
    let password = sandbox.password();
    main.edit(update(&sandbox, &key, &[("status", "INACTIVE")])).await;
    assert_eq!(must(&operator).await, "inactive", "the reason comes before the session");
    assert_eq!(refresh(&sandbox, &operator.refresh).await, "refresh_token_not_found");
    assert_eq!(opens(&sandbox, OPERATOR1, password).await, "user_banned");
    let unban = json!({"action": "unban", "profile": key.pk});
    assert_eq!(ask(&main, unban.clone()).await["code"], "inactive_profile");
    main.edit(update(&sandbox, &key, &[("status", "ACTIVE")])).await;
    assert_eq!(opens(&sandbox, OPERATOR1, password).await, "ok");
    assert_eq!(must(&operator).await, "signed_out");
    // A ban by hand outlives both.
    ask(&main, json!({"action": "ban", "profile": key.pk})).await;
    main.edit(update(&sandbox, &key, &[("status", "INACTIVE")])).await;
    main.edit(update(&sandbox, &key, &[("status", "ACTIVE")])).await;
    assert_eq!(opens(&sandbox, OPERATOR1, password).await, "user_banned");
    ask(&main, unban).await;
    let operator = sign_in(&sandbox, OPERATOR1).await;
    main.edit(delete_of(&row(&sandbox, &key).expect("a row"))).await;
    assert_eq!(must(&operator).await, "no_profile");
    assert_eq!(opens(&sandbox, OPERATOR1, password).await, "user_banned");
    // A refused edit bans nobody.
    let east = sign_in(&sandbox, EAST).await;
    east.edit(update(&sandbox, &Key::user(user_named(&sandbox, "d_okafor")), &[("status", "INACTIVE")]))
        .await;
    let west = sign_in(&sandbox, WEST).await;
    west.edit(update(&sandbox, &Key::user(user_named(&sandbox, "west_hq")), &[("status", "INACTIVE")])).await;
    assert_eq!(must(&west).await, Json::Null);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn accounts_without_a_profile_are_listed_with_the_reason_and_can_be_deleted() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let (id, seeded) = (user_named(&sandbox, "d_okafor"), user_named(&sandbox, "operator2"));
    ask(&main, json!({"action": "create", "profile": id, "password": PASSWORD})).await;
    // Made for a profile or not: the account of one that went names it.
    for id in [id, seeded] {
        main.edit(delete_of(&row(&sandbox, &Key::user(id)).expect("a row"))).await;
    }
    let reply = ask(&main, json!({"action": "list_unlinked"})).await;
    let AdminReply::Unlinked { accounts, next: None, .. } =
        serde_json::from_value(reply.clone()).expect("a list")
    else {
        unreachable!("{reply}")
    };
    let mut told: Vec<_> = accounts
        .iter()
        .map(|one| (one.account.email.as_deref().unwrap_or_default(), one.why, one.made_for))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            ("d.okafor@flyos.mil", WhyUnlinked::ProfileDeleted, Some(id)),
            (OPERATOR2, WhyUnlinked::ProfileDeleted, Some(seeded))
        ]
    );
    assert!(accounts.iter().all(|one| one.account.banned_until.is_some()), "{reply}");
    // The secret key tells the same.
    let by_key = direct(&sandbox).run(&AdminRequest::ListUnlinked { page: 1 }.into()).await.expect("a list");
    assert_eq!(serde_json::to_value(by_key).expect("JSON"), reply);
    let account = accounts[0].account.id;
    assert_eq!(ask(&main, json!({"action": "delete", "account": account})).await["ok"], true);
    assert_eq!(ask(&main, json!({"action": "delete", "account": account})).await["code"], "not_found");
    let left = ask(&main, json!({"action": "list_unlinked"})).await;
    assert_eq!(left["accounts"].as_array().map(Vec::len), Some(1));
    // An invitation of the dashboard for an address that is somebody's waits until it is taken up.
    let (status, _) =
        admin(&sandbox, Method::POST, "/auth/v1/invite", &json!({"email": "m.petrov@flyos.mil"})).await;
    assert_eq!((status, user(&sandbox, "m_petrov").auth_user_id), (200, None));
    let list = ask(&main, json!({"action": "list_unlinked"})).await;
    let waits = list["accounts"].as_array().expect("accounts");
    let waits = waits.iter().find(|one| one["email"] == "m.petrov@flyos.mil").expect("listed");
    assert_eq!((&waits["confirmed"], &waits["why"]), (&json!(false), &json!("no_profile")));
    let path = format!("/auth/v1/admin/users/{}", waits["id"].as_str().expect("an id"));
    admin(&sandbox, Method::PUT, &path, &json!({"email_confirm": true})).await;
    assert_eq!(user(&sandbox, "m_petrov").auth_user_id.map(|id| json!(id)).as_ref(), Some(&waits["id"]));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_inactive_profile_gets_no_account_and_the_last_headquarters_keeps_its_own() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let id = user_named(&sandbox, "d_okafor");
    admin_update(&sandbox, &Key::user(id), &[("status", "INACTIVE")]);
    for request in [
        json!({"action": "create", "profile": id, "password": PASSWORD}),
        json!({"action": "invite", "profile": id}),
    ] {
        assert_eq!(ask(&main, request.clone()).await["code"], "inactive_profile");
        let request = AdminAsked::read(request.to_string().as_bytes()).expect("a request");
        let error = direct(&sandbox).run(&request).await.expect_err("refused");
        assert_eq!(error.code.as_deref(), Some("inactive_profile"));
    }
    // With the secret key nobody is oneself, but somebody must remain who can sign in.
    let (first, deputy) = (user_named(&sandbox, "main_admin"), user_named(&sandbox, "deputy_admin"));
    let by_key = direct(&sandbox);
    by_key.run(&AdminRequest::Ban { profile: deputy }.into()).await.expect("another remains");
    let refused = by_key.run(&AdminRequest::Ban { profile: first }.into()).await.expect_err("the last");
    assert_eq!(refused.code.as_deref(), Some("last_main_hq"));
    let refused = by_key.run(&AdminRequest::Delete { profile: first }.into()).await.expect_err("the last");
    assert_eq!(refused.code.as_deref(), Some("last_main_hq"));
    by_key.run(&AdminRequest::Unban { profile: deputy }.into()).await.expect("lifted");
    by_key.run(&AdminRequest::Ban { profile: first }.into()).await.expect("the deputy remains");
    // By the rows alone, the last active one hears that it is the last.
    let deputy_in = sign_in(&sandbox, "deputy@flyos.mil").await;
    admin_update(&sandbox, &Key::user(first), &[("status", "INACTIVE")]);
    assert_eq!(ask(&deputy_in, json!({"action": "ban", "profile": deputy})).await["code"], "last_main_hq");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn accounts_bans_and_links_survive_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options { data: Some(folder.path().join("data")), ..Options::default() };
    let sandbox = start_with(options()).await;
    let main = sign_in(&sandbox, MAIN).await;
    let made = user_named(&sandbox, "d_okafor");
    ask(&main, json!({"action": "create", "profile": made, "password": PASSWORD})).await;
    ask(&main, json!({"action": "invite", "profile": user_named(&sandbox, "a_lindqvist")})).await;
    ask(&main, json!({"action": "set_email", "profile": made, "email": "david@flyos.mil"})).await;
    ask(&main, json!({"action": "delete", "profile": user_named(&sandbox, "operator2")})).await;
    ask(&main, json!({"action": "ban", "profile": user_named(&sandbox, "west_hq")})).await;
    let (east, operator) = (sign_in(&sandbox, EAST).await, sign_in(&sandbox, OPERATOR1).await);
    main.edit(update(&sandbox, &Key::user(user_named(&sandbox, "operator1")), &[("status", "INACTIVE")]))
        .await;
    ask(&main, json!({"action": "sign_out", "profile": user_named(&sandbox, "east_hq")})).await;
    let before = sandbox.with_world(Clone::clone);
    let mut sandbox = sandbox;
    for again in 0..2 {
        sandbox.shutdown().await;
        sandbox = start_with(options()).await;
        assert!(sandbox.with_world(|world| *world == before), "{again}");
        let password = sandbox.password();
        for (email, password, code) in [
            ("david@flyos.mil", PASSWORD, "ok"),
            ("d.okafor@flyos.mil", PASSWORD, "invalid_credentials"),
            (OPERATOR2, password, "invalid_credentials"),
            (WEST, password, "user_banned"),
            (OPERATOR1, password, "user_banned"),
            (EAST, password, "ok"),
        ] {
            assert_eq!(opens(&sandbox, email, password).await, code, "{email}, {again}");
        }
        for (person, word) in [(&east, "signed_out"), (&operator, "inactive"), (&main, "")] {
            let person = Person { url: sandbox.url(), ..person.clone() };
            assert_eq!(must(&person).await.as_str().unwrap_or_default(), word, "{again}");
        }
        let invited = user(&sandbox, "a_lindqvist").auth_user_id.expect("linked");
        let (_, account) =
            admin(&sandbox, Method::GET, &format!("/auth/v1/admin/users/{invited}"), &json!({})).await;
        assert_eq!((&account["email_confirmed_at"], account["invited_at"].is_string()), (&Json::Null, true));
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_admin_api_is_for_the_secret_key_alone_and_speaks_as_the_real_one() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let url = format!("{}/auth/v1/admin/users", sandbox.url());
    let secret = sandbox.service_role_key();
    for (key, token, wanted) in [
        (&main.key, None, (403, "not_admin")),
        (&main.key, Some(&main.token), (403, "not_admin")),
        (&secret, Some(&main.token), (403, "not_admin")),
        (&main.key, Some(&main.key), (403, "not_admin")),
    ] {
        let mut request =
            client().get(&url).header("apikey", key).header("x-supabase-api-version", "2024-01-01");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let (status, code) = code_of(request.send().await.expect("an answer")).await;
        assert_eq!((status, &*code), wanted);
    }
    let users = "/auth/v1/admin/users";
    for (method, path, body, wanted) in [
        (Method::POST, users.to_owned(), json!({}), (400, "validation_failed")),
        (Method::POST, users.to_owned(), json!({"email": "x"}), (400, "validation_failed")),
        (Method::POST, users.to_owned(), json!({"email": 7}), (400, "bad_json")),
        (
            Method::POST,
            users.to_owned(),
            json!({"email": "x@y.z", "password": "x".repeat(73)}),
            (400, "validation_failed"),
        ),
        (Method::POST, users.to_owned(), json!({"email": EAST}), (422, "email_exists")),
        (Method::GET, format!("{users}/{}", Uuid::nil()), json!({}), (404, "user_not_found")),
        (Method::GET, format!("{users}/nonsense"), json!({}), (404, "validation_failed")),
        (Method::DELETE, format!("{users}/{}", Uuid::nil()), json!({}), (404, "user_not_found")),
        (
            Method::PUT,
            format!("{users}/{}", main.uid),
            json!({"password": "password123"}),
            (422, "weak_password"),
        ),
        (Method::PUT, format!("{users}/{}", main.uid), json!({"email": EAST}), (500, "unexpected_failure")),
        (
            Method::PUT,
            format!("{users}/{}", main.uid),
            json!({"ban_duration": "7d"}),
            (400, "validation_failed"),
        ),
        (Method::POST, "/auth/v1/invite".to_owned(), json!({"email": EAST}), (422, "email_exists")),
        (Method::POST, "/auth/v1/invite".to_owned(), json!({}), (400, "validation_failed")),
    ] {
        let (status, answer) = admin(&sandbox, method.clone(), &path, &body).await;
        assert_eq!((status, answer["code"].as_str().unwrap_or_default()), wanted, "{method} {path} {body}");
    }
    assert_eq!(opens(&sandbox, MAIN, sandbox.password()).await, "ok", "nothing of it was done");
    let list = client().get(format!("{url}?page=2&per_page=3")).header("apikey", &secret).send().await;
    let list = list.expect("an answer");
    assert_eq!(list.headers()["x-total-count"], "8");
    assert!(list.headers()["link"].to_str().expect("text").contains("page=3&per_page=3>; rel=\"next\""));
    let list: Json = list.json().await.expect("a list");
    let emails: Vec<_> =
        list["users"].as_array().expect("users").iter().map(|user| user["email"].clone()).collect();
    assert_eq!(
        emails,
        ["operator2@flyos.mil", "operator1@flyos.mil", "west@flyos.mil"],
        "the youngest first"
    );
    assert_eq!(list["users"][0]["identities"], Json::Null);
    // An address that is a profile's is taken, and links where it may.
    let body =
        json!({"email": "c@x.y", "email_confirm": true, "app_metadata": {"flyos_profile_id": Uuid::nil()}});
    let (status, made) = admin(&sandbox, Method::POST, users, &body).await;
    let path = format!("{users}/{}", made["id"].as_str().expect("an id"));
    let of = |name: &str| {
        sandbox.with_world(|world| {
            world.users().find(|user| &*user.username == name).and_then(|user| user.auth_user_id)
        })
    };
    let body = json!({"email": "d.okafor@flyos.mil", "app_metadata": {"flyos_profile_id": null}});
    assert_eq!((status, admin(&sandbox, Method::PUT, &path, &body).await.0), (200, 200));
    assert_eq!(of("d_okafor").map(|id| id.to_string()), made["id"].as_str().map(str::to_owned));
    let body = json!({"email": "root@localhost"});
    assert_eq!(admin(&sandbox, Method::PUT, &path, &body).await.0, 200);
    assert_eq!(
        &*user(&sandbox, "d_okafor").email,
        "d.okafor@flyos.mil",
        "the account has it, the profile does not"
    );
    // One that names a profile that is not there is made, and has none.
    let body = json!({"email": "x@y.z", "app_metadata": {"flyos_profile_id": Uuid::nil()}});
    assert_eq!(admin(&sandbox, Method::POST, users, &body).await.0, 200);
    assert!(sandbox.with_world(|world| world.users().all(|user| &*user.email != "x@y.z")));
    // An account made without a word about a profile gets one that may do nothing.
    let body = json!({"email": "Nova.Lee@flyos.mil", "password": PASSWORD, "email_confirm": true});
    let (status, made) = admin(&sandbox, Method::POST, users, &body).await;
    assert_eq!((status, &made["email"]), (200, &json!("nova.lee@flyos.mil")));
    let profile = user(&sandbox, "nova_lee");
    assert_eq!(
        (profile.role.map(flyos::domain::Role::as_str), profile.is_active()),
        (Some("OPERATOR"), false)
    );
    assert_eq!(opens(&sandbox, "nova.lee@flyos.mil", PASSWORD).await, "ok");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_profile_made_anew_under_its_id_is_not_its_old_accounts() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let key = Key::user(user_named(&sandbox, "operator2"));
    let old = row(&sandbox, &key).expect("a row");
    let account = sandbox.with_world(|world| world.user(key.uuid()?)?.auth_user_id).expect("an account");
    main.edit(delete_of(&old)).await;
    let mut again = old.fields();
    again.retain(|name, _| key.kind.field(name).is_some_and(|field| !field.server));
    sandbox.admin(&[Change::insert(key.clone(), again)]).expect("allowed");
    let path = format!("/auth/v1/admin/users/{account}");
    let write = async || admin(&sandbox, Method::PUT, &path, &json!({"app_metadata": {"note": "x"}})).await.0;
    let linked = || sandbox.with_world(|world| world.user(key.uuid()?)?.auth_user_id);
    assert_eq!((write().await, linked()), (200, None), "it is barred");
    let (status, _) = admin(&sandbox, Method::PUT, &path, &json!({"ban_duration": "none"})).await;
    assert_eq!((status, write().await, linked()), (200, 200, Some(account)), "headquarters let it in again");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_functions_of_the_database_are_for_headquarters() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let who = |person: &Person| {
        let person = person.clone();
        async move { person.rpc("admin_caller", &json!({})).await.json::<Json>().await.expect("JSON") }
    };
    let fixture = |name: &str| -> Json {
        let path = format!("{}/tests/wire/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
    };
    assert_eq!(who(&main).await, fixture("admin_caller"));
    assert_eq!(who(&east).await["role"], "REGIONAL_HQ");
    assert_eq!(who(&sign_in(&sandbox, INACTIVE).await).await, fixture("must_inactive"));
    let (out, linked) = (fixture("admin_sign_out_request"), fixture("admin_linked_request"));
    for (function, body) in [("admin_sign_out", &out), ("admin_linked", &linked)] {
        assert_eq!(code_of(east.rpc(function, body).await).await, (403, "42501".to_owned()), "{function}");
        let inactive = sign_in(&sandbox, INACTIVE).await;
        assert_eq!(
            inactive.rpc(function, body).await.json::<Json>().await.expect("JSON"),
            fixture("must_inactive")
        );
        let anonymous = client().post(format!("{}/rest/v1/rpc/{function}", sandbox.url())).json(body);
        let anonymous = anonymous.header("apikey", &main.key).send().await.expect("an answer");
        assert_eq!(code_of(anonymous).await, (401, "42501".to_owned()));
    }
    assert_eq!(
        main.rpc("admin_linked", &linked).await.json::<Json>().await.expect("JSON"),
        fixture("admin_linked")
    );
    let operator = sign_in(&sandbox, OPERATOR1).await;
    assert_eq!(
        main.rpc("admin_sign_out", &out).await.json::<Json>().await.expect("JSON"),
        fixture("admin_sign_out")
    );
    assert_eq!(must(&operator).await, "signed_out");
    let many = json!({"accounts": vec![Uuid::nil(); 1001]});
    assert_eq!(main.rpc("admin_linked", &many).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let other = main.http.post(format!("{}/functions/v1/other", main.url)).header("apikey", &main.key);
    assert_eq!(code_of(other.send().await.expect("an answer")).await, (404, "NOT_FOUND".to_owned()));
    sandbox
        .admin(&[Change::delete(&row(&sandbox, &Key::user(user_named(&sandbox, "east_hq"))).expect("a row"))])
        .expect("allowed");
    assert_eq!(who(&east).await, fixture("must_no_profile"));
    sandbox.shutdown().await;
}

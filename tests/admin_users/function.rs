//! What the function alone must withstand: odd callers, a bad line behind it, a project that is set up wrong.

use std::time::{Duration, Instant};

use axum::http::Method;
use flyos::domain::Key;
use flyos::remote::admin::{AdminKey, DirectAdmin};
use flyos::remote::wire::admin::{AdminAsked, AdminRequest};
use flyos::remote::{Cause, Client, ErrorKind, Project};
use flyos::sandbox::{Answer, Sandbox};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::deno::{Function, deno, folder};
use crate::kit::*;
use crate::proxy::{Proxy, Spoiled};

const MAIN_ADMIN: &str = "0194a3d2-0000-7000-8000-000000000001";
const EAST_HQ: &str = "0194a3d2-0000-7000-8000-000000000002";
const D_OKAFOR: &str = "0194a3d2-0000-7000-8000-000000000009";
const ADMIN_USERS: &str = "/auth/v1/admin/users";

async fn post(url: &str, token: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, Json) {
    let mut request = client().post(url).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    error_of(request.send().await.expect("an answer")).await
}

/// The function behind a proxy before a fresh training server, and headquarters signed in.
struct Setting {
    sandbox: Sandbox,
    proxy: Proxy,
    function: Function,
    main: Person,
}

impl Setting {
    async fn new() -> Self {
        let sandbox = start().await;
        let proxy = Proxy::before(&sandbox.url()).await;
        let (publishable, secret) = (sandbox.publishable_key(), sandbox.service_role_key());
        let function = Function::before(&proxy.url, &publishable, &secret).await;
        let main = sign_in(&sandbox, MAIN).await;
        Self { sandbox, proxy, function, main }
    }

    async fn ask(&self, request: &Json) -> (u16, Json) {
        post(&self.function.url, Some(&self.main.token), request.to_string()).await
    }

    async fn code(&self, request: &Json) -> String {
        self.ask(request).await.1["code"].as_str().unwrap_or("ok").to_owned()
    }

    fn account_of(&self, profile: &str) -> Option<Uuid> {
        let id = Uuid::try_parse(profile).expect("a uuid");
        self.sandbox.with_world(|world| world.user(id).and_then(|user| user.auth_user_id))
    }
}

fn create() -> Json {
    json!({"action": "create", "profile": D_OKAFOR, "password": "correct horse"})
}

fn ban() -> Json {
    json!({"action": "ban", "profile": EAST_HQ})
}

#[test]
fn the_function_is_checked_linted_and_formatted() {
    for arguments in [&["check", "index.ts"][..], &["lint", "index.ts"], &["fmt", "--check"]] {
        let done = deno().args(arguments).current_dir(folder()).output().expect("Deno runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {said}{}", String::from_utf8_lossy(&done.stdout));
    }
    let text = std::fs::read_to_string(folder().join("index.ts")).expect("the function");
    let imports = |line: &&str| line.trim_start().starts_with("import ") || line.contains("import(");
    assert_eq!(text.lines().find(imports), None, "it imports nothing");
}

#[tokio::test]
async fn only_post_is_answered_and_never_more_than_16_kib() {
    let at = Setting::new().await;
    for method in [Method::GET, Method::OPTIONS, Method::PUT, Method::DELETE] {
        let reply = client().request(method, &at.function.url).send().await.expect("an answer");
        assert_eq!(reply.headers()["allow"], "POST");
        assert_eq!(code_of(reply).await, (405, "method".to_owned()));
    }
    // No more than goes out at once: who hangs up over what is not read may be heard before what they say.
    let large = format!("{{\"action\":\"{}\"}}", "x".repeat(17 << 10));
    let (status, body) = post(&at.function.url, Some(&at.main.token), large).await;
    assert_eq!((status, &body["code"]), (413, &json!("too_large")));
    // Said or not, the length is counted.
    let address = at.function.url.trim_start_matches("http://");
    let mut line = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let head = format!("POST / HTTP/1.1\r\nhost: {address}\r\ntransfer-encoding: chunked\r\n\r\n");
    line.write_all(head.as_bytes()).await.expect("sent");
    let piece = format!("{:x}\r\n{}\r\n", 6000, "x".repeat(6000));
    for _ in 0..3 {
        line.write_all(piece.as_bytes()).await.expect("sent");
    }
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.expect("an answer before the end of the body");
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert!(at.proxy.seen().is_empty(), "nobody behind the function was asked");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn who_asks_is_what_the_servers_say_and_not_what_a_token_claims() {
    let at = Setting::new().await;
    let ask = async |token: &str| post(&at.function.url, Some(token), ban().to_string()).await;
    let code = async |token: &str| ask(token).await.1["code"].as_str().unwrap_or("ok").to_owned();
    // An account whose metadata says everything, made by somebody who can write it.
    let made = json!({
        "email": "forger@flyos.mil", "password": "correct horse", "email_confirm": true,
        "user_metadata": {"role": "MAIN_HQ", "status": "ACTIVE"}, "app_metadata": {"role": "MAIN_HQ"},
    });
    let url = format!("{}{ADMIN_USERS}", at.sandbox.url());
    let request = client().post(url).header("apikey", at.sandbox.service_role_key()).json(&made);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let body = json!({"email": "forger@flyos.mil", "password": "correct horse"});
    let token = token_call(&at.sandbox, "password", body).await.json::<Json>().await.expect("a session");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(code(&token).await, "inactive", "a profile was made for it, which may do nothing");
    // The same claims with a changed payload are another's token.
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(code(&format!("{}.{}x.{}", parts[0], parts[1], parts[2])).await, "not_signed_in");
    for nonsense in ["a.b.c", "x", &at.sandbox.service_role_key(), &at.sandbox.publishable_key()] {
        assert_eq!(code(nonsense).await, "not_signed_in", "{nonsense}");
    }
    // A session that has ended, though its token is good for an hour yet.
    let other = sign_in(&at.sandbox, MAIN).await;
    let out = client().post(format!("{}/auth/v1/logout?scope=local", at.sandbox.url()));
    out.header("apikey", &other.key).bearer_auth(&other.token).send().await.expect("an answer");
    assert_eq!(code(&other.token).await, "signed_out");
    // Headquarters that was made INACTIVE meanwhile: its session ended with that.
    let deputy = sign_in(&at.sandbox, "deputy@flyos.mil").await;
    assert_eq!(code(&deputy.token).await, "ok");
    admin_update(&at.sandbox, &Key::user(user_named(&at.sandbox, "deputy_admin")), &[("status", "INACTIVE")]);
    assert_eq!(code(&deputy.token).await, "signed_out");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_databases_word_about_the_caller_decides() {
    let at = Setting::new().await;
    let rpc = "/rest/v1/rpc/admin_caller";
    let hq =
        r#"{"user":"0194a3d2-0000-7000-8000-000000000001","role":"MAIN_HQ","status":"ACTIVE","must":"aal2"}"#;
    let inactive =
        r#"{"user":"0194a3d2-0000-7000-8000-000000000001","role":"MAIN_HQ","status":"INACTIVE","must":null}"#;
    let regional = r#"{"user":"0194a3d2-0000-7000-8000-000000000001","role":"REGIONAL_HQ","status":"ACTIVE","must":null}"#;
    for (status, body, code) in [
        (200, r#"{"must":"aal2"}"#, "aal2"),
        (200, r#"{"must":"inactive"}"#, "inactive"),
        (200, r#"{"must":"no_profile"}"#, "no_profile"),
        (200, r#"{"must":"signed_out"}"#, "signed_out"),
        (200, r#"{"must":"something_new"}"#, "forbidden"),
        (200, r#"{"must":null}"#, "forbidden"),
        (200, r#"{"must":null,"role":"MAIN_HQ","status":"ACTIVE"}"#, "forbidden"),
        (200, hq, "aal2"),
        (200, inactive, "forbidden"),
        (200, regional, "forbidden"),
        (200, "{}", "forbidden"),
        (200, "[]", "forbidden"),
        (200, "null", "unavailable"),
        (404, r#"{"code":"PGRST202","message":"Could not find the function"}"#, "misconfigured"),
        (403, r#"{"code":"42501","message":"permission denied for function admin_caller"}"#, "unavailable"),
        (401, r#"{"code":"PGRST303","message":"JWT expired"}"#, "token_expired"),
        (401, r#"{"message":"Invalid API key"}"#, "misconfigured"),
    ] {
        at.proxy.spoil([Spoiled::json(Method::POST, rpc, status, body)]);
        assert_eq!(at.code(&ban()).await, code, "{body}");
    }
    let user = "/auth/v1/user";
    for (status, body, code) in [
        (403, r#"{"code":"bad_jwt","message":"invalid JWT: token is expired"}"#, "token_expired"),
        (403, r#"{"code":403,"error_code":"bad_jwt","msg":"token signature is invalid"}"#, "not_signed_in"),
        (403, r#"{"code":"user_banned","message":"User is banned"}"#, "banned"),
        (403, r#"{"code":"user_not_found","message":"User from sub claim"}"#, "signed_out"),
        (200, r#"{"id":"x","banned_until":"2999-01-01T00:00:00Z"}"#, "banned"),
    ] {
        at.proxy.spoil([Spoiled::json(Method::GET, user, status, body)]);
        assert_eq!(at.code(&ban()).await, code, "{body}");
    }
    let admin = at.proxy.seen().into_iter().filter(|seen| seen.path.starts_with("/auth/v1/admin")).count();
    assert_eq!(admin, 0, "the key that opens everything was never used");
    let east = sign_in(&at.sandbox, EAST).await;
    assert_eq!(east.table("drones").await.status(), 200, "and nobody was banned");
    // The last of headquarters hears why.
    let last = format!(
        r#"{{"user":"{MAIN_ADMIN}","role":"MAIN_HQ","status":"ACTIVE","must":null,"last_main_hq":true}}"#
    );
    at.proxy.spoil([Spoiled::json(Method::POST, rpc, 200, Box::leak(last.into_boxed_str()))]);
    for action in ["ban", "delete"] {
        assert_eq!(at.code(&json!({"action": action, "profile": MAIN_ADMIN})).await, "last_main_hq");
    }
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn each_key_goes_where_it_belongs() {
    let sandbox = start().await;
    let proxy = Proxy::before(&sandbox.url()).await;
    let (publishable, secret) = (sandbox.publishable_key(), sandbox.service_role_key());
    let main = sign_in(&sandbox, MAIN).await;
    let function = Function::before(&proxy.url, &publishable, &secret).await;
    assert_eq!(post(&function.url, Some(&main.token), create().to_string()).await.0, 200);
    let person = format!("Bearer {}", main.token);
    let mut service = 0;
    for seen in proxy.seen() {
        if seen.path.starts_with("/auth/v1/admin") || seen.path.ends_with("/note_account_deed") {
            service += 1;
            assert_eq!((seen.header("apikey"), seen.header("authorization")), (Some(&*secret), None));
        } else {
            assert_eq!(seen.header("apikey"), Some(&*publishable), "{seen:?}");
            assert_eq!(seen.header("authorization"), Some(&*person));
        }
    }
    assert_eq!(service, 2, "one creation and its line, and nothing else under the secret key");
    // A key of the old kind is a token as well. The new kind is taken first: the old one may be switched off.
    let (old, none) = ("eyJ.old.key", Json::Null);
    for (variables, wanted) in [
        (
            vec![("SUPABASE_ANON_KEY", "eyJ.anon.key"), ("SUPABASE_SERVICE_ROLE_KEY", old)],
            json!([old, "Bearer eyJ.old.key"]),
        ),
        (
            vec![
                ("SUPABASE_PUBLISHABLE_KEYS", r#"{"web":"sb_publishable_a"}"#),
                ("SUPABASE_SECRET_KEYS", r#"{"jobs":"sb_secret_a","default":"sb_secret_b"}"#),
                ("SUPABASE_SERVICE_ROLE_KEY", old),
                ("SUPABASE_ANON_KEY", "eyJ.anon.key"),
            ],
            json!(["sb_secret_b", none]),
        ),
    ] {
        let function = Function::with(&proxy.url, &variables).await;
        let caller = format!(r#"{{"user":"{MAIN_ADMIN}","role":"MAIN_HQ","status":"ACTIVE","must":null}}"#);
        proxy.spoil([
            Spoiled::json(Method::GET, "/auth/v1/user", 200, "{}"),
            Spoiled::json(Method::POST, "/rest/v1/rpc/admin_caller", 200, Box::leak(caller.into_boxed_str())),
            Spoiled::json(
                Method::GET,
                ADMIN_USERS,
                403,
                r#"{"code":"not_admin","message":"User not allowed"}"#,
            ),
        ]);
        let (status, body) = post(&function.url, Some("a.b.c"), r#"{"action":"list_unlinked"}"#).await;
        assert_eq!((status, &body["code"]), (500, &json!("misconfigured")), "the key is refused");
        let seen = proxy.seen().into_iter().find(|seen| seen.path.starts_with(ADMIN_USERS)).expect("asked");
        assert_eq!(json!([seen.header("apikey"), seen.header("authorization")]), wanted);
        assert!(!function.log().contains("key"), "{}", function.log());
    }
    for (variables, what) in [
        (vec![], "SUPABASE_SECRET_KEYS"),
        (vec![("SUPABASE_SECRET_KEYS", "{nonsense")], "SUPABASE_SECRET_KEYS"),
        (vec![("SUPABASE_SECRET_KEYS", r#"{"a":"sb_secret_a"}"#)], "SUPABASE_PUBLISHABLE_KEYS"),
    ] {
        let function = Function::with(&proxy.url, &variables).await;
        let (status, body) = post(&function.url, Some("a.b.c"), ban().to_string()).await;
        let words = body["message"].as_str().expect("words");
        assert_eq!((status, words.contains(what)), (500, true), "{body}");
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_project_that_does_not_answer_is_unavailable_and_nothing_was_changed() {
    let at = Setting::new().await;
    let unavailable = async |request: &Json, what: &str| {
        let (status, body) = at.ask(request).await;
        let words = body["message"].as_str().expect("words");
        assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "{what}: {body}");
        assert!(words.contains("Nothing was changed."), "{what}: {words}");
    };
    for answer in [Answer::Html, Answer::TooMany, Answer::Error500] {
        at.sandbox.faults().set_answer(Some(answer), Some(7));
        unavailable(&create(), &format!("{answer:?}")).await;
    }
    at.sandbox.faults().set_answer(Some(Answer::ExpiredToken), None);
    assert_eq!(at.code(&create()).await, "token_expired");
    at.sandbox.faults().clear();
    for path in ["/auth/v1/user", "/rest/v1/rpc/admin_caller", "/rest/v1/profiles", ADMIN_USERS] {
        let method = if path.contains("rpc") { Method::POST } else { Method::GET };
        at.proxy.spoil([Spoiled::html(method.clone(), path, false)]);
        unavailable(&ban(), path).await;
        at.proxy.spoil([Spoiled { status: 200, ..Spoiled::html(method.clone(), path, false) }]);
        unavailable(&ban(), path).await;
        at.proxy.spoil([Spoiled { status: 307, ..Spoiled::html(method, path, false) }]);
        unavailable(&ban(), path).await;
    }
    at.proxy.spoil([]);
    let request = client().post(&at.function.url).bearer_auth(&at.main.token).body(create().to_string());
    at.sandbox.faults().set_answer(Some(Answer::TooMany), Some(7));
    let reply = request.send().await.expect("an answer");
    assert_eq!(reply.headers()["retry-after"], "7");
    at.sandbox.faults().clear();
    let gone = Function::before("http://127.0.0.1:9", "sb_publishable_a", "sb_secret_a").await;
    let (status, body) = post(&gone.url, Some(&at.main.token), create().to_string()).await;
    assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "{body}");
    assert_eq!(at.account_of(D_OKAFOR), None);
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn after_a_lost_answer_the_words_say_so_and_asking_again_does_no_harm() {
    let at = Setting::new().await;
    let said = async |request: &Json, method: Method, path: &'static str, forward: bool, words: &str| {
        at.proxy.spoil([Spoiled::html(method, path, forward)]);
        let (status, body) = at.ask(request).await;
        assert_eq!((status, &body["code"]), (503, &json!("unavailable")), "{body}");
        let message = body["message"].as_str().expect("words");
        assert!(message.contains(words) && !message.contains("Nothing"), "{message}");
        at.proxy.spoil([]);
    };
    said(&create(), Method::POST, ADMIN_USERS, true, "may have been made all the same").await;
    assert!(at.account_of(D_OKAFOR).is_some());
    assert_eq!(at.code(&create()).await, "already");
    let password = json!({"action": "set_password", "profile": D_OKAFOR, "password": "another horse"});
    said(&password, Method::PUT, ADMIN_USERS, true, "may have been changed all the same").await;
    let email = json!({"action": "set_email", "profile": D_OKAFOR, "email": "david@flyos.mil"});
    said(&email, Method::PUT, ADMIN_USERS, true, "may have been changed all the same").await;
    assert_eq!(at.code(&email).await, "ok");
    said(&ban(), Method::PUT, ADMIN_USERS, true, "may have been set").await;
    let east = json!({"email": EAST, "password": at.sandbox.password()});
    assert_eq!(code_of(token_call(&at.sandbox, "password", east).await).await.1, "user_banned");
    said(&ban(), Method::POST, "/rest/v1/rpc/admin_sign_out", false, "sessions may go on").await;
    assert_eq!(at.code(&ban()).await, "ok");
    let unban = json!({"action": "unban", "profile": EAST_HQ});
    said(&unban, Method::PUT, ADMIN_USERS, true, "may have been lifted").await;
    let east = sign_in(&at.sandbox, EAST).await;
    let out = json!({"action": "sign_out", "profile": EAST_HQ});
    said(&out, Method::POST, "/rest/v1/rpc/admin_sign_out", true, "Sign out again").await;
    assert_eq!(
        east.rpc("admin_caller", &json!({})).await.json::<Json>().await.expect("JSON")["must"],
        "signed_out"
    );
    let invite = json!({"action": "invite", "profile": "0194a3d2-0000-7000-8000-00000000000a"});
    said(&invite, Method::POST, "/auth/v1/invite", false, "no mail may have been sent").await;
    assert!(at.account_of("0194a3d2-0000-7000-8000-00000000000a").is_some(), "it waits, linked and harmless");
    assert_eq!(at.code(&invite).await, "ok");
    let delete = json!({"action": "delete", "profile": D_OKAFOR});
    said(&delete, Method::DELETE, ADMIN_USERS, true, "may have been deleted all the same").await;
    assert_eq!(at.code(&delete).await, "no_account");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_account_that_was_not_linked_is_removed_again() {
    let at = Setting::new().await;
    let row = format!(
        r#"[{{"id":"{D_OKAFOR}","username":"d_okafor","email":"d.okafor@flyos.mil","status":"ACTIVE","auth_user_id":null}}]"#
    );
    at.proxy.spoil([Spoiled::json(Method::GET, "/rest/v1/profiles", 200, Box::leak(row.into_boxed_str()))]);
    let (status, body) = at.ask(&create()).await;
    assert_eq!((status, &body["code"]), (500, &json!("not_made")), "{body}");
    assert_eq!(at.account_of(D_OKAFOR), None);
    let body = json!({"email": "d.okafor@flyos.mil", "password": "correct horse"});
    assert_eq!(code_of(token_call(&at.sandbox, "password", body).await).await.1, "invalid_credentials");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_address_of_an_account_without_a_profile_is_taken_too() {
    let at = Setting::new().await;
    at.main
        .edit(delete_of(&row(&at.sandbox, &Key::user(user_named(&at.sandbox, "operator2"))).expect("a row")))
        .await;
    let request = json!({"action": "set_email", "profile": EAST_HQ, "email": OPERATOR2});
    assert_eq!(at.code(&request).await, "email_taken");
    let url = format!("{}/functions/v1/admin-users", at.sandbox.url());
    let reply = client().post(url).header("apikey", &at.main.key).bearer_auth(&at.main.token).json(&request);
    assert_eq!(code_of(reply.send().await.expect("an answer")).await, (409, "email_taken".to_owned()));
    let key = AdminKey::from_env(|_| Some(at.sandbox.service_role_key())).expect("a key");
    let direct = DirectAdmin::new(&at.sandbox.url(), key, "1").expect("a project");
    let request = AdminAsked::read(request.to_string().as_bytes()).expect("a request");
    assert_eq!(direct.run(&request).await.expect_err("taken").code.as_deref(), Some("email_taken"));
    // And of one that waits for its owner: it was not made for the profile of that address.
    let body = json!({"email": "d.okafor@flyos.mil", "app_metadata": {}});
    let request = client().post(format!("{}{ADMIN_USERS}", at.sandbox.url())).json(&body);
    let made = request.header("apikey", at.sandbox.service_role_key()).send().await.expect("an answer");
    assert_eq!(made.status(), 200);
    assert_eq!(at.code(&create()).await, "email_taken");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_project_that_is_slow_is_waited_for_ten_seconds() {
    let at = Setting::new().await;
    let slow = Spoiled { delay: Duration::from_secs(30), ..Spoiled::html(Method::PUT, ADMIN_USERS, false) };
    at.proxy.spoil([slow]);
    let begun = Instant::now();
    let (status, body) = at.ask(&ban()).await;
    let words = body["message"].as_str().expect("words");
    assert_eq!(status, 503, "{body}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(words.contains("did not answer in time") && words.contains("may have been set"), "{words}");
    at.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_console_sorts_what_the_function_says() {
    let at = Setting::new().await;
    let key = at.sandbox.publishable_key();
    let remote =
        Client::new(Project::new(&at.function.url, &key).expect("a project"), "1.2.3").expect("a client");
    let token = SecretString::from(at.main.token.clone());
    let profile = Uuid::try_parse(EAST_HQ).expect("a uuid");
    let ban = AdminAsked::from(AdminRequest::Ban { profile });
    at.sandbox.faults().set_answer(Some(Answer::TooMany), Some(7));
    let error = remote.admin_users(&token, &ban).await.expect_err("unavailable");
    assert_eq!((error.kind, error.cause), (ErrorKind::TryAgain { unreachable: false }, Cause::Busy));
    assert_eq!((error.retry_after, error.status), (Some(Duration::from_secs(7)), Some(503)));
    at.sandbox.faults().set_answer(Some(Answer::ExpiredToken), None);
    let error = remote.admin_users(&token, &ban).await.expect_err("expired");
    assert_eq!((error.kind, error.cause), (ErrorKind::SignInAgain, Cause::TokenExpired));
    at.sandbox.faults().clear();
    let profile = Uuid::try_parse(MAIN_ADMIN).expect("a uuid");
    let delete = AdminAsked::from(AdminRequest::Delete { profile });
    let error = remote.admin_users(&token, &delete).await.expect_err("one's own");
    assert_eq!(
        (error.kind, error.code.as_deref(), error.field.as_deref()),
        (ErrorKind::Refused, Some("own"), Some("profile"))
    );
    let gone = Project::new("http://127.0.0.1:9", &key).expect("a project");
    let error =
        Client::new(gone, "1").expect("a client").admin_users(&token, &ban).await.expect_err("nobody");
    assert!(error.is_offline() && error.message.contains("Nothing was changed."), "{error}");
    assert!(!error.message.contains("by itself"), "nobody bans by himself: {error}");
    at.sandbox.shutdown().await;
}

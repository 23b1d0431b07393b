//! What a deed leaves in the activity, where more than the cases of `admin_cases.json` is asked of it: a database that
//! does not take the line, an account of nobody, a restart.

use axum::http::Method;
use flyos::domain::{Key, Stamp};
use flyos::remote::admin::{AdminKey, DirectAdmin};
use flyos::remote::wire::admin::{ACCOUNT_LINE, AdminAsked};
use flyos::remote::{Cause, ErrorKind};
use flyos::sandbox::{Options, Sandbox};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::deno::Function;
use crate::kit::*;
use crate::proxy::{Proxy, Spoiled};

const NOTE: &str = "/rest/v1/rpc/note_account_deed";
const EAST_HQ: &str = "0194a3d2-0000-7000-8000-000000000002";

/// The ways by which a deed is done: a function's address, or the key alone.
enum Way<'a> {
    Function(&'a str),
    Direct(&'a DirectAdmin),
}

fn direct(sandbox: &Sandbox, url: &str) -> DirectAdmin {
    let key = AdminKey::from_env(|_| Some(sandbox.service_role_key())).expect("a key");
    DirectAdmin::new(url, key, "1").expect("a project")
}

async fn function(sandbox: &Sandbox, url: &str) -> Function {
    Function::before(url, &sandbox.publishable_key(), &sandbox.service_role_key()).await
}

/// Status, code and words; 200 and nothing where it was done.
async fn ask(way: &Way<'_>, by: &Person, request: &Json) -> (u16, String, String) {
    match way {
        Way::Function(url) => {
            let asked = by.http.post(*url).header("apikey", &by.key).bearer_auth(&by.token).json(request);
            let answer = asked.send().await.expect("an answer");
            let (status, body) = (answer.status().as_u16(), answer.json::<Json>().await.expect("JSON"));
            let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
            (status, text("code"), text("message"))
        }
        Way::Direct(admin) => {
            let asked = AdminAsked::read(request.to_string().as_bytes()).expect("a request");
            match admin.run(&asked).await {
                Ok(_) => (200, String::new(), String::new()),
                Err(error) => {
                    assert_eq!((error.kind, error.cause), (ErrorKind::ServerFault, Cause::FunctionFailed));
                    (error.status.unwrap_or_default(), error.code.unwrap_or_default(), error.message)
                }
            }
        }
    }
}

/// The lines about accounts, oldest first: deed, profile, reason.
async fn lines(main: &Person) -> Vec<Json> {
    let page = main.rpc("activity_page", &json!({"limit_rows": 1000})).await;
    let page: Json = page.json().await.expect("JSON");
    let items = page["items"].as_array().expect("items").iter().rev();
    let told = items.filter(|item| item["kind"] == ACCOUNT_LINE);
    told.map(|item| json!([item["new"], item["pk"], item["reason"]])).collect()
}

#[tokio::test]
async fn a_deed_that_is_not_noted_says_so_and_a_line_that_arrived_stands_once() {
    let sandbox = start().await;
    let proxy = Proxy::before(&sandbox.url()).await;
    let (function, by_key) = (function(&sandbox, &proxy.url).await, direct(&sandbox, &proxy.url));
    let main = sign_in(&sandbox, MAIN).await;
    let ban = json!({"action": "ban", "profile": EAST_HQ, "reason": "left the unit"});
    let line = json!(["ban", EAST_HQ, "left the unit"]);
    let banned = || {
        let body = json!({"email": EAST, "password": sandbox.password()});
        let reply = token_call(&sandbox, "password", body);
        async { code_of(reply.await).await.1 == "user_banned" }
    };
    let missing = r#"{"code":"PGRST202","message":"Could not find the function public.note_account_deed"}"#;
    let mut noted = 0;
    for way in [Way::Function(&function.url), Way::Direct(&by_key)] {
        let unban = json!({"action": "unban", "profile": EAST_HQ});
        // The database is of an older console: its owner must hear what to do.
        proxy.spoil([Spoiled::json(Method::POST, NOTE, 404, missing)]);
        let (status, code, words) = ask(&way, &main, &ban).await;
        assert_eq!((status, &*code), (500, "not_noted"), "{words}");
        assert!(words.starts_with("The action ban was done,"), "{words}");
        assert!(words.contains("Run flyos supabase migrate. Asking again is safe."), "{words}");
        assert!(banned().await, "the deed is done all the same");
        // It does not answer, and what came to it in vain came twice.
        drop(proxy.seen());
        proxy.spoil([Spoiled::html(Method::POST, NOTE, false)]);
        let (status, code, words) = ask(&way, &main, &ban).await;
        assert_eq!((status, &*code), (500, "not_noted"), "{words}");
        assert!(words.contains("did not take the line. Asking again is safe."), "{words}");
        assert!(!words.contains("Nothing was changed") && !words.contains("migrate"), "{words}");
        assert_eq!(proxy.seen().iter().filter(|seen| seen.path == NOTE).count(), 2);
        assert_eq!(lines(&main).await.len(), noted, "none of this stands there");
        // It took the line twice, and its answers were lost.
        proxy.spoil([Spoiled::html(Method::POST, NOTE, true)]);
        assert_eq!(ask(&way, &main, &ban).await.1, "not_noted");
        noted += 1;
        assert_eq!(lines(&main).await.last(), Some(&line));
        assert_eq!(lines(&main).await.len(), noted, "the same line stands once");
        proxy.spoil([]);
        assert_eq!(ask(&way, &main, &ban).await.0, 200);
        assert_eq!(ask(&way, &main, &unban).await.0, 200);
        noted += 2;
        assert_eq!(lines(&main).await.len(), noted);
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_account_of_nobody_is_noted_under_the_profile_it_was_made_for() {
    let sandbox = start().await;
    let (function, by_key) = (function(&sandbox, &sandbox.url()).await, direct(&sandbox, &sandbox.url()));
    let training = format!("{}/functions/v1/admin-users", sandbox.url());
    let main = sign_in(&sandbox, MAIN).await;
    let mut wanted = Vec::new();
    let names = ["d_okafor", "a_lindqvist", "m_petrov"];
    let ways = [Way::Function(&function.url), Way::Function(&training), Way::Direct(&by_key)];
    for (name, way) in names.into_iter().zip(ways) {
        let profile = user_named(&sandbox, name);
        let create = json!({"action": "create", "profile": profile, "password": "correct horse"});
        assert_eq!(ask(&way, &main, &create).await.0, 200);
        let row = row(&sandbox, &Key::user(profile)).expect("a profile");
        let account = row.get("auth_user_id").expect("its account");
        main.edit(delete_of(&row)).await;
        let delete = json!({"action": "delete", "account": account, "reason": "nobody's"});
        assert_eq!(ask(&way, &main, &delete).await, (200, String::new(), String::new()));
        wanted.extend([json!(["create", profile, null]), json!(["delete", profile, "nobody's"])]);
    }
    assert_eq!(lines(&main).await, wanted);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn lines_about_accounts_survive_a_restart_and_stand_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let options = || Options { data: Some(data.clone()), ..Options::default() };
    let sandbox = start_with(options()).await;
    let main = sign_in(&sandbox, MAIN).await;
    let url = format!("{}/functions/v1/admin-users", sandbox.url());
    // The second one ends no session and changes no row: there is nothing to keep but the line.
    let out = json!({"action": "sign_out", "profile": EAST_HQ, "reason": "lost the laptop"});
    for _ in 0..2 {
        assert_eq!(ask(&Way::Function(&url), &main, &out).await.0, 200);
    }
    let before = lines(&main).await;
    assert_eq!(before.len(), 2);
    sandbox.shutdown().await;
    // A log that the snapshot has taken in already, as after a crash between the two.
    let log = std::fs::read(data.join("sandbox.log")).expect("a log");
    start_with(options()).await.shutdown().await;
    std::fs::write(data.join("sandbox.log"), log).expect("written");
    let sandbox = start_with(options()).await;
    let main = sign_in(&sandbox, MAIN).await;
    assert_eq!(lines(&main).await, before);
    let key = Key::user(Uuid::try_parse(EAST_HQ).expect("a uuid"));
    let page = main.rpc("activity_page", &json!({"limit_rows": 9, "tbl": "profiles", "pk": key.pk})).await;
    let page: Json = page.json().await.expect("JSON");
    assert!(page["items"][0]["at"].as_str().and_then(Stamp::parse).is_some(), "{page}");
    sandbox.shutdown().await;
}

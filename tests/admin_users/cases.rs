//! The cases of `tests/wire/admin_cases.json`, one after the other on a fresh training server, through every way in:
//! the function under Deno and the training server's own, each raw and by the console's client; and the direct path.

use std::path::Path;

use flyos::remote::admin::{AdminKey, DirectAdmin};
use flyos::remote::wire::admin::{ACCOUNT_LINE, AdminAsked, AdminReply};
use flyos::remote::{Client, Project, RemoteError};
use flyos::sandbox::Sandbox;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::deno::Function;
use crate::kit::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The account that asks; "nobody" sends no token, "forged" one of another server.
    #[serde(rename = "as")]
    who: String,
    /// JSON, or a text that is sent as it stands.
    request: Json,
    status: u16,
    reply: Json,
    /// False where it is about who asks: with the secret key, that is nobody.
    #[serde(default = "yes")]
    direct: bool,
}

fn yes() -> bool {
    true
}

fn cases() -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/admin_cases.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the cases")).expect("cases")
}

impl Case {
    fn body(&self) -> Vec<u8> {
        match &self.request {
            Json::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }

    /// The request as the console makes it; the refusal where it makes none like this.
    fn typed(&self) -> Result<AdminAsked, Json> {
        AdminAsked::read(&self.body()).map_err(|refusal| json!([refusal.status, refusal]))
    }

    /// The line that it leaves in the activity: which deed on which profile, and why.
    fn line(&self) -> Option<Json> {
        let (action, profile) = (&self.request["action"], self.request["profile"].as_str());
        let done = self.status == 200 && action != "list_unlinked";
        let why = self.request["reason"].as_str().filter(|why| !why.is_empty());
        done.then(|| json!([action, profile.map(str::to_lowercase), why]))
    }

    fn check(&self, way: &str, got: &Json) {
        let wanted = json!([self.status, self.reply]);
        assert!(fits(&wanted, got), "{way}: {}: {got:#} and not {wanted:#}", self.name);
    }
}

/// `*` stands for anything but null.
fn fits(wanted: &Json, got: &Json) -> bool {
    match (wanted, got) {
        (Json::String(star), got) if star == "*" => !got.is_null(),
        (Json::Object(wanted), Json::Object(got)) => {
            wanted.len() == got.len()
                && wanted.iter().all(|(key, value)| got.get(key).is_some_and(|got| fits(value, got)))
        }
        (Json::Array(wanted), Json::Array(got)) => {
            wanted.len() == got.len() && wanted.iter().zip(got).all(|(wanted, got)| fits(wanted, got))
        }
        (wanted, got) => wanted == got,
    }
}

async fn token_of(sandbox: &Sandbox, who: &str) -> Option<String> {
    match who {
        "nobody" => None,
        "forged" => {
            let other = start().await;
            let token = sign_in(&other, MAIN).await.token;
            other.shutdown().await;
            Some(token)
        }
        email => Some(sign_in(sandbox, email).await.token),
    }
}

async fn raw(way: &str, sandbox: &Sandbox, url: &str) {
    for case in cases() {
        let mut request = client().post(url).header("apikey", sandbox.publishable_key()).body(case.body());
        if let Some(token) = token_of(sandbox, &case.who).await {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{way}: {}", case.name);
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{way}: {}", case.name);
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        case.check(way, &json!([status, serde_json::from_str::<Json>(&text).expect("JSON")]));
    }
    left_its_lines(way, sandbox, &headquarters(), &cases()).await;
}

/// Each deed that was done left one line of its doer's, in its order, and nothing else did.
async fn left_its_lines(way: &str, sandbox: &Sandbox, doer: &Json, cases: &[Case]) {
    // The last case signs headquarters out everywhere.
    let main = sign_in(sandbox, MAIN).await;
    let page = main.rpc("activity_page", &json!({"limit_rows": 1000, "tbl": "profiles"})).await;
    let text = page.text().await.expect("a page");
    for secret in ["correct horse", "another horse", "password123"] {
        assert!(!text.contains(secret), "{way}: {secret} is in the activity");
    }
    let page: Json = serde_json::from_str(&text).expect("JSON");
    let items = page["items"].as_array().expect("items").iter().rev();
    let found: Vec<&Json> = items.filter(|item| item["kind"] == ACCOUNT_LINE).collect();
    let told: Vec<Json> = found.iter().map(|item| json!([item["new"], item["pk"], item["reason"]])).collect();
    let wanted: Vec<Json> = cases.iter().filter_map(Case::line).collect();
    assert_eq!(json!(told), json!(wanted), "{way}");
    assert!(told.len() > 12, "{way}: {}", told.len());
    for item in found {
        assert_eq!(json!([item["actor_id"], item["actor_name"]]), *doer, "{way}: {item}");
        assert_eq!(json!([item["field"], item["old"]]), json!([null, null]), "{way}: {item}");
        assert!(!item["op_id"].is_null(), "{way}: {item}");
    }
}

/// Who asks in all cases that are done.
fn headquarters() -> Json {
    json!(["0194a3d2-0000-7000-8000-000000000001", "main_admin"])
}

fn outcome(result: Result<AdminReply, RemoteError>) -> Json {
    match result {
        Ok(reply) => json!([200, reply]),
        Err(error) => {
            let body = json!({"code": error.code, "message": error.message, "field": error.field});
            json!([error.status, body])
        }
    }
}

async fn by_client(way: &str, sandbox: &Sandbox, url: &str) {
    let project = Project::new(url, &sandbox.publishable_key()).expect("a project");
    let remote = Client::new(project, "1.2.3").expect("a client");
    for case in cases() {
        let Some(token) = token_of(sandbox, &case.who).await else { continue };
        let got = match case.typed() {
            Err(refusal) => refusal,
            Ok(request) => {
                let reply = remote.admin_users(&SecretString::from(token), &request).await;
                outcome(reply.map(|reply| reply.value))
            }
        };
        case.check(way, &got);
    }
    left_its_lines(way, sandbox, &headquarters(), &cases()).await;
}

#[tokio::test]
async fn the_function_keeps_every_case() {
    let sandbox = start().await;
    let function =
        Function::before(&sandbox.url(), &sandbox.publishable_key(), &sandbox.service_role_key()).await;
    raw("function", &sandbox, &function.url).await;
    let log = function.log();
    for secret in [&*sandbox.service_role_key(), "correct horse", "FlyOS2025!", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
    assert!(log.contains(r#"{"action":"create","by":"0194a3d2-0000-7000-8000-000000000001""#), "{log}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_function_keeps_every_case_through_the_client() {
    let sandbox = start().await;
    let function =
        Function::before(&sandbox.url(), &sandbox.publishable_key(), &sandbox.service_role_key()).await;
    by_client("function by client", &sandbox, &function.url).await;
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_training_server_keeps_every_case() {
    let sandbox = start().await;
    raw("training server", &sandbox, &format!("{}/functions/v1/admin-users", sandbox.url())).await;
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_training_server_keeps_every_case_through_the_client() {
    let sandbox = start().await;
    by_client("training server by client", &sandbox, &sandbox.url()).await;
    sandbox.shutdown().await;
}

#[tokio::test]
async fn the_direct_path_keeps_every_case() {
    let sandbox = start().await;
    let key = AdminKey::from_env(|_| Some(sandbox.service_role_key())).expect("a key");
    let direct = DirectAdmin::new(&sandbox.url(), key, "1.2.3").expect("a project");
    assert!(!format!("{direct:?}").contains("sb_secret"), "{direct:?}");
    let mut done = 0;
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.direct).collect();
    for case in &cases {
        let got = match case.typed() {
            Err(refusal) => refusal,
            Ok(request) => {
                done += 1;
                outcome(direct.run(&request).await)
            }
        };
        case.check("direct", &got);
    }
    assert!(done > 20, "most were asked for: {done}");
    left_its_lines("direct", &sandbox, &json!([null, "service_role"]), &cases).await;
    sandbox.shutdown().await;
}

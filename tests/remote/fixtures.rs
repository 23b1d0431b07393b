//! Every shape of error that a server is known to send, through the sorter and over real HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use flyos::domain::Kind;
use flyos::remote::wire::admin::AdminRequest;
use flyos::remote::wire::{DigestRequest, PullRequest, PushRequest, SCHEMA};
use flyos::remote::{Answer, Cause, Client, CodeFor, Doing, ErrorKind, RemoteError, Select, SignOutScope};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use crate::server::{Canned, Server};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    status: u16,
    headers: BTreeMap<String, String>,
    /// An object is sent as JSON, a text as it stands, null as nothing.
    body: Json,
    doing: Doing,
    token_sent: bool,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    kind: ErrorKind,
    cause: Cause,
    status: Option<u16>,
    code: Option<String>,
    hint: Option<String>,
    retry_after_s: Option<u64>,
    request_id: Option<String>,
    ray: Option<String>,
    message_has: Option<String>,
    message_lacks: Option<String>,
}

impl Fixture {
    fn body(&self) -> Vec<u8> {
        match &self.body {
            Json::Null => Vec::new(),
            Json::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }

    fn headers(&self) -> HeaderMap {
        let pair = |(name, value): (&String, &String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            (name, HeaderValue::from_str(value).expect("a header's value"))
        };
        self.headers.iter().map(pair).collect()
    }

    fn canned(&self) -> Canned {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        Canned::raw(self.status, &headers, self.body())
    }

    fn check(&self, name: &str, error: &RemoteError) {
        let expect = &self.expect;
        assert_eq!((error.kind, error.cause), (expect.kind, expect.cause), "{name}: {error}");
        assert_eq!(error.doing, self.doing, "{name}");
        assert_eq!(error.status, Some(expect.status.unwrap_or(self.status)), "{name}");
        let told = |want: &Option<String>, have: Option<&str>, what: &str| {
            assert!(want.is_none() || want.as_deref() == have, "{name}: {what} is {have:?}, not {want:?}");
        };
        told(&expect.code, error.code.as_deref(), "code");
        told(&expect.hint, error.hint.as_deref(), "hint");
        told(&expect.request_id, error.request_id(), "request id");
        told(&expect.ray, error.ray(), "ray");
        if let Some(seconds) = expect.retry_after_s {
            assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)), "{name}");
        }
        self.check_message(name, error);
    }

    fn check_message(&self, name: &str, error: &RemoteError) {
        let text = format!("{error} {error:?}");
        if let Some(words) = &self.expect.message_has {
            assert!(error.message.contains(words.as_str()), "{name}: {error}");
        }
        for words in self.expect.message_lacks.iter().map(String::as_str).chain(["<", "eyJ", "sb_secret_a"]) {
            assert!(!text.contains(words), "{name}: {text}");
        }
        let sentences = error.message.matches(". ").count() + 1;
        assert!(sentences >= 3 && error.message.ends_with('.'), "{name}: {}", error.message);
    }
}

fn fixtures() -> Vec<(String, Fixture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/errors");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a text");
            let fixture = serde_json::from_str::<Fixture>(&text);
            assert!(fixture.is_ok(), "{name}: {:?}", fixture.err());
            (name, fixture.expect("just looked"))
        })
        .collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    assert!(all.len() > 100, "the fixtures are there");
    all
}

#[test]
fn every_shape_of_error_is_sorted() {
    for (name, fixture) in fixtures() {
        let (headers, body) = (fixture.headers(), fixture.body());
        let answer = Answer {
            doing: fixture.doing,
            host: "abc.supabase.co",
            token_sent: fixture.token_sent,
            status: fixture.status,
            headers: &headers,
            body: &body,
        };
        fixture.check(&name, &answer.sort());
    }
}

/// Asks the server by the method that does what the fixture is about; `None` where the client has none.
async fn ask(client: &Client, doing: Doing) -> Option<RemoteError> {
    let token = SecretString::from("eyJh.eyJz.c2ln");
    let pull = PullRequest { cursor: None, limit_rows: 1, limit_bytes: 1, schema: SCHEMA };
    let (uid, device) = (Uuid::nil(), Uuid::nil());
    let push = PushRequest { uid, device, schema: SCHEMA, report: None, ops: Vec::new() };
    let digest = DigestRequest { tables: vec![Kind::Drone] };
    match doing {
        Doing::SigningIn => client.sign_in("a@b.c", &SecretString::from("pw")).await.err(),
        Doing::Refreshing => client.refresh(&token).await.err(),
        Doing::ReadingAccount => client.user(&token).await.err(),
        Doing::SigningOut => client.logout(&token, SignOutScope::Local).await.err(),
        Doing::ReadingSettings => client.settings().await.err(),
        Doing::Pulling => client.sync_pull(&token, &pull).await.err(),
        Doing::Pushing => client.sync_push(&token, &push).await.err(),
        Doing::Digesting => client.sync_digest(&token, &digest).await.err(),
        Doing::Administering => {
            client.admin_users(&token, &AdminRequest::Ban { profile: uid }.into()).await.err()
        }
        Doing::Enrolling => client.enrol(&token, "phone").await.err(),
        Doing::GivingCode => client.answer(&token, "f", "c", &SecretString::from("123456")).await.err(),
        Doing::AskingForMail => client.recover("a@b.c").await.err(),
        Doing::RedeemingCode => {
            let code = SecretString::from("123456");
            client.redeem("a@b.c", CodeFor::Recovery, &code).await.err()
        }
        Doing::SettingPassword => client.set_password(&token, &token, None, None).await.err(),
        Doing::Reading => client.select(&token, Kind::Drone, &Select::default()).await.err(),
        _ => None,
    }
}

#[tokio::test]
async fn every_shape_of_error_is_sorted_over_http() {
    let server = Server::start(Canned::json(200, &Json::Null)).await;
    let client = server.client();
    let mut asked = 0;
    for (name, fixture) in fixtures() {
        server.set(fixture.canned());
        let Some(error) = ask(&client, fixture.doing).await else { continue };
        asked += 1;
        fixture.check(&name, &error);
        assert_eq!(server.last().headers.contains_key("authorization"), fixture.token_sent, "{name}");
    }
    assert!(asked > 100, "most went over HTTP: {asked}");
    assert_eq!(server.seen().len(), asked, "nothing was asked twice, nor elsewhere");
}

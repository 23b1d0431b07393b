//! The client's own duties: headers, bounds, and lines that fail.

use std::time::Duration;

use flyos::domain::Kind;
use flyos::remote::wire::{Must, MustReply, PullReply, PullRequest, SCHEMA};
use flyos::remote::{Cause, Doing, ErrorKind, Filter, Limits, Select, SignOutScope};
use secrecy::SecretString;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Canned, KEY, Server, client};

const OFFLINE: ErrorKind = ErrorKind::TryAgain { unreachable: true };

fn token() -> SecretString {
    SecretString::from("eyJh.eyJz.c2ln")
}

fn pull() -> PullRequest {
    PullRequest { cursor: Some(json!({"base": "1:2:"})), limit_rows: 7, limit_bytes: 9, schema: SCHEMA }
}

fn session() -> serde_json::Value {
    json!({"access_token": "eyJa.b.c", "token_type": "bearer", "expires_in": 3600, "expires_at": 1_795_262_565,
           "refresh_token": "abcdefghijkl", "user": {"id": "11111111-1111-4111-8111-111111111111",
           "email": "a@b.c", "factors": []}})
}

#[tokio::test]
async fn a_sign_in_sends_the_key_alone_and_tells_what_it_cost() {
    let date = ("date", "Sat, 21 Nov 2026 13:16:05 GMT");
    let body = session().to_string().into_bytes();
    let length = body.len() as u64;
    let server = Server::start(Canned::raw(200, &[date], body)).await;
    let reply = server.client().sign_in("a@b.c", &SecretString::from("p\"w")).await.expect("a session");
    assert_eq!(reply.value.refresh_token, "abcdefghijkl");
    assert_eq!(reply.value.user.email.as_deref(), Some("a@b.c"));
    assert_eq!(reply.bytes_down, length);
    assert_eq!(
        reply.server_date.map(flyos::domain::Stamp::text).as_deref(),
        Some("2026-11-21T13:16:05+00:00")
    );
    let seen = server.last();
    assert_eq!(reply.bytes_up, seen.body.len() as u64);
    assert_eq!(seen.uri.to_string(), "/auth/v1/token?grant_type=password");
    assert_eq!(seen.header("apikey"), Some(KEY));
    assert_eq!(seen.header("authorization"), None, "a key is no pass");
    assert_eq!(seen.header("user-agent"), Some("flyos/1.2.3"));
    assert_eq!(seen.header("x-client-info"), Some("flyos/1.2.3"));
    assert_eq!(seen.header("x-supabase-api-version"), Some("2024-01-01"));
    assert_eq!(seen.header("content-type"), Some("application/json;charset=UTF-8"));
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(sent, json!({"email": "a@b.c", "password": "p\"w"}));
}

#[tokio::test]
async fn a_pull_goes_under_the_persons_pass() {
    let server = Server::start(Canned::json(200, &json!({"must": "resync", "why": "epoch"}))).await;
    let reply = server.client().sync_pull(&token(), &pull()).await.expect("a reply");
    let must = MustReply { must: Must::Resync, why: Some("epoch".to_owned()) };
    assert_eq!(reply.value, PullReply::Must(must));
    let seen = server.last();
    assert_eq!((seen.method.as_str(), seen.uri.path()), ("POST", "/rest/v1/rpc/sync_pull"));
    assert_eq!(seen.header("apikey"), Some(KEY));
    assert_eq!(seen.header("authorization"), Some("Bearer eyJh.eyJz.c2ln"));
    let asked = seen.header("accept-encoding").unwrap_or_default().to_owned();
    assert!(asked.contains("gzip") && asked.contains("br"), "{asked}");
    let sent: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(
        sent,
        json!({"cursor": {"base": "1:2:"}, "limit_rows": 7, "limit_bytes": 9, "schema": SCHEMA})
    );
}

#[tokio::test]
async fn the_servers_small_words_are_understood() {
    let server = Server::start(Canned::json(200, &json!({"external": {"email": false}, "new": 1}))).await;
    let client = server.client();
    assert!(!client.settings().await.expect("settings").value.allows_email());
    server.set(Canned::json(200, &json!({"version": "v2.196.0", "name": "GoTrue", "description": "x"})));
    assert_eq!(client.health().await.expect("health").value.version.as_deref(), Some("v2.196.0"));
    server.set(Canned::json(200, &json!({"keys": []})));
    assert_eq!(client.jwks().await.expect("keys").value, json!({"keys": []}));
    assert_eq!(server.last().uri.path(), "/auth/v1/.well-known/jwks.json");
}

#[tokio::test]
async fn rows_are_asked_for_with_every_value_quoted() {
    let rows = json!([{"id": "drone-1", "operator_id": null}]);
    let server = Server::start(Canned::json(200, &rows)).await;
    let values = vec!["a,b".to_owned(), "c\"d".to_owned()];
    let select = Select {
        filters: vec![Filter::Eq("status", "x&y".to_owned()), Filter::In("id", values)],
        order: vec!["id"],
        limit: 2,
        offset: 0,
    };
    let reply = server.client().select(&token(), Kind::Drone, &select).await.expect("rows");
    assert_eq!(reply.value[0].get("id"), Some(&Some("drone-1".to_owned())));
    assert_eq!(reply.value[0].get("operator_id"), Some(&None));
    let uri = server.last().uri.to_string();
    assert!(
        uri.contains("&status=eq.x%26y&id=in.%28%22a%2Cb%22%2C%22c%5C%22d%22%29&order=id&limit=2"),
        "{uri}"
    );
    let many = Select { filters: vec![Filter::In("id", vec!["x".repeat(9000)])], ..Select::default() };
    let error = server.client().select(&token(), Kind::Drone, &many).await.expect_err("too long");
    assert_eq!(error.cause, Cause::TooLarge);
}

#[tokio::test]
async fn whoever_is_signed_out_already_is_signed_out() {
    let server = Server::start(Canned::raw(204, &[], Vec::new())).await;
    let client = server.client();
    client.logout(&token(), SignOutScope::Others).await.expect("signed out");
    assert_eq!(server.last().uri.to_string(), "/auth/v1/logout?scope=others");
    for status in [401, 403, 404] {
        server.set(Canned::json(status, &json!({"code": "bad_jwt", "message": "invalid JWT"})));
        client.logout(&token(), SignOutScope::Local).await.expect("signed out");
        // Of others it ends none, so nothing else may be said.
        let error = client.logout(&token(), SignOutScope::Others).await.expect_err("not done");
        assert!(error.message.starts_with("Ending sessions failed"), "{error}");
        assert!(error.message.contains("Nothing was changed."), "{error}");
    }
    server.set(Canned::json(500, &json!({"code": "unexpected_failure", "message": "x"})));
    let error = client.logout(&token(), SignOutScope::Local).await.expect_err("a fault");
    assert_eq!((error.doing, error.cause), (Doing::SigningOut, Cause::Fault));
    server.set(Canned::raw(403, &[("content-type", "text/html")], b"<html>portal</html>".to_vec()));
    let error = client.logout(&token(), SignOutScope::Local).await.expect_err("a stranger");
    assert_eq!(error.cause, Cause::NotJson);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let trap = Server::start(Canned::json(200, &json!({}))).await;
    let there = format!("{}/auth/v1/settings", trap.url());
    let server = Server::start(Canned::raw(307, &[("location", &there)], Vec::new())).await;
    let error = server.client().settings().await.expect_err("no answer");
    assert_eq!((error.kind, error.cause, error.status), (OFFLINE, Cause::Redirected, Some(307)));
    assert!(trap.seen().is_empty(), "the key went nowhere else");
}

#[tokio::test]
async fn a_reply_is_stopped_at_its_bound() {
    let limits = Limits { page_bytes: 1000, other_bytes: 500, ..Limits::default() };
    let big = json!({"name": "x".repeat(800)}).to_string().into_bytes();
    let server = Server::start(Canned::raw(200, &[], big.clone())).await;
    let client = client(&server.url(), limits);
    let error = client.health().await.expect_err("too large");
    assert_eq!((error.kind, error.cause), (ErrorKind::ServerFault, Cause::ReplyTooLarge));
    let error = client.sync_pull(&token(), &pull()).await.expect_err("another shape");
    assert_eq!(error.cause, Cause::ReplyShape, "a pull may be larger");
    // Packed, it is below the bound; unpacked, it is not.
    server.set(Canned::raw(200, &[("content-encoding", "gzip")], GZIP_OF_600_SPACES.to_vec()));
    let error = client.health().await.expect_err("too large once unpacked");
    assert_eq!(error.cause, Cause::ReplyTooLarge);
}

#[tokio::test]
async fn packed_replies_are_unpacked() {
    let server = Server::start(Canned::raw(200, &[("content-encoding", "gzip")], GZIP.to_vec())).await;
    let reply = server.client().health().await.expect("gzip");
    assert_eq!(reply.value.name.as_deref(), Some("GoTrue"));
    assert_eq!(reply.bytes_down, 17, "counted unpacked");
    server.set(Canned::raw(200, &[("content-encoding", "br")], BROTLI.to_vec()));
    assert_eq!(server.client().health().await.expect("brotli").value.name.as_deref(), Some("GoTrue"));
    server.set(Canned::raw(200, &[("content-encoding", "gzip")], GZIP[..20].to_vec()));
    assert_eq!(server.client().health().await.expect_err("cut off").cause, Cause::Interrupted);
}

#[tokio::test]
async fn a_page_of_html_is_no_success() {
    let page = b"<!DOCTYPE html><html>Sign in to the hotel's network</html>".to_vec();
    let server = Server::start(Canned::raw(200, &[("content-type", "text/html")], page)).await;
    let error = server.client().settings().await.expect_err("a portal");
    assert_eq!((error.kind, error.cause), (OFFLINE, Cause::NotJson));
    assert!(!error.message.contains("hotel"), "{error}");
    server.set(Canned::json(200, &json!([1, 2])));
    let error = server.client().settings().await.expect_err("JSON, but not ours");
    assert_eq!((error.kind, error.cause), (ErrorKind::ServerFault, Cause::ReplyShape));
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for() {
    let short = Duration::from_millis(60);
    let limits = Limits { auth: short, rest: short, ..Limits::default() };
    let slow = Canned { delay: Duration::from_secs(30), ..Canned::json(200, &json!({})) };
    let server = Server::start(slow).await;
    let client = client(&server.url(), limits);
    for error in [
        client.health().await.expect_err("too slow"),
        client.sync_pull(&token(), &pull()).await.expect_err("too slow"),
    ] {
        assert_eq!((error.kind, error.cause), (OFFLINE, Cause::Timeout));
    }
}

#[tokio::test]
async fn a_refused_connection_is_being_offline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = client(&format!("http://{address}"), Limits::default()).health().await.expect_err("nobody");
    assert_eq!((error.kind, error.cause), (OFFLINE, Cause::ConnectionRefused));
    assert!(error.message.contains(&address.to_string()) && error.is_offline(), "{error}");
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    let error =
        client("https://no-such-host.invalid", Limits::default()).health().await.expect_err("no such host");
    assert_eq!((error.kind, error.cause), (OFFLINE, Cause::Dns));
    assert!(error.message.contains("no such host no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_trusted() {
    let server = Server::start(Canned::json(200, &json!({}))).await;
    let url = format!("https://{}", server.address);
    let error = client(&url, Limits::default()).health().await.expect_err("no TLS");
    assert_eq!((error.kind, error.cause), (OFFLINE, Cause::Tls));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_line_that_breaks_off_in_the_middle_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut line, _)) = listener.accept().await {
            let mut request = [0; 4096];
            drop(line.read(&mut request).await);
            drop(line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"name\":").await);
        }
    });
    let error = client(&url, Limits::default()).health().await.expect_err("cut off");
    assert_eq!((error.kind, error.cause), (OFFLINE, Cause::Interrupted));
}

#[tokio::test]
async fn nothing_secret_is_ever_shown() {
    let server = Server::start(Canned::json(200, &session())).await;
    let client = server.client();
    let reply = client.refresh(&SecretString::from("abcdefghijkl")).await.expect("a session");
    let shown = format!("{client:?} {reply:?} {:?}", client.project());
    for secret in ["eyJa", "abcdefghijkl", KEY] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let odd = SecretString::from("pass\nword");
    server.set(Canned::json(401, &json!({"code": "no_authorization", "message": "x"})));
    let error = client.user(&odd).await.expect_err("no header can hold this");
    assert!(!format!("{error:?}").contains("word"), "{error:?}");
}

/// `{"name":"GoTrue"}`, packed.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xca, 0x4b, 0xcc, 0x4d, 0x55,
    0xb2, 0x52, 0x72, 0xcf, 0x0f, 0x29, 0x2a, 0x4d, 0x55, 0xaa, 0x05, 0x00, 0x8b, 0x75, 0x89, 0x13, 0x11,
    0x00, 0x00, 0x00,
];

/// The same as brotli, in one unpacked block.
const BROTLI: &[u8] = &[
    0x00, 0x01, 0x10, 0x7b, 0x22, 0x6e, 0x61, 0x6d, 0x65, 0x22, 0x3a, 0x22, 0x47, 0x6f, 0x54, 0x72, 0x75,
    0x65, 0x22, 0x7d, 0x03,
];

/// A name of 600 spaces, packed to fewer bytes than the bound.
const GZIP_OF_600_SPACES: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xca, 0x4b, 0xcc, 0x4d, 0x55,
    0xb2, 0x52, 0x52, 0x18, 0x05, 0xa3, 0x80, 0x06, 0x40, 0xa9, 0x16, 0x00, 0xe6, 0x49, 0x71, 0x1c, 0x63,
    0x02, 0x00, 0x00,
];

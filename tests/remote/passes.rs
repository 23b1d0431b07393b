//! Is a pass the project's own? A sign-in server of this process that signs with keys of any kind, or with none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use flyos::remote::wire::TokenReply;
use flyos::remote::{Cause, Client, ErrorKind, Project};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use p256::SecretKey;
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};

const ME: &str = "11111111-1111-4111-8111-111111111111";
const OTHER: &str = "22222222-2222-4222-8222-222222222222";

/// What the server tells, and how often it was asked.
struct Told {
    keys: Option<Value>,
    user: (StatusCode, Value),
    keys_asked: AtomicUsize,
    user_asked: AtomicUsize,
}

impl Told {
    fn asked(&self) -> (usize, usize) {
        (self.keys_asked.load(Ordering::SeqCst), self.user_asked.load(Ordering::SeqCst))
    }
}

async fn keys(State(told): State<Arc<Told>>) -> (StatusCode, Json<Value>) {
    told.keys_asked.fetch_add(1, Ordering::SeqCst);
    match &told.keys {
        Some(keys) => (StatusCode::OK, Json(json!({"keys": keys}))),
        None => (StatusCode::NOT_FOUND, Json(json!({"message": "no such page"}))),
    }
}

async fn user(State(told): State<Arc<Told>>) -> (StatusCode, Json<Value>) {
    told.user_asked.fetch_add(1, Ordering::SeqCst);
    (told.user.0, Json(told.user.1.clone()))
}

async fn start(keys_told: Option<Value>, user_told: (u16, Value)) -> (Client, Arc<Told>) {
    let user_told = (StatusCode::from_u16(user_told.0).expect("a status"), user_told.1);
    let told = Arc::new(Told {
        keys: keys_told,
        user: user_told,
        keys_asked: AtomicUsize::new(0),
        user_asked: AtomicUsize::new(0),
    });
    let router = Router::new()
        .route("/auth/v1/.well-known/jwks.json", get(keys))
        .route("/auth/v1/user", get(user))
        .with_state(Arc::clone(&told));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let project = Project::new(&url, "sb_publishable_test").expect("a project");
    (Client::new(project, "1").expect("a client"), told)
}

/// A pair of keys: for signing, and as it is published.
fn pair(seed: u8, kid: &str) -> (EncodingKey, Value) {
    let key = SecretKey::from_slice(&[seed; 32]).expect("a key");
    let point = key.public_key().to_encoded_point(false);
    let part = |bytes: Option<&p256::FieldBytes>| {
        use base64::Engine as _;
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes.expect("a part"))
    };
    let published = json!({"kty": "EC", "crv": "P-256", "x": part(point.x()), "y": part(point.y()), "kid": kid,
                           "alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true});
    (EncodingKey::from_ec_der(key.to_pkcs8_der().expect("DER").as_bytes()), published)
}

fn claims(sub: &str, aud: &str) -> Value {
    // Long over: this machine's clock is not asked.
    json!({"sub": sub, "aud": aud, "exp": 1_000_000_000, "iat": 999_996_400, "role": "authenticated"})
}

fn signed(key: &EncodingKey, kid: &str, claims: &Value) -> TokenReply {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    reply(&encode(&header, claims, key).expect("a token"))
}

fn reply(token: &str) -> TokenReply {
    let json = json!({"access_token": token, "token_type": "bearer", "expires_in": 3600,
                      "refresh_token": "abcdefghijkl", "user": {"id": ME}});
    serde_json::from_value(json).expect("a session")
}

/// A pass signed with an RSA key, and the public part of it.
fn rsa_pass() -> Value {
    serde_json::from_str(include_str!("../wire/rs256.json")).expect("JSON")
}

fn me() -> (u16, Value) {
    (200, json!({"id": ME}))
}

async fn cause(client: &Client, reply: TokenReply) -> Option<Cause> {
    client.checked(reply).await.err().map(|error| error.cause)
}

#[tokio::test]
async fn a_pass_is_looked_at_by_the_projects_public_keys() {
    let ((key, published), (stranger, _)) = (pair(1, "one"), pair(2, "one"));
    // What cannot be read among the keys does not spoil the others.
    let odd = json!({"kty": "OKP-of-tomorrow", "kid": "odd"});
    let (client, told) = start(Some(json!([odd, published])), me()).await;
    assert_eq!(cause(&client, signed(&key, "one", &claims(ME, "authenticated"))).await, None);
    for (name, pass) in [
        ("another key's", signed(&stranger, "one", &claims(ME, "authenticated"))),
        ("another's", signed(&key, "one", &claims(OTHER, "authenticated"))),
        ("for others", signed(&key, "one", &claims(ME, "somebody"))),
        ("no pass at all", reply("not.a.pass")),
    ] {
        assert_eq!(cause(&client, pass).await, Some(Cause::PassForged), "{name}");
    }
    assert_eq!(told.asked(), (1, 0), "the keys are remembered, and nobody else is asked");
    let error = client.checked(reply("x")).await.expect_err("none");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("not this project's"), "{error}");
    // Also RSA.
    let rsa = rsa_pass();
    let token = rsa["token"].as_str().expect("a token").to_owned();
    let (client, told) = start(Some(json!([rsa["jwk"]])), me()).await;
    assert_eq!(cause(&client, reply(&token)).await, None);
    let (head, signature) = token.rsplit_once('.').expect("a signature");
    let turned = format!("{head}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(cause(&client, reply(&turned)).await, Some(Cause::PassForged));
    assert_eq!(told.asked(), (1, 0));
}

#[tokio::test]
async fn where_no_key_is_published_the_server_is_asked() {
    let (key, _) = pair(1, "one");
    let secret = EncodingKey::from_secret(b"shared");
    let by_secret = || {
        let pass = encode(&Header::new(Algorithm::HS256), &claims(ME, "authenticated"), &secret);
        reply(&pass.expect("a token"))
    };
    for keys in [Some(json!([])), None] {
        let (client, told) = start(keys, me()).await;
        assert_eq!(cause(&client, by_secret()).await, None);
        assert_eq!(told.asked(), (0, 1));
        // An unknown key is asked for, and not again at once.
        for n in 1..=3 {
            assert_eq!(cause(&client, signed(&key, "new", &claims(ME, "authenticated"))).await, None);
            assert_eq!(told.asked(), (1, 1 + n));
        }
    }
    let (client, _) = start(None, (200, json!({"id": OTHER}))).await;
    assert_eq!(
        cause(&client, by_secret()).await,
        Some(Cause::PassForged),
        "the server knows it as another's"
    );
    let bad = json!({"code": "bad_jwt", "message": "invalid JWT: unable to parse or verify signature"});
    let (client, _) = start(None, (403, bad)).await;
    assert_eq!(cause(&client, by_secret()).await, Some(Cause::PassForged));
    let busy = json!({"code": "request_timeout", "message": "slow"});
    let (client, _) = start(None, (504, busy)).await;
    assert_eq!(cause(&client, by_secret()).await, Some(Cause::Busy), "who cannot say does not accuse");
}

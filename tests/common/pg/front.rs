//! A database over HTTP, as Supabase serves it: gateway, `/rest/v1` and `/auth/v1`.
//!
//! `/rest/v1` is postrust, which speaks PostgREST's protocol; it logs in as `authenticator` over the socket and takes
//! the training server's tokens and ours. `/auth/v1` is the training server's sign-in. `/realtime/v1` is not there.
//!
//! Where postrust is known to differ from PostgREST, the gateway makes it right: 42501 to somebody signed in is 403.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use flyos::sandbox::{Options, Sandbox};
use postrust_server::{AppState, Host};
use serde_json::{Value as Json, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::auth::Auth;
use super::database::{Database, role_settings};
use super::token;

/// The API's roles, whose settings PostgREST reads from the database.
const API_ROLES: [&str; 3] = ["anon", "authenticated", "service_role"];

/// A running front; it ends when dropped.
pub struct Front {
    url: String,
    sandbox: Sandbox,
    http: reqwest::Client,
    postrust: Arc<AppState>,
    server: JoinHandle<()>,
}

/// Somebody who signed in with a password.
#[derive(Clone, Debug)]
pub struct Session {
    pub uid: Uuid,
    pub token: String,
    pub refresh: String,
    pub claims: Json,
}

struct Gate {
    publishable: String,
    secret: String,
}

impl Front {
    pub(super) async fn start(database: &Database) -> Self {
        // Another test of this process may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(Options::default()).await.expect("a free port");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let app = postrust(database, &jwks(&http, &sandbox).await).await;
        let gate = Gate { publishable: sandbox.publishable_key(), secret: sandbox.service_role_key() };
        let rest = app.router.layer(middleware::from_fn_with_state(Arc::new(gate), pass_gate));
        let sql = database.connect("supabase_auth_admin").await;
        let auth = Arc::new(Auth { sandbox: sandbox.url(), http: http.clone(), sql });
        let router =
            Router::new().nest("/rest/v1", rest).route("/auth/v1/{*rest}", any(answer_auth).with_state(auth));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until it is aborted");
        });
        Self { url, sandbox, http, postrust: app.state, server }
    }

    /// What a client takes for the project's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn publishable_key(&self) -> String {
        self.sandbox.publishable_key()
    }

    /// Alone in `apikey`, it is `service_role`.
    pub fn secret_key(&self) -> String {
        self.sandbox.service_role_key()
    }

    /// The password of every seeded account.
    pub fn password(&self) -> &'static str {
        self.sandbox.password()
    }

    /// Looks at tables and functions again, as `NOTIFY pgrst` makes PostgREST do.
    pub async fn reload(&self) {
        self.postrust.reload_schema().await.expect("the schema can be read");
    }

    /// Signs a seeded account in.
    pub async fn sign_in(&self, email: &str) -> Session {
        let (status, reply) =
            self.token_call("password", &json!({"email": email, "password": self.password()})).await;
        assert_eq!(status, 200, "{reply}");
        let text = |name: &str| reply[name].as_str().expect("a session").to_owned();
        let claims = token::read(&text("access_token")).expect("a token");
        let uid = claims["sub"].as_str().and_then(|sub| sub.parse().ok()).expect("somebody");
        Session { uid, token: text("access_token"), refresh: text("refresh_token"), claims }
    }

    /// `POST /auth/v1/token`: status and body.
    pub async fn token_call(&self, grant: &str, body: &Json) -> (u16, Json) {
        let request = self.request(Method::POST, &format!("/auth/v1/token?grant_type={grant}"));
        sent(request.header("x-supabase-api-version", "2024-01-01").json(body)).await
    }

    /// A request with the publishable key; `path` with its leading slash.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header("apikey", self.publishable_key())
    }

    /// Calls a function; `token` empty for nobody. Status and body, null where there is none.
    pub async fn rpc(&self, token: &str, function: &str, body: &Json) -> (u16, Json) {
        let request = self.request(Method::POST, &format!("/rest/v1/rpc/{function}")).json(body);
        sent(if token.is_empty() { request } else { request.bearer_auth(token) }).await
    }

    /// Reads: `front.get(token, "drones?select=id&order=id")`.
    pub async fn get(&self, token: &str, query: &str) -> (u16, Json) {
        let request = self.request(Method::GET, &format!("/rest/v1/{query}"));
        sent(if token.is_empty() { request } else { request.bearer_auth(token) }).await
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn sent(request: reqwest::RequestBuilder) -> (u16, Json) {
    let reply = request.send().await.expect("an answer");
    let status = reply.status().as_u16();
    let text = reply.text().await.expect("a whole answer");
    let body =
        if text.is_empty() { Json::Null } else { serde_json::from_str(&text).unwrap_or(Json::String(text)) };
    (status, body)
}

/// The keys that tokens may be signed with: the training server's, and the one of `mint`.
async fn jwks(http: &reqwest::Client, sandbox: &Sandbox) -> Json {
    let reply = http.get(format!("{}/auth/v1/.well-known/jwks.json", sandbox.url())).send().await;
    let mut jwks: Json = reply.expect("it listens").json().await.expect("its keys");
    jwks["keys"].as_array_mut().expect("a list of keys").push(token::public());
    jwks
}

async fn postrust(database: &Database, jwks: &Json) -> postrust_server::build::App {
    let mut config = postrust_core::AppConfig::default();
    config.db_uri = database.uri("authenticator");
    config.db_schemas = vec!["public".to_owned()];
    config.db_extra_search_path = vec!["public".to_owned(), "extensions".to_owned()];
    config.db_anon_role = Some("anon".to_owned());
    config.db_pool_size = 8;
    config.db_max_rows = Some(1000);
    config.jwt_secret = Some(jwks.to_string());
    config.compat_mode = true;
    // PostgREST takes a body of any size.
    config.max_body_size = usize::MAX;
    let sql = database.connect("authenticator").await;
    for role in API_ROLES {
        for (name, value) in role_settings(&sql, role).await {
            assert_eq!(name, "statement_timeout", "the only setting of a role that postrust can apply");
            let ms = sql
                .query_one("select extract(epoch from $1::text::interval)::float8 * 1000", &[&value])
                .await;
            let ms: f64 = ms.expect("an interval").get(0);
            let settings = config.role_settings.entry(role.to_owned()).or_default();
            settings.statement_timeout = Some(format!("{ms:.0}").parse().expect("a whole number"));
        }
    }
    sql.close().await;
    postrust_server::build(config, Host::SERVER).await.expect("postrust starts")
}

async fn answer_auth(
    State(auth): State<Arc<Auth>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    auth.answer(method, &uri, &headers, body).await
}

/// The gateway before the data API: no passage without a key, and a key alone becomes a token.
async fn pass_gate(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let Some(key) = request.headers_mut().remove("apikey") else {
        let hint = "No `apikey` request header or url param was found.";
        return refuse("UNAUTHORIZED_MISSING_API_KEY", "No API key found in request", hint);
    };
    let role = match key.to_str() {
        Ok(text) if text == gate.publishable => "anon",
        Ok(text) if text == gate.secret => "service_role",
        _ => {
            let hint = "Double check your Supabase `anon` or `service_role` API key.";
            return refuse("UNAUTHORIZED_INVALID_API_KEY", "Invalid API key", hint);
        }
    };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if sent.is_none_or(|text| text.starts_with("Bearer sb_")) {
        let now = token::now_s();
        let claims = json!({"iss": "supabase", "ref": "test", "role": role, "iat": now, "exp": now + 60});
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token::mint(&claims))).expect("plain ASCII");
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
    }
    let as_anon = sent_role(&request) == Some("anon".to_owned());
    let answer = next.run(request).await;
    if answer.status() == StatusCode::UNAUTHORIZED && !as_anon { forbidden(answer).await } else { answer }
}

fn sent_role(request: &Request) -> Option<String> {
    let text = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    token::read(text.split_once(' ')?.1)?["role"].as_str().map(str::to_owned)
}

/// PostgREST tells somebody signed in who may not do a thing 403, postrust 401.
async fn forbidden(answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("an error is small");
    let code = serde_json::from_slice::<Json>(&body).map(|error| error["code"] == "42501");
    if code.is_ok_and(|refused| refused) {
        head.status = StatusCode::FORBIDDEN;
        head.headers.remove(header::WWW_AUTHENTICATE);
    }
    Response::from_parts(head, Body::from(body))
}

fn refuse(code: &'static str, message: &str, hint: &str) -> Response {
    let body = axum::Json(json!({"message": message, "hint": hint}));
    (StatusCode::UNAUTHORIZED, [("sb-error-code", code)], body).into_response()
}

//! Stands between the function and the training server: keeps what was asked, and spoils chosen answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What is answered instead.
#[derive(Clone, Debug)]
pub struct Spoiled {
    pub method: Method,
    /// How the path begins.
    pub path: &'static str,
    /// Whether the server gets the request all the same.
    pub forward: bool,
    pub status: u16,
    pub kind: &'static str,
    pub body: &'static str,
    pub delay: Duration,
}

impl Spoiled {
    pub fn html(method: Method, path: &'static str, forward: bool) -> Self {
        let body = "<!DOCTYPE html><html><body>504</body></html>";
        Self { method, path, forward, status: 504, kind: "text/html", body, delay: Duration::ZERO }
    }

    pub fn json(method: Method, path: &'static str, status: u16, body: &'static str) -> Self {
        let kind = "application/json";
        Self { method, path, forward: false, status, kind, body, delay: Duration::ZERO }
    }
}

struct Inner {
    to: String,
    http: reqwest::Client,
    seen: Mutex<Vec<Seen>>,
    spoiled: Mutex<Vec<Spoiled>>,
}

/// A running proxy; it ends with the test's runtime.
#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    inner: Arc<Inner>,
}

impl Proxy {
    pub async fn before(to: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            to: to.to_owned(),
            http: crate::kit::client(),
            seen: Mutex::default(),
            spoiled: Mutex::default(),
        });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, inner }
    }

    /// Spoils every answer that fits, until told otherwise.
    pub fn spoil(&self, spoiled: impl IntoIterator<Item = Spoiled>) {
        *self.inner.spoiled.lock().expect("no poison") = spoiled.into_iter().collect();
    }

    /// What was asked since this was called last.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.inner.seen.lock().expect("no poison"))
    }
}

async fn pass(
    State(inner): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let seen = Seen { path: path.clone(), headers: headers.clone() };
    inner.seen.lock().expect("no poison").push(seen);
    let fits = |spoiled: &Spoiled| spoiled.method == method && path.starts_with(spoiled.path);
    let spoiled = inner.spoiled.lock().expect("no poison").iter().find(|spoiled| fits(spoiled)).cloned();
    let forwarded = if spoiled.as_ref().is_none_or(|spoiled| spoiled.forward) {
        Some(forward(&inner, method, &path, headers, body).await)
    } else {
        None
    };
    match (spoiled, forwarded) {
        (None, Some(answer)) => answer,
        (Some(spoiled), _) => {
            tokio::time::sleep(spoiled.delay).await;
            let answer =
                Response::builder().status(spoiled.status).header(header::CONTENT_TYPE, spoiled.kind);
            let answer = answer.header(header::RETRY_AFTER, "7").header(header::LOCATION, "/elsewhere");
            answer.body(Body::from(spoiled.body)).expect("an answer")
        }
        (None, None) => unreachable!("what is not spoiled is forwarded"),
    }
}

async fn forward(
    inner: &Inner,
    method: Method,
    path: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    for own in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        headers.remove(own);
    }
    let request = inner.http.request(method, format!("{}{path}", inner.to)).headers(headers).body(body);
    let answer = request.send().await.expect("the training server answers");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut passed = Response::new(Body::from(answer.bytes().await.expect("a body")));
    *passed.status_mut() = StatusCode::from_u16(status.as_u16()).expect("a status");
    for (name, value) in &headers {
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name) {
            passed.headers_mut().insert(name, value.clone());
        }
    }
    passed
}

//! Servers for the tests: one that answers every request alike and keeps what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use flyos::remote::{Client, Limits, Project};

pub const KEY: &str = "sb_publishable_test";

/// What a server saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What a server answers to everything.
#[derive(Clone, Debug)]
pub struct Canned {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delay: Duration,
}

impl Canned {
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::raw(status, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    pub fn raw(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { status, headers, body, delay: Duration::ZERO }
    }

    fn response(&self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).expect("a status");
        let mut response = Response::builder().status(status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body.clone())).expect("a response")
    }
}

/// A running server; it ends with the test's runtime.
pub struct Server {
    pub address: SocketAddr,
    canned: Arc<Mutex<Canned>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Shared = (Arc<Mutex<Canned>>, Arc<Mutex<Vec<Seen>>>);

async fn answer(
    State((canned, seen)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    seen.lock().expect("no poison").push(Seen { method, uri, headers, body });
    let canned = canned.lock().expect("no poison").clone();
    tokio::time::sleep(canned.delay).await;
    canned.response()
}

impl Server {
    pub async fn start(canned: Canned) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (canned, seen): Shared = (Arc::new(Mutex::new(canned)), Arc::default());
        let app = Router::new().fallback(answer).with_state((canned.clone(), seen.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, canned, seen }
    }

    pub fn set(&self, canned: Canned) {
        *self.canned.lock().expect("no poison") = canned;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn client(&self) -> Client {
        client(&self.url(), Limits::default())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no poison").clone()
    }

    pub fn last(&self) -> Seen {
        self.seen().pop().expect("a request")
    }
}

pub fn client(url: &str, limits: Limits) -> Client {
    let project = Project::new(url, KEY).expect("a project");
    Client::with_limits(project, "1.2.3", limits).expect("a client")
}

//! The HTTP client: one pool of connections, the rules of the headers, bounds on time and size.
//!
//! * `apikey` goes with every request; `Authorization` only with a person's pass, never with a key.
//! * Redirects are never followed: they are no part of the API, and a pass must not travel on.
//! * A reply is read in pieces and stopped at its bound, counted after unpacking, so that a small reply
//!   cannot unfold into a large one.
//! * Nothing is repeated here.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::auth::check::Keys;
use super::error::{Cause, Doing, RemoteError};
use super::project::Project;
use super::sort::{Answer, http_date};
use super::{tls, transport};
use crate::domain::Stamp;

/// Bytes of an error's body that are read: the longest known is a page of HTML, which is not shown anyway.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Connections kept open beside the one in use: a pull and a push may run at once, and sign-in beside them.
const POOL_IDLE_MAX: usize = 3;
/// A connection is kept so long without use: longer than the rhythm of asking while there is a socket, or each time
/// would begin with a new one.
const POOL_IDLE: Duration = Duration::from_secs(150);

/// Bounds of time and size. The defaults are for real use; tests take smaller ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// To connect. A handshake across the world on a bad line takes seconds, not tens of them.
    pub connect: Duration,
    /// A whole request to the sign-in server, which itself gives up after 10 s.
    pub auth: Duration,
    /// A whole request for data: the server ends statements at 60 s, and must be let say so.
    pub rest: Duration,
    /// Bytes of a page of rows: it is asked for at 1 MiB, and one row may pass that. Of the results of a push
    /// too: it has applied the edits, so a reply that is never read would be asked for without end.
    pub page_bytes: usize,
    /// Bytes of any other reply.
    pub other_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            auth: Duration::from_secs(15),
            rest: Duration::from_secs(65),
            page_bytes: 16 << 20,
            other_bytes: 1 << 20,
        }
    }
}

/// A reply, with what the sync history tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<T> {
    pub value: T,
    /// Bytes of the body, unpacked (the library does not tell what it was packed).
    pub bytes_down: u64,
    /// Bytes of the body that was sent.
    pub bytes_up: u64,
    /// The server's clock, in whole seconds.
    pub server_date: Option<Stamp>,
}

impl<T> Reply<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Reply<U> {
        Reply {
            value: f(self.value),
            bytes_down: self.bytes_down,
            bytes_up: self.bytes_up,
            server_date: self.server_date,
        }
    }
}

/// The client of one project. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    project: Arc<Project>,
    limits: Limits,
    /// What passes are checked by.
    pub(super) keys: Arc<Keys>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("project", &self.project).finish_non_exhaustive()
    }
}

/// One request, before it goes out.
pub(super) struct Call<'a> {
    pub doing: Doing,
    pub method: Method,
    /// From the project's address on: `/auth/v1/user`, with its query.
    pub path: &'a str,
    pub token: Option<&'a SecretString>,
    pub body: Option<Vec<u8>>,
    pub limit: usize,
    pub timeout: Duration,
}

impl Client {
    /// A client of that project; `version` is the program's, as servers see it.
    pub fn new(project: Project, version: &str) -> Result<Self, RemoteError> {
        Self::with_limits(project, version, Limits::default())
    }

    /// The same with other bounds: for tests, which cannot wait a minute.
    pub fn with_limits(project: Project, version: &str, limits: Limits) -> Result<Self, RemoteError> {
        tls::install();
        let agent = agent(version);
        let mut builder = reqwest::Client::builder()
            .user_agent(agent.clone())
            .default_headers(standing_headers(&project, &agent))
            .redirect(redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(POOL_IDLE_MAX)
            .pool_idle_timeout(POOL_IDLE)
            .connect_timeout(limits.connect);
        if project.is_loopback() {
            builder = builder.no_proxy();
        }
        if !project.is_secure() {
            // The training server must run where no certificates are installed: none are looked for.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build().map_err(|error| {
            tracing::debug!(%error, "no HTTP client");
            RemoteError::new(Doing::Setting, Cause::Setup, project.host())
        })?;
        Ok(Self { http, project: Arc::new(project), limits, keys: Arc::default() })
    }

    pub fn project(&self) -> &Project {
        &self.project
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn error(&self, doing: Doing, cause: Cause) -> RemoteError {
        RemoteError::new(doing, cause, self.project.host())
    }

    /// Sends a call and reads its reply as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Reply<T>, RemoteError> {
        let doing = call.doing;
        let reply = self.bytes(call).await?;
        match serde_json::from_slice(&reply.value) {
            Ok(value) => Ok(reply.map(|_| value)),
            Err(error) => {
                // Only where it broke: what stood there may be a pass.
                let at = (error.line(), error.column());
                tracing::debug!(%doing, ?at, class = ?error.classify(), "reply not understood");
                let shape = serde_json::from_slice::<serde::de::IgnoredAny>(&reply.value).is_ok();
                Err(self.error(doing, if shape { Cause::ReplyShape } else { Cause::NotJson }))
            }
        }
    }

    /// Sends a call and reads its reply, which must be a success.
    pub(super) async fn bytes(&self, call: Call<'_>) -> Result<Reply<Vec<u8>>, RemoteError> {
        let (doing, limit, token_sent) = (call.doing, call.limit, call.token.is_some());
        let bytes_up = call.body.as_ref().map_or(0, Vec::len) as u64;
        let host = self.project.host();
        let mut response =
            self.send(call).await.map_err(|error| transport::sort(doing, host, &error.without_url()))?;
        let status = response.status();
        if !status.is_success() {
            let body = read_error(&mut response).await;
            let (headers, status) = (response.headers(), status.as_u16());
            return Err(Answer { doing, host, token_sent, status, headers, body: &body }.sort());
        }
        let server_date = date(response.headers());
        let value = self.read(doing, response, limit).await?;
        Ok(Reply { bytes_down: value.len() as u64, bytes_up, server_date, value })
    }

    async fn send(&self, call: Call<'_>) -> Result<Response, reqwest::Error> {
        let url = format!("{}{}", self.project.url(), call.path);
        let mut request = self.http.request(call.method, url).timeout(call.timeout);
        if let Some(token) = call.token {
            request = request.header(AUTHORIZATION, bearer(token));
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json;charset=UTF-8").body(body);
        }
        request.send().await
    }

    async fn read(&self, doing: Doing, mut response: Response, limit: usize) -> Result<Vec<u8>, RemoteError> {
        let host = self.project.host();
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(self.error(doing, Cause::ReplyTooLarge));
        }
        let mut body = Vec::new();
        loop {
            let piece = response.chunk().await;
            match piece.map_err(|error| transport::sort(doing, host, &error.without_url()))? {
                None => return Ok(body),
                Some(piece) if body.len() + piece.len() > limit => {
                    return Err(self.error(doing, Cause::ReplyTooLarge));
                }
                Some(piece) => body.extend_from_slice(&piece),
            }
        }
    }
}

/// What can be had of an error's body: the status tells enough where it breaks off.
async fn read_error(response: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        if body.len() + piece.len() > ERROR_BYTES_MAX {
            break;
        }
        body.extend_from_slice(&piece);
    }
    body
}

fn date(headers: &HeaderMap) -> Option<Stamp> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

/// `flyos/1.2`: never like a browser's, for which the gateway has other rules.
pub(super) fn agent(version: &str) -> String {
    let version: String = version.chars().filter(char::is_ascii_graphic).collect();
    format!("flyos/{version}")
}

fn standing_headers(project: &Project, agent: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(HeaderName::from_static("apikey"), secret_header(project.key().expose()));
    if let Ok(agent) = HeaderValue::from_str(agent) {
        headers.insert(HeaderName::from_static("x-client-info"), agent);
    }
    // The errors of this version have a code in words; other servers pass the header over.
    headers.insert("x-supabase-api-version", HeaderValue::from_static("2024-01-01"));
    headers
}

fn bearer(token: &SecretString) -> HeaderValue {
    secret_header(&format!("Bearer {}", token.expose_secret()))
}

/// A header that no `Debug` shows. A text that cannot be a header is sent empty: the server refuses it in
/// words, and nothing of it gets into an error.
fn secret_header(text: &str) -> HeaderValue {
    let mut value = HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The body of a call. Our own shapes always serialise; an empty body would be refused in words.
pub(super) fn body_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_hold_secrets_are_never_shown() {
        let project = Project::new("https://abc.supabase.co", "sb_publishable_x").expect("a project");
        let shown = format!("{:?}", standing_headers(&project, &agent("1.2\n3 ")));
        assert!(shown.contains("flyos/1.23") && !shown.contains("sb_publishable"), "{shown}");
        let pass = SecretString::from("eyJa.b.c");
        assert!(!format!("{:?}", bearer(&pass)).contains("eyJ"));
    }
}

//! Sign-in, for a front: the training server's `/auth/v1`, kept of one mind with the database.
//!
//! The training server knows passwords and tokens; the database's `auth` schema is what our SQL reads and changes.
//! GoTrue has only the latter. So what the training server answers holds only as far as the database agrees: a new
//! session gets its row, a sign-out takes rows away, and who is not there any more, is banned, or has lost the
//! session is told so in GoTrue's words.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::sql::Sql;
use super::token;

pub(super) struct Auth {
    pub sandbox: String,
    pub http: reqwest::Client,
    /// As `supabase_auth_admin`.
    pub sql: Sql,
}

/// Status, code, words.
type Refusal = (u16, &'static str, &'static str);

const NO_SESSION: Refusal = (403, "session_not_found", "Session from session_id claim in JWT does not exist");

impl Auth {
    pub async fn answer(&self, method: Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Response {
        let query = uri.query().unwrap_or_default().to_owned();
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let claims = bearer.and_then(|text| token::read(text.split_once(' ')?.1));
        let by_token = matches!(uri.path(), "/auth/v1/user" | "/auth/v1/logout");
        if let (true, Some(session)) = (by_token, claims.as_ref().and_then(|claims| id(claims, "session_id")))
            && !self.has_session(session).await
        {
            return refuse(NO_SESSION, headers);
        }
        let Ok((status, answer_headers, answer)) = self.pass_on(method, uri, headers, body).await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        let agreed = match uri.path() {
            "/auth/v1/token" if status == StatusCode::OK => self.issued(&query, &answer).await,
            "/auth/v1/logout" if status == StatusCode::NO_CONTENT => {
                self.ended(&query, &claims.unwrap_or_default()).await;
                Ok(())
            }
            _ => Ok(()),
        };
        match agreed {
            Ok(()) => (status, answer_headers, Body::from(answer)).into_response(),
            Err(refusal) => refuse(refusal, headers),
        }
    }

    async fn pass_on(
        &self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> reqwest::Result<(StatusCode, HeaderMap, Bytes)> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = self.http.request(method, format!("{}{path}", self.sandbox)).body(body);
        for (name, value) in headers {
            if ![header::HOST, header::CONTENT_LENGTH, header::CONNECTION].contains(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONNECTION);
        Ok((status, headers, answer.bytes().await?))
    }

    async fn has_session(&self, session: Uuid) -> bool {
        let row = self.sql.query_opt("select from auth.sessions where id = $1", &[&session]).await;
        row.expect("the sessions can be read").is_some()
    }

    /// A token was handed out: does the database agree?
    async fn issued(&self, query: &str, answer: &[u8]) -> Result<(), Refusal> {
        let reply: Json = serde_json::from_slice(answer).expect("a reply in JSON");
        let claims = reply["access_token"].as_str().and_then(token::read).expect("a token of three parts");
        let user = id(&claims, "sub").expect("a token for somebody");
        let session = id(&claims, "session_id").expect("a token of a session");
        let refreshed = query.split('&').any(|pair| pair == "grant_type=refresh_token");
        let account = "select coalesce(banned_until > now(), false) from auth.users where id = $1 and deleted_at is null";
        let banned = self.sql.query_opt(account, &[&user]).await.expect("the accounts can be read");
        match banned.map(|row| row.get::<_, bool>(0)) {
            Some(false) => {}
            Some(true) if refreshed => {
                return Err((400, "user_banned", "Invalid Refresh Token: User Banned"));
            }
            Some(true) => return Err((400, "user_banned", "User is banned")),
            None if refreshed => {
                return Err((
                    400,
                    "refresh_token_not_found",
                    "Invalid Refresh Token: Refresh Token Not Found",
                ));
            }
            None => return Err((400, "invalid_credentials", "Invalid login credentials")),
        }
        if refreshed {
            let touch = "update auth.sessions set refreshed_at = now() at time zone 'utc', updated_at = now()
                where id = $1 returning coalesce(not_after < now(), false)";
            let touched = self.sql.query_opt(touch, &[&session]).await.expect("sessions can be written");
            return match touched.map(|row| row.get::<_, bool>(0)) {
                Some(false) => Ok(()),
                Some(true) => Err((400, "session_expired", "Invalid Refresh Token: Session Expired")),
                None => Err((400, "session_not_found", "Invalid Refresh Token: No Valid Session Found")),
            };
        }
        let begin = "insert into auth.sessions (id, user_id, aal, created_at, updated_at)
            values ($1, $2, 'aal1', now(), now())";
        self.sql.execute(begin, &[&session, &user]).await.expect("sessions can be written");
        let seen = "update auth.users set last_sign_in_at = now(), updated_at = now() where id = $1";
        self.sql.execute(seen, &[&user]).await.expect("accounts can be written");
        Ok(())
    }

    async fn ended(&self, query: &str, claims: &Json) {
        let scope = query.split('&').find_map(|pair| pair.strip_prefix("scope=")).unwrap_or("global");
        let end = "delete from auth.sessions where user_id = $1 and
            case $3 when 'local' then id = $2 when 'others' then id <> $2 else true end";
        let (user, session) = (id(claims, "sub"), id(claims, "session_id"));
        self.sql.execute(end, &[&user, &session, &scope]).await.expect("sessions can be written");
    }
}

fn id(claims: &Json, name: &str) -> Option<Uuid> {
    claims[name].as_str()?.parse().ok()
}

/// In the shape that the caller's API version asks for.
fn refuse((status, code, message): Refusal, headers: &HeaderMap) -> Response {
    let body = if headers.contains_key("x-supabase-api-version") {
        json!({"code": code, "message": message})
    } else {
        json!({"code": status, "error_code": code, "msg": message})
    };
    let status = StatusCode::from_u16(status).expect("one of HTTP's");
    (status, [("x-sb-error-code", code)], axum::Json(body)).into_response()
}

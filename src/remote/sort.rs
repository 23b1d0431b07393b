//! Sorts what a server answered instead of success: who spoke, and so what is wrong.
//!
//! One request passes an edge, a gateway and one of five servers, and each has its own shape of error; some
//! have several, by version. The order of the questions matters: statuses that speak for themselves, then
//! whether it is JSON at all, then the code's form (it tells the speaker), then the words, then the bare
//! status. The status is asked last because it misleads: Storage says 400 for everything, and a row-level
//! refusal comes as 401 from some servers though the pass was good.

mod admin;
mod auth;
mod data;
mod gate;

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Map, Value as Json};

use super::error::{Cause, Doing, RemoteError, RequestIds};
use super::wire::admin::AdminRefusal;
pub(in crate::remote) use admin::cause as cause_of_refusal;

/// The longest patience a server may ask for: beyond it, a person had better look.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// "JWT issued at future" passes by itself when the servers' clocks have ticked on.
const CLOCK_PATIENCE: Duration = Duration::from_secs(2);
/// Characters of an id that is worth showing.
const ID_CHARS_MAX: usize = 100;

/// An answer that is no success, and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    pub doing: Doing,
    pub host: &'a str,
    /// Whether a person's pass went along: without one, "forbidden" means "sign in".
    pub token_sent: bool,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// What the answer says, whoever said it.
struct Facts<'a> {
    answer: &'a Answer<'a>,
    body: Map<String, Json>,
    /// The code in words; a numeric one is only the status again.
    code: Option<String>,
    text: String,
    hint: Option<String>,
}

impl Answer<'_> {
    /// The error it is.
    pub fn sort(&self) -> RemoteError {
        if let Some(cause) = self.by_status_alone() {
            return self.finish(cause, None);
        }
        let body = match self.shape() {
            Shape::Object(body) => body,
            Shape::Refusal(refusal) => return self.finish_refusal(&refusal),
            Shape::Foreign => return self.finish(self.foreign(), None),
            Shape::Nothing => Map::new(),
        };
        let facts = Facts::read(self, body);
        let cause = facts.cause();
        self.finish(cause, Some(&facts))
    }

    /// Statuses that need no body, whose body is promised by nobody.
    fn by_status_alone(&self) -> Option<Cause> {
        match self.status {
            301..=308 => Some(Cause::Redirected),
            402 => Some(Cause::Quota),
            511 => Some(Cause::NotJson),
            540 => Some(Cause::Paused),
            _ => None,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
    }

    fn shape(&self) -> Shape {
        let body = self.body.trim_ascii();
        if body.is_empty() {
            return Shape::Nothing;
        }
        if let Ok(Json::Object(object)) = serde_json::from_slice(body) {
            // Only our function tells of a field, so the sign-in server's own refusals are none of these.
            let ours = matches!(self.doing, Doing::Administering | Doing::LookingAtAccounts)
                && object.contains_key("field");
            let refusal = ours.then(|| AdminRefusal::from_wire(self.status, body)).flatten();
            return refusal.map_or(Shape::Object(object), Shape::Refusal);
        }
        // JSON that was cut off (a handshake's answer comes in pieces): the headers still tell.
        let said_json = self.header("content-type").is_some_and(|kind| kind.contains("json"));
        if said_json && !body.starts_with(b"<") { Shape::Nothing } else { Shape::Foreign }
    }

    /// Neither ours nor JSON: the edge's own pages, or a stranger on the line.
    fn foreign(&self) -> Cause {
        match self.status {
            404 if self.header("cf-ray").is_some() => Cause::WrongAddress,
            413 => Cause::TooLarge,
            429 => Cause::RateLimited,
            502..=504 | 520..=530 | 544 => Cause::OriginDown,
            546 => Cause::FunctionFailed,
            _ => Cause::NotJson,
        }
    }

    fn finish(&self, cause: Cause, facts: Option<&Facts<'_>>) -> RemoteError {
        let weakness = facts.filter(|_| cause == Cause::PasswordWeak).and_then(auth::weakness);
        let detail = facts.map(|facts| facts.text.as_str()).filter(|_| shows_detail(cause));
        let detail = weakness.as_deref().or(detail);
        let told = || Some(Duration::from_secs(facts.and_then(auth::seconds_told)?).min(RETRY_AFTER_MAX));
        let patience = self.retry_after().or_else(|| told().filter(|_| cause == Cause::RateLimited));
        RemoteError {
            status: Some(facts.and_then(Facts::storage_status).unwrap_or(self.status)),
            code: facts.and_then(|facts| facts.code.clone()).or_else(|| self.gateway_code()),
            hint: facts.and_then(|facts| super::words::tidy(facts.hint.as_deref()?)),
            retry_after: patience.or((cause == Cause::ClockWrong).then_some(CLOCK_PATIENCE)),
            ids: self.ids(),
            ..RemoteError::with_detail(self.doing, cause, self.host, detail)
        }
        .with_patience()
    }

    /// A refusal of our own function: its words are whole, and said as they stand.
    fn finish_refusal(&self, refusal: &AdminRefusal) -> RemoteError {
        let (retry_after, ids) = (self.retry_after(), self.ids());
        RemoteError { retry_after, ids, ..RemoteError::refused(self.doing, refusal) }
    }

    fn ids(&self) -> Option<Box<RequestIds>> {
        let id = |name| self.header(name).map(|text| text.chars().take(ID_CHARS_MAX).collect());
        let ids = RequestIds { request: id("sb-request-id"), ray: id("cf-ray") };
        (ids != RequestIds::default()).then(|| Box::new(ids))
    }

    fn gateway_code(&self) -> Option<String> {
        self.header("sb-error-code").filter(|code| is_code(code)).map(str::to_owned)
    }

    /// Seconds, or a date, which is measured against the server's own.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        let wait = if let Ok(seconds) = text.parse::<u64>() {
            Duration::from_secs(seconds)
        } else {
            let until = http_date(text)?;
            let now = self.header("date").and_then(http_date)?;
            Duration::from_micros(u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0))
        };
        Some(wait.min(RETRY_AFTER_MAX))
    }
}

/// A date of HTTP's form: `Sat, 21 Nov 2026 13:16:05 GMT`.
pub(super) fn http_date(text: &str) -> Option<crate::domain::Stamp> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(crate::domain::Stamp(at.timestamp().as_microsecond()))
}

enum Shape {
    Nothing,
    Object(Map<String, Json>),
    Refusal(AdminRefusal),
    Foreign,
}

impl<'a> Facts<'a> {
    fn read(answer: &'a Answer<'a>, body: Map<String, Json>) -> Self {
        let text = |name: &str| body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let code = text("error_code").or_else(|| text("code")).or_else(|| answer.header("x-sb-error-code"));
        let code = code.filter(|code| is_code(code)).map(str::to_owned);
        let said = ["msg", "message", "error_description", "error"].into_iter().find_map(text);
        let said = said.unwrap_or_default().to_owned();
        let hint = text("hint").map(str::to_owned);
        Self { answer, code, text: said, hint, body }
    }

    fn cause(&self) -> Cause {
        if self.storage_status().is_some() {
            return gate::storage(self);
        }
        match self.code.as_deref() {
            Some(code) if code.starts_with("PGRST") => data::postgrest(code, self),
            Some(code) if is_sqlstate(code) => data::sqlstate(code, self),
            Some(code) if code.chars().any(|c| c.is_ascii_lowercase()) => auth::by_code(code, self),
            Some(code) => gate::function(code, self),
            None => auth::by_text(self).unwrap_or_else(|| gate::gateway(self)),
        }
    }

    /// Storage's true status: a text in the body, under an HTTP status of 400.
    fn storage_status(&self) -> Option<u16> {
        self.body.get("statusCode")?.as_str()?.parse().ok()
    }

    fn says(&self, words: &str) -> bool {
        self.text.to_ascii_lowercase().contains(words)
    }

    fn hints(&self, words: &str) -> bool {
        self.hint.as_deref().is_some_and(|hint| hint.to_ascii_lowercase().contains(words))
    }

    /// The bare status, when nothing else speaks.
    fn by_status(&self) -> Cause {
        match self.answer.status {
            401 => Cause::KeyInvalid,
            403 if self.answer.token_sent => Cause::NotAllowed,
            403 => Cause::TokenMissing,
            404 | 410 => Cause::NotFound,
            408 | 502..=504 | 544 => Cause::Busy,
            413 | 414 | 431 => Cause::TooLarge,
            429 => Cause::RateLimited,
            520..=530 => Cause::OriginDown,
            546 => Cause::FunctionFailed,
            500..=599 => Cause::Fault,
            _ => Cause::CallWrong,
        }
    }
}

/// Codes are short words: what is longer or odd is text in the wrong place, and is not shown as a code.
fn is_code(code: &str) -> bool {
    const CODE_CHARS_MAX: usize = 64;
    code.len() <= CODE_CHARS_MAX && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn is_sqlstate(code: &str) -> bool {
    code.len() == 5
        && code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        && code.chars().any(|c| c.is_ascii_digit())
}

/// Where the server's own words help the person. Never where they might tell of somebody else's row.
const fn shows_detail(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::NotAllowed
            | C::GrantMissing
            | C::Invalid
            | C::SchemaMissing
            | C::CallWrong
            | C::Fault
            | C::ReadOnly
            | C::FunctionFailed
            | C::SignInOff
            | C::PasswordWeak
    )
}

//! Those around the database: the gateway that judges keys, the relay of functions, the file store, and the
//! realtime server's plain refusals.

use super::Facts;
use crate::remote::error::{Cause, Doing};

/// `{"message", "hint"}` without a code, or nothing at all but a header.
pub(super) fn gateway(facts: &Facts<'_>) -> Cause {
    let code = facts.answer.header("sb-error-code").unwrap_or_default();
    if let Some(cause) = key(code, facts) {
        return cause;
    }
    if facts.answer.doing == Doing::Listening {
        return realtime(facts);
    }
    match facts.answer.status {
        // The gateway's own "no route": the address leads to something, but not to this.
        404 if !facts.body.is_empty() => Cause::WrongAddress,
        _ => facts.by_status(),
    }
}

fn key(code: &str, facts: &Facts<'_>) -> Option<Cause> {
    // One message serves two troubles; only the hint tells that the endpoint wants another key.
    let wants_secret =
        facts.says("secret api key required") || facts.hints("only the `service_role` api key");
    let unknown = facts.says("invalid api key") || facts.says("unregistered api key");
    Some(if code == "UNAUTHORIZED_MISSING_API_KEY" || facts.says("no api key found") {
        Cause::KeyMissing
    } else if facts.says("forbidden use of secret api key") {
        Cause::KeySecret
    } else if facts.says("legacy api keys are disabled") {
        Cause::KeyDisabled
    } else if wants_secret || code == "UNAUTHORIZED_INVALID_API_KEY_TYPE" {
        Cause::KeySecretNeeded
    } else if code == "UNAUTHORIZED_INVALID_API_KEY" || unknown {
        Cause::KeyInvalid
    } else {
        return None;
    })
}

/// The socket's handshake: it runs under the key alone, so an expired or bad pass there is the key.
fn realtime(facts: &Facts<'_>) -> Cause {
    match facts.answer.status {
        401 if facts.says("api key is missing") => Cause::KeyMissing,
        401 => Cause::KeyInvalid,
        403 => Cause::Paused,
        404 => Cause::WrongAddress,
        _ => facts.by_status(),
    }
}

/// The relay before a function: `{"code": "UPPER_SNAKE", "message"}`.
pub(super) fn function(code: &str, facts: &Facts<'_>) -> Cause {
    match code {
        "UNAUTHORIZED_NO_AUTH_HEADER" => Cause::TokenMissing,
        "NOT_FOUND" => Cause::FunctionMissing,
        "BOOT_ERROR" | "IDLE_TIMEOUT" => Cause::Busy,
        "RATE_LIMIT_EXCEEDED" => Cause::RateLimited,
        "WORKER_ERROR" | "EDGE_FUNCTION_ERROR" | "WORKER_LIMIT" | "WORKER_RESOURCE_LIMIT" => {
            Cause::FunctionFailed
        }
        _ if code.starts_with("UNAUTHORIZED") => key(code, facts).unwrap_or(Cause::TokenBad),
        _ => facts.by_status(),
    }
}

/// Storage hides its status in the body and says "unauthorized" for an expired pass and a closed door alike.
pub(super) fn storage(facts: &Facts<'_>) -> Cause {
    if facts.says("row-level security") {
        return if facts.answer.token_sent { Cause::NotAllowed } else { Cause::TokenMissing };
    }
    if facts.says("\"exp\" claim timestamp check failed") || facts.says("jwt expired") {
        return Cause::TokenExpired;
    }
    let bad_pass = ["invalid compact jws", "jwt malformed", "signature verification failed", "invalid jwt"];
    if bad_pass.iter().any(|words| facts.says(words)) {
        return if facts.answer.token_sent { Cause::TokenBad } else { Cause::KeyInvalid };
    }
    match facts.storage_status() {
        Some(401 | 403) if facts.answer.token_sent => Cause::NotAllowed,
        Some(401 | 403) => Cause::TokenMissing,
        Some(404) => Cause::NotFound,
        Some(409) => Cause::Unique,
        Some(413) => Cause::TooLarge,
        Some(429) => Cause::RateLimited,
        Some(502..=504 | 544) => Cause::Busy,
        Some(400..=499) => Cause::Invalid,
        _ => Cause::Fault,
    }
}

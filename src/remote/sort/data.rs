//! The data API's answers: its own codes, and those the database raised under it. The status is passed over: what
//! refuses a row comes as 403 from one server and as 401 from another.

use super::Facts;
use crate::remote::error::Cause;

/// `PGRST…`
pub(super) fn postgrest(code: &str, facts: &Facts<'_>) -> Cause {
    match code {
        "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" => Cause::Busy,
        "PGRST301" | "PGRST303" => token(facts),
        "PGRST302" => Cause::TokenMissing,
        "PGRST106" | "PGRST125" | "PGRST126" | "PGRST200" | "PGRST201" | "PGRST202" | "PGRST203"
        | "PGRST204" | "PGRST205" => Cause::SchemaMissing,
        "PGRST116" => Cause::NotFound,
        "PGRST111" | "PGRST112" | "PGRST121" | "PGRST300" => Cause::Fault,
        _ if facts.answer.status >= 500 => Cause::Fault,
        _ => Cause::CallWrong,
    }
}

/// The words decide, since the codes changed places between versions.
fn token(facts: &Facts<'_>) -> Cause {
    if facts.says("issued at future") || facts.says("not yet valid") {
        Cause::ClockWrong
    } else if !facts.answer.token_sent {
        // Only the key can have stood where the pass belongs.
        Cause::KeyInvalid
    } else if facts.says("expired") {
        Cause::TokenExpired
    } else {
        Cause::TokenBad
    }
}

/// Five characters: the database's own code.
pub(super) fn sqlstate(code: &str, facts: &Facts<'_>) -> Cause {
    if let Some(status) = code.strip_prefix("PT") {
        return raised(status, facts);
    }
    match code {
        "42501" => forbidden(facts),
        "57014" => Cause::StatementTimeout,
        "23505" => Cause::Unique,
        "23503" => Cause::Reference,
        "P0001" => Cause::Invalid,
        "25006" => Cause::ReadOnly,
        "40001" | "40P01" | "55P03" => Cause::Busy,
        "22023" if facts.says("role") => Cause::TokenBad,
        // Recursion of policies is the project's own mistake.
        "42P17" => Cause::Fault,
        _ => by_class(code.get(..2).unwrap_or_default(), facts),
    }
}

fn by_class(class: &str, facts: &Facts<'_>) -> Cause {
    match class {
        "08" | "53" => Cause::Busy,
        "57" if facts.answer.status == 503 => Cause::Busy,
        "22" | "23" => Cause::Invalid,
        "42" => Cause::SchemaMissing,
        "0L" | "0P" | "28" => Cause::CallWrong,
        _ => Cause::Fault,
    }
}

/// `PTnnn`: raised by our own functions, for a fault of the whole call.
fn raised(status: &str, facts: &Facts<'_>) -> Cause {
    match status {
        "400" => Cause::CallWrong,
        "401" => Cause::TokenMissing,
        "403" => Cause::NotAllowed,
        "404" => Cause::NotFound,
        "409" => Cause::AuthMismatch,
        "413" => Cause::TooLarge,
        "429" => Cause::RateLimited,
        "503" => Cause::Busy,
        _ => facts.by_status(),
    }
}

fn forbidden(facts: &Facts<'_>) -> Cause {
    if !facts.answer.token_sent {
        Cause::TokenMissing
    } else if facts.says("permission denied for") {
        Cause::GrantMissing
    } else {
        Cause::NotAllowed
    }
}

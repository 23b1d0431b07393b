//! The sign-in server's answers: by code where there is one, by words where an older server gave none.

use super::Facts;
use crate::remote::error::{Cause, Doing};

/// The codes are an open set: what is not named here is told by its status.
pub(super) fn by_code(code: &str, facts: &Facts<'_>) -> Cause {
    session(code, facts).or_else(|| person(code, facts)).or_else(|| service(code)).unwrap_or_else(|| {
        match facts.answer.status {
            400..=428 | 430..=499 => Cause::Invalid,
            _ => facts.by_status(),
        }
    })
}

fn session(code: &str, facts: &Facts<'_>) -> Option<Cause> {
    Some(match code {
        "refresh_token_not_found" | "session_not_found" | "session_expired" => Cause::SessionGone,
        "refresh_token_already_used" => Cause::RefreshUsed,
        "no_authorization" => Cause::TokenMissing,
        "bad_jwt" if facts.says("expired") => Cause::TokenExpired,
        // Without a pass, the server was shown the key as one: then it is the key that is bad.
        "bad_jwt" if facts.answer.token_sent => Cause::TokenBad,
        "bad_jwt" => Cause::KeyInvalid,
        "validation_failed" if facts.answer.doing == Doing::Refreshing => Cause::TokenBad,
        "user_not_found" => Cause::AccountGone,
        "conflict" => Cause::Busy,
        _ => return None,
    })
}

fn person(code: &str, facts: &Facts<'_>) -> Option<Cause> {
    Some(match code {
        "invalid_credentials" if facts.says("unsupported_grant") => Cause::CallWrong,
        "invalid_credentials" | "current_password_required" | "current_password_invalid" => {
            Cause::WrongPassword
        }
        "user_banned" => Cause::Banned,
        "email_not_confirmed" | "phone_not_confirmed" | "provider_email_needs_verification" => {
            Cause::EmailNotConfirmed
        }
        "insufficient_aal" => Cause::SecondFactor,
        "mfa_verification_failed" | "otp_expired" | "reauthentication_not_valid" => Cause::CodeWrong,
        "mfa_challenge_expired" | "mfa_ip_address_mismatch" => Cause::CodeLate,
        "mfa_verification_rejected" => Cause::SessionGone,
        "weak_password" => Cause::PasswordWeak,
        "same_password" => Cause::PasswordSame,
        "reauthentication_needed" => Cause::NonceNeeded,
        "not_admin" => Cause::NotAllowed,
        _ => return None,
    })
}

fn service(code: &str) -> Option<Cause> {
    Some(match code {
        "captcha_failed" => Cause::CaptchaNeeded,
        "email_provider_disabled"
        | "phone_provider_disabled"
        | "provider_disabled"
        | "signup_disabled"
        | "otp_disabled"
        | "mfa_totp_enroll_not_enabled"
        | "mfa_totp_verify_not_enabled"
        | "feature_disabled" => Cause::SignInOff,
        "over_request_rate_limit" | "over_email_send_rate_limit" | "over_sms_send_rate_limit" => {
            Cause::RateLimited
        }
        "request_timeout" | "hook_timeout" | "hook_timeout_after_retry" => Cause::Busy,
        "request_entity_too_large" => Cause::TooLarge,
        "bad_json" => Cause::CallWrong,
        _ => return None,
    })
}

/// What is wrong with a password, as far as the server tells.
pub(super) fn weakness(facts: &Facts<'_>) -> Option<String> {
    let reasons = facts.body.get("weak_password")?.get("reasons")?.as_array()?;
    let words: Vec<&str> = reasons
        .iter()
        .filter_map(|reason| {
            Some(match reason.as_str()? {
                "length" => "it is too short",
                "characters" => "it lacks a kind of character that the project asks for",
                "pwned" => "it stands on a list of passwords that leaked",
                _ => return None,
            })
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Of "you can only request this after 52 seconds", the seconds.
pub(super) fn seconds_told(facts: &Facts<'_>) -> Option<u64> {
    let (_, rest) = facts.text.split_once("after ")?;
    rest.split(' ').next()?.parse().ok()
}

/// Servers from before 2024, and faults in the shape of OAuth, have no code.
pub(super) fn by_text(facts: &Facts<'_>) -> Option<Cause> {
    let table: [(&str, Cause); 12] = [
        ("invalid login credentials", Cause::WrongPassword),
        ("email not confirmed", Cause::EmailNotConfirmed),
        ("user is banned", Cause::Banned),
        ("user banned", Cause::Banned),
        ("invalid refresh token: already used", Cause::RefreshUsed),
        ("invalid refresh token", Cause::SessionGone),
        ("session from session_id claim", Cause::SessionGone),
        ("user from sub claim", Cause::AccountGone),
        ("requires a bearer token", Cause::TokenMissing),
        ("request rate limit reached", Cause::RateLimited),
        ("for security purposes, you can only request this", Cause::RateLimited),
        ("invalid jwt", if facts.says("expired") { Cause::TokenExpired } else { Cause::TokenBad }),
    ];
    let found = table.into_iter().find(|(words, _)| facts.says(words)).map(|(_, cause)| cause);
    // A key that reached the server as a pass is the key's trouble.
    found.filter(|cause| facts.answer.token_sent || *cause != Cause::TokenBad)
}

//! `/auth/v1/factors…`: setting a second factor up, asking for its code, taking it, and taking the factor away.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AuthError, answer, failed, read_json, reply, signed_in};
use crate::domain::Stamp;
use crate::sandbox::accounts::AuthCommit;
use crate::sandbox::auth::{Factor, FactorRefusal};
use crate::sandbox::engine::Commit;
use crate::sandbox::shared::{Shared, now};

/// Challenges, and answers, of one line in a minute.
const PER_MINUTE: usize = 15;
const MINUTE_MS: i64 = 60_000;
/// A picture for browsers, which a terminal has no use for.
const PICTURE: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>";

/// A factor as an account lists it.
pub fn listed(factor: &Factor) -> Value {
    json!({
        "id": factor.id, "friendly_name": factor.name, "factor_type": "totp",
        "status": if factor.verified { "verified" } else { "unverified" },
        "created_at": Stamp::from_millis(factor.created_ms).text(),
        "updated_at": Stamp::from_millis(factor.updated_ms).text(),
    })
}

fn refusal(why: FactorRefusal, needs_second_factor: u16) -> AuthError {
    let (status, code, message) = match why {
        FactorRefusal::NotFound => (404, "mfa_factor_not_found", "Factor not found"),
        FactorRefusal::NameTaken => {
            (422, "mfa_factor_name_conflict", "A factor with the friendly name for this user already exists")
        }
        FactorRefusal::TooMany => (
            422,
            "too_many_enrolled_mfa_factors",
            "Maximum number of enrolled factors reached, unenroll to continue",
        ),
        FactorRefusal::NeedsSecondFactor => {
            (needs_second_factor, "insufficient_aal", "AAL2 required to enroll or remove a factor")
        }
        FactorRefusal::WrongCode => (422, "mfa_verification_failed", "Invalid TOTP code entered"),
        FactorRefusal::ChallengeExpired => (
            422,
            "mfa_challenge_expired",
            "MFA challenge has expired, verify against another challenge or create a new challenge.",
        ),
        FactorRefusal::ChallengeUsed => {
            (422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch")
        }
    };
    AuthError::new(status, code, message)
}

fn stuck<E>(_: E) -> AuthError {
    AuthError::new(500, "unexpected_failure", "Database error")
}

fn factor_of(id: &str) -> Result<Uuid, AuthError> {
    Uuid::try_parse(id).map_err(|_| AuthError::new(404, "validation_failed", "factor_id must be an UUID"))
}

/// `POST /auth/v1/factors`.
pub async fn enrol(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers().clone();
    let done = read_json(request).await.and_then(|body| enrolled(&shared, &headers, &body));
    answer(&headers, done)
}

fn enrolled(shared: &Shared, headers: &HeaderMap, body: &Value) -> Result<Value, AuthError> {
    let (account, claims) = signed_in(shared, headers)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("factor_type") != "totp" {
        return Err(AuthError::new(
            400,
            "validation_failed",
            "factor_type needs to be totp, phone, or webauthn",
        ));
    }
    let issuer = if text("issuer").is_empty() { "localhost" } else { text("issuer") };
    let second = claims.aal == "aal2";
    let done = shared.transact_accounts(|_, auth, now| {
        let factor = auth.enrol(account.id, second, text("friendly_name"), now.as_millis());
        let factor = factor.map_err(|error| failed(&error))?.map_err(|why| refusal(why, 403))?;
        let deeds = AuthCommit { accounts: [account.id].into(), ended: Vec::new() };
        Ok((factor, Commit::default(), deeds))
    });
    let factor = done.map_err(stuck)??;
    let uri = format!(
        "otpauth://totp/{issuer}:{}?algorithm=SHA1&digits=6&issuer={issuer}&period=30&secret={}",
        account.email, factor.secret
    );
    Ok(json!({
        "id": factor.id, "type": "totp", "friendly_name": factor.name,
        "totp": {"qr_code": PICTURE, "secret": factor.secret, "uri": uri},
    }))
}

/// `POST /auth/v1/factors/{id}/challenge`.
pub async fn challenge(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = signed_in(&shared, &headers).and_then(|(account, _)| {
        if shared.is_too_often("mfa challenge", PER_MINUTE, MINUTE_MS) {
            return Err(AuthError::too_often());
        }
        let asked = shared.auth().challenge(account.id, factor_of(&id)?, now().as_millis());
        let (id, until_ms) = asked.map_err(|why| refusal(why, 422))?;
        Ok(json!({"id": id, "type": "totp", "expires_at": until_ms / 1000}))
    });
    answer(&headers, done)
}

/// `POST /auth/v1/factors/{id}/verify`.
pub async fn verify(State(shared): State<Arc<Shared>>, Path(id): Path<String>, request: Request) -> Response {
    let headers = request.headers().clone();
    let done = read_json(request).await.and_then(|body| verified(&shared, &headers, &id, &body));
    answer(&headers, done)
}

fn verified(shared: &Shared, headers: &HeaderMap, id: &str, body: &Value) -> Result<Value, AuthError> {
    let (account, claims) = signed_in(shared, headers)?;
    if shared.is_too_often("mfa verify", PER_MINUTE, MINUTE_MS) {
        return Err(AuthError::too_often());
    }
    let factor = factor_of(id)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let challenge = Uuid::try_parse(text("challenge_id"))
        .map_err(|_| AuthError::new(400, "validation_failed", "challenge_id must be an UUID"))?;
    let done = shared.transact_accounts(|_, auth, now| {
        let done = auth.answer(claims.session_id, factor, (challenge, text("code")), now.as_millis());
        let (issued, ended) = done.map_err(|error| failed(&error))?.map_err(|why| refusal(why, 422))?;
        Ok((issued, Commit::default(), AuthCommit { accounts: [account.id].into(), ended }))
    });
    let reply = reply(shared, &done.map_err(stuck)??)?;
    serde_json::to_value(reply).map_err(stuck)
}

/// `DELETE /auth/v1/factors/{id}`.
pub async fn unenrol(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let done = signed_in(&shared, &headers).and_then(|(account, claims)| {
        let (factor, second) = (factor_of(&id)?, claims.aal == "aal2");
        let done = shared.transact_accounts(|_, auth, _| {
            let weaker = auth.unenrol(account.id, second, factor).map_err(|why| refusal(why, 422))?;
            let deeds = AuthCommit { accounts: [account.id].into(), ended: Vec::new() };
            Ok((weaker, Commit::default(), deeds))
        });
        for session in done.map_err(stuck)?? {
            shared.keep_session(session).map_err(|error| failed(&error))?;
        }
        Ok(json!({"id": factor}))
    });
    answer(&headers, done)
}

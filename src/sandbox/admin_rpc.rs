//! The three SQL functions behind managing accounts: who the caller is, ending somebody's sessions, and which
//! accounts have a profile. As the database does it: the profile first (none, INACTIVE), then whether the session
//! is still there; and all but the first for MAIN_HQ alone.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::accounts::AuthCommit;
use super::engine::{Commit, Engine};
use super::http::rest_error;
use super::keys::Claims;
use super::rpc;
use super::shared::{Shared, Stuck};
use crate::domain::{Role, Status};
use crate::remote::wire::SCHEMA;
use crate::remote::wire::admin::{
    AdminCaller, CallerReply, LinkedReply, LinkedRequest, SignOutReply, SignOutRequest,
};

/// Accounts of one question.
const ACCOUNTS_MAX: usize = 1000;

type Answer = Result<Response, Box<Response>>;

/// The secret key, or a MAIN_HQ; else the word about the caller, or the refusal.
pub fn headquarters<T>(
    shared: &Shared,
    engine: &Engine,
    claims: Option<&Claims>,
    word: impl FnOnce(crate::remote::wire::MustReply) -> T,
) -> Result<Option<T>, Box<Response>> {
    let Some(claims) = claims else { return Ok(None) };
    match rpc::caller(shared, engine, Some(claims), SCHEMA) {
        Err(must) => Ok(Some(word(must))),
        Ok(caller) if caller.actor.role == Role::MainHq => Ok(None),
        Ok(_) => Err(Box::new(rest_error(403, "42501", "This needs the role MAIN_HQ."))),
    }
}

/// `admin_caller()`
pub fn caller(shared: &Shared, claims: Option<&Claims>) -> Response {
    let engine = shared.engine();
    let reply = match rpc::caller(shared, &engine, claims, SCHEMA) {
        Err(must) => CallerReply::Must(must),
        Ok(caller) => CallerReply::Caller(AdminCaller {
            user: caller.actor.user,
            role: caller.actor.role,
            status: Status::Active,
            must: None,
            last_main_hq: caller.actor.role == Role::MainHq && engine.world().main_hq_active_count() == 1,
        }),
    };
    Json(reply).into_response()
}

/// `admin_sign_out(account uuid)`
pub fn sign_out(shared: &Shared, claims: Option<&Claims>, request: &SignOutRequest) -> Answer {
    if let Some(word) = headquarters(shared, &shared.engine(), claims, SignOutReply::Must)? {
        return Ok(Json(word).into_response());
    }
    let done = shared.transact_accounts(|_, auth, _| {
        let ended = auth.end_all(request.account);
        let count = ended.len() as u64;
        Ok::<_, ()>((count, Commit::default(), AuthCommit { ended, ..AuthCommit::default() }))
    });
    match done {
        Ok(ended) => Ok(Json(SignOutReply::Ended { ended: ended.unwrap_or_default() }).into_response()),
        Err(Stuck) => Err(Box::new(rest_error(503, "53100", "The server cannot write to its data folder."))),
    }
}

/// `admin_linked(accounts uuid[])`
pub fn linked(shared: &Shared, claims: Option<&Claims>, request: &LinkedRequest) -> Answer {
    if request.accounts.len() > ACCOUNTS_MAX {
        let message = format!("At most {ACCOUNTS_MAX} accounts are looked up at once.");
        return Err(Box::new(rest_error(413, "PT413", &message)));
    }
    let engine = shared.engine();
    if let Some(word) = headquarters(shared, &engine, claims, LinkedReply::Must)? {
        return Ok(Json(word).into_response());
    }
    let profile = |id: &uuid::Uuid| Some((*id, engine.profile_of(*id)?.id));
    let linked: BTreeMap<_, _> = request.accounts.iter().filter_map(profile).collect();
    Ok(Json(LinkedReply::Linked { linked }).into_response())
}

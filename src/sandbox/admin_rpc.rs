//! The four SQL functions behind managing accounts: who the caller is, ending somebody's sessions, which accounts
//! have a profile, and noting a deed in the activity. As the database does it: the profile first (none, INACTIVE), then
//! whether the session is still there; two of them for MAIN_HQ alone, and the last for the secret key alone.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};

use super::accounts::AuthCommit;
use super::engine::{Commit, Engine};
use super::http::rest_error;
use super::keys::Claims;
use super::rpc;
use super::shared::{Shared, Stuck};
use crate::domain::field::is_harmful;
use crate::domain::{Role, Status};
use crate::remote::wire::admin::{
    AdminAction, AdminCaller, CallerReply, LinkedReply, LinkedRequest, NoteReply, NoteRequest, SignOutReply,
    SignOutRequest,
};
use crate::remote::wire::{REASON_CHARS_MAX, SCHEMA};

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

/// `note_account_deed(op uuid, actor uuid, profile uuid, deed text, reason text)`
pub fn note(shared: &Shared, claims: Option<&Claims>, request: &NoteRequest) -> Answer {
    let refuse = |status, code, message: &str| Err(Box::new(rest_error(status, code, message)));
    if claims.is_some() {
        return refuse(403, "42501", "permission denied for function note_account_deed");
    }
    let reason = request.reason.as_deref().unwrap_or_default();
    if AdminAction::parse(&request.deed).is_none_or(|action| action == AdminAction::ListUnlinked) {
        return refuse(400, "PT400", "deed is none of the deeds on accounts.");
    } else if reason.chars().count() > REASON_CHARS_MAX {
        let message = format!("reason is no text of at most {REASON_CHARS_MAX} characters.");
        return refuse(400, "PT400", &message);
    } else if reason.chars().any(is_harmful) {
        return refuse(400, "PT400", "reason holds a control or invisible character.");
    }
    let done = shared.transact(|engine, now| {
        let mut commit = Commit::default();
        let noted = engine.note_deed(&mut commit, request, now);
        Ok::<_, ()>((noted, commit))
    });
    match done {
        Ok(noted) => Ok(Json(NoteReply { noted: noted.unwrap_or_default() }).into_response()),
        Err(Stuck) => refuse(503, "53100", "The server cannot write to its data folder."),
    }
}

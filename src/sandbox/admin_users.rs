//! The Edge Function `admin-users`, for machines without a runtime for it: the same requests, the same replies to
//! the letter, and the same order of questions (the request, who asks, what it is about).
//!
//! What differs is only how it is done: here in one transaction, the line in the activity among it, there in several
//! requests. Like there, the key that may do everything never leaves the server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::accounts::{self, AuthCommit, Ban, Fault, Wish};
use super::auth::{Account, Auth, Mail, MailFor};
use super::auth_http::{signed_in, user_json};
use super::engine::{Caller, Commit, Engine};
use super::keys::Claims;
use super::shared::Shared;
use crate::domain::{Role, Stamp, User};
use crate::remote::wire::Must;
use crate::remote::wire::admin::{
    AdminAccount, AdminAction, AdminAsked, AdminRefusal, AdminReply, AdminRequest, AuthAccount, BAN_DURATION,
    NoteRequest, PAGE_ACCOUNTS, PROFILE_CLAIM, Password, REQUEST_BYTES_MAX, UnlinkedAccount, WhyUnlinked,
};

type Done = Result<(AdminReply, Commit, AuthCommit), AdminRefusal>;

/// `POST /functions/v1/admin-users`; other names are answered as the relay before functions does.
pub async fn call(State(shared): State<Arc<Shared>>, Path(name): Path<String>, request: Request) -> Response {
    if name != "admin-users" {
        let body = json!({"code": "NOT_FOUND", "message": "Requested function was not found"});
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    }
    let mut response = match answer(&shared, request).await {
        Ok(reply) => Json(reply).into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(&refusal)).into_response()
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

async fn answer(shared: &Shared, request: Request) -> Result<AdminReply, AdminRefusal> {
    if request.method() != Method::POST {
        return Err(AdminRefusal::method());
    }
    let headers = request.headers().clone();
    let body = axum::body::to_bytes(request.into_body(), REQUEST_BYTES_MAX).await;
    let asked = AdminAsked::read(&body.map_err(|_| AdminRefusal::too_large())?)?;
    let claims = asks(shared, &headers)?;
    let lacks = shared.lacks_second_factor(&claims);
    let done = shared.transact_accounts(|engine, auth, now| {
        let caller = engine.caller(claims.sub).map_err(AdminRefusal::must)?;
        if lacks {
            return Err(AdminRefusal::must(Must::Aal2));
        }
        if caller.actor.role != Role::MainHq {
            return Err(AdminRefusal::forbidden(caller.actor.role));
        }
        let profile = noted_under(auth, &asked.request);
        let desk = Desk { engine: &mut *engine, auth, caller: &caller, now };
        let (reply, mut commit, deeds) = desk.carry_out(&asked.request)?;
        if let Some(profile) = profile {
            let (deed, reason) = (asked.request.action().to_string(), asked.reason);
            let actor = Some(caller.actor.user);
            let note = NoteRequest { op: Uuid::new_v4(), actor, profile, deed, reason };
            engine.note_deed(&mut commit, &note, now);
        }
        Ok((reply, commit, deeds))
    });
    done.map_err(|_| AdminRefusal::unavailable("The server cannot write to its data folder. Ask its owner."))?
}

/// Whose token it is, as the sign-in server knows them.
fn asks(shared: &Shared, headers: &HeaderMap) -> Result<Claims, AdminRefusal> {
    match signed_in(shared, headers) {
        Ok((_, claims)) if shared.is_made_to_expire(claims.session_id) => Err(AdminRefusal::token_expired()),
        Ok((_, claims)) => Ok(claims),
        Err(error) => Err(match error.code() {
            "no_authorization" => AdminRefusal::not_signed_in(),
            "bad_jwt" if error.message().contains("expired") => AdminRefusal::token_expired(),
            "session_not_found" | "user_not_found" => AdminRefusal::signed_out(),
            "user_banned" => AdminRefusal::banned(),
            _ => AdminRefusal::bad_token(),
        }),
    }
}

/// The profile that the line in the activity is about, looked for while the account is there; none for what is no deed.
fn noted_under(auth: &Auth, request: &AdminRequest) -> Option<Uuid> {
    let AdminRequest::DeleteUnlinked { account } = request else { return request.profile() };
    let made_for = auth.account(*account).and_then(|account| told(account).made_for());
    Some(made_for.unwrap_or(*account))
}

/// The account as the sign-in server would tell of it, so that it is shown by the same rules.
fn told(account: &Account) -> AuthAccount {
    serde_json::to_value(user_json(account))
        .ok()
        .and_then(|json| serde_json::from_value(json).ok())
        .unwrap_or_else(|| AuthAccount { id: account.id, ..AuthAccount::default() })
}

/// One request at work.
struct Desk<'a> {
    engine: &'a mut Engine,
    auth: &'a mut Auth,
    caller: &'a Caller,
    now: Stamp,
}

impl Desk<'_> {
    fn carry_out(mut self, request: &AdminRequest) -> Done {
        let action = request.action();
        match request {
            AdminRequest::Create { profile, password } => self.create(*profile, password),
            AdminRequest::Invite { profile } => self.invite(*profile),
            AdminRequest::SetPassword { profile, password } => {
                let (_, account) = self.target(*profile)?;
                if accounts::is_leaked(password.expose()) {
                    return Err(AdminRefusal::weak_password());
                }
                let password = Some(password.expose().to_owned());
                self.update(action, &account, &Wish { password, confirm: true, ..Wish::default() })
            }
            AdminRequest::Ban { profile } => self.ban(*profile),
            AdminRequest::Unban { profile } => {
                let (user, account) = self.target(*profile)?;
                if !user.is_active() {
                    return Err(AdminRefusal::inactive_profile(&user.username));
                }
                self.update(action, &account, &Wish { ban: Ban::Lift, ..Wish::default() })
            }
            AdminRequest::SetEmail { profile, email } => {
                let (user, account) = self.target(*profile)?;
                let email = email.to_lowercase();
                if !self.engine.email_is_free(&email, user.id) {
                    return Err(AdminRefusal::email_taken(&email));
                }
                let wish = Wish { email: Some(email.clone()), confirm: true, ..Wish::default() };
                self.update(action, &account, &wish).map_err(|_| AdminRefusal::email_taken(&email))
            }
            AdminRequest::Delete { profile } => {
                let (user, account) = self.target(*profile)?;
                self.not_own(&user)?;
                Ok(self.delete(&account, Some(user.id)))
            }
            AdminRequest::DeleteUnlinked { account } => {
                let known = self.auth.account(*account).cloned();
                let known = known.ok_or_else(|| AdminRefusal::no_such_account(*account))?;
                match self.engine.profile_of(*account) {
                    Some(user) => Err(AdminRefusal::linked(user.id)),
                    None => Ok(self.delete(&known, None)),
                }
            }
            AdminRequest::SignOut { profile } => {
                let (user, account) = self.target(*profile)?;
                let deeds = AuthCommit { ended: self.auth.end_all(account.id), ..AuthCommit::default() };
                Ok((self.reply(action, &account, Some(user.id)), Commit::default(), deeds))
            }
            AdminRequest::ListUnlinked { page } => {
                Ok((self.unlinked(*page), Commit::default(), AuthCommit::default()))
            }
        }
    }

    fn profile(&self, id: Uuid) -> Result<User, AdminRefusal> {
        self.engine.world().user(id).cloned().ok_or_else(|| AdminRefusal::no_such_profile(id))
    }

    /// The profile and its account.
    fn target(&self, id: Uuid) -> Result<(User, Account), AdminRefusal> {
        let user = self.profile(id)?;
        let account = user.auth_user_id.and_then(|account| self.auth.account(account)).cloned();
        let account = account.ok_or_else(|| AdminRefusal::no_account(&user.username))?;
        Ok((user, account))
    }

    /// Nobody shuts himself out: so whoever asks remains.
    fn not_own(&self, user: &User) -> Result<(), AdminRefusal> {
        if user.id != self.caller.actor.user {
            Ok(())
        } else if self.engine.world().main_hq_active_count() == 1 {
            Err(AdminRefusal::last_main_hq(&user.username))
        } else {
            Err(AdminRefusal::own())
        }
    }

    fn shown(&self, account: &Account, profile: Option<Uuid>) -> AdminAccount {
        told(account).shown(profile, self.now)
    }

    fn reply(&self, action: AdminAction, account: &Account, profile: Option<Uuid>) -> AdminReply {
        AdminReply::done(action, self.shown(account, profile))
    }

    /// The profile for a new account: there, without one, and ACTIVE.
    fn vacant(&self, id: Uuid) -> Result<User, AdminRefusal> {
        let user = self.profile(id)?;
        if user.auth_user_id.is_some() {
            return Err(AdminRefusal::already(&user.username));
        }
        if user.is_active() { Ok(user) } else { Err(AdminRefusal::inactive_profile(&user.username)) }
    }

    fn make(
        &mut self,
        user: &User,
        password: Option<&Password>,
    ) -> Result<(Account, Commit, AuthCommit), AdminRefusal> {
        let claim = (PROFILE_CLAIM.to_owned(), Value::from(user.id.to_string()));
        let wish = Wish {
            email: Some(user.email.to_string()),
            password: password.map(|password| password.expose().to_owned()),
            confirm: password.is_some(),
            app_metadata: Map::from_iter([claim]),
            ..Wish::default()
        };
        accounts::create(self.engine, self.auth, &wish, self.now).map_err(|fault| match fault {
            Fault::EmailExists => AdminRefusal::email_taken(&user.email),
            Fault::Database | Fault::Own(_) => AdminRefusal::not_made(&user.username),
        })
    }

    fn create(&mut self, profile: Uuid, password: &Password) -> Done {
        let user = self.vacant(profile)?;
        let (account, commit, deeds) = self.make(&user, Some(password))?;
        Ok((self.reply(AdminAction::Create, &account, Some(user.id)), commit, deeds))
    }

    /// A new account that waits for its owner, or the same mail once more.
    fn invite(&mut self, profile: Uuid) -> Done {
        let user = self.profile(profile)?;
        let known = user.auth_user_id.and_then(|id| self.auth.account(id)).cloned();
        let (mut account, commit, mut deeds) = match known {
            Some(account) if account.unconfirmed && user.is_active() => {
                (account, Commit::default(), AuthCommit::default())
            }
            _ => {
                let user = self.vacant(profile)?;
                self.make(&user, None)?
            }
        };
        account.invited_at = Some(self.now);
        let mail = Mail::new(MailFor::Invite, self.now.as_millis());
        account.mail = Some(mail.map_err(|_| AdminRefusal::not_made(&account.email))?);
        self.auth.put_account(&account);
        deeds.accounts.insert(account.id);
        Ok((self.reply(AdminAction::Invite, &account, Some(user.id)), commit, deeds))
    }

    fn ban(&mut self, profile: Uuid) -> Done {
        let (user, account) = self.target(profile)?;
        self.not_own(&user)?;
        let micros = accounts::duration(BAN_DURATION).unwrap_or(i64::MAX);
        let until = Stamp(self.now.0.saturating_add(micros));
        let wish = Wish { ban: Ban::Until(until), ..Wish::default() };
        let (reply, commit, mut deeds) = self.update(AdminAction::Ban, &account, &wish)?;
        deeds.ended.extend(self.auth.end_all(account.id));
        Ok((reply, commit, deeds))
    }

    fn update(&mut self, action: AdminAction, account: &Account, wish: &Wish) -> Done {
        let done = accounts::update(self.engine, self.auth, account.id, wish, self.now);
        let (account, commit, deeds) = done.map_err(|fault| {
            tracing::error!(?fault, "an account could not be changed");
            AdminRefusal::unavailable(
                "The account could not be changed. Nothing was changed. Try again later.",
            )
        })?;
        let profile = self.engine.profile_of(account.id).map(|user| user.id);
        Ok((self.reply(action, &account, profile), commit, deeds))
    }

    fn delete(&mut self, account: &Account, profile: Option<Uuid>) -> (AdminReply, Commit, AuthCommit) {
        let reply = self.reply(AdminAction::Delete, account, profile);
        let (commit, deeds) = accounts::delete(self.engine, self.auth, account.id, self.now);
        (reply, commit, deeds)
    }

    fn unlinked(&self, page: u32) -> AdminReply {
        let mut all: Vec<&Account> = self.auth.accounts().collect();
        all.sort_by(|a, b| b.created_at.cmp(&a.created_at).then(b.id.cmp(&a.id)));
        let first = (page as usize - 1).saturating_mul(PAGE_ACCOUNTS);
        let part: Vec<_> = all.into_iter().skip(first).take(PAGE_ACCOUNTS).collect();
        let next = (part.len() == PAGE_ACCOUNTS).then_some(page + 1);
        let alone = part.into_iter().filter(|account| self.engine.profile_of(account.id).is_none());
        AdminReply::unlinked(alone.map(|account| self.alone(account)).collect(), next)
    }

    fn alone(&self, account: &Account) -> UnlinkedAccount {
        let told = told(account);
        let made_for = told.made_for();
        let why = match made_for {
            None => WhyUnlinked::NoProfile,
            Some(id) if self.engine.world().user(id).is_some() => WhyUnlinked::NotLinked,
            Some(_) => WhyUnlinked::ProfileDeleted,
        };
        UnlinkedAccount { account: told.shown(None, self.now), made_for, why }
    }
}

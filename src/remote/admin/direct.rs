//! The direct path: the admin API under the project's secret key. The same steps as the Edge Function, without the
//! question who asks; why they stand in this order is told in the function.

use std::fmt;

use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::key::AdminKey;
use crate::domain::Stamp;
use crate::remote::client::{Call, Client, Limits, Reply, body_of};
use crate::remote::error::{Cause, Doing, RemoteError};
use crate::remote::key::KeyKind;
use crate::remote::project::{Project, UrlProblem};
use crate::remote::wire::admin::{
    AdminAccount, AdminAction, AdminRefusal, AdminReply, AdminRequest, AuthAccount, BAN_DURATION,
    PROFILE_CLAIM, Password, SignOutReply, SignOutRequest,
};

pub(super) const USERS: &str = "/auth/v1/admin/users";
/// Which accounts have profiles.
pub(super) const LINKED: &str = "/rest/v1/rpc/admin_linked";
/// Other MAIN_HQ whose accounts are looked at before one is banned: one who can sign in is enough.
const OTHERS_MAX: usize = 20;

/// Who administers a project with its secret key.
pub struct DirectAdmin {
    client: Client,
    /// A key of the old kind is a token too, and must be sent as one.
    token: Option<SecretString>,
}

impl fmt::Debug for DirectAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectAdmin").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Why there is nobody to ask.
#[derive(Debug, thiserror::Error)]
pub enum DirectProblem {
    #[error(transparent)]
    Url(#[from] UrlProblem),
    #[error(transparent)]
    Setup(#[from] RemoteError),
}

#[derive(Debug, Deserialize)]
pub(super) struct Profile {
    pub(super) id: Uuid,
    username: String,
    email: String,
    role: Option<String>,
    status: Option<String>,
    auth_user_id: Option<Uuid>,
}

impl Profile {
    fn is_active(&self) -> bool {
        self.status.as_deref() == Some("ACTIVE")
    }
}

#[derive(Deserialize)]
pub(super) struct Users {
    pub(super) users: Vec<AuthAccount>,
}

pub(super) type Done<T> = Result<T, RemoteError>;

/// An account as it was told, with the server's clock: by that one a ban is over or not.
pub(super) struct Told {
    account: AuthAccount,
    now: Stamp,
}

impl Told {
    fn of(reply: Reply<AuthAccount>) -> Self {
        // Without a clock, a ban that is over is shown as one: nothing is decided by it alone.
        Self { now: reply.server_date.unwrap_or(Stamp(0)), account: reply.value }
    }

    fn shown(&self, profile: Option<Uuid>) -> AdminAccount {
        self.account.shown(profile, self.now)
    }

    const fn id(&self) -> Uuid {
        self.account.id
    }

    pub(super) fn made_for(&self) -> Option<Uuid> {
        self.account.made_for()
    }

    const fn is_confirmed(&self) -> bool {
        self.account.email_confirmed_at.is_some()
    }
}

pub(super) fn refused(refusal: &AdminRefusal) -> RemoteError {
    RemoteError::refused(Doing::Administering, refusal)
}

/// A refusal of the key is about no session: the words for it are others.
fn of_the_key(error: RemoteError) -> RemoteError {
    use Cause as C;
    match error.cause {
        C::KeyInvalid
        | C::KeyDisabled
        | C::KeyMissing
        | C::KeySecret
        | C::KeySecretNeeded
        | C::TokenBad
        | C::TokenExpired
        | C::TokenMissing
        | C::NotAllowed => {
            RemoteError { status: error.status, ids: error.ids, ..refused(&AdminRefusal::bad_key()) }
        }
        _ => error,
    }
}

/// A failure after something was done: that comes first, and "nothing" is not said.
fn halfway(done: &str) -> impl FnOnce(RemoteError) -> RemoteError {
    move |error| {
        let rest = error.message.replace(" Nothing was changed.", "");
        RemoteError { message: format!("{done} {rest}"), ..error }
    }
}

fn is(error: &RemoteError, code: &str) -> bool {
    error.code.as_deref() == Some(code)
}

/// What an address's query takes as it is; everything else is written in percent.
pub(super) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
        out
    })
}

impl DirectAdmin {
    /// For the project at `url`; `version` is the program's, as servers see it.
    pub fn new(url: &str, key: AdminKey, version: &str) -> Result<Self, DirectProblem> {
        Self::with_limits(url, key, version, Limits::default())
    }

    pub fn with_limits(
        url: &str,
        key: AdminKey,
        version: &str,
        limits: Limits,
    ) -> Result<Self, DirectProblem> {
        let key = key.into_api_key();
        let token = (key.kind() == KeyKind::LegacyService).then(|| SecretString::from(key.expose()));
        let client = Client::with_limits(Project::with_key(url, key)?, version, limits)?;
        Ok(Self { client, token })
    }

    /// Does what was checked.
    pub(super) async fn carry_out(&self, request: &AdminRequest) -> Done<AdminReply> {
        let action = request.action();
        match request {
            AdminRequest::Create { profile, password } => self.create(*profile, password).await,
            AdminRequest::Invite { profile } => self.invite(*profile).await,
            AdminRequest::SetPassword { profile, password } => {
                let (user, account) = self.target(*profile).await?;
                let mut change = json!({"password": password.expose()});
                if !account.is_confirmed() {
                    change["email_confirm"] = true.into();
                }
                self.changed(action, &user, &account, &change).await
            }
            AdminRequest::Ban { profile } => {
                let (user, account) = self.target(*profile).await?;
                self.leaves_a_main_hq(&user).await?;
                // First the ban, then the sessions: the other way round a refresh could slip in between.
                let reply =
                    self.changed(action, &user, &account, &json!({"ban_duration": BAN_DURATION})).await?;
                let done = format!("The ban of {} is set, but sessions may go on: ban again.", user.username);
                self.end_sessions(account.id()).await.map_err(halfway(&done))?;
                Ok(reply)
            }
            AdminRequest::Unban { profile } => {
                let (user, account) = self.target(*profile).await?;
                if !user.is_active() {
                    return Err(refused(&AdminRefusal::inactive_profile(&user.username)));
                }
                self.changed(action, &user, &account, &json!({"ban_duration": "none"})).await
            }
            AdminRequest::SetEmail { profile, email } => self.set_email(*profile, email).await,
            AdminRequest::Delete { profile } => {
                let (user, account) = self.target(*profile).await?;
                self.leaves_a_main_hq(&user).await?;
                self.delete(&account, Some(user.id)).await
            }
            AdminRequest::DeleteUnlinked { account } => self.delete_unlinked(*account).await,
            AdminRequest::SignOut { profile } => {
                let (user, account) = self.target(*profile).await?;
                self.end_sessions(account.id()).await?;
                Ok(AdminReply::done(action, account.shown(Some(user.id))))
            }
            AdminRequest::ListUnlinked { page } => self.list_unlinked(*page).await,
        }
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Done<Reply<T>> {
        self.client.json(self.call(method, path, body)).await.map_err(of_the_key)
    }

    /// The same where nothing is answered.
    pub(super) async fn tell(&self, method: Method, path: &str, body: Option<&Json>) -> Done<()> {
        let told = self.client.bytes(self.call(method, path, body)).await;
        told.map(drop).map_err(of_the_key)
    }

    fn call<'a>(&'a self, method: Method, path: &'a str, body: Option<&Json>) -> Call<'a> {
        let limits = self.client.limits();
        let looks = method == Method::GET || path == LINKED;
        Call {
            doing: if looks { Doing::LookingAtAccounts } else { Doing::Administering },
            method,
            path,
            token: self.token.as_ref(),
            body: body.map(body_of),
            limit: limits.other_bytes,
            timeout: if path.starts_with("/auth/") { limits.auth } else { limits.rest },
        }
    }

    pub(super) async fn profiles(&self, query: &str) -> Done<Vec<Profile>> {
        let path = format!("/rest/v1/profiles?select=*&{query}");
        Ok(self.ask(Method::GET, &path, None).await?.value)
    }

    async fn profile(&self, id: Uuid) -> Done<Profile> {
        let found = self.profiles(&format!("id=eq.{id}")).await?;
        found.into_iter().next().ok_or_else(|| refused(&AdminRefusal::no_such_profile(id)))
    }

    pub(super) async fn account(&self, id: Uuid) -> Done<Option<Told>> {
        match self.ask(Method::GET, &format!("{USERS}/{id}"), None).await {
            Ok(reply) => Ok(Some(Told::of(reply))),
            Err(error) if is(&error, "user_not_found") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The profile and its account.
    async fn target(&self, id: Uuid) -> Done<(Profile, Told)> {
        let user = self.profile(id).await?;
        let account = match user.auth_user_id {
            Some(account) => self.account(account).await?,
            None => None,
        };
        let account = account.ok_or_else(|| refused(&AdminRefusal::no_account(&user.username)))?;
        Ok((user, account))
    }

    /// Would somebody else still be able to sign in as MAIN_HQ?
    async fn leaves_a_main_hq(&self, user: &Profile) -> Done<()> {
        if !user.is_active() || user.role.as_deref() != Some("MAIN_HQ") {
            return Ok(());
        }
        let others = self.profiles("role=eq.MAIN_HQ&status=eq.ACTIVE").await?;
        let accounts =
            others.iter().filter(|other| other.id != user.id).filter_map(|other| other.auth_user_id);
        for id in accounts.take(OTHERS_MAX) {
            let reply = self.ask::<AuthAccount>(Method::GET, &format!("{USERS}/{id}"), None).await?;
            let shown = Told::of(reply).shown(None);
            if shown.banned_until.is_none() && shown.confirmed {
                return Ok(());
            }
        }
        Err(refused(&AdminRefusal::last_main_hq(&user.username)))
    }

    async fn changed(
        &self,
        action: AdminAction,
        user: &Profile,
        account: &Told,
        change: &Json,
    ) -> Done<AdminReply> {
        let path = format!("{USERS}/{}", account.id());
        let reply = self.ask::<AuthAccount>(Method::PUT, &path, Some(change)).await.map_err(|error| {
            if is(&error, "weak_password") { refused(&AdminRefusal::weak_password()) } else { error }
        })?;
        Ok(AdminReply::done(action, Told::of(reply).shown(Some(user.id))))
    }

    /// A new account, linked, or none.
    async fn make(&self, user: &Profile, password: Option<&Password>) -> Done<Told> {
        if user.auth_user_id.is_some() {
            return Err(refused(&AdminRefusal::already(&user.username)));
        }
        if !user.is_active() {
            return Err(refused(&AdminRefusal::inactive_profile(&user.username)));
        }
        let mut body = json!({"email": user.email, "app_metadata": {PROFILE_CLAIM: user.id}});
        if let Some(password) = password {
            body["password"] = password.expose().into();
            body["email_confirm"] = true.into();
        }
        let made = self.ask::<AuthAccount>(Method::POST, USERS, Some(&body)).await.map_err(|error| {
            if is(&error, "email_exists") { refused(&AdminRefusal::email_taken(&user.email)) } else { error }
        })?;
        let made = Told::of(made);
        let done = format!("The account of {} was made, and perhaps not linked.", user.username);
        let now = self.profiles(&format!("id=eq.{}", user.id)).await.map_err(halfway(&done))?;
        if now.iter().any(|user| user.auth_user_id == Some(made.id())) {
            return Ok(made);
        }
        // It is seconds old and nobody's: it must not stay.
        let done = format!("The account {} was made for nobody and is still there: delete it.", made.id());
        self.remove(made.id()).await.map_err(halfway(&done))?;
        Err(refused(&AdminRefusal::not_made(&user.username)))
    }

    async fn create(&self, profile: Uuid, password: &Password) -> Done<AdminReply> {
        let user = self.profile(profile).await?;
        let account = self.make(&user, Some(password)).await?;
        Ok(AdminReply::done(AdminAction::Create, account.shown(Some(user.id))))
    }

    async fn invite(&self, profile: Uuid) -> Done<AdminReply> {
        let user = self.profile(profile).await?;
        let known = match user.auth_user_id {
            Some(account) => self.account(account).await?,
            None => None,
        };
        let account = match known {
            // One that waits for its owner is only mailed to again.
            Some(account) if !account.is_confirmed() && user.is_active() => account,
            _ => self.make(&user, None).await?,
        };
        let body = json!({"email": account.account.email});
        let done = format!("The account of {} is there, but no mail may have been sent.", user.username);
        let mailed = self.ask::<AuthAccount>(Method::POST, "/auth/v1/invite", Some(&body)).await;
        let reply = mailed.map_err(|error| {
            if is(&error, "email_exists") {
                refused(&AdminRefusal::already(&user.username))
            } else {
                halfway(&done)(error)
            }
        })?;
        Ok(AdminReply::done(AdminAction::Invite, Told::of(reply).shown(Some(user.id))))
    }

    async fn set_email(&self, profile: Uuid, email: &str) -> Done<AdminReply> {
        let (user, account) = self.target(profile).await?;
        let email = email.to_lowercase();
        let taken = || refused(&AdminRefusal::email_taken(&email));
        let doubles = self.profiles(&format!("email=eq.{}", escaped(&email))).await?;
        if doubles.iter().any(|other| other.id != user.id) {
            return Err(taken());
        }
        // The admin API does not look for doubles itself: it would answer with a bare fault.
        let path = format!("{USERS}?page=1&per_page=50&filter={}", escaped(&email));
        let list = self.ask::<Users>(Method::GET, &path, None).await?.value.users;
        let same =
            |other: &AuthAccount| other.email.as_deref() == Some(email.as_str()) && other.id != account.id();
        if list.iter().any(same) {
            return Err(taken());
        }
        let change = json!({"email": email, "email_confirm": true});
        self.changed(AdminAction::SetEmail, &user, &account, &change).await
    }

    async fn remove(&self, account: Uuid) -> Done<()> {
        let body = json!({"should_soft_delete": false});
        match self.ask::<Json>(Method::DELETE, &format!("{USERS}/{account}"), Some(&body)).await {
            // Somebody else was faster: gone is gone.
            Err(error) if !is(&error, "user_not_found") => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn delete(&self, account: &Told, profile: Option<Uuid>) -> Done<AdminReply> {
        self.remove(account.id()).await?;
        Ok(AdminReply::done(AdminAction::Delete, account.shown(profile)))
    }

    async fn end_sessions(&self, account: Uuid) -> Done<()> {
        let body = json!(SignOutRequest { account });
        let path = "/rest/v1/rpc/admin_sign_out";
        match self.ask(Method::POST, path, Some(&body)).await?.value {
            SignOutReply::Ended { .. } => Ok(()),
            SignOutReply::Must(_) => Err(refused(&AdminRefusal::bad_key())),
        }
    }
}

//! Signing in and out: the endpoints of the sign-in server. A token reply must be stored before its access token is used,
//! since the refresh token that was sent is spent.
//!
//! `factors` is the second factor, `password` how a password is set anew, `check` whether a pass is the project's own.

pub(super) mod check;
mod factors;
mod password;

pub use factors::ISSUER;
pub use password::CodeFor;

use std::collections::BTreeMap;

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::client::{Call, Client, Reply, body_of};
use super::error::{Cause, Doing, RemoteError};
use super::wire::{AuthUser, TokenReply};

/// Which sessions a sign-out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOutScope {
    /// This one.
    Local,
    /// All the others of this account.
    Others,
    /// All of this account.
    Global,
}

impl SignOutScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Others => "others",
            Self::Global => "global",
        }
    }
}

/// What the project allows, as far as the console asks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AuthSettings {
    /// Ways to sign in, by name; `email` is ours.
    #[serde(default)]
    pub external: BTreeMap<String, Json>,
    #[serde(default)]
    pub disable_signup: bool,
    #[serde(default)]
    pub mailer_autoconfirm: bool,
}

impl AuthSettings {
    /// Whether e-mail and password are a way in.
    pub fn allows_email(&self) -> bool {
        self.external.get("email").and_then(Json::as_bool).unwrap_or(true)
    }
}

/// Who answers at the sign-in server's door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AuthHealth {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
}

impl Client {
    /// Signs in with a password.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &SecretString,
    ) -> Result<Reply<TokenReply>, RemoteError> {
        let body = json!({"email": email, "password": password.expose_secret()});
        let call = self.auth(Doing::SigningIn, Method::POST, "/auth/v1/token?grant_type=password");
        self.json(Call { body: Some(body_of(&body)), ..call }).await
    }

    /// Renews a session. The token that is given is spent by it: one renewal at a time, across processes.
    pub async fn refresh(&self, refresh_token: &SecretString) -> Result<Reply<TokenReply>, RemoteError> {
        let body = json!({"refresh_token": refresh_token.expose_secret()});
        let call = self.auth(Doing::Refreshing, Method::POST, "/auth/v1/token?grant_type=refresh_token");
        self.json(Call { body: Some(body_of(&body)), ..call }).await
    }

    /// The account that the token is of; the server looks whether account and session still exist.
    pub async fn user(&self, token: &SecretString) -> Result<Reply<AuthUser>, RemoteError> {
        let call = self.auth(Doing::ReadingAccount, Method::GET, "/auth/v1/user");
        self.json(Call { token: Some(token), ..call }).await
    }

    /// Signs out. A session that is gone, expired or unknown is signed out already; of others it can end none.
    pub async fn logout(&self, token: &SecretString, scope: SignOutScope) -> Result<Reply<()>, RemoteError> {
        let path = format!("/auth/v1/logout?scope={}", scope.as_str());
        let local = scope == SignOutScope::Local;
        let doing = if local { Doing::SigningOut } else { Doing::EndingSessions };
        let call = self.auth(doing, Method::POST, &path);
        match self.bytes(Call { token: Some(token), ..call }).await {
            Ok(reply) => Ok(reply.map(drop)),
            // A stranger's page says nothing about the session, whatever its status.
            Err(error)
                if local
                    && matches!(error.status, Some(401 | 403 | 404))
                    && error.cause != Cause::NotJson =>
            {
                Ok(Reply { value: (), bytes_down: 0, bytes_up: 0, server_date: None })
            }
            Err(error) => Err(error),
        }
    }

    /// What the project allows. It proves address, key and that the project runs.
    pub async fn settings(&self) -> Result<Reply<AuthSettings>, RemoteError> {
        self.json(self.auth(Doing::ReadingSettings, Method::GET, "/auth/v1/settings")).await
    }

    /// Whether anybody is there.
    pub async fn health(&self) -> Result<Reply<AuthHealth>, RemoteError> {
        self.json(self.auth(Doing::CheckingHealth, Method::GET, "/auth/v1/health")).await
    }

    /// The public keys that passes are signed with; none where the project signs with a shared secret.
    pub async fn jwks(&self) -> Result<Reply<Json>, RemoteError> {
        self.json(self.auth(Doing::ReadingKeys, Method::GET, "/auth/v1/.well-known/jwks.json")).await
    }

    fn auth<'a>(&self, doing: Doing, method: Method, path: &'a str) -> Call<'a> {
        let limits = self.limits();
        let (limit, timeout) = (limits.other_bytes, limits.auth);
        Call { doing, method, path, token: None, body: None, limit, timeout }
    }
}

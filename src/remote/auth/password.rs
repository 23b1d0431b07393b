//! Setting a password anew: by a code that came by mail, or while signed in.

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};

use crate::remote::client::{Call, Client, Reply, body_of};
use crate::remote::error::{Doing, RemoteError};
use crate::remote::wire::{AuthUser, TokenReply};

/// What a mailed code was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFor {
    Recovery,
    Invite,
    SignUp,
}

impl CodeFor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Invite => "invite",
            Self::SignUp => "signup",
        }
    }
}

impl Client {
    /// Has a code mailed to that address. Whether there is an account of it is not told.
    pub async fn recover(&self, email: &str) -> Result<Reply<()>, RemoteError> {
        let call = self.auth(Doing::AskingForMail, Method::POST, "/auth/v1/recover");
        let body = body_of(&json!({"email": email}));
        Ok(self.bytes(Call { body: Some(body), ..call }).await?.map(drop))
    }

    /// A session for who has the mailed code. The code is spent.
    pub async fn redeem(
        &self,
        email: &str,
        code_for: CodeFor,
        code: &SecretString,
    ) -> Result<Reply<TokenReply>, RemoteError> {
        let body = json!({"type": code_for.as_str(), "email": email, "token": code.expose_secret()});
        let call = self.auth(Doing::RedeemingCode, Method::POST, "/auth/v1/verify");
        self.json(Call { body: Some(body_of(&body)), ..call }).await
    }

    /// Sets the own password; the account's other sessions end. `nonce` is what `reauthenticate` had mailed.
    pub async fn set_password(
        &self,
        token: &SecretString,
        new: &SecretString,
        current: Option<&SecretString>,
        nonce: Option<&SecretString>,
    ) -> Result<Reply<AuthUser>, RemoteError> {
        let mut body = json!({"password": new.expose_secret()});
        for (name, value) in [("current_password", current), ("nonce", nonce)] {
            if let Some(value) = value {
                body[name] = Json::from(value.expose_secret());
            }
        }
        let call = self.auth(Doing::SettingPassword, Method::PUT, "/auth/v1/user");
        self.json(Call { token: Some(token), body: Some(body_of(&body)), ..call }).await
    }

    /// Has a nonce mailed, for a server that wants one with a new password.
    pub async fn reauthenticate(&self, token: &SecretString) -> Result<Reply<()>, RemoteError> {
        let call = self.auth(Doing::AskingForMail, Method::GET, "/auth/v1/reauthenticate");
        Ok(self.bytes(Call { token: Some(token), ..call }).await?.map(drop))
    }
}

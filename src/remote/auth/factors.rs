//! The second factor: an authenticator app that shares a secret with the server, and its codes. Listing is part of the
//! account (`AuthUser::factors`).

use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::remote::client::{Call, Client, Reply, body_of};
use crate::remote::error::{Doing, RemoteError};
use crate::remote::wire::{ChallengeReply, EnrolReply, TokenReply};

/// Who the codes are for, as the app lists them.
pub const ISSUER: &str = "FlyOS";

impl Client {
    /// A new factor, of no worth until a code of it was taken (`answer`).
    pub async fn enrol(&self, token: &SecretString, name: &str) -> Result<Reply<EnrolReply>, RemoteError> {
        let body = json!({"factor_type": "totp", "friendly_name": name, "issuer": ISSUER});
        let call = self.auth(Doing::Enrolling, Method::POST, "/auth/v1/factors");
        self.json(Call { token: Some(token), body: Some(body_of(&body)), ..call }).await
    }

    /// The server asks for a code of that factor; it waits five minutes for the answer.
    pub async fn challenge(
        &self,
        token: &SecretString,
        factor: &str,
    ) -> Result<Reply<ChallengeReply>, RemoteError> {
        let path = format!("/auth/v1/factors/{}/challenge", segment(factor));
        let call = self.auth(Doing::GivingCode, Method::POST, &path);
        self.json(Call { token: Some(token), body: Some(body_of(&json!({}))), ..call }).await
    }

    /// Answers with a code. The session's tokens from before it are spent.
    pub async fn answer(
        &self,
        token: &SecretString,
        factor: &str,
        challenge: &str,
        code: &SecretString,
    ) -> Result<Reply<TokenReply>, RemoteError> {
        let path = format!("/auth/v1/factors/{}/verify", segment(factor));
        let body = json!({"challenge_id": challenge, "code": code.expose_secret()});
        let call = self.auth(Doing::GivingCode, Method::POST, &path);
        self.json(Call { token: Some(token), body: Some(body_of(&body)), ..call }).await
    }

    /// Takes a factor away.
    pub async fn unenrol(&self, token: &SecretString, factor: &str) -> Result<Reply<()>, RemoteError> {
        let path = format!("/auth/v1/factors/{}", segment(factor));
        let call = self.auth(Doing::Unenrolling, Method::DELETE, &path);
        Ok(self.bytes(Call { token: Some(token), ..call }).await?.map(drop))
    }
}

/// An id as a part of a path: ids are the server's, and nothing of one may lead elsewhere.
fn segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

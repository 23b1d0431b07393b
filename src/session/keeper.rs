//! The tokens of one session: handed out, renewed before they end, written down before they are used.
//!
//! Everybody who needs a token asks `token`; one renewal is in flight at most, the others wait for it. A new
//! refresh token is durable (sealed, in the account's file) before its access token is handed out, so that a
//! crash between the two costs nothing. Times are measured by the monotonic clock: a wrong wall clock does
//! not end a session.
//!
//! The code of a second factor replaces both tokens, under the same lock.
//!
//! After an offline unlock there may be no usable refresh token; then the password that unlocked is used
//! once for a fresh session, and wiped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{Mutex, watch};
use uuid::Uuid;

use crate::remote::wire::TokenReply;
use crate::remote::{Cause, Client, ErrorKind, RemoteError, SignOutScope};
use crate::store::Desk;

/// How long the server is told of a sign-out.
const SIGN_OUT_PATIENCE: Duration = Duration::from_secs(3);
/// A session longer than this is looked at again all the same.
const SESSION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// A token that ends sooner than this is renewed first.
const MARGIN: Duration = Duration::from_secs(90);

/// The keeper of one session's tokens.
#[derive(Debug)]
pub struct Keeper {
    /// The account whose session this is, and no other's.
    uid: Uuid,
    client: Client,
    desk: Arc<Desk>,
    tokens: Mutex<Tokens>,
    /// Tells the socket of each new access token.
    fresh: watch::Sender<Option<SecretString>>,
}

#[derive(Debug, Default)]
struct Tokens {
    access: Option<(SecretString, Instant)>,
    refresh: Option<SecretString>,
    /// Address and password of an offline unlock, until the first session.
    unlock: Option<(String, SecretString)>,
}

impl Keeper {
    /// With the session of a fresh sign-in.
    pub fn signed_in(client: Client, desk: Arc<Desk>, reply: &TokenReply) -> Self {
        let keeper = Self::new(reply.user.id, client, desk, Tokens::default());
        keeper.tokens.try_lock().map(|mut tokens| tokens.take(reply)).ok();
        keeper
    }

    /// After an offline unlock: the stored refresh token if there is one, and address and password, if it was these.
    pub fn unlocked(
        uid: Uuid,
        client: Client,
        desk: Arc<Desk>,
        refresh: Option<SecretString>,
        unlock: Option<(String, SecretString)>,
    ) -> Self {
        Self::new(uid, client, desk, Tokens { access: None, refresh, unlock })
    }

    fn new(uid: Uuid, client: Client, desk: Arc<Desk>, tokens: Tokens) -> Self {
        Self { uid, client, desk, tokens: Mutex::new(tokens), fresh: watch::channel(None).0 }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Each new access token, for who must pass it on.
    pub fn watch(&self) -> watch::Receiver<Option<SecretString>> {
        self.fresh.subscribe()
    }

    /// A token that is good for a while; renews it where needed.
    pub async fn token(&self) -> Result<SecretString, RemoteError> {
        self.good(&mut *self.tokens.lock().await).await
    }

    async fn good(&self, tokens: &mut Tokens) -> Result<SecretString, RemoteError> {
        if let Some((access, ends)) = &tokens.access
            && *ends > Instant::now() + MARGIN
        {
            return Ok(access.clone());
        }
        self.renew(tokens).await
    }

    /// Gives the code of the second factor: of that one, or of the one that the account has. What comes back takes the
    /// place of both tokens. Nobody renews meanwhile: the refresh token from before the code is dead after it.
    pub async fn give_code(&self, factor: Option<&str>, code: &SecretString) -> Result<(), RemoteError> {
        let mut tokens = self.tokens.lock().await;
        let token = self.good(&mut tokens).await?;
        let own;
        let factor = if let Some(factor) = factor {
            factor
        } else {
            let user = self.client.user(&token).await?.value;
            own = user.second_factor().ok_or_else(RemoteError::no_second_factor)?.id;
            &own
        };
        let challenge = self.client.challenge(&token, factor).await?.value;
        let reply = self.client.answer(&token, factor, &challenge.id, code).await?.value;
        self.accept(&mut tokens, &reply).await.map(drop)
    }

    /// The server did not accept this token: the next call renews, unless somebody already did.
    pub async fn expire(&self, token: &SecretString) {
        let mut tokens = self.tokens.lock().await;
        if tokens.access.as_ref().is_some_and(|(access, _)| access.expose_secret() == token.expose_secret()) {
            tokens.access = None;
        }
    }

    async fn renew(&self, tokens: &mut Tokens) -> Result<SecretString, RemoteError> {
        let reply = match tokens.refresh.clone() {
            Some(refresh) => match self.client.refresh(&refresh).await {
                Ok(reply) => Ok(reply.value),
                Err(error) if error.kind == ErrorKind::SignInAgain && tokens.unlock.is_some() => {
                    tokens.refresh = None;
                    self.with_password(tokens).await
                }
                Err(error) => Err(error),
            },
            None => self.with_password(tokens).await,
        }?;
        self.accept(tokens, &reply).await
    }

    /// Writes a session's new tokens down and works with them from now on.
    async fn accept(&self, tokens: &mut Tokens, reply: &TokenReply) -> Result<SecretString, RemoteError> {
        if reply.user.id != self.uid {
            // The address belongs to another account by now: its session is not this folder's.
            tokens.unlock = None;
            return Err(RemoteError::session_ended());
        }
        self.keep(reply).await;
        tokens.take(reply);
        let access = SecretString::from(reply.access_token.clone());
        self.fresh.send_replace(Some(access.clone()));
        Ok(access)
    }

    async fn with_password(&self, tokens: &Tokens) -> Result<TokenReply, RemoteError> {
        match &tokens.unlock {
            Some((email, password)) => {
                let reply = self.client.sign_in(email, password).await?.value;
                self.client.checked(reply).await
            }
            None => Err(RemoteError::session_ended()),
        }
    }

    /// Writes the refresh token down, sealed. A disk that refuses is told and does not end the session: the
    /// worst that follows is a sign-in with the password.
    pub async fn keep(&self, reply: &TokenReply) {
        let (done, wait) = tokio::sync::oneshot::channel();
        let refresh = SecretString::from(reply.refresh_token.clone());
        let job = self.desk.submit(move |store| {
            let kept = store.keep_session(&refresh);
            drop(done.send(kept));
        });
        match (job, wait.await) {
            (Ok(()), Ok(Ok(()))) => {}
            (Ok(()), Ok(Err(error))) => tracing::warn!(%error, "the session could not be written down"),
            _ => tracing::warn!("the session could not be written down: the store is shut"),
        }
    }

    /// Tells the server of the sign-out, if it can be reached soon.
    pub async fn sign_out(&self, access: Option<SecretString>) {
        let Some(access) = access else { return };
        let told = self.client.logout(&access, SignOutScope::Local);
        if !matches!(tokio::time::timeout(SIGN_OUT_PATIENCE, told).await, Ok(Ok(_))) {
            tracing::info!("the server was not told of the sign-out");
        }
    }

    /// Ends other sessions of the account, or all of them.
    pub async fn end(&self, scope: SignOutScope) -> Result<(), RemoteError> {
        let token = self.token().await?;
        self.client.logout(&token, scope).await.map(drop)
    }

    /// Forgets the session here, also on disk; gives the access token for telling the server. A renewal that is
    /// under way is not waited for: without its tokens it comes to nothing.
    pub async fn forget(&self) -> Option<SecretString> {
        let access = self.let_go().await;
        // A desk that is shut has nothing left to forget.
        let _ = self.desk.submit(|store| {
            if let Err(error) = store.forget_session() {
                tracing::warn!(%error, "the stored session could not be removed");
            }
        });
        access
    }

    /// Forgets the session in memory alone.
    pub async fn let_go(&self) -> Option<SecretString> {
        let tokens = tokio::time::timeout(SIGN_OUT_PATIENCE, self.tokens.lock()).await;
        let access = tokens.ok().and_then(|mut tokens| std::mem::take(&mut *tokens).access);
        access.map(|(access, _)| access)
    }
}

impl Tokens {
    fn take(&mut self, reply: &TokenReply) {
        let ends = Instant::now() + Duration::from_secs(reply.expires_in).min(SESSION_MAX);
        self.access = Some((SecretString::from(reply.access_token.clone()), ends));
        self.refresh = Some(SecretString::from(reply.refresh_token.clone()));
        self.unlock = None;
    }
}

/// Is this a token that a renewal would mend?
pub fn is_expired(error: &RemoteError) -> bool {
    matches!(error.cause, Cause::TokenExpired | Cause::TokenBad)
}

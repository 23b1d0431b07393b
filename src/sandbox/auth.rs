//! Sign-in accounts and sessions, as `GoTrue` keeps them: passwords as argon2 hashes, refresh tokens that are
//! replaced at each use, sessions that end.
//!
//! No clock: times come in as unix milliseconds. An account knows nothing of roles; what it may do stands in
//! the profile that is linked to it. Making, changing and removing accounts is `accounts`' work, since it
//! touches profiles too.
//!
//! Refresh tokens: each use gives a new one. The parent of the newest is always taken again (its user may
//! have crashed before saving the new one), older ones for ten seconds after their use; both give the newest.
//! Later use of an old one looks like theft and ends the session.
//!
//! `factors` is the second factor, `mail` what is proved by a mailed code.

mod factors;
mod mail;

use std::collections::{BTreeMap, HashMap, VecDeque};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::SandboxError;
use super::keys::random;
use crate::domain::Stamp;
use factors::Challenge;
pub use factors::{Factor, FactorRefusal};
pub use mail::{Mail, MailFor};

/// How long a used refresh token is still taken.
const REUSE_INTERVAL_MS: i64 = 10_000;
/// Sessions of one account: the oldest gives way.
const SESSIONS_MAX: usize = 64;
/// Used refresh tokens a session remembers.
const USED_MAX: usize = 64;
/// The longest password bcrypt takes, and so `GoTrue`.
pub const PASSWORD_BYTES_MAX: usize = 72;

/// A sign-in account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub id: Uuid,
    pub email: String,
    /// Salt and argon2id hash, base64.
    salt: String,
    hash: String,
    /// The role and place, for whoever offers the training accounts; empty for all others.
    pub who: String,
    pub created_at: String,
    #[serde(default)]
    pub last_sign_in_ms: Option<i64>,
    /// Nobody has shown yet that the address is theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    /// Until then no sign-in and no refresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banned_until: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_at: Option<Stamp>,
    /// What the admin API wrote, and what the person did; beside what every account has.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub app_metadata: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub user_metadata: Map<String, Json>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
    /// The mail with a code that was sent last, until its code is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Mail>,
}

/// One sign-in, as long as it lasts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    pub id: Uuid,
    pub account: Uuid,
    pub created_ms: i64,
    newest: String,
    /// Used tokens with the time of their use, oldest first.
    used: VecDeque<(String, i64)>,
    /// Counts issues over all sessions, so that one can ask whether this one was refreshed since.
    #[serde(default)]
    pub issue: u64,
    /// How it was begun; absent: by password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// When the second factor was given, and which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<(Uuid, i64)>,
}

impl Session {
    pub fn has_second_factor(&self) -> bool {
        self.second.is_some()
    }
}

/// What a token reply is made of.
#[derive(Clone, Debug)]
pub struct Issued {
    pub account: Account,
    pub session: Uuid,
    /// By what the person was recognised and when, the latest first.
    pub methods: Vec<(String, i64)>,
    pub second_factor: bool,
    pub refresh_token: String,
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRefusal {
    InvalidCredentials,
    PasswordTooLong,
    Banned,
    EmailNotConfirmed,
    TokenMalformed,
    TokenNotFound,
    TokenUsed,
    /// At a refresh.
    TokenBanned,
}

/// Which sessions a sign-out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignOut {
    Global,
    Local,
    Others,
}

#[derive(Default)]
pub struct Auth {
    accounts: BTreeMap<Uuid, Account>,
    by_email: HashMap<String, Uuid>,
    sessions: HashMap<Uuid, Session>,
    tokens: HashMap<String, Uuid>,
    challenges: HashMap<Uuid, Challenge>,
    issues: u64,
}

/// Cheap on purpose: the training password is public, and signing in must not be slow in tests. A password
/// of one's own is still not readable from the file.
fn hash_password(password: &str, salt: &[u8]) -> Result<[u8; 32], SandboxError> {
    let wrong = |error: argon2::Error| SandboxError::Keys(format!("a password could not be hashed: {error}"));
    let params = Params::new(256, 1, 1, Some(32)).map_err(wrong)?;
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .map_err(wrong)?;
    Ok(hash)
}

/// Twelve of `[a-z0-9]`, as `GoTrue`'s first token format.
fn refresh_token() -> Result<String, SandboxError> {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    Ok(random::<12>()?.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect())
}

impl Account {
    pub fn new(
        id: Uuid,
        email: &str,
        password: &str,
        who: &str,
        created_at: &str,
    ) -> Result<Self, SandboxError> {
        let mut account = Self {
            id,
            email: email.to_owned(),
            hash: String::new(),
            salt: String::new(),
            who: who.to_owned(),
            created_at: created_at.to_owned(),
            last_sign_in_ms: None,
            unconfirmed: false,
            banned_until: None,
            invited_at: None,
            app_metadata: Map::new(),
            user_metadata: Map::new(),
            factors: Vec::new(),
            mail: None,
        };
        account.set_password(password)?;
        Ok(account)
    }

    pub fn set_password(&mut self, password: &str) -> Result<(), SandboxError> {
        let salt = random::<16>()?;
        self.hash = BASE64.encode(hash_password(password, &salt)?);
        self.salt = BASE64.encode(salt);
        Ok(())
    }

    pub fn is_banned(&self, now_ms: i64) -> bool {
        self.banned_until.is_some_and(|until| until > Stamp::from_millis(now_ms))
    }

    pub fn has_password(&self, password: &str) -> bool {
        let salt = BASE64.decode(&self.salt).unwrap_or_default();
        hash_password(password, &salt).is_ok_and(|hash| super::keys::same(&BASE64.encode(hash), &self.hash))
    }
}

impl Auth {
    pub fn put_account(&mut self, account: &Account) {
        let email = account.email.to_lowercase();
        if let Some(old) = self.accounts.insert(account.id, account.clone()) {
            self.by_email.remove(&old.email.to_lowercase());
        }
        self.by_email.insert(email, account.id);
    }

    /// Forgets an account and ends its sessions; gives those.
    pub fn remove_account(&mut self, id: Uuid) -> Vec<Uuid> {
        if let Some(old) = self.accounts.remove(&id) {
            self.by_email.remove(&old.email.to_lowercase());
        }
        self.end_all(id)
    }

    /// Ends every session of an account; gives them.
    pub fn end_all(&mut self, account: Uuid) -> Vec<Uuid> {
        // No session has the nil id, so `Global` is about all of them.
        self.sign_out(Uuid::nil(), account, SignOut::Global)
    }

    pub fn put_session(&mut self, session: Session) {
        self.end(session.id);
        self.tokens.insert(session.newest.clone(), session.id);
        self.tokens.extend(session.used.iter().map(|(token, _)| (token.clone(), session.id)));
        self.issues = self.issues.max(session.issue);
        self.sessions.insert(session.id, session);
    }

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    pub fn account(&self, id: Uuid) -> Option<&Account> {
        self.accounts.get(&id)
    }

    pub fn account_of(&self, email: &str) -> Option<&Account> {
        self.by_email.get(&email.to_lowercase()).and_then(|id| self.accounts.get(id))
    }

    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    pub fn session(&self, id: Uuid) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// The session a refresh token belongs to, used or not.
    pub fn session_of(&self, token: &str) -> Option<Uuid> {
        self.tokens.get(token).copied()
    }

    /// The number of the latest issue of any token.
    pub fn issues(&self) -> u64 {
        self.issues
    }

    pub fn sign_in(
        &mut self,
        email: &str,
        password: &str,
        now_ms: i64,
    ) -> Result<Result<Issued, AuthRefusal>, SandboxError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Ok(Err(AuthRefusal::PasswordTooLong));
        }
        let account = self.by_email.get(&email.to_lowercase()).and_then(|id| self.accounts.get_mut(id));
        let Some(account) = account else {
            // Takes as long as a wrong password, so that the time does not tell who is known.
            hash_password(password, &[0; 16])?;
            return Ok(Err(AuthRefusal::InvalidCredentials));
        };
        // Before the password, as the real server does, which so tells that the account is there.
        if account.is_banned(now_ms) {
            return Ok(Err(AuthRefusal::Banned));
        }
        if !account.has_password(password) {
            return Ok(Err(AuthRefusal::InvalidCredentials));
        }
        if account.unconfirmed {
            return Ok(Err(AuthRefusal::EmailNotConfirmed));
        }
        let id = account.id;
        self.begin(id, None, now_ms).map(Ok)
    }

    /// A session for an account that was recognised.
    fn begin(&mut self, id: Uuid, method: Option<&str>, now_ms: i64) -> Result<Issued, SandboxError> {
        let account =
            self.accounts.get_mut(&id).ok_or_else(|| SandboxError::Keys("no account".to_owned()))?;
        account.last_sign_in_ms = Some(now_ms);
        let account = account.clone();
        self.make_room(id);
        self.issues += 1;
        let session = Session {
            id: Uuid::new_v4(),
            account: id,
            created_ms: now_ms,
            newest: refresh_token()?,
            used: VecDeque::new(),
            issue: self.issues,
            method: method.map(str::to_owned),
            second: None,
        };
        let issued = issued(account, &session);
        self.put_session(session);
        Ok(issued)
    }

    fn make_room(&mut self, account: Uuid) {
        let mut own: Vec<_> = self.sessions.values().filter(|session| session.account == account).collect();
        own.sort_by_key(|session| session.issue);
        let many = (own.len() + 1).saturating_sub(SESSIONS_MAX);
        let old: Vec<Uuid> = own.iter().take(many).map(|session| session.id).collect();
        for id in old {
            self.end(id);
        }
    }

    pub fn refresh(&mut self, token: &str, now_ms: i64) -> Result<Result<Issued, AuthRefusal>, SandboxError> {
        if token.len() < 12 || !token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Ok(Err(AuthRefusal::TokenMalformed));
        }
        let found = self.tokens.get(token).and_then(|id| self.sessions.get_mut(id));
        let Some(session) = found else { return Ok(Err(AuthRefusal::TokenNotFound)) };
        let Some(account) = self.accounts.get(&session.account).cloned() else {
            return Ok(Err(AuthRefusal::TokenNotFound));
        };
        if account.is_banned(now_ms) {
            return Ok(Err(AuthRefusal::TokenBanned));
        }
        if session.newest == token {
            let fresh = refresh_token()?;
            let old = std::mem::replace(&mut session.newest, fresh);
            session.used.push_back((old, now_ms));
            self.tokens.insert(session.newest.clone(), session.id);
            if session.used.len() > USED_MAX
                && let Some((dropped, _)) = session.used.pop_front()
            {
                self.tokens.remove(&dropped);
            }
        } else {
            let parent = session.used.back().is_some_and(|(used, _)| used == token);
            let recent =
                session.used.iter().any(|(used, at)| used == token && now_ms - at < REUSE_INTERVAL_MS);
            if !parent && !recent {
                let id = session.id;
                self.end(id);
                return Ok(Err(AuthRefusal::TokenUsed));
            }
        }
        self.issues += 1;
        session.issue = self.issues;
        Ok(Ok(issued(account, session)))
    }

    /// Ends sessions of the account whose session this is; gives the ended ones.
    pub fn sign_out(&mut self, session: Uuid, account: Uuid, scope: SignOut) -> Vec<Uuid> {
        let ends = |other: &&Session| match scope {
            SignOut::Global => other.account == account,
            SignOut::Local => other.id == session,
            SignOut::Others => other.account == account && other.id != session,
        };
        let ended: Vec<Uuid> = self.sessions.values().filter(ends).map(|session| session.id).collect();
        for id in &ended {
            self.end(*id);
        }
        ended
    }

    /// Ends a session. Its used tokens are forgotten with it.
    pub fn end(&mut self, session: Uuid) {
        if let Some(session) = self.sessions.remove(&session) {
            self.tokens.remove(&session.newest);
            for (token, _) in &session.used {
                self.tokens.remove(token);
            }
        }
    }
}

fn issued(account: Account, session: &Session) -> Issued {
    let first = session.method.clone().unwrap_or_else(|| "password".to_owned());
    let second = session.second.map(|(_, at)| ("totp".to_owned(), at));
    Issued {
        account,
        session: session.id,
        methods: second.into_iter().chain([(first, session.created_ms)]).collect(),
        second_factor: session.has_second_factor(),
        refresh_token: session.newest.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "FlyOS2025!";

    fn auth() -> Auth {
        let mut auth = Auth::default();
        let account = Account::new(Uuid::from_u128(1), "Main@flyos.mil", PASSWORD, "main", "2025-01-01");
        auth.put_account(&account.expect("an account"));
        auth
    }

    fn sign_in(auth: &mut Auth, now: i64) -> Issued {
        auth.sign_in("main@flyos.mil", PASSWORD, now).expect("random bytes").expect("signed in")
    }

    #[test]
    fn passwords() {
        let mut auth = auth();
        assert!(auth.sign_in("MAIN@flyos.mil", PASSWORD, 0).expect("random bytes").is_ok());
        for (email, password, why) in [
            ("main@flyos.mil", "wrong", AuthRefusal::InvalidCredentials),
            ("nobody@flyos.mil", PASSWORD, AuthRefusal::InvalidCredentials),
            ("main@flyos.mil", &"x".repeat(73), AuthRefusal::PasswordTooLong),
        ] {
            assert_eq!(auth.sign_in(email, password, 0).expect("random bytes").err(), Some(why));
        }
        let stored = serde_json::to_string(&auth.accounts().collect::<Vec<_>>()).expect("JSON");
        assert!(!stored.contains(PASSWORD), "only hashes are kept");
    }

    #[test]
    fn refresh_tokens_rotate_and_their_late_reuse_ends_the_session() {
        let mut auth = auth();
        let first = sign_in(&mut auth, 0);
        let mut refresh = |token: &str, now| {
            auth.refresh(token, now).expect("random bytes").map(|issued| issued.refresh_token)
        };
        let second = refresh(&first.refresh_token, 1000).expect("rotated");
        assert_ne!(first.refresh_token, second);
        assert_eq!(refresh(&first.refresh_token, 999_000), Ok(second.clone()), "the parent at any time");
        let third = refresh(&second, 1_000_000).expect("rotated");
        assert_eq!(refresh(&second, 1_005_000), Ok(third.clone()));
        let fourth = refresh(&third, 1_006_000).expect("rotated");
        assert_eq!(refresh(&second, 1_009_999), Ok(fourth.clone()), "used 9.999 s ago");
        assert_eq!(refresh(&second, 1_010_000), Err(AuthRefusal::TokenUsed));
        assert_eq!(refresh(&fourth, 1_010_001), Err(AuthRefusal::TokenNotFound), "the session has ended");
        assert_eq!(refresh("short", 0), Err(AuthRefusal::TokenMalformed));
        assert!(auth.session(first.session).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_end() {
        let mut auth = auth();
        let first = sign_in(&mut auth, 0);
        let all: Vec<_> = (1..=64).map(|now| sign_in(&mut auth, now)).collect();
        assert_eq!(auth.sessions().count(), SESSIONS_MAX);
        assert!(auth.session(first.session).is_none(), "the oldest gave way");
        let (mine, other) = (all[0].session, all[1].session);
        assert_eq!(auth.sign_out(mine, first.account.id, SignOut::Local), [mine]);
        assert!(auth.session(other).is_some());
        auth.sign_out(other, first.account.id, SignOut::Others);
        assert_eq!(auth.sessions().map(|session| session.id).collect::<Vec<_>>(), [other]);
        auth.sign_out(other, first.account.id, SignOut::Global);
        assert_eq!(auth.sessions().count(), 0);
        assert!(auth.tokens.is_empty(), "no token outlives its session");
    }
}

//! Making, changing and removing sign-in accounts, with what that does to profiles, and the other way round.
//!
//! Works on plain data, the engine's and the accounts' side by side; whoever calls holds both locks and logs what
//! came of it. The part that may be refused comes first, so that a refusal leaves both as they were.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::SandboxError;
use super::auth::{Account, Auth};
use super::engine::{Bar, Commit, Engine, NewAccount};
use crate::domain::Stamp;
use crate::remote::wire::admin::PROFILE_CLAIM;

/// 2999-12-31: until then the ban lasts that comes with deactivating a profile. No ban by hand ends at this very
/// moment, so reactivating lifts this one and no other.
pub const DEACTIVATED_UNTIL: Stamp = Stamp(32_503_593_600_000_000);
/// The claims that every account has, which nobody may overwrite.
const OWN_CLAIMS: [&str; 2] = ["provider", "providers"];

/// Stands for the lists of leaked passwords that a project may ask: these are on every one of them.
const LEAKED: [&str; 3] = ["password", "12345678", "password123"];

/// What became of accounts in one transaction, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthCommit {
    /// Written or removed: the log looks which.
    pub accounts: BTreeSet<Uuid>,
    /// Sessions that ended.
    pub ended: Vec<Uuid>,
}

impl AuthCommit {
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.ended.is_empty()
    }
}

/// What the admin API asks to be written.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub email: Option<String>,
    pub password: Option<String>,
    pub confirm: bool,
    pub ban: Ban,
    pub app_metadata: Map<String, Json>,
    pub user_metadata: Map<String, Json>,
}

/// What becomes of a ban.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ban {
    #[default]
    Keep,
    Lift,
    Until(Stamp),
}

impl Ban {
    fn from(self, was: Option<Stamp>) -> Option<Stamp> {
        match self {
            Self::Keep => was,
            Self::Lift => None,
            Self::Until(until) => Some(until),
        }
    }
}

/// Why nothing was written.
#[derive(Debug)]
pub enum Fault {
    EmailExists,
    /// The database refused: a trigger raised, or an index has the value already.
    Database,
    Own(SandboxError),
}

/// What a transaction gives.
pub type Done<T> = Result<(T, Commit, AuthCommit), Fault>;

fn claim(metadata: &Map<String, Json>) -> Option<&str> {
    metadata.get(PROFILE_CLAIM).map(|claim| claim.as_str().unwrap_or_default())
}

/// Merges as the real server does: a null takes the key away.
fn merge(into: &mut Map<String, Json>, from: &Map<String, Json>) {
    for (key, value) in from.iter().filter(|(key, _)| !OWN_CLAIMS.contains(&key.as_str())) {
        if value.is_null() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

fn touched(account: Uuid, ended: Vec<Uuid>) -> AuthCommit {
    AuthCommit { accounts: BTreeSet::from([account]), ended }
}

/// A new account, linked by the rule of linking.
pub fn create(engine: &mut Engine, auth: &mut Auth, wish: &Wish, now: Stamp) -> Done<Account> {
    let email = wish.email.as_deref().unwrap_or_default().to_lowercase();
    if auth.account_of(&email).is_some() {
        return Err(Fault::EmailExists);
    }
    // Without a password there is one that nobody knows.
    let random = Uuid::new_v4().to_string();
    let password = wish.password.as_deref().unwrap_or(&random);
    let mut account = Account::new(Uuid::new_v4(), &email, password, "", &now.text()).map_err(Fault::Own)?;
    account.unconfirmed = !wish.confirm;
    account.banned_until = wish.ban.from(None);
    merge(&mut account.app_metadata, &wish.app_metadata);
    merge(&mut account.user_metadata, &wish.user_metadata);
    let new = NewAccount {
        id: account.id,
        email: &email,
        confirmed: wish.confirm,
        claim: claim(&account.app_metadata),
    };
    let commit = engine.link_new(new, Uuid::now_v7(), now);
    auth.put_account(&account);
    Ok((account.clone(), commit, touched(account.id, Vec::new())))
}

/// Changes an account; a new address is copied to its profile, a new password ends every session.
pub fn update(engine: &mut Engine, auth: &mut Auth, id: Uuid, wish: &Wish, now: Stamp) -> Done<Account> {
    let Some(mut account) = auth.account(id).cloned() else { return Err(Fault::Database) };
    let email = wish.email.as_ref().map(|email| email.to_lowercase());
    if let Some(email) = &email {
        if auth.account_of(email).is_some_and(|other| other.id != id) {
            return Err(Fault::Database);
        }
        account.email.clone_from(email);
    }
    if let Some(password) = &wish.password {
        account.set_password(password).map_err(Fault::Own)?;
    }
    account.unconfirmed &= !wish.confirm;
    account.banned_until = wish.ban.from(account.banned_until);
    merge(&mut account.app_metadata, &wish.app_metadata);
    merge(&mut account.user_metadata, &wish.user_metadata);
    let mut commit = Commit::default();
    // One that is barred because its profile went is nobody's new account.
    let barred = account.banned_until == Some(DEACTIVATED_UNTIL);
    if !barred && (!wish.app_metadata.is_empty() || wish.confirm || email.is_some()) {
        let claim = claim(&account.app_metadata);
        let new = NewAccount { id, email: &account.email, confirmed: !account.unconfirmed, claim };
        commit = engine.link(new, now);
    }
    if let Some(email) = &email
        && commit.is_empty()
    {
        commit = engine.copy_email(id, email, now);
    }
    let ended = if wish.password.is_some() { auth.end_all(id) } else { Vec::new() };
    auth.put_account(&account);
    Ok((account, commit, touched(id, ended)))
}

/// An account goes, with its sessions; its profile stays.
pub fn delete(engine: &mut Engine, auth: &mut Auth, id: Uuid, now: Stamp) -> (Commit, AuthCommit) {
    let commit = engine.unlink(id, now);
    let ended = auth.remove_account(id);
    (commit, touched(id, ended))
}

/// Does to accounts what a change of their profiles asks for.
pub fn bar(auth: &mut Auth, bars: &[Bar], now: Stamp) -> AuthCommit {
    let mut done = AuthCommit::default();
    for bar in bars {
        let (Bar::Set(id) | Bar::Lift(id) | Bar::Gone { account: id, .. }) = *bar;
        let Some(was) = auth.account(id).cloned() else { continue };
        let mut account = was.clone();
        account.banned_until = match bar {
            // A ban by hand stays what it is, so that reactivating does not lift it.
            Bar::Set(_) | Bar::Gone { .. } => {
                Some(was.banned_until.filter(|until| *until > now).unwrap_or(DEACTIVATED_UNTIL))
            }
            Bar::Lift(_) => was.banned_until.filter(|until| *until != DEACTIVATED_UNTIL),
        };
        if let Bar::Gone { profile, .. } = bar {
            account.app_metadata.insert(PROFILE_CLAIM.to_owned(), profile.to_string().into());
        }
        if !matches!(bar, Bar::Lift(_)) {
            done.ended.extend(auth.end_all(id));
        }
        if (account.banned_until, &account.app_metadata) != (was.banned_until, &was.app_metadata) {
            auth.put_account(&account);
            done.accounts.insert(id);
        }
    }
    done
}

/// One number with a unit, of those the real server takes; in microseconds.
pub fn duration(text: &str) -> Option<i64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let unit = match unit {
        "h" => 3_600_000_000,
        "m" => 60_000_000,
        "s" => 1_000_000,
        "ms" => 1000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

/// May this password not be set? (At a creation nobody asks, as with the real server.)
pub fn is_leaked(password: &str) -> bool {
    LEAKED.contains(&password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("876000h"), Some(3_153_600_000_000_000));
        assert_eq!(duration("10ms"), Some(10_000));
        for text in ["", "7", "7d", "h", "-1h", "99999999999999999999h", "9999999999999999h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn reactivating_lifts_the_ban_that_deactivating_made_and_no_other() {
        assert_eq!(DEACTIVATED_UNTIL.text(), "2999-12-31T00:00:00+00:00");
        let (id, now) = (Uuid::from_u128(1), Stamp(1_760_000_000_000_000));
        let by_hand = Stamp(now.0 + 1_000_000);
        let account = Account::new(id, "a@b.c", "password", "", "2025-01-01").expect("an account");
        let mut auth = Auth::default();
        for (was, set, lifted) in [
            (None, Some(DEACTIVATED_UNTIL), None),
            (Some(by_hand), Some(by_hand), Some(by_hand)),
            (Some(Stamp(now.0 - 1)), Some(DEACTIVATED_UNTIL), None),
        ] {
            let mut account = account.clone();
            account.banned_until = was;
            auth.put_account(&account);
            auth.sign_in("a@b.c", "password", 0).expect("random bytes").ok();
            let done = bar(&mut auth, &[Bar::Set(id)], now);
            assert_eq!(auth.account(id).and_then(|account| account.banned_until), set, "{was:?}");
            assert_eq!((done.ended.len(), auth.sessions().count()), (usize::from(was.is_none()), 0));
            bar(&mut auth, &[Bar::Lift(id)], now);
            assert_eq!(auth.account(id).and_then(|account| account.banned_until), lifted, "{was:?}");
        }
    }
}

//! The second factor: a secret that an authenticator app has as well, and codes made of it and the time (TOTP: SHA-1,
//! six digits, 30 seconds, one step to either side).
//!
//! A factor counts once a code of it was given. From then on a session is worth more where it gave one, and only such
//! a session may set up another factor or take one away. A code that is right gives the session a new refresh token
//! and ends the account's sessions that gave none.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

use super::{Account, Auth, Issued, issued, refresh_token};
use crate::sandbox::SandboxError;
use crate::sandbox::keys::random;

/// Factors of one account.
const FACTORS_MAX: usize = 10;
/// How long a challenge can be answered.
const CHALLENGE_MS: i64 = 300_000;
/// An enrolment that nobody finished in this time gives way to the next.
const UNVERIFIED_MS: i64 = 300_000;
/// Challenges that are remembered; beyond, the old ones go.
const CHALLENGES_MAX: usize = 1000;

/// An authenticator app.
#[derive(Clone, Serialize, Deserialize)]
pub struct Factor {
    pub id: Uuid,
    pub name: String,
    pub verified: bool,
    pub created_ms: i64,
    pub updated_ms: i64,
    /// Base32.
    pub secret: String,
}

impl fmt::Debug for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factor")
            .field("id", &self.id)
            .field("verified", &self.verified)
            .finish_non_exhaustive()
    }
}

/// A question for a code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    factor: Uuid,
    until_ms: i64,
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorRefusal {
    NotFound,
    NameTaken,
    TooMany,
    /// The session has not given its second factor.
    NeedsSecondFactor,
    WrongCode,
    ChallengeExpired,
    ChallengeUsed,
}

fn totp(secret: &str) -> Result<Totp, SandboxError> {
    let secret = Secret::try_from_base32(secret).map_err(|error| SandboxError::Keys(error.to_string()))?;
    Builder::new().with_secret(secret).build().map_err(|error| SandboxError::Keys(error.to_string()))
}

impl Account {
    pub fn has_second_factor(&self) -> bool {
        self.factors.iter().any(|factor| factor.verified)
    }
}

impl Auth {
    /// A new factor, of no worth until a code of it was given.
    pub fn enrol(
        &mut self,
        account: Uuid,
        second_factor_given: bool,
        name: &str,
        now_ms: i64,
    ) -> Result<Result<Factor, FactorRefusal>, SandboxError> {
        let secret = Secret::from(random::<20>()?).to_base32();
        let Some(account) = self.accounts.get_mut(&account) else { return Ok(Err(FactorRefusal::NotFound)) };
        account.factors.retain(|factor| factor.verified || now_ms - factor.created_ms < UNVERIFIED_MS);
        let refusal = if account.has_second_factor() && !second_factor_given {
            Some(FactorRefusal::NeedsSecondFactor)
        } else if account.factors.len() >= FACTORS_MAX {
            Some(FactorRefusal::TooMany)
        } else if account.factors.iter().any(|factor| factor.name == name) {
            Some(FactorRefusal::NameTaken)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Ok(Err(refusal));
        }
        let (id, name) = (Uuid::new_v4(), name.to_owned());
        let factor = Factor { id, name, verified: false, created_ms: now_ms, updated_ms: now_ms, secret };
        account.factors.push(factor.clone());
        Ok(Ok(factor))
    }

    fn factor(&self, account: Uuid, id: Uuid) -> Result<&Factor, FactorRefusal> {
        let factors = self.accounts.get(&account).into_iter().flat_map(|account| &account.factors);
        factors.into_iter().find(|factor| factor.id == id).ok_or(FactorRefusal::NotFound)
    }

    /// Asks for a code of that factor; the question's id, and until when it can be answered.
    pub fn challenge(
        &mut self,
        account: Uuid,
        factor: Uuid,
        now_ms: i64,
    ) -> Result<(Uuid, i64), FactorRefusal> {
        self.factor(account, factor)?;
        if self.challenges.len() >= CHALLENGES_MAX {
            self.challenges.retain(|_, challenge| challenge.until_ms > now_ms);
        }
        let (id, until_ms) = (Uuid::new_v4(), now_ms + CHALLENGE_MS);
        self.challenges.insert(id, Challenge { factor, until_ms });
        Ok((id, until_ms))
    }

    /// Takes a code. Gives the session's new tokens, and the sessions that ended.
    pub fn answer(
        &mut self,
        session: Uuid,
        factor: Uuid,
        (challenge, code): (Uuid, &str),
        now_ms: i64,
    ) -> Result<Result<(Issued, Vec<Uuid>), FactorRefusal>, SandboxError> {
        let Some(id) = self.sessions.get(&session).map(|session| session.account) else {
            return Ok(Err(FactorRefusal::NotFound));
        };
        let secret = match self.factor(id, factor) {
            Ok(factor) => factor.secret.clone(),
            Err(refusal) => return Ok(Err(refusal)),
        };
        match self.challenges.get(&challenge) {
            Some(asked) if asked.factor != factor => return Ok(Err(FactorRefusal::NotFound)),
            Some(asked) if asked.until_ms <= now_ms => {
                self.challenges.remove(&challenge);
                return Ok(Err(FactorRefusal::ChallengeExpired));
            }
            Some(_) => {}
            None => return Ok(Err(FactorRefusal::ChallengeUsed)),
        }
        if totp(&secret)?.check(code, u64::try_from(now_ms / 1000).unwrap_or(0)).is_none() {
            return Ok(Err(FactorRefusal::WrongCode));
        }
        self.challenges.remove(&challenge);
        let Some(account) = self.accounts.get_mut(&id) else { return Ok(Err(FactorRefusal::NotFound)) };
        account.factors.retain(|other| other.verified || other.id == factor);
        for own in account.factors.iter_mut().filter(|own| own.id == factor) {
            (own.verified, own.updated_ms) = (true, now_ms);
        }
        let account = account.clone();
        let Some(mut own) = self.sessions.get(&session).cloned() else {
            return Ok(Err(FactorRefusal::NotFound));
        };
        own.second = Some((factor, now_ms));
        // What was handed out before the code is worth nothing from now on.
        (own.newest, own.used) = (refresh_token()?, VecDeque::new());
        self.issues += 1;
        own.issue = self.issues;
        let issued = issued(account, &own);
        self.put_session(own);
        let weaker = self.sessions.values().filter(|other| other.account == id && other.second.is_none());
        let ended: Vec<Uuid> = weaker.map(|other| other.id).collect();
        for id in &ended {
            self.end(*id);
        }
        Ok(Ok((issued, ended)))
    }

    /// Takes a factor away; sessions that gave it are worth no more than others.
    pub fn unenrol(
        &mut self,
        account: Uuid,
        second_factor_given: bool,
        id: Uuid,
    ) -> Result<Vec<Uuid>, FactorRefusal> {
        if self.factor(account, id)?.verified && !second_factor_given {
            return Err(FactorRefusal::NeedsSecondFactor);
        }
        if let Some(account) = self.accounts.get_mut(&account) {
            account.factors.retain(|factor| factor.id != id);
        }
        let of_it = self.sessions.values_mut().filter(|own| own.second.is_some_and(|(by, _)| by == id));
        Ok(of_it
            .map(|session| {
                session.second = None;
                session.id
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::AuthRefusal;
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const NOW: i64 = 1_760_000_000_000;

    fn auth() -> Auth {
        let mut auth = Auth::default();
        auth.put_account(&Account::new(ID, "a@b.c", "password", "", "2025-01-01").expect("an account"));
        auth
    }

    fn sign_in(auth: &mut Auth) -> Issued {
        auth.sign_in("a@b.c", "password", NOW).expect("random bytes").expect("signed in")
    }

    fn code(factor: &Factor, now_ms: i64) -> String {
        totp(&factor.secret).expect("a secret").generate(now_ms.unsigned_abs() / 1000).to_string()
    }

    #[test]
    fn a_code_makes_the_session_worth_more_and_ends_weaker_ones() {
        let mut auth = auth();
        let (first, other) = (sign_in(&mut auth), sign_in(&mut auth));
        let factor = auth.enrol(ID, false, "phone", NOW).expect("random bytes").expect("enrolled");
        assert!(!auth.account(ID).expect("there").has_second_factor());
        assert_eq!(
            auth.enrol(ID, false, "phone", NOW).expect("random bytes").err(),
            Some(FactorRefusal::NameTaken)
        );
        let (challenge, _) = auth.challenge(ID, factor.id, NOW).expect("asked");
        let answer = |auth: &mut Auth, challenge, code: &str, now| {
            auth.answer(first.session, factor.id, (challenge, code), now).expect("random bytes")
        };
        let old = code(&factor, NOW - 90_000);
        assert_eq!(answer(&mut auth, challenge, &old, NOW).err(), Some(FactorRefusal::WrongCode));
        let late = answer(&mut auth, challenge, &code(&factor, NOW), NOW + CHALLENGE_MS);
        assert_eq!(late.err(), Some(FactorRefusal::ChallengeExpired));
        let (challenge, _) = auth.challenge(ID, factor.id, NOW).expect("asked");
        // One step late is taken.
        let (issued, ended) = answer(&mut auth, challenge, &code(&factor, NOW - 30_000), NOW).expect("taken");
        assert!(issued.second_factor);
        assert_eq!(issued.methods[0].0, "totp");
        assert_eq!(ended, [other.session]);
        assert_eq!(
            auth.refresh(&first.refresh_token, NOW).expect("random bytes").err(),
            Some(AuthRefusal::TokenNotFound),
            "the token from before the code is dead"
        );
        let used = answer(&mut auth, challenge, &code(&factor, NOW), NOW);
        assert_eq!(used.err(), Some(FactorRefusal::ChallengeUsed));
        let renewed = auth.refresh(&issued.refresh_token, NOW).expect("random bytes").expect("renewed");
        assert!(renewed.second_factor, "it lasts");
        assert_eq!(auth.unenrol(ID, false, factor.id), Err(FactorRefusal::NeedsSecondFactor));
        assert_eq!(
            auth.enrol(ID, false, "tablet", NOW).expect("random bytes").err(),
            Some(FactorRefusal::NeedsSecondFactor)
        );
        assert_eq!(auth.unenrol(ID, true, factor.id), Ok(vec![first.session]));
        assert!(!auth.session(first.session).expect("it goes on").has_second_factor());
    }

    #[test]
    fn enrolments_that_nobody_finished_give_way() {
        let mut auth = auth();
        for n in 0..10 {
            auth.enrol(ID, false, &n.to_string(), NOW).expect("random bytes").expect("enrolled");
        }
        let more = |auth: &mut Auth, now| auth.enrol(ID, false, "more", now).expect("random bytes").err();
        assert_eq!(more(&mut auth, NOW), Some(FactorRefusal::TooMany));
        assert_eq!(more(&mut auth, NOW + UNVERIFIED_MS), None);
        assert_eq!(auth.account(ID).expect("there").factors.len(), 1);
    }
}

//! What is proved by a code that came by mail: that an address is somebody's. No mail is ever sent here; the code stands
//! with the account, where whoever trains or tests can look it up.
//!
//! A code is for one thing, is good for an hour and once, and the next mail takes its place.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Account, Auth, Issued};
use crate::sandbox::SandboxError;
use crate::sandbox::keys::{random, same};

/// How long a code is good for.
const GOOD_MS: i64 = 3_600_000;
/// Between two mails to one address.
const GAP_MS: i64 = 60_000;

/// What the code in a mail is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailFor {
    Recovery,
    Invite,
    Reauthentication,
}

/// A mail with a code.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    pub good_for: MailFor,
    pub code: String,
    pub sent_ms: i64,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("good_for", &self.good_for).finish_non_exhaustive()
    }
}

impl Mail {
    pub fn new(good_for: MailFor, now_ms: i64) -> Result<Self, SandboxError> {
        let code = u32::from_le_bytes(random::<4>()?) % 1_000_000;
        Ok(Self { good_for, code: format!("{code:06}"), sent_ms: now_ms })
    }
}

impl Account {
    /// Seconds until the next mail to this address, where it is too soon for one.
    pub fn mail_wait_s(&self, now_ms: i64) -> Option<i64> {
        let passed = now_ms - self.mail.as_ref()?.sent_ms;
        (0..GAP_MS).contains(&passed).then(|| (GAP_MS - passed + 999) / 1000)
    }

    /// Is it the code of the last mail, for that, and in time?
    pub fn has_code(&self, good_for: MailFor, code: &str, now_ms: i64) -> bool {
        self.mail.as_ref().is_some_and(|mail| {
            mail.good_for == good_for && same(&mail.code, code) && now_ms - mail.sent_ms < GOOD_MS
        })
    }
}

impl Auth {
    /// A session for who had a mailed code; the code was looked at before.
    pub fn begin_by_mail(
        &mut self,
        account: Uuid,
        good_for: MailFor,
        now_ms: i64,
    ) -> Result<Issued, SandboxError> {
        let method = if good_for == MailFor::Invite { "invite" } else { "recovery" };
        self.begin(account, Some(method), now_ms)
    }
}

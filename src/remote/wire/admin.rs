//! The shapes of `POST /functions/v1/admin-users`: what can be asked about sign-in accounts, what is answered,
//! and the four SQL functions behind it.
//!
//! * `read`: from the bytes of a request to an `AdminRequest`, or the refusal that names the field.
//! * `refusal`: every refusal with its code, its status and its words.
//!
//! What was done leaves a line in the activity, with who did it and why: `NoteRequest` is how the database is told.
//! Only who holds the project's secret key can tell it, and so the function does, after the deed.
//!
//! Three servers speak these shapes to the letter: the Edge Function, the training server, and, for who holds the
//! project's secret key, the direct path of `remote::admin`. `tests/wire/admin_cases.json` holds them together.

mod read;
pub use read::uuid as written_uuid;
mod refusal;

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Must, MustReply};
use crate::domain::{Role, Stamp, Status, text_enum};
pub use refusal::{AdminCode, AdminRefusal};

/// Bytes of a request: the longest that makes sense is under one KiB.
pub const REQUEST_BYTES_MAX: usize = 16 << 10;
/// Characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Bytes of a password: bcrypt looks at no more, and the sign-in server refuses more.
pub const PASSWORD_BYTES_MAX: usize = 72;
/// Accounts looked at for one page of those without a profile: their ids must fit an address.
pub const PAGE_ACCOUNTS: usize = 100;
/// The last page that may be asked for.
pub const PAGES_MAX: u32 = 10_000;
/// How long a ban by hand lasts: a hundred years, in the only unit the sign-in server takes.
pub const BAN_DURATION: &str = "876000h";
/// The kind of the lines in the activity that tell of an account.
pub const ACCOUNT_LINE: &str = "account";
/// The claim in `app_metadata` that ties a new account to a profile: only the admin API can write it.
pub const PROFILE_CLAIM: &str = "flyos_profile_id";

text_enum! {
    /// What can be done to a sign-in account.
    AdminAction {
        Create = "create",
        Invite = "invite",
        SetPassword = "set_password",
        Ban = "ban",
        Unban = "unban",
        SetEmail = "set_email",
        Delete = "delete",
        SignOut = "sign_out",
        ListUnlinked = "list_unlinked",
    }
}

/// A password on its way: no `Debug` shows it, and it is wiped when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl Serialize for Password {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// A request as it is sent: what is wanted, and why. Read by `AdminAsked::read` alone, which refuses by name.
#[derive(Clone, Debug, Serialize)]
pub struct AdminAsked {
    #[serde(flatten)]
    pub request: AdminRequest,
    /// For the line in the activity, under the rules of an edit's reason; a list has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<AdminRequest> for AdminAsked {
    fn from(request: AdminRequest) -> Self {
        Self { request, reason: None }
    }
}

/// What is asked. The one it is about is named by `profiles.id`; the account's address is the profile's.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum AdminRequest {
    /// An account that can sign in at once.
    Create {
        profile: Uuid,
        password: Password,
    },
    /// An account whose owner chooses the password by the mail that is sent; asked again, it is sent again.
    Invite {
        profile: Uuid,
    },
    /// A new password, which ends every session.
    SetPassword {
        profile: Uuid,
        password: Password,
    },
    /// No sign-in until the ban is lifted, and no session from now on.
    Ban {
        profile: Uuid,
    },
    Unban {
        profile: Uuid,
    },
    /// Another address, for account and profile.
    SetEmail {
        profile: Uuid,
        email: String,
    },
    /// The account goes, the profile stays.
    Delete {
        profile: Uuid,
    },
    /// An account without a profile goes. The other spelling of `delete`.
    #[serde(rename = "delete")]
    DeleteUnlinked {
        account: Uuid,
    },
    /// Every session ends.
    SignOut {
        profile: Uuid,
    },
    /// The accounts that belong to no profile, page by page.
    ListUnlinked {
        page: u32,
    },
}

impl AdminRequest {
    pub const fn action(&self) -> AdminAction {
        match self {
            Self::Create { .. } => AdminAction::Create,
            Self::Invite { .. } => AdminAction::Invite,
            Self::SetPassword { .. } => AdminAction::SetPassword,
            Self::Ban { .. } => AdminAction::Ban,
            Self::Unban { .. } => AdminAction::Unban,
            Self::SetEmail { .. } => AdminAction::SetEmail,
            Self::Delete { .. } | Self::DeleteUnlinked { .. } => AdminAction::Delete,
            Self::SignOut { .. } => AdminAction::SignOut,
            Self::ListUnlinked { .. } => AdminAction::ListUnlinked,
        }
    }

    /// The profile that it names.
    pub const fn profile(&self) -> Option<Uuid> {
        match self {
            Self::Create { profile, .. }
            | Self::Invite { profile }
            | Self::SetPassword { profile, .. }
            | Self::Ban { profile }
            | Self::Unban { profile }
            | Self::SetEmail { profile, .. }
            | Self::Delete { profile }
            | Self::SignOut { profile } => Some(*profile),
            Self::DeleteUnlinked { .. } | Self::ListUnlinked { .. } => None,
        }
    }
}

/// What is answered where it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AdminReply {
    /// The account as it is now; as it was last, where it was deleted. `noted`: its line is in the activity; a function
    /// from before there were such lines says nothing of it.
    Done {
        ok: bool,
        action: AdminAction,
        account: AdminAccount,
        #[serde(default)]
        noted: bool,
    },
    /// `next` is the page to ask for, where there is one. A page may be empty before the last.
    Unlinked { ok: bool, action: AdminAction, accounts: Vec<UnlinkedAccount>, next: Option<u32> },
}

impl AdminReply {
    pub const fn done(action: AdminAction, account: AdminAccount) -> Self {
        Self::Done { ok: true, action, account, noted: true }
    }

    pub const fn unlinked(accounts: Vec<UnlinkedAccount>, next: Option<u32>) -> Self {
        Self::Unlinked { ok: true, action: AdminAction::ListUnlinked, accounts, next }
    }
}

/// A sign-in account, as headquarters sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminAccount {
    pub id: Uuid,
    pub email: Option<String>,
    pub profile: Option<Uuid>,
    /// False until an invitation is taken up.
    pub confirmed: bool,
    /// Null where there is no ban, or none any more.
    pub banned_until: Option<Stamp>,
    pub last_sign_in_at: Option<Stamp>,
    pub created_at: Option<Stamp>,
}

text_enum! {
    /// Why an account has no profile: it was made for one that was deleted; for one that is there but not linked
    /// to it; or never for one.
    WhyUnlinked {
        ProfileDeleted = "profile_deleted",
        NotLinked = "not_linked",
        NoProfile = "no_profile",
    }
}

/// An account that belongs to no profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlinkedAccount {
    #[serde(flatten)]
    pub account: AdminAccount,
    /// The profile it was made for, as far as the account tells.
    pub made_for: Option<Uuid>,
    pub why: WhyUnlinked,
}

/// What `POST /rest/v1/rpc/admin_caller` `{}` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CallerReply {
    Caller(AdminCaller),
    Must(MustReply),
}

/// Who calls, as the database says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminCaller {
    pub user: Uuid,
    pub role: Role,
    pub status: Status,
    /// Always null here; the other shape of the answer has nothing else.
    pub must: Option<Must>,
    /// Whether the caller is the only active MAIN_HQ.
    pub last_main_hq: bool,
}

/// `POST /rest/v1/rpc/admin_sign_out`: ends every session of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOutRequest {
    pub account: Uuid,
}

/// What that answers: how many ended, or a word about the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SignOutReply {
    Ended { ended: u64 },
    Must(MustReply),
}

/// `POST /rest/v1/rpc/admin_linked`: which of these accounts have a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedRequest {
    pub accounts: Vec<Uuid>,
}

/// What that answers: account to profile, or a word about the caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LinkedReply {
    Linked { linked: BTreeMap<Uuid, Uuid> },
    Must(MustReply),
}

/// `POST /rest/v1/rpc/note_account_deed`: what was done to an account, for the activity. For the secret key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRequest {
    /// Of this one request: a second time it notes nothing.
    pub op: Uuid,
    /// Who did it, a `profiles.id`; absent where nobody but the key did.
    pub actor: Option<Uuid>,
    /// The profile whose account it is; of an account without one, that it was made for, or else the account's id.
    pub profile: Uuid,
    pub deed: String,
    pub reason: Option<String>,
}

/// What that answers: false where it was noted before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteReply {
    pub noted: bool,
}

/// An account as the sign-in server tells of it, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct AuthAccount {
    pub id: Uuid,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub email_confirmed_at: Option<String>,
    #[serde(default)]
    pub banned_until: Option<String>,
    #[serde(default)]
    pub last_sign_in_at: Option<String>,
    #[serde(default)]
    pub created_at: Option<String>,
    #[serde(default)]
    pub app_metadata: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    pub is_anonymous: bool,
}

impl AuthAccount {
    /// The same as headquarters sees it; a ban that is over is none.
    pub fn shown(&self, profile: Option<Uuid>, now: Stamp) -> AdminAccount {
        let time = |text: &Option<String>| text.as_deref().and_then(Stamp::parse);
        AdminAccount {
            id: self.id,
            email: self.email.clone(),
            profile,
            confirmed: self.email_confirmed_at.is_some(),
            banned_until: time(&self.banned_until).filter(|until| *until > now),
            last_sign_in_at: time(&self.last_sign_in_at),
            created_at: time(&self.created_at),
        }
    }

    /// The profile it was made for.
    pub fn made_for(&self) -> Option<Uuid> {
        self.app_metadata.get(PROFILE_CLAIM)?.as_str().and_then(read::uuid)
    }
}

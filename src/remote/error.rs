//! The one error of this room, sorted by what the caller must do about it.
//!
//! `ErrorKind` is what a caller branches on; `Cause` is for the few who must know more (the session that
//! refreshes an expired token, the sync that halves a batch). The kind follows from the cause by one table
//! (`Cause::kind`), so that two paths to the same trouble cannot disagree. The message is a whole text for
//! the person and never holds a token, a key, a password or a page of HTML.

use std::time::Duration;

use serde::Deserialize;

use super::wire::admin::AdminRefusal;
use crate::domain::text_enum;

text_enum!(
    /// What we were doing, as it stands in a sentence before "failed".
    Doing {
        SigningIn = "signing in",
        Refreshing = "renewing the session",
        ReadingAccount = "reading the account",
        SigningOut = "signing out",
        EndingSessions = "ending sessions",
        ReadingSettings = "reading the project's settings",
        CheckingHealth = "asking whether the server is up",
        ReadingKeys = "reading the signing keys",
        Enrolling = "setting up the second factor",
        GivingCode = "giving the code",
        Unenrolling = "taking the second factor away",
        AskingForMail = "asking for a mail with a code",
        RedeemingCode = "giving the code from the mail",
        SettingPassword = "setting the password",
        Pulling = "fetching changes",
        Pushing = "sending edits",
        Digesting = "comparing with the server",
        FetchingKey = "fetching this device's key",
        ReadingActivity = "reading who did what",
        ListingDevices = "listing the machines",
        ErasingDevice = "having a machine erased",
        Reading = "reading rows",
        Listening = "listening for changes",
        Storing = "storing a file",
        CallingFunction = "calling a function",
        LookingAtAccounts = "looking at the sign-in accounts",
        Administering = "changing a sign-in account",
        Setting = "preparing the connection",
    }
);

/// What the caller must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The same again, later. `unreachable`: no Supabase server answered at all, so this is being offline.
    TryAgain { unreachable: bool },
    /// Renew the session, or ask the person to sign in: no retry helps before that.
    SignInAgain,
    /// A person must mend the address, the key, the project or its database. No retry helps.
    Configuration,
    /// The server understood and said no, for good.
    Refused,
    /// What was asked about is not there any more.
    Gone,
    /// The server failed in a way that a retry may or may not survive; only reads may be repeated.
    ServerFault,
}

/// What went wrong, for callers that need to tell troubles of one kind apart. An open set: match with `_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    // The line.
    Dns,
    ConnectionRefused,
    Unreachable,
    Interrupted,
    Tls,
    Timeout,
    /// Not JSON where JSON was due: a captive portal, a proxy, or an edge's error page.
    NotJson,
    Redirected,
    /// The edge answered, the project's own servers did not (521 to 530).
    OriginDown,
    // The person and the session.
    WrongPassword,
    Banned,
    EmailNotConfirmed,
    SecondFactor,
    /// The code of the second factor, or one that came by mail, is not the right one (any more).
    CodeWrong,
    /// The question for the code was answered too late.
    CodeLate,
    /// The project wants more of a password than this one has.
    PasswordWeak,
    PasswordSame,
    /// A code must be mailed before the password can be set.
    NonceNeeded,
    SessionGone,
    RefreshUsed,
    TokenExpired,
    TokenBad,
    TokenMissing,
    /// A pass at sign-in that the project did not make, or not for this account.
    PassForged,
    AccountGone,
    AuthMismatch,
    ClockWrong,
    // The project and its configuration.
    KeyMissing,
    KeyInvalid,
    KeyDisabled,
    KeySecret,
    KeySecretNeeded,
    CaptchaNeeded,
    SignInOff,
    Paused,
    Quota,
    /// No such project or path behind this address.
    WrongAddress,
    /// A table, column or function is not there: migrations not applied, or the schema cache is stale.
    SchemaMissing,
    /// "Permission denied for table": the grants of the migrations are missing.
    GrantMissing,
    FunctionMissing,
    /// The server does not accept the shape of our call: console and database differ in version.
    CallWrong,
    // The request.
    NotAllowed,
    Invalid,
    Unique,
    Reference,
    NotFound,
    TooLarge,
    // The server.
    RateLimited,
    Busy,
    StatementTimeout,
    ReadOnly,
    ReplyTooLarge,
    ReplyShape,
    FunctionFailed,
    Fault,
    /// The program itself could not set up (no TLS roots).
    Setup,
}

impl Cause {
    /// The one table from cause to what the caller must do.
    pub const fn kind(self) -> ErrorKind {
        use Cause as C;
        match self {
            C::Dns
            | C::ConnectionRefused
            | C::Unreachable
            | C::Interrupted
            | C::Tls
            | C::Timeout
            | C::NotJson
            | C::Redirected
            | C::OriginDown => OFFLINE,
            C::ClockWrong | C::RateLimited | C::Busy | C::StatementTimeout => {
                ErrorKind::TryAgain { unreachable: false }
            }
            // A ban ends the session wherever it is met, so it sorts with sessions. Of edits that belong to
            // another account, a plain retry would hear the same for ever.
            C::WrongPassword
            | C::Banned
            | C::EmailNotConfirmed
            | C::SecondFactor
            | C::SessionGone
            | C::RefreshUsed
            | C::TokenExpired
            | C::TokenBad
            | C::TokenMissing
            | C::AuthMismatch => ErrorKind::SignInAgain,
            C::KeyMissing
            | C::KeyInvalid
            | C::KeyDisabled
            | C::KeySecret
            | C::KeySecretNeeded
            | C::CaptchaNeeded
            | C::SignInOff
            | C::Paused
            | C::Quota
            | C::WrongAddress
            | C::PassForged
            | C::SchemaMissing
            | C::FunctionMissing
            | C::CallWrong
            | C::Setup => ErrorKind::Configuration,
            C::CodeWrong
            | C::CodeLate
            | C::PasswordWeak
            | C::PasswordSame
            | C::NonceNeeded
            | C::NotAllowed
            | C::GrantMissing
            | C::Invalid
            | C::Unique
            | C::Reference
            | C::TooLarge => ErrorKind::Refused,
            C::AccountGone | C::NotFound => ErrorKind::Gone,
            C::ReadOnly | C::ReplyTooLarge | C::ReplyShape | C::FunctionFailed | C::Fault => {
                ErrorKind::ServerFault
            }
        }
    }
}

const OFFLINE: ErrorKind = ErrorKind::TryAgain { unreachable: true };

/// What went wrong on the way to Supabase or there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    pub kind: ErrorKind,
    pub cause: Cause,
    pub doing: Doing,
    /// The HTTP status, where a server answered; Storage's own where it hides one in the body.
    pub status: Option<u16>,
    /// The server's code for it (`invalid_credentials`, `PGRST202`, `42501`).
    pub code: Option<String>,
    /// What happened, to what, what is safe, what to do: sentences for the person.
    pub message: String,
    /// The field of the request to mend, where the server names one.
    pub field: Option<Box<str>>,
    /// What the server itself advises, tidied.
    pub hint: Option<String>,
    /// The server asked for this much patience.
    pub retry_after: Option<Duration>,
    pub ids: Option<Box<RequestIds>>,
}

/// What support can find the request by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestIds {
    /// `sb-request-id`.
    pub request: Option<String>,
    /// `cf-ray`; its suffix is the edge that answered.
    pub ray: Option<String>,
}

impl RemoteError {
    /// An error of that cause in our own words.
    pub(super) fn new(doing: Doing, cause: Cause, host: &str) -> Self {
        Self::with_detail(doing, cause, host, None)
    }

    /// The same, with what the server said where that helps the person.
    pub(super) fn with_detail(doing: Doing, cause: Cause, host: &str, detail: Option<&str>) -> Self {
        Self {
            kind: cause.kind(),
            cause,
            doing,
            status: None,
            code: None,
            message: super::words::message(doing, cause, host, detail),
            field: None,
            hint: None,
            retry_after: None,
            ids: None,
        }
    }

    /// A refusal with words of its own, as it stands.
    pub(super) fn refused(doing: Doing, refusal: &AdminRefusal) -> Self {
        Self {
            status: Some(refusal.status),
            code: Some(refusal.code.as_str().to_owned()),
            message: super::words::as_it_stands(&refusal.message),
            field: refusal.field.as_deref().map(Box::from),
            ..Self::new(doing, super::sort::cause_of_refusal(refusal.code), "")
        }
    }

    /// Says how long to wait, where a person has to.
    #[must_use]
    pub(super) fn with_patience(mut self) -> Self {
        if let Some(wait) = self.retry_after.filter(|_| self.cause == Cause::RateLimited) {
            self.message = super::words::with_patience(&self.message, wait);
        }
        self
    }

    /// There is no session (any more) to renew.
    pub fn session_ended() -> Self {
        Self::new(Doing::Refreshing, Cause::SessionGone, "")
    }

    /// A code was given, and the account has no factor that it could be of.
    pub fn no_second_factor() -> Self {
        Self::new(Doing::GivingCode, Cause::NotFound, "")
    }

    pub fn request_id(&self) -> Option<&str> {
        self.ids.as_ref()?.request.as_deref()
    }

    pub fn ray(&self) -> Option<&str> {
        self.ids.as_ref()?.ray.as_deref()
    }

    /// No Supabase server answered: the console is offline.
    pub fn is_offline(&self) -> bool {
        self.kind == OFFLINE
    }
}

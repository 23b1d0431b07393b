//! Refusals of our own function for managing accounts, which names each by a code of its own.

use crate::remote::error::Cause;
use crate::remote::wire::admin::AdminCode;

/// What the caller must know of it beyond the words.
pub(in crate::remote) const fn cause(code: AdminCode) -> Cause {
    match code {
        AdminCode::Invalid | AdminCode::WeakPassword => Cause::Invalid,
        AdminCode::TooLarge => Cause::TooLarge,
        AdminCode::Method => Cause::CallWrong,
        AdminCode::NotSignedIn => Cause::TokenBad,
        AdminCode::TokenExpired => Cause::TokenExpired,
        AdminCode::SignedOut => Cause::SessionGone,
        AdminCode::Banned => Cause::Banned,
        AdminCode::Aal2 => Cause::SecondFactor,
        AdminCode::NoProfile
        | AdminCode::Inactive
        | AdminCode::Forbidden
        | AdminCode::Own
        | AdminCode::LastMainHq
        | AdminCode::InactiveProfile
        | AdminCode::Linked => Cause::NotAllowed,
        AdminCode::NotFound | AdminCode::NoAccount => Cause::NotFound,
        AdminCode::Already | AdminCode::EmailTaken => Cause::Unique,
        AdminCode::NotMade => Cause::SchemaMissing,
        AdminCode::NotNoted => Cause::FunctionFailed,
        AdminCode::Misconfigured => Cause::KeyInvalid,
        AdminCode::Unavailable => Cause::Busy,
    }
}

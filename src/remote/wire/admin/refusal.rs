//! Every refusal of an action on a sign-in account: its code for programs, its status, its words for the person
//! (what happened, to what, what is safe, what to do). Said once here for all that is written in Rust; the Edge
//! Function says the same, which `tests/wire/admin_cases.json` holds.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AdminAction, PAGES_MAX};
use crate::domain::{Role, text_enum};
use crate::remote::wire::{Must, REASON_CHARS_MAX};

/// Characters of a name that a caller made up and that is shown again.
const SHOWN_CHARS_MAX: usize = 40;

text_enum! {
    /// Why it was not done.
    AdminCode {
        // The request.
        Invalid = "invalid",
        TooLarge = "too_large",
        Method = "method",
        WeakPassword = "weak_password",
        // Who asks.
        NotSignedIn = "not_signed_in",
        TokenExpired = "token_expired",
        SignedOut = "signed_out",
        Banned = "banned",
        NoProfile = "no_profile",
        Inactive = "inactive",
        Aal2 = "aal2",
        Forbidden = "forbidden",
        // What it is about.
        NotFound = "not_found",
        NoAccount = "no_account",
        Already = "already",
        EmailTaken = "email_taken",
        Own = "own",
        LastMainHq = "last_main_hq",
        InactiveProfile = "inactive_profile",
        Linked = "linked",
        // The project.
        NotMade = "not_made",
        NotNoted = "not_noted",
        Misconfigured = "misconfigured",
        Unavailable = "unavailable",
    }
}

/// An action that was not done, as it is answered: `{"code", "message", "field"}` under `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRefusal {
    #[serde(skip)]
    pub status: u16,
    pub code: AdminCode,
    pub message: String,
    /// The field of the request to mend, where there is one.
    pub field: Option<String>,
}

impl AdminCode {
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotSignedIn | Self::TokenExpired => 401,
            Self::SignedOut
            | Self::Banned
            | Self::NoProfile
            | Self::Inactive
            | Self::Aal2
            | Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::NoAccount
            | Self::Already
            | Self::EmailTaken
            | Self::Own
            | Self::LastMainHq
            | Self::InactiveProfile
            | Self::Linked => 409,
            Self::TooLarge => 413,
            Self::WeakPassword => 422,
            Self::NotMade | Self::NotNoted | Self::Misconfigured => 500,
            Self::Unavailable => 503,
        }
    }
}

/// A made-up name, short and without anything odd.
fn shown(name: &str) -> String {
    let sound = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '?' };
    name.chars().take(SHOWN_CHARS_MAX).map(sound).collect()
}

fn new(code: AdminCode, field: Option<&str>, message: impl Into<String>) -> AdminRefusal {
    AdminRefusal { status: code.status(), code, message: message.into(), field: field.map(str::to_owned) }
}

/// The request itself.
impl AdminRefusal {
    /// One in words of the moment: of a command, which no other server has to repeat to the letter.
    pub fn of(code: AdminCode, message: impl Into<String>) -> Self {
        new(code, None, message)
    }

    pub fn too_large() -> Self {
        new(AdminCode::TooLarge, None, "The request is larger than 16 KiB. Nothing was changed. Send less.")
    }

    pub fn method() -> Self {
        new(
            AdminCode::Method,
            None,
            "Only POST is answered here. Nothing was changed. Send the request by POST.",
        )
    }

    pub fn no_object() -> Self {
        let message =
            "The request is no JSON object. Nothing was changed. Send one object that names an action.";
        new(AdminCode::Invalid, None, message)
    }

    pub fn no_action() -> Self {
        let message = "The request names no action. Nothing was changed. Give the field action as a text.";
        new(AdminCode::Invalid, Some("action"), message)
    }

    pub fn unknown_action(name: &str) -> Self {
        let message = format!(
            "There is no action {}. Nothing was changed. The actions are {}.",
            shown(name),
            AdminAction::TEXTS.join(", ")
        );
        new(AdminCode::Invalid, Some("action"), message)
    }

    pub fn unknown_field(action: AdminAction, name: &str) -> Self {
        let name = shown(name);
        let message = format!("The action {action} has no field {name}. Nothing was changed. Leave it out.");
        new(AdminCode::Invalid, Some(&name), message)
    }

    pub fn missing(action: AdminAction, field: &str) -> Self {
        let message =
            format!("The action {action} needs the field {field}. Nothing was changed. Give it too.");
        new(AdminCode::Invalid, Some(field), message)
    }

    pub fn no_uuid(field: &str) -> Self {
        let message = format!(
            "The field {field} holds no uuid. Nothing was changed. Give its 36 characters as a text."
        );
        new(AdminCode::Invalid, Some(field), message)
    }

    pub fn no_text(field: &str) -> Self {
        let message = format!("The field {field} holds no text. Nothing was changed. Give it as a text.");
        new(AdminCode::Invalid, Some(field), message)
    }

    pub fn no_page() -> Self {
        let message = format!(
            "The field page holds no page's number. Nothing was changed. Give a whole number from 1 to {PAGES_MAX}."
        );
        new(AdminCode::Invalid, Some("page"), message)
    }

    pub fn one_target() -> Self {
        let message =
            "The action delete needs either profile or account. Nothing was changed. Name one of them.";
        new(AdminCode::Invalid, Some("profile"), message)
    }

    pub fn no_email() -> Self {
        let message =
            "The e-mail is no address like name@unit.mil. Nothing was changed. Check it for a slip.";
        new(AdminCode::Invalid, Some("email"), message)
    }

    pub fn short_password() -> Self {
        let message = "The password is too short. Nothing was changed. Choose one of 8 characters or more.";
        new(AdminCode::WeakPassword, Some("password"), message)
    }

    pub fn long_password() -> Self {
        let message = "The password is too long. Nothing was changed. Choose one of at most 72 bytes.";
        new(AdminCode::Invalid, Some("password"), message)
    }

    pub fn odd_password() -> Self {
        let message = "The password holds a control character. Nothing was changed. Choose one without.";
        new(AdminCode::Invalid, Some("password"), message)
    }

    pub fn long_reason() -> Self {
        let message = format!(
            "The reason is too long. Nothing was changed. Give at most {REASON_CHARS_MAX} characters."
        );
        new(AdminCode::Invalid, Some("reason"), message)
    }

    pub fn odd_reason() -> Self {
        let message = "The reason holds a control or invisible character. Nothing was changed. Leave it out.";
        new(AdminCode::Invalid, Some("reason"), message)
    }

    /// The project asks for more than we do.
    pub fn weak_password() -> Self {
        let message = "The project refuses this password as too weak or known from leaks. Nothing was changed. \
                       Choose a longer one of letters, digits and signs.";
        new(AdminCode::WeakPassword, Some("password"), message)
    }
}

/// Who asks.
impl AdminRefusal {
    pub fn not_signed_in() -> Self {
        new(
            AdminCode::NotSignedIn,
            None,
            "Nobody is signed in. Nothing was changed. Sign in, then try again.",
        )
    }

    pub fn bad_token() -> Self {
        let message = "This session's pass is not accepted. Nothing was changed. Sign in again.";
        new(AdminCode::NotSignedIn, None, message)
    }

    pub fn token_expired() -> Self {
        let message =
            "This session's pass has run out. Nothing was changed. Renew the session, then try again.";
        new(AdminCode::TokenExpired, None, message)
    }

    pub fn signed_out() -> Self {
        new(AdminCode::SignedOut, None, "This session has ended. Nothing was changed. Sign in again.")
    }

    pub fn banned() -> Self {
        new(AdminCode::Banned, None, "Your account is banned. Nothing was changed. Ask headquarters.")
    }

    pub fn forbidden(role: Role) -> Self {
        let message = format!(
            "To manage sign-in accounts needs the role MAIN_HQ, and yours is {role}. Nothing was changed. Ask \
             headquarters."
        );
        new(AdminCode::Forbidden, None, message)
    }

    /// The database's word about the caller.
    pub fn must(must: Must) -> Self {
        let (code, message) = match must {
            Must::Inactive => (
                AdminCode::Inactive,
                "Your profile is INACTIVE. Nothing was changed. Ask headquarters to make it ACTIVE.",
            ),
            Must::NoProfile => (
                AdminCode::NoProfile,
                "Your account has no profile. Nothing was changed. Ask headquarters for one.",
            ),
            Must::Aal2 => (
                AdminCode::Aal2,
                "This needs your second factor. Nothing was changed. Sign in again with the code of your app.",
            ),
            Must::SignedOut => return Self::signed_out(),
            Must::Resync | Must::SchemaOld => (
                AdminCode::Forbidden,
                "The database does not say that you may do this. Nothing was changed. Update the console.",
            ),
        };
        new(code, None, message)
    }
}

/// What it is about.
impl AdminRefusal {
    pub fn no_such_profile(profile: Uuid) -> Self {
        let message = format!(
            "There is no profile {profile}. Nothing was changed. Wait until it is confirmed, or look whether it was \
             deleted."
        );
        new(AdminCode::NotFound, Some("profile"), message)
    }

    pub fn no_such_account(account: Uuid) -> Self {
        let message =
            format!("There is no sign-in account {account}. Nothing was changed. List the accounts again.");
        new(AdminCode::NotFound, Some("account"), message)
    }

    pub fn no_account(username: &str) -> Self {
        let message = format!(
            "{username} has no sign-in account. Nothing was changed. Create one, or invite {username}."
        );
        new(AdminCode::NoAccount, Some("profile"), message)
    }

    pub fn already(username: &str) -> Self {
        let message = format!(
            "{username} has a sign-in account already. Nothing was changed. Set its password, or delete it first."
        );
        new(AdminCode::Already, Some("profile"), message)
    }

    pub fn email_taken(email: &str) -> Self {
        let message = format!(
            "{email} belongs to another sign-in account or profile. Nothing was changed. Use another address, or \
             look among the accounts without a profile."
        );
        new(AdminCode::EmailTaken, Some("email"), message)
    }

    pub fn own() -> Self {
        let message =
            "This is your own account. Nothing was changed. Ask another MAIN_HQ to ban or delete it.";
        new(AdminCode::Own, Some("profile"), message)
    }

    pub fn last_main_hq(username: &str) -> Self {
        let message = format!(
            "{username} is the last active MAIN_HQ, and nobody could sign in as one any more. Nothing was changed. \
             Make another MAIN_HQ first."
        );
        new(AdminCode::LastMainHq, Some("profile"), message)
    }

    pub fn inactive_profile(username: &str) -> Self {
        let message = format!(
            "{username} is INACTIVE and may do nothing. Nothing was changed. Make the profile ACTIVE first, which \
             lifts the ban that came with it."
        );
        new(AdminCode::InactiveProfile, Some("profile"), message)
    }

    pub fn linked(profile: Uuid) -> Self {
        let message =
            format!("This account belongs to the profile {profile}. Nothing was changed. Name the profile.");
        new(AdminCode::Linked, Some("account"), message)
    }

    pub fn not_made(username: &str) -> Self {
        let message = format!(
            "The database did not link the new account to {username}, so it was removed again. Apply the \
             migrations, then try again."
        );
        new(AdminCode::NotMade, None, message)
    }

    /// It was done, and the database did not take the line that tells of it.
    pub fn not_noted(action: AdminAction) -> Self {
        let message = format!(
            "The action {action} was done, but the activity does not tell of it: the database did not take the \
             line. Asking again is safe."
        );
        new(AdminCode::NotNoted, None, message)
    }

    /// The same of a database that cannot take it.
    pub fn cannot_be_noted(action: AdminAction) -> Self {
        let message = format!(
            "The action {action} was done, but the activity does not tell of it: the database has no \
             note_account_deed. Run flyos supabase migrate. Asking again is safe."
        );
        new(AdminCode::NotNoted, None, message)
    }

    /// For the direct path, which has a key and no session.
    pub fn bad_key() -> Self {
        let message = "The project does not accept this secret key. Nothing was changed. Copy it again from the \
                       project's API settings; key and address must be of one project.";
        new(AdminCode::Misconfigured, None, message)
    }

    /// For the training server, whose storage may fail.
    pub fn unavailable(message: impl Into<String>) -> Self {
        new(AdminCode::Unavailable, None, message)
    }

    /// As it came from a server; `None` where it is none of these.
    pub fn from_wire(status: u16, body: &[u8]) -> Option<Self> {
        let refusal: Self = serde_json::from_slice(body).ok()?;
        Some(Self { status, ..refusal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_names_are_shown_short_and_plain() {
        assert_eq!(shown("promote"), "promote");
        assert_eq!(shown("a b\u{1b}[31m"), "a?b??31m");
        assert_eq!(shown(&"é".repeat(100)), "?".repeat(40));
    }
}

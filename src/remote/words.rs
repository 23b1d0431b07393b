//! The sentences for the person: what happened, to what, what is safe, what to do. One table by cause, so
//! that every trouble has its words and the tests can read them all.

use std::time::Duration;

use super::error::{Cause, Doing};

/// Characters of a server's own text that are shown: a sentence, not an essay.
const DETAIL_CHARS_MAX: usize = 240;
/// Characters of a message that a server of ours wrote for the person.
const WHOLE_CHARS_MAX: usize = 600;

/// The whole message.
pub(super) fn message(doing: Doing, cause: Cause, host: &str, detail: Option<&str>) -> String {
    let (what, todo) = sentences(cause);
    let what = what.replace("{host}", host);
    let mut todo = todo.replace("{host}", host);
    if by_hand(doing) {
        // What the console repeats elsewhere is the person's to repeat here.
        todo = todo.replace("It is tried again by itself.", "Try again.");
    }
    let mut text = format!("{} failed: {what}", capital(doing.as_str()));
    if let Some(detail) = detail.and_then(tidy) {
        text.push_str(" (the server says: ");
        text.push_str(&detail);
        text.push(')');
    }
    text.push('.');
    for sentence in [safe(doing, cause), &todo] {
        if !sentence.is_empty() {
            text.push(' ');
            text.push_str(sentence);
        }
    }
    text
}

/// Nobody does these by himself.
const fn by_hand(doing: Doing) -> bool {
    use Doing as D;
    matches!(
        doing,
        D::SigningIn
            | D::LookingAtAccounts
            | D::Administering
            | D::ListingDevices
            | D::ErasingDevice
            | D::EndingSessions
            | D::Enrolling
            | D::GivingCode
            | D::Unenrolling
            | D::AskingForMail
            | D::RedeemingCode
            | D::SettingPassword
    )
}

const FEW_MINUTES: &str = "Wait a few minutes";

/// The same, with the wait that the server told.
pub(super) fn with_patience(message: &str, wait: Duration) -> String {
    let wait = match wait.as_secs() {
        seconds @ 0..120 => format!("Wait {} s", seconds.max(1)),
        seconds => format!("Wait {} min", seconds.div_ceil(60)),
    };
    message.replace(FEW_MINUTES, &wait)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What is safe whatever went wrong.
const fn safe(doing: Doing, cause: Cause) -> &'static str {
    use Cause as C;
    match doing {
        // The answer is lost, and whether anything was done with it.
        Doing::Administering | Doing::SettingPassword | Doing::Unenrolling | Doing::ErasingDevice
            if matches!(
                cause,
                C::Timeout
                    | C::Interrupted
                    | C::NotJson
                    | C::OriginDown
                    | C::Busy
                    | C::FunctionFailed
                    | C::ReplyTooLarge
                    | C::ReplyShape
                    | C::Fault
            ) =>
        {
            "It may have been done all the same, and doing it again does no harm."
        }
        Doing::Pulling | Doing::Pushing | Doing::Digesting | Doing::Refreshing => {
            "Your edits are safe on this machine."
        }
        Doing::SigningOut => "The session on this machine ends all the same.",
        Doing::Listening => "Changes are still fetched from time to time.",
        _ => "Nothing was changed.",
    }
}

/// What happened, and what to do. `{host}` is the project's host.
const fn sentences(cause: Cause) -> (&'static str, &'static str) {
    use Cause as C;
    match cause {
        C::Dns => (
            "no such host {host}",
            "Check the address for a slip, or there is no name service on this line: then work on offline.",
        ),
        C::ConnectionRefused => {
            ("{host} refused the connection", "Check the port of the address, and whether the server runs.")
        }
        C::Unreachable => ("{host} cannot be reached", "Check the line. It is tried again by itself."),
        C::Interrupted => {
            ("the connection to {host} broke off in the middle", "It is tried again by itself.")
        }
        C::Tls => (
            "no secure connection to {host} could be made",
            "Check that the address is right, that this machine's date is right, and that no sign-in page of \
             the network stands between.",
        ),
        C::Timeout => ("{host} did not answer in time", "The line may be slow. It is tried again by itself."),
        C::NotJson => (
            "something other than Supabase answered for {host}",
            "It may be a sign-in page of the network, a proxy, or an error page: open a web page to see.",
        ),
        C::Redirected => (
            "{host} sent us to another address, which is not followed, so that no key gets there",
            "It may be a sign-in page of the network; else check the project's address.",
        ),
        C::OriginDown => {
            ("the servers behind {host} do not answer", "Wait a little. It is tried again by itself.")
        }
        _ => sentences_of_people(cause),
    }
}

/// The person and the session.
const fn sentences_of_people(cause: Cause) -> (&'static str, &'static str) {
    use Cause as C;
    match cause {
        C::WrongPassword => ("the e-mail address or the password is wrong", "Check both and try again."),
        C::Banned => ("this account is blocked on {host}", "Ask whoever administers the project."),
        C::EmailNotConfirmed => (
            "this account's e-mail address is not confirmed yet",
            "Open the link in the confirmation mail, then sign in.",
        ),
        C::SecondFactor => {
            ("this account needs its second factor here", "Give the code that your authenticator app shows.")
        }
        C::CodeWrong => (
            "the code is wrong, or it is not good any more",
            "Take the one that is shown or was sent last, and check this machine's and the phone's clock.",
        ),
        C::CodeLate => ("the code came too late", "Give the one that your authenticator app shows now."),
        C::PasswordWeak => ("the project asks for a better password", "Choose another."),
        C::PasswordSame => ("it is the password that the account has already", "Choose another."),
        C::NonceNeeded => (
            "the project wants a code from your mail with it",
            "Have one mailed, and give it with the new password.",
        ),
        C::SessionGone => ("this session has ended on {host}", "Sign in again."),
        C::RefreshUsed => {
            ("this session was already renewed elsewhere, perhaps by a copy of this folder", "Sign in again.")
        }
        C::TokenExpired => ("the session's pass has run out", "It is renewed by itself; else sign in again."),
        C::TokenBad => ("{host} does not accept this session's pass", "Sign in again."),
        C::TokenMissing => {
            ("{host} answers this only to people who are signed in", "Sign in, then try again.")
        }
        C::AccountGone => ("this account no longer exists on {host}", "Ask whoever administers the project."),
        C::AuthMismatch => (
            "the edits belong to another account than the one signed in",
            "Sign in as the person who made them: they wait until then.",
        ),
        C::ClockWrong => (
            "the servers of {host} disagree about the time, which passes by itself",
            "It is tried again in a moment. If it stays, check this machine's clock.",
        ),
        _ => sentences_of_projects(cause),
    }
}

/// The project and its configuration.
const fn sentences_of_projects(cause: Cause) -> (&'static str, &'static str) {
    use Cause as C;
    match cause {
        C::KeyMissing => (
            "{host} saw no API key",
            "A proxy may have taken it out. Check the key in the settings, then the line.",
        ),
        C::KeyInvalid => (
            "{host} does not know this API key",
            "Copy the publishable key again from the project's API settings; key and address must be of one \
             project.",
        ),
        C::KeyDisabled => (
            "this project's old API keys are switched off",
            "Use its publishable key (sb_publishable_…), from the project's API settings.",
        ),
        C::KeySecret => (
            "a secret key was used where it must not be",
            "Use the publishable key, and replace the secret one: it may have been seen.",
        ),
        C::KeySecretNeeded => {
            ("{host} opens this to secret keys alone", "This console has no need of it: check the address.")
        }
        C::CaptchaNeeded => (
            "the project asks for a captcha, which a terminal cannot show",
            "Ask its administrator to switch captcha protection off.",
        ),
        C::SignInOff => (
            "the project does not allow signing in this way",
            "Ask its administrator to allow e-mail and password.",
        ),
        C::Paused => ("the project {host} is paused", "Its owner must restore it in the dashboard."),
        C::Quota => (
            "the project {host} is restricted (quota used up or a bill unpaid)",
            "Its owner must look at the dashboard's billing page.",
        ),
        C::PassForged => (
            "the pass that {host} gave is not this project's, or not this account's",
            "A proxy or another project answers there: check the address and the network. Nothing was opened.",
        ),
        C::WrongAddress => ("there is no such project at {host}", "Check the project's address."),
        C::SchemaMissing => (
            "the project's database lacks what this console needs",
            "Apply the migrations; if that was just now, wait a minute for the server to notice.",
        ),
        C::GrantMissing => (
            "the project's database does not open this table or function to people who are signed in",
            "Apply the migrations: their grants are missing.",
        ),
        C::FunctionMissing => ("the project has no such function", "Deploy the project's functions."),
        C::CallWrong => (
            "this console and the project's database do not fit together",
            "Update the console, or apply the migrations of its version.",
        ),
        C::Setup => {
            ("this machine offers no way to check certificates", "Install the system's root certificates.")
        }
        _ => sentences_of_servers(cause),
    }
}

/// The request and the server.
const fn sentences_of_servers(cause: Cause) -> (&'static str, &'static str) {
    use Cause as C;
    match cause {
        C::NotAllowed => ("your role does not allow it", "Ask somebody whose role does."),
        C::Invalid => ("a value or a rule forbids it", "Change it and try again."),
        C::Unique => ("there is already one of this name or key", "Choose another."),
        C::Reference => ("it points at something that is not there", "Choose another."),
        C::NotFound => ("what was asked for is not there", "It may have been deleted meanwhile."),
        C::TooLarge => ("it is too large for the server", "Send less at once."),
        C::RateLimited => (
            "too many requests from this line of late",
            // `with_patience` puts the time in, where the server tells it.
            "Wait a few minutes: everybody behind the same address shares this limit.",
        ),
        C::Busy => ("{host} is busy or restarting", "It is tried again by itself."),
        C::StatementTimeout => {
            ("the database gave up after its time limit", "It is tried again, with less at once.")
        }
        C::ReadOnly => (
            "the project's database takes no changes at present",
            "Its disk may be full: its owner must look at the dashboard.",
        ),
        C::ReplyTooLarge => ("{host} answered with more than is taken in one piece", "Report this."),
        C::ReplyShape => (
            "{host} answered in a shape this console does not know",
            "Update the console, or apply the migrations of its version.",
        ),
        C::FunctionFailed => ("the project's function failed", "Its owner should read the function's log."),
        _ => ("{host} had a fault of its own", "Try again later; if it stays, tell the project's owner."),
    }
}

/// One line, no control characters, nothing that looks like a key or a token, bounded.
fn line(text: &str, chars_max: usize) -> String {
    let words = text.split_whitespace().map(|word| if looks_secret(word) { "***" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

/// A message that is whole already, from our own function.
pub(super) fn as_it_stands(text: &str) -> String {
    line(text, WHOLE_CHARS_MAX)
}

/// A server's text made fit to be shown: one line, no markup, nothing secret, bounded. `None` where nothing is
/// left.
pub(super) fn tidy(text: &str) -> Option<String> {
    if text.contains('<') && text.contains('>') && text.to_ascii_lowercase().contains("html") {
        return None;
    }
    let clean = line(text, DETAIL_CHARS_MAX);
    let clean = clean.trim_end_matches('.').to_owned();
    (!clean.is_empty()).then_some(clean)
}

/// Keys of both generations, tokens, and long opaque strings.
fn looks_secret(word: &str) -> bool {
    const OPAQUE_CHARS: usize = 60;
    let opaque = word.len() >= OPAQUE_CHARS
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '+' | '/'));
    opaque || ["eyJ", "sb_secret_", "sb_publishable_"].iter().any(|mark| word.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_happened_to_what_what_is_safe_and_what_to_do() {
        let text = message(Doing::Pulling, Cause::Dns, "abc.supabase.co", None);
        assert_eq!(
            text,
            "Fetching changes failed: no such host abc.supabase.co. Your edits are safe on this machine. \
             Check the address for a slip, or there is no name service on this line: then work on offline."
        );
    }

    #[test]
    fn a_servers_text_is_tidied() {
        assert_eq!(tidy("no\u{1b}[31m such\nthing."), Some("no[31m such thing".to_owned()));
        assert_eq!(tidy("<html><body>504</body></html>"), None);
        assert_eq!(tidy("bad token eyJhbGciOi.J9.x here"), Some("bad token *** here".to_owned()));
        assert_eq!(tidy("key sb_secret_abc"), Some("key ***".to_owned()));
        assert_eq!(tidy("  "), None);
        assert_eq!(tidy(&"é".repeat(1000)).map(|text| text.chars().count()), Some(DETAIL_CHARS_MAX));
    }
}

//! API keys: which kind one is, told by its shape, and whether this console may hold it.
//!
//! The console runs on people's machines, so it takes only keys that may be seen: the publishable key or
//! the old `anon` one. A key that opens everything is refused before it is stored or sent. A key is never
//! needed as a JWT: the role inside an old key is read only to refuse the wrong one.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Bytes of a key, at most: the longest known are under 400, and a whole file pasted in is none.
const KEY_BYTES_MAX: usize = 4096;

const PUBLISHABLE: &str = "sb_publishable_";
const SECRET: &str = "sb_secret_";

/// Which kind a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `sb_publishable_…`
    Publishable,
    /// `sb_secret_…`: passes by everybody's rights.
    Secret,
    /// A JWT of the old kind with the role `anon`, or one whose role cannot be read.
    Legacy,
    /// A JWT of the old kind with the role `service_role`: passes by everybody's rights.
    LegacyService,
}

/// Why a text cannot be the console's key, in words: what happened, what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    #[error(
        "No API key was given. Copy the publishable key (sb_publishable_…) from the project's API settings."
    )]
    Empty,
    #[error(
        "This is no API key. Copy the publishable key (sb_publishable_…) from the project's API settings."
    )]
    Unknown,
    #[error("The key holds spaces or characters that no key has. Copy it again, in one piece.")]
    Garbled,
    #[error(
        "This is a secret key: whoever has it passes by everybody's rights. It was not stored. Use the \
         publishable key (sb_publishable_…), and replace the secret one if somebody saw it."
    )]
    Secret,
    #[error(
        "This is the service_role key: whoever has it passes by everybody's rights. It was not stored. Use \
         the publishable key (sb_publishable_…) or the anon key, and replace this one if somebody saw it."
    )]
    ServiceRole,
    #[error(
        "This is somebody's session pass, not the project's key. It was not stored. Copy the publishable key \
         (sb_publishable_…) from the project's API settings."
    )]
    UserToken,
}

/// A key that was judged. `Debug` tells its kind alone.
#[derive(Clone)]
pub struct ApiKey {
    kind: KeyKind,
    text: SecretString,
}

impl ApiKey {
    /// The console's key: publishable, or the old `anon`.
    pub fn parse(text: &str) -> Result<Self, KeyProblem> {
        let key = Self::parse_any(text)?;
        match key.kind {
            KeyKind::Secret => Err(KeyProblem::Secret),
            KeyKind::LegacyService => Err(KeyProblem::ServiceRole),
            KeyKind::Publishable | KeyKind::Legacy => Ok(key),
        }
    }

    /// A key of any kind: for administration alone, which runs at the administrator's word and stores none.
    pub fn parse_any(text: &str) -> Result<Self, KeyProblem> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyProblem::Empty);
        }
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '=');
        if text.len() > KEY_BYTES_MAX || !text.chars().all(sound) {
            return Err(KeyProblem::Garbled);
        }
        let kind = if is_longer(text, PUBLISHABLE) {
            KeyKind::Publishable
        } else if is_longer(text, SECRET) {
            KeyKind::Secret
        } else {
            legacy(text)?
        };
        Ok(Self { kind, text: SecretString::from(text) })
    }

    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key itself, for a header, the socket's address, or the settings file.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({:?})", self.kind)
    }
}

fn is_longer(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty())
}

fn legacy(text: &str) -> Result<KeyKind, KeyProblem> {
    let parts: Vec<&str> = text.split('.').collect();
    let [_, claims, _] = parts[..] else { return Err(KeyProblem::Unknown) };
    if parts.iter().any(|part| part.is_empty()) {
        return Err(KeyProblem::Unknown);
    }
    match role(claims).as_deref() {
        Some("service_role") => Ok(KeyKind::LegacyService),
        Some("authenticated") => Err(KeyProblem::UserToken),
        _ => Ok(KeyKind::Legacy),
    }
}

fn role(claims: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claims {
        role: String,
    }
    let json = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    serde_json::from_slice::<Claims>(&json).ok().map(|claims| claims.role)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn kinds_are_told_by_shape() {
        let kind = |text: &str| ApiKey::parse_any(text).map(|key| key.kind());
        assert_eq!(kind(" sb_publishable_abc\n"), Ok(KeyKind::Publishable));
        assert_eq!(kind("sb_secret_abc"), Ok(KeyKind::Secret));
        assert_eq!(kind(&jwt(r#"{"role":"anon"}"#)), Ok(KeyKind::Legacy));
        assert_eq!(kind(&jwt(r#"{"role":"service_role"}"#)), Ok(KeyKind::LegacyService));
        assert_eq!(kind("a.b.c"), Ok(KeyKind::Legacy), "a role that cannot be read is not needed");
        for text in ["sb_publishable_", "sb_temp_abc", "hello", "a..c", "a.b.c.d"] {
            assert_eq!(kind(text), Err(KeyProblem::Unknown), "{text}");
        }
        assert_eq!(kind(""), Err(KeyProblem::Empty));
        assert_eq!(kind("sb_publishable_a b"), Err(KeyProblem::Garbled));
        assert_eq!(kind("sb_publishable_a\u{e9}"), Err(KeyProblem::Garbled));
    }

    #[test]
    fn the_console_refuses_keys_that_open_everything() {
        let problem = |text: &str| ApiKey::parse(text).map(|key| key.kind());
        assert_eq!(problem("sb_secret_abc"), Err(KeyProblem::Secret));
        assert_eq!(problem(&jwt(r#"{"role":"service_role"}"#)), Err(KeyProblem::ServiceRole));
        assert_eq!(problem(&jwt(r#"{"role":"authenticated"}"#)), Err(KeyProblem::UserToken));
        assert_eq!(problem("sb_publishable_abc"), Ok(KeyKind::Publishable));
        assert_eq!(problem(&jwt(r#"{"role":"anon"}"#)), Ok(KeyKind::Legacy));
    }

    #[test]
    fn debug_shows_no_key() {
        let key = ApiKey::parse("sb_publishable_abc123").expect("a key");
        assert_eq!(format!("{key:?}"), "ApiKey(Publishable)");
    }
}

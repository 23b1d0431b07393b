//! Reads a request. What is wrong is refused by the name of the field, before anybody is asked for anything: an
//! unknown action, an unknown field, a missing one, a wrong type, a value that breaks a rule, in this order.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::{
    AdminAction, AdminAsked, AdminRefusal, AdminRequest, PAGES_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN,
    Password, REQUEST_BYTES_MAX,
};
use crate::domain::field::is_harmful;
use crate::remote::wire::REASON_CHARS_MAX;

/// Characters of an address, at least and at most.
const EMAIL_CHARS: std::ops::RangeInclusive<usize> = 5..=254;

/// A uuid in its usual form of 36 characters, of either case.
pub fn uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// `x@y.z` in plain ASCII: one `@`, and a dot inside what follows.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    EMAIL_CHARS.contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !local.is_empty()
        && !host.contains('@')
        && host.split('.').count() >= 2
        && host.split('.').all(|part| !part.is_empty())
}

/// The fields an action takes beside its name, sorted.
const fn fields(action: AdminAction) -> &'static [&'static str] {
    match action {
        AdminAction::Create | AdminAction::SetPassword => &["password", "profile", "reason"],
        AdminAction::SetEmail => &["email", "profile", "reason"],
        AdminAction::Delete => &["account", "profile", "reason"],
        AdminAction::ListUnlinked => &["page"],
        AdminAction::Invite | AdminAction::Ban | AdminAction::Unban | AdminAction::SignOut => {
            &["profile", "reason"]
        }
    }
}

impl AdminAsked {
    /// Reads the bytes of a request.
    pub fn read(body: &[u8]) -> Result<Self, AdminRefusal> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err(AdminRefusal::too_large());
        }
        let Ok(Json::Object(body)) = serde_json::from_slice(body) else {
            return Err(AdminRefusal::no_object());
        };
        let name = body.get("action").and_then(Json::as_str).ok_or_else(AdminRefusal::no_action)?;
        let action = AdminAction::parse(name).ok_or_else(|| AdminRefusal::unknown_action(name))?;
        let known = fields(action);
        if let Some(odd) = body.keys().find(|key| *key != "action" && !known.contains(&key.as_str())) {
            return Err(AdminRefusal::unknown_field(action, odd));
        }
        let request = typed(action, &body)?;
        request.check()?;
        let reason = match body.get("reason") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(_) => return Err(AdminRefusal::no_text("reason")),
        };
        let asked = Self { request, reason };
        asked.check()?;
        Ok(asked)
    }

    /// The rules of the values, for whoever made the request without reading it.
    pub fn check(&self) -> Result<(), AdminRefusal> {
        self.request.check()?;
        let reason = self.reason.as_deref().unwrap_or_default();
        if reason.chars().count() > REASON_CHARS_MAX {
            Err(AdminRefusal::long_reason())
        } else if reason.chars().any(is_harmful) {
            Err(AdminRefusal::odd_reason())
        } else {
            Ok(())
        }
    }
}

impl AdminRequest {
    /// The rules of the values, for whoever made the request without reading it.
    pub fn check(&self) -> Result<(), AdminRefusal> {
        match self {
            Self::Create { password, .. } | Self::SetPassword { password, .. } => check_password(password),
            Self::SetEmail { email, .. } if !is_email(email) => Err(AdminRefusal::no_email()),
            Self::ListUnlinked { page } if !(1..=PAGES_MAX).contains(page) => Err(AdminRefusal::no_page()),
            _ => Ok(()),
        }
    }
}

fn typed(action: AdminAction, body: &Map<String, Json>) -> Result<AdminRequest, AdminRefusal> {
    let id = |field: &str| {
        let value = body.get(field).ok_or_else(|| AdminRefusal::missing(action, field))?;
        value.as_str().and_then(uuid).ok_or_else(|| AdminRefusal::no_uuid(field))
    };
    let text = |field: &str| {
        let value = body.get(field).ok_or_else(|| AdminRefusal::missing(action, field))?;
        value.as_str().ok_or_else(|| AdminRefusal::no_text(field))
    };
    Ok(match action {
        AdminAction::Create => {
            AdminRequest::Create { profile: id("profile")?, password: Password::from(text("password")?) }
        }
        AdminAction::Invite => AdminRequest::Invite { profile: id("profile")? },
        AdminAction::SetPassword => {
            AdminRequest::SetPassword { profile: id("profile")?, password: Password::from(text("password")?) }
        }
        AdminAction::Ban => AdminRequest::Ban { profile: id("profile")? },
        AdminAction::Unban => AdminRequest::Unban { profile: id("profile")? },
        AdminAction::SetEmail => {
            AdminRequest::SetEmail { profile: id("profile")?, email: text("email")?.to_owned() }
        }
        AdminAction::Delete => match (body.contains_key("profile"), body.contains_key("account")) {
            (true, false) => AdminRequest::Delete { profile: id("profile")? },
            (false, true) => AdminRequest::DeleteUnlinked { account: id("account")? },
            _ => return Err(AdminRefusal::one_target()),
        },
        AdminAction::SignOut => AdminRequest::SignOut { profile: id("profile")? },
        AdminAction::ListUnlinked => {
            let page = body.get("page").map_or(Some(1), Json::as_u64);
            let page = page.and_then(|page| u32::try_from(page).ok()).ok_or_else(AdminRefusal::no_page)?;
            AdminRequest::ListUnlinked { page }
        }
    })
}

fn check_password(password: &Password) -> Result<(), AdminRefusal> {
    let text = password.expose();
    if text.chars().any(char::is_control) {
        Err(AdminRefusal::odd_password())
    } else if text.chars().count() < PASSWORD_CHARS_MIN {
        Err(AdminRefusal::short_password())
    } else if text.len() > PASSWORD_BYTES_MAX {
        Err(AdminRefusal::long_password())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::wire::admin::AdminCode;

    const PROFILE: &str = "0194a3d2-0000-7000-8000-000000000004";

    fn read(text: &str) -> Result<AdminRequest, (AdminCode, Option<String>)> {
        asked(text).map(|asked| asked.request)
    }

    fn asked(text: &str) -> Result<AdminAsked, (AdminCode, Option<String>)> {
        AdminAsked::read(text.as_bytes()).map_err(|refusal| (refusal.code, refusal.field))
    }

    #[test]
    fn a_reason_has_the_rules_of_an_edits_and_a_list_has_none() {
        let ban = |reason: serde_json::Value| {
            let json = serde_json::json!({"action": "ban", "profile": PROFILE, "reason": reason});
            asked(&json.to_string()).map(|asked| asked.reason)
        };
        let refused = Err((AdminCode::Invalid, Some("reason".to_owned())));
        assert_eq!(ban("lost the laptop".into()), Ok(Some("lost the laptop".to_owned())));
        assert_eq!(ban(serde_json::Value::Null), Ok(None));
        assert_eq!(ban("é".repeat(200).into()), Ok(Some("é".repeat(200))));
        for wrong in ["é".repeat(201), "a\nb".to_owned(), "a\u{202e}b".to_owned(), "a\u{7f}".to_owned()] {
            assert_eq!(ban(wrong.clone().into()), refused, "{wrong:?}");
        }
        assert_eq!(ban(7.into()), refused);
        assert_eq!(asked(r#"{"action": "list_unlinked", "reason": "x"}"#).map(drop), refused.map(drop));
        let sent = AdminAsked {
            reason: Some("left".to_owned()),
            ..AdminRequest::Unban { profile: Uuid::nil() }.into()
        };
        let sent = serde_json::to_value(sent).expect("JSON");
        let nil = Uuid::nil();
        assert_eq!(sent, serde_json::json!({"action": "unban", "profile": nil, "reason": "left"}));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let profile = || Some("profile".to_owned());
        for (text, field) in [
            ("", None),
            ("[]", None),
            ("{\"action\": \"ban\"", None),
            ("{}", Some("action".to_owned())),
            (r#"{"action": 7}"#, Some("action".to_owned())),
            (r#"{"action": "promote"}"#, Some("action".to_owned())),
            (r#"{"action": "ban"}"#, profile()),
            (r#"{"action": "ban", "profile": 7}"#, profile()),
            (r#"{"action": "ban", "profile": "7"}"#, profile()),
            (r#"{"action": "ban", "profile": "0194a3d2000070008000000000000004"}"#, profile()),
            (r#"{"action": "ban", "colour": 1}"#, Some("colour".to_owned())),
            (r#"{"action": "delete"}"#, profile()),
            (r#"{"action": "delete", "profile": "x", "account": "y"}"#, profile()),
            (r#"{"action": "delete", "account": "y"}"#, Some("account".to_owned())),
            (r#"{"action": "list_unlinked", "page": 0}"#, Some("page".to_owned())),
            (r#"{"action": "list_unlinked", "page": 1.5}"#, Some("page".to_owned())),
            (r#"{"action": "list_unlinked", "page": 10001}"#, Some("page".to_owned())),
        ] {
            assert_eq!(read(text).err(), Some((AdminCode::Invalid, field)), "{text}");
        }
        let long = format!(r#"{{"action": "{}"}}"#, "x".repeat(REQUEST_BYTES_MAX));
        assert_eq!(read(&long).err(), Some((AdminCode::TooLarge, None)));
        assert!(matches!(read(r#"{"action": "list_unlinked"}"#), Ok(AdminRequest::ListUnlinked { page: 1 })));
    }

    #[test]
    fn passwords_and_addresses_have_rules() {
        let set = |password: &str| {
            let json =
                serde_json::json!({"action": "set_password", "profile": PROFILE, "password": password});
            read(&json.to_string()).map(drop).map_err(|(code, _)| code)
        };
        assert_eq!(set("1234567"), Err(AdminCode::WeakPassword));
        assert_eq!(set("ééééééé"), Err(AdminCode::WeakPassword), "14 bytes, 7 characters");
        assert_eq!(set("12345678"), Ok(()));
        assert_eq!(set(&"x".repeat(72)), Ok(()));
        assert_eq!(set(&"é".repeat(37)), Err(AdminCode::Invalid), "74 bytes");
        assert_eq!(set("1234\u{0}5678"), Err(AdminCode::Invalid));
        for (text, good) in [
            ("a@b.c", true),
            ("A.B+c@d-e.mil", true),
            ("a@b", false),
            ("a@b.", false),
            ("@b.c", false),
            ("a@b@c.d", false),
            ("a b@c.d", false),
            ("ä@b.cd", false),
            (&format!("{}@b.c", "x".repeat(251)), false),
        ] {
            assert_eq!(is_email(text), good, "{text}");
        }
    }

    #[test]
    fn no_debug_shows_a_password() {
        let request = AdminRequest::Create { profile: Uuid::nil(), password: Password::from("hunter22") };
        assert!(!format!("{request:?}").contains("hunter22"));
    }
}

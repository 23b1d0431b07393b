//! Descriptions of columns, said once per kind: forms, lists, filters, merge and the server read them.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

use super::{Kind, Refusal, Value};

/// What a column may hold.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// A text of `min..=max` characters whose shape `sound` confirms.
    Text { min: usize, max: usize, sound: fn(&str) -> bool },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// The uuid of a row of that kind.
    Ref(Kind),
    /// The uuid of something outside our tables.
    Uuid,
    /// An instant.
    Time,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The column's name in SQL and on the wire.
    pub name: &'static str,
    /// Its label on forms and in lists.
    pub title: &'static str,
    pub ty: FieldType,
    /// Null and blank are refused.
    pub required: bool,
    /// Written by the server alone: refused in an edit.
    pub server: bool,
    /// Unique among its kind without regard to case.
    pub unique: bool,
    /// What a new row has where nothing else is said.
    pub preset: Option<&'static str>,
    /// Fields of one unit are merged together or not at all.
    pub unit: Option<&'static str>,
    /// What would be right, shown beside the field.
    pub hint: &'static str,
}

impl Field {
    /// An ordinary optional column, to be refined with struct update syntax.
    pub const fn new(name: &'static str, title: &'static str, ty: FieldType) -> Self {
        let (required, server, unique) = (false, false, false);
        Self { name, title, ty, required, server, unique, preset: None, unit: None, hint: "" }
    }

    /// A column the server writes.
    pub const fn server(name: &'static str, title: &'static str, ty: FieldType) -> Self {
        Self { server: true, ..Self::new(name, title, ty) }
    }

    /// Brings a value typed by a person to the form that is stored, or says what would be right.
    pub fn accept(&self, value: &Value) -> Result<Value, Refusal> {
        if self.server {
            return Err(self.wrong("is set by the server and cannot be edited"));
        }
        let text = value.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text else {
            return if self.required { Err(self.wrong("is needed")) } else { Ok(None) };
        };
        if text.chars().any(is_harmful) {
            return Err(self.wrong("holds a control or invisible character: remove it"));
        }
        let kept = match self.ty {
            FieldType::Text { min, max, sound } => {
                let count = text.chars().count();
                if count > max {
                    return Err(self.wrong(&format!("has {count} characters, at most {max} fit")));
                }
                (count >= min && sound(text)).then(|| text.to_owned())
            }
            FieldType::Choice(texts) => texts.contains(&text).then(|| text.to_owned()),
            FieldType::Ref(_) | FieldType::Uuid => uuid::Uuid::try_parse(text).ok().map(|id| id.to_string()),
            FieldType::Time => super::Stamp::parse(text).map(super::Stamp::text),
        };
        kept.map(Some).ok_or_else(|| self.unfit())
    }

    /// The refusal of a value that does not fit the column: it says what would.
    pub fn unfit(&self) -> Refusal {
        match self.ty {
            FieldType::Choice(texts) => self.wrong(&format!("is one of {}", texts.join(", "))),
            FieldType::Ref(kind) => self.wrong(&format!("is the id of a {kind}")),
            _ => self.wrong(self.hint),
        }
    }

    fn wrong(&self, what: &str) -> Refusal {
        Refusal::invalid(self.name, format!("{} {what}.", self.title))
    }
}

/// A name in the API's spelling: `region_id` becomes `regionId`. What has no `_` stays as it is.
pub fn camel_case(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    Cow::Owned(words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        text.extend(capital.into_iter().chain(letters));
        text
    }))
}

/// Characters that must not reach a terminal or a name: controls, bidirectional overrides, and other
/// invisible format characters (zero width, variation selectors, byte order mark).
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' | '\u{061c}')
        || (c.width().is_none())
}

/// The text without what a terminal would act on, for every place that prints: each such character is told by a dot.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_harmful) {
        text.chars().map(|c| if is_harmful(c) { '.' } else { c }).collect::<String>().into()
    } else {
        text.into()
    }
}

/// Any text will do.
pub fn any_text(_: &str) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{drone, region, user};

    fn check(field: &str, kind: Kind, text: &str) -> Result<Value, Refusal> {
        kind.field(field).expect("a field of that kind").accept(&Some(text.to_owned()))
    }

    #[test]
    fn values_are_accepted_or_refused_with_the_field() {
        let good = [
            (Kind::User, "username", "m_rodriguez", "m_rodriguez"),
            (Kind::User, "username", "  abc ", "abc"),
            (Kind::User, "email", "x@y.z", "x@y.z"),
            (Kind::User, "role", "OPERATOR", "OPERATOR"),
            (Kind::Region, "name", "Östliche Küste", "Östliche Küste"),
            (Kind::Drone, "model", "FlyOS_MQ7", "FlyOS_MQ7"),
        ];
        for (kind, field, text, kept) in good {
            assert_eq!(check(field, kind, text), Ok(Some(kept.to_owned())), "{field} {text}");
        }
        let long = "x".repeat(300);
        let bad = [
            (Kind::User, "username", "ab"),
            (Kind::User, "username", "a b c"),
            (Kind::User, "username", "naïve"),
            (Kind::User, "email", "x@y"),
            (Kind::User, "email", "x y@z.de"),
            (Kind::User, "email", "@y.z"),
            (Kind::User, "role", "ADMIN"),
            (Kind::User, "full_name", "   "),
            (Kind::User, "full_name", "Ann\u{202e}a"),
            (Kind::User, "full_name", "Ann\u{1b}[31m"),
            (Kind::User, "region_id", "east"),
            (Kind::User, "created_at", "2026-01-01T00:00:00Z"),
            (Kind::User, "auth_user_id", "0b8f4b1e-6f6e-4c62-8a0e-2f0c86d6f001"),
            (Kind::Region, "name", long.as_str()),
            (Kind::Drone, "status", "active"),
        ];
        for (kind, field, text) in bad {
            let refusal = check(field, kind, text).expect_err(text);
            assert_eq!(refusal.field.as_deref(), Some(field));
            assert!(refusal.message.ends_with('.'), "{}", refusal.message);
        }
    }

    #[test]
    fn descriptions_are_whole() {
        for fields in [region::FIELDS, user::FIELDS, drone::FIELDS] {
            for field in fields {
                assert!(!field.title.is_empty());
                if matches!(field.ty, FieldType::Text { .. }) && !field.server {
                    assert!(!field.hint.is_empty(), "{} says what would be right", field.name);
                }
            }
        }
    }
}

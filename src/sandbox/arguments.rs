//! The arguments of the functions as a database reads them behind `PostgREST`: uuids and whole numbers by PostgreSQL's
//! own rules and with its codes (22P02, 22003), what is JSON to it by our SQL, with PT400.
//!
//! Which comes first is a part of the protocol: scalars are read before the function is entered, so a bad one is told
//! to anybody; everything else is looked at only after the caller is found to be one who may work.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::engine::Fault;
use crate::domain::field::is_harmful;
use crate::remote::wire::{DROPS_MAX, OpWire, REASON_CHARS_MAX, Report};

/// Characters of a key: the longest that ever was one is shorter by far.
const PK_CHARS_MAX: usize = 600;
/// Columns that one edit names.
const FIELDS_MAX: usize = 64;
/// Edits that one edit waits for.
const DEPS_MAX: usize = 1000;
/// Characters of a console's version.
const VERSION_CHARS_MAX: usize = 64;
/// The largest number of a report, and of an edit's place in the journal.
const REPORT_MAX: u64 = 999_999_999;
const SEQ_MAX: u64 = 999_999_999_999_999_999;

pub type Arguments = Map<String, Value>;

/// Why a scalar was not read: the code and the words.
pub type BadScalar = (&'static str, String);

/// A JSON value as the text that `PostgREST` hands on; null is no value.
fn text(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }
}

pub fn uuid(arguments: &Arguments, name: &str) -> Result<Option<Uuid>, BadScalar> {
    let Some(text) = text(arguments.get(name)) else { return Ok(None) };
    let wrong = || ("22P02", format!("invalid input syntax for type uuid: \"{text}\""));
    Uuid::try_parse(&text).map(Some).map_err(|_| wrong())
}

pub fn int(arguments: &Arguments, name: &str) -> Result<Option<i32>, BadScalar> {
    let Some(text) = text(arguments.get(name)) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(("22P02", format!("invalid input syntax for type integer: \"{text}\"")));
    }
    let out_of_range = || ("22003", format!("value \"{text}\" is out of range for type integer"));
    text.parse().map(Some).map_err(|_| out_of_range())
}

/// Does a text or a name anywhere in it hold a NUL? PostgreSQL's texts cannot.
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

fn malformed(words: impl Into<String>) -> Fault {
    Fault::Malformed(words.into())
}

/// The edits of a push.
pub fn ops(value: Option<&Value>) -> Result<Vec<OpWire>, Fault> {
    let Some(Value::Array(items)) = value else { return Err(malformed("ops is a list of edits.")) };
    let read = |(at, item): (usize, &Value)| op(item).map_err(|why| malformed(format!("ops[{at}]: {why}.")));
    items.iter().enumerate().map(read).collect()
}

fn op(item: &Value) -> Result<OpWire, String> {
    // An id is written in its one form: it is compared as a text elsewhere.
    let is_id = |value: &Value| value.as_str().is_some_and(|text| text.len() == 36);
    let group = item.get("group").filter(|group| !group.is_null());
    let ids = item.get("id").into_iter().chain(group);
    let deps = item.get("deps").and_then(Value::as_array).into_iter().flatten();
    if !ids.chain(deps).all(is_id) {
        return Err("an id is no uuid".to_owned());
    }
    let op: OpWire = typed(item)?;
    if op.seq > SEQ_MAX {
        Err("seq is no number".to_owned())
    } else if op.pk.chars().count() > PK_CHARS_MAX {
        Err("pk is no key".to_owned())
    } else if op.base.len() > FIELDS_MAX || op.set.len() > FIELDS_MAX {
        Err(format!("base and set hold at most {FIELDS_MAX} columns"))
    } else if op.deps.len() > DEPS_MAX {
        Err(format!("deps holds something else than at most {DEPS_MAX} ids"))
    } else if op.drops.as_ref().is_some_and(|keys| {
        keys.len() > DROPS_MAX || keys.iter().any(|key| key.chars().count() > PK_CHARS_MAX)
    }) {
        Err(format!("drops holds something else than at most {DROPS_MAX} keys"))
    } else if op.reason.as_ref().is_some_and(|text| text.chars().count() > REASON_CHARS_MAX) {
        Err(format!("reason is no text of at most {REASON_CHARS_MAX} characters"))
    } else if op.reason.as_ref().is_some_and(|text| text.chars().any(is_harmful)) {
        Err("reason holds a control or invisible character".to_owned())
    } else {
        Ok(op)
    }
}

/// What a device says of itself, if it says anything.
pub fn report(value: Option<&Value>) -> Result<Option<Report>, Fault> {
    let wrong = || malformed("report holds waiting, oldest_s, needs_you (numbers) and version (a text).");
    let report: Option<Report> = match value {
        None | Some(Value::Null) => None,
        Some(value) => Some(typed(value).map_err(|_| wrong())?),
    };
    let sound = |report: &Report| {
        [report.waiting, report.oldest_s, report.needs_you].iter().all(|number| *number <= REPORT_MAX)
            && (1..=VERSION_CHARS_MAX).contains(&report.version.chars().count())
            && !report.version.chars().any(is_harmful)
    };
    if report.as_ref().is_none_or(sound) { Ok(report) } else { Err(wrong()) }
}

pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_are_read_as_postgresql_reads_them() {
        let arguments = json!({
            "n": 5, "text": "-5", "half": 1.5, "large": 2_147_483_648_u32, "words": "many", "none": null,
            "list": [1], "id": "0194a3d2-0000-7000-8000-000000000004", "braced": "{0194a3d2-0000-7000-8000-000000000004}",
        });
        let arguments = arguments.as_object().expect("an object");
        let int = |name| int(arguments, name).map_err(|(code, _)| code);
        assert_eq!(
            (int("n"), int("text"), int("none"), int("absent")),
            (Ok(Some(5)), Ok(Some(-5)), Ok(None), Ok(None))
        );
        assert_eq!(["half", "words", "list"].map(int), [Err("22P02"); 3]);
        assert_eq!(int("large"), Err("22003"));
        let uuid = |name| uuid(arguments, name).map_err(|(code, _)| code);
        assert!(uuid("id").is_ok_and(|id| id.is_some()) && uuid("braced").is_ok_and(|id| id.is_some()));
        assert_eq!((uuid("none"), uuid("n"), uuid("words")), (Ok(None), Err("22P02"), Err("22P02")));
    }
}

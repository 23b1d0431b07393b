//! Where answers go: data to the output, as JSON or in words; the rest to the error output.
//!
//! In JSON every key is in camelCase, as in the API's document: `regionId`, `totalCount`. Keys are brought to it here and
//! nowhere else, so makers name things as the program does. Values stay as they are, also where one is a column's name. That
//! is safe since no answer has an object whose keys are data, such as names of users: what goes by those is a list.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::{Map, Value, json};

use super::rows::plain;
use crate::domain::field::camel_case;
use crate::service::{ErrorKind, ServiceError};

/// Bytes that are gathered before they are written.
const WRITTEN_AT_ONCE: usize = 64 << 10;

/// The output, and in which form it is wanted.
pub struct Out<W> {
    json: bool,
    /// Columns of the terminal, where it is one.
    width: Option<usize>,
    to: W,
}

impl<W: Write> Out<W> {
    pub fn new(json: bool, to: W) -> Self {
        let width = super::Terminal::here(crate::service::ladder::Wishes::default())
            .size
            .map(|(columns, _)| usize::from(columns));
        Self { json, width, to }
    }

    pub fn width(&self) -> Option<usize> {
        self.width
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// What an action came to: in words, or with these fields.
    pub fn told(&mut self, words: &str, fields: Value) -> Result<(), ServiceError> {
        self.say(words)?;
        let mut told = object(json!({ "message": words }));
        told.extend(object(fields));
        self.found(Value::Object(told), None)
    }

    /// A line for people; scripts get the answer alone.
    pub fn say(&mut self, words: &str) -> Result<(), ServiceError> {
        if self.json {
            return Ok(());
        }
        let words: Vec<String> = words.lines().map(plain).collect();
        self.text(&format!("{}\n", words.join("\n")))
    }

    /// What was looked at, for scripts; people were told by `say`. Where something of it is to be looked after, that is how
    /// the command ends, and scripts get both in one answer.
    pub fn found(&mut self, fields: Value, trouble: Option<ServiceError>) -> Result<(), ServiceError> {
        match trouble {
            Some(error) if self.json => Err(ServiceError { beside: Some(Box::new(fields)), ..error }),
            Some(error) => Err(error),
            None if self.json => {
                let mut told = object(json!({ "success": true }));
                told.extend(object(fields));
                self.value(&Value::Object(told))
            }
            None => Ok(()),
        }
    }

    /// One line of JSON.
    pub fn value(&mut self, value: &Value) -> Result<(), ServiceError> {
        self.line(&Answer(value))
    }

    /// Rows, and what is to be said about them, in one line of JSON. It is written as it is made: of all rows it is many
    /// megabytes.
    pub fn rows(
        &mut self,
        name: &str,
        rows: impl Iterator<Item = Value>,
        about: &Value,
    ) -> Result<(), ServiceError> {
        self.line(&Rows { name, each: RefCell::new(rows), about })
    }

    fn line(&mut self, answer: &impl Serialize) -> Result<(), ServiceError> {
        let mut to = BufWriter::with_capacity(WRITTEN_AT_ONCE, &mut self.to);
        let written = serde_json::to_writer(&mut to, answer).map_err(io::Error::from);
        let written = written.and_then(|()| to.write_all(b"\n")).and_then(|()| to.flush());
        // Not written once more where it could not be.
        drop(to.into_parts());
        ended(written)
    }

    pub fn text(&mut self, text: &str) -> Result<(), ServiceError> {
        ended(self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()))
    }
}

/// What came of writing an answer.
fn ended(written: io::Result<()>) -> Result<(), ServiceError> {
    written.or_else(|error| match error.kind() {
        // Whoever reads has seen enough (`| head`).
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(ServiceError::new(ErrorKind::Storage, format!("The answer could not be printed: {error}."))),
    })
}

/// A value that is written with its keys as answers have them.
struct Keyed<'a>(&'a Value);

impl Serialize for Keyed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                to.collect_map(map.iter().map(|(key, value)| (camel_case(key), Keyed(value))))
            }
            Value::Array(values) => to.collect_seq(values.iter().map(Keyed)),
            value => value.serialize(to),
        }
    }
}

/// An answer: `success` comes first.
struct Answer<'a>(&'a Value);

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Value::Object(map) = self.0 else { return Keyed(self.0).serialize(to) };
        let (first, rest): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| *key == "success");
        to.collect_map(first.into_iter().chain(rest).map(|(key, value)| (camel_case(key), Keyed(value))))
    }
}

/// An answer of rows that are made one after the other. Written once: the rows are gone then.
struct Rows<'a, I> {
    name: &'a str,
    each: RefCell<I>,
    about: &'a Value,
}

impl<I: Iterator<Item = Value>> Serialize for Rows<'_, I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("success", &true)?;
        map.serialize_entry(self.name, &Each(&self.each))?;
        for (key, value) in self.about.as_object().into_iter().flatten() {
            map.serialize_entry(&camel_case(key), &Keyed(value))?;
        }
        map.end()
    }
}

struct Each<'a, I>(&'a RefCell<I>);

impl<I: Iterator<Item = Value>> Serialize for Each<'_, I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut all = to.serialize_seq(None)?;
        self.0.borrow_mut().try_for_each(|row| all.serialize_element(&Keyed(&row)))?;
        all.end()
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// An error as scripts read it, in a line.
pub fn error_json(error: &ServiceError) -> String {
    let mut told = error.beside.as_deref().cloned().map(object).unwrap_or_default();
    told.extend(object(json!({
        "success": false,
        "message": error.message,
        "error": error.kind,
        "field": error.field,
        "hints": error.hints,
        "exitCode": error.kind.exit_code(),
    })));
    serde_json::to_string(&Answer(&Value::Object(told))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_camel_case_and_values_as_they_are() {
        let mut text = Vec::new();
        let mut out = Out { json: true, width: None, to: &mut text };
        let row =
            json!({ "auth_user_id": null, "region": { "id": "x_y" }, "needsYou": true, "took_2_ms": [] });
        out.value(&json!({ "field": "region_id", "rows": [row], "as_of": 1 })).expect("printed");
        assert!(text.ends_with(b"}\n") && !text[..text.len() - 1].contains(&b'\n'));
        let told: Value = serde_json::from_slice(&text).expect("JSON");
        let row = json!({ "authUserId": null, "region": { "id": "x_y" }, "needsYou": true, "took2Ms": [] });
        assert_eq!(told, json!({ "field": "region_id", "rows": [row], "asOf": 1 }));
        let found = json!({ "of_deleted_profiles": 2 });
        let error = ServiceError {
            field: Some("full_name".to_owned()),
            ..ServiceError::new(ErrorKind::Usage, "No.")
        };
        let told = error_json(&ServiceError { beside: Some(Box::new(found)), ..error });
        assert!(told.starts_with(r#"{"success":false,"#), "{told}");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((&told["ofDeletedProfiles"], &told["field"]), (&2.into(), &"full_name".into()));
    }

    #[test]
    fn an_answer_begins_with_success_and_what_is_in_it_keeps_its_order() {
        let mut text = Vec::new();
        let mut out = Out { json: true, width: None, to: &mut text };
        out.found(json!({ "consoles": [{ "all": 1, "success": 2 }] }), None).expect("printed");
        assert_eq!(
            String::from_utf8_lossy(&text),
            "{\"success\":true,\"consoles\":[{\"all\":1,\"success\":2}]}\n"
        );
    }

    #[test]
    fn rows_are_an_answer_like_any_other() {
        let mut text = Vec::new();
        let mut out = Out { json: true, width: None, to: &mut text };
        let rows = [json!({ "region_id": "a" }), json!({})].into_iter();
        out.rows("drones", rows, &json!({ "totalCount": 2, "as_of": null })).expect("printed");
        assert_eq!(
            String::from_utf8_lossy(&text),
            "{\"success\":true,\"drones\":[{\"regionId\":\"a\"},{}],\"asOf\":null,\"totalCount\":2}\n"
        );
    }

    #[test]
    fn who_has_seen_enough_is_no_error_and_a_full_disk_is() {
        struct Full<'a>(io::ErrorKind, &'a mut u32);
        impl Write for Full<'_> {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                *self.1 += 1;
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for rows in [0, WRITTEN_AT_ONCE] {
            let written = |kind| {
                let mut times = 0;
                let mut out = Out { json: true, width: None, to: Full(kind, &mut times) };
                let done = out.rows("rows", (0..rows).map(|_| json!({})), &json!({}));
                assert_eq!(times, 1, "not once more where it could not be");
                done
            };
            assert!(written(io::ErrorKind::BrokenPipe).is_ok());
            let error = written(io::ErrorKind::StorageFull).expect_err("full");
            assert_eq!(error.kind, ErrorKind::Storage);
        }
    }
}

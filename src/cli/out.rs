//! Where answers go: data to the output, as JSON or in words; the rest to the error output.
//!
//! In JSON every key is in camelCase, as in the API's document: `regionId`, `totalCount`. Keys are brought to it here and
//! nowhere else, so makers name things as the program does. Values stay as they are, also where one is a column's name. That
//! is safe since no answer has an object whose keys are data, such as names of users: what goes by those is a list.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::rows::plain;
use crate::domain::field::camel_case;
use crate::service::{ErrorKind, ServiceError};

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
                self.value(Value::Object(told))
            }
            None => Ok(()),
        }
    }

    /// One line of JSON.
    pub fn value(&mut self, value: Value) -> Result<(), ServiceError> {
        self.text(&format!("{}\n", keyed(value)))
    }

    pub fn text(&mut self, text: &str) -> Result<(), ServiceError> {
        let written = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
        written.or_else(|error| match error.kind() {
            // Whoever reads has seen enough (`| head`).
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(ServiceError::new(
                ErrorKind::Storage,
                format!("The answer could not be printed: {error}."),
            )),
        })
    }
}

/// The same with its keys as answers have them.
fn keyed(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(key, value)| (camel_case(&key), keyed(value))).collect(),
        Value::Array(values) => values.into_iter().map(keyed).collect(),
        value => value,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// An error as scripts read it.
pub fn error_json(error: &ServiceError) -> Value {
    let mut told = error.beside.as_deref().cloned().map(object).unwrap_or_default();
    told.extend(object(json!({
        "success": false,
        "message": error.message,
        "error": error.kind,
        "field": error.field,
        "hints": error.hints,
        "exitCode": error.kind.exit_code(),
    })));
    keyed(Value::Object(told))
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
        out.value(json!({ "field": "region_id", "rows": [row], "as_of": 1 })).expect("printed");
        let told: Value = serde_json::from_slice(&text).expect("JSON");
        let row = json!({ "authUserId": null, "region": { "id": "x_y" }, "needsYou": true, "took2Ms": [] });
        assert_eq!(told, json!({ "field": "region_id", "rows": [row], "asOf": 1 }));
        let found = json!({ "of_deleted_profiles": 2 });
        let error = ServiceError {
            field: Some("full_name".to_owned()),
            ..ServiceError::new(ErrorKind::Usage, "No.")
        };
        let told = error_json(&ServiceError { beside: Some(Box::new(found)), ..error });
        assert_eq!((&told["ofDeletedProfiles"], &told["field"]), (&2.into(), &"full_name".into()));
    }
}

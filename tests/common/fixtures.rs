//! The fixtures of `tests/wire/`, and whether an answer is of the same shape: the same keys, values of the same types.

#![allow(
    clippy::panic,
    dead_code,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

use std::path::Path;

use serde_json::{Value as Json, json};

pub fn fixture(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Objects whose keys are data, not shape.
const MAPS: &[&str] = &["fields", "cursor", "drones", "regions", "profiles", "user_drone_assignments"];

pub fn type_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

/// How `actual` differs from the shape of `wanted`; a null fits everything.
pub fn differs(path: &str, wanted: &Json, actual: &Json) -> Option<String> {
    match (wanted, actual) {
        (Json::Null, _) | (_, Json::Null) => None,
        (Json::Object(wanted), Json::Object(actual)) => {
            if MAPS.iter().any(|map| path.ends_with(&format!(".{map}"))) {
                return None;
            }
            let keys = |map: &serde_json::Map<String, Json>| map.keys().cloned().collect::<Vec<_>>();
            if keys(wanted) != keys(actual) {
                return Some(format!("{path}: {:?} and not {:?}", keys(actual), keys(wanted)));
            }
            wanted.iter().find_map(|(key, value)| differs(&format!("{path}.{key}"), value, &actual[key]))
        }
        (Json::Array(wanted), Json::Array(actual)) => actual.iter().find_map(|item| {
            let tries: Vec<_> =
                wanted.iter().map(|shape| differs(&format!("{path}[]"), shape, item)).collect();
            let fits = tries.is_empty() || tries.iter().any(Option::is_none);
            (!fits).then(|| format!("{path}: {item} is like none of the fixture's: {tries:?}"))
        }),
        (wanted, actual) if type_of(wanted) == type_of(actual) => None,
        (wanted, actual) => Some(format!("{path}: {} and not {}", type_of(actual), type_of(wanted))),
    }
}

pub fn same_shape(name: &str, actual: &Json) {
    let difference = differs("", &fixture(name), actual);
    assert_eq!(difference, None, "{name}: {actual:#}");
}

#[test]
fn the_comparison_sees_differences() {
    assert!(differs("", &json!({"a": 1}), &json!({"a": 1, "b": 2})).is_some());
    assert!(differs("", &json!({"a": [1]}), &json!({"a": ["x"]})).is_some());
    assert!(differs("", &json!({"a": [{"b": 1}, {"c": 1}]}), &json!({"a": [{"c": 5}]})).is_none());
}

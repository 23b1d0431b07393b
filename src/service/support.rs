//! What goes into a bundle for whoever helps: how this machine stands, the configuration, the figures, the end of the
//! log; with personal data masked.
//!
//! Masked are e-mail addresses, keys and tokens, the projects' addresses, the person's home and login. The same thing
//! has the same mask throughout a bundle, so that a thread can be followed, and another one in the next: the masks are
//! keyed by chance, and nobody can try names until one fits. Ids stay: they tell nothing without the project's tables,
//! and without them nothing could be found. Rows and edits are not in it at all.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::doctor::Report;
use super::{Config, ErrorKind, Folders, ServiceError, metrics};
use crate::domain::Stamp;

/// Lines of the log that go along, the newest.
const LINES_MAX: usize = 2_000;
/// A longer line of the log is cut, in bytes.
const LINE_BYTES_MAX: usize = 4_096;
/// Of a mask, the digits.
const DIGITS: usize = 8;

/// Hides what tells who somebody is.
pub struct Mask {
    key: [u8; 32],
    /// What is known by name, and the sort of thing it is; the longest first.
    known: Vec<(String, &'static str)>,
}

impl Mask {
    pub fn new(mut known: Vec<(String, &'static str)>) -> Result<Self, ServiceError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            ServiceError::new(ErrorKind::Storage, format!("No mask could be made: {error}."))
        })?;
        known.retain(|(text, _)| text.len() > 1);
        known.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Ok(Self { key, known })
    }

    fn of(&self, sort: &str, text: &str) -> String {
        let hash = blake3::keyed_hash(&self.key, text.to_lowercase().as_bytes()).to_hex();
        format!("{sort}-{}", hash.chars().take(DIGITS).collect::<String>())
    }

    /// The text with everything masked that is known by name or by its form.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (known, sort) in &self.known {
            if text.contains(known.as_str()) {
                text = text.replace(known.as_str(), &self.of(sort, known));
            }
        }
        let mut out = String::with_capacity(text.len());
        for word in text.split_inclusive(|c: char| !(c.is_alphanumeric() || "@._%+-".contains(c))) {
            let end = word.char_indices().last().map_or(0, |(at, last)| {
                if last.is_alphanumeric() || "@._%+-".contains(last) { word.len() } else { at }
            });
            let (word, rest) = word.split_at(end);
            out += &self.word(word);
            out += rest;
        }
        out
    }

    fn word(&self, word: &str) -> String {
        let is_address = word.split_once('@').is_some_and(|(name, at)| !name.is_empty() && !at.is_empty());
        let is_secret =
            word.starts_with("eyJ") || word.starts_with("sb_secret_") || word.starts_with("sb_publishable_");
        if is_address {
            self.of("address", word.trim_end_matches('.'))
        } else if is_secret {
            "masked-key".to_owned()
        } else {
            word.to_owned()
        }
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(items) => {
                items.into_iter().map(|(name, item)| (self.text(&name), self.value(item))).collect()
            }
            other => other,
        }
    }
}

/// The whole bundle.
pub fn bundle(
    folders: &Folders,
    config: &Config,
    report: &Report,
    now: Stamp,
) -> Result<Value, ServiceError> {
    let mask = Mask::new(known(config))?;
    let figures = metrics::gather(folders);
    let log: Vec<Value> = tail(&folders.state).iter().map(|line| mask.value(as_json(line))).collect();
    let system = rustix::system::uname();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let plain = json!({
        "findings": report.findings,
        "configuration": config,
        "figures": match figures {
            Ok(figures) => json!(figures),
            Err(error) => json!(error.message),
        },
    });
    Ok(json!({
        "flyos": env!("CARGO_PKG_VERSION"),
        "made": now.text(),
        "system": format!("{} {} {}", word(system.sysname()), word(system.release()), word(system.machine())),
        "state": mask.value(plain),
        "log": log,
    }))
}

/// What is known by name: addresses, the projects' hosts, the person's home and login, the machine.
fn known(config: &Config) -> Vec<(String, &'static str)> {
    let mut known: Vec<(String, &'static str)> = Vec::new();
    for project in config.projects.values() {
        known.extend(project.accounts.iter().map(|email| (email.clone(), "address")));
        let host = project.url.split("://").nth(1).unwrap_or(&project.url);
        let host = host.split(['/', ':']).next().unwrap_or(host);
        if !["localhost", "127.0.0.1"].contains(&host) {
            known.push((host.to_owned(), "host"));
        }
        known.push((project.key.clone(), "key"));
    }
    for (name, sort) in [("HOME", "home"), ("USER", "login"), ("LOGNAME", "login")] {
        known.extend(std::env::var(name).ok().filter(|text| text != "/").map(|text| (text, sort)));
    }
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    known.push((machine, "machine"));
    known
}

/// The newest lines of the newest files.
fn tail(state: &Path) -> VecDeque<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(state)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    files.sort();
    let mut lines = VecDeque::new();
    for file in files {
        let Ok(file) = File::open(file) else { continue };
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(line.get(..LINE_BYTES_MAX).unwrap_or(&line)).into_owned();
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }
    lines
}

fn as_json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_keys_are_masked_and_the_rest_is_left() {
        let mask =
            Mask::new(vec![("/home/maria".to_owned(), "home"), ("maria".to_owned(), "login")]).unwrap();
        let text = "op 0198-77: east@flyos.mil, EAST@flyos.mil. /home/maria/x by maria \
                    (sb_publishable_xyz, eyJhbGciOi.eyJ.x) drone-001 status";
        let seen = mask.text(text);
        // None that a mask, which is of hexadecimal digits, could have by chance.
        for secret in ["east@", "EAST@", "flyos.mil", "maria", "xyz", "eyJ"] {
            assert!(!seen.contains(secret), "{secret} in {seen}");
        }
        for kept in ["op 0198-77: address-", "drone-001 status", "(masked-key, masked-key) "] {
            assert!(seen.contains(kept), "{kept} not in {seen}");
        }
        let masks: Vec<&str> =
            seen.split([' ', ',', '.']).filter(|word| word.starts_with("address-")).collect();
        assert!(masks.len() == 2 && masks[0] == masks[1], "the same person: {seen}");
        let other = Mask::new(Vec::new()).unwrap().text("east@flyos.mil");
        assert_ne!(other, masks[0], "not the same in another bundle");
    }
}

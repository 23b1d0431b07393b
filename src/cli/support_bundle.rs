//! `flyos support-bundle`: one file for whoever helps, with personal data masked; the person looks through it first.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Terminal;
use super::out::Out;
use crate::service::doctor::{Examination, examine};
use crate::service::{Config, ErrorKind, ServiceError, support, taken};

/// What the command line says.
#[derive(Clone, Debug, Default, Args)]
pub struct SupportBundle {
    /// Where to write it; a new file in this folder otherwise
    file: Option<PathBuf>,
}

/// Writes it and says where.
pub fn support_bundle(
    what: &Examination,
    terminal: &Terminal,
    asked: &SupportBundle,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    let mut report = examine(what);
    terminal.judge(&mut report);
    let config = Config::read(&what.folders).unwrap_or_default().with_environment(what.environment.clone());
    let bundle = support::bundle(&what.folders, &config, &report, what.now)?;
    let made = bundle.get("made").and_then(Value::as_str).unwrap_or_default();
    let digits: String = made.chars().take(19).filter(char::is_ascii_digit).collect();
    let path = asked.file.clone().unwrap_or_else(|| PathBuf::from(format!("flyos-support-{digits}.json")));
    let lines = bundle.get("log").and_then(Value::as_array).map_or(0, Vec::len);
    let text = serde_json::to_string_pretty(&bundle).map_err(io::Error::other);
    text.and_then(|text| create(&path, &text)).map_err(|error| {
        let told = if error.kind() == io::ErrorKind::AlreadyExists {
            taken(&path)
        } else {
            let told = format!("The bundle could not be written to {}: {error}.", path.display());
            ServiceError::new(ErrorKind::Storage, told)
        };
        told.hint("Name a file that is not there yet, in a folder of yours.")
    })?;
    out.told(
        &format!(
            "{} holds how this machine stands and {lines} lines of the log, without rows and edits. Addresses, keys, \
             hosts, your login and home are masked. Look through it before you hand it on.",
            path.display()
        ),
        json!({ "path": path, "lines": lines }),
    )
}

/// Never over a file that is there.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")
}

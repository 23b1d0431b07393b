//! `flyos doctor`: is everything on this machine as it must be? Looks at all of it, changes nothing.
//!
//! Each finding says what was looked at, how it is, and what to do where something is to be done. What cannot be looked
//! at (no password given, a console has the account open) is said as such and is no trouble. An account that a console
//! has open is not locked, not opened and not copied: its files change meanwhile.
//!
//! * `machine`: configuration, folders, room, clock, the projects over the line
//! * `account`: one account's files, without its key and with it; `aside`: what was set aside of one

mod account;
mod aside;
mod machine;

use serde::Serialize;

use secrecy::SecretString;

use super::{Config, Environment, Folders};
use crate::domain::Stamp;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Sound,
    /// Nothing is wrong, or it could not be looked at: to be known.
    Note,
    /// Somebody has to do something.
    Attention,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of which part: `data`, `account 0198…`, `journal`.
    pub about: String,
    pub health: Health,
    /// How it is, in a sentence.
    pub text: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<String>,
}

/// Everything that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// How many of them are that a project does not answer: nothing here is wrong.
    pub offline: usize,
}

/// What to look at, and with what.
pub struct Examination {
    pub folders: Folders,
    pub environment: Environment,
    /// With it, each account that it opens is looked at entry by entry and row by row.
    pub password: Option<SecretString>,
    /// Whether the projects are to be asked over the line.
    pub online: bool,
    pub now: Stamp,
}

impl Report {
    pub fn sound(&mut self, about: &str, text: impl Into<String>) {
        self.add(about, Health::Sound, text.into(), None);
    }

    pub fn note(&mut self, about: &str, text: impl Into<String>) {
        self.add(about, Health::Note, text.into(), None);
    }

    pub fn attention(&mut self, about: &str, text: impl Into<String>, todo: impl Into<String>) {
        self.add(about, Health::Attention, text.into(), Some(todo.into()));
    }

    /// There is no line to a project.
    pub fn unreachable(&mut self, about: &str, text: impl Into<String>, todo: impl Into<String>) {
        self.offline += 1;
        self.attention(about, text, todo);
    }

    fn add(&mut self, about: &str, health: Health, text: String, todo: Option<String>) {
        self.findings.push(Finding { about: about.to_owned(), health, text, todo });
    }

    /// How many things somebody has to look after.
    pub fn troubles(&self) -> usize {
        self.findings.iter().filter(|finding| finding.health == Health::Attention).count()
    }
}

/// Looks at everything.
pub fn examine(what: &Examination) -> Report {
    let mut report = Report::default();
    let config = match Config::read(&what.folders) {
        Ok(config) => {
            machine::configuration(&mut report, what, &config);
            config
        }
        Err(error) => {
            report.attention("configuration", error.message, error.hints.join(" "));
            Config::default()
        }
    };
    let config = config.with_environment(what.environment.clone());
    machine::projects(&mut report, &config);
    machine::data(&mut report, &what.folders);
    account::all(&mut report, what);
    aside::all(&mut report, what, &config);
    machine::clock(&mut report, what);
    if what.online {
        machine::line(&mut report, &config, what.now);
    }
    report
}

//! What the commands that read and write files share: the door as `service` takes it, names of kinds and forms, a
//! passphrase, and how far the work is.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};

use super::door::Door;
use super::prompt::{self, Source};
use crate::domain::Kind;
use crate::service::transfer::{self, Format};
use crate::service::{ErrorKind, ServiceError};

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    Users,
    Regions,
    Drones,
    Assignments,
    All,
}

impl What {
    /// The kinds, parents before children.
    pub(super) fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Users => vec![Kind::User],
            Self::Regions => vec![Kind::Region],
            Self::Drones => vec![Kind::Drone],
            Self::Assignments => vec![Kind::Assignment],
            Self::All => Kind::ALL.to_vec(),
        }
    }
}

/// The form of a file, as it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Csv,
    Json,
    Ndjson,
}

/// The form that was said, or that the file's name tells.
pub(super) fn format(said: Option<Form>, path: Option<&Path>) -> Option<Format> {
    match said {
        Some(Form::Csv) => Some(Format::Csv),
        Some(Form::Json) => Some(Format::Json),
        Some(Form::Ndjson) => Some(Format::Ndjson),
        None => path.and_then(Format::of),
    }
}

/// Does something through the door, as `service` asks and acts.
pub(super) fn through<T>(door: &Door, work: impl FnOnce(&transfer::Door<'_>) -> T) -> T {
    work(&transfer::Door { ask: &|query| door.query(query), act: &|action| door.act(action) })
}

/// How far the work is, on a terminal's error output and nowhere else.
pub(super) struct Progress {
    seen: bool,
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { seen: io::stderr().is_terminal(), shown: false }
    }

    pub(super) fn show(&mut self, words: &str) {
        if self.seen {
            self.shown = true;
            // Where nobody reads, there is nobody to tell.
            drop(write!(io::stderr(), "\r{words}\x1b[K"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

/// Where the passphrase of a sealed file comes from.
#[derive(Args, Clone, Debug)]
pub(super) struct Passphrase {
    /// Read the file's passphrase from the first line of another file; without it, it is asked for
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    /// `twice`: it seals something, and nobody could open what a slip of the finger has sealed.
    pub(super) fn get(&self, twice: bool) -> Result<SecretString, ServiceError> {
        if let Some(path) = &self.passphrase_file {
            return prompt::password(Source::File(path));
        }
        let typed = |words: &str| {
            prompt::typed(words).map_err(|error| {
                ServiceError::new(ErrorKind::Usage, format!("No passphrase could be asked for: {error}."))
                    .hint("Give it in a file of your own: --passphrase-file FILE.")
            })
        };
        let passphrase = typed("Passphrase of the file: ")?;
        if twice && typed("Passphrase once more: ")?.expose_secret() != passphrase.expose_secret() {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                "The two passphrases differ. Nothing was written.",
            ));
        }
        Ok(passphrase)
    }
}

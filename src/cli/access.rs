//! What every command takes: whose account, by which password, how long to wait, and in which form to answer.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use super::prompt::{self, Source};
use crate::service::{Config, ServiceError, wipe};

/// Longer than a night is meant as "for ever", which a service manager does better.
const WAIT_S_MAX: u64 = 24 * 3600;

/// The flags that all commands share.
#[derive(Args, Clone, Debug, Default)]
pub struct Access {
    /// The project, by its name in the configuration file
    #[arg(long, global = true, help_heading = "For every command")]
    pub project: Option<String>,
    /// The address to sign in with
    #[arg(long, global = true, help_heading = "For every command")]
    pub email: Option<String>,
    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE", global = true, help_heading = "For every command")]
    pub password_file: Option<PathBuf>,
    /// Read the password from the first line of the input
    #[arg(long, conflicts_with = "password_file", global = true, help_heading = "For every command")]
    pub password_stdin: bool,
    /// Wait so long until everything is received and sent; 0: do not wait. An error where it was not
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=WAIT_S_MAX),
        global = true,
        help_heading = "For every command"
    )]
    pub wait: Option<u64>,
    /// Answer in JSON
    #[arg(long, global = true, help_heading = "For every command")]
    pub json: bool,
}

impl Access {
    /// How long to wait, where that was said.
    pub fn patience(&self) -> Option<Duration> {
        self.wait.map(Duration::from_secs)
    }

    /// The password, from where it was said to be.
    pub fn password(&self) -> Result<SecretString, ServiceError> {
        prompt::password(match &self.password_file {
            Some(path) => Source::File(path),
            None if self.password_stdin => Source::Input,
            None => Source::Terminal,
        })
    }

    /// Was a password given, so that none need be asked for?
    pub fn has_password(&self) -> bool {
        self.password_stdin || self.password_file.is_some()
    }

    /// The name and the address of the project that was named, or of the first one.
    pub(super) fn project_of(&self, config: &Config) -> Result<(String, String), ServiceError> {
        let url = wipe::project(config, self.project.as_deref())?;
        let first = || config.views().into_iter().next().map(|view| view.name);
        Ok((self.project.clone().or_else(first).unwrap_or_default(), url))
    }
}

//! `flyos supabase init`: the first MAIN_HQ of a project, with an account to sign in with, and the initial data set for
//! who wants it.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use serde_json::json;

use super::way::{Way, WayArgs, ask, say_way, somebody};
use crate::cli::out::Out;
use crate::cli::prompt;
use crate::service::setup_project::{FirstDone, FirstHow, FirstUser, Project, no_way};
use crate::service::{Config, ErrorKind, ServiceError};

#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    #[command(flatten)]
    way: WayArgs,
    /// The new account's password, from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// The new account's password, from what is piped in
    #[arg(long)]
    password_stdin: bool,
    /// Without one it is made of the address
    #[arg(long)]
    username: Option<String>,
    /// Without one it is the username
    #[arg(long)]
    full_name: Option<String>,
    /// Load two regions with users and drones to begin with
    #[arg(long, conflicts_with = "no_initial_data")]
    initial_data: bool,
    /// Do not ask for that
    #[arg(long)]
    no_initial_data: bool,
}

/// Makes the first MAIN_HQ.
pub fn init(
    args: &InitArgs,
    config: &Config,
    email: Option<String>,
    project: Option<String>,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    let way = args.way.open(config, project)?.ok_or_else(no_way)?;
    say_way(&way, out)?;
    let email = match email {
        Some(email) => email,
        None if somebody() => ask("Address of the first MAIN_HQ: ")?,
        None => return Err(ServiceError::new(ErrorKind::Usage, "Whose account? Say --email ADDRESS.")),
    };
    // Refused before anybody is asked for a password.
    let there = match &way {
        Way::Database(project) => project.first_plan(&email)?.account.is_some(),
        Way::Key(_) => false,
    };
    let password = if there { None } else { Some(args.password()?) };
    let (username, full_name) = (args.username.clone(), args.full_name.clone());
    let user = FirstUser { email, username, full_name, password };
    let done = match &way {
        Way::Database(project) => project.make_first(&user)?,
        Way::Key(keyed) => keyed.make_first(&user)?,
    };
    told(&done, out)?;
    let filled = match &way {
        Way::Database(project) => args.fill(project, out)?,
        Way::Key(_) => {
            out.say("The console offers the initial data set when you sign in to an empty project.")?;
            false
        }
    };
    let fields = json!({ "email": done.email, "username": done.username, "account": done.account,
        "profile": done.profile, "initialData": filled });
    out.found(fields, None)
}

fn told(done: &FirstDone, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if done.profile == FirstHow::Taken {
        out.say(&format!("The profile of {} was there and is used.", done.email))?;
    }
    if done.account == FirstHow::Taken {
        out.say("An account of that address was there and is used: its password stays as it is.")?;
    }
    out.say(&format!("{} (MAIN_HQ, ACTIVE) signs in with {} now.", done.username, done.email))
}

impl InitArgs {
    fn password(&self) -> Result<SecretString, ServiceError> {
        match (&self.password_file, self.password_stdin) {
            (Some(file), _) => prompt::password(prompt::Source::File(file)),
            (None, true) => prompt::piped(),
            (None, false) => prompt::chosen(
                ["Password: ", "The same once more: "],
                "Give it in a file of your own (--password-file FILE), or pipe it in (--password-stdin).",
            ),
        }
    }

    /// Whether the initial data set was wanted, and loaded.
    fn fill(&self, project: &Project, out: &mut Out<impl Write>) -> Result<bool, ServiceError> {
        let asks = !self.initial_data && !self.no_initial_data && somebody();
        let words =
            "Load the initial data set too (two regions, their users and drones, no accounts)? [y/N] ";
        let wanted = self.initial_data || (asks && matches!(ask(words)?.as_str(), "y" | "Y" | "yes"));
        if !wanted {
            return Ok(false);
        }
        project.fill()?;
        out.say("The initial data set was loaded.")?;
        Ok(true)
    }
}

//! `flyos`: parses arguments, chooses a front, maps an error to an exit code.
//!
//! The only place that may put every room together: `demo` joins the training server and the console.

mod look;
mod program;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flyos::tui::keys::Form;

/// Offline-first terminal console for the people who run drones.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    screen: look::Screen,
    /// The project to sign in to, by its name in the configuration file
    #[arg(long, global = true)]
    project: Option<String>,
    /// The address to sign in with
    #[arg(long, global = true)]
    email: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything on a training server in this process; nothing is left behind
    Demo {
        /// Generate users and drones up to about this many rows
        #[arg(long, default_value_t = 0)]
        rows: usize,
    },
    /// Tell how the open console stands: who is signed in, the line, what waits, what needs you
    Status {
        /// As JSON, one line for each open console
        #[arg(long)]
        json: bool,
    },
    /// Erase what this machine has of an account (of all of them without --email), its keys first
    Wipe {
        /// Without asking; unsent edits go with it
        #[arg(long)]
        yes: bool,
    },
    /// Look whether everything on this machine is as it must be: files, room, accounts, projects. Changes nothing
    Doctor {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Ask for a password, and look at each sealed entry and row of the accounts that it opens
        #[arg(long, conflicts_with = "password_file")]
        password: bool,
        /// Read that password from the first line of a file
        #[arg(long, value_name = "FILE")]
        password_file: Option<std::path::PathBuf>,
        /// Do not ask the projects whether they answer
        #[arg(long)]
        offline: bool,
    },
    /// Print the keys, with the names by which the configuration file can change them
    Keys {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// As the part of config.toml to start one's own keys from
        #[arg(long, conflicts_with = "json")]
        toml: bool,
    },
    /// Figures for Prometheus: what waits, the last sync, errors, bytes, how long exchanges took
    Metrics(flyos::cli::Metrics),
    /// One file for whoever helps, with personal data masked
    SupportBundle(flyos::cli::SupportBundle),
    /// Set up a project in Supabase, look whether it is as it must be, take it out again
    #[command(subcommand)]
    Supabase(flyos::cli::supabase::Command),
    /// Sign-in accounts and their profiles: how they stand to each other, and making profiles that are missing
    #[command(subcommand)]
    Accounts(flyos::cli::accounts::Command),
    /// Run the training server alone, for several consoles or any Supabase client
    Sandbox(program::SandboxArgs),
}

fn main() -> ExitCode {
    if let Err(error) = flyos::vault::process::close_to_others() {
        program::warn(&format!(
            "the system does not let this process forbid core dumps ({error}); it goes on."
        ));
    }
    let args = Args::parse();
    let result = match args.command {
        None => program::console(&args.screen, args.project, args.email),
        Some(Command::Demo { rows }) => program::demo(&args.screen, rows),
        Some(Command::Status { json }) => program::status(json),
        Some(Command::Wipe { yes }) => {
            program::wipe(&flyos::cli::Wipe { project: args.project, email: args.email, yes })
        }
        Some(Command::Doctor { json, password, password_file, offline }) => {
            program::doctor(&args.screen, json, (password, password_file.as_deref()), offline)
        }
        Some(Command::Keys { json, toml }) => program::keys(match (json, toml) {
            (true, _) => Form::Json,
            (_, true) => Form::Toml,
            _ => Form::Text,
        }),
        Some(Command::Metrics(asked)) => program::metrics(&asked),
        Some(Command::SupportBundle(asked)) => program::support_bundle(&args.screen, &asked),
        Some(Command::Supabase(command)) => program::supabase(&command, args.email, args.project),
        Some(Command::Accounts(command)) => program::accounts(&command, args.project),
        Some(Command::Sandbox(sandbox)) => program::sandbox(&sandbox),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => program::explain(&error),
    }
}

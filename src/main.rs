//! `flyos`: parses arguments, chooses a front, maps an error to an exit code.
//!
//! The only place that may put every room together: `demo` joins the training server and the console.

mod program;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use flyos::cli::{Access, Work};

/// Offline-first terminal console for the people who run drones.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    screen: program::Screen,
    #[command(flatten)]
    access: Access,
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
    Status,
    /// Erase what this machine has of an account (of all of them without --email), its keys first
    Wipe {
        /// Without asking; unsent edits go with it
        #[arg(long)]
        yes: bool,
    },
    /// Look whether everything on this machine is as it must be: files, room, accounts, projects. Changes nothing
    Doctor {
        /// Ask for a password, and look at each sealed entry and row of the accounts that it opens
        #[arg(long, conflicts_with_all = ["password_file", "password_stdin"])]
        password: bool,
        /// Do not ask the projects whether they answer
        #[arg(long)]
        offline: bool,
    },
    #[command(flatten)]
    Work(Work),
    /// Figures for Prometheus: what waits, the last sync, errors, bytes, how long exchanges took
    Metrics(flyos::cli::Metrics),
    /// One file for whoever helps, with personal data masked
    SupportBundle(flyos::cli::SupportBundle),
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
    let (json, access) = (args.access.json, args.access);
    let result = match args.command {
        None => program::console(&args.screen, access),
        Some(Command::Demo { rows }) => program::demo(&args.screen, rows),
        Some(Command::Status) => program::status(json),
        Some(Command::Wipe { yes }) => program::wipe(access, yes),
        Some(Command::Doctor { password, offline }) => program::doctor(&access, password, offline),
        Some(Command::Work(work)) => program::work(&work, access),
        Some(Command::Metrics(asked)) => program::metrics(&asked),
        Some(Command::SupportBundle(asked)) => program::support_bundle(&asked),
        Some(Command::Sandbox(sandbox)) => program::sandbox(&sandbox),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => program::explain(&error, json),
    }
}

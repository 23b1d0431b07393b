//! `flyos`: parses arguments, chooses a front, maps an error to an exit code.
//!
//! The only place that may put every room together: `demo` joins the training server and the console.

mod look;
mod program;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use flyos::cli::{self, Access, Work};
use flyos::service::{Config, ErrorKind, read_only_refusal};
use flyos::tui::keys::Form;

/// Offline-first terminal console for the people who run drones.
#[derive(Debug, Parser)]
#[command(version, about, after_help = exit_codes())]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    screen: look::Screen,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try everything on a training server in this process; nothing is left behind
    #[command(after_help = "Example: flyos demo --rows 100000")]
    Demo {
        /// Generate users and drones up to about this many rows
        #[arg(long, default_value_t = 0)]
        rows: usize,
    },
    /// Tell how the open console stands: who is signed in, the line, what waits, what needs you
    #[command(after_help = "Example: flyos status --json")]
    Status,
    /// Erase what this machine has of an account (of all of them without --email), its keys first
    #[command(after_help = "Example: flyos wipe --email east@flyos.mil")]
    Wipe {
        /// Without asking; unsent edits go with it
        #[arg(long)]
        yes: bool,
    },
    /// Look whether everything on this machine is as it must be: files, room, accounts, projects. Changes nothing
    #[command(after_help = "Example: flyos doctor --password")]
    Doctor {
        /// Ask for a password, and look at each sealed entry and row of the accounts that it opens
        #[arg(long, conflicts_with_all = ["password_file", "password_stdin"])]
        password: bool,
        /// Do not ask the projects whether they answer
        #[arg(long)]
        offline: bool,
    },
    /// Print the keys, with the names by which the configuration file can change them
    #[command(after_help = "Example: flyos keys --toml > my-keys.toml")]
    Keys {
        /// As the part of config.toml to start one's own keys from
        #[arg(long)]
        toml: bool,
    },
    #[command(flatten)]
    Work(Work),
    /// Print the completions for a shell
    #[command(
        after_help = "Example: flyos completions bash > ~/.local/share/bash-completion/completions/flyos"
    )]
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write those of all commands into a folder
    #[command(after_help = "Example: flyos man ~/.local/share/man/man1")]
    Man { folder: Option<PathBuf> },
    /// Figures for Prometheus: what waits, the last sync, errors, bytes, how long exchanges took
    #[command(after_help = "Example: flyos metrics --textfile /var/lib/node_exporter/flyos.prom")]
    Metrics(cli::Metrics),
    /// One file for whoever helps, with personal data masked
    #[command(after_help = "Example: flyos support-bundle")]
    SupportBundle(cli::SupportBundle),
    /// Set up a project in Supabase, look whether it is as it must be, take it out again
    #[command(subcommand, after_help = "Example: flyos supabase verify --database-url-file database")]
    Supabase(cli::supabase::Command),
    /// Sign-in accounts and their profiles: how they stand to each other, and making profiles that are missing
    #[command(subcommand, after_help = "Example: flyos accounts status --email main@flyos.mil")]
    Accounts(cli::accounts::Command),
    /// Run the training server alone, for several consoles or any Supabase client
    #[command(after_help = "Example: flyos sandbox --data ~/training")]
    Sandbox(program::SandboxArgs),
}

/// The table at the end of the help.
fn exit_codes() -> String {
    let line = |kind: ErrorKind| format!("{:4}  {}\n", kind.exit_code(), kind.meaning());
    let codes: String = ErrorKind::ALL.into_iter().map(line).collect();
    format!(
        "Exit codes:\n   0  it was done, or quit\n{codes}\nExample: flyos drones list --status MAINTENANCE --json"
    )
}

fn main() -> ExitCode {
    if let Err(error) = flyos::vault::process::close_to_others() {
        program::warn(&format!(
            "the system does not let this process forbid core dumps ({error}); it goes on."
        ));
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return program::not_understood(&error),
    };
    let json = args.access.json;
    match permit(&args).and_then(|()| run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => program::explain(&error, json),
    }
}

impl Command {
    /// Does it change something? See `cli::read_only`. The demo and the training server have rows of their own, and the
    /// demo's session heeds the flag by itself.
    const fn changes(&self) -> bool {
        match self {
            Self::Wipe { .. } => true,
            Self::Work(work) => work.changes(),
            Self::Supabase(command) => command.changes(),
            Self::Accounts(command) => command.changes(),
            Self::Demo { .. }
            | Self::Sandbox(_)
            | Self::Status
            | Self::Doctor { .. }
            | Self::Keys { .. }
            | Self::Completions { .. }
            | Self::Man { .. }
            | Self::Metrics(_)
            | Self::SupportBundle(_) => false,
        }
    }
}

/// Where nothing may be changed, by the flag or by the configuration file, a command that would is refused before it
/// begins. A file that cannot be read is told by whoever needs it.
fn permit(args: &Args) -> anyhow::Result<()> {
    let read_only = || {
        let config = program::folders().and_then(|folders| Config::read(&folders));
        args.screen.read_only || config.is_ok_and(|config| config.read_only)
    };
    let changes = args.command.as_ref().is_some_and(Command::changes);
    if changes && read_only() { Err(read_only_refusal().into()) } else { Ok(()) }
}

fn run(args: Args) -> anyhow::Result<()> {
    let (screen, json, access) = (&args.screen, args.access.json, args.access);
    match args.command {
        None => program::console(screen, access),
        Some(Command::Demo { rows }) => program::demo(screen, rows),
        Some(Command::Status) => program::status(json),
        Some(Command::Wipe { yes }) => program::wipe(access, yes),
        Some(Command::Doctor { password, offline }) => program::doctor(screen, &access, password, offline),
        Some(Command::Completions { shell }) => program::completions(Args::command(), shell),
        Some(Command::Man { folder }) => program::man(Args::command(), folder.as_deref()),
        Some(Command::Work(work)) => program::work(screen, access, |place, out| work.run(place, out)),
        Some(Command::Metrics(asked)) => program::metrics(&asked),
        Some(Command::SupportBundle(asked)) => program::support_bundle(screen, &asked, json),
        Some(Command::Supabase(command)) => {
            program::work(screen, access, |place, out| cli::supabase::run(&command, place, out))
        }
        Some(Command::Accounts(command)) => {
            program::work(screen, access, |place, out| cli::accounts::run(&command, place, out))
        }
        Some(Command::Keys { toml }) => program::keys(match (json, toml) {
            (true, _) => Form::Json,
            (_, true) => Form::Toml,
            _ => Form::Text,
        }),
        Some(Command::Sandbox(sandbox)) => program::sandbox(&sandbox),
    }
}

//! `flyos supabase`: sets a project up, looks whether it is as it must be, takes everything out again, and makes the
//! first MAIN_HQ. For whoever runs the project, with its database's address or its secret key.
//!
//! * `schema`: `sql`, `migrate`, `verify`, `rollback`
//! * `init`: the first MAIN_HQ
//! * `way`: how the project is reached, and what is known of the line; `accounts` goes the same way

mod init;
mod schema;
pub(super) mod way;

use std::io::Write;

use clap::Subcommand;

use crate::service::{Folders, ServiceError};

pub use init::InitArgs;
pub use way::{DatabaseArgs, WayArgs};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the migrations, one transaction each, for the SQL editor or psql
    Sql {
        /// The initial data set instead
        #[arg(long, conflicts_with = "rollback")]
        seed: bool,
        /// The way back instead
        #[arg(long)]
        rollback: bool,
    },
    /// Apply the migrations that the project's database does not have yet
    Migrate {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Apply all of them once more, which mends what was damaged
        #[arg(long, conflicts_with = "dry_run")]
        again: bool,
    },
    /// Compare every object of the database with what the migrations make. Changes nothing
    Verify {
        #[command(flatten)]
        database: DatabaseArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take FlyOS Console out of the project's database, after asking; rows and accounts stay
    Rollback {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Make the first MAIN_HQ, with an account to sign in with (--email ADDRESS)
    Init(InitArgs),
}

/// Carries a command out.
pub fn run(
    command: &Command,
    folders: &Folders,
    email: Option<String>,
    project: Option<String>,
    out: &mut impl Write,
) -> Result<(), ServiceError> {
    match command {
        Command::Sql { seed, rollback } => schema::sql(*seed, *rollback, out),
        Command::Migrate { database, dry_run, again } => schema::migrate(database, *dry_run, *again, out),
        Command::Verify { database, json } => schema::verify(database, *json, out),
        Command::Rollback { database, yes } => schema::rollback(database, *yes, out),
        Command::Init(args) => init::init(args, folders, email, project, out),
    }
}

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

use super::door::Place;
use super::out::Out;
use crate::service::ServiceError;

pub use init::InitArgs;
pub use way::{DatabaseArgs, WayArgs};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the migrations, one transaction each, for the SQL editor or psql
    #[command(after_help = "Example: flyos supabase sql | psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1")]
    Sql {
        /// The initial data set instead
        #[arg(long, conflicts_with = "rollback")]
        seed: bool,
        /// The way back instead
        #[arg(long)]
        rollback: bool,
    },
    /// Apply the migrations that the project's database does not have yet
    #[command(after_help = "Example: flyos supabase migrate --dry-run --database-url-file database")]
    Migrate {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Apply all of them once more and put back what `verify` found missing or changed: all in one transaction
        #[arg(long, conflicts_with = "dry_run")]
        again: bool,
    },
    /// Compare every object of the database with what the migrations make. Changes nothing
    #[command(after_help = "Example: flyos supabase verify --database-url-file database --json")]
    Verify {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Take FlyOS Console out of the project's database, after asking; rows and accounts stay
    #[command(after_help = "Example: flyos supabase rollback --database-url-file database")]
    Rollback {
        #[command(flatten)]
        database: DatabaseArgs,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Make the first MAIN_HQ, with an account to sign in with (--email ADDRESS)
    #[command(after_help = "Example: flyos supabase init --email you@unit.mil --database-url-file database")]
    Init(InitArgs),
}

/// Carries a command out.
pub fn run(command: &Command, place: Place, to: &mut impl Write) -> Result<(), ServiceError> {
    let out = &mut Out::new(place.access.json, to);
    match command {
        Command::Sql { seed, rollback } => schema::sql(*seed, *rollback, out),
        Command::Migrate { database, dry_run, again } => schema::migrate(database, *dry_run, *again, out),
        Command::Verify { database } => schema::verify(database, out),
        Command::Rollback { database, yes } => schema::rollback(database, *yes, out),
        Command::Init(args) => {
            init::init(args, &place.settings.config, place.access.email, place.access.project, out)
        }
    }
}

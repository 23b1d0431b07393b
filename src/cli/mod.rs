//! Commands without a screen, for people in a hurry and for scripts; one file a command. Each goes through one door
//! (`door`): the console that is open, or an account that the command opens itself. `access` has what every command
//! takes, `read_only` which of them change something, `out` how every answer looks, `prompt` asks for a password, `files`
//! has what those share that read and write files. `doctor`, `support-bundle` and `wipe` ask nobody: they work on what
//! lies on this machine. `supabase` and `accounts` are for whoever runs a project, and ask the project; headquarters'
//! looks of `accounts` go through the door.

mod access;
pub mod accounts;
mod activity;
mod alone;
mod backup;
mod change;
mod conflicts;
mod devices;
mod doctor;
mod door;
mod drones;
mod export;
mod files;
mod import;
mod list;
mod metrics;
mod out;
mod outbox;
mod people;
mod prompt;
mod read_only;
mod regions;
mod restore;
mod rows;
mod settings;
mod sign_in;
mod status;
pub mod supabase;
mod support_bundle;
mod sync;
mod things;
mod unlock;
mod users;
mod wipe;

use std::io::Write;

use clap::Subcommand;

pub use access::Access;
pub use doctor::{Terminal, doctor};
pub use door::{Door, Place};
pub use metrics::{Metrics, metrics};
pub use out::{Out, error_json};
pub use prompt::typed;
pub use status::status;
pub use support_bundle::{SupportBundle, support_bundle};
pub use wipe::{Wipe, wipe};

use crate::domain::Stamp;
use crate::service::{ServiceError, log};

/// The commands that go through the door.
#[derive(Clone, Debug, Subcommand)]
pub enum Work {
    /// Users: list, show, create, set, delete; their sign-in accounts: create-account, invite, set-password, set-email, ban,
    /// unban, sign-out
    #[command(subcommand, after_help = "Example: flyos users list --role OPERATOR --status ACTIVE --json")]
    Users(users::Users),
    /// Regions: list, show, create, set, delete
    #[command(subcommand, after_help = "Example: flyos regions show 'Eastern Region'")]
    Regions(regions::Regions),
    /// Drones: list, show, create, set, delete, assign, unassign
    #[command(subcommand, after_help = "Example: flyos drones set drone-001 --status STANDBY --reason storm")]
    Drones(drones::Drones),
    /// The machines that accounts were used on: list, erase
    #[command(subcommand, after_help = "Example: flyos devices list")]
    Devices(devices::Devices),
    /// Edits that wait: list them, write them into a sealed file, take such a file in
    #[command(subcommand, after_help = "Example: flyos outbox list")]
    Outbox(outbox::Outbox),
    /// Edits that need a decision: list, show, resolve, retry, discard, export
    #[command(subcommand, after_help = "Example: flyos conflicts list")]
    Conflicts(conflicts::Conflicts),
    /// Who did what, when and why, newest first
    Activity(activity::Activity),
    Sync(sync::Sync),
    /// The configuration: show, path, check
    #[command(subcommand, after_help = "Example: flyos config show")]
    Config(settings::Settings),
    /// Sign in: the account is loaded onto this machine, and opens here without a line from then on
    #[command(after_help = "Example: flyos sign-in --email east@flyos.mil --password-file ~/.flyos-password")]
    SignIn,
    SignOut(sign_in::SignOut),
    Unlock(unlock::Unlock),
    Export(export::Export),
    Import(import::Import),
    Backup(backup::Backup),
    Restore(restore::Restore),
    /// Lock: the key that `flyos unlock` had kept is let go of, and an open console is locked
    #[command(after_help = "Example: flyos lock")]
    Lock,
}

impl Work {
    /// Does it.
    pub fn run(&self, place: Place, to: &mut impl Write) -> Result<(), ServiceError> {
        log::to(&place.settings.folders.state);
        let out = &mut Out::new(place.access.json, to);
        match self {
            Self::Users(users) => users.run(place, out),
            Self::Regions(regions) => regions.run(place, out),
            Self::Drones(drones) => drones.run(place, out),
            Self::Devices(devices) => devices.run(place, out),
            Self::Outbox(outbox) => outbox.run(place, out),
            Self::Conflicts(conflicts) => conflicts.run(place, out),
            Self::Activity(activity) => activity.run(place, out),
            Self::Sync(sync) => sync.run(place, out),
            Self::Config(settings) => settings.run(&place, out),
            Self::SignIn => sign_in::sign_in(place, out),
            Self::SignOut(sign_out) => sign_out.run(place, out),
            Self::Unlock(unlock) => unlock.run(place, out),
            Self::Export(export) => export.run(place, out),
            Self::Import(import) => import.run(place, out),
            Self::Backup(backup) => backup.run(place, out),
            Self::Restore(restore) => restore.run(&place, out),
            Self::Lock => unlock::lock(&place, out),
        }
    }
}

/// What the wall clock shows.
fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_microsecond())
}

/// Says something beside the answer, on the error output.
fn note(words: &str) {
    // Where nobody reads, there is nobody to tell.
    drop(writeln!(std::io::stderr(), "flyos: {words}"));
}

/// Says an error that does not end the command.
fn tell(error: &ServiceError) {
    note(&error.message);
    error.hints.iter().for_each(|hint| note(hint));
}

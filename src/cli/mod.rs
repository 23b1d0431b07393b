//! Commands without a screen, for people in a hurry and for scripts; one file a command. Each goes through one door
//! (`door`): the console that is open, or an account that the command opens itself. `access` has what every command
//! takes, `out` how every answer looks, `prompt` asks for a password, `files` has what those share that read and write
//! files. `doctor`, `support-bundle` and `wipe` ask nobody: they work on what lies on this machine.

mod access;
mod alone;
mod backup;
mod doctor;
mod door;
mod export;
mod files;
mod import;
mod metrics;
mod out;
mod prompt;
mod restore;
mod sign_in;
mod status;
mod support_bundle;
mod sync;
mod unlock;
mod wipe;

use std::io::Write;

use clap::Subcommand;

pub use access::Access;
pub use doctor::{Terminal, doctor};
pub use door::{Door, Place};
pub use metrics::{Metrics, metrics};
pub use out::{Out, error_json};
pub use status::status;
pub use support_bundle::{SupportBundle, support_bundle};
pub use wipe::{Wipe, wipe};

use crate::domain::Stamp;
use crate::service::ServiceError;

/// The commands that go through the door.
#[derive(Clone, Debug, Subcommand)]
pub enum Work {
    /// Ask the server for news, send what waits, and wait for both
    #[command(after_help = "Example: flyos sync --wait 60")]
    Sync,
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
        let out = &mut Out::new(place.access.json, to);
        match self {
            Self::Sync => sync::sync(place, out),
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

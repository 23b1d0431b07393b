//! Commands without a screen. Each asks the console that is open, through the door, and prints what it was told; one
//! file a command. A command that has nobody to ask says so, and its exit code is the error's. `doctor`, `support-bundle`
//! and `wipe` ask nobody: they work on what lies on this machine. `supabase` and `accounts` are for whoever runs a project,
//! and ask the project. `prompt` asks for a password.

pub mod accounts;
mod doctor;
mod metrics;
mod prompt;
mod status;
pub mod supabase;
mod support_bundle;
mod wipe;

use crate::domain::Stamp;

pub use doctor::{Terminal, doctor};
pub use metrics::{Metrics, metrics};
pub use prompt::{password, typed};
pub use status::status;
pub use support_bundle::{SupportBundle, support_bundle};
pub use wipe::{Wipe, wipe};

/// What the wall clock shows.
fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_microsecond())
}

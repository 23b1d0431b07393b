//! Which commands change something. Under `--read-only`, or with `read_only` in config.toml, those are refused before
//! anything else: before a password is asked for or a door is opened. An open console would do them, since it has rights
//! of its own and knows nothing of the flag.
//!
//! Every command is judged here, and a new one does not compile until it is. A change is what outlives the command: in
//! rows, in accounts and machines, in a project, in what this machine has and in whom it lets in. So
//!
//! * `sign-in` and `sync` are none: they fetch what is to be read, and send what was saved earlier, as was promised then;
//!   `conflicts retry` sends such an edit, too;
//! * `sign-out` and `wipe` are changes, and so is `unlock`: what comes later, without the flag, needs no password then;
//! * `lock` is none: it lets nobody in and loses nothing, and who needs it needs it at once;
//! * `sync traffic` is one: the line is that of another session;
//! * files that a person names (exports, sealed files, backups) are none: what may be read may be kept;
//! * what is only looked at (`--dry-run`, `--check`, `outbox lost` without `--seen`) is none.

use super::accounts;
use super::conflicts::Conflicts;
use super::devices::Devices;
use super::drones::Drones;
use super::outbox::Outbox;
use super::people::People;
use super::regions::Regions;
use super::settings::Settings;
use super::supabase;
use super::sync::{Sync, What};
use super::users::Users;
use super::{Work, import, restore};

impl Work {
    /// Does it change something?
    pub const fn changes(&self) -> bool {
        match self {
            Self::Users(users) => users.changes(),
            Self::Regions(regions) => regions.changes(),
            Self::Drones(drones) => drones.changes(),
            Self::Devices(devices) => devices.changes(),
            Self::Outbox(outbox) => outbox.changes(),
            Self::Conflicts(conflicts) => conflicts.changes(),
            Self::Sync(sync) => sync.changes(),
            Self::Config(settings) => settings.changes(),
            Self::Import(import::Import { dry_run, .. }) => !*dry_run,
            Self::Restore(restore::Restore { check, .. }) => !*check,
            Self::SignOut(_) | Self::Unlock(_) => true,
            Self::Activity(_) | Self::SignIn | Self::Lock | Self::Export(_) | Self::Backup(_) => false,
        }
    }
}

impl Users {
    const fn changes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => false,
            Self::Create { .. } | Self::Set { .. } | Self::Delete { .. } => true,
            Self::Account(people) => people.changes(),
        }
    }
}

impl People {
    const fn changes(&self) -> bool {
        match self {
            Self::CreateAccount { .. }
            | Self::Invite { .. }
            | Self::SetPassword { .. }
            | Self::SetEmail { .. }
            | Self::Ban { .. }
            | Self::Unban { .. }
            | Self::SignOut { .. } => true,
        }
    }
}

impl Regions {
    const fn changes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => false,
            Self::Create { .. } | Self::Set { .. } | Self::Delete { .. } => true,
        }
    }
}

impl Drones {
    const fn changes(&self) -> bool {
        match self {
            Self::List { .. } | Self::Show { .. } => false,
            Self::Create { .. }
            | Self::Set { .. }
            | Self::Delete { .. }
            | Self::Assign { .. }
            | Self::Unassign { .. } => true,
        }
    }
}

impl Devices {
    const fn changes(&self) -> bool {
        match self {
            Self::List => false,
            Self::Erase { .. } => true,
        }
    }
}

impl Outbox {
    const fn changes(&self) -> bool {
        match self {
            Self::List | Self::Export { .. } => false,
            Self::Import { .. } | Self::Held { .. } => true,
            Self::Lost { seen } => *seen,
        }
    }
}

impl Conflicts {
    const fn changes(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } | Self::Retry { .. } | Self::Export { .. } => false,
            Self::Resolve { .. } | Self::Discard { .. } => true,
        }
    }
}

impl Sync {
    const fn changes(&self) -> bool {
        match self.what {
            None | Some(What::Verify | What::Heal | What::Resync | What::Runs) => false,
            Some(What::Traffic { .. }) => true,
        }
    }
}

impl Settings {
    const fn changes(&self) -> bool {
        match self {
            Self::Show | Self::Path | Self::Check => false,
        }
    }
}

impl supabase::Command {
    /// Does it change something of the project?
    pub const fn changes(&self) -> bool {
        match self {
            Self::Sql { .. } | Self::Verify { .. } => false,
            Self::Migrate { dry_run, .. } => !*dry_run,
            Self::Rollback { .. } | Self::Init(_) => true,
        }
    }
}

impl accounts::Command {
    /// Does it change something of the project?
    pub const fn changes(&self) -> bool {
        match self {
            Self::Sync { dry_run, .. } => !*dry_run,
            Self::CreateProfile { .. } => true,
            Self::Status { .. } | Self::PreservationReport { .. } => false,
        }
    }
}

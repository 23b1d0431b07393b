//! A read-only session: what would change rows, the account or what this machine has of it is refused here, before
//! anything else looks at it. What was saved earlier is still sent: that it would be was promised then.

use super::{Action, Confidence, ErrorKind, Own, Service, ServiceError, Sessions, read};

/// Why a verb is not open.
pub(super) const WHY: &str = "This is a read-only session.";

impl Action {
    /// Would it change something that is kept? Every action is judged here.
    pub(super) const fn writes(&self) -> bool {
        match self {
            Self::Edit { .. }
            | Self::Bulk { .. }
            | Self::Undo
            | Self::Redo
            | Self::LoadInitial
            | Self::Settle { .. }
            | Self::SettleHeld { .. }
            | Self::AcknowledgeLost
            | Self::EraseMachine { .. }
            | Self::EndSessions { sessions: Sessions::Others | Sessions::All }
            | Self::Erase
            | Self::RemoveWords
            | Self::AddProject { .. } => true,
            // Ids for sending change nothing that anybody made: a backup of a read-only session is made with them.
            Self::Freeze
            | Self::SyncNow
            | Self::EndSessions { sessions: Sessions::Here }
            | Self::ReadTaste
            | Self::KeepTaste { .. }
            | Self::Machines
            | Self::Accounts { .. }
            | Self::MoreActivity
            | Self::MoreHistory { .. }
            | Self::Verify
            | Self::Reload
            | Self::Rehearse { .. }
            | Self::Retry { .. }
            | Self::SetTraffic { .. }
            | Self::SignOut
            | Self::Lock
            | Self::TrainingLine { .. } => false,
        }
    }
}

impl Confidence {
    pub(super) const fn writes(&self) -> bool {
        match self {
            Self::MakeWords { .. } | Self::KeepWords { .. } | Self::Import { .. } | Self::TakeBack { .. } => {
                true
            }
            Self::Unlock { .. } | Self::Export { .. } => false,
        }
    }
}

impl Own {
    pub(super) const fn writes(&self) -> bool {
        match self {
            Self::Enrol
            | Self::Confirm { .. }
            | Self::Unenrol { .. }
            | Self::ChangePassword { .. }
            | Self::SignOutOthers
            | Self::SignOutEverywhere
            | Self::MailCode { .. }
            | Self::Redeem(_) => true,
            Self::Code { .. } | Self::Factors => false,
        }
    }
}

impl Service {
    pub(super) fn is_read_only(&self) -> bool {
        read(&self.inner.config, |config| config.read_only)
    }

    /// Refuses what writes, in a read-only session.
    pub(super) fn may_write(&self, writes: bool) -> Result<(), ServiceError> {
        if !writes || !self.is_read_only() {
            return Ok(());
        }
        Err(refusal())
    }
}

/// What writes is told this, wherever it is refused.
pub fn refusal() -> ServiceError {
    ServiceError::new(ErrorKind::Refused, "This is a read-only session: nothing was changed.")
        .hint("Start without --read-only, and without read_only in config.toml, to change something.")
}

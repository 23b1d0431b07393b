//! `flyos users …`, the part about sign-in accounts: made, invited, given a password or an address, signed out, barred. The
//! server does it at once or not at all: nothing of it waits for a line. A new password is typed, or comes from a file or
//! the input, and is no argument.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde_json::json;

use super::change::confirmed;
use super::door::{Door, Place};
use super::list::named;
use super::out::Out;
use super::prompt;
use crate::domain::Kind;
use crate::service::{AccountDeed, Administer, Done, ErrorKind, ServiceError};

#[derive(Clone, Debug, Subcommand)]
pub enum People {
    /// Make a sign-in account for a user, with a password that you say
    #[command(after_help = "Example: flyos users create-account p_lotz --new-password-file ~/.new-password")]
    CreateAccount {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        new: NewPassword,
    },
    /// Make a sign-in account whose owner sets the password by a code that is mailed; again, to mail once more
    #[command(after_help = "Example: flyos users invite p_lotz")]
    Invite {
        #[command(flatten)]
        who: Who,
    },
    /// Give a user a new password; their sessions end
    #[command(after_help = "Example: flyos users set-password p_lotz")]
    SetPassword {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        new: NewPassword,
    },
    /// Give a user another address, for the account and the profile
    #[command(after_help = "Example: flyos users set-email p_lotz pia.lotz@flyos.mil")]
    SetEmail {
        #[command(flatten)]
        who: Who,
        /// The new address
        address: String,
    },
    /// Bar a user's account: no sign-in until the bar is lifted
    #[command(after_help = "Example: flyos users ban p_lotz --reason 'left the unit' --yes")]
    Ban {
        #[command(flatten)]
        who: Who,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
    /// Lift the bar of a user's account
    #[command(after_help = "Example: flyos users unban p_lotz")]
    Unban {
        #[command(flatten)]
        who: Who,
    },
    /// End a user's sessions on every machine; they can sign in again
    #[command(after_help = "Example: flyos users sign-out p_lotz --reason 'lost laptop' --yes")]
    SignOut {
        #[command(flatten)]
        who: Who,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Whose account, and why.
#[derive(Args, Clone, Debug)]
pub struct Who {
    /// By username, e-mail or id
    user: String,
    /// The reason, which is kept in the activity: up to 200 characters
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Where the new password is.
#[derive(Args, Clone, Debug)]
pub struct NewPassword {
    /// Read the new password from the first line of a file (--password-file is your own)
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// Read the new password from the next line of the input
    #[arg(long, conflicts_with = "new_password_file")]
    new_password_stdin: bool,
}

impl NewPassword {
    fn read(&self) -> Result<SecretString, ServiceError> {
        match &self.new_password_file {
            Some(path) => prompt::password(prompt::Source::File(path)),
            None if self.new_password_stdin => prompt::password(prompt::Source::Input),
            None => prompt::chosen(
                ["New password: ", "The same once more: "],
                "Give it in a file of your own (--new-password-file FILE), or pipe it in (--new-password-stdin).",
            ),
        }
    }
}

impl People {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let door = Door::open(place)?;
        let who = match self {
            Self::CreateAccount { who, .. }
            | Self::Invite { who }
            | Self::SetPassword { who, .. }
            | Self::SetEmail { who, .. }
            | Self::Ban { who, .. }
            | Self::Unban { who }
            | Self::SignOut { who, .. } => who,
        };
        let row = named(&door, Kind::User, &who.user)?.row;
        let Some(user) = row.key.uuid() else {
            return Err(ServiceError::new(ErrorKind::Usage, "That row has no account. Nothing was changed."));
        };
        let deed = self.deed()?;
        let asks = deed.warning().map(|warning| format!("{}: {warning}", row.label));
        confirmed(self.given() || asks.is_none(), asks.into_iter().collect())?;
        match door.administer(Administer { user, deed, reason: who.reason.clone() })? {
            Done::Account { summary } => out.told(&summary, json!({ "user": user })),
            _ => Ok(()),
        }
    }

    /// The word was given with the command.
    fn given(&self) -> bool {
        matches!(self, Self::Ban { yes: true, .. } | Self::SignOut { yes: true, .. })
    }

    /// What is wanted, with the password where one belongs to it.
    fn deed(&self) -> Result<AccountDeed, ServiceError> {
        Ok(match self {
            Self::CreateAccount { new, .. } => AccountDeed::Create(new.read()?),
            Self::Invite { .. } => AccountDeed::Invite,
            Self::SetPassword { new, .. } => AccountDeed::SetPassword(new.read()?),
            Self::SetEmail { address, .. } => AccountDeed::SetEmail(address.clone()),
            Self::Ban { .. } => AccountDeed::Ban,
            Self::Unban { .. } => AccountDeed::Unban,
            Self::SignOut { .. } => AccountDeed::SignOut,
        })
    }
}

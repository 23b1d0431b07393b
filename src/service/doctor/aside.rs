//! Folders that were set aside, since nothing opened them: whose, when, and how much in them was not sent.

use super::{Examination, Report};
use crate::remote::Project;
use crate::service::{Config, status};
use crate::store::{AccountFolder, look};

pub(super) fn all(report: &mut Report, what: &Examination, config: &Config) {
    // That the folder of accounts cannot be read was told with the accounts.
    let Ok(folders) = AccountFolder::all_aside(&what.folders.data) else { return };
    for (folder, since) in folders {
        let about = format!("account {}, set aside", folder.account());
        let whose = owner(&folder, config).map_or_else(String::new, |email| format!(" of {email}"));
        let when = status::at_text(since, what.now, &jiff::tz::TimeZone::system());
        let kib = look::bytes(folder.path()).div_ceil(1024);
        let text =
            format!("What this machine had{whose} until {when} is kept in {} ({kib} KiB).", folder.name());
        match folder.unsent() {
            Some(0) => report.note(&about, text + " Nothing in it is unsent: flyos wipe erases it."),
            Some(1) => report.attention(&about, text + " 1 edit in it was not sent.", TAKE_OVER),
            Some(edits) => {
                report.attention(&about, format!("{text} {edits} edits in it were not sent."), TAKE_OVER);
            }
            None => report.note(&about, text + " How much in it is unsent is not known."),
        }
    }
}

const TAKE_OVER: &str = "Sign in to that account and press B: with the password of then its unsent edits are taken over. \
                         Or let go of them: flyos wipe erases it.";

/// Whose it was, where the configuration knows the address.
fn owner(folder: &AccountFolder, config: &Config) -> Option<String> {
    let file = folder.read().ok().flatten()?;
    config.accounts().into_iter().find_map(|(name, email)| {
        let project = config.projects.get(&name)?;
        let url = Project::new(&project.url, &project.key).ok()?.url().to_owned();
        file.is_for(&url, &email).then_some(email)
    })
}

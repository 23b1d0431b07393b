//! `flyos restore`: an account made of a backup on a machine that has nothing of it. No server is asked.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;

use super::door::Place;
use super::files::Passphrase;
use super::out::Out;
use crate::service::backup::{self, Outcome};
use crate::service::{ServiceError, status};

/// Make an account of a backup, on a machine that has nothing of it
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The account then opens by the password that it had when the backup was made (or its recovery \
                        words of then), which is asked for once the file is open.\n\nExamples:\n  flyos restore \
                        field.backup --check\n  flyos restore field.backup"
)]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// Open and check it, and change nothing
    #[arg(long)]
    pub(super) check: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Restore {
    pub(super) fn run(&self, place: &Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let folders = &place.settings.folders;
        let found = backup::read(&self.file, &self.passphrase.get(false)?)?;
        let (rows, edits, email) = (found.rows(), found.edits(), found.head.email.clone());
        let made = status::at_text(found.made_at, super::now(), &TimeZone::system());
        let what = format!(
            "Backup of {email} at {}, made {made}: {rows} rows, {edits} edits that wait.",
            found.head.project.url
        );
        let mut fields = json!({"email": email, "project": found.head.project.url, "madeAt": found.made_at, "rows": rows, "edits": edits});
        if self.check {
            return out.told(&format!("{what}\nIt is whole. Nothing was changed."), fields);
        }
        found.refuse_known(folders)?;
        super::note(&what);
        let outcome = found.restore(folders, &place.access.password()?)?;
        let settings = match outcome {
            Outcome::Settings => "The settings are those of the backup.",
            Outcome::Project => "The project was added to the settings here.",
            Outcome::Known => "The settings here stay as they are.",
        };
        fields["settings"] = json!(settings);
        let words = format!(
            "Restored: {rows} rows, {edits} edits that wait. {settings}\nStart flyos and sign in as {email}."
        );
        out.told(&words, fields)
    }
}

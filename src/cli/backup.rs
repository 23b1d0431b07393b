//! `flyos backup`: all that this machine has of an account into one sealed file. Made for cron: a folder gets a file named
//! by account and time, and lets go of the old ones.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::door::{Door, Place};
use super::files::{Passphrase, Progress, through};
use super::out::Out;
use crate::service::backup::{self, Keep};
use crate::service::{ErrorKind, ServiceError};

/// Write rows, unsent edits and settings of the account into one sealed file
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  flyos backup field.backup\n  flyos backup /var/backups/flyos --keep 30d \
                        --passphrase-file /root/flyos.passphrase"
)]
pub struct Backup {
    /// The file, or a folder that gets a file named by account and time
    file: PathBuf,
    /// Remove this account's backups in the folder that are older: 30d, 8w, 1y
    #[arg(long)]
    keep: Option<Keep>,
    #[command(flatten)]
    passphrase: Passphrase,
    /// Write over a file that is there; it stays as it was until the new one is whole
    #[arg(long)]
    replace: bool,
}

impl Backup {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let folder = self.file.is_dir().then_some(&self.file);
        if self.keep.is_some() && folder.is_none() {
            let message =
                format!("{} is no folder, and --keep clears a folder of backups.", self.file.display());
            return Err(
                ServiceError::new(ErrorKind::Usage, message).hint("Nothing was written. Name the folder.")
            );
        }
        let (kdf, now) = (place.settings.kdf, super::now());
        let door = Door::open(place)?;
        let passphrase = self.passphrase.get(true)?;
        let mut shown = Progress::new();
        let made = through(&door, |door| {
            backup::collect(door, now, &mut |rows| shown.show(&format!("{rows} rows")))
        })?;
        drop(shown);
        let (account, rows, edits) = (made.head.account, made.rows, made.edits);
        let path = folder.map_or_else(|| self.file.clone(), |folder| backup::name_in(folder, account, now));
        let (path, bytes) = made.write(&path, &passphrase, (kdf, self.replace))?;
        let removed = match (folder, self.keep) {
            (Some(folder), Some(keep)) => backup::remove_old(folder, account, keep, now)?,
            _ => Vec::new(),
        };
        let mut words =
            format!("Backup written: {rows} rows, {edits} edits that wait, into {}.", path.display());
        if !removed.is_empty() {
            words = format!("{words}\nRemoved, since they are older: {}.", removed.join(", "));
        }
        out.told(
            &words,
            json!({"path": path, "rows": rows, "edits": edits, "bytes": bytes, "removed": removed}),
        )
    }
}

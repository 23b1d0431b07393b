//! `flyos metrics`: figures for whoever watches the machines, on standard output or as a file for the textfile
//! collector of Prometheus' node exporter.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Args;

use crate::service::{ErrorKind, Folders, ServiceError, metrics};

/// What the command line says.
#[derive(Clone, Debug, Default, Args)]
pub struct Metrics {
    /// Write them into this file, replaced as a whole; others may read it
    #[arg(long, value_name = "FILE.prom")]
    textfile: Option<std::path::PathBuf>,
}

/// Tells them.
pub fn metrics(folders: &Folders, asked: &Metrics, out: &mut impl Write) -> Result<(), ServiceError> {
    let text = metrics::text(&metrics::gather(folders)?, super::now());
    let written = match &asked.textfile {
        Some(path) => replace(path, &text),
        None => out.write_all(text.as_bytes()).and_then(|()| out.flush()),
    };
    written.map_err(|error| {
        let place =
            asked.textfile.as_ref().map_or_else(String::new, |path| format!(" to {}", path.display()));
        ServiceError::new(ErrorKind::Storage, format!("The figures could not be written{place}: {error}."))
    })
}

/// Beside it, then in its place: whoever reads meanwhile reads the old one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".flyos-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    beside.as_file().sync_all()?;
    beside.persist(path).map(drop).map_err(|error| error.error)
}

//! A file that is whole under its name or not there: written beside it under `.part`, made durable, then put in its place.
//! It is the owner's alone. Who is killed on the way leaves the part, which the next one writes over; the old file stays
//! what it was.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::super::{ErrorKind, ServiceError, explain};

/// A file on its way.
pub(in crate::service) struct Whole {
    path: PathBuf,
    part: PathBuf,
    out: BufWriter<File>,
    replace: bool,
}

impl Whole {
    /// Begins it. A file that has its name is an error, unless it is to be replaced.
    pub(in crate::service) fn begin(path: &Path, replace: bool) -> Result<Self, ServiceError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if path.file_name().is_none() || path.is_dir() {
            return Err(cannot(&path, "it is a folder"));
        }
        if !replace && fs::symlink_metadata(&path).is_ok() {
            return Err(taken(&path));
        }
        let mut part = path.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = open_part(&part).map_err(|error| cannot(&part, error))?;
        Ok(Self { path, part, out: BufWriter::new(file), replace })
    }

    /// Puts it under its name, durably; gives where that is.
    pub(in crate::service) fn keep(mut self) -> Result<PathBuf, ServiceError> {
        let kept = self.out.flush().and_then(|()| self.out.get_ref().sync_all()).and_then(|()| {
            if self.replace {
                return fs::rename(&self.part, &self.path);
            }
            // A link fails where the name was taken meanwhile; a rename would take its place.
            fs::hard_link(&self.part, &self.path).and_then(|()| fs::remove_file(&self.part))
        });
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let durable = kept.and_then(|()| File::open(folder)).and_then(|folder| folder.sync_all());
        match durable {
            Ok(()) => Ok(std::mem::take(&mut self.path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken(&self.path)),
            Err(error) => Err(cannot(&self.path, error)),
        }
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        // Kept, the path is empty and the part has gone.
        if !self.path.as_os_str().is_empty() {
            drop(fs::remove_file(&self.part));
        }
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn open_part(part: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(part)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another command is writing it"));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    file.set_len(0)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

fn taken(path: &Path) -> ServiceError {
    explain::taken(path).hint("Take another name, or say --replace.")
}

fn cannot(path: &Path, why: impl std::fmt::Display) -> ServiceError {
    let told = format!("{} cannot be written: {why}.", path.display());
    ServiceError::new(ErrorKind::Storage, told).hint("What was under that name before is as it was.")
}

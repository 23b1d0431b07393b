//! The project's secret key, for whoever runs the project. It comes from the environment or from a file that
//! nobody else may read, and never from an argument: arguments stand in the list of processes and in the shell's
//! history.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::remote::key::{ApiKey, KeyKind, KeyProblem};

/// The variables that may hold it, the new kind first: an old key may be there and switched off.
const VARIABLES: [&str; 2] = ["SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"];
/// Bytes of the file, at most: a key or an address is much shorter, and a wrong file may be anything.
const FILE_BYTES_MAX: u64 = 8192;
/// What a file's mode may not hold: anything for the group or for others.
const OTHERS: u32 = 0o077;

/// Why there is no key, in words: what happened, what to do.
#[derive(Debug, thiserror::Error)]
pub enum AdminKeyProblem {
    #[error(
        "The environment holds no secret key. Set SUPABASE_SECRET_KEY to a secret key (sb_secret_…) of the project's \
         API settings."
    )]
    NotSet,
    #[error("{0} holds the publishable key, which may not do this. Put a secret key (sb_secret_…) there.")]
    NotSecret(String),
    #[error("{place}: {problem}")]
    NoKey { place: String, problem: KeyProblem },
    #[error("{} cannot be read: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("Others may read {}. Nothing was read. Run: chmod 600 {}", .0.display(), .0.display())]
    OpenFile(PathBuf),
}

/// A key that passes by everybody's rights. `Debug` tells its kind alone.
#[derive(Clone)]
pub struct AdminKey(ApiKey);

impl AdminKey {
    /// The key of the environment, which `variable` reads.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AdminKeyProblem> {
        let set = |name: &str| variable(name).filter(|text| !text.trim().is_empty());
        let found = VARIABLES.into_iter().find_map(|name| Some((name, set(name)?)));
        let (name, text) = found.ok_or(AdminKeyProblem::NotSet)?;
        Self::parse(name, &text)
    }

    /// The key in a file, alone in it, that its owner alone may read.
    pub fn from_file(path: &Path) -> Result<Self, AdminKeyProblem> {
        Self::parse(&path.display().to_string(), private_file(path)?.expose_secret())
    }

    fn parse(place: &str, text: &str) -> Result<Self, AdminKeyProblem> {
        let key = ApiKey::parse_any(text)
            .map_err(|problem| AdminKeyProblem::NoKey { place: place.to_owned(), problem })?;
        match key.kind() {
            KeyKind::Secret | KeyKind::LegacyService => Ok(Self(key)),
            KeyKind::Publishable | KeyKind::Legacy => Err(AdminKeyProblem::NotSecret(place.to_owned())),
        }
    }

    pub(super) fn into_api_key(self) -> ApiKey {
        self.0
    }
}

/// The one rule for every file with a secret: the group and others have no rights on it. What is no file, such as a pipe
/// from another program, is that program's to guard.
pub fn closed_to_others(file: &File, path: &Path) -> Result<(), AdminKeyProblem> {
    let about = file.metadata().map_err(|source| AdminKeyProblem::File { path: path.to_owned(), source })?;
    if about.is_file() && about.mode() & OTHERS != 0 {
        return Err(AdminKeyProblem::OpenFile(path.to_owned()));
    }
    Ok(())
}

/// What stands in a file that its owner alone may read: a key, or a database's address with its password.
pub fn private_file(path: &Path) -> Result<SecretString, AdminKeyProblem> {
    let failed = |source| AdminKeyProblem::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    closed_to_others(&file, path)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(SecretString::from(text))
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminKey({:?})", self.0.kind())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_environment_gives_the_new_kind_first() {
        let both =
            |name: &str| Some(if name == "SUPABASE_SECRET_KEY" { "sb_secret_x" } else { "a.b.c" }.to_owned());
        let key = AdminKey::from_env(both).expect("a key");
        assert_eq!(format!("{key:?}"), "AdminKey(Secret)");
        assert!(matches!(AdminKey::from_env(|_| None), Err(AdminKeyProblem::NotSet)));
        let public = |_: &str| Some("sb_publishable_x".to_owned());
        let problem = AdminKey::from_env(public).expect_err("not that one");
        assert!(matches!(problem, AdminKeyProblem::NotSecret(_)) && !problem.to_string().contains("_x"));
        let nonsense = AdminKey::from_env(|_| Some("hunter2".to_owned())).expect_err("no key");
        assert!(!nonsense.to_string().contains("hunter2"), "{nonsense}");
    }

    #[test]
    fn a_file_that_others_may_read_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert!(matches!(AdminKey::from_file(&path), Err(AdminKeyProblem::File { .. })));
        std::fs::write(&path, "sb_secret_abc\n").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("a mode");
        assert!(matches!(AdminKey::from_file(&path), Err(AdminKeyProblem::OpenFile(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        assert!(AdminKey::from_file(&path).is_ok());
    }
}

//! How whoever runs a project gets at it: the database's address, or a secret key and the project's web address.
//!
//! A password or a key never comes from an argument, which everybody on the machine can read in the list of processes:
//! it comes from a file that its owner alone may read, from the environment, or is typed.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Keyed, told};
use crate::remote::admin::{AdminKey, AdminKeyProblem, database, private_file};
use crate::service::{Config, ErrorKind, ServiceError, wipe};

/// The variable with a database's address. `DATABASE_URL` is not read: it may be any database's of any program.
const ADDRESS: [&str; 1] = ["SUPABASE_DB_URL"];
/// Variables with its password alone.
const PASSWORDS: [&str; 2] = ["SUPABASE_DB_PASSWORD", "PGPASSWORD"];

/// What was said on the command line.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Without a password.
    pub database_url: Option<String>,
    pub database_url_file: Option<PathBuf>,
    /// Certificates to know the database by.
    pub ca_file: Option<PathBuf>,
    /// A file with the project's secret key.
    pub secret_key_file: Option<PathBuf>,
    /// The project's name in the configuration, for the way by its key.
    pub project: Option<String>,
}

/// A database's address; `Debug` tells no password.
#[derive(Clone, Debug)]
pub struct Address(pub(super) database::Address);

impl Address {
    /// Host, database and role.
    pub fn place(&self) -> &str {
        self.0.place()
    }

    /// Whether a password is to be asked for before anything is tried.
    pub fn wants_password(&self) -> bool {
        !self.0.has_password() && !self.0.is_here()
    }

    #[must_use]
    pub fn with_password(self, password: &SecretString) -> Self {
        Self(self.0.with_password(password))
    }
}

/// The way that was chosen.
pub enum Chosen {
    Database(Box<Address>),
    Key(Box<Keyed>),
}

/// The way, by what was said, then by what the environment (which `variable` reads) has: a database before a key.
/// `None`: neither was given.
pub fn choose(
    access: &Access,
    config: &Config,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Chosen>, ServiceError> {
    if access.secret_key_file.is_none()
        && let Some(address) = database_address(access, variable)?
    {
        return Ok(Some(Chosen::Database(Box::new(address))));
    }
    let key = match &access.secret_key_file {
        Some(path) => AdminKey::from_file(path),
        None => AdminKey::from_env(variable),
    };
    match key {
        Ok(key) => {
            let url = variable("SUPABASE_URL").filter(|url| !url.is_empty());
            let url = url.map_or_else(|| wipe::project(config, access.project.as_deref()), Ok)?;
            Ok(Some(Chosen::Key(Box::new(Keyed::open(&url, key)?))))
        }
        Err(AdminKeyProblem::NotSet) => Ok(None),
        Err(problem @ (AdminKeyProblem::File { .. } | AdminKeyProblem::OpenFile(_))) => {
            Err(ServiceError::new(ErrorKind::Usage, problem.to_string()))
        }
        Err(problem) => Err(ServiceError::new(ErrorKind::Configuration, problem.to_string())),
    }
}

/// Neither was given, and the database is the only way.
pub fn no_database() -> ServiceError {
    ServiceError::new(ErrorKind::Usage, "No way to the project was given. Nothing was done.").hint(
        "Put the database's address (dashboard, Connect) into a file of your own (chmod 600) and say \
         --database-url-file FILE.",
    )
}

/// Neither was given, and either would do.
pub fn no_way() -> ServiceError {
    no_database().hint(
        "Or set SUPABASE_URL, and SUPABASE_SECRET_KEY (sb_secret_…) or SUPABASE_SERVICE_ROLE_KEY, in the environment.",
    )
}

/// The database's address, where one was given.
pub fn database_address(
    access: &Access,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Address>, ServiceError> {
    let ca_file = access.ca_file.as_deref();
    let parse = |text: &str| database::Address::parse(text, ca_file).map_err(|problem| told(problem.into()));
    let address = match (&access.database_url_file, &access.database_url, first(&ADDRESS, variable)) {
        (Some(path), ..) => {
            let text = private_file(path)
                .map_err(|problem| ServiceError::new(ErrorKind::Usage, problem.to_string()))?;
            parse(text.expose_secret())?
        }
        (None, Some(text), _) => {
            let address = parse(text)?;
            if address.has_password() {
                return Err(ServiceError::new(
                    ErrorKind::Usage,
                    "That address holds a password, and others on this machine can read arguments. Nothing was done.",
                )
                .hint("Put the address into a file of your own (chmod 600) and say --database-url-file FILE.")
                .hint("Or leave the password away: it is asked for, or taken from PGPASSWORD.")
                .hint("If others use this machine, set a new password in the dashboard (Database, Settings)."));
            }
            address
        }
        (None, None, Some(text)) => parse(&text)?,
        (None, None, None) => return Ok(None),
    };
    let password = first(&PASSWORDS, variable).filter(|_| !address.has_password());
    Ok(Some(Address(match password {
        Some(password) => address.with_password(&SecretString::from(password)),
        None => address,
    })))
}

fn first(names: &[&str], variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    fn url(text: &str) -> Access {
        Access { database_url: Some(text.to_owned()), ..Access::default() }
    }

    fn given(access: &Access, variable: &dyn Fn(&str) -> Option<String>) -> Address {
        database_address(access, variable).expect("no trouble").expect("an address")
    }

    #[test]
    fn a_password_is_never_taken_from_an_argument() {
        let access = url("postgresql://postgres:secret1@db.abc.supabase.co/postgres");
        let error = database_address(&access, &none).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Usage);
        assert!(!format!("{error:?}").contains("secret1") && error.hints[0].contains("--database-url-file"));
        let bare = url("postgresql://postgres@db.abc.supabase.co/postgres");
        assert!(given(&bare, &none).wants_password());
        let environment = |name: &str| (name == "PGPASSWORD").then(|| "secret1".to_owned());
        assert!(!given(&bare, &environment).wants_password());
        assert!(!given(&url("postgresql://postgres@localhost/postgres"), &none).wants_password());
    }

    #[test]
    fn a_file_that_others_may_read_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("url");
        std::fs::write(&path, "postgresql://postgres:secret1@db.abc.supabase.co/postgres\n")
            .expect("written");
        let access = Access { database_url_file: Some(path.clone()), ..Access::default() };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        let error = database_address(&access, &none).expect_err("refused");
        assert!(error.message.contains("chmod 600"), "{error:?}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        assert!(!given(&access, &none).wants_password());
    }

    #[test]
    fn without_any_way_both_are_told() {
        assert!(choose(&Access::default(), &Config::default(), &none).expect("looked for").is_none());
        let error = no_way();
        assert_eq!((error.kind, error.hints.len()), (ErrorKind::Usage, 2));
        assert!(error.hints[1].contains("SUPABASE_SERVICE_ROLE_KEY"));
    }
}

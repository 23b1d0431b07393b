//! How a command reaches the project, what it says of the line first, and how it talks and asks.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;

use crate::cli::out::Out;
use crate::cli::prompt;
use crate::service::setup_project::{
    Access, Address, Chosen, Keyed, Line, Project, choose, database_address, no_database,
};
use crate::service::{Config, ErrorKind, ServiceError};

/// The database's address.
#[derive(Clone, Debug, Default, Args)]
pub struct DatabaseArgs {
    /// The database's address without its password, which is asked for or taken from `PGPASSWORD`
    #[arg(long, value_name = "URL", conflicts_with = "database_url_file")]
    pub database_url: Option<String>,
    /// A file of your own (chmod 600) with the database's address; or `SUPABASE_DB_URL` in the environment
    #[arg(long, value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// The certificate to know the database by (dashboard: Database, Settings, SSL)
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// The database's address, or a secret key.
#[derive(Clone, Debug, Default, Args)]
pub struct WayArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// A file of your own (chmod 600) with the project's secret key; or `SUPABASE_SECRET_KEY` in the environment
    #[arg(long, value_name = "FILE", conflicts_with_all = ["database_url", "database_url_file"])]
    pub secret_key_file: Option<PathBuf>,
}

/// The project, reached one way or the other.
pub enum Way {
    Database(Box<Project>),
    Key(Box<Keyed>),
}

impl DatabaseArgs {
    fn access(&self) -> Access {
        Access {
            database_url: self.database_url.clone(),
            database_url_file: self.database_url_file.clone(),
            ca_file: self.ca_file.clone(),
            ..Access::default()
        }
    }

    /// Signs in to the database.
    pub fn open(&self) -> Result<Project, ServiceError> {
        self.given()?.ok_or_else(no_database)
    }

    /// The same, where its address was given.
    pub fn given(&self) -> Result<Option<Project>, ServiceError> {
        database_address(&self.access(), &variable)?.map(open).transpose()
    }
}

impl WayArgs {
    /// Takes the way that was said, or that the environment has; `None`: neither says one.
    pub fn open(&self, config: &Config, project: Option<String>) -> Result<Option<Way>, ServiceError> {
        let secret_key_file = self.secret_key_file.clone();
        let access = Access { secret_key_file, project, ..self.database.access() };
        Ok(match choose(&access, config, &variable)? {
            Some(Chosen::Database(address)) => Some(Way::Database(Box::new(open(*address)?))),
            Some(Chosen::Key(keyed)) => Some(Way::Key(keyed)),
            None => None,
        })
    }
}

fn open(address: Address) -> Result<Project, ServiceError> {
    if !address.wants_password() {
        return Project::open(&address);
    }
    let words = format!("Database password for {}: ", address.place());
    let typed = prompt::typed(&words).map_err(|error| {
        ServiceError::new(
            ErrorKind::Usage,
            format!("{} wants a password, and none could be asked for: {error}.", address.place()),
        )
        .hint("Put the address with its password into a file of your own (chmod 600): --database-url-file FILE.")
    })?;
    Project::open(&address.with_password(&typed))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Which database, and how sure it is that it is that one.
pub fn say_where(project: &Project, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let line = match project.line() {
        Line::Verified { by: None } => "encrypted, verified by this machine's certificates".to_owned(),
        Line::Verified { by: Some(file) } => format!("encrypted, verified by {}", file.display()),
        Line::Here => "on this machine".to_owned(),
        Line::Open => "NOT encrypted and NOT verified, as sslmode=disable says".to_owned(),
    };
    out.say(&format!("Database: {} ({line})", project.place()))
}

/// How the project is reached.
pub fn say_way(way: &Way, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    match way {
        Way::Database(project) => say_where(project, out),
        Way::Key(keyed) => out.say(&format!("Project: {} (by its secret key)", keyed.place())),
    }
}

/// Is there somebody to ask?
pub fn somebody() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a line, beside the answer.
pub fn ask(words: &str) -> Result<String, ServiceError> {
    let mut line = String::new();
    // Where the question cannot be read, there is nobody to answer it either.
    drop(write!(io::stderr(), "{words}"));
    io::stdin().lock().read_line(&mut line).map_err(|error| {
        ServiceError::new(ErrorKind::Usage, format!("Nobody could be asked: {error}. Nothing was changed."))
    })?;
    Ok(line.trim().to_owned())
}

//! Where a database is and who signs in there: a URL as the dashboard shows it, judged before anything is sent.
//!
//! `postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE`, with `sslmode`, `host`, `port`, `user`, `dbname` and the like after
//! a `?` as PostgreSQL's own programs take them. No message repeats what was given: it may hold the password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::trust::Line;

/// How long a server may take to answer the first time.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(15);
/// After how long without a word it is asked whether it is still there: a migration may be silent for minutes.
const SILENCE: Duration = Duration::from_secs(30);
/// PostgreSQL's port.
const PORT: u16 = 5432;
/// Supabase's pooler gives out connections for one transaction there, which cannot hold a lock.
const TRANSACTION_PORT: u16 = 6543;

/// Why a text is no address of a database, in words: what happened, what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    #[error(
        "This is no address of a database. It looks like postgresql://postgres@db.abc.supabase.co:5432/postgres and \
         stands in the dashboard under Connect."
    )]
    NotUrl,
    #[error(
        "This is the project's web address. The database's looks like \
         postgresql://postgres@db.abc.supabase.co:5432/postgres and stands in the dashboard under Connect."
    )]
    Web,
    #[error("The address still says [YOUR-PASSWORD]: put the database's password there, or leave it away.")]
    Placeholder,
    #[error("The address names no role: put it before the host, as in postgresql://postgres@….")]
    NoRole,
    #[error("The address names several hosts, or none. Name one.")]
    Hosts,
    #[error(
        "sslmode={0} is not known here: leave it away for a verified line, or say disable for an open one."
    )]
    SslMode(String),
    #[error(
        "Port 6543 is the transaction pooler, which cannot set up a project. Take the session pooler's address \
         (port 5432), or the direct one."
    )]
    TransactionPooler,
}

/// Where a database is, and who signs in there. `Debug` tells no password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    place: String,
    line: Line,
    has_password: bool,
    ca_file: Option<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.place)
    }
}

impl Address {
    /// Reads it; `ca_file` has the certificates to verify the server by.
    pub fn parse(text: &str, ca_file: Option<&Path>) -> Result<Self, AddressProblem> {
        let text = text.trim();
        if text.starts_with("https://") || text.starts_with("http://") {
            return Err(AddressProblem::Web);
        }
        if !text.starts_with("postgresql://") && !text.starts_with("postgres://") {
            return Err(AddressProblem::NotUrl);
        }
        if text.contains("[YOUR-PASSWORD]") {
            return Err(AddressProblem::Placeholder);
        }
        let (text, sslmode) = without_sslmode(text);
        let given: Config = text.parse().map_err(|_| AddressProblem::NotUrl)?;
        let role = given.get_user().filter(|role| !role.is_empty()).ok_or(AddressProblem::NoRole)?;
        let host = host(&given)?;
        let port = given.get_ports().last().copied().unwrap_or(PORT);
        if port == TRANSACTION_PORT && is_supabase(host) {
            return Err(AddressProblem::TransactionPooler);
        }
        let line = line(host, sslmode.as_deref(), ca_file)?;
        let database = given.get_dbname().unwrap_or(role);
        let place = match host {
            Host::Tcp(name) => format!("{name}:{port}/{database} as {role}"),
            Host::Unix(path) => format!("{}/{database} as {role}", path.display()),
        };
        let mut config = Config::new();
        config.user(role).dbname(database).port(port).application_name("flyos");
        match host {
            Host::Tcp(name) => config.host(name),
            Host::Unix(path) => config.host_path(path),
        };
        if let Some(password) = given.get_password() {
            config.password(password);
        }
        let secure = matches!(line, Line::Verified { .. });
        config.ssl_mode(if secure { SslMode::Require } else { SslMode::Disable });
        config.connect_timeout(CONNECT_TIME_MAX).keepalives_idle(SILENCE);
        let has_password = given.get_password().is_some_and(|password| !password.is_empty());
        Ok(Self { config, place, line, has_password, ca_file: ca_file.map(Path::to_owned) })
    }

    /// Host, database and role, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub const fn has_password(&self) -> bool {
        self.has_password
    }

    /// Whether the server runs on this machine, where a password is seldom wanted.
    pub const fn is_here(&self) -> bool {
        matches!(self.line, Line::Here)
    }

    #[must_use]
    pub fn with_password(mut self, password: &SecretString) -> Self {
        self.config.password(password.expose_secret());
        self.has_password = true;
        self
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn line(&self) -> Line {
        self.line.clone()
    }

    pub(super) fn ca_file(&self) -> Option<&Path> {
        self.ca_file.as_deref()
    }
}

/// The text without `sslmode`, which is decided here, and its value.
fn without_sslmode(text: &str) -> (String, Option<String>) {
    let Some((base, query)) = text.split_once('?') else { return (text.to_owned(), None) };
    let mut mode = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.strip_prefix("sslmode=") {
            Some(value) => mode = Some(value.to_owned()),
            None => kept.push(pair),
        }
    }
    let text = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    (text, mode)
}

/// The host: one after the `?` comes before the one in front of it, as with PostgreSQL's own programs.
fn host(given: &Config) -> Result<&Host, AddressProblem> {
    match given.get_hosts() {
        [one] | [_, one] => Ok(one),
        _ => Err(AddressProblem::Hosts),
    }
}

fn is_supabase(host: &Host) -> bool {
    matches!(host, Host::Tcp(name) if name.ends_with(".supabase.com") || name.ends_with(".supabase.co"))
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.trim_start_matches('[').trim_end_matches(']');
            name == "localhost" || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    }
}

/// A line leaves this machine only secure, unless whoever runs the project says `disable`.
fn line(host: &Host, sslmode: Option<&str>, ca_file: Option<&Path>) -> Result<Line, AddressProblem> {
    let here = is_here(host);
    match sslmode {
        Some("disable") if here => Ok(Line::Here),
        Some("disable") => Ok(Line::Open),
        None | Some("allow" | "prefer") if here && ca_file.is_none() => Ok(Line::Here),
        None | Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") => {
            Ok(Line::Verified { by: ca_file.map(Path::to_owned) })
        }
        // A word that is not known may be anything, a slip in the password too.
        Some(other) if other.len() <= 16 && other.chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
            Err(AddressProblem::SslMode(other.to_owned()))
        }
        Some(_) => Err(AddressProblem::NotUrl),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(text: &str) -> Result<(String, Line), AddressProblem> {
        Address::parse(text, None).map(|address| (address.place.clone(), address.line()))
    }

    fn place(text: &str) -> String {
        line_of(text).expect("an address").0
    }

    #[test]
    fn a_line_is_verified_unless_it_stays_here_or_is_said_to_be_open() {
        let verified = Line::Verified { by: None };
        for (text, line) in [
            ("postgresql://postgres:x@db.abc.supabase.co:5432/postgres", verified.clone()),
            ("postgres://postgres@db.abc.supabase.co?sslmode=prefer", verified.clone()),
            ("postgresql://postgres@10.0.0.7/x?sslmode=require", verified.clone()),
            ("postgresql://postgres@10.0.0.7/x?sslmode=disable", Line::Open),
            ("postgresql://postgres@localhost/x", Line::Here),
            ("postgresql://postgres@127.0.0.1:54322/x", Line::Here),
            ("postgresql://postgres@127.0.0.1:54322/x?sslmode=verify-full", verified),
            ("postgresql://postgres@db.abc.supabase.co/x?host=/tmp/socket", Line::Here),
        ] {
            assert_eq!(line_of(text).map(|found| found.1), Ok(line), "{text}");
        }
        let file = Path::new("/ca.crt");
        let address = Address::parse("postgresql://postgres@localhost/x", Some(file)).expect("an address");
        assert_eq!(address.line(), Line::Verified { by: Some(file.to_owned()) });
    }

    #[test]
    fn a_place_is_named_without_its_password() {
        assert_eq!(
            place("postgresql://postgres.abc:p%40ss@aws-0-eu.pooler.supabase.com:5432/postgres"),
            "aws-0-eu.pooler.supabase.com:5432/postgres as postgres.abc"
        );
        assert_eq!(place("postgresql://me@localhost/x?host=/tmp/s&port=7"), "/tmp/s/x as me");
        let address = Address::parse("postgresql://me:secret1@h/x", None).expect("an address");
        assert!(address.has_password() && !format!("{address:?}").contains("secret1"));
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        use AddressProblem as P;
        for (text, problem) in [
            ("", P::NotUrl),
            ("https://abc.supabase.co", P::Web),
            ("host=db password=secret1", P::NotUrl),
            ("postgresql://postgres:[YOUR-PASSWORD]@db.abc.supabase.co:5432/postgres", P::Placeholder),
            ("postgresql://db.abc.supabase.co:5432/postgres", P::NoRole),
            ("postgresql://me:secret1@/x", P::Hosts),
            ("postgresql://me:secret1@a,b,c/x", P::Hosts),
            ("postgresql://me:secret1@a:port/x", P::NotUrl),
            ("postgresql://me:secret1@a/x?colour=secret1", P::NotUrl),
            ("postgresql://me:secret1@a/x?sslmode=on", P::SslMode("on".to_owned())),
            ("postgresql://me:secret1@a/x?sslmode=Secret1!", P::NotUrl),
            ("postgresql://postgres.abc:x@aws-0-eu.pooler.supabase.com:6543/postgres", P::TransactionPooler),
        ] {
            let found = line_of(text).expect_err(text);
            assert_eq!(found, problem, "{text}");
            assert!(!found.to_string().contains("secret1"), "{text}");
        }
    }
}

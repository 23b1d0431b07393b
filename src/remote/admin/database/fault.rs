//! The one error of this part: what was being done, what the database said, what to do next.
//!
//! Of a refusal the server's first line and its hint are told, never its detail, which may repeat a row.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use super::address::{Address, AddressProblem};
use super::trust::Line;
use crate::remote::error::Cause;
use crate::remote::transport;

/// What sort of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseFault {
    /// The address cannot be used.
    Address,
    /// There is no line.
    Offline,
    /// The server is not known to be the right one.
    Trust,
    /// Role or password.
    SignIn,
    /// The role may not do it.
    Denied,
    /// Somebody else is at it.
    Busy,
    /// A rule, or what is there, forbids it.
    Refused,
    /// The database could not.
    Server,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DatabaseError {
    pub fault: DatabaseFault,
    pub message: String,
    /// What to do next, one sentence each.
    pub hints: Vec<String>,
}

impl From<AddressProblem> for DatabaseError {
    fn from(problem: AddressProblem) -> Self {
        Self::new(DatabaseFault::Address, problem.to_string())
    }
}

impl DatabaseError {
    pub(in crate::remote::admin) fn new(fault: DatabaseFault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hints: Vec::new() }
    }

    #[must_use]
    pub(in crate::remote::admin) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(super) fn trust(message: String) -> Self {
        Self::new(DatabaseFault::Trust, message).hint(
            "Download the certificate from the dashboard (Database, Settings, SSL) and say --ca-file FILE.",
        )
    }

    /// Somebody else works on the project.
    pub(super) fn busy(error: &tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return Self::new(
                DatabaseFault::Busy,
                "Another flyos has been changing this project for 30 seconds. Nothing was changed.",
            )
            .hint("Wait until it is done, then try again.");
        }
        Self::sql("Waiting for others", error)
    }

    /// Why nobody signed in.
    pub(super) fn connecting(address: &Address, line: &Line, error: &tokio_postgres::Error) -> Self {
        use DatabaseFault as F;
        let place = address.place();
        let words = error.to_string();
        let cause = error.source().and_then(transport::cause_of);
        if error.as_db_error().is_some() {
            return Self::turned_away(place, error);
        } else if words.contains("password missing") {
            return Self::new(F::SignIn, format!("{place} wants a password, and none was given."))
                .hint("Put the whole address into a file of your own and say --database-url-file FILE.");
        } else if cause == Some(Cause::Tls)
            || (words.contains("TLS") && matches!(line, Line::Verified { .. }))
        {
            return Self::not_known(place, line);
        }
        let why = match cause {
            Some(Cause::Dns) => {
                "there is no such host, or none that this line reaches (direct addresses of Supabase are IPv6 alone; \
                 the session pooler's is not)"
            }
            Some(Cause::ConnectionRefused) => "nothing listens there",
            Some(Cause::Timeout) => "it does not answer",
            Some(Cause::Interrupted) => "the line broke",
            _ => "there is no line to it",
        };
        Self::new(F::Offline, format!("{place} cannot be reached: {why}. Nothing was done."))
    }

    /// The server answered, and lets nobody in.
    fn turned_away(place: &str, error: &tokio_postgres::Error) -> Self {
        let said = plain(error.as_db_error().map_or("it does not say why", |told| told.message()));
        let words = format!("The database at {place} lets nobody in: {said}. Nothing was done.");
        if matches!(error.code().map(SqlState::code), Some("28P01" | "28000")) {
            return Self::new(DatabaseFault::SignIn, words).hint(
                "The database's password stands in the dashboard under Database, Settings; it can be set anew there.",
            );
        }
        Self::new(DatabaseFault::Server, words)
    }

    /// The server did not show who it is.
    fn not_known(place: &str, line: &Line) -> Self {
        let told = format!(
            "{place} did not show who it is by a certificate that is trusted here. No password was sent."
        );
        if matches!(line, Line::Verified { by: Some(_) }) {
            Self::new(DatabaseFault::Trust, told).hint(
                "The file of --ca-file is not this server's authority's, or the address does not name the server as its \
                 certificate does.",
            )
        } else {
            Self::trust(told)
        }
        .hint("For a line that nobody else can reach, sslmode=disable in the address does without.")
    }

    /// What the database said to a statement.
    pub(in crate::remote::admin) fn sql(doing: &str, error: &tokio_postgres::Error) -> Self {
        use DatabaseFault as F;
        let Some(told) = error.as_db_error() else {
            return Self::new(
                F::Offline,
                format!(
                    "{doing}: the line to the database broke. Whether the last step was done is not known."
                ),
            )
            .hint("Say the same again: what is done already is not done twice.");
        };
        let said = plain(told.message());
        let fault = match told.code().code() {
            "42501" => F::Denied,
            "55P03" => F::Busy,
            "P0001" | "55000" => F::Refused,
            code if code.starts_with("23") => F::Refused,
            _ => F::Server,
        };
        let mut found = Self::new(fault, format!("{doing}: {said}."));
        found.hints.extend(told.hint().map(plain));
        match fault {
            F::Denied => found.hint("Sign in as the role that owns the project: postgres."),
            F::Busy => found.hint("Somebody's transaction holds a table. Try again when it has ended."),
            _ => found,
        }
    }
}

/// Without what a terminal would act on, line ends aside.
pub(in crate::remote::admin) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c != '\n' && crate::domain::field::is_harmful(c) { '?' } else { c })
        .collect::<String>()
        .trim_end_matches('.')
        .to_owned()
}

//! The project's database, for whoever runs the project: setting it up, looking whether it is as it must be, and giving
//! accounts their profiles. Nothing of the console needs it.
//!
//! * `address`: where it is and who signs in there, judged before anything is sent
//! * `trust`: how the line is made secure, and what of it was verified
//! * `fault`: the one error of this part
//!
//! One connection, one command at a time. What the server tells beside its answers is kept: migrations warn that way.

mod address;
mod fault;
mod trust;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};

pub use address::{Address, AddressProblem};
pub(super) use fault::plain;
pub use fault::{DatabaseError, DatabaseFault};
pub use trust::Line;

/// Notices kept of one command, at most: a migration of old data may tell one for each row.
const NOTICES_MAX: usize = 200;

type Notices = Arc<Mutex<Vec<String>>>;

/// A connection to a project's database.
pub struct Database {
    pub(super) client: Client,
    notices: Notices,
    driver: JoinHandle<()>,
    line: Line,
    place: String,
}

impl Database {
    /// Signs in.
    pub async fn open(address: &Address) -> Result<Self, DatabaseError> {
        let line = address.line();
        let config = address.config();
        let opened = match &line {
            Line::Verified { .. } => {
                let tls = trust::connector(address.ca_file())?;
                follow(config, tls).await
            }
            Line::Here | Line::Open => follow(config, NoTls).await,
        };
        let (client, notices, driver) =
            opened.map_err(|error| DatabaseError::connecting(address, &line, &error))?;
        Ok(Self { client, notices, driver, line, place: address.place().to_owned() })
    }

    /// What is known of the line.
    pub const fn line(&self) -> &Line {
        &self.line
    }

    /// Host, database and role, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the server told beside its answers since the last time.
    pub fn notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs statements; `doing` says what for, as in "Making the tables".
    pub(super) async fn run(&self, doing: &str, sql: &str) -> Result<(), DatabaseError> {
        self.client.batch_execute(sql).await.map_err(|error| DatabaseError::sql(doing, &error))
    }

    /// The one value of a query; `None` where there is no row, or it is null.
    pub(super) async fn value<T>(
        &self,
        doing: &str,
        sql: &str,
        with: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Option<T>, DatabaseError>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let row =
            self.client.query_opt(sql, with).await.map_err(|error| DatabaseError::sql(doing, &error))?;
        let value = row.map(|row| row.try_get::<_, Option<T>>(0)).transpose();
        Ok(value.map_err(|error| DatabaseError::sql(doing, &error))?.flatten())
    }

    /// Waits until nobody else changes this project with this program, and keeps others out until the connection ends.
    pub(super) async fn alone(&self) -> Result<(), DatabaseError> {
        /// `flyos` in ASCII: what stands for this program among the numbers of other programs' locks.
        const LOCK: i64 = 0x66_6c79_6f73;
        let wait = format!("set lock_timeout = '30s'; select pg_advisory_lock({LOCK})");
        self.client.batch_execute(&wait).await.map_err(|error| DatabaseError::busy(&error))
    }

    /// Hangs up, and waits for it.
    pub async fn close(self) {
        drop(self.client);
        // It ended, however it did.
        drop(self.driver.await);
    }
}

async fn follow<T>(
    config: &Config,
    tls: T,
) -> Result<(Client, Notices, JoinHandle<()>), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let notices = Notices::default();
    let driver = tokio::spawn(listen(connection, Arc::clone(&notices)));
    Ok((client, notices, driver))
}

/// Carries the connection until its end; an error on the way is told by the client's next call.
async fn listen<S, T>(mut connection: Connection<S, T>, notices: Notices)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = message {
            let mut kept = notices.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < NOTICES_MAX {
                kept.push(notice.message().to_owned());
            }
        }
    }
}

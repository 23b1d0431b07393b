//! Connections to a test's database.
//!
//! A connection gathers the notices that the server sends beside its answers: some of Supabase's functions fail
//! by WARNING alone.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

use super::cluster::Cluster;

/// A connection; everything that `tokio_postgres::Client` does.
pub struct Sql {
    client: Client,
    notices: Arc<Mutex<Vec<String>>>,
    driver: JoinHandle<()>,
}

impl Sql {
    pub(super) async fn open(database: &str, role: &str) -> Self {
        Self::open_on(Cluster::shared(), database, role).await
    }

    pub(super) async fn open_on(cluster: &Cluster, database: &str, role: &str) -> Self {
        Self::try_open(cluster, database, role).await.unwrap_or_else(|error| {
            panic!("{role} cannot connect to {database}: {error:?}\n{}", cluster.log())
        })
    }

    pub(super) async fn try_open(
        cluster: &Cluster,
        database: &str,
        role: &str,
    ) -> Result<Self, tokio_postgres::Error> {
        let mut config = Config::new();
        config.host_path(cluster.folder()).dbname(database).user(role).application_name("flyos test");
        let (client, mut connection) = config.connect(NoTls).await?;
        let notices = Arc::new(Mutex::new(Vec::new()));
        let gather = Arc::clone(&notices);
        let driver = tokio::spawn(async move {
            // An error or the end: either way the connection is over, and the client's next call says so.
            while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message {
                    gather.lock().unwrap().push(format!("{}: {}", notice.severity(), notice.message()));
                }
            }
        });
        Ok(Self { client, notices, driver })
    }

    /// The notices so far: "WARNING: …".
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }

    /// What a query (not a writing one) gives, each row as JSON.
    pub async fn rows(&self, query: &str) -> Result<Vec<Json>, tokio_postgres::Error> {
        let query = format!("select to_jsonb(q) from ({query}) q");
        let rows = self.client.query(&query, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The one value of a query that gives one row with one column.
    pub async fn value(&self, query: &str) -> Result<Json, tokio_postgres::Error> {
        let row = self.client.query_one(&format!("select to_jsonb(({query}))"), &[]).await?;
        Ok(row.get::<_, Option<Json>>(0).unwrap_or(Json::Null))
    }

    /// Hangs up and waits for it, as before a database is cloned.
    pub async fn close(self) {
        let Self { client, driver, .. } = self;
        drop(client);
        driver.await.expect("the connection ends by itself");
    }
}

impl Deref for Sql {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Sql {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// The SQLSTATE with which something was refused; "" where nothing was.
pub fn sqlstate<T>(result: &Result<T, tokio_postgres::Error>) -> &str {
    match result {
        Ok(_) => "",
        Err(error) => error.code().map_or("no SQLSTATE", tokio_postgres::error::SqlState::code),
    }
}

/// An error with all it says: message, detail, hint, where in the function.
pub(super) fn told(error: &tokio_postgres::Error, sql: &str) -> String {
    let Some(db) = error.as_db_error() else { return error.to_string() };
    let line = match db.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(at)) => {
            let before = sql.chars().take(usize::try_from(*at).unwrap_or_default());
            format!(" in line {}", before.filter(|c| *c == '\n').count() + 1)
        }
        _ => String::new(),
    };
    let more = [db.detail(), db.hint(), db.where_()]
        .map(|part| part.map_or(String::new(), |part| format!("\n{part}")));
    format!("{} {}{line}{}", db.code().code(), db.message(), more.concat())
}

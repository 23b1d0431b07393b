//! A server with rows, to measure consoles on: the training server, a process of its own, or our SQL on a private
//! PostgreSQL (with `fsync` off) behind a server that speaks PostgREST's protocol, in this process.

use std::any::Any;

use crate::common::Server;
use crate::pg;

pub struct Ground {
    pub name: &'static str,
    pub url: String,
    pub key: String,
    _kept: Box<dyn Any>,
}

impl Ground {
    pub fn training(rows: usize) -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("flyos-bench-").tempdir()?;
        let server = Server::start_at("127.0.0.1:0", data.path(), &["--rows", &rows.to_string()]);
        let (url, key) = (server.url.clone(), server.publishable_key.clone());
        Ok(Self { name: "training server", url, key, _kept: Box::new((server, data)) })
    }

    /// It has no realtime: consoles poll.
    pub fn postgres(rows: usize) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (front, database) = runtime.block_on(async {
            let database = pg::database().await;
            database.seed(rows).await;
            (database.front().await, database)
        });
        let (url, key) = (front.url().to_owned(), front.publishable_key());
        Ok(Self { name: "PostgreSQL", url, key, _kept: Box::new((front, database, runtime)) })
    }
}

/// An empty home for a console.
pub fn home() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("flyos-bench-home-").tempdir()?)
}

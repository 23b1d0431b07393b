//! Connections whose transactions are interleaved step by step.
//!
//! A step that another transaction holds up is started, not awaited: `hangs` tells whether it waits for a lock. A
//! step that ought to wait and does not is no fault by itself; what stands in the tables at the end is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tokio_postgres::Error;

use crate::pg::{Database, Sql, sqlstate};

type Step = JoinHandle<Result<Option<Json>, Error>>;

/// A step that takes its time.
pub struct Busy(JoinHandle<Result<(), Error>>);

impl Busy {
    pub fn is_running(&mut self) -> bool {
        !self.0.is_finished()
    }

    pub async fn done(self) -> Result<(), Error> {
        self.0.await.expect("the step runs")
    }
}

pub struct Lane {
    pub sql: Arc<Sql>,
    watcher: Sql,
    pid: i32,
    step: Option<Step>,
}

impl Lane {
    /// Of the project's owner, as in the SQL editor.
    pub async fn owner(db: &Database) -> Self {
        Self::over(db, db.postgres().await).await
    }

    pub async fn over(db: &Database, sql: Sql) -> Self {
        let pid = sql.query_one("select pg_backend_pid()", &[]).await.expect("a connection").get(0);
        Self { sql: Arc::new(sql), watcher: db.superuser().await, pid, step: None }
    }

    /// Does a step and waits for it; gives the SQLSTATE it was refused with, or "".
    pub async fn run(&self, statement: &str) -> String {
        sqlstate(&self.sql.batch_execute(statement).await).to_owned()
    }

    /// Does a step that must succeed.
    pub async fn must(&self, statement: &str) {
        if let Err(error) = self.sql.batch_execute(statement).await {
            panic!("{statement}: {error:?}");
        }
    }

    /// Starts a step and gives back once it is done or waits for somebody's lock; whether it waits.
    pub async fn hangs(&mut self, statement: &str) -> bool {
        assert!(self.step.is_none(), "one step at a time");
        let (sql, statement) = (Arc::clone(&self.sql), statement.to_owned());
        let step: Step = tokio::spawn(async move {
            // A query that gives rows gives its first value.
            if statement.starts_with("select") {
                let row = sql.query_opt(&statement, &[]).await?;
                return Ok(row.and_then(|row| row.try_get::<_, Json>(0).ok()));
            }
            sql.batch_execute(&statement).await.map(|()| None)
        });
        let step = self.step.insert(step);
        let end = Instant::now() + Duration::from_secs(30);
        while !step.is_finished() {
            let blocked = "select cardinality(pg_blocking_pids($1)) > 0";
            if self.watcher.query_one(blocked, &[&self.pid]).await.expect("the superuser may").get(0) {
                return true;
            }
            assert!(Instant::now() < end, "neither done nor waiting");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        false
    }

    /// How many locks its transaction has in the server's shared memory.
    pub async fn locks(&self) -> i64 {
        let held = "select count(*) from pg_locks where pid = $1";
        self.watcher.query_one(held, &[&self.pid]).await.expect("the superuser may").get(0)
    }

    /// Starts a step that takes its time.
    pub fn start(&mut self, statement: &str) -> Busy {
        let (sql, statement) = (Arc::clone(&self.sql), statement.to_owned());
        Busy(tokio::spawn(async move { sql.batch_execute(&statement).await }))
    }

    /// The end of the step that was started: the SQLSTATE, or "" with what it gave.
    pub async fn end(&mut self) -> (String, Option<Json>) {
        let step = self.step.take().expect("a step was started");
        let done = tokio::time::timeout(Duration::from_secs(30), step).await.expect("it ends in time");
        let done = done.expect("the step runs");
        (sqlstate(&done).to_owned(), done.ok().flatten())
    }

    /// Commits, or rolls back what was refused.
    pub async fn close(&self, state: &str) {
        self.must(if state.is_empty() { "commit" } else { "rollback" }).await;
    }
}

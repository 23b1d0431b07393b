//! The traps of the sync protocol, each by its number and name, where the server is what could fall into it.
//!
//! Two are the client's alone and stand in its own tests: 19, a crash between a page and its cursor (one batch of the
//! cache holds both), and 22, clock jumps and suspend (the server is never asked by what clock a device goes).

#![expect(clippy::panic, reason = "a helper that cannot go on fails its test")]

mod cursors;
mod pushes;
mod refusals;
mod restores;
mod standby;

use serde_json::Value as Json;

use crate::kit::{Copy, Person, truth};
use crate::pg::{self, Database, Sql};

/// The initial rows, every drone ACTIVE, and whoever a test needs.
pub struct Stage {
    pub db: Database,
    /// The project's owner, as in the SQL editor.
    pub sql: Sql,
    /// The platform's owner.
    pub owner: Sql,
}

impl Stage {
    pub async fn new() -> Self {
        let db = pg::database().await;
        db.seed(0).await;
        let (sql, owner) = (db.postgres().await, db.superuser().await);
        sql.batch_execute("update public.drones set status = 'ACTIVE'").await.expect("the rows are sound");
        Self { db, sql, owner }
    }

    pub async fn person(&self, email: &str) -> Person {
        Person::new(&self.db, email).await
    }

    pub async fn run(&self, statement: &str) {
        if let Err(error) = self.sql.batch_execute(statement).await {
            panic!("{statement}: {error:?}");
        }
    }

    pub async fn value(&self, query: &str) -> Json {
        self.owner.value(query).await.expect("a query")
    }

    /// A copy that has everything.
    pub async fn copy(&self, person: &Person) -> Copy {
        let mut copy = Copy::default();
        copy.drain(&person.sql, 500).await.expect("it drains");
        self.equal(&copy, person).await;
        copy
    }

    /// The copy is what its person may see.
    pub async fn equal(&self, copy: &Copy, person: &Person) {
        assert_eq!(truth::differences(copy, &person.sql).await, Vec::<String>::new());
        assert_eq!(truth::old_versions(copy, &self.owner).await, Vec::<String>::new());
    }

    /// Nothing is broken, and the books are right.
    pub async fn holds(&self) {
        assert_eq!(truth::faults(&self.owner).await, Vec::<String>::new());
    }
}

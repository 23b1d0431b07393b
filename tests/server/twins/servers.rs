//! The two servers, as the cases see them: where they are reached, what is true there, and an administrator's hand.

#![expect(clippy::panic, reason = "a helper fails its test")]

use flyos::domain::{Change, Reason, Refusal, World};
use flyos::sandbox::{Options, Sandbox, SandboxError};
use serde_json::Value as Json;

use crate::{pg, rows};

/// A server under test.
pub trait Server {
    fn url(&self) -> String;
    fn publishable_key(&self) -> String;
    fn service_role_key(&self) -> String;
    /// The password of every seeded account.
    fn password(&self) -> &'static str;
    /// The rows as they are.
    async fn world(&self) -> World;
    /// Writes as an administrator, in one transaction: the rules hold, roles do not matter.
    async fn try_admin(&self, changes: &[Change]) -> Result<(), Refusal>;
    /// The same where nothing is to be refused.
    async fn admin(&self, changes: &[Change]) {
        self.try_admin(changes).await.expect("a change that the rules allow");
    }
    /// Forgets tombstones and exit notices so far, as retention would.
    async fn forget_history(&self);
}

/// The training server, in this process.
pub struct Training {
    pub sandbox: Sandbox,
}

impl Training {
    pub async fn start(rows: usize) -> Self {
        // Another test of this process may have installed it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let options = Options { rows, ..Options::default() };
        Self { sandbox: Sandbox::start(options).await.expect("a free port") }
    }
}

impl Server for Training {
    fn url(&self) -> String {
        self.sandbox.url()
    }

    fn publishable_key(&self) -> String {
        self.sandbox.publishable_key()
    }

    fn service_role_key(&self) -> String {
        self.sandbox.service_role_key()
    }

    fn password(&self) -> &'static str {
        self.sandbox.password()
    }

    async fn world(&self) -> World {
        self.sandbox.with_world(Clone::clone)
    }

    async fn try_admin(&self, changes: &[Change]) -> Result<(), Refusal> {
        match self.sandbox.admin(changes) {
            Ok(()) => Ok(()),
            Err(SandboxError::Refused(refusal)) => Err(refusal),
            Err(error) => panic!("{error}"),
        }
    }

    async fn forget_history(&self) {
        self.sandbox.forget_history();
    }
}

/// Our SQL on PostgreSQL, over HTTP.
pub struct Postgres {
    /// As the platform's owner, who sees everything.
    pub sql: pg::Sql,
    /// As the project's owner: who uses the dashboard.
    owner: pg::Sql,
    pub front: pg::Front,
    // Last: it is dropped with its connections gone.
    pub database: pg::Database,
}

impl Postgres {
    pub async fn start(rows: usize) -> Self {
        let database = pg::database().await;
        database.seed(rows).await;
        let front = database.front().await;
        let (sql, owner) = (database.superuser().await, database.postgres().await);
        Self { sql, owner, front, database }
    }

    /// Runs SQL as the platform's owner.
    pub async fn run(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub async fn value(&self, query: &str) -> Json {
        self.sql.value(query).await.unwrap_or_else(|error| panic!("{query}: {error:?}"))
    }
}

/// A refusal by our rules, as it is told to whoever writes SQL.
fn refusal_of(error: &tokio_postgres::Error) -> Option<Refusal> {
    let error = error.as_db_error()?;
    let reason = match error.constraint()?.strip_prefix("flyos_")? {
        "forbidden" => Reason::Forbidden,
        "unique" => Reason::Unique,
        "reference" => Reason::Reference,
        "invalid" => Reason::Invalid,
        _ => return None,
    };
    Some(Refusal::new(reason, error.column().filter(|column| !column.is_empty()), error.message()))
}

impl Server for Postgres {
    fn url(&self) -> String {
        self.front.url().to_owned()
    }

    fn publishable_key(&self) -> String {
        self.front.publishable_key()
    }

    fn service_role_key(&self) -> String {
        self.front.secret_key()
    }

    fn password(&self) -> &'static str {
        self.front.password()
    }

    async fn world(&self) -> World {
        rows::world(&self.sql).await
    }

    async fn try_admin(&self, changes: &[Change]) -> Result<(), Refusal> {
        self.owner.batch_execute("begin").await.expect("a transaction");
        for change in changes {
            match rows::write(&self.owner, change).await {
                Ok(count) => assert_eq!(count, 1, "{change:?}"),
                Err(error) => {
                    self.owner.batch_execute("rollback").await.expect("it can be taken back");
                    return Err(refusal_of(&error).unwrap_or_else(|| panic!("{change:?}: {error:?}")));
                }
            }
        }
        self.owner.batch_execute("commit").await.expect("nothing is put off that could fail");
        Ok(())
    }

    async fn forget_history(&self) {
        self.run(
            "update sync.row_state set at = now() - interval '91 days' where deleted;
            update sync.scope_exit set at = now() - interval '91 days';
            select sync.prune(1000000)",
        )
        .await;
    }
}

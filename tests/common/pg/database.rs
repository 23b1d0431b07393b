//! A database for one test.
//!
//! Two templates are made once for each process: the skeleton of a Supabase project, and the skeleton with our
//! migrations. A test gets a clone, which takes some 50 ms, and does with it what it wants.
//!
//! Roles belong to the whole server: a migration that makes one must bear that it is there already, here as in a
//! project into which it is pushed a second time. Settings made with `alter database` or
//! `alter role … in database` are not cloned.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::cluster::{Cluster, SUPERUSER, binaries};
use super::front::Front;
use super::sql::{Sql, told};

const ROLES: &str = include_str!("roles.sql");
const SUPABASE: &str = include_str!("supabase.sql");

const SKELETON: &str = "flyos_skeleton";
const TEMPLATE: &str = "flyos_template";
/// The database that `initdb` makes; only for making others.
const MAINTENANCE: &str = "postgres";

/// A database of its own; dropped with this.
pub struct Database {
    name: String,
}

/// A fresh database as it is after all of our migrations.
pub async fn database() -> Database {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(make_template).await;
    clone(TEMPLATE).await
}

/// A fresh database as it is before our first migration.
pub async fn skeleton() -> Database {
    make_skeleton().await;
    clone(SKELETON).await
}

async fn clone(template: &str) -> Database {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create(&name, template).await;
    Database { name }
}

async fn create(name: &str, template: &str) {
    let sql = Sql::open(MAINTENANCE, SUPERUSER).await;
    let create = format!("create database {name} template {template} owner postgres");
    sql.batch_execute(&create).await.unwrap_or_else(|error| panic!("{create}: {}", told(&error, "")));
}

async fn make_skeleton() {
    static MADE: OnceCell<()> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let maintenance = Sql::open(MAINTENANCE, SUPERUSER).await;
        run(&maintenance, "roles.sql", ROLES).await;
        create(SKELETON, "template0").await;
        let skeleton = Sql::open(SKELETON, SUPERUSER).await;
        run(&skeleton, "supabase.sql", SUPABASE).await;
        skeleton.close().await;
    })
    .await;
}

async fn make_template() {
    make_skeleton().await;
    create(TEMPLATE, SKELETON).await;
    let template = Database { name: TEMPLATE.to_owned() };
    template.migrate_all(&migrations_folder()).await;
    // It serves until the process ends.
    std::mem::forget(template);
}

/// `config/supabase/migrations` of this package.
pub fn migrations_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/supabase/migrations")
}

/// Runs a file in one transaction, as `supabase db push` does.
async fn run(sql: &Sql, name: &str, text: &str) {
    if let Err(error) = transaction(sql, text).await {
        panic!("{name}: {}", told(&error, text));
    }
}

async fn transaction(sql: &Sql, text: &str) -> Result<(), tokio_postgres::Error> {
    sql.batch_execute("begin").await?;
    let done = sql.batch_execute(text).await;
    sql.batch_execute(if done.is_ok() { "commit" } else { "rollback" }).await?;
    done
}

impl Database {
    /// A database with nothing in it at all, for a backup to be restored into.
    pub async fn empty() -> Self {
        // With the roles, which are the whole server's.
        make_skeleton().await;
        clone("template0").await
    }

    /// Another one with the same contents. Nobody may be connected to this one.
    pub async fn copied(&self) -> Self {
        clone(&self.name).await
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// For programs that take a connection string.
    pub fn uri(&self, role: &str) -> String {
        let folder = Cluster::shared().folder().display();
        format!("postgresql://{role}@localhost/{}?host={folder}", self.name)
    }

    /// A connection as a role, without further ado.
    pub async fn connect(&self, role: &str) -> Sql {
        Sql::open(&self.name, role).await
    }

    /// A connection to this database on a standby.
    pub async fn connect_on(&self, cluster: &Cluster, role: &str) -> Sql {
        Sql::open_on(cluster, &self.name, role).await
    }

    /// The platform's owner, who may do everything; on the hosted service nobody of the project is.
    pub async fn superuser(&self) -> Sql {
        self.connect(SUPERUSER).await
    }

    /// The project's owner: who pushes migrations and uses the dashboard's SQL editor.
    pub async fn postgres(&self) -> Sql {
        self.connect("postgres").await
    }

    /// A connection whose every transaction runs as it would through PostgREST: logged in as `authenticator`,
    /// with the role that the claims name, the settings of that role, and the claims themselves.
    pub async fn as_user(&self, claims: &Json) -> Sql {
        self.as_user_on(Cluster::shared(), claims).await
    }

    /// The same on a standby.
    pub async fn as_user_on(&self, cluster: &Cluster, claims: &Json) -> Sql {
        let sql = Sql::open_on(cluster, &self.name, "authenticator").await;
        let role = claims["role"].as_str().unwrap_or("anon");
        let settings = role_settings(&sql, role).await;
        let mut statements: Vec<(String, String)> = settings;
        statements.push(("search_path".to_owned(), "public, extensions".to_owned()));
        statements.push(("request.jwt.claims".to_owned(), claims.to_string()));
        statements.push(("role".to_owned(), role.to_owned()));
        for (name, value) in statements {
            let set = sql.execute("select set_config($1, $2, false)", &[&name, &value]).await;
            set.unwrap_or_else(|error| panic!("{name} = {value}: {}", told(&error, "")));
        }
        sql
    }

    /// Runs SQL as `postgres`, in one transaction, as a migration is run.
    pub async fn migrate(&self, text: &str) -> Result<(), tokio_postgres::Error> {
        let sql = self.postgres().await;
        let done = transaction(&sql, text).await;
        sql.close().await;
        done
    }

    /// Runs one file as a migration.
    #[track_caller]
    pub fn migrate_file(&self, path: &Path) -> impl Future<Output = ()> {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.display().to_string();
        async move {
            let sql = self.postgres().await;
            run(&sql, &name, &text).await;
            sql.close().await;
        }
    }

    /// Runs every `*.sql` of a folder, in the order of their names.
    pub async fn migrate_all(&self, folder: &Path) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "sql"));
        files.sort();
        for file in files {
            self.migrate_file(&file).await;
        }
    }

    /// Everything but the rows, as `pg_dump` writes it.
    pub fn dump(&self) -> String {
        let mut command = std::process::Command::new(binaries().join("pg_dump"));
        command.arg("--schema-only").arg(self.uri(SUPERUSER));
        let out =
            command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").output().expect("it runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).expect("a dump is UTF-8");
        // Newer ones guard a dump with a word that is another one each time.
        let lines =
            text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.flat_map(|line| [line, "\n"]).collect()
    }

    /// This database over HTTP, with a training server for signing in.
    pub async fn front(&self) -> Front {
        Front::start(self).await
    }
}

/// `alter role … set …` as PostgREST reads it for the role that it switches to.
pub(super) async fn role_settings(sql: &Sql, role: &str) -> Vec<(String, String)> {
    let query = "select unnest(coalesce(rolconfig, '{}')) from pg_roles where rolname = $1";
    let rows = sql.query(query, &[&role]).await.expect("everybody may read pg_roles");
    let settings = rows.iter().map(|row| row.get::<_, String>(0));
    settings
        .filter_map(|text| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())))
        .collect()
}

impl Drop for Database {
    /// On a thread with a runtime of its own, as the test's may be ending. Best effort: whatever is left goes with
    /// the folder.
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        let _detached = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let dropped = async {
                    let sql = Sql::try_open(Cluster::shared(), MAINTENANCE, SUPERUSER).await?;
                    sql.batch_execute(&format!("drop database if exists {name} with (force)")).await
                };
                let dropped = tokio::time::timeout(Duration::from_secs(10), dropped).await;
                dropped.map_err(std::io::Error::other)?.map_err(std::io::Error::other)
            })
        });
    }
}

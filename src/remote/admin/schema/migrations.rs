//! The migrations that this program carries, those that a database has, and applying the rest.
//!
//! Each is applied in one transaction with its line in `supabase_migrations.schema_migrations`, which is written as
//! Supabase's command line tool writes it: both agree about what is done. What was applied without a line (by `psql`) is
//! applied again, which changes nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::remote::admin::database::{Database, DatabaseError, DatabaseFault};

/// One file of `config/supabase/migrations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    pub version: &'static str,
    pub name: &'static str,
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal,)*) => {
        /// In the order in which they are applied.
        pub const MIGRATIONS: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/config/supabase/migrations/", $version, "_", $name, ".sql"
            )),
        }),*];
    };
}

migrations! {
    "20261101000050" "found",
    "20261101000100" "tables",
    "20261101000200" "access",
    "20261101000300" "rules",
    "20261101000400" "takeover",
    "20261101000500" "sync_state",
    "20261101000600" "sync_pull",
    "20261101000700" "sync_push",
    "20261101000800" "activity",
    "20261101000900" "accounts",
    "20261101001000" "device_keys",
    "20261101001050" "devices",
    "20261101001100" "account_deeds",
    "20261101001200" "activity_device",
    "20261101001300" "sight_once",
}

/// The way back; what it leaves is told in its first lines.
pub const ROLLBACK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/supabase/rollback.sql"));
/// The initial data set.
pub const SEED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/supabase/seed.sql"));

/// The table as Supabase's command line tool makes it.
const HISTORY: &str = "create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
    alter table supabase_migrations.schema_migrations add column if not exists statements text[];
    alter table supabase_migrations.schema_migrations add column if not exists name text;";

/// How long a migration waits for somebody's transaction before it gives up and leaves everything as it was.
pub(super) const LOCK_WAIT: &str = "set local lock_timeout = '30s'";

/// Which migrations a database has, by its own account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub applied: Vec<String>,
    pub pending: Vec<String>,
    /// Those of others, or of a newer program.
    pub unknown: Vec<String>,
}

impl Migration {
    /// `20261101000100_tables`.
    pub fn full_name(&self) -> String {
        format!("{}_{}", self.version, self.name)
    }
}

impl Database {
    /// What is applied and what is not.
    pub async fn plan(&self) -> Result<Plan, DatabaseError> {
        let recorded = self.recorded().await?;
        let ours: BTreeSet<&str> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let (applied, pending): (Vec<_>, Vec<_>) =
            MIGRATIONS.iter().partition(|migration| recorded.contains(migration.version));
        let names = |all: Vec<&Migration>| all.into_iter().map(Migration::full_name).collect();
        let unknown = recorded.into_iter().filter(|version| !ours.contains(version.as_str())).collect();
        Ok(Plan { applied: names(applied), pending: names(pending), unknown })
    }

    async fn recorded(&self) -> Result<BTreeSet<String>, DatabaseError> {
        let doing = "Looking which migrations are applied";
        let there = "select to_regclass('supabase_migrations.schema_migrations') is not null";
        if self.value::<bool>(doing, there, &[]).await? != Some(true) {
            return Ok(BTreeSet::new());
        }
        let versions = "select array_agg(version) from supabase_migrations.schema_migrations";
        Ok(self.value::<Vec<String>>(doing, versions, &[]).await?.unwrap_or_default().into_iter().collect())
    }

    /// Is this a Supabase project at all? Asked before anything else.
    pub async fn is_supabase(&self) -> Result<(), DatabaseError> {
        let supabase = "select to_regclass('auth.users') is not null and (select count(*) = 3 from pg_roles
            where rolname in ('anon', 'authenticated', 'service_role'))";
        if self.value::<bool>("Looking at the database", supabase, &[]).await? == Some(true) {
            return Ok(());
        }
        Err(DatabaseError::new(
            DatabaseFault::Refused,
            "This database is no Supabase project: it has no sign-in accounts (auth.users) and none of the API's \
             roles. Nothing was changed.",
        ))
    }

    /// Is this a Supabase project, and may this role set it up? Asked before anything is changed.
    pub async fn fit_for_setup(&self) -> Result<(), DatabaseError> {
        self.is_supabase().await?;
        let doing = "Looking at the database";
        let may = "select has_database_privilege(current_database(), 'create')";
        if self.value::<bool>(doing, may, &[]).await? != Some(true) {
            return Err(DatabaseError::new(
                DatabaseFault::Denied,
                "This role may not make schemas in the database. Nothing was changed.",
            )
            .hint("Sign in as the role that owns the project: postgres."));
        }
        Ok(())
    }

    /// Applies what is not applied yet; `told` hears of each, with what the database told meanwhile. A failure leaves those
    /// before it in place, and nothing of the one that failed.
    pub async fn migrate(
        &self,
        told: &mut dyn FnMut(&Migration, Vec<String>),
    ) -> Result<Plan, DatabaseError> {
        self.fit_for_setup().await?;
        self.alone().await?;
        // Asked once nobody else is at it.
        let recorded = self.recorded().await?;
        let open: Vec<_> =
            MIGRATIONS.iter().filter(|migration| !recorded.contains(migration.version)).collect();
        if !open.is_empty() {
            self.make_history().await?;
        }
        for migration in open {
            drop(self.notices());
            self.apply(migration).await?;
            told(migration, self.notices());
        }
        // Supabase reloads its API by itself; another PostgREST may not.
        self.run("Telling the API", "notify pgrst, 'reload schema'").await?;
        self.plan().await
    }

    async fn apply(&self, migration: &Migration) -> Result<(), DatabaseError> {
        let doing = format!("Migration {} was not applied", migration.full_name());
        self.run(&doing, &format!("reset all; begin; {LOCK_WAIT}")).await?;
        let done = self.record(&doing, migration).await;
        match done {
            Ok(()) => self.run(&doing, "commit").await,
            Err(error) => {
                // On a broken line there is nothing to roll back.
                let _gone = self.run(&doing, "rollback").await;
                Err(error)
            }
        }
    }

    pub(super) async fn make_history(&self) -> Result<(), DatabaseError> {
        self.run("Making the list of migrations", HISTORY).await
    }

    pub(super) async fn record(&self, doing: &str, migration: &Migration) -> Result<(), DatabaseError> {
        self.run(doing, migration.sql).await?;
        let line = "insert into supabase_migrations.schema_migrations (version, name, statements)
            values ($1, $2, array[$3]) on conflict (version) do update set statements = excluded.statements";
        let done = self.client.execute(line, &[&migration.version, &migration.name, &migration.sql]).await;
        done.map(drop).map_err(|error| DatabaseError::sql(doing, &error))
    }

    /// Is FlyOS Console set up here at all?
    pub async fn is_set_up(&self) -> Result<bool, DatabaseError> {
        let there = "select to_regclass('flyos.found') is not null";
        Ok(self.value("Looking at the database", there, &[]).await? == Some(true))
    }

    /// How many values of old rows break a rule.
    pub async fn flaws(&self) -> Result<i64, DatabaseError> {
        let count = "select count(*) from flyos.flaws";
        Ok(self.value("Counting flaws", count, &[]).await?.unwrap_or_default())
    }

    /// Takes everything of ours out again, whole or not at all.
    pub async fn roll_back(&self) -> Result<Vec<String>, DatabaseError> {
        self.alone().await?;
        drop(self.notices());
        self.run("Nothing was taken out", ROLLBACK).await?;
        Ok(self.notices())
    }

    /// Puts the initial data set in, beside what is there.
    pub async fn fill(&self) -> Result<(), DatabaseError> {
        self.run("The initial data set was not loaded", SEED).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/supabase/migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let ours: Vec<String> =
            MIGRATIONS.iter().map(|migration| format!("{}.sql", migration.full_name())).collect();
        assert_eq!(ours, files);
        for migration in MIGRATIONS {
            assert!(ROLLBACK.contains(&format!("'{}'", migration.version)), "{}", migration.version);
        }
    }
}

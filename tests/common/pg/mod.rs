//! Real PostgreSQL behind a PostgREST-compatible server, for the tests of our SQL.
//!
//! * `cluster`: a private server of PostgreSQL, one for each test process, which dies with it
//! * `database`: a database for one test, cloned from a template that holds Supabase's skeleton and our migrations
//! * `sql`: connections to it, as the owner, as `postgres`, or as a user would be through PostgREST
//! * `accounts`: sign-in accounts, sessions and the initial rows
//! * `token`: access tokens with any claims, true ones and forged ones
//! * `front`: `/rest/v1` and `/auth/v1` over HTTP, with Supabase's gateway in front
//! * `auth`: what keeps the training server's sign-in and the database's `auth` schema of one mind
//!
//! `roles.sql` and `supabase.sql` are what a Supabase project has before our first migration; where they differ
//! from the hosted service they say so.
//!
//! Use: `#[path = "../common/pg/mod.rs"] mod pg;`, then `let db = pg::database().await;`.

#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

mod accounts;
mod auth;
mod cluster;
mod database;
mod front;
mod sql;
mod token;

pub use cluster::{Cluster, binaries};
pub use database::{Database, database, migrations_folder, skeleton};
pub use front::{Front, Session};
pub use sql::{Sql, sqlstate};
pub use token::{forge, mint, now_s};

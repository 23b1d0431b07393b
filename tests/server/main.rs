//! Our SQL on real PostgreSQL, behind a server that speaks PostgREST's protocol.

mod accounts;
mod bad_line;
mod bulk;
#[path = "../common/cases/mod.rs"]
mod cases;
mod catalog;
#[path = "../common/chance.rs"]
mod chance;
#[path = "../common/kit.rs"]
mod common;
mod concurrency;
#[path = "../common/door.rs"]
mod door;
#[path = "../common/fixtures.rs"]
mod fixtures;
mod harness;
mod kit;
mod matrix;
#[path = "../common/pg/mod.rs"]
mod pg;
mod project;
mod race;
mod reach;
mod rows;
mod rules;
mod sight;
mod takeover;
mod traps;
mod twins;
mod upserts;
mod walk;
mod weights;

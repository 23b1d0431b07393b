//! Setting a project up: the real program against a real PostgreSQL that holds what a Supabase project has.
//!
//! * `schema`: migrating, verifying, the way back
//! * `mending`: whatever verifying knows, damaged and put back
//! * `first`: the first MAIN_HQ
//! * `accounts`: accounts without profiles, and giving them theirs; the cases that people meet
//! * `keyed`: the same by the project's secret key, held against the database's own
//! * `field`: a project over HTTP, and machines that work on it; `day`: a working day of the one who runs it; `files`: rows
//!   and backups on their way to it
//! * `pictures`: what people read of all these commands
//! * `line`: what leaves this machine, and what of it anybody can see

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on stops; a helper fails its test"
)]

mod accounts;
mod day;
mod field;
mod files;
mod first;
mod keyed;
mod line;
mod mending;
#[path = "../common/pg/mod.rs"]
mod pg;
mod pictures;
mod program;
mod schema;

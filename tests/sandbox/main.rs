//! The training server over real HTTP and real websockets: what a client of Supabase meets.

mod auth;
#[path = "../common/cases/mod.rs"]
mod cases;
#[path = "../common/kit.rs"]
mod common;
mod faults;
#[path = "../common/fixtures.rs"]
mod fixtures;
mod kit;
mod realtime;
mod rules;
mod shapes;
mod sync;
mod tables;

//! The training server over real HTTP and real websockets: what a client of Supabase meets.

mod auth;
#[path = "../common/cases/mod.rs"]
mod cases;
#[path = "../common/kit.rs"]
mod common;
mod factors;
mod faults;
#[path = "../common/fixtures.rs"]
mod fixtures;
mod kit;
mod password;
mod realtime;
mod rules;
mod shapes;
mod sync;
mod tables;
#[path = "../common/totp.rs"]
mod totp;

//! Managing sign-in accounts: the Edge Function under the real Deno, the training server's own, and the direct path,
//! held to the same cases; then what each alone must withstand.

#[path = "../common/kit.rs"]
mod common;
#[path = "../sandbox/kit.rs"]
#[expect(dead_code, reason = "the tests of the training server use the rest of it")]
mod kit;

mod cases;
mod deno;
mod direct;
mod effects;
mod function;
mod noting;
mod proxy;

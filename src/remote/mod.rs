//! Supabase on the wire: signing in, the three calls of the sync protocol, plain reads of tables, and the
//! nudges of the realtime socket.
//!
//! * `key`, `project`: what the person pastes in, judged before anything is sent.
//! * `client`: one pooled HTTP client; `auth`, `rpc` and `rows` say what it asks for.
//! * `error`: the one error of this room; `sort` makes it of what a server answered, `transport` of what
//!   kept us from reaching one, `words` gives the sentence for the person.
//! * `knock`: what of a project's database can be seen without a pass.
//! * `realtime`: the socket. It carries no data, only "there is something to pull".
//! * `admin`: managing sign-in accounts, by the project's function or with its secret key.
//! * `wire`: the shapes, shared with the training server.
//!
//! This room never repeats a request by itself: whoever asked knows whether a second time is safe. It keeps
//! no session either: each call is given the token it runs under. Keys and tokens are secrets from the
//! moment they are parsed; no message, no `Debug` and no log line shows one, whatever a server echoes.

pub mod admin;
mod auth;
mod client;
mod error;
mod key;
mod knock;
mod project;
pub mod realtime;
mod rows;
mod rpc;
mod sort;
mod tls;
mod transport;
pub mod wire;
mod words;

pub use auth::{AuthHealth, AuthSettings, CodeFor, ISSUER, SignOutScope};
pub use client::{Client, Limits, Reply};
pub use error::{Cause, Doing, ErrorKind, RemoteError, RequestIds};
pub use key::{ApiKey, KeyKind, KeyProblem};
pub use knock::Seen;
pub use project::{Project, ProjectProblem, UrlProblem};
pub use rows::{Filter, PAGE_ROWS_MAX, Select};
pub use sort::Answer;

//! FlyOS Console: the map of the house.
//!
//! * `domain`: what users, regions, drones and assignments are, and every rule about them; pure
//! * `vault`: keys and sealing
//! * `store`: what an account keeps on this machine: journal, cache, and both in memory as one view
//! * `remote`: Supabase on the wire
//! * `session`: who is signed in: tokens, and opening an account with or without a network
//! * `sync`: when to pull and push, and doing it
//! * `service`: the one door: every action and query of every front
//! * `tui`: the screens; knows the door and nothing behind it
//! * `cli`: commands without a screen; they ask the console that is open, by the same door
//! * `sandbox`: the training server, which speaks the same wire protocol
//!
//! One edit's way: key, `tui::keys`, message, `update`, effect, `service`, policy and rules (`domain`), journal
//! (`store`; from here on it is saved), view, event, one frame. Later `sync` sends it, the server answers, a pull
//! brings it back, and it leaves the outbox. `tests/tidy.rs` holds who may use whom.

#[doc(hidden)]
pub mod bugs;
pub mod cli;
#[doc(hidden)]
pub mod decoders;
pub mod domain;
pub mod remote;
pub mod sandbox;
pub mod service;
pub mod session;
pub mod store;
pub mod sync;
pub mod tui;
pub mod vault;

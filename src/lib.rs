//! FlyOS Console: the map of the house.
//!
//! * `domain`: what users, regions, drones and assignments are, and every rule about them; pure
//! * `vault`: keys and sealing
//! * `store`: what an account keeps on this machine: journal, cache, and both in memory as one view
//! * `remote`: Supabase on the wire
//! * `session`: who is signed in: tokens, and opening an account with or without a network
//! * `sandbox`: the training server, which speaks the same wire protocol

pub mod domain;
pub mod remote;
pub mod sandbox;
pub mod session;
pub mod store;
pub mod vault;

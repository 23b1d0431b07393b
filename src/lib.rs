//! FlyOS Console: the map of the house.
//!
//! * `domain`: what users, regions, drones and assignments are, and every rule about them; pure
//! * `vault`: keys and sealing

pub mod domain;
pub mod vault;

//! FlyOS Console: the map of the house.
//!
//! * `domain`: what users, regions, drones and assignments are, and every rule about them; pure

pub mod domain;

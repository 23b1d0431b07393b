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
mod plain;
mod project;
mod race;
mod reach;
mod rows;
mod rules;
mod sight;
mod simulated;
mod takeover;
mod traps;
mod twins;
mod upserts;
mod walk;
mod weights;

// The simulator's, played by `simulated`.
#[path = "../simulator/cast.rs"]
mod cast;
#[path = "../simulator/device.rs"]
mod device;
#[path = "../simulator/dice.rs"]
mod dice;
#[path = "../simulator/disk.rs"]
mod disk;
#[path = "../simulator/episode.rs"]
#[allow(dead_code, reason = "some of it is for the simulator's own server")]
mod episode;
#[path = "../simulator/faults.rs"]
mod faults;
#[path = "../simulator/net.rs"]
mod net;
#[path = "../simulator/oracle.rs"]
#[allow(dead_code, reason = "some of it is for the simulator's own server")]
mod oracle;
#[path = "../simulator/people.rs"]
mod people;
#[path = "../simulator/rest.rs"]
mod rest;
#[path = "simulated/server.rs"]
mod server;
#[path = "../simulator/tally.rs"]
#[allow(dead_code, reason = "what is counted of one server is not all played with the other")]
mod tally;
#[path = "../simulator/watch.rs"]
mod watch;

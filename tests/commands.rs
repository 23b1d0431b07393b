//! Commands without a screen: the real program against the training server, alone and beside an open console.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "common/mod.rs"]
mod common;
#[path = "commands/coverage.rs"]
mod coverage;
#[path = "commands/devices.rs"]
mod devices;
#[path = "commands/door.rs"]
mod door;
#[path = "commands/edits.rs"]
mod edits;
#[path = "commands/files.rs"]
mod files;
#[path = "commands/history.rs"]
mod history;
#[path = "commands/kit.rs"]
mod kit;
#[path = "commands/people.rs"]
mod people;
#[path = "commands/pictures.rs"]
mod pictures;
#[path = "commands/read_only.rs"]
mod read_only;
#[path = "commands/suite.rs"]
mod suite;
#[path = "commands/things.rs"]
mod things;
#[path = "commands/watch.rs"]
mod watch;

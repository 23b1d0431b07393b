//! Commands without a screen. Each asks the console that is open, through the door, and prints what it was told; one
//! file a command. A command that has nobody to ask says so, and its exit code is the error's.

mod status;

pub use status::status;

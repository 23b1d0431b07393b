//! Commands without a screen, one file a command. Each asks the console that is open, through the door, and prints what
//! it was told; `wipe` alone works where none is. A command that has nobody to ask says so, and its exit code is the error's.

mod status;
mod wipe;

pub use status::status;
pub use wipe::{Wipe, wipe};

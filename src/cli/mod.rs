//! Commands without a screen. Each asks the console that is open, through the door, and prints what it was told; one
//! file a command. A command that has nobody to ask says so, and its exit code is the error's. `doctor` asks nobody: it
//! looks at what lies on this machine. `prompt` asks for a password.

mod doctor;
mod prompt;
mod status;

pub use doctor::{Terminal, doctor};
pub use prompt::password;
pub use status::status;

//! What is said of what was asked of the server, and of what did not come from it yet.

use crate::domain::Kind;
use crate::service::{Done, Link, Status, Traffic};

pub const STILL_LOADING: &str = "Not everything was received yet: the figures are of what is here.";
const SYNC_ASKED: &str = "Asking the server for news, and sending what waits.";
const VERIFY_ASKED: &str = "Comparing all rows with the server's: what comes of it is told.";
const RELOAD_ASKED: &str = "Loading all rows anew; what is here stays until they are in.";

/// What was asked of the server; without a line it waits for one.
pub fn asked_of_server(done: &Done, link: &Link) -> String {
    let (now, later) = match done {
        Done::VerifyAsked => (VERIFY_ASKED, "Rows are compared"),
        Done::ReloadAsked => (RELOAD_ASKED, "Rows are loaded anew"),
        _ => return SYNC_ASKED.to_owned(),
    };
    match link {
        Link::Offline { .. } | Link::ServerFault { .. } => {
            format!("There is no line now. {later} once there is.")
        }
        _ => now.to_owned(),
    }
}

/// Nothing of that kind is here, and not everything came yet.
pub fn not_loaded(kind: Kind, status: &Status) -> String {
    let why = match status.link {
        _ if status.traffic == Traffic::Held => {
            "the line is held before everything was loaded; P lets it go on"
        }
        Link::Loading { .. } => "rows are still being loaded",
        _ => "not everything was received from the server",
    };
    format!("No {kind} is here yet: {why}.")
}

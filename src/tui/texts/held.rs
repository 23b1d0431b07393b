//! What is said of edits that are held back since the journal ended earlier than it once did, and what can be decided.

pub const HELD_BACK: &str = "Held back";
/// What happened, what it means for these edits, and what is so until somebody decides.
pub const HELD: [&str; 3] = [
    "The journal here ends earlier than it once did: it was put back from an older copy, or its end was lost.",
    "These edits are in it as unsent. They may have been sent since, and changed by others after that.",
    "Until you decide they stay here, and so does what builds on them. Other edits are sent.",
];
pub const SEND: &str = "send";
pub const LET_GO: &str = "let go";
/// The value, the choice, and what it does.
pub const HELD_CHOICES: [(&str, &str, &str); 3] = [
    ("", "Keep them back", "look at their rows first"),
    (SEND, "Send them", "changes since are asked about"),
    (LET_GO, "Let go of them", "sent already, or not wanted"),
];

pub fn held(edits: usize) -> String {
    if edits == 1 { "1 edit is held back".to_owned() } else { format!("{edits} edits are held back") }
}

/// Beside one of them.
pub const MAY_BE_SENT: &str =
    "It may have been sent since. It waits until you decide about all that is held back.";

pub fn more_held(edits: usize) -> String {
    format!("and {edits} more")
}

//! Texts about what is sealed: recovery words, files of edits, what is kept aside, erasing, machines.

pub const WORDS_TITLE: &str = "Recovery words";
pub const WORDS_WHAT: &str = "24 words, to be kept on paper, open what this machine has of your account when the password \
                              is forgotten, without a network.";
pub const WORDS_THERE: &str =
    "There are words already: new ones take their place once you have typed them back.";
pub const WORDS_NONE: &str = "There are none yet. They count once you have typed them back.";
pub const SERVER_KEPT: &str = "A new password from headquarters opens it as well, with a network.";
pub const SERVER_NOT_KEPT: &str =
    "The server keeps no key for this device (yet): a new password would not open it.";
pub const WORDS_SHOWN: &str =
    "Write them down now, in their order. They are shown this once, and stored nowhere.";
pub const WORDS_STAY: &str =
    "They stand in this window's lines: clear those, or close the window, once you have them on paper.";
pub const WORDS_NO_ROOM: &str = "Make the window larger to see all 24 words.";
pub const WORDS_BACK: &str = "Type all 24 words, or the first four letters of each, so that they count.";
pub const WORDS_KEPT: &str = "The recovery words count from now on. Keep the paper apart from this machine.";
pub const WORDS_REMOVE: &str = "The paper opens nothing any more. The password still does.";
pub const WORDS_REMOVED: &str = "There are no recovery words any more.";

pub const EXPORT_TITLE: &str = "Export unsent edits";
pub const EXPORT: &str = "They are written into a new file that the passphrase alone opens (12 characters or more), and \
                          wait on here as well.";
pub const IMPORT_TITLE: &str = "Import edits";
pub const IMPORT: &str = "The edits of a sealed file become yours: judged by your rights, sent by this console, and naming \
                          their author.";
pub const ASIDE_TITLE: &str = "Kept aside";
pub const ASIDE: &str = "What did not open by a new password was kept aside here, sealed. Its unsent edits can be taken \
                         over into the account as it is now.";
pub const TAKE_BACK: &str = "The password of then, or recovery words, open it. Each unsent edit in it is judged by your \
                             rights of today and becomes yours; none is sent twice, and what is refused stays there.";
pub const NOTHING_ASIDE: &str = "Nothing of this account is kept aside here.";

/// How much is unsent in what is kept aside, as it was counted last.
pub fn unsent_aside(unsent: Option<usize>) -> String {
    match unsent {
        Some(0) => "nothing unsent".to_owned(),
        Some(1) => "1 edit unsent".to_owned(),
        Some(edits) => format!("{edits} edits unsent"),
        None => "unsent edits are not known".to_owned(),
    }
}

pub const PASSPHRASES_DIFFER: &str = "The two passphrases differ: type the second one again.";

pub const ERASE_TITLE: &str = "Sign out and erase?";
pub const ERASE: &str = "What this machine has of the account goes: its keys first, then rows, edits and session. The \
                         server keeps what it has.";
pub const MACHINES_TITLE: &str = "People's machines";
pub const MACHINES: &str = "As each last said of itself.";
pub const MACHINES_HQ: &str = "As each last said of itself. Enter has one erased that was lost.";
pub const MACHINE_ERASED: &str = "It is erased as soon as it reaches the server.";
/// What is to be done before; the key exports.
pub fn erase_export(export: &str) -> String {
    format!("Esc, then {export} exports them into a sealed file first.")
}

pub fn erase_loses(edits: usize) -> String {
    if edits == 1 {
        "1 edit is unsent and would be lost:".to_owned()
    } else {
        format!("{edits} edits are unsent and would be lost:")
    }
}

pub fn exported(edits: usize, path: &str) -> String {
    let count = if edits == 1 { "1 edit is".to_owned() } else { format!("{edits} edits are") };
    format!("{count} in {path}, sealed.")
}

/// What became of a file of edits.
pub fn imported(author: &str, saved: usize, known: usize, refused: usize) -> String {
    let some = |count: usize, words: &str| {
        if count == 0 { String::new() } else { format!(", {count} {words}") }
    };
    let (known, refused) = (some(known, "already here"), some(refused, "refused"));
    format!("Edits of {author}: {saved} imported{known}{refused}.")
}

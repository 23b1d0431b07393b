//! The table itself: one line for each act in each place, in the order in which help lists them.

use super::{Act, Binding, Context};
use crate::tui::press::{Code, Press};

use Code::{
    BackTab, Backspace, Delete, Down, End, Enter, Esc, Home, Insert, Left, PageDown, PageUp, Right, Tab, Up,
};
use Context as C;

const EVERYWHERE: &[Context] = &C::ALL;
/// Lists and details: where a row can be chosen.
pub(super) const BROWSING: &[Context] = &[C::List, C::Cells, C::Detail];
/// The places that are read line by line.
pub(super) const SCREENS: &[Context] = &[C::Sync, C::Activity, C::Overview];
/// Wherever no popup is open and nothing is typed.
pub(super) const PLACES: &[Context] = &[C::List, C::Cells, C::Detail, C::Sync, C::Activity, C::Overview];
/// Where characters are typed, so that help has no letter.
const FIELDS: &[Context] = &[
    C::SignIn,
    C::AddProject,
    C::Form,
    C::Cell,
    C::Picker,
    C::Menu,
    C::Confirm,
    C::Filter,
    C::Ask,
    C::Bulk,
    C::Columns,
    C::Locked,
];
const MOVING: &[Context] = &[C::List, C::Cells, C::Detail];
const CHOOSING: &[Context] = &[C::Picker, C::Menu, C::Help];

pub(super) const fn key(code: Code) -> Press {
    Press::key(code)
}

pub(super) const fn letter(c: char) -> Press {
    Press::char(c)
}

pub(super) const fn bind(
    act: Act,
    keys: &'static [Press],
    contexts: &'static [Context],
    rank: u8,
    title: &'static str,
    help: &'static str,
) -> Binding {
    Binding { act, keys, contexts, title, help, rank }
}

pub const TABLE: &[Binding] = &[
    // Lists and details.
    bind(
        Act::Accept,
        &[key(Enter)],
        &[C::List],
        1,
        "open",
        "Opens the selected row with all that belongs to it.",
    ),
    bind(
        Act::Accept,
        &[key(Enter), key(Right)],
        &[C::Detail],
        1,
        "go there",
        "Goes to the thing on this line.",
    ),
    bind(Act::Leave, &[key(Esc), key(Left)], &[C::Detail], 2, "list", "Goes back to the list."),
    bind(Act::Back, &[key(Backspace), letter('[')], PLACES, 9, "back", "Goes back to what was open before."),
    bind(Act::Edit, &[letter('e'), Press::f(4)], BROWSING, 3, "edit", "Changes the fields of this row."),
    bind(Act::SetStatus, &[letter('s'), Press::f(6)], BROWSING, 4, "status", "Sets the status of this row."),
    bind(
        Act::Assign,
        &[letter('a'), Press::f(7)],
        BROWSING,
        5,
        "assign",
        "Gives a drone to a user, who becomes its operator.",
    ),
    bind(Act::Unassign, &[letter('u')], BROWSING, 12, "unassign", "Takes a drone away from a user."),
    bind(Act::Create, &[letter('n'), key(Insert)], BROWSING, 9, "new", "Makes a new row of this list."),
    bind(Act::Delete, &[key(Delete), letter('D')], BROWSING, 13, "delete", "Deletes this row, after asking."),
    bind(
        Act::Menu,
        &[letter('m'), letter(':'), Press::f(10)],
        PLACES,
        2,
        "menu",
        "Lists all that can be done, with its key, and why not where not; what is typed also names rows to go to.",
    ),
    bind(Act::Help, &[letter('?'), Press::f(1)], PLACES, 7, "help", "Shows the keys."),
    bind(Act::Help, &[Press::f(1)], FIELDS, 20, "help", "Shows the keys."),
    bind(Act::Up, &[key(Up), letter('k')], MOVING, 0, "up", "One line up."),
    bind(Act::Down, &[key(Down), letter('j')], MOVING, 0, "down", "One line down."),
    bind(Act::PageUp, &[key(PageUp)], MOVING, 0, "page up", "One page up."),
    bind(Act::PageDown, &[key(PageDown)], MOVING, 0, "page down", "One page down."),
    bind(Act::First, &[key(Home), letter('g')], MOVING, 0, "first", "To the first line."),
    bind(Act::Last, &[key(End), letter('G')], MOVING, 0, "last", "To the last line."),
    bind(
        Act::SyncNow,
        &[Press::f(5), letter('r')],
        BROWSING,
        10,
        "sync now",
        "Asks the server for news and sends what waits, now.",
    ),
    bind(Act::Decide, &[letter('!')], PLACES, 0, "decide", "Decides on edits that need you."),
    bind(
        Act::Undo,
        &[letter('z')],
        PLACES,
        0,
        "undo",
        "Undoes your last edit; if it was sent, by a new one.",
    ),
    bind(Act::Redo, &[letter('Z')], PLACES, 0, "redo", "Does again what was undone last."),
    bind(
        Act::Verify,
        &[letter('V'), letter('H')],
        BROWSING,
        0,
        "verify",
        "Compares all rows with the server's; mends what differs.",
    ),
    bind(
        Act::Reload,
        &[letter('R')],
        BROWSING,
        0,
        "reload all",
        "Loads all rows anew; edits that wait stay.",
    ),
    bind(
        Act::Traffic,
        &[letter('t')],
        PLACES,
        0,
        "line use",
        "How freely the line is used: normal, sparing, held.",
    ),
    bind(
        Act::TrainingLine,
        &[Press::f(8)],
        &[C::List, C::Cells, C::Detail, C::Sync, C::Activity, C::Overview, C::SignIn],
        6,
        "line",
        "In training: takes the line away or gives it back.",
    ),
    bind(
        Act::Account,
        &[letter('A')],
        PLACES,
        0,
        "your sign-in",
        "Password, second factor, and signing out here, elsewhere or everywhere.",
    ),
    bind(
        Act::SignOut,
        &[Press::f(9)],
        PLACES,
        0,
        "sign out",
        "Ends the session; what this machine has is kept.",
    ),
    bind(Act::Lock, &[Press::f(12), Press::ctrl('l')], PLACES, 0, "lock", "Locks the console."),
    bind(Act::Export, &[letter('E')], PLACES, 0, "export unsent", "Writes unsent edits into a sealed file."),
    bind(Act::Import, &[letter('I')], PLACES, 0, "import", "Makes the edits of a sealed file yours."),
    bind(Act::Aside, &[letter('B')], PLACES, 0, "kept aside", "Takes over what was kept aside unsent."),
    bind(Act::Machines, &[letter('U')], PLACES, 0, "machines", "Lists machines; one can be erased."),
    bind(Act::Words, &[letter('W')], PLACES, 0, "recovery words", "Makes words for a forgotten password."),
    bind(Act::RemoveWords, &[Press::ctrl('w')], PLACES, 0, "remove words", "Takes the recovery words away."),
    bind(
        Act::Erase,
        &[letter('X')],
        PLACES,
        0,
        "erase",
        "Signs out and erases what this machine has, after asking.",
    ),
    bind(Act::Copy, &[letter('y')], BROWSING, 0, "copy", "Copies the row, or one value of it."),
    bind(Act::Mouse, &[letter('M')], BROWSING, 0, "mouse", "Takes clicks and the wheel, or leaves them."),
    bind(Act::Terminal, &[letter('T')], BROWSING, 0, "this terminal", "What this terminal is taken for."),
    bind(
        Act::Quit,
        &[letter('q'), Press::ctrl('q')],
        PLACES,
        9,
        "quit",
        "Leaves the console; unsent edits are kept and sent next time.",
    ),
    // Text, everywhere else.
    bind(
        Act::Save,
        &[Press::ctrl('s'), Press::f(2)],
        &[C::Form, C::AddProject],
        1,
        "save",
        "Saves the form.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::Form], 2, "leave as it was", "Closes the form; nothing is changed."),
    bind(
        Act::Accept,
        &[key(Enter)],
        &[C::Form],
        3,
        "choose / next",
        "Opens the field's list, or goes to the next field; on Save, saves.",
    ),
    bind(
        Act::FieldNext,
        &[key(Tab), key(Down)],
        &[C::Form, C::AddProject, C::Ask],
        0,
        "next field",
        "Goes to the next field.",
    ),
    bind(
        Act::FieldPrevious,
        &[key(BackTab), key(Up)],
        &[C::Form, C::AddProject, C::Ask],
        0,
        "previous field",
        "Goes to the previous field.",
    ),
    bind(
        Act::Accept,
        &[key(Enter)],
        &[C::Ask],
        1,
        "go on",
        "Goes to the next line; on the last one, sends what was typed.",
    ),
    bind(
        Act::Save,
        &[Press::ctrl('s'), Press::f(2)],
        &[C::Ask],
        0,
        "send",
        "Sends what was typed, from any line, where every line is there.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::Ask], 2, "leave it", "Closes it; nothing is sent."),
    bind(Act::Accept, &[key(Enter)], &[C::Picker, C::Menu], 1, "choose", "Takes the selected line."),
    bind(Act::Leave, &[key(Esc)], &[C::Picker, C::Menu], 2, "close", "Closes it; nothing is changed."),
    bind(Act::Up, &[key(Up)], CHOOSING, 0, "up", "One line up."),
    bind(Act::Down, &[key(Down)], CHOOSING, 0, "down", "One line down."),
    bind(Act::PageUp, &[key(PageUp)], CHOOSING, 0, "page up", "One page up."),
    bind(Act::PageDown, &[key(PageDown)], CHOOSING, 0, "page down", "One page down."),
    bind(Act::Leave, &[key(Esc), Press::f(1), key(Enter)], &[C::Help], 1, "close", "Closes help."),
    bind(Act::Accept, &[key(Enter)], &[C::Confirm], 1, "take this answer", "Takes the selected answer."),
    bind(
        Act::FieldNext,
        &[key(Tab), key(Right), key(Down)],
        &[C::Confirm],
        0,
        "other answer",
        "Selects the other answer.",
    ),
    bind(
        Act::FieldPrevious,
        &[key(BackTab), key(Left), key(Up)],
        &[C::Confirm],
        0,
        "other answer",
        "Selects the other answer.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::Confirm], 2, "no", "Closes it; nothing is changed."),
    bind(Act::Leave, &[key(Esc), key(Enter)], &[C::Message], 1, "close", "Closes the message."),
    bind(Act::Accept, &[key(Enter)], &[C::Words], 1, "written down", "Asks for the words back."),
    bind(Act::Leave, &[key(Esc)], &[C::Words], 2, "make none", "Forgets these words."),
    // Locked.
    bind(Act::Accept, &[key(Enter), Press::ctrl('s')], &[C::Locked], 1, "unlock", "Unlocks the console."),
    bind(Act::SignOut, &[Press::f(9)], &[C::Locked], 2, "sign out", "Ends the session."),
    // Signing in.
    bind(Act::Accept, &[key(Enter), Press::ctrl('s')], &[C::SignIn], 1, "sign in", "Signs in."),
    bind(Act::Reveal, &[Press::f(6)], &[C::SignIn, C::Locked], 0, "show", "Shows the password, or hides it."),
    bind(
        Act::OtherAccount,
        &[Press::f(2)],
        &[C::SignIn],
        2,
        "other account",
        "Takes the next address this machine knows.",
    ),
    bind(Act::OtherProject, &[Press::f(3)], &[C::SignIn], 3, "other project", "Takes the next project."),
    bind(
        Act::NoPassword,
        &[Press::f(5)],
        &[C::SignIn],
        2,
        "no password?",
        "Sets the password by a code that comes by mail: where it was forgotten, or after an invitation.",
    ),
    bind(
        Act::NewProject,
        &[Press::f(4)],
        &[C::SignIn],
        22,
        "new project",
        "Adds a project to the configuration.",
    ),
    bind(Act::FieldNext, &[key(Tab)], &[C::SignIn], 0, "next field", "Goes to the next field."),
    bind(
        Act::FieldPrevious,
        &[key(BackTab)],
        &[C::SignIn],
        0,
        "previous field",
        "Goes to the previous field.",
    ),
    bind(Act::Up, &[key(Up)], &[C::SignIn], 0, "up", "The previous field; in training the previous account."),
    bind(Act::Down, &[key(Down)], &[C::SignIn], 0, "down", "The next field; in training the next account."),
    bind(
        Act::Leave,
        &[key(Esc)],
        &[C::SignIn],
        5,
        "stop waiting",
        "Stops waiting for the server, or puts the message away.",
    ),
    bind(
        Act::Accept,
        &[key(Enter)],
        &[C::AddProject],
        2,
        "next",
        "Goes to the next field; on the last one, saves.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::AddProject], 3, "back", "Goes back to signing in."),
    // Always.
    bind(
        Act::Quit,
        &[Press::ctrl('q')],
        &[
            C::SignIn,
            C::AddProject,
            C::Filter,
            C::Form,
            C::Cell,
            C::Picker,
            C::Menu,
            C::Confirm,
            C::Help,
            C::Message,
            C::Ask,
            C::Words,
            C::Bulk,
            C::Columns,
            C::Locked,
        ],
        21,
        "quit",
        "Leaves the console; unsent edits are kept and sent next time.",
    ),
    bind(Act::Interrupt, &[Press::ctrl('c')], EVERYWHERE, 0, "quit", "Twice: leaves the console."),
    bind(
        Act::Suspend,
        &[Press::ctrl('z')],
        EVERYWHERE,
        0,
        "suspend",
        "Gives the terminal to the shell; fg comes back.",
    ),
];

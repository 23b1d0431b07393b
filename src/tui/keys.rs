//! The one table of keys. What a press does in which place, what the footer offers, what help and the menu
//! list: all of it is read from here, and a test holds that no press means two things in one place and that
//! nothing needs a letter key.

use super::press::{Code, Press};

/// Where somebody is; a press is looked up there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    SignIn,
    AddProject,
    List,
    Filter,
    Detail,
    Form,
    Picker,
    Menu,
    Confirm,
    Help,
    Message,
}

impl Context {
    pub const ALL: [Self; 11] = [
        Self::SignIn,
        Self::AddProject,
        Self::List,
        Self::Filter,
        Self::Detail,
        Self::Form,
        Self::Picker,
        Self::Menu,
        Self::Confirm,
        Self::Help,
        Self::Message,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Signing in",
            Self::AddProject => "A new project",
            Self::List => "Lists",
            Self::Filter => "The filter line",
            Self::Detail => "Details",
            Self::Form => "Forms",
            Self::Picker => "Choosing",
            Self::Menu => "The menu",
            Self::Confirm => "Confirming",
            Self::Help => "Help",
            Self::Message => "Messages",
        }
    }

    /// Do characters belong to a text field here?
    #[cfg(test)]
    pub const fn takes_text(self) -> bool {
        !matches!(self, Self::List | Self::Detail | Self::Message)
    }
}

/// What can be done with a key. Verbs on rows are judged by the service before they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Act {
    Quit,
    Interrupt,
    Suspend,
    Help,
    Menu,
    SyncNow,
    Traffic,
    Decide,
    Undo,
    Redo,
    TrainingLine,
    SignOut,
    Users,
    Regions,
    Drones,
    TabNext,
    TabPrevious,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Accept,
    Leave,
    Back,
    Filter,
    Sort,
    SortReverse,
    Create,
    Edit,
    Delete,
    SetStatus,
    Assign,
    Unassign,
    Save,
    FieldNext,
    FieldPrevious,
    OtherAccount,
    OtherProject,
    NewProject,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub act: Act,
    /// The first is the one that is told.
    pub keys: &'static [Press],
    pub contexts: &'static [Context],
    /// In the footer and the menu.
    pub title: &'static str,
    /// In help.
    pub help: &'static str,
    /// Its rank in the footer, 1 first; 0: not there.
    pub rank: u8,
}

use Code::{
    BackTab, Backspace, Delete, Down, End, Enter, Esc, Home, Insert, Left, PageDown, PageUp, Right, Tab, Up,
};
use Context as C;

const EVERYWHERE: &[Context] = &C::ALL;
const BROWSING: &[Context] = &[C::List, C::Detail];
const MOVING: &[Context] = &[C::List, C::Detail];
const CHOOSING: &[Context] = &[C::Picker, C::Menu, C::Help];

const fn key(code: Code) -> Press {
    Press::key(code)
}

const fn letter(c: char) -> Press {
    Press::char(c)
}

const fn bind(
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
    bind(
        Act::Back,
        &[key(Backspace), letter('[')],
        BROWSING,
        9,
        "back",
        "Goes back to what was open before.",
    ),
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
        Act::Filter,
        &[letter('/'), Press::f(3)],
        &[C::List],
        8,
        "filter",
        "Shows only rows with these words. column:word looks in one column, !word leaves rows out.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::List], 0, "clear filter", "Clears the filter."),
    bind(Act::Sort, &[letter('o')], &[C::List], 14, "sort", "Chooses the column to sort by."),
    bind(Act::SortReverse, &[letter('O')], &[C::List], 0, "reverse order", "Turns the order round."),
    bind(
        Act::Menu,
        &[letter('m'), letter(':'), Press::f(10)],
        BROWSING,
        2,
        "menu",
        "Lists all that can be done, with its key, and why not where not.",
    ),
    bind(Act::Help, &[letter('?'), Press::f(1)], BROWSING, 7, "help", "Shows the keys."),
    bind(
        Act::Help,
        &[Press::f(1)],
        &[C::SignIn, C::AddProject, C::Form, C::Picker, C::Menu, C::Confirm, C::Filter],
        20,
        "help",
        "Shows the keys.",
    ),
    bind(Act::Users, &[letter('1')], BROWSING, 0, "users", "Goes to the users."),
    bind(Act::Regions, &[letter('2')], BROWSING, 0, "regions", "Goes to the regions."),
    bind(Act::Drones, &[letter('3')], BROWSING, 0, "drones", "Goes to the drones."),
    bind(Act::TabNext, &[key(Tab), key(Right)], &[C::List], 0, "next list", "Goes to the next list."),
    bind(
        Act::TabPrevious,
        &[key(BackTab), key(Left)],
        &[C::List],
        0,
        "previous list",
        "Goes to the previous list.",
    ),
    bind(Act::TabNext, &[key(Tab)], &[C::Detail], 0, "next list", "Goes to the next list."),
    bind(Act::TabPrevious, &[key(BackTab)], &[C::Detail], 0, "previous list", "Goes to the previous list."),
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
    bind(Act::Decide, &[letter('!')], BROWSING, 0, "decide", "Decides on edits that need you."),
    bind(
        Act::Undo,
        &[letter('z')],
        BROWSING,
        0,
        "undo",
        "Undoes your last edit; if it was sent, by a new one.",
    ),
    bind(Act::Redo, &[letter('Z')], BROWSING, 0, "redo", "Does again what was undone last."),
    bind(
        Act::Traffic,
        &[letter('t')],
        BROWSING,
        0,
        "line use",
        "How freely the line is used: normal, sparing, held.",
    ),
    bind(
        Act::TrainingLine,
        &[Press::f(8)],
        &[C::List, C::Detail, C::SignIn],
        6,
        "line",
        "In training: takes the line away or gives it back.",
    ),
    bind(
        Act::SignOut,
        &[Press::f(9)],
        BROWSING,
        0,
        "sign out",
        "Ends the session; what this machine has is kept.",
    ),
    bind(
        Act::Quit,
        &[letter('q'), Press::ctrl('q')],
        BROWSING,
        9,
        "quit",
        "Leaves the console; unsent edits are kept and sent next time.",
    ),
    // Text, everywhere else.
    bind(
        Act::Accept,
        &[key(Enter), key(Down)],
        &[C::Filter],
        1,
        "to the rows",
        "Keeps the filter and goes to the rows.",
    ),
    bind(Act::Leave, &[key(Esc)], &[C::Filter], 2, "clear", "Clears the filter."),
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
        &[C::Form, C::AddProject],
        0,
        "next field",
        "Goes to the next field.",
    ),
    bind(
        Act::FieldPrevious,
        &[key(BackTab), key(Up)],
        &[C::Form, C::AddProject],
        0,
        "previous field",
        "Goes to the previous field.",
    ),
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
    // Signing in.
    bind(Act::Accept, &[key(Enter)], &[C::SignIn], 1, "sign in", "Signs in."),
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
        &[C::SignIn, C::AddProject, C::Filter, C::Form, C::Picker, C::Menu, C::Confirm, C::Help, C::Message],
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

/// What the menu offers, in its order.
pub const MENU: &[Act] = &[
    Act::Accept,
    Act::Edit,
    Act::SetStatus,
    Act::Assign,
    Act::Unassign,
    Act::Create,
    Act::Delete,
    Act::Filter,
    Act::Sort,
    Act::SortReverse,
    Act::Back,
    Act::Users,
    Act::Regions,
    Act::Drones,
    Act::Undo,
    Act::Redo,
    Act::Decide,
    Act::SyncNow,
    Act::Traffic,
    Act::TrainingLine,
    Act::Help,
    Act::SignOut,
    Act::Quit,
];

/// What a press does there.
pub fn act(context: Context, press: Press) -> Option<Act> {
    bindings(context).find(|binding| binding.keys.contains(&press)).map(|binding| binding.act)
}

/// The table's lines for one place.
pub fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(move |binding| binding.contexts.contains(&context))
}

pub fn binding(context: Context, act: Act) -> Option<&'static Binding> {
    bindings(context).find(|binding| binding.act == act)
}

impl Binding {
    pub fn key_text(&self) -> String {
        self.keys.first().map(Press::to_string).unwrap_or_default()
    }

    pub fn keys_text(&self) -> String {
        self.keys.iter().map(Press::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_press_means_two_things_in_one_place() {
        for context in Context::ALL {
            let mut seen = BTreeSet::new();
            for binding in bindings(context) {
                for press in binding.keys {
                    assert!(seen.insert(*press), "{press} twice in {context:?}");
                }
            }
        }
    }

    #[test]
    fn text_fields_keep_every_character() {
        for context in Context::ALL.into_iter().filter(|context| context.takes_text()) {
            for press in bindings(context).flat_map(|binding| binding.keys) {
                assert_eq!(press.text(), None, "{press} in {context:?} could not be typed");
            }
        }
    }

    #[test]
    fn nothing_needs_a_letter_key() {
        for context in Context::ALL {
            for binding in bindings(context) {
                let by_menu = MENU.contains(&binding.act) && BROWSING.contains(&context);
                let without_letter = binding.keys.iter().any(|press| press.text().is_none());
                assert!(by_menu || without_letter, "{:?} in {context:?}", binding.act);
            }
        }
        assert!(binding(Context::List, Act::Menu).is_some_and(|menu| menu.keys.contains(&Press::f(10))));
    }

    #[test]
    fn every_line_is_told_in_help_and_has_a_place() {
        for binding in TABLE {
            assert!(binding.help.ends_with('.'), "{:?}", binding.act);
            assert!(!binding.title.is_empty() && !binding.keys.is_empty() && !binding.contexts.is_empty());
        }
    }

    #[test]
    fn destroying_is_not_beside_the_frequent() {
        let delete = binding(Context::List, Act::Delete).expect("in the table");
        let near: Vec<Press> = TABLE
            .iter()
            .filter(|other| other.act != Act::Delete)
            .flat_map(|other| other.keys.iter().copied())
            .filter(|press| matches!(press.code, Code::Char('d')))
            .collect();
        assert!(near.is_empty(), "{near:?} lies on the key of {}", delete.keys_text());
    }
}

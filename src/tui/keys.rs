//! The one table of keys. What a press does in which place, what the footer offers, what help and the menu
//! list: all of it is read from here, and a test holds that no press means two things in one place and that
//! nothing needs a letter key.

mod rows;
mod table;

use rows::ROWS;
use table::TABLE;

use super::press::Press;

/// Where somebody is; a press is looked up there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    SignIn,
    AddProject,
    List,
    Filter,
    Detail,
    Form,
    Ask,
    Picker,
    Menu,
    Confirm,
    Help,
    Message,
    Words,
    Bulk,
    Locked,
}

impl Context {
    pub const ALL: [Self; 15] = [
        Self::SignIn,
        Self::AddProject,
        Self::List,
        Self::Filter,
        Self::Detail,
        Self::Form,
        Self::Ask,
        Self::Picker,
        Self::Menu,
        Self::Confirm,
        Self::Help,
        Self::Message,
        Self::Words,
        Self::Bulk,
        Self::Locked,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Signing in",
            Self::AddProject => "A new project",
            Self::List => "Lists",
            Self::Filter => "The filter line",
            Self::Detail => "Details",
            Self::Form => "Forms",
            Self::Ask => "Codes and passwords",
            Self::Picker => "Choosing",
            Self::Menu => "The menu",
            Self::Confirm => "Confirming",
            Self::Help => "Help",
            Self::Message => "Messages",
            Self::Words => "Recovery words",
            Self::Bulk => "Several rows at once",
            Self::Locked => "The locked console",
        }
    }

    /// Do characters belong to a text field here?
    #[cfg(test)]
    pub const fn takes_text(self) -> bool {
        !matches!(self, Self::List | Self::Detail | Self::Message | Self::Words)
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
    Verify,
    Reload,
    Runs,
    Decide,
    Undo,
    Redo,
    TrainingLine,
    Account,
    SignOut,
    Reveal,
    Lock,
    Words,
    RemoveWords,
    Export,
    Import,
    Erase,
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
    Mark,
    MarkRange,
    MarkAll,
    MarkInvert,
    MarkClear,
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
    NoPassword,
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
    Act::Mark,
    Act::MarkRange,
    Act::MarkAll,
    Act::MarkInvert,
    Act::MarkClear,
    Act::Back,
    Act::Users,
    Act::Regions,
    Act::Drones,
    Act::Undo,
    Act::Redo,
    Act::Decide,
    Act::SyncNow,
    Act::Traffic,
    Act::Runs,
    Act::Verify,
    Act::Reload,
    Act::TrainingLine,
    Act::Help,
    Act::Account,
    Act::SignOut,
    Act::Quit,
    Act::Lock,
    Act::Export,
    Act::Import,
    Act::Words,
    Act::RemoveWords,
    Act::Erase,
];

/// What a press does there.
pub fn act(context: Context, press: Press) -> Option<Act> {
    bindings(context).find(|binding| binding.keys.contains(&press)).map(|binding| binding.act)
}

/// The table's lines for one place.
pub fn bindings(context: Context) -> impl Iterator<Item = &'static Binding> {
    all().filter(move |binding| binding.contexts.contains(&context))
}

/// The whole table.
pub fn all() -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().chain(ROWS)
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
    use super::table::BROWSING;
    use super::*;
    use crate::tui::press::Code;
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
        for binding in all() {
            assert!(binding.help.ends_with('.'), "{:?}", binding.act);
            assert!(!binding.title.is_empty() && !binding.keys.is_empty() && !binding.contexts.is_empty());
        }
    }

    #[test]
    fn destroying_is_not_beside_the_frequent() {
        let delete = binding(Context::List, Act::Delete).expect("in the table");
        let near: Vec<Press> = all()
            .filter(|other| other.act != Act::Delete)
            .flat_map(|other| other.keys.iter().copied())
            .filter(|press| matches!(press.code, Code::Char('d')))
            .collect();
        assert!(near.is_empty(), "{near:?} lies on the key of {}", delete.keys_text());
    }
}

//! The one table of keys. What a press does in which place, what the footer offers, what help and the menu
//! list: all of it is read from here, and a test holds that no press means two things in one place and that
//! nothing needs a letter key. A person's own keys (`own`) make another table of it, held to the same.

mod listing;
mod own;
mod places;
mod rows;
mod table;

pub use listing::{Form, listing};
pub use own::with_own;
use rows::ROWS;
use table::TABLE;

use std::sync::LazyLock;

use super::press::Press;

/// Where somebody is; a press is looked up there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    SignIn,
    AddProject,
    List,
    Cells,
    Filter,
    Detail,
    Sync,
    Activity,
    Overview,
    Form,
    Cell,
    Ask,
    Picker,
    Menu,
    Confirm,
    Help,
    Message,
    Words,
    Bulk,
    Columns,
    Locked,
}

impl Context {
    pub const ALL: [Self; 21] = [
        Self::SignIn,
        Self::AddProject,
        Self::List,
        Self::Cells,
        Self::Filter,
        Self::Detail,
        Self::Sync,
        Self::Activity,
        Self::Overview,
        Self::Form,
        Self::Cell,
        Self::Ask,
        Self::Picker,
        Self::Menu,
        Self::Confirm,
        Self::Help,
        Self::Message,
        Self::Words,
        Self::Bulk,
        Self::Columns,
        Self::Locked,
    ];

    pub const fn title(self) -> &'static str {
        match self {
            Self::SignIn => "Signing in",
            Self::AddProject => "A new project",
            Self::List => "Lists",
            Self::Cells => "The cells of a list",
            Self::Filter => "The filter line",
            Self::Detail => "Details",
            Self::Sync => "The line, and edits on their way",
            Self::Activity => "The activity",
            Self::Overview => "The overview",
            Self::Form => "Forms",
            Self::Cell => "Changing one cell",
            Self::Ask => "Codes and passwords",
            Self::Picker => "Choosing",
            Self::Menu => "The menu",
            Self::Confirm => "Confirming",
            Self::Help => "Help",
            Self::Message => "Messages",
            Self::Words => "Recovery words",
            Self::Bulk => "Several rows at once",
            Self::Columns => "Columns",
            Self::Locked => "The locked console",
        }
    }

    /// Somewhere without a popup over it.
    pub fn is_place(self) -> bool {
        self == Self::Filter || table::PLACES.contains(&self)
    }

    /// A popup that says itself, at its foot, what Enter and Esc do in it just now.
    pub const fn tells_its_ends(self) -> bool {
        matches!(
            self,
            Self::Form | Self::Ask | Self::Help | Self::Message | Self::Words | Self::Bulk | Self::Columns
        )
    }

    /// Do characters belong to a text field here?
    pub fn takes_text(self) -> bool {
        !table::PLACES.contains(&self) && !matches!(self, Self::Message | Self::Words | Self::Columns)
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
    Pause,
    Decide,
    Undo,
    Redo,
    TrainingLine,
    Account,
    SignInAccount,
    Messages,
    SignOut,
    Reveal,
    Lock,
    Words,
    RemoveWords,
    Export,
    Import,
    Aside,
    Machines,
    Erase,
    Users,
    Regions,
    Drones,
    GoSync,
    GoActivity,
    GoOverview,
    Fold,
    Unfold,
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
    Complete,
    Sort,
    SortThen,
    SortReverse,
    Columns,
    Reset,
    Views,
    KeepView,
    DropView,
    Forward,
    Mark,
    MarkRange,
    MarkAll,
    MarkInvert,
    MarkClear,
    Create,
    Edit,
    Cells,
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
    Copy,
    Mouse,
    Terminal,
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
    Act::Cells,
    Act::SetStatus,
    Act::Assign,
    Act::Unassign,
    Act::Create,
    Act::Delete,
    Act::Filter,
    Act::Sort,
    Act::SortThen,
    Act::SortReverse,
    Act::Columns,
    Act::Views,
    Act::KeepView,
    Act::DropView,
    Act::Mark,
    Act::MarkRange,
    Act::MarkAll,
    Act::MarkInvert,
    Act::MarkClear,
    Act::Back,
    Act::Forward,
    Act::Users,
    Act::Regions,
    Act::Drones,
    Act::GoSync,
    Act::GoActivity,
    Act::GoOverview,
    Act::Unfold,
    Act::Fold,
    Act::Undo,
    Act::Redo,
    Act::Decide,
    Act::SyncNow,
    Act::Traffic,
    Act::Pause,
    Act::Verify,
    Act::Reload,
    Act::TrainingLine,
    Act::Copy,
    Act::Mouse,
    Act::Terminal,
    Act::Help,
    Act::SignInAccount,
    Act::Messages,
    Act::Account,
    Act::SignOut,
    Act::Quit,
    Act::Lock,
    Act::Export,
    Act::Import,
    Act::Aside,
    Act::Machines,
    Act::Words,
    Act::RemoveWords,
    Act::Erase,
];

/// The table that counts: the built-in one, or one with a person's own keys, which is made once and kept for as long
/// as the program runs.
#[derive(Clone, Copy, Debug)]
pub struct Keymap(&'static [Binding]);

impl Default for Keymap {
    fn default() -> Self {
        Self(all())
    }
}

/// The built-in table, all its parts.
pub fn all() -> &'static [Binding] {
    static ALL: LazyLock<Vec<Binding>> = LazyLock::new(|| [TABLE, ROWS, places::TABLE].concat());
    &ALL
}

impl Keymap {
    /// What a press does there.
    pub fn act(self, context: Context, press: Press) -> Option<Act> {
        self.bindings(context).find(|binding| binding.keys.contains(&press)).map(|binding| binding.act)
    }

    /// The table's lines for one place.
    pub fn bindings(self, context: Context) -> impl Iterator<Item = &'static Binding> {
        self.0.iter().filter(move |binding| binding.contexts.contains(&context))
    }

    pub fn binding(self, context: Context, act: Act) -> Option<&'static Binding> {
        self.bindings(context).find(|binding| binding.act == act)
    }

    /// The key that is told of an act there; empty where it has none.
    pub fn told(self, context: Context, act: Act) -> String {
        self.binding(context, act).map(Binding::key_text).unwrap_or_default()
    }

    pub fn all(self) -> &'static [Binding] {
        self.0
    }
}

impl Act {
    /// The name by which the configuration file and `flyos keys` call it: `SetStatus` is `set-status`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }
}

/// Something wrong with a table of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub acts: [Act; 2],
    pub words: String,
}

/// What is wrong with a table of keys, if anything: a press that means two things in one place, a character that could
/// not be typed into a text field any more, something that only a letter does.
pub fn faults(table: &[Binding]) -> Vec<Fault> {
    let of = |context: Context| table.iter().filter(move |binding| binding.contexts.contains(&context));
    let mut faults = Vec::new();
    for context in Context::ALL {
        let mut seen: std::collections::BTreeMap<Press, Act> = std::collections::BTreeMap::new();
        for binding in of(context) {
            let name = binding.act.name();
            let mut fault = |other: Act, words: String| {
                if faults.iter().all(|known: &Fault| known.words != words) {
                    faults.push(Fault { acts: [binding.act, other], words });
                }
            };
            for press in binding.keys {
                if let Some(other) = seen.insert(*press, binding.act) {
                    fault(other, format!("{press} is a key of {} and of {name}", other.name()));
                }
                if context.takes_text() && press.text().is_some() {
                    fault(binding.act, format!("{press} of {name} could not be typed any more"));
                }
            }
            let by_menu = MENU.contains(&binding.act) && table::PLACES.contains(&context);
            if !by_menu && binding.keys.iter().all(|press| press.text().is_some()) {
                fault(binding.act, format!("{name} needs a key that is no letter as well"));
            }
        }
    }
    faults
}

impl Binding {
    pub fn key_text(&self) -> String {
        self.keys.first().map(Press::to_string).unwrap_or_default()
    }

    /// The key that works in most places: where there is one beside the letter, it comes last.
    pub fn last_key_text(&self) -> String {
        self.keys.last().map(Press::to_string).unwrap_or_default()
    }

    pub fn keys_text(&self) -> String {
        self.keys.iter().map(Press::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::press::Code;

    #[test]
    fn each_press_means_one_thing_text_can_be_typed_and_nothing_needs_a_letter() {
        assert_eq!(faults(all()), Vec::new());
        let menu = Keymap::default().binding(Context::List, Act::Menu);
        assert!(menu.is_some_and(|menu| menu.keys.contains(&Press::f(10))));
    }

    #[test]
    fn faults_are_found() {
        static WRONG: [Binding; 3] = [
            Binding {
                act: Act::Edit,
                keys: &[Press::char('x')],
                contexts: &[Context::List],
                title: "a",
                help: "A.",
                rank: 0,
            },
            Binding {
                act: Act::Up,
                keys: &[Press::char('x')],
                contexts: &[Context::List],
                title: "b",
                help: "B.",
                rank: 0,
            },
            Binding {
                act: Act::Save,
                keys: &[Press::char('s')],
                contexts: &[Context::Form],
                title: "c",
                help: "C.",
                rank: 0,
            },
        ];
        let told = faults(&WRONG).into_iter().map(|fault| fault.words).collect::<Vec<_>>().join("; ");
        for expected in [
            "x is a key of edit and of up",
            "up needs a key that is no letter",
            "s of save could not be typed",
        ] {
            assert!(told.contains(expected), "{told}");
        }
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
        let delete = Keymap::default().binding(Context::List, Act::Delete).expect("in the table");
        let near: Vec<Press> = all()
            .iter()
            .filter(|other| other.act != Act::Delete)
            .flat_map(|other| other.keys.iter().copied())
            .filter(|press| matches!(press.code, Code::Char('d')))
            .collect();
        assert!(near.is_empty(), "{near:?} lies on the key of {}", delete.keys_text());
    }
}

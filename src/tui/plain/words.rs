//! What can be said at the prompt. Where a word is an action of the table of keys, its help is that table's; only what
//! the screen shows by itself has words of its own here.

use crate::tui::keys::{Act, Context, Keymap};

/// What a word does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Act(Act),
    /// The page after, before.
    Next,
    Previous,
    Show,
    Outbox,
    State,
    Code,
    /// A verb on all rows that the filter leaves.
    All,
    /// Rows of every kind by what people call them.
    Find,
    /// Who did what to a row.
    History,
    /// The activity, further back.
    Further,
    /// Sends an edit now.
    Retry,
    /// Fills an empty project.
    Initial,
}

/// The words, in the order of help.
const WORDS: &[(&str, Wish)] = &[
    ("users", Wish::Act(Act::Users)),
    ("regions", Wish::Act(Act::Regions)),
    ("drones", Wish::Act(Act::Drones)),
    ("next", Wish::Next),
    ("previous", Wish::Previous),
    ("filter", Wish::Act(Act::Filter)),
    ("sort", Wish::Act(Act::Sort)),
    ("find", Wish::Find),
    ("show", Wish::Show),
    ("history", Wish::History),
    ("new", Wish::Act(Act::Create)),
    ("edit", Wish::Act(Act::Edit)),
    ("status", Wish::Act(Act::SetStatus)),
    ("assign", Wish::Act(Act::Assign)),
    ("unassign", Wish::Act(Act::Unassign)),
    ("delete", Wish::Act(Act::Delete)),
    ("all", Wish::All),
    ("undo", Wish::Act(Act::Undo)),
    ("redo", Wish::Act(Act::Redo)),
    ("outbox", Wish::Outbox),
    ("decide", Wish::Act(Act::Decide)),
    ("cards", Wish::Act(Act::Decide)),
    ("retry", Wish::Retry),
    ("sync", Wish::Act(Act::SyncNow)),
    ("verify", Wish::Act(Act::Verify)),
    ("reload", Wish::Act(Act::Reload)),
    ("traffic", Wish::Act(Act::Traffic)),
    ("runs", Wish::Act(Act::GoSync)),
    ("activity", Wish::Act(Act::GoActivity)),
    ("further", Wish::Further),
    ("overview", Wish::Act(Act::GoOverview)),
    ("state", Wish::State),
    ("code", Wish::Code),
    ("line", Wish::Act(Act::TrainingLine)),
    ("account", Wish::Act(Act::Account)),
    ("sign-in", Wish::Act(Act::SignInAccount)),
    ("export", Wish::Act(Act::Export)),
    ("import", Wish::Act(Act::Import)),
    ("aside", Wish::Act(Act::Aside)),
    ("machines", Wish::Act(Act::Machines)),
    ("recovery words", Wish::Act(Act::Words)),
    ("remove words", Wish::Act(Act::RemoveWords)),
    ("erase", Wish::Act(Act::Erase)),
    ("initial", Wish::Initial),
    ("lock", Wish::Act(Act::Lock)),
    ("sign out", Wish::Act(Act::SignOut)),
    ("help", Wish::Act(Act::Help)),
    ("quit", Wish::Act(Act::Quit)),
];

/// How each word that takes something is used.
const fn takes(wish: Wish) -> &'static str {
    match wish {
        Wish::Act(Act::Filter | Act::GoActivity) | Wish::Find => " WORDS",
        Wish::Act(Act::Export | Act::Import) => " FILE",
        Wish::All => " VERB",
        Wish::Retry => " NUMBER",
        Wish::Act(Act::Sort) => " COLUMN",
        Wish::Show
        | Wish::History
        | Wish::Act(
            Act::SignInAccount
            | Act::Edit
            | Act::SetStatus
            | Act::Assign
            | Act::Unassign
            | Act::Delete
            | Act::Decide,
        ) => " NUMBER or NAME",
        _ => "",
    }
}

fn help_of(wish: Wish) -> &'static str {
    let act = match wish {
        Wish::Act(Act::Help) => return "Lists these words, or those that hold another word.",
        Wish::Act(act) => act,
        Wish::Next => return "The next page of the list.",
        Wish::Previous => return "The page before.",
        Wish::Show => return "All that belongs to a row.",
        Wish::Outbox => return "Edits that wait, are on their way, or need you.",
        Wish::State => return "How things stand.",
        Wish::Code => return "Gives the code of your authenticator app.",
        Wish::All => {
            return "status, assign, unassign, edit or delete: all rows that the filter leaves, after telling what each would come to.";
        }
        Wish::Find => {
            return "Users, regions and drones by name; their numbers are for show and the other words.";
        }
        Wish::History => return "Who did what to a row, when and why.",
        Wish::Further => return "Reads the activity further back.",
        Wish::Retry => return "Sends an edit now that was to be sent again later.",
        Wish::Initial => return "Fills an empty project with the initial data set.",
    };
    let places = [Context::List, Context::Detail, Context::Sync];
    let binding = places.into_iter().find_map(|context| Keymap::default().binding(context, act));
    binding.map_or("", |binding| binding.help)
}

/// What somebody said, and what stands after the word.
pub fn read(line: &str) -> Option<(Wish, &str)> {
    WORDS.iter().find_map(|(word, wish)| {
        let head = line.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word))?;
        let rest = line.get(head.len()..).unwrap_or_default();
        (rest.is_empty() || rest.starts_with(' ')).then(|| (*wish, rest.trim()))
    })
}

/// A line for each word, or for those that hold this.
pub fn help(wanted: &str) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let line = |(word, wish): &(&str, Wish)| format!("{word}{}: {}", takes(*wish), help_of(*wish));
    WORDS.iter().map(line).filter(|line| line.to_lowercase().contains(&wanted)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_with_what_follows() {
        assert_eq!(read("show 3"), Some((Wish::Show, "3")));
        assert_eq!(read("Filter status:active !x"), Some((Wish::Act(Act::Filter), "status:active !x")));
        assert_eq!(read("sign out"), Some((Wish::Act(Act::SignOut), "")));
        assert_eq!(read("shower"), None);
        assert_eq!(read("é"), None);
        assert_eq!(read(""), None);
    }

    /// How an action of the screen is done by words, or why there is none for it.
    enum Way {
        By(&'static str),
        None(&'static str),
    }

    /// A new action does not compile here until that is decided.
    fn way(act: Act) -> Way {
        use Way::{By, None};
        match act {
            Act::Quit => By("quit"),
            Act::Help => By("help"),
            Act::Menu => By("find"),
            Act::SyncNow => By("sync"),
            Act::Traffic | Act::Pause => By("traffic"),
            Act::Verify => By("verify"),
            Act::Reload => By("reload"),
            Act::Decide => By("decide"),
            Act::Undo => By("undo"),
            Act::Redo => By("redo"),
            Act::TrainingLine => By("line"),
            Act::Account => By("account"),
            Act::SignInAccount => By("sign-in"),
            Act::SignOut => By("sign out"),
            Act::Lock => By("lock"),
            Act::Words => By("recovery words"),
            Act::RemoveWords => By("remove words"),
            Act::Export => By("export"),
            Act::Import => By("import"),
            Act::Aside => By("aside"),
            Act::Machines => By("machines"),
            Act::Erase => By("erase"),
            Act::Users => By("users"),
            Act::Regions => By("regions"),
            Act::Drones => By("drones"),
            Act::GoSync => By("runs"),
            Act::GoActivity => By("activity"),
            Act::GoOverview | Act::Fold | Act::Unfold => By("overview"),
            Act::PageUp => By("previous"),
            Act::PageDown => By("next"),
            Act::Accept => By("show"),
            Act::Filter => By("filter"),
            Act::Sort | Act::SortReverse => By("sort"),
            Act::Mark | Act::MarkRange | Act::MarkAll | Act::MarkInvert | Act::MarkClear => By("all"),
            Act::Create => By("new"),
            Act::Edit | Act::Cells => By("edit"),
            Act::Delete => By("delete"),
            Act::SetStatus => By("status"),
            Act::Assign => By("assign"),
            Act::Unassign => By("unassign"),
            Act::OtherAccount | Act::OtherProject | Act::NewProject | Act::NoPassword => {
                None("asked for where one signs in, in place of the address")
            }
            Act::Messages => None("what was said stands above"),
            Act::Interrupt | Act::Suspend => None("the terminal does it itself where nothing is drawn"),
            Act::Reveal => None("a secret is typed unseen, or comes with the input"),
            Act::TabNext | Act::TabPrevious | Act::Back | Act::Forward | Act::Leave => {
                None("there is no place to go back to: every word is open at every prompt")
            }
            Act::Up | Act::Down | Act::First | Act::Last => None("there is no cursor: rows have numbers"),
            Act::Complete => None("a filter that means nothing is told, with the columns there are"),
            Act::SortThen | Act::Columns | Act::Reset | Act::Views | Act::KeepView | Act::DropView => {
                None("a list is read out whole; filter and sort say which rows, and are quickly typed again")
            }
            Act::Save | Act::FieldNext | Act::FieldPrevious => None("fields are asked for one by one"),
            Act::Copy | Act::Mouse | Act::Terminal => None("the terminal is only written to, line by line"),
        }
    }

    #[test]
    fn every_action_has_a_word_or_a_reason() {
        for act in crate::tui::keys::all().iter().map(|binding| binding.act) {
            match way(act) {
                Way::By(word) => assert!(WORDS.iter().any(|(known, _)| *known == word), "{act:?}: {word}"),
                Way::None(why) => assert!(why.len() > 20, "{act:?}"),
            }
        }
        // Whatever the words do, the screen's table has an action for it, or they have words of their own.
        for (word, wish) in WORDS {
            if let Wish::Act(act) = wish {
                assert!(matches!(way(*act), Way::By(_)), "{word}");
            }
        }
    }

    #[test]
    fn every_word_has_its_help() {
        for (word, wish) in WORDS {
            assert!(help_of(*wish).ends_with('.'), "{word}");
        }
        assert_eq!(help("authenticator"), ["code: Gives the code of your authenticator app."]);
    }
}

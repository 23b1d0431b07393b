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
    ("show", Wish::Show),
    ("new", Wish::Act(Act::Create)),
    ("edit", Wish::Act(Act::Edit)),
    ("status", Wish::Act(Act::SetStatus)),
    ("assign", Wish::Act(Act::Assign)),
    ("unassign", Wish::Act(Act::Unassign)),
    ("delete", Wish::Act(Act::Delete)),
    ("undo", Wish::Act(Act::Undo)),
    ("redo", Wish::Act(Act::Redo)),
    ("outbox", Wish::Outbox),
    ("decide", Wish::Act(Act::Decide)),
    ("cards", Wish::Act(Act::Decide)),
    ("sync", Wish::Act(Act::SyncNow)),
    ("state", Wish::State),
    ("code", Wish::Code),
    ("line", Wish::Act(Act::TrainingLine)),
    ("lock", Wish::Act(Act::Lock)),
    ("sign out", Wish::Act(Act::SignOut)),
    ("help", Wish::Act(Act::Help)),
    ("quit", Wish::Act(Act::Quit)),
];

/// How each word that takes something is used.
const fn takes(wish: Wish) -> &'static str {
    match wish {
        Wish::Act(Act::Filter) => " WORDS",
        Wish::Act(Act::Sort) => " COLUMN",
        Wish::Show
        | Wish::Act(Act::Edit | Act::SetStatus | Act::Assign | Act::Unassign | Act::Delete | Act::Decide) => {
            " NUMBER or NAME"
        }
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
    };
    let places = [Context::List, Context::Detail];
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

    #[test]
    fn every_word_has_its_help() {
        for (word, wish) in WORDS {
            assert!(help_of(*wish).ends_with('.'), "{word}");
        }
        assert_eq!(help("authenticator"), ["code: Gives the code of your authenticator app."]);
    }
}

//! What a list shows: words that must all hold, as people type them.

use crate::domain::{Kind, Record, World};
use crate::service::cells::cell;
use crate::service::columns;

/// The longest filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 200;

/// Words that must all hold.
pub(super) struct Filter {
    kind: Kind,
    words: Vec<Word>,
}

struct Word {
    column: Option<&'static str>,
    text: String,
    negated: bool,
}

impl Filter {
    pub(super) fn parse(kind: Kind, text: &str) -> Self {
        let text: String = text.chars().take(FILTER_BYTES_MAX).collect();
        let words = text.split_whitespace().filter_map(|word| Word::parse(kind, word)).collect();
        Self { kind, words }
    }

    pub(super) fn matches(&self, world: &World, record: &Record) -> bool {
        self.words.iter().all(|word| word.found(self.kind, world, record) != word.negated)
    }
}

impl Word {
    fn parse(kind: Kind, word: &str) -> Option<Self> {
        let (negated, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let named = word.split_once(':').and_then(|(name, text)| {
            let name = name.to_lowercase();
            let column =
                columns(kind).iter().find(|column| ***column == name || alias(&name) == Some(column))?;
            Some((Some(*column), text))
        });
        let (column, text) = named.unwrap_or((None, word));
        (!text.is_empty()).then(|| Self { column, text: text.to_lowercase(), negated })
    }

    fn found(&self, kind: Kind, world: &World, record: &Record) -> bool {
        let holds = |column: &str| cell(world, record, column).to_lowercase().contains(&self.text);
        match self.column {
            Some(column) => holds(column),
            None => columns(kind).iter().filter(|column| **column != "changed").any(|column| holds(column)),
        }
    }
}

/// Short names people type.
fn alias(name: &str) -> Option<&'static str> {
    match name {
        "user" => Some("username"),
        "name" => Some("full_name"),
        "commander" => Some("commander_name"),
        "drone" => Some("id"),
        _ => None,
    }
}

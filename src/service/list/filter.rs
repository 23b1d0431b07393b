//! What a list shows: words that must all hold, as people type them.
//!
//! `column:text` holds where the column has the text in it, `column=text` where it is the text, and `column:-` where
//! there is nothing. Blanks belong to a text in quotes. Some are none of the list's columns: `alert` has what looks wrong
//! with a row, `account` the sign-in account, and `changed:since` is what came since the account was opened here.

use crate::domain::{Kind, Record, World};
use crate::service::cells::{self, cell};
use crate::service::columns;
use crate::store::replica::Visit;

/// The longest filter, in bytes.
const FILTER_BYTES_MAX: usize = 200;

/// Words that must all hold.
pub(super) struct Filter<'a> {
    kind: Kind,
    words: Vec<Word>,
    visit: Option<&'a Visit>,
}

struct Word {
    column: Option<&'static str>,
    wanted: Wanted,
    negated: bool,
}

enum Wanted {
    /// In lower case.
    Has(String),
    Is(String),
    Nothing,
    /// Newer than the last visit.
    Since,
}

/// A filter that leaves the rows whose column is that text.
pub(in crate::service) fn exactly(column: &str, text: &str) -> String {
    if text.is_empty() {
        return format!("{column}:-");
    }
    let blank = text.contains(char::is_whitespace);
    if blank { format!("{column}=\"{text}\"") } else { format!("{column}={text}") }
}

/// The words of a filter; blanks between quotes are part of one.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

impl<'a> Filter<'a> {
    pub(super) fn parse(kind: Kind, text: &str, visit: Option<&'a Visit>) -> Self {
        let text: String = text.chars().take(FILTER_BYTES_MAX).collect();
        let words = words(&text).iter().filter_map(|word| Word::parse(kind, word)).collect();
        Self { kind, words, visit }
    }

    pub(super) fn matches(&self, world: &World, record: &Record) -> bool {
        self.words.iter().all(|word| word.found(self, world, record) != word.negated)
    }
}

impl Word {
    fn parse(kind: Kind, word: &str) -> Option<Self> {
        let (negated, word) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let named = word.split_once([':', '=']).and_then(|(name, text)| {
            let name = name.to_lowercase();
            let known = columns(kind).iter().chain(&["alert", "account"]);
            let column = known.copied().find(|column| *column == name || alias(&name) == Some(column))?;
            Some((Some(column), text))
        });
        let (column, text) = named.unwrap_or((None, word));
        let sign = word.chars().find(|c| matches!(c, ':' | '='));
        let wanted = match column {
            Some("changed") if text == "since" => Wanted::Since,
            Some(_) if sign == Some('=') => Wanted::Is(text.to_lowercase()),
            Some(_) if text == "-" => Wanted::Nothing,
            _ => Wanted::Has(text.to_lowercase()),
        };
        (!text.is_empty()).then_some(Self { column, wanted, negated })
    }

    fn found(&self, filter: &Filter, world: &World, record: &Record) -> bool {
        let text = |column: &str| match column {
            "alert" => cells::alerts(world, record).join("; ").to_lowercase(),
            "account" => record.get("auth_user_id").unwrap_or_default(),
            column => cell(world, record, column).to_lowercase(),
        };
        match (self.column, &self.wanted) {
            (_, Wanted::Since) => filter.visit.is_some_and(|visit| is_news(visit, record)),
            (Some(column), Wanted::Has(wanted)) => text(column).contains(wanted),
            (Some(column), Wanted::Is(wanted)) => text(column).replace('"', "") == *wanted,
            (Some(column), Wanted::Nothing) => text(column).is_empty(),
            (None, Wanted::Has(wanted)) => {
                let all = columns(filter.kind).iter().filter(|column| **column != "changed");
                all.into_iter().any(|column| text(column).contains(wanted))
            }
            (None, Wanted::Is(_) | Wanted::Nothing) => false,
        }
    }
}

/// Did others change the row since the account was opened here?
pub(in crate::service) fn is_news(visit: &Visit, record: &Record) -> bool {
    cells::changed(record).is_some_and(|at| at > visit.as_of) && !visit.own.contains(&record.key())
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

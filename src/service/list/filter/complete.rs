//! What may follow in a filter that is being typed: names of columns, then values, where these are few.

use super::test::{Source, names, source};
use crate::domain::{Kind, World};
use crate::service::Completion;

/// Values offered, at most: a line takes no more.
const OFFERED_MAX: usize = 12;

/// The filter with its last word completed as far as it is clear, and what may follow.
pub(in crate::service) fn complete(world: &World, kind: Kind, text: &str) -> Completion {
    let begins = last_word(text);
    let (before, last) = text.split_at(begins);
    let (not, last) = last.strip_prefix('!').map_or(("", last), |rest| ("!", rest));
    let (head, typed, offers) = match last.split_once(':') {
        None => {
            let named = names(kind).map(|name| format!("{name}:")).collect();
            (String::new(), last.to_lowercase(), named)
        }
        Some((column, value)) => {
            let value = value.trim_start_matches('"');
            (format!("{column}:"), value.to_lowercase(), values(world, kind, &column.to_lowercase()))
        }
    };
    let mut fit: Vec<String> =
        offers.into_iter().filter(|offer| offer.to_lowercase().starts_with(&typed)).collect();
    fit.sort();
    let Some(common) = common(&fit) else { return Completion { text: text.to_owned(), offers: Vec::new() } };
    let whole = fit.len() == 1;
    let quote = if common.contains(' ') { "\"" } else { "" };
    let end = if whole { quote } else { "" };
    fit.truncate(OFFERED_MAX);
    let offers = if whole { Vec::new() } else { fit };
    Completion { text: format!("{before}{not}{head}{quote}{common}{end}"), offers }
}

/// Where the last word begins: after the last blank that is not in quotes.
fn last_word(text: &str) -> usize {
    let (mut begins, mut inside) = (0, false);
    for (at, c) in text.char_indices() {
        if c == '"' {
            inside = !inside;
        } else if c.is_whitespace() && !inside {
            begins = at + c.len_utf8();
        }
    }
    begins
}

fn values(world: &World, kind: Kind, column: &str) -> Vec<String> {
    match source(kind, column) {
        Some(Source::Choice(_, texts)) => texts.iter().map(|text| (*text).to_owned()).collect(),
        Some(Source::Row(_, Kind::Region)) => world.regions().map(|row| row.name.to_string()).collect(),
        _ => Vec::new(),
    }
}

/// The longest beginning that all have, as the first one writes it.
fn common(offers: &[String]) -> Option<String> {
    let (first, rest) = offers.split_first()?;
    let alike = |other: &String| first.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let count = rest.iter().map(alike).min().unwrap_or(usize::MAX);
    Some(first.chars().take(count).collect())
}

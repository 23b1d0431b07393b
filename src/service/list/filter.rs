//! What a list shows: words that must all hold, as people type them. `parse` reads them, `test` holds rows against
//! them, `complete` offers what may follow.
//!
//! A filter that is not understood finds nothing and says why: a list that quietly shows too much is one that somebody
//! acts on. The language, for people, is in the README; `HELP` is its short form.

mod complete;
mod parse;
mod test;

use std::cell::RefCell;

use nucleo_matcher::{Config, Matcher};

pub(in crate::service) use self::complete::complete;
use self::parse::Word;
pub(in crate::service) use self::test::has_part;
use self::test::{Means, Test};
use crate::domain::{Kind, RowRef, Stamp, World};
use crate::service::{OpCtx, cells};
use crate::store::replica::{Replica, Visit};

/// The longest filter, in characters.
pub const FILTER_CHARS_MAX: usize = 200;

/// The language in a few lines: what is typed, what it shows.
pub const HELP: &[(&str, &str)] = &[
    ("west", "rows with \"west\" in any column"),
    ("!west", "rows without it; ! turns every form below round"),
    ("region:west", "rows whose region has \"west\"; status:active is ACTIVE alone"),
    ("name:\"ann lee\"", "a value with blanks"),
    ("id=drone-7", "the whole value, not a part of it"),
    ("operator:-", "rows without an operator; also operator:none"),
    ("drones>3", "numbers, with < <= > >= ="),
    ("changed<2d", "changed less than 2 days ago; also m, h, w"),
    ("changed>=2026-11-01", "changed on that day (UTC) or later; changed:2026-11-01 is that day alone"),
    ("changed:since", "what others changed since you were here"),
    ("alert:inactive", "rows that look wrong in that way; alert:- has none"),
    ("~rdrgz", "letters in that order, others between; also operator:~rdrgz"),
];

/// What a filter may refer to, besides the rows.
#[derive(Clone, Copy, Debug)]
pub(in crate::service) struct At<'a> {
    pub now: Stamp,
    /// How the rows stood when the person was here last, where that is known.
    pub visit: Option<&'a Visit>,
}

impl<'a> At<'a> {
    pub(in crate::service) fn of(ctx: &OpCtx, replica: &'a Replica) -> Self {
        Self { now: ctx.now, visit: replica.visit() }
    }
}

/// Did others change the row since the account was opened here?
pub(in crate::service) fn is_news(visit: &Visit, row: RowRef<'_>) -> bool {
    cells::changed(row).is_some_and(|at| at > visit.as_of) && !visit.own.contains(&row.key())
}

/// A filter that leaves the rows whose column is that text.
pub(in crate::service) fn exactly(column: &str, text: &str) -> String {
    match text {
        "" => format!("{column}:-"),
        "-" | "none" => format!("{column}=\"{text}\""),
        _ if text.chars().any(|c| c.is_whitespace() || c == '"') => format!("{column}=\"{text}\""),
        _ => format!("{column}={text}"),
    }
}

/// Words that must all hold.
pub(super) struct Filter {
    terms: Vec<Term>,
    /// Why it is not understood; then nothing matches.
    pub problem: Option<String>,
    /// Keeps the fuzzy matcher's memory between rows.
    matcher: RefCell<Matcher>,
}

struct Term {
    word: Word,
    test: Test,
}

impl Filter {
    pub(super) fn parse(kind: Kind, text: &str, at: At<'_>) -> Self {
        let text: String = text.chars().take(FILTER_CHARS_MAX).collect();
        let (mut terms, mut problem) = (Vec::new(), None);
        for word in parse::words(&text) {
            match Test::of(kind, &word, at) {
                Ok(asked) => terms.push(Term { word, test: asked }),
                Err(why) => problem = problem.or(Some(why)),
            }
        }
        let matcher = RefCell::new(Matcher::new(Config::DEFAULT));
        Self { terms, problem, matcher }
    }

    /// Looks up once which rows of other kinds the words mean: for a look at many rows.
    pub(super) fn prepare(&mut self, world: &World) {
        for term in &mut self.terms {
            term.test.prepare(world, &mut self.matcher.borrow_mut());
        }
    }

    pub(super) fn matches(&self, world: &World, row: RowRef<'_>) -> bool {
        self.problem.is_none()
            && self.terms.iter().all(|term| term.test.holds(world, row, &self.matcher) != term.word.negated)
    }

    /// Does what it shows depend on the time?
    pub(super) fn is_of_the_hour(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test.means(), Means::Time))
    }

    /// Is every row that this one finds among those that `other` finds?
    pub(super) fn narrows(&self, other: &Self) -> bool {
        if other.problem.is_some() || self.problem.is_some() || self.terms.len() < other.terms.len() {
            return false;
        }
        let pairs = self.terms.iter().zip(&other.terms);
        pairs.into_iter().all(|(new, old)| {
            new.word == old.word
                || (!new.word.negated
                    && !old.word.negated
                    && new.word.column == old.word.column
                    && match (new.test.means(), old.test.means()) {
                        (Means::Part(new), Means::Part(old)) => new.contains(old),
                        _ => false,
                    })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_narrows_another_only_where_it_finds_no_more() {
        let at = At { now: Stamp(0), visit: None };
        let cases = [
            ("", "anything status:active", true),
            ("we", "wes", true),
            ("we", "west east", true),
            ("region:w", "region:we", true),
            ("we", "region:west", false),
            ("!we", "!wes", false),
            ("status:a", "status:active", false),
            ("operator:non", "operator:none", false),
            ("operator:no", "operator:none", false),
            ("drones>1", "drones>12", false),
            ("drones>1", "drones>1 west", true),
            ("1", "12", false),
            ("~ab", "~abc", false),
            ("a b", "a", false),
            ("color:x", "color:x a", false),
        ];
        for (old, new, narrows) in cases {
            let parse = |text: &str| Filter::parse(Kind::User, text, at);
            assert_eq!(parse(new).narrows(&parse(old)), narrows, "{old} to {new}");
        }
    }
}

//! What a word means for the rows of a kind, and whether a row holds it.
//!
//! Nothing is made into text that is not text: choices, ids, numbers and times are compared as they are. A word about
//! another row (a region's name) is looked up once for all (`prepare`), and in a list of few rows each time.

use std::cell::RefCell;
use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Matcher, Utf32Str};
use uuid::Uuid;

use super::parse::{Op, Word};
use super::{At, is_news};
use crate::domain::stamp::{DAY_MICROS, MINUTE_MICROS};
use crate::domain::{Cell, FieldType, Kind, RowRef, Stamp, World};
use crate::service::cells::{self, ANOTHER_REGION, SOMEBODY};
use crate::service::columns;
use crate::store::replica::Visit;

/// Columns that a list does not show and a filter knows: whether there is a sign-in account, what looks wrong with the
/// row, and when it was made.
const MORE: [&str; 3] = ["account", "alert", "created"];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Text(&'static str),
    Choice(&'static str, &'static [&'static str]),
    /// The row of that kind whose id stands in that column.
    Row(&'static str, Kind),
    Count(&'static str),
    Time(&'static str),
    /// An id that is there or not.
    There(&'static str),
    /// What looks wrong with the row.
    Alert,
}

/// The columns that a filter knows, in order.
pub(super) fn names(kind: Kind) -> impl Iterator<Item = &'static str> {
    let more = MORE.iter().filter(move |name| source(kind, name).is_some());
    columns(kind).iter().chain(more).copied()
}

/// What stands in a column; short names do as well.
pub(super) fn source(kind: Kind, name: &str) -> Option<Source> {
    let field = |name: &str| kind.fields().iter().find(|field| field.name == name);
    let name = alias(kind, name);
    let described = match (kind, name) {
        (Kind::Assignment, "username") => field("user_id"),
        (Kind::Assignment, "drone") => field("drone_id"),
        (Kind::Assignment, "changed" | "created") => field("assigned_at"),
        (_, "changed") => field("updated_at"),
        (_, "created") => field("created_at"),
        (Kind::User, "account") => field("auth_user_id"),
        (Kind::User | Kind::Region | Kind::Drone, "alert") => return Some(Source::Alert),
        (Kind::User | Kind::Region, "drones") => return Some(Source::Count("drones")),
        (Kind::Region, "users") => return Some(Source::Count("users")),
        (_, "region") => field("region_id"),
        (_, "operator") => field("operator_id"),
        (_, name) if columns(kind).contains(&name) => field(name),
        _ => None,
    }?;
    Some(match described.ty {
        FieldType::Choice(texts) => Source::Choice(described.name, texts),
        FieldType::Text { .. } | FieldType::Ref(Kind::Drone) => Source::Text(described.name),
        FieldType::Ref(kind) => Source::Row(described.name, kind),
        FieldType::Time => Source::Time(described.name),
        FieldType::Uuid => Source::There(described.name),
    })
}

/// Short names people type.
fn alias(kind: Kind, name: &str) -> &str {
    match (kind, name) {
        (Kind::User, "user") => "username",
        (Kind::User, "name") => "full_name",
        (Kind::User, "mail" | "e-mail") => "email",
        (Kind::User, "sign-in" | "signin") => "account",
        (Kind::Region, "commander") => "commander_name",
        (Kind::Region, "region") => "name",
        (Kind::Drone, "drone") => "id",
        _ => name,
    }
}

/// How a text is held against a value.
pub(super) enum Match {
    /// Has it as a part; in lower case.
    Part(String),
    Whole(String),
    Like(Atom),
}

impl Match {
    fn of(word: &Word) -> Self {
        match word.op {
            Op::Like => {
                let (case, normal) = (CaseMatching::Ignore, Normalization::Smart);
                Self::Like(Atom::new(&word.value, case, normal, AtomKind::Fuzzy, false))
            }
            Op::Is => Self::Whole(word.value.to_lowercase()),
            _ => Self::Part(word.value.to_lowercase()),
        }
    }

    fn holds(&self, text: &str, matcher: &mut Matcher) -> bool {
        match self {
            Self::Part(part) => has_part(text, part),
            Self::Whole(whole) => text.to_lowercase() == *whole,
            Self::Like(atom) => atom.score(Utf32Str::new(text, &mut Vec::new()), matcher).is_some(),
        }
    }
}

/// Has the text that part, without regard to case? `part` is in lower case.
pub(in crate::service) fn has_part(text: &str, part: &str) -> bool {
    let (bytes, part_bytes) = (text.as_bytes(), part.as_bytes());
    if !text.is_ascii() {
        return text.to_lowercase().contains(part);
    }
    let Some(first) = part_bytes.first() else { return true };
    let starts = bytes.len().checked_sub(part_bytes.len()).map_or(0, |last| last + 1);
    (0..starts).any(|at| {
        bytes.get(at).is_some_and(|byte| byte.to_ascii_lowercase() == *first)
            && bytes.get(at..at + part.len()).is_some_and(|some| some.eq_ignore_ascii_case(part_bytes))
    })
}

/// A name of another row, perhaps looked up for all rows at once.
pub(super) struct Named {
    field: &'static str,
    kind: Kind,
    /// Those that match; those that may not be seen have one name.
    found: Option<(HashSet<Uuid>, bool)>,
}

impl Named {
    const fn new(field: &'static str, kind: Kind) -> Self {
        Self { field, kind, found: None }
    }

    fn prepare(&mut self, world: &World, wanted: &Match, matcher: &mut Matcher) {
        let found: HashSet<Uuid> = if self.kind == Kind::Region {
            let rows = world.regions().filter(|row| wanted.holds(&row.name, matcher));
            rows.map(|row| row.id).collect()
        } else {
            let rows = world.users().filter(|row| wanted.holds(&row.username, matcher));
            rows.map(|row| row.id).collect()
        };
        let unseen = if self.kind == Kind::Region { ANOTHER_REGION } else { SOMEBODY };
        self.found = Some((found, wanted.holds(unseen, matcher)));
    }

    fn holds(&self, world: &World, row: RowRef<'_>, wanted: &Match, matcher: &RefCell<Matcher>) -> bool {
        let id = match row.cell(self.field) {
            Cell::Uuid(id) => id,
            Cell::Text(raw) => return wanted.holds(raw, &mut matcher.borrow_mut()),
            _ => return false,
        };
        if let Some((found, false)) = &self.found {
            return found.contains(&id);
        }
        let name = match self.kind {
            Kind::Region => cells::region_name(world, Some(id)),
            _ => cells::user_name(world, Some(id)),
        };
        wanted.holds(&name, &mut matcher.borrow_mut())
    }
}

/// What a word asks of a row.
pub(super) enum Test {
    /// In any column.
    Anywhere {
        wanted: Match,
        named: Vec<Named>,
        texts: Vec<&'static str>,
        number: Option<(usize, Vec<&'static str>)>,
    },
    Empty(Source),
    Text(&'static str, Match),
    Choice {
        field: &'static str,
        texts: Vec<&'static str>,
    },
    Row(Named, Match),
    Alert(Match),
    /// Changed by others since then.
    Since(Visit),
    Count {
        name: &'static str,
        op: Op,
        than: usize,
    },
    /// From, and up to before.
    Between {
        field: &'static str,
        from: Option<Stamp>,
        to: Option<Stamp>,
    },
}

/// What is to be known of a test from outside.
pub(super) enum Means<'a> {
    /// Has that part: a longer one finds fewer.
    Part(&'a str),
    Time,
    Other,
}

impl Test {
    /// What the word means, or why it means nothing.
    pub(super) fn of(kind: Kind, word: &Word, at: At<'_>) -> Result<Self, String> {
        let Some(column) = &word.column else { return Ok(Self::anywhere(kind, word)) };
        let Some(source) = source(kind, column) else {
            let known: Vec<_> = names(kind).collect();
            return Err(format!("There is no column {column} here, but {}.", known.join(", ")));
        };
        if !word.quoted && matches!(word.op, Op::Has | Op::Is) && matches!(&*word.value, "-" | "none") {
            return Ok(Self::Empty(source));
        }
        let compares = matches!(word.op, Op::Less | Op::LessOrIs | Op::More | Op::MoreOrIs);
        match source {
            Source::Count(name) => number(name, word),
            Source::Time(field) => time(field, column, word, at),
            _ if compares => Err(format!("{column} is no number and no time: use {column}:{}.", word.value)),
            Source::Text(field) => Ok(Self::Text(field, Match::of(word))),
            Source::Row(field, kind) => Ok(Self::Row(Named::new(field, kind), Match::of(word))),
            Source::Alert => Ok(Self::Alert(Match::of(word))),
            Source::Choice(field, texts) => choice(field, column, texts, word),
            Source::There(_) => Err(format!("{column} is there or not: {column}:- or !{column}:-.")),
        }
    }

    fn anywhere(kind: Kind, word: &Word) -> Self {
        let (mut named, mut texts, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for name in columns(kind) {
            match source(kind, name) {
                Some(Source::Text(field) | Source::Choice(field, _)) => texts.push(field),
                Some(Source::Row(field, kind)) => named.push(Named::new(field, kind)),
                Some(Source::Count(name)) => counts.push(name),
                _ => {}
            }
        }
        let number = word.value.parse().ok().filter(|number| *number > 0).map(|number| (number, counts));
        Self::Anywhere { wanted: Match::of(word), named, texts, number }
    }

    pub(super) fn prepare(&mut self, world: &World, matcher: &mut Matcher) {
        match self {
            Self::Row(named, wanted) => named.prepare(world, wanted, matcher),
            Self::Anywhere { wanted, named, .. } => {
                for named in named {
                    named.prepare(world, wanted, matcher);
                }
            }
            _ => {}
        }
    }

    pub(super) fn means(&self) -> Means<'_> {
        match self {
            // A number may be a count as well, and a longer one is another.
            Self::Anywhere { wanted: Match::Part(part), number: None, .. }
            | Self::Text(_, Match::Part(part))
            | Self::Row(_, Match::Part(part)) => Means::Part(part),
            Self::Between { .. } => Means::Time,
            _ => Means::Other,
        }
    }

    pub(super) fn holds(&self, world: &World, row: RowRef<'_>, matcher: &RefCell<Matcher>) -> bool {
        let text_holds = |field: &str, wanted: &Match| match row.cell(field) {
            Cell::Text(text) => wanted.holds(text, &mut matcher.borrow_mut()),
            _ => false,
        };
        match self {
            Self::Anywhere { wanted, named, texts, number } => {
                texts.iter().any(|field| text_holds(field, wanted))
                    || named.iter().any(|named| named.holds(world, row, wanted, matcher))
                    || number.as_ref().is_some_and(|(number, counts)| {
                        counts.iter().any(|name| cells::counted(world, row, name) == Some(*number))
                    })
            }
            Self::Empty(Source::Alert) => cells::alerts(world, &row.to_record()).is_empty(),
            Self::Empty(Source::Count(name)) => cells::counted(world, row, name) == Some(0),
            Self::Empty(
                Source::Text(field)
                | Source::Choice(field, _)
                | Source::Row(field, _)
                | Source::Time(field)
                | Source::There(field),
            ) => row.cell(field) == Cell::Null,
            Self::Text(field, wanted) => text_holds(field, wanted),
            Self::Choice { field, texts } => {
                matches!(row.cell(field), Cell::Text(text) if texts.contains(&text))
            }
            Self::Row(named, wanted) => named.holds(world, row, wanted, matcher),
            Self::Alert(wanted) => {
                let alerts = cells::alerts(world, &row.to_record()).join("; ");
                wanted.holds(&alerts, &mut matcher.borrow_mut())
            }
            Self::Since(visit) => is_news(visit, row),
            Self::Count { name, op, than } => {
                let count = cells::counted(world, row, name).unwrap_or(0);
                match op {
                    Op::Less => count < *than,
                    Op::LessOrIs => count <= *than,
                    Op::More => count > *than,
                    Op::MoreOrIs => count >= *than,
                    Op::Has | Op::Is | Op::Like => count == *than,
                }
            }
            Self::Between { field, from, to } => match row.cell(field) {
                Cell::Time(at) => from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to),
                _ => false,
            },
        }
    }
}

/// The texts that are meant: the one that it is, else those that begin with it, else those that have it. Old data may
/// hold a text that is none of them; it is found by its whole self.
fn choice(
    field: &'static str,
    column: &str,
    all: &'static [&'static str],
    word: &Word,
) -> Result<Test, String> {
    let value = word.value.to_uppercase();
    let of = |test: &dyn Fn(&str) -> bool| -> Vec<&'static str> {
        all.iter().copied().filter(|text| test(&text.to_uppercase())).collect()
    };
    let ways =
        [of(&|text| text == value), of(&|text| text.starts_with(&value)), of(&|text| text.contains(&value))];
    let ways = if word.op == Op::Is { &ways[..1] } else { &ways[..] };
    match ways.iter().find(|texts| !texts.is_empty()) {
        Some(texts) => Ok(Test::Choice { field, texts: texts.clone() }),
        None if word.quoted || word.op != Op::Has => Ok(Test::Text(field, Match::of(word))),
        None => {
            let all = all.join(", ");
            Err(format!("{column} is one of {all}; {column}:\"{}\" looks for that text.", word.value))
        }
    }
}

fn number(name: &'static str, word: &Word) -> Result<Test, String> {
    let than = word.value.parse().map_err(|_| format!("{name} is a number: {name}>3, {name}:0."))?;
    Ok(Test::Count { name, op: word.op, than })
}

fn time(field: &'static str, column: &str, word: &Word, at: At<'_>) -> Result<Test, String> {
    let between = |from, to| Ok(Test::Between { field, from, to });
    if word.value == "since" {
        let visit = at.visit.ok_or("When you were here last is not known.")?;
        return Ok(Test::Since(visit.clone()));
    }
    if let Some(age) = age(&word.value) {
        let then = Stamp(at.now.0.saturating_sub(age));
        // Less than two days ago is later than that moment.
        return match word.op {
            Op::More | Op::MoreOrIs => between(None, Some(then)),
            _ => between(Some(then), None),
        };
    }
    let Some((from, to)) = day(&word.value) else {
        return Err(format!("{column} is a time: {column}<2d (less than 2 days ago), {column}>=2026-11-01."));
    };
    match word.op {
        Op::Less => between(None, Some(from)),
        Op::LessOrIs => between(None, Some(to)),
        Op::More => between(Some(to), None),
        Op::MoreOrIs => between(Some(from), None),
        Op::Has | Op::Is | Op::Like => between(Some(from), Some(to)),
    }
}

/// `30m`, `3h`, `2d`, `1w`, in microseconds.
fn age(text: &str) -> Option<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "m" | "min" => MINUTE_MICROS,
        "h" => 60 * MINUTE_MICROS,
        "d" => DAY_MICROS,
        "w" => 7 * DAY_MICROS,
        _ => return None,
    };
    digits.parse::<i64>().ok().filter(|count| *count >= 0)?.checked_mul(unit)
}

/// A day in UTC: its beginning and that of the next.
fn day(text: &str) -> Option<(Stamp, Stamp)> {
    let begins = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond();
    Some((Stamp(begins), Stamp(begins.saturating_add(DAY_MICROS))))
}

//! The small part of `PostgREST`'s query language that the console's tools use.
//!
//! `select=*`, `column=eq.value`, `column=gt.value`, `column=in.(a,"b")`, `column=ilike.pattern`, `column=is.null`,
//! `order=a.desc,b`, `limit=n`. Anything else is told that it is not there (PGRST127) and never quietly passed over.

use std::cmp::Ordering;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use uuid::Uuid;

use super::http::{rest_error, rest_error_with};
use crate::domain::field::FieldType;
use crate::domain::{Field, Kind, Record};

/// Values of one `in` list.
const LIST_MAX: usize = 1000;
/// Parameters of one query.
const PARAMETERS_MAX: usize = 64;

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Asked {
    filters: Vec<(&'static str, Test)>,
    /// Columns and whether they go down.
    order: Vec<(&'static str, bool)>,
    pub limit: Option<usize>,
}

/// What a column must be.
#[derive(Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// As texts: uuids and times are stored so that they compare alike.
    Above(String),
    Like(Vec<Part>),
    Null,
}

/// A part of a pattern, its letters small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    AnyOne,
    Any,
}

impl Test {
    fn holds(&self, now: Option<&str>) -> bool {
        match (self, now) {
            (Self::Null, now) => now.is_none(),
            (_, None) => false,
            (Self::In(values), Some(now)) => values.iter().any(|value| value == now),
            (Self::Above(value), Some(now)) => now > value.as_str(),
            (Self::Like(parts), Some(now)) => {
                fits(parts, &now.chars().flat_map(char::to_lowercase).collect::<Vec<_>>())
            }
        }
    }
}

/// The parameters of a query, as they came.
pub type Pairs = Vec<(String, String)>;

/// A query that is refused: status, code, words.
pub type Refused = (u16, &'static str, String);

pub fn not_there(what: &str) -> Refused {
    (400, "PGRST127", format!("{what} is not implemented by the training server"))
}

/// The refusal as `PostgREST` words it.
pub fn told((status, code, message): Refused) -> Response {
    match code {
        "PGRST127" => rest_error_with(status, code, "Feature not implemented", Some(&message)),
        _ => rest_error(status, code, &message),
    }
}

/// That table is not for who asks.
pub fn denied(table: &str) -> Refused {
    (401, "42501", format!("permission denied for table {table}"))
}

/// The kind whose table that is.
pub fn kind_of(table: &str) -> Result<Kind, Refused> {
    let unknown = || format!("Could not find the table 'public.{table}' in the schema cache");
    Kind::from_table(table).ok_or_else(|| (404, "PGRST205", unknown()))
}

/// The table and the query, where both are ones we have.
pub fn asked(
    table: &str,
    query: Result<Query<Pairs>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<(Kind, Asked), Refused> {
    let kind = kind_of(table)?;
    let counts = headers.get_all("prefer").iter().any(|value| value.as_bytes().starts_with(b"count="));
    if counts || headers.contains_key(header::RANGE) {
        return Err(not_there("A range or count header"));
    }
    let unread = |_| (400, "PGRST100", "The query string cannot be read".to_owned());
    let Query(pairs) = query.map_err(unread)?;
    Ok((kind, parse(kind, &pairs)?))
}

impl Asked {
    pub fn passes(&self, record: &Record) -> bool {
        self.filters.iter().all(|(name, test)| test.holds(record.get(name).as_deref()))
    }

    pub fn is_ordered(&self) -> bool {
        !self.order.is_empty()
    }

    /// Does it ask for nothing in particular?
    pub fn is_bare(&self) -> bool {
        *self == Self::default()
    }

    /// Does it name no row in particular?
    pub fn is_unfiltered(&self) -> bool {
        self.filters.is_empty()
    }

    /// Nulls stand last going up and first going down, as in SQL.
    pub fn compare(&self, a: &Record, b: &Record) -> Ordering {
        let terms = self.order.iter().map(|(name, down)| {
            let (a, b) = (a.get(name), b.get(name));
            let up = a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b));
            if *down { up.reverse() } else { up }
        });
        terms.fold(Ordering::Equal, Ordering::then)
    }
}

fn parse(kind: Kind, pairs: &[(String, String)]) -> Result<Asked, Refused> {
    let mut asked = Asked::default();
    if pairs.len() > PARAMETERS_MAX {
        return Err(not_there("So long a query"));
    }
    for (name, value) in pairs {
        match name.as_str() {
            "apikey" => {}
            "select" if value == "*" || value.is_empty() => {}
            "select" => return Err(not_there("A choice of columns")),
            "order" => asked.order = order(kind, value)?,
            // `PostgREST` passes over a limit that is no number, and so do we.
            "limit" => asked.limit = value.parse().ok().or(asked.limit),
            "offset" | "and" | "or" | "not.and" | "not.or" | "columns" | "on_conflict" => {
                return Err(not_there(&format!("The parameter {name}")));
            }
            _ => asked.filters.push(filter(kind, name, value)?),
        }
    }
    Ok(asked)
}

fn column(kind: Kind, name: &str) -> Result<&'static Field, Refused> {
    if name.contains(['>', '(', ':', '.']) {
        return Err(not_there(&format!("The column {name}")));
    }
    kind.field(name).ok_or_else(|| (400, "42703", format!("column {}.{name} does not exist", kind.table())))
}

fn order(kind: Kind, text: &str) -> Result<Vec<(&'static str, bool)>, Refused> {
    let term = |term: &str| {
        let (name, down) = match term.split_once('.') {
            None | Some((_, "asc")) => (term.strip_suffix(".asc").unwrap_or(term), false),
            Some((name, "desc")) => (name, true),
            Some(_) => return Err(not_there(&format!("The order {term}"))),
        };
        Ok((column(kind, name)?.name, down))
    };
    text.split(',').filter(|part| !part.is_empty()).map(term).collect()
}

fn filter(kind: Kind, name: &str, text: &str) -> Result<(&'static str, Test), Refused> {
    let field = column(kind, name)?;
    if let Some(value) = text.strip_prefix("gt.") {
        return Ok((field.name, Test::Above(as_stored(field, value.to_owned())?)));
    }
    if let Some(pattern) = text.strip_prefix("ilike.") {
        return Ok((field.name, Test::Like(pattern_of(field, pattern)?)));
    }
    if text == "is.null" {
        return Ok((field.name, Test::Null));
    }
    let values = if let Some(value) = text.strip_prefix("eq.") {
        vec![value.to_owned()]
    } else if let Some(list) = text.strip_prefix("in.(").and_then(|rest| rest.strip_suffix(')')) {
        list_of(list).ok_or_else(|| (400, "PGRST100", format!("failed to parse filter ({text})")))?
    } else {
        return Err(not_there(&format!("The filter {name}={text}")));
    };
    let values = values.into_iter().map(|value| as_stored(field, value)).collect::<Result<_, _>>()?;
    Ok((field.name, Test::In(values)))
}

/// The parts of a pattern. `*` always stands for `%`, which would have to be escaped in an address.
fn pattern_of(field: &Field, text: &str) -> Result<Vec<Part>, Refused> {
    if !matches!(field.ty, FieldType::Text { .. } | FieldType::Choice(_)) {
        let ty = if matches!(field.ty, FieldType::Time) { "timestamp with time zone" } else { "uuid" };
        return Err((404, "42883", format!("operator does not exist: {ty} ~~* unknown")));
    }
    let (mut parts, mut chars) = (Vec::new(), text.chars().map(|char| if char == '*' { '%' } else { char }));
    while let Some(char) = chars.next() {
        let taken = match char {
            '%' => {
                parts.push(Part::Any);
                continue;
            }
            '_' => {
                parts.push(Part::AnyOne);
                continue;
            }
            '\\' => chars.next().ok_or_else(|| {
                (400, "22025", "LIKE pattern must not end with escape character".to_owned())
            })?,
            other => other,
        };
        parts.extend(taken.to_lowercase().map(Part::One));
    }
    Ok(parts)
}

/// Takes each `Any` as short as it goes, and longer where the rest does not fit: steps are at most the product of both.
fn fits(parts: &[Part], text: &[char]) -> bool {
    let (mut part, mut at) = (0, 0);
    let mut back = None;
    while at < text.len() {
        match parts.get(part) {
            Some(Part::Any) => {
                back = Some((part, at));
                part += 1;
            }
            Some(Part::AnyOne) => (part, at) = (part + 1, at + 1),
            Some(Part::One(char)) if *char == text[at] => (part, at) = (part + 1, at + 1),
            _ => {
                let Some((any, from)) = back else { return false };
                back = Some((any, from + 1));
                (part, at) = (any + 1, from + 1);
            }
        }
    }
    parts[part..].iter().all(|part| *part == Part::Any)
}

/// The items of an `in` list; `None` where quotes are left open or the list is too long.
fn list_of(text: &str) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => rest.split_once(',').map_or((rest.to_owned(), None), |(a, b)| (a.to_owned(), Some(b))),
        };
        items.push(item);
        rest = after.unwrap_or_default();
        if items.len() > LIST_MAX {
            return None;
        }
    }
    Some(items)
}

/// Reads up to the closing quote; what follows it is the next item or nothing.
fn unquote(text: &str) -> Option<(String, Option<&str>)> {
    let mut item = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => item.push(chars.next()?.1),
            '"' => {
                let rest = &text[at + 1..];
                let after = if rest.is_empty() { None } else { Some(rest.strip_prefix(',')?) };
                return Some((item, after));
            }
            other => item.push(other),
        }
    }
    None
}

/// The value in the form in which it is stored, as SQL reads uuids and times.
pub fn as_stored(field: &Field, value: String) -> Result<String, Refused> {
    let wrong =
        |ty: &str, value: &str| (400, "22P02", format!("invalid input syntax for type {ty}: \"{value}\""));
    match field.ty {
        FieldType::Ref(_) | FieldType::Uuid => {
            Uuid::try_parse(&value).map(|id| id.to_string()).map_err(|_| wrong("uuid", &value))
        }
        FieldType::Time => crate::domain::Stamp::parse(&value)
            .map(crate::domain::Stamp::text)
            .ok_or_else(|| wrong("timestamp with time zone", &value)),
        FieldType::Text { .. } | FieldType::Choice(_) => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let list = |text| list_of(text).map(|items| items.join("|"));
        assert_eq!(list("a,b").as_deref(), Some("a|b"));
        assert_eq!(list(r#""a,b","c\"d",e"#).as_deref(), Some(r#"a,b|c"d|e"#));
        assert_eq!(list("").as_deref(), Some(""));
        assert_eq!(list(r#""open"#), None);
        assert_eq!(list(r#""a"b"#), None);
    }

    #[test]
    fn patterns() {
        let email = Kind::User.field("email").expect("a column");
        let like = |pattern: &str, text: &str| {
            Test::Like(pattern_of(email, pattern).expect("a pattern")).holds(Some(text))
        };
        for (pattern, text, wanted) in [
            ("ann@unit.mil", "Ann@Unit.MIL", true),
            ("ann@unit.mil", "ann@unit.mill", false),
            ("a_b", "axb", true),
            (r"a\_b", "axb", false),
            (r"a\_b", "A_B", true),
            ("%unit%", "ann@unit.mil", true),
            ("*aab", "aaab", true),
            (r"a\*b", "a*b", false),
            (r"a\*b", "a%b", true),
            ("a%b%c", "abxxc", true),
            ("a%b%c", "acxxb", false),
            ("%", "", true),
            ("_", "", false),
            ("ÖST", "öst", true),
        ] {
            assert_eq!(like(pattern, text), wanted, "{pattern} {text}");
        }
        assert_eq!(pattern_of(email, r"a\").map_err(|refused| refused.1), Err("22025"));
        let id = Kind::User.field("id").expect("a column");
        assert_eq!(pattern_of(id, "a").map_err(|refused| refused.1), Err("42883"));
        assert!(
            !Test::Like(vec![Part::Any]).holds(None) && Test::Null.holds(None) && !Test::Null.holds(Some(""))
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let code = |query: &[(&str, &str)]| {
            let pairs: Vec<_> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            parse(Kind::Drone, &pairs).map_err(|(_, code, _)| code)
        };
        assert!(
            code(&[
                ("select", "*"),
                ("status", "eq.ACTIVE"),
                ("id", "gt.d"),
                ("order", "id.desc"),
                ("limit", "5")
            ])
            .is_ok()
        );
        for query in [
            ("select", "id"),
            ("status", "neq.ACTIVE"),
            ("status", "is.true"),
            ("offset", "5"),
            ("or", "(a.eq.1)"),
            ("order", "id.desc.nullslast"),
        ] {
            assert_eq!(code(&[query]), Err("PGRST127"), "{query:?}");
        }
        assert_eq!(code(&[("colour", "eq.red")]), Err("42703"));
        assert_eq!(code(&[("region_id", "eq.east")]), Err("22P02"));
    }
}

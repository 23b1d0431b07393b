//! Reading tables: the small part of `PostgREST`'s query language that the console's tools use.
//!
//! `select=*`, `column=eq.value`, `column=gt.value`, `column=in.(a,"b")`, `order=a.desc,b`, `limit=n`. Anything else is told
//! that it is not there (PGRST127) and never quietly passed over. Rows are filtered by the caller's role,
//! and at most 1000 are given, as Supabase does.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::engine::Engine;
use super::http::{Asker, asker, rest_error, rest_error_with};
use super::keys::ApiKey;
use super::shared::Shared;
use crate::domain::field::FieldType;
use crate::domain::{Actor, Field, Fields, Kind, Record, policy};

/// Supabase's own cap.
const ROWS_MAX: usize = 1000;
/// Values of one `in` list.
const LIST_MAX: usize = 1000;
/// Parameters of one query.
const PARAMETERS_MAX: usize = 64;

/// What a query asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    filters: Vec<(&'static str, Test)>,
    /// Columns and whether they go down.
    order: Vec<(&'static str, bool)>,
    limit: Option<usize>,
}

/// What a column must be.
#[derive(Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    /// As texts: uuids and times are stored so that they compare alike.
    Above(String),
}

impl Test {
    fn holds(&self, now: &str) -> bool {
        match self {
            Self::In(values) => values.iter().any(|value| value == now),
            Self::Above(value) => now > value.as_str(),
        }
    }
}

/// The parameters of a query, as they came.
type Pairs = Vec<(String, String)>;

/// A query that is refused: status, code, words.
type Refused = (u16, &'static str, String);

fn not_there(what: &str) -> Refused {
    (400, "PGRST127", format!("{what} is not implemented by the training server"))
}

pub async fn read(
    State(shared): State<Arc<Shared>>,
    Path(table): Path<String>,
    query: Result<Query<Pairs>, QueryRejection>,
    request: Request,
) -> Response {
    let read = || {
        let reader = reader(&shared, &table, &request)?;
        let (kind, query) =
            asked(&table, query, request.headers()).map_err(|refused| Box::new(told(refused)))?;
        Ok(page(rows(&shared.engine(), kind, &query, reader)))
    };
    read().unwrap_or_else(|refusal: Box<Response>| *refusal)
}

fn told((status, code, message): Refused) -> Response {
    match code {
        "PGRST127" => rest_error_with(status, code, "Feature not implemented", Some(&message)),
        _ => rest_error(status, code, &message),
    }
}

/// The table and the query, where both are ones we have.
fn asked(
    table: &str,
    query: Result<Query<Pairs>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<(Kind, Asked), Refused> {
    let unknown = || format!("Could not find the table 'public.{table}' in the schema cache");
    let kind = Kind::from_table(table).ok_or_else(|| (404, "PGRST205", unknown()))?;
    let counts = headers.get_all("prefer").iter().any(|value| value.as_bytes().starts_with(b"count="));
    if counts || headers.contains_key(header::RANGE) {
        return Err(not_there("A range or count header"));
    }
    let unread = |_| (400, "PGRST100", "The query string cannot be read".to_owned());
    let Query(pairs) = query.map_err(unread)?;
    Ok((kind, parse(kind, &pairs)?))
}

fn reader(shared: &Shared, table: &str, request: &Request) -> Result<Reader, Box<Response>> {
    let key = request.extensions().get::<ApiKey>().copied().unwrap_or(ApiKey::Publishable);
    Ok(match asker(shared, request.headers(), key)? {
        Asker::Anon => {
            return Err(Box::new(rest_error(401, "42501", &format!("permission denied for table {table}"))));
        }
        Asker::Service => Reader::All,
        // Nobody works in a session that has ended.
        Asker::User(claims)
            if shared.auth().session(claims.session_id).is_none() || shared.lacks_second_factor(&claims) =>
        {
            Reader::Nobody
        }
        Asker::User(claims) => {
            shared.engine().caller(claims.sub).map_or(Reader::Nobody, |caller| Reader::Actor(caller.actor))
        }
    })
}

/// Whose eyes read.
#[derive(Clone, Copy)]
enum Reader {
    All,
    Actor(Actor),
    Nobody,
}

fn page(rows: Vec<Fields>) -> Response {
    let range = match rows.len() {
        0 => "*/*".to_owned(),
        count => format!("0-{}/*", count - 1),
    };
    let mut response = Json(rows).into_response();
    if let Ok(value) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
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
fn as_stored(field: &Field, value: String) -> Result<String, Refused> {
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

fn rows(engine: &Engine, kind: Kind, asked: &Asked, reader: Reader) -> Vec<Fields> {
    let world = engine.world();
    let may_see = |record: &Record| match reader {
        Reader::All => true,
        Reader::Actor(actor) => policy::may_see(&actor, world, record),
        Reader::Nobody => false,
    };
    let passes = |record: &Record| {
        asked.filters.iter().all(|(name, test)| record.get(name).is_some_and(|now| test.holds(&now)))
    };
    let limit = asked.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
    let keys = world.keys(kind);
    let found = keys.iter().filter_map(|key| world.get(key)).filter(|row| passes(row) && may_see(row));
    if asked.order.is_empty() {
        return found.take(limit).map(|record| record.fields()).collect();
    }
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| compare(&asked.order, a, b));
    found.truncate(limit);
    found.iter().map(Record::fields).collect()
}

/// Nulls stand last going up and first going down, as in SQL.
fn compare(order: &[(&'static str, bool)], a: &Record, b: &Record) -> Ordering {
    let terms = order.iter().map(|(name, down)| {
        let (a, b) = (a.get(name), b.get(name));
        let up = a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b));
        if *down { up.reverse() } else { up }
    });
    terms.fold(Ordering::Equal, Ordering::then)
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

//! Plain reads of a table, for what the sync does not carry: filters, order and pages, quoted right.
//!
//! Two grammars meet in one address. `column=eq.VALUE` takes everything after the dot as it stands; inside
//! `in.(…)` a value must be quoted and its quotes escaped. Both are then percent-encoded whole, so that no
//! value can end its parameter.

use std::fmt::Write as _;

use reqwest::Method;
use secrecy::SecretString;

use super::client::{Call, Client, Reply};
use super::error::{Cause, Doing, RemoteError};
use crate::domain::{Fields, Kind};

/// Rows of one page: a project cuts longer answers at 1000 without a word.
pub const PAGE_ROWS_MAX: u32 = 1000;
/// Bytes of an address: the edge fails on 16 KiB of address and headers together, and the pass is long.
const PATH_BYTES_MAX: usize = 8000;

/// A condition on a column. Several are joined by "and".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    Eq(&'static str, String),
    In(&'static str, Vec<String>),
    /// The column is null.
    Null(&'static str),
    /// After this value, in the column's own order: for the next page.
    After(&'static str, String),
}

/// What to read of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    pub filters: Vec<Filter>,
    /// Columns, ascending; end with a unique one when paging.
    pub order: Vec<&'static str>,
    /// Rows at most; cut to `PAGE_ROWS_MAX`, which also stands for 0.
    pub limit: u32,
    pub offset: u32,
}

impl Client {
    /// Rows of a table, under the caller's rights: what they may not see is left out without a word.
    pub async fn select(
        &self,
        token: &SecretString,
        table: Kind,
        select: &Select,
    ) -> Result<Reply<Vec<Fields>>, RemoteError> {
        let path = path(table, select);
        if path.len() > PATH_BYTES_MAX {
            return Err(self.error(Doing::Reading, Cause::TooLarge));
        }
        let limits = self.limits();
        let call = Call {
            doing: Doing::Reading,
            method: Method::GET,
            path: &path,
            token: Some(token),
            body: None,
            limit: limits.page_bytes,
            timeout: limits.rest,
        };
        self.json(call).await
    }
}

fn path(table: Kind, select: &Select) -> String {
    // Our own columns alone: another's type might not be text, and would spoil the whole answer.
    let columns: Vec<&str> = table.fields().iter().map(|field| field.name).collect();
    let mut path = format!("/rest/v1/{}?select={}", table.table(), percent(&columns.join(",")));
    for filter in &select.filters {
        let (column, condition) = condition(filter);
        push(&mut path, column, &condition);
    }
    if !select.order.is_empty() {
        push(&mut path, "order", &select.order.join(","));
    }
    let limit = if select.limit == 0 { PAGE_ROWS_MAX } else { select.limit.min(PAGE_ROWS_MAX) };
    push(&mut path, "limit", &limit.to_string());
    if select.offset > 0 {
        push(&mut path, "offset", &select.offset.to_string());
    }
    path
}

fn push(path: &mut String, name: &str, value: &str) {
    path.push('&');
    path.push_str(&percent(name));
    path.push('=');
    path.push_str(&percent(value));
}

fn condition(filter: &Filter) -> (&'static str, String) {
    match filter {
        Filter::Eq(column, value) => (column, format!("eq.{value}")),
        Filter::After(column, value) => (column, format!("gt.{value}")),
        Filter::Null(column) => (column, "is.null".to_owned()),
        Filter::In(column, values) => {
            let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
            (column, format!("in.({})", quoted.join(",")))
        }
    }
}

/// A value inside `in.(…)`: always quoted, so that no comma, dot or bracket of it counts.
fn quote(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Everything but the unreserved characters, by byte.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_only_where_the_grammar_wants_it() {
        let select = Select {
            filters: vec![
                Filter::Eq("region_id", "a,b \"c\"&x=1+2".to_owned()),
                Filter::In("id", vec!["d-1".to_owned(), "a\"b\\,c)".to_owned()]),
                Filter::Null("operator_id"),
                Filter::After("id", "d-9".to_owned()),
            ],
            order: vec!["id"],
            limit: 5000,
            offset: 7,
        };
        let path = path(Kind::Drone, &select);
        let query = path.split_once('?').map(|(_, query)| query.split('&').collect::<Vec<_>>());
        let query = query.expect("a query");
        assert!(path.starts_with("/rest/v1/drones?select=id%2C"), "{path}");
        assert_eq!(
            query[1..],
            [
                "region_id=eq.a%2Cb%20%22c%22%26x%3D1%2B2",
                "id=in.%28%22d-1%22%2C%22a%5C%22b%5C%5C%2Cc%29%22%29",
                "operator_id=is.null",
                "id=gt.d-9",
                "order=id",
                "limit=1000",
                "offset=7",
            ]
        );
    }

    #[test]
    fn an_address_holds_unreserved_characters_alone() {
        assert_eq!(percent("aZ09-_.~"), "aZ09-_.~");
        assert_eq!(percent("é+/%"), "%C3%A9%2B%2F%25");
    }
}

//! `list` and `show` of any kind.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::door::{Door, unexpected};
use super::out::Out;
use super::rows::{as_json, as_listed, as_table, plain, plural, table};
use crate::domain::{FieldType, Fields, Key, Kind};
use crate::service::rows::ROWS_MAX;
use crate::service::{
    Answer, Detail, ErrorKind, FILTER_CHARS_MAX, ListQuery, Query, RowData, RowsPage, RowsQuery,
    ServiceError, columns,
};

/// How often everything is read anew where it changed meanwhile.
const ANEW_MAX: usize = 5;

/// Which of them, in which order.
#[derive(Args, Clone, Debug)]
pub struct Listing {
    /// Words of the console's filter, such as 'region:west !status:offline'
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// The column to sort by
    #[arg(long, value_name = "COLUMN")]
    pub sort: Option<String>,
    /// The other way round
    #[arg(long)]
    pub descending: bool,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub page: u32,
    /// Rows of a page, at most 100
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: u32,
    /// All rows at once
    #[arg(long, conflicts_with_all = ["page", "limit"])]
    pub all: bool,
}

impl Listing {
    fn query(&self, kind: Kind) -> Result<ListQuery, ServiceError> {
        let sort = self.sort.clone().unwrap_or_else(|| columns(kind)[0].to_owned());
        if !columns(kind).contains(&sort.as_str()) {
            let message = format!("There is no column {sort} to sort {} by.", plural(kind));
            return Err(ServiceError::new(ErrorKind::Usage, message)
                .hint(format!("Columns: {}.", columns(kind).join(", "))));
        }
        if self.filter.chars().count() > FILTER_CHARS_MAX {
            let message = format!("A filter has at most {FILTER_CHARS_MAX} characters.");
            return Err(ServiceError::new(ErrorKind::Usage, message));
        }
        let (offset, limit) = if self.all {
            (0, ROWS_MAX)
        } else {
            let limit = self.limit as usize;
            ((self.page as usize - 1).saturating_mul(limit), limit)
        };
        let (filter, descending) = (self.filter.clone(), self.descending);
        Ok(ListQuery { kind, filter, sort, descending, offset, limit })
    }

    /// Lists them.
    pub fn run(
        &self,
        door: &Door,
        kind: Kind,
        exact: Fields,
        out: &mut Out<impl Write>,
    ) -> Result<(), ServiceError> {
        let query = RowsQuery { list: self.query(kind)?, exact };
        let page = if self.all { all(door, &query)? } else { window(door, query)? };
        let (pages, current) = if self.all {
            (1, 1)
        } else {
            (page.matched.div_ceil(self.limit as usize).max(1), self.page as usize)
        };
        if !out.is_json() {
            let (shown, name) = (page.rows.len(), plural(kind));
            super::note(&format!("{shown} of {} {name}, page {current} of {pages}", page.matched));
            return out.text(&as_table(kind, &page.rows, super::now(), out.width()));
        }
        let about = json!({
            "totalCount": page.matched, "pages": pages, "currentPage": current, "asOf": page.as_of,
        });
        out.rows(&plural(kind), page.rows.iter().map(as_listed), &about)
    }
}

fn window(door: &Door, query: RowsQuery) -> Result<RowsPage, ServiceError> {
    match door.query(Query::Rows(query))? {
        Answer::Rows(page) => Ok(page),
        other => Err(unexpected(&other)),
    }
}

/// All rows, window by window; anew where something changed between two of them, so that none is missed or told twice.
fn all(door: &Door, query: &RowsQuery) -> Result<RowsPage, ServiceError> {
    for _ in 0..ANEW_MAX {
        let mut whole = window(door, query.clone())?;
        loop {
            if whole.rows.len() >= whole.matched {
                return Ok(whole);
            }
            let list = ListQuery { offset: whole.rows.len(), ..query.list.clone() };
            let next = window(door, RowsQuery { list, ..query.clone() })?;
            if next.revision != whole.revision || next.rows.is_empty() {
                break;
            }
            whole.rows.extend(next.rows);
        }
    }
    Err(ServiceError::new(
        ErrorKind::Refused,
        "The rows change all the time, so they could not be read as a whole.",
    )
    .hint("Try again later, or read them page by page."))
}

/// The row that goes by that name.
pub fn named(door: &Door, kind: Kind, name: &str) -> Result<RowData, ServiceError> {
    found(door, kind, name)?
        .ok_or_else(|| ServiceError::new(ErrorKind::Refused, nobody(kind, name)).hint("Nothing was changed."))
}

/// The same; `None` where there is no such row.
pub fn found(door: &Door, kind: Kind, name: &str) -> Result<Option<RowData>, ServiceError> {
    match door.query(Query::Row { kind, name: name.to_owned() })? {
        Answer::Row(data) => Ok(data.map(|data| *data)),
        other => Err(unexpected(&other)),
    }
}

/// No row goes by that name.
pub fn nobody(kind: Kind, name: &str) -> String {
    format!("There is no {kind} {} here that you may see.", plain(name))
}

/// Shows one.
pub fn show(door: &Door, kind: Kind, name: &str, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let data = named(door, kind, name)?;
    let detail = match door.query(Query::Show { key: data.row.key.clone() })? {
        Answer::Show(Some(detail)) => *detail,
        Answer::Show(None) => return Err(gone(&data.row.key)),
        other => return Err(unexpected(&other)),
    };
    if out.is_json() {
        let mut row = as_json(&data);
        if let Some(row) = row.as_object_mut() {
            row.insert("alerts".to_owned(), json!(detail.alerts));
            row.insert("edits".to_owned(), json!(detail.edits));
        }
        return out.value(&json!({ "success": true, kind.noun(): row }));
    }
    out.text(&in_words(kind, &detail))
}

fn gone(key: &Key) -> ServiceError {
    ServiceError::new(ErrorKind::Refused, format!("The {key} is not there any more."))
}

fn in_words(kind: Kind, detail: &Detail) -> String {
    let mut lines = vec![vec![kind.noun().to_owned(), detail.row.label.clone()]];
    lines.push(vec!["id".to_owned(), detail.row.key.pk.clone()]);
    for line in &detail.lines {
        let was =
            line.was.as_ref().map(|was| format!("  (not sent; the server has {was})")).unwrap_or_default();
        lines.push(vec![line.title.to_lowercase(), format!("{}{was}", line.text)]);
    }
    for related in &detail.related {
        let names: Vec<&str> = related.items.iter().map(|(_, label)| label.as_str()).collect();
        lines.push(vec![related.title.to_lowercase(), names.join(", ")]);
    }
    lines.extend(detail.alerts.iter().map(|alert| vec!["!".to_owned(), alert.clone()]));
    lines.extend(detail.edits.iter().map(|edit| {
        vec![format!("edit {}", edit.edit), format!("{} ({})", edit.what, super::outbox::state(&edit.state))]
    }));
    table(&lines, None)
}

/// A value of a list of texts in the case in which it is stored; others as they are typed. `-` or nothing: none.
pub fn stored(kind: Kind, column: &str, typed: &str) -> Option<String> {
    let typed = Some(typed.trim()).filter(|typed| !typed.is_empty() && *typed != "-")?;
    let texts = match kind.field(column).map(|field| field.ty) {
        Some(FieldType::Choice(texts)) => texts,
        _ => &[],
    };
    let known = texts.iter().find(|text| text.eq_ignore_ascii_case(typed));
    Some(known.map_or(typed, |text| text).to_owned())
}

/// What a flag says about a column, as it is stored: of a region or a user the key, by its name.
pub fn value(door: &Door, kind: Kind, column: &str, typed: &str) -> Result<Option<String>, ServiceError> {
    match (kind.field(column).map(|field| field.ty), stored(kind, column, typed)) {
        (Some(FieldType::Ref(other)), Some(name)) => Ok(Some(named(door, other, &name)?.row.key.pk)),
        (_, value) => Ok(value),
    }
}

/// Those flags that were given, by their columns.
pub fn values(door: &Door, kind: Kind, flags: &[(&str, &Option<String>)]) -> Result<Fields, ServiceError> {
    let given = flags.iter().filter_map(|(column, typed)| Some((column, typed.as_ref()?)));
    given.map(|(column, typed)| Ok(((*column).to_owned(), value(door, kind, column, typed)?))).collect()
}

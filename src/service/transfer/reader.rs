//! Reads what `writer` wrote, and tables and lists that other programs or people made: a CSV with the names of columns in
//! its first line; JSON objects, a line each or in one list. What is wrong with one row is told with its line, and the
//! other rows are read on; what is wrong with the whole file ends it, above all that it was cut.
//!
//! Columns may be spelled as in SQL or as in the commands' JSON answers, so that rows of those can be taken in, too. What
//! such an answer tells beside a row's own columns is no column of any table: it is passed over, and told.
//!
//! The file comes from outside: its size is bounded before it is read, and it must be UTF-8.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::plan::Wrong;
use super::{Footer, Format, Header, VERSION, cells, kind_named, plural, usage};
use crate::domain::field::camel_case;
use crate::domain::{Field, Fields, Kind, Value};
use crate::service::{ErrorKind, ServiceError};

/// The largest file that is taken in: some 400,000 rows.
pub const BYTES_MAX: usize = 100 << 20;

/// What a JSON answer tells of a row beside its columns: of other rows, and of what waits on this machine.
const BESIDE: &[&str] = &[
    "region",
    "operator",
    "users",
    "drones",
    "assignedUsers",
    "assignedDrones",
    "userCount",
    "droneCount",
    UNSENT,
    "needsYou",
    "alert",
    "alerts",
    "edits",
];
/// Those of them that are texts. A text elsewhere is somebody's own, and was meant for a column.
const BESIDE_TEXTS: &[&str] = &[UNSENT, "alert"];
/// What of the row is not sent yet.
const UNSENT: &str = "unsent";
const DELETED: &str = "This row is deleted here, which is not sent yet: taken in, it would be made anew. Leave it out of the \
                       file, or take the deletion back first.";

/// One row of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it begins, from 1.
    pub line: usize,
    pub kind: Kind,
    pub cells: Fields,
}

/// A file that was read.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub header: Option<Header>,
    pub rows: Vec<Row>,
    pub wrong: Vec<Wrong>,
    /// What was passed over of rows from an answer, since it is no column.
    pub beside: BTreeSet<&'static str>,
}

/// A column by its name, in either spelling.
fn column(kind: Kind, name: &str) -> Option<&'static Field> {
    kind.field(name).or_else(|| kind.fields().iter().find(|field| camel_case(field.name) == name))
}

/// The text of a file's bytes, without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ServiceError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(usage("The file is in UTF-16, and UTF-8 is needed. Nothing was changed.")
            .hint("Save it as UTF-8, in a spreadsheet as \"CSV UTF-8\"."));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = lines(bytes, 0, error.valid_up_to()) + 1;
        if error.error_len().is_none() {
            return cut_short(&format!("line {line} ends in the middle of a letter"));
        }
        usage(format!("Line {line} is not UTF-8. Nothing was changed."))
            .hint("Save the file as UTF-8, in a spreadsheet as \"CSV UTF-8\".")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// How many lines end between two places.
fn lines(bytes: &[u8], from: usize, to: usize) -> usize {
    bytes.get(from..to).unwrap_or_default().split(|byte| *byte == b'\n').count() - 1
}

/// Reads a file. `kind`: of which its rows are, where they do not say so themselves.
pub(super) fn read(bytes: &[u8], format: Format, kind: Option<Kind>) -> Result<Table, ServiceError> {
    let text = text(bytes)?;
    if text.trim().is_empty() {
        return Err(usage(
            "The file is empty: not even the names of its columns stand in it. Nothing was changed.",
        ));
    }
    match format {
        Format::Csv => csv(text, kind),
        Format::Json => json(text, kind),
        Format::Ndjson => ndjson(text, kind),
    }
}

fn csv(text: &str, kind: Option<Kind>) -> Result<Table, ServiceError> {
    let kind = kind.ok_or_else(|| usage("A CSV holds rows of one kind: say which by --kind."))?;
    if let Some(line) = open_quote(text) {
        let why = format!("a text in quotes begins in line {line}, and no quote ends it");
        return Err(
            cut_short(&why).hint("If it is whole, a quote is too many there: in quotes, write it twice.")
        );
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let names = reader.headers().map_err(|error| usage(format!("The file is no CSV: {error}.")))?.clone();
    let columns = names.iter().map(|name| column(kind, name.trim()).map(|field| field.name));
    let unknown: Vec<&str> = names
        .iter()
        .zip(columns.clone())
        .filter(|(_, known)| known.is_none())
        .map(|(name, _)| name)
        .collect();
    if !unknown.is_empty() {
        return Err(unknown_columns(kind, &unknown));
    }
    let columns: Vec<&'static str> = columns.flatten().collect();
    if let Some(twice) = columns.iter().enumerate().find(|(nth, name)| columns[..*nth].contains(name)) {
        return Err(usage(format!(
            "The first line names the column {} twice. Nothing was changed.",
            twice.1
        )));
    }
    let mut table = Table::default();
    for record in reader.records() {
        let record = record.map_err(|error| usage(format!("The file is no CSV: {error}.")))?;
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        if record.len() != columns.len() {
            let why = format!(
                "The row has {} cells, and the first line names {} columns. A text with commas stands in quotes.",
                record.len(),
                columns.len()
            );
            table.wrong.push(Wrong { line, column: None, why });
            continue;
        }
        let cells = columns.iter().zip(&record);
        let cells = cells.map(|(name, cell)| ((*name).to_owned(), cells::value_of(cell))).collect();
        table.rows.push(Row { line, kind, cells });
    }
    Ok(table)
}

/// In which line a cell begins whose quotes are never closed: the reader would take what is there of it. A quote opens a
/// cell only as its first sign, and two within stand for one; elsewhere it is a sign like any other.
fn open_quote(text: &str) -> Option<usize> {
    enum Cell {
        Begins,
        Bare,
        /// Since that place.
        Quoted(usize),
        /// A quote was read in it: its end, or the first of two.
        Closed(usize),
    }
    let mut cell = Cell::Begins;
    for (at, byte) in text.bytes().enumerate() {
        cell = match (cell, byte) {
            (Cell::Begins, b'"') => Cell::Quoted(at),
            (Cell::Quoted(since), b'"') => Cell::Closed(since),
            (Cell::Quoted(since), _) | (Cell::Closed(since), b'"') => Cell::Quoted(since),
            (_, b',' | b'\r' | b'\n') => Cell::Begins,
            _ => Cell::Bare,
        };
    }
    let Cell::Quoted(since) = cell else { return None };
    Some(lines(text.as_bytes(), 0, since) + 1)
}

fn unknown_columns(kind: Kind, unknown: &[&str]) -> ServiceError {
    let known: Vec<&str> = kind.fields().iter().map(|field| field.name).collect();
    let message = format!(
        "The first line names what is no column of {}: {}. Nothing was changed.",
        plural(kind),
        unknown.join(", ")
    );
    let told = usage(message).hint(format!("Columns of {}: {}.", plural(kind), known.join(", ")));
    match unknown {
        [one] if one.contains([';', '\t']) => {
            told.hint("Columns are parted by commas: save it as comma separated.")
        }
        _ => told,
    }
}

/// A file that is one JSON value, in `writer`'s shape: its rows as they stand in it, and what it says of itself.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    rows: Vec<&'a RawValue>,
    #[serde(flatten)]
    rest: Map<String, Json>,
}

fn json(text: &str, kind: Option<Kind>) -> Result<Table, ServiceError> {
    let broken = |error: serde_json::Error| {
        if error.is_eof() {
            return cut_short(&format!("its JSON is not whole, {error}"));
        }
        usage(format!("The file is no JSON, or none of this shape: {error}. Nothing was changed."))
            .hint("An export of flyos, or a list of objects, is what can be read.")
    };
    let mut table = Table::default();
    let rows: Vec<&RawValue> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(broken)?
    } else {
        let Document { rows, rest } = serde_json::from_str(text).map_err(broken)?;
        let rest = Json::Object(rest);
        let header = Header::deserialize(&rest).map_err(broken)?;
        check_version(&header)?;
        check_counts(&Footer::deserialize(&rest).map_err(broken)?, rows.len())?;
        table.header = Some(header);
        rows
    };
    let (mut at, mut line) = (0, 1);
    for raw in rows {
        // Where the row stands in the text it was borrowed from.
        let begins = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        line += lines(text.as_bytes(), at, begins);
        at = begins;
        object(&mut table, raw.get(), line, kind);
    }
    Ok(table)
}

fn ndjson(text: &str, kind: Option<Kind>) -> Result<Table, ServiceError> {
    let mut table = Table::default();
    let mut footer: Option<Footer> = None;
    let mut objects = 0;
    for (line, row) in (1..).zip(text.lines()).filter(|(_, row)| !row.trim().is_empty()) {
        if line == 1
            && let Ok(header) = serde_json::from_str::<Header>(row)
        {
            check_version(&header)?;
            table.header = Some(header);
        } else if table.header.is_some() && row.starts_with("{\"end\":") {
            footer = serde_json::from_str(row).ok();
        } else {
            objects += 1;
            object(&mut table, row, line, kind);
        }
    }
    match (&table.header, footer) {
        (Some(_), None) => Err(cut()),
        (_, Some(footer)) => check_counts(&footer, objects).map(|()| table),
        (None, None) => Ok(table),
    }
}

fn check_version(header: &Header) -> Result<(), ServiceError> {
    if header.version <= VERSION {
        return Ok(());
    }
    let message = format!(
        "The file has form {}, made by a newer version; this one knows up to {VERSION}. Nothing was changed.",
        header.version
    );
    Err(ServiceError::new(ErrorKind::Configuration, message)
        .hint("Import it with that version, or export it once more with this one."))
}

fn check_counts(footer: &Footer, found: usize) -> Result<(), ServiceError> {
    if footer.counts.values().sum::<usize>() == found { Ok(()) } else { Err(cut()) }
}

fn cut() -> ServiceError {
    let message = "The file was cut or changed since it was written: its rows are not those it counts. Nothing was changed.";
    ServiceError::new(ErrorKind::Storage, message)
        .hint("Copy or export it once more. To take in what is left of it, delete its first and its last line and say --kind.")
}

/// A file that ends too early. `why`: by what that is seen.
fn cut_short(why: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Storage, format!("The file was cut: {why}. Nothing was changed."))
        .hint("Copy or export it once more.")
}

/// Takes in one row that is a JSON object.
fn object(table: &mut Table, text: &str, line: usize, kind: Option<Kind>) {
    match row(text, line, kind, &mut table.beside) {
        Ok(row) => table.rows.push(row),
        Err((column, why)) => table.wrong.push(Wrong { line, column, why }),
    }
}

fn row(
    text: &str,
    line: usize,
    kind: Option<Kind>,
    beside: &mut BTreeSet<&'static str>,
) -> Result<Row, (Option<String>, String)> {
    let object: Map<String, Json> =
        serde_json::from_str(text).map_err(|error| (None, format!("The row is no JSON object: {error}.")))?;
    let kind = kind_of(&object, kind)?;
    let mut cells = Fields::new();
    for (name, value) in object.into_iter().filter(|(name, _)| name != "kind") {
        let told = |why: String| (Some(name.clone()), why);
        let Some(field) = column(kind, &name) else {
            if name == UNSENT && value == "deleted" {
                return Err(told(DELETED.to_owned()));
            }
            if let Some(told) = told_beside(&name, &value) {
                beside.insert(told);
                continue;
            }
            let known: Vec<&str> = kind.fields().iter().map(|field| field.name).collect();
            return Err(told(format!(
                "{} have no column of that name, but {}.",
                plural(kind),
                known.join(", ")
            )));
        };
        let value: Value = match value {
            Json::Null => None,
            Json::String(text) => Some(text).filter(|text| !text.is_empty()),
            other => return Err(told(format!("{other} is no text: put it in quotes, or say null."))),
        };
        if cells.insert(field.name.to_owned(), value).is_some() {
            return Err(told(format!("The row has the column {} twice, in two spellings.", field.name)));
        }
    }
    Ok(Row { line, kind, cells })
}

/// The name of what an answer tells beside a row's columns, where this is that.
fn told_beside(name: &str, value: &Json) -> Option<&'static str> {
    let spelled = camel_case(name);
    let found = BESIDE.iter().copied().find(|told| *told == spelled)?;
    (!value.is_string() || BESIDE_TEXTS.contains(&found)).then_some(found)
}

/// Of which kind a row is: as it says, or as was said of all.
fn kind_of(object: &Map<String, Json>, kind: Option<Kind>) -> Result<Kind, (Option<String>, String)> {
    let said = object.get("kind").map(|named| (named, named.as_str().and_then(kind_named)));
    match (said, kind) {
        (Some((_, Some(said))), Some(kind)) if said != kind => Err((
            Some("kind".to_owned()),
            format!("The row is a {said}, and {} are asked for.", plural(kind)),
        )),
        (Some((_, Some(said))), _) => Ok(said),
        (Some((named, None)), _) => {
            Err((Some("kind".to_owned()), format!("{named} is no kind: region, user, drone or assignment.")))
        }
        (None, Some(kind)) => Ok(kind),
        (None, None) => {
            let why = "The row does not say of which kind it is: say so by \"kind\", or for all by --kind.";
            Err((None, why.to_owned()))
        }
    }
}

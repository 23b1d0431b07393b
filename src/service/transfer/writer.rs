//! Writes rows in one of the three forms, one after the other: nothing is held but the row at hand.
//!
//! JSON is one value with a row a line, so that people and `diff` can read it; NDJSON has its beginning and its end as
//! lines of their own. A CSV is the rows of one kind under the names of their columns, and nothing else.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};

use super::{Footer, Format, Header, plural};
use crate::domain::{Fields, Kind};

/// Where rows go.
pub(super) struct Writer<W: Write> {
    form: Form<W>,
    /// The columns to write; all of a kind's where none is named.
    columns: Vec<&'static str>,
    pub(super) footer: Footer,
}

enum Form<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json { out: W, begun: bool },
    Ndjson(W),
}

impl<W: Write> Writer<W> {
    /// Begins a file. A CSV is of `kind`.
    pub(super) fn begin(
        mut out: W,
        format: Format,
        (kind, columns): (Option<Kind>, Vec<&'static str>),
        header: &Header,
    ) -> io::Result<Self> {
        let said = serde_json::to_string(header)?;
        let form = match format {
            Format::Csv => {
                let mut table = csv::WriterBuilder::new().from_writer(out);
                if let Some(kind) = kind {
                    table.write_record(columns_of(kind, &columns)).map_err(io::Error::from)?;
                }
                Form::Csv(Box::new(table))
            }
            Format::Json => {
                write!(out, "{},\"rows\":[", said.trim_end_matches('}'))?;
                Form::Json { out, begun: false }
            }
            Format::Ndjson => {
                writeln!(out, "{said}")?;
                Form::Ndjson(out)
            }
        };
        Ok(Self { form, columns, footer: Footer { still: true, ..Footer::default() } })
    }

    pub(super) fn row(&mut self, kind: Kind, fields: &Fields) -> io::Result<()> {
        *self.footer.counts.entry(plural(kind).to_owned()).or_default() += 1;
        let names = columns_of(kind, &self.columns);
        let value = |name: &str| fields.get(name).and_then(Option::as_deref);
        match &mut self.form {
            Form::Csv(table) => {
                let cells = names.map(|name| super::cells::cell_of(value(name)));
                table.write_record(cells).map_err(io::Error::from)
            }
            Form::Json { out, begun } => {
                out.write_all(if std::mem::replace(begun, true) { b",\n" } else { b"\n" })?;
                serde_json::to_writer(out, &object(kind, names, value))?;
                Ok(())
            }
            Form::Ndjson(out) => {
                serde_json::to_writer(&mut *out, &object(kind, names, value))?;
                out.write_all(b"\n")
            }
        }
    }

    /// Ends the file, and gives what it was written into.
    pub(super) fn end(self) -> io::Result<(W, Footer)> {
        let said = serde_json::to_string(&self.footer)?;
        let mut out = match self.form {
            Form::Csv(table) => table.into_inner().map_err(csv::IntoInnerError::into_error)?,
            Form::Json { mut out, .. } => {
                writeln!(out, "\n],{}", said.trim_start_matches('{'))?;
                out
            }
            Form::Ndjson(mut out) => {
                writeln!(out, "{{\"end\":true,{}", said.trim_start_matches('{'))?;
                out
            }
        };
        out.flush()?;
        Ok((out, self.footer))
    }
}

/// The chosen columns of a kind, in its own order where none is chosen.
fn columns_of(kind: Kind, chosen: &[&'static str]) -> impl Iterator<Item = &'static str> {
    let all = kind.fields().iter().map(|field| field.name).filter(|_| chosen.is_empty());
    all.chain(chosen.iter().copied())
}

fn object<'a>(
    kind: Kind,
    names: impl Iterator<Item = &'static str>,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Map<String, Json> {
    let told = ("kind".to_owned(), Json::from(kind.noun()));
    std::iter::once(told).chain(names.map(|name| (name.to_owned(), Json::from(value(name))))).collect()
}

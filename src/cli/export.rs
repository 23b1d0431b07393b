//! `flyos export`: rows into a file, a folder, or onto the output.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::door::{Door, Place};
use super::files::{Form, Progress, What, format, through};
use super::out::Out;
use crate::service::ServiceError;
use crate::service::transfer::Format;
use crate::service::transfer::export::{self, Exported};

/// Write users, regions, drones and assignments into a file, as CSV, JSON or NDJSON
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  flyos export all.ndjson\n  flyos export --kind drones --filter status:offline \
                        --columns id,model drones.csv\n  flyos export --kind users --format csv | less"
)]
pub struct Export {
    /// Where to: a file, or for tables of all kinds a folder; without it the output
    file: Option<PathBuf>,
    /// Of which kind
    #[arg(long, value_enum, default_value = "all")]
    kind: What,
    /// In which form; without it, the file's name tells
    #[arg(long, value_enum)]
    format: Option<Form>,
    /// Only the rows that a list shows by this filter
    #[arg(long, default_value = "")]
    filter: String,
    /// Only these columns, parted by commas
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Write over a file that is there; it stays as it was until the new one is whole
    #[arg(long)]
    replace: bool,
}

/// The output, which whoever reads it may close.
struct Output<'a, W> {
    to: W,
    closed: &'a Cell<bool>,
}

impl<W: Write> Output<'_, W> {
    fn noted<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| self.closed.set(error.kind() == io::ErrorKind::BrokenPipe))
    }
}

impl<W: Write> Write for Output<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.noted(flushed)
    }
}

impl Export {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let door = Door::open(place)?;
        let export = export::Export {
            kinds: self.kind.kinds(),
            format: self.format(),
            filter: self.filter.clone(),
            columns: self.columns.clone(),
            replace: self.replace,
            now: super::now(),
        };
        let closed = Cell::new(false);
        let mut shown = Progress::new();
        let mut progress = |rows: usize| shown.show(&format!("{rows} rows"));
        let told = through(&door, |door| {
            if let Some(path) = &self.file {
                return export::to_file(door, &export, path, &mut progress);
            }
            let output = Output { to: io::BufWriter::new(io::stdout()), closed: &closed };
            export::to_output(door, &export, output, &mut progress)
        });
        drop(shown);
        match told {
            // Whoever reads has seen enough (`| head`).
            Err(_) if closed.get() => Ok(()),
            told => self.tell(&told?, out),
        }
    }

    fn format(&self) -> Format {
        let all = if self.kind == What::All && self.file.is_none() { Format::Ndjson } else { Format::Csv };
        format(self.format, self.file.as_deref()).unwrap_or(all)
    }

    fn tell(&self, told: &Exported, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        if self.file.is_none() {
            // The output has the rows.
            told.lines().iter().for_each(|line| super::note(line));
            return Ok(());
        }
        let fields = json!({
            "path": told.path, "counts": told.footer.counts, "still": told.footer.still, "about": told.header,
        });
        out.told(&told.lines().join("\n"), fields)
    }
}

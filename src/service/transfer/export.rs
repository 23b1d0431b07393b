//! Rows into a file or onto standard output, a page at a time: what is in memory is one page, however many rows there are.
//!
//! Rows may change while they are written; each is whole, and the file says at its end whether all are of one moment.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file::Whole;
use super::writer::Writer;
use super::{Door, Footer, Format, Header, StoredPage, StoredQuery, VERSION, plural, usage};
use crate::domain::{Kind, Stamp};
use crate::service::{ErrorKind, Moment, ServiceError};

/// What is to be written.
#[derive(Clone, Debug)]
pub struct Export {
    pub kinds: Vec<Kind>,
    pub format: Format,
    /// As in a list.
    pub filter: String,
    /// All where none is named.
    pub columns: Vec<String>,
    /// A file that is there is replaced.
    pub replace: bool,
    pub now: Stamp,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    pub header: Header,
    pub footer: Footer,
    /// Where; none: on standard output.
    pub path: Option<PathBuf>,
}

/// Told after every page how many rows are written.
pub type Progress<'a> = &'a mut dyn FnMut(usize);

/// The file beside the tables of a folder that says what they are.
const ABOUT: &str = "export.json";

/// Writes it into a file; tables of several kinds into a folder, a file each.
pub fn to_file(
    door: &Door<'_>,
    export: &Export,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Exported, ServiceError> {
    if export.format == Format::Csv && export.kinds.len() > 1 {
        if path.extension().is_some() && !path.is_dir() {
            let name = path.display();
            return Err(usage(format!(
                "{name} looks like a file, and tables of all kinds are several: say of which kind its rows are to be, \
                 name a folder, or take NDJSON."
            )));
        }
        return to_folder(door, export, path, progress);
    }
    let out = Whole::begin(path, export.replace)?;
    let (out, header, footer) = pour(door, export, out, progress)?;
    Ok(Exported { header, footer, path: Some(out.keep()?) })
}

/// Writes it onto `out`.
pub fn to_output(
    door: &Door<'_>,
    export: &Export,
    out: impl Write,
    progress: Progress<'_>,
) -> Result<Exported, ServiceError> {
    if export.format == Format::Csv && export.kinds.len() > 1 {
        return Err(usage("Tables of several kinds are several files: name a folder for them, or one kind."));
    }
    let (_, header, footer) = pour(door, export, out, progress)?;
    Ok(Exported { header, footer, path: None })
}

fn to_folder(
    door: &Door<'_>,
    export: &Export,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Exported, ServiceError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| not_written(&error))?;
    let (mut all, mut files, mut written) = (None, Vec::new(), 0);
    for kind in &export.kinds {
        let one = Export { kinds: vec![*kind], ..export.clone() };
        let out = Whole::begin(&folder.join(format!("{}.csv", plural(*kind))), export.replace)?;
        let (out, header, footer) = pour(door, &one, out, &mut |rows| progress(written + rows))?;
        written += footer.counts.values().sum::<usize>();
        files.push(out);
        let (_, told): &mut (Header, Footer) =
            all.get_or_insert_with(|| (header, Footer { still: true, ..Footer::default() }));
        told.still &= footer.still;
        told.counts.extend(footer.counts);
    }
    let (header, footer) = all.ok_or_else(|| usage("Say of which kind the rows are to be."))?;
    let mut about = Whole::begin(&folder.join(ABOUT), export.replace)?;
    let said = serde_json::json!({"about": header, "rows": footer});
    writeln!(about, "{said}").map_err(|error| not_written(&error))?;
    for file in files {
        file.keep()?;
    }
    about.keep()?;
    Ok(Exported { header, footer, path: Some(folder.to_owned()) })
}

/// Pours the pages out, and gives what they went into.
fn pour<W: Write>(
    door: &Door<'_>,
    export: &Export,
    out: W,
    progress: Progress<'_>,
) -> Result<(W, Header, Footer), ServiceError> {
    let columns = columns(export)?;
    let first =
        export.kinds.first().copied().ok_or_else(|| usage("Say of which kind the rows are to be."))?;
    let query = StoredQuery { kind: first, filter: export.filter.clone(), after: None };
    let moment = door.stored(query)?.moment;
    let header = header(&moment, export);
    let begun = Writer::begin(out, export.format, (Some(first), columns), &header);
    let mut writer = begun.map_err(|error| not_written(&error))?;
    let mut written = 0;
    for kind in &export.kinds {
        door.each_page((*kind, &export.filter), |page: StoredPage| {
            writer.footer.still &= page.moment.revision == moment.revision;
            written += page.rows.len();
            for row in &page.rows {
                writer.row(*kind, row).map_err(|error| not_written(&error))?;
            }
            progress(written);
            Ok(())
        })?;
    }
    let (out, footer) = writer.end().map_err(|error| not_written(&error))?;
    Ok((out, header, footer))
}

fn header(moment: &Moment, export: &Export) -> Header {
    Header {
        version: VERSION,
        project: moment.project.clone(),
        as_of: moment.as_of,
        made_at: export.now,
        unsent: moment.unsent,
        filter: export.filter.clone(),
    }
}

/// The chosen columns by the kind's own names.
fn columns(export: &Export) -> Result<Vec<&'static str>, ServiceError> {
    let [kind] = export.kinds.as_slice() else {
        let none = export.columns.is_empty();
        return if none {
            Ok(Vec::new())
        } else {
            Err(usage("Columns are chosen of one kind: say which by --kind."))
        };
    };
    let known = |name: &String| {
        kind.field(name.trim()).map(|field| field.name).ok_or_else(|| {
            let all: Vec<&str> = kind.fields().iter().map(|field| field.name).collect();
            usage(format!("{} have no column {name}. Nothing was written.", plural(*kind))).hint(format!(
                "Columns of {}: {}.",
                plural(*kind),
                all.join(", ")
            ))
        })
    };
    export.columns.iter().map(known).collect()
}

fn not_written(error: &io::Error) -> ServiceError {
    ServiceError::new(ErrorKind::Storage, format!("The export could not be written: {error}."))
        .hint("What was under that name before is as it was.")
}

impl Exported {
    /// What was written, in a sentence or two.
    pub fn lines(&self) -> Vec<String> {
        let counts: Vec<String> =
            self.footer.counts.iter().map(|(kind, rows)| format!("{rows} {kind}")).collect();
        let counts = if counts.is_empty() { "no row".to_owned() } else { counts.join(", ") };
        let place = self.path.as_ref().map(|path| format!(", into {}", path.display())).unwrap_or_default();
        let mut lines = vec![format!("Exported: {counts}{place}.")];
        if self.header.unsent > 0 {
            lines.push(format!(
                "Unsent edits are in it that the server does not have yet: {}.",
                self.header.unsent
            ));
        }
        if !self.footer.still {
            lines.push(
                "Rows changed while they were written: each is whole, and not all are of one moment."
                    .to_owned(),
            );
        }
        lines
    }
}

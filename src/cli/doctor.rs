//! `flyos doctor`: what was looked at and how it is, a line each, or as JSON. Exit code 0: all is sound; 13: something
//! is to be looked after.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::service::doctor::{Examination, Health, Report, examine};
use crate::service::{ErrorKind, ServiceError};

/// The terminal, as the program finds it.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// Columns and rows; `None`: the output is no terminal.
    pub size: Option<(u16, u16)>,
    /// `TERM`.
    pub name: String,
    /// `COLORTERM`.
    pub colours: String,
    /// `NO_COLOR` is set.
    pub no_colour: bool,
    /// What `LC_ALL`, `LC_CTYPE` or `LANG` says, the first that is set.
    pub locale: String,
}

/// The least window that shows more than the state line.
const LEAST: (u16, u16) = (40, 10);

impl Terminal {
    /// That of this process.
    pub fn here() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| (size.ws_col, size.ws_row));
        Self {
            size,
            name: text("TERM").unwrap_or_default(),
            colours: text("COLORTERM").unwrap_or_default(),
            no_colour: text("NO_COLOR").is_some(),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text).unwrap_or_default(),
        }
    }

    pub(super) fn judge(&self, report: &mut Report) {
        let about = "terminal";
        let Some((columns, rows)) = self.size else {
            return report.note(about, "The output is no terminal: it is not looked at.");
        };
        let colours = match (self.no_colour, self.name.as_str(), self.colours.as_str()) {
            (true, ..) => "without colours (NO_COLOR)",
            (_, _, "truecolor" | "24bit") => "all colours",
            (_, name, _) if name.contains("256color") => "256 colours",
            _ => "16 colours",
        };
        if self.name.is_empty() || self.name == "dumb" {
            let todo = "Set TERM to what the terminal is, such as xterm-256color.";
            report.attention(about, "TERM does not say what this terminal can do.", todo);
        } else if columns < LEAST.0 || rows < LEAST.1 {
            let text = format!("The window has {columns} columns and {rows} rows.");
            report.attention(about, text, format!("Make it {} by {} or larger.", LEAST.0, LEAST.1));
        } else {
            report.sound(about, format!("{columns} columns, {rows} rows, {colours} ({}).", self.name));
        }
        let locale = self.locale.to_lowercase();
        if !locale.contains("utf-8") && !locale.contains("utf8") {
            let named = if self.locale.is_empty() { "not set" } else { &self.locale };
            report.attention(
                about,
                format!("The locale ({named}) is not UTF-8: names may show wrong characters."),
                "Set LANG to one that ends in UTF-8, such as C.UTF-8, or use flyos --ascii.",
            );
        }
    }
}

/// Prints how everything is; an error where something is to be looked after.
pub fn doctor(
    what: &Examination,
    terminal: &Terminal,
    json: bool,
    out: &mut impl Write,
) -> Result<(), ServiceError> {
    let mut report = examine(what);
    terminal.judge(&mut report);
    let troubles = report.troubles();
    let printed = if json {
        let told =
            serde_json::json!({ "sound": troubles == 0, "troubles": troubles, "findings": report.findings });
        writeln!(out, "{told}")
    } else {
        write!(out, "{}", as_text(&report))
    };
    let printed = printed.and_then(|()| out.flush());
    printed.map_err(|error| {
        ServiceError::new(ErrorKind::Storage, format!("The report could not be printed: {error}."))
    })?;
    match troubles {
        0 => Ok(()),
        1 => Err(ServiceError::new(ErrorKind::Attention, "1 thing is to be looked after.")),
        _ => {
            Err(ServiceError::new(ErrorKind::Attention, format!("{troubles} things are to be looked after.")))
        }
    }
}

/// One paragraph for each part, in the order in which they were looked at.
fn as_text(report: &Report) -> String {
    let mut text = String::new();
    let mut about = "";
    for finding in &report.findings {
        if finding.about != about {
            about = &finding.about;
            text += about;
            text.push('\n');
        }
        let mark = match finding.health {
            Health::Sound => "ok",
            Health::Note => "- ",
            Health::Attention => "!!",
        };
        let _written = writeln!(text, "  {mark} {}", plain(&finding.text));
        if let Some(todo) = &finding.todo {
            let _written = writeln!(text, "     {}", plain(todo));
        }
    }
    text
}

/// Without what a terminal would act on: names of files are among it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if crate::domain::field::is_harmful(c) { '?' } else { c }).collect()
}

//! `flyos doctor`: what was looked at and how it is, a line each, or as JSON. Exit code 0: all is sound; 13: something
//! is to be looked after; 7: all is sound but for the line.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::json;

use super::out::Out;
use crate::domain::field::harmless;
use crate::service::doctor::{Examination, Health, Report, examine};
use crate::service::ladder::{Ladder, Surroundings, Wishes};
use crate::service::{ErrorKind, ServiceError};

/// The terminal, as the program finds it.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// Columns and rows; `None`: the output is no terminal.
    pub size: Option<(u16, u16)>,
    pub around: Surroundings,
    pub wishes: Wishes,
}

/// The least window that shows more than the state line.
const LEAST: (u16, u16) = (40, 10);

impl Terminal {
    /// That of this process, with what the person wishes of it.
    pub fn here(wishes: Wishes) -> Self {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| (size.ws_col, size.ws_row));
        // A line that knows no size tells 0.
        let size = size.filter(|(columns, _)| *columns > 0);
        Self { size, around: Surroundings::read(), wishes }
    }

    pub(super) fn judge(&self, report: &mut Report) {
        let about = "terminal";
        let Some((columns, rows)) = self.size else {
            return report.note(about, "The output is no terminal: it is not looked at.");
        };
        let ladder = Ladder::decide(&self.around, self.wishes);
        if self.around.term.is_empty() {
            let todo = "Set TERM to what the terminal is, such as xterm-256color.";
            report.attention(about, "TERM does not say what this terminal can do.", todo);
        } else if columns < LEAST.0 || rows < LEAST.1 {
            let text = format!("The window has {columns} columns and {rows} rows.");
            report.attention(about, text, format!("Make it {} by {} or larger.", LEAST.0, LEAST.1));
        } else {
            report.sound(about, format!("{columns} columns, {rows} rows, {}.", ladder.lines().join(", ")));
        }
        if ladder.ascii && self.wishes.ascii.is_none() {
            let named = if self.around.locale.is_empty() { "not set" } else { &self.around.locale };
            report.attention(
                about,
                format!(
                    "The locale ({named}) is not UTF-8: letters beyond ASCII are shown as question marks."
                ),
                "Set LANG to one that ends in UTF-8, such as C.UTF-8, or ask with --ascii or --unicode.",
            );
        }
    }
}

/// Tells how everything is; an error where something is to be looked after.
pub fn doctor(
    what: &Examination,
    terminal: &Terminal,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    let mut report = examine(what);
    terminal.judge(&mut report);
    let troubles = report.troubles();
    out.say(&as_text(&report))?;
    let words = match troubles {
        0 => None,
        1 => Some("1 thing is to be looked after.".to_owned()),
        _ => Some(format!("{troubles} things are to be looked after.")),
    };
    let found = json!({ "sound": troubles == 0, "troubles": troubles, "findings": report.findings });
    // Where no project answers and all else is sound, it is the line that ends it.
    let kind = if troubles == report.offline { ErrorKind::Offline } else { ErrorKind::Attention };
    out.found(found, words.map(|words| ServiceError::new(kind, words)))
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
        let _written = writeln!(text, "  {mark} {}", harmless(&finding.text));
        if let Some(todo) = &finding.todo {
            let _written = writeln!(text, "     {}", harmless(todo));
        }
    }
    text
}

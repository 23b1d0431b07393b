//! A row of several: its name, what changes, and below it what follows from that for other rows, so that nobody loses a
//! drone unseen.

use ratatui::layout::Rect;

use crate::domain::{Intent, Key};
use crate::service::Foreseen;
use crate::tui::widgets::{Pen, after, line, wrap};

const LABEL_WIDTH: u16 = 18;
/// Columns before what changes, and what follows.
const INDENT: u16 = LABEL_WIDTH + 3;

/// What one row would come to, and came to.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub key: Key,
    pub intent: Intent,
    pub foreseen: Foreseen,
    pub came: Came,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    NotYet,
    Saved,
    Refused(String),
}

impl Row {
    /// What follows from its change, in lines of a popup so wide inside.
    pub fn follows(&self, width: u16) -> Vec<String> {
        let told = |sentence: &String| wrap(sentence, width.saturating_sub(INDENT));
        self.foreseen.follows.iter().flat_map(told).collect()
    }

    /// Draws it from the top of an area; the lines that it took.
    pub fn draw(&self, pen: &mut Pen, area: Rect) -> u16 {
        draw_change(pen, line(area, 0), self);
        let mut used = 1;
        for text in self.follows(area.width) {
            if used < area.height {
                pen.put(after(line(area, used), INDENT), &text, pen.theme.warning());
                used += 1;
            }
        }
        used
    }
}

fn draw_change(pen: &mut Pen, area: Rect, row: &Row) {
    let (sign, text, style) = match (&row.came, &row.foreseen.why_not) {
        (Came::Refused(why), _) | (Came::NotYet, Some(why)) => {
            ("!", format!("no: {why}"), pen.theme.warning())
        }
        (Came::Saved, _) => ("", format!("saved: {}", row.foreseen.what), pen.theme.plain()),
        (Came::NotYet, None) if row.foreseen.what.is_empty() => {
            ("", "is so already".to_owned(), pen.theme.faint())
        }
        (Came::NotYet, None) => ("", row.foreseen.what.clone(), pen.theme.plain()),
    };
    pen.put(area, sign, pen.theme.error());
    let label = Rect { width: area.width.saturating_sub(2).min(LABEL_WIDTH), ..after(area, 2) };
    pen.put(label, &row.foreseen.label, pen.theme.plain());
    pen.put(after(area, INDENT), &text, style);
}

//! The table: columns that come and go with the width, rows of the visible window only.
//!
//! Widths never depend on the data, so that nothing jumps when rows change. Columns are laid out in the order
//! of the kind's list and dropped by priority; what is left over widens them in that order up to what they want, the name last.

use ratatui::layout::Rect;

use super::{Pen, after, line};
use crate::tui::theme::Theme;

/// One column of a list.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in `service::columns`.
    pub name: &'static str,
    pub title: &'static str,
    pub width_min: u16,
    pub width_max: u16,
    /// 1 stays longest.
    pub priority: u8,
    pub right: bool,
}

impl Column {
    pub const fn new(name: &'static str, title: &'static str, widths: (u16, u16), priority: u8) -> Self {
        Self { name, title, width_min: widths.0, width_max: widths.1, priority, right: false }
    }

    #[must_use]
    pub const fn right(self) -> Self {
        Self { right: true, ..self }
    }
}

/// One row, ready to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// By column, in the kind's order.
    pub cells: Vec<String>,
    pub mark: &'static str,
    pub selected: bool,
    /// One of those that a verb is about.
    pub marked: bool,
}

/// Columns left of the first cell: the sign of a marked row, that of the selected one, a space.
const GUTTER: u16 = 3;
/// Columns right of the last cell: a space and the row's mark.
const MARKS: u16 = 3;
const GAP: u16 = 1;

/// The columns that fit, with their widths.
pub fn layout(columns: &[Column], width: u16) -> Vec<(usize, u16)> {
    let room = width.saturating_sub(GUTTER + MARKS);
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|at| columns.get(*at).map(|column| column.priority));
    let mut kept: Vec<(usize, u16)> = Vec::new();
    let mut left = room;
    for at in order {
        let Some(column) = columns.get(at) else { continue };
        let needed = column.width_min + if kept.is_empty() { 0 } else { GAP };
        if needed > left && !kept.is_empty() {
            break;
        }
        left = left.saturating_sub(needed);
        kept.push((at, column.width_min.min(room)));
    }
    // The first column, the name, is wide enough already and grows last.
    let count = kept.len();
    kept.rotate_left(count.min(1));
    for (at, width) in &mut kept {
        let wish = columns.get(*at).map_or(0, |column| column.width_max.saturating_sub(*width));
        let more = wish.min(left);
        *width += more;
        left -= more;
    }
    kept.sort_unstable();
    kept
}

/// Where the cells of a row are that stands in that line, by their columns' numbers.
pub fn spans(columns: &[Column], area: Rect) -> Vec<(usize, Rect)> {
    let mut rest = after(area, GUTTER);
    let place = |(at, width): (usize, u16)| {
        let place = Rect { width, ..rest }.intersection(rest);
        rest = after(rest, width + GAP);
        (at, place)
    };
    layout(columns, area.width).into_iter().map(place).collect()
}

/// Draws the headings, the sort column with its arrow.
/// One of several also has its number.
pub fn draw_header(pen: &mut Pen, area: Rect, columns: &[Column], sorts: &[(&str, bool)]) {
    for (at, place) in spans(columns, area) {
        let Some(column) = columns.get(at) else { continue };
        let sort = sorts.iter().enumerate().find(|(_, (name, _))| *name == column.name);
        let arrow = sort.map_or_else(String::new, |(at, (_, descending))| {
            let number = if sorts.len() > 1 { (at + 1).to_string() } else { String::new() };
            format!("{}{number}", pen.theme.sort_arrow(*descending))
        });
        let title = format!("{}{arrow}", column.title);
        draw_cell(pen, place, &title, column.right, pen.theme.strong());
    }
}

/// What keys go to: nothing here, the selected row, or its cell of that column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Elsewhere,
    Row,
    Cell(&'static str),
}

/// Draws the rows, one a line. Without focus the selected row keeps its mark and is not reversed.
pub fn draw_rows(pen: &mut Pen, area: Rect, columns: &[Column], rows: &[Row], focus: Focus) {
    let spans = spans(columns, line(area, 0));
    for (row, y) in rows.iter().zip(0..area.height) {
        let area = line(area, y);
        draw_row(pen, area, columns, &spans, row);
        if row.marked {
            pen.put(area, "#", pen.theme.strong());
        }
        if row.selected {
            pen.put(after(area, 1), ">", pen.theme.plain());
        }
        let is = |at: usize, name| columns.get(at).is_some_and(|column| column.name == name);
        let cell = |name| spans.iter().find(|(at, _)| is(*at, name));
        let laid = match focus {
            Focus::Row => area,
            Focus::Cell(name) => cell(name).map_or(area, |(_, place)| Rect { y: area.y, ..*place }),
            Focus::Elsewhere => continue,
        };
        if row.selected {
            pen.lay(laid, pen.theme.selected());
        }
    }
}

fn draw_row(pen: &mut Pen, area: Rect, columns: &[Column], spans: &[(usize, Rect)], row: &Row) {
    let mut rest = after(area, GUTTER);
    for (at, place) in spans {
        let (Some(column), Some(cell)) = (columns.get(*at), row.cells.get(*at)) else { continue };
        let style = if row.selected || column.name != "status" {
            pen.theme.plain()
        } else {
            pen.theme.status(cell.split(' ').next_back().unwrap_or_default())
        };
        draw_cell(pen, Rect { y: area.y, ..*place }, cell, column.right, style);
        rest = after(rest, place.width + GAP);
    }
    let loud = row.mark == "?!" && !row.selected;
    let style = match row.selected {
        true => pen.theme.strong(),
        false if loud => pen.theme.error(),
        false => pen.theme.unsent(),
    };
    pen.put(rest, row.mark, style);
}

fn draw_cell(pen: &mut Pen, area: Rect, text: &str, right: bool, style: ratatui::style::Style) {
    if right {
        pen.put_right(area, text, style);
    } else {
        pen.put(area, text, style);
    }
}

/// A status word with its glyph.
pub fn status_cell(theme: Theme, word: &str) -> String {
    format!("{} {word}", theme.status_glyph(word))
}

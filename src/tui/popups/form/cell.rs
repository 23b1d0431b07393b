//! A form of which one field is shown, in its cell's place in the list. What is said about it stands on the lines below,
//! or above where there is more room: whose cell it is, since rows may move under it, what would be right or is wrong,
//! and what follows.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::field::cell_of;
use super::{Entry, Form};
use crate::domain::Kind;
use crate::service::Detail;
use crate::tui::keys::Context;
use crate::tui::popups::error_lines;
use crate::tui::widgets::{Pen, after, wrap};

/// Columns that are typed in, at least: a name can be read, however narrow its cell is.
const WIDTH_MIN: u16 = 24;

impl Form {
    /// Is that column of a list one that a person sets?
    pub fn sets(kind: Kind, column: &str) -> bool {
        kind.fields().iter().any(|field| !field.server && cell_of(field.name) == column)
    }

    /// A form for one column of a row, or why it is not mine to change; `None`: a person does not set it.
    pub fn cell(detail: &Detail, column: &str) -> Option<Result<Self, String>> {
        let whole = Self::edit(detail);
        let at = whole.fields.iter().position(|field| cell_of(field.name) == column)?;
        let field = whole.fields.get(at).filter(|_| Self::sets(whole.kind, column))?;
        if let Some(why) = &field.locked {
            return Some(Err(why.clone()));
        }
        let title = format!("{}, {}", detail.row.label, field.title);
        Some(Ok(Self { title, at, cell: true, ..whole }))
    }

    /// Draws it over its cell among the rows, and over as many of the row's other cells as it needs.
    pub fn draw_in(&self, pen: &mut Pen, cell: Rect, cells: &[Rect], rows: Rect) {
        let Some(field) = self.fields.get(self.at) else { return };
        let width = cell.width.max(WIDTH_MIN).min(rows.width);
        let x = cell.x.min(rows.right().saturating_sub(width));
        let covered = cells.iter().filter(|other| other.right() > x && other.x < x + width);
        let (left, right) =
            covered.fold((x, x + width), |(left, right), it| (left.min(it.x), right.max(it.right())));
        let place = Rect { x: left, width: right.min(rows.right()) - left, ..cell };
        pen.clear(place);
        match &field.entry {
            Entry::Text(text) => text.draw(pen, place, self.saving.is_none()),
            Entry::Choice { label, .. } => {
                pen.put(place, &format!("{label} {}", pen.theme.opens()), pen.theme.selected());
            }
        }
        let said = self.said(pen, rows.width.saturating_sub(2));
        let count = u16::try_from(said.len()).unwrap_or(u16::MAX);
        let above = place.y.saturating_sub(rows.y);
        let below = rows.bottom().saturating_sub(place.bottom());
        let (count, top) = if count <= below || below >= above {
            (count.min(below), place.bottom())
        } else {
            (count.min(above), place.y - count.min(above))
        };
        for ((text, style), y) in said.iter().zip(top..top + count) {
            let line = Rect { y, height: 1, ..rows };
            pen.clear(line);
            pen.put(after(line, 1), text, *style);
        }
    }

    fn said(&self, pen: &Pen, width: u16) -> Vec<(String, Style)> {
        let Some(field) = self.fields.get(self.at) else { return Vec::new() };
        let theme = pen.theme;
        let head = format!("{}   {}", theme.clean(&self.title), self.footer(pen, Context::Cell));
        let mut said = vec![(head, theme.strong())];
        let wrong = field.error.iter().flat_map(|error| wrap(&format!("! {error}"), width));
        said.extend(wrong.map(|text| (text, theme.error())));
        if field.error.is_none() && matches!(field.entry, Entry::Text(_)) {
            let hint = wrap(&format!("{} {}", field.title, field.hint), width);
            said.extend(
                hint.into_iter().filter(|_| !field.hint.is_empty()).map(|text| (text, theme.faint())),
            );
        }
        let follows = self.consequences.iter().flat_map(|text| wrap(text, width));
        said.extend(follows.map(|text| (text, theme.warning())));
        let error = self.error.iter().flat_map(|error| error_lines(error, width));
        said.extend(error.map(|text| (text, theme.error())));
        said
    }
}

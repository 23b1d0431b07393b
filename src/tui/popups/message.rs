//! An error: it stays until somebody has put it away.

use ratatui::layout::Rect;

use super::error_lines;
use crate::service::ServiceError;
use crate::tui::keys::{Act, Context};
use crate::tui::widgets::{Pen, centred, columns, line};

#[derive(Clone, Debug)]
pub struct Message {
    pub title: String,
    pub error: ServiceError,
}

const WIDTH: u16 = 64;

impl Message {
    pub fn new(title: impl Into<String>, error: ServiceError) -> Self {
        Self { title: title.into(), error }
    }

    /// All of it, as it is copied.
    pub fn text(&self) -> String {
        let lines = [&self.title, &self.error.message].into_iter().chain(&self.error.hints);
        lines.map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let lines = error_lines(&self.error, width.saturating_sub(4));
        let longest = lines.iter().map(|text| columns(text)).max().unwrap_or(0).max(columns(&self.title));
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(4);
        let inside = pen.frame(centred(area, (longest + 6).max(30).min(width), height), &self.title);
        let above = Rect { height: inside.height.saturating_sub(1), ..inside };
        pen.put_lines(above, &lines, pen.theme.plain());
        let hint = pen.hint(Context::Message, &[(&[Act::Leave], "close"), (&[Act::Copy], "copy")]);
        pen.put(line(inside, inside.height.saturating_sub(1)), &hint, pen.theme.faint());
    }
}

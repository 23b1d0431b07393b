//! The bottom line: how the console stands, in words, always there. Reversed when it needs a person.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::Pen;
use crate::domain::Stamp;
use crate::service::{Status, status};

/// What the line says.
pub fn text(status: &Status, now: Stamp, zone: &TimeZone) -> String {
    let line = status::line(status, now, zone);
    match status.training_line {
        Some(_) => format!("{line} · TRAINING"),
        None => line,
    }
}

pub fn draw(pen: &mut Pen, area: Rect, status: &Status, now: Stamp, zone: &TimeZone) {
    let loud = status::is_loud(status, now);
    let style = if loud { pen.theme.loud() } else { pen.theme.plain() };
    pen.lay(area, style);
    pen.put(super::after(area, 1), &text(status, now, zone), style);
}

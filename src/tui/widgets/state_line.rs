//! The bottom line: how the console stands, in words, always there. Reversed when it needs a person. A read-only
//! session is told at its right edge.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::Pen;
use crate::domain::Stamp;
use crate::service::{Status, status};

const READ_ONLY: &str = " READ-ONLY ";

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
    let badge = if status.read_only { READ_ONLY } else { "" };
    let room = area.width.saturating_sub(super::columns(badge));
    pen.put_right(area, badge, style);
    pen.put(super::after(Rect { width: room, ..area }, 1), &text(status, now, zone), style);
}

//! The bottom line: how the console stands, in words, always there. Reversed when it needs a person. That the server is a
//! training server and that the session is read-only is told at its right edge, whatever else has room.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::Pen;
use crate::domain::Stamp;
use crate::service::{Status, status};

/// What the line says in so many columns; where not even its briefest form has room, that one.
pub fn text(status: &Status, now: Stamp, zone: &TimeZone, room: u16) -> String {
    let brief = |level| status::brief(status, now, zone, level);
    let fits = |text: &String| super::columns(text) <= room;
    (0..status::BRIEF_MAX).map(brief).find(fits).unwrap_or_else(|| brief(status::BRIEF_MAX))
}

/// What stands at the right edge.
fn badges(status: &Status) -> String {
    let told = [(status.training_line.is_some(), " TRAINING "), (status.read_only, " READ-ONLY ")];
    told.into_iter().filter_map(|(is_so, text)| is_so.then_some(text)).collect()
}

/// Columns that the line itself has.
pub fn room(status: &Status, width: u16) -> u16 {
    width.saturating_sub(super::columns(&badges(status))).saturating_sub(1)
}

pub fn draw(pen: &mut Pen, area: Rect, status: &Status, now: Stamp, zone: &TimeZone) {
    let loud = status::is_loud(status, now);
    let style = if loud { pen.theme.loud() } else { pen.theme.plain() };
    pen.lay(area, style);
    pen.put_right(area, &badges(status), style);
    let room = room(status, area.width);
    let line = super::after(Rect { width: room + 1, ..area }, 1);
    let text = text(status, now, zone, room);
    pen.put(line, &text, style);
    // What needs somebody stands out of a calm line.
    if let Some(needs) = status::needs(status).filter(|_| !loud)
        && let Some((before, _)) = text.split_once(&needs)
    {
        let place = super::after(line, super::columns(before));
        let width = super::columns(&needs).min(place.width);
        pen.lay(Rect { width, ..place }, pen.theme.warning().patch(pen.theme.strong()));
    }
}

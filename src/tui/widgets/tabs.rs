//! The top line: which places there are, each after the key that goes there, which one is open, and who is signed in.

use ratatui::layout::Rect;

use super::{Pen, Spot, after, columns};
use crate::service::Account;
use crate::tui::places::Place;

/// From this width on the tabs stand wide apart.
const WIDTH_WIDE: u16 = 100;

/// Draws the tabs; the open one stands in brackets, so that it is told without colour.
pub fn draw(pen: &mut Pen, area: Rect, open: Place, account: Option<&Account>) {
    let wide = area.width >= WIDTH_WIDE;
    let mut used = pen.put(area, if wide { " FlyOS " } else { " FlyOS" }, pen.theme.strong());
    let named = Place::ALL.map(|place| pen.place(place));
    let needed: u16 = named.iter().map(|text| columns(text) + if wide { 2 } else { 1 }).sum();
    // Keys of one's own may have long names: then the places have the room.
    let keys = used + needed + 2 <= area.width;
    for (place, named) in Place::ALL.into_iter().zip(&named) {
        let text = if keys { named } else { place.title() };
        let (text, style) = match (place == open, wide) {
            (true, true) => (format!("[{text}]"), pen.theme.strong()),
            (true, false) => (format!(" [{text}]"), pen.theme.strong()),
            (false, true) => (format!(" {text} "), pen.theme.plain()),
            (false, false) => (format!(" {text}"), pen.theme.plain()),
        };
        let taken = pen.put(after(area, used), &text, style);
        pen.spots.push((Rect { width: taken, ..after(area, used) }, Spot::Tab(place)));
        used += taken;
    }
    let Some(account) = account else { return };
    let role = account.role.map_or("role not known yet", crate::domain::Role::as_str);
    let region = account.region.as_deref().map(|region| format!("  {region}")).unwrap_or_default();
    let (long, short) = (format!("{}  {role}{region} ", account.email), format!("{role} "));
    let room = area.width.saturating_sub(used + 2);
    let text = if columns(&long) <= room { long } else { short };
    if columns(&text) <= room {
        pen.put_right(area, &text, pen.theme.plain());
    }
}

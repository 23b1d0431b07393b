//! The top line: which lists there are, which one is open, and who is signed in.

use ratatui::layout::Rect;

use super::{Pen, Spot, after, columns};
use crate::service::Account;

/// Draws the tabs; `open` stands in brackets, so that it is told without colour.
pub fn draw(pen: &mut Pen, area: Rect, titles: &[&str], open: usize, account: Option<&Account>) {
    let mut used = pen.put(area, " FlyOS ", pen.theme.strong());
    for (at, title) in titles.iter().enumerate() {
        let text = format!("{} {title}", at + 1);
        let (text, style) = if at == open {
            (format!("[{text}]"), pen.theme.strong())
        } else {
            (format!(" {text} "), pen.theme.plain())
        };
        let taken = pen.put(after(area, used), &text, style);
        pen.spots.push((Rect { width: taken, ..after(area, used) }, Spot::Tab(at)));
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

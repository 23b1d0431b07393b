//! All that can be done here, with its key; what cannot be done now says why.

use ratatui::layout::Rect;

use crate::tui::keys::Act;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, Spot, after, centred, line, scroll};

#[derive(Clone, Debug)]
pub struct Entry {
    pub act: Act,
    pub title: String,
    pub keys: String,
    pub why_not: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Menu {
    pub filter: TextField,
    pub entries: Vec<Entry>,
    pub at: usize,
}

const WIDTH: u16 = 76;

impl Menu {
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { filter: TextField::default(), entries, at: 0 }
    }

    pub fn shown(&self) -> Vec<&Entry> {
        let words: Vec<String> = self.filter.text().split_whitespace().map(str::to_lowercase).collect();
        let matches = |entry: &&Entry| words.iter().all(|word| entry.title.to_lowercase().contains(word));
        self.entries.iter().filter(matches).collect()
    }

    pub fn selected(&self) -> Option<&Entry> {
        self.shown().get(self.at).copied()
    }

    pub fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let shown = self.shown();
        let height = u16::try_from(self.entries.len() + 4).unwrap_or(u16::MAX);
        let inside = pen.frame(centred(area, WIDTH.min(area.width), height), "All actions");
        let used = pen.put(line(inside, 0), ": ", pen.theme.strong());
        self.filter.draw(pen, after(line(inside, 0), used), true);
        let room = inside.height.saturating_sub(2);
        let first = scroll(self.at, shown.len(), usize::from(room));
        for ((place, entry), y) in shown.iter().enumerate().skip(first).zip(1..=room) {
            pen.spots.push((line(inside, y), Spot::Line(place)));
            draw_entry(pen, line(inside, y), entry, place == self.at);
        }
        if shown.is_empty() {
            pen.put(line(inside, 1), "  no such action", pen.theme.plain());
        }
        // A reason that was cut in its line is told in full below.
        let why = self.selected().and_then(|entry| entry.why_not.as_deref());
        let footer = why.unwrap_or("Enter do it   Esc close");
        pen.put(line(inside, inside.height.saturating_sub(1)), footer, pen.theme.faint());
    }
}

fn draw_entry(pen: &mut Pen, area: Rect, entry: &Entry, selected: bool) {
    let style = if entry.why_not.is_some() { pen.theme.faint() } else { pen.theme.plain() };
    let title = if entry.why_not.is_some() { format!("({})", entry.title) } else { entry.title.clone() };
    pen.put(area, if selected { ">" } else { "" }, pen.theme.plain());
    pen.put(Rect { width: area.width.min(17), ..after(area, 2) }, &title, style);
    pen.put(Rect { width: area.width.saturating_sub(19).min(14), ..after(area, 19) }, &entry.keys, style);
    if let Some(why) = &entry.why_not {
        pen.put(after(area, 34), why, style);
    }
    if selected {
        pen.lay(area, pen.theme.selected());
    }
}

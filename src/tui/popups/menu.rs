//! The palette: all that can be done here, with its key, and what cannot be done now says why. What is typed also names
//! rows, of every kind, to go to.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::layout::Rect;

use crate::domain::Key;
use crate::service::Found;
use crate::tui::keys::{Act, Context};
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, Spot, after, centred, line, scroll};

/// Where an entry leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goes {
    Act(Act),
    Row(Key),
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub goes: Goes,
    pub title: String,
    /// Of a row, what it is.
    pub keys: String,
    pub why_not: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Menu {
    pub filter: TextField,
    entries: Vec<Entry>,
    /// The rows that what is typed may name.
    pub found: Vec<Entry>,
    pub at: usize,
}

const WIDTH: u16 = 76;
/// Letters from which rows come before actions that merely have them somewhere.
const FOUND_FIRST: usize = 3;

impl Menu {
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { filter: TextField::default(), entries, found: Vec::new(), at: 0 }
    }

    pub fn take_found(&mut self, found: Vec<Found>) {
        let entry = |found: Found| Entry {
            goes: Goes::Row(found.key),
            title: found.label,
            keys: found.note,
            why_not: None,
        };
        self.found = found.into_iter().map(entry).collect();
    }

    /// What fits what is typed, the best first; all in their order where nothing is typed.
    pub fn shown(&self) -> Vec<&Entry> {
        let typed = self.filter.text().trim();
        if typed.is_empty() {
            return self.entries.iter().collect();
        }
        let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut fits: Vec<(u32, &Entry)> = self
            .entries
            .iter()
            .filter_map(|entry| {
                let score = pattern.score(Utf32Str::new(&entry.title, &mut letters), &mut matcher)?;
                Some((score, entry))
            })
            .collect();
        fits.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        // A part of the title as it is typed counts; letters here and there only after the rows.
        let whole = typed.to_lowercase();
        let (near, far): (Vec<_>, Vec<_>) = fits
            .into_iter()
            .map(|(_, entry)| entry)
            .partition(|entry| entry.title.to_lowercase().contains(&whole));
        let with_rows = typed.chars().count() >= FOUND_FIRST || near.is_empty();
        let found = self.found.iter().filter(|_| with_rows);
        near.into_iter().chain(found).chain(far).collect()
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
        let inside = pen.frame(centred(area, WIDTH.min(area.width), height), "All actions, and rows by name");
        let used = pen.put(line(inside, 0), ": ", pen.theme.strong());
        self.filter.draw(pen, after(line(inside, 0), used), true);
        let room = inside.height.saturating_sub(2);
        let first = scroll(self.at, shown.len(), usize::from(room));
        for ((place, entry), y) in shown.iter().enumerate().skip(first).zip(1..=room) {
            pen.spots.push((line(inside, y), Spot::Line(place)));
            draw_entry(pen, line(inside, y), entry, place == self.at);
        }
        if shown.is_empty() {
            pen.put(line(inside, 1), "  no such action, and no row of that name", pen.theme.plain());
        }
        // A reason that was cut in its line is told in full below.
        let why = self.selected().and_then(|entry| entry.why_not.as_deref());
        let hint = [(&[Act::Accept][..], "do it, or go there"), (&[Act::Leave], "close")];
        let footer = why.map_or_else(|| pen.hint(Context::Menu, &hint), str::to_owned);
        pen.put(line(inside, inside.height.saturating_sub(1)), &footer, pen.theme.faint());
    }
}

fn draw_entry(pen: &mut Pen, area: Rect, entry: &Entry, selected: bool) {
    let style = if entry.why_not.is_some() { pen.theme.faint() } else { pen.theme.plain() };
    let title = if entry.why_not.is_some() { format!("({})", entry.title) } else { entry.title.clone() };
    pen.put(area, if selected { ">" } else { "" }, pen.theme.plain());
    if let Goes::Row(_) = entry.goes {
        let used = pen.put(after(area, 2), &entry.title, pen.theme.strong()).max(16);
        pen.put(after(area, used + 3), &entry.keys, style);
    } else {
        pen.put(Rect { width: area.width.min(17), ..after(area, 2) }, &title, style);
        pen.put(Rect { width: area.width.saturating_sub(19).min(14), ..after(area, 19) }, &entry.keys, style);
        if let Some(why) = &entry.why_not {
            pen.put(after(area, 34), why, style);
        }
    }
    if selected {
        pen.lay(area, pen.theme.selected());
    }
}

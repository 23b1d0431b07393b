//! A place that is read line by line: headings, texts, and lines that the cursor can stand on. What a line stands for is
//! a value of the place (`T`), and the cursor stays on that value when lines come and go around it.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{Pen, after, line};
use crate::tui::theme::Theme;

/// Columns left of the text: a space, the cursor's mark, a space.
pub const GUTTER: u16 = 3;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Faint,
    Strong,
    Warning,
    Error,
}

/// Part of a line: so many columns wide, or as long as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    pub width: Option<u16>,
    pub right: bool,
    pub tone: Tone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<T> {
    pub parts: Vec<Part>,
    /// What the cursor stands on here; lines without are passed over.
    pub on: Option<T>,
}

impl Part {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// In a column of its own, a space after it.
    #[must_use]
    pub fn wide(self, width: u16) -> Self {
        Self { width: Some(width), ..self }
    }

    /// At its column's right edge.
    #[must_use]
    pub fn right(self, width: u16) -> Self {
        Self { width: Some(width), right: true, ..self }
    }

    #[must_use]
    pub fn tone(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

impl<T> Line<T> {
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts, on: None }
    }

    pub fn on(value: T, parts: Vec<Part>) -> Self {
        Self { parts, on: Some(value) }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![Part::new(text)])
    }

    pub fn heading(text: impl Into<String>) -> Self {
        Self::new(vec![Part::new(text).tone(Tone::Strong)])
    }

    pub fn empty() -> Self {
        Self::new(Vec::new())
    }
}

/// Where the cursor is, and from which line on there is room to see.
#[derive(Clone, Debug)]
pub struct Cursor<T> {
    on: Option<T>,
    /// Its line, when it was moved last.
    at: usize,
    top: usize,
}

impl<T> Default for Cursor<T> {
    fn default() -> Self {
        Self { on: None, at: 0, top: 0 }
    }
}

impl<T: Clone + PartialEq> Cursor<T> {
    /// The line it stands on: that of its value, else the next one there is near where that was.
    pub fn place(&self, lines: &[Line<T>]) -> Option<usize> {
        let same = |line: &Line<T>| line.on.is_some() && line.on == self.on;
        if let Some(place) = lines.iter().position(same) {
            return Some(place);
        }
        let stands = |place: &usize| lines.get(*place).is_some_and(|line| line.on.is_some());
        let last = lines.len().saturating_sub(1);
        let at = self.at.min(last);
        (at..=last).find(stands).or_else(|| (0..at).rev().find(stands))
    }

    /// What it stands on.
    pub fn value(&self, lines: &[Line<T>]) -> Option<T> {
        lines.get(self.place(lines)?)?.on.clone()
    }

    /// Moves by so many lines that can be stood on, in a window of so many lines.
    pub fn step(&mut self, lines: &[Line<T>], by: isize, room: u16) {
        let stands: Vec<usize> = (0..lines.len()).filter(|place| lines[*place].on.is_some()).collect();
        let Some(place) = self.place(lines) else { return };
        let now = stands.iter().position(|other| *other == place).unwrap_or(0);
        let to = now.saturating_add_signed(by).min(stands.len().saturating_sub(1));
        self.at = stands.get(to).copied().unwrap_or(place);
        self.on = lines.get(self.at).and_then(|line| line.on.clone());
        // What stands above the first line belongs to it.
        let seen = if to == 0 { 0 } else { self.at };
        self.top = self.top_in(lines.len(), usize::from(room)).min(seen);
        self.top = self.top_in(lines.len(), usize::from(room));
    }

    /// Stands on that value when it is there.
    pub fn go(&mut self, value: T) {
        self.on = Some(value);
    }

    fn top_in(&self, count: usize, room: usize) -> usize {
        let room = room.max(1);
        self.top.max((self.at + 1).saturating_sub(room)).min(count.saturating_sub(room))
    }

    /// Draws the lines that there is room for.
    pub fn draw(&self, pen: &mut Pen, area: Rect, lines: &[Line<T>]) {
        let place = self.place(lines);
        let room = usize::from(area.height);
        let shown = place.map_or(self.top, |place| self.top.min(place));
        let here = Self { on: None, at: place.unwrap_or(0), top: shown };
        let first = here.top_in(lines.len(), room);
        for ((at, text), y) in lines.iter().enumerate().skip(first).zip(0..area.height) {
            draw_line(pen, line(area, y), text, Some(at) == place);
        }
    }
}

pub fn style(theme: Theme, tone: Tone) -> Style {
    match tone {
        Tone::Plain => theme.plain(),
        Tone::Faint => theme.faint(),
        Tone::Strong => theme.strong(),
        Tone::Warning => theme.warning().patch(theme.strong()),
        Tone::Error => theme.error(),
    }
}

fn draw_line<T>(pen: &mut Pen, area: Rect, text: &Line<T>, selected: bool) {
    // A line to stand on is set in, so that it is told from a heading before the cursor comes to it.
    let gutter = if text.on.is_some() { GUTTER } else { 1 };
    let mut rest = Rect { width: area.width.saturating_sub(1), ..area };
    rest = after(rest, gutter);
    for part in &text.parts {
        let style = if selected { pen.theme.plain() } else { style(pen.theme, part.tone) };
        let used = match part.width {
            Some(width) => {
                let cell = Rect { width: width.min(rest.width), ..rest };
                if part.right {
                    pen.put_right(cell, &part.text, style);
                } else {
                    pen.put(cell, &part.text, style);
                }
                width + 1
            }
            None => pen.put(rest, &part.text, style),
        };
        rest = after(rest, used);
    }
    if selected {
        pen.put(after(area, 1), ">", pen.theme.plain());
        pen.lay(area, pen.theme.selected());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(values: &[Option<u8>]) -> Vec<Line<u8>> {
        values.iter().map(|on| Line { parts: vec![Part::new("x")], on: *on }).collect()
    }

    #[test]
    fn the_cursor_stays_on_its_value_and_passes_over_headings() {
        let some = lines(&[None, Some(1), None, Some(2), Some(3)]);
        let mut cursor = Cursor::default();
        assert_eq!(cursor.value(&some), Some(1));
        cursor.step(&some, 1, 3);
        assert_eq!(cursor.value(&some), Some(2));
        let more = lines(&[Some(7), Some(8), Some(1), None, Some(2)]);
        assert_eq!((cursor.value(&more), cursor.place(&more)), (Some(2), Some(4)));
        let without = lines(&[None, Some(1), Some(3)]);
        assert_eq!(cursor.value(&without), Some(3), "what took its place");
        assert_eq!(cursor.value(&lines(&[None])), None);
        cursor.step(&some, isize::MAX, 3);
        assert_eq!(cursor.value(&some), Some(3));
        cursor.step(&some, isize::MIN, 3);
        assert_eq!((cursor.value(&some), cursor.top), (Some(1), 0), "the heading is seen again");
    }
}

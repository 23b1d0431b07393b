//! The small things screens are made of. All of them draw through a `Pen`, which cuts and cleans every text
//! and never leaves its area: no size of window and no data can make drawing fail.

pub mod chart;
pub mod lines;
pub mod state_line;
pub mod table;
pub mod tabs;
pub mod text_field;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr as _;

use super::keys::{Act, Context, Keymap};
use super::places::Place;
use super::theme::Theme;

/// What a click in some place does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    Act(Act),
    Tab(Place),
    /// That line of the popup on top.
    Line(usize),
}

/// Draws into a frame's cells.
pub struct Pen<'a> {
    pub theme: Theme,
    /// Where a click does something, as drawn; what lies on top comes last.
    pub spots: Vec<(Rect, Spot)>,
    /// Where the terminal's cursor is to be seen.
    pub cursor: Option<Position>,
    /// What was put where, in order, and where a frame emptied what was there (without a text): for the tests that look
    /// for texts over each other.
    #[cfg(test)]
    pub laid: Vec<(Rect, String)>,
    /// The keys that hints name.
    keys: Keymap,
    buffer: &'a mut Buffer,
}

impl<'a> Pen<'a> {
    pub fn new(buffer: &'a mut Buffer, theme: Theme, keys: Keymap) -> Self {
        Self {
            theme,
            spots: Vec::new(),
            cursor: None,
            #[cfg(test)]
            laid: Vec::new(),
            keys,
            buffer,
        }
    }

    /// The keys of some acts there with what they do, as the person has them.
    pub fn hint(&self, context: Context, acts: &[(&[Act], &str)]) -> String {
        let told = acts.iter().map(|(acts, words)| {
            let keys = acts.iter().map(|act| self.keys.told(context, *act));
            keys.chain([(*words).to_owned()]).collect::<Vec<_>>().join(" ")
        });
        told.collect::<Vec<_>>().join("   ")
    }

    /// A place by its name, after the key that goes there as the person has it.
    pub fn place(&self, place: Place) -> String {
        let key = self.keys.told(Context::List, place.act());
        format!("{key} {}", place.title()).trim_start().to_owned()
    }

    /// Writes one text into the area's first line, cut to its width; the columns it took.
    pub fn put(&mut self, area: Rect, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return 0;
        }
        let text = self.theme.fit(text, usize::from(area.width));
        let (end, _) = self.buffer.set_stringn(area.x, area.y, &text, usize::from(area.width), style);
        #[cfg(test)]
        self.laid.push((Rect { width: end - area.x, height: 1, ..area }, text));
        end - area.x
    }

    /// Writes lines below each other. Where not all have room, the last one that has says that there is more.
    pub fn put_lines(&mut self, area: Rect, lines: &[String], style: Style) {
        for (text, y) in lines.iter().zip(0..area.height) {
            let more = y + 1 == area.height && lines.len() > usize::from(area.height);
            let text = if more { format!("{text} {}", self.theme.ellipsis()) } else { text.clone() };
            self.put(line(area, y), &text, style);
        }
    }

    /// The same at the right edge.
    pub fn put_right(&mut self, area: Rect, text: &str, style: Style) {
        let width = columns(&self.theme.clean(text)).min(area.width);
        self.put(Rect { x: area.right() - width, width, ..area }, text, style);
    }

    /// A text at each end of a line; where both have no room, the first one is cut.
    pub fn put_ends(&mut self, area: Rect, text: &str, end: &str, style: Style) {
        let taken = columns(&self.theme.clean(end));
        self.put_right(area, end, style);
        let gap = if taken == 0 { 0 } else { taken + 1 };
        self.put(Rect { width: area.width.saturating_sub(gap), ..area }, text, style);
    }

    /// Several texts after each other in one line.
    pub fn put_all(&mut self, area: Rect, parts: &[(&str, Style)]) -> u16 {
        let mut used = 0;
        for (text, style) in parts {
            used += self.put(after(area, used), text, *style);
        }
        used
    }

    /// Lays a style over what is there.
    pub fn lay(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area, style);
    }

    /// A line across.
    pub fn rule(&mut self, area: Rect) {
        let text = self.theme.rule().repeat(usize::from(area.width));
        self.put(area, &text, self.theme.lines());
    }

    /// Empties the area.
    pub fn clear(&mut self, area: Rect) {
        #[cfg(test)]
        self.laid.push((area, String::new()));
        let area = area.intersection(self.buffer.area);
        ratatui::widgets::Widget::render(ratatui::widgets::Clear, area, self.buffer);
        self.lay(area, self.theme.plain());
    }

    /// Empties the area and puts a frame round it; what is inside.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.buffer.area);
        self.clear(area);
        let [top_left, top_right, bottom_left, bottom_right] = self.theme.corners();
        let across = self.theme.rule().repeat(usize::from(area.width.saturating_sub(2)));
        let faint = self.theme.lines();
        for y in area.top()..area.bottom() {
            let line = Rect { y, height: 1, ..area };
            let (left, right) = match y {
                y if y == area.top() => (top_left, top_right),
                y if y + 1 == area.bottom() => (bottom_left, bottom_right),
                _ => (self.theme.divider(), self.theme.divider()),
            };
            if y == area.top() || y + 1 == area.bottom() {
                self.put(after(line, 1), &across, faint);
            }
            self.put(line, left, faint);
            self.put_right(line, right, faint);
        }
        let title_area = Rect { width: area.width.saturating_sub(4), height: 1, ..after(area, 2) };
        self.put(title_area, &format!(" {title} "), self.theme.strong());
        shrink(area, 2, 1)
    }
}

/// The columns a text takes.
pub fn columns(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// What remains of a line after so many columns.
pub fn after(area: Rect, used: u16) -> Rect {
    let used = used.min(area.width);
    Rect { x: area.x + used, width: area.width - used, ..area }
}

/// The line at that height of the area; empty where there is none.
pub fn line(area: Rect, at: u16) -> Rect {
    let at = at.min(area.height);
    Rect { y: area.y + at, height: (area.height - at).min(1), ..area }
}

pub fn shrink(area: Rect, across: u16, down: u16) -> Rect {
    let (across, down) = (across.min(area.width / 2), down.min(area.height / 2));
    Rect {
        x: area.x + across,
        y: area.y + down,
        width: area.width - 2 * across,
        height: area.height - 2 * down,
    }
}

/// An area of at most that size in the middle.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// The first line to show so that line `at` of `count` is seen among `room`, a little before it too.
pub fn scroll(at: usize, count: usize, room: usize) -> usize {
    at.saturating_sub(room / 2).min(count.saturating_sub(room))
}

/// A text that is to be read whole: as it is where it fits, else in lines, with words in pieces that have no room in one.
pub fn wrap_all(text: &str, width: u16) -> Vec<String> {
    if columns(text) <= width {
        return vec![text.to_owned()];
    }
    let room = usize::from(width.max(2));
    let mut lines = Vec::new();
    for mut line in wrap(text, width) {
        while line.width() > room {
            let ends = line.char_indices().map(|(at, _)| at).skip(1);
            let end = ends.take_while(|end| line[..*end].width() <= room).last().unwrap_or(line.len());
            let rest = line.split_off(end);
            lines.push(line);
            line = rest;
        }
        lines.push(line);
    }
    lines
}

/// A text in lines of at most that width, broken between words.
pub fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last =
            lines.last_mut().filter(|last| last.is_empty() || last.width() + 1 + word.width() <= width);
        match last {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

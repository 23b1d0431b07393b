//! Help, made from the table of keys: the place one is in first, then the others. Typing searches it.

use ratatui::layout::Rect;

use crate::service::FILTER_HELP;
use crate::tui::keys::{Act, Context, Keymap};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, shrink, wrap};

#[derive(Clone, Debug)]
pub struct Help {
    pub filter: TextField,
    pub top: usize,
    from: Context,
    keys: Keymap,
}

const WIDTH: u16 = 92;
const KEYS_WIDTH: u16 = 18;

/// A line of help: a heading, or keys and what they do; a long text goes on without keys.
struct Line {
    heading: bool,
    keys: String,
    text: String,
}

/// The popup's area in a window.
fn area_in(area: Rect) -> Rect {
    centred(area, WIDTH.min(area.width), area.height.saturating_sub(2).max(1))
}

impl Help {
    pub fn new(from: Context, keys: Keymap) -> Self {
        Self { filter: TextField::default(), top: 0, from, keys }
    }

    /// What is found, in lines of that width.
    fn lines(&self, width: u16) -> Vec<Line> {
        let wanted = self.filter.text().trim().to_lowercase();
        let others = Context::ALL.into_iter().filter(|context| *context != self.from);
        let mut out = Vec::new();
        for context in std::iter::once(self.from).chain(others) {
            let found = self.keys.bindings(context).filter(|binding| {
                let text = format!("{} {} {}", binding.keys_text(), binding.title, binding.help);
                text.to_lowercase().contains(&wanted)
            });
            let mut found = found.peekable();
            if found.peek().is_some() {
                out.push(Line { heading: true, keys: String::new(), text: context.title().to_owned() });
            }
            for binding in found {
                let texts = wrap(binding.help, width.saturating_sub(KEYS_WIDTH + 3));
                out.extend(texts.into_iter().enumerate().map(|(at, text)| Line {
                    heading: false,
                    keys: if at == 0 { binding.keys_text() } else { String::new() },
                    text,
                }));
            }
        }
        let found = FILTER_HELP
            .iter()
            .filter(|(typed, shown)| format!("{typed} {shown} filter").to_lowercase().contains(&wanted));
        let mut found = found.peekable();
        if found.peek().is_some() {
            out.push(Line { heading: true, keys: String::new(), text: texts::FILTER_LANGUAGE.to_owned() });
        }
        for (typed, shown) in found {
            let texts = wrap(shown, width.saturating_sub(KEYS_WIDTH + 3));
            out.extend(texts.into_iter().enumerate().map(|(at, text)| Line {
                heading: false,
                keys: if at == 0 { (*typed).to_owned() } else { String::new() },
                text,
            }));
        }
        out
    }

    /// Scrolls in a window of that size.
    pub fn step(&mut self, by: isize, size: (u16, u16)) {
        let inside = shrink(area_in(Rect::new(0, 0, size.0, size.1)), 2, 1);
        let room = usize::from(inside.height.saturating_sub(3));
        let last = self.lines(inside.width).len().saturating_sub(room);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let inside = pen.frame(area_in(area), "Help");
        let lines = self.lines(inside.width);
        let used = pen.put(line(inside, 0), "Search ", pen.theme.strong());
        self.filter.draw(pen, after(line(inside, 0), used), true);
        let room = inside.height.saturating_sub(2);
        let first = self.top.min(lines.len().saturating_sub(usize::from(room)));
        for (text, y) in lines.iter().skip(first).zip(1..=room) {
            let area = line(inside, y);
            if text.heading {
                pen.put(area, &text.text, pen.theme.strong());
            } else {
                let keys = Rect { width: area.width.min(KEYS_WIDTH), ..after(area, 2) };
                pen.put(keys.intersection(area), &text.keys, pen.theme.plain());
                pen.put(after(area, KEYS_WIDTH + 3), &text.text, pen.theme.plain());
            }
        }
        let last = line(inside, inside.height.saturating_sub(1));
        let scroll: &[Act] = &[Act::Up, Act::Down, Act::PageUp, Act::PageDown];
        let hint = pen.hint(Context::Help, &[(scroll, "scroll"), (&[Act::Leave], "close")]);
        let seen = (first + usize::from(room)).min(lines.len());
        let end = format!("{seen} of {} lines", lines.len());
        pen.put_ends(last, &hint, &end, pen.theme.faint());
    }
}

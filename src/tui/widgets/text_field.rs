//! One line of text that a person edits. It takes characters only: what is harmful is dropped, and neither a
//! line break in a paste nor any other control character ever does something.

use ratatui::layout::{Position, Rect};
use tui_input::{Input, InputRequest};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::Pen;
use crate::domain::field::is_harmful;
use crate::tui::press::{Code, Press};

/// The longest text, in characters: twice what the longest column takes, so that too long is told and not cut.
const CHARS_MAX: usize = 512;

#[derive(Clone, Debug, Default)]
pub struct TextField {
    input: Input,
    /// Shown as dots.
    pub masked: bool,
}

impl TextField {
    pub fn new(text: &str) -> Self {
        Self { input: Input::new(text.to_owned()), masked: false }
    }

    pub fn masked() -> Self {
        Self { masked: true, ..Self::default() }
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
    }

    /// Takes the text out and leaves nothing of it.
    pub fn take(&mut self) -> String {
        self.input.value_and_reset()
    }

    /// Takes a press if it is one for a text field.
    pub fn press(&mut self, press: Press) -> bool {
        let request = match (press.code, press.ctrl, press.alt) {
            (Code::Char(c), false, false) => return self.insert(c),
            (Code::Backspace, false, false) => InputRequest::DeletePrevChar,
            (Code::Backspace, ..) | (Code::Char('w'), true, _) => InputRequest::DeletePrevWord,
            (Code::Delete, ..) => InputRequest::DeleteNextChar,
            (Code::Left, true, _) => InputRequest::GoToPrevWord,
            (Code::Right, true, _) => InputRequest::GoToNextWord,
            (Code::Left, ..) => InputRequest::GoToPrevChar,
            (Code::Right, ..) => InputRequest::GoToNextChar,
            (Code::Home, ..) | (Code::Char('a'), true, _) => InputRequest::GoToStart,
            (Code::End, ..) | (Code::Char('e'), true, _) => InputRequest::GoToEnd,
            (Code::Char('u'), true, _) => InputRequest::DeleteLine,
            _ => return false,
        };
        self.input.handle(request);
        true
    }

    fn insert(&mut self, c: char) -> bool {
        if !is_harmful(c) && self.text().chars().count() < CHARS_MAX {
            self.input.handle(InputRequest::InsertChar(c));
        }
        true
    }

    /// Takes a paste; line breaks become spaces between words.
    pub fn paste(&mut self, text: &str) {
        let text = text.trim().replace(['\r', '\n', '\t'], " ");
        for c in text.chars() {
            self.insert(c);
        }
    }

    /// Draws the text, scrolled so that the cursor is seen, and places the terminal's cursor.
    pub fn draw(&self, pen: &mut Pen, area: Rect, focused: bool) {
        let shown = if self.masked {
            pen.theme.mask().repeat(self.text().chars().count())
        } else {
            pen.theme.clean(self.text())
        };
        let style = if focused {
            pen.theme.plain().add_modifier(ratatui::style::Modifier::UNDERLINED)
        } else {
            pen.theme.plain()
        };
        if !focused {
            pen.put(area, &shown, style);
            return;
        }
        pen.lay(Rect { height: area.height.min(1), ..area }, style);
        let before: String = shown.chars().take(self.input.cursor()).collect();
        let room = usize::from(area.width.saturating_sub(1));
        let hidden = before.width().saturating_sub(room);
        let tail = skip_columns(&shown, hidden);
        let visible: String = take_columns(tail, usize::from(area.width));
        pen.put(area, &visible, style);
        let column = u16::try_from(before.width() - hidden.min(before.width())).unwrap_or(0);
        if !area.is_empty() {
            pen.cursor = Some(Position { x: area.x + column.min(area.width - 1), y: area.y });
        }
    }
}

fn skip_columns(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        if used >= columns {
            return text.get(at..).unwrap_or_default();
        }
        used += c.width().unwrap_or(0);
    }
    if columns == 0 { text } else { "" }
}

fn take_columns(text: &str, columns: usize) -> String {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_brings_text_and_nothing_else() {
        let mut field = TextField::default();
        field.paste("  a\u{1b}[31mb\r\nc\u{202e}\n");
        assert_eq!(field.text(), "a[31mb  c");
    }

    #[test]
    fn keys_edit() {
        let mut field = TextField::new("abc");
        for code in [Code::Left, Code::Backspace, Code::Char('x'), Code::Home, Code::Delete] {
            assert!(field.press(Press::key(code)));
        }
        assert_eq!(field.text(), "xc");
        assert!(!field.press(Press::key(Code::Enter)), "a line break is not for a field");
        assert!(!field.press(Press::ctrl('s')));
    }
}

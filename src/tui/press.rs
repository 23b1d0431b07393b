//! One key press, as a plain value: what the decoder makes of bytes, what the key table binds, what help
//! prints. Terminals report no more than this reliably, so shift is only told where it makes another key
//! (`BackTab`, capitals).

use std::fmt;

/// The key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Char(char),
    F(u8),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Press {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
}

impl Press {
    pub const fn key(code: Code) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    pub const fn char(c: char) -> Self {
        Self::key(Code::Char(c))
    }

    pub const fn f(n: u8) -> Self {
        Self::key(Code::F(n))
    }

    /// Control with a lower-case letter.
    pub const fn ctrl(c: char) -> Self {
        Self { code: Code::Char(c), ctrl: true, alt: false }
    }

    /// The character that a text field takes for this press.
    #[cfg(test)]
    pub const fn text(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

impl fmt::Display for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl+")?;
        }
        if self.alt {
            f.write_str("Alt+")?;
        }
        let name = match self.code {
            Code::Char(' ') => "Space",
            Code::Char(c) if self.ctrl => return write!(f, "{}", c.to_ascii_uppercase()),
            Code::Char(c) => return write!(f, "{c}"),
            Code::F(n) => return write!(f, "F{n}"),
            Code::Enter => "Enter",
            Code::Esc => "Esc",
            Code::Tab => "Tab",
            Code::BackTab => "Shift+Tab",
            Code::Backspace => "Backspace",
            Code::Delete => "Del",
            Code::Insert => "Ins",
            Code::Up => "Up",
            Code::Down => "Down",
            Code::Left => "Left",
            Code::Right => "Right",
            Code::Home => "Home",
            Code::End => "End",
            Code::PageUp => "PgUp",
            Code::PageDown => "PgDn",
        };
        f.write_str(name)
    }
}

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
    pub const fn text(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

/// Keys by the name that is not their character.
const NAMED: [(Code, &str); 15] = [
    (Code::Enter, "Enter"),
    (Code::Esc, "Esc"),
    (Code::Tab, "Tab"),
    (Code::BackTab, "Shift+Tab"),
    (Code::Backspace, "Backspace"),
    (Code::Delete, "Del"),
    (Code::Insert, "Ins"),
    (Code::Up, "Up"),
    (Code::Down, "Down"),
    (Code::Left, "Left"),
    (Code::Right, "Right"),
    (Code::Home, "Home"),
    (Code::End, "End"),
    (Code::PageUp, "PgUp"),
    (Code::PageDown, "PgDn"),
];

impl std::str::FromStr for Press {
    type Err = String;

    /// A key by the name that help gives it, which a terminal can send and the decoder tells apart.
    fn from_str(text: &str) -> Result<Self, String> {
        let (ctrl, name) = match text.strip_prefix("Ctrl+") {
            Some(name) if !name.is_empty() => (true, name),
            _ => (false, text),
        };
        let named = NAMED.iter().find(|(_, known)| *known == name).map(|(code, _)| *code);
        let function = || name.strip_prefix('F')?.parse().ok().filter(|n| (1..=12).contains(n)).map(Code::F);
        let mut characters = name.chars();
        let one = match (characters.next(), characters.next()) {
            _ if name == "Space" => Some(' '),
            (Some(c), None) if c != ' ' && !crate::domain::field::is_harmful(c) => Some(c),
            _ => None,
        };
        let code = match (named.or_else(function), one) {
            (Some(code), _) => code,
            (None, Some(c)) if !ctrl => Code::Char(c),
            (None, Some(c)) if "IJMHijmh".contains(c) => {
                return Err(format!("a terminal sends Ctrl+{c} as another key"));
            }
            (None, Some(c)) if c.is_ascii_alphabetic() => Code::Char(c.to_ascii_lowercase()),
            _ => {
                return Err("it is no key; write a character, Space, F1 to F12, Ctrl+A, Enter, Ins, PgUp …"
                    .to_owned());
            }
        };
        Ok(Self { code, ctrl, alt: false })
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
            other => NAMED.iter().find(|(code, _)| *code == other).map_or("", |(_, name)| name),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_read_back_by_its_name() {
        for press in crate::tui::keys::all().iter().flat_map(|binding| binding.keys) {
            assert_eq!(press.to_string().parse(), Ok(*press));
        }
        for wrong in ["", "Ctrl+", "Alt+x", "F13", "Ctrl+I", "Enter2", "\u{202e}", "xy"] {
            assert!(wrong.parse::<Press>().is_err(), "{wrong}");
        }
    }
}

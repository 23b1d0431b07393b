//! How things look, by what they mean. Colour only ever repeats what a glyph, a word or an attribute says
//! already, so that nothing is lost without it; which colour a meaning has is the palette's affair.

pub mod palette;

use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::domain::field::is_harmful;
use crate::service::Mark;
use palette::{Palette, Token};

/// The look, decided at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// Only characters that every terminal and font has.
    pub ascii: bool,
    /// No colour at all.
    pub mono: bool,
    pub palette: Palette,
}

impl Theme {
    fn coloured(self, token: Token) -> Style {
        let colour = if self.mono { Color::Reset } else { self.palette.get(token) };
        let style = self.behind();
        if colour == Color::Reset { style } else { style.fg(colour) }
    }

    /// The background, where the theme draws one.
    fn behind(self) -> Style {
        match self.palette.back {
            Some(back) if !self.mono => Style::new().bg(back),
            _ => Style::new(),
        }
    }

    pub fn plain(self) -> Style {
        self.coloured(Token::Text)
    }

    /// The one selected row; the gutter's mark says it a second time.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn strong(self) -> Style {
        self.plain().add_modifier(Modifier::BOLD)
    }

    /// A key that can be pressed now.
    pub fn key(self) -> Style {
        self.coloured(Token::Key).add_modifier(Modifier::BOLD)
    }

    /// What helps and could be missed.
    pub fn faint(self) -> Style {
        self.coloured(Token::Faint)
    }

    /// Lines and frames.
    pub fn lines(self) -> Style {
        self.coloured(Token::Rule)
    }

    pub fn loud(self) -> Style {
        self.plain().add_modifier(Modifier::REVERSED)
    }

    pub fn warning(self) -> Style {
        self.coloured(Token::Warning)
    }

    pub fn error(self) -> Style {
        self.coloured(Token::Error).add_modifier(Modifier::BOLD)
    }

    /// The mark of an edit that was not sent.
    pub fn unsent(self) -> Style {
        self.coloured(Token::Unsent).add_modifier(Modifier::BOLD)
    }

    /// The style of a status word.
    pub fn status(self, word: &str) -> Style {
        match word {
            "ACTIVE" => self.coloured(Token::Active),
            "STANDBY" => self.coloured(Token::Standby),
            "MAINTENANCE" => self.coloured(Token::Maintenance),
            "OFFLINE" | "INACTIVE" => self.coloured(Token::Offline),
            _ => self.plain(),
        }
    }

    const fn glyph(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// The glyph before a status word; a word nobody knows (old data) gets a question mark.
    pub fn status_glyph(self, word: &str) -> &'static str {
        match word {
            "ACTIVE" => self.glyph("●", "*"),
            "STANDBY" => self.glyph("○", "o"),
            "MAINTENANCE" => self.glyph("▲", "!"),
            "OFFLINE" | "INACTIVE" => self.glyph("×", "x"),
            _ => "?",
        }
    }

    /// Is it a status word that has a glyph?
    pub fn has_glyph(word: &str) -> bool {
        matches!(word, "ACTIVE" | "STANDBY" | "MAINTENANCE" | "OFFLINE" | "INACTIVE")
    }

    /// Before a line that has more inside.
    pub const fn folded(self) -> &'static str {
        self.glyph("▸", "+")
    }

    pub const fn unfolded(self) -> &'static str {
        self.glyph("▾", "-")
    }

    pub const fn sort_arrow(self, descending: bool) -> &'static str {
        if descending { self.glyph("↓", "v") } else { self.glyph("↑", "^") }
    }

    pub const fn rule(self) -> &'static str {
        self.glyph("─", "-")
    }

    pub const fn divider(self) -> &'static str {
        self.glyph("│", "|")
    }

    pub const fn corners(self) -> [&'static str; 4] {
        if self.ascii { ["+", "+", "+", "+"] } else { ["┌", "┐", "└", "┘"] }
    }

    /// Says that a field opens a list.
    pub const fn opens(self) -> &'static str {
        self.glyph("▾", "v")
    }

    pub const fn mask(self) -> &'static str {
        self.glyph("•", "*")
    }

    pub const fn ellipsis(self) -> &'static str {
        self.glyph("…", "..")
    }

    /// Text from data, fit for a terminal: nothing in it moves the cursor, hides or turns text round.
    pub fn clean(self, text: &str) -> String {
        let sound = |c: char| !is_harmful(c) && (!self.ascii || c.is_ascii());
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if sound(c) { out.push(c) } else { out.push_str(self.stand_in(c)) }
        }
        out
    }

    const fn stand_in(self, c: char) -> &'static str {
        match (self.ascii, c) {
            (false, _) => "·",
            (true, '·' | '•') => "-",
            (true, '…') => "..",
            (true, _) => "?",
        }
    }

    /// Cleaned and cut to so many columns, the cut told by an ellipsis.
    pub fn fit(self, text: &str, width: usize) -> String {
        let text = self.clean(text);
        if text.width() <= width {
            return text;
        }
        let room = width.saturating_sub(self.ellipsis().width());
        let mut out = String::new();
        let mut used = 0;
        for c in text.chars() {
            used += c.width().unwrap_or(0);
            if used > room {
                break;
            }
            out.push(c);
        }
        if width >= self.ellipsis().width() {
            out.push_str(self.ellipsis());
        }
        out
    }
}

/// The mark of a row: what needs a person comes before what is merely unsent.
pub const fn row_mark(mark: Option<Mark>, needs_you: bool) -> &'static str {
    match (needs_you, mark) {
        (true, _) => "?!",
        (_, Some(Mark::New)) => "+",
        (_, Some(Mark::Changed)) => "~",
        (_, Some(Mark::Deleted)) => "-",
        (_, None) => "",
    }
}

/// The same in a word, for a column of nine.
pub const fn row_word(mark: Option<Mark>, needs_you: bool) -> Option<&'static str> {
    match (needs_you, mark) {
        (true, _) => Some("needs you"),
        (_, Some(Mark::New)) => Some("new"),
        (_, Some(Mark::Changed)) => Some("unsent"),
        (_, Some(Mark::Deleted)) => Some("deleted"),
        (_, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_reach_the_terminal_as_anything_but_text() {
        let theme = Theme::default();
        assert_eq!(theme.clean("a\u{1b}[31mb\u{202e}c\n"), "a·[31mb·c·");
        assert_eq!(Theme { ascii: true, ..Theme::default() }.clean("Küste · 漢\u{7}"), "K?ste - ??");
    }

    /// What a status is told by, were every colour taken away.
    #[test]
    fn each_status_has_a_glyph_of_its_own_beside_its_word() {
        for theme in [Theme::default(), Theme { ascii: true, ..Theme::default() }] {
            let words = ["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"];
            let glyphs: std::collections::BTreeSet<&str> =
                words.iter().map(|word| theme.status_glyph(word)).collect();
            assert_eq!(glyphs.len(), words.len(), "{glyphs:?}");
            let mono = Theme { mono: true, ..theme };
            assert!(words.iter().all(|word| mono.status(word) == Style::new()));
            assert!(mono.selected().add_modifier.contains(Modifier::REVERSED));
        }
    }

    #[test]
    fn cuts_count_columns_and_not_characters() {
        let theme = Theme::default();
        assert_eq!(theme.fit("漢字漢字", 5), "漢字…");
        assert_eq!(theme.fit("漢字漢字", 4), "漢…");
        assert_eq!(theme.fit("abc", 3), "abc");
        assert_eq!(theme.fit("abc", 0), "");
        assert_eq!(Theme { ascii: true, ..Theme::default() }.fit("abcdef", 4), "ab..");
    }
}

//! What the terminal can show, decided once at the start: how many colours, which characters, and whether there is a
//! screen to draw on at all. A pure function of what the environment says and of what the person wishes; wishes win.
//! Each answer keeps its reason, so that a person who sees the wrong picture is told what to change.

use serde::{Deserialize, Serialize};

/// How many colours the terminal is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Colours {
    /// None: attributes alone.
    #[serde(rename = "mono")]
    Mono,
    /// The sixteen whose shades are the terminal's own.
    #[serde(rename = "16")]
    Sixteen,
    #[serde(rename = "256")]
    Indexed,
    /// Any shade.
    #[serde(rename = "true")]
    True,
}

impl Colours {
    pub const ALL: [Self; 4] = [Self::True, Self::Indexed, Self::Sixteen, Self::Mono];

    /// As flags and the configuration file name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mono => "mono",
            Self::Sixteen => "16",
            Self::Indexed => "256",
            Self::True => "true",
        }
    }

    pub const fn words(self) -> &'static str {
        match self {
            Self::Mono => "no colours",
            Self::Sixteen => "16 colours",
            Self::Indexed => "256 colours",
            Self::True => "all colours",
        }
    }
}

impl std::str::FromStr for Colours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|colours| colours.name() == text);
        found.ok_or_else(|| "it is one of true, 256, 16, mono".to_owned())
    }
}

/// What stands between the console and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    Tmux,
    Screen,
}

/// What the environment says of the terminal. What is not set is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `TERM`.
    pub term: String,
    /// `COLORTERM`.
    pub colorterm: String,
    /// `NO_COLOR` is set to something.
    pub no_color: bool,
    /// What `LC_ALL`, `LC_CTYPE` or `LANG` says, the first that is set.
    pub locale: String,
    /// What `TMUX`, or `STY` of GNU screen, says.
    pub between: Option<Between>,
    /// `COLORFGBG` names a light background.
    pub light: bool,
}

impl Surroundings {
    /// Those of this process.
    pub fn read() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            term: text("TERM").unwrap_or_default(),
            colorterm: text("COLORTERM").unwrap_or_default(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text).unwrap_or_default(),
            between: text("TMUX").map(|_| Between::Tmux).or_else(|| text("STY").map(|_| Between::Screen)),
            light: text("COLORFGBG")
                .is_some_and(|value| matches!(value.rsplit(';').next(), Some("7" | "15"))),
        }
    }

    /// Everything goes through tmux; over SSH from inside it, the name alone tells.
    pub fn in_tmux(&self) -> bool {
        self.between == Some(Between::Tmux) || self.term.starts_with("tmux")
    }

    /// Everything goes through GNU screen.
    pub fn in_screen(&self) -> bool {
        !self.in_tmux() && (self.between == Some(Between::Screen) || self.term.starts_with("screen"))
    }
}

/// What the person wishes, by flags or the configuration file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    pub colours: Option<Colours>,
    pub ascii: Option<bool>,
    pub plain: bool,
}

/// What the terminal is given, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ladder {
    pub colours: Colours,
    pub colours_by: String,
    /// Only characters that every terminal has.
    pub ascii: bool,
    pub ascii_by: String,
    /// Lines alone: nothing is drawn, and no code but text is sent.
    pub plain: bool,
    pub plain_by: String,
}

const BY_PERSON: &str = "as you asked";

impl Ladder {
    pub fn decide(around: &Surroundings, wishes: Wishes) -> Self {
        let (colours, colours_by) = colours(around, wishes.colours);
        let (ascii, ascii_by) = ascii(around, wishes.ascii);
        let (plain, plain_by) = match (wishes.plain, is_dumb(around)) {
            (true, _) => (true, BY_PERSON.to_owned()),
            (false, true) => (true, named("TERM", &around.term)),
            (false, false) => (false, named("TERM", &around.term)),
        };
        Self { colours, colours_by, ascii, ascii_by, plain, plain_by }
    }

    /// A line for each answer, with its reason.
    pub fn lines(&self) -> [String; 3] {
        let characters = if self.ascii { "ASCII characters" } else { "Unicode characters" };
        let way = if self.plain { "line mode" } else { "a drawn screen" };
        [
            format!("{} ({})", self.colours.words(), self.colours_by),
            format!("{characters} ({})", self.ascii_by),
            format!("{way} ({})", self.plain_by),
        ]
    }
}

fn named(name: &str, value: &str) -> String {
    if value.is_empty() { format!("{name} is not set") } else { format!("{name} is {value}") }
}

fn is_dumb(around: &Surroundings) -> bool {
    around.term == "dumb"
}

fn colours(around: &Surroundings, wish: Option<Colours>) -> (Colours, String) {
    let term = around.term.as_str();
    let by_term = || named("TERM", term);
    if let Some(wish) = wish {
        return (wish, BY_PERSON.to_owned());
    } else if around.no_color {
        return (Colours::Mono, "NO_COLOR is set".to_owned());
    } else if term.is_empty() || is_dumb(around) || is_colourless(term) {
        return (Colours::Mono, by_term());
    }
    // GNU screen hands the variable on from outside, and takes the codes of all colours for something else.
    let believed = !around.in_screen();
    if believed && matches!(around.colorterm.as_str(), "truecolor" | "24bit") {
        return (Colours::True, named("COLORTERM", &around.colorterm));
    }
    let all = ["xterm-kitty", "alacritty", "foot", "wezterm", "xterm-ghostty"];
    if term.ends_with("-direct") || all.iter().any(|name| term == *name || term.starts_with("foot-")) {
        (Colours::True, by_term())
    } else if term.contains("256color") {
        (Colours::Indexed, by_term())
    } else {
        (Colours::Sixteen, by_term())
    }
}

/// Terminals of one colour: those of before colours, and the entries that say so.
fn is_colourless(term: &str) -> bool {
    let old = term.strip_prefix("vt").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    old || term.ends_with("-m") || term.ends_with("-mono") || term.starts_with("wy")
}

fn ascii(around: &Surroundings, wish: Option<bool>) -> (bool, String) {
    if let Some(wish) = wish {
        return (wish, BY_PERSON.to_owned());
    }
    let locale = around.locale.to_lowercase();
    let unicode = locale.contains("utf-8") || locale.contains("utf8");
    let by = match around.locale.as_str() {
        "" => "no locale is set".to_owned(),
        name => format!("the locale is {name}"),
    };
    (!unicode, by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(term: &str, colorterm: &str, no_color: bool, locale: &str) -> Surroundings {
        Surroundings {
            term: term.to_owned(),
            colorterm: colorterm.to_owned(),
            no_color,
            locale: locale.to_owned(),
            ..Surroundings::default()
        }
    }

    #[test]
    fn each_terminal_has_its_rung() {
        let table = [
            ("xterm-256color", "truecolor", false, "en_US.UTF-8", "true Unicode drawn"),
            ("xterm-256color", "", false, "C.utf8", "256 Unicode drawn"),
            ("xterm-direct", "", false, "C.UTF-8", "true Unicode drawn"),
            ("foot-extra", "", false, "C.UTF-8", "true Unicode drawn"),
            ("linux", "", false, "de_DE.UTF-8", "16 Unicode drawn"),
            ("xterm", "", false, "POSIX", "16 ASCII drawn"),
            ("xterm-256color", "truecolor", true, "C.UTF-8", "mono Unicode drawn"),
            ("screen.xterm-256color", "truecolor", false, "C.UTF-8", "256 Unicode drawn"),
            ("tmux-256color", "truecolor", false, "C.UTF-8", "true Unicode drawn"),
            ("vt100", "", false, "", "mono ASCII drawn"),
            ("vte-256color", "", false, "C.UTF-8", "256 Unicode drawn"),
            ("linux-m", "", false, "C.UTF-8", "mono Unicode drawn"),
            ("", "", false, "C.UTF-8", "mono Unicode drawn"),
            ("dumb", "truecolor", false, "C.UTF-8", "mono Unicode lines"),
        ];
        for (term, colorterm, no_color, locale, expected) in table {
            let ladder = Ladder::decide(&around(term, colorterm, no_color, locale), Wishes::default());
            let characters = if ladder.ascii { "ASCII" } else { "Unicode" };
            let way = if ladder.plain { "lines" } else { "drawn" };
            assert_eq!(format!("{} {characters} {way}", ladder.colours.name()), expected, "{term}");
        }
    }

    #[test]
    fn wishes_win() {
        let wishes = Wishes { colours: Some(Colours::Sixteen), ascii: Some(false), plain: true };
        let ladder = Ladder::decide(&around("vt100", "", true, ""), wishes);
        assert_eq!((ladder.colours, ladder.ascii, ladder.plain), (Colours::Sixteen, false, true));
        assert!(ladder.lines().iter().all(|line| line.ends_with("(as you asked)")), "{ladder:?}");
        assert_eq!("256".parse(), Ok(Colours::Indexed));
        assert!("88".parse::<Colours>().is_err());
    }

    #[test]
    fn what_stands_between_is_known() {
        let screen = Surroundings {
            between: Some(Between::Screen),
            ..around("xterm-256color", "truecolor", false, "")
        };
        assert!(screen.in_screen() && !screen.in_tmux());
        let tmux = Surroundings {
            between: Some(Between::Tmux),
            ..around("screen-256color", "truecolor", false, "")
        };
        assert!(tmux.in_tmux() && !tmux.in_screen());
        assert_eq!(Ladder::decide(&tmux, Wishes::default()).colours, Colours::True);
    }
}

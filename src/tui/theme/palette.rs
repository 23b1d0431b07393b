//! A theme's colours: which colour a meaning has on each rung of the ladder, read from a small file. The built-in files
//! lie in `assets/themes`; a person's own is read the same way and held to the same: every meaning has its colours,
//! and every text can be read on the background that the theme is made for.
//!
//! Of the 256 colours the first sixteen are refused where 256 are asked for: their shades are the terminal's own. The
//! contrast of the sixteen is reckoned with xterm's shades; another terminal's may differ.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use ratatui::style::Color;
use serde::Deserialize;

use crate::service::ladder::Colours;

/// The largest theme file that is read, in bytes: a hundred times what one takes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The least contrast of a text with its background that any theme may have (WCAG 2.1, AA).
const CONTRAST_MIN: f64 = 4.5;

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Text,
    /// What helps and could be missed.
    Faint,
    /// Lines and frames.
    Rule,
    /// Keys in the footer.
    Key,
    Warning,
    Error,
    /// The mark of an edit that was not sent.
    Unsent,
    Active,
    Standby,
    Maintenance,
    Offline,
}

impl Token {
    const ALL: [Self; 11] = [
        Self::Text,
        Self::Faint,
        Self::Rule,
        Self::Key,
        Self::Warning,
        Self::Error,
        Self::Unsent,
        Self::Active,
        Self::Standby,
        Self::Maintenance,
        Self::Offline,
    ];

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// The built-in themes, by name.
const BUILT_IN: [(&str, &str); 5] = [
    ("dark", include_str!("../../../assets/themes/dark.toml")),
    ("light", include_str!("../../../assets/themes/light.toml")),
    ("high-contrast", include_str!("../../../assets/themes/high-contrast.toml")),
    ("deuteranopia", include_str!("../../../assets/themes/deuteranopia.toml")),
    ("tritanopia", include_str!("../../../assets/themes/tritanopia.toml")),
];

/// The colours of one theme on one rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    colours: [Color; Token::ALL.len()],
    /// What is drawn behind everything; `None`: the terminal's own.
    pub back: Option<Color>,
}

impl Palette {
    /// No colour at all.
    pub const MONO: Self = Self { colours: [Color::Reset; Token::ALL.len()], back: None };

    pub fn get(&self, token: Token) -> Color {
        self.colours.get(token as usize).copied().unwrap_or(Color::Reset)
    }
}

impl Default for Palette {
    /// The dark theme in the sixteen colours.
    fn default() -> Self {
        read_theme(BUILT_IN[0].1).map_or(Self::MONO, |file| file.palette(Colours::Sixteen))
    }
}

/// One of the three columns of a theme file, each with a colour.
type Rungs = [String; 3];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// For whom it is.
    #[serde(default)]
    pub about: String,
    background: Rungs,
    #[serde(default)]
    paint: bool,
    #[serde(default = "contrast_min")]
    contrast: f64,
    colours: BTreeMap<String, Rungs>,
}

const fn contrast_min() -> f64 {
    CONTRAST_MIN
}

impl File {
    fn palette(&self, rung: Colours) -> Palette {
        let Some(column) = column(rung) else { return Palette::MONO };
        let colour = |rungs: &Rungs| rungs.get(column).and_then(|text| colour(text, column).ok());
        let of = |token: Token| self.colours.get(&token.name()).and_then(colour).unwrap_or(Color::Reset);
        Palette {
            colours: Token::ALL.map(of),
            back: if self.paint { colour(&self.background) } else { None },
        }
    }

    /// What is wrong with it, if anything.
    fn fault(&self) -> Option<String> {
        if let Some(name) = self.colours.keys().find(|name| !Token::ALL.iter().any(|t| t.name() == **name)) {
            return Some(format!("`{}` is no meaning of a colour", short(name)));
        } else if self.contrast < CONTRAST_MIN {
            return Some(format!("contrast is {CONTRAST_MIN} at the least"));
        }
        Token::ALL.iter().find_map(|token| {
            let name = token.name();
            let Some(rungs) = self.colours.get(&name) else { return Some(format!("`{name}` is missing")) };
            (0..rungs.len()).find_map(|column| self.fault_of(&name, rungs, column))
        })
    }

    fn fault_of(&self, name: &str, rungs: &Rungs, column: usize) -> Option<String> {
        let told = |why: String| Some(format!("`{name}`: {why}"));
        let (back, fore) = match (colour(&self.background[column], column), colour(&rungs[column], column)) {
            (Ok(back), Ok(fore)) => (back, fore),
            (Err(why), _) => return Some(format!("`background`: {why}")),
            (_, Err(why)) => return told(why),
        };
        match (shade(back), shade(fore)) {
            (None, _) => Some("`background`: it is a colour, not `default`".to_owned()),
            // The terminal's own text on the terminal's own background.
            (_, None) if !self.paint => None,
            (_, None) => told("on a drawn background it is a colour, not `default`".to_owned()),
            (Some(back), Some(fore)) => {
                let contrast = contrast(fore, back);
                (contrast < self.contrast)
                    .then(|| {
                        told(format!(
                            "the contrast of `{}` is {contrast:.1}, and {} is wanted",
                            rungs[column], self.contrast
                        ))
                    })
                    .flatten()
            }
        }
    }
}

/// The place of a rung's colours in a line of the file.
const fn column(rung: Colours) -> Option<usize> {
    match rung {
        Colours::True => Some(0),
        Colours::Indexed => Some(1),
        Colours::Sixteen => Some(2),
        Colours::Mono => None,
    }
}

/// The names of the sixteen, with xterm's shades.
const SIXTEEN: [(&str, Color, u32); 16] = [
    ("black", Color::Black, 0x00_00_00),
    ("red", Color::Red, 0xcd_00_00),
    ("green", Color::Green, 0x00_cd_00),
    ("yellow", Color::Yellow, 0xcd_cd_00),
    ("blue", Color::Blue, 0x00_00_ee),
    ("magenta", Color::Magenta, 0xcd_00_cd),
    ("cyan", Color::Cyan, 0x00_cd_cd),
    ("white", Color::Gray, 0xe5_e5_e5),
    ("bright-black", Color::DarkGray, 0x7f_7f_7f),
    ("bright-red", Color::LightRed, 0xff_00_00),
    ("bright-green", Color::LightGreen, 0x00_ff_00),
    ("bright-yellow", Color::LightYellow, 0xff_ff_00),
    ("bright-blue", Color::LightBlue, 0x5c_5c_ff),
    ("bright-magenta", Color::LightMagenta, 0xff_00_ff),
    ("bright-cyan", Color::LightCyan, 0x00_ff_ff),
    ("bright-white", Color::White, 0xff_ff_ff),
];

/// The colour of that text in that column.
fn colour(text: &str, column: usize) -> Result<Color, String> {
    let wrong = |what: &str| Err(format!("`{}` is not {what}", short(text)));
    if text == "default" {
        return Ok(Color::Reset);
    }
    match column {
        0 => {
            match text.strip_prefix('#').filter(|hex| hex.len() == 6).map(|hex| u32::from_str_radix(hex, 16))
            {
                Some(Ok(rgb)) => {
                    let [_, red, green, blue] = rgb.to_be_bytes();
                    Ok(Color::Rgb(red, green, blue))
                }
                _ => wrong("a colour such as `#87d7ff`"),
            }
        }
        1 => match text.parse() {
            Ok(number @ 16..=255) => Ok(Color::Indexed(number)),
            _ => wrong("a number of 16 to 255"),
        },
        _ => match SIXTEEN.iter().find(|(name, ..)| *name == text) {
            Some((_, colour, _)) => Ok(*colour),
            None => wrong("one of the sixteen, such as `red` or `bright-red`"),
        },
    }
}

/// Red, green and blue of a colour; `None`: it is the terminal's own.
fn shade(colour: Color) -> Option<[u8; 3]> {
    let split = |rgb: u32| {
        let [_, red, green, blue] = rgb.to_be_bytes();
        [red, green, blue]
    };
    match colour {
        Color::Reset => None,
        Color::Rgb(red, green, blue) => Some([red, green, blue]),
        Color::Indexed(grey @ 232..) => Some([8 + (grey - 232) * 10; 3]),
        Color::Indexed(number @ 16..) => {
            let step = |of: u8| if of == 0 { 0 } else { 55 + of * 40 };
            let cube = number - 16;
            Some([step(cube / 36), step(cube / 6 % 6), step(cube % 6)])
        }
        named => SIXTEEN.iter().find(|(_, colour, _)| *colour == named).map(|(_, _, rgb)| split(*rgb)),
    }
}

/// The contrast of two colours: 1 is none, 21 is black and white (WCAG 2.1).
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(shade: [u8; 3]) -> f64 {
    let linear = shade.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    linear[2].mul_add(0.0722, linear[0].mul_add(0.2126, linear[1] * 0.7152))
}

/// As much of a text from a file as a message takes.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    crate::domain::field::harmless(text).chars().take(CHARS_MAX).collect()
}

fn read_theme(text: &str) -> Result<File, String> {
    let file: File = toml::from_str(text).map_err(|error| short(error.message()))?;
    file.fault().map_or(Ok(file), Err)
}

/// The names of the built-in themes, with what each is for.
pub fn names() -> Vec<(&'static str, String)> {
    let about = |text| read_theme(text).map(|file| file.about).unwrap_or_default();
    BUILT_IN.into_iter().map(|(name, text)| (name, about(text))).collect()
}

/// The theme of that name on that rung: a built-in one, else `themes/NAME.toml` in the configuration folder. One
/// that cannot be used is told, in words.
pub fn load(name: &str, folder: &Path, rung: Colours) -> Result<Palette, String> {
    let read = match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => read_theme(text),
        None => own(name, folder).and_then(|text| read_theme(&text)),
    };
    read.map(|file| file.palette(rung))
        .map_err(|why| format!("The theme {} cannot be used: {why}. The usual one is shown.", short(name)))
}

fn own(name: &str, folder: &Path) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a theme's name has letters, digits, - and _ alone".to_owned());
    }
    let path = folder.join("themes").join(format!("{name}.toml"));
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let known = BUILT_IN.map(|(name, _)| name).join(", ");
            format!("it is none of {known}, and there is no {}", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    };
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(told)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(told)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("{} is larger than 64 KiB", path.display()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_can_be_read_on_its_background() {
        for (name, text) in BUILT_IN {
            let file = read_theme(text).unwrap_or_else(|why| unreachable!("{name}: {why}"));
            assert!(!file.about.is_empty(), "{name}");
            assert_eq!(file.contrast >= 7.0, name == "high-contrast", "{name}");
            for rung in Colours::ALL {
                let of_rung = |colour: &Color| match (rung, colour) {
                    (_, Color::Reset)
                    | (Colours::True, Color::Rgb(..))
                    | (Colours::Indexed, Color::Indexed(_)) => true,
                    (Colours::Sixteen, other) => !matches!(other, Color::Rgb(..) | Color::Indexed(_)),
                    _ => false,
                };
                let palette = file.palette(rung);
                assert!(palette.colours.iter().chain(&palette.back).all(of_rung), "{name} {rung:?}");
            }
        }
    }

    #[test]
    fn contrast_is_reckoned_as_the_standard_does() {
        let about = |one, other, expected: f64| assert!((contrast(one, other) - expected).abs() < 0.01);
        about([0; 3], [255; 3], 21.0);
        about([0x76; 3], [255; 3], 4.54);
        about([255, 0, 0], [255; 3], 4.0);
        assert_eq!(shade(Color::Indexed(246)), Some([0x94; 3]));
        assert_eq!(shade(Color::Indexed(117)), Some([0x87, 0xd7, 0xff]));
    }

    #[test]
    fn a_bad_file_is_told_and_not_used() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join("themes")).expect("a folder");
        let dark = BUILT_IN[0].1;
        let table = [
            (dark.replace("#949494", "#333333"), "the contrast of `#333333` is 1.7, and 4.5 is wanted"),
            (dark.replace("\"246\"", "\"8\""), "`8` is not a number of 16 to 255"),
            (dark.replace("yellow", "purple"), "`purple` is not one of the sixteen"),
            (dark.replace("rule =", "ruler ="), "`ruler` is no meaning of a colour"),
            (dark.replace("contrast = 4.5", "contrast = 1.0"), "contrast is 4.5 at the least"),
            (dark.replace("paint = false", "paint = true"), "`text`: on a drawn background it is a colour"),
            ("a = [".to_owned(), "cannot be used"),
            (" ".repeat(70_000), "larger than 64 KiB"),
        ];
        for (text, expected) in table {
            std::fs::write(home.path().join("themes/mine.toml"), text).expect("written");
            let told = load("mine", home.path(), Colours::True).expect_err(expected);
            assert!(told.contains(expected) && told.ends_with("The usual one is shown."), "{told}");
        }
        std::fs::write(home.path().join("themes/mine.toml"), dark.replace("#949494", "#ffffff"))
            .expect("written");
        let mine = load("mine", home.path(), Colours::True).expect("a sound file");
        assert_eq!(mine.get(Token::Faint), Color::Rgb(255, 255, 255));
        for name in ["other", "../mine", "", "\u{1b}[31m"] {
            let told = load(name, home.path(), Colours::True).expect_err(name);
            assert!(!told.contains('\u{1b}'), "{told}");
        }
    }
}

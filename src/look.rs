//! How the console shows itself: flags, then the configuration file, then what the terminal says of itself.

use clap::Args;
use flyos::service::ladder::{Colours, Ladder, Surroundings, Wishes};
use flyos::service::{Config, Folders, ScreenConfig};
use flyos::tui;
use flyos::tui::keys;
use flyos::tui::theme::palette;

use crate::program::folders;

/// How the console shows itself, and whether it changes anything.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct Screen {
    /// Colours: true, 256, 16 or mono; without it the terminal says
    #[arg(long, global = true, value_name = "HOW MANY")]
    colors: Option<Colours>,
    /// Draw with ASCII characters alone
    #[arg(long, global = true, conflicts_with = "unicode")]
    ascii: bool,
    /// Draw with Unicode characters, whatever the locale says
    #[arg(long, global = true)]
    unicode: bool,
    /// dark, light, high-contrast, deuteranopia, tritanopia, or one of your own
    #[arg(long, global = true, value_name = "NAME")]
    theme: Option<String>,
    /// Change nothing: every edit is refused, and every command that changes something
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Lines to read and to type instead of a drawn screen, for screen readers and simple terminals
    #[arg(long, global = true)]
    pub plain: bool,
}

impl Screen {
    /// The wishes of flags, then of the configuration file.
    pub fn wishes(&self, config: &ScreenConfig) -> Wishes {
        let ascii = match (self.ascii, self.unicode) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => config.ascii,
        };
        Wishes { colours: self.colors.or(config.colors), ascii, plain: self.plain || config.plain }
    }

    /// How the console looks, and what was wrong with the wishes.
    pub fn look(&self, config: &Config, folders: &Folders) -> (tui::Look, Vec<String>) {
        let around = Surroundings::read();
        let ladder = Ladder::decide(&around, self.wishes(&config.screen));
        let usual = if around.light { "light" } else { "dark" };
        let mut wrong = Vec::new();
        let mut palette = |name: &str| {
            let loaded = palette::load(name, &folders.config, ladder.colours);
            loaded.map_err(|why| wrong.push(why)).ok().map(|palette| (name.to_owned(), palette))
        };
        let wished = self.theme.as_deref().or(config.screen.theme.as_deref());
        let found = wished.and_then(&mut palette).or_else(|| palette(usual));
        let (theme, palette) = found.unwrap_or_else(|| (usual.to_owned(), palette::Palette::default()));
        let keys = keys::with_own(&config.keys, &config.key_lines).unwrap_or_else(|why| {
            wrong.push(why);
            keys::Keymap::default()
        });
        (tui::Look { around, ladder, theme, palette, keys, mouse: config.screen.mouse }, wrong)
    }
}

/// How this person's console looks, for the demo: of the real configuration it takes that alone.
pub fn own() -> Config {
    let config = folders().and_then(|folders| Config::read(&folders)).unwrap_or_default();
    Config { screen: config.screen, keys: config.keys, key_lines: config.key_lines, ..Config::default() }
}

/// What is wrong with a person's own settings, for the sign-in screen.
pub fn told(wrong: &[String]) -> Option<String> {
    (!wrong.is_empty()).then(|| wrong.join(" "))
}

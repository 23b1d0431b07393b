//! The screen of a locked console: nothing by which anybody could tell whose it is, and a field to unlock it.

use ratatui::layout::Rect;

use crate::service::ServiceError;
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, wrap};

#[derive(Clone, Debug)]
pub struct Locked {
    /// The password, or recovery words.
    pub typed: TextField,
    /// Traffic goes on, with the key in memory.
    pub syncing: bool,
    /// A form was open and is kept.
    pub form: bool,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

const WIDTH: u16 = 66;
const TITLE_WIDTH: u16 = 11;

impl Locked {
    pub fn new(syncing: bool, form: bool) -> Self {
        Self { typed: TextField::masked(), syncing, form, saving: None, error: None }
    }

    pub fn failed(&mut self, error: ServiceError) {
        self.saving = None;
        self.error = Some(error);
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let mut notes: Vec<(String, bool)> = Vec::new();
        let mut say = |text: &str, loud| {
            notes.extend(wrap(text, WIDTH.min(area.width)).into_iter().map(|text| (text, loud)));
        };
        if self.saving.is_some() {
            say(texts::UNLOCKING, false);
        } else if let Some(error) = &self.error {
            say(&error.message, true);
            error.hints.iter().for_each(|hint| say(hint, false));
        }
        say(if self.syncing { texts::LOCKED_SYNCING } else { texts::LOCKED_SHUT }, false);
        if self.form {
            say(texts::LOCKED_FORM, false);
        }
        let height = u16::try_from(notes.len() + 5).unwrap_or(u16::MAX);
        let area = centred(area, WIDTH, height);
        pen.put(line(area, 0), "FlyOS Console", pen.theme.strong());
        pen.put(line(area, 1), texts::LOCKED, pen.theme.plain());
        pen.put(line(area, 3), "> Password", pen.theme.strong());
        self.typed.draw(pen, after(line(area, 3), TITLE_WIDTH), self.saving.is_none());
        for ((text, loud), y) in notes.iter().zip(5..) {
            let style = if *loud { pen.theme.error() } else { pen.theme.plain() };
            pen.put(line(area, y), text, style);
        }
    }
}

//! A few texts that are asked for at once: a password, words, a passphrase, the name of a file. What is secret is shown
//! as dots and taken out of its field when it is handed on.

use ratatui::layout::Rect;

use super::error_lines;
use crate::service::ServiceError;
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, wrap};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The password, before new recovery words are made.
    MakeWords,
    /// The new words, typed back.
    KeepWords,
    /// Where to write the edits, and their passphrase, twice; all edits where none is named.
    Export(Vec<u64>),
    /// How the view is called.
    View,
    /// Which file to take in, and its passphrase.
    Import,
    /// The password of what is kept aside under that name.
    TakeBack(String),
}

#[derive(Clone, Debug)]
pub struct Prompt {
    pub title: &'static str,
    about: Vec<String>,
    pub fields: Vec<(&'static str, TextField)>,
    pub at: usize,
    pub goal: Goal,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

const WIDTH: u16 = 70;
const TITLE_WIDTH: u16 = 14;

impl Prompt {
    pub fn new(
        title: &'static str,
        about: &[&str],
        fields: Vec<(&'static str, TextField)>,
        goal: Goal,
    ) -> Self {
        let about = about.iter().map(|text| (*text).to_owned()).collect();
        Self { title, about, fields, at: 0, goal, saving: None, error: None }
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.fields.len().saturating_sub(1));
    }

    /// The first field that is empty has the focus; true: there is one.
    pub fn misses(&mut self) -> bool {
        let missing = self.fields.iter().position(|(_, field)| field.is_empty());
        self.at = missing.unwrap_or(self.at);
        missing.is_some()
    }

    pub fn field(&mut self) -> Option<&mut TextField> {
        self.fields.get_mut(self.at).map(|(_, field)| field).filter(|_| self.saving.is_none())
    }

    pub fn failed(&mut self, error: ServiceError) {
        self.saving = None;
        self.error = Some(error);
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let inner = width.saturating_sub(4);
        let about: Vec<String> = self.about.iter().flat_map(|text| wrap(text, inner)).collect();
        let error = self.error.as_ref().map(|error| error_lines(error, inner)).unwrap_or_default();
        let height = about.len() + self.fields.len() + error.len() + 5;
        let inside = pen.frame(centred(area, width, u16::try_from(height).unwrap_or(u16::MAX)), self.title);
        // In a low window the fields come first: what it is about was read in the title.
        let rest = self.fields.len() + error.len() + 2;
        let room = usize::from(inside.height).saturating_sub(rest);
        let told = u16::try_from(about.len().min(room)).unwrap_or(u16::MAX);
        pen.put_lines(Rect { height: told, ..inside }, &about, pen.theme.plain());
        let mut at = told + u16::from(room > about.len());
        for (nth, (title, field)) in self.fields.iter().enumerate() {
            let focused = nth == self.at && self.saving.is_none();
            let style = if focused { pen.theme.strong() } else { pen.theme.plain() };
            pen.put(line(inside, at), if focused { ">" } else { "" }, style);
            pen.put(after(line(inside, at), 2), title, style);
            field.draw(pen, after(line(inside, at), TITLE_WIDTH), focused);
            at += 1;
        }
        for text in &error {
            pen.put(line(inside, at), text, pen.theme.error());
            at += 1;
        }
        let footer = if self.saving.is_some() { texts::WORKING.to_owned() } else { super::ask::go_on(pen) };
        pen.put(line(inside, inside.height.saturating_sub(1)), &footer, pen.theme.faint());
    }
}

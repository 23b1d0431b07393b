//! A form over the fields of one row, made from the kind's description of its columns. What is typed is
//! judged beside its field at once; the form closes only when the row is saved, or is left as it was.

use ratatui::layout::Rect;

mod begin;
mod cell;
mod field;
mod leave;

pub use field::{Entry, FormField};

use field::choices_of;

use super::{REASON, error_lines};
use crate::domain::{Field, Fields, Intent, Key, Kind, Value, drone};
use crate::service::{Choice, ServiceError};
use crate::tui::keys::{Act, Context};
use crate::tui::press::{Code, Press};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, scroll, wrap};

const WIDTH: u16 = 70;
const TITLE_WIDTH: u16 = 14;

#[derive(Clone, Debug)]
pub struct Form {
    pub kind: Kind,
    /// The row; of a new drone the key is in its field.
    key: Key,
    new: bool,
    pub title: String,
    pub fields: Vec<FormField>,
    /// The field with the focus; one beyond the last is Save.
    pub at: usize,
    pub saving: Option<u64>,
    error: Option<ServiceError>,
    /// What would follow from the values as they are.
    pub consequences: Vec<String>,
    /// The rows it is for, where they are several: then only fields that were touched count.
    pub many: Vec<Key>,
    /// It is no new edit, but one that was not taken, of this number, to be sent again with other values.
    pub mends: Option<u64>,
    /// Only the field with the focus is shown, in its cell's place.
    pub cell: bool,
}

impl Form {
    /// A form for a new row; `key` is its key (of a drone: not yet told).
    pub fn create(kind: Kind, key: Key) -> Self {
        let mut fields = Vec::new();
        if kind == Kind::Drone {
            let hint = kind.field("id").map_or("", |field| field.hint);
            fields.push(FormField::text("id", "Id", hint));
        }
        let start = |field: &Field| -> Value {
            let text = match field.name {
                "role" => "OPERATOR",
                "model" => drone::DroneModel::TEXTS.first()?,
                _ => field.preset?,
            };
            Some(text.to_owned())
        };
        let columns = kind.fields().iter().filter(|field| !field.server);
        fields.extend(columns.map(|field| FormField::column(field, start(field), None)));
        for field in &mut fields {
            field.before = None;
        }
        fields.push(FormField::text(REASON, "Why", texts::WHY_HINT));
        let title = format!("New {kind}");
        Self {
            kind,
            key,
            new: true,
            title,
            fields,
            at: 0,
            saving: None,
            error: None,
            consequences: Vec::new(),
            many: Vec::new(),
            mends: None,
            cell: false,
        }
    }

    /// What the columns hold now.
    pub fn set(&self) -> Fields {
        self.values(false)
    }

    /// What was set here.
    pub fn touched(&self) -> Fields {
        self.values(true)
    }

    pub fn field(&mut self) -> Option<&mut TextField> {
        let field = self.fields.get_mut(self.at)?;
        match &mut field.entry {
            Entry::Text(text) if self.saving.is_none() && field.locked.is_none() => Some(text),
            _ => None,
        }
    }

    /// The column whose list is to be opened, with its value.
    pub fn choice(&self) -> Option<(&'static str, &'static str, Value)> {
        let field = self.fields.get(self.at)?;
        match &field.entry {
            Entry::Choice { value, .. } if field.locked.is_none() => {
                Some((field.name, field.title, value.clone()))
            }
            Entry::Choice { .. } | Entry::Text(_) => None,
        }
    }

    /// The key for asking what a field can be: absent for a row that is not there yet.
    pub fn subject(&self) -> Option<Key> {
        (!self.new && self.many.is_empty()).then(|| self.key.clone())
    }

    pub fn on_save(&self) -> bool {
        self.at >= self.fields.len()
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.fields.len());
    }

    /// Keys on a field that is chosen: arrows turn it to the next of its few texts.
    pub fn press(&mut self, press: Press) -> bool {
        let by = match press.code {
            Code::Right => 1,
            Code::Left => -1,
            _ => return false,
        };
        let kind = self.kind;
        let field = self.fields.get_mut(self.at).filter(|field| field.locked.is_none());
        let Some(field) = field else { return false };
        let Entry::Choice { value, label } = &mut field.entry else { return false };
        let Some(texts) = choices_of(kind, field.name) else { return false };
        let count = texts.len().cast_signed();
        let at = texts.iter().position(|text| Some(*text) == value.as_deref()).map_or(-1, usize::cast_signed);
        let next = if at < 0 { 0 } else { (at + by).rem_euclid(count) };
        if let Some(text) = texts.get(next.unsigned_abs()) {
            (*value, *label) = (Some((*text).to_owned()), (*text).to_owned());
            field.touched = true;
        }
        self.judge();
        true
    }

    /// Takes what was chosen for a field.
    pub fn choose(&mut self, name: &str, choice: &Choice) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            field.entry = Entry::Choice { value: choice.value.clone(), label: choice.label.clone() };
            field.touched = true;
        }
        self.judge();
    }

    /// The field with the focus was typed in.
    pub fn typed(&mut self) {
        if let Some(field) = self.fields.get_mut(self.at) {
            field.touched = field.raw().is_some();
        }
        self.judge();
    }

    /// Is this one of the fields that saving is about?
    fn counts(&self, field: &FormField) -> bool {
        if self.many.is_empty() { field.is_changed() } else { field.touched }
    }

    /// Judges the field with the focus as it is typed.
    pub fn judge(&mut self) {
        self.error = None;
        let kind = self.kind;
        if let Some(field) = self.fields.get_mut(self.at) {
            field.error = if field.raw().is_some() { field.accept(kind).err() } else { None };
        }
    }

    fn values(&self, only_changed: bool) -> Fields {
        let columns = self.fields.iter().filter(|field| field.name != REASON && field.name != "id");
        let kept = columns.filter(|field| !only_changed || self.counts(field));
        kept.map(|field| (field.name.to_owned(), field.accept(self.kind).unwrap_or_else(|_| field.raw())))
            .collect()
    }

    /// What saving would ask for, whether or not it is sound.
    pub fn intent(&self) -> Intent {
        if !self.new {
            return Intent::Update { key: self.key.clone(), set: self.values(true) };
        }
        let id = self.fields.iter().find(|field| field.name == "id").and_then(FormField::raw);
        let key = id.map_or_else(|| self.key.clone(), |id| Key::drone(&id));
        Intent::Create { key, fields: self.values(false) }
    }

    /// What the changed fields and those of their units held when the form was opened.
    pub fn seen(&self) -> Fields {
        let unit = |name: &str| self.kind.field(name).and_then(|field| field.unit);
        let changed: Vec<&FormField> =
            self.fields.iter().filter(|field| !self.new && self.counts(field)).collect();
        let with = |field: &&FormField| {
            let of_unit =
                unit(field.name).is_some_and(|it| changed.iter().any(|other| unit(other.name) == Some(it)));
            of_unit || changed.iter().any(|other| other.name == field.name)
        };
        let seen = self.fields.iter().filter(|field| field.name != REASON && field.name != "id").filter(with);
        seen.map(|field| (field.name.to_owned(), field.before.clone())).collect()
    }

    /// The intent and the reason once every field is sound; else the first wrong field has the focus.
    pub fn accept(&mut self) -> Option<(Intent, Option<String>)> {
        let (kind, new, many) = (self.kind, self.new, !self.many.is_empty());
        for field in &mut self.fields {
            // Old data that breaks a rule does not stand in the way of what is changed.
            field.error = if new || (field.is_changed() && !many) || field.touched {
                field.accept(kind).err()
            } else {
                None
            };
        }
        if let Some(at) = self.fields.iter().position(|field| field.error.is_some()) {
            self.at = at;
            return None;
        }
        let reason = self.fields.iter().find(|field| field.name == REASON).and_then(FormField::raw);
        self.error = None;
        Some((self.intent(), reason))
    }

    /// It could not be saved: beside the field it is about, or below.
    pub fn failed(&mut self, mut error: ServiceError) {
        self.saving = None;
        if let Some(now) = error.beside.as_ref().and_then(|beside| beside.get("now")) {
            self.fields.iter_mut().for_each(|field| field.became(now));
            error.hints = vec![texts::SAVE_OVER.to_owned()];
        }
        let about = |field: &FormField| Some(field.name) == error.field.as_deref();
        let at = self.fields.iter().position(about).filter(|at| !self.cell || *at == self.at);
        match at.and_then(|at| self.fields.get_mut(at)) {
            Some(field) => {
                field.error =
                    Some(std::iter::once(error.message).chain(error.hints).collect::<Vec<_>>().join(" "));
                self.at = at.unwrap_or(self.at);
            }
            None => self.error = Some(error),
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let inner = width.saturating_sub(4);
        let lines = self.lines(inner.saturating_sub(TITLE_WIDTH + 2));
        let tail = self.tail(inner);
        let height = u16::try_from(lines.len() + tail.len() + 3).unwrap_or(u16::MAX);
        let inside = pen.frame(centred(area, width, height), &self.title);
        let tail_room = u16::try_from(tail.len()).unwrap_or(u16::MAX).min(inside.height / 2);
        let room = inside.height.saturating_sub(1 + tail_room);
        let at = lines.iter().position(|line| matches!(line, Line::Field(at) if *at == self.at)).unwrap_or(0);
        let first = scroll(at, lines.len(), usize::from(room));
        for (text, y) in lines.iter().skip(first).zip(0..room) {
            self.draw_line(pen, line(inside, y), text);
        }
        let below = Rect { y: inside.y + room, height: tail_room, ..inside };
        pen.put_lines(below, &tail, pen.theme.warning());
        let footer = self.footer(pen, Context::Form);
        pen.put(line(inside, inside.height.saturating_sub(1)), &footer, pen.theme.faint());
    }

    fn footer(&self, pen: &Pen, context: Context) -> String {
        let hint = [(&[Act::Save][..], "save"), (&[Act::Leave], "leave as it was")];
        if self.saving.is_some() { texts::SAVING.to_owned() } else { pen.hint(context, &hint) }
    }

    /// The fields with what is to be said below them.
    fn lines(&self, width: u16) -> Vec<Line> {
        let mut lines = Vec::new();
        for (at, field) in self.fields.iter().enumerate() {
            lines.push(Line::Field(at));
            if let Some(error) = &field.error {
                lines.extend(wrap(error, width).into_iter().map(Line::Error));
            } else if at == self.at {
                let hint = match &field.entry {
                    _ if field.locked.is_some() => field.locked.as_deref().unwrap_or_default(),
                    Entry::Choice { .. } if choices_of(self.kind, field.name).is_some() => {
                        "Left and Right change it, Enter opens the list"
                    }
                    Entry::Choice { .. } => "Enter opens the list",
                    Entry::Text(_) => field.hint,
                };
                lines.extend(wrap(hint, width).into_iter().map(Line::Hint));
            }
        }
        lines.push(Line::Field(self.fields.len()));
        lines
    }

    fn tail(&self, width: u16) -> Vec<String> {
        let mut lines: Vec<String> = self.consequences.iter().flat_map(|text| wrap(text, width)).collect();
        if let Some(error) = &self.error {
            lines.extend(error_lines(error, width));
        }
        lines
    }

    fn draw_line(&self, pen: &mut Pen, area: Rect, text: &Line) {
        match text {
            Line::Field(at) => self.draw_field(pen, area, *at),
            Line::Hint(text) => {
                pen.put(after(area, TITLE_WIDTH + 2), text, pen.theme.faint());
            }
            Line::Error(text) => {
                pen.put(after(area, TITLE_WIDTH), "!", pen.theme.error());
                pen.put(after(area, TITLE_WIDTH + 2), text, pen.theme.error());
            }
        }
    }

    fn draw_field(&self, pen: &mut Pen, area: Rect, at: usize) {
        let focused = at == self.at;
        let style = if focused { pen.theme.strong() } else { pen.theme.plain() };
        pen.put(area, if focused { ">" } else { "" }, style);
        let Some(field) = self.fields.get(at) else {
            let style = if focused { pen.theme.selected() } else { pen.theme.plain() };
            pen.put(after(area, 2), "Save", style);
            return;
        };
        let title_area = Rect { width: area.width.min(TITLE_WIDTH - 3), ..after(area, 2) };
        pen.put(title_area, field.title, style);
        let changed = if !self.new && self.counts(field) && field.name != REASON { "~" } else { "" };
        pen.put(after(area, TITLE_WIDTH), changed, pen.theme.strong());
        let value = after(area, TITLE_WIDTH + 2);
        if field.locked.is_some() {
            // In brackets, as everything that is not open to me; the reason stands below once it is reached.
            let text = match &field.entry {
                Entry::Text(text) => text.text(),
                Entry::Choice { label, .. } => label,
            };
            pen.put(value, &format!("({text})"), pen.theme.faint());
            return;
        }
        match &field.entry {
            Entry::Text(text) => text.draw(pen, value, focused && self.saving.is_none()),
            Entry::Choice { label, .. } => {
                let style = if focused { pen.theme.selected() } else { pen.theme.plain() };
                pen.put(value, &format!("{label} {}", pen.theme.opens()), style);
            }
        }
    }
}

/// A line of a form: a field (or Save), or what is said below one.
enum Line {
    Field(usize),
    Hint(String),
    Error(String),
}

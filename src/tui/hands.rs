//! What hands do beside pressing keys, and what the terminal is: pastes, the mouse, copying, and the words on what
//! this terminal is taken for.

use super::app::{App, Effect, Effects};
use super::copy;
use super::decode::{Mouse, Pointer};
use super::keys::{Act, Context, Keymap};
use super::popups::{Message, Picker, Popup, picker};
use super::texts;
use super::widgets::Spot;
use crate::service::{Choice, ErrorKind, RowView, ServiceError};

/// Lines that one notch of the wheel moves.
const WHEEL_LINES: usize = 3;

/// Keys, mouse, and what the terminal is taken for.
#[derive(Clone, Debug, Default)]
pub struct Hands {
    pub keys: Keymap,
    /// Clicks and the wheel are taken.
    pub mouse: bool,
    /// What the terminal is taken for, a line each.
    pub terminal: Vec<String>,
}

impl App {
    /// Does what is about hands; `None`: it is not.
    pub(super) fn hands_act(&mut self, act: Act) -> Option<Effects> {
        if self.status.read_only && writes(act) {
            self.toast = Some(texts::READ_ONLY.to_owned());
            return Some(Vec::new());
        }
        match (act, self.popups.last()) {
            (Act::Accept, Some(Popup::Picker(picker))) if picker.goal == picker::Goal::Copy => {
                return Some(self.copied());
            }
            (Act::Copy, None) => self.open_copy(),
            (Act::Copy, Some(Popup::Message(message))) => return Some(vec![Effect::Copy(message.text())]),
            (Act::Terminal, None) => self.show_terminal(),
            (Act::Mouse, None) => {
                self.hands.mouse = !self.hands.mouse;
                let words = if self.hands.mouse { texts::MOUSE_ON } else { texts::MOUSE_OFF };
                self.toast = Some(words.to_owned());
                return Some(vec![Effect::Mouse(self.hands.mouse)]);
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn show_terminal(&mut self) {
        let (width, height) = self.size;
        let mut hints = self.hands.terminal.clone();
        let mouse = if self.hands.mouse { texts::MOUSE_ON } else { texts::MOUSE_OFF };
        hints.extend([mouse.to_owned(), texts::TERMINAL_CHANGE.to_owned()]);
        let about = ServiceError::new(ErrorKind::Usage, format!("{width} columns, {height} rows"));
        let about = ServiceError { hints, ..about };
        self.popups.push(Popup::Message(Message::new(texts::TERMINAL_TITLE, about)));
    }

    /// The row that is selected, or open.
    fn subject_row(&self) -> Option<&RowView> {
        if self.detail.focused {
            self.detail.shown.as_ref().map(|shown| &shown.row)
        } else {
            self.list().row()
        }
    }

    fn open_copy(&mut self) {
        let Some(row) = self.subject_row() else {
            self.toast = Some(texts::NOTHING_SELECTED.to_owned());
            return;
        };
        let choices: Vec<Choice> = copy::ways(row)
            .into_iter()
            .map(|(label, text, note)| Choice { value: Some(text), label, note, why_not: None })
            .collect();
        let title = format!("Copy of {}", row.label);
        self.popups.push(Popup::Picker(Picker::new(title, choices, picker::Goal::Copy)));
    }

    fn copied(&mut self) -> Effects {
        let Some(Popup::Picker(picker)) = self.popups.pop() else { return Vec::new() };
        let Some(text) = picker.selected().and_then(|choice| choice.value.clone()) else { return Vec::new() };
        vec![Effect::Copy(text)]
    }

    /// A click does what stands there; the wheel moves.
    pub(super) fn mouse(&mut self, mouse: Mouse) -> Effects {
        if !self.hands.mouse {
            return Vec::new();
        }
        let act = match mouse.pointer {
            Pointer::WheelUp => Act::Up,
            Pointer::WheelDown => Act::Down,
            Pointer::Press => return self.clicked((mouse.column, mouse.row)),
        };
        self.toast = None;
        let known = self.hands.keys.binding(self.context(), act).is_some();
        let lines = if known && self.context() != Context::SignIn { WHEEL_LINES } else { 0 };
        (0..lines).flat_map(|_| self.act(act)).collect()
    }

    fn clicked(&mut self, at: (u16, u16)) -> Effects {
        self.toast = None;
        match self.spot(at) {
            Some(Spot::Act(act)) => self.act(act),
            Some(Spot::Tab(place)) if self.popups.is_empty() => self.turn_to(place),
            Some(Spot::Line(line)) => {
                match self.popups.last_mut() {
                    Some(Popup::Picker(picker)) => picker.at = line,
                    Some(Popup::Menu(menu)) => menu.at = line,
                    _ => {}
                }
                Vec::new()
            }
            None if matches!(self.context(), Context::List | Context::Cells) => self.row_clicked(at),
            _ => Vec::new(),
        }
    }

    /// A click on a row selects it; on the one that is selected, opens it. Among cells, the same of a cell.
    fn row_clicked(&mut self, (column, row): (u16, u16)) -> Effects {
        let rows = self.shape().rows;
        if !rows.contains((column, row).into()) {
            return Vec::new();
        }
        let place = self.list().top + usize::from(row - rows.y);
        if place >= self.list().matched() {
            return Vec::new();
        }
        let same_cell = self.cell_clicked(column);
        if place == self.list().selected && same_cell {
            return self.act(Act::Accept);
        }
        let by = place.cast_signed() - self.list().selected.cast_signed();
        if self.list_mut().step(by, rows.height) {
            return vec![self.ask_list()];
        }
        self.ask_subject()
    }

    pub(super) fn paste(&mut self, text: &str) -> Effects {
        self.toast = None;
        let context = self.context();
        if let Some(popup) = self.popups.last_mut() {
            if let Some(field) = popup.field() {
                field.paste(text);
                popup.typed();
                return Vec::new();
            }
        } else if let Some(locked) = &mut self.locked {
            locked.typed.paste(text);
            return Vec::new();
        } else if context == Context::AddProject {
            if let Some(add) = &mut self.sign_in.add
                && let Some(field) = add.fields.get_mut(add.at)
            {
                field.paste(text);
            }
            return Vec::new();
        } else if context == Context::SignIn {
            if self.sign_in.waiting.is_none() {
                self.sign_in.field().paste(text);
            }
            return Vec::new();
        } else if context == Context::Filter {
            let before = self.filter_line().text().to_owned();
            self.filter_line().paste(text);
            return self.filter_changed(&before);
        }
        self.toast = Some(texts::PASTE_DROPPED.to_owned());
        Vec::new()
    }
}

/// Would it change rows, the account or what this machine has of it?
pub(super) const fn writes(act: Act) -> bool {
    matches!(
        act,
        Act::Undo
            | Act::Redo
            | Act::Import
            | Act::Erase
            | Act::Words
            | Act::RemoveWords
            | Act::NewProject
            | Act::SignInAccount
    )
}

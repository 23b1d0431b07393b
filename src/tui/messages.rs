//! What the console said, with its time: a line that passed by can be read again, until it is dismissed.

use std::collections::VecDeque;

use super::app::App;
use super::popups::picker::Goal;
use super::popups::{Message, Picker, Popup};
use super::texts;
use super::widgets::columns;
use crate::domain::Stamp;
use crate::service::{Choice, ErrorKind, ServiceError, status};

/// Messages that are kept; the oldest make room.
const KEPT_MAX: usize = 200;
/// The choice that puts all of them away.
const DISMISS: &str = "dismiss";

/// One thing that was said: in the footer, or as an error with its title and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    at: Stamp,
    title: String,
    error: ServiceError,
}

/// Oldest first.
#[derive(Clone, Debug, Default)]
pub struct Messages(VecDeque<Said>);

impl Messages {
    fn add(&mut self, said: Said) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(said);
    }
}

impl App {
    /// Errors that lie open.
    pub(super) fn errors(&self) -> usize {
        self.popups.iter().filter(|popup| matches!(popup, Popup::Message(_))).count()
    }

    /// Keeps what was said since: another toast than before, and errors that came up.
    pub(super) fn remember(&mut self, toast: Option<&String>, errors: usize) {
        if !self.signed_in || self.locked.is_some() {
            return;
        }
        if let Some(words) = self.toast.as_ref().filter(|words| Some(*words) != toast) {
            let error = ServiceError::new(ErrorKind::Usage, words.clone());
            self.messages.add(Said { at: self.now, title: String::new(), error });
        }
        if self.errors() > errors
            && let Some(Popup::Message(message)) = self.popups.last()
        {
            let (title, error) = (message.title.clone(), message.error.clone());
            self.messages.add(Said { at: self.now, title, error });
        }
    }

    /// Says why something is not possible here: where the line has no room for all of it, in a message.
    pub(super) fn refuse(&mut self, why: String) {
        if columns(&why).saturating_add(2) <= self.size.0 {
            self.toast = Some(why);
        } else {
            let error = ServiceError::new(ErrorKind::Refused, why);
            self.popups.push(Popup::Message(Message::new(texts::NOT_POSSIBLE, error)));
        }
    }

    pub(super) fn open_messages(&mut self) {
        if self.messages.0.is_empty() {
            self.toast = Some(texts::NO_MESSAGES.to_owned());
            return;
        }
        let choice = |(number, said): (usize, &Said)| {
            let title = if said.title.is_empty() { String::new() } else { format!("{}: ", said.title) };
            let when = status::at_text(said.at, self.now, &self.zone);
            let label = format!("{when}  {title}{}", said.error.message);
            Choice { value: Some(number.to_string()), label, note: String::new(), why_not: None }
        };
        let mut choices: Vec<Choice> = self.messages.0.iter().enumerate().rev().map(choice).collect();
        let (value, label) = (Some(DISMISS.to_owned()), texts::DISMISS_ALL.to_owned());
        choices.push(Choice { value, label, note: String::new(), why_not: None });
        self.popups.push(Popup::Picker(Picker::new(texts::MESSAGES.to_owned(), choices, Goal::Messages)));
    }

    /// Shows one in full, or puts all away.
    pub(super) fn message_chosen(&mut self, value: Option<&str>) {
        self.popups.pop();
        if value == Some(DISMISS) {
            self.messages = Messages::default();
            return;
        }
        let number = value.and_then(|value| value.parse::<usize>().ok());
        if let Some(said) = number.and_then(|number| self.messages.0.get(number)) {
            let title = if said.title.is_empty() { texts::MESSAGE } else { &said.title };
            self.popups.push(Popup::Message(Message::new(title, said.error.clone())));
        }
    }
}

//! What lies over a screen: forms, pickers, confirmations, questions, the menu, help, messages. They form a stack; keys
//! go to the topmost. Each is cut to the window, whatever its size.

pub mod ask;
pub mod bulk;
pub mod columns;
pub mod confirm;
pub mod form;
pub mod help;
pub mod menu;
pub mod message;
pub mod picker;
pub mod prompt;
pub mod qr;
pub mod words;

use ratatui::layout::Rect;

use super::keys::Context;
use super::widgets::Pen;
use super::widgets::text_field::TextField;
use crate::domain::field::is_harmful;
use crate::service::{REASON_LENGTH_MAX, ServiceError};

pub use ask::Ask;
pub use bulk::Bulk;
pub use columns::Columns;
pub use confirm::Confirm;
pub use form::Form;
pub use help::Help;
pub use menu::Menu;
pub use message::Message;
pub use picker::Picker;
pub use prompt::Prompt;
pub use words::Words;

/// The field that is no column: why it is done.
pub const REASON: &str = "reason";

/// What is wrong with a reason; it may be left out.
fn reason_fault(text: &str) -> Option<String> {
    let wrong = text.chars().count() > REASON_LENGTH_MAX || text.chars().any(is_harmful);
    wrong.then(|| format!("At most {REASON_LENGTH_MAX} characters fit."))
}

#[derive(Clone, Debug)]
pub enum Popup {
    Ask(Ask),
    Bulk(Box<Bulk>),
    Columns(Columns),
    Form(Form),
    Picker(Picker),
    Confirm(Confirm),
    Menu(Menu),
    Help(Help),
    Message(Message),
    Prompt(Prompt),
    Words(Words),
}

impl Popup {
    pub const fn context(&self) -> Context {
        match self {
            Self::Ask(_) | Self::Prompt(_) => Context::Ask,
            Self::Form(form) if form.cell => Context::Cell,
            Self::Form(_) => Context::Form,
            Self::Picker(_) => Context::Picker,
            Self::Confirm(_) => Context::Confirm,
            Self::Menu(_) => Context::Menu,
            Self::Help(_) => Context::Help,
            Self::Message(_) => Context::Message,
            Self::Words(_) => Context::Words,
            Self::Bulk(_) => Context::Bulk,
            Self::Columns(_) => Context::Columns,
        }
    }

    /// The text field that characters go to.
    pub fn field(&mut self) -> Option<&mut TextField> {
        match self {
            Self::Ask(ask) => ask.field(),
            Self::Form(form) => form.field(),
            Self::Picker(picker) => Some(&mut picker.filter),
            Self::Confirm(confirm) => confirm.field(),
            Self::Menu(menu) => Some(&mut menu.filter),
            Self::Help(help) => Some(&mut help.filter),
            Self::Prompt(prompt) => prompt.field(),
            Self::Bulk(bulk) => bulk.field(),
            Self::Columns(_) | Self::Message(_) | Self::Words(_) => None,
        }
    }

    /// The field was typed in.
    pub fn typed(&mut self) {
        match self {
            Self::Ask(ask) => ask.typed(),
            Self::Form(form) => form.typed(),
            Self::Picker(picker) => picker.go_first(),
            Self::Menu(menu) => menu.at = 0,
            Self::Help(help) => help.top = 0,
            Self::Bulk(_)
            | Self::Columns(_)
            | Self::Confirm(_)
            | Self::Message(_)
            | Self::Prompt(_)
            | Self::Words(_) => {}
        }
    }

    /// The submission this popup waits for.
    pub const fn saving(&self) -> Option<u64> {
        match self {
            Self::Ask(ask) => ask.saving,
            Self::Form(form) => form.saving,
            Self::Picker(picker) => picker.saving,
            Self::Confirm(confirm) => confirm.saving,
            Self::Prompt(prompt) => prompt.saving,
            Self::Bulk(bulk) => bulk.saving,
            Self::Columns(_) | Self::Menu(_) | Self::Help(_) | Self::Message(_) | Self::Words(_) => None,
        }
    }

    /// The submission failed: it stays open and says why.
    pub fn failed(&mut self, error: ServiceError) {
        match self {
            Self::Ask(ask) => ask.failed(error),
            Self::Form(form) => form.failed(error),
            Self::Picker(picker) => {
                picker.saving = None;
                picker.error = Some(error);
            }
            Self::Confirm(confirm) => {
                confirm.saving = None;
                confirm.error = Some(error);
            }
            Self::Prompt(prompt) => prompt.failed(error),
            Self::Bulk(bulk) => bulk.failed(error),
            Self::Columns(_) | Self::Menu(_) | Self::Help(_) | Self::Message(_) | Self::Words(_) => {}
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        match self {
            Self::Ask(ask) => ask.draw(pen, area),
            Self::Form(form) => form.draw(pen, area),
            Self::Picker(picker) => picker.draw(pen, area),
            Self::Confirm(confirm) => confirm.draw(pen, area),
            Self::Menu(menu) => menu.draw(pen, area),
            Self::Help(help) => help.draw(pen, area),
            Self::Message(message) => message.draw(pen, area),
            Self::Prompt(prompt) => prompt.draw(pen, area),
            Self::Bulk(bulk) => bulk.draw(pen, area),
            Self::Columns(columns) => columns.draw(pen, area),
            Self::Words(words) => words.draw(pen, area),
        }
    }
}

/// The lines of an error: what happened, then what to do.
pub fn error_lines(error: &ServiceError, width: u16) -> Vec<String> {
    let texts = std::iter::once(&error.message).chain(&error.hints);
    texts.flat_map(|text| super::widgets::wrap(text, width)).collect()
}

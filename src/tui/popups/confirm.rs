//! The one way to what destroys or ends: what will follow, and a choice that stands on "no". What cannot be
//! undone wants the name typed; what stands in the activity takes a reason.

use ratatui::layout::Rect;
use uuid::Uuid;

use super::error_lines;
use crate::domain::Key;
use crate::service::ServiceError;
use crate::tui::keys::{Act, Context};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, columns, line, wrap};

/// What is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    Delete(Key),
    Quit,
    SignOut,
    Erase,
    EraseMachine {
        user: Uuid,
        device: Uuid,
    },
    RemoveWords,
    /// About the own sign-in.
    Own(OwnGoal),
    /// Barring that user's account; else ending their sessions.
    Account(Uuid, bool),
    LoadInitial,
    /// From the console that has the account open.
    TakeOver,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnGoal {
    SignOutOthers,
    SignOutEverywhere,
    /// Taking that second factor away.
    Unenrol(String),
    /// Keeping what does not open aside.
    SetAside,
}

#[derive(Clone, Debug)]
pub struct Confirm {
    pub title: String,
    pub lines: Vec<String>,
    /// The text to be typed, and what is typed so far.
    pub typed: Option<(String, TextField)>,
    /// Why, where that is kept.
    why: Option<TextField>,
    /// The two answers: no, yes.
    pub answers: [&'static str; 2],
    pub yes: bool,
    pub goal: Goal,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

const WIDTH: u16 = 60;

impl Confirm {
    pub fn new(title: String, lines: Vec<String>, answers: [&'static str; 2], goal: Goal) -> Self {
        Self { title, lines, typed: None, why: None, answers, yes: false, goal, saving: None, error: None }
    }

    /// Wants that text typed.
    #[must_use]
    pub fn with_typed(self, text: &str) -> Self {
        Self { typed: Some((text.to_owned(), TextField::default())), ..self }
    }

    /// Takes a reason, which may be left out.
    #[must_use]
    pub fn with_why(self) -> Self {
        Self { why: Some(TextField::default()), ..self }
    }

    pub fn reason(&self) -> Option<String> {
        let text = self.why.as_ref()?.text().trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }

    /// The text field that characters go to.
    pub fn field(&mut self) -> Option<&mut TextField> {
        self.typed.as_mut().map(|(_, field)| field).or(self.why.as_mut())
    }

    /// Is the answer yes, and may it be?
    pub fn is_yes(&self) -> bool {
        match &self.typed {
            Some((wanted, field)) => field.text().trim() == wanted.trim(),
            None => self.yes,
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let inner = width.saturating_sub(4);
        let mut lines: Vec<String> =
            self.lines.iter().flat_map(|text| wrap(&pen.theme.clean(text), inner)).collect();
        if let Some(error) = &self.error {
            lines.push(String::new());
            lines.extend(error_lines(error, inner));
        }
        let asks = if self.why.is_some() { 2 } else { 1 };
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(3 + asks);
        let inside = pen.frame(centred(area, width, height), &self.title);
        let above = Rect { height: inside.height.saturating_sub(asks), ..inside };
        pen.put_lines(above, &lines, pen.theme.plain());
        let last = line(inside, inside.height.saturating_sub(1));
        if let Some(why) = &self.why {
            let area = line(inside, inside.height.saturating_sub(2));
            let used = pen.put(area, texts::WHY_PROMPT, pen.theme.plain());
            why.draw(pen, after(area, used), self.saving.is_none());
        }
        if self.saving.is_some() {
            pen.put(last, texts::SAVING, pen.theme.plain());
        } else if let Some((wanted, field)) = &self.typed {
            let erases = matches!(self.goal, Goal::Erase | Goal::EraseMachine { .. });
            let prompt = format!("{} ", texts::type_to(if erases { "go on" } else { "delete" }, wanted));
            // A long name leaves room for the field on the line above the answers.
            let used =
                pen.put(Rect { width: inside.width.saturating_sub(8), ..last }, &prompt, pen.theme.strong());
            let act: &[(&[Act], &str)] =
                if self.is_yes() { &[(&[Act::Accept], "")] } else { &[(&[Act::Leave], "no")] };
            let hint = pen.hint(Context::Confirm, act);
            let hint = hint.trim_end();
            let room = after(last, used);
            let field_width = room.width.saturating_sub(columns(hint) + 2);
            field.draw(pen, Rect { width: field_width, ..room }, true);
            pen.put_right(room, hint, pen.theme.faint());
        } else {
            self.draw_answers(pen, last);
        }
    }

    fn draw_answers(&self, pen: &mut Pen, area: Rect) {
        let mut used = 0;
        for (answer, yes) in self.answers.iter().zip([false, true]) {
            let selected = yes == self.yes;
            let style = if selected { pen.theme.selected() } else { pen.theme.plain() };
            let text = if selected { format!("> {answer} ") } else { format!("  {answer} ") };
            used += pen.put(after(area, used), &text, style) + 2;
        }
    }
}

//! One of several, with a filter. What cannot be chosen is listed all the same and says why.

use ratatui::layout::Rect;

use super::error_lines;
use crate::domain::{Fields, Key, Value};
use crate::service::{Card, Choice, Machine, ServiceError, Verb};
use crate::tui::keys::{Act, Context};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, columns, line, scroll};

/// What the choice is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// That field of the form below.
    Field(String),
    /// With the status the person sees.
    Status(Key, Value),
    Assign(Key),
    Unassign(Key),
    /// Alone, or after what the list is sorted by.
    Sort {
        then: bool,
    },
    /// A view to see, or to take away.
    View {
        drop: bool,
    },
    /// For all marked rows.
    Marked(Verb),
    /// One of the edits that need a decision.
    Cards(Vec<Card>),
    /// What to make of this one.
    Decide(Box<Card>),
    /// Whose value the next column gets; those that were chosen already.
    Column(Box<Card>, Fields),
    Traffic,
    /// Whether edits that are held back are sent.
    Held,
    /// Whether lost entries have been seen.
    Lost,
    /// Which of what is kept aside to take over.
    Aside,
    /// Which machine to have erased.
    Machines(Vec<Machine>),
    /// About the own sign-in.
    Own(OwnGoal),
    /// What to put on the clipboard.
    Copy,

    /// What to do about somebody's sign-in account: the user, and their name.
    Account(Key, String),
    /// A message to read in full.
    Messages,
    /// An edit that is on its way, and its row.
    Outbox(u64, Key),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnGoal {
    /// What to do about it.
    Account,
    /// Which second factor to take away, or to set one up.
    Factors,
    /// How to come in without the password.
    NoPassword,
    /// What to do with an account that is sealed with an older password.
    OldPassword,
}

#[derive(Clone, Debug)]
pub struct Picker {
    pub title: String,
    /// What it is about, above the choices.
    pub about: Vec<String>,
    pub filter: TextField,
    pub choices: Vec<Choice>,
    pub at: usize,
    pub goal: Goal,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

const WIDTH: u16 = 60;
/// Where a note has no room in that.
const WIDTH_MAX: u16 = 92;
/// Of a choice, before its note.
const LABEL_WIDTH: u16 = 24;
/// Rows a picker shows at most; beyond it scrolls.
const ROWS_MAX: usize = 14;

impl Picker {
    pub fn new(title: String, choices: Vec<Choice>, goal: Goal) -> Self {
        Self {
            title,
            about: Vec::new(),
            filter: TextField::default(),
            choices,
            at: 0,
            goal,
            saving: None,
            error: None,
        }
    }

    /// With some lines above the choices.
    #[must_use]
    pub fn about(self, about: Vec<String>) -> Self {
        Self { about, ..self }
    }

    /// Starts on that value.
    #[must_use]
    pub fn on(mut self, value: &Value) -> Self {
        self.at = self.choices.iter().position(|choice| choice.value == *value).unwrap_or(0);
        self
    }

    /// The choices that the filter leaves.
    pub fn shown(&self) -> Vec<&Choice> {
        let words: Vec<String> = self.filter.text().split_whitespace().map(str::to_lowercase).collect();
        let matches = |choice: &&Choice| {
            let text = format!("{} {}", choice.label, choice.note).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        self.choices.iter().filter(matches).collect()
    }

    /// To the first one that can be chosen.
    pub fn go_first(&mut self) {
        self.at = self.shown().iter().position(|choice| choice.why_not.is_none()).unwrap_or(0);
    }

    pub fn selected(&self) -> Option<&Choice> {
        self.shown().get(self.at).copied()
    }

    pub fn step(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.at = self.at.saturating_add_signed(by).min(last);
        self.error = None;
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = self.width().min(area.width);
        let shown = self.shown();
        let notes = self.notes(width.saturating_sub(4));
        // As high as all choices, so that it does not jump while the filter is typed.
        let clean =
            |text: &String| crate::tui::widgets::wrap(&pen.theme.clean(text), width.saturating_sub(4));
        let about: Vec<String> = self.about.iter().flat_map(clean).collect();
        let below = self.choices.len().clamp(1, ROWS_MAX) + notes.len().max(1) + 2;
        let height = about.len() + below + 2;
        let inside = pen.frame(centred(area, width, u16::try_from(height).unwrap_or(u16::MAX)), &self.title);
        // Of a low window, the choices have at least half.
        let rest = inside.height.saturating_sub(u16::try_from(below).unwrap_or(u16::MAX));
        let told = u16::try_from(about.len()).unwrap_or(u16::MAX).min(rest.max(inside.height / 2));
        pen.put_lines(Rect { height: told, ..inside }, &about, pen.theme.plain());
        let inside = Rect { y: inside.y + told, height: inside.height - told, ..inside };
        let used = pen.put(line(inside, 0), "/ ", pen.theme.strong());
        self.filter.draw(pen, after(line(inside, 0), used), true);
        let tail = u16::try_from(notes.len().max(1)).unwrap_or(1) + 1;
        let room = inside.height.saturating_sub(tail + 1);
        let first = scroll(self.at, shown.len(), usize::from(room));
        for ((place, choice), y) in shown.iter().enumerate().skip(first).zip(1..=room) {
            draw_choice(pen, line(inside, y), choice, place == self.at);
        }
        if shown.is_empty() {
            pen.put(line(inside, 1), "  nothing to choose", pen.theme.plain());
        }
        for (text, y) in notes.iter().zip(inside.height.saturating_sub(tail)..) {
            pen.put(line(inside, y), text, pen.theme.warning());
        }
        let hint = [(&[Act::Accept][..], "choose"), (&[Act::Leave], "close")];
        let hint = pen.hint(Context::Picker, &hint);
        let footer = if self.saving.is_some() { texts::SAVING } else { &hint };
        let last = (first + usize::from(room)).min(shown.len());
        let end = if first > 0 || last < shown.len() {
            format!("{}-{last} of {}", first + 1, shown.len())
        } else {
            String::new()
        };
        pen.put_ends(line(inside, inside.height.saturating_sub(1)), footer, &end, pen.theme.faint());
    }

    /// The columns of a line above the choices, and how many such lines an area has room for.
    pub fn room(&self, area: Rect) -> (u16, usize) {
        let below = u16::try_from(self.choices.len().clamp(1, ROWS_MAX) + 3).unwrap_or(u16::MAX);
        let inside = area.height.saturating_sub(2);
        let told = inside.saturating_sub(below).max(inside / 2);
        (self.width().min(area.width).saturating_sub(4), usize::from(told))
    }

    /// As wide as all choices need, whatever the filter leaves of them.
    fn width(&self) -> u16 {
        let needed =
            |choice: &Choice| 2 + columns(&choice.label).max(LABEL_WIDTH - 2) + 1 + columns(&choice.note) + 4;
        self.choices.iter().map(needed).max().unwrap_or(0).clamp(WIDTH, WIDTH_MAX)
    }

    fn notes(&self, width: u16) -> Vec<String> {
        if let Some(error) = &self.error {
            return error_lines(error, width);
        }
        let why = self.selected().and_then(|choice| choice.why_not.as_deref());
        why.map(|why| crate::tui::widgets::wrap(why, width)).unwrap_or_default()
    }
}

fn draw_choice(pen: &mut Pen, area: Rect, choice: &Choice, selected: bool) {
    let style = if choice.why_not.is_some() { pen.theme.faint() } else { pen.theme.plain() };
    // What cannot be chosen stands in brackets, so that it is seen without colour too.
    let label = if choice.why_not.is_some() { format!("({})", choice.label) } else { choice.label.clone() };
    let gutter = if selected { "> " } else { "  " };
    let used = pen.put_all(area, &[(gutter, pen.theme.plain()), (&label, style)]);
    let noted = if used > LABEL_WIDTH { used + 2 } else { LABEL_WIDTH + 1 };
    pen.put(after(area, noted), &choice.note, style);
    if selected {
        pen.lay(area, pen.theme.selected());
    }
}

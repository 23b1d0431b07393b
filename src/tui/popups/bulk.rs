//! Several rows at once: what each would come to, how it is to be done, what came of each.
//!
//! It opens with what is foreseen, row by row, those that cannot be done first. Nothing is changed until Enter; what
//! deletes wants the number of rows typed. Changes that stand each for itself go in portions, so that there is progress
//! to be seen and a way to stop; a group goes as one, all or nothing.

mod row;

use ratatui::layout::Rect;
use uuid::Uuid;

use self::row::{Came, Row};
use super::error_lines;
use crate::domain::{Intent, Key};
use crate::service::{ErrorKind, Foreseen, ServiceError};
use crate::tui::keys::{Act, Context};
use crate::tui::press::{Code, Press};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line};

/// Changes that the server takes as one group, at most.
const GROUP_MAX: usize = 1000;
/// Edits saved at once where each stands for itself: some tenths of a second, so that stopping is prompt.
pub const PORTION: usize = 500;
const WIDTH: u16 = 92;
const TITLE_WIDTH: u16 = 9;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What would come of it is asked for.
    Judging,
    /// It is shown, and nothing is changed yet.
    Shown,
    /// Changes are being made; `stop`: no more after those under way.
    Making {
        stop: bool,
    },
    Ended,
}

/// The fields below the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    How,
    Why,
    Word,
}

#[derive(Clone, Debug)]
pub struct Bulk {
    /// Its portions go by this name, so that they are undone as one.
    pub deed: Uuid,
    pub title: String,
    pub stage: Stage,
    wishes: Vec<(Key, Intent)>,
    rows: Vec<Row>,
    /// All or nothing, instead of each for itself.
    pub together: bool,
    why: TextField,
    /// What is to be typed, and what is.
    word: Option<(String, TextField)>,
    at: usize,
    top: usize,
    pub saving: Option<u64>,
    error: Option<ServiceError>,
}

impl Bulk {
    /// `wishes`: each marked row with what is wanted of it.
    pub fn new(deed: Uuid, title: String, wishes: Vec<(Key, Intent)>, reason: Option<&str>) -> Self {
        let deletes = wishes.iter().any(|(_, intent)| matches!(intent, Intent::Delete { .. }));
        let word = deletes.then(|| (format!("delete {}", wishes.len()), TextField::default()));
        Self {
            deed,
            title,
            stage: Stage::Judging,
            rows: Vec::new(),
            together: false,
            why: TextField::new(reason.unwrap_or_default()),
            at: if word.is_some() { 2 } else { 0 },
            word,
            top: 0,
            saving: None,
            error: None,
            wishes,
        }
    }

    pub fn intents(&self) -> Vec<Intent> {
        self.wishes.iter().map(|(_, intent)| intent.clone()).collect()
    }

    /// Takes what each would come to; what cannot be done stands first.
    pub fn foresee(&mut self, foreseen: Vec<Foreseen>) {
        let (wishes, came) = (std::mem::take(&mut self.wishes), Came::NotYet);
        let rows = wishes.into_iter().zip(foreseen);
        self.rows =
            rows.map(|((key, intent), foreseen)| Row { key, intent, foreseen, came: came.clone() }).collect();
        self.rows.sort_by_key(|row| (row.foreseen.why_not.is_none(), row.foreseen.what.is_empty()));
        (self.stage, self.saving) = (Stage::Shown, None);
        if self.doable().next().is_none() {
            (self.word, self.at) = (None, 0);
        }
    }

    fn refused(&self) -> usize {
        self.rows.iter().filter(|row| row.foreseen.why_not.is_some()).count()
    }

    fn doable(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.foreseen.is_doable())
    }

    /// Why it cannot go as one group.
    fn why_no_group(&self) -> Option<String> {
        match (self.refused(), self.doable().count()) {
            (0, count) if count > GROUP_MAX => Some(format!("a group has at most {GROUP_MAX} changes")),
            (0, _) => None,
            (refused, _) => Some(format!("{refused} cannot be done")),
        }
    }

    /// Begins, where there is something to be done and it may be; the next edits to be made.
    pub fn begin(&mut self) -> Option<Vec<Intent>> {
        if self.stage != Stage::Shown || self.doable().next().is_none() {
            return None;
        }
        let wrong = self.word.as_ref().filter(|(word, field)| field.text().trim() != word);
        let refused = match (self.why_no_group().filter(|_| self.together), wrong) {
            (Some(why), _) => Some(texts::no_group(&why)),
            (None, wrong) => wrong.map(|(word, _)| texts::not_typed(word)),
        };
        self.error = refused.map(|message| ServiceError::new(ErrorKind::Usage, message));
        if self.error.is_some() {
            return None;
        }
        self.stage = Stage::Making { stop: false };
        self.next()
    }

    /// The edits to be made next.
    fn next(&self) -> Option<Vec<Intent>> {
        let portion = if self.together { usize::MAX } else { PORTION };
        let open = self.doable().filter(|row| row.came == Came::NotYet).take(portion);
        let intents: Vec<Intent> = open.map(|row| row.intent.clone()).collect();
        (!intents.is_empty()).then_some(intents)
    }

    /// Are changes being made, or were some?
    pub const fn is_begun(&self) -> bool {
        matches!(self.stage, Stage::Making { .. } | Stage::Ended)
    }

    /// No more changes after those under way.
    pub const fn stop(&mut self) {
        if matches!(self.stage, Stage::Making { .. }) {
            self.stage = Stage::Making { stop: true };
        }
    }

    pub fn reason(&self) -> Option<String> {
        Some(self.why.text().trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Takes what came of the edits under way, refused ones by name; the next ones, if it goes on.
    pub fn came(&mut self, refused: &[(String, String)]) -> Option<Vec<Intent>> {
        let portion = if self.together { usize::MAX } else { PORTION };
        let open = |row: &&mut Row| row.came == Came::NotYet && row.foreseen.is_doable();
        for row in self.rows.iter_mut().filter(open).take(portion) {
            let why =
                refused.iter().find(|(label, _)| *label == row.foreseen.label).map(|(_, why)| why.clone());
            row.came = why.map_or(Came::Saved, Came::Refused);
        }
        self.saving = None;
        let next = if self.stage == (Stage::Making { stop: true }) { None } else { self.next() };
        if next.is_none() {
            self.stage = Stage::Ended;
            self.top = 0;
            self.rows.sort_by_key(|row| match row.came {
                Came::Refused(_) => 0,
                Came::NotYet => 1,
                Came::Saved => 2,
            });
        }
        next
    }

    /// Nothing was changed by the edits under way: it says why, and what was made before stays made.
    pub fn failed(&mut self, error: ServiceError) {
        self.saving = None;
        self.error = Some(error);
        let begun = self.rows.iter().any(|row| row.came != Came::NotYet);
        self.stage = if begun { Stage::Ended } else { Stage::Shown };
    }

    /// The rows whose change is saved, or was not needed.
    pub fn done_with(&self) -> Vec<Key> {
        let done = |row: &&Row| {
            row.came == Came::Saved || (row.foreseen.what.is_empty() && row.foreseen.why_not.is_none())
        };
        self.rows.iter().filter(done).map(|row| row.key.clone()).collect()
    }

    /// The rows that are to be changed, and how many: those that stay, once it has ended.
    pub fn left(&self) -> (Vec<Key>, usize) {
        let left = self.doable().filter(|row| row.came != Came::Saved).map(|row| row.key.clone());
        (left.collect(), self.doable().count())
    }

    fn fields(&self) -> Vec<Field> {
        let word = self.word.is_some().then_some(Field::Word);
        [Field::How, Field::Why].into_iter().chain(word).collect()
    }

    fn focus(&self) -> Option<Field> {
        (self.stage == Stage::Shown).then(|| self.fields().get(self.at).copied()).flatten()
    }

    pub fn field(&mut self) -> Option<&mut TextField> {
        match self.focus()? {
            Field::How => None,
            Field::Why => Some(&mut self.why),
            Field::Word => self.word.as_mut().map(|(_, field)| field),
        }
    }

    pub fn step_field(&mut self, by: isize) {
        let count = self.fields().len().cast_signed();
        self.at = (self.at.cast_signed() + by).rem_euclid(count).unsigned_abs();
    }

    /// Left and Right turn how it is done.
    pub fn press(&mut self, press: Press) {
        if self.focus() == Some(Field::How) && matches!(press.code, Code::Left | Code::Right) {
            self.together = !self.together;
        }
    }

    pub fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by).min(self.rows.len().saturating_sub(1));
    }

    // ---- drawing ----

    /// What it comes to so far, in one line.
    fn sum(&self) -> String {
        let (count, closed, doable) = (self.rows.len(), self.refused(), self.doable().count());
        let same = count - closed - doable;
        let more = |parts: &[(usize, &str)]| -> String {
            let parts = parts.iter().filter(|(count, _)| *count > 0);
            parts
                .flat_map(|(count, words)| [", ".to_owned(), count.to_string(), format!(" {words}")])
                .collect()
        };
        let came = |came: &dyn Fn(&Came) -> bool| self.rows.iter().filter(|row| came(&row.came)).count();
        let saved = came(&|came| *came == Came::Saved);
        match self.stage {
            Stage::Judging => texts::LOOKING.to_owned(),
            Stage::Shown if doable == 0 => format!("{}: none would change.", texts::rows(count, "row")),
            Stage::Shown => {
                let rest = more(&[(closed, "cannot be done"), (same, "already so")]);
                let will = if self.word.is_some() { "deleted" } else { "changed" };
                format!("{}: {doable} will be {will}{rest}.", texts::rows(count, "row"))
            }
            Stage::Making { stop } => {
                let stopping = if stop { " Stopping after those under way." } else { " Esc stops." };
                format!("Saved {saved} of {doable}.{stopping}")
            }
            Stage::Ended => {
                let refused = came(&|came| matches!(came, Came::Refused(_)));
                let left = doable - saved - refused;
                let rest = more(&[
                    (refused, "refused"),
                    (left, "not made"),
                    (closed, "cannot be done"),
                    (same, "already so"),
                ]);
                format!("Saved {saved} of {count}{rest}.")
            }
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let fields = if self.stage == Stage::Shown { self.fields() } else { Vec::new() };
        let error = self.error.as_ref().map(|error| error_lines(error, width.saturating_sub(4)));
        let error = error.unwrap_or_default();
        let tail = u16::try_from(fields.len() + error.len()).unwrap_or(u16::MAX).saturating_add(1);
        // As high as its rows need; while it is looked at, no higher than its line.
        let inner = width.saturating_sub(4);
        let lines = |row: &Row| 1 + row.follows(inner).len();
        // More than any window has is as good as all.
        let rows = self.rows.iter().take(usize::from(area.height)).map(lines).sum::<usize>();
        let rows = u16::try_from(rows.max(self.rows.len())).unwrap_or(u16::MAX);
        let height = rows.saturating_add(tail).saturating_add(6);
        let inside = pen.frame(centred(area, width, height), &self.title);
        let problem = self.refused() > 0 && self.stage != Stage::Ended;
        let style = if problem { pen.theme.warning() } else { pen.theme.strong() };
        pen.put(line(inside, 0), &self.sum(), style);
        let then = match self.stage {
            Stage::Shown => texts::NOTHING_YET,
            Stage::Ended => texts::STAYS_MARKED,
            Stage::Judging | Stage::Making { .. } => "",
        };
        pen.put(line(inside, 1), then, pen.theme.plain());
        let tail = tail.min(inside.height.saturating_sub(1));
        let room = inside.height.saturating_sub(tail + 3);
        // The last page is full.
        let mut left = usize::from(room);
        let fits = |row: &&Row| {
            let is_so = lines(row) <= left;
            left = left.saturating_sub(lines(row));
            is_so
        };
        let page = self.rows.iter().rev().take_while(fits).count();
        let first = self.top.min(self.rows.len().saturating_sub(page.max(1)));
        let (end, mut below, mut shown) = (3 + room, 3, 0);
        for row in self.rows.iter().skip(first) {
            if below >= end {
                break;
            }
            below += row.draw(pen, Rect { y: inside.y + below, height: end - below, ..inside });
            shown += 1;
        }
        let mut y = inside.height.saturating_sub(tail);
        for text in &error {
            pen.put(line(inside, y), text, pen.theme.error());
            y += 1;
        }
        for field in fields {
            self.draw_field(pen, line(inside, y), field);
            y += 1;
        }
        self.draw_footer(pen, line(inside, inside.height.saturating_sub(1)), first + shown);
    }

    fn draw_field(&self, pen: &mut Pen, area: Rect, field: Field) {
        let focused = self.focus() == Some(field);
        let style = if focused { pen.theme.strong() } else { pen.theme.plain() };
        pen.put(area, if focused { ">" } else { "" }, style);
        let (title, text) = match field {
            Field::How => ("How", None),
            Field::Why => ("Why", Some(&self.why)),
            Field::Word => ("Type", self.word.as_ref().map(|(_, field)| field)),
        };
        pen.put(after(area, 2), title, style);
        let value = after(area, TITLE_WIDTH);
        match (text, &self.word) {
            (Some(text), Some((word, _))) if field == Field::Word => {
                let used = pen.put(value, &format!("{word}:  "), pen.theme.strong());
                text.draw(pen, after(value, used), focused);
            }
            (Some(text), _) => text.draw(pen, value, focused),
            (None, _) => {
                let way = match (self.together, self.why_no_group()) {
                    (false, _) => texts::EACH.to_owned(),
                    (true, None) => texts::TOGETHER.to_owned(),
                    (true, Some(why)) => format!("{}: not possible, {why}", texts::TOGETHER),
                };
                let (style, way) = if focused {
                    (pen.theme.selected(), format!("< {way} >"))
                } else {
                    (pen.theme.plain(), way)
                };
                let used = pen.put(value, &way, style);
                if focused {
                    pen.put(after(value, used + 2), texts::TURN_HOW, pen.theme.faint());
                }
            }
        }
    }

    fn draw_footer(&self, pen: &mut Pen, area: Rect, seen: usize) {
        let (rows, leave): (&[Act], &[Act]) = (&[Act::Up, Act::Down], &[Act::Leave]);
        let next: &[Act] = &[Act::FieldNext];
        let acts: &[(&[Act], &str)] = match self.stage {
            Stage::Judging => &[(leave, "leave it")],
            Stage::Shown if self.doable().next().is_none() => &[(leave, "close")],
            Stage::Shown => {
                &[(&[Act::Accept], "do it"), (next, "next field"), (rows, "rows"), (leave, "change nothing")]
            }
            Stage::Making { .. } => &[(leave, "stop")],
            Stage::Ended => &[(rows, "rows"), (&[Act::Accept], "close")],
        };
        let hint = pen.hint(Context::Bulk, acts);
        let all = self.top == 0 && seen == self.rows.len();
        let end = if all { String::new() } else { format!("{seen} of {}", self.rows.len()) };
        pen.put_ends(area, &hint, &end, pen.theme.faint());
    }
}

//! One row with all that belongs to it: its values, what is unsent, what looks wrong, what it is related to; and, once it
//! was opened, its history. When it has the focus, arrows move from line to line and Enter goes to the thing a line names.
//! The history is read from the server, so it is not asked for while the cursor merely passes over rows.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::domain::{Key, Stamp};
use crate::service::{self, Activity, EditState, OutboxLine, Status, status};
use crate::tui::activity::stands_for;
use crate::tui::screens::activity;
use crate::tui::texts;
use crate::tui::theme::{Theme, row_mark};
use crate::tui::widgets::{Pen, after, columns, line, table, wrap, wrap_all};

/// How many steps back are kept.
const TRAIL_MAX: usize = 50;
/// Columns of a value's title.
const TITLE_WIDTH: u16 = 10;

/// What the detail shows.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// The row that is asked for.
    pub key: Option<Key>,
    pub shown: Option<service::Detail>,
    /// Who did what to it; absent until it was opened.
    pub history: Option<Activity>,
    /// Do keys go to it?
    pub focused: bool,
    /// The selected line.
    pub at: usize,
    /// Where somebody came from, the latest last.
    pub trail: Vec<Key>,
    /// Where somebody went back from, the latest last.
    pub ahead: Vec<Key>,
}

/// One line, ready to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub title: String,
    pub text: String,
    pub tone: Tone,
    /// Where Enter goes.
    pub jump: Option<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Faint,
    Heading,
    Warning,
}

impl Line {
    fn new(title: &str, text: impl Into<String>, tone: Tone) -> Self {
        Self { title: title.to_owned(), text: text.into(), tone, jump: None }
    }
}

impl Detail {
    /// Shows another row; what was shown is forgotten, so that no row stands under another's name.
    pub fn turn_to(&mut self, key: Option<Key>) {
        if self.key != key {
            self.key = key;
            (self.shown, self.history) = (None, None);
            self.at = 0;
        }
    }

    pub fn take(&mut self, shown: Option<service::Detail>) {
        self.shown = shown;
    }

    /// Goes on to something else: remembers where to go back to, and nothing is ahead any more.
    pub fn leave_trail(&mut self, from: Key) {
        self.ahead.clear();
        self.keep_trail(from);
    }

    pub fn keep_trail(&mut self, from: Key) {
        if self.trail.len() == TRAIL_MAX {
            self.trail.remove(0);
        }
        self.trail.push(from);
    }
}

/// All lines of a row, its history last.
pub fn lines(
    theme: Theme,
    detail: &Detail,
    status: &Status,
    now: Stamp,
    zone: &TimeZone,
    width: u16,
) -> Vec<Line> {
    let Some(shown) = &detail.shown else { return Vec::new() };
    let mut out = row_lines(theme, shown, now, zone, width);
    if let Some(history) = &detail.history {
        history_lines(theme, history, status, now, zone, width, &mut out);
    }
    out
}

fn row_lines(theme: Theme, detail: &service::Detail, now: Stamp, zone: &TimeZone, width: u16) -> Vec<Line> {
    let mut out = Vec::new();
    for alert in &detail.alerts {
        for text in wrap(&format!("! {}", theme.clean(alert)), width) {
            out.push(Line::new("", text, Tone::Warning));
        }
    }
    for value in &detail.lines {
        let changed = if value.was.is_some() { "  ~" } else { "" };
        let text = format!("{}{changed}", word(theme, zone, &value.title, &value.text));
        let mut pieces = wrap_all(&text, width.saturating_sub(TITLE_WIDTH - 2)).into_iter();
        out.push(Line::new(&value.title, pieces.next().unwrap_or_default(), Tone::Plain));
        let indent = " ".repeat(usize::from(TITLE_WIDTH));
        out.extend(pieces.map(|piece| Line::new("", format!("{indent}{piece}"), Tone::Plain)));
        if let Some(was) = &value.was {
            let was = format!("was {}, unsent", word(theme, zone, &value.title, was));
            for text in wrap(&was, width.saturating_sub(TITLE_WIDTH - 2)) {
                out.push(Line::new("", text, Tone::Faint));
            }
        }
    }
    for edit in &detail.edits {
        edit_lines(theme, edit, now, zone, width, &mut out);
    }
    for related in detail.related.iter().filter(|related| !related.items.is_empty()) {
        out.push(Line::new("", "", Tone::Plain));
        out.push(Line::new("", format!("{}  {}", related.title, related.items.len()), Tone::Heading));
        for (key, label) in &related.items {
            out.push(Line {
                jump: Some(stands_for(key)),
                ..Line::new("", format!("  {label}"), Tone::Plain)
            });
        }
    }
    out
}

/// Who did what and why, when, from where, and whether it was sent; and how old that is.
fn history_lines(
    theme: Theme,
    history: &Activity,
    status: &Status,
    now: Stamp,
    zone: &TimeZone,
    width: u16,
    out: &mut Vec<Line>,
) {
    out.push(Line::new("", "", Tone::Plain));
    out.push(Line::new("", texts::HISTORY, Tone::Heading));
    let mut say = |text: &str, indent: &str, tone: Tone| {
        for text in wrap(&theme.clean(text), width.saturating_sub(columns(indent))) {
            out.push(Line::new("", format!("{indent}{text}"), tone));
        }
    };
    let note = activity::note(history, status, now, zone);
    say(if note.is_empty() { texts::HISTORY_ONLINE } else { &note }, "  ", Tone::Plain);
    for line in &history.lines {
        say(&format!("{}  {}", status::age(line.at, now, zone), activity::who(line)), "  ", Tone::Heading);
        say(&line.what, "    ", Tone::Plain);
        if let Some(why) = &line.reason {
            say(&format!("\"{why}\""), "    ", Tone::Plain);
        }
    }
    match (history.lines.is_empty(), history.more, history.as_of) {
        (true, _, Some(_)) => say(texts::NO_ACTIVITY, "  ", Tone::Plain),
        (false, true, _) => say(texts::HISTORY_MORE, "  ", Tone::Plain),
        _ => {}
    }
}

/// A value as people read it: a status with its glyph, an instant in their own time.
fn word(theme: Theme, zone: &TimeZone, title: &str, text: &str) -> String {
    if title == "Status" {
        return table::status_cell(theme, text);
    }
    instant(zone, text)
}

/// An instant in the person's own time; any other text as it is.
pub fn instant(zone: &TimeZone, text: &str) -> String {
    let at = Stamp::parse(text).and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok());
    at.map_or_else(|| text.to_owned(), |at| at.to_zoned(zone.clone()).strftime("%d %b %Y %H:%M").to_string())
}

fn edit_lines(theme: Theme, edit: &OutboxLine, now: Stamp, zone: &TimeZone, width: u16, out: &mut Vec<Line>) {
    out.push(Line::new("", "", Tone::Plain));
    let age = status::age(edit.at, now, zone);
    let tone = if edit.state.waits_for_you() { Tone::Warning } else { Tone::Heading };
    out.push(Line::new("", format!("{}  {age}", state_word(&edit.state)), tone));
    for text in wrap(&theme.clean(&edit.what), width.saturating_sub(2)) {
        out.push(Line::new("", format!("  {text}"), Tone::Plain));
    }
    for text in state_lines(&edit.state, now, zone) {
        for text in wrap(&theme.clean(&text), width.saturating_sub(2)) {
            out.push(Line::new("", format!("  {text}"), Tone::Plain));
        }
    }
}

pub const fn state_word(state: &EditState) -> &'static str {
    match state {
        EditState::Waiting => "Unsent",
        EditState::Sending => "Not confirmed yet",
        EditState::Confirmed => "Sent",
        EditState::Blocked => "Waits for another edit",
        EditState::Held => "?! Held back",
        EditState::Conflict { .. } => "?! Conflict",
        EditState::Refused { .. } => "?! Refused",
        EditState::Gone => "?! Gone",
    }
}

/// What is the matter, in sentences.
pub fn state_lines(state: &EditState, now: Stamp, zone: &TimeZone) -> Vec<String> {
    match state {
        EditState::Conflict { told, drops, by, at, .. } => {
            let who = by.as_deref().unwrap_or("somebody else");
            let when = at.map(|at| format!(", {}", status::at_text(at, now, zone))).unwrap_or_default();
            if !drops.is_empty() {
                let drops = drops.join(", ");
                return vec![format!("Assigned by {who}{when}; it would be lost with this: {drops}")];
            }
            let mut lines = vec![format!("Also changed by {who}{when}:")];
            lines.extend(told.iter().cloned());
            lines
        }
        EditState::Refused { message, .. } => vec![message.clone()],
        EditState::Gone => vec!["The row was deleted by somebody else.".to_owned()],
        EditState::Blocked => vec!["It needs an edit that did not get in.".to_owned()],
        EditState::Held => vec![texts::MAY_BE_SENT.to_owned()],
        EditState::Waiting | EditState::Sending | EditState::Confirmed => Vec::new(),
    }
}

fn style(theme: Theme, tone: Tone) -> Style {
    match tone {
        Tone::Plain => theme.plain(),
        Tone::Faint => theme.faint(),
        Tone::Heading => theme.strong(),
        Tone::Warning => theme.warning().patch(theme.strong()),
    }
}

/// The columns that texts wrap at in an area for details.
pub const fn text_width(area: Rect) -> u16 {
    area.width.saturating_sub(4)
}

/// Lines that such an area shows of a row, below its name.
pub const fn lines_in_sight(area: Rect) -> usize {
    area.height.saturating_sub(2) as usize
}

/// The first line to show: from the top, as long as the cursor has a line below it.
fn first_in_sight(at: usize, count: usize, room: usize) -> usize {
    (at + 2).saturating_sub(room).min(count.saturating_sub(room))
}

/// The line to go to from `at`, passing over empty ones.
pub fn step(lines: &[Line], at: usize, by: isize) -> usize {
    let last = lines.len().saturating_sub(1);
    let is_empty =
        |at: usize| lines.get(at).is_some_and(|line| line.title.is_empty() && line.text.is_empty());
    let mut to = at.saturating_add_signed(by).min(last);
    while is_empty(to) && to > 0 && to < last {
        to = to.saturating_add_signed(by.signum());
    }
    to
}

/// Draws the row that is selected or was opened.
pub fn draw(pen: &mut Pen, area: Rect, detail: &Detail, status: &Status, now: Stamp, zone: &TimeZone) {
    let width = text_width(area);
    let area = Rect { width: area.width.saturating_sub(1), ..after(area, 1) };
    let Some(shown) = &detail.shown else {
        let text = if detail.key.is_some() { "It is not there (any more)." } else { "Nothing is selected." };
        pen.put(line(area, 0), text, pen.theme.faint());
        return;
    };
    let mark = row_mark(shown.row.mark, shown.row.needs_you);
    let heading = format!("{} {mark}", shown.row.label);
    let used = pen.put(line(area, 0), &heading, pen.theme.strong());
    let body = Rect { y: area.y + area.height.min(2), height: area.height.saturating_sub(2), ..area };
    let lines = lines(pen.theme, detail, status, now, zone, width);
    let at = detail.at.min(lines.len().saturating_sub(1));
    let room = lines_in_sight(area);
    let first = if detail.focused { first_in_sight(at, lines.len(), room) } else { 0 };
    let kind = shown.row.key.kind.noun();
    let beside = if detail.focused && lines.len() > room && room > 0 {
        format!("{kind}, lines {}-{} of {}", first + 1, first + room, lines.len())
    } else {
        kind.to_owned()
    };
    pen.put_right(after(line(area, 0), used + 1), &beside, pen.theme.faint());
    for ((place, text), y) in lines.iter().enumerate().skip(first).zip(0..body.height) {
        draw_line(pen, line(body, y), text, detail.focused && place == at);
    }
    if !detail.focused && lines.len() > usize::from(body.height) && body.height > 0 {
        let hidden = lines.len() - usize::from(body.height) + 1;
        let last = line(body, body.height - 1);
        pen.put(last, &" ".repeat(usize::from(last.width)), pen.theme.plain());
        pen.put(last, &format!("{hidden} more lines: Enter"), pen.theme.faint());
    }
}

fn draw_line(pen: &mut Pen, area: Rect, text: &Line, selected: bool) {
    let style = style(pen.theme, text.tone);
    let value = if text.title.is_empty() && text.tone != Tone::Faint {
        area
    } else {
        pen.put(Rect { width: area.width.min(TITLE_WIDTH - 1), ..area }, &text.title, pen.theme.plain());
        after(area, TITLE_WIDTH)
    };
    pen.put(value, &text.text, style);
    if selected {
        // Where a line begins at once, its look alone tells.
        if text.text.starts_with(' ') {
            pen.put(area, ">", pen.theme.plain());
        }
        pen.lay(area, pen.theme.selected());
    }
}

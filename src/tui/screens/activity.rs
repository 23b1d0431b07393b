//! Who did what, when, from where and why: one line each, the newest first, one's own unsent edits on top. A filter line narrows what
//! is here; the last line reads further back.

use jiff::tz::TimeZone;

use crate::domain::{Key, Stamp};
use crate::service::{Activity as Shown, ActivityLine, Link, Status, status};
use crate::tui::texts;
use crate::tui::widgets::lines::{Cursor, Line, Part, Tone};
use crate::tui::widgets::text_field::TextField;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// A line of the server's by its number, one's own by what it says.
    Line {
        id: Option<i64>,
        key: Key,
        what: String,
    },
    More,
}

#[derive(Clone, Debug, Default)]
pub struct Activity {
    pub shown: Shown,
    pub filter: TextField,
    pub filtering: bool,
    pub cursor: Cursor<On>,
}

/// Below this width the person and the row have less room.
const WIDTH_NORMAL: u16 = 80;
/// From this width on there is room for the machine.
const WIDTH_WIDE: u16 = 110;

/// The lines that the filter leaves; `width` is the window's.
pub fn lines(activity: &Activity, now: Stamp, zone: &TimeZone, width: u16) -> Vec<Line<On>> {
    let words: Vec<String> = activity.filter.text().split_whitespace().map(str::to_lowercase).collect();
    let found = activity.shown.lines.iter().filter(|line| words.iter().all(|word| has(line, word)));
    let mut out: Vec<Line<On>> = found.map(|one| line(one, now, zone, width)).collect();
    if out.is_empty() {
        let nothing = match (activity.shown.lines.is_empty(), activity.shown.asking, activity.shown.as_of) {
            (false, ..) => texts::NO_SUCH_ACTIVITY,
            (true, true, _) => texts::READING_ACTIVITY,
            (true, false, Some(_)) => texts::NO_ACTIVITY,
            (true, false, None) => texts::ACTIVITY_ONLINE,
        };
        out.push(Line::text(nothing));
    }
    if activity.shown.more {
        let words = if activity.shown.asking { texts::READING_ACTIVITY } else { texts::MORE_ACTIVITY };
        out.push(Line::on(On::More, vec![Part::new(words).tone(Tone::Faint)]));
    }
    out
}

pub fn has(line: &ActivityLine, word: &str) -> bool {
    let texts = [&line.who, &line.label, &line.what].into_iter().chain(&line.from).chain(&line.reason);
    texts.into_iter().any(|text| text.to_lowercase().contains(word))
        || line.key.kind.noun() == word.trim_end_matches('s')
}

/// Who did it and from where; what is not sent yet is of this machine.
pub fn who(line: &ActivityLine) -> String {
    match (&line.id, &line.from) {
        (None, _) => texts::YOU_UNSENT.to_owned(),
        (Some(_), Some(from)) => format!("{}, {from}", line.who),
        (Some(_), None) => line.who.clone(),
    }
}

fn line(one: &ActivityLine, now: Stamp, zone: &TimeZone, width: u16) -> Line<On> {
    let (who, label) = if width < WIDTH_NORMAL { (9, 12) } else { (14, 18) };
    let mine = one.id.is_none();
    let tone = if mine { Tone::Strong } else { Tone::Plain };
    let mut parts = vec![
        Part::new(status::age(one.at, now, zone)).right(9),
        Part::new(if mine { texts::YOU_UNSENT } else { &one.who }).wide(who).tone(tone),
    ];
    if width >= WIDTH_WIDE {
        parts.push(Part::new(one.from.clone().unwrap_or_default()).wide(20).tone(Tone::Faint));
    }
    parts.extend([Part::new(one.label.clone()).wide(label), Part::new(one.what.clone())]);
    parts.extend(one.reason.iter().map(|why| Part::new(format!("  \"{why}\"")).tone(Tone::Faint)));
    Line::on(On::Line { id: one.id, key: one.key.clone(), what: one.what.clone() }, parts)
}

/// How old what is shown is, or what is the matter.
pub fn note(shown: &Shown, status: &Status, now: Stamp, zone: &TimeZone) -> String {
    let as_of = shown.as_of.map(|at| format!("as of {}", status::at_text(at, now, zone)));
    let matter = match (&shown.trouble, &status.link) {
        _ if shown.asking => Some(texts::READING_ACTIVITY.to_owned()),
        (_, Link::Offline { .. }) => Some("offline".to_owned()),
        (Some(trouble), _) => Some(trouble.clone()),
        (None, _) => None,
    };
    as_of.into_iter().chain(matter).collect::<Vec<_>>().join(", ")
}

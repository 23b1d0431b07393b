//! The overview: each figure is a line with its share as a bar, and leads to the rows it counts. A region unfolds into
//! how its drones and its people stand.

use std::collections::BTreeSet;

use crate::domain::{Kind, Stamp};
use crate::service::{Figure, Overview as Shown, RunView, Status, status};
use crate::tui::texts;
use crate::tui::theme::Theme;
use crate::tui::widgets::chart;
use crate::tui::widgets::lines::{Cursor, Line, Part, Tone};

/// What a line of the overview leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    Rows(Kind, String),
    /// Edits that need a person.
    Cards,
    /// What else the line's own screen tells more of: edits that wait, old data, the last runs.
    Waiting,
    Old,
    Runs,
}

#[derive(Clone, Debug, Default)]
pub struct Overview {
    pub shown: Option<Shown>,
    pub cursor: Cursor<On>,
    /// The filters of the figures that are unfolded.
    unfolded: BTreeSet<String>,
}

const WORD: u16 = 16;
const COUNT: u16 = 9;
const SHARE: u16 = 5;
/// Columns of the longest bar, at the most.
const BAR_MAX: u16 = 40;

impl Overview {
    /// Unfolds the figure with that filter, or folds the one it is in.
    pub fn fold(&mut self, filter: &str, unfold: bool) {
        let figures = self.shown.iter().flat_map(|shown| &shown.groups).flat_map(|group| &group.figures);
        let has = |figure: &&Figure| {
            figure.filter == filter || figure.inside.iter().any(|inside| inside.filter == filter)
        };
        let Some(figure) = figures.into_iter().find(|figure| !figure.inside.is_empty() && has(figure)) else {
            return;
        };
        if unfold {
            self.unfolded.insert(figure.filter.clone());
        } else if self.unfolded.remove(&figure.filter) {
            self.cursor.go(On::Rows(figure.kind, figure.filter.clone()));
        }
    }
}

/// All lines; `width` is the window's.
pub fn lines(
    overview: &Overview,
    runs: &[RunView],
    status: &Status,
    theme: Theme,
    now: Stamp,
    width: u16,
) -> Vec<Line<On>> {
    let mut out = edits(status, runs, theme, now, width);
    let Some(shown) = &overview.shown else {
        out.push(Line::text(texts::COUNTING));
        return out;
    };
    if status.as_of.is_none() {
        out.push(Line::text(texts::STILL_LOADING));
    }
    for group in &shown.groups {
        let since = shown.since.filter(|_| group.total.is_none() && group.title == texts::SINCE);
        let title = match (group.total, since) {
            (_, Some(since)) => format!("{} ({})", group.title, status::ago(since, now)),
            (Some(total), _) => format!("{}  {}", group.title, thousands(total)),
            (None, None) => group.title.clone(),
        };
        out.push(Line::empty());
        out.push(Line::heading(title));
        let noted = group.figures.iter().any(|one| !one.note.is_empty());
        for one in &group.figures {
            let open = overview.unfolded.contains(&one.filter);
            out.push(figure(one, group.total, theme, Room { width, noted, inset: 0 }, open));
            if open {
                // Drones of all drones of the region; of its users there is no share of drones.
                let total = |inside: &Figure| {
                    group.total.map(|_| if inside.kind == one.kind { one.count } else { 0 })
                };
                let room = Room { width, noted, inset: 2 };
                out.extend(one.inside.iter().map(|inside| figure(inside, total(inside), theme, room, false)));
            }
        }
    }
    out
}

/// What of one's own is on its way, how old the data is, and how the line did.
fn edits(status: &Status, runs: &[RunView], theme: Theme, now: Stamp, width: u16) -> Vec<Line<On>> {
    let told = |count: usize, verbs: [&str; 2], rest: &str, on: On| {
        let (noun, verb) = if count == 1 { ("edit", verbs[0]) } else { ("edits", verbs[1]) };
        let tone = if on == On::Cards { Tone::Warning } else { Tone::Plain };
        let words = format!("{} {noun} {verb} {rest}", thousands(count));
        (count > 0).then(|| Line::on(on, vec![Part::new(words).tone(tone)]))
    };
    let needs = told(status.needs_you, ["needs", "need"], "you", On::Cards);
    let waits = told(status.waiting, ["waits", "wait"], "to be sent", On::Waiting);
    let mut out: Vec<Line<On>> = needs.into_iter().chain(waits).collect();
    let old = status.as_of.filter(|at| now.0 - at.0 > crate::domain::stamp::DAY_MICROS);
    if let Some(at) = old {
        let words = format!("The data is {} old: what others did since is not here", status::span(at, now));
        out.push(Line::on(On::Old, vec![Part::new(words).tone(Tone::Warning)]));
    }
    if !runs.is_empty() {
        let spark = chart::runs(theme, runs, usize::from(width.saturating_sub(20).min(BAR_MAX)));
        out.push(Line::on(On::Runs, vec![Part::new("Last runs").wide(10), Part::new(spark)]));
    }
    out
}

/// The line that a figure has.
#[derive(Clone, Copy)]
struct Room {
    width: u16,
    /// There are notes beside the bars of its kind.
    noted: bool,
    /// Columns that it is set in.
    inset: u16,
}

/// A share in percent: none is told as nothing or as all that is not.
fn share(count: usize, total: usize) -> String {
    let percent = (count * 100 + total / 2) / total.max(1);
    match percent {
        0 if count > 0 => "<1 %".to_owned(),
        100.. if count < total => ">99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

/// A figure with its share of `total` as a bar; of 0 there is no share, and without one it is no part of anything.
fn figure(one: &Figure, total: Option<usize>, theme: Theme, room: Room, open: bool) -> Line<On> {
    let Room { width, noted, inset } = room;
    let fold = match (one.inside.is_empty(), open) {
        (true, _) => "",
        (false, true) => theme.unfolded(),
        (false, false) => theme.folded(),
    };
    let glyph = if Theme::has_glyph(&one.word) { theme.status_glyph(&one.word) } else { fold };
    let label = if glyph.is_empty() { one.word.clone() } else { format!("{glyph} {}", one.word) };
    let count = Part::new(thousands(one.count));
    let on = On::Rows(one.kind, one.filter.clone());
    let Some(total) = total else {
        let tone = if one.alert { Tone::Warning } else { Tone::Plain };
        let mark = if one.alert { "! " } else { "" };
        return Line::on(
            on,
            vec![count.right(COUNT - inset), Part::new(format!("{mark}{}", one.word)).tone(tone)],
        );
    };
    let indent = " ".repeat(usize::from(inset));
    let mut parts = vec![Part::new(format!("{indent}{label}")).wide(WORD + 2), count.right(COUNT)];
    if width >= 60 && total > 0 {
        parts.push(Part::new(share(one.count, total)).right(SHARE).tone(Tone::Faint));
        // Of the width, what stands beside it is left, and the notes.
        let notes = if noted { 34 } else { 0 };
        let room = width.saturating_sub(WORD + COUNT + SHARE + 12 + notes).min(BAR_MAX);
        let bar = chart::bar(theme, one.count, total, room);
        if one.note.is_empty() {
            parts.push(Part::new(bar));
        } else {
            parts.push(Part::new(bar).wide(room));
            let tone = if one.alert { Tone::Warning } else { Tone::Plain };
            let mark = if one.alert { "  !" } else { "" };
            parts.push(Part::new(format!("{}{mark}", one.note)).tone(tone));
        }
    }
    Line::on(on, parts)
}

fn thousands(count: usize) -> String {
    status::thousands(u64::try_from(count).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_and_never_told_as_nothing_or_all() {
        let told = [(0, 7), (1, 1204), (54, 1204), (553, 1204), (1203, 1204), (7, 7), (0, 0)];
        let told = told.map(|(count, total)| share(count, total));
        assert_eq!(told, ["0 %", "<1 %", "4 %", "46 %", ">99 %", "100 %", "0 %"]);
    }
}

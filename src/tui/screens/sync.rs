//! The state of the line in full: how it stands and why, what waits and what needs a person, and what the line was used
//! for. Every edit that is on its way is a line that can be opened.

use jiff::tz::TimeZone;

use super::detail::state_word;
use crate::domain::Stamp;
use crate::service::{EditState, Link, OutboxLine, RunView, Status, Traffic, line, status};
use crate::tui::texts;
use crate::tui::theme::Theme;
use crate::tui::widgets::chart;
use crate::tui::widgets::lines::{Cursor, Line, Part, Tone};

/// What a line stands for: an edit by its number, a run by when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    Edit(u64),
    Run(Stamp, String),
}

#[derive(Clone, Debug, Default)]
pub struct Sync {
    pub outbox: Vec<OutboxLine>,
    /// Newest first.
    pub runs: Vec<RunView>,
    pub cursor: Cursor<On>,
}

/// Runs in the sparkline.
const SPARK: usize = 40;

pub fn lines(sync: &Sync, status: &Status, theme: Theme, now: Stamp, zone: &TimeZone) -> Vec<Line<On>> {
    let mut out = vec![Line::heading(standing(status, now, zone)), counts(sync, status, now)];
    out.push(use_of_line(sync, status, theme));
    let (stuck, others): (Vec<_>, Vec<_>) = sync.outbox.iter().partition(|edit| edit.state.needs_you());
    let (held, moving): (Vec<_>, Vec<_>) = others.into_iter().partition(|edit| edit.state == EditState::Held);
    for (title, edits) in [(texts::NEEDS_YOU, stuck), (texts::HELD_BACK, held), (texts::ON_THEIR_WAY, moving)]
    {
        if !edits.is_empty() {
            out.push(Line::empty());
            out.push(Line::heading(format!("{title}  {}", edits.len())));
            out.extend(edits.into_iter().map(|one| edit(one, now, zone)));
        }
    }
    out.push(Line::empty());
    out.push(Line::heading(texts::RUNS));
    if sync.runs.is_empty() {
        out.push(Line::text(texts::NO_RUNS));
    }
    out.extend(sync.runs.iter().map(|one| run(one, now, zone)));
    out
}

/// How the line stands, why, and when it is tried again.
pub fn standing(status: &Status, now: Stamp, zone: &TimeZone) -> String {
    let clock = |at: Stamp| status::at_text(at, now, zone);
    let told = match &status.link {
        _ if status.traffic == Traffic::Held => texts::HELD_LINE.to_owned(),
        Link::Offline { since, why } if why.is_empty() => format!("OFFLINE since {}", clock(*since)),
        Link::Offline { since, why } => format!("OFFLINE since {} ({why})", clock(*since)),
        Link::ServerFault { next_try_s } => format!("SERVER NOT ANSWERING, next try in {next_try_s} s"),
        Link::Online => "ONLINE".to_owned(),
        Link::SignInAgain => texts::SIGN_IN_AGAIN.to_owned(),
        _ => return status::line(status, now, zone),
    };
    let as_of = status.as_of.map(|at| format!("data as of {}", clock(at)));
    [Some(told), as_of].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn counts(sync: &Sync, status: &Status, now: Stamp) -> Line<On> {
    let unsent = |line: &&OutboxLine| {
        matches!(line.state, EditState::Waiting | EditState::Sending | EditState::Blocked | EditState::Held)
    };
    let oldest = sync.outbox.iter().filter(unsent).map(|line| line.at).min();
    let oldest = oldest.map(|at| format!(", the oldest {}", status::ago(at, now))).unwrap_or_default();
    let sent: usize = sync.runs.iter().map(|run| run.edits).sum();
    let needs = Part::new(format!("Needs you {}   ", status.needs_you));
    let needs = if status.needs_you > 0 { needs.tone(Tone::Warning) } else { needs };
    Line::new(vec![
        Part::new(format!("Waiting {}{oldest}   ", status.waiting)),
        needs,
        Part::new(format!("Sent {} since you signed in", status::thousands(sent as u64))),
    ])
}

fn use_of_line(sync: &Sync, status: &Status, theme: Theme) -> Line<On> {
    let mode = match status.traffic {
        Traffic::Normal => "normal",
        Traffic::Sparing => "sparing",
        Traffic::Held => "held",
    };
    let up: u64 = sync.runs.iter().map(|run| run.up).sum();
    let (up, down) = (up.min(status.bytes), status.bytes.saturating_sub(up));
    let spent = format!("Line {mode}   down {}, up {}   ", line::bytes(down), line::bytes(up));
    Line::new(vec![Part::new(spent), Part::new(chart::runs(theme, &sync.runs, SPARK))])
}

fn edit(one: &OutboxLine, now: Stamp, zone: &TimeZone) -> Line<On> {
    let tone = if one.state.waits_for_you() { Tone::Warning } else { Tone::Plain };
    let parts = vec![
        Part::new(one.label.clone()).wide(18),
        Part::new(state_word(&one.state)).wide(17).tone(tone),
        Part::new(status::age(one.at, now, zone)).right(7),
        Part::new(one.what.clone()),
    ];
    Line::on(On::Edit(one.edit), parts)
}

fn run(one: &RunView, now: Stamp, zone: &TimeZone) -> Line<On> {
    let tone = if one.failed { Tone::Error } else { Tone::Plain };
    let took = if one.took_ms < 1000 {
        format!("{} ms", one.took_ms)
    } else {
        format!("{}.{} s", one.took_ms / 1000, one.took_ms / 100 % 10)
    };
    let parts = vec![
        Part::new(status::at_text(one.at, now, zone)).wide(5),
        Part::new(took).right(7),
        Part::new(line::bytes(one.bytes)).right(7),
        Part::new(format!("{}: {}", one.what, one.came)).tone(tone),
    ];
    Line::on(On::Run(one.at, one.what.clone()), parts)
}

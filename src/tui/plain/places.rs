//! What the screen's places show, by words: the overview, the activity and a row's history, what the line was used for;
//! and how the line is used.

use super::{Action, Dialogue, LOOK_AGAIN, PAGE, Said, TimeZone, texts};
use crate::service::{Activity, Answer, Figure, Overview, Query, RunView, line, status};
use crate::tui::decide::TRAFFIC;
use crate::tui::screens::activity;

/// How long the server's answer is waited for before what is here is told.
const ANSWER_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

impl Dialogue {
    /// Asks until it is no longer on its way, or for long enough.
    fn settled(&mut self, query: &Query) -> Said<Option<Activity>> {
        let mut waited = std::time::Duration::ZERO;
        loop {
            let shown = match self.service.ask(&self.ctx(), query) {
                Ok(Answer::Activity(shown) | Answer::History(shown)) => shown,
                Ok(_) => return Ok(None),
                Err(error) => return self.talk.fail(&error).map(|()| None),
            };
            if !shown.asking || waited >= ANSWER_TIME_MAX {
                return Ok(Some(shown));
            }
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
    }

    /// Who did what, of all rows or of those lines that have these words.
    pub(super) fn activity(&mut self, words: &str) -> Said<()> {
        let Some(shown) = self.settled(&Query::Activity)? else { return Ok(()) };
        self.tell_activity(&shown, words, true)
    }

    /// Reads further back.
    pub(super) fn further(&mut self) -> Said<()> {
        self.act(Action::MoreActivity)?;
        let Some(shown) = self.settled(&Query::Activity)? else { return Ok(()) };
        self.talk
            .say(&format!("{} lines are here now; activity WORDS looks in all of them.", shown.lines.len()))
    }

    /// Who did what to one row.
    pub(super) fn history(&mut self, said: &str) -> Said<()> {
        let Some(row) = self.find(said)? else { return Ok(()) };
        let Some(shown) = self.settled(&Query::History { key: row.key })? else { return Ok(()) };
        self.tell_activity(&shown, "", false)
    }

    fn tell_activity(&mut self, shown: &Activity, words: &str, labels: bool) -> Said<()> {
        let (now, zone) = (self.now(), TimeZone::system());
        let note = activity::note(shown, &self.service.status(), now, &zone);
        self.talk.say(if note.is_empty() { texts::HISTORY_ONLINE } else { &note })?;
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let found = shown.lines.iter().filter(|line| words.iter().all(|word| activity::has(line, word)));
        let told: Vec<String> = found
            .take(PAGE)
            .map(|line| {
                let label = if labels { format!("{}: ", line.label) } else { String::new() };
                let why = line.reason.as_ref().map(|why| format!(" Why: {why}")).unwrap_or_default();
                let (age, who) = (status::age(line.at, now, &zone), activity::who(line));
                format!("{age}, {who}: {label}{}.{why}", line.what)
            })
            .collect();
        if told.is_empty() {
            return self.talk.say(texts::NO_ACTIVITY);
        }
        self.talk.say_all(told)?;
        let more = labels && shown.more;
        if more { self.talk.say("further reads what is older.") } else { Ok(()) }
    }

    /// The fleet and the people in figures, each with the words that list its rows.
    pub(super) fn overview(&mut self) -> Said<()> {
        let shown = match self.service.ask(&self.ctx(), &Query::Overview) {
            Ok(Answer::Overview(Some(shown))) => shown,
            Ok(_) => return self.talk.say(texts::COUNTING),
            Err(error) => return self.talk.fail(&error),
        };
        self.tell_overview(&shown)
    }

    fn tell_overview(&mut self, shown: &Overview) -> Said<()> {
        for group in &shown.groups {
            let total = group.total.map(|total| format!(", {total} in all")).unwrap_or_default();
            self.talk.say(&format!("{}{total}:", group.title))?;
            self.talk.say_all(group.figures.iter().flat_map(|figure| {
                std::iter::once(figure_line(figure, ""))
                    .chain(figure.inside.iter().map(|it| figure_line(it, "  ")))
            }))?;
        }
        Ok(())
    }

    /// What the line was used for in this session, and what waits.
    pub(super) fn runs(&mut self) -> Said<()> {
        self.tell_state(true)?;
        let (now, zone) = (self.now(), TimeZone::system());
        let told = |run: &RunView| {
            let at = status::at_text(run.at, now, &zone);
            format!("{at}, {}: {}, {} ms, {}", run.what, run.came, run.took_ms, line::bytes(run.bytes))
        };
        let runs: Vec<String> = self.service.runs().iter().take(PAGE).map(told).collect();
        if runs.is_empty() { self.talk.say(texts::NO_RUNS) } else { self.talk.say_all(runs) }
    }

    /// How freely the line is used.
    pub(super) fn traffic(&mut self) -> Said<()> {
        let now = self.service.status().traffic;
        let choices: Vec<_> = TRAFFIC.iter().map(|(_, name, what)| super::choice(name, name, what)).collect();
        let named = TRAFFIC.iter().find(|(traffic, ..)| *traffic == now).map_or("", |(_, name, _)| name);
        let chosen = self.talk.choose(&format!("{} is {named}.", texts::TRAFFIC), &choices)?;
        let value = chosen.and_then(|chosen| chosen.value);
        let found = TRAFFIC.iter().find(|(_, name, _)| value.as_deref() == Some(*name));
        match found {
            Some((traffic, ..)) => self.act(Action::SetTraffic { traffic: *traffic }),
            None => Ok(()),
        }
    }
}

fn figure_line(figure: &Figure, indent: &str) -> String {
    let note = if figure.note.is_empty() { String::new() } else { format!(", {}", figure.note) };
    let alert = if figure.alert { "Look at: " } else { "" };
    let rows = format!("{}s, filter {}", figure.kind, figure.filter);
    format!("{indent}{alert}{} {}{note} ({rows})", figure.word, figure.count)
}

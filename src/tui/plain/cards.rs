//! Edits on their way, and those that need a decision.

use super::{Action, Dialogue, PAGE, Said, TimeZone, choice};
use crate::domain::Fields;
use crate::service::{Answer, Card, Choice, Decision, EditState, OutboxLine, Query, status};
use crate::tui::decide;
use crate::tui::popups::Form;
use crate::tui::screens::detail;
use crate::tui::texts;

impl Dialogue {
    pub(super) fn outbox(&mut self) -> Said<()> {
        let lines = self.service.outbox(&self.ctx());
        if lines.is_empty() {
            return self.talk.say("Nothing waits: everything was sent.");
        }
        self.talk.say_all(lines.iter().map(told_edit))
    }

    /// Decides on an edit that needs it: the one of that number, or the only one, or one of several.
    pub(super) fn decide(&mut self, said: &str) -> Said<()> {
        let cards = self.service.cards(&self.ctx());
        let wanted = said.parse::<u64>().ok();
        let of = |number: u64| cards.iter().find(|card| card.edit == number);
        let card = match (wanted.and_then(of), cards.as_slice()) {
            (Some(card), _) | (None, [card]) => Some(card.clone()),
            (None, []) => return self.decide_on_files(),
            (None, _) => {
                let label = |card: &Card| format!("{}: {}", card.line.label, card.line.what);
                let choices: Vec<Choice> =
                    cards.iter().map(|card| choice(&card.edit.to_string(), &label(card), "")).collect();
                let chosen = self.talk.choose("Which edit?", &choices)?;
                chosen.and_then(|chosen| chosen.value?.parse().ok()).and_then(of).cloned()
            }
        };
        card.map_or(Ok(()), |card| self.settle(&card))
    }

    /// What else needs a person: entries of the journal that are lost, or edits that are held back.
    fn decide_on_files(&mut self) -> Said<()> {
        let disk = self.service.status().disk;
        let told = |(value, label, note): (&str, &str, &str)| choice(value, label, note);
        if disk.lost > 0 {
            self.talk.say(&texts::lost(disk.lost))?;
            self.talk.say(texts::LOST)?;
            if let Ok(Answer::Lost(gaps)) = self.service.ask(&self.ctx(), &Query::Lost) {
                let (now, zone) = (self.now(), TimeZone::system());
                self.talk.say_all(gaps.iter().map(|gap| status::lost(gap, now, &zone)))?;
            }
            let chosen = self.talk.choose(texts::LOST_THEN, &texts::LOST_CHOICES.map(told))?;
            let seen = chosen.and_then(|chosen| chosen.value).as_deref() == Some(texts::SEEN);
            return if seen { self.act(Action::AcknowledgeLost) } else { Ok(()) };
        } else if disk.held == 0 {
            return self.talk.say(texts::NOTHING_TO_DECIDE);
        }
        self.talk.say(&texts::held(disk.held))?;
        self.talk.say_all(texts::HELD)?;
        let lines = self.service.outbox(&self.ctx());
        let held = lines.iter().filter(|line| line.state == EditState::Held);
        let held: Vec<String> = held.map(told_edit).collect();
        self.talk.say_all(held.iter().take(PAGE))?;
        if held.len() > PAGE {
            self.talk.say(&format!("And {} more: outbox lists them all.", held.len() - PAGE))?;
        }
        let chosen = self.talk.choose("What becomes of them?", &texts::HELD_CHOICES.map(told))?;
        match chosen.and_then(|chosen| chosen.value).as_deref() {
            Some(texts::SEND) => self.act(Action::SettleHeld { send: true }),
            Some(texts::LET_GO) => self.act(Action::SettleHeld { send: false }),
            _ => Ok(()),
        }
    }

    /// Sends an edit now that was to be sent again later.
    pub(super) fn retry(&mut self, said: &str) -> Said<()> {
        match said.parse() {
            Ok(edit) => self.act(Action::Retry { edit }),
            Err(_) => self.talk.say("Which edit? outbox lists them with their numbers."),
        }
    }

    fn settle(&mut self, card: &Card) -> Said<()> {
        self.talk.say(&format!(
            "{}: {}. You wanted: {}",
            card.line.label,
            detail::state_word(&card.line.state),
            card.line.what
        ))?;
        self.talk.say_all(detail::state_lines(&card.line.state, self.now(), &TimeZone::system()))?;
        self.talk.say_all(decide::if_kept(card))?;
        if card.behind > 0 {
            self.talk.say(&texts::behind(card.behind))?;
        }
        let mut choices: Vec<Choice> =
            card.decisions.iter().map(|decision| decide::words(decision, card)).collect();
        if card.fields.len() > 1 && !card.wanted.is_empty() {
            choices.push(choice("columns", "Choose column by column", ""));
        }
        if !card.wanted.is_empty() {
            choices.push(choice("change", "Change it and send it again", ""));
        }
        let Some(chosen) = self.talk.choose("What becomes of it?", &choices)? else { return Ok(()) };
        let decision = match chosen.value.as_deref() {
            Some("change") => return self.fill(Form::mend(card)),
            Some("columns") => match self.by_column(card)? {
                Some(fields) => Decision::Set { fields },
                None => return self.talk.say("Nothing was decided."),
            },
            Some("mine") => Decision::Mine,
            Some("theirs") => Decision::Theirs,
            Some("again") => Decision::CreateAgain,
            _ => Decision::Discard,
        };
        self.act(Action::Settle { edit: card.edit, decision })
    }

    fn by_column(&mut self, card: &Card) -> Said<Option<Fields>> {
        let mut fields = Fields::new();
        for field in &card.fields {
            let choices =
                [choice("mine", &field.mine, "yours"), choice("theirs", &field.theirs, "what is there now")];
            let Some(chosen) = self.talk.choose(&format!("{}:", field.title), &choices)? else {
                return Ok(None);
            };
            let mine = chosen.value.as_deref() == Some("mine");
            let value = if mine { field.values.mine.clone() } else { field.values.theirs.clone() };
            fields.insert(field.name.clone(), value);
        }
        Ok(Some(fields))
    }
}

fn told_edit(line: &OutboxLine) -> String {
    format!("Edit {}: {}: {}, {}", line.edit, line.label, line.what, detail::state_word(&line.state))
}

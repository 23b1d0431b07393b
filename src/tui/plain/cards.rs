//! Edits on their way, and those that need a decision.

use super::{Action, Dialogue, Said, TimeZone};
use crate::domain::Fields;
use crate::service::{Card, Choice, Decision};
use crate::tui::decide;
use crate::tui::popups::Form;
use crate::tui::screens::detail;
use crate::tui::texts;

fn choice(value: &str, label: &str, note: &str) -> Choice {
    Choice { value: Some(value.to_owned()), label: label.to_owned(), note: note.to_owned(), why_not: None }
}

impl Dialogue {
    pub(super) fn outbox(&mut self) -> Said<()> {
        let lines = self.service.outbox(&self.ctx());
        if lines.is_empty() {
            return self.talk.say("Nothing waits: everything was sent.");
        }
        let told = |line: &crate::service::OutboxLine| {
            format!("Edit {}: {}: {}, {}", line.edit, line.label, line.what, detail::state_word(&line.state))
        };
        self.talk.say_all(lines.iter().map(told))
    }

    /// Decides on an edit that needs it: the one of that number, or the only one, or one of several.
    pub(super) fn decide(&mut self, said: &str) -> Said<()> {
        let cards = self.service.cards(&self.ctx());
        let wanted = said.parse::<u64>().ok();
        let of = |number: u64| cards.iter().find(|card| card.edit == number);
        let card = match (wanted.and_then(of), cards.as_slice()) {
            (Some(card), _) | (None, [card]) => Some(card.clone()),
            (None, []) => return self.talk.say(texts::NOTHING_TO_DECIDE),
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

    fn settle(&mut self, card: &Card) -> Said<()> {
        self.talk.say(&format!(
            "{}: {}. You wanted: {}",
            card.line.label,
            detail::state_word(&card.line.state),
            card.line.what
        ))?;
        self.talk.say_all(detail::state_lines(&card.line.state, self.now(), &TimeZone::system()))?;
        if card.behind > 0 {
            self.talk.say(&texts::behind(card.behind))?;
        }
        let mut choices: Vec<Choice> =
            card.decisions.iter().map(|decision| decide::words(decision, &card.fields)).collect();
        if card.fields.len() > 1 {
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

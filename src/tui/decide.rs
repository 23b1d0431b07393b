//! Deciding on what needs a person, undoing, and how freely the line is used.
//!
//! A decision is taken in one or two lists: which edit, where several need one, then what to make of it. Every answer
//! says what it does with the values in question, so nobody has to know words like "theirs".

use ratatui::layout::Rect;

use super::app::{App, Effect, Effects, Why};
use super::popups::picker::Goal;
use super::popups::{Confirm, Form, Picker, Popup, confirm};
use super::screens::detail;
use super::texts;
use super::widgets::wrap;
use crate::domain::{Fields, Key, Kind};
use crate::service::{
    Action, Card, CardField, Choice, Decision, EditState, Gap, OutboxLine, Query, Traffic, status,
};

/// The modes of the line: as stored in a choice, as called, and what it does.
pub(super) const TRAFFIC: [(Traffic, &str, &str); 3] = [
    (Traffic::Normal, "normal", "hears of changes at once"),
    (Traffic::Sparing, "sparing", "every 10 min; edits at once"),
    (Traffic::Held, "held", "nothing but what you ask for"),
];

/// Gaps that are told one by one; a window has room for some.
const GAPS_MAX: usize = 3;

fn choice(value: &str, label: impl Into<String>, note: impl Into<String>) -> Choice {
    Choice { value: Some(value.to_owned()), label: label.into(), note: note.into(), why_not: None }
}

impl App {
    /// Does anything wait for a decision, or to be seen?
    pub(super) fn needs_person(&self) -> bool {
        let status = &self.status;
        status.needs_you > 0 || status.disk.held > 0 || status.disk.lost > 0
    }

    /// What needs a person: what is lost comes first, since one word settles it.
    pub(super) fn ask_decisions(&self) -> Effects {
        if self.status.disk.lost > 0 { vec![Effect::Ask(Why::Lost, Query::Lost)] } else { self.ask_cards() }
    }

    fn ask_cards(&self) -> Effects {
        vec![Effect::Ask(Why::Cards(self.subject()), Query::Cards)]
    }

    /// The edits that need a person: those of the row first, and straight to the only one.
    pub(super) fn take_cards(&mut self, about: Option<&Key>, mut cards: Vec<Card>) -> Effects {
        let own: Vec<Card> = cards.iter().filter(|card| Some(&card.line.key) == about).cloned().collect();
        if !own.is_empty() {
            cards = own;
        }
        match cards.len() {
            0 if self.status.disk.held > 0 => return vec![Effect::Ask(Why::Held, Query::Outbox)],
            0 => self.toast = Some(texts::NOTHING_TO_DECIDE.to_owned()),
            1 => self.open_card(&cards.swap_remove(0)),
            _ => {
                let choices = cards.iter().map(|card| {
                    let state = detail::state_word(&card.line.state);
                    choice(
                        &card.edit.to_string(),
                        card.line.label.clone(),
                        format!("{state}: {}", card.line.what),
                    )
                });
                let picker = Picker::new(texts::DECIDE.to_owned(), choices.collect(), Goal::Cards(cards));
                self.popups.push(Popup::Picker(picker));
            }
        }
        Vec::new()
    }

    /// What can be made of one edit.
    pub(super) fn open_card(&mut self, card: &Card) {
        let mut about = vec![format!("You wanted: {}", card.line.what)];
        about.extend(card.reason.iter().map(|reason| format!("Why: {reason}")));
        about.extend(detail::state_lines(&card.line.state, self.now, &self.zone));
        about.extend(if_kept(card));
        if card.behind > 0 {
            about.push(texts::behind(card.behind));
        }
        let mut choices: Vec<Choice> = card.decisions.iter().map(|decision| words(decision, card)).collect();
        if card.fields.len() > 1 && !card.wanted.is_empty() {
            let at = choices.len().saturating_sub(1);
            choices.insert(at, choice("columns", "Choose column by column", ""));
        }
        if !card.wanted.is_empty() {
            let at = choices.len().saturating_sub(1);
            choices.insert(at, choice("change", "Change it and send it again", ""));
        }
        choices.push(choice("export", "Export it", "sealed; it stays here too"));
        let title = format!("{}: {}", card.line.label, detail::state_word(&card.line.state));
        let picker = Picker::new(title, choices, Goal::Decide(Box::new(card.clone()))).about(about);
        self.popups.push(Popup::Picker(picker));
    }

    /// An edit was chosen from the list of those that need a person.
    pub(super) fn card_chosen(&mut self, cards: &[Card], value: Option<&str>) {
        let card = value.and_then(|edit| cards.iter().find(|card| card.edit.to_string() == edit));
        if let Some(card) = card {
            self.popups.pop();
            self.open_card(card);
        }
    }

    /// An answer was chosen: it is carried out, or leads on to the columns.
    pub(super) fn decided(&mut self, card: &Card, value: Option<&str>) -> Effects {
        let decision = match value {
            Some("mine") => Decision::Mine,
            Some("theirs") => Decision::Theirs,
            Some("again") => Decision::CreateAgain,
            Some("discard") => Decision::Discard,
            Some("export") => {
                self.popups.pop();
                self.ask_to_export(vec![card.edit]);
                return Vec::new();
            }
            Some("change") => {
                self.popups.pop();
                self.popups.push(Popup::Form(Form::mend(card)));
                return Vec::new();
            }
            _ => {
                self.popups.pop();
                self.open_column(card, Fields::new());
                return Vec::new();
            }
        };
        self.settle(card.edit, decision)
    }

    /// The next column to choose a value for.
    fn open_column(&mut self, card: &Card, chosen: Fields) {
        let Some(field) = card.fields.iter().find(|field| !chosen.contains_key(&field.name)) else { return };
        let choices = vec![
            choice("mine", field.mine.clone(), "yours"),
            choice("theirs", field.theirs.clone(), "what is there now"),
        ];
        let title = format!("{}: {}", card.line.label, field.title);
        let goal = Goal::Column(Box::new(card.clone()), chosen);
        self.popups.push(Popup::Picker(Picker::new(title, choices, goal)));
    }

    pub(super) fn column_chosen(&mut self, card: &Card, mut chosen: Fields, value: Option<&str>) -> Effects {
        let Some(field) = card.fields.iter().find(|field| !chosen.contains_key(&field.name)) else {
            return Vec::new();
        };
        let clash = &field.values;
        let kept = if value == Some("mine") { clash.mine.clone() } else { clash.theirs.clone() };
        chosen.insert(field.name.clone(), kept);
        if chosen.len() < card.fields.len() {
            self.popups.pop();
            self.open_column(card, chosen);
            return Vec::new();
        }
        self.settle(card.edit, Decision::Set { fields: chosen })
    }

    pub(super) fn settle(&mut self, edit: u64, decision: Decision) -> Effects {
        let effect = self.submit(Action::Settle { edit, decision });
        match self.popups.last_mut() {
            Some(Popup::Picker(picker)) => {
                picker.saving = Some(self.submitted);
                picker.error = None;
            }
            Some(Popup::Form(form)) => form.saving = Some(self.submitted),
            _ => {}
        }
        vec![effect]
    }

    /// An empty project is offered the initial data set, once in a session.
    pub(super) fn offer_initial(&mut self) {
        if !self.status.empty || self.offered || !self.popups.is_empty() {
            return;
        }
        self.offered = true;
        let lines = texts::INITIAL.iter().map(|line| (*line).to_owned()).collect();
        let answers = ["Leave it empty", "Load it"];
        let confirm =
            Confirm::new(texts::INITIAL_TITLE.to_owned(), lines, answers, confirm::Goal::LoadInitial);
        self.popups.push(Popup::Confirm(confirm));
    }

    /// Edits that are held back: asked once in a session, and on the key for what needs a person.
    pub(super) fn ask_about_held(&mut self) -> Effects {
        let held = self.status.disk.held;
        if held == 0 {
            self.asked = 0;
        }
        let may = held != self.asked && self.popups.is_empty() && !self.status.read_only;
        may.then_some(Effect::Ask(Why::Held, Query::Outbox)).into_iter().collect()
    }

    /// Which they are, as many as there is room for, and what can be decided.
    pub(super) fn open_held(&mut self, outbox: &[OutboxLine]) {
        self.asked = self.status.disk.held;
        let choices: Vec<Choice> =
            texts::HELD_CHOICES.map(|(value, label, note)| choice(value, label, note)).into();
        let mut picker = Picker::new(texts::held(self.status.disk.held), choices, Goal::Held);
        let (width, room) = picker.room(self.shape().over(Rect::new(0, 0, self.size.0, self.size.1)));
        let [happened, means, until] = texts::HELD.map(|text| wrap(text, width));
        let told = happened.len() + means.len() + until.len();
        let held: Vec<&OutboxLine> = outbox.iter().filter(|line| line.state == EditState::Held).collect();
        // Of a low window, two of them are worth more than the last sentence.
        let fit = room.saturating_sub(told).max(2);
        let shown = if held.len() > fit { fit - 1 } else { held.len() };
        let name = |line: &&OutboxLine| {
            self.theme.fit(&format!("{}: {}", line.label, line.what), usize::from(width))
        };
        let mut named: Vec<String> = held.iter().take(shown).map(name).collect();
        named.extend((shown < held.len()).then(|| texts::more_held(held.len() - shown)));
        picker.about = [happened, means, named, until].concat();
        self.popups.push(Popup::Picker(picker));
    }

    pub(super) fn held_settled(&mut self, value: Option<&str>) -> Effects {
        self.popups.pop();
        match value {
            Some(texts::SEND) => vec![self.submit(Action::SettleHeld { send: true })],
            Some(texts::LET_GO) => vec![self.submit(Action::SettleHeld { send: false })],
            _ => Vec::new(),
        }
    }

    /// What of the journal is gone for good.
    pub(super) fn open_lost(&mut self, gaps: &[Gap]) {
        let choices = texts::LOST_CHOICES.map(|(value, label, note)| choice(value, label, note)).into();
        let mut about = vec![texts::LOST.to_owned()];
        about.extend(gaps.iter().take(GAPS_MAX).map(|gap| status::lost(gap, self.now, &self.zone)));
        if gaps.len() > GAPS_MAX {
            about.push(texts::more_lost(gaps.len() - GAPS_MAX));
        }
        about.push(texts::LOST_THEN.to_owned());
        let picker = Picker::new(texts::lost(self.status.disk.lost), choices, Goal::Lost).about(about);
        self.popups.push(Popup::Picker(picker));
    }

    /// They were seen; or they are told again, and what else needs a person comes next.
    pub(super) fn lost_seen(&mut self, value: Option<&str>) -> Effects {
        self.popups.pop();
        if value == Some(texts::SEEN) {
            return vec![self.submit(Action::AcknowledgeLost)];
        }
        let others = self.status.needs_you > 0 || self.status.disk.held > 0;
        if others { self.ask_cards() } else { Vec::new() }
    }

    pub(super) fn open_traffic(&mut self) {
        let choices = TRAFFIC.iter().map(|(_, name, what)| choice(name, *name, *what)).collect();
        let now = TRAFFIC.iter().find(|(traffic, ..)| *traffic == self.status.traffic);
        let on = now.map(|(_, name, _)| (*name).to_owned());
        let picker = Picker::new(texts::TRAFFIC.to_owned(), choices, Goal::Traffic).on(&on);
        self.popups.push(Popup::Picker(picker));
    }

    pub(super) fn traffic_chosen(&mut self, value: Option<&str>) -> Effects {
        self.popups.pop();
        let chosen = TRAFFIC.iter().find(|(_, name, _)| Some(*name) == value);
        chosen
            .map(|(traffic, ..)| self.submit(Action::SetTraffic { traffic: *traffic }))
            .into_iter()
            .collect()
    }
}

/// What keeping the edit would do to other rows, of which nobody has to think by themselves.
pub(super) fn if_kept(card: &Card) -> Vec<String> {
    let follows = card.kept.iter().flat_map(|kept| &kept.follows);
    follows.map(|said| format!("If you keep yours: {said}")).collect()
}

/// A decision in words, with what it does to the values.
pub(super) fn words(decision: &Decision, card: &Card) -> Choice {
    let fields = &card.fields;
    let values = |which: fn(&CardField) -> &String| {
        let each = fields.iter().map(|field| format!("{} {}", field.title.to_lowercase(), which(field)));
        each.collect::<Vec<_>>().join(", ")
    };
    match decision {
        Decision::Mine if card.kept.as_ref().is_some_and(|kept| kept.deletes) => {
            choice("mine", "Delete it all the same", card.kept.as_ref().map_or("", |kept| &kept.what))
        }
        Decision::Mine if fields.is_empty() => choice("mine", "Send it again", "as it is"),
        Decision::Mine => choice("mine", "Keep mine", values(|field| &field.mine)),
        Decision::Theirs => choice("theirs", "Take theirs", values(|field| &field.theirs)),
        Decision::CreateAgain => choice("again", "Make it once more", "with your change"),
        Decision::Set { .. } | Decision::Discard => choice("discard", "Discard my edit", "it is let go of"),
    }
}

/// The drone and the user of a choice made on the row of either.
pub(super) fn pair(key: &Key, chosen: Option<&str>) -> Option<(String, uuid::Uuid)> {
    let chosen = chosen?;
    match key.kind {
        Kind::User => Some((chosen.to_owned(), key.uuid()?)),
        _ => Some((key.pk.clone(), uuid::Uuid::try_parse(chosen).ok()?)),
    }
}

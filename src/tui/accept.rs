//! Enter in a popup: what was chosen or confirmed; and leaving the console.

use super::app::{App, Effect, Effects};
use super::decide::pair;
use super::popups::{Confirm, Popup, confirm, picker};
use super::texts;
use crate::domain::{Fields, Intent};
use crate::service::{Action, ErrorKind, ServiceError};

impl App {
    pub(super) fn picker_accept(&mut self) -> Effects {
        let Some(Popup::Picker(picker)) = self.popups.last_mut() else { return Vec::new() };
        let Some(choice) = picker.selected().filter(|choice| choice.why_not.is_none()).cloned() else {
            return Vec::new();
        };
        let mut seen = Fields::new();
        let intent = match &picker.goal {
            picker::Goal::Field(name) => {
                let name = name.clone();
                self.popups.pop();
                if let Some(Popup::Form(form)) = self.popups.last_mut() {
                    form.choose(&name, &choice);
                }
                return self.choice_follows();
            }
            picker::Goal::Marked(verb) => {
                let verb = *verb;
                return self.marked_chosen(verb, &choice.value, &choice.label);
            }
            picker::Goal::Sort { then } => {
                let then = *then;
                return self.sort_chosen(then, choice.value.as_deref());
            }
            picker::Goal::View { drop } => {
                let drop = *drop;
                return self.view_chosen(drop, choice.value.as_deref());
            }
            picker::Goal::Cards(cards) => {
                let cards = cards.clone();
                self.card_chosen(&cards, choice.value.as_deref());
                return Vec::new();
            }
            picker::Goal::Decide(card) => {
                let card = card.clone();
                return self.decided(&card, choice.value.as_deref());
            }
            picker::Goal::Column(card, chosen) => {
                let (card, chosen) = (card.clone(), chosen.clone());
                return self.column_chosen(&card, chosen, choice.value.as_deref());
            }
            picker::Goal::Own(goal) => {
                let goal = *goal;
                return self.own_picked(goal, &choice.value.unwrap_or_default());
            }
            picker::Goal::Copy => {
                self.popups.pop();
                return Vec::new();
            }
            goal @ (picker::Goal::Messages | picker::Goal::Account(..) | picker::Goal::Outbox(..)) => {
                let goal = goal.clone();
                return self.picked_in_place(&goal, choice.value.as_deref());
            }
            picker::Goal::Held => return self.held_settled(choice.value.as_deref()),
            picker::Goal::Machines(machines) => {
                let machines = machines.clone();
                self.ask_to_erase_machine(&machines, choice.value.as_deref());
                return Vec::new();
            }
            picker::Goal::Aside => {
                self.ask_to_take_back(&choice);
                return Vec::new();
            }
            picker::Goal::Lost => return self.lost_seen(choice.value.as_deref()),
            picker::Goal::Traffic => return self.traffic_chosen(choice.value.as_deref()),
            picker::Goal::Status(key, on) => {
                seen.insert("status".to_owned(), on.clone());
                let set = Fields::from([("status".to_owned(), choice.value.clone())]);
                Some(Intent::Update { key: key.clone(), set })
            }
            picker::Goal::Assign(key) => {
                pair(key, choice.value.as_deref()).map(|(drone, user)| Intent::Assign { drone, user })
            }
            picker::Goal::Unassign(key) => {
                pair(key, choice.value.as_deref()).map(|(drone, user)| Intent::Unassign { drone, user })
            }
        };
        let Some(intent) = intent else { return Vec::new() };
        let effect = self.submit_edit(intent, None, seen);
        if let Some(Popup::Picker(picker)) = self.popups.last_mut() {
            picker.saving = Some(self.submitted);
            picker.error = None;
        }
        vec![effect]
    }

    pub(super) fn confirm_accept(&mut self) -> Effects {
        let Some(Popup::Confirm(confirm)) = self.popups.last_mut() else { return Vec::new() };
        if !confirm.is_yes() {
            // With a name to type, Enter before it is typed says so; else it was the answer "no".
            let Some((wanted, _)) = &confirm.typed else { return self.put_away() };
            let message = texts::not_typed(wanted);
            confirm.error = Some(ServiceError::new(ErrorKind::Usage, message));
            return Vec::new();
        }
        let action = match confirm.goal.clone() {
            confirm::Goal::Own(goal) => return self.own_confirmed(goal),
            confirm::Goal::Account(user, ban) => return self.account_confirmed(user, ban),
            confirm::Goal::Quit => return vec![Effect::Quit],
            confirm::Goal::TakeOver => {
                self.popups.pop();
                return vec![Effect::TakeOver(true)];
            }
            confirm::Goal::SignOut => Action::SignOut,
            confirm::Goal::Erase => Action::Erase,
            confirm::Goal::EraseMachine { user, device } => Action::EraseMachine { user, device },
            confirm::Goal::RemoveWords => Action::RemoveWords,
            confirm::Goal::LoadInitial => Action::LoadInitial,
            confirm::Goal::Delete(key) => {
                Action::Edit { intent: Intent::Delete { key }, reason: None, seen: Fields::new() }
            }
        };
        let effect = self.submit(action);
        if let Some(Popup::Confirm(confirm)) = self.popups.last_mut() {
            confirm.saving = Some(self.submitted);
        }
        vec![effect]
    }

    /// Leaving asks only where something typed would be lost.
    pub(super) fn ask_to_quit(&mut self) -> Effects {
        let form_open = self.popups.iter().any(|popup| matches!(popup, Popup::Form(_)));
        let making =
            self.popups.iter().any(|popup| matches!(popup, Popup::Bulk(bulk) if bulk.saving.is_some()));
        let asked = self
            .popups
            .iter()
            .any(|popup| matches!(popup, Popup::Confirm(confirm) if confirm.goal == confirm::Goal::Quit));
        if !(form_open || making) || asked {
            return vec![Effect::Quit];
        }
        let open = if making { texts::BULK_OPEN } else { texts::FORM_OPEN };
        let mut lines = vec![open.to_owned()];
        lines.extend(texts::waiting(self.status.waiting));
        let (title, goal) = ("Leave the console?".to_owned(), confirm::Goal::Quit);
        let confirm = Confirm::new(title, lines, ["Stay", "Leave"], goal);
        self.popups.push(Popup::Confirm(confirm));
        Vec::new()
    }
}

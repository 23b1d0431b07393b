//! What is done on the screen of the line: an edit is opened, tried again or decided on, and the line is held.

use super::activity::stands_for;
use super::app::{App, Effect, Effects, Why};
use super::keys::Act;
use super::popups::picker::Goal;
use super::popups::{Message, Picker, Popup};
use super::screens::detail::state_lines;
use super::screens::sync::On;
use crate::domain::Stamp;
use crate::service::{Action, Choice, EditState, ErrorKind, Query, ServiceError, Traffic, line, status};

fn choice(value: &str, label: &str, note: &str) -> Choice {
    Choice { value: Some(value.to_owned()), label: label.to_owned(), note: note.to_owned(), why_not: None }
}

impl App {
    pub(super) fn sync_act(&mut self, act: Act) -> Effects {
        match act {
            Act::Pause => vec![self.hold()],
            Act::Accept => self.open_edit(),
            _ => Vec::new(),
        }
    }

    /// Holds the line, or lets it go on as it was used before: who was sparing with it stays so.
    fn hold(&mut self) -> Effect {
        let held = self.status.traffic == Traffic::Held;
        let traffic = if held { self.freely } else { Traffic::Held };
        self.submit(Action::SetTraffic { traffic })
    }

    /// What can be done with the edit under the cursor: an edit that needs a person is decided on.
    fn open_edit(&mut self) -> Effects {
        let lines = self.sync_lines();
        let edit = match self.sync.cursor.value(&lines) {
            Some(On::Edit(edit)) => edit,
            Some(On::Run(at, what)) => {
                self.show_run(at, &what);
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let Some(line) = self.sync.outbox.iter().find(|line| line.edit == edit) else { return Vec::new() };
        if line.state.needs_you() {
            return vec![Effect::Ask(Why::Card(edit), Query::Cards)];
        }
        let mut choices = vec![choice("row", "Open the row", &line.label)];
        match line.state {
            EditState::Waiting => choices.push(choice("retry", "Send it now", "with what else waits")),
            EditState::Held => choices.push(choice("held", "Decide", "about all that is held back")),
            _ => {}
        }
        let mut about = vec![line.what.clone()];
        about.extend(state_lines(&line.state, self.now, &self.zone));
        let goal = Goal::Outbox(line.edit, line.key.clone());
        self.popups.push(Popup::Picker(Picker::new(line.label.clone(), choices, goal).about(about)));
        Vec::new()
    }

    /// A run in full: its line has no room for why it failed.
    fn show_run(&mut self, at: Stamp, what: &str) {
        let Some(run) = self.sync.runs.iter().find(|run| run.at == at && run.what == what) else { return };
        let title = format!("{}, {}", run.what, status::at_text(run.at, self.now, &self.zone));
        let came = ServiceError::new(ErrorKind::Usage, run.came.clone()).hint(format!(
            "It took {} ms and {}.",
            status::thousands(run.took_ms),
            line::bytes(run.bytes)
        ));
        self.popups.push(Popup::Message(Message::new(title, came)));
    }

    /// What to do with an edit was chosen.
    pub(super) fn outbox_chosen(&mut self, goal: &Goal, value: Option<&str>) -> Effects {
        let Goal::Outbox(edit, key) = goal.clone() else { return Vec::new() };
        self.popups.pop();
        match value {
            Some("retry") => vec![self.submit(Action::Retry { edit })],
            Some("held") => vec![Effect::Ask(Why::Held, Query::Outbox)],
            _ => self.jump(stands_for(&key)),
        }
    }
}

//! People's machines on the screen: a list to look at, from which headquarters can have one erased.

use super::app::App;
use super::popups::{Confirm, Picker, Popup, confirm, picker};
use super::texts;
use crate::domain::{Role, Stamp};
use crate::service::{Choice, Machine, status};

impl App {
    /// What the server knows of them came.
    pub(super) fn show_machines(&mut self, machines: Vec<Machine>) {
        if !self.signed_in {
            return;
        }
        let role = self.status.account.as_ref().and_then(|account| account.role);
        let choices = choices(&machines, role, self.now);
        let about = if role == Some(Role::MainHq) { texts::MACHINES_HQ } else { texts::MACHINES };
        let about = vec![about.to_owned()];
        let goal = picker::Goal::Machines(machines);
        self.popups
            .push(Popup::Picker(Picker::new(texts::MACHINES_TITLE.to_owned(), choices, goal).about(about)));
    }

    /// One was chosen: what would follow is told, and the name of whose it is wanted.
    pub(super) fn ask_to_erase_machine(&mut self, machines: &[Machine], device: Option<&str>) {
        let Some(machine) =
            machines.iter().find(|machine| Some(machine.device.to_string().as_str()) == device)
        else {
            return;
        };
        self.popups.pop();
        let (title, lines) = about(machine, self.now);
        let goal = confirm::Goal::EraseMachine { user: machine.user, device: machine.device };
        let confirm = Confirm::new(title, lines, ["Keep", "Erase"], goal);
        self.popups.push(Popup::Confirm(confirm.with_typed(&self.theme.clean(&machine.username))));
    }
}

/// Everybody's machines, each with how it stands, and why it cannot be erased.
pub(super) fn choices(machines: &[Machine], role: Option<Role>, now: Stamp) -> Vec<Choice> {
    let choice = |machine: &Machine| Choice {
        value: Some(machine.device.to_string()),
        label: format!("{} {}", machine.username, machine.short()),
        note: note(machine, now),
        why_not: machine.why_not_erase(role).map(|(_, why)| why.to_owned()),
    };
    machines.iter().map(choice).collect()
}

/// What is asked before one is erased, and what would follow.
pub(super) fn about(machine: &Machine, now: Stamp) -> (String, Vec<String>) {
    (format!("Erase machine {} of {}?", machine.short(), machine.username), machine.erasing(now).into())
}

fn note(machine: &Machine, now: Stamp) -> String {
    let heard = status::ago(machine.heard, now);
    let unsent = (machine.waiting > 0).then(|| format!(", {} unsent", machine.waiting));
    let needs = (machine.needs_you > 0).then(|| format!(", {} to decide", machine.needs_you));
    let state = if machine.erased {
        ", erased"
    } else if machine.here {
        ", this one"
    } else {
        ""
    };
    format!("{heard}{}{}{state}", unsent.unwrap_or_default(), needs.unwrap_or_default())
}

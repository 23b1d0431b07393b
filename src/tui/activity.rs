//! What is done where everybody's doings are listed: going to a row, filtering, reading further back.

use super::app::{App, Effects};
use super::keys::Act;
use super::places::Place;
use super::screens::activity::{self, On};
use super::widgets::lines::Line;
use super::widgets::text_field::TextField;
use crate::domain::{Key, Kind};
use crate::service::Action;

impl App {
    pub(super) fn activity_lines(&self) -> Vec<Line<On>> {
        activity::lines(&self.activity, self.now, &self.zone, self.size.0)
    }

    pub(super) fn activity_act(&mut self, act: Act) -> Effects {
        match act {
            Act::Filter => self.activity.filtering = true,
            Act::Leave => drop(self.activity.filter.take()),
            Act::Accept => match self.activity.cursor.value(&self.activity_lines()) {
                Some(On::More) => return vec![self.submit(Action::MoreActivity)],
                Some(On::Line { key, .. }) => return self.jump(stands_for(&key)),
                None => {}
            },
            _ => {}
        }
        Vec::new()
    }

    /// The filter line that is typed in, of a list or of another place.
    pub(super) fn filter_line(&mut self) -> &mut TextField {
        if self.place == Place::Activity { &mut self.activity.filter } else { &mut self.list_mut().filter }
    }

    /// Esc and Enter in the filter line of this place; `None`: it is a list's.
    pub(super) fn activity_filter_act(&mut self, act: Act) -> Option<Effects> {
        if self.place != Place::Activity {
            return None;
        }
        match act {
            Act::Leave => {
                self.activity.filtering = false;
                drop(self.activity.filter.take());
            }
            Act::Accept => self.activity.filtering = false,
            _ => {}
        }
        Some(Vec::new())
    }
}

/// An assignment has no screen of its own: its drone stands for it.
pub(super) fn stands_for(key: &Key) -> Key {
    match key.pair() {
        Some((_, drone)) if key.kind == Kind::Assignment => Key::drone(drone),
        _ => key.clone(),
    }
}

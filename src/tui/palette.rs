//! The palette: every action with its key, what was done last first, why one is closed; and any row by its name.

use super::acts::verb_of;
use super::app::{App, Effect, Effects, Why};
use super::keys::{self, Act};
use super::popups::menu::{Entry, Goes};
use super::popups::{Menu, Popup};
use crate::service::{Found, Query};

/// Actions that stand first because they were done last.
const RECENT_MAX: usize = 3;

impl App {
    pub(super) fn open_menu(&mut self) {
        let context = self.context();
        let in_training = self.status.training_line.is_some();
        let offered = keys::MENU.iter().filter(|act| in_training || **act != Act::TrainingLine);
        let recent = self.recent.iter().filter(|act| keys::MENU.contains(act));
        let others = offered.filter(|act| !self.recent.contains(act));
        let entries = recent.chain(others).filter_map(|act| {
            let binding = self.hands.keys.binding(context, *act)?;
            let why_not =
                verb_of(*act).and_then(|verb| self.why_not(verb)).or_else(|| self.act_why_not(*act));
            let title = self.title_of(binding).to_owned();
            Some(Entry { goes: Goes::Act(*act), title, keys: binding.keys_text(), why_not })
        });
        let menu = Menu::new(entries.collect());
        self.popups.push(Popup::Menu(menu));
    }

    /// Something was typed into the palette: the rows that it may name are looked up.
    pub(super) fn ask_found(&mut self) -> Effects {
        let Some(Popup::Menu(menu)) = self.popups.last_mut() else { return Vec::new() };
        let text = menu.filter.text().trim().to_owned();
        if text.is_empty() {
            menu.found.clear();
            return Vec::new();
        }
        vec![Effect::Ask(Why::Found(text.clone()), Query::Find { text })]
    }

    pub(super) fn take_found(&mut self, text: &str, found: Vec<Found>) {
        if let Some(Popup::Menu(menu)) = self.popups.last_mut()
            && menu.filter.text().trim() == text
        {
            menu.take_found(found);
        }
    }

    pub(super) fn menu_accept(&mut self) -> Effects {
        let Some(Popup::Menu(menu)) = self.popups.last() else { return Vec::new() };
        let Some(entry) = menu.selected().cloned() else { return Vec::new() };
        if let Some(why) = entry.why_not {
            self.refuse(why);
            return Vec::new();
        }
        self.popups.pop();
        let act = match entry.goes {
            Goes::Act(act) => act,
            Goes::Row(key) => {
                let Some(from) = self.detail.key.clone().filter(|_| self.detail.focused) else {
                    return self.jump(key);
                };
                self.detail.leave_trail(from);
                return self.open(key);
            }
        };
        self.recent.retain(|other| *other != act);
        self.recent.insert(0, act);
        self.recent.truncate(RECENT_MAX);
        self.act(act)
    }

    /// Forward to what was gone back from.
    pub(super) fn go_forward(&mut self) -> Effects {
        let Some(key) = self.detail.ahead.pop() else { return Vec::new() };
        if let Some(from) = self.detail.key.clone().filter(|_| self.detail.focused) {
            self.detail.keep_trail(from);
        }
        self.open(key)
    }
}

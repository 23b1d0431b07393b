//! Verbs on all marked rows: what is wanted of each, the preview, and making the changes in portions.

use std::collections::BTreeMap;

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::popups::bulk::{PORTION, Stage};
use super::popups::{Bulk, Form, Message, Picker, Popup, picker};
use super::texts;
use crate::domain::{Fields, Intent, Key, Kind, Value};
use crate::service::{Action, Done, ErrorKind, Query, ServiceError, Unfinished, Verb};

impl App {
    /// Starts a verb on the marked rows.
    pub(super) fn start_marked(&mut self, verb: Verb, keys: Vec<Key>) -> Effects {
        let kind = self.list().kind;
        let rows = texts::rows(keys.len(), kind);
        match verb {
            Verb::Edit => vec![Effect::Ask(Why::EditMarked(keys.clone()), Query::Locked { keys })],
            Verb::Delete => {
                let wishes = keys.into_iter().map(|key| (key.clone(), Intent::Delete { key })).collect();
                self.preview(format!("Delete {rows}"), wishes, None)
            }
            Verb::SetStatus => pick_for_marked(format!("Status of {rows}"), verb, keys),
            Verb::Assign | Verb::Unassign if kind == Kind::Drone => {
                let title = if verb == Verb::Assign { "Assign" } else { "Take" };
                let whom = if verb == Verb::Assign { "to" } else { "from" };
                pick_for_marked(format!("{title} {rows} {whom}"), verb, keys)
            }
            Verb::Assign | Verb::Unassign | Verb::Create => {
                self.toast = Some(texts::MARK_DRONES.to_owned());
                Vec::new()
            }
        }
    }

    /// The form for the marked rows, with what is mine to change in one of them at least.
    pub(super) fn open_several(&mut self, keys: Vec<Key>, locked: &BTreeMap<String, String>) {
        let kind = keys.first().map_or(Kind::Drone, |key| key.kind);
        match Form::several(kind, keys, locked) {
            Ok(form) => self.popups.push(Popup::Form(form)),
            Err(why) => self.refuse(why),
        }
    }

    /// A choice for all marked rows.
    pub(super) fn marked_chosen(&mut self, verb: Verb, value: &Value, label: &str) -> Effects {
        let keys = self.list().marks.keys();
        let rows = texts::rows(keys.len(), self.list().kind);
        let wishes: Vec<(Key, Intent)> =
            keys.iter().filter_map(|key| Some((key.clone(), wish(verb, key, value)?))).collect();
        if wishes.is_empty() {
            return Vec::new();
        }
        self.popups.pop();
        let title = match verb {
            Verb::SetStatus => format!("Status {label}: {rows}"),
            Verb::Assign => format!("Assign {rows} to {label}"),
            _ => format!("Take {rows} from {label}"),
        };
        self.preview(title, wishes, None)
    }

    /// The form for several rows was accepted.
    pub(super) fn several_accepted(&mut self, keys: &[Key], set: &Fields, reason: Option<&str>) -> Effects {
        if set.is_empty() {
            self.toast = Some(texts::NOTHING_TOUCHED.to_owned());
            return Vec::new();
        }
        let wish = |key: &Key| (key.clone(), Intent::Update { key: key.clone(), set: set.clone() });
        let kind = keys.first().map_or(Kind::Drone, |key| key.kind);
        let title = format!("Edit {}", texts::rows(keys.len(), kind));
        self.preview(title, keys.iter().map(wish).collect(), reason)
    }

    /// Asks what would come of it, and shows that.
    fn preview(&mut self, title: String, wishes: Vec<(Key, Intent)>, reason: Option<&str>) -> Effects {
        let mut bulk = Bulk::new((self.ids)(), title, wishes, reason);
        let effect = self.submit(Action::Rehearse { intents: bulk.intents() });
        bulk.saving = Some(self.submitted);
        self.popups.push(Popup::Bulk(Box::new(bulk)));
        vec![effect]
    }

    pub(super) fn bulk_act(&mut self, act: Act) -> Effects {
        let page = isize::try_from(self.shape().rows.height / 2).unwrap_or(1).max(1);
        let Some(Popup::Bulk(bulk)) = self.popups.last_mut() else { return Vec::new() };
        match (act, bulk.stage) {
            (Act::Accept | Act::Leave, Stage::Ended) => return self.close_bulk(),
            (Act::Leave, Stage::Making { .. }) => bulk.stop(),
            (Act::Leave, _) => return self.put_away(),
            (Act::Accept, _) => {
                if let Some(intents) = bulk.begin() {
                    return self.make(intents);
                }
            }
            (Act::FieldNext, _) => bulk.step_field(1),
            (Act::FieldPrevious, _) => bulk.step_field(-1),
            (Act::Up, _) => bulk.scroll(-1),
            (Act::Down, _) => bulk.scroll(1),
            (Act::PageUp, _) => bulk.scroll(-page),
            (Act::PageDown, _) => bulk.scroll(page),
            _ => {}
        }
        Vec::new()
    }

    fn make(&mut self, intents: Vec<Intent>) -> Effects {
        let Some(Popup::Bulk(bulk)) = self.popups.last() else { return Vec::new() };
        let (reason, together, deed) = (bulk.reason(), bulk.together, Some(bulk.deed));
        let effect = self.submit(Action::Bulk { intents, reason, together, deed });
        let submitted = self.submitted;
        let Some(Popup::Bulk(bulk)) = self.popups.last_mut() else { return vec![effect] };
        bulk.saving = Some(submitted);
        let (left, all) = bulk.left();
        let mut effects = vec![effect];
        // What takes several portions can be cut short by the end of the console: then the next one tells.
        if !together && all > PORTION {
            self.taste.unfinished =
                Some(Unfinished { deed: bulk.deed, title: bulk.title.clone(), all, left });
            effects.extend(self.keep_taste());
        }
        effects
    }

    /// It has ended, and what came of it is shown.
    fn forget_unfinished(&mut self) -> Effects {
        if self.taste.unfinished.take().is_some() { self.keep_taste() } else { Vec::new() }
    }

    /// Changes to several rows were cut short by the end of the console: which is told, and those that may be left are
    /// marked. One that is still shown tells by itself.
    pub(super) fn tell_unfinished(&mut self) -> Effects {
        let Some(unfinished) = self.taste.unfinished.clone() else { return Vec::new() };
        let shown = |popup: &Popup| matches!(popup, Popup::Bulk(bulk) if bulk.deed == unfinished.deed);
        if !self.popups.iter().any(shown) {
            let key = self.hands.keys.told(Context::List, Act::MarkClear);
            let kind = unfinished.left.first().map_or(Kind::Drone, |key| key.kind);
            let saved = unfinished.all - unfinished.left.len().min(unfinished.all);
            let told = texts::unfinished(&unfinished.title, saved, unfinished.all, kind, &key);
            let told = ServiceError { hints: told.1, ..ServiceError::new(ErrorKind::Refused, told.0) };
            self.popups.push(Popup::Message(Message::new(texts::UNFINISHED, told)));
            self.mark_left(unfinished.left);
        }
        self.forget_unfinished()
    }

    /// Marks what was not done; of the one that is shown after the lock.
    pub(super) fn mark_left(&mut self, left: Vec<Key>) {
        let kind = left.first().map(|key| key.kind);
        if let Some(list) = self.lists.iter_mut().find(|list| Some(list.kind) == kind) {
            list.marks.add(left);
        }
    }

    /// Does that submission belong to the popup?
    pub(super) fn is_of_bulk(&self, submission: u64) -> bool {
        let waits = |popup: &Popup| matches!(popup, Popup::Bulk(bulk) if bulk.saving == Some(submission));
        self.popups.iter().chain(&self.held).any(waits)
    }

    /// The rehearsal or a portion came to its end.
    pub(super) fn bulk_heard(&mut self, result: Result<Done, ServiceError>) -> Effects {
        // Or the one that the lock came upon.
        let bulk = self.popups.iter_mut().chain(&mut self.held).rev().find_map(|popup| match popup {
            Popup::Bulk(bulk) => Some(bulk),
            _ => None,
        });
        let Some(bulk) = bulk else { return Vec::new() };
        match result {
            Ok(Done::Rehearsed { rows }) => bulk.foresee(rows),
            Ok(Done::Bulk { refused, .. }) => {
                let next = bulk.came(&refused);
                let done = bulk.done_with();
                for key in &done {
                    self.list_mut().marks.take_away(key);
                }
                let mut effects = match next {
                    Some(intents) => self.make(intents),
                    None => self.forget_unfinished(),
                };
                effects.extend(self.refresh());
                return effects;
            }
            Ok(_) => {}
            Err(error) => bulk.failed(error),
        }
        Vec::new()
    }

    /// It is over: the form that it came from, if any, goes with it.
    fn close_bulk(&mut self) -> Effects {
        self.popups.pop();
        if matches!(self.popups.last(), Some(Popup::Form(form)) if !form.many.is_empty()) {
            self.popups.pop();
        }
        self.refresh()
    }
}

/// Lists what can be chosen for one of the rows at least.
fn pick_for_marked(title: String, verb: Verb, keys: Vec<Key>) -> Effects {
    let picker = Picker::new(title, Vec::new(), picker::Goal::Marked(verb));
    vec![Effect::Ask(Why::Pick(Box::new(picker), None), Query::ChoicesFor { verb, keys })]
}

/// What a choice for several rows wants of one of them.
pub(super) fn wish(verb: Verb, key: &Key, value: &Value) -> Option<Intent> {
    let user = value.as_deref().and_then(|text| uuid::Uuid::try_parse(text).ok());
    match (verb, user) {
        (Verb::SetStatus, _) => {
            let set = Fields::from([("status".to_owned(), value.clone())]);
            Some(Intent::Update { key: key.clone(), set })
        }
        (Verb::Assign, Some(user)) => Some(Intent::Assign { drone: key.pk.clone(), user }),
        (Verb::Unassign, Some(user)) => Some(Intent::Unassign { drone: key.pk.clone(), user }),
        _ => None,
    }
}

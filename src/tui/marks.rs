//! Marking rows: one by one, a range, or all that the filter leaves. Which rows those are is asked of the service, for
//! the screen knows its window alone.

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::screens::marks::MARKS_MAX;
use super::texts;
use crate::domain::{Key, Kind};
use crate::service::Query;

/// What becomes of the rows that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marking {
    Add,
    Turn,
}

impl App {
    pub(super) fn mark_act(&mut self, act: Act) -> Effects {
        match act {
            Act::Mark if self.list().marks.range.is_none() => self.mark_selected(),
            Act::Mark | Act::MarkRange => self.mark_range(),
            Act::MarkAll => self.ask_keys(Marking::Add, None),
            Act::MarkInvert => self.ask_keys(Marking::Turn, None),
            _ => {
                self.list_mut().marks.clear();
                self.ask_subject()
            }
        }
    }

    fn mark_selected(&mut self) -> Effects {
        let rows = self.shape().rows.height;
        let list = self.list_mut();
        let Some(key) = list.key.clone() else { return Vec::new() };
        let fits = list.marks.turn(key);
        let moved = list.step(1, rows);
        if !fits {
            self.toast = Some(texts::marks_full(MARKS_MAX));
        }
        if moved { vec![self.ask_list()] } else { self.ask_subject() }
    }

    fn mark_range(&mut self) -> Effects {
        let list = self.list_mut();
        let Some(to) = list.key.clone() else { return Vec::new() };
        if let Some((from, _)) = list.marks.range.take() {
            return self.ask_keys(Marking::Add, Some((from, to)));
        }
        list.marks.range = Some((to, list.selected));
        let key = |act| self.hands.keys.told(Context::List, act);
        self.toast = Some(texts::range_begun(&key(Act::MarkRange), &key(Act::Mark)));
        Vec::new()
    }

    fn ask_keys(&mut self, marking: Marking, between: Option<(Key, Key)>) -> Effects {
        let list = self.list();
        let query = crate::service::ListQuery { offset: 0, limit: MARKS_MAX, ..list.query(1) };
        let why = Why::Keys(list.kind, marking);
        vec![Effect::Ask(why, Query::Keys { list: query, between })]
    }

    pub(super) fn take_keys(&mut self, kind: Kind, marking: Marking, keys: Vec<Key>) -> Effects {
        if self.list().kind != kind {
            return Vec::new();
        }
        let (asked, matched) = (keys.len(), self.list().matched());
        let list = self.list_mut();
        let fits = match marking {
            Marking::Add => list.marks.add(keys),
            Marking::Turn => keys.into_iter().all(|key| list.marks.turn(key)),
        };
        if !fits || (asked == MARKS_MAX && matched > asked) {
            self.toast = Some(texts::marks_full(MARKS_MAX));
        }
        self.ask_subject()
    }

    /// The rows that a verb is about, where they are those that are marked.
    pub(super) fn marked(&self) -> Option<Vec<Key>> {
        let marks = &self.list().marks;
        (!self.detail.focused && !marks.is_empty()).then(|| marks.keys())
    }
}

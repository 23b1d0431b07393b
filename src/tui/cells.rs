//! One cell of a list changed in its place: the cursor gets a column, and Enter types over the cell or opens its list.
//!
//! It is a form of which one field is shown: what is judged, refused, saved and said is the form's. What is chosen from a
//! list is saved at once, but for what would change more than the cell: that is told first, and Enter confirms it.

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::popups::{Form, Popup};
use super::screens;
use super::texts;
use crate::domain::Intent;
use crate::service::{Detail, Query, Verb};

impl App {
    /// The cursor gets a column: the first one that a person sets.
    pub(super) fn go_to_cells(&mut self) -> Effects {
        let rows = self.shape().rows;
        let list = self.list_mut();
        if list.key.is_none() {
            self.toast = Some(texts::NOTHING_SELECTED.to_owned());
            return Vec::new();
        }
        let names = list.cells(rows).into_iter().map(|(column, _)| column.name).collect::<Vec<_>>();
        let set = names.iter().find(|name| Form::sets(list.kind, name));
        list.cell = set.or(names.first()).copied();
        Vec::new()
    }

    pub(super) fn cell_act(&mut self, act: Act) -> Effects {
        let by = match act {
            Act::FieldNext => 1,
            Act::FieldPrevious => -1,
            Act::Accept => return self.ask_cell(),
            Act::Leave => {
                self.list_mut().cell = None;
                return Vec::new();
            }
            act => return self.list_act(act),
        };
        let rows = self.shape().rows;
        let list = self.list_mut();
        let cells = list.cells(rows);
        let at = cells.iter().position(|(column, _)| Some(column.name) == list.cell).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(cells.len().saturating_sub(1));
        list.cell = cells.get(to).map(|(column, _)| column.name);
        Vec::new()
    }

    /// Among cells, a click goes to the column there; true where the cursor was in it, or there are but rows.
    pub(super) fn cell_clicked(&mut self, x: u16) -> bool {
        let rows = self.shape().rows;
        let list = self.list_mut();
        let before = list.cell_in(rows).map(|(column, _)| column.name);
        let cells = list.cells(rows);
        let there = cells.iter().find(|(_, place)| (place.left()..=place.right()).contains(&x));
        if before.is_some() {
            list.cell = there.map(|(column, _)| column.name).or(before);
        }
        list.cell == before
    }

    fn ask_cell(&mut self) -> Effects {
        let cell = self.list().cell_in(self.shape().rows);
        let why_not = self.row_why_not(Verb::Edit);
        match (self.list().key.clone(), cell, why_not) {
            (Some(key), Some((column, _)), None) => {
                return vec![Effect::Ask(Why::Cell(column.name), Query::Show { key })];
            }
            (_, _, why_not) => self.toast = why_not,
        }
        Vec::new()
    }

    /// Opens the cell to be typed in, or its list; or says why it is not to be changed.
    pub(super) fn open_cell(&mut self, column: &'static str, shown: &Detail) -> Effects {
        // An answer for a row or a place that was left meanwhile is late.
        if self.context() != Context::Cells || self.list().key.as_ref() != Some(&shown.row.key) {
            return Vec::new();
        }
        let title = screens::column(shown.row.key.kind, column).map_or(column, |column| column.title);
        match Form::cell(shown, column) {
            None => self.toast = Some(texts::not_set(title)),
            Some(Err(why)) => self.refuse(why),
            Some(Ok(form)) => {
                let chosen = form.choice().is_some();
                self.popups.push(Popup::Form(form));
                if chosen {
                    return self.form_accept(false);
                }
            }
        }
        Vec::new()
    }

    /// Something was chosen for a field: of a form, what follows is told; of a cell, before it is saved.
    pub(super) fn choice_follows(&mut self) -> Effects {
        match self.popups.last() {
            Some(Popup::Form(form)) if form.cell => {
                let intent: Intent = form.intent();
                vec![Effect::Ask(Why::CellFollows, Query::Consequences { intent })]
            }
            _ => self.form_follows(),
        }
    }

    /// Saves what was chosen for a cell where nothing else follows from it.
    pub(super) fn cell_follows(&mut self, lines: Vec<String>) -> Effects {
        match self.popups.last_mut() {
            Some(Popup::Form(form)) if form.cell && form.saving.is_none() => {
                let alone = lines.is_empty();
                form.consequences = lines;
                if alone { self.form_accept(true) } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    /// A cell's list was closed without a choice: the cell stays as it was.
    pub(super) fn leave_cell_unchosen(&mut self) {
        if matches!(self.popups.last(), Some(Popup::Form(form)) if form.cell) {
            self.popups.pop();
        }
    }
}

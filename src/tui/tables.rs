//! How a list looks: its order, its columns, its views; and keeping all that for the next time.

use super::app::{App, Effect, Effects};
use super::keys::{Act, Context};
use super::popups::{Columns, Picker, Popup, Prompt, picker, prompt};
use super::screens;
use super::screens::LISTED;
use super::texts;
use super::widgets::text_field::TextField;
use crate::service::taste::VIEW_NAME_MAX;
use crate::service::{Action, Choice, Done, ErrorKind, SORTS_MAX, ServiceError, Taste, View, columns};

/// The value of the choice that is no view's name: a name has no blank at its beginning.
const AS_IT_COMES: &str = " ";

impl App {
    pub(super) fn table_act(&mut self, act: Act) -> Effects {
        match act {
            Act::Sort | Act::SortThen => self.open_sort(act == Act::SortThen),
            Act::SortReverse => {
                let list = self.list_mut();
                if let Some(first) = list.sorts.first_mut() {
                    first.1 = !first.1;
                }
                return self.sorted();
            }
            Act::Columns => {
                let list = self.list();
                let popup = Columns::new(list.kind, screens::looks(list.kind, &list.columns));
                self.popups.push(Popup::Columns(popup));
            }
            Act::Views => self.open_views(false),
            Act::DropView => self.open_views(true),
            _ => self.ask_view_name(),
        }
        Vec::new()
    }

    fn open_sort(&mut self, then: bool) {
        let list = self.list();
        let choice = |name: &&'static str| {
            let title =
                screens::column(list.kind, name).map_or_else(|| name.to_uppercase(), |c| c.title.to_owned());
            let at = list.sorts.iter().position(|(sort, _)| sort == name);
            let note = at
                .map_or_else(String::new, |at| texts::sorted_by(at, list.sorts.get(at).is_some_and(|s| s.1)));
            Choice { value: Some((*name).to_owned()), label: title, note, why_not: None }
        };
        let choices = columns(list.kind).iter().map(choice).collect();
        let on = list.sorts.first().map(|(name, _)| (*name).to_owned());
        let title = if then { "Then sort by" } else { "Sort by" };
        let picker = Picker::new(title.to_owned(), choices, picker::Goal::Sort { then }).on(&on);
        self.popups.push(Popup::Picker(picker));
    }

    /// A column was chosen to sort by: alone, or after those that are there. One that is there already is turned round.
    pub(super) fn sort_chosen(&mut self, then: bool, name: Option<&str>) -> Effects {
        self.popups.pop();
        let kind = self.list().kind;
        let Some(name) = columns(kind).iter().find(|column| Some(**column) == name).copied() else {
            return Vec::new();
        };
        let sorts = &mut self.list_mut().sorts;
        let known = sorts.iter().position(|(sort, _)| *sort == name);
        match (known, then) {
            (Some(at), true) => {
                if let Some(sort) = sorts.get_mut(at) {
                    sort.1 = !sort.1;
                }
            }
            (None, true) => {
                sorts.truncate(SORTS_MAX - 1);
                sorts.push((name, false));
            }
            (Some(0), false) if sorts.len() == 1 => {
                if let Some(sort) = sorts.first_mut() {
                    sort.1 = !sort.1;
                }
            }
            (_, false) => *sorts = vec![(name, false)],
        }
        self.sorted()
    }

    fn sorted(&mut self) -> Effects {
        self.list_mut().restart();
        let mut effects = vec![self.ask_list()];
        effects.extend(self.keep_taste());
        effects
    }

    pub(super) fn columns_act(&mut self, act: Act) -> Effects {
        let Some(Popup::Columns(popup)) = self.popups.last_mut() else { return Vec::new() };
        if act == Act::Leave {
            self.popups.pop();
            return self.keep_taste();
        }
        popup.act(act);
        let looks = popup.looks.clone();
        self.list_mut().columns = looks;
        Vec::new()
    }

    // ---- views ----

    fn open_views(&mut self, drop: bool) {
        let kind = self.list().kind;
        let choice = |value: &str, label: &str, note: String| Choice {
            value: Some(value.to_owned()),
            label: label.to_owned(),
            note,
            why_not: None,
        };
        let of_kind = self.taste.views.iter().filter(|view| view.kind == kind);
        let note = |view: &View| {
            if view.filter.is_empty() { texts::ALL_ROWS.to_owned() } else { view.filter.clone() }
        };
        let mut choices: Vec<Choice> =
            of_kind.map(|view| choice(&view.name, &view.name, note(view))).collect();
        if choices.is_empty() {
            self.toast = Some(texts::NO_VIEWS.to_owned());
            return;
        }
        if !drop {
            choices.push(choice(AS_IT_COMES, texts::AS_IT_COMES, texts::ALL_ROWS.to_owned()));
        }
        let on = self.taste.opens.get(&kind).cloned();
        let title = if drop { texts::DROP_VIEW } else { texts::VIEWS };
        let picker = Picker::new(title.to_owned(), choices, picker::Goal::View { drop }).on(&on);
        self.popups.push(Popup::Picker(picker));
    }

    /// A view was chosen: the list is as it says, and opens so from now on.
    pub(super) fn view_chosen(&mut self, drop: bool, name: Option<&str>) -> Effects {
        self.popups.pop();
        let kind = self.list().kind;
        let Some(name) = name else { return Vec::new() };
        if drop {
            self.taste.views.retain(|view| view.kind != kind || view.name != name);
            self.taste.opens.retain(|of, opens| *of != kind || opens != name);
            self.toast = Some(texts::view_gone(name));
            return self.keep_taste();
        }
        if let Some(view) = self.taste.view(kind, name).cloned() {
            self.list_mut().wear(&view.look);
            self.list_mut().filter.set(&view.filter);
            self.taste.opens.insert(kind, view.name);
        } else {
            self.list_mut().wear(&crate::service::Look::default());
            self.list_mut().filter.take();
            self.taste.opens.remove(&kind);
        }
        self.sorted()
    }

    fn ask_view_name(&mut self) {
        let name = self.taste.opens.get(&self.list().kind).map_or("", String::as_str);
        let fields = vec![("Name", TextField::new(name))];
        let prompt = Prompt::new(texts::KEEP_VIEW, &[texts::KEEP_VIEW_ABOUT], fields, prompt::Goal::View);
        self.popups.push(Popup::Prompt(prompt));
    }

    /// The name of a view was typed.
    pub(super) fn keep_view(&mut self) -> Effects {
        let Some(Popup::Prompt(prompt)) = self.popups.last_mut() else { return Vec::new() };
        let name = prompt.fields.first().map_or("", |(_, field)| field.text()).trim().to_owned();
        if name.is_empty() || name.chars().count() > VIEW_NAME_MAX {
            let message = format!("A name of 1 to {VIEW_NAME_MAX} characters is needed.");
            prompt.error = Some(ServiceError::new(ErrorKind::Usage, message));
            return Vec::new();
        }
        // A view of that name is replaced by a second Enter alone.
        let there = texts::view_there(&name);
        let told = self.taste.view(self.list().kind, &name).is_some();
        let Some(Popup::Prompt(prompt)) = self.popups.last_mut() else { return Vec::new() };
        if told && prompt.error.as_ref().is_none_or(|error| error.message != there) {
            prompt.error = Some(ServiceError::new(ErrorKind::Usage, there));
            return Vec::new();
        }
        let list = self.list();
        let filter = list.filter.text().trim().to_owned();
        let view = View { name: name.clone(), kind: list.kind, filter, look: list.look() };
        if !self.taste.keep(view) {
            if let Some(Popup::Prompt(prompt)) = self.popups.last_mut() {
                let drop = self.hands.keys.told(Context::List, Act::DropView);
                prompt.error = Some(ServiceError::new(ErrorKind::Usage, texts::views_full(&drop)));
            }
            return Vec::new();
        }
        self.popups.pop();
        self.taste.opens.insert(self.list().kind, name.clone());
        self.toast = Some(texts::view_kept(&name));
        self.keep_taste()
    }

    // ---- keeping it ----

    /// Keeps how the lists look; a list with a view open is kept with its changes.
    pub(super) fn keep_taste(&mut self) -> Effects {
        for list in &self.lists {
            self.taste.lists.insert(list.kind, list.look());
        }
        let effect = self.submit(Action::KeepTaste { taste: self.taste.clone() });
        self.tasting = Some(self.submitted);
        vec![effect]
    }

    /// Asks how the lists were left.
    pub(super) fn ask_taste(&mut self) -> Effect {
        self.submit(Action::ReadTaste)
    }

    /// The lists as they were left, each with the view that it opens with.
    pub(super) fn take_taste(&mut self, taste: Taste, problem: Option<String>) -> Effects {
        for (at, kind) in LISTED.into_iter().enumerate() {
            let Some(list) = self.lists.get_mut(at) else { continue };
            if let Some(look) = taste.lists.get(&kind) {
                list.wear(look);
            }
            let view = taste.opens.get(&kind).and_then(|name| taste.view(kind, name));
            if let Some(view) = view.filter(|_| list.filter.is_empty()) {
                list.filter.set(&view.filter);
            }
        }
        self.taste = taste;
        self.toast = problem.or(self.toast.take());
        let mut effects = self.tell_unfinished();
        effects.extend(self.refresh());
        effects
    }

    /// It could not be kept: told once, in one line, since nothing of value is lost.
    pub(super) fn taste_heard(&mut self, result: &Result<Done, ServiceError>) {
        self.tasting = None;
        if let Err(error) = result {
            self.toast = Some(texts::taste_not_kept(&error.message));
        }
    }
}

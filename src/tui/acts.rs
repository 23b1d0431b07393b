//! What acts do, place by place: signing in, browsing lists and details, popups.

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::popups::{Form, Picker, Popup, picker};
use super::screens::sign_in::AddProject;
use super::texts;
use crate::domain::{Intent, Key, Kind};
use crate::service::{Action, Choice, Decision, Detail, Query, Verb};

/// Lines that a page moves in help, where the height is not at hand.
const PAGE: isize = 10;

/// The verb of an act on rows.
pub const fn verb_of(act: Act) -> Option<Verb> {
    Some(match act {
        Act::Create => Verb::Create,
        Act::Edit => Verb::Edit,
        Act::Delete => Verb::Delete,
        Act::SetStatus => Verb::SetStatus,
        Act::Assign => Verb::Assign,
        Act::Unassign => Verb::Unassign,
        _ => return None,
    })
}

impl App {
    pub(super) fn sign_in_act(&mut self, act: Act) -> Effects {
        if self.sign_in.add.is_some() {
            return self.add_project_act(act);
        }
        let screen = &mut self.sign_in;
        if screen.waiting.is_some() {
            if act == Act::Leave {
                screen.settle();
                screen.notice = Some(texts::STOPPED_WAITING.to_owned());
            }
            return Vec::new();
        }
        match act {
            Act::Accept => {
                let Some((project, email, password)) = screen.credentials() else { return Vec::new() };
                return vec![Effect::SignIn { project, email, password }];
            }
            Act::OtherAccount => screen.other_account(1),
            Act::OtherProject => screen.other_project(),
            Act::NoPassword => self.open_no_password(),
            Act::NewProject => screen.add = Some(AddProject::new()),
            Act::FieldNext | Act::FieldPrevious => screen.other_field(),
            Act::Reveal => screen.password.masked = !screen.password.masked,
            Act::Up => screen.step(-1),
            Act::Down => screen.step(1),
            Act::Leave => {
                screen.error = None;
                screen.notice = None;
            }
            _ => {}
        }
        Vec::new()
    }

    fn add_project_act(&mut self, act: Act) -> Effects {
        let known = !self.sign_in.setup.projects.is_empty();
        let Some(add) = &mut self.sign_in.add else { return Vec::new() };
        match act {
            Act::FieldNext => add.step(1),
            Act::FieldPrevious => add.step(-1),
            Act::Accept if add.at + 1 < add.fields.len() => add.step(1),
            Act::Accept | Act::Save => return self.add_project(),
            Act::Leave if known => self.sign_in.add = None,
            _ => {}
        }
        Vec::new()
    }

    fn add_project(&mut self) -> Effects {
        let Some(add) = &self.sign_in.add else { return Vec::new() };
        if add.saving.is_some() {
            return Vec::new();
        }
        let values = add.values();
        if let Some(missing) = values.iter().position(String::is_empty) {
            if let Some(add) = &mut self.sign_in.add {
                add.at = missing;
            }
            return Vec::new();
        }
        let [name, url, key] = values;
        let effect = self.submit(Action::AddProject { name, url, key });
        if let Some(add) = &mut self.sign_in.add {
            add.saving = Some(self.submitted);
            add.error = None;
        }
        vec![effect]
    }

    pub(super) fn browse(&mut self, act: Act) -> Effects {
        if let Some(verb) = verb_of(act) {
            return self.start(verb);
        }
        if let Some(why) = self.act_why_not(act) {
            self.refuse(why);
            return Vec::new();
        }
        if let Some(effects) = self.place_act(act) {
            return effects;
        }
        match act {
            Act::Menu => self.open_menu(),
            Act::SyncNow => return vec![self.submit(Action::SyncNow)],
            Act::SignOut => self.ask_to_sign_out(),
            Act::Account => self.open_account(),
            Act::SignInAccount => self.open_sign_in_account(),
            Act::Messages => self.open_messages(),
            Act::Decide => return self.ask_decisions(),
            Act::Undo => return vec![self.submit(Action::Undo)],
            Act::Redo => return vec![self.submit(Action::Redo)],
            Act::Traffic => self.open_traffic(),
            Act::Verify => return vec![self.submit(Action::Verify)],
            Act::Reload => return vec![self.submit(Action::Reload)],
            Act::Lock
            | Act::Words
            | Act::RemoveWords
            | Act::Export
            | Act::Import
            | Act::Aside
            | Act::Machines
            | Act::Erase => {
                return self.secret_act(act);
            }
            Act::Back => return self.go_back(),
            Act::Forward => return self.go_forward(),
            _ => {
                return match self.context() {
                    Context::Filter => self.filter_act(act),
                    Context::Detail => self.detail_act(act),
                    Context::Cells => self.cell_act(act),
                    Context::Sync | Context::Activity | Context::Overview => self.screen_act(act),
                    _ => self.list_act(act),
                };
            }
        }
        Vec::new()
    }

    pub(super) fn list_act(&mut self, act: Act) -> Effects {
        let rows = self.shape().rows.height;
        let page = isize::try_from(rows.max(1)).unwrap_or(1);
        let by = match act {
            Act::Up => -1,
            Act::Down => 1,
            Act::PageUp => -page,
            Act::PageDown => page,
            Act::First => isize::MIN,
            Act::Last => isize::MAX,
            Act::Accept => return self.list().key.clone().map(|key| self.open(key)).unwrap_or_default(),
            Act::Filter => {
                self.list_mut().filtering = true;
                return Vec::new();
            }
            Act::Cells => return self.go_to_cells(),
            Act::Sort
            | Act::SortThen
            | Act::SortReverse
            | Act::Columns
            | Act::Views
            | Act::KeepView
            | Act::DropView => return self.table_act(act),
            Act::Mark | Act::MarkRange | Act::MarkAll | Act::MarkInvert | Act::MarkClear => {
                return self.mark_act(act);
            }
            Act::Leave if self.list().marks.range.is_some() => {
                self.list_mut().marks.range = None;
                return Vec::new();
            }
            Act::Leave => return self.clear_filter(),
            _ => return Vec::new(),
        };
        if self.list_mut().step(by, rows) {
            return vec![self.ask_list()];
        }
        self.ask_subject()
    }

    fn clear_filter(&mut self) -> Effects {
        let list = self.list_mut();
        list.filtering = false;
        if list.filter.is_empty() {
            return Vec::new();
        }
        list.filter.take();
        list.restart();
        vec![self.ask_list()]
    }

    fn filter_act(&mut self, act: Act) -> Effects {
        if let Some(effects) = self.activity_filter_act(act) {
            return effects;
        }
        match act {
            Act::Leave => self.clear_filter(),
            Act::Accept => {
                self.list_mut().filtering = false;
                Vec::new()
            }
            Act::Complete => {
                let list = self.list();
                let query = Query::Complete { kind: list.kind, filter: list.filter.text().to_owned() };
                vec![Effect::Ask(Why::Complete(list.kind), query)]
            }
            _ => Vec::new(),
        }
    }

    /// Starts a verb on the row, or says why not.
    fn start(&mut self, verb: Verb) -> Effects {
        if let Some(why) = self.why_not(verb) {
            self.refuse(why);
            return Vec::new();
        }
        if verb == Verb::Create {
            return self.start_create();
        }
        if let Some(keys) = self.marked() {
            return self.start_marked(verb, keys);
        }
        let Some(key) = self.subject() else { return Vec::new() };
        let label = self.subject_label();
        match verb {
            Verb::Create => Vec::new(),
            Verb::Edit => vec![Effect::Ask(Why::Edit, Query::Show { key })],
            Verb::Delete => {
                let intent = Intent::Delete { key: key.clone() };
                vec![Effect::Ask(Why::Delete(key, label), Query::Consequences { intent })]
            }
            Verb::SetStatus => {
                let row = if self.detail.focused {
                    self.detail.shown.as_ref().map(|shown| &shown.row)
                } else {
                    self.list().row()
                };
                let on = row.and_then(|row| row.cells.get("status").cloned());
                let picker = Picker::new(
                    format!("Status of {label}"),
                    Vec::new(),
                    picker::Goal::Status(key.clone(), on.clone()),
                );
                let query = Query::Choices { kind: key.kind, field: "status".to_owned(), key: Some(key) };
                vec![Effect::Ask(Why::Pick(Box::new(picker), on), query)]
            }
            Verb::Assign => start_assign(key, &label),
            Verb::Unassign => vec![Effect::Ask(Why::Unassign(key.clone()), Query::Show { key })],
        }
    }

    fn start_create(&mut self) -> Effects {
        let id = (self.ids)();
        let (kind, key) = match self.list().kind {
            Kind::User => (Kind::User, Key::user(id)),
            Kind::Region => (Kind::Region, Key::region(id)),
            Kind::Drone | Kind::Assignment => (Kind::Drone, Key::drone("")),
        };
        self.popups.push(Popup::Form(Form::create(kind, key)));
        Vec::new()
    }

    pub(super) fn pick_unassign(&mut self, key: Key, shown: &Detail) {
        let choices = holders(shown);
        if choices.is_empty() {
            self.toast = Some(format!("{} has no assignment.", shown.row.label));
            return;
        }
        let title = if key.kind == Kind::Drone {
            format!("Take {} from", shown.row.label)
        } else {
            format!("Take from {}", shown.row.label)
        };
        self.popups.push(Popup::Picker(Picker::new(title, choices, picker::Goal::Unassign(key))));
    }

    pub(super) fn popup_act(&mut self, act: Act) -> Effects {
        match self.popups.last() {
            Some(Popup::Bulk(_)) => return self.bulk_act(act),
            Some(Popup::Columns(_)) => return self.columns_act(act),
            _ => {}
        }
        let page = match self.popups.last() {
            Some(Popup::Help(_)) => PAGE,
            _ => isize::try_from(self.shape().rows.height / 2).unwrap_or(PAGE).max(1),
        };
        let by = match act {
            Act::Up | Act::FieldPrevious => -1,
            Act::Down | Act::FieldNext => 1,
            Act::PageUp => -page,
            Act::PageDown => page,
            _ => 0,
        };
        let size = self.size;
        match (self.popups.last_mut(), act) {
            (Some(_), Act::Leave) => return self.put_away(),
            (Some(popup), Act::Accept | Act::Save) if popup.saving().is_some() => {}
            (Some(Popup::Ask(_)), Act::Accept | Act::Save) => return self.ask_accept(act == Act::Save),
            (Some(Popup::Words(_)), Act::Accept) => return self.words_written(),
            (Some(Popup::Prompt(_)), Act::Accept | Act::Save) => return self.prompt_accept(act == Act::Save),
            (Some(Popup::Prompt(prompt)), _) => prompt.step(by),
            (Some(Popup::Form(_)), Act::Accept | Act::Save) => return self.form_accept(act == Act::Save),
            (Some(Popup::Picker(_)), Act::Accept) => return self.picker_accept(),
            (Some(Popup::Confirm(_)), Act::Accept) => return self.confirm_accept(),
            (Some(Popup::Menu(_)), Act::Accept) => return self.menu_accept(),
            (Some(Popup::Ask(ask)), _) => ask.step(by),
            (Some(Popup::Form(form)), _) => form.step(by),
            (Some(Popup::Picker(picker)), _) => picker.step(by),
            (Some(Popup::Menu(menu)), _) => menu.step(by),
            (Some(Popup::Help(help)), _) => help.step(by, size),
            (Some(Popup::Confirm(confirm)), _) if by != 0 => confirm.yes = !confirm.yes,
            _ => {}
        }
        Vec::new()
    }

    /// Enter on a form: opens the field's list, goes on, or saves.
    pub(super) fn form_accept(&mut self, save: bool) -> Effects {
        let Some(Popup::Form(form)) = self.popups.last_mut() else { return Vec::new() };
        if save || form.on_save() {
            let Some((intent, reason)) = form.accept() else { return Vec::new() };
            if !form.many.is_empty() {
                let (keys, set) = (form.many.clone(), form.touched());
                return self.several_accepted(&keys, &set, reason.as_deref());
            }
            if let Some(edit) = form.mends {
                let fields = form.set();
                return self.settle(edit, Decision::Set { fields });
            }
            let seen = form.seen();
            let effect = self.submit_edit(intent, reason, seen);
            if let Some(Popup::Form(form)) = self.popups.last_mut() {
                form.saving = Some(self.submitted);
            }
            return vec![effect];
        }
        let Some((name, title, value)) = form.choice() else {
            form.step(1);
            return Vec::new();
        };
        let query = Query::Choices { kind: form.kind, field: name.to_owned(), key: form.subject() };
        let picker = Picker::new(title.to_owned(), Vec::new(), picker::Goal::Field(name.to_owned()));
        vec![Effect::Ask(Why::Pick(Box::new(picker), value), query)]
    }

    /// Asks what would follow from the form as it is.
    pub(super) fn form_follows(&mut self) -> Effects {
        match self.popups.last_mut() {
            Some(Popup::Form(form)) if form.subject().is_some() => {
                form.consequences.clear();
                let intent = form.intent();
                vec![Effect::Ask(Why::FormFollows, Query::Consequences { intent })]
            }
            _ => Vec::new(),
        }
    }
}

/// Whom a drone can go to, or which drone a user can get.
fn start_assign(key: Key, label: &str) -> Effects {
    let (title, kind, field) = match key.kind {
        Kind::User => (format!("Give {label} a drone"), Kind::Assignment, "drone_id"),
        _ => (format!("Assign {label} to"), Kind::Drone, "operator_id"),
    };
    let picker = Picker::new(title, Vec::new(), picker::Goal::Assign(key.clone()));
    let query = Query::Choices { kind, field: field.to_owned(), key: Some(key) };
    vec![Effect::Ask(Why::Pick(Box::new(picker), None), query)]
}

/// Those a drone can be taken from, or the drones that can be taken from a user.
pub(super) fn holders(shown: &Detail) -> Vec<Choice> {
    let wanted = if shown.row.key.kind == Kind::Drone { Kind::User } else { Kind::Drone };
    let mut choices: Vec<Choice> = Vec::new();
    for (item, label) in shown.related.iter().flat_map(|related| &related.items) {
        if item.kind == wanted && !choices.iter().any(|choice| choice.value.as_ref() == Some(&item.pk)) {
            let value = Some(item.pk.clone());
            choices.push(Choice { value, label: label.clone(), note: String::new(), why_not: None });
        }
    }
    choices
}

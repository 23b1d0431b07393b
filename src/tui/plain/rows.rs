//! Lists, rows, and the verbs on them.

use super::{Action, Dialogue, Kind, PAGE, Said, TimeZone, query};
use crate::domain::{Fields, Intent, Key};
use crate::service::{Detail, RowView, Verb, columns, status};
use crate::tui::acts::holders;
use crate::tui::decide::pair;
use crate::tui::popups::Form;
use crate::tui::popups::form::Entry;
use crate::tui::screens::detail;
use crate::tui::texts;

/// Rows that are looked through for a name.
const NAMES_MAX: usize = 200;

impl Dialogue {
    pub(super) fn turn_to(&mut self, kind: Kind) -> Said<()> {
        self.query = query(kind);
        self.list()
    }

    pub(super) fn filter(&mut self, words: &str) -> Said<()> {
        (self.query.filter, self.query.offset) = (words.to_owned(), 0);
        self.list()
    }

    pub(super) fn sort(&mut self, column: &str) -> Said<()> {
        let known = columns(self.query.kind);
        if !known.contains(&column) {
            return self.talk.say(&format!("The columns are {}.", known.join(", ")));
        }
        // The same column once more turns the order round.
        self.query.descending = self.query.sort == column && !self.query.descending;
        (self.query.sort, self.query.offset) = (column.to_owned(), 0);
        self.list()
    }

    pub(super) fn page(&mut self, on: bool) -> Said<()> {
        let before = self.query.offset;
        self.query.offset = if on { before + PAGE } else { before.saturating_sub(PAGE) };
        let page = self.service.list(&self.ctx(), &self.query);
        if page.rows.is_empty() || self.query.offset == before {
            self.query.offset = before;
            return self.talk.say("There is no such page.");
        }
        self.list()
    }

    fn list(&mut self) -> Said<()> {
        let page = self.service.list(&self.ctx(), &self.query);
        let noun = self.query.kind.noun();
        let filter =
            if self.query.filter.is_empty() { String::new() } else { format!(", {}", self.query.filter) };
        let count = if page.matched == page.total {
            format!("{} {noun}s{filter}", page.total)
        } else {
            format!("{} of {} {noun}s{filter}", page.matched, page.total)
        };
        let (from, to) = (self.query.offset + 1, self.query.offset + page.rows.len());
        let window = if page.rows.is_empty() { String::new() } else { format!(". {from} to {to}") };
        self.talk.say(&format!("{count}{window}, by {}.", self.query.sort))?;
        self.talk.say_all(&page.problem)?;
        let lines: Vec<String> = page
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| format!("{}. {}", at + 1, self.row_line(row)))
            .collect();
        self.listed = page.rows;
        self.talk.say_all(lines)?;
        if to < page.matched { self.talk.say("next lists more.") } else { Ok(()) }
    }

    /// A row in one line: its name, then what it holds by the name of each column, then what is unsent.
    fn row_line(&self, row: &RowView) -> String {
        let mut parts = vec![row.label.clone()];
        for name in columns(row.key.kind).iter().skip(1) {
            match (*name, row.cells.get(*name), row.changed) {
                ("changed", _, Some(at)) => {
                    parts.push(format!("changed {}", status::age(at, self.now(), &TimeZone::system())));
                }
                (name, Some(text), _) => parts.push(format!("{} {text}", name.replace('_', " "))),
                _ => {}
            }
        }
        parts.extend(row.mark.map(|mark| format!("not sent yet: {}", format!("{mark:?}").to_lowercase())));
        parts.extend(row.needs_you.then(|| "needs you".to_owned()));
        parts.join(", ")
    }

    /// The row that a number of the last list or a name is about.
    pub(super) fn find(&mut self, said: &str) -> Said<Option<RowView>> {
        let by_number = said.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        if let Some(row) = by_number.and_then(|at| self.listed.get(at)) {
            return Ok(Some(row.clone()));
        }
        let mut all = query(self.query.kind);
        (all.filter, all.limit) = (said.to_owned(), NAMES_MAX);
        let named = |row: &RowView| !said.is_empty() && row.label.eq_ignore_ascii_case(said);
        let found = self.service.list(&self.ctx(), &all).rows.into_iter().find(named);
        if found.is_none() {
            let what = if said.is_empty() { "nothing was named" } else { said };
            let kind = self.query.kind.noun();
            self.talk.say(&format!(
                "No {kind} is found: {what}. Give its number in the last list, or its whole name."
            ))?;
        }
        Ok(found)
    }

    /// Rows of every kind by what people call them; numbers are about these then.
    pub(super) fn find_everywhere(&mut self, words: &str) -> Said<()> {
        let found = self.service.find(&self.ctx(), words);
        let rows = found.iter().filter_map(|found| Some(self.service.show(&self.ctx(), &found.key)?.row));
        self.listed = rows.take(PAGE).collect();
        if self.listed.is_empty() {
            return self.talk.say("Nothing is called that.");
        }
        let told = self.listed.iter().enumerate();
        let told: Vec<String> = told
            .map(|(at, row)| format!("{}. {} {}", at + 1, row.key.kind.noun(), self.row_line(row)))
            .collect();
        self.talk.say_all(told)
    }

    /// Fills an empty project, after asking.
    pub(super) fn initial(&mut self) -> Said<()> {
        if !self.service.status().empty {
            return self.talk.say("This is for an empty project and a MAIN_HQ user.");
        }
        self.talk.say_all(texts::INITIAL)?;
        if self.talk.sure("Load it?")? { self.act(Action::LoadInitial) } else { Ok(()) }
    }

    /// That row, where the verb is open to me; else says why not.
    fn subject(&mut self, said: &str, verb: Verb) -> Said<Option<Detail>> {
        let Some(row) = self.find(said)? else { return Ok(None) };
        if !self.may(Some(&row.key), verb)? {
            return Ok(None);
        }
        let shown = self.service.show(&self.ctx(), &row.key);
        if shown.is_none() {
            self.talk.say("The row is gone by now.")?;
        }
        Ok(shown)
    }

    fn may(&mut self, key: Option<&Key>, verb: Verb) -> Said<bool> {
        let kind = key.map_or(self.query.kind, |key| key.kind);
        let verbs = self.service.verbs(&self.ctx(), kind, key);
        let why = match verbs.into_iter().find(|state| state.verb == verb) {
            Some(state) => state.why_not,
            None => Some(texts::not_for(kind)),
        };
        match why {
            Some(why) => self.talk.say(&why).map(|()| false),
            None => Ok(true),
        }
    }

    pub(super) fn show(&mut self, said: &str) -> Said<()> {
        let Some(row) = self.find(said)? else { return Ok(()) };
        let Some(shown) = self.service.show(&self.ctx(), &row.key) else {
            return self.talk.say("The row is gone by now.");
        };
        self.talk.say(&self.row_line(&shown.row))?;
        self.talk.say_all(shown.alerts.iter().map(|alert| format!("Look at: {alert}")))?;
        for line in &shown.lines {
            let was = line.was.as_ref().map(|was| format!(", was {was}, not sent yet")).unwrap_or_default();
            let text = detail::instant(&TimeZone::system(), &line.text);
            self.talk.say(&format!("{}: {text}{was}", line.title))?;
        }
        for related in &shown.related {
            let items: Vec<&str> = related.items.iter().map(|(_, label)| label.as_str()).collect();
            self.talk.say(&format!("{}: {}", related.title, items.join(", ")))?;
        }
        for edit in &shown.edits {
            self.talk.say(&format!(
                "Edit {}: {}, {}",
                edit.edit,
                edit.what,
                detail::state_word(&edit.state)
            ))?;
        }
        Ok(())
    }

    pub(super) fn create(&mut self) -> Said<()> {
        let kind = self.query.kind;
        if !self.may(None, Verb::Create)? {
            return Ok(());
        }
        let id = uuid::Uuid::now_v7();
        let key = match kind {
            Kind::User => Key::user(id),
            Kind::Region => Key::region(id),
            Kind::Drone | Kind::Assignment => Key::drone(""),
        };
        self.fill(Form::create(kind, key))
    }

    pub(super) fn edit(&mut self, said: &str) -> Said<()> {
        match self.subject(said, Verb::Edit)? {
            Some(shown) => self.fill(Form::edit(&shown)),
            None => Ok(()),
        }
    }

    /// Asks for each field, says what would follow, and saves.
    pub(super) fn fill(&mut self, mut form: Form) -> Said<()> {
        self.talk.say(&format!("{}. Enter keeps what a field holds, - empties it.", form.title))?;
        self.fill_fields(&mut form)?;
        let Some((intent, reason)) = form.accept() else {
            let wrong = form.fields.iter().find_map(|field| field.error.clone()).unwrap_or_default();
            return self.talk.say(&format!("Not saved: {wrong} Nothing was changed."));
        };
        self.talk.say_all(self.service.consequences(&self.ctx(), &intent))?;
        if !self.talk.sure("Save?")? {
            return self.talk.say("Not saved. Nothing was changed.");
        }
        self.save_form(&form, intent, reason)
    }

    pub(super) fn fill_fields(&mut self, form: &mut Form) -> Said<()> {
        for at in 0..form.fields.len() {
            form.at = at;
            self.fill_field(form)?;
        }
        Ok(())
    }

    fn fill_field(&mut self, form: &mut Form) -> Said<()> {
        let Some(field) = form.fields.get(form.at).cloned() else { return Ok(()) };
        let holds = match &field.entry {
            Entry::Text(text) => text.text().to_owned(),
            Entry::Choice { label, .. } => label.clone(),
        };
        let holds = if holds.is_empty() { "empty" } else { &holds };
        if let Some(why) = &field.locked {
            return self.talk.say(&format!("{} is {holds}. {why}", field.title));
        }
        if let Entry::Choice { .. } = field.entry {
            let choices = self.service.choices(&self.ctx(), form.kind, field.name, form.subject().as_ref());
            let chosen = self.talk.choose(&format!("{} is {holds}.", field.title), &choices)?;
            if let Some(choice) = chosen {
                form.choose(field.name, &choice);
            }
            return Ok(());
        }
        loop {
            let typed = self.talk.ask(&format!("{} is {holds} ({}):", field.title, field.hint))?;
            if typed.is_empty() {
                return Ok(());
            }
            if let Some(text) = form.field() {
                text.take();
                text.paste(if typed == "-" { "" } else { &typed });
            }
            form.judge();
            let Some(error) = form.fields.get(form.at).and_then(|field| field.error.clone()) else {
                return Ok(());
            };
            self.talk.say(&error)?;
        }
    }

    pub(super) fn set_status(&mut self, said: &str) -> Said<()> {
        let Some(shown) = self.subject(said, Verb::SetStatus)? else { return Ok(()) };
        let key = shown.row.key.clone();
        let on = shown.row.cells.get("status").cloned();
        let choices = self.service.choices(&self.ctx(), key.kind, "status", Some(&key));
        let title = format!("{} is {}.", shown.row.label, on.as_deref().unwrap_or("-"));
        let Some(chosen) = self.talk.choose(&title, &choices)? else { return Ok(()) };
        let set = Fields::from([("status".to_owned(), chosen.value)]);
        self.save(Intent::Update { key, set }, Fields::from([("status".to_owned(), on)]))
    }

    pub(super) fn assign(&mut self, said: &str) -> Said<()> {
        let Some(shown) = self.subject(said, Verb::Assign)? else { return Ok(()) };
        let key = shown.row.key;
        let (title, kind, field) = match key.kind {
            Kind::User => (format!("Give {} a drone:", shown.row.label), Kind::Assignment, "drone_id"),
            _ => (format!("Assign {} to:", shown.row.label), Kind::Drone, "operator_id"),
        };
        let mut choices = self.service.choices(&self.ctx(), kind, field, Some(&key));
        choices.retain(|choice| choice.value.is_some());
        let chosen = self.talk.choose(&title, &choices)?;
        match chosen.and_then(|chosen| pair(&key, chosen.value.as_deref())) {
            Some((drone, user)) => self.save(Intent::Assign { drone, user }, Fields::new()),
            None => Ok(()),
        }
    }

    pub(super) fn unassign(&mut self, said: &str) -> Said<()> {
        let Some(shown) = self.subject(said, Verb::Unassign)? else { return Ok(()) };
        let choices = holders(&shown);
        if choices.is_empty() {
            return self.talk.say(&format!("{} has no assignment.", shown.row.label));
        }
        let chosen = self.talk.choose(&format!("Of {}, take away:", shown.row.label), &choices)?;
        match chosen.and_then(|chosen| pair(&shown.row.key, chosen.value.as_deref())) {
            Some((drone, user)) => self.save(Intent::Unassign { drone, user }, Fields::new()),
            None => Ok(()),
        }
    }

    pub(super) fn delete(&mut self, said: &str) -> Said<()> {
        let Some(shown) = self.subject(said, Verb::Delete)? else { return Ok(()) };
        let (key, label) = (shown.row.key, shown.row.label);
        let intent = Intent::Delete { key: key.clone() };
        self.talk.say(&texts::delete_title(key.kind, &label))?;
        self.talk.say_all(self.service.consequences(&self.ctx(), &intent))?;
        if self.talk.ask(&format!("Enter keeps it. {}", texts::type_to("delete", &label)))? != label {
            return self.talk.say("Kept. Nothing was changed.");
        }
        self.save(intent, Fields::new())
    }

    /// Saves an edit, for who decided on those values.
    fn save(&mut self, intent: Intent, seen: Fields) -> Said<()> {
        self.act(Action::Edit { intent, reason: None, seen })
    }

    fn save_form(&mut self, form: &Form, intent: Intent, reason: Option<String>) -> Said<()> {
        match form.mends {
            Some(edit) => self
                .act(Action::Settle { edit, decision: crate::service::Decision::Set { fields: form.set() } }),
            None => self.act(Action::Edit { intent, reason, seen: form.seen() }),
        }
    }
}

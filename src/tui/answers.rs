//! What the service tells, and what becomes of it on the screen.

use super::app::{App, Effect, Effects, Why};
use super::places::Place;
use super::popups::{Confirm, Form, Message, Picker, Popup, confirm, picker, prompt};
use super::screens::list::Next;
use super::texts;
use crate::domain::{Key, Kind};
use crate::service::{
    Answer, Choice, Done, ErrorKind, Event, InUse, Link, ListPage, Query, ServiceError, Status, Traffic,
    VerbState,
};

impl App {
    pub(super) fn heard(&mut self, event: Event) -> Effects {
        match event {
            Event::Data => self.refresh(),
            Event::Told(words) => {
                self.toast = Some(words);
                Vec::new()
            }
            Event::Status if self.place == Place::Sync && self.signed_in => self.ask_place(),
            Event::Status => vec![Effect::Ask(Why::Status, Query::Status)],
            Event::Found(text, found) => {
                self.take_found(&text, found);
                Vec::new()
            }
            // Told as `Msg::Done`, under the number the screen gave it; and the loop ends when the session moves.
            Event::Done { .. } | Event::Own(..) | Event::Moved { .. } => Vec::new(),
            Event::OlderPassword { why, unsent, wrong } => self.ask_for_old(why, unsent, wrong),
            Event::Locked { syncing } => self.lock(syncing),
            Event::Unlocked => self.unlocked(),
            Event::Words(words) => {
                self.show_words(words);
                Vec::new()
            }
            Event::SignedIn { trouble, .. } if self.locked.is_some() => {
                let told = trouble.map(|trouble| Popup::Message(Message::new("Found on opening", trouble)));
                let effects = self.unlocked();
                self.popups.extend(told);
                effects
            }
            Event::SignedIn { offline, trouble } => {
                let taken = !self.sign_in.steps.is_empty();
                self.sign_in.settle();
                self.signed_in = true;
                let told = trouble.map(|trouble| Popup::Message(Message::new("Found on opening", trouble)));
                self.popups.extend(told);
                // Of a sign-in with a line the state line tells enough, and the keys are to be seen.
                let words = if taken { texts::TAKEN_OVER } else { texts::signed_in(offline) };
                self.toast = (taken || offline).then(|| words.to_owned());
                let mut effects = self.refresh();
                effects.push(self.ask_taste());
                effects
            }
            Event::SignInFailed(error) => {
                self.sign_in.failed(error);
                Vec::new()
            }
            Event::InUse(other) => self.ask_to_take_over(&other),
            Event::TakingOver(step) => {
                self.sign_in.steps.push(step);
                Vec::new()
            }
            Event::SignedOut { why } => {
                self.forget_session();
                (self.locked, self.held) = (None, None);
                self.sign_in.notice = why;
                vec![Effect::Setup, Effect::Ask(Why::Status, Query::Status)]
            }
        }
    }

    /// The account is open in another console: the answer that stands is no.
    fn ask_to_take_over(&mut self, other: &InUse) -> Effects {
        // Who stopped waiting for the sign-in is not asked.
        if self.sign_in.waiting.is_none() {
            return vec![Effect::TakeOver(false)];
        }
        let (title, goal) = (texts::IN_USE.to_owned(), confirm::Goal::TakeOver);
        let confirm = Confirm::new(title, other.lines(self.now), ["Leave it", "Take over"], goal);
        self.popups.push(Popup::Confirm(confirm));
        Vec::new()
    }

    /// Takes the topmost popup away, unanswered or answered with no.
    pub(super) fn put_away(&mut self) -> Effects {
        if let Some(Popup::Form(form)) = self.popups.last_mut()
            && !form.may_be_left()
        {
            return Vec::new();
        }
        match self.popups.pop() {
            Some(Popup::Picker(picker)) if matches!(picker.goal, picker::Goal::Field(_)) => {
                self.leave_cell_unchosen();
                Vec::new()
            }
            Some(Popup::Picker(picker)) if picker.goal == picker::Goal::Own(picker::OwnGoal::OldPassword) => {
                self.sign_in.settle();
                self.sign_in.notice = Some(texts::LEFT_AS_IT_IS.to_owned());
                vec![Effect::TakeOver(false)]
            }
            Some(Popup::Confirm(confirm)) if confirm.goal == confirm::Goal::TakeOver => {
                self.sign_in.settle();
                self.sign_in.notice = Some(texts::LEFT_ALONE.to_owned());
                vec![Effect::TakeOver(false)]
            }
            // Words that were shown and are not typed back count for nothing.
            Some(Popup::Words(_)) => vec![Effect::ForgetWords],
            Some(Popup::Prompt(prompt)) if prompt.goal == prompt::Goal::KeepWords => {
                vec![Effect::ForgetWords]
            }
            _ => Vec::new(),
        }
    }

    /// Nothing of a session stays on the screen, nor in its memory.
    pub(super) fn forget_session(&mut self) {
        (self.signed_in, self.code_asked) = (false, false);
        (self.offered, self.asked) = (false, 0);
        self.ways.clear();
        self.lists = super::screens::LISTED.map(super::screens::list::List::new);
        self.forget_screens();
        self.messages = super::messages::Messages::default();
        self.detail = super::screens::detail::Detail::default();
        self.verbs = Vec::<VerbState>::new();
        self.popups.clear();
        self.toast = None;
        (self.taste, self.tasting) = (crate::service::Taste::default(), None);
        self.recent.clear();
    }

    pub(super) fn answered(&mut self, why: Why, answer: Result<Answer, ServiceError>) -> Effects {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Questions about what is shown are asked again and again; only what a key asked is told.
                if matches!(
                    why,
                    Why::Edit | Why::Cell(_) | Why::Unassign(_) | Why::Pick(..) | Why::Delete(..)
                ) {
                    self.popups.push(Popup::Message(Message::new(texts::NOT_POSSIBLE, error)));
                }
                return Vec::new();
            }
        };
        match (why, answer) {
            (Why::Status, Answer::Status(status)) => {
                let locked = |status: &Status| matches!(status.link, Link::Locked { .. });
                if locked(&status) && !locked(&self.status) {
                    // What was open shows rows; what the start told stays.
                    self.popups.retain(|popup| matches!(popup, Popup::Message(_)));
                    self.detail = super::screens::detail::Detail::default();
                    self.forget_screens();
                }
                self.status = *status;
                // A locked console tells of no line.
                let tells = !matches!(self.status.link, Link::Idle { .. });
                if tells && self.status.traffic != Traffic::Held {
                    self.freely = self.status.traffic;
                }
                let wanted = self.status.link == Link::SecondFactor;
                let effects = self.ask_about_held();
                // The status may be ahead of the word that somebody signed in.
                if wanted && self.signed_in && !self.code_asked {
                    self.ask_for_code();
                }
                self.code_asked = wanted && self.signed_in;
                self.offer_initial();
                return effects;
            }
            (Why::Saved(edits, summary), Answer::Status(status)) => {
                self.status = *status;
                self.toast = Some(texts::saved(edits, &summary));
            }
            (Why::List(kind), Answer::List(page)) => return self.take_page(kind, page),
            (Why::Found(text), Answer::Found(found)) => self.take_found(&text, found),
            (Why::Complete(kind), Answer::Completed(completion)) if self.list().kind == kind => {
                let before = self.list().filter.text().to_owned();
                self.list_mut().filter.set(&completion.text);
                self.toast = (!completion.offers.is_empty()).then(|| completion.offers.join("  "));
                return self.filter_changed(&before);
            }
            (Why::Keys(kind, marking), Answer::Keys(keys)) => return self.take_keys(kind, marking, keys),
            (Why::Detail(about), Answer::Show(shown)) if Some(&about) == self.detail.key.as_ref() => {
                let fresh = self.detail.shown.is_none();
                let under = self.under_detail_cursor();
                self.detail.take(shown.map(|shown| *shown));
                if fresh {
                    self.settle_detail();
                } else {
                    self.keep_detail_cursor(under.as_ref());
                }
            }
            (Why::History(about), Answer::History(history)) if Some(&about) == self.detail.key.as_ref() => {
                let under = self.under_detail_cursor();
                self.detail.history = Some(history);
                self.keep_detail_cursor(under.as_ref());
            }
            // An answer about a row that is no longer the selected one is late: passed over.
            (Why::Verbs(about), Answer::Verbs(verbs)) if about == self.detail.key => self.verbs = verbs,
            (Why::Edit, Answer::Show(Some(shown))) => self.popups.push(Popup::Form(Form::edit(&shown))),
            (Why::EditMarked(keys), Answer::Locked(locked)) => self.open_several(keys, &locked),
            (Why::Cell(column), Answer::Show(Some(shown))) => return self.open_cell(column, &shown),
            (Why::CellFollows, Answer::Consequences(lines)) => return self.cell_follows(lines),
            (Why::Unassign(key), Answer::Show(Some(shown))) => self.pick_unassign(key, &shown),
            (Why::Pick(picker, on), Answer::Choices(choices)) => self.open_picker(*picker, choices, &on),
            (Why::Delete(key, label), Answer::Consequences(lines)) => self.confirm_delete(key, &label, lines),
            (Why::Runs, Answer::Runs(runs)) => self.sync.runs = runs,
            (Why::Outbox, Answer::Outbox(lines)) => self.sync.outbox = lines,
            (Why::Activity, Answer::Activity(shown)) => self.activity.shown = shown,
            (Why::Overview, Answer::Overview(shown)) => self.overview.shown = shown,
            (Why::Card(edit), Answer::Cards(cards)) => {
                if let Some(card) = cards.iter().find(|card| card.edit == edit) {
                    self.open_card(card);
                }
            }
            (Why::Lost, Answer::Lost(gaps)) => self.open_lost(&gaps),
            (Why::Aside, Answer::Aside(kept)) => self.open_aside(&kept),
            (Why::Words, Answer::Ways(ways)) => self.take_ways(ways),
            (Why::Erase, Answer::Outbox(lines)) => self.ask_to_erase(&lines),
            (Why::Cards(about), Answer::Cards(cards)) => return self.take_cards(about.as_ref(), cards),
            (Why::Held, Answer::Outbox(lines)) if self.popups.is_empty() => self.open_held(&lines),
            (Why::FormFollows, Answer::Consequences(lines)) => {
                if let Some(Popup::Form(form)) = self.popups.last_mut() {
                    form.consequences = lines;
                }
            }
            _ => {}
        }
        Vec::new()
    }

    fn take_page(&mut self, kind: Kind, page: ListPage) -> Effects {
        let rows = self.shape().rows.height;
        if self.list().kind != kind {
            return Vec::new();
        }
        match self.list_mut().take(page, rows) {
            Next::AskAgain => vec![self.ask_list()],
            Next::Seek(key) => vec![Effect::Place(self.list().query(rows), key)],
            Next::Nothing if self.detail.focused || self.detail.key == self.list().key => Vec::new(),
            Next::Nothing => self.ask_subject(),
        }
    }

    pub(super) fn placed(&mut self, kind: Kind, place: Option<usize>) -> Effects {
        let rows = self.shape().rows.height;
        if self.list().kind != kind {
            return Vec::new();
        }
        if self.list_mut().found(place, rows) {
            return vec![self.ask_list()];
        }
        self.ask_subject()
    }

    fn open_picker(&mut self, mut picker: Picker, mut choices: Vec<Choice>, on: &crate::domain::Value) {
        if matches!(picker.goal, picker::Goal::Assign(_) | picker::Goal::Marked(_)) {
            choices.retain(|choice| choice.value.is_some());
        }
        picker.choices = choices;
        self.popups.push(Popup::Picker(picker.on(on)));
    }

    fn confirm_delete(&mut self, key: Key, label: &str, lines: Vec<String>) {
        let title = texts::delete_title(key.kind, label);
        let typed = matches!(key.kind, Kind::User | Kind::Region);
        let confirm = Confirm::new(title, lines, ["Keep", "Delete"], confirm::Goal::Delete(key));
        let confirm = if typed { confirm.with_typed(&self.theme.clean(label)) } else { confirm };
        self.popups.push(Popup::Confirm(confirm));
    }

    /// A submission came to its end: the popup that waits for it hears it, else everybody does.
    pub(super) fn done(&mut self, submission: u64, result: Result<Done, ServiceError>) -> Effects {
        if self.tasting == Some(submission) {
            self.taste_heard(&result);
            return Vec::new();
        }
        if self.is_of_bulk(submission) {
            return self.bulk_heard(result);
        }
        let waits = self.popups.iter().position(|popup| popup.saving() == Some(submission));
        let adds = self.sign_in.add.as_mut().filter(|add| add.saving == Some(submission));
        let unlocks = self.locked.as_mut().filter(|locked| locked.saving == Some(submission));
        if let (Err(error), Some(locked)) = (&result, unlocks) {
            locked.failed(error.clone());
            return Vec::new();
        }
        match (result, waits, adds) {
            (Ok(done), Some(at), _) => {
                if let Popup::Form(form) = self.popups.remove(at) {
                    self.select_created(&form);
                }
                self.tell(done)
            }
            (Ok(done), None, _) => self.tell(done),
            (Err(error), Some(at), _) => {
                if let Some(popup) = self.popups.get_mut(at) {
                    popup.failed(error);
                }
                Vec::new()
            }
            (Err(error), None, Some(add)) => {
                add.saving = None;
                add.error = Some(error);
                Vec::new()
            }
            (Err(error), None, None) => {
                let title = if error.kind == ErrorKind::Storage { "Not saved" } else { "Not done" };
                self.popups.push(Popup::Message(Message::new(title, error)));
                Vec::new()
            }
        }
    }

    /// A new row is the selected one, so that the next key is meant for it.
    fn select_created(&mut self, form: &Form) {
        if form.subject().is_some()
            || form.mends.is_some()
            || self.detail.focused
            || self.list().kind != form.kind
        {
            return;
        }
        let list = self.list_mut();
        list.key = Some(form.intent().key());
        list.stale();
    }

    fn tell(&mut self, done: Done) -> Effects {
        match done {
            Done::Saved { edits, summary } => {
                // How many wait now is told by the status, so the words for it come with its answer.
                let mut effects = vec![Effect::Ask(Why::Saved(edits, summary), Query::Status)];
                effects.extend(self.refresh());
                effects
            }
            Done::Settled { summary } | Done::Undone { summary } | Done::Account { summary } => {
                self.toast = Some(summary);
                let mut effects = vec![Effect::Ask(Why::Status, Query::Status)];
                effects.extend(self.refresh());
                effects
            }
            Done::Bulk { saved, refused } => {
                self.toast = Some(texts::bulk(saved, refused.len()));
                self.refresh()
            }
            Done::SyncAsked | Done::VerifyAsked | Done::ReloadAsked => {
                self.toast = Some(texts::asked_of_server(&done, &self.status.link));
                Vec::new()
            }
            Done::ActivityAsked => self.ask_place(),
            Done::Traffic { .. } => vec![Effect::Ask(Why::Status, Query::Status)],
            // The session's end is told by its own event, and so are its lock and new words.
            // A rehearsal that somebody left is of no use any more.
            Done::Rehearsed { .. }
            | Done::TasteKept
            | Done::SignedOut
            | Done::SessionsEnded { .. }
            | Done::Erased
            | Done::Locked
            | Done::Unlocked
            | Done::WordsMade
            | Done::Accounts(_) => Vec::new(),
            Done::Taste { taste, problem } => self.take_taste(taste, problem),
            Done::WordsKept | Done::WordsRemoved => {
                let kept = done == Done::WordsKept;
                self.toast = Some(if kept { texts::WORDS_KEPT } else { texts::WORDS_REMOVED }.to_owned());
                Vec::new()
            }
            Done::Exported { edits, path } => {
                self.toast = Some(texts::exported(edits, &path));
                self.refresh()
            }
            Done::Imported { author, saved, known, refused } => {
                self.imported(&author, saved, known, refused);
                self.refresh()
            }
            Done::Machines(machines) => {
                self.toast = None;
                self.show_machines(machines);
                Vec::new()
            }
            Done::MachineErased => {
                self.toast = Some(texts::MACHINE_ERASED.to_owned());
                Vec::new()
            }
            Done::ProjectAdded { name } => {
                self.sign_in.add = None;
                self.sign_in.notice = Some(texts::project_added(&name));
                vec![Effect::Setup]
            }
            Done::Line { up } => {
                self.toast = Some(if up { texts::LINE_UP } else { texts::LINE_DOWN }.to_owned());
                vec![Effect::Ask(Why::Status, Query::Status)]
            }
        }
    }
}

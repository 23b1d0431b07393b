//! What needs a secret of the person: the locked console, recovery words, sealed files; and erasing.
//!
//! When the console is locked, everything of the session goes from the screen and from this room's memory at once, but
//! for a form that was open, and for changes to several rows that were being made: what was typed is kept, undrawn, and
//! so is what came of each row, and both are there again for who unlocks; no more of those rows is changed meanwhile.
//! It goes with the session in every other case, and the lock screen says so.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::popups::{Confirm, Message, Picker, Popup, Prompt, Words, confirm, picker, prompt};
use super::screens::lock::Locked;
use super::texts;
use super::widgets::text_field::TextField;
use crate::domain::Stamp;
use crate::service::{
    Action, Aside, Choice, Confidence, ErrorKind, OutboxLine, Query, ServiceError, Ways, status,
};

/// Unsent edits that are named before they are erased; the others are counted.
const NAMED_MAX: usize = 4;
/// What is typed to confirm.
pub(super) const ERASE: &str = "erase";

impl App {
    /// Hands a secret on.
    fn confide(&mut self, confidence: Confidence) -> Effects {
        self.submitted += 1;
        vec![Effect::Confide(self.submitted, confidence)]
    }

    /// What is begun from lists and details.
    pub(super) fn secret_act(&mut self, act: Act) -> Effects {
        match act {
            Act::Lock => return vec![self.submit(Action::Lock)],
            Act::Words => return vec![Effect::Ask(Why::Words, Query::Ways)],
            Act::Aside => return vec![Effect::Ask(Why::Aside, Query::Aside)],
            Act::Machines => {
                self.toast = Some(texts::ASKING.to_owned());
                return vec![self.submit(Action::Machines)];
            }
            Act::Erase => return vec![Effect::Ask(Why::Erase, Query::Outbox)],
            Act::RemoveWords => self.ask_to_remove_words(),
            Act::Export => self.ask_to_export(Vec::new()),
            _ => self.ask_to_import(),
        }
        Vec::new()
    }

    // ---- the lock ----

    pub(super) fn lock(&mut self, syncing: bool) -> Effects {
        let kept = self.popups.drain(..).rev().find_map(kept_locked);
        self.forget_session();
        self.sign_in.forget();
        let form = matches!(kept, Some(Popup::Form(_)));
        self.locked = Some(Locked::new(syncing, form));
        self.held = kept;
        self.status.account = None;
        vec![Effect::Ask(Why::Status, Query::Status)]
    }

    /// The owner is back.
    pub(super) fn unlocked(&mut self) -> Effects {
        self.locked = None;
        self.signed_in = true;
        self.popups.extend(self.held.take());
        if let Some(Popup::Bulk(bulk)) = self.popups.last() {
            self.mark_left(bulk.left().0);
        }
        self.toast = Some(texts::UNLOCKED.to_owned());
        let mut effects = self.refresh();
        effects.push(self.ask_taste());
        effects
    }

    pub(super) fn locked_act(&mut self, act: Act) -> Effects {
        let Some(locked) = &mut self.locked else { return Vec::new() };
        match act {
            Act::Accept if locked.saving.is_none() && !locked.typed.is_empty() => {
                let typed = SecretString::from(locked.typed.take());
                locked.typed.masked = true;
                locked.error = None;
                locked.saving = Some(self.submitted + 1);
                self.confide(Confidence::Unlock { typed })
            }
            Act::SignOut => vec![self.submit(Action::SignOut)],
            Act::Reveal => {
                locked.typed.masked = !locked.typed.masked;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    // ---- recovery words ----

    pub(super) fn take_ways(&mut self, ways: Ways) {
        let about = words_about(ways);
        let fields = vec![("Password", TextField::masked())];
        self.popups.push(Popup::Prompt(Prompt::new(
            texts::WORDS_TITLE,
            &about,
            fields,
            prompt::Goal::MakeWords,
        )));
    }

    pub(super) fn ask_to_remove_words(&mut self) {
        let lines = vec![texts::WORDS_REMOVE.to_owned()];
        let answers = ["Keep them", "Remove them"];
        let confirm = Confirm::new(texts::WORDS_TITLE.to_owned(), lines, answers, confirm::Goal::RemoveWords);
        self.popups.push(Popup::Confirm(confirm));
    }

    pub(super) fn show_words(&mut self, words: SecretString) {
        if self.signed_in {
            self.popups.push(Popup::Words(Words(words)));
        }
    }

    /// They are said to be written down: now they are asked for.
    pub(super) fn words_written(&mut self) -> Effects {
        self.popups.pop();
        let fields = vec![("Words", TextField::default())];
        let ask = Prompt::new(texts::WORDS_TITLE, &[texts::WORDS_BACK], fields, prompt::Goal::KeepWords);
        self.popups.push(Popup::Prompt(ask));
        Vec::new()
    }

    // ---- sealed files ----

    /// Asks where to write edits; all of the outbox where none is named.
    pub(super) fn ask_to_export(&mut self, edits: Vec<u64>) {
        let fields = vec![
            ("File", TextField::new(&file_name(self.now))),
            ("Passphrase", TextField::masked()),
            ("once more", TextField::masked()),
        ];
        let mut ask = Prompt::new(texts::EXPORT_TITLE, &[texts::EXPORT], fields, prompt::Goal::Export(edits));
        ask.at = 1;
        self.popups.push(Popup::Prompt(ask));
    }

    pub(super) fn ask_to_import(&mut self) {
        let fields = vec![("File", TextField::default()), ("Passphrase", TextField::masked())];
        self.popups.push(Popup::Prompt(Prompt::new(
            texts::IMPORT_TITLE,
            &[texts::IMPORT],
            fields,
            prompt::Goal::Import,
        )));
    }

    // ---- what is kept aside ----

    pub(super) fn open_aside(&mut self, kept: &[Aside]) {
        if kept.is_empty() {
            self.toast = Some(texts::NOTHING_ASIDE.to_owned());
            return;
        }
        let choices = aside_choices(kept, self.now, &self.zone);
        let picker = Picker::new(texts::ASIDE_TITLE.to_owned(), choices, picker::Goal::Aside);
        self.popups.push(Popup::Picker(picker.about(vec![texts::ASIDE.to_owned()])));
    }

    pub(super) fn ask_to_take_back(&mut self, chosen: &Choice) {
        self.popups.pop();
        let goal = prompt::Goal::TakeBack(chosen.value.clone().unwrap_or_default());
        let fields = vec![("Old password", TextField::masked())];
        self.popups.push(Popup::Prompt(Prompt::new(texts::ASIDE_TITLE, &[texts::TAKE_BACK], fields, goal)));
    }

    /// Enter in a popup that asks: to the next field, or on with it; `send`: on with it from any field.
    pub(super) fn prompt_accept(&mut self, send: bool) -> Effects {
        let Some(Popup::Prompt(ask)) = self.popups.last_mut() else { return Vec::new() };
        if !send && ask.at + 1 < ask.fields.len() {
            ask.step(1);
            return Vec::new();
        }
        if ask.misses() {
            return Vec::new();
        }
        let goal = ask.goal.clone();
        if goal == prompt::Goal::View {
            return self.keep_view();
        }
        if let (prompt::Goal::Export(_), [_, (_, one), (_, again)]) = (&goal, ask.fields.as_mut_slice())
            && one.text() != again.text()
        {
            again.take();
            ask.error = Some(ServiceError::new(ErrorKind::Usage, texts::PASSPHRASES_DIFFER));
            return Vec::new();
        }
        let file = PathBuf::from(ask.fields.first().map_or("", |(_, field)| field.text()).trim());
        // Secrets leave their fields; the name of a file stays for another try.
        let mut taken = ask.fields.iter_mut().filter(|(title, _)| *title != "File");
        let secret = SecretString::from(taken.next().map(|(_, field)| field.take()).unwrap_or_default());
        taken.for_each(|(_, field)| drop(field.take()));
        ask.at = usize::from(ask.fields.len() > 1);
        ask.error = None;
        ask.saving = Some(self.submitted + 1);
        self.confide(match goal {
            prompt::Goal::MakeWords => Confidence::MakeWords { typed: secret },
            prompt::Goal::KeepWords => Confidence::KeepWords { typed: secret },
            prompt::Goal::Export(edits) => Confidence::Export { edits, path: file, passphrase: secret },
            prompt::Goal::Import | prompt::Goal::View => {
                Confidence::Import { path: file, passphrase: secret }
            }
            prompt::Goal::TakeBack(aside) => Confidence::TakeBack { aside, typed: secret },
        })
    }

    pub(super) fn imported(
        &mut self,
        author: &str,
        saved: usize,
        known: usize,
        refused: Vec<(String, String)>,
    ) {
        let summary = texts::imported(author, saved, known, refused.len());
        if refused.is_empty() {
            self.toast = Some(summary);
            return;
        }
        let mut told = ServiceError::new(ErrorKind::Refused, summary);
        told.hints.extend(refused.into_iter().map(|(what, why)| format!("{what}: {why}")));
        self.popups.push(Popup::Message(Message::new(texts::IMPORT_TITLE, told)));
    }

    // ---- erasing ----

    pub(super) fn ask_to_erase(&mut self, outbox: &[OutboxLine]) {
        let mut lines = erase_lines(outbox);
        if !outbox.is_empty() {
            lines.push(texts::erase_export(&self.hands.keys.told(Context::List, Act::Export)));
        }
        let title = texts::ERASE_TITLE.to_owned();
        let confirm = Confirm::new(title, lines, ["Keep", "Erase"], confirm::Goal::Erase).with_typed(ERASE);
        self.popups.push(Popup::Confirm(confirm));
    }
}

/// What recovery words are, and what there is already.
pub(super) const fn words_about(ways: Ways) -> [&'static str; 3] {
    [
        texts::WORDS_WHAT,
        if ways.server { texts::SERVER_KEPT } else { texts::SERVER_NOT_KEPT },
        if ways.words { texts::WORDS_THERE } else { texts::WORDS_NONE },
    ]
}

/// The name that a new sealed file gets.
pub(super) fn file_name(now: Stamp) -> String {
    let stamp: String = now.text().chars().filter(char::is_ascii_digit).take(14).collect();
    format!("flyos-{stamp}.sealed")
}

pub(super) fn aside_choices(kept: &[Aside], now: Stamp, zone: &TimeZone) -> Vec<Choice> {
    let choice = |aside: &Aside| Choice {
        value: Some(aside.name.clone()),
        label: status::at_text(aside.since, now, zone),
        note: texts::unsent_aside(aside.unsent),
        why_not: None,
    };
    kept.iter().map(choice).collect()
}

/// What erasing does, and which edits would be lost.
pub(super) fn erase_lines(outbox: &[OutboxLine]) -> Vec<String> {
    let mut lines = vec![texts::ERASE.to_owned()];
    if !outbox.is_empty() {
        lines.push(texts::erase_loses(outbox.len()));
        let named = outbox.iter().take(NAMED_MAX);
        lines.extend(named.map(|line| format!("  {}: {}", line.label, line.what)));
        if outbox.len() > NAMED_MAX {
            lines.push(format!("  and {} more", outbox.len() - NAMED_MAX));
        }
    }
    lines
}

/// What the lock leaves of what was open: a form that is not being saved, and a bulk action that is.
fn kept_locked(popup: Popup) -> Option<Popup> {
    match popup {
        // Its list is gone: what was typed into a cell comes back as a form.
        Popup::Form(mut form) if form.saving.is_none() => {
            form.cell = false;
            Some(Popup::Form(form))
        }
        Popup::Bulk(mut bulk) if bulk.is_begun() => {
            bulk.stop();
            Some(Popup::Bulk(bulk))
        }
        _ => None,
    }
}

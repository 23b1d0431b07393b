//! The console as a dialogue of lines, for screen readers and terminals that draw nothing: the same actions and
//! queries through the same door, by words instead of keys. It writes text and nothing else: no code, no colour, no
//! line a second time. What changes by itself is told before the next prompt, never in the middle of typing.

mod cards;
mod entry;
mod own;
mod places;
mod rows;
mod sealed;
mod several;
mod talk;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use jiff::tz::TimeZone;

pub use talk::{Secret, Talk};

use super::keys::Act;
use super::{moved, signals, texts};
use crate::domain::{Kind, Stamp};
use crate::service::{
    Action, Choice, Confidence, Done, Event, Front, Link, ListQuery, OpCtx, Own, Service, ServiceError,
    Status, columns, status,
};
use talk::{Gone, Said};
use words::Wish;

/// Rows of a page: what a reader can keep in mind.
const PAGE: usize = 20;
/// How long a first load is waited for before the prompt comes all the same.
const FIRST_LOAD_TIME_MAX: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What the main program decides.
pub struct Options {
    pub talk: Talk,
    /// Shuts the store on the way out by a signal; the ordinary end leaves that to the caller.
    pub shutdown: Box<dyn Fn() + Send + Sync>,
    pub start_email: Option<String>,
    pub start_project: Option<String>,
}

/// Talks until somebody quits or the input ends; where the session went, if another console took it over.
pub fn run(service: Service, options: Options) -> Result<Option<String>, super::TuiError> {
    signals::watch_ends(Arc::from(options.shutdown))?;
    let (sender, events) = mpsc::channel();
    let changed = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&changed);
    service.subscribe(move |event| match event {
        // Asked for anew with every list; only that something changed is kept, however often it does.
        Event::Data => {}
        Event::Status => flag.store(true, Ordering::SeqCst),
        event => drop(sender.send(event)),
    });
    let mut dialogue = Dialogue {
        service,
        talk: options.talk,
        events,
        changed,
        state: String::new(),
        query: query(Kind::Drone),
        listed: Vec::new(),
        signed_in: false,
        moved: None,
        wishes: (options.start_project, options.start_email),
    };
    if dialogue.go_on().is_ok() {
        let waiting = dialogue.service.status().waiting;
        // Whoever has gone hears nothing more.
        texts::waiting(waiting).map(|line| dialogue.talk.say(&line).is_ok());
    } else {
        tracing::info!("the dialogue's line ended");
    }
    Ok(dialogue.moved)
}

fn query(kind: Kind) -> ListQuery {
    let sort = columns(kind).first().copied().unwrap_or("id").to_owned();
    ListQuery { kind, filter: String::new(), sort, descending: false, offset: 0, limit: PAGE }
}

struct Dialogue {
    service: Service,
    talk: Talk,
    events: Receiver<Event>,
    /// The status may have changed since it was told.
    changed: Arc<AtomicBool>,
    /// How things stood when they were told last, times left out.
    state: String,
    query: ListQuery,
    /// The rows that numbers are about: those listed last.
    listed: Vec<crate::service::RowView>,
    signed_in: bool,
    moved: Option<String>,
    wishes: (Option<String>, Option<String>),
}

impl Dialogue {
    fn ctx(&self) -> OpCtx {
        self.service.ctx(Front::Tui)
    }

    fn now(&self) -> Stamp {
        self.service.clock().now()
    }

    fn go_on(&mut self) -> Said<()> {
        self.talk.say("FlyOS Console, line by line. help lists the words, quit ends.")?;
        self.talk.say_all(self.service.setup().problem)?;
        loop {
            self.tell_news()?;
            if self.moved.is_some() {
                return Ok(());
            }
            if matches!(self.service.status().link, Link::Idle { .. }) {
                self.unlock()?;
                continue;
            }
            if !self.signed_in {
                if !self.sign_in()? {
                    return Ok(());
                }
                continue;
            }
            let line = self.talk.ask(&format!("{}s>", self.query.kind.noun()))?;
            if !self.service.touched() {
                continue;
            }
            match words::read(&line) {
                Some((Wish::Act(Act::Quit), _)) => return Ok(()),
                Some((wish, rest)) => self.grant(wish, rest)?,
                None if line.is_empty() => {}
                None => self.talk.say("There is no such word. help lists them.")?,
            }
        }
    }

    /// Tells what happened by itself since the last prompt.
    fn tell_news(&mut self) -> Said<()> {
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Told(words) => self.talk.say(&words)?,
                Event::Moved { to, at, waiting } => self.moved = Some(moved(&to, at, waiting)),
                Event::SignedOut { why } => {
                    (self.signed_in, self.listed) = (false, Vec::new());
                    self.talk.say_all(why)?;
                    self.talk.say("Signed out.")?;
                }
                _ => {}
            }
        }
        if self.changed.swap(false, Ordering::SeqCst) {
            self.tell_state(false)?;
        }
        Ok(())
    }

    /// Tells how things stand: when asked, or when it is another state than the one told last.
    fn tell_state(&mut self, asked: bool) -> Said<()> {
        let (status, now) = (self.service.status(), self.now());
        let steady = steady(&status, now);
        if !asked && (steady == self.state || status.link == Link::SignedOut) {
            return Ok(());
        }
        self.state = steady;
        let line = status::line(&status, now, &TimeZone::system());
        let read_only = if status.read_only { " · READ-ONLY" } else { "" };
        let training = if status.training_line.is_some() { " · TRAINING" } else { "" };
        self.talk.say(&format!("State: {line}{read_only}{training}"))
    }

    fn grant(&mut self, wish: Wish, rest: &str) -> Said<()> {
        match wish {
            Wish::Act(Act::Users) => self.turn_to(Kind::User),
            Wish::Act(Act::Regions) => self.turn_to(Kind::Region),
            Wish::Act(Act::Drones) => self.turn_to(Kind::Drone),
            Wish::Next => self.page(true),
            Wish::Previous => self.page(false),
            Wish::Act(Act::Filter) => self.filter(rest),
            Wish::Act(Act::Sort) => self.sort(rest),
            Wish::Show => self.show(rest),
            Wish::Act(Act::Create) => self.create(),
            Wish::Act(Act::Edit) => self.edit(rest),
            Wish::Act(Act::SetStatus) => self.set_status(rest),
            Wish::Act(Act::Assign) => self.assign(rest),
            Wish::Act(Act::Unassign) => self.unassign(rest),
            Wish::Act(Act::Delete) => self.delete(rest),
            Wish::All => self.all(rest),
            Wish::Find => self.find_everywhere(rest),
            Wish::History => self.history(rest),
            Wish::Act(Act::GoActivity) => self.activity(rest),
            Wish::Further => self.further(),
            Wish::Act(Act::GoOverview) => self.overview(),
            Wish::Act(Act::GoSync) => self.runs(),
            Wish::Act(Act::Traffic) => self.traffic(),
            Wish::Retry => self.retry(rest),
            Wish::Outbox => self.outbox(),
            Wish::Act(Act::Decide) => self.decide(rest),
            Wish::State => self.tell_state(true),
            Wish::Code => self.code(),
            Wish::Act(Act::Account) => self.account(),
            Wish::Act(Act::SignInAccount) => self.sign_in_account(rest),
            Wish::Act(Act::Export) => self.export(rest),
            Wish::Act(Act::Import) => self.import(rest),
            Wish::Act(Act::Aside) => self.aside(),
            Wish::Act(Act::Machines) => self.machines(),
            Wish::Act(Act::Words) => self.recovery_words(),
            Wish::Act(Act::RemoveWords) => self.remove_words(),
            Wish::Act(Act::Erase) => self.erase(),
            Wish::Initial => self.initial(),
            Wish::Act(Act::Help) => self.talk.say_all(words::help(rest)),
            Wish::Act(act) => match self.plain_action(act) {
                Some(action) => self.act(action),
                None => self.talk.say(texts::NO_TRAINING),
            },
        }
    }

    /// Actions that need nothing more.
    fn plain_action(&self, act: Act) -> Option<Action> {
        Some(match act {
            Act::Undo => Action::Undo,
            Act::Redo => Action::Redo,
            Act::SyncNow => Action::SyncNow,
            Act::Verify => Action::Verify,
            Act::Reload => Action::Reload,
            Act::Lock => Action::Lock,
            Act::SignOut => Action::SignOut,
            Act::TrainingLine => Action::TrainingLine { up: !self.service.status().training_line? },
            _ => return None,
        })
    }

    /// Does an action and says what came of it.
    fn act(&mut self, action: Action) -> Said<()> {
        let ctx = self.ctx();
        let result = self.service.run(&ctx, action);
        self.came_of(&result)
    }

    /// Says what came of something.
    fn came_of(&mut self, result: &Result<Done, ServiceError>) -> Said<()> {
        match result {
            Ok(done) => {
                self.talk.say(&done_words(done, &self.service.status().link))?;
                let Done::Imported { refused, .. } = done else { return Ok(()) };
                self.talk.say_all(refused.iter().map(|(what, why)| format!("{what}: {why}")))
            }
            Err(error) => self.talk.fail(error),
        }
    }

    /// Waits for the end of what was begun under that number.
    fn ended(&mut self, op: uuid::Uuid) -> Said<Result<Done, ServiceError>> {
        self.wait_for(|event| match event {
            Event::Done { op: of, result } if *of == op => Some(result.clone()),
            _ => None,
        })
    }

    /// Waits for the end of something that an event tells.
    fn wait_for<T>(&mut self, take: impl Fn(&Event) -> Option<T>) -> Said<T> {
        loop {
            let event = self.events.recv().map_err(|_| Gone)?;
            if let Some(taken) = take(&event) {
                return Ok(taken);
            }
            if let Event::Told(words) | Event::TakingOver(words) = &event {
                self.talk.say(words)?;
            }
        }
    }
}

/// A choice as it is called, with what it does.
fn choice(value: &str, label: &str, note: &str) -> Choice {
    Choice { value: Some(value.to_owned()), label: label.to_owned(), note: note.to_owned(), why_not: None }
}

/// How things stand, without what changes by the minute.
fn steady(status: &Status, now: Stamp) -> String {
    let link = match &status.link {
        Link::Offline { why, .. } => Link::Offline { since: now, why: why.clone() },
        Link::Loading { .. } => Link::Loading { done: 0, total: 0 },
        Link::ServerFault { .. } => Link::ServerFault { next_try_s: 0 },
        other => other.clone(),
    };
    let status = Status { link, as_of: None, sending: 0, bytes: 0, ..status.clone() };
    status::line(&status, now, &TimeZone::UTC)
}

fn done_words(done: &Done, link: &Link) -> String {
    match done {
        Done::Saved { edits, summary } => texts::saved(*edits, summary),
        Done::Undone { summary } | Done::Settled { summary } | Done::Account { summary } => summary.clone(),
        Done::SyncAsked | Done::VerifyAsked | Done::ReloadAsked => texts::asked_of_server(done, link),
        Done::Line { up } => (if *up { texts::LINE_UP } else { texts::LINE_DOWN }).to_owned(),
        Done::Locked => "Locked.".to_owned(),
        Done::Exported { edits, path } => texts::exported(*edits, path),
        Done::Imported { author, saved, known, refused } => {
            texts::imported(author, *saved, *known, refused.len())
        }
        Done::WordsKept => texts::WORDS_KEPT.to_owned(),
        Done::WordsRemoved => texts::WORDS_REMOVED.to_owned(),
        Done::MachineErased => texts::MACHINE_ERASED.to_owned(),
        Done::ProjectAdded { name } => texts::project_added(name),
        _ => "Done.".to_owned(),
    }
}

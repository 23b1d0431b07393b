//! The state of the console's screen, and how a message changes it. Pure: no clock, no service, no terminal.
//! What is to be done outside comes back as effects; what the service answers comes in as messages.

use std::mem;

use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use secrecy::SecretString;
use uuid::Uuid;

use super::decode::Input;
use super::hands::Hands;
use super::keys::{Act, Context};
use super::layout::{Shape, shape};
use super::messages::Messages;
use super::places::{Place, Way};
use super::popups::Popup;
use super::press::Press;
use super::screens::LISTED;
use super::screens::activity::Activity;
use super::screens::detail::Detail;
use super::screens::list::List;
use super::screens::lock::Locked;
use super::screens::overview::Overview;
use super::screens::sign_in::SignIn;
use super::screens::sync::Sync;
use super::texts;
use super::theme::Theme;
use crate::domain::{Intent, Key, Kind, Stamp};
use crate::service::{
    Action, Administer, Answer, Confidence, Done, Event, ListQuery, Own, OwnDone, Query, ServiceError, Setup,
    Status, Taste, Traffic, Verb, VerbState,
};

/// What happened.
#[derive(Debug)]
pub enum Msg {
    Input(Input),
    Resized(u16, u16),
    /// The wall time, at least once a minute.
    Time(Stamp),
    Service(Event),
    Setup(Setup),
    Answer(Why, Result<Answer, ServiceError>),
    /// Where the selected row is among those that match.
    Placed(Kind, Option<usize>),
    Done(u64, Result<Done, ServiceError>),
    Own(u64, Result<OwnDone, ServiceError>),
}

/// What a question was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Status,
    /// For telling that so many edits were saved, and what they say.
    Saved(usize, String),
    List(Kind),
    /// By that text, for the palette.
    Found(String),
    /// Of that list's filter.
    Complete(Kind),
    /// To mark them.
    Keys(Kind, super::marks::Marking),
    /// Of that row.
    Detail(Key),
    /// Who did what to that row.
    History(Key),
    /// What may be done with that row; without one, with its kind.
    Verbs(Option<Key>),
    /// To open a form with it.
    Edit,
    /// The same for those rows at once.
    EditMarked(Vec<Key>),
    /// To change that row's cell of that column.
    Cell(&'static str),
    /// What would follow from what was chosen for a cell.
    CellFollows,
    /// To list whom it can be taken from.
    Unassign(Key),
    /// For a picker: its title, its goal.
    Pick(Box<super::popups::Picker>, crate::domain::Value),
    /// For the confirmation of a deletion: the row and its name.
    Delete(Key, String),
    /// For the form on top.
    FormFollows,
    /// To decide on them, those of that row first.
    Cards(Option<Key>),
    /// To say which edits are held back.
    Held,
    /// To show what of the journal is lost.
    Lost,
    /// For the screens beside the lists.
    Runs,
    Outbox,
    Activity,
    Overview,
    /// To decide on that edit.
    Card(u64),
    /// To take something of it over again.
    Aside,
    /// To make recovery words.
    Words,
    /// To say what would be lost.
    Erase,
}

impl PartialEq for super::popups::Picker {
    fn eq(&self, other: &Self) -> bool {
        (&self.title, &self.goal) == (&other.title, &other.goal)
    }
}

impl Eq for super::popups::Picker {}

/// What is to be done outside.
#[derive(Debug)]
pub enum Effect {
    Ask(Why, Query),
    /// Looks up where a row is in a list.
    Place(ListQuery, Key),
    Setup,
    SignIn {
        project: String,
        email: String,
        password: SecretString,
    },
    /// Takes over from the console that has the account open, or leaves it alone.
    TakeOver(bool),
    Submit(u64, Action),
    /// Does something with a secret.
    Confide(u64, Confidence),
    /// New recovery words are not wanted.
    ForgetWords,
    /// A wish about the own sign-in.
    Own(u64, Own),
    /// A wish about somebody's sign-in account.
    Administer(u64, Administer),
    /// What this machine has opens with an older password.
    OpenWithOld(SecretString),
    /// What it has is kept aside.
    SetAside,
    /// Gives a text to the terminal's clipboard.
    Copy(String),
    /// Takes clicks and the wheel, or leaves them to the terminal.
    Mouse(bool),
    Suspend,
    Quit,
}

/// What is done after an act; the usual type of everything below `update`.
pub type Effects = Vec<Effect>;

/// Makes ids for new rows.
pub type Ids = Box<dyn Fn() -> Uuid>;

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and they come in every combination"
)]
pub struct App {
    pub theme: Theme,
    pub zone: TimeZone,
    /// Keys, mouse, and what the terminal is taken for.
    pub hands: Hands,
    pub now: Stamp,
    pub size: (u16, u16),
    pub status: Status,
    /// Where jumps led from, the latest last.
    pub(super) ways: Vec<Way>,
    /// How freely the line was used when it was not held.
    pub(super) freely: Traffic,
    pub signed_in: bool,
    /// The initial data set was offered in this session.
    pub offered: bool,
    /// The code of the second factor was asked for, and the server still wants it.
    pub code_asked: bool,
    /// So many edits that are held back were asked about in this session.
    pub asked: usize,
    pub sign_in: SignIn,
    pub lists: [List; 3],
    pub place: Place,
    pub sync: Sync,
    pub activity: Activity,
    pub overview: Overview,
    pub detail: Detail,
    pub verbs: Vec<VerbState>,
    pub popups: Vec<Popup>,
    pub toast: Option<String>,
    /// What was said, to be read again.
    pub messages: Messages,
    /// What was done from the palette last, the latest first.
    pub(super) recent: Vec<Act>,
    /// How the lists look, as it is kept, and the submission that keeps it.
    pub(super) taste: Taste,
    pub(super) tasting: Option<u64>,
    /// The console is locked, and this is shown instead of anything else.
    pub locked: Option<Locked>,
    /// The form that was open then.
    pub(super) held: Option<Popup>,
    pub(super) ids: Ids,
    pub(super) submitted: u64,
    /// Ctrl+C was pressed and nothing since.
    interrupted: bool,
    /// The wishes of the command line, until the first set-up has come.
    wishes: (Option<String>, Option<String>),
}

impl App {
    pub fn new(theme: Theme, zone: TimeZone, status: Status, ids: Ids) -> Self {
        Self {
            theme,
            zone,
            hands: Hands::default(),
            now: Stamp(0),
            size: (80, 24),
            ways: Vec::new(),
            freely: status.traffic,
            status,
            signed_in: false,
            offered: false,
            code_asked: false,
            asked: 0,
            sign_in: SignIn::default(),
            lists: LISTED.map(List::new),
            place: Place::Drones,
            sync: Sync::default(),
            activity: Activity::default(),
            overview: Overview::default(),
            detail: Detail::default(),
            verbs: Vec::new(),
            popups: Vec::new(),
            toast: None,
            messages: Messages::default(),
            recent: Vec::new(),
            taste: Taste::default(),
            tasting: None,
            locked: None,
            held: None,
            ids,
            submitted: 0,
            interrupted: false,
            wishes: (None, None),
        }
    }

    #[must_use]
    pub fn with_wishes(self, project: Option<String>, email: Option<String>) -> Self {
        Self { wishes: (project, email), ..self }
    }

    /// The areas of the window as it is.
    pub fn shape(&self) -> Shape {
        shape(Rect::new(0, 0, self.size.0, self.size.1))
    }

    /// The list that is shown; in a place without one, that of the drones.
    pub fn list(&self) -> &List {
        &self.lists[self.listed()]
    }

    pub fn list_mut(&mut self) -> &mut List {
        &mut self.lists[self.listed()]
    }

    /// LISTED and lists have the same length, so this is a place in both.
    fn listed(&self) -> usize {
        let shown = |kind: &Kind| Some(*kind) == self.place.kind();
        LISTED.iter().position(shown).unwrap_or(LISTED.len() - 1)
    }

    /// Where a press would be looked up now.
    pub fn context(&self) -> Context {
        match self.popups.last() {
            Some(popup) => popup.context(),
            None if self.locked.is_some() => Context::Locked,
            None if !self.signed_in && self.sign_in.add.is_some() => Context::AddProject,
            None if !self.signed_in => Context::SignIn,
            None => self.place_context(),
        }
    }

    /// Why that verb is not open to me here; `None`: it is.
    pub fn why_not(&self, verb: Verb) -> Option<String> {
        // What may not be done to some of them, the preview tells.
        if verb != Verb::Create && self.marked().is_some() {
            return self.status.read_only.then(|| texts::READ_ONLY.to_owned());
        }
        self.row_why_not(verb)
    }

    /// The same of the one row that is selected or open, whatever is marked.
    pub(super) fn row_why_not(&self, verb: Verb) -> Option<String> {
        if verb != Verb::Create && self.subject().is_none() {
            return Some(texts::NOTHING_SELECTED.to_owned());
        }
        match self.verbs.iter().find(|state| state.verb == verb) {
            Some(state) => state.why_not.clone(),
            None => Some(texts::not_for(self.list().kind)),
        }
    }

    pub fn update(&mut self, msg: Msg) -> Effects {
        let (toast, errors) = (self.toast.clone(), self.errors());
        let effects = self.take(msg);
        self.remember(toast.as_ref(), errors);
        effects
    }

    fn take(&mut self, msg: Msg) -> Effects {
        match msg {
            // Nobody sees what a key would do.
            Msg::Input(ref input) if self.shape().too_small && !self.leads_out(input) => Vec::new(),
            Msg::Input(Input::Press(press)) => self.press(press),
            Msg::Input(Input::Paste(text)) => self.paste(&text),
            Msg::Input(Input::Mouse(mouse)) => self.mouse(mouse),
            Msg::Resized(width, height) => {
                self.size = (width, height);
                let rows = self.shape().rows.height;
                for list in &mut self.lists {
                    list.show_selected(rows);
                }
                self.refresh()
            }
            Msg::Time(now) => {
                self.now = now;
                Vec::new()
            }
            Msg::Service(event) => self.heard(event),
            Msg::Setup(setup) => {
                let (project, email) = mem::take(&mut self.wishes);
                self.sign_in.take_setup(setup, project.as_deref(), email.as_deref());
                Vec::new()
            }
            Msg::Answer(why, answer) => self.answered(why, answer),
            Msg::Placed(kind, place) => self.placed(kind, place),
            Msg::Done(submission, result) => self.done(submission, result),
            Msg::Own(submission, result) => self.own_done(submission, result),
        }
    }

    fn leads_out(&self, input: &Input) -> bool {
        let Input::Press(press) = input else { return false };
        matches!(self.hands.keys.act(self.context(), *press), Some(Act::Quit | Act::Interrupt))
    }

    fn press(&mut self, press: Press) -> Effects {
        self.toast = None;
        let interrupted = mem::take(&mut self.interrupted);
        match self.hands.keys.act(self.context(), press) {
            Some(Act::Interrupt) if interrupted => vec![Effect::Quit],
            Some(Act::Interrupt) => {
                self.interrupted = true;
                self.toast = Some(texts::INTERRUPT_AGAIN.to_owned());
                Vec::new()
            }
            Some(act) => self.act(act),
            None => self.typed(press),
        }
    }

    /// A press that is bound to nothing: text, where there is a field for it.
    fn typed(&mut self, press: Press) -> Effects {
        if let Some(popup) = self.popups.last_mut() {
            if popup.saving().is_some() {
                return Vec::new();
            }
            if popup.field().is_some_and(|field| field.press(press)) {
                popup.typed();
                return self.ask_found();
            } else if let Popup::Bulk(bulk) = popup {
                bulk.press(press);
            } else if let Popup::Form(form) = popup
                && form.press(press)
            {
                return self.form_follows();
            }
            return Vec::new();
        }
        if let Some(locked) = &mut self.locked {
            locked.typed.press(press);
        } else if !self.signed_in {
            self.sign_in.press(press);
        } else if self.context() == Context::Filter {
            let before = self.filter_line().text().to_owned();
            self.filter_line().press(press);
            return self.filter_changed(&before);
        }
        Vec::new()
    }

    pub(super) fn filter_changed(&mut self, before: &str) -> Effects {
        if self.filter_line().text() == before || self.place.kind().is_none() {
            return Vec::new();
        }
        self.list_mut().restart();
        vec![self.ask_list()]
    }

    pub(super) fn act(&mut self, act: Act) -> Effects {
        if let Some(effects) = self.hands_act(act) {
            return effects;
        }
        match act {
            Act::Suspend => return vec![Effect::Suspend],
            Act::Quit => return self.ask_to_quit(),
            Act::Help if !matches!(self.popups.last(), Some(Popup::Help(_))) => {
                let help = super::popups::Help::new(self.context(), self.hands.keys);
                self.popups.push(Popup::Help(help));
                return Vec::new();
            }
            Act::TrainingLine => return self.turn_line(),
            _ => {}
        }
        match self.context() {
            Context::SignIn | Context::AddProject => self.sign_in_act(act),
            Context::Locked => self.locked_act(act),
            context if context.is_place() => self.browse(act),
            _ => self.popup_act(act),
        }
    }

    pub(super) fn turn_line(&mut self) -> Effects {
        let Some(up) = self.status.training_line else {
            self.toast = Some(texts::NO_TRAINING.to_owned());
            return Vec::new();
        };
        vec![self.submit(Action::TrainingLine { up: !up })]
    }

    pub(super) fn submit(&mut self, action: Action) -> Effect {
        self.submitted += 1;
        Effect::Submit(self.submitted, action)
    }

    pub(super) fn submit_edit(
        &mut self,
        intent: Intent,
        reason: Option<String>,
        seen: crate::domain::Fields,
    ) -> Effect {
        self.submit(Action::Edit { intent, reason, seen })
    }

    /// Asks for everything that is shown.
    pub(super) fn refresh(&mut self) -> Effects {
        let mut effects = vec![Effect::Ask(Why::Status, Query::Status)];
        if self.signed_in {
            effects.extend(self.ask_place());
        }
        effects
    }

    pub(super) fn ask_list(&self) -> Effect {
        let list = self.list();
        Effect::Ask(Why::List(list.kind), Query::List(list.query(self.shape().rows.height)))
    }

    /// Asks for what belongs to the selected row: what may be done with it, and its detail where shown.
    pub(super) fn ask_subject(&mut self) -> Effects {
        let kind = self.list().kind;
        if !self.detail.focused {
            let key = self.list().key.clone();
            self.detail.turn_to(key);
        }
        let key = self.detail.key.clone();
        let mut effects = vec![Effect::Ask(Why::Verbs(key.clone()), Query::Verbs { kind, key: key.clone() })];
        if let Some(key) = key
            && (self.detail.focused || self.shape().pane.is_some())
        {
            effects.push(Effect::Ask(Why::Detail(key.clone()), Query::Show { key: key.clone() }));
            if self.detail.focused {
                effects.push(Effect::Ask(Why::History(key.clone()), Query::History { key }));
            }
        }
        effects
    }
}

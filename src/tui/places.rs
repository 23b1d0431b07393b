//! The places a person can be in: the three lists, and the screens beside them. Going from one to another, and what is
//! the same in all screens that are read line by line.

use super::app::{App, Effect, Effects, Why};
use super::keys::{Act, Context};
use super::popups::picker::Goal;
use super::screens::{activity, overview, sync};
use super::texts;
use super::widgets::lines::Line;
use crate::domain::{Key, Kind};
use crate::service::Query;

/// Ways back that are kept.
const WAYS_MAX: usize = 50;

/// Where somebody is, in the order of the tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Users,
    Regions,
    Drones,
    Sync,
    Activity,
    Overview,
}

impl Place {
    pub const ALL: [Self; 6] =
        [Self::Users, Self::Regions, Self::Drones, Self::Sync, Self::Activity, Self::Overview];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Users => "Users",
            Self::Regions => "Regions",
            Self::Drones => "Drones",
            Self::Sync => "Sync",
            Self::Activity => "Activity",
            Self::Overview => "Overview",
        }
    }

    /// The act that goes there.
    pub const fn act(self) -> Act {
        match self {
            Self::Users => Act::Users,
            Self::Regions => Act::Regions,
            Self::Drones => Act::Drones,
            Self::Sync => Act::GoSync,
            Self::Activity => Act::GoActivity,
            Self::Overview => Act::GoOverview,
        }
    }

    /// What a list lists.
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Users => Some(Kind::User),
            Self::Regions => Some(Kind::Region),
            Self::Drones => Some(Kind::Drone),
            Self::Sync | Self::Activity | Self::Overview => None,
        }
    }

    /// The list of a kind.
    pub fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.kind() == Some(kind))
    }

    /// Where that act goes.
    pub fn by(act: Act) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.act() == act)
    }

    fn next(self, by: isize) -> Self {
        let at = Self::ALL.iter().position(|place| *place == self).unwrap_or(0);
        let count = Self::ALL.len().cast_signed();
        let to = (at.cast_signed() + by).rem_euclid(count).cast_unsigned();
        Self::ALL.get(to).copied().unwrap_or(self)
    }
}

/// Where somebody was before a jump, and how the list was that it led to.
#[derive(Clone, Debug)]
pub struct Way {
    place: Place,
    kind: Kind,
    filter: String,
    key: Option<Key>,
    /// It led to one row, which is open.
    pub(super) to_row: bool,
}

impl App {
    /// The row that verbs are about.
    pub fn subject(&self) -> Option<Key> {
        self.place.kind()?;
        if self.detail.focused { self.detail.key.clone() } else { self.list().key.clone() }
    }

    /// Its name.
    pub fn subject_label(&self) -> String {
        let row = if self.detail.focused {
            self.detail.shown.as_ref().map(|shown| &shown.row)
        } else {
            self.list().row()
        };
        row.map(|row| row.label.clone()).unwrap_or_default()
    }

    /// Why an act that is no verb makes no sense now.
    pub(super) fn act_why_not(&self, act: Act) -> Option<String> {
        match act {
            _ if self.status.read_only && super::hands::writes(act) => Some(texts::READ_ONLY.to_owned()),
            Act::Back if self.detail.trail.is_empty() && !self.detail.focused && self.ways.is_empty() => {
                Some(texts::NO_WAY_BACK.to_owned())
            }
            Act::Accept if self.context() == Context::List && self.list().key.is_none() => {
                Some(texts::NOTHING_SELECTED.to_owned())
            }
            Act::SignInAccount => self.account_why_not(),
            Act::Decide if !self.needs_person() => Some(texts::NOTHING_TO_DECIDE.to_owned()),
            Act::Forward if self.detail.ahead.is_empty() => Some(texts::NO_WAY_FORWARD.to_owned()),
            Act::MarkClear if self.list().marks.is_empty() => Some(texts::NOTHING_MARKED.to_owned()),
            _ => None,
        }
    }

    /// Where a press is looked up when nothing lies over the place.
    pub(super) fn place_context(&self) -> Context {
        match self.place {
            Place::Sync => Context::Sync,
            Place::Overview => Context::Overview,
            Place::Activity if self.activity.filtering => Context::Filter,
            Place::Activity => Context::Activity,
            _ if self.list().filtering => Context::Filter,
            _ if self.detail.focused => Context::Detail,
            _ if self.list().cell.is_some() => Context::Cells,
            _ => Context::List,
        }
    }

    /// Goes somewhere by its key, or on by one.
    pub(super) fn place_act(&mut self, act: Act) -> Option<Effects> {
        let to = match act {
            Act::TabNext => self.place.next(1),
            Act::TabPrevious => self.place.next(-1),
            act => Place::by(act)?,
        };
        self.ways.clear();
        Some(self.turn_to(to))
    }

    pub(super) fn turn_to(&mut self, place: Place) -> Effects {
        (self.list_mut().filtering, self.activity.filtering) = (false, false);
        self.list_mut().cell = None;
        self.place = place;
        self.detail.focused = false;
        self.ask_place()
    }

    /// Nothing of an account stays in the places beside the lists.
    pub(super) fn forget_screens(&mut self) {
        self.sync = sync::Sync::default();
        self.activity = activity::Activity::default();
        self.overview = overview::Overview::default();
    }

    /// Asks for what the place shows.
    pub(super) fn ask_place(&mut self) -> Effects {
        match self.place {
            Place::Overview => {
                vec![Effect::Ask(Why::Overview, Query::Overview), Effect::Ask(Why::Runs, Query::Runs)]
            }
            Place::Sync => {
                let outbox = Effect::Ask(Why::Outbox, Query::Outbox);
                vec![outbox, Effect::Ask(Why::Runs, Query::Runs), Effect::Ask(Why::Status, Query::Status)]
            }
            Place::Activity => vec![Effect::Ask(Why::Activity, Query::Activity)],
            Place::Users | Place::Regions | Place::Drones => {
                self.list_mut().stale();
                // The subject first: where the list's answer selects another row, it asks for that one's itself.
                let mut effects = self.ask_subject();
                effects.push(self.ask_list());
                effects
            }
        }
    }

    /// Opens a row, wherever it is in its list.
    pub(super) fn open(&mut self, key: Key) -> Effects {
        let Some(place) = Place::of(key.kind) else { return Vec::new() };
        self.place = place;
        let list = self.list_mut();
        list.filtering = false;
        list.key = Some(key.clone());
        list.stale();
        self.detail.turn_to(Some(key));
        self.detail.focused = true;
        let mut effects = vec![self.ask_list()];
        effects.extend(self.ask_subject());
        effects
    }

    /// Opens a row from elsewhere; back leads there again.
    pub(super) fn jump(&mut self, key: Key) -> Effects {
        self.leave_way(key.kind, true);
        self.open(key)
    }

    fn leave_way(&mut self, kind: Kind, to_row: bool) {
        let Some(list) = self.lists.iter().find(|list| list.kind == kind) else { return };
        let (filter, key) = (list.filter.text().to_owned(), list.key.clone());
        if self.ways.len() == WAYS_MAX {
            self.ways.remove(0);
        }
        self.ways.push(Way { place: self.place, kind, filter, key, to_row });
    }

    /// Back to what was open before.
    pub(super) fn go_back(&mut self) -> Effects {
        if let Some(key) = self.detail.trail.pop() {
            self.detail.ahead.extend(self.detail.key.clone());
            return self.open(key);
        }
        match self.ways.pop_if(|way| way.to_row == self.detail.focused) {
            Some(way) => self.walk(way),
            None => self.leave_detail(),
        }
    }

    /// The list to which the way led is again as it was.
    fn walk(&mut self, way: Way) -> Effects {
        self.leave_detail();
        if let Some(list) = self.lists.iter_mut().find(|list| list.kind == way.kind) {
            if list.filter.text() != way.filter {
                list.filter.set(&way.filter);
                list.restart();
            }
            list.key = way.key;
        }
        self.turn_to(way.place)
    }

    /// Goes to a list and shows the rows of a filter.
    pub(super) fn open_rows(&mut self, kind: Kind, filter: &str) -> Effects {
        let Some(place) = Place::of(kind) else { return Vec::new() };
        self.leave_way(kind, false);
        self.place = place;
        let list = self.list_mut();
        list.filter.set(filter);
        list.restart();
        list.key = None;
        self.turn_to(place)
    }

    /// An act in a screen that is read line by line.
    pub(super) fn screen_act(&mut self, act: Act) -> Effects {
        let room = self.screen_room();
        let page = isize::try_from(room.max(2)).unwrap_or(2) - 1;
        let by = match act {
            Act::Up => -1,
            Act::Down => 1,
            Act::PageUp => -page,
            Act::PageDown => page,
            Act::First => isize::MIN,
            Act::Last => isize::MAX,
            act => {
                return match self.place {
                    Place::Sync => self.sync_act(act),
                    Place::Activity => self.activity_act(act),
                    _ => self.overview_act(act),
                };
            }
        };
        match self.place {
            Place::Sync => {
                let lines = self.sync_lines();
                self.sync.cursor.step(&lines, by, room);
            }
            Place::Activity => {
                let lines = self.activity_lines();
                self.activity.cursor.step(&lines, by, room);
            }
            _ => {
                let lines = self.overview_lines();
                self.overview.cursor.step(&lines, by, room);
            }
        }
        Vec::new()
    }

    /// A choice from a list that one of the places opened.
    pub(super) fn picked_in_place(&mut self, goal: &Goal, value: Option<&str>) -> Effects {
        match goal {
            Goal::Messages => self.message_chosen(value),
            Goal::Account(..) => return self.account_deed_chosen(goal, value),
            _ => return self.outbox_chosen(goal, value),
        }
        Vec::new()
    }

    /// The lines a screen has, below its title.
    pub(super) fn screen_room(&self) -> u16 {
        let shape = self.shape();
        if shape.compact { shape.whole.height } else { shape.whole.height.saturating_sub(1) }
    }

    pub(super) fn sync_lines(&self) -> Vec<Line<sync::On>> {
        sync::lines(&self.sync, &self.status, self.theme, self.now, &self.zone)
    }

    pub(super) fn overview_lines(&self) -> Vec<Line<overview::On>> {
        overview::lines(&self.overview, &self.sync.runs, &self.status, self.theme, self.now, self.size.0)
    }

    /// On the overview: Enter goes to the rows, the arrows unfold.
    fn overview_act(&mut self, act: Act) -> Effects {
        let lines = self.overview_lines();
        let Some(on) = self.overview.cursor.value(&lines) else { return Vec::new() };
        match (act, on) {
            (Act::Accept, overview::On::Rows(kind, filter)) => return self.open_rows(kind, &filter),
            (Act::Accept, overview::On::Cards) => return self.ask_decisions(),
            (Act::Accept, _) => return self.turn_to(Place::Sync),
            (Act::Unfold | Act::Fold, overview::On::Rows(_, filter)) => {
                self.overview.fold(&filter, act == Act::Unfold);
            }
            _ => {}
        }
        Vec::new()
    }
}

//! The overview: how the fleet and the people stand, in figures, and what looks wrong.
//!
//! Every figure names the rows it counts by a filter of their list, and the list finds just as many: what is counted is
//! counted over the rows that lists show, unsent deletions and refused new rows included. All of it is made in one pass
//! over the tables. Where there are many rows the pass is made on another thread and only when rows have changed; until
//! it is done the figures before it are told, and none are told of another account.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cells::{self, alert};
use super::list::filter::{exactly, is_news};
use super::session::Inner;
use super::{Event, status, words, write};
use crate::domain::{
    Drone, DroneModel, DroneStatus, Kind, Record, Region, Role, RowRef, Stamp, Status, User, World,
};
use crate::store::replica::Replica;

/// Rows up to which the pass is made on the spot: it takes less than a frame may.
const AT_ONCE_MAX: usize = 20_000;

/// Figures, in the order of their importance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Since when others' changes are counted as news: the last pull before the account was opened here.
    pub since: Option<Stamp>,
    pub groups: Vec<Group>,
}

/// Figures that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub title: String,
    /// Of what the figures are shares; absent where they are none.
    pub total: Option<usize>,
    pub figures: Vec<Figure>,
}

/// A figure, and the rows that it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    pub word: String,
    pub count: usize,
    /// The rows: a list and its filter.
    pub kind: Kind,
    pub filter: String,
    pub note: String,
    /// It looks wrong.
    pub alert: bool,
    /// What it is made of, to be unfolded.
    pub inside: Vec<Figure>,
}

impl Figure {
    fn new(word: &str, count: usize, kind: Kind, filter: String) -> Self {
        let (word, note) = (word.to_owned(), String::new());
        Self { word, count, kind, filter, note, alert: false, inside: Vec::new() }
    }
}

/// Counts by a column's text.
type Tally = BTreeMap<&'static str, usize>;

/// Which region a row is in: one whose row is here, one that I may not see, or none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Region(Uuid),
    Unknown,
    Nobody,
}

fn whose(world: &World, region: Option<Uuid>) -> Whose {
    match region {
        Some(id) if world.region(id).is_some() => Whose::Region(id),
        Some(_) => Whose::Unknown,
        None => Whose::Nobody,
    }
}

fn commander(region: &Region) -> Option<&str> {
    region.commander_name.as_deref().filter(|name| !name.is_empty())
}

/// What is counted of one region.
#[derive(Default)]
struct Place {
    drones: Tally,
    users: Tally,
}

/// One pass over all rows.
#[derive(Default)]
struct Pass {
    statuses: Tally,
    models: Tally,
    roles: Tally,
    standings: Tally,
    places: HashMap<Whose, Place>,
    /// By kind and filter, in the order they are told.
    wrong: BTreeMap<Wrong, usize>,
    news: BTreeMap<Kind, usize>,
}

/// What looks wrong with rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    NoOperator,
    OperatorInactive,
    NoDrones,
    StillHolds,
    NoCommander,
    NoSignIn,
    FlawedDrones,
    FlawedUsers,
    FlawedRegions,
}

impl Wrong {
    /// The words after the count, for one and for many; the list; its filter.
    fn told(self) -> (&'static str, &'static str, Kind, String) {
        let alerts = |words: &str| format!("alert:\"{words}\"");
        let idle = "role=OPERATOR status=ACTIVE drones:-".to_owned();
        match self {
            Self::NoOperator => {
                ("drone without operator", "drones without operator", Kind::Drone, "operator:-".to_owned())
            }
            Self::OperatorInactive => {
                let filter = alerts(alert::OPERATOR_INACTIVE);
                ("drone whose operator is INACTIVE", "drones whose operator is INACTIVE", Kind::Drone, filter)
            }
            Self::NoDrones => ("operator without drones", "operators without drones", Kind::User, idle),
            Self::StillHolds => {
                let filter = alerts(alert::STILL_HOLDS);
                ("INACTIVE user holds drones", "INACTIVE users hold drones", Kind::User, filter)
            }
            Self::NoCommander => {
                let filter = "commander:-".to_owned();
                ("region without commander", "regions without commander", Kind::Region, filter)
            }
            Self::NoSignIn => {
                ("person without sign-in", "people without sign-in", Kind::User, "account:-".to_owned())
            }
            Self::FlawedDrones => {
                ("drone breaks a rule", "drones break a rule", Kind::Drone, alerts(alert::FLAWED))
            }
            Self::FlawedUsers => {
                ("user breaks a rule", "users break a rule", Kind::User, alerts(alert::FLAWED))
            }
            Self::FlawedRegions => {
                ("region breaks a rule", "regions break a rule", Kind::Region, alerts(alert::FLAWED))
            }
        }
    }
}

fn add<K: Ord>(tally: &mut BTreeMap<K, usize>, key: K) {
    *tally.entry(key).or_default() += 1;
}

impl Pass {
    fn wrong(&mut self, wrong: Wrong, is_so: bool) {
        if is_so {
            add(&mut self.wrong, wrong);
        }
    }

    fn drone(&mut self, world: &World, drone: &Drone, flawed: bool) {
        let status = drone.status.map_or("", DroneStatus::as_str);
        add(&mut self.statuses, status);
        add(&mut self.models, drone.model.map_or("", DroneModel::as_str));
        add(&mut self.places.entry(whose(world, drone.region_id)).or_default().drones, status);
        self.wrong(Wrong::NoOperator, drone.operator_id.is_none());
        let operator = drone.operator_id.and_then(|id| world.user(id));
        self.wrong(Wrong::OperatorInactive, operator.is_some_and(|user| !user.is_active()));
        self.wrong(Wrong::FlawedDrones, flawed);
    }

    fn user(&mut self, world: &World, user: &User, holders: &HashSet<Uuid>, flawed: bool) {
        let role = user.role.map_or("", Role::as_str);
        add(&mut self.roles, role);
        add(&mut self.standings, user.status.map_or("", Status::as_str));
        add(&mut self.places.entry(whose(world, user.region_id)).or_default().users, role);
        let holds = holders.contains(&user.id);
        self.wrong(Wrong::NoDrones, user.role == Some(Role::Operator) && user.is_active() && !holds);
        self.wrong(Wrong::StillHolds, !user.is_active() && holds);
        self.wrong(Wrong::NoSignIn, user.auth_user_id.is_none());
        self.wrong(Wrong::FlawedUsers, flawed);
    }

    fn row(&mut self, replica: &Replica, record: &Record, holders: &HashSet<Uuid>) {
        let flawed = !record.flaws().is_empty();
        match record {
            Record::Drone(drone) => self.drone(replica.view(), drone, flawed),
            Record::User(user) => self.user(replica.view(), user, holders, flawed),
            Record::Region(region) => {
                self.wrong(Wrong::NoCommander, commander(region).is_none());
                self.wrong(Wrong::FlawedRegions, flawed);
            }
            Record::Assignment(_) => return,
        }
        if replica.visit().is_some_and(|visit| is_news(visit, record.row())) {
            add(&mut self.news, record.kind());
        }
    }
}

/// The figures of all rows there are.
pub(super) fn count(replica: &Replica) -> Overview {
    let world = replica.view();
    let holders: HashSet<Uuid> = world.assignments().map(|row| row.user_id).collect();
    let mut pass = Pass::default();
    for kind in [Kind::Region, Kind::User, Kind::Drone] {
        world.rows(kind).for_each(|(_, row)| pass.row(replica, &row.to_record(), &holders));
    }
    for ghost in replica.ghosts() {
        pass.row(replica, &ghost, &holders);
    }
    let groups = [
        news(&pass),
        fleet("Drones", &pass.statuses, DroneStatus::TEXTS, "status"),
        look_at(&pass),
        regions(world, &pass),
        fleet("Drones by model", &pass.models, DroneModel::TEXTS, "model"),
        people(&pass),
    ];
    let groups = groups.into_iter().filter(|group| !group.figures.is_empty()).collect();
    Overview { since: replica.visit().map(|visit| visit.as_of), groups }
}

/// The figures of a column, in the order of its known texts; what else is there comes last.
fn by(tally: &Tally, known: &[&'static str], kind: Kind, column: &str, within: &str) -> Vec<Figure> {
    let known = known.iter().filter_map(|text| Some((*text, *tally.get(text)?)));
    let other = tally.get("").map(|count| ("other", *count));
    let figure = |(text, count): (&str, usize)| {
        // What nobody knows has no filter of its own: it is none of the known.
        let filter = if text == "other" {
            format!("{within}alert:\"{column} {}\"", alert::FLAWED)
        } else {
            format!("{within}{}", exactly(column, text))
        };
        Figure::new(text, count, kind, filter)
    };
    known.chain(other).map(figure).collect()
}

fn group(title: &str, total: Option<usize>, figures: Vec<Figure>) -> Group {
    Group { title: title.to_owned(), total, figures }
}

fn news(pass: &Pass) -> Group {
    let figure = |(kind, count): (&Kind, &usize)| {
        let word = if *count == 1 { kind.noun().to_owned() } else { format!("{}s", kind.noun()) };
        Figure::new(&word, *count, *kind, "changed:since".to_owned())
    };
    group("Since you were here", None, pass.news.iter().map(figure).collect())
}

fn fleet(title: &str, tally: &Tally, known: &[&'static str], column: &str) -> Group {
    group(title, Some(tally.values().sum()), by(tally, known, Kind::Drone, column, ""))
}

fn look_at(pass: &Pass) -> Group {
    let figure = |(wrong, count): (&Wrong, &usize)| {
        let (one, many, kind, filter) = wrong.told();
        Figure { alert: true, ..Figure::new(if *count == 1 { one } else { many }, *count, kind, filter) }
    };
    group("Look at", None, pass.wrong.iter().map(figure).collect())
}

fn regions(world: &World, pass: &Pass) -> Group {
    let none = Place::default();
    let known = world.regions().map(|row| {
        let place = pass.places.get(&Whose::Region(row.id)).unwrap_or(&none);
        region(&row.name, place, Some(row))
    });
    let mut figures: Vec<Figure> = known.collect();
    figures.sort_by(|a, b| a.word.cmp(&b.word));
    let others = [(Whose::Unknown, cells::ANOTHER_REGION), (Whose::Nobody, "")];
    let others = others.into_iter().filter_map(|(whose, name)| Some((name, pass.places.get(&whose)?)));
    figures.extend(others.map(|(name, place)| region(name, place, None)));
    group("Drones by region", Some(figures.iter().map(|figure| figure.count).sum()), figures)
}

/// A region: its drones, and unfolded how they and its people stand.
fn region(name: &str, place: &Place, row: Option<&Region>) -> Figure {
    let within = format!("{} ", exactly("region", name));
    let (drones, users) = (place.drones.values().sum(), place.users.values().sum::<usize>());
    let mut inside = by(&place.drones, DroneStatus::TEXTS, Kind::Drone, "status", &within);
    inside.extend(by(&place.users, Role::TEXTS, Kind::User, "role", &within));
    let people = words::plural(users, "user");
    let chief = row.map(|row| commander(row).unwrap_or(alert::NO_COMMANDER));
    let note = std::iter::once(people.as_str()).chain(chief).collect::<Vec<_>>().join("  ");
    let alert = row.is_some_and(|row| commander(row).is_none() || !row.is_active());
    let word = if name.is_empty() { "without a region" } else { name };
    let figure = Figure::new(word, drones, Kind::Drone, within.trim_end().to_owned());
    Figure { note, alert, inside, ..figure }
}

fn people(pass: &Pass) -> Group {
    let total = Some(pass.roles.values().sum());
    let mut figures = by(&pass.roles, Role::TEXTS, Kind::User, "role", "");
    figures.extend(by(&pass.standings, Status::TEXTS, Kind::User, "status", ""));
    group("People", total, figures)
}

/// The last figures.
#[derive(Debug, Default)]
pub(super) struct Counted(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    overview: Option<(u64, Overview)>,
    /// A count is under way.
    counting: bool,
    /// Counts accounts, so that figures of another one are not kept.
    turn: u64,
}

impl Counted {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self) {
        let mut last = self.last();
        *last = Last { turn: last.turn + 1, ..Last::default() };
    }
}

impl Inner {
    /// Nothing that was made of an account's rows is good for another one.
    pub(super) fn forget_views(&self) {
        self.lists.forget();
        self.counted.forget();
        self.activities.forget();
    }

    /// The figures; `None` where they are not counted yet, or nobody may see them. `Event::Data` tells of newer ones.
    pub(super) fn overview(this: &Arc<Self>) -> Option<Overview> {
        let (revision, rows) = this.look(|replica| (replica.revision(), replica.rows()))?;
        let mut last = this.counted.last();
        match &last.overview {
            Some((counted, overview)) if *counted == revision => return Some(overview.clone()),
            _ if rows <= AT_ONCE_MAX => {
                let overview = this.look(|replica| (replica.revision(), count(replica)))?;
                last.overview = Some(overview.clone());
                return Some(overview.1);
            }
            _ => {}
        }
        if !last.counting {
            last.counting = true;
            let (inner, turn) = (Arc::clone(this), last.turn);
            this.aside(move || inner.count_again(turn));
        }
        last.overview.as_ref().map(|(_, overview)| overview.clone())
    }

    /// Says once, after the first pull that brought everything, what others changed since the account was open here last.
    pub(super) fn tell_news(this: &Arc<Self>) {
        let due = this.peek(|replica| {
            let visit = replica.visit()?;
            let caught_up = replica.meta().as_of.is_some_and(|at| at > visit.as_of);
            caught_up.then_some(visit.as_of)
        });
        let Some(since) = due.flatten() else { return };
        if write(&this.state, |state| std::mem::replace(&mut state.news_told, true)) {
            return;
        }
        let inner = Arc::clone(this);
        this.aside(move || {
            let is_news =
                |replica: &Replica, row: RowRef<'_>| replica.visit().is_some_and(|visit| is_news(visit, row));
            let kinds = [Kind::Region, Kind::User, Kind::Drone];
            let of = |replica: &Replica, kind| {
                replica.view().rows(kind).filter(|(_, row)| is_news(replica, *row)).count()
            };
            let news = inner.look(|replica| kinds.map(|kind| of(replica, kind)).iter().sum::<usize>());
            if let Some(news) = news.filter(|news| *news > 0) {
                let ago = status::ago(since, inner.settings.clock.now());
                let (rows, verb) = if news == 1 { ("row", "was") } else { ("rows", "were") };
                let news = status::thousands(u64::try_from(news).unwrap_or(u64::MAX));
                inner.emit(Event::Told(format!(
                    "Since you were here ({ago}) {news} {rows} {verb} changed by others: 0 leads to them."
                )));
            }
        });
    }

    fn count_again(&self, turn: u64) {
        let counted = self.look(|replica| (replica.revision(), count(replica)));
        let mut last = self.counted.last();
        if last.turn == turn {
            (last.overview, last.counting) = (counted, false);
            drop(last);
            self.emit(Event::Data);
        }
    }
}

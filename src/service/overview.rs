//! The overview: how the fleet and the people stand, in figures, and what looks wrong.
//!
//! Every figure names the rows it counts by a filter of their list, and the list finds just as many: what is counted is
//! counted over the rows that lists show, unsent deletions and refused new rows included. All of it is made in one pass
//! over the tables. Where there are many rows the pass is made on another thread and only when rows have changed; until
//! it is done the figures before it are told, and none are told of another account.

mod counted;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(super) use self::counted::Counted;
use super::cells::{self, alert};
use super::list::filter::{exactly, is_news};
use super::slices::{self, Look};
use super::words;
use crate::domain::{
    Drone, DroneModel, DroneStatus, Kind, Record, Region, Role, RowRef, Stamp, Status, User, World,
};
use crate::store::replica::Replica;

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

    fn user(&mut self, world: &World, user: &User, flawed: bool) {
        let role = user.role.map_or("", Role::as_str);
        add(&mut self.roles, role);
        add(&mut self.standings, user.status.map_or("", Status::as_str));
        add(&mut self.places.entry(whose(world, user.region_id)).or_default().users, role);
        let holds = world.held(user.id).next().is_some();
        self.wrong(Wrong::NoDrones, user.role == Some(Role::Operator) && user.is_active() && !holds);
        self.wrong(Wrong::StillHolds, !user.is_active() && holds);
        self.wrong(Wrong::NoSignIn, user.auth_user_id.is_none());
        self.wrong(Wrong::FlawedUsers, flawed);
    }

    fn row(&mut self, replica: &Replica, record: &Record) {
        let flawed = !record.flaws().is_empty();
        match record {
            Record::Drone(drone) => self.drone(replica.view(), drone, flawed),
            Record::User(user) => self.user(replica.view(), user, flawed),
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

/// The kinds whose rows are counted.
const COUNTED: [Kind; 3] = [Kind::Region, Kind::User, Kind::Drone];

/// The figures of all rows there are.
pub(super) fn count(replica: &Replica) -> Overview {
    let mut pass = Pass::default();
    for kind in COUNTED {
        replica.view().rows(kind).for_each(|(_, row)| pass.row(replica, &row.to_record()));
    }
    told(replica, pass)
}

/// The same while others go on writing, and the revision at which it was begun.
pub(super) fn count_in_slices(look: &Look<'_>, slice: u32) -> Option<(u64, Overview)> {
    let (mut revision, mut pass, mut overview) = (None, Pass::default(), None);
    look(&mut |replica| revision = Some(replica.revision()));
    in_slices(look, slice, &mut |replica, row| pass.row(replica, &row.to_record()))?;
    look(&mut |replica| overview = Some(told(replica, std::mem::take(&mut pass))));
    Some((revision?, overview?))
}

/// Every row that is counted; `None` where the looks ended before.
fn in_slices(look: &Look<'_>, slice: u32, work: &mut dyn FnMut(&Replica, RowRef<'_>)) -> Option<()> {
    COUNTED
        .into_iter()
        .try_for_each(|kind| slices::all(look, kind, slice, &mut |replica, _, row| work(replica, row)))
}

/// What was counted of the rows, with those that are not in the view.
fn told(replica: &Replica, mut pass: Pass) -> Overview {
    let world = replica.view();
    for ghost in replica.ghosts() {
        pass.row(replica, &ghost);
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

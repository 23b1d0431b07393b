//! What is played: steps as plain values, small enough to be shrunk and read, and the strategies that make them.
//!
//! Most edits are of a kind that their sender may make, so that much gets in and meets; the rest is whatever a person
//! or a faulty client could think of.

use flyos::domain::Kind;
use proptest::prelude::*;
use proptest::sample::select;

use super::values::{
    ASSIGNED, DRONES, FITS, NEW_DRONES, NEW_REGIONS, NEW_USERS, OWN, REGIONS, USERS, WRONG_DRONES, WRONG_IDS,
    WRONG_PAIRS, cell,
};

/// The accounts that play, in the order of `who`.
pub const PEOPLE: [&str; 8] = [
    "main@flyos.mil",
    "deputy@flyos.mil",
    "east@flyos.mil",
    "east.ops@flyos.mil",
    "west@flyos.mil",
    "operator1@flyos.mil",
    "operator2@flyos.mil",
    "t.weaver@flyos.mil",
];

pub type Row = (Kind, String);
/// Columns and what they are to become, in the words of `text`.
pub type Set = Vec<(&'static str, &'static str)>;

#[derive(Clone, Debug)]
pub enum Step {
    /// One call; with `pull` the sender then pulls all there is, as the console does.
    Push { who: usize, groups: Vec<Group>, pull: bool },
    /// An earlier call once more, as it was.
    Again { push: usize },
    /// One page.
    Pull { who: usize, rows: u32 },
    /// Pages until there are no more.
    Drain { who: usize, rows: u32 },
    /// An administrator writes.
    Admin { deed: Deed },
}

#[derive(Clone, Debug)]
pub struct Group {
    /// Whether it has a name; without one it is a single edit.
    pub named: bool,
    pub edits: Vec<Edit>,
}

#[derive(Clone, Debug)]
pub struct Edit {
    pub deed: Deed,
    /// From how many steps ago the sender's copy is.
    pub age: usize,
    pub base: Base,
    /// The id of an earlier edit, by its place from the end, instead of a new one.
    pub id_of: Option<usize>,
    /// The earlier edit that it waits for, by its place from the end.
    pub waits_for: Option<usize>,
}

#[derive(Clone, Debug)]
pub enum Deed {
    Make(Row, Set),
    Change(Row, Set),
    Remove(Row),
}

/// What an edit says of the row it started from.
#[derive(Clone, Copy, Debug)]
pub enum Base {
    /// As the console does: what is changed and its units; of a deletion everything.
    Usual,
    /// What is changed alone.
    Lean,
    /// Every column.
    Wide,
    Nothing,
}

/// A row of the first list mostly, of the second at times, seldom of the third.
fn key(
    usual: &'static [&'static str],
    other: &'static [&'static str],
    wrong: &'static [&'static str],
) -> BoxedStrategy<String> {
    prop_oneof![24 => select(usual), 4 => select(other), 1 => select(wrong)].prop_map(str::to_owned).boxed()
}

fn any_pair() -> BoxedStrategy<String> {
    (select(USERS), select(DRONES)).prop_map(|(user, drone)| format!("{user}:{drone}")).boxed()
}

fn fit() -> BoxedStrategy<String> {
    select(FITS).prop_map(|(user, drone)| format!("{user}:{drone}")).boxed()
}

/// A row that is likely to be there.
fn there(kind: Kind) -> BoxedStrategy<Row> {
    let pk = match kind {
        Kind::Region => key(REGIONS, NEW_REGIONS, WRONG_IDS),
        Kind::User => key(USERS, NEW_USERS, WRONG_IDS),
        Kind::Drone => key(DRONES, NEW_DRONES, WRONG_DRONES),
        Kind::Assignment => {
            prop_oneof![8 => key(ASSIGNED, ASSIGNED, WRONG_PAIRS), 3 => fit(), 2 => any_pair()].boxed()
        }
    };
    pk.prop_map(move |pk| (kind, pk)).boxed()
}

/// A row that is likely not to be there yet.
fn fresh(kind: Kind) -> BoxedStrategy<Row> {
    let pk = match kind {
        Kind::Region => key(NEW_REGIONS, REGIONS, WRONG_IDS),
        Kind::User => key(NEW_USERS, USERS, WRONG_IDS),
        Kind::Drone => key(NEW_DRONES, DRONES, WRONG_DRONES),
        Kind::Assignment => {
            prop_oneof![8 => fit(), 3 => any_pair(), 2 => key(ASSIGNED, ASSIGNED, WRONG_PAIRS)].boxed()
        }
    };
    pk.prop_map(move |pk| (kind, pk)).boxed()
}

fn set(kind: Kind) -> BoxedStrategy<Set> {
    prop_oneof![3 => prop::collection::vec(cell(kind), 1..2), 2 => prop::collection::vec(cell(kind), 2..4)]
        .boxed()
}

/// All that a new row needs, then what is to be different.
fn whole(kind: Kind) -> BoxedStrategy<Set> {
    let needed: Set = match kind {
        Kind::Region => vec![("name", "Northern"), ("area", "North"), ("status", "ACTIVE")],
        Kind::User => vec![
            ("username", "fresh_one"),
            ("full_name", "Fresh One"),
            ("email", "fresh@unit.mil"),
            ("role", "OPERATOR"),
            ("status", "ACTIVE"),
        ],
        Kind::Drone => vec![("model", "FlyOS_MQ5"), ("status", "STANDBY")],
        Kind::Assignment => vec![],
    };
    let more = if kind == Kind::Assignment {
        Just(vec![]).boxed()
    } else {
        prop::collection::vec(cell(kind), 0..3).boxed()
    };
    let lacking = prop_oneof![12 => Just(None), 1 => (0..5_usize).prop_map(Some)];
    (Just(needed), more, lacking)
        .prop_map(|(mut set, more, lacking)| {
            if let Some(at) = lacking.filter(|at| *at < set.len()) {
                set.remove(at);
            }
            set.extend(more);
            set
        })
        .boxed()
}

/// Anything at all, whoever may do it.
fn any_deed() -> BoxedStrategy<Deed> {
    let kind = prop_oneof![1 => Just(Kind::Region), 3 => Just(Kind::User), 4 => Just(Kind::Drone), 4 => Just(Kind::Assignment)];
    let deed = |kind| {
        let changes = if kind == Kind::Assignment { 1 } else { 12 };
        let removals = if kind == Kind::Region { 1 } else { 3 };
        prop_oneof![
            4 => (fresh(kind), whole(kind)).prop_map(|(row, set)| Deed::Make(row, set)),
            changes => (there(kind), set(kind)).prop_map(|(row, set)| Deed::Change(row, set)),
            removals => there(kind).prop_map(Deed::Remove),
        ]
    };
    kind.prop_flat_map(deed).boxed()
}

fn status_of(drones: &'static [&'static str]) -> BoxedStrategy<Deed> {
    let statuses = &["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"];
    let set = (select(drones), select(&statuses[..]));
    set.prop_map(|(drone, status)| Deed::Change((Kind::Drone, drone.to_owned()), vec![("status", status)]))
        .boxed()
}

/// What somebody of that place would do.
fn own_deed(who: usize) -> BoxedStrategy<Deed> {
    let (me, drones) = OWN[who];
    let name = select(&["Ann Lee", "Zoë", "Sam"][..]);
    let name =
        name.prop_map(move |name| Deed::Change((Kind::User, me.to_owned()), vec![("full_name", name)]));
    let operator = (select(drones), prop_oneof![4 => select(USERS), 1 => Just("")])
        .prop_map(|(drone, user)| Deed::Change((Kind::Drone, drone.to_owned()), vec![("operator_id", user)]));
    match who {
        0 | 1 => any_deed(),
        2..=4 => prop_oneof![
            4 => status_of(drones),
            3 => operator,
            3 => fresh(Kind::Assignment).prop_map(|row| Deed::Make(row, vec![])),
            3 => there(Kind::Assignment).prop_map(Deed::Remove),
            1 => name,
        ]
        .boxed(),
        _ => prop_oneof![4 => status_of(drones), 1 => name].boxed(),
    }
}

fn edit(who: usize) -> BoxedStrategy<Edit> {
    let deed = prop_oneof![4 => own_deed(who), 1 => any_deed()];
    let age = prop_oneof![1 => Just(0_usize), 1 => 1..9_usize];
    let base = prop_oneof![
        12 => Just(Base::Usual), 2 => Just(Base::Lean), 6 => Just(Base::Wide), 1 => Just(Base::Nothing)
    ];
    let id_of = prop_oneof![30 => Just(None), 1 => (0..6_usize).prop_map(Some)];
    let waits_for = prop_oneof![8 => Just(None), 1 => (0..4_usize).prop_map(Some)];
    let edit = (deed, age, base, id_of, waits_for);
    edit.prop_map(|(deed, age, base, id_of, waits_for)| Edit { deed, age, base, id_of, waits_for }).boxed()
}

/// A user gets a drone and becomes its operator, as the console asks for it.
fn assignment() -> BoxedStrategy<Group> {
    (select(FITS), 0..2_usize)
        .prop_map(|((user, drone), age)| {
            let plain = |deed| Edit { deed, age, base: Base::Usual, id_of: None, waits_for: None };
            let edits = vec![
                plain(Deed::Make((Kind::Assignment, format!("{user}:{drone}")), vec![])),
                plain(Deed::Change((Kind::Drone, drone.to_owned()), vec![("operator_id", user)])),
            ];
            Group { named: true, edits }
        })
        .boxed()
}

fn group(who: usize) -> BoxedStrategy<Group> {
    prop_oneof![
        8 => edit(who).prop_map(|edit| Group { named: false, edits: vec![edit] }),
        2 => prop::collection::vec(edit(who), 1..4).prop_map(|edits| Group { named: true, edits }),
        2 => assignment(),
    ]
    .boxed()
}

fn push() -> BoxedStrategy<Step> {
    // Headquarters can do most, so most comes of what it does.
    let who = prop_oneof![5 => Just(0_usize), 2 => Just(2_usize), 2 => Just(5_usize), 5 => 0..PEOPLE.len()];
    who.prop_flat_map(|who| (Just(who), prop::collection::vec(group(who), 1..5), any::<bool>()))
        .prop_map(|(who, groups, pull)| Step::Push { who, groups, pull })
        .boxed()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        14 => push(),
        1 => (0..6_usize).prop_map(|push| Step::Again { push }),
        3 => (0..PEOPLE.len(), 1..9_u32).prop_map(|(who, rows)| Step::Pull { who, rows }),
        2 => (0..PEOPLE.len(), select(vec![3_u32, 2000])).prop_map(|(who, rows)| Step::Drain { who, rows }),
        2 => any_deed().prop_map(|deed| Step::Admin { deed }),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..20)
}

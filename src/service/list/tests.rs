//! An order that was kept and stirred is the one that is made anew, whatever happened between.

use proptest::prelude::*;
use uuid::Uuid;

use super::{ListQuery, Lists};
use crate::domain::{
    Assignment, Change, Drone, DroneStatus, Fields, Key, Kind, Reason, Record, Region, Role, Stamp, Status,
    User,
};
use crate::service::overview::{self, Figure, Overview};
use crate::store::replica::{Pulled, Replica};
use crate::store::{Edit, Entry, Meta};

fn id(n: u8) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

fn drone(n: u8) -> String {
    format!("d-{n}")
}

fn maybe(n: u8) -> Option<Uuid> {
    n.checked_sub(1).map(id)
}

/// A row out of few, with few values.
fn row(kind: Kind, n: u8, value: u8) -> Record {
    match kind {
        Kind::Region => {
            let mut region = Region::new(id(n));
            region.name = format!("Region {value} of {n}").into();
            region.commander_name = (value > 1).then(|| "C".into());
            Record::Region(region)
        }
        Kind::User => {
            let mut user = User::new(id(n));
            (user.username, user.role) = (format!("name_{value}").into(), Some(Role::Operator));
            user.region_id = maybe(value);
            user.status = Status::ALL.get(usize::from(value % 3)).copied();
            user.auth_user_id = maybe(n);
            Record::User(user)
        }
        Kind::Drone => {
            let mut drone = Drone::new(&drone(n));
            drone.status = DroneStatus::ALL.get(usize::from(value)).copied();
            (drone.region_id, drone.operator_id) = (maybe(value), maybe((value + n) % 4));
            Record::Drone(drone)
        }
        Kind::Assignment => Record::Assignment(Assignment::new(id(n), &drone(value))),
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// A page with these rows; those without a value went.
    Page(Vec<(Kind, u8, Option<u8>)>),
    /// An unsent edit: an insert, an update, or a deletion.
    Edit(Kind, u8, Option<u8>),
    /// The server refused the oldest edit that nothing was heard of.
    Refuse,
    /// Somebody let go of an edit.
    Discard,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let kind = || prop::sample::select(Kind::ALL.to_vec());
    let one = move || (kind(), 0_u8..4, prop::option::weighted(0.8, 0_u8..4));
    let page = prop::collection::vec(one(), 1..6).prop_map(Act::Page);
    let edit = one().prop_map(|(kind, n, value)| Act::Edit(kind, n, value));
    prop::collection::vec(
        prop_oneof![3 => page, 3 => edit, 1 => Just(Act::Refuse), 1 => Just(Act::Discard)],
        1..40,
    )
}

struct Device {
    replica: Replica,
    seq: u64,
    v: u64,
    edits: Vec<u64>,
}

impl Device {
    fn act(&mut self, act: Act) {
        match act {
            Act::Page(rows) => {
                let mut pulled = Vec::new();
                for (kind, n, value) in rows {
                    self.v += 1;
                    let record = row(kind, n, value.unwrap_or(0));
                    let row = value.map(|_| (record.fields(), vec!["*".to_owned()]));
                    pulled.push(Pulled { key: record.key(), v: self.v, deleted: row.is_none(), row });
                }
                self.replica.take_page(pulled, Meta::default(), None);
            }
            Act::Edit(kind, n, value) => {
                let wanted = row(kind, n, value.unwrap_or(0));
                let change = match (self.replica.view().get(&wanted.key()), value) {
                    (None, Some(_)) => Some(Change::insert(wanted.key(), wanted.fields())),
                    (Some(now), Some(_)) => {
                        let own =
                            |(name, _): &(String, _)| kind.field(name).is_some_and(|field| !field.server);
                        Change::update(&now, &wanted.fields().into_iter().filter(own).collect::<Fields>())
                    }
                    (Some(now), None) => Some(Change::delete(&now)),
                    (None, None) => None,
                };
                if let Some(change) = change {
                    let (op, by, at) = (Uuid::from_u128(u128::from(self.seq)), id(0), Stamp(0));
                    self.enter(Entry::Edit(Edit {
                        op,
                        by,
                        at,
                        reason: None,
                        changes: vec![change],
                        drops: None,
                    }));
                    self.edits.push(self.seq);
                }
            }
            Act::Refuse => {
                if let Some(edit) = self.edits.first().copied() {
                    let (reason, field, message) = (Reason::Forbidden, None, "no".to_owned());
                    self.enter(Entry::Rejected { edit, change: 0, reason, field, message });
                    self.edits.rotate_left(1);
                }
            }
            Act::Discard => {
                if let Some(edit) = self.edits.pop() {
                    self.enter(Entry::Discarded { edit });
                }
            }
        }
    }

    fn enter(&mut self, entry: Entry) {
        self.seq += 1;
        self.replica.enter(self.seq, &[entry]);
    }
}

fn queries() -> Vec<ListQuery> {
    let query = |kind, filter: &str, sort: &str, descending| ListQuery {
        kind,
        filter: filter.to_owned(),
        sort: sort.to_owned(),
        descending,
        offset: 0,
        limit: 100,
    };
    vec![
        query(Kind::Drone, "", "operator", false),
        query(Kind::Drone, "region:1", "id", true),
        query(Kind::User, "", "drones", true),
        query(Kind::User, "!name_2", "region", false),
        query(Kind::Region, "", "users", false),
        query(Kind::Assignment, "name", "username", false),
    ]
}

/// All figures, those that are folded included.
fn figures(overview: &Overview) -> impl Iterator<Item = &Figure> {
    let outer = overview.groups.iter().flat_map(|group| &group.figures);
    outer.flat_map(|figure| std::iter::once(figure).chain(&figure.inside))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_list_finds_as_many_rows_as_the_overview_counts(acts in acts()) {
        let mut device = Device { replica: Replica::default(), seq: 0, v: 0, edits: Vec::new() };
        for act in acts {
            device.act(act);
        }
        let overview = overview::count(&device.replica);
        let lists = Lists::default();
        for figure in figures(&overview) {
            let query = ListQuery {
                kind: figure.kind,
                filter: figure.filter.clone(),
                sort: String::new(),
                descending: false,
                offset: 0,
                limit: 0,
            };
            let found = lists.page(&device.replica, &query).matched;
            prop_assert_eq!(found, figure.count, "{} of {}", figure.filter, figure.word);
        }
        // Of what makes up a whole, nothing is left out.
        for group in overview.groups.iter().filter(|group| group.title.starts_with("Drones")) {
            let sum: usize = group.figures.iter().map(|figure| figure.count).sum();
            prop_assert_eq!(Some(sum), group.total, "{}", group.title);
        }
    }

    #[test]
    fn a_stirred_order_is_the_one_made_anew(acts in acts()) {
        let mut device = Device { replica: Replica::default(), seq: 0, v: 0, edits: Vec::new() };
        let lists = Lists::default();
        for (turn, act) in acts.into_iter().enumerate() {
            device.act(act);
            // Each list is looked at now and then, so that it sleeps through several changes.
            for (number, query) in queries().iter().enumerate().filter(|(number, _)| (turn + number) % 3 != 0) {
                let (kept, anew) = (lists.page(&device.replica, query), Lists::default().page(&device.replica, query));
                let keys = |page: &super::ListPage| -> Vec<Key> { page.rows.iter().map(|row| row.key.clone()).collect() };
                prop_assert_eq!(keys(&kept), keys(&anew), "list {} after turn {}", number, turn);
                prop_assert_eq!((kept.total, kept.matched), (anew.total, anew.matched));
                for (place, row) in kept.rows.iter().enumerate() {
                    prop_assert_eq!(lists.place(&device.replica, query, &row.key), Some(place));
                }
            }
        }
    }
}

//! An order that was kept and stirred is the one that is made anew, whatever happened between.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::filter::At;
use super::{ListQuery, Lists, without_window};
use crate::domain::{
    Assignment, Change, Drone, DroneStatus, Fields, Key, Kind, Reason, Record, Region, Role, Stamp, Status,
    User,
};
use crate::service::overview::{self, Figure, Overview};
use crate::store::replica::{Pulled, Replica, Visit};
use crate::store::{Edit, Entry, Meta};

const AT: At<'static> = At { now: Stamp(0), visit: None };

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
        // Each finds some of what the one before it does: they are made of each other, in whatever order they are asked.
        query(Kind::Drone, "", "status,-operator", false),
        query(Kind::Drone, "r", "status,-operator", false),
        query(Kind::Drone, "re", "status,-operator", false),
        query(Kind::Drone, "region:1 !status:standby", "status,-operator", false),
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
            let found = lists.page(&device.replica, &query, AT).matched;
            prop_assert_eq!(found, figure.count, "{} of {}", figure.filter, figure.word);
        }
        let look = |see: &mut dyn FnMut(&Replica)| {
            see(&device.replica);
            true
        };
        let sliced = overview::count_in_slices(&look, 3);
        prop_assert_eq!(sliced, Some((device.replica.revision(), overview.clone())));
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
                let (kept, anew) = (lists.page(&device.replica, query, AT), Lists::default().page(&device.replica, query, AT));
                let keys = |page: &super::ListPage| -> Vec<Key> { page.rows.iter().map(|row| row.key.clone()).collect() };
                prop_assert_eq!(keys(&kept), keys(&anew), "list {} after turn {}", number, turn);
                prop_assert_eq!((kept.total, kept.matched), (anew.total, anew.matched));
                for (place, row) in kept.rows.iter().enumerate() {
                    prop_assert_eq!(lists.place(&device.replica, query, &row.key, AT), Some(place));
                }
            }
        }
    }

    #[test]
    fn an_order_made_between_changes_is_the_one_made_anew(acts in acts(), meanwhile in acts()) {
        let mut device = Device { replica: Replica::default(), seq: 0, v: 0, edits: Vec::new() };
        for act in acts {
            device.act(act);
        }
        let device = RefCell::new(device);
        let lists = Lists::default();
        let mut meanwhile = meanwhile.into_iter();
        for (number, query) in queries().iter().enumerate() {
            let whole = without_window(query);
            lists.making.want(whole.clone(), AT.now);
            let changes = RefCell::new(meanwhile.by_ref().take(4));
            let look = |see: &mut dyn FnMut(&Replica)| {
                see(&device.borrow().replica);
                if let Some(act) = changes.borrow_mut().next() {
                    device.borrow_mut().act(act);
                }
                true
            };
            let made = lists.made(&look, &whole, AT.now, 0, 2).expect("it is wanted");
            super::keep(&mut lists.kept(), made);
            let device = device.borrow();
            let (kept, anew) = (lists.page(&device.replica, query, AT), Lists::default().page(&device.replica, query, AT));
            let keys = |page: &super::ListPage| -> Vec<Key> { page.rows.iter().map(|row| row.key.clone()).collect() };
            prop_assert_eq!(keys(&kept), keys(&anew), "list {}", number);
        }
    }
}

/// Many drones are not put in order while the screen waits, and few rows found among them are.
#[test]
fn of_many_rows_the_order_is_made_aside_and_the_last_wish_wins() {
    let mut replica = Replica::default();
    let rows = (0..20_001).map(|n| Pulled {
        key: Key::drone(&format!("d-{n}")),
        v: n + 1,
        deleted: false,
        row: Some((Record::Drone(Drone::new(&format!("d-{n}"))).fields(), vec!["*".to_owned()])),
    });
    replica.take_page(rows.collect(), Meta::default(), None);
    let lists = Lists::default();
    let query = |filter: &str, limit| ListQuery {
        kind: Kind::Drone,
        filter: filter.to_owned(),
        sort: "id".to_owned(),
        descending: false,
        offset: 0,
        limit,
    };
    let hand = |filter: &str| lists.is_at_hand(&replica, &query(filter, 10), AT);
    assert!(!hand("") && !hand("d-77"));
    assert!(hand("color:red"), "what means nothing finds nothing at once");
    assert!(lists.is_at_hand(&replica, &ListQuery { kind: Kind::User, ..query("", 10) }, AT));

    assert!(lists.making.want(query("d-77", 0), AT.now), "somebody has to be set to work");
    let (looks, told) = (Cell::new(0), Cell::new(0));
    let look = |see: &mut dyn FnMut(&Replica)| {
        see(&replica);
        looks.set(looks.get() + 1);
        if looks.get() == 2 {
            assert!(!lists.making.want(query("", 0), AT.now), "somebody is at work");
        }
        true
    };
    lists.make(&look, &|| told.set(told.get() + 1));
    assert!(!lists.is_at_hand(&replica, &query("d-7", 10), AT), "all rows are looked through for it");
    assert_eq!(told.get(), 1);
    assert!(hand("") && !hand("d-77"), "let go of for what was asked for last");
    assert_eq!(lists.page(&replica, &query("", 2), AT).rows.len(), 2);
    lists.page(&replica, &query("d-77", 0), AT);
    assert!(hand("d-777"), "few rows have to be looked through");

    // The rows of another account.
    lists.making.want(query("1", 0), AT.now);
    let look = |see: &mut dyn FnMut(&Replica)| {
        see(&replica);
        lists.forget();
        true
    };
    lists.make(&look, &|| told.set(told.get() + 1));
    assert_eq!((told.get(), lists.kept().len()), (1, 0));
}

/// A few rows of every kind, with names that tell.
fn some_rows() -> Replica {
    let mut replica = Replica::default();
    let (east, west) = (id(1), id(2));
    let text = |field: &str, value: &str| (field.to_owned(), Some(value.to_owned()));
    let region = |id: Uuid, name: &str| {
        (Key::region(id), Fields::from([text("name", name), text("status", "ACTIVE")]))
    };
    let user = |n: u8, name: &str, full: &str, status: &str| {
        let mut fields = Fields::from([
            text("username", name),
            text("full_name", full),
            text("status", status),
            text("role", "OPERATOR"),
            text("email", &format!("{name}@flyos.mil")),
            text("updated_at", &format!("2026-11-{:02}T12:00:00+00:00", 10 + n)),
        ]);
        if n == 11 {
            fields.extend([text("region_id", &west.to_string()), text("auth_user_id", &id(99).to_string())]);
        }
        (Key::user(id(n)), fields)
    };
    let drone = |n: u8, status: &str, region: Option<Uuid>, operator: Option<Uuid>| {
        let region = ("region_id".to_owned(), region.map(|id| id.to_string()));
        let operator = ("operator_id".to_owned(), operator.map(|id| id.to_string()));
        let fields = [text("model", "FlyOS_MQ7"), text("status", status), region, operator];
        (Key::drone(&format!("drone-{n}")), Fields::from(fields))
    };
    let held = |drone: &str| (Key::assignment(id(11), drone), Fields::new());
    let rows = [
        region(east, "Eastern"),
        region(west, "Far West"),
        user(11, "m_rodriguez", "Miguel Rodríguez", "ACTIVE"),
        user(12, "j_okafor", "Joy Okafor", "INACTIVE"),
        drone(1, "ACTIVE", Some(east), Some(id(11))),
        drone(2, "STANDBY", Some(west), None),
        drone(3, "BROKEN", None, Some(id(77))),
        drone(13, "MAINTENANCE", Some(west), Some(id(12))),
        held("drone-1"),
        held("drone-2"),
    ];
    let pulled = (1..).zip(rows).map(|(v, (key, fields))| Pulled {
        key,
        v,
        deleted: false,
        row: Some((fields, vec!["*".to_owned()])),
    });
    replica.take_page(pulled.collect(), Meta::default(), None);
    replica
}

fn listed(replica: &Replica, kind: Kind, filter: &str, at: At<'_>) -> super::ListPage {
    let sort = if kind == Kind::User { "username" } else { "id" };
    let (filter, sort) = (filter.to_owned(), sort.to_owned());
    let query = ListQuery { kind, filter, sort, descending: false, offset: 0, limit: 100 };
    Lists::default().page(replica, &query, at)
}

#[test]
fn every_form_of_the_filter_finds_its_rows() {
    let replica = some_rows();
    let now = Stamp::parse("2026-11-23T12:00:00Z").expect("a time");
    let as_of = Stamp::parse("2026-11-22T00:00:00Z").expect("a time");
    let visit = Visit { as_of, own: BTreeSet::new() };
    let at = At { now, visit: Some(&visit) };
    let drones: &[(&str, &[&str])] = &[
        ("", &["drone-1", "drone-13", "drone-2", "drone-3"]),
        ("west", &["drone-13", "drone-2"]),
        ("rodri", &["drone-1"]),
        ("status:active", &["drone-1"]),
        ("status:stand", &["drone-2"]),
        ("status:broken", &[]),
        ("status:\"BROKEN\"", &["drone-3"]),
        ("!status:active !status:main", &["drone-2", "drone-3"]),
        ("region:\"far west\" operator:-", &["drone-2"]),
        ("region:none", &["drone-3"]),
        ("!operator:-", &["drone-1", "drone-13", "drone-3"]),
        ("operator:another", &["drone-3"]),
        ("id=drone-1", &["drone-1"]),
        ("id:drone-1", &["drone-1", "drone-13"]),
        ("operator:~mrdz", &["drone-1"]),
        ("~dn3 ", &["drone-13", "drone-3"]),
        ("model:mq7 drone:13", &["drone-13"]),
    ];
    for (filter, ids) in drones {
        let page = listed(&replica, Kind::Drone, filter, at);
        let found: Vec<&str> = page.rows.iter().map(|row| &*row.label).collect();
        assert_eq!(found, *ids, "{filter}: {:?}", page.problem);
    }
    let users: &[(&str, &[&str])] = &[
        ("drones>1", &["m_rodriguez"]),
        ("drones:0", &["j_okafor"]),
        ("drones<=0", &["j_okafor"]),
        ("drones:-", &["j_okafor"]),
        ("2", &["m_rodriguez"]),
        ("status:active", &["m_rodriguez"]),
        ("RODRÍGUEZ", &["m_rodriguez"]),
        ("account:-", &["j_okafor"]),
        ("changed<25h", &["j_okafor"]),
        ("changed>1d", &["m_rodriguez"]),
        ("changed:2026-11-21", &["m_rodriguez"]),
        ("changed>=2026-11-22", &["j_okafor"]),
        ("changed:since", &["j_okafor"]),
        ("region:west", &["m_rodriguez"]),
    ];
    for (filter, names) in users {
        let page = listed(&replica, Kind::User, filter, at);
        let found: Vec<&str> = page.rows.iter().map(|row| &*row.label).collect();
        assert_eq!(found, *names, "{filter}: {:?}", page.problem);
    }
}

#[test]
fn what_a_filter_does_not_mean_is_told_and_finds_nothing() {
    let replica = some_rows();
    let at = At { now: Stamp(0), visit: None };
    for (filter, told) in [
        ("color:red", "There is no column color here, but id, model,"),
        ("status:broken", "status is one of ACTIVE, STANDBY,"),
        ("model>3", "model is no number and no time"),
        ("changed<soon", "changed is a time"),
        ("changed:since", "not known"),
    ] {
        let page = listed(&replica, Kind::Drone, filter, at);
        assert!(
            page.problem.as_deref().is_some_and(|problem| problem.contains(told)),
            "{filter}: {:?}",
            page.problem
        );
        assert_eq!((page.matched, page.total), (0, 4), "{filter}");
    }
    assert!(listed(&replica, Kind::User, "drones>many", at).problem.is_some());
    assert_eq!(
        listed(&replica, Kind::Drone, "region: !", at).matched,
        4,
        "not typed yet: as if it were not there"
    );
}

#[test]
fn a_filter_is_completed() {
    let replica = some_rows();
    let complete = |kind, text: &str| super::filter::complete(replica.view(), kind, text);
    for (kind, text, whole, offers) in [
        (Kind::Drone, "sta", "status:", &[][..]),
        (Kind::Drone, "west !re", "west !region:", &[]),
        (Kind::Drone, "status:m", "status:MAINTENANCE", &[]),
        (Kind::Drone, "region:f", "region:\"Far West\"", &[]),
        (Kind::Drone, "region:\"far w", "region:\"Far West\"", &[]),
        (Kind::User, "role:", "role:", &["MAIN_HQ", "OPERATOR", "REGIONAL_HQ"]),
        (Kind::User, "r", "r", &["region:", "role:"]),
        (Kind::User, "xyz", "xyz", &[]),
    ] {
        let completed = complete(kind, text);
        assert_eq!(
            (
                completed.text.as_str(),
                completed.offers.as_slice().iter().map(String::as_str).collect::<Vec<_>>()
            ),
            (whole, offers.to_vec()),
            "{text}"
        );
    }
}

#[test]
fn several_columns_sort_one_after_the_other() {
    let replica = some_rows();
    let query = |sort: &str, descending| ListQuery {
        kind: Kind::Drone,
        filter: String::new(),
        sort: sort.to_owned(),
        descending,
        offset: 0,
        limit: 100,
    };
    let ids = |sort: &str, descending| -> Vec<String> {
        let page = Lists::default().page(&replica, &query(sort, descending), AT);
        page.rows.into_iter().map(|row| row.label).collect()
    };
    assert_eq!(ids("region,-id", false), ["drone-1", "drone-2", "drone-13", "drone-3"]);
    assert_eq!(ids("region,id", false), ["drone-1", "drone-13", "drone-2", "drone-3"]);
    assert_eq!(ids("region,-id", true), ["drone-2", "drone-13", "drone-1", "drone-3"], "nothing stays last");
    assert_eq!(ids("nonsense,-id", false), ["drone-3", "drone-2", "drone-13", "drone-1"]);
}

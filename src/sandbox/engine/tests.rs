//! The engine against its promises: random edits by everybody, read in small pages by everybody.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value as Json;
use uuid::Uuid;

use super::*;
use crate::domain::{
    Assignment, Drone, DroneModel, DroneStatus, Fields, Intent, Kind, Record, Region, Role, Status, User,
    intent, policy, rules,
};
use crate::remote::wire::{OpKind, OpWire, Outcome, PullReply, PullRequest, PushRequest, RowKind};

/// A transaction a microsecond.
fn at(time: i64) -> Stamp {
    Stamp(1_760_000_000_000_000 + time)
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

const REGIONS: u128 = 3;
/// Two of headquarters, one of each region, three operators of each region.
const USERS: u128 = 14;
const DRONES: u128 = 6;

fn account(user: u128) -> Uuid {
    id(0xacc0 + user)
}

fn person(number: u128) -> User {
    let mut user = User::new(id(100 + number));
    user.username = format!("user_{number}").into();
    user.full_name = format!("User {number}").into();
    user.email = format!("user{number}@flyos.mil").into();
    (user.role, user.region_id) = match number {
        0 | 1 => (Some(Role::MainHq), None),
        2..5 => (Some(Role::RegionalHq), Some(id(number - 2))),
        _ => (Some(Role::Operator), Some(id(number % REGIONS))),
    };
    user.status = Some(Status::Active);
    user.auth_user_id = Some(account(number));
    user
}

/// A small world, so that edits meet.
fn engine() -> Engine {
    let mut world = World::default();
    for number in 0..REGIONS {
        let mut region = Region::new(id(number));
        (region.name, region.area) = (format!("Region {number}").into(), "Somewhere".into());
        region.status = Some(Status::Active);
        world.put(Record::Region(region));
    }
    for number in 0..USERS {
        world.put(Record::User(person(number)));
    }
    for number in 0..DRONES {
        let mut drone = Drone::new(&format!("d{number}"));
        drone.model = Some(DroneModel::Mq5);
        drone.status = Some(DroneStatus::Active);
        drone.region_id = (number != 5).then(|| id(number % REGIONS));
        let holder = id(100 + 5 + (number + 1) % REGIONS);
        let fits = world.user(holder).is_some_and(|user| user.region_id == drone.region_id);
        if fits {
            world.put(Record::Assignment(Assignment::new(holder, &drone.id)));
            drone.operator_id = Some(holder);
        }
        world.put(Record::Drone(drone));
    }
    assert_eq!(rules::broken(&world), Vec::<String>::new());
    Engine::new(id(0xe), world)
}

/// A reader's copy.
#[derive(Default)]
struct Copy {
    rows: BTreeMap<Key, (u64, Fields, Vec<String>)>,
    cursor: Option<Json>,
}

impl Copy {
    /// Takes one reply; false when drained or shut out.
    fn pull(&mut self, engine: &Engine, uid: Uuid, limit_rows: u32) -> bool {
        let Ok(caller) = engine.caller(uid) else {
            *self = Self::default();
            return false;
        };
        let cursor = self.cursor.take();
        let request = PullRequest { cursor, limit_rows, limit_bytes: 1 << 20, schema: 1 };
        match engine.pull(&caller, &request, at(0)).expect("a sound request") {
            PullReply::Must(_) => {
                *self = Self::default();
                true
            }
            PullReply::Scope { scope, cursor } => {
                self.rows.retain(|_, (.., own)| {
                    own.retain(|scope_of_row| !scope.removed.contains(scope_of_row));
                    !own.is_empty()
                });
                self.cursor = Some(cursor);
                true
            }
            PullReply::Page(page) => {
                assert!(page.changes.len() <= limit_rows as usize);
                for change in page.changes {
                    let key = Key { kind: change.t, pk: change.pk };
                    match (change.k, change.row, change.scopes) {
                        (RowKind::Row, Some(row), Some(scopes)) => {
                            let had = self.rows.get(&key).map_or(0, |row| row.0);
                            assert!(change.v >= had, "{key} never goes back in time");
                            self.rows.insert(key, (change.v, row, scopes));
                        }
                        _ => drop(self.rows.remove(&key)),
                    }
                }
                self.cursor = Some(page.cursor);
                page.more
            }
        }
    }

    fn drain(&mut self, engine: &Engine, uid: Uuid, limit_rows: u32) {
        for _ in 0..10_000 {
            if !self.pull(engine, uid, limit_rows) {
                return;
            }
        }
        panic!("the pull never ends");
    }
}

fn visible(engine: &Engine, uid: Uuid) -> BTreeMap<Key, (u64, Fields)> {
    let Ok(caller) = engine.caller(uid) else { return BTreeMap::new() };
    let keys = Kind::ALL.iter().flat_map(|kind| engine.world.keys(*kind));
    let rows = keys.filter_map(|key| engine.world.get(&key));
    let seen = rows.filter(|row| policy::may_see(&caller.actor, &engine.world, row));
    seen.map(|row| (row.key(), (engine.states[&row.key()].ver, row.fields()))).collect()
}

/// An edit as a client sends it.
fn op_of(number: u128, change: &Change) -> OpWire {
    let (k, base, set) = match &change.op {
        Op::Insert { set } => (OpKind::Insert, Fields::new(), set.clone()),
        Op::Update { base, set } => (OpKind::Update, base.clone(), set.clone()),
        Op::Delete { base } => (OpKind::Delete, base.clone(), Fields::new()),
    };
    OpWire {
        id: id(number),
        seq: 1,
        group: None,
        t: change.key.kind,
        pk: change.key.pk.clone(),
        k,
        base,
        set,
        deps: Vec::new(),
        drops: None,
        reason: None,
    }
}

fn push(engine: &mut Engine, uid: Uuid, ops: Vec<OpWire>, time: i64) -> Vec<Outcome> {
    let caller = engine.caller(uid).expect("somebody who may work");
    let request = PushRequest { uid, device: id(1), schema: 1, report: None, ops };
    let (results, _) = engine.push(&caller, &request, at(time)).expect("a sound request");
    results.into_iter().map(|result| result.outcome).collect()
}

/// What somebody wishes.
fn wish() -> impl Strategy<Value = Intent> {
    let user = (0..USERS + 2).prop_map(|number| id(100 + number));
    let drone = (0..DRONES + 2).prop_map(|number| format!("d{number}"));
    let region = prop::option::of((0..REGIONS).prop_map(id));
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    let one = |name: &str, value: Option<String>| Fields::from([(name.to_owned(), value)]);
    let pick = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(|t| Some(t.to_owned()));
    let statuses = pick(DroneStatus::TEXTS);
    prop_oneof![
        4 => (drone.clone(), user.clone()).prop_map(|(drone, user)| Intent::Assign { drone, user }),
        2 => (drone.clone(), user.clone()).prop_map(|(drone, user)| Intent::Unassign { drone, user }),
        2 => (drone.clone(), prop::option::of(user.clone()))
            .prop_map(|(drone, user)| Intent::SetOperator { drone, user }),
        4 => (drone.clone(), statuses.clone())
            .prop_map(move |(d, status)| Intent::Update { key: Key::drone(&d), set: one("status", status) }),
        4 => (drone.clone(), region.clone())
            .prop_map(move |(d, r)| Intent::Update { key: Key::drone(&d), set: one("region_id", text(r)) }),
        3 => (user.clone(), region.clone())
            .prop_map(move |(u, r)| Intent::Update { key: Key::user(u), set: one("region_id", text(r)) }),
        2 => (user.clone(), pick(Role::TEXTS))
            .prop_map(move |(u, role)| Intent::Update { key: Key::user(u), set: one("role", role) }),
        1 => (user.clone(), pick(Status::TEXTS))
            .prop_map(move |(u, status)| Intent::Update { key: Key::user(u), set: one("status", status) }),
        1 => user.prop_map(|user| Intent::Delete { key: Key::user(user) }),
        1 => (0..REGIONS).prop_map(|number| Intent::Delete { key: Key::region(id(number)) }),
        2 => drone.clone().prop_map(|drone| Intent::Delete { key: Key::drone(&drone) }),
        2 => (drone, region, statuses).prop_map(move |(drone, region, status)| Intent::Create {
            key: Key::drone(&drone),
            fields: Fields::from([
                ("model".to_owned(), Some("FlyOS_MQ9".to_owned())),
                ("status".to_owned(), status),
                ("region_id".to_owned(), text(region)),
            ]),
        }),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    /// Somebody edits, in one group or each edit alone.
    Edit { who: u128, wishes: Vec<Intent>, grouped: bool },
    /// Somebody pulls one page.
    Pull { who: u128, limit: u32 },
    /// Retention runs.
    Forget,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (prop_oneof![3 => 0_u128..2, 2 => 2_u128..5, 1 => 5..USERS], prop::collection::vec(wish(), 1..4), any::<bool>())
            .prop_map(|(who, wishes, grouped)| Act::Edit { who, wishes, grouped }),
        8 => (0..USERS, 1..6_u32).prop_map(|(who, limit)| Act::Pull { who, limit }),
        1 => Just(Act::Forget),
    ]
}

fn edit(engine: &mut Engine, who: u128, wishes: &[Intent], grouped: bool, time: i64) {
    if engine.caller(account(who)).is_err() {
        return;
    }
    let before = engine.world.clone();
    let mut model = engine.world.clone();
    let mut changes = Vec::new();
    for wish in wishes {
        // Planned on what the wishes before it left, as a client's overlay does.
        for change in intent::plan(&model, wish).unwrap_or_default() {
            let _foreseen = rules::carry_out_one(&mut model, None, &change);
            changes.push(change);
        }
    }
    let group = grouped.then(|| id(0x6000 + u128::from(time.unsigned_abs())));
    let ops: Vec<_> = changes
        .iter()
        .enumerate()
        .map(|(n, change)| OpWire {
            group,
            ..op_of(0x10_0000 + u128::from(time.unsigned_abs()) * 100 + n as u128, change)
        })
        .collect();
    let first = push(engine, account(who), ops.clone(), time);
    let all_in = first.iter().all(is_in);
    if grouped && !all_in {
        assert!(engine.world == before, "a group that fails changes nothing");
    }
    if engine.caller(account(who)).is_ok() {
        let after = engine.world.clone();
        let again = push(engine, account(who), ops, time);
        assert!(engine.world == after, "an edit is taken once");
        for (first, again) in first.iter().zip(&again).filter(|(first, _)| is_in(first)) {
            assert_eq!(first, again);
        }
    }
}

fn is_in(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { .. } | Outcome::Merged { .. } | Outcome::Noop { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever everybody does, whoever drains holds exactly the rows they may see, in their newest version.
    #[test]
    fn copies_equal_what_may_be_seen(acts in prop::collection::vec(act(), 1..60)) {
        let mut engine = engine();
        let mut copies: Vec<Copy> = (0..USERS).map(|_| Copy::default()).collect();
        for (time, act) in acts.iter().enumerate() {
            match act {
                Act::Edit { who, wishes, grouped } => {
                    edit(&mut engine, *who, wishes, *grouped, i64::try_from(time).unwrap_or_default());
                }
                Act::Pull { who, limit } => {
                    let copy = &mut copies[usize::try_from(*who).unwrap_or_default()];
                    copy.pull(&engine, account(*who), *limit);
                }
                Act::Forget => engine.forget_before(engine.next_xid()),
            }
            prop_assert_eq!(rules::broken(&engine.world), Vec::<String>::new());
        }
        for (who, copy) in (0_u128..).zip(&mut copies) {
            copy.drain(&engine, account(who), 3);
            let held: BTreeMap<_, _> =
                copy.rows.iter().map(|(key, (v, row, _))| (key.clone(), (*v, row.clone()))).collect();
            prop_assert_eq!(held, visible(&engine, account(who)), "of user {}", who);
        }
    }
}

#[test]
fn cursors_of_another_time_or_server_load_anew() {
    let mut engine = engine();
    let caller = engine.caller(account(0)).expect("MAIN_HQ");
    let mut copy = Copy::default();
    copy.drain(&engine, account(0), 2000);
    let cursor = copy.cursor.clone().expect("a cursor");
    let pull = |engine: &Engine, cursor: Json| {
        let request = PullRequest { cursor: Some(cursor), limit_rows: 10, limit_bytes: 1000, schema: 1 };
        engine.pull(&caller, &request, at(0))
    };
    let why = |reply| match reply {
        Ok(PullReply::Must(must)) => must.why.unwrap_or_default(),
        other => panic!("{other:?}"),
    };
    let changed = |name: &str, value: Json| {
        let mut cursor = cursor.clone();
        cursor[name] = value;
        cursor
    };
    assert_eq!(why(pull(&engine, changed("epoch", id(9).to_string().into()))), "epoch");
    assert_eq!(why(pull(&engine, changed("base", "900:900:".into()))), "ahead");
    for made_up in
        [changed("base", "x".into()), changed("more", 1.into()), Json::from(7), changed("after", 1.into())]
    {
        assert!(matches!(pull(&engine, made_up), Err(Fault::Malformed(_))));
    }
    let set = Fields::from([("status".to_owned(), Some("OFFLINE".to_owned()))]);
    let record = engine.world.get(&Key::drone("d0")).expect("a drone");
    engine.admin(&[Change::update(&record, &set).expect("a change")], at(1)).expect("allowed");
    engine.forget_before(engine.next_xid());
    assert_eq!(why(pull(&engine, cursor)), "too_old");
}

#[test]
fn scopes_alone_make_a_version_and_no_conflict() {
    let mut engine = engine();
    let key = Key::drone("d0");
    let base = engine.world.get(&key).expect("a drone");
    let ver = engine.states[&key].ver;
    // Another holder: the drone's scopes change, its columns do not.
    let assignment = Change::insert(Key::assignment(id(109), "d0"), Fields::new());
    engine.admin(&[assignment], at(1)).expect("user_9 is of the same region");
    assert_eq!(engine.states[&key].ver, ver + 1);
    assert_eq!(engine.world.get(&key).map(|row| row.fields()), Some(base.fields()));
    let set = Fields::from([("status".to_owned(), Some("OFFLINE".to_owned()))]);
    let update = Change::update(&base, &set).expect("a change");
    let outcomes = push(&mut engine, account(0), vec![op_of(1, &update)], 2);
    assert_eq!(outcomes, [Outcome::Applied { v: ver + 2, effects: vec![] }]);
    let stale = push(&mut engine, account(0), vec![op_of(2, &Change::delete(&base))], 3);
    let [Outcome::Conflict { fields, by, .. }] = &stale[..] else { panic!("{stale:?}") };
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["status"]);
    assert_eq!(by.as_deref(), Some("user_0"));
}

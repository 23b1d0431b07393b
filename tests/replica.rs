//! The replica against itself: whatever order edits, results and pages come in, its state is the one that a
//! restart would read from the same base and the same journal; and once everything is in, view and base agree.

use flyos::domain::merge::Clash;
use flyos::domain::{
    Actor, Change, Fields, Intent, Key, Kind, Op, Reason, Record, Role, Stamp, World, intent, rules,
};
use flyos::store::replica::decide::Settle;
use flyos::store::replica::{Fate, Pulled, Replica};
use flyos::store::{CachedRow, Edit, Entry, Meta, Seen, Who};
use proptest::prelude::*;
use uuid::Uuid;

const ME: Uuid = Uuid::from_u128(0x200);

fn fields(pairs: &[(&str, Option<&str>)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

fn user(n: u128) -> Uuid {
    Uuid::from_u128(0x200 + n % 4)
}

fn region(n: u128) -> Uuid {
    Uuid::from_u128(0x100 + n % 2)
}

fn drone(n: u128) -> String {
    format!("drone-{}", n % 4)
}

/// The server: its rows and their versions.
#[derive(Default)]
struct Server {
    world: World,
    versions: std::collections::BTreeMap<Key, u64>,
    clock: u64,
}

impl Server {
    fn new() -> Self {
        let mut server = Self::default();
        for n in 0..2 {
            let name = format!("Region {n}");
            let set = fields(&[("name", Some(&name)), ("area", Some("Coast")), ("status", Some("ACTIVE"))]);
            server.run(&[Change::insert(Key::region(region(n)), set)]);
        }
        for n in 0..4u128 {
            let (name, email, home) = (format!("user_{n}"), format!("u{n}@flyos.mil"), region(n).to_string());
            let role = if n == 0 { Role::MainHq } else { Role::Operator };
            let set = fields(&[
                ("username", Some(&name)),
                ("full_name", Some("Somebody")),
                ("email", Some(&email)),
                ("role", Some(role.as_str())),
                ("region_id", Some(&home)),
                ("status", Some("ACTIVE")),
            ]);
            server.run(&[Change::insert(Key::user(user(n)), set)]);
        }
        for n in 0..4u128 {
            let home = region(n).to_string();
            let set = fields(&[
                ("model", Some("FlyOS_MQ7")),
                ("status", Some("ACTIVE")),
                ("region_id", Some(&home)),
                ("operator_id", None),
            ]);
            server.run(&[Change::insert(Key::drone(&drone(n)), set)]);
        }
        server
    }

    /// Carries changes out; gives the versions of the rows they touched, or nothing.
    fn run(&mut self, changes: &[Change]) -> Option<Vec<Seen>> {
        let steps = rules::carry_out(&mut self.world, None, changes).ok()?;
        let mut seen = Vec::new();
        for change in steps.iter().flat_map(rules::in_order) {
            self.clock += 1;
            self.versions.insert(change.key.clone(), self.clock);
            seen.push(Seen { key: change.key.clone(), v: self.clock });
        }
        Some(seen)
    }

    /// Everything newer than a version, as a pull brings it.
    fn since(&self, version: u64) -> Vec<Pulled> {
        let newer = self.versions.iter().filter(|(_, v)| **v > version);
        let pulled = newer.map(|(key, v)| Pulled {
            key: key.clone(),
            v: *v,
            row: self.world.get(key).map(|record| (record.fields(), vec!["*".to_owned()])),
            deleted: !self.world.has(key),
        });
        pulled.collect()
    }
}

fn meta(server: &Server) -> Meta {
    let who = Who { uid: ME, user: ME, role: Role::MainHq, region: None };
    Meta {
        cursor: Some(serde_json::json!(server.clock)),
        as_of: Some(Stamp(1)),
        who: Some(who),
        ..Meta::default()
    }
}

/// What can happen, in any order.
#[derive(Clone, Debug)]
enum Happening {
    Edit(Intent),
    /// The oldest waiting edit is frozen.
    Freeze,
    /// A frozen edit gets its result: applied by the server where it can be, else a decision is needed.
    Result {
        conflict: bool,
    },
    /// A pull begins and drains.
    Pull,
    /// Somebody else changes something.
    Other(Intent),
    Discard,
    Retry,
}

fn wish() -> impl Strategy<Value = Intent> {
    let n = 0u128..8;
    prop_oneof![
        (n.clone(), prop::sample::select(vec!["ACTIVE", "STANDBY", "OFFLINE"])).prop_map(|(d, s)| {
            Intent::Update { key: Key::drone(&drone(d)), set: fields(&[("status", Some(s))]) }
        }),
        (n.clone(), n.clone()).prop_map(|(d, u)| Intent::Assign { drone: drone(d), user: user(u) }),
        (n.clone(), n.clone()).prop_map(|(d, u)| Intent::Unassign { drone: drone(d), user: user(u) }),
        (n.clone(), n.clone()).prop_map(|(d, r)| Intent::Update {
            key: Key::drone(&drone(d)),
            set: fields(&[("region_id", Some(&region(r).to_string()))])
        }),
        n.clone().prop_map(|d| Intent::Delete { key: Key::drone(&drone(d)) }),
        n.prop_map(|d| Intent::Create {
            key: Key::drone(&drone(d)),
            fields: fields(&[("model", Some("FlyOS_MQ9")), ("status", Some("STANDBY"))])
        }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => wish().prop_map(Happening::Edit),
        2 => Just(Happening::Freeze),
        3 => any::<bool>().prop_map(|conflict| Happening::Result { conflict }),
        2 => Just(Happening::Pull),
        2 => wish().prop_map(Happening::Other),
        1 => Just(Happening::Discard),
        1 => Just(Happening::Retry),
    ]
}

/// A device: its replica, and what its disk has.
#[derive(Default)]
struct Device {
    replica: Replica,
    journal: Vec<(u64, Entry)>,
    cache: std::collections::BTreeMap<Key, CachedRow>,
    meta: Meta,
    pulled: u64,
}

impl Device {
    fn loaded(server: &Server) -> Self {
        let mut device = Self::default();
        device.pull(server);
        device
    }

    fn note(&mut self, entry: Entry) {
        let seq = self.journal.last().map_or(1, |(seq, _)| seq + 1);
        self.replica.enter(seq, std::slice::from_ref(&entry));
        self.journal.push((seq, entry));
    }

    fn pull(&mut self, server: &Server) {
        let number = self.replica.begin_pull();
        let page = server.since(self.pulled);
        self.pulled = server.clock;
        self.meta = Meta { applied_seq: self.meta.applied_seq, ..meta(server) };
        let taken = self.replica.take_page(page, self.meta.clone(), Some(number));
        for (key, row) in taken.writes {
            match row {
                Some(row) => drop(self.cache.insert(key, row)),
                None => drop(self.cache.remove(&key)),
            }
        }
        for edit in taken.settled {
            let seq = self.journal.last().map_or(1, |(seq, _)| seq + 1);
            self.journal.push((seq, Entry::Settled { edit }));
            self.meta.applied_seq = seq;
        }
    }

    fn restarted(&self) -> Replica {
        let mut replica = Replica::default();
        for (key, row) in &self.cache {
            replica.restore(key, row.clone());
        }
        replica.replay(self.meta.clone(), &self.journal);
        replica
    }

    fn first(&self, test: impl Fn(&Fate) -> bool) -> Option<(u64, Vec<Change>)> {
        let found = self.replica.outbox().find(|pending| test(&pending.fate) && !pending.blocked)?;
        Some((found.seq, found.edit.changes.clone()))
    }

    fn happens(&mut self, server: &mut Server, happening: Happening) {
        match happening {
            Happening::Edit(wish) => {
                let actor = Actor { user: ME, role: Role::MainHq, region: None };
                let Ok(changes) = intent::plan(self.replica.view(), &wish) else { return };
                if changes.is_empty() || self.replica.try_out(&actor, &changes).is_err() {
                    return;
                }
                let edit = Edit { op: Uuid::nil(), by: ME, at: Stamp(0), reason: None, changes, drops: None };
                self.note(Entry::Edit(edit));
            }
            Happening::Freeze => {
                if let Some((edit, changes)) = self.first(|fate| *fate == Fate::Waiting) {
                    self.note(Entry::Sent { edit, ids: changes.iter().map(|_| Uuid::nil()).collect() });
                }
            }
            Happening::Result { conflict } => {
                let Some((edit, changes)) = self.first(|fate| *fate == Fate::Sent) else { return };
                let applied = if conflict { None } else { server.run(&changes) };
                self.note(match applied {
                    Some(v) => Entry::Ack { edit, v },
                    None => Entry::Rejected {
                        edit,
                        change: 0,
                        reason: Reason::Invalid,
                        field: None,
                        message: "no".to_owned(),
                    },
                });
            }
            Happening::Pull => self.pull(server),
            Happening::Other(wish) => {
                if let Ok(changes) = intent::plan(&server.world, &wish) {
                    server.run(&changes);
                }
            }
            Happening::Discard => {
                if let Some((edit, _)) = self.first(Fate::needs_you) {
                    self.note(Entry::Discarded { edit });
                }
            }
            Happening::Retry => {
                if let Some((edit, _)) = self.first(Fate::needs_you) {
                    self.note(Entry::Unsent { edit });
                }
            }
        }
    }
}

fn same(live: &Replica, read: &Replica) -> Result<(), TestCaseError> {
    prop_assert_eq!(live.view(), read.view());
    let states = |replica: &Replica| -> Vec<_> {
        replica
            .outbox()
            .map(|p| (p.seq, p.blocked, p.fate.is_unsent(), p.fate.needs_you(), p.touched.clone()))
            .collect()
    };
    prop_assert_eq!(states(live), states(read));
    for kind in Kind::ALL {
        for key in live.view().keys(kind) {
            let about = |replica: &Replica| replica.edits_of(&key).map(|p| p.seq).collect::<Vec<_>>();
            prop_assert_eq!(about(live), about(read));
            prop_assert_eq!(live.base_row(&key), read.base_row(&key));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn live_and_restarted_are_the_same(script in prop::collection::vec(happening(), 1..60)) {
        let mut server = Server::new();
        let mut device = Device::loaded(&server);
        let mut saved = 0;
        let mut let_go = 0;
        for happening in script {
            device.happens(&mut server, happening);
            same(&device.replica, &device.restarted())?;
            let edits = device.journal.iter().filter(|(_, entry)| matches!(entry, Entry::Edit(_))).count();
            prop_assert!(edits >= saved);
            saved = edits;
        }
        // Everything is sent or decided; then two pulls: what is shown is what the server has.
        for _ in 0..200 {
            device.happens(&mut server, Happening::Freeze);
            device.happens(&mut server, Happening::Result { conflict: false });
            if device.first(Fate::needs_you).is_some() {
                let_go += 1;
                device.happens(&mut server, Happening::Discard);
            }
        }
        device.pull(&server);
        device.pull(&server);
        prop_assert_eq!(device.replica.outbox().count(), 0, "{} were let go", let_go);
        let shown: Vec<Option<Record>> = Kind::ALL
            .into_iter()
            .flat_map(|kind| server.world.keys(kind))
            .map(|key| device.replica.view().get(&key))
            .collect();
        let there: Vec<Option<Record>> = Kind::ALL
            .into_iter()
            .flat_map(|kind| server.world.keys(kind))
            .map(|key| server.world.get(&key))
            .collect();
        prop_assert_eq!(shown, there);
        for kind in Kind::ALL {
            prop_assert_eq!(device.replica.view().count(kind), server.world.count(kind));
        }
    }
}

#[test]
fn an_edit_waits_only_behind_what_it_builds_on() {
    let server = Server::new();
    let mut device = Device::loaded(&server);
    let edit = |device: &mut Device, wish: Intent| {
        let changes = intent::plan(device.replica.view(), &wish).expect("a plan");
        device.note(Entry::Edit(Edit {
            op: Uuid::nil(),
            by: ME,
            at: Stamp(0),
            reason: None,
            changes,
            drops: None,
        }));
    };
    let new = Key::user(Uuid::from_u128(0x999));
    let home = region(0).to_string();
    let person = fields(&[
        ("username", Some("user_1")),
        ("full_name", Some("A Twin")),
        ("email", Some("twin@flyos.mil")),
        ("role", Some("OPERATOR")),
        ("region_id", Some(&home)),
        ("status", Some("ACTIVE")),
    ]);
    edit(&mut device, Intent::Create { key: new.clone(), fields: person });
    edit(&mut device, Intent::Assign { drone: drone(0), user: new.uuid().expect("a uuid") });
    edit(
        &mut device,
        Intent::Update { key: Key::drone(&drone(0)), set: fields(&[("status", Some("OFFLINE"))]) },
    );
    edit(
        &mut device,
        Intent::Update { key: Key::drone(&drone(1)), set: fields(&[("status", Some("OFFLINE"))]) },
    );
    let reject = |edit| Entry::Rejected {
        edit,
        change: 0,
        reason: Reason::Unique,
        field: None,
        message: String::new(),
    };
    device.note(reject(1));
    let free: Vec<u64> = device.replica.to_send(10, &|_| false).iter().map(|pending| pending.seq).collect();
    assert_eq!(free, [4], "the assignment builds on the user, the status on the drone it touches");
    device.note(Entry::Discarded { edit: 1 });
    assert_eq!(device.replica.to_send(10, &|_| false).len(), 3);
}

/// A crash takes the newest batches of the cache with it, while the journal keeps all that it was given.
#[test]
fn what_got_in_is_shown_on_an_older_cache_as_well() {
    let mut server = Server::new();
    let mut device = Device::loaded(&server);
    let status =
        |replica: &Replica, n| replica.view().get(&Key::drone(&drone(n))).and_then(|row| row.get("status"));
    let wish =
        |n, status| Intent::Update { key: Key::drone(&drone(n)), set: fields(&[("status", Some(status))]) };
    device.happens(&mut server, Happening::Edit(wish(0, "OFFLINE")));
    device.happens(&mut server, Happening::Edit(Intent::Delete { key: Key::drone(&drone(1)) }));
    for _ in 0..2 {
        device.happens(&mut server, Happening::Freeze);
        device.happens(&mut server, Happening::Result { conflict: false });
    }
    let (cache, before) = (device.cache.clone(), device.meta.clone());
    device.pull(&server);
    assert_eq!(device.replica.outbox().count(), 0, "all is in");
    assert_eq!(device.restarted().outbox().count(), 0, "and a whole cache has it");

    (device.cache, device.meta) = (cache, before);
    let mut older = device.restarted();
    assert_eq!(status(&older, 0).as_deref(), Some("OFFLINE"), "not what was before");
    assert_eq!(status(&older, 1), None, "not what was deleted");
    assert!(older.to_send(10, &|_| false).is_empty(), "nothing is sent again");
    let number = older.begin_pull();
    older.take_page(server.since(0), meta(&server), Some(number));
    assert_eq!(older.outbox().count(), 0);
    assert_eq!(status(&older, 0).as_deref(), Some("OFFLINE"));
}

/// The pull that brings what the conflict told of comes before the decision, after it, or brings something newer still.
#[test]
fn a_decision_is_based_on_what_the_person_was_told() {
    let status = |change: &Change| match &change.op {
        Op::Update { base, set } => {
            (base.get("status").cloned().flatten(), set.get("status").cloned().flatten())
        }
        other => unreachable!("{other:?}"),
    };
    let wish =
        |status| Intent::Update { key: Key::drone(&drone(0)), set: fields(&[("status", Some(status))]) };
    for pulled in [None, Some("STANDBY"), Some("MAINTENANCE")] {
        let mut server = Server::new();
        let mut device = Device::loaded(&server);
        device.happens(&mut server, Happening::Edit(wish("OFFLINE")));
        device.happens(&mut server, Happening::Freeze);
        device.happens(&mut server, Happening::Edit(wish("MAINTENANCE")));
        let value = |text: &str| Some(text.to_owned());
        let clash = Clash { base: value("ACTIVE"), mine: value("OFFLINE"), theirs: value("STANDBY") };
        device.note(Entry::Conflict {
            edit: 1,
            change: 0,
            fields: [("status".to_owned(), clash)].into(),
            drops: Vec::new(),
            by: None,
            at: None,
        });
        if let Some(theirs) = pulled {
            device.happens(&mut server, Happening::Other(wish(theirs)));
            device.pull(&server);
        }
        let entries = device.replica.settle(1, &Settle::Mine).expect("a conflict can be settled");
        let [Entry::Rewritten { edit: 1, changes, .. }] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(status(&changes[0]), (value("STANDBY"), value("OFFLINE")), "after {pulled:?}");
        let entries = device.replica.settle(1, &Settle::Theirs).expect("a conflict can be settled");
        let [Entry::Discarded { edit: 1 }, Entry::Rewritten { edit: 3, changes, .. }] = &entries[..] else {
            panic!("{entries:?}")
        };
        assert_eq!(status(&changes[0]), (value("STANDBY"), value("MAINTENANCE")), "after {pulled:?}");
    }
}

//! The domain's promises, held by random sequences: whatever people are allowed to do, the relation rules
//! hold; what was done can be taken back exactly; who sees a row by policy sees it by scopes. And the policy
//! matrix, as a table that is reviewed when it changes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "common/cases/mod.rs"]
mod cases;

use std::fmt::Write as _;

use flyos::domain::policy::{self, TABLE};
use flyos::domain::{
    Actor, Change, Fields, Intent, Key, Kind, Reason, Record, Role, Stamp, World, intent, rules, scope, undo,
};
use proptest::prelude::*;
use uuid::Uuid;

const REGIONS: u128 = 3;
const USERS: u128 = 6;
const DRONES: u128 = 5;

fn region(n: u128) -> Uuid {
    Uuid::from_u128(0x100 + n % REGIONS)
}

fn user(n: u128) -> Uuid {
    Uuid::from_u128(0x200 + n % USERS)
}

fn drone(n: u128) -> String {
    format!("drone-{}", n % DRONES)
}

fn fields(pairs: &[(&str, Option<String>)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "a column's value is an option")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Two headquarters people, two commanders, two operators, three regions, five drones.
fn start() -> World {
    let mut world = World::default();
    let mut make = |key: Key, set: Fields| {
        rules::carry_out(&mut world, None, &[Change::insert(key, set)]).expect("the start is sound");
    };
    for n in 0..REGIONS {
        let name = format!("Region {n}");
        let set = fields(&[
            ("name", Some(name)),
            ("area", some("Coast")),
            ("commander_name", None),
            ("status", some("ACTIVE")),
        ]);
        make(Key::region(region(n)), set);
    }
    for n in 0..USERS {
        let role = Role::ALL[usize::try_from(n / 2).unwrap()];
        let home = (role != Role::MainHq).then(|| region(n).to_string());
        let set = fields(&[
            ("username", Some(format!("user_{n}"))),
            ("full_name", some("Somebody")),
            ("email", Some(format!("u{n}@flyos.mil"))),
            ("role", some(role.as_str())),
            ("region_id", home),
            ("status", some("ACTIVE")),
        ]);
        make(Key::user(user(n)), set);
    }
    for n in 0..DRONES {
        let home = (n != 4).then(|| region(n).to_string());
        let set = fields(&[
            ("model", some("FlyOS_MQ7")),
            ("status", some("ACTIVE")),
            ("region_id", home),
            ("operator_id", None),
        ]);
        make(Key::drone(&drone(n)), set);
    }
    world
}

/// What a person may try: sensible and senseless alike.
fn wish() -> impl Strategy<Value = Intent> {
    let n = 0u128..12;
    let maybe_region = prop_oneof![Just(None), (0u128..REGIONS).prop_map(|n| Some(region(n).to_string()))];
    let status = prop::sample::select(vec!["ACTIVE", "INACTIVE"]);
    prop_oneof![
        (n.clone(), n.clone()).prop_map(|(d, u)| Intent::Assign { drone: drone(d), user: user(u) }),
        (n.clone(), n.clone()).prop_map(|(d, u)| Intent::Unassign { drone: drone(d), user: user(u) }),
        (n.clone(), prop::option::of(n.clone()))
            .prop_map(|(d, u)| Intent::SetOperator { drone: drone(d), user: u.map(user) }),
        (n.clone(), maybe_region.clone(), prop::option::of(n.clone())).prop_map(|(d, r, u)| Intent::Update {
            key: Key::drone(&drone(d)),
            set: fields(&[("region_id", r), ("operator_id", u.map(|u| user(u).to_string()))]),
        }),
        (n.clone(), prop::sample::select(vec!["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE", "LOST"]))
            .prop_map(|(d, s)| Intent::Update {
                key: Key::drone(&drone(d)),
                set: fields(&[("status", some(s))])
            }),
        (n.clone(), maybe_region, status.clone(), prop::sample::select(Role::TEXTS)).prop_map(
            |(u, r, s, role)| {
                Intent::Update {
                    key: Key::user(user(u)),
                    set: fields(&[("region_id", r), ("status", some(s)), ("role", some(role))]),
                }
            }
        ),
        (n.clone(), n.clone()).prop_map(|(u, name)| Intent::Update {
            key: Key::user(user(u)),
            set: fields(&[("username", Some(format!("USER_{name}"))), ("full_name", some("Another"))]),
        }),
        (n.clone(), status).prop_map(|(r, s)| Intent::Update {
            key: Key::region(region(r)),
            set: fields(&[("status", some(s))])
        }),
        n.clone().prop_map(|r| Intent::Delete { key: Key::region(region(r)) }),
        n.clone().prop_map(|u| Intent::Delete { key: Key::user(user(u)) }),
        n.clone().prop_map(|d| Intent::Delete { key: Key::drone(&drone(d)) }),
        (n.clone(), n.clone(), prop::option::of(n.clone())).prop_map(|(d, r, u)| Intent::Create {
            key: Key::drone(&drone(d)),
            fields: fields(&[
                ("model", some("FlyOS_MQ9")),
                ("status", some("STANDBY")),
                ("region_id", Some(region(r).to_string())),
                ("operator_id", u.map(|u| user(u).to_string())),
            ]),
        }),
        (n.clone(), n.clone()).prop_map(|(u, r)| Intent::Create {
            key: Key::user(user(u)),
            fields: fields(&[
                ("username", Some(format!("user_{u}"))),
                ("full_name", some("New")),
                ("email", Some(format!("u{u}@flyos.mil"))),
                ("role", some("OPERATOR")),
                ("region_id", Some(region(r).to_string())),
                ("status", some("ACTIVE")),
            ]),
        }),
        n.prop_map(|r| Intent::Create {
            key: Key::region(region(r)),
            fields: fields(&[
                ("name", Some(format!("region {r}"))),
                ("area", some("Hills")),
                ("status", some("ACTIVE"))
            ]),
        }),
    ]
}

fn actor_of(world: &World, n: u128) -> Option<Actor> {
    world.user(user(n)).and_then(Actor::of)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever anybody is allowed to do, the rules hold after it, and all of it can be taken back.
    #[test]
    fn the_rules_hold_after_any_sequence(script in prop::collection::vec((0u128..USERS, wish()), 1..60)) {
        let mut world = start();
        for (who, wish) in script {
            let before = world.clone();
            let Some(actor) = actor_of(&world, who) else { continue };
            let Ok(changes) = intent::plan(&world, &wish) else { continue };
            match rules::carry_out(&mut world, Some(&actor), &changes) {
                Err(_) => prop_assert_eq!(&world, &before, "a refusal changes nothing: {:?}", wish),
                Ok(steps) => {
                    prop_assert_eq!(rules::broken(&world), Vec::<String>::new(), "after {:?}", wish);
                    prop_assert!(world.main_hq_active_count() > 0, "after {:?}", wish);
                    let mut back = world.clone();
                    rules::take_back_steps(&mut back, &steps);
                    prop_assert_eq!(&back, &before, "taking back {:?}", wish);
                }
            }
        }
    }

    /// Each single change, applied and inverted, leaves the rows as they were.
    #[test]
    fn apply_then_invert_is_the_identity(script in prop::collection::vec(wish(), 1..40)) {
        let mut world = start();
        for wish in script {
            let Ok(changes) = intent::plan(&world, &wish) else { continue };
            for change in changes {
                let before = world.clone();
                if change.apply(&mut world).is_err() {
                    prop_assert_eq!(&world, &before);
                    continue;
                }
                let mut back = world.clone();
                prop_assert_eq!(change.invert().apply(&mut back), Ok(()));
                prop_assert_eq!(&back, &before, "{:?}", change);
                let twice = change.invert().invert();
                prop_assert_eq!(twice.set(), change.set());
            }
        }
    }

    /// What somebody did is undone by ordinary changes, judged as any are: the rows are as before, cascades included.
    /// And what undid it is undone the same way.
    #[test]
    fn undo_brings_back_the_rows(script in prop::collection::vec((0u128..USERS, wish()), 1..60)) {
        let mut world = start();
        for (who, wish) in script {
            let before = world.clone();
            let Some(actor) = actor_of(&world, who) else { continue };
            let Ok(changes) = intent::plan(&world, &wish) else { continue };
            let Ok(steps) = rules::carry_out(&mut world, Some(&actor), &changes) else { continue };
            let after = world.clone();
            let Some(actor) = actor_of(&world, who) else { continue };
            let undone = undo::undo(&mut world, &actor, &steps);
            prop_assert_eq!(&world, &after, "undo only plans");
            let Ok(back) = undone else { continue };
            let back_steps = rules::carry_out(&mut world, Some(&actor), &back).expect("it was judged");
            prop_assert_eq!(cases::unstamped(&world), cases::unstamped(&before), "undoing {:?}", wish);
            let Some(actor) = actor_of(&world, who) else { continue };
            if let Ok(again) = undo::undo(&mut world, &actor, &back_steps) {
                rules::carry_out(&mut world, Some(&actor), &again).expect("it was judged");
                prop_assert_eq!(cases::unstamped(&world), cases::unstamped(&after), "redoing {:?}", wish);
            }
        }
    }

    /// Policy and scopes say the same of who sees what.
    #[test]
    fn sight_by_policy_is_sight_by_scopes(script in prop::collection::vec(wish(), 1..40)) {
        let mut world = start();
        for wish in script {
            if let Ok(changes) = intent::plan(&world, &wish) {
                drop(rules::carry_out(&mut world, None, &changes));
            }
        }
        for n in 0..USERS {
            let Some(actor) = actor_of(&world, n) else { continue };
            let mine = scope::of_actor(&actor);
            for kind in Kind::ALL {
                for key in world.keys(kind) {
                    let record = world.get(&key).expect("a key of the world");
                    let (by_policy, by_scope) =
                        (policy::may_see(&actor, &world, &record), scope::meet(&mine, &scope::of_row(&world, &record)));
                    prop_assert_eq!(by_policy, by_scope, "{:?} {:?}", actor, key);
                }
            }
        }
    }

    /// What nobody is allowed is refused whatever the rows: an operator changes only a status of an own
    /// drone, and the own name.
    #[test]
    fn an_operator_reaches_no_further(script in prop::collection::vec(wish(), 1..60)) {
        let mut world = start();
        for wish in script {
            let Some(actor) = actor_of(&world, 5) else { break };
            let Ok(changes) = intent::plan(&world, &wish) else { continue };
            let own = |id: &str| {
                world.assignment(actor.user, id).is_some()
                    || world.drone(id).is_some_and(|drone| drone.operator_id == Some(actor.user))
            };
            let allowed = changes.iter().all(|change| match (change.key.kind, change.set()) {
                (Kind::Drone, Some(set)) => set.keys().all(|name| name == "status") && own(&change.key.pk),
                (Kind::User, Some(set)) => {
                    set.keys().all(|name| name == "full_name") && change.key == Key::user(actor.user)
                }
                _ => false,
            });
            let result = rules::carry_out(&mut world.clone(), Some(&actor), &changes);
            if actor.role == Role::Operator && !allowed {
                prop_assert!(result.is_err(), "{:?}", wish);
            }
            drop(rules::carry_out(&mut world, None, &changes));
        }
    }
}

/// A name, what was done before, what is tried, and what comes of it.
type Case = (&'static str, Vec<Intent>, Intent, Result<(), (Reason, &'static str)>);

#[test]
fn relation_rules_by_table() {
    let hq = |world: &World| actor_of(world, 0).expect("headquarters");
    let update =
        |key: Key, name: &str, value: Option<String>| Intent::Update { key, set: fields(&[(name, value)]) };
    let cases: Vec<Case> = vec![
        ("assign in the region", vec![], Intent::Assign { drone: drone(1), user: user(4) }, Ok(())),
        (
            "assign from another region",
            vec![],
            Intent::Assign { drone: drone(0), user: user(4) },
            Err((Reason::Invalid, "user_id")),
        ),
        (
            "assign where there is no region",
            vec![],
            Intent::Assign { drone: drone(4), user: user(4) },
            Ok(()),
        ),
        (
            "assign somebody INACTIVE",
            vec![update(Key::user(user(4)), "status", some("INACTIVE"))],
            Intent::Assign { drone: drone(1), user: user(4) },
            Err((Reason::Invalid, "user_id")),
        ),
        (
            "move into an INACTIVE region",
            vec![update(Key::region(region(2)), "status", some("INACTIVE"))],
            update(Key::drone(&drone(0)), "region_id", Some(region(2).to_string())),
            Err((Reason::Invalid, "region_id")),
        ),
        (
            "a username in other case",
            vec![],
            update(Key::user(user(4)), "username", some("USER_1")),
            Err((Reason::Unique, "username")),
        ),
        (
            "one's own username in other case",
            vec![],
            update(Key::user(user(4)), "username", some("USER_4")),
            Ok(()),
        ),
        (
            "a drone id in other case",
            vec![],
            Intent::Create {
                key: Key::drone("DRONE-1"),
                fields: fields(&[("model", some("FlyOS_MQ5")), ("status", some("ACTIVE"))]),
            },
            Err((Reason::Unique, "id")),
        ),
        (
            "a region that is not there",
            vec![],
            update(Key::user(user(4)), "region_id", Some(Uuid::from_u128(9).to_string())),
            Err((Reason::Reference, "region_id")),
        ),
        (
            "demote the last headquarters user",
            vec![Intent::Delete { key: Key::user(user(1)) }],
            update(Key::user(user(0)), "role", some("OPERATOR")),
            Err((Reason::Invalid, "role")),
        ),
        (
            "delete the last headquarters user",
            vec![Intent::Delete { key: Key::user(user(1)) }],
            Intent::Delete { key: Key::user(user(0)) },
            Err((Reason::Invalid, "status")),
        ),
        (
            "a name that is blank",
            vec![],
            update(Key::region(region(0)), "name", some("   ")),
            Err((Reason::Invalid, "name")),
        ),
        (
            "the server's column",
            vec![],
            update(Key::user(user(4)), "auth_user_id", Some(user(4).to_string())),
            Err((Reason::Invalid, "auth_user_id")),
        ),
    ];
    for (name, before, wish, expected) in cases {
        let mut world = start();
        let actor = hq(&world);
        let run = |world: &mut World, wish: &Intent| {
            intent::plan(world, wish).and_then(|changes| rules::carry_out(world, Some(&actor), &changes))
        };
        for wish in before {
            run(&mut world, &wish).expect(name);
        }
        let result = run(&mut world, &wish).map(drop);
        let found = match &result {
            Ok(()) => Ok(()),
            Err(refusal) => Err((refusal.reason, refusal.field.as_deref().unwrap_or(""))),
        };
        assert_eq!(found, expected, "{name}: {result:?}");
    }
}

#[test]
fn a_move_and_a_deletion_are_undone_whole_and_what_moved_on_is_left_alone() {
    let start = cases::initial();
    let actor = start
        .users()
        .find(|user| *user.email == *"main@flyos.mil")
        .and_then(Actor::of)
        .expect("headquarters");
    let named = |name: &str| start.users().find(|user| *user.username == *name).expect("somebody").id;
    let western = start.regions().find(|region| *region.name == *"Western").expect("a region").id;
    let moves = |key: Key| Intent::Update { key, set: fields(&[("region_id", Some(western.to_string()))]) };
    let wishes = [
        moves(Key::drone("drone-008")),
        moves(Key::user(named("a_lindqvist"))),
        Intent::Delete { key: Key::drone("drone-008") },
        Intent::Delete { key: Key::user(named("a_lindqvist")) },
        Intent::Delete { key: Key::region(western) },
        Intent::Unassign { drone: "drone-008".into(), user: named("a_lindqvist") },
        Intent::Assign { drone: "drone-007".into(), user: named("a_lindqvist") },
    ];
    for wish in wishes {
        let mut world = start.clone();
        let changes = intent::plan(&world, &wish).expect("a plan");
        let steps = rules::carry_out(&mut world, Some(&actor), &changes).expect("it is allowed");
        assert_ne!(cases::unstamped(&world), cases::unstamped(&start), "{wish:?}");
        let back = undo::undo(&mut world, &actor, &steps).expect("it can be undone");
        rules::carry_out(&mut world, Some(&actor), &back).expect("it was judged");
        assert_eq!(cases::unstamped(&world), cases::unstamped(&start), "undoing {wish:?}");
    }
    let mut world = start.clone();
    let set = |status: &str| Intent::Update {
        key: Key::drone("drone-001"),
        set: fields(&[("status", some(status))]),
    };
    let mut run = |wish: &Intent| {
        let changes = intent::plan(&world, wish).expect("a plan");
        rules::carry_out(&mut world, Some(&actor), &changes).expect("it is allowed")
    };
    let first = run(&set("STANDBY"));
    run(&set("OFFLINE"));
    let refusal = undo::undo(&mut world, &actor, &first).expect_err("somebody changed it since");
    assert!(refusal.message.contains("drone-001 was changed since"), "{refusal}");
}

#[test]
fn every_rule_holds_by_the_domain() {
    let start = cases::initial();
    let mut wrong = Vec::new();
    for case in cases::all() {
        let answer = cases::model::answer(&start, &case);
        let mut faults = case.faults(&answer);
        // A cascade's rows are those that the list names, where an edit stands alone.
        let then: Vec<_> = case.then.keys().cloned().collect();
        if let [effects] = &answer.effects[..]
            && *effects != then.iter().filter(|key| **key != case.edits[0].key()).cloned().collect::<Vec<_>>()
        {
            faults.push(format!("effects {effects:?}"));
        }
        if !faults.is_empty() {
            wrong.push((case.name, faults));
        }
    }
    cases::report("the domain", &wrong);
}

#[test]
fn policy_by_table() {
    let mut world = start();
    // Commander 2 (of region 2) and operator 5 (of region 2) both hold drone 4, which has no region; the
    // operator also holds drone 2, of the own region; drone 0 is of region 0.
    for (drone_of, user_of) in [(4, 2), (4, 5), (2, 5)] {
        let changes =
            intent::plan(&world, &Intent::Assign { drone: drone(drone_of), user: user(user_of) }).unwrap();
        rules::carry_out(&mut world, None, &changes).expect("sound");
    }
    let (hq, commander, operator) = (user(0), user(2), user(5));
    let status =
        |n| Intent::Update { key: Key::drone(&drone(n)), set: fields(&[("status", some("OFFLINE"))]) };
    let model =
        |n| Intent::Update { key: Key::drone(&drone(n)), set: fields(&[("model", some("FlyOS_MQ5"))]) };
    let name =
        |id| Intent::Update { key: Key::user(id), set: fields(&[("full_name", some("Another Name"))]) };
    let role = |id| Intent::Update { key: Key::user(id), set: fields(&[("role", some("MAIN_HQ"))]) };
    let cases = [
        (hq, status(0), true),
        (hq, model(0), true),
        (hq, role(operator), true),
        (commander, status(2), true),
        (commander, status(0), false), // another region
        (commander, status(4), false), // held, seen, but of no region
        (commander, model(2), false),
        (commander, Intent::Assign { drone: drone(2), user: commander }, true),
        (commander, Intent::Assign { drone: drone(4), user: commander }, false),
        (commander, Intent::Unassign { drone: drone(2), user: operator }, true),
        (commander, Intent::Unassign { drone: drone(4), user: operator }, false),
        (commander, name(commander), true),
        (commander, name(operator), false),
        (commander, role(commander), false),
        (commander, Intent::Delete { key: Key::drone(&drone(2)) }, false),
        (operator, status(2), true),
        (operator, status(4), true),
        (operator, status(1), false),
        (operator, Intent::Unassign { drone: drone(2), user: operator }, false),
        (operator, Intent::SetOperator { drone: drone(2), user: None }, false),
        (operator, name(operator), true),
        (operator, role(operator), false),
        (operator, Intent::Delete { key: Key::region(region(2)) }, false),
    ];
    for (who, wish, allowed) in cases {
        let actor = world.user(who).and_then(Actor::of).expect("active");
        let changes = intent::plan(&world, &wish).expect("a plan");
        let result = rules::carry_out(&mut world.clone(), Some(&actor), &changes);
        assert_eq!(result.is_ok(), allowed, "{} {wish:?}: {result:?}", actor.role);
        if let Err(refusal) = result {
            assert_eq!(refusal.reason, Reason::Forbidden, "{wish:?}");
        }
    }
    // Who is INACTIVE is nobody.
    let mut gone = world.user(operator).cloned().expect("there");
    gone.status = Some(flyos::domain::Status::Inactive);
    assert_eq!(Actor::of(&gone), None);
}

#[test]
fn cascades_by_table() {
    let mut world = start();
    let actor = actor_of(&world, 0).expect("headquarters");
    let run = |world: &mut World, wish: Intent| {
        let changes = intent::plan(world, &wish).expect("a plan");
        rules::carry_out(world, Some(&actor), &changes).expect("allowed").len()
    };
    // Assigning is two changes: the assignment and the post.
    assert_eq!(run(&mut world, Intent::Assign { drone: drone(1), user: user(4) }), 2);
    assert_eq!(world.drone(&drone(1)).and_then(|d| d.operator_id), Some(user(4)));
    // The operator goes when the assignment goes, not the other way round.
    run(&mut world, Intent::SetOperator { drone: drone(1), user: None });
    assert!(world.assignment(user(4), &drone(1)).is_some());
    assert_eq!(run(&mut world, Intent::SetOperator { drone: drone(1), user: Some(user(4)) }), 1);
    run(&mut world, Intent::Unassign { drone: drone(1), user: user(4) });
    assert_eq!(world.drone(&drone(1)).and_then(|d| d.operator_id), None);
    // A drone that moves loses who does not fit; one form may name who fits there.
    run(&mut world, Intent::Assign { drone: drone(1), user: user(4) });
    let there =
        fields(&[("region_id", Some(region(2).to_string())), ("operator_id", Some(user(5).to_string()))]);
    run(&mut world, Intent::Update { key: Key::drone(&drone(1)), set: there });
    assert_eq!(world.holders(&drone(1)).collect::<Vec<_>>(), [user(5)]);
    assert_eq!(world.drone(&drone(1)).and_then(|d| d.operator_id), Some(user(5)));
    // A region that is deleted leaves its people and drones, still holding each other.
    run(&mut world, Intent::Delete { key: Key::region(region(2)) });
    assert_eq!(world.user(user(5)).map(|u| u.region_id), Some(None));
    assert_eq!(world.holders(&drone(1)).collect::<Vec<_>>(), [user(5)]);
    // A user who is deleted lets go of everything.
    run(&mut world, Intent::Delete { key: Key::user(user(5)) });
    assert_eq!(world.holders(&drone(1)).count(), 0);
    assert_eq!(world.drone(&drone(1)).and_then(|d| d.operator_id), None);
}

#[test]
fn flawed_rows_are_judged_by_what_changes_alone() {
    let mut world = start();
    let mut row = world.get(&Key::user(user(4))).expect("there");
    row.put("role", &some("CAPTAIN"));
    row.put("username", &some("x"));
    world.put(row);
    let actor = actor_of(&world, 0).expect("headquarters");
    let mend = |world: &mut World, set: Fields| {
        let changes = intent::plan(world, &Intent::Update { key: Key::user(user(4)), set })?;
        rules::carry_out(world, Some(&actor), &changes).map(drop)
    };
    assert_eq!(mend(&mut world, fields(&[("full_name", some("Mended"))])), Ok(()));
    assert!(mend(&mut world, fields(&[("role", some("MAJOR"))])).is_err());
    assert_eq!(mend(&mut world, fields(&[("role", some("OPERATOR"))])), Ok(()));
    assert!(
        matches!(world.get(&Key::user(user(4))), Some(record @ Record::User(_)) if record.flaws() == ["username"])
    );
}

#[test]
fn the_address_of_an_account_changes_with_the_account() {
    let mut world = start();
    let mut row = world.get(&Key::user(user(4))).expect("there");
    row.put("auth_user_id", &some("0b8f4b1e-6f6e-4c62-8a0e-2f0c86d6f001"));
    world.put(row.clone());
    let actor = actor_of(&world, 0).expect("headquarters");
    let to = |world: &World, email: &str| {
        let set = fields(&[("email", some(email))]);
        let changes = intent::plan(world, &Intent::Update { key: Key::user(user(4)), set })?;
        rules::carry_out(&mut world.clone(), Some(&actor), &changes).map(drop)
    };
    let refusal = to(&world, "new@flyos.mil").expect_err("it is linked");
    assert_eq!((refusal.reason, refusal.field.as_deref()), (Reason::Invalid, Some("email")));
    assert_eq!(to(&world, "U4@flyos.mil"), Ok(()), "the same address");
    row.put("email", &None);
    world.put(row.clone());
    assert_eq!(to(&world, "new@flyos.mil"), Ok(()), "there is none yet");
    row.put("auth_user_id", &None);
    row.put("email", &some("u4@flyos.mil"));
    world.put(row);
    assert_eq!(to(&world, "new@flyos.mil"), Ok(()), "there is no account");
}

#[test]
fn stamps_are_the_servers() {
    let mut row = Record::new(&Key::drone("d")).expect("a key");
    rules::stamp(&mut row, true, Stamp(1_000_000));
    rules::stamp(&mut row, false, Stamp(2_000_000));
    assert_eq!(row.get("created_at").as_deref(), Some("1970-01-01T00:00:01+00:00"));
    assert_eq!(row.get("updated_at").as_deref(), Some("1970-01-01T00:00:02+00:00"));
}

#[test]
fn the_policy_matrix() {
    let mut text = format!("{:<45}{:<12}{:<13}{}\n", "", "MAIN_HQ", "REGIONAL_HQ", "OPERATOR");
    for (deed, main, regional, operator) in TABLE {
        writeln!(text, "{deed:<45}{main:<12}{regional:<13}{operator}").expect("a text takes it");
    }
    insta::assert_snapshot!("policy", text);
}

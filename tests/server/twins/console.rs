//! The whole console without its screen on each server: opening an account, the first load, edits and what becomes of
//! them, other people's edits, moves from region to region, loading anew. Without nudges: everything comes by asking.

use flyos::domain::{Change, Fields, Intent, Key, Kind};
use flyos::service::{Action, EditState, ErrorKind, Front, Link};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    EAST, MAIN, OPERATOR1, Postgres, Server, admin_update, drone, field, on_both, region_named, row,
    user_named,
};
use crate::door::{Address, Person, home};

on_both! {
    what_one_edits_the_others_see,
    edits_that_do_not_get_in_are_kept_and_shown,
    who_is_moved_sees_another_region,
    history_that_was_forgotten_is_loaded_anew,
    who_is_dismissed_may_do_nothing,
}

/// How often these consoles ask: nobody nudges them here.
const OFTEN_MS: u64 = 150;
/// So seldom that only what the test asks for happens.
const NEVER_MS: u64 = 600_000;

fn console(server: &impl Server, home: &TempDir, email: &str, poll_ms: u64) -> Person {
    let address = Address { url: server.url(), key: server.publishable_key() };
    Person::polling(home.path(), &address, poll_ms).synced(email)
}

/// The way to a server, which can be shut: what is edited then is decided on what was known before.
struct Way {
    url: String,
    open: watch::Sender<bool>,
}

impl Way {
    async fn to(server: &impl Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let behind = server.url().trim_start_matches("http://").to_owned();
        let (open, watched) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut watched, behind) = (watched.clone(), behind.clone());
                tokio::spawn(async move {
                    let pass = async {
                        let mut far = TcpStream::connect(behind).await?;
                        tokio::io::copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = pass => {}
                        _ = watched.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { url, open }
    }
}

fn now(person: &Person) {
    person.service.run(&person.service.ctx(Front::Test), Action::SyncNow).expect("it can be asked");
}

async fn what_one_edits_the_others_see(server: &impl Server) {
    let homes = [home(), home(), home()];
    let hq = console(server, &homes[0], MAIN, OFTEN_MS);
    let east = console(server, &homes[1], EAST, OFTEN_MS);
    let operator = console(server, &homes[2], OPERATOR1, OFTEN_MS);
    let drones = |person: &Person| person.labels(Kind::Drone, "");
    let world = server.world().await;
    assert_eq!(drones(&hq).len(), world.drones().count());
    assert!(drones(&hq).len() > drones(&east).len() && drones(&east).len() > drones(&operator).len());
    assert_eq!(operator.labels(Kind::User, ""), ["operator1"]);
    let mine = drone("drone-001");
    // Sent, confirmed, and on the others' screens.
    operator.set(mine.clone(), "status", "MAINTENANCE").expect("their own");
    operator.up_to_date();
    assert_eq!(field(server, &mine, "status").await, "MAINTENANCE");
    for person in [&hq, &east] {
        person
            .wait("the operator's edit", |_| person.field(&mine, "status").as_deref() == Some("MAINTENANCE"));
    }
    hq.set(mine.clone(), "model", "FlyOS_MQ9").expect("headquarters may");
    operator.wait("headquarters' edit", |_| operator.field(&mine, "model").as_deref() == Some("FlyOS_MQ9"));
    // A person and a drone are made, brought together, and seen by who may.
    let region = region_named(server, "Eastern").await.to_string();
    let user = Uuid::now_v7();
    let set = |pairs: &[(&str, &str)]| super::fields(pairs);
    let person = set(&[
        ("username", "p_rodman"),
        ("full_name", "Paul Rodman"),
        ("email", "p@flyos.mil"),
        ("role", "OPERATOR"),
        ("status", "ACTIVE"),
        ("region_id", &region),
    ]);
    hq.edit(Intent::Create { key: Key::user(user), fields: person }).expect("headquarters may");
    let fresh = set(&[("model", "FlyOS_MQ5"), ("status", "STANDBY"), ("region_id", &region)]);
    hq.edit(Intent::Create { key: drone("drone-900"), fields: fresh }).expect("headquarters may");
    east.wait("the new drone", |_| drones(&east).contains(&"drone-900".to_owned()));
    east.wait("the new person", |_| east.labels(Kind::User, "p_rodman").len() == 1);
    east.edit(Intent::Assign { drone: "drone-900".to_owned(), user }).expect("of the region");
    hq.wait("the operator", |_| hq.field(&drone("drone-900"), "operator_id") == Some(user.to_string()));
    // And taken away again, out of the operator's sight.
    let me = user_named(server, "operator1").await;
    east.edit(Intent::Unassign { drone: mine.pk.clone(), user: me }).expect("of the region");
    operator.wait("the drone gone", |_| !drones(&operator).contains(&mine.pk));
    // What the role may not do is refused before anything is saved.
    let denied = east.set(drone("drone-001"), "model", "FlyOS_MQ5").expect_err("not theirs to change");
    assert_eq!(denied.kind, ErrorKind::Denied);
    for person in [&hq, &east, &operator] {
        person.up_to_date();
    }
    assert_eq!(hq.labels(Kind::Drone, ""), drones(&hq));
}

async fn edits_that_do_not_get_in_are_kept_and_shown(server: &impl Server) {
    let home = home();
    let way = Way::to(server).await;
    let address = Address { url: way.url.clone(), key: server.publishable_key() };
    let hq = Person::polling(home.path(), &address, NEVER_MS).synced(MAIN);
    // Meanwhile, elsewhere, and this console has not heard of it.
    way.open.send_replace(false);
    admin_update(server, &drone("drone-006"), &[("status", "STANDBY")]).await;
    let person = |email: &str| {
        super::fields(&[
            ("username", "p_rodman"),
            ("full_name", "Paul Rodman"),
            ("email", email),
            ("role", "OPERATOR"),
            ("status", "ACTIVE"),
        ])
    };
    server.admin(&[Change::insert(Key::user(Uuid::now_v7()), person("a@flyos.mil"))]).await;
    server.admin(&[Change::delete(&row(server, &drone("drone-029")).await.expect("a drone"))]).await;
    let twin = Key::user(Uuid::now_v7());
    hq.edit(Intent::Create { key: twin.clone(), fields: person("b@flyos.mil") })
        .expect("it looks free from here");
    hq.set(drone("drone-006"), "status", "OFFLINE").expect("saved");
    hq.set(drone("drone-029"), "status", "OFFLINE").expect("saved");
    hq.set(drone("drone-007"), "status", "ACTIVE").expect("saved");
    way.open.send_replace(true);
    now(&hq);
    hq.wait("three decisions", |service| service.status().needs_you == 3);
    let lines = hq.service.outbox(&hq.service.ctx(Front::Test));
    let state = |key: &Key| &lines.iter().find(|line| line.key == *key).expect("it is kept").state;
    assert!(
        matches!(state(&drone("drone-006")), EditState::Conflict { fields, .. }
            if fields["status"].theirs.as_deref() == Some("STANDBY")),
        "{lines:?}"
    );
    assert!(
        matches!(state(&twin), EditState::Refused { field: Some(field), .. } if field == "username"),
        "{lines:?}"
    );
    assert_eq!(*state(&drone("drone-029")), EditState::Gone);
    // An unrelated edit is not held back.
    hq.wait("the others are in", |service| service.status().waiting == 0);
    assert_eq!(field(server, &drone("drone-007"), "status").await, "ACTIVE");
    assert_eq!(
        field(server, &drone("drone-006"), "status").await,
        "STANDBY",
        "theirs stands until somebody decides"
    );
}

async fn who_is_moved_sees_another_region(server: &impl Server) {
    let homes = [home(), home()];
    let east = console(server, &homes[0], EAST, OFTEN_MS);
    let operator = console(server, &homes[1], OPERATOR1, OFTEN_MS);
    let west = region_named(server, "Western").await;
    let western: Vec<String> = server.world().await.drones_of(west).map(str::to_owned).collect();
    for name in ["east_hq", "operator1"] {
        let key = Key::user(user_named(server, name).await);
        admin_update(server, &key, &[("region_id", &west.to_string())]).await;
    }
    east.wait("the western drones", |_| east.labels(Kind::Drone, "") == western);
    operator.wait("no eastern drones", |_| operator.labels(Kind::Drone, "") == ["drone-030"]);
    assert_eq!(operator.labels(Kind::Region, ""), ["Western"]);
    east.set(drone("drone-020"), "status", "OFFLINE").expect("of their region now");
    east.up_to_date();
    assert_eq!(field(server, &drone("drone-020"), "status").await, "OFFLINE");
    assert!(east.set(drone("drone-001"), "status", "OFFLINE").is_err(), "no more");
}

async fn history_that_was_forgotten_is_loaded_anew(server: &impl Server) {
    let home = home();
    let hq = console(server, &home, MAIN, NEVER_MS);
    server.admin(&[Change::delete(&row(server, &drone("drone-031")).await.expect("a drone"))]).await;
    server.forget_history().await;
    admin_update(server, &drone("drone-030"), &[("status", "OFFLINE")]).await;
    now(&hq);
    hq.wait("what changed", |_| hq.field(&drone("drone-030"), "status").as_deref() == Some("OFFLINE"));
    hq.wait("what went", |_| !hq.labels(Kind::Drone, "").contains(&"drone-031".to_owned()));
    hq.set(drone("drone-030"), "status", "ACTIVE").expect("saved");
    hq.up_to_date();
}

/// A restored backup or a clone tells itself by another epoch. Edits that only this console knows are kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_epoch_means_loading_anew() {
    let server = Postgres::start(0).await;
    let home = home();
    let hq = console(&server, &home, MAIN, NEVER_MS);
    hq.set(drone("drone-001"), "status", "OFFLINE").expect("saved");
    hq.up_to_date();
    // The backup knows nothing of that edit, and has rows of its own.
    server
        .run(
            "set session_replication_role = replica;
            update public.drones set status = 'ACTIVE' where id = 'drone-001';
            delete from public.drones where id = 'drone-031';
            update public.drones set status = 'MAINTENANCE' where id = 'drone-028';
            truncate sync.row_state, sync.scope_exit, sync.applied_op;
            update sync.meta set epoch = gen_random_uuid();
            set session_replication_role = origin;
            select sync.repair()",
        )
        .await;
    now(&hq);
    hq.wait("the backup's rows", |_| {
        hq.field(&drone("drone-028"), "status").as_deref() == Some("MAINTENANCE")
    });
    hq.wait("nothing more", |_| !hq.labels(Kind::Drone, "").contains(&"drone-031".to_owned()));
    hq.wait("online", |service| service.status().link == Link::Online);
}

async fn who_is_dismissed_may_do_nothing(server: &impl Server) {
    let home = home();
    let operator = console(server, &home, OPERATOR1, OFTEN_MS);
    let key = Key::user(user_named(server, "operator1").await);
    admin_update(server, &key, &[("status", "INACTIVE")]).await;
    operator.wait("inactive", |service| service.status().link == Link::Inactive);
    let denied = operator.set(drone("drone-001"), "status", "OFFLINE").expect_err("they may do nothing");
    assert_eq!(denied.kind, ErrorKind::Denied);
    let seen = Fields::new();
    let intent = Intent::Delete { key: drone("drone-001") };
    let action = Action::Edit { intent, reason: None, seen };
    assert!(operator.service.run(&operator.service.ctx(Front::Test), action).is_err());
}

//! The door over the real rooms and a training server on loopback: sign in, edit, sync, two consoles, faults,
//! restart. Only the clock of the key derivation is made cheap.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[path = "service/accounts.rs"]
mod accounts;
#[path = "service/activity.rs"]
mod activity;
#[path = "service/backup.rs"]
mod backup;
#[path = "service/beside.rs"]
mod beside;
#[path = "service/doctor.rs"]
mod doctor;
#[path = "common/door.rs"]
mod door;
#[path = "service/held.rs"]
mod held;
#[path = "service/lease.rs"]
mod lease;
#[path = "service/own.rs"]
mod own;
#[path = "service/read_only.rs"]
mod read_only;
#[path = "service/sealed.rs"]
mod sealed;
#[path = "service/settle.rs"]
mod settle;
#[path = "service/several.rs"]
mod several;
#[path = "service/taste.rs"]
mod taste;
#[path = "common/totp.rs"]
mod totp;
#[path = "service/transfer.rs"]
mod transfer;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use door::{Address, PASSWORD, PATIENCE, Person, home};
use flyos::domain::{Fields, Intent, Key, Kind, Stamp};
use flyos::sandbox::{Answer, Faults, Options, Sandbox};
use flyos::service::{Action, Clock, EditState, ErrorKind, Event, Front, Link, ListQuery, Traffic};

/// A wall clock that can be set, so many seconds from what it is.
#[derive(Clone, Default)]
struct Wall(Arc<AtomicI64>);

impl Wall {
    fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let ahead = Arc::clone(&self.0);
        Clock::from_fn(move || Stamp(Clock::system().now().0 + ahead.load(Ordering::SeqCst) * 1_000_000))
    }
}

/// Something to do with the server, on its thread.
type Ask = Box<dyn FnOnce(&Sandbox) + Send>;

/// A training server on a thread of its own.
struct Server {
    address: Address,
    faults: Faults,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    ask: std::sync::mpsc::Sender<Ask>,
}

impl Server {
    fn start() -> Self {
        let (told, started) = channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ask, asked) = channel::<Ask>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let sandbox = Sandbox::start(Options::default()).await.unwrap();
                told.send((sandbox.url(), sandbox.publishable_key(), sandbox.faults())).unwrap();
                let answering = async {
                    loop {
                        while let Ok(ask) = asked.try_recv() {
                            ask(&sandbox);
                        }
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                };
                tokio::select! { _ = stopped => {}, () = answering => {} }
                sandbox.shutdown().await;
            });
        });
        let (url, key, faults) = started.recv().unwrap();
        let address = Address { url, key };
        Self { address, faults, stop: Some(stop), thread: Some(thread), ask }
    }

    /// Cuts the line, or mends it; it is so when this returns.
    fn line(&self, up: bool) {
        self.faults.set_line_down(!up);
        while self.faults.is_line_down() == up {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Deletes everything but the profile of headquarters.
    fn empty(&self) {
        self.with(|sandbox| {
            let world = sandbox.with_world(Clone::clone);
            let keep = world.users().find(|user| *user.email == *"main@flyos.mil").unwrap().id;
            let kinds = [Kind::Drone, Kind::Region, Kind::User];
            let keys =
                kinds.into_iter().flat_map(|kind| world.keys(kind)).filter(|key| key.uuid() != Some(keep));
            for key in keys {
                let row = sandbox.with_world(|world| world.get(&key)).unwrap();
                sandbox.admin(&[flyos::domain::Change::delete(&row)]).unwrap();
            }
        });
    }

    /// A row of the truth, as text.
    fn row(&self, key: Key) -> String {
        self.with(move |sandbox| {
            sandbox.with_world(|world| format!("{:?}", world.get(&key).map(|row| row.fields())))
        })
    }

    fn with<T: Send + 'static>(&self, ask: impl FnOnce(&Sandbox) -> T + Send + 'static) -> T {
        let (tell, told) = channel();
        self.ask.send(Box::new(move |sandbox| tell.send(ask(sandbox)).unwrap())).unwrap();
        told.recv().unwrap()
    }
}

impl Deref for Server {
    type Target = Address;

    fn deref(&self) -> &Address {
        &self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[test]
fn each_role_sees_its_own_and_edits_reach_the_others() {
    let server = Server::start();
    let homes = [home(), home(), home()];
    let hq = Person::polling(homes[0].path(), &server, 600_000).synced("main@flyos.mil");
    let east = Person::polling(homes[1].path(), &server, 600_000).synced("east@flyos.mil");
    let operator = Person::polling(homes[2].path(), &server, 600_000).synced("operator1@flyos.mil");
    let (all, region, own) =
        (hq.labels(Kind::Drone, ""), east.labels(Kind::Drone, ""), operator.labels(Kind::Drone, ""));
    assert!(
        all.len() > region.len() && region.len() > own.len() && !own.is_empty(),
        "{all:?} {region:?} {own:?}"
    );
    assert_eq!(operator.labels(Kind::User, ""), ["operator1"]);

    let mine = Key::drone(&own[0]);
    let other =
        if operator.field(&mine, "status").as_deref() == Some("STANDBY") { "OFFLINE" } else { "STANDBY" };
    operator.set(mine.clone(), "status", other).unwrap();
    hq.wait("the operator's edit", |_| hq.field(&mine, "status").as_deref() == Some(other));
    east.wait("the operator's edit", |_| east.field(&mine, "status").as_deref() == Some(other));
    hq.set(mine.clone(), "status", "MAINTENANCE").unwrap();
    operator
        .wait("headquarters' edit", |_| operator.field(&mine, "status").as_deref() == Some("MAINTENANCE"));

    // What the role may not do is refused here, before anything is saved.
    let refused = operator.set(mine.clone(), "model", "FlyOS_MQ9").unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    let strange = all.iter().find(|id| !region.contains(id)).expect("a drone elsewhere");
    assert!(east.set(Key::drone(strange), "status", "OFFLINE").is_err());
    // A drone that is taken away leaves the operator's sight.
    let who = hq.labels(Kind::User, "username:operator1").len();
    assert_eq!(who, 1);
    let operator_id = hq.field(&mine, "operator_id").unwrap().parse().unwrap();
    hq.edit(Intent::Unassign { drone: mine.pk.clone(), user: operator_id }).unwrap();
    operator.wait("the drone gone", |_| !operator.labels(Kind::Drone, "").contains(&mine.pk));
    hq.up_to_date();
}

#[test]
fn an_edit_made_without_a_line_waits_survives_and_is_delivered_once() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, "operator1@flyos.mil");
    let drone = Key::drone(&person.labels(Kind::Drone, "")[0]);
    server.line(false);
    person.set(drone.clone(), "status", "OFFLINE").unwrap();
    person.set(drone.clone(), "status", "MAINTENANCE").unwrap();
    assert_eq!(person.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
    // One or two: where the first was not tried yet, the second joined it.
    person.wait("offline, waiting", |service| {
        let status = service.status();
        matches!(status.link, Link::Offline { .. }) && status.waiting > 0
    });
    let waiting = person.service.status().waiting;
    drop(person);

    // The next start knows the account, without a line; a wrong password does not open it.
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in("operator1@flyos.mil", "wrong password").unwrap_err().kind, ErrorKind::SignIn);
    assert_eq!(person.sign_in("operator1@flyos.mil", PASSWORD), Ok(true));
    assert_eq!(person.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
    assert_eq!(person.service.status().waiting, waiting);
    server.line(true);
    person.service.run(&person.service.ctx(Front::Test), Action::SyncNow).unwrap();
    person.up_to_date();
    assert!(server.row(drone.clone()).contains("MAINTENANCE"));
    assert_eq!(person.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
}

#[test]
fn a_lost_reply_is_asked_for_again_and_applied_once() {
    let server = Server::start();
    let (home, other) = (home(), home());
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    server.faults.lose_replies(1);
    let key = Key::drone("drone-new-1");
    let fields = [("model", "FlyOS_MQ5"), ("status", "STANDBY")];
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into();
    hq.edit(Intent::Create { key: key.clone(), fields }).unwrap();
    hq.up_to_date();
    let west = Person::in_sync(other.path(), &server, "main@flyos.mil");
    assert_eq!(west.labels(Kind::Drone, "drone-new"), ["drone-new-1"]);
}

#[test]
fn what_is_saved_after_a_hold_waits_whatever_was_asked_for_before_it() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let ctx = person.service.ctx(Front::Test);
    let drone = Key::drone("drone-001");
    for round in 0..40 {
        // The first of them is on its way still.
        person.service.submit(&ctx, Action::SyncNow);
        person.service.submit(&ctx, Action::Verify);
        person.service.run(&ctx, Action::SetTraffic { traffic: Traffic::Held }).unwrap();
        person.set(drone.clone(), "status", ["OFFLINE", "STANDBY"][round % 2]).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        let lines = person.service.outbox(&ctx);
        assert!(matches!(&lines[..], [line] if line.state == EditState::Waiting), "{round}: {lines:?}");
        person.service.run(&ctx, Action::SetTraffic { traffic: Traffic::Normal }).unwrap();
        person.up_to_date();
    }
}

#[test]
fn a_conflict_and_a_refusal_are_kept_and_shown() {
    let server = Server::start();
    let homes = [home(), home()];
    let hq = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
    let other = Person::in_sync(homes[1].path(), &server, "main@flyos.mil");
    let drone = Key::drone(&hq.labels(Kind::Drone, "status:ACTIVE")[0]);
    server.line(false);
    hq.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }));
    other.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }));
    // The other one holds its traffic, so that it comes second.
    let ask = |person: &Person, traffic| {
        person.service.run(&person.service.ctx(Front::Test), Action::SetTraffic { traffic })
    };
    ask(&other, Traffic::Held).unwrap();
    hq.set(drone.clone(), "status", "OFFLINE").unwrap();
    let user = Key::user(uuid::Uuid::now_v7());
    let person = |email: &str| -> Fields {
        [
            ("username", "p_rodman"),
            ("full_name", "Paul Rodman"),
            ("email", email),
            ("role", "OPERATOR"),
            ("status", "ACTIVE"),
        ]
        .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
        .into()
    };
    hq.edit(Intent::Create { key: user, fields: person("a@flyos.mil") }).unwrap();
    other.set(drone.clone(), "status", "STANDBY").unwrap();
    let twin = Key::user(uuid::Uuid::now_v7());
    other.edit(Intent::Create { key: twin.clone(), fields: person("b@flyos.mil") }).unwrap();
    server.line(true);
    hq.service.run(&hq.service.ctx(Front::Test), Action::SyncNow).unwrap();
    hq.up_to_date();
    assert_eq!(other.service.status().waiting, 2, "what is held does not go out");
    other.service.run(&other.service.ctx(Front::Test), Action::SyncNow).unwrap();
    other.wait("two decisions", |service| service.status().needs_you == 2);
    let lines = other.service.outbox(&other.service.ctx(Front::Test));
    let conflict = lines.iter().find(|line| line.key == drone).unwrap();
    assert!(
        matches!(&conflict.state, EditState::Conflict { fields, .. }
        if fields["status"].theirs.as_deref() == Some("OFFLINE")),
        "{conflict:?}"
    );
    let refused = lines.iter().find(|line| line.key == twin).unwrap();
    assert!(
        matches!(&refused.state, EditState::Refused { field: Some(field), .. } if field == "username"),
        "{refused:?}"
    );
    // The person who was refused stands in the list all the same, with what was asked for.
    assert_eq!(other.labels(Kind::User, "username:p_rodman").len(), 2);
    assert!(other.service.show(&other.service.ctx(Front::Test), &twin).unwrap().row.needs_you);
    // What is shown is the server's; what is mine is kept over a restart.
    other.wait("theirs", |_| other.field(&drone, "status").as_deref() == Some("OFFLINE"));
    drop(other);
    let other = Person::at(homes[1].path(), &server);
    assert_eq!(other.sign_in("main@flyos.mil", PASSWORD), Ok(true));
    assert_eq!(other.service.status().needs_you, 2);
}

#[test]
fn the_address_of_an_account_is_not_edited_here() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let user = |name: &str| {
        let ctx = hq.service.ctx(Front::Test);
        let query = ListQuery {
            kind: Kind::User,
            filter: format!("username:{name}"),
            sort: "username".to_owned(),
            descending: false,
            offset: 0,
            limit: 1,
        };
        let key = hq.service.list(&ctx, &query).rows[0].key.clone();
        let locked = hq.service.show(&ctx, &key).unwrap().locked;
        (key, locked.get("email").cloned().unwrap_or_default())
    };
    let (linked, why) = user("operator1");
    assert!(why.starts_with("The e-mail belongs to a sign-in account"), "the form says so: {why}");
    let error = hq.set(linked, "email", "new@flyos.mil").unwrap_err();
    assert_eq!((error.kind, error.field.as_deref()), (ErrorKind::Refused, Some("email")));
    let (unlinked, why) = user("d_okafor");
    assert_eq!(why, "");
    hq.set(unlinked, "email", "new@flyos.mil").unwrap();
}

#[test]
fn faults_of_the_server_are_told_and_waited_out() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, "east@flyos.mil");
    let drone = Key::drone(&person.labels(Kind::Drone, "")[0]);
    for (answer, status) in
        [(Answer::Error500, "OFFLINE"), (Answer::Html, "STANDBY"), (Answer::ExpiredToken, "ACTIVE")]
    {
        let expired = matches!(answer, Answer::ExpiredToken);
        server.faults.set_answer(Some(answer), None);
        person.set(drone.clone(), "status", status).unwrap();
        if !expired {
            person.wait("the fault told", |service| {
                matches!(service.status().link, Link::ServerFault { .. } | Link::Offline { .. })
            });
            assert_eq!(person.service.status().waiting, 1);
            server.faults.clear();
            person.service.run(&person.service.ctx(Front::Test), Action::SyncNow).unwrap();
        }
        // An expired token is renewed without a word.
        person.up_to_date();
        assert!(server.row(drone.clone()).contains(status));
        server.faults.clear();
    }
}

#[test]
fn who_cannot_sign_in_is_told_why() {
    let server = Server::start();
    let home = home();
    let person = Person::at(home.path(), &server);
    let wrong = person.sign_in("main@flyos.mil", "not this one").unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::SignIn, "{wrong:?}");
    server.line(false);
    std::thread::sleep(Duration::from_millis(100));
    let refused = person.sign_in("main@flyos.mil", PASSWORD).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Offline, "{refused:?}");
    server.line(true);
    std::thread::sleep(Duration::from_millis(100));
    server.faults.set_answer(Some(Answer::Html), None);
    let portal = person.sign_in("main@flyos.mil", PASSWORD).unwrap_err();
    assert_ne!(portal.kind, ErrorKind::SignIn, "{portal:?}");
    assert!(!portal.message.contains('<'), "no page in a message: {portal:?}");
    server.faults.clear();
    assert_eq!(person.sign_in("main@flyos.mil", PASSWORD), Ok(false));

    // A second console on the same folder is told; the first goes on.
    let second = Person::at(home.path(), &server);
    assert_eq!(second.sign_in("main@flyos.mil", PASSWORD).unwrap_err().kind, ErrorKind::Locked);
    assert_eq!(
        person.service.status().account.map(|account| account.email).as_deref(),
        Some("main@flyos.mil")
    );
}

#[test]
fn a_home_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let server = Server::start();
    let home = home();
    std::fs::write(home.path().join("data"), "a file where a folder belongs").unwrap();
    let person = Person::at(home.path(), &server);
    let error = person.sign_in("main@flyos.mil", PASSWORD).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Storage, "{error:?}");
    assert!(error.message.contains("data"), "{error:?}");
}

#[test]
fn lists_filter_sort_and_window() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let page = |filter: &str, sort: &str, descending: bool, offset: usize, limit: usize| {
        let (filter, sort) = (filter.to_owned(), sort.to_owned());
        let query = ListQuery { kind: Kind::Drone, filter, sort, descending, offset, limit };
        hq.service.list(&hq.service.ctx(Front::Test), &query)
    };
    let all = page("", "id", false, 0, 1000);
    assert_eq!(all.rows.len(), all.total);
    let labels =
        |page: &flyos::service::ListPage| page.rows.iter().map(|row| row.label.clone()).collect::<Vec<_>>();
    // A window is a part of the whole, in the same order; turned round it is the whole turned round.
    let window = page("", "id", false, 5, 7);
    assert_eq!(labels(&window), labels(&all)[5..12]);
    let mut back = labels(&page("", "id", true, 0, 1000));
    back.reverse();
    assert_eq!(back, labels(&all));
    // Words narrow together; a column's word looks there alone; `!` turns it round; case does not matter.
    let active = page("status:active", "id", false, 0, 1000);
    let rest = page("!status:ACTIVE", "id", false, 0, 1000);
    assert!(active.matched > 0 && rest.matched > 0);
    assert_eq!(active.matched + rest.matched, all.total);
    let east = page("status:active region:eastern", "id", false, 0, 1000);
    assert!(east.matched < active.matched && east.matched > 0);
    assert_eq!(page("no such thing", "id", false, 0, 1000).matched, 0);
    // What has no operator stands last, whichever way the column is sorted.
    for descending in [false, true] {
        let sorted = page("", "operator", descending, 0, 1000);
        let has: Vec<bool> = sorted.rows.iter().map(|row| row.cells.contains_key("operator")).collect();
        assert!(has.windows(2).all(|pair| pair[0] >= pair[1]) && has.contains(&false));
    }
    // The place of a row follows it.
    let query = ListQuery {
        kind: Kind::Drone,
        filter: String::new(),
        sort: "id".to_owned(),
        descending: false,
        offset: 0,
        limit: 1,
    };
    assert_eq!(hq.service.place(&hq.service.ctx(Front::Test), &query, &all.rows[3].key), Some(3));
    assert_eq!(hq.service.place(&hq.service.ctx(Front::Test), &query, &Key::drone("nowhere")), None);
}

#[test]
fn what_an_edit_would_bring_is_told_before() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let ctx = hq.service.ctx(Front::Test);
    let east = hq.field(&Key::drone("drone-001"), "region_id").unwrap();
    let region = Key::region(east.parse().unwrap());
    let said = hq.service.consequences(&ctx, &Intent::Delete { key: region.clone() });
    assert!(said[0].contains("users and") && said[0].contains("without a region"), "{said:?}");
    let operator = Key::user(hq.field(&Key::drone("drone-001"), "operator_id").unwrap().parse().unwrap());
    let moved = Intent::Update { key: operator.clone(), set: Fields::from([("region_id".to_owned(), None)]) };
    let said = hq.service.consequences(&ctx, &moved);
    assert!(said.iter().any(|line| line.contains("drone-001")), "{said:?}");
    // And so it comes: the region goes, its people and drones stay.
    let (users, drones) = (hq.labels(Kind::User, "").len(), hq.labels(Kind::Drone, "").len());
    hq.edit(Intent::Delete { key: region }).unwrap();
    assert_eq!((hq.labels(Kind::User, "").len(), hq.labels(Kind::Drone, "").len()), (users, drones));
    assert_eq!(hq.field(&operator, "region_id"), None);
    hq.up_to_date();
    assert_eq!(hq.field(&operator, "region_id"), None);
    assert!(server.row(operator).contains("\"region_id\": None"));
}

#[test]
fn what_the_role_may_not_do_is_closed_with_the_reason() {
    use flyos::service::Verb;
    let server = Server::start();
    let home = home();
    let east = Person::in_sync(home.path(), &server, "east@flyos.mil");
    let ctx = east.service.ctx(Front::Test);
    let verb = |kind: Kind, key: Option<&Key>, verb: Verb| {
        let verbs = east.service.verbs(&ctx, kind, key);
        verbs.into_iter().find(|state| state.verb == verb).unwrap().why_not
    };
    let me = Key::user(ctx.who.unwrap());
    let query = |kind: Kind, filter: &str| {
        let (filter, sort) = (filter.to_owned(), "changed".to_owned());
        let query = ListQuery { kind, filter, sort, descending: false, offset: 0, limit: 1 };
        east.service.list(&ctx, &query).rows[0].key.clone()
    };
    let another = query(Kind::User, "username:operator1");
    let drone = query(Kind::Drone, "operator:operator1");
    assert_eq!(verb(Kind::User, Some(&me), Verb::Edit), None, "the own name");
    for closed in [Verb::Edit, Verb::Delete, Verb::SetStatus] {
        assert!(verb(Kind::User, Some(&another), closed).is_some(), "{closed:?}");
    }
    assert_eq!(verb(Kind::Drone, Some(&drone), Verb::SetStatus), None);
    assert_eq!(verb(Kind::Drone, Some(&drone), Verb::Assign), None);
    assert!(verb(Kind::Drone, Some(&drone), Verb::Delete).unwrap().contains("MAIN_HQ"));
    assert!(verb(Kind::Region, None, Verb::Create).unwrap().contains("MAIN_HQ"));
    let locked = east.service.show(&ctx, &drone).unwrap().locked;
    assert!(locked.contains_key("model") && !locked.contains_key("status"), "{locked:?}");
}

#[test]
fn another_account_on_the_same_machine_sees_nothing_of_the_first() {
    let server = Server::start();
    let home = home();
    for email in ["main@flyos.mil", "operator1@flyos.mil"] {
        let person = Person::in_sync(home.path(), &server, email);
        person.service.run(&person.service.ctx(Front::Test), Action::SignOut).unwrap();
        loop {
            if let Event::SignedOut { .. } = person.events.recv_timeout(PATIENCE).unwrap() {
                break;
            }
        }
        drop(person);
    }
    server.line(false);
    std::thread::sleep(Duration::from_millis(100));
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in("main@flyos.mil", PASSWORD), Ok(true));
    let all = person.labels(Kind::Drone, "");
    assert_eq!(person.sign_in("operator1@flyos.mil", PASSWORD), Ok(true));
    let own = person.labels(Kind::Drone, "");
    assert!(!own.is_empty() && own.len() < all.len(), "{own:?}");
    assert_eq!(person.labels(Kind::User, ""), ["operator1"]);
}

#[test]
fn nobody_is_offered_to_lock_themselves_out() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let ctx = hq.service.ctx(Front::Test);
    let me = Key::user(ctx.who.unwrap());
    let open = |key: &Key, field: &str| {
        let choices = hq.service.choices(&ctx, Kind::User, field, Some(key));
        choices
            .into_iter()
            .filter(|choice| choice.why_not.is_none())
            .map(|choice| choice.label)
            .collect::<Vec<_>>()
    };
    assert_eq!(open(&me, "status"), ["ACTIVE"]);
    assert_eq!(open(&me, "role"), ["MAIN_HQ"]);
    let another = hq.field(&Key::drone("drone-001"), "operator_id").unwrap();
    assert_eq!(open(&Key::user(another.parse().unwrap()), "status"), ["ACTIVE", "INACTIVE"]);
}

#[test]
fn what_changed_since_it_was_seen_is_not_written_over() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let key = Key::drone("drone-001");
    let status = hq.field(&key, "status");
    let edit = |seen: Option<String>, to: &str| {
        let set = Fields::from([("status".to_owned(), Some(to.to_owned()))]);
        let seen = Fields::from([("status".to_owned(), seen)]);
        let action = Action::Edit { intent: Intent::Update { key: key.clone(), set }, reason: None, seen };
        hq.service.run(&hq.service.ctx(Front::Test), action)
    };
    edit(status.clone(), "OFFLINE").unwrap();
    let late = edit(status, "MAINTENANCE").unwrap_err();
    assert_eq!((late.kind, late.field.as_deref()), (ErrorKind::Refused, Some("status")));
    assert!(late.message.contains("OFFLINE"), "{late:?}");
    assert_eq!(hq.field(&key, "status").as_deref(), Some("OFFLINE"));
}

#[test]
fn who_was_made_inactive_may_do_nothing_here_either() {
    let server = Server::start();
    let homes = [home(), home()];
    let operator = Person::in_sync(homes[0].path(), &server, "operator1@flyos.mil");
    let hq = Person::in_sync(homes[1].path(), &server, "main@flyos.mil");
    let me = Key::user(operator.service.ctx(Front::Test).who.unwrap());
    let drone = Key::drone(&operator.labels(Kind::Drone, "")[0]);
    hq.set(me, "status", "INACTIVE").unwrap();
    hq.up_to_date();
    operator.service.run(&operator.service.ctx(Front::Test), Action::SyncNow).unwrap();
    operator.wait("inactive", |service| service.status().link == Link::Inactive);
    assert_eq!(operator.set(drone.clone(), "status", "OFFLINE").unwrap_err().kind, ErrorKind::Denied);
    drop(operator);
    server.line(false);
    let operator = Person::at(homes[0].path(), &server);
    assert_eq!(operator.sign_in("operator1@flyos.mil", PASSWORD), Ok(true));
    assert_eq!(operator.set(drone, "status", "OFFLINE").unwrap_err().kind, ErrorKind::Denied);
}

#[test]
fn damage_that_is_found_is_told() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    server.line(false);
    // Known of, so that nothing is about to be sent.
    hq.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }));
    for status in ["OFFLINE", "STANDBY", "MAINTENANCE"] {
        hq.set(Key::drone("drone-001"), "status", status).unwrap();
    }
    drop(hq);
    let account =
        std::fs::read_dir(home.path().join("data/accounts")).unwrap().next().unwrap().unwrap().path();
    let mut segments: Vec<_> =
        std::fs::read_dir(account.join("journal")).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    // One bit in the middle, and a cache that is none.
    let journal = segments.last().unwrap();
    let mut bytes = std::fs::read(journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(journal, bytes).unwrap();
    let person = Person::at(home.path(), &server);
    person.service.sign_in(&person.service.ctx(Front::Test), "p", "main@flyos.mil", PASSWORD.into());
    let trouble = loop {
        if let Event::SignedIn { trouble, .. } = person.events.recv_timeout(PATIENCE).unwrap() {
            break trouble.expect("it is told");
        }
    };
    assert!(trouble.message.contains("journal") && !trouble.hints.is_empty(), "{trouble:?}");
    assert_eq!(person.service.status().waiting, 2, "the others are kept");
}

#[test]
fn wrong_passwords_are_slowed_here_and_the_right_one_ends_it() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let email = "east@flyos.mil";
    drop(Person::in_sync(home.path(), &server, email));
    server.line(false);
    // Each start counts on, so that starting again is no way round it.
    for tried in 1..=5 {
        let person = Person::by_clock(home.path(), &server, 2_000, wall.clock());
        let refused = person.sign_in(email, "wrong").unwrap_err();
        assert!(refused.message.contains("does not open"), "{tried}: {refused:?}");
    }
    let person = Person::by_clock(home.path(), &server, 2_000, wall.clock());
    for password in ["wrong", PASSWORD] {
        let refused = person.sign_in(email, password).unwrap_err();
        assert!(refused.message.contains("Too many wrong passwords") && refused.kind == ErrorKind::SignIn);
    }
    wall.set(31);
    assert!(person.sign_in(email, "wrong").is_err());
    wall.set(62);
    let refused = person.sign_in(email, PASSWORD).unwrap_err();
    assert!(refused.message.contains("looked at in"), "the second wait is a minute: {refused:?}");
    wall.set(95);
    assert_eq!(person.sign_in(email, PASSWORD), Ok(true));
    drop(person);
    let person = Person::by_clock(home.path(), &server, 2_000, wall.clock());
    assert!(person.sign_in(email, "wrong").unwrap_err().message.contains("does not open"), "counted anew");
}

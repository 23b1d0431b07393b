//! The lease: without a word of the server for too long nothing can be read, whatever the clock is set to, and nothing is
//! lost.

use super::*;
use std::path::Path;

const EAST: &str = "east@flyos.mil";

/// Sets the clock so many days from what it is.
fn set(wall: &Wall, days: i64) {
    wall.set(days * 24 * 3600);
}

fn start(home: &Path, server: &Server, wall: &Wall) -> Person {
    Person::by_clock(home, server, 2_000, wall.clock())
}

/// Signs in, and gives what was found on opening.
fn found(person: &Person) -> Option<flyos::service::ServiceError> {
    person.service.sign_in(&person.service.ctx(Front::Test), "p", EAST, PASSWORD.into());
    loop {
        match person.events.recv_timeout(Duration::from_secs(30)).expect("an end of the sign-in") {
            Event::SignedIn { trouble, .. } => return trouble,
            Event::SignInFailed(error) => unreachable!("{error:?}"),
            _ => {}
        }
    }
}

fn drones(person: &Person) -> usize {
    person.labels(Kind::Drone, "").len()
}

/// An answer that is under way still is a word of the server.
fn is_offline(person: &Person) {
    person.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }));
}

#[track_caller]
fn is_locked(person: &Person, days: i64) {
    let status = person.service.status();
    assert_eq!(status.link, Link::Locked { days });
    assert_eq!(status.waiting, 1, "what waits is told");
    assert_eq!(drones(person), 0);
    let ctx = person.service.ctx(Front::Test);
    assert_eq!(person.service.show(&ctx, &Key::drone("drone-001")), None);
    assert_eq!(person.service.outbox(&ctx), []);
    assert_eq!(person.service.export(&ctx, &[]).unwrap(), "");
    let refused = person.set(Key::drone("drone-001"), "status", "STANDBY").unwrap_err();
    assert!(refused.message.contains("no contact with the server"), "{refused:?}");
}

#[test]
fn without_a_word_of_the_server_it_locks_and_its_answer_opens_it() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let person = start(home.path(), &server, &wall).synced(EAST);
    let all = drones(&person);
    assert!(all > 0);
    server.line(false);
    person.set(Key::drone("drone-001"), "status", "OFFLINE").unwrap();
    is_offline(&person);
    set(&wall, 13);
    assert_eq!(drones(&person), all);
    set(&wall, 15);
    is_locked(&person, 15);
    drop(person);

    // At the next start as well; how far the clock went on since it was noted last, which may have been a moment ago.
    set(&wall, 31);
    let person = start(home.path(), &server, &wall);
    let trouble = found(&person).expect("words");
    assert!(trouble.message.contains("31 days"), "{trouble:?}");
    let named = |hint: &String| hint.contains("31 days later") || hint.contains("16 days later");
    assert!(trouble.hints.iter().any(named), "the clock is named: {trouble:?}");
    is_locked(&person, 31);
    drop(person);
    // The clock, set back, was seen.
    set(&wall, 1);
    let person = start(home.path(), &server, &wall);
    assert!(found(&person).is_some());
    is_locked(&person, 31);

    server.line(true);
    person.service.run(&person.service.ctx(Front::Test), Action::SyncNow).unwrap();
    // While it is locked nothing is seen of the outbox either.
    person.wait("the rows", |_| drones(&person) == all);
    person.up_to_date();
    assert_eq!(person.field(&Key::drone("drone-001"), "status").as_deref(), Some("OFFLINE"), "it was sent");
    drop(person);
    assert_eq!(found(&start(home.path(), &server, &wall)), None);
}

#[test]
fn a_wrong_clock_does_not_lock_who_is_online() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    set(&wall, 400);
    let person = start(home.path(), &server, &wall).synced(EAST);
    let all = drones(&person);
    assert!(all > 0);
    server.line(false);
    is_offline(&person);
    set(&wall, 410);
    assert_eq!(drones(&person), all, "ten days by the same clock");
    set(&wall, 415);
    assert!(matches!(person.service.status().link, Link::Locked { days: 15 }));
    // A clock that is set right later is not held against anybody who has a line.
    server.line(true);
    set(&wall, 0);
    person.service.run(&person.service.ctx(Front::Test), Action::SyncNow).unwrap();
    person.wait("the rows", |_| drones(&person) == all);
}

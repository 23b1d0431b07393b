//! A journal that was put back from an older copy: what it says is unsent is held back until a person has decided.

use std::fs;
use std::path::{Path, PathBuf};

use flyos::domain::Key;
use flyos::service::{Action, Done, EditState, Event, Front, Link};

use super::Server;
use super::door::{PASSWORD, PATIENCE, Person, home};

const MAIN: &str = "main@flyos.mil";

fn account_dir(home: &Path) -> PathBuf {
    let accounts = fs::read_dir(home.join("data/accounts")).unwrap();
    accounts.map(|item| item.unwrap().path()).next().unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let path = item.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Two edits were made without a line and copied; then they were sent, and after that the copy was put back.
fn put_back(server: &Server, home: &Path) {
    let copied = tempfile::tempdir().unwrap();
    let person = Person::in_sync(home, server, MAIN);
    server.line(false);
    for drone in ["drone-001", "drone-002"] {
        person.set(Key::drone(drone), "status", "MAINTENANCE").unwrap();
    }
    drop(person);
    let journal = account_dir(home).join("journal");
    copy(&journal, copied.path());
    server.line(true);
    let person = Person::in_sync(home, server, MAIN);
    // One of them is changed once more, and the cache learns of it.
    person.set(Key::drone("drone-001"), "status", "OFFLINE").unwrap();
    person.up_to_date();
    // The cache names what left the outbox with its last batch; with this one, these are no more among it.
    change(&person, "drone-004");
    person.up_to_date();
    drop(person);
    fs::remove_dir_all(&journal).unwrap();
    copy(copied.path(), &journal);
}

/// Gives a drone another status.
fn change(person: &Person, drone: &str) {
    let key = Key::drone(drone);
    let now = person.field(&key, "status");
    let other = if now.as_deref() == Some("OFFLINE") { "STANDBY" } else { "OFFLINE" };
    person.set(key, "status", other).unwrap();
}

/// Signs in and hears what was found on opening.
fn found(person: &Person) -> String {
    person.service.sign_in(&person.service.ctx(Front::Test), "p", MAIN, PASSWORD.into());
    loop {
        match person.events.recv_timeout(PATIENCE).expect("an end of the sign-in") {
            Event::SignedIn { trouble, .. } => return trouble.expect("it is told").message,
            Event::SignInFailed(error) => unreachable!("{error:?}"),
            _ => {}
        }
    }
}

fn settle(person: &Person, send: bool) -> Done {
    person.service.run(&person.service.ctx(Front::Test), Action::SettleHeld { send }).unwrap()
}

fn status_of(server: &Server, drone: &str) -> String {
    let key = Key::drone(drone);
    server
        .with(move |sandbox| sandbox.with_world(|world| world.get(&key).and_then(|row| row.get("status"))))
        .unwrap()
}

#[test]
fn an_older_journal_sends_nothing_until_somebody_has_decided() {
    let (server, home) = (Server::start(), home());
    put_back(&server, home.path());
    let person = Person::at(home.path(), &server);
    let told = found(&person);
    assert!(told.contains("older copy"), "{told}");
    let is_held = |held: usize| {
        move |service: &flyos::service::Service| {
            let status = service.status();
            status.disk.held == held && status.link == Link::Online
        }
    };
    person.wait("held back", is_held(2));
    let ctx = person.service.ctx(Front::Test);
    let held = || -> Vec<u64> {
        let lines = person.service.outbox(&ctx).into_iter();
        lines.filter(|line| line.state == EditState::Held).map(|line| line.edit).collect()
    };
    assert_eq!(held().len(), 2, "{:?}", person.service.outbox(&ctx));
    let retried = person.service.run(&ctx, Action::Retry { edit: held()[0] }).unwrap_err();
    assert!(retried.message.contains("is held back until you decide"), "{retried:?}");
    // Other edits go, and a wish of the person does not send the old ones either.
    person.set(Key::drone("drone-003"), "status", "STANDBY").unwrap();
    person.service.run(&ctx, Action::SyncNow).unwrap();
    person.wait("the new one is sent", |service| service.status().waiting == 2);
    assert_eq!(status_of(&server, "drone-003"), "STANDBY");
    assert_eq!(status_of(&server, "drone-001"), "OFFLINE", "the old edit was not done again");
    drop(person);
    // Also after a restart, which shows nothing else of it.
    let person = Person::at(home.path(), &server);
    found(&person);
    person.wait("held back", is_held(2));
    assert_eq!(status_of(&server, "drone-001"), "OFFLINE");
    settle(&person, false);
    person.wait("let go of", |service| service.status().waiting == 0);
    assert_eq!(person.service.status().disk.held, 0);
    assert_eq!(status_of(&server, "drone-001"), "OFFLINE");
}

#[test]
fn edits_held_back_are_sent_when_somebody_says_so() {
    let (server, home) = (Server::start(), home());
    put_back(&server, home.path());
    let person = Person::at(home.path(), &server);
    found(&person);
    person.wait("held back", |service| service.status().disk.held == 2);
    settle(&person, true);
    let lines = person.service.outbox(&person.service.ctx(Front::Test));
    assert!(lines.iter().all(|line| line.state != EditState::Held), "{lines:?}");
    // What the server was told since is asked about, what it has already is not; nothing is lost and nothing overwritten.
    person.wait("sent", |service| {
        let status = service.status();
        status.waiting == 0 && status.link == Link::Online
    });
    assert_eq!(person.service.status().disk.held, 0);
    assert_eq!(status_of(&server, "drone-002"), "MAINTENANCE");
    assert_eq!(status_of(&server, "drone-001"), "OFFLINE");
}

#[test]
fn what_is_lost_is_loud_until_somebody_has_seen_it_and_calm_from_then_on() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, MAIN);
    server.line(false);
    for drone in ["drone-001", "drone-002", "drone-003"] {
        change(&person, drone);
    }
    drop(person);
    let segment = account_dir(home.path()).join("journal/00000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let person = Person::at(home.path(), &server);
    let told = found(&person);
    assert!(told.contains("1 of its entries cannot be read"), "{told}");
    assert_eq!(person.service.status().disk.lost, 1);
    let ctx = person.service.ctx(Front::Test);
    let lost = |person: &Person| match person.service.ask(&ctx, &flyos::service::Query::Lost).unwrap() {
        flyos::service::Answer::Lost(gaps) => gaps,
        other => unreachable!("{other:?}"),
    };
    assert!(matches!(lost(&person).as_slice(), [gap] if gap.count() == 1 && gap.after.is_some()));
    person.service.run(&ctx, Action::AcknowledgeLost).unwrap();
    assert_eq!((person.service.status().disk.lost, lost(&person)), (0, Vec::new()));
    drop(person);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(MAIN, PASSWORD), Ok(true));
    assert_eq!(person.service.status().disk.lost, 0, "also after a restart");
}

//! A console seen from beside: what other processes may ask it, and one console taking over from another.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;
use std::time::Duration;

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::beside::{Console, consoles};
use flyos::service::{
    Action, Answer, Decision, Done, ErrorKind, Event, Folders, Front, ListQuery, Query, Traffic, Verb,
    columns,
};

use flyos::store::AccountFolder;

use super::Server;
use super::door::{PASSWORD, PATIENCE, Person, home};

fn drone() -> Key {
    Key::drone("drone-001")
}

/// The only console that is open at that home.
fn only(home: &tempfile::TempDir) -> Console {
    let mut found = consoles(&Folders::under(home.path())).unwrap();
    assert!(found.silent.is_empty(), "{found:?}");
    assert_eq!(found.open.len(), 1, "{found:?}");
    found.open.remove(0)
}

fn set_status(drone: Key, status: &str) -> Action {
    let set = Fields::from([("status".to_owned(), Some(status.to_owned()))]);
    Action::Edit {
        intent: Intent::Update { key: drone, set },
        reason: Some("from beside".to_owned()),
        seen: Fields::new(),
    }
}

#[test]
fn a_process_beside_acts_as_who_is_signed_in_and_no_more() {
    let server = Server::start();
    let home = home();
    assert!(consoles(&Folders::under(home.path())).unwrap().open.is_empty());
    let person = Person::in_sync(home.path(), &server, "operator1@flyos.mil");
    let beside = only(&home);
    // Bytes are counted meanwhile.
    person.wait("the same status", |service| beside.status().unwrap() == service.status());
    assert_eq!(beside.whois.unsent, 0);
    server.line(false);

    let done = beside.act(set_status(drone(), "MAINTENANCE")).unwrap();
    assert!(matches!(done, Done::Saved { edits: 1, .. }), "{done:?}");
    assert_eq!(person.field(&drone(), "status").as_deref(), Some("MAINTENANCE"), "the console has it");
    assert_eq!(only(&home).whois.unsent, 1);
    let other = beside.act(set_status(Key::drone("drone-015"), "OFFLINE")).unwrap_err();
    assert!(matches!(other.kind, ErrorKind::Denied | ErrorKind::Refused), "{other:?}");
    let region = Intent::Create { key: Key::region(uuid::Uuid::from_u128(5)), fields: Fields::new() };
    let denied = beside.act(Action::Edit { intent: region, reason: None, seen: Fields::new() }).unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied, "{denied:?}");
    assert_eq!(
        beside.act(Action::SetTraffic { traffic: Traffic::Held }),
        Ok(Done::Traffic { traffic: Traffic::Held })
    );

    person.service.close();
    assert!(consoles(&Folders::under(home.path())).unwrap().open.is_empty());
    assert_eq!(beside.status().unwrap_err().kind, ErrorKind::NotOpen);
}

#[test]
fn every_question_and_action_goes_through_the_socket() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let beside = only(&home);
    beside.act(set_status(drone(), "STANDBY")).unwrap();
    let list = ListQuery {
        kind: Kind::Drone,
        filter: String::new(),
        sort: columns(Kind::Drone)[0].to_owned(),
        descending: false,
        offset: 0,
        limit: 5,
    };
    let intent = Intent::Delete { key: drone() };
    for query in [
        Query::List(list),
        Query::Show { key: drone() },
        Query::Status,
        Query::Verbs { kind: Kind::Drone, key: Some(drone()) },
        Query::Choices { kind: Kind::Drone, field: "region_id".to_owned(), key: Some(drone()) },
        Query::ChoicesFor { verb: Verb::Assign, keys: vec![drone()] },
        Query::Locked { keys: vec![drone()] },
        Query::Consequences { intent: intent.clone() },
        Query::Outbox,
        Query::Runs,
        Query::Cards,
        Query::Export { edits: Vec::new() },
    ] {
        let here = person.service.ask(&person.service.ctx(Front::Test), &query).unwrap();
        let there = beside.query(query.clone()).unwrap();
        assert!(!matches!(&there, Answer::List(page) if page.rows.is_empty()));
        // Lines and counts move on while edits are sent; their kind does not.
        assert_eq!(std::mem::discriminant(&there), std::mem::discriminant(&here), "{query:?}");
    }
    for action in [
        Action::Bulk { intents: vec![intent], reason: None, together: true, deed: None },
        Action::Undo,
        Action::Redo,
        Action::SyncNow,
        Action::Verify,
        Action::Reload,
    ] {
        beside.act(action.clone()).unwrap_or_else(|error| unreachable!("{action:?}: {error:?}"));
    }
    // Understood, and refused for what they are.
    for action in [
        Action::LoadInitial,
        Action::Settle { edit: 4_000_000_000, decision: Decision::Mine },
        Action::AddProject { name: "x y".to_owned(), url: String::new(), key: String::new() },
        Action::TrainingLine { up: true },
        Action::Retry { edit: u64::MAX },
    ] {
        let refused = beside.act(action.clone()).unwrap_err();
        assert!(!refused.message.contains("not understood"), "{action:?}: {refused:?}");
    }
    assert_eq!(beside.act(Action::SignOut), Ok(Done::SignedOut));
}

#[test]
fn what_was_saved_goes_along_when_another_console_takes_over() {
    let server = Server::start();
    let home = home();
    let first = Person::in_sync(home.path(), &server, "operator1@flyos.mil");
    server.line(false);
    first.set(drone(), "status", "MAINTENANCE").unwrap();
    let second = Person::at(home.path(), &server);
    assert_eq!(second.sign_in("operator1@flyos.mil", PASSWORD).unwrap_err().kind, ErrorKind::Locked);
    second.service.let_be(&second.service.ctx(Front::Test));
    second.service.take_over(&second.service.ctx(Front::Test));
    assert!(first.service.status().account.is_some(), "an answer to no question does nothing");

    assert_eq!(second.sign_in("operator1@flyos.mil", PASSWORD).unwrap_err().kind, ErrorKind::Locked);
    second.service.take_over(&second.service.ctx(Front::Test));
    loop {
        match second.events.recv_timeout(PATIENCE).unwrap() {
            Event::SignedIn { .. } => break,
            Event::SignInFailed(error) => unreachable!("{error:?}"),
            _ => {}
        }
    }
    assert_eq!(second.field(&drone(), "status").as_deref(), Some("MAINTENANCE"));
    assert_eq!(second.service.status().waiting, 1);
    loop {
        if let Event::Moved { to, waiting, .. } = first.events.recv_timeout(PATIENCE).unwrap() {
            assert_eq!((to.pid, waiting), (std::process::id(), 1));
            break;
        }
    }
    assert!(first.service.status().account.is_none());
    let late = first.set(drone(), "status", "ACTIVE").unwrap_err();
    assert_eq!(late.kind, ErrorKind::SignIn, "{late:?}");
    server.line(true);
    second.service.submit(&second.service.ctx(Front::Test), Action::SyncNow);
    second.up_to_date();
}

#[test]
fn who_is_about_to_be_done_is_waited_for_and_nobody_is_asked() {
    let server = Server::start();
    let home = home();
    let command = Person::at(home.path(), &server);
    command.sign_in_as(Front::Cli, "operator1@flyos.mil", PASSWORD).unwrap();
    assert!(only(&home).whois.command);
    let console = Person::at(home.path(), &server);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            command.service.close();
        });
        console.sign_in("operator1@flyos.mil", PASSWORD).unwrap();
    });
    console.service.close();

    let hanging_up = hangs_up(&home);
    Person::at(home.path(), &server).sign_in("operator1@flyos.mil", PASSWORD).unwrap();
    hanging_up.join().unwrap();
}

/// One that has the account at that home, and hangs up when it is asked who it is, as a console does that is ending.
pub fn hangs_up(home: &tempfile::TempDir) -> JoinHandle<()> {
    let folder = AccountFolder::all(&Folders::under(home.path()).data).unwrap().remove(0);
    let lock = folder.lock().unwrap();
    let door = UnixListener::bind(folder.path().join("control.sock")).unwrap();
    std::thread::spawn(move || {
        drop(door.accept().unwrap());
        drop((door, lock));
    })
}

/// An account that somebody has who is played by the test: its lock, its socket, and what a real one says of itself.
fn played(server: &Server, home: &tempfile::TempDir) -> (std::fs::File, UnixListener, serde_json::Value) {
    let person = Person::in_sync(home.path(), server, "operator1@flyos.mil");
    let mut who = serde_json::to_value(only(home).whois).unwrap();
    // No process has that number.
    who["holder"]["pid"] = u32::MAX.into();
    drop(person);
    let folder = AccountFolder::all(&Folders::under(home.path()).data).unwrap().remove(0);
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    (lock, UnixListener::bind(folder.path().join("control.sock")).unwrap(), who)
}

/// Answers the next one who asks who it is.
fn answer_who(door: &UnixListener, who: &serde_json::Value) {
    let (mut line, _) = door.accept().unwrap();
    BufReader::new(&line).read_line(&mut String::new()).unwrap();
    let said = serde_json::json!({"version": 1, "message": {"whois": who}});
    writeln!(line, "{said}").unwrap();
}

#[test]
fn who_hangs_up_when_asked_to_leave_is_waited_for_and_no_process_is_looked_for() {
    let server = Server::start();
    let home = home();
    let (lock, door, who) = played(&server, &home);
    let ending = std::thread::spawn(move || {
        answer_who(&door, &who);
        // Asked to leave, it was about to.
        drop((door.accept().unwrap(), door));
        std::thread::sleep(Duration::from_millis(200));
        drop(lock);
    });
    let second = Person::at(home.path(), &server);
    assert_eq!(second.sign_in("operator1@flyos.mil", PASSWORD).unwrap_err().kind, ErrorKind::Locked);
    second.service.take_over(&second.service.ctx(Front::Test));
    let mut steps = Vec::new();
    loop {
        match second.events.recv_timeout(PATIENCE).unwrap() {
            Event::SignedIn { .. } => break,
            Event::TakingOver(step) => steps.push(step),
            Event::SignInFailed(error) => unreachable!("{error:?}"),
            _ => {}
        }
    }
    assert_eq!(steps.len(), 1, "asked to leave, and that is all: {steps:?}");
    ending.join().unwrap();
}

#[test]
fn the_question_is_about_who_has_it_when_it_is_put() {
    let server = Server::start();
    let home = home();
    let (lock, door, mut who) = played(&server, &home);
    let other = std::thread::spawn(move || {
        who["command"] = true.into();
        answer_who(&door, &who);
        // Between two looks at the lock a console got it.
        (who["command"], who["unsent"]) = (false.into(), 3.into());
        answer_who(&door, &who);
        drop((door, lock));
    });
    let second = Person::at(home.path(), &server);
    second.service.sign_in(&second.service.ctx(Front::Test), "p", "operator1@flyos.mil", PASSWORD.into());
    let asked = loop {
        match second.events.recv_timeout(PATIENCE).unwrap() {
            Event::InUse(asked) => break asked.whois.expect("it answers"),
            Event::SignedIn { .. } | Event::SignInFailed(_) => unreachable!("nobody lets go of it"),
            _ => {}
        }
    };
    assert_eq!((asked.command, asked.unsent), (false, 3));
    other.join().unwrap();
}

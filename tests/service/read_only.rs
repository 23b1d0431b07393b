//! A session that changes nothing: each way to write is refused at the door, and nothing of it is on the disk.

use flyos::service::{Action, Confidence, ErrorKind, Event, Front, Own, Verb};

use super::{Address, Clock, Fields, Intent, Kind, PATIENCE, Person, Server, home};
use flyos::domain::Key;

fn read_only(home: &std::path::Path, server: &Address) -> Person {
    Person::configured(home, server, 2_000, Clock::system(), |config| config.read_only = true)
        .synced("main@flyos.mil")
}

#[test]
fn nothing_is_written() {
    let server = Server::start();
    let home = home();
    let person = read_only(home.path(), &server);
    let ctx = person.service.ctx(Front::Test);
    let status = person.service.status();
    assert!(status.read_only && !status.empty);
    let before = person.service.show(&ctx, &Key::drone("drone-001"));
    let off = Fields::from([("status".to_owned(), Some("OFFLINE".to_owned()))]);
    let intent = Intent::Update { key: Key::drone("drone-001"), set: off };
    let writes = [
        Action::Edit { intent, reason: None, seen: Fields::new() },
        Action::Bulk { intents: Vec::new(), reason: None, together: false, deed: None },
        Action::Undo,
        Action::Redo,
        Action::LoadInitial,
        Action::SettleHeld { send: false },
        Action::Erase,
        Action::RemoveWords,
        Action::AddProject { name: "x".into(), url: "http://127.0.0.1:1".into(), key: "k".into() },
    ];
    for action in writes {
        let refusal = person.service.run(&ctx, action.clone()).unwrap_err();
        assert_eq!(refusal.kind, ErrorKind::Refused, "{action:?}");
        assert!(refusal.message.contains("read-only session: nothing was changed"), "{refusal:?}");
    }
    assert!(person.service.outbox(&ctx).is_empty());
    assert_eq!(person.service.show(&ctx, &Key::drone("drone-001")), before);
    let verbs = person.service.verbs(&ctx, Kind::Drone, Some(&Key::drone("drone-001")));
    assert!(verbs.iter().any(|state| state.verb == Verb::SetStatus));
    assert!(verbs.iter().all(|state| state.why_not.as_deref() == Some("This is a read-only session.")));
    // Reading goes on.
    for action in [Action::SyncNow, Action::Verify, Action::Reload] {
        person.service.run(&ctx, action).unwrap();
    }
}

#[test]
fn neither_is_the_account_nor_what_this_machine_has_of_it() {
    let server = Server::start();
    let home = home();
    let person = read_only(home.path(), &server);
    let change = Own::ChangePassword { current: "a".into(), new: "b".into(), nonce: None };
    for wish in [Own::Enrol, Own::SignOutEverywhere, change] {
        assert_eq!(person.own(wish).unwrap_err().kind, ErrorKind::Refused);
    }
    let ctx = person.service.ctx(Front::Test);
    person.service.confide(&ctx, Confidence::MakeWords { typed: "a".into() });
    loop {
        match person.events.recv_timeout(PATIENCE).expect("an end of it") {
            Event::Done { op, result } if op == ctx.op => {
                assert_eq!(result.unwrap_err().kind, ErrorKind::Refused);
                break;
            }
            _ => {}
        }
    }
}

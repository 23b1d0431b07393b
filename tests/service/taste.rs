//! How the lists look is kept sealed with the account, and a file that cannot be read is told and put aside.

#![expect(clippy::panic, reason = "it is how a case fails")]

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use flyos::service::taste::VIEWS_MAX;
use flyos::service::{BULK_MAX, ColumnLook, Done, Look, ServiceError, Taste, Unfinished, View};

fn run(person: &Person, action: Action) -> Result<Done, ServiceError> {
    person.service.run(&person.service.ctx(Front::Test), action)
}

fn read(person: &Person) -> (Taste, Option<String>) {
    match run(person, Action::ReadTaste).unwrap() {
        Done::Taste { taste, problem } => (taste, problem),
        other => panic!("{other:?}"),
    }
}

fn view(name: &str, filter: &str) -> View {
    View { name: name.to_owned(), kind: Kind::Drone, filter: filter.to_owned(), look: Look::default() }
}

/// The largest bulk action there may be, before any of it is told as made.
fn largest() -> Unfinished {
    let left: Vec<Key> = (0..BULK_MAX).map(|_| Key::user(uuid::Uuid::now_v7())).collect();
    let title = "Status INACTIVE: 10,000 users".to_owned();
    Unfinished { deed: uuid::Uuid::now_v7(), title, all: left.len(), left }
}

#[test]
fn how_the_lists_look_is_there_the_next_time_and_nobody_else_reads_it() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    assert_eq!(read(&person), (Taste::default(), None));
    let column = |name: &str, width| ColumnLook { name: name.to_owned(), hidden: true, width: Some(width) };
    let columns = vec![column("color", 3), column("model", 9_000), column("model", 3)];
    let mut taste = Taste {
        lists: [(Kind::Drone, Look { sort: "status,-id".to_owned(), columns })].into(),
        views: vec![view("mine", "operator:zakharova"), view("bad\u{202e}", ""), view("", "x")],
        opens: [(Kind::Drone, "mine".to_owned()), (Kind::User, "gone".to_owned())].into(),
        unfinished: Some(largest()),
    };
    assert_eq!(run(&person, Action::KeepTaste { taste: taste.clone() }), Ok(Done::TasteKept));
    person.service.close();
    let accounts = std::fs::read_dir(home.path().join("data/accounts")).unwrap();
    let file = accounts.map(|item| item.unwrap().path().join("taste")).find(|path| path.exists()).unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(9).any(|some| some == b"zakharova" || some == b"operator:"), "it is sealed");

    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    taste.lists.get_mut(&Kind::Drone).unwrap().columns = vec![column("model", 120)];
    taste.views.truncate(1);
    taste.opens.remove(&Kind::User);
    assert_eq!(read(&person), (taste.clone(), None), "what breaks a bound is not kept");
    taste.views = (0..2 * VIEWS_MAX).map(|n| view(&format!("view {n}"), "west")).collect();
    run(&person, Action::KeepTaste { taste }).unwrap();
    assert_eq!(read(&person).0.views.len(), VIEWS_MAX);

    let mut damaged = std::fs::read(&file).unwrap();
    damaged[60] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let (taste, problem) = read(&person);
    assert_eq!(taste, Taste::default());
    assert!(problem.is_some_and(|told| told.contains("could not be read") && told.contains("quarantine")));
    assert!(!file.exists() && file.with_file_name("quarantine").join("taste").exists());
    assert_eq!(read(&person), (Taste::default(), None), "told once");
}

#[test]
fn one_search_finds_users_regions_and_drones_that_one_may_see() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let find = |person: &Person, text: &str| -> Vec<(Kind, String)> {
        let found = person.service.find(&person.service.ctx(Front::Test), text);
        found.into_iter().map(|found| (found.key.kind, found.label)).collect()
    };
    assert_eq!(find(&person, "drone-001"), [(Kind::Drone, "drone-001".to_owned())]);
    assert!(find(&person, "east").iter().any(|(kind, _)| *kind == Kind::Region));
    person.service.close();
    assert!(find(&person, "drone-001").is_empty(), "nobody is signed in");
}

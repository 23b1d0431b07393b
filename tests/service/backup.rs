//! Backups: what is in them, what they refuse, and that an edit from two machines is applied once.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flyos::service::backup::{self, Outcome};
use flyos::service::transfer::Door;
use flyos::service::{Answer, Config, CopyQuery, EditState, Folders, Front, Query, ServiceError};
use flyos::store::AccountFolder;
use flyos::vault::KdfParams;
use secrecy::SecretString;

use super::*;

const OPERATOR: &str = "operator1@flyos.mil";

fn passphrase() -> SecretString {
    "correct horse battery".into()
}

fn drone() -> Key {
    Key::drone("drone-001")
}

fn made(person: &Person, path: &Path) -> Result<(PathBuf, usize, usize), ServiceError> {
    let ctx = || person.service.ctx(Front::Test);
    let (ask, act) = (
        |query: Query| person.service.ask(&ctx(), &query),
        |action: Action| person.service.run(&ctx(), action),
    );
    let made = backup::collect(&Door { ask: &ask, act: &act }, ctx().now, &mut |_| ())?;
    let counts = (made.rows, made.edits);
    made.write(path, &passphrase(), (KdfParams::cheap(), false)).map(|(path, _)| (path, counts.0, counts.1))
}

fn restored(path: &Path, home: &Path) -> Result<Outcome, ServiceError> {
    backup::read(path, &passphrase())?.restore(&Folders::under(home), &PASSWORD.into())
}

fn ids(person: &Person) -> Vec<String> {
    let text = match person.service.ask(&person.service.ctx(Front::Test), &Query::Copy(CopyQuery::default()))
    {
        Ok(Answer::Copy(page)) => serde_json::to_value(page.edits).unwrap(),
        other => unreachable!("{other:?}"),
    };
    let entries =
        text.as_array().unwrap().iter().flat_map(|edit| edit["entries"].as_array().unwrap().clone());
    let ids = entries.filter_map(|entry| entry["ids"].as_array().cloned());
    ids.flatten().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_restored_account_opens_without_a_line_and_nothing_is_applied_twice() {
    let (server, homes, out) = (Server::start(), [home(), home(), home()], home());
    let first = Person::in_sync(homes[0].path(), &server, OPERATOR);
    server.line(false);
    first.set(drone(), "status", "MAINTENANCE").unwrap();
    let path = out.path().join("one.backup");
    let (path, rows, edits) = made(&first, &path).unwrap();
    assert_eq!((rows > 3, edits), (true, 1));
    let lines = first.service.outbox(&first.service.ctx(Front::Test));
    assert_eq!(lines[0].state, EditState::Waiting, "it has its ids, and is on no way");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&path).unwrap();
    for secret in ["drone-001", "operator1", &server.url] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is sealed");
    }

    assert_eq!(restored(&path, homes[1].path()), Ok(Outcome::Settings));
    // Each is a device of its own: one that is erased from afar is not the others.
    let third = home();
    assert_eq!(restored(&path, third.path()), Ok(Outcome::Settings));
    let device = |home: &Path| {
        let folder = AccountFolder::all(&Folders::under(home).data).unwrap().remove(0);
        folder.account_file().unwrap().device
    };
    let devices = [homes[0].path(), homes[1].path(), third.path()].map(device);
    assert!(devices[0] != devices[1] && devices[1] != devices[2] && devices[0] != devices[2], "{devices:?}");
    let config = Config::read(&Folders::under(homes[1].path())).unwrap();
    assert_eq!(config.projects["p"].url, server.url);
    let second = Person::at(homes[1].path(), &server);
    assert_eq!(second.sign_in(OPERATOR, PASSWORD), Ok(true), "without a line");
    assert_eq!(second.field(&drone(), "status").as_deref(), Some("MAINTENANCE"));
    assert_eq!(second.service.status().waiting, 1);
    assert_eq!(second.labels(Kind::Drone, ""), first.labels(Kind::Drone, ""));
    assert_eq!(second.service.status().as_of, first.service.status().as_of);
    assert_eq!(ids(&second), ids(&first), "one name on both machines");
    drop(second);

    // The first machine sends it; somebody else goes on from there; then the second one sends it as well.
    server.line(true);
    first.up_to_date();
    let hq = Person::in_sync(homes[2].path(), &server, "main@flyos.mil");
    hq.set(drone(), "status", "STANDBY").unwrap();
    hq.up_to_date();
    let version = server.with(|sandbox| sandbox.version(&drone()));
    let second = Person::at(homes[1].path(), &server);
    second.sign_in(OPERATOR, PASSWORD).unwrap();
    second.up_to_date();
    assert!(server.row(drone()).contains("STANDBY"), "what came after it stays");
    assert_eq!(server.with(|sandbox| sandbox.version(&drone())), version, "nothing was written again");
    second.wait("the server's row", |_| second.field(&drone(), "status").as_deref() == Some("STANDBY"));
    // And a new edit of the restored machine is one as any.
    second.set(drone(), "status", "OFFLINE").unwrap();
    second.up_to_date();
    assert!(server.row(drone()).contains("OFFLINE"));
}

#[test]
fn an_edit_that_the_backup_alone_has_arrives() {
    let (server, homes, out) = (Server::start(), [home(), home()], home());
    let first = Person::in_sync(homes[0].path(), &server, OPERATOR);
    server.line(false);
    first.set(drone(), "status", "MAINTENANCE").unwrap();
    first
        .edit(Intent::Update {
            key: Key::user(first.service.status().account.unwrap().user.unwrap()),
            set: Fields::from([("full_name".to_owned(), Some("Ann Öst".to_owned()))]),
        })
        .unwrap();
    let (path, _, edits) = made(&first, &out.path().join("one.backup")).unwrap();
    assert_eq!(edits, 2);
    drop(first);
    std::fs::remove_dir_all(homes[0].path().join("data")).unwrap();
    restored(&path, homes[1].path()).unwrap();
    server.line(true);
    let second = Person::at(homes[1].path(), &server);
    second.sign_in(OPERATOR, PASSWORD).unwrap();
    second.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"));
}

#[test]
fn what_needs_a_person_and_what_is_deleted_here_comes_along() {
    let (server, homes, out) = (Server::start(), [home(), home(), home()], home());
    let hq = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
    let other = Person::in_sync(homes[2].path(), &server, OPERATOR);
    server.line(false);
    hq.set(drone(), "status", "MAINTENANCE").unwrap();
    server.line(true);
    server.faults.set_line_down(false);
    drop(other);
    server.with(|sandbox| {
        let row = sandbox.with_world(|world| world.get(&drone())).unwrap();
        let set = Fields::from([("status".to_owned(), Some("OFFLINE".to_owned()))]);
        sandbox.admin(&[flyos::domain::Change::update(&row, &set).unwrap()]).unwrap();
    });
    hq.wait("an answer", |service| {
        // One that got in goes along until its row has come back.
        service.status().needs_you == 1 || service.outbox(&service.ctx(Front::Test)).is_empty()
    });
    let needs_you = hq.service.status().needs_you;
    server.line(false);
    hq.edit(Intent::Delete { key: Key::drone("drone-002") }).unwrap();
    let (path, rows, edits) = made(&hq, &out.path().join("hq.backup")).unwrap();
    restored(&path, homes[1].path()).unwrap();
    let second = Person::at(homes[1].path(), &server);
    second.sign_in("main@flyos.mil", PASSWORD).unwrap();
    assert_eq!(second.service.status().needs_you, needs_you);
    assert_eq!(edits, needs_you + 1);
    assert_eq!(second.labels(Kind::Drone, "id:drone-002"), ["drone-002"], "shown as deleted, until it is");
    assert_eq!(rows, 2 + 17 + 32 + 33, "the server's rows, all of them");
    server.line(true);
    second.wait("sent", |service| service.status().waiting == 0);
    assert!(server.row(Key::drone("drone-002")).contains("None"), "{}", server.row(Key::drone("drone-002")));
}

#[test]
fn nothing_but_the_whole_file_is_taken_and_nothing_is_touched_before() {
    let (server, homes, out) = (Server::start(), [home(), home()], home());
    let first = Person::in_sync(homes[0].path(), &server, OPERATOR);
    let path = out.path().join("one.backup");
    made(&first, &path).unwrap();
    let again = made(&first, &path).unwrap_err();
    assert!(again.message.contains("is there already"), "{again:?}");
    let bytes = std::fs::read(&path).unwrap();
    let bad = out.path().join("bad.backup");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        std::fs::write(&bad, flipped).unwrap();
        assert!(restored(&bad, homes[1].path()).is_err(), "byte {at}");
    }
    for length in [0, 7, 8, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&bad, &bytes[..length]).unwrap();
        assert!(restored(&bad, homes[1].path()).is_err(), "cut to {length}");
    }
    let wrong = backup::read(&path, &"another passphrase".into()).err().unwrap();
    assert!(wrong.message.contains("passphrase is not"), "{wrong:?}");
    let other = backup::read(&path, &passphrase()).unwrap();
    let error = other.restore(&Folders::under(homes[1].path()), &"not the password".into()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::SignIn, "{error:?}");
    let left: Vec<_> = std::fs::read_dir(homes[1].path()).unwrap().collect();
    assert!(left.is_empty(), "nothing was touched: {left:?}");
    // Where the account is, nothing is restored.
    let known = restored(&path, homes[0].path()).unwrap_err();
    assert!(known.message.contains("already") && known.message.contains("Nothing was changed"), "{known:?}");
    restored(&path, homes[1].path()).unwrap();
    assert!(restored(&path, homes[1].path()).is_err(), "once");
    let short = backup::read(&path, &"short".into());
    assert!(short.is_err());
    let mut names: Vec<_> = std::fs::read_dir(homes[1].path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["accounts"], "nothing is left beside it");
}

//! What opens an account on this machine, what shuts it, and how it is let go of.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flyos::remote::wire::admin::{AdminRequest, Password};
use flyos::remote::{Client, Project};
use flyos::service::beside::consoles;
use flyos::service::{Confidence, Config, Done, Folders, Query, ServiceError};
use flyos::service::{doctor, wipe};
use secrecy::{ExposeSecret as _, SecretString};

use super::*;

const OPERATOR: &str = "operator1@flyos.mil";
const NEW: &str = "another horse 7";

fn drone() -> Key {
    Key::drone("drone-001")
}

/// Does something with a secret and waits for its end; new words come after it.
fn confide(person: &Person, confidence: Confidence) -> Result<Done, ServiceError> {
    let ctx = person.service.ctx(Front::Test);
    person.service.confide(&ctx, confidence);
    loop {
        match person.events.recv_timeout(PATIENCE).expect("an end") {
            Event::Done { op, result } if op == ctx.op => return result,
            _ => {}
        }
    }
}

/// New recovery words that count.
fn words(person: &Person) -> SecretString {
    let made = confide(person, Confidence::MakeWords { typed: PASSWORD.into() });
    assert_eq!(made, Ok(Done::WordsMade));
    let words = loop {
        if let Event::Words(words) = person.events.recv_timeout(PATIENCE).expect("the words") {
            break words;
        }
    };
    assert!(!ways(person).words, "they do not count yet");
    let other = "zoo ".repeat(23) + "vote";
    for wrong in ["", "zoo zoo", &other, &words.expose_secret().replacen(' ', " x", 1)] {
        confide(person, Confidence::KeepWords { typed: wrong.into() }).unwrap_err();
    }
    assert!(!ways(person).words, "nor after these");
    assert_eq!(confide(person, Confidence::KeepWords { typed: words.clone() }), Ok(Done::WordsKept));
    words
}

fn ways(person: &Person) -> flyos::service::Ways {
    match person.service.ask(&person.service.ctx(Front::Test), &Query::Ways).unwrap() {
        flyos::service::Answer::Ways(ways) => ways,
        other => unreachable!("{other:?}"),
    }
}

/// The account's folder; there is one at the most.
fn folder(home: &Path) -> Option<PathBuf> {
    let found = std::fs::read_dir(home.join("data/accounts")).ok()?;
    let mut found: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    assert!(found.len() <= 1, "{found:?}");
    found.pop()
}

/// Works as headquarters, by the wire alone.
fn headquarters<T>(server: &Server, work: impl AsyncFnOnce(Client, SecretString) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::new(Project::new(&server.url, &server.key).unwrap(), "0.1.0").unwrap();
        let session = client.sign_in("main@flyos.mil", &PASSWORD.into()).await.unwrap().value;
        work(client, SecretString::from(session.access_token)).await
    })
}

fn user_of(server: &Server, email: &'static str) -> uuid::Uuid {
    server.with(move |sandbox| {
        sandbox.with_world(|world| world.users().find(|user| &*user.email == email).unwrap().id)
    })
}

fn set_password(server: &Server, email: &'static str, password: &'static str) {
    let profile = user_of(server, email);
    headquarters(server, async |client, token| {
        let request = AdminRequest::SetPassword { profile, password: Password::from(password) };
        client.admin_users(&token, &request.into()).await.unwrap();
    });
}

fn erase_device(server: &Server, email: &'static str, device: &str) {
    let (user, url, key) = (user_of(server, email), server.url.clone(), server.key.clone());
    let device = device.to_owned();
    headquarters(server, async |_, token| {
        let asked = reqwest::Client::new()
            .post(format!("{url}/rest/v1/rpc/erase_device"))
            .header("apikey", key)
            .bearer_auth(token.expose_secret())
            .json(&serde_json::json!({"user_id": user, "device": device}));
        assert_eq!(asked.send().await.unwrap().status(), 200);
    });
}

fn device(home: &Path) -> String {
    let text = std::fs::read_to_string(folder(home).unwrap().join("account.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("device = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// In sync, with the server's key as a way to what is here, and one edit that waits.
fn with_an_edit(home: &Path, server: &Server) -> Person {
    let person = Person::in_sync(home, server, OPERATOR);
    person.wait("the server's key", |_| ways(&person).server);
    server.line(false);
    person.set(drone(), "status", "MAINTENANCE").unwrap();
    person
}

#[test]
fn recovery_words_open_without_a_network_and_are_sent_to_nobody() {
    let (server, home) = (Server::start(), home());
    let person = with_an_edit(home.path(), &server);
    let words = words(&person);
    drop(person);
    // Right words, and the wire: were they sent in the place of a password, the server would say that they are wrong.
    server.line(true);
    let person = Person::at(home.path(), &server);
    let text = words.expose_secret();
    assert_eq!(person.sign_in(OPERATOR, text), Ok(true));
    assert_eq!(person.field(&drone(), "status").as_deref(), Some("MAINTENANCE"));
    person.up_to_date();
    drop(person);
    let person = Person::at(home.path(), &server);
    // Misspelt words are told apart from wrong ones, and neither is tried at the server.
    let told = person.sign_in(OPERATOR, &text.replacen(' ', " zzz", 1)).unwrap_err();
    assert!(told.message.contains("Word 2"), "{told:?}");
    let other = "zoo ".repeat(23) + "vote";
    let told = person.sign_in(OPERATOR, &other).unwrap_err();
    assert!(told.message.contains("does not open"), "{told:?}");
    let told = person.sign_in("east@flyos.mil", text).unwrap_err();
    assert!(told.message.contains("nothing of this one"), "{told:?}");
    // Short forms will do; taken away, they open nothing.
    let short: Vec<String> = text.split(' ').map(|word| word.chars().take(4).collect()).collect();
    assert_eq!(person.sign_in(OPERATOR, &short.join(" ")), Ok(true));
    assert_eq!(
        person.service.run(&person.service.ctx(Front::Test), Action::RemoveWords),
        Ok(Done::WordsRemoved)
    );
    drop(person);
    let person = Person::at(home.path(), &server);
    person.sign_in(OPERATOR, text).unwrap_err();
    assert_eq!(person.sign_in(OPERATOR, PASSWORD), Ok(true));
}

#[test]
fn words_need_the_password_and_wrong_ones_are_slowed_like_passwords() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, OPERATOR);
    let told = confide(&person, Confidence::MakeWords { typed: "not it".into() }).unwrap_err();
    assert_eq!(told.kind, ErrorKind::SignIn);
    confide(&person, Confidence::KeepWords { typed: "zoo".into() }).unwrap_err();
    let words = words(&person);
    drop(person);
    server.line(false);
    let person = Person::at(home.path(), &server);
    let other = "zoo ".repeat(23) + "vote";
    for _ in 0..5 {
        let told = person.sign_in(OPERATOR, &other).unwrap_err();
        assert!(told.message.contains("does not open"), "{told:?}");
    }
    let told = person.sign_in(OPERATOR, words.expose_secret()).unwrap_err();
    assert!(told.message.contains("Too many wrong passwords"), "{told:?}");
}

#[test]
fn a_password_set_anew_by_headquarters_does_not_cost_the_unsent_edits() {
    let (server, home) = (Server::start(), home());
    drop(with_an_edit(home.path(), &server));
    server.line(true);
    set_password(&server, OPERATOR, NEW);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(OPERATOR, NEW), Ok(false));
    person.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"), "the edit got in");
    drop(person);
    // From now on the new password opens it by itself, and the old one does not.
    server.line(false);
    let person = Person::at(home.path(), &server);
    person.sign_in(OPERATOR, PASSWORD).unwrap_err();
    assert_eq!(person.sign_in(OPERATOR, NEW), Ok(true));
}

#[test]
fn a_device_that_headquarters_erased_is_empty_the_next_time_it_is_heard_of() {
    let (server, home) = (Server::start(), home());
    // Found out at a sign-in whose password does not open what is here …
    drop(with_an_edit(home.path(), &server));
    server.line(true);
    erase_device(&server, OPERATOR, &device(home.path()));
    set_password(&server, OPERATOR, NEW);
    let person = Person::at(home.path(), &server);
    let told = person.sign_in(OPERATOR, NEW).unwrap_err();
    assert!(told.message.contains("Headquarters erased"), "{told:?}");
    assert_eq!(folder(home.path()), None);
    assert_eq!(person.sign_in(OPERATOR, NEW), Ok(false), "it begins anew");
    person.wait("a key of its own", |_| ways(&person).server);
    drop(person);
    // … or once a console that opened by itself is online.
    erase_device(&server, OPERATOR, &device(home.path()));
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(OPERATOR, NEW), Ok(true));
    let why = loop {
        if let Event::SignedOut { why } = person.events.recv_timeout(PATIENCE).expect("told") {
            break why.unwrap();
        }
    };
    assert!(why.contains("Headquarters erased"), "{why}");
    assert_eq!(folder(home.path()), None);
}

// ---- the lock ----

/// A console whose clock can be set, by that configuration.
fn console(home: &Path, server: &Server, wall: &Wall, config: impl FnOnce(&mut Config)) -> Person {
    Person::configured(home, server, 2_000, wall.clock(), config).synced(OPERATOR)
}

#[track_caller]
fn shows_nothing(person: &Person, syncing: bool, waiting: usize) {
    let (service, ctx) = (&person.service, person.service.ctx(Front::Test));
    let status = service.status();
    assert_eq!((&status.account, &status.link), (&None, &Link::Idle { syncing }));
    assert_eq!(status.waiting, waiting, "what waits is told");
    assert_eq!(person.labels(Kind::Drone, ""), [""; 0]);
    assert_eq!(service.show(&ctx, &drone()), None);
    assert_eq!((service.outbox(&ctx), service.export(&ctx, &[]).unwrap()), (Vec::new(), String::new()));
    for refused in [
        person.set(drone(), "status", "OFFLINE").unwrap_err(),
        service.run(&ctx, Action::SyncNow).unwrap_err(),
        service.run(&ctx, Action::Undo).unwrap_err(),
        service.ask(&ctx, &Query::Ways).unwrap_err(),
    ] {
        assert!(refused.kind == ErrorKind::SignIn, "{refused:?}");
    }
}

fn unlock(person: &Person, typed: &str) -> Result<Done, ServiceError> {
    confide(person, Confidence::Unlock { typed: typed.into() })
}

#[test]
fn a_console_left_alone_is_shut_until_its_owner_is_back() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let person = console(home.path(), &server, &wall, |_| {});
    server.line(false);
    person.set(drone(), "status", "MAINTENANCE").unwrap();
    wall.set(14 * 60);
    assert!(person.service.touched(), "not long enough");
    wall.set(28 * 60);
    person.service.look_at_idle();
    assert!(!person.labels(Kind::Drone, "").is_empty(), "counted from the last key");
    wall.set(29 * 60);
    assert!(!person.service.touched(), "the key that comes too late is not obeyed");
    shows_nothing(&person, false, 1);
    // Nothing but who and leave, whatever the process beside it wants.
    let beside = consoles(&Folders::under(home.path())).unwrap().open.remove(0);
    assert!(beside.whois.locked && beside.whois.unsent == 1, "{:?}", beside.whois);
    assert!(beside.status().is_err() && beside.query(Query::Outbox).is_err());
    assert!(beside.act(Action::Undo).is_err());
    // Wrong passwords are counted as at any sign-in.
    let told = unlock(&person, "not it").unwrap_err();
    assert!(told.message.contains("not the password"), "{told:?}");
    shows_nothing(&person, false, 1);
    assert_eq!(unlock(&person, PASSWORD), Ok(Done::Unlocked));
    assert_eq!(person.field(&drone(), "status").as_deref(), Some("MAINTENANCE"));
    unlock(&person, PASSWORD).unwrap_err();
    server.line(true);
    person.up_to_date();
    // On wish, and with words.
    let words = words(&person);
    let lock = || person.service.run(&person.service.ctx(Front::Test), Action::Lock);
    person
        .service
        .run(&person.service.ctx(Front::Test), Action::SetTraffic { traffic: Traffic::Held })
        .unwrap();
    person.set(drone(), "status", "STANDBY").unwrap();
    assert_eq!(lock(), Ok(Done::Locked));
    shows_nothing(&person, false, 1);
    assert_eq!(unlock(&person, words.expose_secret()), Ok(Done::Unlocked));
    // Whoever held the line back still does.
    std::thread::sleep(Duration::from_millis(100));
    let status = person.service.status();
    assert_eq!((status.traffic, status.waiting, &status.link), (Traffic::Held, 1, &Link::Connecting));
    person
        .service
        .run(&person.service.ctx(Front::Test), Action::SetTraffic { traffic: Traffic::Normal })
        .unwrap();
    person.up_to_date();
    assert_eq!(lock(), Ok(Done::Locked));
    for _ in 0..5 {
        unlock(&person, "not it").unwrap_err();
    }
    let told = unlock(&person, PASSWORD).unwrap_err();
    assert!(told.message.contains("Too many wrong passwords"), "{told:?}");
    // Leaving lets go of the account.
    assert_eq!(person.service.run(&person.service.ctx(Front::Test), Action::SignOut), Ok(Done::SignedOut));
    assert_eq!(person.service.status().link, Link::SignedOut);
    assert!(consoles(&Folders::under(home.path())).unwrap().open.is_empty());
}

#[test]
fn by_configuration_a_locked_console_syncs_on_and_shows_as_little() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let person = console(home.path(), &server, &wall, |config| {
        config.sync_while_locked = true;
        config.lock_minutes = Some(1);
    });
    server.line(false);
    person.set(drone(), "status", "MAINTENANCE").unwrap();
    wall.set(61);
    person.service.look_at_idle();
    shows_nothing(&person, true, 1);
    server.line(true);
    person.wait("sent while locked", |service| service.status().waiting == 0);
    assert!(server.row(drone()).contains("MAINTENANCE"));
    shows_nothing(&person, true, 0);
    unlock(&person, "not it").unwrap_err();
    assert_eq!(unlock(&person, PASSWORD), Ok(Done::Unlocked));
    assert_eq!(person.field(&drone(), "status").as_deref(), Some("MAINTENANCE"));
}

#[test]
fn never_means_never_and_another_console_can_take_over_a_locked_one() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let person = console(home.path(), &server, &wall, |config| config.lock_minutes = Some(0));
    wall.set(40 * 3600);
    assert!(person.service.touched());
    wall.set(100 * 3600);
    person.service.look_at_idle();
    assert!(!person.labels(Kind::Drone, "").is_empty());
    person.service.run(&person.service.ctx(Front::Test), Action::Lock).unwrap();
    let other = Person::at(home.path(), &server);
    let told = other.sign_in(OPERATOR, PASSWORD).unwrap_err();
    assert_eq!(told.kind, ErrorKind::Locked, "{told:?}");
    other.service.take_over(&other.service.ctx(Front::Test));
    loop {
        match other.events.recv_timeout(PATIENCE).expect("an end") {
            Event::SignedIn { .. } => break,
            Event::SignInFailed(error) => unreachable!("{error:?}"),
            _ => {}
        }
    }
    loop {
        if let Event::Moved { .. } = person.events.recv_timeout(PATIENCE).expect("told") {
            break;
        }
    }
    unlock(&person, PASSWORD).unwrap_err();
    assert!(!other.labels(Kind::Drone, "").is_empty());
}

// ---- damage ----

/// Changes what the password's copy of the key says, in a file that has no other copy; `server`: that way stays.
fn damage(home: &Path, server: bool) {
    let path = folder(home).unwrap().join("account.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("by = \"password\"").unwrap();
    let sealed = at + text[at..].find("sealed = \"").unwrap() + 30;
    // Damaged twice it is not whole again.
    let other = match &text[sealed..=sealed] {
        "A" => "B",
        "B" => "C",
        _ => "A",
    };
    let mut text = format!("{}{other}{}", &text[..sealed], &text[sealed + 1..]);
    if !server {
        text = text.replace("by = \"server\"", "by = \"recovery\"");
    }
    std::fs::write(&path, text).unwrap();
    std::fs::remove_file(path.with_extension("copy")).unwrap();
}

#[test]
fn a_damaged_copy_of_the_key_leaves_the_other_ways_in() {
    let (server, home) = (Server::start(), home());
    let person = with_an_edit(home.path(), &server);
    let words = words(&person);
    drop(person);
    damage(home.path(), true);
    let person = Person::at(home.path(), &server);
    let told = person.sign_in(OPERATOR, PASSWORD).unwrap_err();
    assert!(told.message.contains("found damaged") && told.hints[0].contains("Recovery words"), "{told:?}");
    assert_eq!(person.sign_in(OPERATOR, words.expose_secret()), Ok(true), "the words open it without a line");
    drop(person);
    damage(home.path(), true);
    server.line(true);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(OPERATOR, PASSWORD), Ok(false), "the server's key opens it");
    person.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"), "and what was unsent got in");
    drop(person);
    server.line(false);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(OPERATOR, PASSWORD), Ok(true), "and the password has a copy of the key again");
}

#[test]
fn what_nothing_opens_is_set_aside_and_the_account_begins_anew() {
    let (server, home) = (Server::start(), home());
    drop(with_an_edit(home.path(), &server));
    server.line(true);
    let shut = |person: &Person| {
        person.service.sign_in(&person.service.ctx(Front::Test), "p", OPERATOR, PASSWORD.into());
        loop {
            match person.events.recv_timeout(PATIENCE).expect("the question") {
                Event::OlderPassword { why, unsent, .. } => return (why, unsent),
                Event::SignedIn { .. } | Event::SignInFailed(_) => unreachable!("it does not open"),
                _ => {}
            }
        }
    };
    damage(home.path(), false);
    let person = Person::at(home.path(), &server);
    assert_eq!(shut(&person), (flyos::service::Shut::Damaged, Some(1)));
    let files = ["account.toml", "account.copy"].map(|name| folder(home.path()).unwrap().join(name));
    for path in &files {
        std::fs::remove_file(path).ok();
    }
    assert_eq!(
        shut(&person),
        (flyos::service::Shut::Unreadable, Some(1)),
        "no new key for what an old one sealed"
    );
    for path in &files {
        std::fs::write(path, "garbage").unwrap();
    }
    assert_eq!(shut(&person), (flyos::service::Shut::Unreadable, Some(1)));
    person.service.set_aside(&person.service.ctx(Front::Test));
    person.wait("anew", |service| service.status().link == Link::Online && service.status().waiting == 0);
    let accounts = std::fs::read_dir(home.path().join("data/accounts")).unwrap();
    let aside: Vec<_> = accounts
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".aside-"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert_eq!(std::fs::read(aside[0].join("account.toml")).unwrap(), b"garbage", "as it was");
}

// ---- kept aside ----

#[test]
fn what_was_set_aside_is_taken_over_by_the_old_password_and_sent_once() {
    let (server, home) = (Server::start(), home());
    let person = with_an_edit(home.path(), &server);
    // One of its two edits will not be his to make any more.
    let other = person.service.list(&person.service.ctx(Front::Test), &list_of_drones());
    let second = other.rows.iter().map(|row| row.key.clone()).find(|key| *key != drone()).unwrap();
    person.set(second.clone(), "status", "OFFLINE").unwrap();
    drop(person);
    server.line(true);
    let without_key = folder(home.path()).unwrap().join("account.toml");
    let text = std::fs::read_to_string(&without_key).unwrap().replace("by = \"server\"", "by = \"recovery\"");
    std::fs::write(&without_key, text.split_once('\n').unwrap().1).unwrap();
    set_password(&server, OPERATOR, NEW);
    let person = Person::at(home.path(), &server);
    let ctx = person.service.ctx(Front::Test);
    person.service.sign_in(&ctx, "p", OPERATOR, NEW.into());
    loop {
        match person.events.recv_timeout(PATIENCE).expect("the question") {
            Event::OlderPassword { unsent, .. } => break assert_eq!(unsent, Some(2)),
            Event::SignedIn { .. } | Event::SignInFailed(_) => unreachable!("it does not open"),
            _ => {}
        }
    }
    person.service.set_aside(&ctx);
    person.wait("anew", |service| service.status().link == Link::Online && service.status().as_of.is_some());
    let gone = second.clone();
    server.with(move |sandbox| {
        let row = sandbox.with_world(|world| world.get(&gone)).unwrap();
        sandbox.admin(&[flyos::domain::Change::delete(&row)]).unwrap();
    });
    let aside = |person: &Person| match person.service.ask(&ctx, &Query::Aside).unwrap() {
        flyos::service::Answer::Aside(kept) => kept,
        other => unreachable!("{other:?}"),
    };
    person.wait("the drone is gone", |service| service.show(&ctx, &second).is_none());
    let kept = aside(&person);
    assert_eq!((kept.len(), kept[0].unsent), (1, Some(2)));
    let take = |typed: &str| {
        confide(&person, Confidence::TakeBack { aside: kept[0].name.clone(), typed: typed.into() })
    };
    let told = take(NEW).unwrap_err();
    assert!(told.message.contains("opens nothing of what was kept aside"), "{told:?}");
    let Ok(Done::Imported { saved, known, refused, .. }) = take(PASSWORD) else { unreachable!("it opens") };
    assert_eq!((saved, known, refused.len()), (1, 0, 1), "{refused:?}");
    person.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"), "what was unsent got in");
    // What was refused stays there; the other one is not taken twice.
    assert_eq!(aside(&person)[0].unsent, Some(1));
    let Ok(Done::Imported { saved, known, refused, .. }) = take(PASSWORD) else { unreachable!("it opens") };
    assert_eq!((saved, known, refused.len()), (0, 0, 1), "{refused:?}");
    let gone = Confidence::TakeBack { aside: "nothing".to_owned(), typed: PASSWORD.into() };
    assert!(confide(&person, gone).unwrap_err().message.contains("not kept aside any more"));
    // From outside it is seen, and reached with the account it is of.
    let what = doctor::Examination {
        folders: Folders::under(home.path()),
        environment: flyos::service::Environment::default(),
        password: None,
        online: false,
        now: ctx.now,
    };
    let findings = doctor::examine(&what).findings;
    let told = findings.iter().find(|finding| finding.about.ends_with("set aside")).unwrap();
    assert!(told.health == doctor::Health::Attention, "{told:?}");
    assert!(told.text.contains("1 edit in it was not sent"), "{told:?}");
    drop(person);
    let kept = |one| wipe::kept(&Folders::under(home.path()), one).unwrap();
    assert_eq!(kept(Some((server.url.as_str(), "main@flyos.mil"))).len(), 0);
    let theirs = kept(Some((server.url.as_str(), OPERATOR)));
    assert_eq!((theirs.len(), theirs.iter().filter(|kept| kept.aside().is_some()).count()), (2, 1));
    theirs.into_iter().try_for_each(wipe::Kept::erase).unwrap();
    assert_eq!((folder(home.path()), kept(None).len()), (None, 0));
}

fn list_of_drones() -> ListQuery {
    let (filter, sort) = (String::new(), "id".to_owned());
    ListQuery { kind: Kind::Drone, filter, sort, descending: false, offset: 0, limit: 9 }
}

// ---- machines ----

#[test]
fn headquarters_sees_the_machines_and_has_one_erased() {
    let (server, home, hq_home) = (Server::start(), home(), tempfile::tempdir().unwrap());
    let person = Person::in_sync(home.path(), &server, OPERATOR);
    person.set(drone(), "status", "MAINTENANCE").unwrap();
    person.up_to_date();
    let device = device(home.path());
    drop(person);
    let hq = Person::in_sync(hq_home.path(), &server, "main@flyos.mil");
    let ctx = hq.service.ctx(Front::Test);
    let theirs = || match hq.service.run(&ctx, Action::Machines).unwrap() {
        Done::Machines(machines) => {
            machines.into_iter().find(|machine| machine.username == "operator1").unwrap()
        }
        other => unreachable!("{other:?}"),
    };
    let machine = theirs();
    assert_eq!((machine.device.to_string(), machine.erased, machine.here), (device, false, false));
    let erase = Action::EraseMachine { user: machine.user, device: machine.device };
    // Nobody else may, and nothing is done without a line.
    let person = Person::at(home.path(), &server);
    person.sign_in(OPERATOR, PASSWORD).unwrap();
    let told = person.service.run(&person.service.ctx(Front::Test), erase.clone()).unwrap_err();
    assert_eq!(told.kind, ErrorKind::Refused, "{told:?}");
    drop(person);
    server.line(false);
    assert_eq!(hq.service.run(&ctx, erase.clone()).unwrap_err().kind, ErrorKind::Offline);
    server.line(true);
    assert_eq!(hq.service.run(&ctx, erase), Ok(Done::MachineErased));
    assert!(theirs().erased);
    let person = Person::at(home.path(), &server);
    person.sign_in(OPERATOR, PASSWORD).unwrap();
    person.wait("erased", |_| folder(home.path()).is_none());
    assert_eq!(person.service.status().link, Link::SignedOut);
}

// ---- erasing ----

#[test]
fn signing_out_with_erase_leaves_nothing_and_begins_anew() {
    let (server, home) = (Server::start(), home());
    let person = with_an_edit(home.path(), &server);
    let kept = home.path().join("kept");
    std::fs::hard_link(folder(home.path()).unwrap().join("account.toml"), &kept).unwrap();
    assert!(std::fs::read_to_string(&kept).unwrap().contains("wraps"));
    assert_eq!(person.service.run(&person.service.ctx(Front::Test), Action::Erase), Ok(Done::Erased));
    assert_eq!(folder(home.path()), None);
    assert!(std::fs::read(&kept).unwrap().iter().all(|byte| *byte == 0), "the keys were written over");
    server.line(true);
    assert_eq!(person.sign_in(OPERATOR, PASSWORD), Ok(false), "as on a machine that never knew it");
    assert!(!server.row(drone()).contains("MAINTENANCE"));
}

/// Makes the operator's profile ACTIVE or not, as an administrator.
fn set_status(server: &Server, status: &'static str) {
    let key = Key::user(user_of(server, OPERATOR));
    server.with(move |sandbox| {
        let row = sandbox.with_world(|world| world.get(&key)).unwrap();
        let set = Fields::from([("status".to_owned(), Some(status.to_owned()))]);
        sandbox.admin(&[flyos::domain::Change::update(&row, &set).unwrap()]).unwrap();
    });
}

fn is_noted(home: &Path) -> bool {
    let file = folder(home).unwrap().join("account.toml");
    std::fs::read_to_string(file).unwrap().contains("dismissed")
}

#[test]
fn a_dismissed_account_is_erased_after_its_grace_once_the_server_says_so_again() {
    let (server, home, wall) = (Server::start(), home(), Wall::default());
    let person = console(home.path(), &server, &wall, |_| {});
    set_status(&server, "INACTIVE");
    person.wait("told", |service| service.status().link == Link::Inactive);
    person.wait("noted", |_| is_noted(home.path()));
    drop(person);
    let day = 24 * 3600;
    // Without a word of the server nothing goes, however long it takes.
    server.line(false);
    wall.set(8 * day);
    let again = || Person::configured(home.path(), &server, 2_000, wall.clock(), |_| {});
    let person = again();
    person.sign_in(OPERATOR, PASSWORD).unwrap();
    person.wait("no line", |service| !matches!(service.status().link, Link::Connecting));
    drop(person);
    assert!(is_noted(home.path()));
    // Taken back, it begins anew the next time.
    server.line(true);
    set_status(&server, "ACTIVE");
    let person = again().synced(OPERATOR);
    person.wait("taken back", |_| !is_noted(home.path()));
    set_status(&server, "INACTIVE");
    person.wait("noted", |_| is_noted(home.path()));
    drop(person);
    wall.set(14 * day);
    let person = again();
    person.sign_in(OPERATOR, PASSWORD).unwrap();
    person.wait("told", |service| matches!(service.status().link, Link::Inactive | Link::Blocked));
    assert!(is_noted(home.path()), "within the grace");
    drop(person);
    wall.set(16 * day);
    let person = again();
    person.sign_in(OPERATOR, PASSWORD).unwrap();
    let why = loop {
        if let Event::SignedOut { why } = person.events.recv_timeout(PATIENCE).expect("told") {
            break why.unwrap();
        }
    };
    assert!(why.contains("grace"), "{why}");
    assert_eq!(folder(home.path()), None);
}

// ---- files ----

const PASSPHRASE: &str = "twelve long letters";

fn export(person: &Person, path: &Path, passphrase: &str) -> Result<Done, ServiceError> {
    let passphrase = passphrase.into();
    confide(person, Confidence::Export { edits: Vec::new(), path: path.to_owned(), passphrase })
}

fn import(person: &Person, path: &Path, passphrase: &str) -> Result<Done, ServiceError> {
    confide(person, Confidence::Import { path: path.to_owned(), passphrase: passphrase.into() })
}

fn imported(author: &str, saved: usize, known: usize) -> Done {
    Done::Imported { author: author.to_owned(), saved, known, refused: Vec::new() }
}

#[test]
fn unsent_edits_go_to_another_machine_and_are_applied_once() {
    let (server, home, other) = (Server::start(), home(), home());
    let person = with_an_edit(home.path(), &server);
    let path = home.path().join("out.sealed");
    assert_eq!(export(&person, &path, "too short").unwrap_err().kind, ErrorKind::Usage);
    assert!(!path.exists());
    // One that was killed on the way stands in nobody's.
    std::fs::write(home.path().join("out.sealed.part"), "half of").unwrap();
    let done = export(&person, &path, PASSPHRASE).unwrap();
    assert!(matches!(done, Done::Exported { edits: 1, .. }), "{done:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&path).unwrap();
    for word in ["drone-001", "operator1", "MAINTENANCE"] {
        assert!(!bytes.windows(word.len()).any(|part| part == word.as_bytes()), "{word} in the clear");
    }
    let told = export(&person, &path, PASSPHRASE).unwrap_err();
    assert!(told.message.contains("is there already"), "{told:?}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "it was not touched");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2, "and nothing is left beside it");
    drop(person);
    // The same person, elsewhere; then the first machine comes back with the same edit.
    server.line(true);
    let elsewhere = Person::in_sync(other.path(), &server, OPERATOR);
    assert!(import(&elsewhere, &path, "not the passphrase").unwrap_err().message.contains("passphrase"));
    assert_eq!(import(&elsewhere, &path, PASSPHRASE), Ok(imported("operator1", 1, 0)));
    assert_eq!(import(&elsewhere, &path, PASSPHRASE), Ok(imported("operator1", 0, 1)), "nothing twice");
    elsewhere.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"));
    let before = server.with(|sandbox| sandbox.version(&drone()));
    let person = Person::in_sync(home.path(), &server, OPERATOR);
    person.up_to_date();
    assert_eq!(server.with(|sandbox| sandbox.version(&drone())), before, "the server knows it by its id");
    assert_eq!(import(&elsewhere, &path, PASSPHRASE), Ok(imported("operator1", 0, 1)));
    // Nor once somebody has changed it since: the edit is known, whatever is there now.
    person.set(drone(), "status", "OFFLINE").unwrap();
    person.up_to_date();
    elsewhere.wait("the other's edit", |_| elsewhere.field(&drone(), "status").as_deref() == Some("OFFLINE"));
    assert_eq!(import(&elsewhere, &path, PASSPHRASE), Ok(imported("operator1", 0, 1)));
    elsewhere.up_to_date();
    assert!(server.row(drone()).contains("OFFLINE"));
}

#[test]
fn somebody_elses_edits_become_the_importers_within_their_rights_and_name_the_author() {
    let (server, home, other, third) = (Server::start(), home(), home(), home());
    let person = with_an_edit(home.path(), &server);
    let path = home.path().join("out.sealed");
    export(&person, &path, PASSPHRASE).unwrap();
    drop(person);
    server.line(true);
    // Western may not touch a drone of Eastern's.
    let west = Person::in_sync(third.path(), &server, "west@flyos.mil");
    let Done::Imported { saved: 0, refused, .. } = import(&west, &path, PASSPHRASE).unwrap() else {
        unreachable!("it is refused")
    };
    assert!(refused[0].0.contains("drone-001"), "{refused:?}");
    let east = Person::in_sync(other.path(), &server, "east@flyos.mil");
    server.line(false);
    assert_eq!(import(&east, &path, PASSPHRASE), Ok(imported("operator1", 1, 0)));
    let ctx = east.service.ctx(Front::Test);
    let line = east.service.outbox(&ctx).remove(0);
    assert_eq!(line.key, drone());
    assert!(east.service.export(&ctx, &[]).unwrap().contains("by operator1"), "the reason names the author");
    server.line(true);
    east.up_to_date();
    assert!(server.row(drone()).contains("MAINTENANCE"));
    // A bent file says so.
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let told = import(&east, &path, PASSPHRASE).unwrap_err();
    assert!(told.message.contains("cut or changed"), "{told:?}");
}

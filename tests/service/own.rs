//! The own sign-in through the door: second factors, passwords changed here and elsewhere, mailed codes, sessions
//! that end.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flyos::domain::{Key, Kind};
use flyos::sandbox::MailFor;
use flyos::service::own::field;
use flyos::service::{Action, Answer, Enrolling, ErrorKind, Event, Front, Link, Own, OwnDone, Query, Redeem};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Server;
use crate::beside::hangs_up;
use crate::door::{Address, PASSWORD, PATIENCE, Person, home};
use crate::totp;

const WHO: &str = "operator1@flyos.mil";
const NEW: &str = "a new one 2026";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// Sets a second factor up; its secret.
fn enrol(person: &Person) -> String {
    let Ok(OwnDone::Enrolling(enrolling)) = person.own(Own::Enrol) else { unreachable!("it begins") };
    let Enrolling { factor, secret: shared, uri } = *enrolling;
    let shared = shared.expose_secret().to_owned();
    assert_eq!(uri.expose_secret(), format!("otpauth://totp/FlyOS:{WHO}?secret={shared}"));
    let code = secret(&totp::code(&shared));
    assert!(matches!(person.own(Own::Confirm { factor, code }), Ok(OwnDone::Enrolled)));
    shared
}

fn drone(person: &Person) -> Key {
    Key::drone(&person.labels(Kind::Drone, "")[0])
}

fn change(
    person: &Person,
    current: &str,
    new: &str,
    nonce: Option<&str>,
) -> Result<OwnDone, flyos::service::ServiceError> {
    person.own(Own::ChangePassword { current: secret(current), new: secret(new), nonce: nonce.map(secret) })
}

/// Signs in and is told that what is here is sealed with an older password; how much of it is unsent, and what was
/// wrong with the old one that was given.
fn asked_for_old(person: &Person) -> (Option<usize>, Option<flyos::service::ServiceError>) {
    loop {
        match person.events.recv_timeout(PATIENCE).expect("the question") {
            Event::OlderPassword { unsent, wrong, .. } => return (unsent, wrong),
            Event::SignedIn { .. } => unreachable!("it does not open"),
            Event::SignInFailed(error) => unreachable!("{error}"),
            _ => {}
        }
    }
}

fn signed_in(person: &Person) {
    loop {
        match person.events.recv_timeout(PATIENCE).expect("signed in") {
            Event::SignedIn { .. } => return,
            Event::SignInFailed(error) => unreachable!("{error}"),
            Event::InUse(other) => unreachable!("{other:?}"),
            _ => {}
        }
    }
}

#[test]
fn a_second_factor_is_asked_for_and_nothing_is_lost_meanwhile() {
    let server = Server::start();
    let (here, there) = (home(), home());
    let person = Person::in_sync(here.path(), &server, WHO);
    let other = Person::in_sync(there.path(), &server, WHO);
    let shared = enrol(&person);
    let drone = drone(&person);
    // This session gave its code and goes on; the other one has ended, with what it is doing.
    other.set(drone.clone(), "status", "MAINTENANCE").unwrap();
    other.wait("the other session ended", |service| service.status().link == Link::SignInAgain);
    assert_eq!(other.service.status().waiting, 1);
    drop(other);

    // There: the password opens what is here, and the code is asked for before anything goes over the line.
    let other = Person::at(there.path(), &server);
    assert_eq!(other.sign_in(WHO, PASSWORD), Ok(true));
    other.wait("the code asked for", |service| service.status().link == Link::SecondFactor);
    assert_eq!((other.service.status().waiting, other.labels(Kind::Drone, "").is_empty()), (1, false));
    let wrong = if totp::code(&shared) == "000000" { "111111" } else { "000000" };
    let refused = other.own(Own::Code { code: secret(wrong) }).unwrap_err();
    assert_eq!((refused.kind, refused.field.as_deref()), (ErrorKind::Refused, Some(field::CODE)));
    assert!(refused.message.contains("the code is wrong"), "{refused}");
    assert!(matches!(other.own(Own::Code { code: secret(&totp::code(&shared)) }), Ok(OwnDone::CodeTaken)));
    other.up_to_date();
    other.wait("online", |service| service.status().link == Link::Online);
    assert!(server.row(drone.clone()).contains("MAINTENANCE"));
    drop(other);

    // The next start there has a session that gave its code: it is not asked again.
    let other = Person::at(there.path(), &server);
    other.sign_in(WHO, PASSWORD).unwrap();
    other.wait("online", |service| service.status().link == Link::Online);
    // A machine that knows nothing of the account is asked as well.
    let fresh = home();
    let new = Person::at(fresh.path(), &server);
    assert_eq!(new.sign_in(WHO, PASSWORD), Ok(false));
    new.wait("the code asked for", |service| service.status().link == Link::SecondFactor);
    assert!(new.labels(Kind::Drone, "").is_empty());

    let Ok(OwnDone::Factors(factors)) = other.own(Own::Factors) else { unreachable!("it has one") };
    let factor = factors[0].id.clone();
    assert!(matches!(other.own(Own::Unenrol { factor }), Ok(OwnDone::Unenrolled)));
    new.service.run(&new.service.ctx(Front::Test), Action::SyncNow).unwrap();
    new.wait("no code needed", |service| service.status().link == Link::Online);
}

#[test]
fn too_many_codes_are_told_in_words() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, WHO);
    enrol(&person);
    let mut last = None;
    for _ in 0..20 {
        last = person.own(Own::Code { code: secret("12345") }).err();
    }
    let last = last.unwrap();
    assert!(last.message.contains("too many requests"), "{last}");
    assert!(last.message.contains("Wait a few minutes"), "{last}");
}

#[test]
fn a_password_is_changed_on_the_server_and_here() {
    let server = Server::start();
    let (here, there) = (home(), home());
    let person = Person::in_sync(here.path(), &server, WHO);
    let other = Person::in_sync(there.path(), &server, WHO);
    let refused = |error: Result<OwnDone, flyos::service::ServiceError>| {
        let error = error.unwrap_err();
        (error.field.clone().unwrap_or_default(), error.to_string())
    };
    let (at, words) = refused(change(&person, "not this one", NEW, None));
    assert_eq!((at.as_str(), words.contains("present password")), (field::CURRENT, true), "{words}");
    assert_eq!(refused(change(&person, PASSWORD, "short", None)).0, field::NEW);
    let (at, words) = refused(change(&person, PASSWORD, "password123", None));
    assert_eq!((at.as_str(), words.contains("leaked")), (field::NEW, true), "{words}");
    assert_eq!(refused(change(&person, PASSWORD, PASSWORD, None)).0, field::NEW);
    server.with(|sandbox| sandbox.faults().set_asks_for_nonce(true));
    assert_eq!(refused(change(&person, PASSWORD, NEW, None)).0, field::NONCE);
    assert_eq!(refused(change(&person, PASSWORD, NEW, Some("000000x"))).0, field::NONCE);
    let mails = server.with(flyos::sandbox::Sandbox::mails);
    let nonce = mails.iter().find(|mail| mail.good_for == MailFor::Reauthentication).unwrap();
    // Refused so often, the old password still opens it.
    let wraps = |home: &tempfile::TempDir| {
        let account = std::fs::read_dir(home.path().join("data/accounts")).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(account.path().join("account.toml")).unwrap();
        text.matches("by = \"password\"").count()
    };
    assert_eq!(wraps(&here), 1);
    assert!(matches!(change(&person, PASSWORD, NEW, Some(&nonce.code)), Ok(OwnDone::PasswordChanged)));
    assert_eq!(wraps(&here), 1, "the old one has gone");
    let drone = drone(&person);
    person.set(drone.clone(), "status", "OFFLINE").unwrap();
    person.up_to_date();
    // Other sessions have ended.
    other.wait("the other one has ended", |service| service.status().link == Link::SignInAgain);
    drop((person, other));
    server.line(false);
    let person = Person::at(here.path(), &server);
    assert_eq!(
        person.sign_in(WHO, PASSWORD).unwrap_err().kind,
        ErrorKind::SignIn,
        "the old one opens nothing"
    );
    assert_eq!(person.sign_in(WHO, NEW), Ok(true), "without a line");
}

/// Takes away the way by the server's key, as on a machine that never had it.
fn without_server_key(home: &std::path::Path) {
    let account = std::fs::read_dir(home.join("data/accounts")).unwrap().next().unwrap().unwrap();
    let path = account.path().join("account.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("by = \"server\"", "by = \"recovery\"");
    std::fs::write(path, text.split_once('\n').unwrap().1).unwrap();
}

/// `there` has an edit that was not sent, and the password was changed `here` meanwhile.
fn changed_elsewhere(server: &Server) -> (tempfile::TempDir, Key) {
    let (here, there) = (home(), home());
    let person = Person::in_sync(here.path(), server, WHO);
    let away = Person::in_sync(there.path(), server, WHO);
    let drone = drone(&away);
    server.line(false);
    away.set(drone.clone(), "status", "MAINTENANCE").unwrap();
    away.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }));
    drop(away);
    server.line(true);
    assert!(matches!(change(&person, PASSWORD, NEW, None), Ok(OwnDone::PasswordChanged)));
    (there, drone)
}

#[test]
fn a_console_that_opened_by_the_old_password_is_told_to_sign_in_again() {
    let server = Server::start();
    let (there, drone) = changed_elsewhere(&server);
    let away = Person::at(there.path(), &server);
    assert_eq!(away.sign_in(WHO, PASSWORD), Ok(true));
    away.wait("told", |service| service.status().link == Link::SignInAgain);
    assert_eq!(away.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
    assert_eq!(away.service.status().waiting, 1);
}

fn told(person: &Person) -> String {
    loop {
        if let Event::Told(words) = person.events.recv_timeout(PATIENCE).expect("told") {
            return words;
        }
    }
}

#[test]
fn what_headquarters_did_meanwhile_is_met_in_words() {
    let server = Server::start();
    let (homes, hq_home) = ([home(), home()], home());
    let hq = Person::in_sync(hq_home.path(), &server, "main@flyos.mil");
    let me = |name: &str| Key { kind: Kind::User, pk: hq.key(Kind::User, &format!("username:{name}")) };
    let away = Person::in_sync(homes[0].path(), &server, "operator2@flyos.mil");
    let moved = Person::in_sync(homes[1].path(), &server, WHO);
    drop((away, moved));
    let west = hq.key(Kind::Region, "western");
    hq.set(me("operator1"), "region_id", &west).unwrap();
    hq.set(me("operator1"), "role", "REGIONAL_HQ").unwrap();
    hq.set(me("operator2"), "status", "INACTIVE").unwrap();
    hq.up_to_date();

    let moved = Person::at(homes[1].path(), &server);
    moved.sign_in(WHO, PASSWORD).unwrap();
    let words = told(&moved);
    assert!(words.contains("Your role is now REGIONAL_HQ."), "{words}");
    assert!(words.contains("Your region is now Western."), "{words}");
    // It stays in the state line until it was loaded and somebody was at the keys.
    moved.wait("loaded", |service| service.status().news.is_some_and(|news| !news.reloading));
    let news = moved.service.status().news.unwrap();
    assert_eq!(news.text, "YOUR ROLE IS NOW REGIONAL_HQ, YOUR REGION IS NOW Western");
    assert!(moved.service.touched());
    assert_eq!(moved.service.status().news, None);
    // Made INACTIVE while away: the account is barred and its sessions have ended, so there is no page to tell.
    let away = Person::at(homes[0].path(), &server);
    assert_eq!(away.sign_in("operator2@flyos.mil", PASSWORD), Ok(true));
    away.wait("barred", |service| service.status().link == Link::Blocked);
    let drone = drone(&away);
    assert_eq!(away.set(drone, "status", "OFFLINE").unwrap_err().kind, ErrorKind::Denied);
    let fresh = home();
    let refused = Person::at(fresh.path(), &server).sign_in("operator2@flyos.mil", PASSWORD).unwrap_err();
    assert!(refused.message.contains("blocked"), "{refused}");
}

#[test]
fn the_old_password_is_asked_for_once_where_it_was_changed_elsewhere() {
    let server = Server::start();
    let (there, drone) = changed_elsewhere(&server);
    without_server_key(there.path());
    let away = Person::at(there.path(), &server);
    away.service.sign_in(&away.service.ctx(Front::Test), "p", WHO, NEW.into());
    assert_eq!(asked_for_old(&away), (Some(1), None), "how much is there is told, and nothing of it");
    away.service.open_with_old(&away.service.ctx(Front::Test), secret("not this one either"));
    let wrong = asked_for_old(&away).1.unwrap();
    assert!(wrong.message.contains("does not open"), "{wrong}");
    away.service.open_with_old(&away.service.ctx(Front::Test), secret(PASSWORD));
    signed_in(&away);
    assert_eq!(away.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
    away.up_to_date();
    assert!(server.row(drone).contains("MAINTENANCE"));
    drop(away);
    server.line(false);
    let away = Person::at(there.path(), &server);
    assert_eq!(away.sign_in(WHO, NEW), Ok(true), "wrapped anew: not asked again, and without a line");
    drop(away);
    let away = Person::at(there.path(), &server);
    assert_eq!(away.sign_in(WHO, PASSWORD).unwrap_err().kind, ErrorKind::SignIn);
}

#[test]
fn without_the_old_password_what_is_here_is_kept_aside() {
    let server = Server::start();
    let (there, drone) = changed_elsewhere(&server);
    without_server_key(there.path());
    let away = Person::at(there.path(), &server);
    away.service.sign_in(&away.service.ctx(Front::Test), "p", WHO, NEW.into());
    assert_eq!(asked_for_old(&away).0, Some(1));
    // Left alone, nothing happens.
    away.service.let_be(&away.service.ctx(Front::Test));
    away.service.set_aside(&away.service.ctx(Front::Test));
    let accounts = there.path().join("data/accounts");
    let names = || {
        let entries = std::fs::read_dir(&accounts).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names().len(), 1);
    away.service.sign_in(&away.service.ctx(Front::Test), "p", WHO, NEW.into());
    asked_for_old(&away);
    away.service.set_aside(&away.service.ctx(Front::Test));
    signed_in(&away);
    away.wait("loaded anew", |service| {
        service.status().link == Link::Online && service.status().as_of.is_some()
    });
    assert_eq!(away.service.status().waiting, 0);
    assert_ne!(away.field(&drone, "status").as_deref(), Some("MAINTENANCE"));
    drop(away);
    let names = names();
    let [account, aside] = &names[..] else { unreachable!("{names:?}") };
    assert!(aside.starts_with(&format!("{account}.aside-")), "{names:?}");
    // The way back: its old name, and the old password.
    std::fs::rename(accounts.join(account), accounts.join("elsewhere")).unwrap();
    std::fs::rename(accounts.join(aside), accounts.join(account)).unwrap();
    server.line(false);
    let back = Person::at(there.path(), &server);
    assert_eq!(back.sign_in(WHO, PASSWORD), Ok(true));
    assert_eq!(back.service.status().waiting, 1);
}

#[test]
fn a_change_whose_answer_was_lost_opens_with_either_until_the_server_says_which() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, WHO);
    // The line is cut after the server has it: as near as can be had is a second change that nobody answers.
    server.faults.set_answer(Some(flyos::sandbox::Answer::Error500), None);
    let told = change(&person, PASSWORD, NEW, None).unwrap_err();
    assert!(told.hints.iter().any(|hint| hint.contains("not known")), "{told:?}");
    drop(person);
    server.line(false);
    for password in [PASSWORD, NEW] {
        let person = Person::at(home.path(), &server);
        assert_eq!(person.sign_in(WHO, password), Ok(true), "{password}");
    }
    server.faults.clear();
    server.line(true);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(WHO, PASSWORD), Ok(false), "the server says that it is this one");
    drop(person);
    server.line(false);
    let person = Person::at(home.path(), &server);
    assert_eq!(person.sign_in(WHO, NEW).unwrap_err().kind, ErrorKind::SignIn);
    assert_eq!(person.sign_in(WHO, PASSWORD), Ok(true));
}

fn mailed(server: &Server, good_for: MailFor) -> String {
    let mails = server.with(flyos::sandbox::Sandbox::mails);
    mails.into_iter().find(|mail| mail.good_for == good_for).expect("a mail").code
}

#[test]
fn a_forgotten_password_is_set_by_a_mailed_code_and_signs_in() {
    let server = Server::start();
    let home = home();
    let person = Person::at(home.path(), &server);
    let (project, email) = ("p".to_owned(), WHO.to_owned());
    let mail = Own::MailCode { project: project.clone(), email: email.clone() };
    assert!(matches!(person.own(mail.clone()), Ok(OwnDone::CodeMailed { told: None })));
    let soon = person.own(mail).unwrap_err();
    let wait = soon.message.split_once("Wait ").and_then(|(_, rest)| rest.split_once(" s"));
    assert!(wait.is_some_and(|(s, _)| s.parse().is_ok_and(|s: u32| (1..=60).contains(&s))), "{soon}");
    let redeem = |code: &str, new: &str| Redeem {
        project: project.clone(),
        email: email.clone(),
        invited: false,
        code: secret(code),
        new: secret(new),
        second: None,
    };
    let wrong = person.own(Own::Redeem(redeem("0000000", NEW))).unwrap_err();
    assert_eq!(wrong.field.as_deref(), Some(field::CODE), "{wrong}");
    let code = mailed(&server, MailFor::Recovery);
    let weak = person.own(Own::Redeem(redeem(&code, "password123"))).unwrap_err();
    assert_eq!(weak.field.as_deref(), Some(field::NEW), "{weak}");
    // The code is spent by now, and what it gave is kept: for who has that code, and for that account.
    let other = Redeem { email: "operator2@flyos.mil".to_owned(), ..redeem(&code, NEW) };
    for wish in [redeem("0000000", NEW), other] {
        let wrong = person.own(Own::Redeem(wish)).unwrap_err();
        assert_eq!(wrong.field.as_deref(), Some(field::CODE), "{wrong}");
    }
    assert!(matches!(person.own(Own::Redeem(redeem(&code, NEW))), Ok(OwnDone::PasswordSet)));
    signed_in(&person);
    person.wait("online", |service| service.status().link == Link::Online);
}

/// Waits until the server has a key to what is here: who is not asked for the old password then.
fn opens_by_a_new_password(person: &Person) {
    person.wait("the server's key", |service| {
        let ways = service.ask(&service.ctx(Front::Test), &Query::Ways);
        matches!(ways, Ok(Answer::Ways(ways)) if ways.server)
    });
}

/// Has a code mailed; what sets a new password by it.
fn by_mail(person: &Person, server: &Server) -> Redeem {
    let (project, email) = ("p".to_owned(), WHO.to_owned());
    person.own(Own::MailCode { project: project.clone(), email: email.clone() }).unwrap();
    let code = secret(&mailed(server, MailFor::Recovery));
    Redeem { project, email, invited: false, code, new: secret(NEW), second: None }
}

/// Sets a new password by a code that is mailed; a sign-in with what it gave is under way then.
fn redeem(person: &Person, server: &Server) {
    let wish = by_mail(person, server);
    assert!(matches!(person.own(Own::Redeem(wish)), Ok(OwnDone::PasswordSet)));
}

#[test]
fn what_a_mailed_code_gave_is_good_once_the_account_is_free() {
    let server = Server::start();
    let home = home();
    let before = Person::in_sync(home.path(), &server, WHO);
    opens_by_a_new_password(&before);
    drop(before);
    let ending = hangs_up(&home);
    let person = Person::at(home.path(), &server);
    redeem(&person, &server);
    signed_in(&person);
    ending.join().unwrap();
    person.up_to_date();
}

/// Stands before the server. While it is cut, who asks for the keys that passes are checked with is hung up on.
fn front(server: &Server) -> (Address, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address =
        Address { url: format!("http://{}", listener.local_addr().unwrap()), key: server.key.clone() };
    let (to, cut) = (server.url.trim_start_matches("http://").to_owned(), Arc::new(AtomicBool::new(false)));
    let is_cut = Arc::clone(&cut);
    std::thread::spawn(move || {
        for near in listener.incoming().map(Result::unwrap) {
            let far = TcpStream::connect(&to).unwrap();
            let (mut up, mut down) = (near.try_clone().unwrap(), near);
            let (mut to, mut from) = (far.try_clone().unwrap(), far);
            let is_cut = Arc::clone(&is_cut);
            std::thread::spawn(move || {
                let mut bytes = vec![0; 65_536];
                while let Ok(count @ 1..) = up.read(&mut bytes) {
                    let asks = String::from_utf8_lossy(&bytes[..count]).contains("jwks.json");
                    if (asks && is_cut.load(Ordering::SeqCst)) || to.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
                let _ended = (up.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
            });
            std::thread::spawn(move || {
                let _ended = (std::io::copy(&mut from, &mut down), down.shutdown(Shutdown::Both));
            });
        }
    });
    (address, cut)
}

#[test]
fn what_a_mailed_code_gave_is_kept_where_the_line_breaks_before_it_is_checked() {
    let server = Server::start();
    let home = home();
    let (address, cut) = front(&server);
    let person = Person::at(home.path(), &address);
    let wish = by_mail(&person, &server);
    cut.store(true, Ordering::SeqCst);
    let error = person.own(Own::Redeem(wish.clone())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Offline, "{error:?}");
    assert!(server.with(flyos::sandbox::Sandbox::mails).is_empty(), "the code is spent");
    cut.store(false, Ordering::SeqCst);
    assert!(matches!(person.own(Own::Redeem(wish)), Ok(OwnDone::PasswordSet)));
    signed_in(&person);
}

#[test]
fn what_a_mailed_code_gave_is_good_after_an_old_password_that_was_mistyped() {
    let server = Server::start();
    let home = home();
    let before = Person::in_sync(home.path(), &server, WHO);
    opens_by_a_new_password(&before);
    drop(before);
    without_server_key(home.path());
    let person = Person::at(home.path(), &server);
    redeem(&person, &server);
    assert_eq!(asked_for_old(&person), (Some(0), None));
    person.service.open_with_old(&person.service.ctx(Front::Test), secret("not this one"));
    assert!(asked_for_old(&person).1.is_some());
    person.service.open_with_old(&person.service.ctx(Front::Test), secret(PASSWORD));
    signed_in(&person);
    person.wait("online", |service| service.status().link == Link::Online);
}

#[test]
fn what_a_mailed_code_gave_ends_where_nobody_takes_over() {
    for leaves in [false, true] {
        let server = Server::start();
        let home = home();
        let console = Person::at(home.path(), &server);
        console.sign_in(WHO, PASSWORD).unwrap();
        opens_by_a_new_password(&console);
        let person = Person::at(home.path(), &server);
        redeem(&person, &server);
        while !matches!(person.events.recv_timeout(PATIENCE).expect("the question"), Event::InUse(_)) {}
        let sessions = || server.with(flyos::sandbox::Sandbox::sessions);
        assert_eq!(sessions(), 1, "the new password ended that of the console");
        if leaves {
            server.faults.set_latency_ms(300);
            person.service.close();
            assert_eq!(sessions(), 0, "it is ended before the console is");
        } else {
            person.service.let_be(&person.service.ctx(Front::Test));
            person.wait("the end of its session", |_| sessions() == 0);
        }
    }
}

#[test]
fn a_forgotten_password_needs_the_second_factor_too() {
    let server = Server::start();
    let (here, there) = (home(), home());
    let shared = enrol(&Person::in_sync(here.path(), &server, WHO));
    let person = Person::at(there.path(), &server);
    let mut redeem = by_mail(&person, &server);
    let refused = person.own(Own::Redeem(redeem.clone())).unwrap_err();
    assert_eq!(refused.field.as_deref(), Some(field::SECOND), "{refused}");
    redeem.second = Some(secret(&totp::code(&shared)));
    assert!(matches!(person.own(Own::Redeem(redeem)), Ok(OwnDone::PasswordSet)));
    signed_in(&person);
    // That code was all: it is not asked for once more, now or at the next renewal.
    person.up_to_date();
    person.wait("online", |service| service.status().link == Link::Online);
    drop(person);
    let person = Person::at(there.path(), &server);
    person.sign_in(WHO, NEW).unwrap();
    person.wait("online", |service| service.status().link == Link::Online);
}

#[test]
fn sessions_end_elsewhere_and_everywhere() {
    let server = Server::start();
    let homes = [home(), home()];
    let here = Person::in_sync(homes[0].path(), &server, WHO);
    let other = Person::in_sync(homes[1].path(), &server, WHO);
    let drone = drone(&other);
    assert!(matches!(here.own(Own::SignOutOthers), Ok(OwnDone::OthersSignedOut)));
    other.set(drone.clone(), "status", "OFFLINE").unwrap();
    other.wait("ended", |service| service.status().link == Link::SignInAgain);
    assert_eq!(other.service.status().waiting, 1);
    // Signing in again sends what waited.
    other.service.run(&other.service.ctx(Front::Test), Action::SignOut).unwrap();
    while !matches!(other.events.recv_timeout(PATIENCE).expect("signed out"), Event::SignedOut { .. }) {}
    other.sign_in(WHO, PASSWORD).unwrap();
    other.up_to_date();
    assert!(server.row(drone).contains("OFFLINE"));
    server.line(false);
    let refused = here.own(Own::SignOutEverywhere).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Offline, "without the server nothing ends");
    assert_ne!(here.service.status().link, Link::SignedOut);
    server.line(true);
    assert!(matches!(here.own(Own::SignOutEverywhere), Ok(OwnDone::SignedOutEverywhere)));
    here.wait("signed out here", |service| service.status().link == Link::SignedOut);
    other.service.run(&other.service.ctx(Front::Test), Action::SyncNow).unwrap();
    other.wait("and there", |service| service.status().link == Link::SignInAgain);
}

#[test]
fn signed_out_and_in_again_the_code_is_asked_for() {
    let server = Server::start();
    let home = home();
    let person = Person::in_sync(home.path(), &server, WHO);
    enrol(&person);
    let drone = drone(&person);
    person.set(drone, "status", "STANDBY").unwrap();
    person.service.run(&person.service.ctx(Front::Test), Action::SignOut).unwrap();
    while !matches!(person.events.recv_timeout(PATIENCE).expect("signed out"), Event::SignedOut { .. }) {}
    person.sign_in(WHO, PASSWORD).unwrap();
    person.wait("the code asked for", |service| service.status().link == Link::SecondFactor);
}

#[test]
fn an_invitation_is_accepted_and_finds_its_profile() {
    const INVITED: &str = "m.petrov@flyos.mil";
    let server = Server::start();
    let (url, key) = server.with(|sandbox| (sandbox.url(), sandbox.service_role_key()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let invited = runtime.block_on(async {
        let request =
            reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{url}/auth/v1/invite"));
        let body = format!(r#"{{"email":"{INVITED}"}}"#);
        let request = request.header("apikey", key).header("content-type", "application/json").body(body);
        request.send().await.unwrap().status()
    });
    assert!(invited.is_success(), "{invited}");
    let home = home();
    let person = Person::at(home.path(), &server);
    let redeem = |code: String| {
        Own::Redeem(Redeem {
            project: "p".to_owned(),
            email: INVITED.to_owned(),
            invited: true,
            code: secret(&code),
            new: secret(NEW),
            second: None,
        })
    };
    assert_eq!(person.own(redeem("nonsense".to_owned())).unwrap_err().field.as_deref(), Some(field::CODE));
    assert!(matches!(person.own(redeem(mailed(&server, MailFor::Invite))), Ok(OwnDone::PasswordSet)));
    signed_in(&person);
    person
        .wait("online", |service| service.status().link == Link::Online && service.status().as_of.is_some());
    assert_eq!(person.labels(Kind::User, "").len(), 1, "self");
}

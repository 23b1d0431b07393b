//! The own sign-in as a person has it: a second factor from the picture to the code, a password changed, and the other
//! machines that hear of both later.

use std::time::{Duration, Instant};

use memchr::memmem;

use super::common::{Console, PASSWORD, Server, http, http_get};
use super::{Field, NARROW, in_sync, quit, set_status};
use crate::totp;

const OPERATOR: &str = "operator1@flyos.mil";
const NEW: &str = "a new one 2026";
/// The answer that does not stand there already.
const YES: &str = "\x1b[C\r";

/// The secret as it stands there for typing.
fn typed_secret(screen: &str) -> String {
    let is_group =
        |word: &&str| word.len() == 4 && word.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
    screen.split_whitespace().filter(is_group).collect()
}

/// What a camera reads from the picture on the screen: two squares above each other in a cell. The reader misses a
/// picture now and then that it finds from a little nearer or farther, as a person's hand would try.
fn scanned(screen: &str) -> String {
    [8, 5, 10, 6, 12, 7, 9, 4]
        .into_iter()
        .find_map(|side| scanned_at(screen, side))
        .expect("a picture to read")
}

/// The same, with so many pixels to a square.
fn scanned_at(screen: &str, side: usize) -> Option<String> {
    let cells: Vec<Vec<char>> = screen.lines().map(|line| line.chars().collect()).collect();
    let width = cells.iter().map(Vec::len).max().unwrap_or(0).min(40);
    let dark = |x: usize, y: usize| {
        let cell = cells.get(y / (2 * side)).and_then(|line| line.get(x / side)).copied();
        match cell {
            Some('█') => true,
            Some('▀') => y % (2 * side) < side,
            Some('▄') => y % (2 * side) >= side,
            _ => false,
        }
    };
    let (w, h) = (width * side, cells.len() * 2 * side);
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(w, h, |x, y| if dark(x, y) { 0 } else { 255 });
    image.detect_grids().first()?.decode().ok().map(|(_, text)| text)
}

fn give_code(console: &mut Console, secret: &str) {
    console.expect("Your second factor");
    console.send(&format!("{}\r", totp::code(secret)));
    console.gone("Your second factor");
    console.expect("ONLINE · up to date");
}

#[test]
fn a_second_factor_and_another_password_from_machine_to_machine() {
    let (field, other_field, third_field) = (Field::new(), Field::new(), Field::new());
    let server = Server::start(field.data.path());
    // Another machine knows the account, and will hear of nothing for a while.
    quit(&mut in_sync(other_field.console(&server, NARROW), OPERATOR));

    let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
    console.send("A");
    console.expect("Your sign-in");
    console.send("factor\r");
    console.expect("Set one up");
    console.send("\r");
    console.expect("Set up a second factor");
    console.settle();
    let secret = typed_secret(&console.text());
    assert_eq!(secret.len(), 32, "{}", console.text());
    assert_eq!(scanned(&console.text()), format!("otpauth://totp/FlyOS:{OPERATOR}?secret={secret}"));
    let wrong = if totp::code(&secret) == "000000" { "111111" } else { "000000" };
    console.send(&format!("{wrong}\r"));
    console.expect("Giving the code failed");
    console.send(&format!("{}\r", totp::code(&secret)));
    console.gone("Set up a second factor");
    set_status(&mut console, "STANDBY");
    console.expect("ONLINE · up to date");

    // Signed out and in again, the code is asked for; what is done meanwhile waits for it.
    console.send("\x1b[20~"); // F9
    console.expect("Sign out?");
    console.send(YES);
    console.expect("Enter sign in");
    console.send(&format!("{PASSWORD}\r"));
    console.expect("Your second factor");
    console.send("\x1b");
    console.expect("CODE NEEDED");
    set_status(&mut console, "MAINTENANCE");
    console.expect("1 waiting");
    console.send("A");
    console.expect("Give the code");
    console.send("\r");
    give_code(&mut console, &secret);
    console.gone("waiting");
    assert_eq!(server.row("drones", "drone-001")["status"], "MAINTENANCE");

    console.send("A");
    console.expect("Change the password");
    console.send("\r");
    console.expect("Present password");
    console.send(&format!("{PASSWORD}\r{NEW}\r{NEW}\r"));
    console.gone("Present password");
    console.expect("The password was changed");
    quit(&mut console);
    // Neither password nor code nor secret is in any file of this machine.
    for entry in walk(field.home.path()) {
        let bytes = std::fs::read(&entry).unwrap();
        for secret in [PASSWORD, NEW, &secret] {
            let found = memmem::find(&bytes, secret.as_bytes()).is_some();
            assert!(!found, "{} holds {secret}", entry.display());
        }
    }

    // The machine that was away asks for the old password once, and for the code.
    for again in [false, true] {
        let mut other = other_field.console(&server, NARROW);
        other.sign_in(OPERATOR, NEW);
        if !again {
            other.expect("Your password was changed elsewhere");
            other.expect("No edit in it is unsent");
            other.send("\r");
            other.expect("Old password");
            other.send("not this\r");
            other.expect("does not open");
            other.send(&format!("{PASSWORD}\r"));
            give_code(&mut other, &secret);
        }
        other.expect("ONLINE · up to date");
        other.expect("drone-001");
        quit(&mut other);
    }
    // One that knows nothing of the account needs the new password and the code.
    let mut third = third_field.console(&server, NARROW);
    third.sign_in(OPERATOR, PASSWORD);
    third.expect("password is wrong");
    third.kill();
    let mut third = third_field.console(&server, NARROW);
    third.sign_in(OPERATOR, NEW);
    give_code(&mut third, &secret);
    third.expect("drone-001");
    quit(&mut third);
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// When that account came in by its password last, as the sign-in server has it.
fn last_by_password(server: &Server) -> String {
    let path = "/auth/v1/admin/users?page=1&per_page=50";
    let users = http_get(&server.address(), path, &server.service_role_key)["users"].clone();
    let user = users.as_array().unwrap().iter().find(|user| user["email"] == OPERATOR).unwrap().clone();
    user["last_sign_in_at"].as_str().unwrap().to_owned()
}

#[test]
fn a_session_outlives_kills_while_it_is_renewed() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
    let first = last_by_password(&server);
    let begun = Instant::now();
    let mut round = 0;
    // Longer than the ten seconds for which the server takes an old token again.
    while begun.elapsed() < Duration::from_secs(13) {
        // Each pass so far is told to be over: one renewal now, and another after the restart.
        server.faults(r#"{"answer": "expired_token"}"#);
        console.send("r");
        std::thread::sleep(Duration::from_millis(round % 12 * 3));
        console.kill();
        server.faults("{}");
        console = in_sync(field.console(&server, NARROW), OPERATOR);
        assert_eq!(last_by_password(&server), first, "round {round}: the session that was kept was good");
        round += 1;
    }
    quit(&mut console);
}

/// Does the server take that password?
fn holds(server: &Server, password: &str) -> bool {
    let body = format!(r#"{{"email":"{OPERATOR}","password":"{password}"}}"#);
    let path = "/auth/v1/token?grant_type=password";
    http(&server.address(), "POST", path, &server.publishable_key, &body).0 == 200
}

#[test]
fn killed_while_the_password_is_changed_it_opens_with_the_one_that_holds() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let (mut present, mut next) = (PASSWORD, NEW);
    let mut changed = 0;
    for round in 0..12 {
        let mut console = field.console(&server, NARROW);
        console.sign_in(OPERATOR, present);
        // Sealed with another one, it would ask.
        console.expect("ONLINE · up to date");
        console.send("A");
        console.expect("Change the password");
        console.send("\r");
        console.expect("Present password");
        // The server takes its time, so that a kill finds it at work.
        server.faults(r#"{"latency_ms": 400}"#);
        console.send(&format!("{present}\r{next}\r{next}\r"));
        // At any moment, and now and then right after it was said to be done.
        match round % 4 {
            3 => console.expect("The password was changed"),
            _ => std::thread::sleep(Duration::from_millis(round * 150)),
        }
        console.kill();
        server.faults("{}");
        if holds(&server, next) {
            std::mem::swap(&mut present, &mut next);
            changed += 1;
        }
        assert!(holds(&server, present));
    }
    assert!(changed >= 3, "those that were said to be done are");
}

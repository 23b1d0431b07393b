//! The way in: passwords, the key that the kernel keeps, an open console, another command, and no line.

use super::common::{PASSWORD, Signal, signal};
use super::kit::{EAST, Field, MAIN, OPERATOR, password_file};

#[test]
fn an_account_opens_by_every_way_a_password_can_be_given() {
    let field = Field::new();
    let signed_in = field.by(MAIN, &["sign-in", "--json"]).well();
    assert_eq!((&signed_in["role"], &signed_in["email"]), (&"MAIN_HQ".into(), &MAIN.into()));
    let file = password_file(field.home.path(), &format!("{PASSWORD}\r\nand more\n"));
    let by_file = field.bare(&["sign-in", "--email", MAIN, "--password-file", &file]);
    assert_eq!(by_file.code, 0, "{by_file:?}");
    assert!(by_file.out.contains("main@flyos.mil (MAIN_HQ), project environment"), "{by_file:?}");
    assert!(by_file.out.contains("ONLINE · up to date"), "{by_file:?}");

    field.bare(&["sign-in", "--email", MAIN]).says(2, "--password-file");
    field.bare(&["sign-in", "--email", MAIN, "--password-file", "/nowhere"]).says(2, "/nowhere");
    field.fed(&["sign-in", "--email", MAIN, "--password-stdin"], "").says(2, "No password was given");
    field.fed(&["sign-in", "--email", MAIN, "--password-stdin"], "wrong\n").says(5, "wrong");
    field.bare(&["sign-in"]).says(2, "--email");
    field.bare(&["sign-in", "--email", MAIN, "--project", "other"]).says(6, "other");
    field.fed(&["sign-in", "--email", "x@y.z", "--password-stdin", "--json"], "wrong\n").badly(5);
    // The console takes none of these flags, and says so.
    assert_eq!(field.bare(&["--json"]).badly(2)["error"], "usage");
}

#[test]
fn without_a_line_it_opens_what_the_machine_has() {
    let mut field = Field::new();
    field.by(OPERATOR, &["sign-in"]);
    field.stop_server();
    let offline = field.by(OPERATOR, &["sign-in"]);
    assert_eq!(offline.code, 0, "{offline:?}");
    assert!(offline.out.contains("OFFLINE"), "{offline:?}");
    assert!(offline.err.contains("not up to date"), "{offline:?}");
    let waited = field.by(OPERATOR, &["sign-in", "--wait", "1"]);
    waited.says(7, "could not be received");
    field.by(OPERATOR, &["sync"]).says(7, "OFFLINE");
    // An account that was never here needs the server once.
    field.by(EAST, &["sign-in"]).says(7, "refused the connection");
    field.start_server();
    field.by(OPERATOR, &["sync", "--json"]).well();
}

#[test]
fn an_open_console_is_asked_without_a_password_and_a_locked_one_refuses() {
    let field = Field::new();
    let mut console = field.console(EAST);
    let asked = field.bare(&["sign-in", "--json"]).well();
    assert_eq!(asked["email"], EAST);
    field.bare(&["sync", "--email", EAST]).says(0, "");
    // Another account is another matter.
    field.bare(&["sync", "--email", MAIN]).says(2, "password");
    field.by(MAIN, &["sync"]).says(0, "");
    field.bare(&["unlock", "--for", "1h", "--email", EAST]).says(10, "A console has this account open");
    let locked = field.bare(&["lock", "--json"]).well();
    assert_eq!(locked["locked"], 1);
    console.expect("LOCKED");
    field.bare(&["sync"]).says(5, "is locked");
    field.by(EAST, &["sync"]).says(5, "is locked");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

#[test]
fn a_kept_key_opens_until_it_is_let_go_of() {
    let field = Field::new();
    let unlocked = field.by(OPERATOR, &["unlock", "--for", "10m"]);
    if unlocked.code == 9 {
        eprintln!("not run: this machine keeps no keys ({})", unlocked.err);
        return;
    }
    assert!(unlocked.out.contains("unlocked for 10 min"), "{unlocked:?}");
    let opened = field.bare(&["sign-in", "--json"]).well();
    assert_eq!(opened["email"], OPERATOR);
    assert_eq!(field.bare(&["lock", "--json"]).well()["forgotten"], 1);
    field.bare(&["sign-in"]).says(2, "--email");
    assert_eq!(field.bare(&["lock", "--json"]).well()["forgotten"], 0);

    field.by(OPERATOR, &["unlock", "--for", "10m"]).says(0, "");
    field.bare(&["sign-out"]).says(0, "");
    field.bare(&["sign-in"]).says(2, "--email");
    field.by(OPERATOR, &["unlock", "--for", "10m"]).says(0, "");
    field.bare(&["wipe", "--yes"]).says(0, "");
    field.bare(&["sign-in"]).says(2, "--email");
    field.by(OPERATOR, &["unlock", "--for", "0m"]).says(2, "at most 7 days");
}

#[test]
fn commands_at_the_same_time_wait_for_each_other() {
    let field = Field::new();
    field.by(MAIN, &["sign-in"]);
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| field.by(MAIN, &["sync", "--json"]))).collect();
        for one in all {
            one.join().unwrap().well();
        }
    });
}

/// One that is ending may have its socket still, and answers nobody there.
#[test]
fn one_that_hangs_up_is_waited_for() {
    let field = Field::new();
    field.by(MAIN, &["sign-in"]);
    let accounts = std::fs::read_dir(field.home.path().join("data/accounts")).unwrap();
    let folder = accounts.flatten().next().expect("an account").path();
    let lock = std::fs::File::open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let door = std::os::unix::net::UnixListener::bind(folder.join("control.sock")).unwrap();
    let hanging_up = std::thread::spawn(move || {
        // Who looks for a console, and who finds the account in use.
        for _ in 0..2 {
            drop(door.accept().unwrap());
        }
        drop((door, lock));
    });
    field.by(MAIN, &["sync", "--json"]).well();
    hanging_up.join().unwrap();
}

#[test]
fn a_console_that_hangs_is_told_and_nothing_is_opened() {
    let field = Field::new();
    let console = field.console(OPERATOR);
    signal(console.pid(), Signal::STOP);
    // As one that was stopped while it wrote account.toml; which this one may have been.
    let accounts = std::fs::read_dir(field.home.path().join("data/accounts")).unwrap();
    let turn = std::fs::File::open(accounts.flatten().next().expect("an account").path()).unwrap();
    drop(turn.try_lock());
    field.bare(&["sync"]).says(10, "does not answer");
    field.by(OPERATOR, &["sync"]).says(10, "does not answer");
    drop(turn);
    signal(console.pid(), Signal::CONT);
    field.bare(&["sync"]).says(0, "");
}

#[test]
fn signing_out_ends_the_sessions_that_were_meant() {
    let field = Field::new();
    let out = field.by(EAST, &["sign-out"]);
    assert!(out.out.contains("Signed out here. What this machine has is kept"), "{out:?}");
    let others = field.json(EAST, &["sign-out", "--others"]);
    assert_eq!((&others["sessions"], &others["serverTold"]), (&"others".into(), &true.into()));
    let all = field.by(EAST, &["sign-out", "--everywhere"]);
    assert!(all.out.contains("on all machines"), "{all:?}");
    field.by(EAST, &["sign-out", "--everywhere", "--others"]).says(2, "cannot be used with");
}

//! The console that is killed: the service over the real rooms, real files and real HTTP, without its screen.
//!
//! It writes to its output what happens, a line each, in one write: `in`, `try 17`, `saved 17`, `sent` when nothing
//! waits any more; and `wrong …` for what must not be. When its input ends, whoever started it is gone, and it goes too.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flyos::service::{Done, ErrorKind, ServiceError};

use crate::chance::setting;
use crate::door::{Address, PASSWORD, Person};
use crate::edits;

pub const EMAIL: &str = "main@flyos.mil";
/// How often it asks by itself, in ms: nudges do the rest.
const POLL_MS: u64 = 300;
/// Between tries of what cannot be done yet.
const AGAIN: Duration = Duration::from_millis(10);
/// What the rows are not there for yet is tried no longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

fn say(words: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{words}\n").as_bytes()).and_then(|()| out.flush()).expect("somebody listens");
}

/// Not a test of its own: the process that the others kill.
#[test]
#[ignore = "started by the tests that kill it"]
fn a_console_that_is_killed() {
    let text = |name: &str| std::env::var(name).expect("it is told where");
    std::thread::spawn(|| {
        let _end = std::io::stdin().read(&mut [0]);
        std::process::abort();
    });
    let home = PathBuf::from(text("FLYOS_CHILD_HOME"));
    let address = Address { url: text("FLYOS_CHILD_URL"), key: text("FLYOS_CHILD_KEY") };
    let first = setting("FLYOS_CHILD_FIRST").expect("a number");
    let count = setting("FLYOS_CHILD_EDITS").expect("a number");
    let pause = Duration::from_micros(setting("FLYOS_CHILD_PAUSE_US").unwrap_or_default());
    say("");
    let person = Person::polling(&home, &address, POLL_MS);
    while let Err(error) = person.sign_in(EMAIL, PASSWORD) {
        if error.kind != ErrorKind::Offline {
            say(&format!("wrong at sign-in: {error:?}"));
        }
        std::thread::sleep(AGAIN);
    }
    say("in");
    for n in first..first.saturating_add(count) {
        say(&format!("try {n}"));
        match saved(&person, n) {
            Ok(()) => say(&format!("saved {n}")),
            Err(error) => say(&format!("wrong with {n}: {error:?}")),
        }
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
    }
    person.up_to_date();
    say("sent");
}

/// Saves an edit. What it is about may not be loaded yet; then nothing was saved, and it is tried again.
fn saved(person: &Person, n: u64) -> Result<(), ServiceError> {
    let end = Instant::now() + PATIENCE;
    loop {
        match person.edit(edits::intent(n)) {
            Ok(Done::Saved { edits: 1, .. }) => return Ok(()),
            Ok(other) => panic!("an edit that changes nothing: {other:?}"),
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::sleep(AGAIN),
        }
    }
}

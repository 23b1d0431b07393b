//! Two consoles want one account: the question, both answers, a first one that hangs, one that was killed; and the
//! command that asks an open console.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::common::{Console, FLYOS, PASSWORD, Server, Signal, signal};
use super::{Field, NARROW, console_at, given_back, in_sync, quit, set_status};

const OPERATOR: &str = "operator1@flyos.mil";
const QUESTION: &str = "This account is open already";
/// The answer that does not stand there already.
pub const YES: &str = "\x1b[C\r";
const MOVED: u32 = 11;

impl Field {
    /// A console with an edit that waits; the server has gone.
    pub fn waiting(&self, server: Server) -> (Console, Address) {
        let mut first = in_sync(self.console(&server, NARROW), OPERATOR);
        let address = Address::of(&server);
        server.stop();
        first.expect("OFFLINE");
        set_status(&mut first, "MAINTENANCE");
        first.expect("1 waiting");
        (first, address)
    }

    /// The only account's folder.
    fn account(&self) -> PathBuf {
        let accounts = std::fs::read_dir(self.home.path().join("data/accounts")).unwrap();
        accounts.flatten().next().expect("an account").path()
    }

    fn status(&self, more: &[&str]) -> Output {
        let home = self.home.path();
        Command::new(FLYOS).arg("status").args(more).env_clear().env("FLYOS_HOME", home).output().unwrap()
    }
}

/// Where the server was, to start it there again.
pub struct Address {
    pub url: String,
    pub key: String,
    listen: String,
}

impl Address {
    pub fn of(server: &Server) -> Self {
        Self { url: server.url.clone(), key: server.publishable_key.clone(), listen: server.address() }
    }

    /// The edit arrives, once, and the row is as it was wanted.
    pub fn delivers(&self, field: &Field, console: &mut Console) {
        let server = Server::start_at(&self.listen, field.data.path(), &[]);
        let before = server.version("drones", "drone-001");
        console.send("r");
        console.expect("ONLINE · up to date");
        console.gone("waiting");
        assert_eq!(server.row("drones", "drone-001")["status"], "MAINTENANCE");
        assert!(server.version("drones", "drone-001") <= before + 1, "it arrived more than once");
    }
}

fn second(field: &Field, address: &Address) -> Console {
    let mut console = console_at(field.home.path(), &address.url, &address.key, NARROW);
    console.sign_in(OPERATOR, PASSWORD);
    console
}

#[test]
fn a_second_console_takes_over_with_the_edit_that_waits() {
    let field = Field::new();
    let (mut first, address) = field.waiting(Server::start(field.data.path()));
    let mut second = second(&field, &address);
    second.expect(QUESTION);
    second.expect_words("By the console on pts/");
    second.expect_words(&format!("(process {})", first.pid()));
    second.expect_words("Opened just now, in use just now. 1 edit is unsent.");
    second.send(YES);
    second.expect("Taken over.");
    second.expect("1 waiting");
    second.expect("MAINTENANCE");
    assert_eq!(first.ended(), MOVED);
    given_back(&first);
    let words = first.last_words();
    assert!(words.contains("took this session over. 1 edit waits; it is saved and went along."), "{words}");
    assert!(words.contains("the console on pts/"), "{words}");
    address.delivers(&field, &mut second);
    quit(&mut second);
    assert!(!field.account().join("control.sock").exists(), "the socket goes with the session");
}

#[test]
fn who_does_not_take_over_disturbs_nobody_and_a_stranger_is_not_asked() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut first = in_sync(field.console(&server, NARROW), OPERATOR);
    let mut second = second(&field, &Address::of(&server));
    second.expect(QUESTION);
    second.send("\r");
    second.expect("The other console was left alone.");
    second.send(&format!("{PASSWORD}\r"));
    second.expect(QUESTION);
    second.send("\x1b");
    second.expect("The other console was left alone.");
    // Not the owner: nothing is told of the other console, let alone offered.
    second.send("a wrong one\r");
    second.expect("password is wrong");
    assert!(!second.text().contains("open already"), "{}", second.text());
    quit(&mut second);
    set_status(&mut first, "STANDBY");
    first.wait("sent", |screen| screen.contains("up to date") && !screen.contains("waiting"));
    assert_eq!(server.row("drones", "drone-001")["status"], "STANDBY");
    quit(&mut first);
}

#[test]
fn a_stopped_console_is_woken_to_end_and_gives_its_terminal_back() {
    let field = Field::new();
    let (mut first, address) = field.waiting(Server::start(field.data.path()));
    signal(first.pid(), Signal::STOP);
    let told = field.status(&[]);
    assert_eq!(told.status.code(), Some(10), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("does not answer"), "{told:?}");
    // As one that was stopped while it wrote account.toml; which this one may have been.
    let turn = std::fs::File::open(field.account()).unwrap();
    drop(turn.try_lock());
    let mut second = second(&field, &address);
    second.expect(QUESTION);
    drop(turn);
    second.expect("It does not answer now");
    second.send(YES);
    second.expect(&format!("Process {} was told to end (SIGTERM)", first.pid()));
    second.expect("1 waiting");
    second.expect("MAINTENANCE");
    // Awake, it finds the polite request as well: either may come first.
    let code = first.ended();
    assert!([MOVED, 143].contains(&code), "{code}");
    given_back(&first);
    address.delivers(&field, &mut second);
    quit(&mut second);
}

/// A process that has the account's lock and is deaf; its file tells of `pid`, or of itself.
struct Deaf(Child);

impl Deaf {
    fn hold(field: &Field, pid: Option<u32>) -> Self {
        let lock = field.account().join("lock");
        let script = format!("trap '' TERM; exec flock -o '{}' sleep 60", lock.display());
        let deaf = Self(Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap());
        while std::fs::File::open(&lock).unwrap().try_lock().is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let pid = pid.unwrap_or_else(|| deaf.0.id());
        let hint = format!(r#"{{"pid":{pid},"since":"2026-11-21T13:00:00Z","tty":"pts/99"}}"#);
        std::fs::write(lock, hint).unwrap();
        deaf
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// As a console of a later day would, to whatever is asked.
fn answers_in_version_2(path: &Path) {
    // Left behind by the console before.
    drop(std::fs::remove_file(path));
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(stream.write_all(b"{\"version\":2,\"message\":{\"new\":\"words\"}}\n"));
            drop(stream.read(&mut [0; 4096]));
        }
    });
}

#[test]
fn a_console_that_hears_nothing_is_killed_and_only_the_holder_of_the_lock_is() {
    let field = Field::new();
    let (mut first, address) = field.waiting(Server::start(field.data.path()));
    quit(&mut first);

    // Its number is another process's by now: that one is left alone.
    let mut innocent = Command::new("sleep").arg("60").spawn().unwrap();
    let recycled = Deaf::hold(&field, Some(innocent.id()));
    let mut second = second(&field, &address);
    second.expect(QUESTION);
    second.expect("pts/99");
    second.send(YES);
    second.expect("It is not sure that process");
    second.expect("left alone.");
    assert!(innocent.try_wait().unwrap().is_none(), "nobody ended it");
    innocent.kill().unwrap();
    innocent.wait().unwrap();
    drop(recycled);

    let deaf = Deaf::hold(&field, None);
    answers_in_version_2(&field.account().join("control.sock"));
    second.send(&format!("{PASSWORD}\r"));
    second.expect(QUESTION);
    second.expect("It is of another version");
    second.send(YES);
    second.expect(&format!("Process {} was told to end (SIGTERM)", deaf.0.id()));
    second.expect("speaks version 2 of this language");
    second.expect("did not end and was killed (SIGKILL)");
    second.expect("1 waiting");
    address.delivers(&field, &mut second);
    quit(&mut second);
}

#[test]
fn after_a_kill_nothing_is_asked() {
    let field = Field::new();
    let (mut first, address) = field.waiting(Server::start(field.data.path()));
    first.kill();
    assert!(field.account().join("control.sock").exists(), "a name without anybody behind it");
    let none = field.status(&[]);
    assert_eq!(none.status.code(), Some(12), "{none:?}");
    let mut next = second(&field, &address);
    next.wait("opened or asked", |screen| screen.contains("1 waiting") || screen.contains("open already"));
    assert!(!next.text().contains("open already"), "{}", next.text());
    assert!(field.status(&[]).status.success(), "its own socket has the name");
    address.delivers(&field, &mut next);
    quit(&mut next);
}

#[test]
fn the_status_of_an_open_console_is_told_beside_it() {
    let field = Field::new();
    let none = field.status(&[]);
    assert_eq!(none.status.code(), Some(12), "{none:?}");
    assert!(String::from_utf8_lossy(&none.stderr).contains("No console is open"), "{none:?}");
    let (mut first, _) = field.waiting(Server::start(field.data.path()));
    let told = field.status(&[]);
    assert!(told.status.success(), "{told:?}");
    let text = String::from_utf8(told.stdout).unwrap();
    for part in
        ["operator1@flyos.mil (OPERATOR, Eastern)", "OFFLINE", "Waiting     1", "Needs you   0", "pts/"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let told = field.status(&["--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["success"], &told["totalCount"]), (&true.into(), &1.into()), "{told}");
    let json = &told["consoles"][0];
    assert_eq!((&json["email"], &json["waiting"]), (&"operator1@flyos.mil".into(), &1.into()), "{json}");
    assert_eq!(
        (&json["link"]["link"], &json["console"]["pid"]),
        (&"offline".into(), &first.pid().into()),
        "{json}"
    );
    quit(&mut first);
    assert_eq!(field.status(&["--json"]).status.code(), Some(12));
}

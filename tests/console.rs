//! The real program in a real pty, looked at as a person would: its first minutes, a restart with an edit that
//! waits, a day of work, kills, two consoles, hang-ups, one console taking over from another, and what goes wrong in the
//! field.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;
#[path = "console/day.rs"]
mod day;
#[path = "console/flows.rs"]
mod flows;
#[path = "console/hands.rs"]
mod hands;
#[path = "console/health.rs"]
mod health;
#[path = "console/own.rs"]
mod own;
#[path = "console/plain.rs"]
mod plain;
#[path = "console/sealed.rs"]
mod sealed;
#[path = "console/slow.rs"]
mod slow;
#[path = "console/ssh.rs"]
mod ssh;
#[path = "console/takeover.rs"]
mod takeover;
#[path = "common/totp.rs"]
mod totp;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Console, FLYOS, PASSWORD, Server, Signal, Start, signal, stopped};

const WIDE: (u16, u16) = (100, 30);
const NARROW: (u16, u16) = (80, 24);
/// How long an end may take: the promise is half a second, and the machine may be busy.
const SOON: Duration = Duration::from_secs(10);

struct Field {
    home: tempfile::TempDir,
    data: tempfile::TempDir,
}

impl Field {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), data: tempfile::tempdir().unwrap() }
    }

    fn console(&self, server: &Server, size: (u16, u16)) -> Console {
        console_at(self.home.path(), &server.url, &server.publishable_key, size)
    }
}

fn console_at(home: &Path, url: &str, key: &str, size: (u16, u16)) -> Console {
    let env =
        [("FLYOS_HOME", home.to_str().unwrap()), ("SUPABASE_URL", url), ("SUPABASE_PUBLISHABLE_KEY", key)];
    Console::start(&Start { args: &[], env: &env, size })
}

/// Signs in and waits until everything is there.
fn in_sync(mut console: Console, email: &str) -> Console {
    console.sign_in(email, PASSWORD);
    console.expect("ONLINE · up to date");
    console
}

/// Sets the status of the selected drone, by the menu and its filter.
fn set_status(console: &mut Console, status: &str) {
    console.send("s");
    console.expect("Status of");
    console.send(status);
    console.wait("the menu filtered", |screen| screen.contains(&format!("/ {status}")));
    console.send("\r");
    console.expect(&format!("status {status}"));
}

fn quit(console: &mut Console) {
    console.send("\x11");
    assert_eq!(console.ended(), 0);
    given_back(console);
}

/// The terminal as it was: main screen, cursor, no paste mode, no mouse. The last bytes of a program that has ended may still be
/// on their way on a busy machine.
fn given_back(console: &Console) {
    let modes: [(&[u8], &[u8]); 5] = [
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?1000h", b"\x1b[?1000l"),
        (b"\x1b[?1006h", b"\x1b[?1006l"),
    ];
    let is_off = |(on, off): &(&[u8], &[u8])| {
        let bytes = console.bytes();
        let find = |what: &[u8]| bytes.windows(what.len()).rposition(|window| window == what);
        find(off) > find(on)
    };
    let end = Instant::now() + SOON;
    while !modes.iter().all(is_off) {
        assert!(
            Instant::now() < end,
            "alternate screen, hidden cursor, bracketed paste, mouse: one is left on"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_first_minutes_of_the_demo() {
    let temporary = tempfile::tempdir().unwrap();
    let env = [("TMPDIR", temporary.path().to_str().unwrap()), ("HOME", "/nonexistent")];
    let mut console = Console::start(&Start { args: &["demo"], env: &env, size: WIDE });
    console.expect("main@flyos.mil");
    console.expect("Enter sign in");
    console.send("\r");
    console.expect("ONLINE · up to date");
    console.expect("drone-001");
    console.send("\x1b[19~"); // F8
    console.expect("OFFLINE");
    set_status(&mut console, "STANDBY");
    console.expect("1 waiting");
    console.send("\x1b[19~");
    console.expect("ONLINE · up to date");
    console.gone("1 waiting");
    quit(&mut console);
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "nothing is left behind: {left:?}");
}

#[test]
fn an_edit_without_a_line_survives_a_restart_and_arrives() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), "operator1@flyos.mil");
    console.expect("> drone-001");
    let before = server.row("drones", "drone-001")["status"].clone();
    let (address, url, key) = (server.address(), server.url.clone(), server.publishable_key.clone());
    server.stop();
    console.expect("OFFLINE");
    set_status(&mut console, "MAINTENANCE");
    console.expect("1 waiting");
    quit(&mut console);

    let mut console = console_at(field.home.path(), &url, &key, NARROW);
    console.sign_in("operator1@flyos.mil", PASSWORD);
    console.expect("1 waiting");
    console.expect("OFFLINE");
    console.expect("MAINTENANCE");
    let server = Server::start_at(&address, field.data.path(), &[]);
    console.send("r");
    console.expect("ONLINE · up to date");
    console.gone("waiting");
    let after = server.row("drones", "drone-001")["status"].clone();
    assert_ne!(before, after);
    assert_eq!(after, "MAINTENANCE");
    quit(&mut console);
}

#[test]
fn killed_right_after_saved_it_comes_back_and_is_delivered_once() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), "operator1@flyos.mil");
    let start = server.version("drones", "drone-001");
    for round in 1..=4 {
        set_status(&mut console, if round % 2 == 0 { "ACTIVE" } else { "STANDBY" });
        console.kill();
        console = field.console(&server, NARROW);
        console.sign_in("operator1@flyos.mil", PASSWORD);
        console.expect("ONLINE · up to date");
        console.gone("waiting");
        assert_eq!(server.version("drones", "drone-001"), start + round, "delivered once in round {round}");
    }
}

#[test]
fn two_consoles_see_each_other_and_each_its_own() {
    let (field, hq_field) = (Field::new(), Field::new());
    let server = Server::start(field.data.path());
    let mut operator = field.console(&server, NARROW);
    operator.sign_in("operator1@flyos.mil", PASSWORD);
    let mut hq = hq_field.console(&server, NARROW);
    hq.sign_in("main@flyos.mil", PASSWORD);
    operator.expect("ONLINE · up to date");
    hq.expect("ONLINE · up to date");
    hq.expect("drone-015");
    assert!(!operator.text().contains("drone-015"), "an operator sees own drones only:\n{}", operator.text());
    set_status(&mut operator, "MAINTENANCE");
    hq.wait("the operator's edit", |screen| line_of(screen, "drone-001").contains("MAINTENANCE"));
    hq.expect("> drone-001");
    set_status(&mut hq, "OFFLINE");
    operator.wait("headquarters' edit", |screen| line_of(screen, "drone-001").contains("OFFLINE"));

    // One is away while the other works; what was missed comes with the line.
    operator.kill();
    set_status(&mut hq, "STANDBY");
    hq.wait("sent", |screen| !screen.contains("waiting"));
    let mut operator = field.console(&server, NARROW);
    operator.sign_in("operator1@flyos.mil", PASSWORD);
    operator.wait("what was missed", |screen| line_of(screen, "drone-001").contains("STANDBY"));
    quit(&mut hq);
    quit(&mut operator);
}

fn line_of<'a>(screen: &'a str, what: &str) -> &'a str {
    screen.lines().find(|line| line.contains(what)).unwrap_or_default()
}

#[test]
fn a_terminal_that_goes_takes_the_program_with_it() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), "operator1@flyos.mil");
    set_status(&mut console, "STANDBY");
    console.hang_up();
    console.ended_within(SOON);

    let mut console = in_sync(field.console(&server, NARROW), "operator1@flyos.mil");
    signal(console.pid(), Signal::TERM);
    console.ended_within(SOON);
    given_back(&console);
    assert_eq!(server.row("drones", "drone-001")["status"], "STANDBY");
}

#[test]
fn any_size_of_terminal_is_survived() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = field.console(&server, (20, 5));
    console.wait("something at 20x5", |screen| !screen.trim().is_empty());
    console.settle();
    console.resize(80, 24);
    console.sign_in("main@flyos.mil", PASSWORD);
    console.expect("ONLINE · up to date");
    for (cols, rows) in [(1, 1), (3, 2), (20, 5), (39, 9), (200, 60), (60, 15), (100, 30)] {
        console.resize(cols, rows);
        console.settle();
        console.send("\x1b[B");
        console.settle();
    }
    console.expect("drone-001");
    quit(&mut console);
}

#[test]
fn what_goes_wrong_at_sign_in_is_told_apart() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = field.console(&server, NARROW);
    console.sign_in("main@flyos.mil", "a wrong one");
    console.expect("password");
    console.wait("a wrong password told", |screen| {
        screen.to_lowercase().contains("wrong")
            || screen.contains("not right")
            || screen.contains("do not match")
    });
    server.faults(r#"{"answer": "html"}"#);
    console.kill();
    let mut console = field.console(&server, NARROW);
    console.sign_in("main@flyos.mil", PASSWORD);
    console.wait("a page instead of an answer told", |screen| {
        screen.contains("page") || screen.contains("portal")
    });
    assert!(!console.text().contains("<html"));
    let (url, key) = (server.url.clone(), server.publishable_key.clone());
    server.stop();
    let mut console = console_at(field.home.path(), &url, &key, NARROW);
    console.sign_in("main@flyos.mil", PASSWORD);
    console.wait("a closed door told", |screen| {
        screen.contains("127.0.0.1") && screen.to_lowercase().contains("refused")
    });
    let mut console = console_at(field.home.path(), "http://127.0.0.1.invalid", &key, NARROW);
    console.settle();
    console.sign_in("main@flyos.mil", PASSWORD);
    console.wait("an address that is none told", |screen| screen.to_lowercase().contains("https"));
    let mut console = console_at(field.home.path(), "https://no-such-host.invalid", &key, NARROW);
    console.sign_in("main@flyos.mil", PASSWORD);
    console.wait("an unknown host told", |screen| {
        screen.contains("no-such-host.invalid") && screen.to_lowercase().contains("host")
    });
    quit(&mut console);
}

#[test]
fn a_home_that_cannot_be_written_is_told() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    std::fs::write(field.home.path().join("data"), "a file in the way").unwrap();
    let mut console = field.console(&server, NARROW);
    console.sign_in("main@flyos.mil", PASSWORD);
    console.expect("FLYOS_HOME");
    quit(&mut console);
}

#[test]
fn a_read_only_home_is_told_and_what_is_there_is_left_alone() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: a file system can only be mounted as root");
        return;
    };
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(disk.console(&server), "operator1@flyos.mil");
    quit(&mut console);
    disk.remount("ro");
    let mut console = disk.console(&server);
    console.sign_in("operator1@flyos.mil", PASSWORD);
    console.expect("FLYOS_HOME");
    quit(&mut console);
    disk.remount("rw");
    let mut console = in_sync(disk.console(&server), "operator1@flyos.mil");
    console.expect("drone-001");
    quit(&mut console);
}

/// A small file system of its own, where the machine lets us mount one.
struct SmallDisk {
    place: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "flyos-test"])
            .arg(place.path())
            .status();
        mount.is_ok_and(|status| status.success()).then_some(Self { place })
    }

    fn console(&self, server: &Server) -> Console {
        console_at(self.place.path(), &server.url, &server.publishable_key, NARROW)
    }

    fn remount(&self, mode: &str) {
        let mount = std::process::Command::new("mount")
            .args(["-o", &format!("remount,{mode}")])
            .arg(self.place.path())
            .status();
        assert!(mount.is_ok_and(|status| status.success()), "remounted {mode}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").arg("-l").arg(self.place.path()).status());
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_saved_is_lost() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: a small file system can only be mounted as root");
        return;
    };
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(disk.console(&server), "operator1@flyos.mil");
    set_status(&mut console, "STANDBY");
    console.gone("waiting");
    let filler = disk.place.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut file, &[7; 4096]).is_ok() {}
    // The journal's last page may still have room for an edit or two.
    console.wait_doing("the full disk told", |console| {
        let standing = line_of(&console.text(), "drone-001").contains("STANDBY");
        let status = if standing { "MAINTENANCE" } else { "STANDBY" };
        console.send(&format!("s{status}\r"));
        console.settle();
        console.text().contains("NOT SAVED")
    });
    console.expect("disk");
    let written = String::from_utf8_lossy(&console.bytes()).into_owned();
    assert!(!written.contains("tracing-subscriber"), "the log complains in the midst of the screen");
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    console.send("\x1b");
    console.settle();
    set_status(&mut console, "OFFLINE");
    console.gone("NOT SAVED");
    console.wait("sent", |screen| screen.contains("up to date") && !screen.contains("waiting"));
    assert_eq!(server.row("drones", "drone-001")["status"], "OFFLINE");
    quit(&mut console);
}

#[test]
fn its_memory_is_never_dumped() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = field.console(&server, NARROW);
    console.wait("the sign-in", |screen| screen.contains("Password"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", console.pid())).expect("it runs");
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(cores.split_whitespace().filter(|word| *word == "0").count(), 2, "{cores}");
    quit(&mut console);
}

#[test]
fn idle_is_idle() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = in_sync(field.console(&server, NARROW), "main@flyos.mil");
    console.settle();
    let before = console.written();
    std::thread::sleep(Duration::from_secs(3));
    // A minute may turn meanwhile, and an age with it.
    let wrote = console.written() - before;
    assert!(wrote < 200, "{wrote} bytes while idle");
    let before = console.written();
    console.send("\x1b[B");
    console.expect("> drone-002");
    console.settle();
    let wrote = console.written() - before;
    assert!((1..=250).contains(&wrote), "{wrote} bytes for a cursor key");
    quit(&mut console);
}

#[test]
fn without_a_terminal_it_says_so() {
    let output =
        std::process::Command::new(FLYOS).env_clear().stdin(std::process::Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("terminal"));
    let output =
        std::process::Command::new(FLYOS).args(["sandbox", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("loopback"));
}

//! The ways out, on a true terminal: a second copy of this test program takes a pty and hangs on purpose, its
//! loop deaf and its store never shut. It must be gone in time all the same, and the terminal given back.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::tui::terminal::{TEARDOWN, Tty};
use crate::tui::{input, signals, terminal};

/// Half a second is the promise, and the loop hangs for a minute; the rest is for a machine that is busy with other tests.
const TIME_MAX: Duration = Duration::from_secs(20);
const READY: &[u8] = b"ready";

#[test]
#[ignore = "it is the program that the other tests of this file start"]
fn the_program() {
    let Some(how) = std::env::var_os("FLYOS_TEST_HANG") else { return };
    let folder = std::env::var_os("FLYOS_TEST_FOLDER").expect("a folder");
    let tty = Tty::find(folder.as_ref()).expect("a terminal");
    let (sender, _deaf) = mpsc::channel();
    let never: signals::Shutdown = Arc::new(|| std::thread::sleep(Duration::from_secs(60)));
    signals::watch(sender.clone(), Arc::clone(&never)).expect("watched");
    terminal::hook_panics();
    tty.enter().expect("taken");
    input::watch(tty.input().expect("its input"), sender, Arc::clone(&never)).expect("read");
    tty.output().expect("its output").write_all(READY).expect("written");
    if how == "moved" {
        signals::leave_soon(11, "it went there".to_owned(), never);
    } else if how == "errors" {
        writeln!(std::io::stderr(), "across the picture").expect("written");
        tty.leave();
        writeln!(std::io::stderr(), "for the shell").expect("written");
        tty.enter().expect("taken again");
        writeln!(std::io::stderr(), "across it again").expect("written");
        tty.leave();
        return;
    } else if how == "panic" {
        // One elsewhere would be painted over: it goes to the log, and the screen stays.
        let elsewhere = std::thread::spawn(|| unreachable!("in the background"));
        assert!(elsewhere.join().is_err());
        assert!(terminal::is_taken());
        unreachable!("on the screen's thread");
    }
    std::thread::sleep(Duration::from_secs(60));
}

struct Program {
    child: Box<dyn Child + Send + Sync>,
    /// Held so that the terminal stays open.
    _master: Box<dyn MasterPty + Send>,
    /// What it wrote, all of it once it has ended.
    seen: mpsc::Receiver<Vec<u8>>,
    written: Vec<u8>,
    folder: tempfile::TempDir,
}

fn start(how: &str) -> Program {
    let pair = native_pty_system().openpty(PtySize::default()).expect("a pty");
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", "tui::tests::ways_out::the_program", "--nocapture"]);
    let folder = tempfile::tempdir().expect("a folder");
    command.env("FLYOS_TEST_HANG", how);
    command.env("FLYOS_TEST_FOLDER", folder.path());
    let child = pair.slave.spawn_command(command).expect("started");
    let mut reader = pair.master.try_clone_reader().expect("its output");
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            if sender.send(bytes.get(..count).unwrap_or_default().to_vec()).is_err() {
                return;
            }
        }
    });
    let mut program = Program { child, _master: pair.master, seen, written: Vec::new(), folder };
    program.wait_for(READY);
    program
}

impl Program {
    fn wait_for(&mut self, wanted: &[u8]) {
        while !self.written.windows(wanted.len()).any(|window| window == wanted) {
            let more = self.seen.recv_timeout(Duration::from_secs(20));
            let so_far = String::from_utf8_lossy(&self.written).into_owned();
            self.written.extend(more.unwrap_or_else(|_| unreachable!("it never came: {so_far:?}")));
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.process_id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(rustix::process::Pid::from_raw).expect("its id");
        rustix::process::kill_process(id, signal).expect("told");
    }

    /// Waits for its end; how long that took, and with what code.
    fn end(&mut self) -> (Duration, u32) {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().expect("known") {
                return (begin.elapsed(), status.exit_code());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.child.kill().ok();
        (begin.elapsed(), 0)
    }
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let mut program = start("until told");
        program.signal(signal);
        let (time, ended) = program.end();
        assert!(time < TIME_MAX, "{signal:?} took {time:?}");
        assert_eq!(ended, code, "{signal:?}");
        program.wait_for(TEARDOWN);
    }
}

#[test]
fn a_session_that_moved_ends_it_though_the_loop_hangs() {
    let mut program = start("moved");
    let (time, ended) = program.end();
    assert!(time < TIME_MAX + Duration::from_secs(1), "it took {time:?}");
    assert_eq!(ended, 11);
    program.wait_for(TEARDOWN);
    program.wait_for(b"it went there");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_says_so() {
    let mut program = start("panic");
    program.wait_for(b"on the screen's thread");
    program.end();
    let find = |what: &[u8]| program.written.windows(what.len()).position(|window| window == what);
    let (back, said) = (find(TEARDOWN), find(b"on the screen's thread"));
    assert!(back.is_some() && back < said, "{:?}", String::from_utf8_lossy(&program.written));
    assert_eq!(find(b"in the background"), None, "what panics elsewhere is not painted over the picture");
}

#[test]
fn what_is_written_to_standard_error_does_not_go_across_the_picture() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut program = start("errors");
    program.end();
    program.wait_for(b"for the shell");
    let find = |what: &[u8]| program.written.windows(what.len()).position(|window| window == what);
    assert_eq!(find(b"across"), None, "{:?}", String::from_utf8_lossy(&program.written));
    assert!(find(TEARDOWN) < find(b"for the shell"));
    let file = program.folder.path().join("stderr.log");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), "across the picture\nacross it again\n");
    assert_eq!(file.metadata().expect("its mode").permissions().mode() & 0o777, 0o600);
}

//! What the tests of the real program share: the binary in a real pty, a rendered screen to look at, and a
//! training server as its own process. Hermetic: own home, cleared environment.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses its own part of this"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

pub const FLYOS: &str = env!("CARGO_BIN_EXE_flyos");
pub const PASSWORD: &str = "FlyOS2025!";

/// Generous: the machine may be busy. What is awaited comes in well under a second.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The program in a pty, with what its screen shows.
pub struct Console {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn std::io::Write + Send>>,
    screen: Arc<Mutex<Screen>>,
    reader: Option<std::thread::JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    /// Bytes a second that the line carries; 0: as many as come.
    pace: Arc<AtomicUsize>,
}

struct Screen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

pub struct Start<'a> {
    pub args: &'a [&'a str],
    pub env: &'a [(&'a str, &'a str)],
    pub size: (u16, u16),
}

impl Console {
    pub fn start(start: &Start<'_>) -> Self {
        Self::start_program(FLYOS, start)
    }

    /// Another program that ends up showing the console, such as `ssh`.
    pub fn start_program(program: &str, start: &Start<'_>) -> Self {
        let (cols, rows) = start.size;
        let pty = native_pty_system()
            .openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })
            .expect("a pty can be opened");
        let mut command = CommandBuilder::new(program);
        command.args(start.args);
        command.env_clear();
        command.cwd("/");
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("TZ", "UTC");
        for (name, value) in start.env {
            command.env(name, value);
        }
        let child = pty.slave.spawn_command(command).expect("flyos starts");
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().expect("a pty can be read");
        let keys = pty.master.take_writer().expect("a pty can be written");
        let screen =
            Arc::new(Mutex::new(Screen { parser: vt100::Parser::new(rows, cols, 0), bytes: Vec::new() }));
        let shared = Arc::clone(&screen);
        let closing = Arc::new(AtomicBool::new(false));
        let close = Arc::clone(&closing);
        let pace = Arc::new(AtomicUsize::new(0));
        let line = Arc::clone(&pace);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                // Twenty helpings a second.
                let helping = line.load(Ordering::Relaxed) / 20;
                let room = if helping == 0 { buffer.len() } else { helping };
                let Ok(count) = reader.read(&mut buffer[..room]) else { break };
                if count == 0 || close.load(Ordering::Relaxed) {
                    break;
                }
                let mut screen = shared.lock().unwrap();
                screen.parser.process(&buffer[..count]);
                screen.bytes.extend_from_slice(&buffer[..count]);
                drop(screen);
                if helping > 0 {
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        });
        Self {
            child,
            master: Some(pty.master),
            keys: Some(keys),
            screen,
            reader: Some(reader),
            closing,
            pace,
        }
    }

    /// From now on the line carries so many bytes a second.
    pub fn slow_down(&self, bytes: usize) {
        self.pace.store(bytes, Ordering::Relaxed);
    }

    /// What the screen shows, line by line.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().parser.screen().contents()
    }

    /// Bytes the program has written so far.
    pub fn written(&self) -> usize {
        self.screen.lock().unwrap().bytes.len()
    }

    /// The bytes themselves.
    pub fn bytes(&self) -> Vec<u8> {
        self.screen.lock().unwrap().bytes.clone()
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the program runs")
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        self.wait(&format!("{text:?} on the screen"), |screen| screen.contains(text));
    }

    /// Waits until a popup shows a text, on however many lines: where it breaks depends on names of the machine.
    #[track_caller]
    pub fn expect_words(&self, text: &str) {
        let folded = |screen: &str| {
            let framed = |line: &'_ str| Some(line.split_once('│')?.1.rsplit_once('│')?.0.trim().to_owned());
            screen.lines().filter_map(framed).collect::<Vec<_>>().join(" ")
        };
        self.wait(&format!("{text:?} in a popup"), |screen| folded(screen).contains(text));
    }

    /// Waits until the screen no longer shows a text.
    #[track_caller]
    pub fn gone(&self, text: &str) {
        self.wait(&format!("{text:?} gone from the screen"), |screen| !screen.contains(text));
    }

    #[track_caller]
    pub fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if holds(&text) {
                return;
            }
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}\n--- screen ---\n{text}\n---");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Does something again and again until it worked.
    #[track_caller]
    pub fn wait_doing(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..50 {
            if done(self) {
                return;
            }
        }
        panic!("not within 50 tries: {what}\n{}", self.text());
    }

    /// Waits until nothing was written for a while, by a program that had nothing to do: on a busy machine one that has
    /// may be silent for as long.
    pub fn settle(&self) {
        let mut last = self.written();
        loop {
            let busy = self.is_busy();
            std::thread::sleep(Duration::from_millis(120));
            let now = self.written();
            if now == last && !busy && !self.is_busy() {
                return;
            }
            last = now;
        }
    }

    /// Does a thread of it run, or wait for a processor or a disk?
    fn is_busy(&self) -> bool {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()));
        tasks.into_iter().flatten().flatten().any(|task| {
            // `4711 (name of the thread) S 1 …`
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
            matches!(state, Some('R' | 'D'))
        })
    }

    pub fn send(&mut self, text: &str) {
        let keys = self.keys.as_mut().expect("the pty is open");
        keys.write_all(text.as_bytes()).and_then(|()| keys.flush()).expect("the pty takes keys");
    }

    /// Signs in on the first screen, whatever its fields hold.
    pub fn sign_in(&mut self, email: &str, password: &str) {
        self.expect("Password");
        self.send(&format!("\x15{email}\t{password}\r"));
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        // The emulator panics where it has to wrap in a single row; nobody looks at what is in a window that small.
        self.screen.lock().unwrap().parser.screen_mut().set_size(rows.max(2), cols.max(2));
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().expect("the pty is open").resize(size).expect("a pty can be resized");
    }

    /// The window was small for a moment: it has its size of before, and not what it showed.
    pub fn lose_the_picture(&self) {
        self.screen.lock().unwrap().parser.process(b"\x1b[2J");
        signal(self.pid(), Signal::WINCH);
    }

    /// Everything it wrote on the ordinary screen, whatever the width broke.
    pub fn last_words(&self) -> String {
        self.text().replace('\n', "")
    }

    pub fn kill(&mut self) {
        signal(self.pid(), Signal::KILL);
        drop(self.child.wait());
    }

    /// Closes the terminal under the program, as a cut line does.
    pub fn hang_up(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // The reader holds the terminal as well: a redraw wakes it, and it lets go.
        self.resize(61, 17);
        self.reader.take().expect("it was not hung up before").join().expect("the reader ends");
        self.keys = None;
        self.master = None;
    }

    /// Waits for the end; gives the exit code.
    #[track_caller]
    pub fn ended(&mut self) -> u32 {
        self.ended_within(PATIENCE)
    }

    #[track_caller]
    pub fn ended_within(&mut self, patience: Duration) -> u32 {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be waited for") {
                std::thread::sleep(Duration::from_millis(50));
                return status.exit_code();
            }
            assert!(Instant::now() < end, "still running after {patience:?}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends it. One that stops has stopped when this is back.
pub fn signal(pid: u32, signal: Signal) {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("the id of a process");
    kill_process(process, signal).unwrap_or_else(|error| panic!("{signal:?} to {pid}: {error}"));
    if signal == Signal::STOP {
        stopped(pid);
    }
}

/// Waits until the system says of each of its threads that it is stopped: until then they go on with what they do.
pub fn stopped(pid: u32) {
    let is_stopped = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The name may hold anything but ends with the last bracket.
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
    };
    let end = Instant::now() + PATIENCE;
    while !std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs").flatten().all(is_stopped) {
        assert!(Instant::now() < end, "{pid} is not stopped within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An address that nobody else gets for as long as this process runs, also while no server is there: a socket that is bound
/// and does not listen keeps its port, callers are refused, and a server may listen there.
pub fn own_port() -> String {
    static KEPT: Mutex<Vec<tokio::net::TcpSocket>> = Mutex::new(Vec::new());
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("its port may be listened at");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_addr().expect("an address").to_string();
    KEPT.lock().unwrap().push(socket);
    address
}

/// `flyos sandbox` as a process of its own.
pub struct Server {
    child: Child,
    pub url: String,
    pub publishable_key: String,
    pub service_role_key: String,
}

impl Server {
    /// On a port of its own, keeping its data in `data`.
    pub fn start(data: &Path) -> Self {
        Self::start_at(&own_port(), data, &[])
    }

    pub fn start_at(listen: &str, data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().expect("a plain path");
        let mut child = Command::new(FLYOS)
            .args(["sandbox", "--listen", listen, "--data", data])
            .args(more)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the training server starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its output is piped");
        BufReader::new(out).read_line(&mut line).expect("it prints a line");
        let told: serde_json::Value = serde_json::from_str(&line).expect("the line is JSON");
        let text = |name: &str| told[name].as_str().expect(name).to_owned();
        let (url, publishable_key) = (text("url"), text("publishable_key"));
        Self { child, url, publishable_key, service_role_key: text("service_role_key") }
    }

    /// Where it listens, for starting it there again.
    pub fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    pub fn stop(mut self) {
        signal(self.child.id(), Signal::TERM);
        self.child.wait().expect("it ends");
    }

    /// A table row as the server has it, asked with the service key.
    pub fn row(&self, table: &str, id: &str) -> serde_json::Value {
        let path = format!("/rest/v1/{table}?id=eq.{id}");
        let rows = http_get(&self.address(), &path, &self.service_role_key);
        rows.get(0).cloned().unwrap_or(serde_json::Value::Null)
    }

    /// The version of a row, as a pull of headquarters tells it: it grows by one with each change.
    pub fn version(&self, table: &str, pk: &str) -> u64 {
        let address = self.address();
        let body = format!(r#"{{"email":"main@flyos.mil","password":"{PASSWORD}"}}"#);
        let (_, reply) =
            http(&address, "POST", "/auth/v1/token?grant_type=password", &self.publishable_key, &body);
        let reply: serde_json::Value = serde_json::from_str(&reply).expect("a session");
        let token = reply["access_token"].as_str().expect("a token").to_owned();
        let mut cursor = serde_json::Value::Null;
        loop {
            let body = serde_json::json!({"cursor": cursor, "limit_rows": 2000, "limit_bytes": 1 << 20, "schema": 1});
            let key = format!("{}\r\nAuthorization: Bearer {token}", self.publishable_key);
            let (status, page) = http(&address, "POST", "/rest/v1/rpc/sync_pull", &key, &body.to_string());
            assert_eq!(status, 200, "{page}");
            let page: serde_json::Value = serde_json::from_str(&page).expect("a page");
            let rows = page["changes"].as_array().expect("changes");
            if let Some(row) = rows.iter().find(|row| row["t"] == table && row["pk"] == pk) {
                return row["v"].as_u64().expect("a version");
            }
            assert_eq!(page["more"], true, "{table} {pk} is nowhere");
            cursor = page["cursor"].clone();
        }
    }

    /// Switches faults on, as JSON of the fault settings.
    pub fn faults(&self, settings: &str) {
        let (status, body) =
            http(&self.address(), "POST", "/sandbox/v1/faults", &self.service_role_key, settings);
        assert!(status < 300, "{status} {body}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn http_get(address: &str, path: &str, key: &str) -> serde_json::Value {
    let (status, body) = http(address, "GET", path, key, "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// A plain HTTP/1.0 exchange: enough for a test, and it needs no runtime.
pub fn http(address: &str, method: &str, path: &str, key: &str, body: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\napikey: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("it takes a request");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

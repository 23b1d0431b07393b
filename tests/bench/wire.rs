//! A line that counts: every byte between a console and its server passes here and is put down to the request that it
//! belongs to. It can be cut, so that whoever calls is refused, and it can let no sockets through, as some proxies do.
//!
//! Bytes are those of HTTP and of the socket: what TCP and TLS add around them is not seen here.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What is read at once, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// How the counts call what goes through an open socket.
pub const SOCKET: &str = "socket";
/// What a proxy answers that lets no sockets through.
const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Traffic of one kind.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Requests; of an open socket, the messages of the console.
    pub times: u64,
    pub up: u64,
    pub down: u64,
}

impl Tally {
    pub fn bytes(self) -> u64 {
        self.up + self.down
    }

    fn plus(self, other: Self) -> Self {
        Self { times: self.times + other.times, up: self.up + other.up, down: self.down + other.down }
    }
}

/// All that went over the line so far.
#[derive(Clone, Default)]
pub struct Counts {
    by_path: BTreeMap<String, Tally>,
    pub connections: u64,
}

impl Counts {
    /// What came since an earlier count.
    pub fn since(&self, before: &Self) -> Self {
        let less = |(path, now): (&String, &Tally)| {
            let then = before.by_path.get(path).copied().unwrap_or_default();
            let (times, up, down) = (now.times - then.times, now.up - then.up, now.down - then.down);
            (path.clone(), Tally { times, up, down })
        };
        let connections = self.connections - before.connections;
        Self { by_path: self.by_path.iter().map(less).collect(), connections }
    }

    /// Of the requests whose path holds this text.
    pub fn of(&self, text: &str) -> Tally {
        let those = self.by_path.iter().filter(|(path, _)| path.contains(text) && *path != SOCKET);
        those.fold(Tally::default(), |sum, (_, tally)| sum.plus(*tally))
    }

    /// Of all requests, the one that opens a socket among them.
    pub fn requests(&self) -> Tally {
        self.of("")
    }

    /// Of the open socket.
    pub fn socket(&self) -> Tally {
        self.by_path.get(SOCKET).copied().unwrap_or_default()
    }
}

struct Shared {
    to: SocketAddr,
    sockets: bool,
    counts: Mutex<Counts>,
    /// Whether callers are let in, as it is now.
    listens: AtomicBool,
}

impl Shared {
    fn count(&self, path: &str, tally: Tally) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = counts.by_path.entry(path.to_owned()).or_default();
        *sum = sum.plus(tally);
    }
}

/// A running line; it ends when dropped.
pub struct Wire {
    /// What a console takes for the server's address.
    pub url: String,
    shared: Arc<Shared>,
    up: watch::Sender<bool>,
    _runtime: Runtime,
}

impl Wire {
    /// A line to a server at `http://…`.
    pub fn to(server: &str, sockets: bool) -> anyhow::Result<Self> {
        let to = server.trim_start_matches("http://").parse().context("the address of a server here")?;
        let counts = Mutex::new(Counts::default());
        let shared = Arc::new(Shared { to, sockets, counts, listens: AtomicBool::new(false) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        // A port that nobody has; the line takes it again each time that it comes back.
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (up, is_up) = watch::channel(true);
        runtime.spawn(listen(address, Arc::clone(&shared), is_up));
        let wire = Self { url: format!("http://{address}"), shared, up, _runtime: runtime };
        wire.set(true);
        Ok(wire)
    }

    /// Cuts the line, or gives it back; done when it is so.
    pub fn set(&self, up: bool) {
        self.up.send_replace(up);
        while self.shared.listens.load(Ordering::SeqCst) != up {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    pub fn counts(&self) -> Counts {
        self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn listen(address: SocketAddr, shared: Arc<Shared>, mut up: watch::Receiver<bool>) {
    while up.wait_for(|up| *up).await.is_ok() {
        let Ok(listener) = TcpListener::bind(address).await else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        shared.listens.store(true, Ordering::SeqCst);
        let mut cut = up.clone();
        loop {
            tokio::select! {
                caller = listener.accept() => if let Ok((caller, _)) = caller {
                    let (shared, mut cut) = (Arc::clone(&shared), up.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            _ended = carry(caller, &shared) => {}
                            _cut = cut.wait_for(|up| !*up) => {}
                        }
                    });
                },
                _cut = cut.wait_for(|up| !*up) => break,
            }
        }
        drop(listener);
        shared.listens.store(false, Ordering::SeqCst);
    }
}

/// One connection, to its end.
async fn carry(mut caller: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut server = TcpStream::connect(shared.to).await?;
    caller.set_nodelay(true)?;
    server.set_nodelay(true)?;
    shared.counts.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
    let mut requests = Requests::default();
    let (mut there, mut back) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        tokio::select! {
            count = caller.read(&mut there) => {
                let piece = there.get(..count?).filter(|piece| !piece.is_empty());
                let Some(piece) = piece else { return Ok(()) };
                let asks_for_socket = requests.pass(piece, shared)?;
                if asks_for_socket && !shared.sockets {
                    shared.count(&requests.path, Tally { down: REFUSAL.len() as u64, ..Tally::default() });
                    return caller.write_all(REFUSAL).await;
                }
                server.write_all(piece).await?;
            }
            count = server.read(&mut back) => {
                let piece = back.get(..count?).filter(|piece| !piece.is_empty());
                let Some(piece) = piece else { return Ok(()) };
                requests.answered(piece.len() as u64, shared);
                caller.write_all(piece).await?;
            }
        }
    }
}

/// Finds the requests in what a console sends over one connection, one after the other.
#[derive(Default)]
struct Requests {
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    body: usize,
    path: String,
    /// It asked for a socket; `Some(true)`: and the answer to that has come.
    socket: Option<bool>,
}

impl Requests {
    /// Counts a piece; tells whether a socket was asked for.
    fn pass(&mut self, mut piece: &[u8], shared: &Shared) -> io::Result<bool> {
        while let Some(byte) = piece.first() {
            if self.socket.is_some() {
                shared.count(SOCKET, Tally { times: 1, up: piece.len() as u64, down: 0 });
                return Ok(false);
            }
            if self.body > 0 {
                let (body, rest) = piece.split_at(self.body.min(piece.len()));
                self.body -= body.len();
                shared.count(&self.path, Tally { up: body.len() as u64, ..Tally::default() });
                piece = rest;
                continue;
            }
            self.head.push(*byte);
            piece = piece.get(1..).unwrap_or_default();
            if self.head.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
                let up = std::mem::take(&mut self.head).len() as u64;
                self.read(&head).ok_or(io::ErrorKind::InvalidData)?;
                shared.count(&self.path, Tally { times: 1, up, down: 0 });
            }
        }
        Ok(self.socket == Some(false))
    }

    /// A whole head; `None` where it is none that this can count.
    fn read(&mut self, head: &str) -> Option<()> {
        let mut lines = head.lines();
        let target = lines.next()?.split(' ').nth(1)?;
        target.split('?').next()?.clone_into(&mut self.path);
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if field("transfer-encoding").is_some() {
            return None;
        }
        self.body = field("content-length").map_or(Some(0), |length| length.parse().ok())?;
        self.socket = field("upgrade").map(|_| false);
        Some(())
    }

    fn answered(&mut self, bytes: u64, shared: &Shared) {
        let path = if self.socket == Some(true) { SOCKET } else { &self.path };
        shared.count(path, Tally { down: bytes, ..Tally::default() });
        self.socket = self.socket.map(|_| true);
    }
}

//! The proxy: HTTP/1.1 by hand, so that it can do what no server's library would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::chance::Rng;
use crate::common::client;

/// The longest delay, in ms.
const DELAY_MS: u64 = 400;
/// A gateway repeats a POST so often at the most.
const REPEATS_MAX: u64 = 5;
const READ_BYTES: usize = 16 * 1024;
const HTML: &str =
    "<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>";

/// What a bad line does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It never reaches the server.
    Dropped,
    /// The server does it, and the answer is lost.
    ReplyLost,
    Delayed,
    /// The line breaks in the middle of the answer.
    ReplyCut,
    /// Half an answer that says it is whole.
    ReplyHalved,
    /// The server gets it several times, one after the other.
    Repeated,
    /// The server gets it several times at once.
    Raced,
    BadGateway,
    /// With `Retry-After`.
    Unavailable,
    /// The server did it, too late for the gateway.
    GatewayTimeout,
    /// With `Retry-After`.
    TooMany,
    /// A page in place of an answer.
    Html,
    /// A captive portal sends elsewhere.
    Redirected,
    /// JSON, and none of ours.
    Stranger,
}

impl Fault {
    pub const ALL: [Self; 14] = [
        Self::Dropped,
        Self::ReplyLost,
        Self::Delayed,
        Self::ReplyCut,
        Self::ReplyHalved,
        Self::Repeated,
        Self::Raced,
        Self::BadGateway,
        Self::Unavailable,
        Self::GatewayTimeout,
        Self::TooMany,
        Self::Html,
        Self::Redirected,
        Self::Stranger,
    ];
}

/// The state of the line, and what was done on it.
pub struct Line {
    mended: AtomicBool,
    requests: AtomicU64,
    counts: Mutex<BTreeMap<Fault, u64>>,
    /// What is dealt out next; each fault comes once in each deck.
    deck: Mutex<(Vec<Option<Fault>>, Rng)>,
}

impl Line {
    pub fn mend(&self) {
        self.mended.store(true, Ordering::SeqCst);
    }

    pub fn is_mended(&self) -> bool {
        self.mended.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        let counts = self.counts.lock().expect("no panic while counting");
        Fault::ALL.map(|fault| (fault, counts.get(&fault).copied().unwrap_or_default())).into()
    }

    fn draw(&self) -> (Option<Fault>, Rng) {
        let mut deck = self.deck.lock().expect("no panic while drawing");
        let (cards, rng) = &mut *deck;
        if cards.is_empty() {
            // As many requests go well as badly.
            cards.extend(Fault::ALL.iter().flat_map(|fault| [Some(*fault), None]));
        }
        let at = usize::try_from(rng.below(cards.len() as u64)).expect("an index");
        let card = cards.swap_remove(at);
        self.requests.fetch_add(1, Ordering::SeqCst);
        let chance = rng.fork();
        (card.filter(|_| !self.is_mended()), chance)
    }

    fn count(&self, fault: Fault) {
        *self.counts.lock().expect("no panic while counting").entry(fault).or_default() += 1;
    }
}

/// A running proxy; it ends with the test's runtime.
pub struct Proxy {
    pub url: String,
    pub line: Arc<Line>,
}

struct Request {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// An answer as it is to be written.
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Proxy {
    pub async fn before(to: &str, rng: Rng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let line = Arc::new(Line {
            mended: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            counts: Mutex::default(),
            deck: Mutex::new((Vec::new(), rng)),
        });
        let (to, shared, http) = (to.to_owned(), Arc::clone(&line), client());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (to, line, http) = (to.clone(), Arc::clone(&shared), http.clone());
                tokio::spawn(async move { serve(stream, &to, &line, &http).await });
            }
        });
        Self { url, line }
    }
}

/// One connection: a request after the other, until a fault or the other side ends it.
async fn serve(mut stream: TcpStream, to: &str, line: &Line, http: &reqwest::Client) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let request = read_request(&mut stream, &mut read).await?;
        let ours = request.path.starts_with("/rest/") || request.path.starts_with("/auth/");
        let (fault, mut rng) = if ours { line.draw() } else { (None, Rng(0)) };
        let Some(fault) = fault else {
            write(&mut stream, &forward(http, to, &request).await?).await?;
            continue;
        };
        line.count(fault);
        match fault {
            Fault::Dropped => return None,
            Fault::ReplyLost => {
                forward(http, to, &request).await?;
                return None;
            }
            Fault::ReplyCut => {
                let reply = forward(http, to, &request).await?;
                let bytes = reply.bytes();
                let at = usize::try_from(1 + rng.below(bytes.len() as u64 - 1)).expect("an index");
                stream.write_all(bytes.get(..at)?).await.ok()?;
                return None;
            }
            _ => write(&mut stream, &answer(fault, http, to, &request, &mut rng).await?).await?,
        }
    }
}

/// What a fault answers.
async fn answer(
    fault: Fault,
    http: &reqwest::Client,
    to: &str,
    request: &Request,
    rng: &mut Rng,
) -> Option<Reply> {
    let pass = || forward(http, to, request);
    let retry_after = || ("retry-after", "1");
    Some(match fault {
        Fault::Delayed => {
            tokio::time::sleep(Duration::from_millis(rng.below(DELAY_MS))).await;
            pass().await?
        }
        Fault::ReplyHalved => {
            let mut reply = pass().await?;
            reply.body.truncate(reply.body.len() / 2);
            reply
        }
        Fault::Repeated => {
            for _ in 0..=rng.below(REPEATS_MAX - 2) {
                pass().await?;
            }
            pass().await?
        }
        Fault::Raced => {
            let (one, _, _) = tokio::join!(pass(), pass(), pass());
            one?
        }
        Fault::BadGateway => {
            if rng.in_hundred(50) {
                pass().await?;
            }
            Reply::page(502, &[], "<html><body>502 Bad Gateway</body></html>")
        }
        Fault::Unavailable => Reply::json(503, &[retry_after()], r#"{"message":"name resolution failed"}"#),
        Fault::GatewayTimeout => {
            pass().await?;
            Reply::page(504, &[], "<html><body>504 Gateway Time-out</body></html>")
        }
        Fault::TooMany => Reply::json(429, &[retry_after()], r#"{"message":"API rate limit exceeded"}"#),
        Fault::Html => Reply::page(200, &[], HTML),
        Fault::Redirected => Reply::page(302, &[("location", "http://portal.invalid/login?from=here")], HTML),
        _ => Reply::json(200, &[], r#"{"status":"ok","results":"none"}"#),
    })
}

impl Reply {
    fn new(status: u16, kind: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().copied().chain([("content-type", kind)]);
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status, headers, body: body.as_bytes().to_vec() }
    }

    fn page(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", headers, body)
    }

    fn json(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::new(status, "application/json; charset=utf-8", headers, body)
    }

    /// The whole answer, whose length is that of its body.
    fn bytes(&self) -> Vec<u8> {
        let length = ("content-length".to_owned(), self.body.len().to_string());
        let headers =
            self.headers.iter().chain([&length]).map(|(name, value)| format!("{name}: {value}\r\n"));
        let text = format!("HTTP/1.1 {} Said\r\n{}\r\n", self.status, headers.collect::<String>());
        [text.into_bytes(), self.body.clone()].concat()
    }
}

async fn write(stream: &mut TcpStream, reply: &Reply) -> Option<()> {
    stream.write_all(&reply.bytes()).await.ok()
}

/// The server's own answer; nothing where it gave none.
async fn forward(http: &reqwest::Client, to: &str, request: &Request) -> Option<Reply> {
    let mut passed = http.request(request.method.clone(), format!("{to}{}", request.path));
    for (name, value) in &request.headers {
        if !["host", "content-length", "connection", "accept-encoding"].contains(&name.as_str()) {
            passed = passed.header(name, value);
        }
    }
    let answer = passed.body(request.body.clone()).send().await.ok()?;
    let status = answer.status().as_u16();
    let own = ["content-length", "transfer-encoding", "connection"];
    let headers = answer.headers().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    Some(Reply { status, headers, body: answer.bytes().await.ok()?.to_vec() })
}

/// The next request of a connection; what was read beyond it stays in `read`.
async fn read_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Request> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if let Some((request, length)) = parse(read) {
            read.drain(..length);
            return Some(request);
        }
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(buffer.get(..count)?);
    }
}

fn parse(bytes: &[u8]) -> Option<(Request, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).expect("a head is text");
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.parse().expect("a method"), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse::<usize>().expect("a length"));
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some((Request { method, path, headers, body }, end + 4 + length))
}

//! The line: the listening socket and every connection that came over it, so that the server can really
//! refuse, drop everybody, cut one caller off, and come back on the same port.
//!
//! While down the port is kept by a socket that is bound and does not listen: callers are refused, and no
//! other program can take the port. Knows nothing of HTTP.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::faults::Faults;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// Connections the kernel keeps for us until we take them.
const BACKLOG: u32 = 1024;
/// Between looks at whether everybody is gone.
const ENDING: Duration = Duration::from_millis(5);
/// Between attempts to bind or accept after a failure.
const RETRY: Duration = Duration::from_millis(50);

/// Cuts one connection.
#[derive(Clone, Debug)]
pub struct Cut(Arc<watch::Sender<bool>>);

impl Cut {
    pub fn cut(&self) {
        self.0.send_replace(true);
    }
}

impl Connected<IncomingStream<'_, Line>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Line>) -> Self {
        stream.io().cut.clone()
    }
}

/// The open connections.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<(u64, HashMap<u64, Cut>)>>);

impl Open {
    fn with<T>(&self, f: impl FnOnce(&mut (u64, HashMap<u64, Cut>)) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, cut: Cut) -> u64 {
        self.with(|(next, open)| {
            *next += 1;
            open.insert(*next, cut);
            *next
        })
    }

    fn cut_all(&self) {
        self.with(|(_, open)| open.values().for_each(Cut::cut));
    }
}

/// Listens, or refuses, as the faults wish.
pub struct Line {
    address: SocketAddr,
    listener: Option<TcpListener>,
    faults: Faults,
    wish: watch::Receiver<bool>,
    open: Open,
    room: Arc<Semaphore>,
}

/// Cuts every connection there is: for the end of the server.
#[derive(Clone)]
pub struct CutAll(Open);

impl CutAll {
    pub fn cut_all(&self) {
        self.0.cut_all();
    }

    /// Waits until every connection has ended; they were cut, so that takes no time to speak of.
    pub async fn ended(&self) {
        while self.0.with(|(_, open)| !open.is_empty()) {
            tokio::time::sleep(ENDING).await;
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Line {
    pub fn open(address: SocketAddr, faults: Faults) -> io::Result<Self> {
        let listener = socket(address)?.listen(BACKLOG)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener: Some(listener),
            wish: faults.wish(),
            faults,
            open: Open::default(),
            room: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn cutter(&self) -> CutAll {
        CutAll(self.open.clone())
    }

    /// Stays down until the wish is to be up again, then listens anew.
    async fn stay_down(&mut self) {
        self.listener = None;
        self.open.cut_all();
        let mut held = socket(self.address).ok();
        self.faults.tell(false);
        // The sender lives in `self.faults`, so waiting cannot fail.
        drop(self.wish.wait_for(|up| *up).await);
        while self.listener.is_none() {
            let listening =
                held.take().map_or_else(|| socket(self.address), Ok).and_then(|s| s.listen(BACKLOG));
            match listening {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot listen again yet");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        self.faults.tell(true);
    }

    async fn next(&mut self) -> Option<(TcpStream, SocketAddr)> {
        let (listener, wish) = (self.listener.as_ref()?, &mut self.wish);
        tokio::select! {
            biased;
            () = async { drop(wish.wait_for(|up| !*up).await) } => None,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => Some(accepted),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(RETRY).await;
                    None
                }
            },
        }
    }
}

impl Listener for Line {
    type Io = LineIo;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LineIo, SocketAddr) {
        loop {
            if self.listener.is_none() || !*self.wish.borrow() {
                self.stay_down().await;
            }
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else { continue };
            if let Some((stream, peer)) = self.next().await {
                // Small answers must not wait for more; a socket without this still works.
                let _still_works = stream.set_nodelay(true);
                return (LineIo::new(stream, self.open.clone(), permit), peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// One connection, which ends when it is cut.
pub struct LineIo {
    stream: TcpStream,
    cut: Cut,
    when_cut: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    open: Open,
    id: u64,
    _room: OwnedSemaphorePermit,
}

impl LineIo {
    fn new(stream: TcpStream, open: Open, room: OwnedSemaphorePermit) -> Self {
        let cut = Cut(Arc::new(watch::Sender::new(false)));
        let mut seen = cut.0.subscribe();
        let when_cut = Box::pin(async move {
            // The sender lives as long as the connection: waiting cannot fail.
            drop(seen.wait_for(|cut| *cut).await);
        });
        let id = open.add(cut.clone());
        Self { stream, cut, when_cut, open, id, _room: room }
    }

    /// Fails once the connection is cut; else wakes the caller when that happens.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if *self.cut.0.borrow() || self.when_cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the line was cut"));
        }
        Ok(())
    }
}

impl Drop for LineIo {
    fn drop(&mut self) {
        self.open.with(|(_, open)| drop(open.remove(&self.id)));
    }
}

impl AsyncRead for LineIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for LineIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

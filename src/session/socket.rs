//! The socket beside an account's lock, by which another process of the same person speaks to the console that
//! has it open. What is said is for `service`; here is how.
//!
//! * It lies in the account's folder (0700) as `control.sock` (0600). Who has the lock makes it anew and takes
//!   it away, so one that a killed console left behind is only a name that nobody answers. A socket's path has
//!   some hundred bytes at most and a folder's may have more: it is reached through the open folder
//!   (`/proc/self/fd/…`), which is short wherever the folder lies, and needs no second place to look in.
//! * Either end asks the system who the other is and speaks to the same user alone.
//! * A message is one line of JSON: `{"version":1,"message":…}`. Its bytes and the time it may take are bounded. The
//!   version is read before anything else; another one is no garbage but is told as such.

use std::fs::Permissions;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// Goes up whenever a message changes its shape or meaning.
pub const VERSION: u32 = 1;
const NAME: &str = "control.sock";
/// One message: ten thousand edits at once are some 3 MB.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;
/// How long a whole message may take on its way in or out; the peer is on the same machine.
pub const MESSAGE_TIME_MAX: Duration = Duration::from_secs(2);

/// Why nothing was understood, or nobody answered.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Nobody listens there.
    #[error("no console answers there")]
    Nobody,
    #[error("no answer came in time")]
    Silent,
    /// It hung up, as one does that is about to end.
    #[error("the other side hung up")]
    Ended,
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes")]
    TooLong,
    #[error("the message is not understood")]
    Garbage,
    #[error("the other flyos speaks version {theirs} of this language, and this one version {VERSION}")]
    Version { theirs: u32 },
    #[error("the other side belongs to user {uid}")]
    Stranger { uid: u32 },
    #[error("the line to the other console failed: {0}")]
    Io(io::Error),
}

#[derive(Serialize)]
struct Said<'a, T> {
    version: u32,
    message: &'a T,
}

#[derive(Deserialize)]
struct Heard<T> {
    message: T,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Where a console is spoken to.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Listener {
    /// Only for who has the folder's lock: a socket that is there is one left behind.
    pub fn bind(folder: &Path) -> io::Result<Self> {
        take_away(folder)?;
        let (_folder, short) = short(folder)?;
        let socket = UnixListener::bind(&short)?;
        std::fs::set_permissions(&short, Permissions::from_mode(0o600))?;
        Ok(Self(socket))
    }

    /// The next one who calls and is the same user.
    pub async fn accept(&self) -> Result<Line, LineError> {
        let (stream, _) = self.0.accept().await.map_err(LineError::Io)?;
        Line::with(stream)
    }
}

/// Takes the name away. Only for who has the folder's lock, and before letting go of it: later it is another's.
pub fn take_away(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The socket's path in a form that is short wherever the folder lies; good as long as the descriptor lives.
fn short(folder: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(NAME);
    Ok((folder, path))
}

/// A line that failed while it was used.
fn lost(error: io::Error) -> LineError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => LineError::Ended,
        _ => LineError::Io(error),
    }
}

/// A line between two processes of the same user.
#[derive(Debug)]
pub struct Line {
    stream: BufReader<UnixStream>,
}

impl Line {
    /// Calls the console that has that folder open.
    pub async fn call(folder: &Path) -> Result<Self, LineError> {
        let nobody = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => LineError::Nobody,
            _ => LineError::Io(error),
        };
        let (_folder, short) = short(folder).map_err(nobody)?;
        let called = timeout(MESSAGE_TIME_MAX, UnixStream::connect(short)).await;
        Self::with(called.map_err(|_| LineError::Silent)?.map_err(nobody)?)
    }

    fn with(stream: UnixStream) -> Result<Self, LineError> {
        let peer = stream.peer_cred().map_err(LineError::Io)?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(LineError::Stranger { uid: peer.uid() });
        }
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub async fn say<T: Serialize>(&mut self, message: &T) -> Result<(), LineError> {
        let said = serde_json::to_vec(&Said { version: VERSION, message });
        let mut line = said.map_err(|_| LineError::Garbage)?;
        line.push(b'\n');
        if line.len() > MESSAGE_BYTES_MAX {
            return Err(LineError::TooLong);
        }
        let sent = timeout(MESSAGE_TIME_MAX, self.stream.get_mut().write_all(&line)).await;
        sent.map_err(|_| LineError::Silent)?.map_err(lost)
    }

    /// The next message, if it comes within that time.
    pub async fn hear<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<T, LineError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(MESSAGE_BYTES_MAX as u64);
        let read = timeout(patience, limited.read_until(b'\n', &mut line)).await;
        read.map_err(|_| LineError::Silent)?.map_err(lost)?;
        if line.pop() != Some(b'\n') {
            return Err(if line.len() + 1 >= MESSAGE_BYTES_MAX {
                LineError::TooLong
            } else {
                LineError::Ended
            });
        }
        let Versioned { version } = serde_json::from_slice(&line).map_err(|_| LineError::Garbage)?;
        if version != VERSION {
            return Err(LineError::Version { theirs: version });
        }
        let Heard { message } = serde_json::from_slice(&line).map_err(|_| LineError::Garbage)?;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Message = Vec<String>;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a folder"))
        }

        /// A listener, and a plain stream to it that can send anything.
        async fn pair(&self) -> (Line, UnixStream, Listener) {
            let listener = Listener::bind(self.0.path()).expect("bound");
            let stream = UnixStream::connect(self.0.path().join(NAME)).await.expect("connected");
            (listener.accept().await.expect("ours"), stream, listener)
        }
    }

    /// What a listener makes of those bytes.
    async fn heard(bytes: &[u8]) -> Result<Message, LineError> {
        let place = Place::new();
        let (mut line, mut stream, _listener) = place.pair().await;
        let bytes = bytes.to_vec();
        let writer = tokio::spawn(async move {
            // A listener that has heard enough hangs up.
            stream.write_all(&bytes).await.ok();
        });
        let heard = line.hear(MESSAGE_TIME_MAX).await;
        drop(line);
        writer.await.expect("written");
        heard
    }

    #[tokio::test]
    async fn a_message_arrives_and_is_answered() {
        let place = Place::new();
        let listener = Listener::bind(place.0.path()).expect("bound");
        let mode = std::fs::metadata(place.0.path().join(NAME)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut caller = Line::call(place.0.path()).await.expect("connected");
        let mut answering = listener.accept().await.expect("ours");
        caller.say(&vec!["whois"]).await.expect("said");
        assert_eq!(answering.hear::<Message>(MESSAGE_TIME_MAX).await.expect("heard"), ["whois"]);
        answering.say(&vec!["me\nand you"]).await.expect("said");
        assert_eq!(caller.hear::<Message>(MESSAGE_TIME_MAX).await.expect("heard"), ["me\nand you"]);
    }

    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        assert_eq!(heard(b"{\"version\":1,\"message\":[\"x\"]}\nmore").await.expect("a message"), ["x"]);
        for bytes in
            [&b"\n"[..], b"GET / HTTP/1.1\r\n", b"{\"message\":[]}\n", b"{\"version\":1}\n", b"\xff\xfe\n"]
        {
            assert!(matches!(heard(bytes).await, Err(LineError::Garbage)), "{bytes:?}");
        }
        let deep = format!("{{\"version\":1,\"message\":{}\n", "[".repeat(100_000));
        assert!(matches!(heard(deep.as_bytes()).await, Err(LineError::Garbage)));
        for bytes in [&b""[..], b"{\"version\":1,\"mess"] {
            assert!(matches!(heard(bytes).await, Err(LineError::Ended)), "{bytes:?}");
        }
        let other = heard(b"{\"version\":2,\"message\":{\"of\":\"another shape\"}}\n").await;
        let Err(told @ LineError::Version { theirs: 2 }) = other else { unreachable!("{other:?}") };
        assert!(told.to_string().contains("version 2"), "{told}");
    }

    #[tokio::test]
    async fn no_more_is_read_than_the_bound() {
        let place = Place::new();
        let (mut line, mut stream, _listener) = place.pair().await;
        // It stays on the line, so that only the bound can end the reading.
        let writer = tokio::spawn(async move {
            stream.write_all(&vec![b' '; MESSAGE_BYTES_MAX + 4096]).await.ok();
            std::future::pending::<()>().await;
        });
        assert!(matches!(line.hear::<Message>(MESSAGE_TIME_MAX).await, Err(LineError::TooLong)));
        writer.abort();
        let place = Place::new();
        let (mut line, _stream, _listener) = place.pair().await;
        assert!(matches!(line.say(&"x".repeat(MESSAGE_BYTES_MAX)).await, Err(LineError::TooLong)));
    }

    #[tokio::test]
    async fn a_peer_that_says_or_takes_nothing_is_not_waited_for() {
        const SOON: Duration = Duration::from_millis(100);
        let place = Place::new();
        let (mut line, mut stream, _listener) = place.pair().await;
        assert!(matches!(line.hear::<Message>(SOON).await, Err(LineError::Silent)));
        // A byte now and then buys no more time.
        let drip = async {
            loop {
                stream.write_all(b" ").await.expect("sent");
                tokio::time::sleep(SOON / 10).await;
            }
        };
        let heard = tokio::select! {
            heard = timeout(SOON * 20, line.hear::<Message>(SOON)) => heard.expect("in time"),
            () = drip => unreachable!("it drips for ever"),
        };
        assert!(matches!(heard, Err(LineError::Silent)));
        let long = "x".repeat(MESSAGE_BYTES_MAX / 2);
        assert!(matches!(line.say(&long).await, Err(LineError::Silent)), "it reads nothing");
    }

    #[tokio::test]
    async fn a_name_that_was_left_behind_is_nobody_and_is_replaced() {
        let place = Place::new();
        let folder = place.0.path();
        assert!(matches!(Line::call(folder).await, Err(LineError::Nobody)));
        // As a killed console leaves it.
        drop(std::os::unix::net::UnixListener::bind(folder.join(NAME)).expect("bound"));
        assert!(matches!(Line::call(folder).await, Err(LineError::Nobody)));
        let _listener = Listener::bind(folder).expect("bound anew");
        Line::call(folder).await.expect("connected");
        take_away(folder).expect("taken away");
        assert!(!folder.join(NAME).exists());
        take_away(folder).expect("gone is as well");
    }

    #[tokio::test]
    async fn one_that_ends_with_a_caller_before_its_door_hung_up() {
        let place = Place::new();
        let listener = Listener::bind(place.0.path()).expect("bound");
        let mut before = Line::call(place.0.path()).await.expect("connected");
        let mut after = Line::call(place.0.path()).await.expect("connected");
        before.say(&["whois"]).await.expect("said");
        drop(listener);
        assert!(matches!(before.hear::<Message>(MESSAGE_TIME_MAX).await, Err(LineError::Ended)));
        assert!(matches!(after.say(&["whois"]).await, Err(LineError::Ended)));
    }

    #[tokio::test]
    async fn a_folder_whose_path_is_too_long_for_a_socket_will_do() {
        let place = Place::new();
        let folder = place.0.path().join("x".repeat(100)).join("y".repeat(100));
        std::fs::create_dir_all(&folder).expect("made");
        let listener = Listener::bind(&folder).expect("bound");
        assert!(folder.join(NAME).exists());
        Line::call(&folder).await.expect("connected");
        listener.accept().await.expect("ours");
    }
}

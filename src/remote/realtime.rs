//! The realtime socket: it tells that there is something to pull, and nothing else.
//!
//! A nudge carries no data and moves no cursor; a lost one costs a poll's delay, so everything here may
//! fail at any time. What must hold: the task never ends by itself (`Command::Stop`, or nobody left to
//! command it, ends it), it never floods a server that refuses (backoff with full jitter, for the line and
//! for each channel), and after every gap it says `Rejoined`, since what happened in the gap is not
//! delivered later.
//!
//! * `frame`: one message, as text.
//! * `channels`: which topics are joined, pure: told the time and a frame, it says what to send.
//! * `line`: the connection.
//!
//! The connection is opened with the project's key; a person's pass travels in each join, and again to every
//! channel when it is renewed. A proxy of the system is not used: where only that leads out, the console
//! polls.

mod channels;
mod frame;
mod line;

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use self::channels::{Channels, Happening};
use self::frame::Frame;
use self::line::Line;
use super::error::{Cause, Doing, RemoteError};
use super::project::Project;

/// Channels of one connection, which is the server's limit.
pub const TOPICS_MAX: usize = 100;

/// How the socket behaves. The defaults are for real use; tests take shorter times.
#[derive(Clone, Debug)]
pub struct Config {
    pub project: Project,
    /// The program's version, as servers see it.
    pub version: String,
    /// Between signs of life; the server drops a silent line after about a minute.
    pub heartbeat: Duration,
    /// To connect and shake hands: a refusal comes only after 2 s.
    pub connect: Duration,
    /// To be let into a channel: a refusal comes only after 5 s.
    pub join: Duration,
    /// Before the next attempt, by how many failed in a row; the last goes on. Each is the upper end of a
    /// random time.
    pub backoff: [Duration; 4],
    /// At most this long between tries where somebody answers each time and lets no socket through, as some proxies do.
    pub seldom: Duration,
}

/// Answers in a row that let no socket through, until it is tried seldom.
const REFUSALS_MAX: u32 = 5;

impl Config {
    pub fn new(project: Project, version: &str) -> Self {
        Self {
            project,
            version: version.to_owned(),
            heartbeat: Duration::from_secs(25),
            connect: Duration::from_secs(10),
            join: Duration::from_secs(10),
            backoff: [1, 2, 5, 10].map(Duration::from_secs),
            seldom: Duration::from_secs(300),
        }
    }
}

/// What the socket is told.
#[derive(Debug)]
pub enum Command {
    /// The pass was renewed.
    Token(SecretString),
    /// These topics from now on (`sync:all`, `topic(scope)`).
    Topics(Vec<String>),
    Stop,
}

/// What the socket tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// All topics are joined, for the first time: pull now.
    Up,
    /// All topics are joined again, or others than before: pull now, for there was a gap.
    Rejoined,
    /// There is something to pull.
    Nudge,
    /// Not all topics are joined, and why; told once per cause. It is tried again by itself.
    Down { why: RemoteError },
}

/// The topic of a scope.
pub fn topic(scope: &str) -> String {
    format!("sync:{scope}")
}

/// The socket, which is a task and has no handle but its channels.
#[derive(Debug)]
pub struct Socket;

impl Socket {
    /// Keeps a connection with these topics joined until it is told to stop.
    pub async fn run(
        config: Config,
        topics: Vec<String>,
        token: SecretString,
        commands: mpsc::Receiver<Command>,
        events: impl Fn(SocketEvent) + Send,
    ) {
        let channels = Channels::new(topics, token, config.join, config.backoff);
        let mut task = Task { config, channels, commands, events, seen_up: false, up: false, told: None };
        // Stopping is the only way out, and it has nothing to tell.
        task.keep_going().await.unwrap_or_default();
    }
}

/// The socket was told to stop.
struct Stopped;

/// Why a connection ended, or could not be made.
type Ended = Result<RemoteError, Stopped>;

struct Task<E> {
    config: Config,
    channels: Channels,
    commands: mpsc::Receiver<Command>,
    events: E,
    /// All topics were joined at some time.
    seen_up: bool,
    up: bool,
    /// The cause that was told last, while it lasts.
    told: Option<Cause>,
}

impl<E: Fn(SocketEvent) + Send> Task<E> {
    async fn keep_going(&mut self) -> Result<(), Stopped> {
        let (mut failures, mut refusals) = (0, 0);
        loop {
            while self.channels.is_empty() {
                // A connection without channels is closed by the server after a while: none is made.
                self.command().await?;
            }
            let why = self.connected().await?;
            failures = if self.up { 0 } else { failures + 1 };
            // Without a line it is tried often: that costs nothing, and finds the line when it is back.
            refusals = if self.up || why.status.is_none() { 0 } else { refusals + 1 };
            let patience = why.retry_after.unwrap_or_default();
            self.down(why);
            let delay = if refusals > REFUSALS_MAX {
                self.config.seldom / 2 + share(self.config.seldom / 2)
            } else {
                jittered(&self.config.backoff, failures)
            };
            self.pause(patience.max(delay)).await?;
        }
    }

    /// Waits, but hears what it is told meanwhile.
    async fn pause(&mut self, delay: Duration) -> Result<(), Stopped> {
        let until = Instant::now() + delay;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                told = self.commands.recv() => drop(self.obey(told)?),
            }
        }
    }

    async fn command(&mut self) -> Result<Vec<Frame>, Stopped> {
        let told = self.commands.recv().await;
        self.obey(told)
    }

    /// Does what it is told; the frames are for a line that is there.
    fn obey(&mut self, told: Option<Command>) -> Result<Vec<Frame>, Stopped> {
        match told {
            None | Some(Command::Stop) => Err(Stopped),
            Some(Command::Token(token)) => Ok(self.channels.set_token(token, Instant::now())),
            Some(Command::Topics(topics)) => {
                let frames = self.channels.set_topics(topics, Instant::now());
                // Joining others leaves a gap, without the line being down.
                self.up &= self.channels.all_joined();
                Ok(frames)
            }
        }
    }

    /// Connects, and serves the connection to its end.
    async fn connected(&mut self) -> Ended {
        let config = self.config.clone();
        let connecting = timeout(config.connect, Line::connect(&config));
        tokio::pin!(connecting);
        let line = loop {
            tokio::select! {
                line = &mut connecting => break line,
                told = self.commands.recv() => drop(self.obey(told)?),
            }
        };
        match line {
            Err(_) => Ok(self.error(Cause::Timeout)),
            Ok(Err(why)) => Ok(why),
            Ok(Ok(mut line)) => {
                self.channels.connected(Instant::now());
                let ended = self.serve(&mut line).await;
                line.close().await;
                ended
            }
        }
    }

    async fn serve(&mut self, line: &mut Line) -> Ended {
        let period = self.config.heartbeat;
        let mut beat = interval_at(Instant::now() + period, period);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unanswered: Option<String> = None;
        loop {
            let (joins, failed) = self.channels.due(Instant::now());
            self.happened(failed);
            if let Err(cause) = self.send(line, joins).await {
                return Ok(self.error(cause));
            }
            let mut frames = Vec::new();
            tokio::select! {
                told = self.commands.recv() => frames = self.obey(told)?,
                heard = line.hear() => match heard {
                    Err(cause) => return Ok(self.error(cause)),
                    Ok(Some(frame)) if unanswered.is_some() && frame.reference == unanswered => {
                        unanswered = None;
                    }
                    Ok(Some(frame)) => {
                        let happening = self.channels.hear(&frame, Instant::now());
                        self.happened(happening.into_iter().collect());
                    }
                    Ok(None) => {}
                },
                _ = beat.tick() => {
                    if unanswered.is_some() {
                        return Ok(self.error(Cause::Timeout));
                    }
                    let heartbeat = self.channels.heartbeat();
                    unanswered.clone_from(&heartbeat.reference);
                    frames = vec![heartbeat];
                }
                () = wait_until(self.channels.next_due()) => {}
            }
            if let Err(cause) = self.send(line, frames).await {
                return Ok(self.error(cause));
            }
            self.tell_if_up();
        }
    }

    /// Sends frames; a line that takes none for the time of a heartbeat is dead.
    async fn send(&self, line: &mut Line, frames: Vec<Frame>) -> Result<(), Cause> {
        for frame in frames {
            let sent = timeout(self.config.heartbeat, line.say(&frame)).await;
            sent.map_err(|_| Cause::Timeout)??;
        }
        Ok(())
    }

    fn happened(&mut self, happenings: Vec<Happening>) {
        for happening in happenings {
            match happening {
                Happening::Nudge => (self.events)(SocketEvent::Nudge),
                Happening::Failed { cause, text } => {
                    let host = self.config.project.host();
                    let why = RemoteError::with_detail(Doing::Listening, cause, host, text.as_deref());
                    self.down(why);
                }
            }
        }
    }

    fn tell_if_up(&mut self) {
        if self.up || !self.channels.all_joined() {
            return;
        }
        self.up = true;
        self.told = None;
        (self.events)(if self.seen_up { SocketEvent::Rejoined } else { SocketEvent::Up });
        self.seen_up = true;
    }

    fn down(&mut self, why: RemoteError) {
        if self.up || self.told != Some(why.cause) {
            self.told = Some(why.cause);
            self.up = false;
            (self.events)(SocketEvent::Down { why });
        }
    }

    fn error(&self, cause: Cause) -> RemoteError {
        RemoteError::new(Doing::Listening, cause, self.config.project.host())
    }
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        // Nothing is due: whatever else happens wakes the loop.
        None => std::future::pending().await,
    }
}

/// A random time up to the delay of that many failures: a server that comes back is not met by all at once.
fn jittered(backoff: &[Duration; 4], failures: usize) -> Duration {
    let last = backoff.len() - 1;
    let most = backoff[failures.saturating_sub(1).min(last)];
    share(most)
}

/// A random share of a time.
fn share(most: Duration) -> Duration {
    // Without randomness the whole delay serves as well.
    let share = getrandom::u32().unwrap_or(u32::MAX);
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

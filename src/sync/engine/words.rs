//! What the engine hears and says: events, effects, how the line stands, what went wrong, how often to ask.

/// How often to ask when nobody nudges, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    pub poll_ms: u64,
    pub poll_with_socket_ms: u64,
    /// An empty push at least this often, so that others see this device.
    pub report_ms: u64,
}

impl Rhythm {
    /// For a line that is paid by the byte: no socket, and seldom.
    pub const SPARING: Self = Self { poll_ms: 600_000, poll_with_socket_ms: 600_000, report_ms: 3_600_000 };
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { poll_ms: 15_000, poll_with_socket_ms: 90_000, report_ms: 900_000 }
    }
}

/// What a failed exchange means for the next one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers: no line.
    #[error("no line: {why}")]
    Unreachable { why: String },
    /// Somebody answers, but with a fault that passes.
    #[error("{why}")]
    Fault { why: String, retry_after_ms: Option<u64> },
    /// The disk refused; the line is as it was.
    #[error("the disk: {why}")]
    Disk { why: String },
    /// Traffic ends until a person acts.
    #[error("{0}")]
    Stop(Stop),
}

impl Trouble {
    /// Its sort, for counting: a word for machines.
    pub const fn sort(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "no_line",
            Self::Fault { .. } => "server",
            Self::Disk { .. } => "disk",
            Self::Stop(_) => "stopped",
        }
    }

    /// A fault that passes, of which nobody said when.
    pub fn fault(why: &str) -> Self {
        Self::Fault { why: why.to_owned(), retry_after_ms: None }
    }
}

/// Why traffic ended; in each case edits are kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    #[error("the session has ended")]
    SignInAgain,
    #[error("the second factor was not given")]
    SecondFactor,
    #[error("the account is blocked")]
    Blocked,
    #[error("the account is INACTIVE")]
    Inactive,
    #[error("the account has no profile")]
    NoProfile,
    #[error("{why}")]
    Configuration { why: String },
}

/// What happens to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Work may begin.
    Start,
    /// The time of the last `Effect::Wake` has come, or may have.
    Tick,
    /// There is an edit to send.
    Edited,
    /// A person asks.
    SyncNow,
    /// How often to ask from now on, and whether a person holds traffic back.
    Mode {
        held: bool,
        rhythm: Rhythm,
    },
    Nudge,
    SocketUp,
    SocketDown,
    /// The rows here are to be compared with the server's, once all is quiet.
    VerifyAsked,
    /// They were compared; `reload`: everything is asked for anew.
    Verified {
        reload: bool,
    },
    /// A page came; `more`: go on at once; `send`: there are edits to send by it; `verify`: all rows are to be compared.
    Pulled {
        more: bool,
        send: bool,
        verify: bool,
    },
    PullFailed(Trouble),
    /// Results came; `left`: more edits wait. `after_ms`: some must be sent again, then.
    /// `quiet`: it only told how we stand.
    Pushed {
        left: bool,
        after_ms: Option<u64>,
        quiet: bool,
    },
    /// There was nothing to push after all. `after_ms`: there will be, then.
    PushedNothing {
        after_ms: Option<u64>,
    },
    PushFailed(Trouble),
}

/// What the runner has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Pull,
    Push,
    /// Compare with the server, in the place of a pull.
    Verify,
    /// Send `Event::Tick` at this time.
    Wake {
        at_ms: u64,
    },
    /// The line changed.
    Line(Line),
}

/// How the line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Unknown,
    Up,
    Down { why: String },
    Faulty { why: String, wait_ms: u64 },
    Stopped(Stop),
}

//! How often each fault and each outcome happened: what was never met was never shown to hold.

use std::fmt::Write as _;

macro_rules! tallies {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Tally { $($name),+ }

        const TEXTS: &[&str] = &[$($text),+];
    };
}

tallies! {
    Saved = "edits saved",
    Bulk = "edits of many rows",
    Poison = "edits that only a server refuses",
    RefusedHere = "wishes refused on the device",
    NotSaved = "edits not saved: the disk refused",
    Returned = "edits called not saved that came back",
    Discarded = "edits that a person let go of",
    Settled = "edits that came back by a pull",
    Applied = "result: applied",
    Merged = "result: merged",
    Noop = "result: noop",
    Replayed = "result: replayed",
    ConflictFields = "result: conflict of fields",
    ConflictDrops = "result: conflict, unforeseen assignments",
    Forbidden = "result: rejected, forbidden",
    Invalid = "result: rejected, invalid",
    Unique = "result: rejected, unique",
    Reference = "result: rejected, reference",
    Gone = "result: gone",
    Blocked = "result: blocked",
    Retry = "result: retry",
    IdReused = "result: id_reused",
    LeftOut = "result: left out of the answer",
    HeldUp = "edits held up behind one that needs a person",
    Page = "pages taken in",
    Notice = "rows that were deleted or left the sight",
    Drained = "pulls drained, and compared with the server",
    ResyncEpoch = "resync: epoch",
    ResyncOld = "resync: too_old",
    ResyncAhead = "resync: ahead",
    ScopeAdded = "scopes added",
    ScopeRemoved = "scopes removed",
    MustInactive = "must: inactive",
    MustNoProfile = "must: no_profile",
    MustSignedOut = "must: signed_out",
    RequestLost = "fault: request lost",
    RequestLate = "fault: request late, behind later ones",
    RequestTwice = "fault: request delivered twice",
    ReplyLost = "fault: reply lost after the work was done",
    ReplyLate = "fault: reply after patience ended",
    ReplyCut = "fault: reply cut or garbled",
    ErrorBefore = "fault: 500 before any work",
    ErrorAfter = "fault: 502 after the work was done",
    TooSlow = "fault: statement timeout, all undone",
    RateLimit = "fault: 429 with retry-after",
    NoLine = "fault: no line",
    TokenEnded = "fault: token ended",
    WrongToken = "fault: somebody else's token",
    ServerDown = "fault: server restarted",
    Restored = "fault: server restored to an older state",
    LostToRestore = "fault: taken edits that a restore undid",
    Folded = "folded: edits of one row went out as one",
    Decided = "decided: an edit was sent again as a person said",
    Verified = "rows compared with the server's digest",
    Forgotten = "fault: tombstones forgotten",
    Crash = "crash: between two steps",
    CrashAppend = "crash: inside an append",
    TornTail = "crash: frames of an append lost",
    CrashAfterAppend = "crash: frames durable, nobody told",
    CrashWrite = "crash: between memory and cache",
    CrashFlush = "crash: before the cache was handed on",
    FailAppend = "disk: append failed",
    FailWrite = "disk: cache write failed",
    RowsLost = "disk: newest batches of the cache lost",
    RowsBack = "disk: cache put back to an older state",
    RowsGone = "disk: cache gone",
    ClockJump = "clock: jumped",
    SocketUp = "socket: up",
    SocketDown = "socket: down",
    Nudge = "socket: nudge",
    NudgeLost = "socket: nudge lost",
    Traffic = "traffic held, sparing, free again",
    AdminMove = "administrator: moves a person or a drone",
    AdminRole = "administrator: another role",
    AdminStatus = "administrator: inactive, active",
    AdminOther = "administrator: assigns, deletes, makes anew",
    Json = "requests and replies through JSON",
    Rebuilt = "memory compared with a restart",
    Quiet = "quiet points",
    Emptied = "quiet points with nothing left",
}

/// One number for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(Vec<u64>);

impl Default for Counts {
    fn default() -> Self {
        Self(vec![0; TEXTS.len()])
    }
}

impl Counts {
    pub fn add(&mut self, what: Tally) {
        self.0[what as usize] += 1;
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, more)| *mine += more);
    }

    /// What was met more seldom than that.
    pub fn below(&self, least: u64) -> Vec<&'static str> {
        let seldom = TEXTS.iter().zip(&self.0).filter(|(_, count)| **count < least);
        seldom.map(|(text, _)| *text).collect()
    }

    pub fn table(&self) -> String {
        let mut table = String::new();
        for (text, count) in TEXTS.iter().zip(&self.0) {
            let _infallible = writeln!(table, "{count:>12}  {text}");
        }
        table
    }
}

//! What goes out and what comes of it: requests made from the books, replies taken into them. No network and no clock
//! of its own, so the runner and the simulator carry out the same exchanges.
//!
//! One `Exchange` lives as long as a session. What it holds is worth nothing after a crash: the number of the pull
//! under way, how often the server turned us round, which edits wait to be sent again, how large a push may be.
//!
//! An edit that is to be sent again waits by itself, longer each time, and holds up only what builds on it. A push that
//! the server could not finish in its time was undone whole: the next one is half as large, down to one group, and
//! grows again with each that gets through.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::engine::{Stop, Trouble};
use super::translate;
use crate::domain::Stamp;
use crate::remote::wire::{
    Must, PULL_BYTES_MAX, PULL_ROWS_MAX, PUSH_GROUPS_MAX, Page, Progress, PullReply, PullRequest, PushReply,
    PushRequest, Report, SCHEMA,
};
use crate::store::cache::Meta;
use crate::store::replica::{Pending, Replica};
use crate::store::{Books, Entry, Log, Rows, StoreError};

/// Resyncs or scope changes in a row without a page between them before it counts as a fault of the server.
const TURNS_MAX: u64 = 3;
/// Why everything is asked for anew when the server is behind what it once told us, in the same life. Another life is
/// seen by the first page of it.
const WHY_BEHIND: &str = "ahead";
/// The longest wait of an edit that is to be sent again, in ms.
const EDIT_WAIT_MAX_MS: u64 = 60_000;

/// The state of one session's exchanges.
#[derive(Debug)]
pub struct Exchange {
    uid: Uuid,
    device: Uuid,
    report_ms: u64,
    /// The number of the pull that is under way.
    pull: Option<u64>,
    turns: u64,
    /// Rows are loaded anew, or newly come into sight: once that is done, all are compared.
    loading: bool,
    /// Everything was loaded anew, as a comparison wanted it, and none has told yet whether that helped.
    pub(super) mended: bool,
    last_report_ms: Option<u64>,
    /// Edits that are to be sent again: not before when, and how often they were put off.
    waits: HashMap<u64, (u64, u32)>,
    /// Groups of the next push, at most.
    groups: usize,
    /// Edits up to this one are held back until a person has decided.
    held: Option<u64>,
}

/// What a reply to a pull came to.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is something else that the engine must hear")]
pub struct Pulled {
    /// Go on at once.
    pub more: bool,
    /// Something that can be seen is new.
    pub news: bool,
    /// Edits that had got in are to be sent again.
    pub offered: bool,
    /// A reload, or the load of what came into sight, is done: all rows are to be compared.
    pub loaded: bool,
    /// Rows it brought.
    pub rows: usize,
    pub progress: Option<Progress>,
    /// Memory has the page, and the cache could not take it.
    pub cache_trouble: Option<String>,
}

/// A push on its way: the edits it is about.
#[derive(Debug)]
pub struct Push {
    pub pendings: Vec<Pending>,
    pub request: PushRequest,
    sent_ms: u64,
    /// The life of the server that it was sent to, as far as known.
    life: Option<String>,
}

/// What a reply to a push came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// More edits can be sent at once.
    pub left: bool,
    /// Some are to be sent again, this long from now.
    pub after_ms: Option<u64>,
    /// Edits that got an answer for good.
    pub answered: usize,
    /// There was nothing to send but the report.
    pub empty: bool,
}

fn disk(error: &StoreError) -> Trouble {
    Trouble::Disk { why: error.to_string() }
}

impl Exchange {
    /// For the sign-in `uid` on this device. `report_ms`: an empty push at least this often tells how we stand.
    pub fn new(uid: Uuid, device: Uuid, report_ms: u64) -> Self {
        Self {
            uid,
            device,
            report_ms,
            pull: None,
            turns: 0,
            loading: false,
            mended: false,
            last_report_ms: None,
            waits: HashMap::new(),
            groups: PUSH_GROUPS_MAX,
            held: None,
        }
    }

    /// Holds back the edits up to that one; what builds on them waits with them.
    pub fn hold(&mut self, up_to: Option<u64>) {
        self.held = up_to;
    }

    pub fn set_report_ms(&mut self, report_ms: u64) {
        self.report_ms = report_ms;
    }

    /// A person asks: nothing waits any more.
    pub fn hurry(&mut self) {
        self.waits.clear();
    }

    /// That edit need not wait any longer.
    pub fn retry(&mut self, edit: u64) {
        self.waits.remove(&edit);
    }

    /// Everything is to be loaded anew, beside what is shown; the outbox stays.
    pub fn reload<L: Log, R: Rows>(&mut self, books: &mut Books<L, R>) -> Result<(), Trouble> {
        (self.pull, self.loading) = (None, true);
        books.begin_generation().map_err(|error| disk(&error))
    }

    /// The same, since rows differ from the server's.
    pub fn mend<L: Log, R: Rows>(&mut self, books: &mut Books<L, R>) -> Result<(), Trouble> {
        self.mended = true;
        self.reload(books)
    }

    // ---- pull ----

    /// The next page's request. The pull under way goes on; where none is, one begins.
    pub fn pull_request<L: Log, R: Rows>(&mut self, books: &Books<L, R>) -> PullRequest {
        if self.pull.is_none() {
            self.pull = Some(books.write().begin_pull());
        }
        let cursor = books.read().meta().cursor.clone();
        PullRequest { cursor, limit_rows: PULL_ROWS_MAX, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA }
    }

    pub fn pulled<L: Log, R: Rows>(
        &mut self,
        books: &mut Books<L, R>,
        reply: PullReply,
    ) -> Result<Pulled, Trouble> {
        match reply {
            PullReply::Page(page) => self.page(books, &page),
            PullReply::Scope { scope, cursor } => {
                self.turn()?;
                self.loading = true;
                let before = books.read().meta().clone();
                let narrowed = books.narrow(&scope.now, Meta { cursor: Some(cursor), ..before });
                // Memory has let go of the rows; a cache that did not is told again with the next page.
                let cache_trouble = narrowed.err().map(|error| error.to_string());
                Ok(Pulled { more: true, news: true, cache_trouble, ..Pulled::default() })
            }
            PullReply::Must(word) => {
                if let Some(stop) = stopped(books, word.must) {
                    return Err(stop);
                }
                self.turn()?;
                self.loading = true;
                tracing::info!(why = ?word.why, "the server asks for everything anew");
                let behind = word.why.as_deref() == Some(WHY_BEHIND);
                if behind {
                    // A journal that refuses is waited for: else what the server forgot would never be offered again.
                    books.offer_again().map_err(|error| disk(&error))?;
                }
                let begun = books.begin_generation();
                self.pull = None;
                let cache_trouble = begun.err().map(|error| error.to_string());
                Ok(Pulled { more: true, news: behind, offered: behind, cache_trouble, ..Pulled::default() })
            }
        }
    }

    /// Guards against a server that sends us round and round.
    fn turn(&mut self) -> Result<(), Trouble> {
        self.turns += 1;
        if self.turns <= TURNS_MAX {
            return Ok(());
        }
        self.turns = 0;
        Err(Trouble::fault("the server asks for the same reload again and again"))
    }

    fn page<L: Log, R: Rows>(&mut self, books: &mut Books<L, R>, page: &Page) -> Result<Pulled, Trouble> {
        if page.uid != self.uid && !crate::bugs::bug("page_of_anybody") {
            return Err(Trouble::Stop(Stop::SignInAgain));
        }
        let (rows, unsound) = translate::rows(page);
        if unsound > 0 {
            tracing::warn!(unsound, "rows of a page made no sense and were passed over");
        }
        let meta = translate::meta(books.read().meta(), page);
        let before = books.read().meta().epoch.clone();
        // Also where the cache, and with it the life that it knew, was lost: sending again is always safe.
        let restored = meta.epoch != before;
        if restored {
            // A journal that refuses is waited for: else what the server forgot would never be offered again.
            books.offer_again().map_err(|error| disk(&error))?;
        }
        let (drained, count) = (!page.more, rows.len());
        let number = self.pull.unwrap_or_default();
        let (news, kept) = books.take_page(rows, meta, number, drained);
        self.turns = 0;
        if drained && !crate::bugs::bug("pull_never_ends") {
            self.pull = None;
        }
        Ok(Pulled {
            more: page.more,
            news,
            offered: restored,
            loaded: drained && std::mem::take(&mut self.loading),
            rows: count,
            progress: page.progress.filter(|_| page.more),
            cache_trouble: kept.err().map(|error| error.to_string()),
        })
    }

    // ---- push ----

    fn waits(&self, edit: u64, now_ms: u64) -> bool {
        let held = self.held.is_some_and(|up_to| edit <= up_to);
        held || self.waits.get(&edit).is_some_and(|(until, _)| now_ms < *until)
    }

    /// How long from now the next of the edits that wait is due. Those that were due and did not go are held up by
    /// another, or by a person.
    pub fn due(&self, now_ms: u64) -> Option<u64> {
        self.waits.values().filter_map(|(until, _)| until.checked_sub(now_ms).filter(|ms| *ms > 0)).min()
    }

    /// The next push; `None` where nothing is to be sent and nothing to be told (yet: see `due`). `now` is for people
    /// alone; `id` makes a new id.
    pub fn push_request<L: Log, R: Rows>(
        &mut self,
        books: &mut Books<L, R>,
        now_ms: u64,
        now: Stamp,
        id: impl FnMut() -> Uuid,
    ) -> Result<Option<Push>, Trouble> {
        let pendings =
            books.freeze(self.groups, |seq| self.waits(seq, now_ms), id).map_err(|error| disk(&error))?;
        let report_is_due = self.last_report_ms.is_none_or(|at| now_ms.saturating_sub(at) >= self.report_ms);
        if pendings.is_empty() && !report_is_due {
            return Ok(None);
        }
        let replica = books.read();
        let ops = translate::ops(&pendings, |pending| replica.deps_of(pending));
        let report = Some(report(&replica, &pendings, now));
        drop(replica);
        let request = PushRequest { uid: self.uid, device: self.device, schema: SCHEMA, report, ops };
        let life = books.read().meta().epoch.clone();
        Ok(Some(Push { pendings, request, sent_ms: now_ms, life }))
    }

    pub fn pushed<L: Log, R: Rows>(
        &mut self,
        books: &mut Books<L, R>,
        push: &Push,
        reply: PushReply,
        now_ms: u64,
    ) -> Result<Pushed, Trouble> {
        self.last_report_ms = Some(push.sent_ms);
        let results = match reply {
            // The pull will hear it as well, and begin anew.
            PushReply::Must(word) if word.must == Must::Resync => {
                return Ok(Pushed { left: true, ..Pushed::default() });
            }
            PushReply::Must(word) => {
                return Err(stopped(books, word.must)
                    .unwrap_or_else(|| Trouble::fault("an unknown word of the server")));
            }
            PushReply::Results { results, .. } => results,
        };
        let mut verdicts = translate::verdicts(&push.pendings, &results);
        let over = push.life.is_some() && books.read().meta().epoch != push.life;
        if over && !crate::bugs::bug("answer_of_an_old_life") {
            // A late answer of a life that is over: what it took, the restored server does not know. They go again.
            verdicts.entries.retain(|entry| !matches!(entry, Entry::Ack { .. }));
        }
        if !verdicts.entries.is_empty() {
            books.note(&verdicts.entries).map_err(|error| disk(&error))?;
        }
        self.groups = (self.groups * 2).min(PUSH_GROUPS_MAX);
        let answered = verdicts.entries.len();
        push.pendings.iter().for_each(|pending| self.put_off(pending.seq, &verdicts.again, now_ms));
        let replica = books.read();
        self.waits.retain(|edit, _| replica.pending(*edit).is_some_and(|pending| pending.fate.is_unsent()));
        let left = replica.has_more(&|seq| self.waits(seq, now_ms));
        Ok(Pushed { left, after_ms: self.due(now_ms), answered, empty: push.pendings.is_empty() })
    }

    /// An edit of a push: to be sent again later, or done with.
    fn put_off(&mut self, edit: u64, again: &HashMap<u64, u64>, now_ms: u64) {
        match again.get(&edit) {
            Some(after_ms) => {
                let (until, times) = self.waits.entry(edit).or_insert((0, 0));
                let wait =
                    after_ms.saturating_mul(1 << (*times).min(10)).min(EDIT_WAIT_MAX_MS.max(*after_ms));
                (*until, *times) = (now_ms + wait, *times + 1);
            }
            None => drop(self.waits.remove(&edit)),
        }
    }

    /// The call was undone whole because it took too long: the next one is smaller. False where it was one group.
    pub fn too_slow(&mut self, push: &Push) -> bool {
        self.groups = (push.pendings.len() / 2).max(1);
        push.pendings.len() > 1
    }
}

/// A word that ends the traffic. Who may do nothing is known as such here as well, also after a restart.
fn stopped<L: Log, R: Rows>(books: &mut Books<L, R>, word: Must) -> Option<Trouble> {
    let stop = translate::stop(word)?;
    if matches!(stop, Trouble::Stop(Stop::Inactive | Stop::NoProfile))
        && let Err(error) = books.shut()
    {
        tracing::warn!(%error, "that the account is shut could not be written down");
    }
    Some(stop)
}

/// What this device says of itself, once the server has what comes with it.
fn report(replica: &Replica, sent: &[Pending], now: Stamp) -> Report {
    let (_, _, needs_you) = replica.counts();
    let sent: HashSet<u64> = sent.iter().map(|pending| pending.seq).collect();
    let mut waiting = 0_usize;
    let mut oldest = None;
    for pending in replica.outbox().filter(|it| it.fate.is_unsent() && !sent.contains(&it.seq)) {
        waiting += 1;
        oldest = oldest.or(Some(pending.edit.at));
    }
    let oldest_s = oldest.map_or(0, |at| u64::try_from((now.0 - at.0) / 1_000_000).unwrap_or(0));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Report { waiting: waiting as u64, oldest_s, needs_you: needs_you as u64, version }
}

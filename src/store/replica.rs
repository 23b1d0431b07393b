//! The in-memory tables that all reading goes through: base rows, the outbox, and the view made of both.
//!
//! View = base (what the server said) + overlay (edits not yet seen back, with their effects). Base rows are
//! written by pulls alone. The outbox changes by entries, and one function (`note`) takes in a frame that was
//! just made durable and one read back at start, so a restart cannot come to another state. Besides, a page lets
//! go of the edits that the base now has; which these are is written with its rows (`Meta::settled`), and a cache
//! that lost the rows has the edits back (`Meta::back`), whatever the journal says. The overlay is derived: it
//! is taken off, the base changed, and laid on again in the order of the edits, so whatever a pull brings, what
//! people see is the newest base with their own edits on it.
//!
//! One set of tables serves both: `view` holds the overlaid rows and `shadow` the base of those alone.
//! No I/O, no clock: the desk puts this behind a lock, and tests and the simulator use it as it is.

mod bases;
pub mod decide;
mod fold;
mod news;
mod outbox;
mod overlay;
mod pulls;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use self::bases::Bases;
use self::news::News;
pub use self::news::Written;
use self::outbox::HeldUp;
use super::cache::{CachedRow, Meta, Who};
use super::entry::{Edit, Entry, Seen};
use crate::domain::digest::{self, Digests};
use crate::domain::merge::Clash;
use crate::domain::{Actor, Change, Fields, Key, Kind, Op, Reason, Record, Stamp, World, rules};

/// What became of an edit so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Waiting,
    /// Frozen under its ids; perhaps on its way, perhaps already in.
    Sent,
    /// In; waits until the base has it. `pulls` is how many pulls had begun when the result came.
    Acked {
        v: Vec<Seen>,
        pulls: u64,
    },
    Conflict {
        change: usize,
        fields: BTreeMap<String, Clash>,
        drops: Vec<String>,
        by: Option<String>,
        at: Option<Stamp>,
    },
    Rejected {
        change: usize,
        reason: Reason,
        field: Option<String>,
        message: String,
    },
    Gone {
        change: usize,
    },
}

impl Fate {
    /// A person has to decide.
    pub fn needs_you(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Rejected { .. } | Self::Gone { .. })
    }

    /// The server does not have it, as far as we know.
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Waiting | Self::Sent)
    }
}

/// One edit of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub seq: u64,
    pub edit: Edit,
    /// One id per change once it was frozen for sending.
    pub ids: Vec<Uuid>,
    pub fate: Fate,
    /// The rows it touches in the overlay now, cascades included.
    pub touched: Vec<Key>,
    /// An earlier edit that it builds on needs a decision first.
    pub blocked: bool,
    /// It had got in, and is sent again under its ids, since the server was restored and may not know it. It is not
    /// shown on top of the rows: most likely they have it, perhaps with others' changes after it.
    pub again: bool,
}

impl Pending {
    fn new(seq: u64, edit: Edit) -> Self {
        Self {
            seq,
            edit,
            ids: Vec::new(),
            fate: Fate::Waiting,
            touched: Vec::new(),
            blocked: false,
            again: false,
        }
    }
}

/// Edits that got in and are still known: a server is restored to yesterday, not to last year.
const HISTORY_MAX: usize = 2000;

/// Everything one account knows.
#[derive(Debug, Default)]
pub struct Replica {
    view: World,
    shadow: BTreeMap<Key, Option<Record>>,
    base: Bases,
    outbox: BTreeMap<u64, Pending>,
    /// The newest edits that got in and left the outbox: what a restored server may not know.
    history: BTreeMap<u64, Pending>,
    /// Which edits are about a row; made anew with the overlay.
    about: HashMap<Key, BTreeSet<u64>>,
    /// What edits that need a decision, and those behind them, hold up.
    held_up: HeldUp,
    /// Up to which edit none is sent until a person has decided; see `held` of the store.
    held_back: Option<u64>,
    /// Rows that went while an edit here was about them, as they were last; forgotten with the process.
    gone: HashMap<Key, Record>,
    meta: Meta,
    pulls_begun: u64,
    /// The generation being loaded beside the shown one, after a resync.
    loading: Option<BTreeSet<Key>>,
    news: News,
    visit: Option<Visit>,
}

/// How the rows stood when the account was opened here: what is newer came since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Server time of the last pull before.
    pub as_of: Stamp,
    /// Rows with edits of one's own on the way then: that these change is no news.
    pub own: BTreeSet<Key>,
}

/// One row of a pull, as the store takes it.
#[derive(Clone, Debug)]
pub struct Pulled {
    pub key: Key,
    pub v: u64,
    /// `None` where the row was deleted or left my sight.
    pub row: Option<(Fields, Vec<String>)>,
    /// It was deleted: what it held may be made once more by who has edits of it. What left my sight may not be kept.
    pub deleted: bool,
}

impl Replica {
    /// Edits up to that one are held back; `None`: no more.
    pub fn hold_back(&mut self, up_to: Option<u64>) {
        self.held_back = up_to;
    }

    /// Is it one that waits for a person's word before it is sent?
    pub fn is_held_back(&self, pending: &Pending) -> bool {
        pending.fate.is_unsent() && self.held_back.is_some_and(|up_to| pending.seq <= up_to)
    }

    /// The rows as people see them.
    pub fn view(&self) -> &World {
        &self.view
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Grows with every change of what can be seen: answers made at one revision stay good for it.
    pub fn revision(&self) -> u64 {
        self.news.revision()
    }

    /// What of the view was written since a revision; `None` where that is too much, or too long ago.
    pub fn written_since(&self, revision: u64) -> Option<Written> {
        self.news.since(revision)
    }

    /// Writes a row of the view.
    fn show(&mut self, record: Record) -> Option<Record> {
        let key = record.key();
        let before = self.view.put(record);
        if let Some(place) = self.view.place_of(&key) {
            self.news.shown(key.kind, place);
            self.base.shown(&key, place);
        }
        before
    }

    /// Takes a row out of the view.
    fn hide(&mut self, key: &Key) -> Option<Record> {
        let place = self.view.place_of(key)?;
        self.news.hidden(key.kind, place);
        self.base.hidden(key, place);
        self.view.remove(key)
    }

    /// The server's row, where an unsent edit hides it.
    pub fn base_row(&self, key: &Key) -> Option<Record> {
        match self.shadow.get(key) {
            Some(base) => base.clone(),
            None => self.view.get(key),
        }
    }

    /// Rows that are not in the view and still somebody's concern: base rows that unsent edits delete, and new
    /// rows that were refused. Each once.
    pub fn ghosts(&self) -> Vec<Record> {
        let hidden = self.shadow.iter().filter(|(key, _)| !self.view.has(key));
        let hidden = hidden.filter_map(|(_, record)| record.clone());
        let refused = self.outbox.values().filter(|pending| pending.fate.needs_you());
        let refused =
            refused.flat_map(|pending| &pending.edit.changes).filter(|change| !self.view.has(&change.key));
        let mut keys = BTreeSet::new();
        hidden.chain(refused.filter_map(new_row)).filter(|record| keys.insert(record.key())).collect()
    }

    /// A row that went while an edit was about it, as it was last, or one that is there.
    pub fn last_seen(&self, key: &Key) -> Option<Record> {
        self.base_row(key).or_else(|| self.gone.get(key).cloned())
    }

    /// One of `ghosts`.
    pub fn ghost(&self, key: &Key) -> Option<Record> {
        let refused = self.edits_of(key).filter(|pending| pending.fate.needs_you());
        let asked = refused.flat_map(|pending| &pending.edit.changes).filter(|change| change.key == *key);
        self.base_row(key).or_else(|| asked.filter_map(new_row).last())
    }

    /// How many of the server's rows are here.
    pub fn rows(&self) -> usize {
        self.base.len()
    }

    /// The digest of the server's rows as they are here, to compare with the server's own.
    pub fn digest(&self) -> Digests {
        digest::digest(&Kind::ALL, self.base.iter(&self.view).map(|(key, v, _)| (key, v)))
    }

    /// Does the server know this row, as far as we do?
    pub fn is_known(&self, key: &Key) -> bool {
        self.version(key).is_some()
    }

    /// Who acts here, by the profile's own row; what the last pull said where the row is not there.
    pub fn actor(&self) -> Option<Actor> {
        let who = self.meta.who.as_ref().filter(|_| !self.meta.shut)?;
        match self.base_row(&Key::user(who.user)) {
            Some(Record::User(user)) => Actor::of(&user),
            _ => Some(Actor { user: who.user, role: who.role, region: who.region }),
        }
    }

    // ---- start ----

    /// Takes a base row out of the cache. Before any entry is replayed.
    pub fn restore(&mut self, key: &Key, row: CachedRow) {
        self.view.put(row.row);
        self.base.insert(&self.view, key, row.v, &row.scopes);
    }

    /// Ends the start: `meta` from the cache, then every entry of the journal, then the overlay.
    pub fn replay<'a>(&mut self, meta: Meta, entries: impl IntoIterator<Item = &'a (u64, Entry)>) {
        let cached = meta.applied_seq;
        self.meta = meta;
        let mut settled = std::mem::take(&mut self.meta.settled);
        if self.meta.reloading && !crate::bugs::bug("reload_forgotten_at_start") {
            // What the reload had not confirmed yet cannot be told from what it had: it begins anew.
            self.begin_generation();
        }
        let known = if crate::bugs::bug("start_trusts_the_cache") { self.meta.applied_seq } else { 0 };
        for (seq, entry) in entries.into_iter().filter(|(seq, _)| *seq > known) {
            // An edit left the outbox because the rows had it. A cache that lost its newest batches with a crash
            // does not: without the edit it would show what was before, and new edits would build on that. An
            // empty one shows nothing that could be older.
            if let Entry::Settled { edit } = entry
                && !settled.contains(edit)
                && (self.meta.back.contains(edit) || *seq > cached && self.base.len() > 0)
            {
                self.meta.back.insert(*edit);
                continue;
            }
            // Offered again since the rows were written: that they had it then counts no more.
            if let Entry::Offered { edits } = entry
                && *seq > cached
            {
                settled.retain(|edit| !edits.contains(edit));
            }
            self.note(*seq, entry);
            if *seq > cached {
                self.meta.seen = self.meta.seen.max(entry.clock());
            }
        }
        for edit in &settled {
            self.leave(*edit);
        }
        self.meta.settled = settled;
        self.relay();
        let own = || self.outbox.values().flat_map(overlay::rows_of).cloned().collect();
        let known = self.meta.as_of.filter(|_| self.base.len() > 0);
        self.visit = known.map(|as_of| Visit { as_of, own: own() });
    }

    /// How the rows stood at the start; `None` where there were none.
    pub fn visit(&self) -> Option<&Visit> {
        self.visit.as_ref()
    }

    /// Tries changes on the view with policy and rules; the view is left as it was.
    pub fn try_out(
        &mut self,
        actor: &Actor,
        changes: &[Change],
    ) -> Result<Vec<rules::Step>, crate::domain::Refusal> {
        let steps = rules::carry_out(&mut self.view, Some(actor), changes)?;
        rules::take_back_steps(&mut self.view, &steps);
        Ok(steps)
    }

    /// Does something to the view and takes it back; `doings` gives the steps that it did, and what came of it.
    pub fn rehearse<E>(
        &mut self,
        doings: impl FnOnce(&mut World) -> (Vec<rules::Step>, E),
    ) -> (Vec<rules::Step>, E) {
        let (steps, rest) = doings(&mut self.view);
        rules::take_back_steps(&mut self.view, &steps);
        (steps, rest)
    }

    /// The version of the server's row, where we have it.
    pub fn version(&self, key: &Key) -> Option<u64> {
        self.base.version(&self.view, key)
    }

    /// The server's row as the cache keeps it.
    pub fn cached(&self, key: &Key) -> Option<CachedRow> {
        let (v, scopes) = self.base.get(&self.view, key)?;
        let scopes = scopes.to_vec();
        self.base_row(key).map(|row| CachedRow { v, scopes, row })
    }

    /// Every base row's version and scopes.
    pub fn versions(&self) -> impl Iterator<Item = (Key, u64, &[String])> {
        self.base.iter(&self.view)
    }

    /// Who the account is; unknown before the first pull has told.
    pub fn who(&self) -> Option<&Who> {
        self.meta.who.as_ref()
    }

    /// Every base row, as the cache keeps them.
    pub fn base_rows(&self) -> Vec<(Key, Option<CachedRow>)> {
        let rows = self.base.iter(&self.view).filter_map(|(key, ..)| {
            let row = self.cached(&key)?;
            Some((key, Some(row)))
        });
        rows.collect()
    }
}

/// The row an insert would make.
fn new_row(change: &Change) -> Option<Record> {
    match &change.op {
        Op::Insert { set } => Record::from_fields(&change.key, set),
        _ => None,
    }
}

//! Pulls: what a caller's copy lacks, in pages.
//!
//! Two ways of reading share one page. *Bulk*: the rows of some scopes as they are now, by (table, key),
//! parents first; whatever changes behind the reader has a transaction that `base` does not see, so the
//! incremental reading that follows brings it. *Incremental*: rows and exit notices whose transaction is not
//! seen by `base` and is seen by `target`, by (xid, table, key).
//!
//! Contents come from `policy::may_see` alone; scopes only choose the candidates.

use std::iter::Peekable;
use std::ops::Bound;

use super::cursor::{Bulk, Cursor, Snapshot, Xid};
use super::{Caller, Engine, Fault, RowState};
use crate::domain::scope::{self, Scopes};
use crate::domain::{Key, Kind, Stamp, policy};
use crate::remote::wire::{
    Must, MustReply, PULL_BYTES_MAX, PULL_ROWS_MAX, Page, Progress, PullReply, PullRequest, RowChange,
    RowKind, ScopeChange,
};

/// What a row costs on the wire besides its columns, about.
const ROW_OVERHEAD_BYTES: usize = 120;

/// A page that is being filled.
struct Filling {
    changes: Vec<RowChange>,
    rows_left: u32,
    bytes_left: usize,
}

impl Filling {
    fn new(request: &PullRequest) -> Result<Self, Fault> {
        if request.limit_rows == 0 || request.limit_bytes == 0 {
            return Err(Fault::Malformed("A page must have room for at least one row.".to_owned()));
        }
        Ok(Self {
            changes: Vec::new(),
            rows_left: request.limit_rows.min(PULL_ROWS_MAX),
            bytes_left: request.limit_bytes.min(PULL_BYTES_MAX) as usize,
        })
    }

    /// Takes the row if the page has room; the first row always fits, or nothing would ever move.
    fn take(&mut self, change: RowChange) -> bool {
        let fields = change.row.iter().flatten();
        let bytes = fields.map(|(name, value)| name.len() + 6 + value.as_ref().map_or(4, String::len));
        let bytes = ROW_OVERHEAD_BYTES + change.pk.len() + bytes.sum::<usize>();
        if self.rows_left == 0 || (bytes > self.bytes_left && !self.changes.is_empty()) {
            return false;
        }
        self.rows_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.changes.push(change);
        true
    }
}

impl Engine {
    pub fn pull(&self, caller: &Caller, request: &PullRequest, now: Stamp) -> Result<PullReply, Fault> {
        let mut filling = Filling::new(request)?;
        let mut cursor = match &request.cursor {
            None => self.first_cursor(caller),
            Some(json) => Cursor::read(json)?,
        };
        if let Some(why) = self.resync(&cursor) {
            return Ok(PullReply::Must(MustReply { must: Must::Resync, why: Some(why.to_owned()) }));
        }
        if cursor.scopes != caller.scopes && !crate::bugs::bug("scope_change_ignored") {
            return Ok(self.new_scopes(caller, cursor));
        }
        let (progress, more) = if cursor.bulk.is_some() {
            self.bulk_page(caller, &mut cursor, &mut filling)
        } else {
            (None, self.window_page(caller, &mut cursor, &mut filling))
        };
        Ok(PullReply::Page(Box::new(Page {
            changes: filling.changes,
            cursor: cursor.write(),
            more,
            progress,
            uid: caller.uid,
            user: caller.actor.user,
            role: caller.actor.role,
            region: caller.actor.region,
            server_time: now,
            horizon_age_ms: 0,
        })))
    }

    fn first_cursor(&self, caller: &Caller) -> Cursor {
        let scopes = caller.scopes.clone();
        Cursor {
            epoch: self.epoch,
            base: Snapshot::before(self.next_xid),
            target: None,
            after: None,
            bulk: Some(self.bulk_of(scopes.clone())),
            scopes,
        }
    }

    fn bulk_of(&self, scopes: Scopes) -> Bulk {
        let live = self.states.values().filter(|state| !state.deleted);
        let total = if scopes.iter().any(|scope| scope == "*") {
            Kind::ALL.iter().map(|kind| self.world.count(*kind) as u64).sum()
        } else {
            live.filter(|state| scope::meet(&scopes, &state.scopes)).count() as u64
        };
        Bulk { scopes, after: None, done: 0, total }
    }

    fn resync(&self, cursor: &Cursor) -> Option<&'static str> {
        let newest = cursor.target.as_ref().map_or(0, |target| target.xmax).max(cursor.base.xmax);
        if cursor.epoch != self.epoch && !crate::bugs::bug("epoch_ignored") {
            Some("epoch")
        } else if newest > self.next_xid {
            Some("ahead")
        } else if cursor.base.xmin < self.min_xid && !crate::bugs::bug("age_ignored") {
            Some("too_old")
        } else {
            None
        }
    }

    /// The caller's scopes changed. Added ones are loaded whole; the window is read again from its base,
    /// since what it passed over may be visible now.
    fn new_scopes(&self, caller: &Caller, mut cursor: Cursor) -> PullReply {
        let now = caller.scopes.clone();
        let lacks = |set: &Scopes, scope: &String| !set.contains(scope);
        let added: Scopes = now.iter().filter(|scope| lacks(&cursor.scopes, scope)).cloned().collect();
        let removed: Scopes = cursor.scopes.iter().filter(|scope| lacks(&now, scope)).cloned().collect();
        let mut load: Scopes = cursor.bulk.iter().flat_map(|bulk| bulk.scopes.clone()).collect();
        load.retain(|scope| now.contains(scope));
        if !crate::bugs::bug("added_scope_not_loaded") {
            load.extend(added.iter().cloned());
        }
        load.sort();
        load.dedup();
        cursor.bulk = (!load.is_empty()).then(|| self.bulk_of(load));
        (cursor.target, cursor.after) = (None, None);
        cursor.scopes.clone_from(&now);
        PullReply::Scope { scope: ScopeChange { now, added, removed }, cursor: cursor.write() }
    }

    fn bulk_page(
        &self,
        caller: &Caller,
        cursor: &mut Cursor,
        page: &mut Filling,
    ) -> (Option<Progress>, bool) {
        let Some(mut bulk) = cursor.bulk.take() else { return (None, false) };
        let after = bulk.after.take().map(|(kind, pk)| Key { kind, pk });
        let from = after.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = after;
        for (key, state) in self.states.range((from, Bound::Unbounded)) {
            if state.deleted || !scope::meet(&bulk.scopes, &state.scopes) {
                continue;
            }
            let Some(change) = self.visible_row(caller, key, state) else { continue };
            if !page.take(change) {
                bulk.after = last.map(|key| (key.kind, key.pk));
                let progress = Progress { done: bulk.done, total: bulk.total.max(bulk.done) };
                cursor.bulk = Some(bulk);
                if crate::bugs::bug("bulk_base_moves") {
                    cursor.base = Snapshot::before(self.next_xid);
                }
                return (Some(progress), true);
            }
            bulk.done += 1;
            last = Some(key.clone());
        }
        let progress = Progress { done: bulk.done, total: bulk.done };
        (Some(progress), cursor.base.xmax < self.next_xid)
    }

    /// Fills the page from the present window; true if there is more to come.
    fn window_page(&self, caller: &Caller, cursor: &mut Cursor, page: &mut Filling) -> bool {
        let target = cursor.target.take().unwrap_or_else(|| Snapshot::before(self.next_xid));
        for (xid, key) in self.window(cursor, &target) {
            let Some(change) = self.what_became_of(caller, xid, &key) else { continue };
            if !page.take(change) {
                cursor.target = Some(target);
                return true;
            }
            cursor.after = Some((Xid(xid), key.kind, key.pk));
        }
        let more = target.xmax < self.next_xid;
        (cursor.base, cursor.after) = (target, None);
        if crate::bugs::bug("window_too_far") && page.rows_left < 2 {
            cursor.base = Snapshot::before(self.next_xid + 1);
        }
        more
    }

    /// The places (xid, key) of rows and exit notices in the window, in order, each once.
    fn window<'a>(
        &'a self,
        cursor: &Cursor,
        target: &Snapshot,
    ) -> impl Iterator<Item = (u64, Key)> + use<'a> {
        let lowest = Key { kind: Kind::Region, pk: String::new() };
        let place = cursor.place();
        let from = place.clone().unwrap_or((cursor.base.xmin, lowest));
        let rows = self.recent.range(from.clone()..).cloned();
        let exits = self.exits_by_xid.range((from.0, from.1, String::new())..);
        let exits = exits.map(|(xid, key, _)| (*xid, key.clone()));
        let (base, target) = (cursor.base.clone(), target.clone());
        let xmax = target.xmax;
        merged(rows.peekable(), exits.peekable())
            .take_while(move |(xid, _)| *xid < xmax)
            .filter(move |(xid, _)| !base.sees(*xid) && target.sees(*xid))
            .filter(move |at| place.as_ref() != Some(at))
    }

    /// What the caller is told of a row that has a row state or an exit notice at `xid`.
    fn what_became_of(&self, caller: &Caller, xid: u64, key: &Key) -> Option<RowChange> {
        let state = self.states.get(key)?;
        let meets = scope::meet(&caller.scopes, &state.scopes);
        let notice =
            |k| RowChange { t: key.kind, pk: key.pk.clone(), v: state.ver, k, row: None, scopes: None };
        if meets && state.deleted {
            return (state.xid == xid).then(|| notice(RowKind::Del));
        }
        if meets && let Some(row) = self.visible_row(caller, key, state) {
            // An older notice of a row that came back: the row itself stands later in the order.
            return (state.xid == xid).then_some(row);
        }
        let left = |scope: &String| self.exits.get(&(key.clone(), scope.clone())) == Some(&xid);
        caller.scopes.iter().any(left).then(|| notice(RowKind::Exit))
    }

    fn visible_row(&self, caller: &Caller, key: &Key, state: &RowState) -> Option<RowChange> {
        let record = self.world.get(key)?;
        policy::may_see(&caller.actor, &self.world, &record).then(|| RowChange {
            t: key.kind,
            pk: key.pk.clone(),
            v: state.ver,
            k: RowKind::Row,
            row: Some(record.fields()),
            scopes: Some(cut(&state.scopes, &caller.scopes)),
        })
    }
}

/// Those of a row's scopes that the caller has.
fn cut(row: &Scopes, mine: &Scopes) -> Scopes {
    if mine.iter().any(|scope| scope == "*") {
        return vec!["*".to_owned()];
    }
    row.iter().filter(|scope| mine.contains(scope)).cloned().collect()
}

/// Two sorted sequences as one, without doubles.
fn merged<A, B>(mut a: Peekable<A>, mut b: Peekable<B>) -> impl Iterator<Item = (u64, Key)>
where
    A: Iterator<Item = (u64, Key)>,
    B: Iterator<Item = (u64, Key)>,
{
    let mut last: Option<(u64, Key)> = None;
    std::iter::from_fn(move || {
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if y < x => b.next(),
                (None, _) => b.next(),
                _ => a.next(),
            }?;
            if last.as_ref() != Some(&next) {
                last = Some(next.clone());
                return Some(next);
            }
        }
    })
}

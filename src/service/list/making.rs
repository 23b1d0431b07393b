//! Orders of many rows, made while the screen goes on.
//!
//! A screen that asks for an order of more than `AT_ONCE_MAX` rows gets what is there (an older order, or nothing) and the
//! order is made on another thread. The rows are looked at in slices (`slices`) and sorted between two looks. What is
//! written meanwhile is put right as in any order that was kept: the order says as of which revision it is.
//!
//! One order is made at a time, the one asked for last; one that nobody wants any more is let go of between two slices.
//! While rows keep coming in (a first load) no order stays good for long: between two of the same list there is a pause, as
//! long as making one took, so that at the most half of a processor goes into it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::filter::{At, Filter};
use super::sort::{SortKey, Sorting};
use super::{
    Item, Kept, Lists, Order, brought_up, forget_hours_gone, ghost_rows, ghosts, in_order, keep, keyed, left,
    minute, stirred_since, wider, without_window,
};
use crate::domain::Stamp;
use crate::service::session::Inner;
use crate::service::slices::{self, AT_ONCE_MAX, Look, SLICE};
use crate::service::{Event, ListPage, ListQuery, OpCtx};
use crate::store::replica::Replica;

/// The longest pause between two orders of the same list.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What is wanted, and whether somebody is at it.
#[derive(Debug, Default)]
pub(super) struct Making {
    wish: Mutex<Wish>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wish {
    wanted: Option<(ListQuery, Stamp)>,
    working: bool,
    /// Counts accounts: an order of another one's rows is not kept.
    turn: u64,
}

impl Making {
    fn wish(&self) -> MutexGuard<'_, Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self) {
        let mut wish = self.wish();
        wish.wanted = None;
        wish.turn += 1;
        self.changed.notify_all();
    }

    /// Notes what is wanted; true where somebody has to be set to work.
    pub(super) fn want(&self, query: ListQuery, now: Stamp) -> bool {
        let mut wish = self.wish();
        wish.wanted = Some((query, now));
        self.changed.notify_all();
        !std::mem::replace(&mut wish.working, true)
    }

    fn wants(&self, query: &ListQuery, turn: u64) -> bool {
        let wish = self.wish();
        wish.turn == turn && wish.wanted.as_ref().is_some_and(|(wanted, _)| wanted == query)
    }

    /// Waits as long as nothing is wanted but the same once more.
    fn pause(&self, made: &ListQuery, long: Duration) {
        let same = |wish: &mut Wish| wish.wanted.as_ref().is_none_or(|(wanted, _)| wanted == made);
        drop(self.changed.wait_timeout_while(self.wish(), long, same));
    }
}

/// How an order is begun.
struct Begun {
    revision: u64,
    minute: Option<i64>,
    filter: Filter,
    /// An order that has all of its rows in their order.
    base: Option<Arc<Order>>,
    places: u32,
    order: Order,
}

impl Lists {
    /// Can the order be had within a frame?
    pub(in crate::service) fn is_at_hand(&self, replica: &Replica, query: &ListQuery, at: At<'_>) -> bool {
        if replica.view().count(query.kind) <= AT_ONCE_MAX {
            return true;
        }
        let query = without_window(query);
        let filter = Filter::parse(query.kind, &query.filter, at);
        let mut kept = self.kept();
        forget_hours_gone(&mut kept, at);
        let good = |kept: &Kept| stirred_since(replica, kept).is_some();
        if let Some(kept) = kept.iter().find(|kept| kept.query == query) {
            return good(kept);
        }
        let base = wider(&kept, &query, &filter, at).and_then(|place| kept.get(place));
        filter.problem.is_some()
            || base.is_some_and(|base| base.order.items.len() <= AT_ONCE_MAX && good(base))
    }

    /// The window of an order that may be older than the rows.
    fn older(&self, replica: &Replica, query: &ListQuery) -> ListPage {
        let whole = without_window(query);
        let kept = self.kept().iter().find(|kept| kept.query == whole).map(|kept| Arc::clone(&kept.order));
        let page = kept.map(|order| order.page(replica, query));
        let total = replica.view().count(query.kind);
        ListPage { coming: true, ..page.unwrap_or(ListPage { total, ..ListPage::default() }) }
    }

    /// Makes what is wanted until nothing is; `told` after each.
    pub(super) fn make(&self, look: &Look<'_>, told: &dyn Fn()) {
        loop {
            let mut wish = self.making.wish();
            let Some((query, now)) = wish.wanted.clone() else {
                wish.working = false;
                return;
            };
            let turn = wish.turn;
            drop(wish);
            let begun = Instant::now();
            let made = self.made(look, &query, now, turn, SLICE);
            let mut wish = self.making.wish();
            if wish.turn != turn {
                continue;
            }
            let is_wanted = wish.wanted.as_ref().is_some_and(|(wanted, _)| *wanted == query);
            match made {
                Some(order) => keep(&mut self.kept(), order),
                // Let go of for another one.
                None if !is_wanted => continue,
                // Nobody may look.
                None => {}
            }
            if is_wanted {
                wish.wanted = None;
            }
            drop(wish);
            told();
            self.making.pause(&query, begun.elapsed().min(PAUSE_MAX));
        }
    }

    /// One order; `None` where it is not wanted any more, or nothing can be seen.
    pub(super) fn made(
        &self,
        look: &Look<'_>,
        query: &ListQuery,
        now: Stamp,
        turn: u64,
        slice: u32,
    ) -> Option<Kept> {
        let mut begun = None;
        look(&mut |replica| begun = Some(self.begin(replica, query, At { now, visit: replica.visit() })));
        let Begun { revision, minute, filter, base, places, mut order } = begun?;
        let each = |work: &mut dyn FnMut(&Replica)| self.making.wants(query, turn) && look(work);
        if let Some(base) = base {
            for items in base.items.chunks(slice as usize) {
                let seen = each(&mut |replica| {
                    order.items.extend(left(replica.view(), &base, items, query.kind, &filter));
                });
                seen.then_some(())?;
            }
        } else {
            let sorting = Sorting::new(query);
            // Growing step by step would leave tens of MB behind that the system does not get back.
            let most = if query.filter.trim().is_empty() { places as usize } else { 0 };
            let mut found: Vec<(SortKey, Item)> = Vec::with_capacity(most);
            look(&mut |replica| {
                found.extend(keyed(replica.view(), &filter, &sorting, ghost_rows(&order.ghosts)));
            });
            slices::each(&each, query.kind, places, slice, &mut |replica, place, row| {
                let row = std::iter::once((Item::Row(place), row));
                found.extend(keyed(replica.view(), &filter, &sorting, row));
            })?;
            order.items = in_order(&sorting, found);
        }
        Some(Kept { revision, minute, query: query.clone(), order: Arc::new(order) })
    }

    fn begin(&self, replica: &Replica, query: &ListQuery, at: At<'_>) -> Begun {
        let mut filter = Filter::parse(query.kind, &query.filter, at);
        let minute = minute(&filter, at);
        let mut kept = self.kept();
        forget_hours_gone(&mut kept, at);
        let base = wider(&kept, query, &filter, at).and_then(|place| kept.get(place)).cloned();
        drop(kept);
        let base = base.filter(|base| stirred_since(replica, base).is_some());
        let base = base.map(|base| brought_up(replica, base, at));
        filter.prepare(replica.view());
        let ghosts = base.as_ref().map_or_else(|| ghosts(replica, query.kind), |base| base.ghosts.clone());
        let order = Order { items: Vec::new(), ghosts };
        Begun {
            revision: replica.revision(),
            minute,
            filter,
            base,
            places: replica.view().places(query.kind),
            order,
        }
    }
}

impl Inner {
    /// A list for a screen; `None` where nothing may be seen.
    pub(in crate::service) fn list_soon(
        this: &Arc<Self>,
        ctx: &OpCtx,
        query: &ListQuery,
    ) -> Option<ListPage> {
        let page = this.look(|replica| {
            let at = At::of(ctx, replica);
            let is_at_hand = this.lists.is_at_hand(replica, query, at);
            if is_at_hand { this.lists.page(replica, query, at) } else { this.lists.older(replica, query) }
        })?;
        if page.coming && this.lists.making.want(without_window(query), ctx.now) {
            let inner = Arc::clone(this);
            this.aside(move || {
                inner.lists.make(&|see| inner.shows(see), &|| inner.emit(Event::Data));
            });
        }
        Some(page)
    }
}

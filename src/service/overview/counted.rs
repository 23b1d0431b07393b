//! The last figures, and when they are counted again.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Overview, count, count_in_slices, in_slices};
use crate::domain::RowRef;
use crate::service::list::filter::is_news;
use crate::service::session::Inner;
use crate::service::slices::{AT_ONCE_MAX, SLICE};
use crate::service::{Event, status, write};
use crate::store::replica::Replica;

/// The last figures.
#[derive(Debug, Default)]
pub(in crate::service) struct Counted(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    overview: Option<(u64, Overview)>,
    /// A count is under way.
    counting: bool,
    /// Counts accounts, so that figures of another one are not kept.
    turn: u64,
}

impl Counted {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::service) fn forget(&self) {
        let mut last = self.last();
        *last = Last { turn: last.turn + 1, ..Last::default() };
    }
}

impl Inner {
    /// Nothing that was made of an account's rows is good for another one.
    pub(in crate::service) fn forget_views(&self) {
        self.lists.forget();
        self.counted.forget();
        self.activities.forget();
    }

    /// The figures; `None` where they are not counted yet, or nobody may see them. `Event::Data` tells of newer ones.
    pub(in crate::service) fn overview(this: &Arc<Self>) -> Option<Overview> {
        let (revision, rows) = this.look(|replica| (replica.revision(), replica.rows()))?;
        let mut last = this.counted.last();
        match &last.overview {
            Some((counted, overview)) if *counted == revision => return Some(overview.clone()),
            _ if rows <= AT_ONCE_MAX => {
                let overview = this.look(|replica| (replica.revision(), count(replica)))?;
                last.overview = Some(overview.clone());
                return Some(overview.1);
            }
            _ => {}
        }
        if !last.counting {
            last.counting = true;
            let (inner, turn) = (Arc::clone(this), last.turn);
            this.aside(move || inner.count_again(turn));
        }
        last.overview.as_ref().map(|(_, overview)| overview.clone())
    }

    /// Says once, after the first pull that brought everything, what others changed since the account was open here last:
    /// to who looks at a screen. A command has none, and its next one would be told again.
    pub(in crate::service) fn tell_news(this: &Arc<Self>) {
        if this.by_command.load(Ordering::Relaxed) {
            return;
        }
        let due = this.peek(|replica| {
            let visit = replica.visit()?;
            let caught_up = replica.meta().as_of.is_some_and(|at| at > visit.as_of);
            caught_up.then_some(visit.as_of)
        });
        let Some(since) = due.flatten() else { return };
        if write(&this.state, |state| std::mem::replace(&mut state.news_told, true)) {
            return;
        }
        let inner = Arc::clone(this);
        this.aside(move || {
            let is_news =
                |replica: &Replica, row: RowRef<'_>| replica.visit().is_some_and(|visit| is_news(visit, row));
            let mut news = 0;
            let all = in_slices(&|see| inner.shows(see), SLICE, &mut |replica, row| {
                news += usize::from(is_news(replica, row));
            });
            if all.is_some() && news > 0 {
                let ago = status::ago(since, inner.settings.clock.now());
                let (rows, verb) = if news == 1 { ("row", "was") } else { ("rows", "were") };
                let news = status::thousands(u64::try_from(news).unwrap_or(u64::MAX));
                inner.emit(Event::Told(format!(
                    "Since you were here ({ago}) {news} {rows} {verb} changed by others: 0 leads to them."
                )));
            }
        });
    }

    fn count_again(&self, turn: u64) {
        let counted = count_in_slices(&|see| self.shows(see), SLICE);
        let mut last = self.counted.last();
        if last.turn == turn {
            (last.overview, last.counting) = (counted, false);
            drop(last);
            self.emit(Event::Data);
        }
    }
}

//! What was really concurrent: requests under way together, transactions that waited for each other's locks, and
//! cursors taken while others were in progress.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::pg::Sql;

/// Of the whole run.
pub static STATS: Stats = Stats { under_way: AtomicU64::new(0), counts: Mutex::new(BTreeMap::new()) };

/// How often it is looked who waits for whom.
const LOOK_EVERY: Duration = Duration::from_millis(4);

pub struct Stats {
    under_way: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
}

/// Until it is dropped, a request is under way.
pub struct UnderWay;

impl Drop for UnderWay {
    fn drop(&mut self) {
        STATS.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stats {
    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, u64>) -> T) -> T {
        f(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn add(&self, what: &str) {
        self.with(|counts| *counts.entry(what.to_owned()).or_default() += 1);
    }

    fn most(&self, what: &str, count: u64) {
        self.with(|counts| {
            let most = counts.entry(what.to_owned()).or_default();
            *most = count.max(*most);
        });
    }

    pub fn counted(&self, what: &str) -> u64 {
        self.with(|counts| counts.get(what).copied().unwrap_or_default())
    }

    pub fn begin(&self) -> UnderWay {
        let others = self.under_way.fetch_add(1, Ordering::SeqCst);
        self.add("requests");
        if others > 0 {
            self.add("requests begun while others were under way");
        }
        self.most("requests under way together, at most", others + 1);
        UnderWay
    }

    pub fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    /// A reply to a pull, in JSON: does its cursor name transactions in progress?
    pub fn page(&self, text: &str) {
        let base = text.split_once(r#""base": ""#).and_then(|(_, rest)| rest.split_once('"'));
        if base.is_some_and(|(base, _)| !base.ends_with(':')) {
            self.add("cursors over transactions in progress");
        }
    }

    pub fn table(&self) -> String {
        self.with(|counts| {
            counts.iter().fold(String::new(), |mut table, (what, count)| {
                let _infallible = writeln!(table, "{count:>12}  {what}");
                table
            })
        })
    }
}

/// Looks again and again who waits for somebody's lock, until it is aborted.
pub async fn watch(sql: Sql) {
    let look =
        "select count(*) filter (where state <> 'idle'), count(*) filter (where wait_event_type = 'Lock')
        from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    while let Ok(row) = sql.query_one(look, &[]).await {
        let (busy, waiting): (i64, i64) = (row.get(0), row.get(1));
        STATS.add("looks at the server");
        if busy > 1 {
            STATS.add("looks that found several transactions at once");
        }
        if waiting > 0 {
            STATS.add("looks that found one waiting for another's lock");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

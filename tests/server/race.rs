//! The race: writers of every kind against pullers of every role, on real connections, with small pages.
//!
//! Nine writers change, move, assign, delete and make anew the same few rows, in transactions that roll back, whole
//! or to a savepoint, and in long ones that begin first and commit last. Three of them write as the project's
//! owner, one as MAIN_HQ straight on the tables, three push as people of three roles, one also moves a puller
//! between roles and regions, one is nothing but late. Five pullers keep a copy each by `sync_pull` alone.
//!
//! Again and again, while everybody writes, a puller drains inside one snapshot and must then hold what row-level
//! security shows in that same snapshot, digest and all; at the end all must hold the truth. Beside them runs a
//! cursor of the usual kind, rows with `updated_at` past the last seen: it must be seen to lose rows, or this race
//! would prove nothing.
//!
//! `./tests/race --minutes 60` runs it long. The seed decides what is tried, not how the transactions meet.

mod edits;
mod late;
mod peer;
mod pullers;
mod writers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::kit::{Rng, truth};
use crate::pg::{self, Database, Sql};

/// What everybody in the race shares.
pub struct Race {
    pub db: Database,
    pub end: Instant,
    tally: Mutex<BTreeMap<String, u64>>,
    /// What went wrong, in words; nothing may.
    wrong: Mutex<Vec<String>>,
}

/// What is to happen at least once, or the race proves nothing.
const NEEDED: [&str; 11] = [
    "transactions committed",
    "transactions rolled back",
    "savepoints rolled back",
    "pushes",
    "pages",
    "cursors over transactions in progress",
    "changes of scope",
    "loads anew",
    "snapshots compared",
    "edits applied",
    "edits replayed",
];
/// Those that are counted while it goes on.
const AWAITED: [&str; 7] = [
    "transactions rolled back",
    "savepoints rolled back",
    "pushes",
    "cursors thrown away",
    "snapshots compared",
    "edits applied",
    "edits replayed",
];
/// How much longer it may take on a machine that is busy, until all of that has happened.
const LONGER_MAX: Duration = Duration::from_secs(120);

impl Race {
    pub fn over(&self) -> bool {
        let now = Instant::now();
        now >= self.end && (now >= self.end + LONGER_MAX || AWAITED.iter().all(|what| self.counted(what) > 0))
    }

    pub fn count(&self, what: &str) {
        self.add(what, 1);
    }

    pub fn add(&self, what: &str, n: u64) {
        *self.tally.lock().expect("no panic while counting").entry(what.to_owned()).or_default() += n;
    }

    pub fn counted(&self, what: &str) -> u64 {
        self.tally.lock().expect("no panic while counting").get(what).copied().unwrap_or_default()
    }

    pub fn wrong(&self, words: String) {
        self.wrong.lock().expect("no panic while noting").push(words);
    }

    fn report(&self) -> String {
        let tally = self.tally.lock().expect("no panic while counting");
        tally.iter().fold(String::new(), |mut text, (what, n)| {
            writeln!(text, "  {what:<44} {n:>9}").expect("a string takes everything");
            text
        })
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// Waits for whoever waits less, and says so if everybody stands still.
async fn janitor(race: Arc<Race>, owner: Sql) {
    let mut told = Instant::now();
    while !race.over() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The cluster has no autovacuum; in a long run the indexes would fill with the dead.
        if told.elapsed() > Duration::from_secs(20) {
            told = Instant::now();
            for table in [
                "sync.row_state",
                "sync.scope_exit",
                "sync.telling",
                "public.drones",
                "public.profiles",
                "public.regions",
                "public.user_drone_assignments",
                "auth.users",
                "realtime.messages",
            ] {
                owner.batch_execute(&format!("vacuum {table}")).await.expect("the superuser may");
            }
        }
    }
}

#[tokio::test]
async fn every_puller_ends_with_the_truth_and_updated_at_does_not() {
    let length = Duration::from_secs(setting("FLYOS_RACE_SECONDS").unwrap_or(8));
    let seed = setting("FLYOS_RACE_SEED").unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    eprintln!("the race: {length:?}, seed {seed}");
    let mut rng = Rng(seed);
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    // Transactions in random orders meet head on: that shall cost as little time as it may.
    let quick = format!("alter database {} set deadlock_timeout = '20ms'", db.name());
    owner.batch_execute(&quick).await.expect("the superuser may");
    owner.batch_execute(&format!("{};{}", writers::SETUP, late::SETUP)).await.expect("the first rows fit");
    let race =
        Arc::new(Race { db, end: Instant::now() + length, tally: Mutex::default(), wrong: Mutex::default() });

    let spanning = late::Spanning::begin(&race).await;
    let janitor = tokio::spawn(janitor(Arc::clone(&race), race.db.superuser().await));
    let peer = Arc::new(Mutex::new(peer::Peer::default()));
    let watched = tokio::spawn(peer::run(Arc::clone(&race), Arc::clone(&peer)));
    let pullers: Vec<_> = pullers::all(&race, &mut rng).await.into_iter().map(tokio::spawn).collect();
    let mut writers = writers::all(&race, &mut rng).await;
    writers.push(tokio::spawn(late::run(Arc::clone(&race), Arc::clone(&peer), rng.fork())));
    let spanning = tokio::spawn(spanning.until_the_end(Arc::clone(&race)));
    for writer in writers {
        writer.await.expect("a writer ends well");
    }
    // Began before all others and commits after them.
    spanning.await.expect("it ends well").commit().await;
    race.count("transactions committed");

    let sql = race.db.superuser().await;
    for puller in pullers {
        let mut puller = puller.await.expect("a puller ends well");
        puller.finish(&race, &sql).await;
    }
    watched.await.expect("it ends well");
    janitor.await.expect("it ends well");
    let peer = std::mem::take(&mut *peer.lock().expect("nobody else"));
    let lost = peer.finish(&race).await;
    let faults = truth::faults(&sql).await;
    let (rows, missing, stale, left) =
        (race.counted("rows held by main@flyos.mil"), lost.missing, lost.stale, lost.left_over);
    eprintln!("{}", race.report());
    eprintln!("  the updated_at cursor, of {rows} rows: {missing} missing, {stale} stale, {left} left over");

    let wrong = std::mem::take(&mut *race.wrong.lock().expect("nobody else"));
    assert_eq!(wrong, Vec::<String>::new(), "seed {seed}");
    assert_eq!(faults, Vec::<String>::new(), "seed {seed}");
    assert!(lost.missing > 0 && lost.stale > 0 && lost.left_over > 0, "it would prove nothing: {lost:?}");
    for what in NEEDED {
        assert!(race.counted(what) > 0, "there were no {what}\n{}", race.report());
    }
}

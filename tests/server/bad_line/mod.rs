//! A bad line: consoles of three roles work on PostgreSQL through a proxy that does to their requests what lines,
//! gateways and portals do, from a seed.
//!
//! * `proxy`: reads requests, passes them on or not, and writes whatever the fault says, byte by byte
//! * `people`: what the people at the consoles do meanwhile
//!
//! They sign in, load and edit, the same rows and rows of their own, while an administrator deletes some of what they
//! made. When every fault has happened often enough the line
//! is good again: then every edit is in the books once or is a card, each row that only one person edits is as they left
//! it, nobody waits for anything, and each console shows what PostgreSQL holds for its role, row by row.
//!
//! `./tests/bad-line --minutes 10` runs it long.

mod people;
mod proxy;

use std::sync::Arc;
use std::time::{Duration, Instant};

use flyos::domain::{Key, Kind};
use flyos::service::{Action, Decision, EditState, Front, Link};
use serde_json::json;

use crate::chance::{Rng, setting};
use crate::common::{EAST, MAIN, OPERATOR1, visible};
use crate::door::Person;
use crate::twins::{Postgres, Server as _};
use people::{Deed, Worker};
use proxy::{Fault, Proxy};

/// Of each fault, so many must have happened.
const OF_EACH: u64 = 30;
/// In a run that is only as long as it must be.
const PATIENCE: Duration = Duration::from_secs(240);

/// An administrator deletes some of what was made: sent again under another id, it would come back.
const TAKEN_AWAY: &str = "delete from public.drones where id like 'drone-b%' and random() < 0.2";
/// Applied once: no line of the books is there twice.
const TWICE: &str = "select coalesce(jsonb_agg(t), '[]') from (
    select op_id, tbl, pk, kind, field, count(*) from public.activity
    where op_id is not null group by 1, 2, 3, 4, 5 having count(*) > 1) t";
/// No change begins elsewhere than where the one before it ended.
const JUMPS: &str = "select coalesce(jsonb_agg(t), '[]') from (
    select id, tbl, pk, field, old, lag(new) over (partition by tbl, pk, field order by id) as before, op_id
    from public.activity where kind = 'update' and field <> 'updated_at') t
    where before is not null and old is distinct from before";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_bad_line_all_is_in_once_and_everybody_is_equal() {
    let mut rng = Rng::from_environment("FLYOS_BAD_LINE_SEED");
    let (seed, begun) = (rng.0, Instant::now());
    let length = setting("FLYOS_BAD_LINE_SECONDS").map(Duration::from_secs);
    println!("the bad line: seed {seed}");
    let server = Postgres::start(0).await;
    let proxy = Proxy::before(&server.url(), rng.fork()).await;
    let key = server.publishable_key();
    let people = [MAIN, MAIN, EAST, OPERATOR1];
    let workers: Vec<_> = (0..)
        .zip(people)
        .map(|(nth, email)| {
            let worker = Worker::new(nth, email, &proxy.url, &key, rng.fork());
            let line = Arc::clone(&proxy.line);
            tokio::task::spawn_blocking(move || worker.work(&line))
        })
        .collect();
    while begun.elapsed() < length.unwrap_or(PATIENCE) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.run(TAKEN_AWAY).await;
        let enough = proxy.line.counts().values().all(|count| *count >= OF_EACH);
        if (enough && length.is_none()) || workers.iter().any(tokio::task::JoinHandle::is_finished) {
            break;
        }
    }
    proxy.line.mend();
    let mended = Instant::now();
    let mut deeds = Vec::new();
    let mut consoles = Vec::new();
    for worker in workers {
        let (done, person, home) = worker.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        deeds.extend(done);
        consoles.push((person, home));
    }
    for ((person, _), email) in consoles.iter().zip(people) {
        quiet(person, email);
    }
    let cards: usize = consoles.iter().map(|(person, _)| person.service.status().needs_you).sum();
    own_rows(&server, &deeds).await;
    for (what, query) in [("applied twice", TWICE), ("out of order", JUMPS)] {
        assert_eq!(server.value(query).await, json!([]), "{what}, seed {seed}");
    }
    for ((person, _), email) in consoles.iter().zip(people) {
        let_go(person, email);
    }
    let world = server.world().await;
    for ((person, _), email) in consoles.iter().zip(people) {
        let uid = server.front.sign_in(email).await.uid;
        equal(person, email, &visible(&world, uid));
    }
    let counts = proxy.line.counts();
    for (fault, count) in &counts {
        println!("  {fault:?}: {count}");
    }
    println!(
        "the bad line: {} requests, {} faults, {} edits saved, {cards} cards, all equal {:.1} s after it was mended; {:.0} s",
        proxy.line.requests(),
        counts.values().sum::<u64>(),
        deeds.len(),
        mended.elapsed().as_secs_f64(),
        begun.elapsed().as_secs_f64(),
    );
    for fault in Fault::ALL {
        assert!(
            counts.get(&fault).is_some_and(|count| *count >= OF_EACH),
            "{fault:?} too seldom: {counts:?}"
        );
    }
    assert!(deeds.len() > 50, "too little was done");
}

/// Waits until nothing is on its way and nothing waits, but for what needs a decision.
fn quiet(person: &Person, email: &str) {
    let ctx = person.service.ctx(Front::Test);
    person.wait(&format!("{email} has nothing that waits"), |service| {
        let status = service.status();
        let decided = |state: &EditState| {
            matches!(state, EditState::Conflict { .. } | EditState::Refused { .. } | EditState::Gone)
        };
        let lines = service.outbox(&ctx);
        let behind = lines.iter().filter(|line| !decided(&line.state)).count();
        let behind_cards: usize = service.cards(&ctx).iter().map(|card| card.behind).sum();
        status.link == Link::Online && status.sending == 0 && behind <= behind_cards
    });
}

/// Lets go of every card, and waits for what stood behind them.
fn let_go(person: &Person, email: &str) {
    let ctx = person.service.ctx(Front::Test);
    person.wait(&format!("{email} has decided"), |service| {
        for card in service.cards(&ctx) {
            let action = Action::Settle { edit: card.edit, decision: Decision::Discard };
            // What stood behind it may have become a card meanwhile.
            drop(service.run(&ctx, action));
        }
        let status = service.status();
        status.link == Link::Online
            && status.needs_you == 0
            && status.waiting == 0
            && service.outbox(&ctx).is_empty()
    });
    drop(person.service.run(&ctx, Action::SyncNow));
}

/// The rows that one person alone edits.
async fn own_rows(server: &Postgres, deeds: &[Deed]) {
    let mut wrong = Vec::new();
    let mut last = std::collections::BTreeMap::new();
    for deed in deeds {
        match deed {
            Deed::Made { key } => {
                let lines = |kind: &str| {
                    let from = format!("from public.activity where tbl = 'drones' and pk = '{}'", key.pk);
                    format!("select to_jsonb(count(*)) {from} and kind = '{kind}'")
                };
                let (made, deleted) =
                    (server.value(&lines("insert")).await, server.value(&lines("delete")).await);
                let is_there = crate::twins::row(server, key).await.is_some();
                if made != 1 || deleted != u64::from(!is_there) {
                    wrong.push(format!(
                        "{key}: made {made} times, deleted {deleted} times, there: {is_there}"
                    ));
                }
            }
            Deed::Own { key, field, value } => drop(last.insert((key.clone(), *field), value.clone())),
            Deed::Shared => {}
        }
    }
    for ((key, field), value) in last {
        let now = crate::twins::field(server, &key, field).await;
        if now != value {
            wrong.push(format!("{key}: {field} is {now}, they left it at {value}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The console shows these rows, and no others.
fn equal(person: &Person, email: &str, truth: &std::collections::BTreeMap<Key, flyos::domain::Fields>) {
    let ctx = person.service.ctx(Front::Test);
    let shown = |key: &Key| person.service.show(&ctx, key).map(|detail| detail.fields);
    person.wait(&format!("{email} is up to date"), |_| {
        truth.iter().all(|(key, row)| shown(key).as_ref() == Some(row))
            && [Kind::User, Kind::Drone].into_iter().all(|kind| {
                person.labels(kind, "").len() == truth.keys().filter(|key| key.kind == kind).count()
            })
    });
}

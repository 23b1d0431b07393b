//! One statement that writes very many rows, beside pulls and pushes: it ends, takes no lock per row out of the
//! shared memory, and is read in pages of its one transaction.
//!
//! `./tests/race --bulk 100000` runs it at that size; the harness has locks for some 4,000 objects at once, so that
//! the usual run is large enough to find a lock per row.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::{Came, Copy, EAST, Lane, Person, ops, truth, user};
use crate::pg::{self, sqlstate};

/// Far more than the tables, indexes and the transaction itself take, and far fewer than there are rows.
const LOCKS_MAX: i64 = 200;

fn rows() -> usize {
    std::env::var("FLYOS_BULK_ROWS").map_or(5_000, |text| text.parse().expect("a whole number"))
}

#[tokio::test]
async fn one_statement_for_every_drone_beside_pulls_and_pushes() {
    let rows = rows();
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    let made = format!(
        "set session_replication_role = replica;
        insert into public.drones (id, model, status, region_id, created_at, updated_at)
            select 'bulk-' || n, 'FlyOS_MQ5', 'STANDBY', '{EAST}', now(), now() from generate_series(1, {rows}) n;
        set session_replication_role = origin;
        select sync.repair();
        update public.drones set status = 'STANDBY' where id not like 'bulk-%';
        analyze"
    );
    owner.batch_execute(&made).await.expect("the superuser may");
    let people = [Person::new(&db, "main@flyos.mil").await, Person::new(&db, "east@flyos.mil").await];
    let mut copies = [Copy::default(), Copy::default()];
    let begun = Instant::now();
    for (copy, person) in copies.iter_mut().zip(&people) {
        copy.drain(&person.sql, 2_000).await.expect("it drains");
    }
    eprintln!("{rows} drones: loaded twice in {:?}", begun.elapsed());

    let mut bulk = Lane::owner(&db).await;
    bulk.must("set statement_timeout = '30min'; begin").await;
    let begun = Instant::now();
    let mut busy = bulk.start("update public.drones set status = 'OFFLINE'");
    let (mut pulls, mut pushes, mut waited, mut slowest) = (0, 0, 0, Duration::ZERO);
    let deputy = Person::new(&db, "deputy@flyos.mil").await;
    deputy.sql.batch_execute("set lock_timeout = '200ms'").await.expect("a setting");
    while busy.is_running() {
        for (copy, person) in copies.iter_mut().zip(&people) {
            let asked = Instant::now();
            copy.drain(&person.sql, 2_000).await.expect("it drains");
            slowest = slowest.max(asked.elapsed());
            pulls += 1;
        }
        // What the statement does not touch goes through; a drone that it holds is for later.
        let name = json!({ "full_name": format!("Busy {pushes}") });
        let other = ops::update("profiles", &user(9), &json!({"full_name": name_of(&copies[0])}), &name);
        assert_eq!(deputy.code(&other).await, "applied");
        pushes += 1;
        copies[0].drain(&people[0].sql, 2_000).await.expect("it drains");
        let held =
            ops::update("drones", "drone-001", &json!({"status": "STANDBY"}), &json!({"status": "ACTIVE"}));
        let code = deputy.code(&held).await;
        assert!(["applied", "noop", "retry", "conflict"].contains(&code.as_str()), "{code}");
        waited += u32::from(code == "retry");
    }
    let done = busy.done().await;
    let took = begun.elapsed();
    assert_eq!(sqlstate(&done), "", "{done:?}");
    // Kept until the transaction ends: tables and indexes, and nothing for each row, also where there is room for it.
    let locks = bulk.locks().await;
    assert!((1..LOCKS_MAX).contains(&locks), "{locks} locks for {rows} rows");
    bulk.must("commit").await;
    eprintln!(
        "one statement took {took:?}, {:?} a row; meanwhile {pulls} pulls (the slowest {slowest:?}), {pushes} \
         pushes, and {waited} that met it",
        took / u32::try_from(rows).expect("fewer rows")
    );

    let begun = Instant::now();
    for (copy, person) in copies.iter_mut().zip(&people) {
        let (pages, changes) = (copy.counts.pages, copy.counts.changes);
        let mut xids = Vec::new();
        while copy.pull(&person.sql, 2_000).await.expect("a page") == (Came::Page { more: true }) {
            xids.extend(copy.cursor["after"][0].as_str().map(str::to_owned));
        }
        xids.dedup();
        let (pages, changes) = (copy.counts.pages - pages, copy.counts.changes - changes);
        assert!(xids.len() <= 2, "it is one transaction: {xids:?}");
        assert!(pages >= rows as u64 / 2_000, "{pages} pages");
        assert!(changes >= rows as u64, "{changes} changes");
        assert_eq!(copy.counts.again, 0, "nothing comes twice");
        assert_eq!(truth::differences(copy, &person.sql).await, Vec::<String>::new());
    }
    eprintln!("read twice in {:?}", begun.elapsed());
    assert_eq!(truth::faults(&owner).await, Vec::<String>::new());
}

fn name_of(copy: &Copy) -> serde_json::Value {
    copy.rows[&("profiles".to_owned(), user(9))].row["full_name"].clone()
}

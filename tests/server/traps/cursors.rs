//! What a cursor can lose or bring twice.

use serde_json::json;

use super::Stage;
use crate::kit::copy::call;
use crate::kit::{Came, Copy, EAST, Lane, WEST, user};

const STATUS: &str = "update public.drones set status = 'OFFLINE' where id = 'drone-005'";
const OTHER: &str = "update public.drones set status = 'OFFLINE' where id = 'drone-006'";

fn status<'a>(copy: &'a Copy, drone: &str) -> Option<&'a str> {
    copy.rows.get(&("drones".to_owned(), drone.to_owned()))?.row["status"].as_str()
}

#[tokio::test]
async fn trap_01_timestamp_cursors_race_commits() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    let late = Lane::owner(&stage.db).await;
    late.must("begin").await;
    late.must(STATUS).await;
    stage.run(OTHER).await;
    copy.drain(&main.sql, 7).await.expect("it drains");
    assert_eq!((status(&copy, "drone-005"), status(&copy, "drone-006")), (Some("ACTIVE"), Some("OFFLINE")));
    let seen = stage.value("select max(updated_at) from public.drones").await;
    late.must("commit").await;
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
    assert_eq!(status(&copy, "drone-005"), Some("OFFLINE"));
    let found = format!("select count(*) from public.drones where updated_at > {}", quoted(&seen));
    assert_eq!(stage.value(&found).await, 0, "a cursor of timestamps never finds it");
}

fn quoted(text: &serde_json::Value) -> String {
    format!("'{}'", text.as_str().expect("a text"))
}

#[tokio::test]
async fn trap_02_one_idle_transaction_holds_nobody_back() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    let idle = Lane::owner(&stage.db).await;
    idle.must("begin").await;
    idle.must(STATUS).await;
    let xid = idle.sql.value("select pg_current_xact_id()").await.expect("its id");
    for round in 1..=3 {
        stage.run(&format!("update public.drones set status = 'STANDBY' where id = 'drone-01{round}'")).await;
        copy.drain(&main.sql, 7).await.expect("it drains");
        assert_eq!(status(&copy, &format!("drone-01{round}")), Some("STANDBY"), "it is not held back");
        // Everything from the idle one's id on.
        let stalled =
            format!("select count(*) from sync.row_state where tbl = 'drones' and xid > {}", quoted(&xid));
        assert_eq!(stage.value(&stalled).await, round, "a horizon of xmin alone would have held it back");
    }
    assert_eq!(copy.counts.again, 0, "nothing comes twice");
    let page = call(&main.sql, &copy.cursor, 7).await.expect("it answers");
    assert_eq!(page["changes"], json!([]));
    assert!(page["horizon_age_ms"].as_i64() > Some(0), "how long one has to wait is told: {page}");
    idle.must("commit").await;
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
    // Other databases of the cluster count as well: until they have ended.
    while call(&main.sql, &copy.cursor, 7).await.expect("it answers")["horizon_age_ms"] != 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        copy.drain(&main.sql, 7).await.expect("it drains");
    }
}

#[tokio::test]
async fn trap_03_a_pull_is_stable_and_one_page_is_one_snapshot() {
    let stage = Stage::new().await;
    let called = "select coalesce(jsonb_agg(f.oid::regprocedure), '[]') from pg_proc f
        where f.pronamespace in ('sync'::regnamespace, 'public'::regnamespace) and f.provolatile = 'v'
            and (f.proname in ('sync_pull', 'sync_digest', 'activity_page', 'sync_devices') or exists (
                select from pg_proc p where p.proname in ('sync_pull', 'sync_digest', 'page_of_load', 'page_of_window',
                    'load', 'window', 'begin_load', 'versions', 'my_scopes', 'must', 'epoch', 'horizon')
                    and p.prosrc like '%' || f.proname || '(%'))";
    // `sync.fault` and the like are immutable; a word of a page that is volatile would see a later snapshot.
    assert_eq!(stage.value(called).await, json!([]));
    let called = "select jsonb_agg(f.provolatile) from pg_proc f where f.oid in
        ('flyos.caller()'::regprocedure, 'flyos.my_drones()'::regprocedure, 'flyos.my_role()'::regprocedure)";
    assert_eq!(stage.value(called).await, json!(["s", "s", "s"]));

    // A page that is held up between two tables shows neither half of what was committed meanwhile.
    let main = stage.person("main@flyos.mil").await;
    let mut copy = Copy::default();
    let pull = "select public.sync_pull(null, 2000, 1048576, 1)";
    let (writer, mut puller) = (Lane::owner(&stage.db).await, Lane::over(&stage.db, main.sql).await);
    writer.must("begin").await;
    writer.must("lock table public.user_drone_assignments in access exclusive mode").await;
    writer.must(STATUS).await;
    writer
        .must(&format!(
            "insert into public.user_drone_assignments (user_id, drone_id) values ('{}', 'drone-005')",
            user(9)
        ))
        .await;
    assert!(puller.hangs(pull).await, "it waits for the assignments");
    writer.must("commit").await;
    let (_, page) = puller.end().await;
    copy.take(&page.expect("a page"));
    assert_eq!(status(&copy, "drone-005"), Some("ACTIVE"));
    let given = ("user_drone_assignments".to_owned(), format!("{}:drone-005", user(9)));
    assert!(!copy.rows.contains_key(&given), "the page is torn");
    let main = stage.person("main@flyos.mil").await;
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
}

#[tokio::test]
async fn trap_04_transaction_ids_have_64_bits() {
    let stage = Stage::new().await;
    let narrow =
        "select coalesce(jsonb_agg(a.attrelid::regclass || '.' || a.attname), '[]') from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind = 'r' and c.relnamespace = 'sync'::regnamespace
        where a.attnum > 0 and a.atttypid = 'xid'::regtype";
    assert_eq!(stage.value(narrow).await, json!([]));
    // The ids of this cluster are past 32 bits.
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    stage.run("update public.drones set status = 'OFFLINE'").await;
    assert_eq!(copy.pull(&main.sql, 7).await.expect("a page"), Came::Page { more: true });
    let xid: u64 = copy.cursor["after"][0].as_str().and_then(|xid| xid.parse().ok()).expect("a place");
    assert!(xid > u64::from(u32::MAX), "{xid}");
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
    assert_eq!(copy.counts.again, 0);
}

#[tokio::test]
async fn trap_08_one_bulk_write_is_one_transaction_of_many_pages() {
    let stage = Stage::new().await;
    stage.run("insert into public.drones (id, model, status) select 'bulk-' || n, 'FlyOS_MQ5', 'ACTIVE' from generate_series(1, 90) n").await;
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    stage.run("update public.drones set status = 'OFFLINE'").await;
    let before = copy.counts;
    let mut xids = Vec::new();
    while copy.pull(&main.sql, 7).await.expect("a page") == (Came::Page { more: true }) {
        xids.push(copy.cursor["after"][0].clone());
        // Meanwhile others write; what they write comes in its turn.
        stage.run("update public.drones set status = 'STANDBY' where id = 'bulk-90'").await;
        stage.run("update public.drones set status = 'ACTIVE' where id = 'bulk-90'").await;
    }
    xids.dedup();
    assert!(xids.len() <= 3, "one transaction, and those of bulk-90: {xids:?}");
    assert!(copy.counts.pages - before.pages >= 122 / 7);
    assert_eq!(copy.counts.again, 0, "nothing comes twice");
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
}

#[tokio::test]
async fn trap_09_what_a_cascade_deletes_is_told_to_whoever_saw_it() {
    let stage = Stage::new().await;
    // A user of the east with a drone; then the user goes, a drone goes, the region goes.
    let (east, operator, main) = (
        stage.person("east@flyos.mil").await,
        stage.person("operator1@flyos.mil").await,
        stage.person("main@flyos.mil").await,
    );
    let mut copies = [stage.copy(&east).await, stage.copy(&operator).await, stage.copy(&main).await];
    for (step, gone) in [
        (format!("delete from public.profiles where id = '{}'", user(9)), None),
        ("delete from public.drones where id = 'drone-001'".to_owned(), Some("drone-001")),
        (format!("delete from public.regions where id = '{EAST}'"), None),
        (format!("delete from public.user_drone_assignments where user_id = '{}'", user(4)), None),
    ] {
        stage.run(&step).await;
        for (copy, person) in copies.iter_mut().zip([&east, &operator, &main]) {
            let held = gone.is_none_or(|id| copy.rows.contains_key(&("drones".to_owned(), id.to_owned())));
            assert!(held, "it was there to be missed");
            copy.drain(&person.sql, 7).await.expect("it drains");
            stage.equal(copy, person).await;
        }
        stage.holds().await;
    }
}

#[tokio::test]
async fn trap_10_a_row_is_deleted_and_made_anew_between_two_pages() {
    let stage = Stage::new().await;
    let east = stage.person("east@flyos.mil").await;
    let delete = "delete from public.drones where id = 'drone-007'";
    let again = |region: &str| {
        format!(
            "insert into public.drones (id, model, status, region_id) values ('drone-007', 'FlyOS_MQ9', 'ACTIVE', '{region}')"
        )
    };
    let (here, there) = (again(EAST), again(WEST));
    let away = format!("update public.drones set region_id = '{WEST}' where id = 'drone-007'");
    let back = format!("update public.drones set region_id = '{EAST}' where id = 'drone-007'");
    for steps in [
        vec![delete, &here],
        vec![delete, &there, &back],
        vec![delete, &here, delete, &here],
        vec![&away, delete, &here],
        vec![&away, delete, &there, &back, delete, &there, &back],
        vec![&away, &back],
        vec![delete],
    ] {
        // Cut before every step: a page of one row each, some of its window passed already.
        for cut in 0..=steps.len() {
            let mut copy = Copy::default();
            copy.drain(&east.sql, 500).await.expect("it drains");
            let more =
                "update public.drones set status = case status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end
                where id between 'drone-005' and 'drone-009'";
            stage.run(more).await;
            for step in &steps[..cut] {
                stage.run(step).await;
            }
            for _ in 0..3 {
                copy.pull(&east.sql, 1).await.expect("a page");
            }
            for step in &steps[cut..] {
                stage.run(step).await;
                copy.pull(&east.sql, 1).await.expect("a page");
            }
            copy.drain(&east.sql, 1).await.expect("it drains");
            stage.equal(&copy, &east).await;
            // Back to how it was.
            stage.run(&format!("delete from public.drones where id = 'drone-007'; {here}")).await;
        }
    }
    stage.holds().await;
}

#[tokio::test]
async fn a_move_between_regions_during_a_load_is_not_missed() {
    let stage = Stage::new().await;
    let (east, main) = (stage.person("east@flyos.mil").await, stage.person("main@flyos.mil").await);
    for person in [&east, &main] {
        let mut copy = Copy::default();
        for n in 0.. {
            // Behind the reader and before it, in and out.
            let (from, to) = if n % 2 == 0 { (EAST, WEST) } else { (WEST, EAST) };
            stage.run(&format!("update public.drones set region_id = '{to}' where id in ('drone-002', 'drone-012') and region_id = '{from}'")).await;
            stage
                .run(&format!("update public.profiles set region_id = '{to}' where id = '{}'", user(0xa)))
                .await;
            if n < 40 && copy.pull(&person.sql, 3).await.expect("a page") == (Came::Page { more: true }) {
                continue;
            }
            break;
        }
        copy.drain(&person.sql, 3).await.expect("it drains");
        stage.equal(&copy, person).await;
    }
}

#[tokio::test]
async fn a_caller_who_is_moved_between_pages_holds_what_they_may_see() {
    let stage = Stage::new().await;
    let person = stage.person("east.ops@flyos.mil").await;
    let set = |what: &str| format!("update public.profiles set {what} where id = '{}'", user(7));
    let (west, east) = (format!("region_id = '{WEST}'"), format!("region_id = '{EAST}'"));
    let mut copy = stage.copy(&person).await;
    for step in [
        west.as_str(),
        "role = 'OPERATOR'",
        east.as_str(),
        "role = 'MAIN_HQ', region_id = null",
        "role = 'OPERATOR'",
        "role = 'REGIONAL_HQ'",
        west.as_str(),
        "region_id = null",
        east.as_str(),
    ] {
        stage.run(&format!("{}; update public.drones set status = case status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end", set(step))).await;
        // In the middle of what came before.
        for _ in 0..5 {
            copy.pull(&person.sql, 3).await.expect("a page");
        }
        stage.run(&format!("update public.drones set region_id = '{WEST}' where region_id = '{EAST}' and id < 'drone-003'")).await;
    }
    copy.drain(&person.sql, 3).await.expect("it drains");
    stage.equal(&copy, &person).await;
    // There and back, with changes on both sides, without a pull between: no change of scope is seen.
    stage.run(&set(&west)).await;
    stage.run(&format!("update public.drones set region_id = null where region_id = '{EAST}'")).await;
    stage.run(&set(&east)).await;
    copy.drain(&person.sql, 3).await.expect("it drains");
    stage.equal(&copy, &person).await;
}

/// Whoever becomes somebody else while still loading gets the rest of the load with what is new.
#[tokio::test]
async fn scopes_that_change_in_the_middle_of_a_load_do_not_end_it() {
    let stage = Stage::new().await;
    // One of their own scope alone, and last in order: in no region, held and not operated.
    stage
        .run(&format!(
            "insert into public.drones (id, model, status) values ('zulu-1', 'FlyOS_MQ5', 'ACTIVE');
        insert into public.user_drone_assignments (user_id, drone_id) values ('{}', 'zulu-1')",
            user(4)
        ))
        .await;
    let role = |name: &str| format!("update public.profiles set role = '{name}' where id = '{}'", user(4));
    let operator = stage.person("operator1@flyos.mil").await;
    for (before, after) in [("OPERATOR", "REGIONAL_HQ"), ("REGIONAL_HQ", "OPERATOR"), ("OPERATOR", "MAIN_HQ")]
    {
        for loaded in [1, 2, 5, 9] {
            stage.run(&role(before)).await;
            let mut copy = Copy::default();
            for page in 0..loaded {
                let came = copy.pull(&operator.sql, 1).await.expect("a page");
                assert_eq!(came, Came::Page { more: true }, "{before}, page {page}");
            }
            assert_eq!(copy.rows.len(), loaded, "it is in the middle of the load");
            stage.run(&role(after)).await;
            assert_eq!(copy.pull(&operator.sql, 1).await.expect("an answer"), Came::Scope);
            copy.drain(&operator.sql, 1).await.expect("it drains");
            assert_eq!(status(&copy, "zulu-1"), Some("ACTIVE"), "{before} to {after} after {loaded}");
            stage.equal(&copy, &operator).await;
        }
    }
}

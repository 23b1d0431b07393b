//! Trap 5, a hot standby: its snapshots list no transaction in progress, so a cursor of one would pass over what
//! commits later. On a real streaming standby; and what its promotion makes of cursors.

use std::time::Duration;

use super::Stage;
use crate::kit::{Came, Copy, Lane, Rng, truth};
use crate::pg::{Cluster, Sql};

/// Until the standby has everything that was committed.
async fn caught_up(stage: &Stage, standby: &Sql) {
    // Commits are not flushed at once here; this one is, with all before it.
    let flush = "begin; set local synchronous_commit = local; select pg_logical_emit_message(true, 'flush', ''); commit";
    stage.owner.batch_execute(flush).await.expect("the superuser may");
    let at = stage.value("select pg_current_wal_flush_lsn()").await;
    let here = format!("select pg_last_wal_replay_lsn() >= '{}'", at.as_str().expect("a place in the log"));
    while standby.value(&here).await.expect("everybody may ask") != true {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Until the standby's horizon has passed everything that was committed. It stays at the oldest transaction of the
/// whole server, other tests' among them.
async fn settled(stage: &Stage, standby: &Sql) {
    let next = stage.value("select pg_snapshot_xmax(pg_current_snapshot())::text").await;
    caught_up(stage, standby).await;
    let passed = format!(
        "select pg_snapshot_xmin(sync.horizon()) >= '{}'::xid8",
        next.as_str().expect("a transaction's id")
    );
    while standby.value(&passed).await.expect("everybody may ask") != true {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn trap_05_a_hot_standby_lists_no_transaction_in_progress() {
    let stage = Stage::new().await;
    let begun = std::time::Instant::now();
    let standby = tokio::task::spawn_blocking(|| Cluster::shared().standby()).await.expect("a standby");
    eprintln!("the standby took {:?}", begun.elapsed());
    let there = stage.db.connect_on(&standby, "supabase_admin").await;
    assert_eq!(there.value("select pg_is_in_recovery()").await.expect("a query"), true);
    let main = stage.person("main@flyos.mil").await;
    let main_there = stage.db.as_user_on(&standby, &main.claims).await;
    caught_up(&stage, &there).await;
    let mut copy = Copy::default();
    copy.drain(&main_there, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
    assert_eq!(
        there.value("select sync.epoch()").await.expect("a query"),
        stage.value("select sync.epoch()").await
    );

    // One writes and waits, another commits after it.
    let late = Lane::owner(&stage.db).await;
    late.must("begin; update public.drones set status = 'OFFLINE' where id = 'drone-005'").await;
    let xid = late.sql.value("select pg_current_xact_id()").await.expect("its id");
    stage.run("update public.drones set status = 'OFFLINE' where id = 'drone-006'").await;
    caught_up(&stage, &there).await;
    let seen = |horizon: &str| {
        format!("select pg_visible_in_snapshot('{}', {horizon})", xid.as_str().unwrap_or_default())
    };
    assert_eq!(there.value(&seen("pg_current_snapshot()")).await.expect("a query"), true, "that is the trap");
    assert_eq!(there.value(&seen("sync.horizon()")).await.expect("a query"), false);
    copy.drain(&main_there, 7).await.expect("it drains");
    late.must("commit").await;
    settled(&stage, &there).await;
    copy.drain(&main_there, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;

    behind(&stage, &there, &main_there).await;
    race(&stage, &there, &main_there, &mut copy).await;

    // A push there is no edit; a cursor of before the promotion is of another server.
    let refused =
        main_there.execute("select public.sync_push(auth.uid(), auth.uid(), 1, null, '[]')", &[]).await;
    assert!(refused.is_err());
    let promoted = tokio::task::spawn_blocking(move || {
        standby.promote();
        standby
    });
    let _standby = promoted.await.expect("it is promoted");
    assert_eq!(there.value("select pg_is_in_recovery()").await.expect("a query"), false);
    let came = copy.pull(&main_there, 7).await.expect("it answers");
    assert_eq!(came, Came::Resync("epoch".to_owned()), "what the old server did since is not here");
    copy.drain(&main_there, 7).await.expect("it drains");
    assert_eq!(truth::differences(&copy, &main_there).await, Vec::<String>::new());
}

/// A window and a load that begin on the primary and go on at a standby that has not got their rows yet.
async fn behind(stage: &Stage, there: &Sql, main_there: &Sql) {
    let main = stage.person("main@flyos.mil").await;
    caught_up(stage, there).await;
    let (mut window, mut load) = (stage.copy(&main).await, Copy::default());
    there.batch_execute("select pg_wal_replay_pause()").await.expect("the superuser may");
    while there.value("select pg_get_wal_replay_pause_state()").await.expect("a query") != "paused" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage
        .run("update public.drones set status = case status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end")
        .await;
    stage.run("delete from public.drones where id in ('drone-001', 'drone-031')").await;
    for copy in [&mut window, &mut load] {
        assert_eq!(copy.pull(&main.sql, 3).await.expect("a page"), Came::Page { more: true });
        // Just to the end of what was begun: a pull after that would step back by itself.
        while !copy.cursor["target"].is_null() || !copy.cursor["bulk"].is_null() {
            copy.pull(main_there, 3).await.expect("a page");
        }
    }
    there.batch_execute("select pg_wal_replay_resume()").await.expect("the superuser may");
    settled(stage, there).await;
    for copy in [&mut window, &mut load] {
        copy.drain(main_there, 3).await.expect("it drains");
        stage.equal(copy, &main).await;
    }
}

/// Writers on the primary, one copy pulled from the standby alone, one from either by turns.
async fn race(stage: &Stage, there: &Sql, main_there: &Sql, copy: &mut Copy) {
    let mut rng = Rng(5);
    let mut lanes = Vec::new();
    for _ in 0..3 {
        lanes.push(Lane::owner(&stage.db).await);
    }
    let main = stage.person("main@flyos.mil").await;
    let mut either = copy.clone();
    let mut open = [0_u64; 3];
    let end = std::time::Instant::now() + Duration::from_millis(2_500);
    let mut writes = 0;
    while std::time::Instant::now() < end {
        for (n, lane) in lanes.iter().enumerate() {
            // Each its own rows, so that none waits; each open for a while.
            if open[n] == 0 {
                lane.must("begin").await;
            }
            let drone = format!("drone-{:03}", n as u64 * 10 + rng.below(10) + 1);
            let statement = match rng.below(3) {
                0 => format!("delete from public.drones where id = '{drone}'"),
                _ => format!(
                    "insert into public.drones (id, model, status) values ('{drone}', 'FlyOS_MQ5', 'ACTIVE') on conflict (id)
                        do update set status = case public.drones.status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end"
                ),
            };
            lane.must(&statement).await;
            open[n] += 1;
            if rng.below(6) < open[n] {
                lane.must(if rng.in_hundred(20) { "rollback" } else { "commit" }).await;
                open[n] = 0;
                writes += 1;
            }
        }
        assert!(matches!(copy.pull(main_there, 7).await.expect("a page"), Came::Page { .. }));
        let from = if rng.in_hundred(50) { main_there } else { &main.sql };
        assert!(matches!(either.pull(from, 7).await.expect("a page"), Came::Page { .. }));
    }
    for lane in &lanes {
        lane.must("commit").await;
    }
    assert!(
        writes > 5 && copy.counts.straddling == 0,
        "{writes} transactions; a standby's cursor lists nobody"
    );
    settled(stage, there).await;
    for copy in [copy, &mut either] {
        copy.drain(main_there, 7).await.expect("it drains");
        stage.equal(copy, &main).await;
        assert_eq!(truth::differences(copy, main_there).await, Vec::<String>::new());
    }
}

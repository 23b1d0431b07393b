//! Servers whose rows or transaction ids turned back, rows that nobody booked, and notices that were dropped.

use std::process::Command;

use serde_json::json;
use uuid::Uuid;

use super::Stage;
use crate::kit::copy::call;
use crate::kit::{Came, Copy, EAST, Lane, Person, WEST, ops, truth, user};
use crate::pg::{Cluster, Database, binaries, sqlstate};

fn resync(why: &str) -> Came {
    Came::Resync(why.to_owned())
}

/// Runs one of PostgreSQL's programs on the cluster.
fn program(name: &str, arguments: &[&str]) {
    let mut command = Command::new(binaries().join(name));
    command.arg("-h").arg(Cluster::shared().folder()).args(["-U", "supabase_admin"]).args(arguments);
    let out = command.output().expect("PostgreSQL's programs run");
    assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stderr));
}

/// A copy of elsewhere, brought to a database: what the first pull there says.
async fn brought(copy: &Copy, db: &Database, person: &Person) -> Came {
    let there = db.as_user(&person.claims).await;
    let mut copy = copy.clone();
    let came = copy.pull(&there, 7).await.expect("it answers");
    copy.drain(&there, 7).await.expect("it drains");
    assert_eq!(truth::differences(&copy, &there).await, Vec::<String>::new());
    came
}

#[tokio::test]
async fn trap_06_a_restored_server_turns_transaction_ids_back() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump").display().to_string();
    program("pg_dump", &["--format=custom", "--file", &dump, stage.db.name()]);
    // After the backup: rows that the restored server never had, and the copy that has seen them.
    stage.run("insert into public.drones (id, model, status) values ('later', 'FlyOS_MQ5', 'ACTIVE')").await;
    stage.run("delete from public.drones where id = 'drone-002'").await;
    let copy = stage.copy(&main).await;

    // Into another database of the same cluster.
    let other = Database::empty().await;
    program("pg_restore", &["--exit-on-error", "--dbname", other.name(), &dump]);
    assert_eq!(brought(&copy, &other, &main).await, resync("epoch"));
    // A cursor of there is of no use here either.
    let mut back = Copy::default();
    back.drain(&other.as_user(&main.claims).await, 500).await.expect("it drains");
    assert_eq!(back.pull(&main.sql, 7).await.expect("it answers"), resync("epoch"));

    // Into the same database, in the place of what is there.
    let name = stage.db.name();
    let put_back = "drop schema public, flyos, sync cascade;
        create schema public authorization pg_database_owner; grant usage on schema public to public;
        create schema flyos authorization postgres; grant usage on schema flyos to authenticated, service_role;
        create schema sync authorization postgres; grant usage on schema sync to authenticated";
    stage.owner.batch_execute(put_back).await.expect("the superuser may");
    program(
        "pg_restore",
        &["--schema=public", "--schema=flyos", "--schema=sync", "--exit-on-error", "--dbname", name, &dump],
    );
    assert_eq!(
        brought(&copy, &stage.db, &main).await,
        resync("epoch"),
        "the same epoch stands in the backup"
    );
}

#[tokio::test]
async fn trap_06_a_clone_within_the_cluster_is_another_server() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let copy = stage.copy(&main).await;
    let Stage { db, sql, owner } = stage;
    sql.close().await;
    owner.close().await;
    let claims = main.claims.clone();
    main.sql.close().await;
    let clone = db.copied().await;
    let main = Person { sql: db.as_user(&claims).await, claims, device: Uuid::new_v4() };
    assert_eq!(brought(&copy, &clone, &main).await, resync("epoch"));
    assert_eq!(brought(&copy, &db, &main).await, Came::Page { more: false }, "here it is as good as ever");
}

#[tokio::test]
async fn trap_06_the_epoch_stays_while_the_server_is_only_tended() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    let mut copy = stage.copy(&main).await;
    stage.owner.batch_execute("vacuum full; ").await.expect("the superuser may");
    stage.owner.batch_execute("vacuum (freeze, analyze)").await.expect("the superuser may");
    stage.owner.batch_execute("checkpoint").await.expect("the superuser may");
    stage.run("update sync.meta set min_xid = '1'").await;
    assert_eq!(copy.pull(&main.sql, 7).await.expect("it answers"), Came::Page { more: false });
    // A cursor of a server that was ahead of this one: its disk was turned back.
    let ahead = "18446744073709551000:18446744073709551000:";
    let mut cursor = copy.cursor.clone();
    cursor["base"] = json!(ahead);
    assert_eq!(
        call(&main.sql, &cursor, 7).await.expect("it answers"),
        json!({"must": "resync", "why": "ahead"})
    );
    let mut cursor = copy.cursor.clone();
    cursor["target"] = json!(ahead);
    assert_eq!(
        call(&main.sql, &cursor, 7).await.expect("it answers"),
        json!({"must": "resync", "why": "ahead"})
    );
    // What an administrator does where a disk was turned back: everybody loads anew.
    stage.run("update sync.meta set epoch = gen_random_uuid()").await;
    assert_eq!(copy.pull(&main.sql, 7).await.expect("it answers"), resync("epoch"));
    copy.drain(&main.sql, 7).await.expect("it drains");
    stage.equal(&copy, &main).await;
}

#[tokio::test]
async fn trap_07_truncate_is_refused() {
    let stage = Stage::new().await;
    for table in ["regions", "profiles", "drones", "user_drone_assignments"] {
        let refused = stage.sql.batch_execute(&format!("truncate public.{table} cascade")).await;
        assert_eq!(sqlstate(&refused), "0A000", "{table}");
    }
    let service = stage.db.as_user(&json!({"role": "service_role"})).await;
    assert_eq!(sqlstate(&service.batch_execute("truncate public.drones cascade").await), "42501");
    assert_eq!(sqlstate(&stage.sql.batch_execute("truncate public.activity").await), "0A000");
    stage.holds().await;
}

#[tokio::test]
async fn trap_07_what_was_written_with_triggers_disabled_is_found_and_booked() {
    let stage = Stage::new().await;
    let people = [stage.person("main@flyos.mil").await, stage.person("east@flyos.mil").await];
    let mut copies = [stage.copy(&people[0]).await, stage.copy(&people[1]).await];
    let unseen = |statement: &str| {
        let text = format!("begin; set local session_replication_role = replica; {statement}; commit");
        let owner = &stage.owner;
        async move { owner.batch_execute(&text).await.expect("the superuser may") }
    };
    for statement in [
        format!("insert into public.drones (id, model, status, region_id) values ('unseen', 'FlyOS_MQ5', 'ACTIVE', '{EAST}')"),
        format!("delete from public.user_drone_assignments where user_id = '{}'; delete from public.profiles where id = '{0}'", user(9)),
        format!("update public.profiles set region_id = '{WEST}' where id = '{}'", user(10)),
        format!("insert into public.user_drone_assignments (user_id, drone_id) values ('{}', 'unseen')", user(4)),
        "delete from public.user_drone_assignments where drone_id = 'unseen'; delete from public.drones where id = 'unseen'".to_owned(),
    ] {
        unseen(&statement).await;
        for (copy, person) in copies.iter_mut().zip(&people) {
            copy.drain(&person.sql, 7).await.expect("it drains");
        }
        // Whoever may see the row finds it by the digest; of one that only moved, those who lost or gained it do.
        let found = copies.iter().zip(&people);
        let mut differ = Vec::new();
        for (copy, person) in found {
            differ.push(truth::asked_digest(&person.sql).await != truth::digest(copy));
        }
        assert!(differ.contains(&true), "{statement}");
        assert_ne!(truth::unbooked(&stage.owner).await, Vec::<String>::new(), "{statement}");
        stage.run("select sync.repair()").await;
        for (copy, person) in copies.iter_mut().zip(&people) {
            copy.drain(&person.sql, 7).await.expect("it drains");
            stage.equal(copy, person).await;
        }
        assert_eq!(truth::unbooked(&stage.owner).await, Vec::<String>::new(), "{statement}");
    }
}

#[tokio::test]
async fn trap_07_a_repair_beside_writers_books_what_they_wrote() {
    let stage = Stage::new().await;
    let unseen = "begin; set local session_replication_role = replica;
        insert into public.drones (id, model, status) values ('unseen', 'FlyOS_MQ5', 'ACTIVE'); commit";
    stage.owner.batch_execute(unseen).await.expect("the superuser may");
    // The writer holds up the repair at a row that both of them book, and moves another that the repair has seen.
    let (writer, mut repairer) = (Lane::owner(&stage.db).await, Lane::owner(&stage.db).await);
    writer.must("begin; update public.drones set status = 'OFFLINE' where id = 'unseen'").await;
    writer.must(&format!("update public.drones set region_id = '{WEST}' where id = 'drone-001'")).await;
    assert!(repairer.hangs("select to_jsonb(sync.repair())").await);
    writer.must("commit").await;
    assert_eq!(repairer.end().await.0, "");
    stage.holds().await;
}

/// Everything that was deleted or left is made so old.
async fn aged(stage: &Stage, days: u32) {
    let age = format!(
        "update sync.row_state set at = at - interval '{days} days' where deleted;
        update sync.scope_exit set at = at - interval '{days} days'"
    );
    stage.run(&age).await;
}

#[tokio::test]
async fn notices_are_kept_for_ninety_days_and_older_cursors_load_anew() {
    let stage = Stage::new().await;
    let (main, east) = (stage.person("main@flyos.mil").await, stage.person("east@flyos.mil").await);
    // Of before, in the middle of a window, and in the middle of a load.
    let mut old = stage.copy(&east).await;
    let mut halfway = stage.copy(&east).await;
    let mut loading = Copy::default();
    loading.pull(&east.sql, 3).await.expect("a page");
    let gone = "delete from public.drones where id in ('drone-003', 'drone-004')";
    stage.run(&format!("{gone}; update public.drones set region_id = '{WEST}' where id = 'drone-005'")).await;
    halfway.pull(&east.sql, 1).await.expect("a page");
    // Transactions of the whole cluster count as in progress: until all that were then have ended.
    let waits = "select pg_snapshot_xmin(pg_current_snapshot()) <= (select max(xid) from sync.row_state)";
    while stage.value(waits).await == true {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mut fresh = stage.copy(&east).await;
    let notices =
        "select (select count(*) from sync.row_state where deleted) + (select count(*) from sync.scope_exit)";
    let before = stage.value(notices).await;

    aged(&stage, 89).await;
    let nothing = ops::update("regions", EAST, &json!({}), &json!({"name": "Eastern"}));
    assert_eq!(main.code(&nothing).await, "noop");
    assert_eq!(stage.value(notices).await, before, "they are not old enough");
    assert_eq!(stage.value("select min_xid::text from sync.meta").await, "0");

    aged(&stage, 2).await;
    // A push prunes a hundred of each; there are fewer.
    let nothing = ops::update("regions", EAST, &json!({}), &json!({"name": "Eastern"}));
    assert_eq!(main.code(&nothing).await, "noop");
    assert_eq!(stage.value(notices).await, 0);
    assert_ne!(stage.value("select min_xid::text from sync.meta").await, "0");
    assert_eq!(old.pull(&east.sql, 7).await.expect("it answers"), resync("too_old"));
    assert_eq!(halfway.pull(&east.sql, 7).await.expect("it answers"), resync("too_old"));
    assert_eq!(loading.pull(&east.sql, 7).await.expect("it answers"), resync("too_old"));
    assert_eq!(
        fresh.pull(&east.sql, 7).await.expect("it answers"),
        Came::Page { more: false },
        "it has them"
    );
    // An id that was forgotten begins its versions anew.
    stage.run(&format!("insert into public.drones (id, model, status, region_id) values ('drone-003', 'FlyOS_MQ9', 'ACTIVE', '{EAST}')")).await;
    for copy in [&mut old, &mut halfway, &mut loading, &mut fresh] {
        copy.drain(&east.sql, 7).await.expect("it drains");
        stage.equal(copy, &east).await;
    }
    stage.holds().await;
}

#[tokio::test]
async fn a_push_prunes_a_hundred_notices_and_no_cursor_loses_the_rest() {
    let stage = Stage::new().await;
    let main = stage.person("main@flyos.mil").await;
    stage.run("insert into public.drones (id, model, status) select 'bulk-' || n, 'FlyOS_MQ5', 'ACTIVE' from generate_series(1, 250) n").await;
    let mut copies = vec![stage.copy(&main).await];
    for n in 1..=5 {
        stage
            .run(&format!(
                "delete from public.drones where id like 'bulk-%' and right(id, 1)::int % 5 = {}",
                n % 5
            ))
            .await;
        let mut copy = copies[0].clone();
        copy.drain(&main.sql, 500).await.expect("it drains");
        copies.push(copy);
    }
    aged(&stage, 91).await;
    let left = "select count(*) from sync.row_state where deleted";
    for rest in [150, 50, 0] {
        let nothing = ops::update("regions", EAST, &json!({}), &json!({"name": "Eastern"}));
        assert_eq!(main.code(&nothing).await, "noop");
        assert_eq!(stage.value(left).await, rest);
        for copy in &copies {
            let mut copy = copy.clone();
            copy.drain(&main.sql, 500).await.expect("it drains");
            stage.equal(&copy, &main).await;
        }
    }
    stage.holds().await;
}

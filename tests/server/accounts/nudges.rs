//! Who hears what over realtime, and what is said: one nudge for each scope and transaction, without data.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EAST, EASTERN, INACTIVE, MAIN, OPERATOR1, WESTERN, profile, project, push, run, update, work};
use crate::pg::{Database, Sql, sqlstate};

/// The topics told since the last time, sorted.
async fn told(sql: &Sql) -> Vec<String> {
    let rows = sql
        .rows("select topic, event, private, extension, payload - 'id' as payload from realtime.messages")
        .await;
    let mut topics = Vec::new();
    for row in rows.expect("a superuser reads them") {
        let rest = (&row["event"], &row["private"], &row["extension"], &row["payload"]);
        assert_eq!(rest, (&json!("nudge"), &json!(true), &json!("broadcast"), &json!({})), "no data");
        topics
            .push(row["topic"].as_str().expect("a topic").replace(EASTERN, "EAST").replace(WESTERN, "WEST"));
    }
    run(sql, "delete from realtime.messages", &[]).await;
    topics.sort();
    topics
}

async fn listening() -> (Database, Sql, Sql) {
    let db = project().await;
    let (superuser, owner) = (db.superuser().await, db.postgres().await);
    run(&superuser, "delete from realtime.messages", &[]).await;
    (db, superuser, owner)
}

fn user(number: u32) -> String {
    format!("sync:u:0194a3d2-0000-7000-8000-{number:012x}")
}

#[tokio::test]
async fn each_scope_is_told_once_in_a_transaction() {
    let (db, heard, owner) = listening().await;
    let east = ["sync:*".to_owned(), "sync:r:EAST".to_owned(), user(4), user(9)];
    run(&owner, "update public.drones set status = 'OFFLINE' where id = 'drone-002'", &[]).await;
    assert_eq!(told(&heard).await, east, "headquarters, the region, and who holds it");
    let many = "begin; update public.drones set status = 'ACTIVE' where id = 'drone-002';
        update public.drones set status = 'STANDBY' where id = 'drone-002';
        update public.drones set status = 'OFFLINE' where id in ('drone-002', 'drone-004'); commit";
    owner.batch_execute(many).await.expect("allowed");
    assert_eq!(told(&heard).await, east);
    // Who has it no more is told as well as who has it now.
    run(&owner, &format!("update public.drones set region_id = '{WESTERN}' where id = 'drone-002'"), &[])
        .await;
    assert_eq!(told(&heard).await, ["sync:*", "sync:r:EAST", "sync:r:WEST", &user(4), &user(9)]);
    run(&owner, &format!("update public.regions set area = 'A' where id = '{EASTERN}'"), &[]).await;
    assert_eq!(told(&heard).await, ["sync:*", "sync:m:EAST", "sync:r:EAST"]);
    // Nothing was written: nobody is told.
    run(&owner, "update public.drones set status = status where id = 'drone-002'", &[]).await;
    owner.batch_execute("begin; delete from public.drones; rollback").await.expect("allowed");
    assert_eq!(told(&heard).await, Vec::<String>::new());
    assert_eq!(heard.value("select count(*) from sync.telling").await.expect("a number"), 0);

    // Of two edits of one push, one is refused: only the other is told of.
    let claims = db.session_of(MAIN).await;
    let main = db.as_user(&claims).await;
    let refused = update("drones", "drone-015", json!({"model": "FlyOS_MQ5"}), json!({"model": "none"}));
    let moved = update("regions", EASTERN, json!({"area": "A"}), json!({"area": "B"}));
    let answer = push(&main, &claims, Uuid::nil(), Json::Null, &[refused.clone(), moved, refused]).await;
    assert_eq!(answer["results"][1]["code"], "applied", "{answer}");
    assert_eq!(told(&heard).await, ["sync:*", "sync:m:EAST", "sync:r:EAST"]);
}

#[tokio::test]
async fn more_than_twenty_are_told_as_one() {
    let (_db, heard, owner) = listening().await;
    let new = "insert into public.profiles (id, username, full_name, email, role, status)
        select ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid, 'user_' || i, 'User', i || '@unit.mil', 'OPERATOR',
            'ACTIVE' from generate_series(1, 21) i";
    run(&owner, new, &[]).await;
    assert_eq!(told(&heard).await, ["sync:all"]);
    run(
        &owner,
        "update public.profiles set full_name = 'X' where email like '%@unit.mil' and username <> 'user_1'",
        &[],
    )
    .await;
    assert_eq!(told(&heard).await.len(), 21, "twenty and headquarters");
    run(&owner, "update public.profiles set full_name = 'Y' where email like '%@unit.mil'", &[]).await;
    assert_eq!(told(&heard).await, ["sync:all"]);
    // The setting ends with its transaction.
    run(&owner, "update public.profiles set full_name = 'Z' where username = 'user_1'", &[]).await;
    assert_eq!(told(&heard).await.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_told_is_written_all_the_same() {
    let (db, heard, owner) = listening().await;
    let claims = db.session_of(MAIN).await;
    let main = db.as_user(&claims).await;
    let status =
        |was: &str, now: &str| update("drones", "drone-001", json!({"status": was}), json!({"status": now}));
    let is_now = "select status from public.drones where id = 'drone-001'";
    let broken = [
        // As it fails: inside, with a warning.
        ("drop table realtime.messages_always", "WARNING: WarnSendingBroadcastMessage"),
        // And as nobody expects it.
        ("create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
            returns void language plpgsql as $$ begin raise exception 'out of order'; end $$", "WARNING: flyos: nobody was nudged: out of order"),
        ("drop function realtime.send(jsonb, text, text, boolean)", "WARNING: flyos: nobody was nudged: function realtime.send"),
        ("drop schema realtime cascade", "WARNING: flyos: nobody was nudged"),
    ];
    for (round, (how, words)) in broken.into_iter().enumerate() {
        heard.batch_execute(how).await.expect("the platform may");
        let (was, now) = if round % 2 == 0 { ("ACTIVE", "OFFLINE") } else { ("OFFLINE", "ACTIVE") };
        work(&main, &claims, &[status(was, now)]).await;
        assert_eq!(owner.value(is_now).await.expect("one"), now, "{how}");
        let notices = main.notices();
        assert!(notices.iter().any(|line| line.starts_with(words)), "{how}: {notices:?}");
    }
}

/// Whether somebody would be let into a channel: may they see a message of that topic?
async fn hears(db: &Database, claims: &Json, topic: &str) -> bool {
    let who = db.as_user(claims).await;
    let (begin, look) = ("begin", "select count(*) > 0 from realtime.messages");
    who.batch_execute(begin).await.expect("it begins");
    who.batch_execute(&format!("set local realtime.topic to '{topic}'")).await.expect("anybody may");
    let seen = who.query_one(look, &[]).await.expect("an answer").get(0);
    who.batch_execute("rollback").await.expect("it ends");
    seen
}

#[tokio::test]
async fn everybody_hears_their_own_scopes_and_no_others() {
    let (db, platform, owner) = listening().await;
    let message = "insert into realtime.messages (topic, extension, private) values ('x', $1, true)";
    run(&platform, message, &[&"broadcast"]).await;
    let id =
        async |email: &str| format!("sync:u:{}", profile(&owner, email).await["id"].as_str().expect("a key"));
    let (main, east, operator) = (id(MAIN).await, id(EAST).await, id(OPERATOR1).await);
    let topic = |kind: &str, region: &str| format!("sync:{kind}:{region}");
    let topics = [
        "sync:all".to_owned(),
        "sync:*".to_owned(),
        topic("r", EASTERN),
        topic("m", EASTERN),
        topic("r", WESTERN),
        topic("m", WESTERN),
        main,
        east,
        operator,
        "sync:".to_owned(),
        "sync".to_owned(),
        "all".to_owned(),
        "other:all".to_owned(),
        String::new(),
    ];
    let expected: [(&str, &[usize]); 4] =
        [(MAIN, &[0, 1]), (EAST, &[0, 2, 3, 7]), (OPERATOR1, &[0, 3, 8]), (INACTIVE, &[])];
    for (email, may) in expected {
        let claims = db.session_of(email).await;
        for (number, topic) in topics.iter().enumerate() {
            assert_eq!(hears(&db, &claims, topic).await, may.contains(&number), "{email} {topic}");
        }
        let mut ended = claims.clone();
        ended["session_id"] = json!(Uuid::new_v4());
        assert!(!hears(&db, &ended, "sync:all").await, "{email}");
        assert!(!hears(&db, &json!({"role": "anon"}), "sync:all").await);
        // Nobody speaks.
        let speak = "insert into realtime.messages (topic, extension, private) values ('sync:all', 'broadcast', true)";
        assert_eq!(sqlstate(&db.as_user(&claims).await.execute(speak, &[]).await), "42501", "{email}");
    }
    // Presence would tell who is there.
    run(&platform, "delete from realtime.messages", &[]).await;
    run(&platform, message, &[&"presence"]).await;
    assert!(!hears(&db, &db.session_of(MAIN).await, "sync:all").await);
}

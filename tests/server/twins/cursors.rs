//! Cursors that were made up. A cursor is a claim of the caller: it chooses what is sent next, never what may be seen,
//! and whatever it holds, the answer is a page of the caller's own rows, a word, or PT400.

#![expect(clippy::panic, reason = "it is how a case fails")]

use std::collections::BTreeSet;

use flyos::domain::{Change, Key, Kind, World, scope};
use flyos::remote::wire::{PullReply, RowKind};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;

on_both! {
    a_cursor_that_is_none_is_refused,
    a_cursor_of_elsewhere_means_loading_anew,
    no_cursor_shows_what_is_anothers (rows: 400),
    a_drained_cursor_can_be_used_again_and_again,
}

const NEVER: &str = "8c0f3c2e-6d0b-4f0e-9f57-4f9d5b1f3a10";

/// What a pull with this cursor is answered.
async fn pulled(person: &Person, cursor: &Json, rows: i64) -> (u16, Json) {
    let body = json!({"cursor": cursor, "limit_rows": rows, "limit_bytes": 1 << 20, "schema": 1});
    let reply = person.rpc("sync_pull", &body).await;
    (reply.status().as_u16(), reply.json().await.expect("JSON"))
}

/// Puts a part of a cursor elsewise; null takes it away.
fn with(cursor: &Json, part: &str, value: &Json) -> Json {
    let mut cursor = cursor.clone();
    let map = cursor.as_object_mut().expect("an object");
    if value.is_null() {
        map.remove(part);
    } else {
        map.insert(part.to_owned(), value.clone());
    }
    cursor
}

/// The scopes, the place and the counts of a load.
fn bulk(scopes: &Json, after: &Json) -> Json {
    let mut bulk = json!({"scopes": scopes, "done": 0, "total": 5});
    if !after.is_null() {
        bulk["after"] = after.clone();
    }
    bulk
}

fn wrong_parts(sound: &Json) -> Vec<(&'static str, Json)> {
    let scopes = &sound["scopes"];
    let many: Vec<String> = (0..17).map(|n| format!("u:{n}")).collect();
    let mut parts = vec![
        ("more", json!(1)),
        ("epoch", json!(null)),
        ("epoch", json!(5)),
        ("epoch", json!("east")),
        ("epoch", json!([NEVER])),
        ("scopes", json!(null)),
        ("scopes", json!("*")),
        ("scopes", json!([1])),
        ("scopes", json!([null])),
        ("scopes", json!(many)),
        ("after", json!(["5", "drones", "drone-001"])),
    ];
    for bad in [
        json!(null),
        json!(5),
        json!(""),
        json!("now"),
        json!("10:5:"),
        json!("1:2"),
        json!("1:9:99"),
        json!("-1:2:"),
        json!("0:0:"),
        json!("5:6:x"),
        json!("1:2:;drop table drones"),
        json!(["5:5:"]),
    ] {
        parts.push(("base", bad.clone()));
        if !bad.is_null() {
            parts.push(("target", bad));
        }
    }
    for bad in [
        json!("all"),
        json!([]),
        json!({}),
        json!({"scopes": scopes}),
        json!({"scopes": scopes, "done": 1}),
        json!({"scopes": "*", "done": 0, "total": 1}),
        json!({"scopes": [5], "done": 0, "total": 1}),
        json!({"scopes": scopes, "done": -1, "total": 1}),
        json!({"scopes": scopes, "done": 1.5, "total": 1}),
        json!({"scopes": scopes, "done": 0, "total": 1, "more": true}),
        bulk(&json!(many), &json!(null)),
        bulk(scopes, &json!("drones")),
        bulk(scopes, &json!(["drones"])),
        bulk(scopes, &json!(["drones", "a", "b"])),
        bulk(scopes, &json!(["planes", "a"])),
        bulk(scopes, &json!(["drones", 5])),
        bulk(scopes, &json!([5, "a"])),
        bulk(scopes, &json!(["sync.row_state", "a"])),
    ] {
        parts.push(("bulk", bad));
    }
    parts
}

async fn a_cursor_that_is_none_is_refused(server: &impl Server) {
    let mut operator = sign_in(server, OPERATOR1).await;
    operator.drain(2000).await;
    let sound = operator.cursor.clone().expect("a cursor");
    let mut cursors = vec![json!(5), json!("x"), json!(true), json!([]), json!([sound.clone()]), json!({})];
    cursors.extend(wrong_parts(&sound).iter().map(|(part, value)| with(&sound, part, value)));
    let window = with(&sound, "target", &sound["base"]);
    for after in [
        json!("drones"),
        json!([]),
        json!(["5", "drones"]),
        json!(["5", "drones", "a", "b"]),
        json!(["x", "drones", "a"]),
        json!(["-5", "drones", "a"]),
        json!(["5", 7, "a"]),
        json!(["5", "drones", 7]),
        json!([null, "drones", "a"]),
        json!(["99999999999999999999", "drones", "a"]),
        json!([["5"], "drones", "a"]),
    ] {
        cursors.push(with(&window, "after", &after));
    }
    cursors.push(with(&sound, "scopes", &json!(["u".repeat(70_000)])));
    let mut wrong = Vec::new();
    for cursor in cursors {
        let (status, body) = pulled(&operator, &cursor, 5).await;
        if (status, body["code"].as_str()) != (400, Some("PT400")) {
            let shown: String = cursor.to_string().chars().take(300).collect();
            wrong.push(format!("{shown}\n    {status} {body:.300}"));
        }
    }
    assert!(wrong.is_empty(), "{} are taken:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!operator.step(5).await, "the true one is still good");
}

async fn a_cursor_of_elsewhere_means_loading_anew(server: &impl Server) {
    let mut west = sign_in(server, WEST).await;
    west.drain(2000).await;
    let sound = west.cursor.clone().expect("a cursor");
    let ahead = "900000000000:900000000000:";
    let elsewhere = with(&sound, "epoch", &json!(NEVER));
    let bulk = bulk(&sound["scopes"], &json!(["drones", "drone-020"]));
    for (cursor, why) in [
        (elsewhere.clone(), "epoch"),
        (with(&elsewhere, "base", &json!(ahead)), "epoch"),
        (with(&elsewhere, "scopes", &json!(["*"])), "epoch"),
        (with(&elsewhere, "bulk", &bulk), "epoch"),
        (with(&with(&elsewhere, "target", &sound["base"]), "after", &json!(["5", "drones", "a"])), "epoch"),
        (with(&sound, "base", &json!(ahead)), "ahead"),
        (with(&sound, "target", &json!(ahead)), "ahead"),
        (with(&with(&sound, "base", &json!(ahead)), "bulk", &bulk), "ahead"),
    ] {
        assert_eq!(pulled(&west, &cursor, 5).await, (200, json!({"must": "resync", "why": why})), "{cursor}");
    }
    // And so it is done.
    west.cursor = Some(elsewhere);
    west.drain(5).await;
    west.assert_equals_truth(&server.world().await);
}

async fn a_drained_cursor_can_be_used_again_and_again(server: &impl Server) {
    let mut east = sign_in(server, EAST).await;
    east.drain(2000).await;
    let old = east.cursor.clone().expect("a cursor");
    admin_update(server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    let changes = async |person: &Person| pulled(person, &old, 2000).await.1["changes"].clone();
    let first = changes(&east).await;
    assert_eq!(first.as_array().map(Vec::len), Some(1));
    assert_eq!(changes(&east).await, first, "a page lost on its way is asked for again");
    admin_update(server, &drone("drone-002"), &[("status", "OFFLINE")]).await;
    assert_eq!(changes(&east).await.as_array().map(Vec::len), Some(2));
}

/// Parts of cursors: some as the server makes them, some of other people, some of nobody.
fn made_up(sound: &Json, scopes: Vec<String>, keys: Vec<String>) -> BoxedStrategy<Json> {
    let top: u64 =
        sound["base"].as_str().and_then(|base| base.split(':').next()?.parse().ok()).expect("a snapshot");
    let xid = prop_oneof![3 => 1..=top, 1 => Just(top + 1), 1 => any::<u64>()];
    let snapshot =
        (xid.clone(), xid.clone(), prop::collection::vec(xid.clone(), 0..3)).prop_map(|(a, b, listed)| {
            let listed = listed.iter().filter(|xid| (a.min(b)..a.max(b)).contains(*xid));
            let listed: Vec<_> = listed.map(u64::to_string).collect();
            format!("{}:{}:{}", a.min(b).max(1), a.max(b), listed.join(","))
        });
    let own = sound["scopes"].clone();
    let others = prop::collection::vec(select(scopes), 0..4).prop_map(|scopes| json!(scopes));
    let scopes = prop_oneof![3 => Just(own.clone()), 2 => others.clone(), 1 => Just(json!(["*"]))];
    let table = select(vec!["regions", "profiles", "drones", "user_drone_assignments", "planes", ""]);
    let pk = prop_oneof![3 => select(keys), 1 => Just(String::new()), 1 => Just("\u{10ffff}".to_owned())];
    let place = (table, pk);
    let load = (scopes.clone(), prop::option::of(place.clone()), 0..99_u32, 0..99_u32).prop_map(
        |(scopes, after, done, total)| {
            let mut load = bulk(&scopes, &json!(after));
            (load["done"], load["total"]) = (json!(done), json!(total));
            load
        },
    );
    let cursor_scopes = prop_oneof![6 => Just(own), 1 => others];
    let parts = (
        snapshot.clone(),
        prop::option::of(snapshot),
        prop::option::of((xid, place)),
        cursor_scopes,
        prop::option::of(load),
    );
    let epoch = sound["epoch"].clone();
    parts
        .prop_map(move |(base, target, after, scopes, bulk)| {
            let mut cursor = json!({"epoch": epoch, "base": base, "scopes": scopes});
            cursor = with(&cursor, "target", &json!(target));
            let after = after.map(|(xid, (table, pk))| json!([xid.to_string(), table, pk]));
            with(&with(&cursor, "after", &json!(after)), "bulk", &json!(bulk))
        })
        .boxed()
}

/// Is everything in this answer the caller's to see?
fn is_own(person: &Person, world: &World, told: &BTreeSet<Key>, reply: &PullReply) -> Result<(), String> {
    let PullReply::Page(page) = reply else { return Ok(()) };
    let own = visible(world, person.uid);
    for change in &page.changes {
        let key = Key { kind: change.t, pk: change.pk.clone() };
        let right = match change.k {
            RowKind::Row => own.get(&key) == change.row.as_ref(),
            // A notice holds no more than the key of a row that was theirs.
            RowKind::Del | RowKind::Exit => told.contains(&key) && change.row.is_none(),
        };
        if !right {
            return Err(format!("{change:?}"));
        }
    }
    Ok(())
}

async fn no_cursor_shows_what_is_anothers(server: &impl Server) {
    let mut people = Vec::new();
    for email in [EAST, OPERATOR1, OPERATOR2] {
        let mut person = sign_in(server, email).await;
        person.drain(2000).await;
        people.push(person);
    }
    let mut mine: Vec<BTreeSet<Key>> =
        people.iter().map(|person| person.copy.keys().cloned().collect()).collect();
    // Something of everything: rows that left, rows that went, rows that came, of each region.
    let west = region_named(server, "Western").await.to_string();
    for (id, set) in [
        ("drone-001", ("region_id", west.as_str())),
        ("drone-016", ("status", "OFFLINE")),
        ("drone-003", ("operator_id", "")),
    ] {
        admin_update(server, &drone(id), &[set]).await;
    }
    for id in ["drone-008", "drone-020"] {
        server.admin(&[Change::delete(&row(server, &drone(id)).await.expect("a drone"))]).await;
    }
    for (person, mine) in people.iter_mut().zip(&mut mine) {
        let sound = person.cursor.clone();
        person.drain(2000).await;
        mine.extend(person.copy.keys().cloned());
        person.cursor = sound;
    }
    let world = server.world().await;
    let keys = Kind::ALL.iter().flat_map(|kind| world.keys(*kind));
    let keys: Vec<Key> = keys.step_by(7).collect();
    let of_row = |key: &Key| scope::of_row(&world, &world.get(key).expect("a row of its key"));
    let scopes: BTreeSet<String> = keys.iter().flat_map(of_row).collect();
    let (scopes, keys): (Vec<_>, Vec<_>) =
        (scopes.into_iter().collect(), keys.into_iter().map(|key| key.pk).collect());
    let seed = Uuid::new_v4();
    tell(&seed);
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(seed.as_bytes());
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    for (person, mine) in people.iter().zip(&mine) {
        let strategy = made_up(&person.cursor.clone().expect("a cursor"), scopes.clone(), keys.clone());
        // Until enough of them were worth trying: how many that takes is for the seed to say.
        let (mut tried, mut pages, mut refused) = (0, 0, 0);
        while tried < 80 || pages < 25 || refused < 5 {
            tried += 1;
            assert!(tried < 2_000, "{pages} pages, {refused} refused: these cursors try nothing");
            let mut cursor = strategy.new_tree(&mut runner).expect("a cursor").current();
            // Followed for a few pages, as a client would.
            for _ in 0..4 {
                let (status, body) = pulled(person, &cursor, 200).await;
                if status == 400 && body["code"] == "PT400" {
                    refused += 1;
                    break;
                }
                assert_eq!(status, 200, "{cursor} {body}");
                let reply: PullReply =
                    serde_json::from_value(body.clone()).unwrap_or_else(|error| panic!("{error}: {body}"));
                pages += usize::from(matches!(reply, PullReply::Page(_)));
                if let Err(why) = is_own(person, &world, mine, &reply) {
                    panic!("seed {seed}: {} with {cursor} was told of {why}", person.email);
                }
                if body["cursor"].is_null() {
                    break;
                }
                cursor = body["cursor"].clone();
            }
        }
    }
}

/// A failure is tried again by its seed.
#[expect(clippy::print_stderr, reason = "the runner shows it where the test fails")]
fn tell(seed: &Uuid) {
    eprintln!("the seed of the cursors is {seed}");
}

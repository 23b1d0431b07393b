//! Pulls: what each person gets, in which order, and what they are told of rows that leave their sight.

#![expect(clippy::panic, reason = "it is how a case fails")]

use std::collections::BTreeMap;

use flyos::domain::{Change, Fields, Key, Kind, rules};
use flyos::remote::wire::{DigestReply, Digests, Outcome, PullReply, RowKind};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::*;

on_both! {
    each_role_pulls_what_it_may_see,
    an_edit_is_seen_by_the_next_pull,
    who_loses_a_drone_is_told_and_no_more,
    deleted_rows_leave_tombstones,
    a_load_in_small_pages_beside_edits_ends_equal_to_the_truth (rows: 600),
    progress_counts_up_to_the_whole (rows: 500),
    a_change_of_role_changes_the_scopes,
    forgotten_history_means_loading_anew,
    a_row_deleted_and_made_again_between_two_pages_is_there_once,
    a_row_that_left_and_came_back_is_there_once,
    a_change_of_scopes_in_the_middle_of_a_load_is_loaded_too,
    digests_tell_what_the_copy_should_be,
}

async fn each_role_pulls_what_it_may_see(server: &impl Server) {
    let mut counts = Vec::new();
    for email in FIVE {
        let mut person = sign_in(server, email).await;
        person.drain(2000).await;
        person.assert_equals_truth(&server.world().await);
        counts.push(person.copy.len());
    }
    let world = server.world().await;
    let all = Kind::ALL.iter().map(|kind| world.count(*kind)).sum::<usize>();
    assert_eq!(counts[0], all);
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
    assert!(counts[1] < all && counts[3] < counts[1], "{counts:?}");
}

async fn an_edit_is_seen_by_the_next_pull(server: &impl Server) {
    let (main, mut operator) = (sign_in(server, MAIN).await, sign_in(server, OPERATOR1).await);
    operator.drain(2000).await;
    let key = drone("drone-001");
    let result = main.edit(update(server, &key, &[("status", "MAINTENANCE")]).await).await;
    let Outcome::Applied { v: 2, .. } = result else { panic!("{result:?}") };
    let PullReply::Page(page) = operator.pull_once(2000).await else { panic!("a page") };
    let [change] = &page.changes[..] else { panic!("one change: {:?}", page.changes) };
    assert_eq!((change.pk.as_str(), change.v, change.k), ("drone-001", 2, RowKind::Row));
    let row = change.row.as_ref().expect("the row");
    assert_eq!(row["status"].as_deref(), Some("MAINTENANCE"));
    assert_eq!(row.len(), Kind::Drone.fields().len(), "all columns");
    operator.apply(&page);
    let PullReply::Page(page) = operator.pull_once(2000).await else { panic!("a page") };
    assert!(page.changes.is_empty() && !page.more, "nothing is sent twice");
}

async fn who_loses_a_drone_is_told_and_no_more(server: &impl Server) {
    let (mut operator, mut east) = (sign_in(server, OPERATOR1).await, sign_in(server, EAST).await);
    operator.drain(2000).await;
    let (key, user) = (drone("drone-001"), user_named(server, "operator1").await);
    assert!(operator.copy.contains_key(&key));
    east.drain(2000).await;
    let unassign = delete(server, &Key::assignment(user, "drone-001")).await;
    let Outcome::Applied { effects, .. } = east.edit(unassign).await else { panic!("applied") };
    assert_eq!(effects, [(Kind::Drone, "drone-001".to_owned())], "the operator was cleared with it");
    let PullReply::Page(page) = operator.pull_once(2000).await else { panic!("a page") };
    let mut told: Vec<_> =
        page.changes.iter().map(|c| (c.t, c.k, c.row.is_some(), c.scopes.is_some())).collect();
    told.sort_by_key(|change| change.0);
    assert_eq!(
        told,
        [(Kind::Drone, RowKind::Exit, false, false), (Kind::Assignment, RowKind::Del, false, false)],
        "the drone left their sight, the assignment is deleted, and nothing else is said"
    );
    operator.apply(&page);
    operator.assert_equals_truth(&server.world().await);
    east.drain(2000).await;
    east.assert_equals_truth(&server.world().await);
}

async fn deleted_rows_leave_tombstones(server: &impl Server) {
    let (main, mut west) = (sign_in(server, MAIN).await, sign_in(server, WEST).await);
    west.drain(2000).await;
    let key = drone("drone-016");
    let Outcome::Applied { effects, v } = main.edit(delete(server, &key).await).await else {
        panic!("applied")
    };
    assert_eq!(effects.len(), 2, "two assignments went with it");
    let PullReply::Page(page) = west.pull_once(2000).await else { panic!("a page") };
    let deleted: Vec<_> = page.changes.iter().filter(|c| c.k == RowKind::Del).collect();
    assert_eq!(deleted.len(), 3);
    assert!(deleted.iter().any(|change| change.pk == "drone-016" && change.v == v));
    west.apply(&page);
    west.assert_equals_truth(&server.world().await);
}

async fn a_load_in_small_pages_beside_edits_ends_equal_to_the_truth(server: &impl Server) {
    let mut people = vec![];
    for email in FIVE {
        people.push(sign_in(server, email).await);
    }
    let (east, west) = (region_named(server, "Eastern").await, region_named(server, "Western").await);
    for round in 0..40_usize {
        for person in &mut people {
            let reply = person.pull_once(7).await;
            if let PullReply::Page(page) = reply {
                person.apply(&page);
            }
        }
        let id = format!("drone-{:03}", round % 32 + 1);
        let to = if round % 2 == 0 { east } else { west };
        let set = fields(&[("region_id", &to.to_string())]);
        let record = row(server, &drone(&id)).await.expect("a drone");
        if let Some(change) = Change::update(&record, &set) {
            server.admin(&[change]).await;
        }
    }
    for person in &mut people {
        person.drain(7).await;
        person.assert_equals_truth(&server.world().await);
    }
    assert_eq!(rules::broken(&server.world().await), Vec::<String>::new());
}

async fn progress_counts_up_to_the_whole(server: &impl Server) {
    let mut main = sign_in(server, MAIN).await;
    let mut last = 0;
    loop {
        let PullReply::Page(page) = main.pull_once(100).await else { panic!("a page") };
        let kinds: Vec<_> = page.changes.iter().map(|change| (change.t, change.pk.clone())).collect();
        assert!(kinds.is_sorted(), "parents first, by key");
        main.apply(&page);
        let Some(progress) = page.progress else { break };
        assert!(progress.done > last && progress.done <= progress.total, "{progress:?}");
        last = progress.done;
        if !page.more {
            assert_eq!(progress.done, progress.total);
            break;
        }
    }
    assert_eq!(last, main.copy.len() as u64);
}

async fn a_change_of_role_changes_the_scopes(server: &impl Server) {
    let mut person = sign_in(server, EAST).await;
    person.drain(2000).await;
    let key = Key::user(user_named(server, "east_hq").await);
    let west = region_named(server, "Western").await.to_string();
    admin_update(server, &key, &[("region_id", &west)]).await;
    let PullReply::Scope { scope, .. } = person.pull_once(2000).await else { panic!("a change of scopes") };
    assert!(scope.added.contains(&format!("r:{west}")) && scope.removed.len() == 2 && scope.now.len() == 3);
    person.drain(5).await;
    person.assert_equals_truth(&server.world().await);
    admin_update(server, &key, &[("role", "MAIN_HQ"), ("region_id", "")]).await;
    person.drain(5).await;
    person.assert_equals_truth(&server.world().await);
    admin_update(server, &key, &[("role", "OPERATOR")]).await;
    person.drain(5).await;
    person.assert_equals_truth(&server.world().await);
    assert_eq!(person.copy.len(), 1, "themselves alone");
}

async fn forgotten_history_means_loading_anew(server: &impl Server) {
    let mut person = sign_in(server, WEST).await;
    person.drain(2000).await;
    admin_update(server, &drone("drone-020"), &[("region_id", "")]).await;
    server.forget_history().await;
    let PullReply::Must(must) = person.pull_once(10).await else { panic!("a word") };
    assert_eq!(must.why.as_deref(), Some("too_old"));
    person.drain(10).await;
    person.assert_equals_truth(&server.world().await);
}

async fn a_row_deleted_and_made_again_between_two_pages_is_there_once(server: &impl Server) {
    let mut main = sign_in(server, MAIN).await;
    main.drain(2000).await;
    let keys = ["drone-027", "drone-028", "drone-029"].map(drone);
    for key in &keys {
        admin_update(server, key, &[("status", "OFFLINE")]).await;
    }
    assert!(main.step(1).await, "two more are to come");
    let again = row(server, &keys[2]).await.expect("a drone");
    server.admin(&[Change::delete(&again)]).await;
    assert!(main.step(1).await);
    let set = fields(&[("model", "FlyOS_MQ9"), ("status", "STANDBY")]);
    server.admin(&[Change::insert(keys[2].clone(), set)]).await;
    main.drain(1).await;
    main.assert_equals_truth(&server.world().await);
    assert_eq!(main.copy[&keys[2]].1["model"].as_deref(), Some("FlyOS_MQ9"));
}

async fn a_row_that_left_and_came_back_is_there_once(server: &impl Server) {
    let mut operator = sign_in(server, OPERATOR1).await;
    operator.drain(2000).await;
    let key = Key::assignment(user_named(server, "operator1").await, "drone-005");
    let assignment = row(server, &key).await.expect("an assignment");
    server.admin(&[Change::delete(&assignment)]).await;
    server.admin(&[Change::insert(key.clone(), Fields::new())]).await;
    let PullReply::Page(page) = operator.pull_once(2000).await else { panic!("a page") };
    let told: Vec<_> = page.changes.iter().map(|change| (change.t, change.k)).collect();
    assert_eq!(
        told,
        [(Kind::Drone, RowKind::Row), (Kind::Assignment, RowKind::Row)],
        "no notice is left over"
    );
    operator.apply(&page);
    operator.assert_equals_truth(&server.world().await);
}

async fn a_change_of_scopes_in_the_middle_of_a_load_is_loaded_too(server: &impl Server) {
    let mut person = sign_in(server, EAST).await;
    assert!(person.step(3).await);
    let key = Key::user(user_named(server, "east_hq").await);
    let west = region_named(server, "Western").await.to_string();
    admin_update(server, &key, &[("region_id", &west)]).await;
    assert!(person.step(3).await);
    admin_update(server, &drone("drone-028"), &[("region_id", &west)]).await;
    person.drain(3).await;
    person.assert_equals_truth(&server.world().await);
    // And back again, with another load still going on.
    let east = region_named(server, "Eastern").await.to_string();
    admin_update(server, &key, &[("region_id", &east)]).await;
    assert!(person.step(2).await && person.step(2).await);
    admin_update(server, &key, &[("region_id", &west)]).await;
    person.drain(2).await;
    person.assert_equals_truth(&server.world().await);
}

async fn digests_tell_what_the_copy_should_be(server: &impl Server) {
    admin_update(server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    for email in FIVE {
        let mut person = sign_in(server, email).await;
        person.drain(2000).await;
        let tables = json!({"tables": Kind::ALL});
        let digest = person.rpc("sync_digest", &tables).await.json::<DigestReply>().await.expect("a digest");
        assert_eq!(digest, DigestReply::Tables(digest_of(&person.copy)), "{email}");
        // What is asked for, and nothing else.
        let one = person.rpc("sync_digest", &json!({"tables": ["drones"]})).await.json::<Json>().await;
        assert_eq!(
            one.expect("a digest").as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()),
            Some(vec!["drones".to_owned()])
        );
    }
}

/// The sums over a copy, worked out anew.
pub fn digest_of(copy: &BTreeMap<Key, Held>) -> Digests {
    let mut sums: Digests = Kind::ALL.into_iter().map(|kind| (kind, BTreeMap::new())).collect();
    for (key, (v, ..)) in copy {
        let bucket = Sha256::digest(&key.pk)[0].to_string();
        let hash = Sha256::digest(format!("{}\u{1f}{v}", key.pk));
        let first: [u8; 8] = hash[..8].try_into().expect("eight bytes of 32");
        let sum = sums.entry(key.kind).or_default().entry(bucket).or_insert((0, "0".to_owned()));
        let so_far: i64 = sum.1.parse().expect("a number");
        *sum = (sum.0 + 1, (so_far ^ i64::from_be_bytes(first)).to_string());
    }
    sums
}

//! Pulls and pushes.

use flyos::domain::{Change, Fields, Key, Kind, Reason, Record, rules};
use flyos::remote::wire::{OpKind, Outcome, PullReply, RowKind};
use flyos::sandbox::Options;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::kit::*;

fn drone(id: &str) -> Key {
    Key::drone(id)
}

#[tokio::test]
async fn each_role_pulls_what_it_may_see() {
    let sandbox = start().await;
    let mut counts = Vec::new();
    for email in FIVE {
        let mut person = sign_in(&sandbox, email).await;
        person.drain(2000).await;
        person.assert_equals_truth(&sandbox);
        counts.push(person.copy.len());
    }
    let all = sandbox.with_world(|world| Kind::ALL.iter().map(|kind| world.count(*kind)).sum::<usize>());
    assert_eq!(counts[0], all);
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
    assert!(counts[1] < all && counts[3] < counts[1], "{counts:?}");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn an_edit_is_seen_by_the_next_pull() {
    let sandbox = start().await;
    let (main, mut operator) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, OPERATOR1).await);
    operator.drain(2000).await;
    let key = drone("drone-001");
    let result = main.edit(update(&sandbox, &key, &[("status", "MAINTENANCE")])).await;
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
    sandbox.shutdown().await;
}

#[tokio::test]
async fn who_loses_a_drone_is_told_and_no_more() {
    let sandbox = start().await;
    let (mut operator, mut east) = (sign_in(&sandbox, OPERATOR1).await, sign_in(&sandbox, EAST).await);
    operator.drain(2000).await;
    let (key, user) = (drone("drone-001"), user_named(&sandbox, "operator1"));
    assert!(operator.copy.contains_key(&key));
    east.drain(2000).await;
    let unassign = delete(&sandbox, &Key::assignment(user, "drone-001"));
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
    operator.assert_equals_truth(&sandbox);
    east.drain(2000).await;
    east.assert_equals_truth(&sandbox);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn deleted_rows_leave_tombstones() {
    let sandbox = start().await;
    let (main, mut west) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, WEST).await);
    west.drain(2000).await;
    let key = drone("drone-016");
    let Outcome::Applied { effects, v } = main.edit(delete(&sandbox, &key)).await else { panic!("applied") };
    assert_eq!(effects.len(), 2, "two assignments went with it");
    let PullReply::Page(page) = west.pull_once(2000).await else { panic!("a page") };
    let deleted: Vec<_> = page.changes.iter().filter(|c| c.k == RowKind::Del).collect();
    assert_eq!(deleted.len(), 3);
    assert!(deleted.iter().any(|change| change.pk == "drone-016" && change.v == v));
    west.apply(&page);
    west.assert_equals_truth(&sandbox);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_load_in_small_pages_beside_edits_ends_equal_to_the_truth() {
    let sandbox = start_with(Options { rows: 600, ..Options::default() }).await;
    let mut people = vec![];
    for email in FIVE {
        people.push(sign_in(&sandbox, email).await);
    }
    let (east, west) = (region_named(&sandbox, "Eastern"), region_named(&sandbox, "Western"));
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
        let record = row(&sandbox, &drone(&id)).expect("a drone");
        if let Some(change) = Change::update(&record, &set) {
            sandbox.admin(&[change]).expect("drones may move");
        }
    }
    for person in &mut people {
        person.drain(7).await;
        person.assert_equals_truth(&sandbox);
    }
    assert!(sandbox.with_world(rules::broken).is_empty());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn progress_counts_up_to_the_whole() {
    let sandbox = start_with(Options { rows: 500, ..Options::default() }).await;
    let mut main = sign_in(&sandbox, MAIN).await;
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
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_lost_reply_is_made_good_and_applied_once() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let key = drone("drone-004");
    let op = update(&sandbox, &key, &[("status", "OFFLINE")]);
    sandbox.faults().lose_replies(1);
    assert!(
        main.try_rpc("sync_push", &main.push_body(std::slice::from_ref(&op))).await.is_err(),
        "no answer came"
    );
    let status = |sandbox: &flyos::sandbox::Sandbox| row(sandbox, &key).and_then(|row| row.get("status"));
    assert_eq!(status(&sandbox).as_deref(), Some("OFFLINE"), "and yet it is in");
    let [result] = &main.push(std::slice::from_ref(&op)).await[..] else { panic!("one result") };
    assert!(result.replayed);
    assert_eq!(result.outcome, Outcome::Applied { v: 2, effects: vec![] });
    // The same id for something else, and by somebody else.
    let other = flyos::remote::wire::OpWire { set: fields(&[("status", "ACTIVE")]), ..op.clone() };
    assert_eq!(main.edit(other).await, Outcome::IdReused);
    let east = sign_in(&sandbox, EAST).await;
    assert_eq!(east.edit(op).await, Outcome::IdReused);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn edits_of_one_row_merge_or_clash_by_field() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let key = drone("drone-006");
    let (status, model) =
        (update(&sandbox, &key, &[("status", "STANDBY")]), update(&sandbox, &key, &[("model", "FlyOS_MQ9")]));
    let other = update(&sandbox, &key, &[("status", "OFFLINE")]);
    let same = update(&sandbox, &key, &[("status", "STANDBY"), ("model", "FlyOS_MQ5")]);
    assert!(matches!(main.edit(status).await, Outcome::Applied { v: 2, .. }));
    assert!(matches!(main.edit(model).await, Outcome::Applied { v: 3, .. }), "another field");
    let Outcome::Conflict { fields: clashes, v, by, at } = east.edit(other).await else {
        panic!("a conflict")
    };
    let clash = &clashes["status"];
    let texts = [&clash.base, &clash.mine, &clash.theirs].map(|value| value.as_deref().unwrap_or_default());
    assert_eq!((texts, v), (["ACTIVE", "OFFLINE", "STANDBY"], 3));
    assert_eq!(by.as_deref(), Some("MAIN_HQ"), "a commander does not see headquarters' names");
    assert!(at.is_some());
    let Outcome::Conflict { fields: clashes, .. } = main.edit(same).await else { panic!("a conflict") };
    assert_eq!(clashes.keys().collect::<Vec<_>>(), ["model"], "what is already so does not clash");
    let already = op(&key, OpKind::Update, fields(&[("status", "ACTIVE")]), fields(&[("status", "STANDBY")]));
    assert!(matches!(main.edit(already).await, Outcome::Noop { v: 3, .. }));
    // Mine is partly there already and partly new: merged.
    let base = fields(&[("status", "ACTIVE"), ("model", "FlyOS_MQ9")]);
    let both = op(&key, OpKind::Update, base, fields(&[("status", "STANDBY"), ("model", "FlyOS_MQ5")]));
    assert!(matches!(main.edit(both).await, Outcome::Merged { v: 4, .. }));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_group_is_in_whole_or_not_at_all() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let user = user_named(&sandbox, "j_alvarez");
    let group = Some(Uuid::now_v7());
    let in_group = |op| flyos::remote::wire::OpWire { group, ..op };
    let assign = in_group(insert(&Key::assignment(user, "drone-012"), &[]));
    let wrong = in_group(update(
        &sandbox,
        &drone("drone-012"),
        &[("operator_id", &user_named(&sandbox, "operator2").to_string())],
    ));
    let after = update(&sandbox, &drone("drone-012"), &[("status", "ACTIVE")]);
    let unrelated = update(&sandbox, &drone("drone-007"), &[("status", "ACTIVE")]);
    let depends = flyos::remote::wire::OpWire {
        deps: vec![wrong.id],
        ..update(&sandbox, &drone("drone-022"), &[("status", "ACTIVE")])
    };
    let ids = [assign.id, wrong.id, after.id, unrelated.id, depends.id];
    let ops = [assign.clone(), wrong.clone(), after, unrelated, depends];
    let results = main.push(&ops).await;
    assert_eq!(results.iter().map(|result| result.id).collect::<Vec<_>>(), ids, "in the order of the edits");
    let outcomes: Vec<_> = results.into_iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Blocked { op: wrong.id });
    let Outcome::Rejected { reason: Reason::Invalid, field, message } = &outcomes[1] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(field.as_deref(), Some("operator_id"));
    assert!(message.ends_with('.'));
    assert_eq!(outcomes[2], Outcome::Blocked { op: wrong.id }, "a later edit of the row waits");
    assert!(matches!(outcomes[3], Outcome::Applied { .. }), "an unrelated one does not");
    assert_eq!(outcomes[4], Outcome::Blocked { op: wrong.id });
    assert!(row(&sandbox, &Key::assignment(user, "drone-012")).is_none(), "nothing of the group is in");
    // Mended and sent again: what was blocked was not claimed.
    let right = update(&sandbox, &drone("drone-012"), &[("operator_id", &user.to_string())]);
    let again = main.push(&[assign, in_group(right)]).await;
    assert!(again.iter().all(|result| matches!(result.outcome, Outcome::Applied { .. }) && !result.replayed));
    // As it was, it fails as it did, from the record.
    let culprit = main.push(&[wrong]).await.swap_remove(0);
    assert!(culprit.replayed && matches!(culprit.outcome, Outcome::Rejected { .. }));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn inserts_meet_what_is_there() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let set = [("model", "FlyOS_MQ5"), ("status", "STANDBY")];
    let rejected = |outcome| match outcome {
        Outcome::Rejected { reason, field, .. } => (reason, field.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert!(matches!(main.edit(insert(&drone("drone-900"), &set)).await, Outcome::Applied { v: 1, .. }));
    let created = row(&sandbox, &drone("drone-900")).and_then(|row| row.get("created_at"));
    assert!(created.is_some(), "stamped by the server");
    assert!(matches!(main.edit(insert(&drone("drone-900"), &set)).await, Outcome::Noop { v: 1, .. }));
    let differs = insert(&drone("drone-900"), &[("model", "FlyOS_MQ7"), ("status", "STANDBY")]);
    assert_eq!(rejected(main.edit(differs).await), (Reason::Unique, "id".to_owned()));
    assert_eq!(
        rejected(main.edit(insert(&drone("DRONE-900"), &set)).await),
        (Reason::Unique, "id".to_owned())
    );
    let user = Key::user(Uuid::now_v7());
    let person = [
        ("username", "EAST_HQ"),
        ("full_name", "A Double"),
        ("email", "double@flyos.mil"),
        ("role", "OPERATOR"),
        ("status", "ACTIVE"),
    ];
    assert_eq!(rejected(main.edit(insert(&user, &person)).await), (Reason::Unique, "username".to_owned()));
    let server_owned = insert(
        &drone("drone-901"),
        &[("model", "FlyOS_MQ5"), ("status", "ACTIVE"), ("created_at", "2020-01-01T00:00:00+00:00")],
    );
    assert_eq!(rejected(main.edit(server_owned).await), (Reason::Invalid, "created_at".to_owned()));
    let nowhere = insert(
        &drone("drone-902"),
        &[("model", "FlyOS_MQ5"), ("status", "ACTIVE"), ("region_id", &Uuid::now_v7().to_string())],
    );
    assert_eq!(rejected(main.edit(nowhere).await), (Reason::Reference, "region_id".to_owned()));
    assert_eq!(rejected(east.edit(insert(&drone("drone-903"), &set)).await).0, Reason::Forbidden);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn what_is_not_theirs_is_forbidden_and_what_was_theirs_may_be_gone() {
    let sandbox = start().await;
    let (main, east) = (sign_in(&sandbox, MAIN).await, sign_in(&sandbox, EAST).await);
    let forbidden = |outcome| matches!(outcome, Outcome::Rejected { reason: Reason::Forbidden, .. });
    let western = update(&sandbox, &drone("drone-020"), &[("status", "OFFLINE")]);
    assert!(forbidden(east.edit(western.clone()).await), "of another region");
    let eastern = update(&sandbox, &drone("drone-009"), &[("status", "OFFLINE")]);
    let deletion = delete(&sandbox, &drone("drone-009"));
    assert!(forbidden(east.edit(update(&sandbox, &drone("drone-009"), &[("model", "FlyOS_MQ5")])).await));
    for id in ["drone-009", "drone-020"] {
        assert!(matches!(main.edit(delete(&sandbox, &drone(id))).await, Outcome::Applied { .. }));
    }
    assert_eq!(east.edit(eastern).await, Outcome::Gone);
    let western = flyos::remote::wire::OpWire { id: Uuid::now_v7(), ..western };
    assert!(forbidden(east.edit(western).await), "nobody learns of what they could not see");
    let nowhere = op(&drone("drone-999"), OpKind::Update, Fields::new(), fields(&[("status", "ACTIVE")]));
    assert!(forbidden(main.edit(nowhere).await), "there never was one");
    assert!(matches!(main.edit(deletion).await, Outcome::Noop { .. }), "gone already");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn calls_that_are_wrong_in_themselves() {
    let sandbox = start().await;
    let main = sign_in(&sandbox, MAIN).await;
    let one = update(&sandbox, &drone("drone-001"), &[("status", "OFFLINE")]);
    let mut mismatch = main.push_body(std::slice::from_ref(&one));
    mismatch["uid"] = Uuid::now_v7().to_string().into();
    let (status, body) = error_of(main.rpc("sync_push", &mismatch).await).await;
    assert_eq!(
        (status, body),
        (409, json!({"code": "PT409", "message": "auth_mismatch", "details": null, "hint": null}))
    );
    assert_eq!(
        row(&sandbox, &drone("drone-001")).and_then(|row| row.get("status")).as_deref(),
        Some("ACTIVE")
    );
    let many: Vec<_> =
        (0..51).map(|n| op(&drone(&format!("d{n}")), OpKind::Delete, Fields::new(), Fields::new())).collect();
    assert_eq!(code_of(main.rpc("sync_push", &main.push_body(&many)).await).await, (413, "PT413".to_owned()));
    let group = Some(Uuid::now_v7());
    let grouped = |n: usize| flyos::remote::wire::OpWire {
        group,
        ..op(&drone(&format!("d{n}")), OpKind::Delete, Fields::new(), Fields::new())
    };
    let large: Vec<_> = (0..1001).map(grouped).collect();
    assert_eq!(
        code_of(main.rpc("sync_push", &main.push_body(&large)).await).await,
        (413, "PT413".to_owned())
    );
    let long = vec![insert(&drone("d"), &[("model", &"x".repeat(1 << 20))])];
    assert_eq!(code_of(main.rpc("sync_push", &main.push_body(&long)).await).await, (413, "PT413".to_owned()));
    let apart = [grouped(1), one.clone(), grouped(2)];
    assert_eq!(
        code_of(main.rpc("sync_push", &main.push_body(&apart)).await).await,
        (400, "PT400".to_owned())
    );
    let mut odd = main.push_body(&[one]);
    odd["ops"][0]["k"] = "upsert".into();
    assert_eq!(code_of(main.rpc("sync_push", &odd).await).await, (400, "PT400".to_owned()));
    let made_up = json!({"cursor": {"epoch": "x"}, "limit_rows": 5, "limit_bytes": 100_000, "schema": 1});
    assert_eq!(code_of(main.rpc("sync_pull", &made_up).await).await, (400, "PT400".to_owned()));
    assert_eq!(
        code_of(main.rpc("sync_pull", &json!({"since": 1})).await).await,
        (404, "PGRST202".to_owned())
    );
    assert_eq!(code_of(main.rpc("sync_all", &json!({})).await).await, (404, "PGRST202".to_owned()));
    let old = json!({"cursor": null, "limit_rows": 5, "limit_bytes": 100_000, "schema": 0});
    assert_eq!(
        main.rpc("sync_pull", &old).await.json::<Json>().await.expect("JSON"),
        json!({"must": "schema_old"})
    );
    let url = format!("{}/rest/v1/rpc/sync_pull", main.url);
    let request = main.http.post(url).header("apikey", &main.key).bearer_auth(&main.token);
    assert_eq!(
        code_of(request.body("{").send().await.expect("an answer")).await,
        (400, "PGRST102".to_owned())
    );
    let huge = json!({"x": "y".repeat(5 << 20)});
    let refused = main.try_rpc("sync_push", &huge).await;
    assert!(refused.is_err() || refused.is_ok_and(|reply| reply.status() == StatusCode::PAYLOAD_TOO_LARGE));
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_change_of_role_changes_the_scopes() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, EAST).await;
    person.drain(2000).await;
    let key = Key::user(user_named(&sandbox, "east_hq"));
    let west = region_named(&sandbox, "Western").to_string();
    admin_update(&sandbox, &key, &[("region_id", &west)]);
    let PullReply::Scope { scope, .. } = person.pull_once(2000).await else { panic!("a change of scopes") };
    assert!(scope.added.contains(&format!("r:{west}")) && scope.removed.len() == 2 && scope.now.len() == 3);
    person.drain(5).await;
    person.assert_equals_truth(&sandbox);
    admin_update(&sandbox, &key, &[("role", "MAIN_HQ"), ("region_id", "")]);
    person.drain(5).await;
    person.assert_equals_truth(&sandbox);
    admin_update(&sandbox, &key, &[("role", "OPERATOR")]);
    person.drain(5).await;
    person.assert_equals_truth(&sandbox);
    assert_eq!(person.copy.len(), 1, "themselves alone");
    sandbox.shutdown().await;
}

#[tokio::test]
async fn forgotten_history_means_loading_anew() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, WEST).await;
    person.drain(2000).await;
    admin_update(&sandbox, &drone("drone-020"), &[("region_id", "")]);
    sandbox.forget_history();
    let PullReply::Must(must) = person.pull_once(10).await else { panic!("a word") };
    assert_eq!(must.why.as_deref(), Some("too_old"));
    person.drain(10).await;
    person.assert_equals_truth(&sandbox);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn digests_tell_what_the_copy_should_be() {
    let sandbox = start().await;
    let mut person = sign_in(&sandbox, OPERATOR1).await;
    person.drain(2000).await;
    let digest = person.rpc("sync_digest", &json!({"tables": ["drones", "profiles"]})).await;
    let digest: Json = digest.json().await.expect("a digest");
    let buckets = digest["drones"].as_object().expect("buckets");
    let counted: u64 = buckets.values().filter_map(|bucket| bucket[0].as_u64()).sum();
    assert_eq!(counted, person.copy.keys().filter(|key| key.kind == Kind::Drone).count() as u64);
    let me = user_named(&sandbox, "operator1").to_string();
    let (bucket, hash) = digest_of(&me, 1);
    assert_eq!(digest["profiles"], json!({bucket: [1, hash]}));
    sandbox.shutdown().await;
}

/// The bucket and the hash of one row, worked out anew.
fn digest_of(pk: &str, v: u64) -> (String, String) {
    use sha2::{Digest as _, Sha256};
    let bucket = Sha256::digest(pk)[0].to_string();
    let hash = Sha256::digest(format!("{pk}\u{1f}{v}"));
    let first: [u8; 8] = hash[..8].try_into().expect("eight bytes of 32");
    (bucket, i64::from_be_bytes(first).to_string())
}

#[tokio::test]
async fn everything_in_the_folder_survives_a_restart() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options { data: Some(folder.path().join("data")), ..Options::default() };
    let sandbox = start_with(options()).await;
    let mut person = sign_in(&sandbox, EAST).await;
    person.drain(2000).await;
    let edit = update(&sandbox, &drone("drone-012"), &[("status", "OFFLINE")]);
    assert!(matches!(person.edit(edit.clone()).await, Outcome::Applied { .. }));
    let gone = delete(&sandbox, &drone("drone-013"));
    sandbox
        .admin(&[Change::delete(&Record::from_fields(&drone("drone-013"), &gone.base).expect("a row"))])
        .expect("allowed");
    let before = sandbox.with_world(Clone::clone);
    let in_use = flyos::sandbox::Sandbox::start(options()).await.err().map(|error| error.to_string());
    assert!(in_use.expect("two servers in one folder").contains("in use"));
    sandbox.shutdown().await;
    // A torn last line is nothing that was ever answered for.
    let log = folder.path().join("data/sandbox.log");
    let mut bytes = std::fs::read(&log).expect("the log");
    bytes.extend(b"{\"transaction\":{\"next_");
    std::fs::write(&log, bytes).expect("the log");
    let sandbox = start_with(options()).await;
    assert!(sandbox.with_world(|world| *world == before));
    for file in std::fs::read_dir(folder.path().join("data")).expect("the folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is the owner's alone", file.path());
        let text = std::fs::read_to_string(file.path()).expect("text");
        assert!(!text.contains(sandbox.password()), "no password stands in {:?}", file.path());
    }
    assert_eq!(sandbox.publishable_key(), person.key);
    person.url = sandbox.url();
    let [result] = &person.push(&[edit]).await[..] else { panic!("one result") };
    assert!(result.replayed);
    let PullReply::Page(page) = person.pull_once(2000).await else { panic!("the cursor is still good") };
    assert!(page.changes.iter().any(|change| change.k == RowKind::Del && change.pk == "drone-013"));
    person.apply(&page);
    person.assert_equals_truth(&sandbox);
    let refreshed = token_call(&sandbox, "refresh_token", json!({"refresh_token": person.refresh})).await;
    assert_eq!(refreshed.status(), StatusCode::OK);
    sandbox.shutdown().await;
}

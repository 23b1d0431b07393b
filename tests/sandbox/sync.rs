//! What only the training server can be made to do: lose a reply, and be started again from its folder. The protocol
//! itself is tested against both servers, in `tests/server/twins/`.

use flyos::domain::{Change, Key, Record};
use flyos::remote::wire::{Outcome, PullReply, RowKind};
use flyos::sandbox::Options;
use reqwest::StatusCode;
use serde_json::json;

use crate::kit::*;

fn drone(id: &str) -> Key {
    Key::drone(id)
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
    sandbox.shutdown().await;
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
    let gone = delete_of(&row(&sandbox, &drone("drone-013")).expect("a drone"));
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
    sandbox.with_world(|world| person.assert_equals_truth(world));
    let refreshed = token_call(&sandbox, "refresh_token", json!({"refresh_token": person.refresh})).await;
    assert_eq!(refreshed.status(), StatusCode::OK);
    sandbox.shutdown().await;
}

//! Edits without a line: kept, sent later, carried in a file, in conflict and decided.

use std::path::Path;

use super::kit::{Field, MAIN, OPERATOR, private_file};

/// An edit that waits on the operator's machine while the server is away.
fn waiting() -> Field {
    let mut field = Field::new();
    field.json(OPERATOR, &["sync"]);
    field.stop_server();
    let set = field
        .by(OPERATOR, &["drones", "set", "drone-001", "--status", "MAINTENANCE", "--reason", "left engine"]);
    assert_eq!(set.code, 0, "{set:?}");
    assert!(set.out.ends_with("Saved here; it is sent when there is a line.\n"), "{set:?}");
    assert!(set.err.contains("not up to date: OFFLINE"), "{set:?}");
    let late =
        field.by(OPERATOR, &["drones", "set", "drone-002", "--status", "OFFLINE", "--wait", "1", "--json"]);
    late.badly(7);
    let listed = field.json(OPERATOR, &["outbox", "list"]);
    assert_eq!(listed["totalCount"], 1, "with --wait it began by waiting, and changed nothing: {listed}");
    assert_eq!(listed["edits"][0]["state"]["state"], "waiting");
    field
}

#[test]
fn a_saved_edit_goes_out_with_the_next_command() {
    let mut field = waiting();
    field.start_server();
    let synced = field.json(OPERATOR, &["sync"]);
    assert_eq!(synced["waiting"], 0);
    assert_eq!(field.server().row("drones", "drone-001")["status"], "MAINTENANCE");
    let runs = field.by(OPERATOR, &["sync", "runs"]);
    assert!(runs.out.starts_with("BEGAN"), "{runs:?}");
}

#[test]
fn a_conflict_is_shown_and_decided() {
    let mut field = waiting();
    field.start_server();
    let there = tempfile::tempdir().unwrap();
    let other = field.by_at(there.path(), MAIN, &["drones", "set", "drone-001", "--status", "OFFLINE"]);
    assert_eq!(other.code, 0, "{other:?}");
    let synced = field.by(OPERATOR, &["sync", "--json"]).badly(13);
    assert_eq!((&synced["waiting"], &synced["needsYou"]), (&0.into(), &1.into()));
    let listed = field.json(OPERATOR, &["conflicts", "list"]);
    let edit = listed["conflicts"][0]["edit"].to_string();
    let shown = field.by(OPERATOR, &["conflicts", "show", &edit]);
    for words in [
        "yours MAINTENANCE, theirs OFFLINE",
        "left engine",
        "resolve --mine, resolve --theirs, resolve --set COLUMN=VALUE, discard",
    ] {
        assert!(shown.out.contains(words), "{words}: {shown:?}");
    }
    let lines = field.by(OPERATOR, &["conflicts", "export"]);
    let line: serde_json::Value = serde_json::from_str(lines.out.trim()).unwrap();
    assert_eq!(line["reason"], "left engine");
    field.by(OPERATOR, &["conflicts", "resolve", &edit]).says(2, "--mine");
    field.by(OPERATOR, &["conflicts", "resolve", &edit, "--set", "status"]).says(2, "COLUMN=VALUE");
    field.by(OPERATOR, &["conflicts", "show", "999"]).says(4, "no edit 999");
    // What is not offered is refused, and the edit is as it was.
    let again = field.by(OPERATOR, &["conflicts", "resolve", &edit, "--create-again", "--json"]).badly(4);
    let message = again["message"].as_str().unwrap();
    assert!(message.contains("drone-001: status MAINTENANCE (was ACTIVE)"), "{again}");
    assert!(again["hints"][0].as_str().unwrap().starts_with("Open to it: send it again"), "{again}");
    let retried = field.by(OPERATOR, &["conflicts", "retry", &edit, "--json"]).badly(4);
    assert!(retried["message"].as_str().unwrap().contains("needs a decision"), "{retried}");
    for missing in [&["conflicts", "retry", "999"][..], &["conflicts", "export", &edit, "999"]] {
        let missing = field.by(OPERATOR, missing);
        missing.says(4, "no edit 999");
        assert_eq!(missing.out, "");
    }
    assert_eq!(field.by(OPERATOR, &["conflicts", "show", &edit]).out, shown.out, "as it was");
    let resolved = field.json(OPERATOR, &["conflicts", "resolve", &edit, "--set", "status=standby"]);
    assert_eq!(resolved["sent"], true, "{resolved}");
    assert_eq!(field.server().row("drones", "drone-001")["status"], "STANDBY");
    assert_eq!(field.json(OPERATOR, &["conflicts", "list"])["totalCount"], 0);
    field.by(OPERATOR, &["conflicts", "discard", &edit, "--yes"]).says(4, &format!("no edit {edit}"));
}

#[test]
fn an_edit_behind_one_that_needs_a_decision_is_not_waited_for() {
    let mut field = waiting();
    field.start_server();
    let there = tempfile::tempdir().unwrap();
    field.by_at(there.path(), MAIN, &["drones", "set", "drone-001", "--status", "OFFLINE"]).says(0, "");
    assert_eq!(field.by(OPERATOR, &["sync", "--json"]).badly(13)["needsYou"], 1);
    let set = ["drones", "set", "drone-001", "--status", "STANDBY"];
    let behind = field.by(OPERATOR, &set);
    assert_eq!(behind.code, 0, "{behind:?}");
    assert!(behind.out.contains("it waits behind an edit that needs a decision"), "{behind:?}");
    // All that can be sent is sent.
    let synced = field.by(OPERATOR, &["sync", "--json"]).badly(13);
    assert_eq!((&synced["waiting"], &synced["needsYou"]), (&1.into(), &1.into()));
    let other = field.json(OPERATOR, &["drones", "set", "drone-002", "--status", "OFFLINE"]);
    assert_eq!(other["sent"], true, "{other}");
    // Where it was to be sent in that time, that is an error, and beside it stands what was done.
    let late = ["drones", "set", "drone-001", "--status", "ACTIVE", "--wait", "5", "--json"];
    let told = field.by(OPERATOR, &late).badly(7);
    assert_eq!((&told["edits"], &told["sent"]), (&1.into(), &false.into()), "{told}");
    assert!(told["message"].as_str().unwrap().contains("saved here and was not sent in that time"), "{told}");
}

#[test]
fn a_sealed_file_carries_edits_to_another_machine() {
    let mut field = waiting();
    let (phrase, file) = (field.home.path().join("phrase"), field.home.path().join("edits.sealed"));
    private_file(Path::new(&phrase), "correct horse battery staple\n");
    let (phrase, file) = (phrase.to_str().unwrap().to_owned(), file.to_str().unwrap().to_owned());
    let export = ["outbox", "export", &file, "--passphrase-file", &phrase, "--json"];
    assert_eq!(field.by(OPERATOR, &export).well()["edits"], 1);
    let again = field.by(OPERATOR, &export).badly(2);
    assert!(again["message"].as_str().unwrap().contains("is not written over"), "{again}");
    field.start_server();
    let there = tempfile::tempdir().unwrap();
    let import = ["outbox", "import", &file, "--passphrase-file", &phrase, "--json"];
    let imported = field.by_at(there.path(), OPERATOR, &import).well();
    assert_eq!((&imported["author"], &imported["saved"]), (&"operator1".into(), &1.into()), "{imported}");
    assert_eq!(field.server().row("drones", "drone-001")["status"], "MAINTENANCE");
    private_file(Path::new(&phrase), "another horse battery staple\n");
    field.by_at(there.path(), OPERATOR, &import).badly(5);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = field.by_at(there.path(), OPERATOR, &import).badly(9);
    assert!(damaged["hints"][0].as_str().unwrap().starts_with("Copy it once more"), "{damaged}");
}

#[test]
fn what_is_lost_is_listed_before_anybody_says_that_they_have_seen_it() {
    let field = waiting();
    for status in ["STANDBY", "OFFLINE"] {
        field.by(OPERATOR, &["drones", "set", "drone-002", "--status", status]).says(0, "");
    }
    let accounts = field.home.path().join("data/accounts");
    let folder = std::fs::read_dir(accounts).unwrap().next().unwrap().unwrap().path();
    let segment = folder.join("journal/00000001.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    // Looking changes nothing: it is told again.
    let listed = field.json(OPERATOR, &["outbox", "lost"]);
    assert_eq!((&listed["totalCount"], &listed["seen"]), (&1.into(), &false.into()), "{listed}");
    let entry = format!("Entry {}", listed["lost"][0]["first"]);
    let told = field.by(OPERATOR, &["outbox", "lost"]);
    assert!(told.out.starts_with(&entry) && told.out.contains("With --seen"), "{told:?}");
    let seen = field.by(OPERATOR, &["outbox", "lost", "--seen"]);
    assert!(seen.out.starts_with(&entry) && seen.out.contains("you have seen 1 lost entry"), "{seen:?}");
    assert_eq!(field.by(OPERATOR, &["outbox", "lost"]).out, "Nothing is lost.\n");
}

#[test]
fn keys_that_are_damaged_open_by_what_is_left_of_them_or_what_is_lost_is_told() {
    let mut field = waiting();
    let accounts = field.home.path().join("data/accounts");
    let folder = std::fs::read_dir(accounts).unwrap().next().unwrap().unwrap().path();
    let files = ["account.toml", "account.copy"].map(|name| folder.join(name));
    let text = std::fs::read_to_string(&files[0]).unwrap();
    // No TOML any more, and without its owner; the password's copy of the key is whole.
    let broken = text.replacen("user_id = ", "user_id ~ ", 1);
    let damage = |text: &str| files.iter().for_each(|path| std::fs::write(path, text).unwrap());
    damage(&broken);
    assert_ne!(field.by(OPERATOR, &["sync"]).code, 0, "whose it is, the server has to say");
    field.start_server();
    let synced = field.by(OPERATOR, &["sync"]);
    assert_eq!(synced.code, 0, "{synced:?}");
    assert!(synced.err.contains("(account.toml) was found damaged"), "{synced:?}");
    assert_eq!(field.server().row("drones", "drone-001")["status"], "MAINTENANCE");

    field.stop_server();
    field.by(OPERATOR, &["drones", "set", "drone-001", "--status", "STANDBY"]);
    damage(&text.replace("sealed", "seal"));
    field.start_server();
    field.by(OPERATOR, &["sync"]).says(5, "is lost, unless account.toml is put back");
    assert_eq!(std::fs::read(folder.join("unsent")).unwrap(), b"1", "and nothing was changed");
}

//! What cron sees of an account that no console has open: exit codes, figures, and answers that say what they lack.

use serde_json::json;

use super::kit::{Field, MAIN, OPERATOR, private_file};

/// Two machines wrote the same field: one edit needs a decision on ours, where no console is open.
fn in_conflict() -> Field {
    let mut field = Field::new();
    field.json(OPERATOR, &["sync"]);
    field.stop_server();
    field.by(OPERATOR, &["drones", "set", "drone-001", "--status", "MAINTENANCE"]);
    field.start_server();
    let there = tempfile::tempdir().unwrap();
    field.by_at(there.path(), MAIN, &["drones", "set", "drone-001", "--status", "OFFLINE"]);
    field
}

fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn a_conflict_without_a_console_is_seen_by_whoever_watches() {
    let field = in_conflict();
    let synced = field.by(OPERATOR, &["sync", "--json"]).badly(13);
    assert_eq!((&synced["needsYou"], &synced["waiting"]), (&json!(1), &json!(0)), "{synced}");
    assert!(synced["message"].as_str().unwrap().starts_with("1 edit needs your decision"), "{synced}");
    field.by(OPERATOR, &["sync", "--wait", "5"]).says(13, "flyos conflicts list");
    // Without a password.
    let told = field.bare(&["metrics"]);
    assert_eq!(figure(&told.out, "flyos_outbox_needs_decision{"), Some(1.0), "{told:?}");
    assert_eq!(figure(&told.out, "flyos_outbox_edits{"), Some(0.0), "{told:?}");
    assert!(figure(&told.out, "flyos_last_sync_timestamp_seconds{").is_some_and(|at| at > 1e9), "{told:?}");
    assert!(figure(&told.out, "flyos_noted_timestamp_seconds{").is_some_and(|at| at > 1e9), "{told:?}");
    let sick = field.bare(&["doctor", "--json"]).badly(13);
    let about =
        sick["findings"].as_array().unwrap().iter().find(|found| found["health"] == "attention").unwrap();
    assert!(
        about["text"].as_str().unwrap().starts_with("1 edit needs a decision; 0 edits to be sent, last"),
        "{sick}"
    );
}

#[test]
fn an_edit_that_waits_without_a_console_grows_older_in_the_figures() {
    let mut field = Field::new();
    field.json(OPERATOR, &["sync"]);
    field.stop_server();
    field.by(OPERATOR, &["drones", "set", "drone-001", "--status", "MAINTENANCE"]);
    let age = || figure(&field.bare(&["metrics"]).out, "flyos_outbox_oldest_age_seconds{").unwrap();
    let first = age();
    assert!(first > 0.0);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(age() > first, "it is counted from when the edit was made");
    let told = field.bare(&["metrics"]);
    assert_eq!(figure(&told.out, "flyos_outbox_edits{"), Some(1.0), "{told:?}");
    // The server is dead, and nothing else is wrong.
    let dead = field.bare(&["doctor", "--json"]).badly(7);
    assert_eq!(dead["troubles"], 1, "{dead}");
    assert!(dead["findings"].to_string().contains("1 edit to be sent, the oldest of"), "{dead}");
    assert_eq!(field.bare(&["doctor", "--offline"]).code, 0);
    // What was read is not all, and scripts are told so as well.
    let read = field.json(OPERATOR, &["activity"]);
    assert_eq!(read["complete"], false, "{read}");
    assert!(read["missing"].as_str().unwrap().contains("It is not all: "), "{read}");
}

#[test]
fn answers_in_json_say_what_they_mean() {
    let field = Field::new();
    let missing = field.bare(&["conflicts", "discard", "--json"]).badly(2);
    assert!(missing["message"].as_str().unwrap().contains("<EDIT>"), "{missing}");
    let wrong = field.bare(&["users", "set", "x", "--role", "SUPER", "--json"]).badly(2);
    let message = wrong["message"].as_str().unwrap();
    assert!(
        message.contains("SUPER") && message.contains("[possible values: MAIN_HQ, REGIONAL_HQ, OPERATOR]"),
        "{wrong}"
    );
    let slip = field.bare(&["drones", "lst", "--json"]).badly(2);
    assert!(slip["hints"][0].as_str().unwrap().contains("'list'"), "{slip}");
    // A list has counts alone, one row all that belongs to it.
    let listed = field.json(MAIN, &["regions", "list"]);
    let region = &listed["regions"][0];
    assert!(region["droneCount"].as_u64().unwrap() > 0, "{region}");
    assert!(region.get("drones").is_none() && region.get("users").is_none(), "{region}");
    let shown = field.json(MAIN, &["regions", "show", region["id"].as_str().unwrap()]);
    assert_eq!(
        shown["region"]["drones"].as_array().unwrap().len() as u64,
        region["droneCount"].as_u64().unwrap()
    );
    assert_eq!(field.json(MAIN, &["activity"])["complete"], true);
}

#[test]
fn a_file_that_is_there_is_wrong_usage_whoever_would_write_it() {
    let field = Field::new();
    std::fs::write(field.home.path().join("taken.json"), "").unwrap();
    let words = "taken.json is there already, and is not written over.";
    field.bare(&["support-bundle", "taken.json"]).says(2, words);
    field.by(MAIN, &["export", "taken.json"]).says(2, words);
}

#[test]
fn a_trouble_and_its_cause_are_one_sentence() {
    let field = Field::new();
    let taken = field.bare(&["sandbox", "--listen", field.address()]);
    let words = format!("flyos: The training server cannot listen on {}: ", field.address());
    assert!(taken.err.starts_with(&words) && taken.err.ends_with(").\n"), "{taken:?}");
}

#[test]
fn a_file_with_a_secret_that_others_may_read_is_refused_everywhere_alike() {
    let field = Field::new();
    let path = field.home.path().join("secret");
    let file = private_file(&path, "correct horse battery\n");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    for args in [
        &["sign-in", "--email", MAIN, "--password-file", &file][..],
        &["users", "set-password", "operator1", "--new-password-file", &file],
        &["outbox", "export", "x.sealed", "--passphrase-file", &file],
        &["supabase", "verify", "--database-url-file", &file],
        &["accounts", "status", "--secret-key-file", &file],
    ] {
        let args = if args.contains(&"--new-password-file") || args.contains(&"--passphrase-file") {
            [args, &["--email", MAIN, "--password-stdin"]].concat()
        } else {
            args.to_vec()
        };
        let told = field.fed(&args, &format!("{}\n", super::common::PASSWORD));
        told.says(2, "Others may read ");
        told.says(2, "chmod 600");
    }
}

#[test]
fn the_log_has_what_was_wished_and_a_wish_that_cannot_be_read_is_told() {
    let field = Field::new();
    let state = field.home.path().join("state");
    let lines = |wish: &str| {
        for file in std::fs::read_dir(&state).into_iter().flatten() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
        assert_eq!(field.with_env(OPERATOR, &["sync"], "FLYOS_LOG", wish).code, 0, "{wish}");
        let files = std::fs::read_dir(&state).unwrap().map(|file| file.unwrap().path());
        let text = files.filter(|file| file.to_string_lossy().ends_with(".log")).map(std::fs::read_to_string);
        let text: String = text.collect::<Result<_, _>>().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    let of = |lines: &[serde_json::Value], ours: bool, level: &str| {
        let from = |line: &&serde_json::Value| line["target"].as_str().unwrap().starts_with("flyos") == ours;
        lines.iter().filter(from).filter(|line| line["level"] == level).count()
    };
    let told = lines("flyos=loud");
    assert!(told[0]["fields"]["message"].as_str().unwrap().contains("it is passed over"), "{told:?}");
    let told = lines("trace, flyos=warn");
    assert!(of(&told, false, "TRACE") > 0 && of(&told, true, "INFO") == 0, "{told:?}");
    let told = lines("flyos=info");
    assert!(of(&told, false, "TRACE") == 0 && of(&told, true, "INFO") > 0, "{told:?}");
    assert_eq!(lines("off"), [json!(null); 0]);
}

#[test]
fn an_answer_that_cannot_be_written_is_told_where_it_can_be() {
    let field = Field::new();
    for words in [&["config", "path"][..], &["config", "path", "--json"], &["drones", "show", "--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flyos"));
        command
            .args(words)
            .env_clear()
            .env("FLYOS_HOME", field.home.path())
            .stdin(std::process::Stdio::null());
        let output = command.stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let (code, why) = if words[0] == "drones" { (2, "<ID>") } else { (9, "could not be printed") };
        assert!(output.status.code() == Some(code) && told.contains(why), "{words:?} {told}");
    }
}

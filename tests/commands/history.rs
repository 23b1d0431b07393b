//! Who did what, by commands: that nothing is left out without a word, also of one row and of one that is gone; and two
//! things that scripts meet beside it, the keys in JSON and the unit by which systemd syncs.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use super::kit::{Field, MAIN};

/// More than the page of a row's history that is read at first.
const CHANGES: usize = 60;

/// How many lines there are, whether there are more, whether that is all.
fn told(answer: &Value) -> (usize, bool, bool) {
    let is = |name: &str| answer[name].as_bool().unwrap();
    (answer["activity"].as_array().unwrap().len(), is("more"), is("complete"))
}

#[test]
fn nothing_is_left_out_without_a_word() {
    let field = Field::new();
    let mut console = field.console(MAIN);
    for turn in 0..=CHANGES / 2 {
        let (model, status) = [("FlyOS_MQ5", "OFFLINE"), ("FlyOS_MQ9", "STANDBY")][turn % 2];
        field
            .bare(&[
                "drones",
                "set",
                "drone-001",
                "--model",
                model,
                "--status",
                status,
                "--wait",
                "30",
                "--json",
            ])
            .well();
    }
    // A row's history is read to its end as well, beside an open console and alone.
    let ask = ["activity", "--drone", "drone-001", "--limit", "10000"];
    let beside = field.bare(&[&ask[..], &["--json"]].concat()).well();
    console.send("\x11");
    assert_eq!(console.ended(), 0);
    let row = field.json(MAIN, &ask);
    let (lines, more, complete) = told(&row);
    assert!(lines >= CHANGES, "{lines}");
    assert_eq!((more, complete), (false, true), "{}", row["missing"]);
    assert_eq!(told(&beside), (lines, false, true), "{}", beside["missing"]);
    let ids = row["activity"].as_array().unwrap().iter().map(|line| line["id"].as_i64().unwrap());
    let ids: Vec<i64> = ids.collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first, and none twice");
    let some = field.json(MAIN, &["activity", "--drone", "drone-001", "--limit", "55"]);
    assert_eq!(told(&some), (55, true, false));

    let few = field.json(MAIN, &["activity", "--limit", "2"]);
    assert_eq!(told(&few), (2, true, false), "{few}");
    let words = few["missing"].as_str().unwrap();
    assert!(words.contains("older lines") && words.contains("--limit"), "{words}");
    field.by(MAIN, &["activity", "--limit", "2"]).says(0, words);
    let all = field.json(MAIN, &["activity", "--limit", "10000"]);
    assert_eq!((told(&all).1, told(&all).2, &all["missing"]), (false, true, &Value::Null), "{all}");
}

#[test]
fn the_history_of_what_was_deleted_is_asked_for_by_its_id() {
    let field = Field::new();
    let person =
        ["--username", "pia_l", "--full-name", "Pia", "--mail", "pia@flyos.mil", "--role", "OPERATOR"];
    field.json(MAIN, &[&["users", "create"], &person[..], &["--region", "Eastern"]].concat());
    field.json(MAIN, &["regions", "create", "--name", "Far", "--area", "North", "--commander", "Kim"]);
    for (things, flag, name) in [("users", "--user", "pia_l"), ("regions", "--region", "Far")] {
        field.json(MAIN, &[things, "delete", name, "--yes"]);
        let refused = field.by(MAIN, &["activity", flag, name, "--json"]).badly(4);
        let hint = refused["hints"][0].as_str().unwrap_or_default();
        assert!(hint.contains("by its id") && hint.contains("flyos activity --json"), "{refused}");
        // As the hint says: the id stands there.
        let all = field.json(MAIN, &["activity", "--limit", "100"]);
        let gone = all["activity"].as_array().unwrap().iter().find(|line| {
            line["what"] == "deleted" && line["label"].as_str().is_some_and(|label| label.contains(name))
        });
        let id = gone.unwrap_or_else(|| panic!("{all}"))["key"]["pk"].as_str().unwrap();
        let history = field.json(MAIN, &["activity", flag, id]);
        assert_eq!(history["activity"][0]["what"], "deleted", "{history}");
        let upper = field.json(MAIN, &["activity", flag, &id.to_uppercase()]);
        assert_eq!(upper["activity"], history["activity"]);
    }
}

#[test]
fn the_keys_in_json_are_an_answer_like_any_other() {
    let told = Field::new().bare(&["keys", "--json"]);
    assert!(told.out.starts_with(r#"{"success":true,"#), "{}", &told.out[..80]);
    assert_eq!(told.out.lines().count(), 1);
    let answer = told.well();
    assert_eq!(answer["totalCount"], answer["keys"].as_array().unwrap().len());
}

/// systemd starts it with a path of its own, on which `~/.cargo/bin` is not.
#[test]
fn the_unit_finds_the_program_where_it_is_installed() {
    let unit = include_str!("../../config/systemd/flyos-sync.service");
    let of = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let home = tempfile::tempdir().unwrap();
    let path = of("Environment=PATH=").replace("%h", home.path().to_str().unwrap());
    let words: Vec<&str> = of("ExecStart=").split(' ').collect();
    for folder in [".cargo/bin", ".local/bin"] {
        let folder = home.path().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("flyos");
        std::fs::write(&program, "#!/bin/sh\necho \"$0 $*\"\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let told = Command::new(words[0]).args(&words[1..]).env_clear().env("PATH", &path).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert_eq!(told, format!("{} sync --wait 300\n", program.display()), "{path}");
        std::fs::remove_file(&program).unwrap();
    }
    for folder in ["/usr/local/bin", "/usr/bin", "/bin"] {
        assert!(path.split(':').any(|known| known == folder), "{path}");
    }
}

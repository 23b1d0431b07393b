//! Nothing that can be done or asked is left without a way: each has a command, or a screen and the reason why it has no
//! command. A new one does not compile here until that is decided.

use std::process::Command;

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{
    Action, CopyQuery, Decision, ErrorKind, ListQuery, Query, RowsQuery, Sessions, StoredQuery, Traffic,
    Verb, columns,
};

use super::common::FLYOS;

enum Way {
    By(&'static [&'static str]),
    Screen { why: &'static str },
}

use Way::{By, Screen};

fn of_action(action: &Action) -> Way {
    match action {
        Action::Edit { .. } | Action::Bulk { .. } => By(&["drones set", "users create", "regions delete"]),
        Action::Rehearse { .. } => Screen {
            why: "it shows what many edits would come to; a command says --together, and all or none is done",
        },
        Action::AcknowledgeLost => By(&["outbox lost"]),
        Action::Machines => By(&["devices list"]),
        Action::EraseMachine { .. } => By(&["devices erase"]),
        Action::Accounts { .. } => By(&["accounts status", "accounts sync", "accounts preservation-report"]),
        Action::MoreActivity | Action::MoreHistory { .. } => By(&["activity"]),
        Action::ReadTaste | Action::KeepTaste { .. } => {
            Screen { why: "it is how this person's lists look; a command says its columns and its order" }
        }
        Action::Undo | Action::Redo => {
            Screen { why: "what was done last is remembered by a session, and a command's is over at once" }
        }
        Action::Freeze => By(&["backup"]),
        Action::LoadInitial => Screen { why: "it is offered once, to who looks at an empty project" },
        Action::Settle { .. } => By(&["conflicts resolve", "conflicts discard"]),
        Action::SettleHeld { .. } => By(&["outbox held"]),
        Action::SyncNow => By(&["sync"]),
        Action::Verify => By(&["sync verify", "sync heal"]),
        Action::Reload => By(&["sync resync"]),
        Action::Retry { .. } => By(&["conflicts retry"]),
        Action::SetTraffic { .. } => By(&["sync traffic"]),
        Action::SignOut | Action::EndSessions { .. } => By(&["sign-out"]),
        Action::Erase => By(&["wipe"]),
        Action::Lock => By(&["lock"]),
        Action::RemoveWords => Screen { why: "recovery words are made, shown and taken away at the screen" },
        Action::AddProject { .. } => Screen { why: "scripts write config.toml or set the environment" },
        Action::TrainingLine { .. } => Screen { why: "the demo has no other front than its console" },
    }
}

fn of_query(query: &Query) -> Way {
    match query {
        Query::Keys { .. } => Screen { why: "it marks many rows at once; a command names its rows" },
        Query::Stored(_) => By(&["export", "import"]),
        Query::Copy(_) => By(&["backup"]),
        Query::Find { .. } | Query::Complete { .. } => {
            Screen { why: "it helps who types; a command is told the whole name" }
        }
        Query::Overview => {
            Screen { why: "its figures are lists' counts: --filter says which, --json has totalCount" }
        }
        Query::Activity | Query::History { .. } => By(&["activity"]),
        Query::Lost => By(&["outbox lost"]),
        Query::Metrics => By(&["metrics"]),
        Query::List(_) | Query::Rows(_) => By(&["users list", "regions list", "drones list"]),
        Query::Show { .. } | Query::Row { .. } => By(&["users show", "regions show", "drones show"]),
        Query::Status => By(&["status"]),
        Query::Verbs { .. } => Screen { why: "it makes menus; a command is refused with the reason" },
        Query::Choices { .. } | Query::ChoicesFor { .. } => {
            Screen { why: "it fills pickers; shells complete the values, lists tell the names" }
        }
        Query::Locked { .. } => {
            Screen { why: "it closes fields of a form; a command is refused with the reason" }
        }
        Query::Consequences { .. } => By(&["drones delete"]),
        Query::Outbox => By(&["outbox list"]),
        Query::Runs => By(&["sync runs"]),
        Query::Cards => By(&["conflicts list", "conflicts show"]),
        Query::Aside => {
            Screen { why: "what is kept aside comes back by an older password, typed at the screen" }
        }
        Query::Ways => Screen { why: "it is about the recovery words, which are the screen's" },
        Query::Export { .. } => By(&["conflicts export"]),
    }
}

fn actions() -> Vec<Action> {
    let intent = Intent::Delete { key: Key::drone("x") };
    vec![
        Action::Edit { intent: intent.clone(), reason: None, seen: Fields::new() },
        Action::Bulk { intents: vec![intent], reason: None, together: true, deed: None },
        Action::Rehearse { intents: Vec::new() },
        Action::AcknowledgeLost,
        Action::MoreActivity,
        Action::MoreHistory { key: Key::drone("x") },
        Action::ReadTaste,
        Action::Machines,
        Action::EraseMachine { user: uuid::Uuid::nil(), device: uuid::Uuid::nil() },
        Action::Accounts { who: Vec::new() },
        Action::Undo,
        Action::Redo,
        Action::Freeze,
        Action::LoadInitial,
        Action::Settle { edit: 1, decision: Decision::Mine },
        Action::SettleHeld { send: true },
        Action::SyncNow,
        Action::Verify,
        Action::Reload,
        Action::Retry { edit: 1 },
        Action::SetTraffic { traffic: Traffic::Held },
        Action::SignOut,
        Action::EndSessions { sessions: Sessions::Here },
        Action::Erase,
        Action::Lock,
        Action::RemoveWords,
        Action::AddProject { name: String::new(), url: String::new(), key: String::new() },
        Action::TrainingLine { up: true },
    ]
}

fn queries() -> Vec<Query> {
    let (kind, key) = (Kind::Drone, Key::drone("x"));
    let (filter, sort) = (String::new(), columns(kind)[0].to_owned());
    let list = ListQuery { kind, filter, sort, descending: false, offset: 0, limit: 1 };
    vec![
        Query::List(list.clone()),
        Query::Keys { list: list.clone(), between: None },
        Query::Stored(StoredQuery { kind, filter: String::new(), after: None }),
        Query::Copy(CopyQuery::default()),
        Query::Metrics,
        Query::Find { text: String::new() },
        Query::Complete { kind, filter: String::new() },
        Query::Overview,
        Query::Activity,
        Query::History { key: key.clone() },
        Query::Lost,
        Query::Rows(RowsQuery { list, exact: Fields::new() }),
        Query::Row { kind, name: "x".to_owned() },
        Query::Show { key: key.clone() },
        Query::Status,
        Query::Verbs { kind, key: None },
        Query::Choices { kind, field: "status".to_owned(), key: None },
        Query::ChoicesFor { verb: Verb::SetStatus, keys: Vec::new() },
        Query::Locked { keys: Vec::new() },
        Query::Consequences { intent: Intent::Delete { key } },
        Query::Outbox,
        Query::Runs,
        Query::Cards,
        Query::Aside,
        Query::Ways,
        Query::Export { edits: Vec::new() },
    ]
}

fn run(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(FLYOS).args(args).env_clear().output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn each_action_and_query_has_a_command_or_a_reason() {
    let ways = actions().iter().map(of_action).chain(queries().iter().map(of_query)).collect::<Vec<_>>();
    let mut seen = std::collections::BTreeSet::new();
    for way in ways {
        match way {
            Screen { why } => assert!(why.len() > 20, "a reason is a sentence: {why}"),
            By(commands) => seen.extend(commands.iter().copied()),
        }
    }
    for command in seen {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (code, help) = run(&words);
        assert_eq!(code, Some(0), "{command}");
        let shown = ["Example: flyos", "Examples:\n  flyos"].iter().any(|example| help.contains(example));
        assert!(shown, "{command} has an example: {help}");
    }
}

#[test]
fn exit_codes_are_one_table_everywhere() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, help) = run(&["--help"]);
    for kind in ErrorKind::ALL {
        let (code, meaning) = (kind.exit_code(), kind.meaning());
        assert!(help.contains(&format!("{code:4}  {meaning}")), "{help}");
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "{code}: {meaning}");
    }
}

#[test]
fn shells_complete_and_pages_are_written() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = run(&["completions", shell]);
        assert_eq!(code, Some(0));
        assert!(script.contains("conflicts") && script.contains("FlyOS_MQ7"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (code, _) = run(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(0));
    let page = std::fs::read_to_string(folder.path().join("flyos-drones-set.1")).unwrap();
    assert!(page.contains("Example"), "{page}");
    assert!(run(&["man"]).1.contains("flyos"));
}

#[test]
fn whoever_has_read_enough_hangs_up_and_what_cannot_be_written_is_the_disks() {
    let folder = tempfile::tempdir().unwrap();
    let shell = |words: &str| {
        let script = format!("set -o pipefail; {FLYOS} {words}");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("FLYOS_HOME", folder.path());
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    for words in ["completions bash", "man", "keys", "supabase sql", "config show"] {
        assert_eq!(shell(&format!("{words} | head -c1 >/dev/null")), (0, String::new()), "{words}");
        let (code, told) = shell(&format!("{words} >/dev/full"));
        assert_eq!((code, told.contains("could not be printed")), (9, true), "{words}: {told}");
    }
    assert_eq!(shell("man /proc/pages").0, 9);
}

#[test]
fn the_configuration_is_shown_and_checked() {
    let home = tempfile::tempdir().unwrap();
    let flyos = |args: &[&str]| {
        let output =
            Command::new(FLYOS).args(args).env_clear().env("FLYOS_HOME", home.path()).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (_, path, _) = flyos(&["config", "path"]);
    let path = std::path::Path::new(path.trim());
    assert_eq!(path, home.path().join("config/config.toml"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = "lease_days = 3\n[projects.field]\nurl = \"https://abc.supabase.co\"\nkey = \"sb_publishable_secretly\"\naccounts = [\"east@flyos.mil\"]\n";
    std::fs::write(path, text).unwrap();
    let (code, shown, _) = flyos(&["config", "show", "--json"]);
    assert_eq!(code, Some(0));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["leaseDays"], &shown["projects"][0]["name"]), (&3.into(), &"field".into()));
    assert!(!shown.to_string().contains("secretly"), "of keys nothing");
    assert!(flyos(&["config", "show"]).1.contains("https://abc.supabase.co"));
    assert_eq!(flyos(&["config", "check"]).0, Some(0));
    // Each project that cannot be used, with file and reason; and the list does not pass it off as sound.
    let wrong = format!(
        "{text}[projects.a]\nurl = \"https://abc.supabase.co\"\nkey = \"sb_secret_x\"\n[projects.b]\nurl = \
                         \"http://abc.supabase.co\"\nkey = \"sb_publishable_x\"\n"
    );
    std::fs::write(path, wrong).unwrap();
    let (code, _, told) = flyos(&["config", "check"]);
    assert_eq!(code, Some(6));
    for (name, why) in [("a", "This is a secret key"), ("b", "https")] {
        let line = told.lines().find(|line| line.contains(&format!("config.toml: project {name}: ")));
        assert!(line.is_some_and(|line| line.contains(why)), "{name}: {told}");
    }
    assert!(!told.contains("project field"), "{told}");
    let (_, shown, _) = flyos(&["config", "show"]);
    assert_eq!(shown.matches("cannot be used: ").count(), 2, "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("read_only") && line.ends_with("false")), "{shown}");
    std::fs::write(path, "lease_days = 3\n[projects.field\n").unwrap();
    assert!(flyos(&["config", "check"]).2.contains("cannot be used: line 2: "));
    std::fs::write(path, "lease_days = 999\n").unwrap();
    let (code, _, told) = flyos(&["config", "check"]);
    assert_eq!(code, Some(6));
    assert!(told.contains("lease_days is 1 to 365"), "{told}");
}

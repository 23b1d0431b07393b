//! Users, regions and drones by commands: what they list and change, alone and beside an open console.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::kit::{EAST, Field, MAIN, OPERATOR};

#[test]
fn lists_are_filtered_sorted_and_paged() {
    let field = Field::new();
    let page = field.json(MAIN, &["drones", "list", "--limit", "5", "--page", "2"]);
    assert_eq!(page["drones"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&page["totalCount"], &page["pages"], &page["currentPage"]),
        (&32.into(), &7.into(), &2.into())
    );
    assert!(page["asOf"].as_str().unwrap().ends_with("+00:00"), "{page}");
    let all = field.json(MAIN, &["drones", "list", "--all", "--sort", "status", "--descending"]);
    let drones = all["drones"].as_array().unwrap();
    assert_eq!((drones.len(), &all["pages"]), (32, &1.into()));
    let statuses: Vec<&str> = drones.iter().map(|drone| drone["status"].as_str().unwrap()).collect();
    assert!(statuses.is_sorted_by(|a, b| a >= b), "{statuses:?}");

    // Exactly that, while a word of the filter finds it inside others as well.
    let active = field.json(MAIN, &["users", "list", "--status", "active", "--all"]);
    let loose = field.json(MAIN, &["users", "list", "--filter", "active", "--all"]);
    assert!(active["totalCount"].as_u64() < loose["totalCount"].as_u64(), "{active} {loose}");
    assert!(active["users"].as_array().unwrap().iter().all(|user| user["status"] == "ACTIVE"));
    let held = field.json(MAIN, &["drones", "list", "--operator", "operator1", "--region", "EASTERN"]);
    let drone = &held["drones"][0];
    assert_eq!((&drone["id"], &drone["region"]["name"]), (&"drone-001".into(), &"Eastern".into()));
    assert_eq!(drone["operator"]["username"], "operator1");
    assert_eq!(drone["operatorId"], drone["assignedUsers"][0]["id"]);
    let none = field.json(MAIN, &["drones", "list", "--operator", "-", "--region", "-"]);
    assert!(none["drones"].as_array().unwrap().iter().all(|drone| drone["regionId"] == Value::Null));

    field.by(MAIN, &["drones", "list", "--limit", "101"]).says(2, "1..=100");
    field.by(MAIN, &["drones", "list", "--sort", "colour"]).says(2, "Columns: id, model");
    field.by(MAIN, &["drones", "list", "--filter", &"x".repeat(201)]).says(2, "at most 200");
    field.by(MAIN, &["drones", "list", "--region", "nowhere"]).says(4, "no region nowhere");
}

#[test]
fn people_read_a_table_and_scripts_the_rest() {
    let field = Field::new();
    let list = field.by(EAST, &["regions", "list"]);
    let lines: Vec<&str> = list.out.lines().collect();
    assert_eq!(lines.len(), 2, "{list:?}");
    let heads: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(heads, ["NAME", "AREA", "COMMANDER_NAME", "STATUS", "USERS", "DRONES", "CHANGED"]);
    for (head, cell) in [("AREA", "Atlantic"), ("COMMANDER_NAME", "Col. Sarah Mitchell"), ("USERS", "8 ")] {
        assert_eq!(lines[0].find(head), lines[1].find(cell), "{list:?}");
    }
    assert_eq!(list.err, "flyos: 1 of 1 regions, page 1 of 1\n");
    assert!(!list.out.contains('\u{1b}'), "no colours in a pipe");
    let shown = field.by(EAST, &["drones", "show", "DRONE-001"]);
    assert!(
        shown.out.starts_with("drone     drone-001\nid        drone-001\nmodel     FlyOS_MQ5\n"),
        "{shown:?}"
    );
    let region = field.json(MAIN, &["regions", "show", "eastern"])["region"].clone();
    assert_eq!((&region["userCount"], &region["droneCount"]), (&8.into(), &14.into()));
    assert_eq!(region["users"].as_array().unwrap().len(), 8);
    let user = field.json(MAIN, &["users", "show", "operator1@flyos.mil"])["user"].clone();
    assert_eq!((&user["username"], &user["droneCount"]), (&"operator1".into(), &6.into()));
    assert_eq!(user["assignedDrones"][0], "drone-001");
}

/// Waits until the drone is as the server has it; whether it was in that answer, as it is where the machine is not busy.
fn comes_back(set: &Value, show: impl Fn() -> Value) -> bool {
    assert!(set["drone"].is_object(), "{set}");
    let at_once = set["drone"]["unsent"].is_null();
    let end = Instant::now() + Duration::from_secs(30);
    while !at_once && !show()["drone"]["unsent"].is_null() {
        assert!(Instant::now() < end, "it does not come back: {set}");
    }
    at_once
}

#[test]
fn everybody_sees_and_changes_what_their_role_allows() {
    let field = Field::new();
    assert_eq!(field.json(OPERATOR, &["users", "list"])["totalCount"], 1);
    assert_eq!(field.json(EAST, &["regions", "list"])["totalCount"], 1);
    let own = field.json(OPERATOR, &["drones", "set", "drone-001", "--status", "maintenance"]);
    assert_eq!((&own["drone"]["status"], &own["sent"]), (&"MAINTENANCE".into(), &true.into()));
    comes_back(&own, || field.json(OPERATOR, &["drones", "show", "drone-001"]));
    let same =
        field.json(OPERATOR, &["drones", "set", "drone-001", "--status", "maintenance", "--wait", "30"]);
    assert_eq!((&same["edits"], &same["sent"]), (&0.into(), &false.into()), "it is so already: {same}");
    let denied = field.by(OPERATOR, &["drones", "create", "drone-900", "--model", "FlyOS_MQ7", "--json"]);
    assert_eq!(denied.badly(3)["error"], "denied");
    field.by(OPERATOR, &["drones", "set", "drone-015", "--status", "OFFLINE"]).says(4, "no drone drone-015");
    // One of two: what was done is told beside what was not.
    let partly =
        field.by(OPERATOR, &["drones", "set", "drone-001", "nope", "--status", "ACTIVE", "--yes", "--json"]);
    let told = partly.badly(4);
    assert_eq!((&told["edits"], &told["sent"]), (&1.into(), &true.into()), "{told}");
    assert_eq!(told["message"], "1 of 2 saved.");
    assert_eq!(field.server().row("drones", "drone-001")["status"], "ACTIVE");
    field.by(EAST, &["regions", "set", "Eastern", "--area", "x"]).says(3, "");
    field.by(EAST, &["drones", "set", "drone-001"]).says(2, "not said what to set");
    field.by(MAIN, &["users", "create", "--username", "x", "--json"]).badly(4);
}

#[test]
fn what_the_console_would_ask_about_wants_a_word() {
    let field = Field::new();
    let asked = field.by(MAIN, &["drones", "delete", "drone-001", "--json"]).badly(2);
    assert_eq!(asked["hints"][0], "drone-001: Its 1 assignment goes with it.");
    let moved = field.by(MAIN, &["drones", "set", "drone-001", "--region", "Western", "--json"]).badly(2);
    assert!(moved["hints"][0].as_str().unwrap().contains("loses drone-001"), "{moved}");
    assert_eq!(
        field.server().row("drones", "drone-001")["region_id"],
        "0194a3c0-0000-7000-8000-000000000001"
    );
    field.json(MAIN, &["drones", "set", "drone-001", "--region", "Western", "--yes"]);
    field.json(MAIN, &["drones", "delete", "drone-001", "--yes", "--reason", "lost at sea"]);
    assert_eq!(field.server().row("drones", "drone-001"), Value::Null);
}

#[test]
fn several_at_once_stand_for_themselves_or_go_together() {
    let field = Field::new();
    let set =
        field.json(MAIN, &["drones", "set", "drone-002", "drone-003", "--status", "OFFLINE", "--together"]);
    assert_eq!(set["message"], "2 of 2 saved.");
    assert_eq!(set["drones"].as_array().unwrap().len(), 2);
    // In another region: an operator of the East does not fit.
    let west = field.json(MAIN, &["drones", "list", "--region", "Western", "--limit", "1"]);
    let west = west["drones"][0]["id"].as_str().unwrap().to_owned();
    let assign = ["drones", "assign", "drone-004", &west, "--to", "operator1"];
    let together = field.by(MAIN, &[&assign[..], &["--together", "--json"]].concat()).badly(4);
    assert_eq!(together["message"], "1 of 2 cannot be done, so nothing was changed.");
    let each = field.by(MAIN, &[&assign[..], &["--json"]].concat()).badly(4);
    assert_eq!(each["message"], "1 of 2 saved.");
    assert!(each["hints"][0].as_str().unwrap().starts_with(&west), "{each}");
    let shown = field.json(MAIN, &["drones", "show", "drone-004"]);
    assert_eq!(shown["drone"]["operator"]["username"], "operator1");
    field.json(MAIN, &["drones", "unassign", "drone-004", "--from", "operator1", "--yes"]);
    let shown = field.json(MAIN, &["drones", "show", "drone-004"]);
    assert_eq!(shown["drone"]["operator"], Value::Null);
    let again =
        field.by(MAIN, &["drones", "unassign", "drone-004", "--from", "operator1", "--json"]).badly(4);
    assert_eq!(again["message"], "drone-004 is not assigned to operator1.");
    // One that is not there: of those that go together none is done, of several the others are.
    let set = ["drones", "set", "drone-none", "drone-005", "--status", "OFFLINE"];
    let none = "There is no drone drone-none here that you may see.";
    field.by(MAIN, &[&set[..], &["--together"]].concat()).says(4, none);
    assert_ne!(field.server().row("drones", "drone-005")["status"], "OFFLINE");
    let each = field.by(MAIN, &[&set[..], &["--json"]].concat()).badly(4);
    assert_eq!(each["message"], "1 of 2 saved.");
    assert_eq!(each["hints"], json!([format!("drone-none: {none}")]));
    assert_eq!(field.server().row("drones", "drone-005")["status"], "OFFLINE");
    let nobody = field.by(MAIN, &["users", "delete", "nobody", "no_one", "--yes", "--json"]).badly(4);
    assert_eq!((&nobody["message"], nobody["hints"].as_array().unwrap().len()), (&"0 of 2 saved.".into(), 2));
}

#[test]
fn what_others_changed_since_is_told_on_the_screen_and_not_by_commands() {
    let field = Field::new();
    field.json(EAST, &["sync"]);
    let there = tempfile::tempdir().unwrap();
    field.by_at(there.path(), MAIN, &["drones", "set", "drone-001", "--status", "OFFLINE"]).says(0, "");
    let synced = field.by(EAST, &["sync", "--wait", "30"]);
    assert_eq!((synced.code, synced.err.as_str()), (0, ""), "{synced:?}");
}

#[test]
fn beside_an_open_console_a_change_waits_for_the_servers_word_as_it_does_alone() {
    let mut field = Field::new();
    let mut console = field.console(EAST);
    let mut at_once = 0;
    for status in ["OFFLINE", "STANDBY", "MAINTENANCE", "ACTIVE", "STANDBY", "OFFLINE"] {
        let set = field.bare(&["drones", "set", "drone-001", "--status", status, "--json"]).well();
        assert_eq!(set["sent"], json!(true), "{status}: {set}");
        at_once +=
            usize::from(comes_back(&set, || field.bare(&["drones", "show", "drone-001", "--json"]).well()));
        assert_eq!(field.server().row("drones", "drone-001")["status"], status);
    }
    assert!(at_once > 0, "it never waits for what comes of it");
    let set = field.bare(&["drones", "set", "drone-001", "--status", "ACTIVE"]);
    assert!(set.out.ends_with(" Sent.\n"), "{set:?}");
    // A line that is held sends when its owner says so, and one that is away when it is back.
    let saved = |field: &Field, status: &str| {
        let began = Instant::now();
        let set = field.bare(&["drones", "set", "drone-001", "--status", status]);
        assert_eq!(set.code, 0, "{set:?}");
        assert!(set.out.ends_with("Saved here; it is sent when there is a line.\n"), "{set:?}");
        began.elapsed()
    };
    field.bare(&["sync", "traffic", "held"]).says(0, "");
    assert!(saved(&field, "STANDBY").as_secs() < 8, "it is not waited for");
    field.bare(&["drones", "set", "drone-001", "--status", "OFFLINE", "--wait", "1"]).says(7, "in that time");
    field.bare(&["sync", "traffic", "normal"]).says(0, "");
    field.bare(&["sync", "--wait", "30"]).says(0, "");
    field.stop_server();
    saved(&field, "STANDBY");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

#[test]
fn beside_an_open_console_it_is_the_same() {
    let field = Field::new();
    let alone = field.json(EAST, &["drones", "list", "--all"]);
    let mut console = field.console(EAST);
    let beside = field.bare(&["drones", "list", "--all", "--json"]).well();
    assert_eq!(alone["drones"], beside["drones"]);
    let set = field.bare(&["drones", "set", "drone-001", "--status", "OFFLINE", "--json"]).well();
    assert_eq!(set["sent"], json!(true), "{set}");
    console.wait("the edit", |screen| {
        screen.lines().any(|line| line.contains("drone-001") && line.contains("OFFLINE"))
    });
    assert_eq!(field.server().row("drones", "drone-001")["status"], "OFFLINE");
    field.bare(&["users", "create", "--username", "abc", "--json"]).badly(3);
    field.bare(&["sync", "traffic", "held"]).says(0, "");
    console.expect("HELD");
    field.bare(&["sync", "verify", "--json"]).well();
    field.bare(&["outbox", "export", "x.sealed", "--passphrase-file", "/nowhere"]).says(2, "/nowhere");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
    field.by(EAST, &["sync", "traffic", "held"]).says(12, "No console is open");
}

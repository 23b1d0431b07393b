//! People's machines by commands: listed by who may see them, and a lost one erased.

use super::kit::{EAST, Field, MAIN, OPERATOR};

#[test]
fn machines_are_listed_and_a_lost_one_is_erased() {
    let mut field = Field::new();
    let lost = tempfile::tempdir().unwrap();
    // A device tells of itself with what it sends.
    let set = ["drones", "set", "drone-001", "--status", "MAINTENANCE", "--wait", "60"];
    field.by_at(lost.path(), OPERATOR, &set).says(0, "");
    field.by(MAIN, &["drones", "set", "drone-002", "--status", "OFFLINE", "--wait", "60"]).says(0, "");
    let listed = field.json(MAIN, &["devices", "list"]);
    let devices = listed["devices"].as_array().unwrap();
    assert_eq!(listed["totalCount"], devices.len(), "{listed}");
    let find = |name: &str| devices.iter().find(|device| device["username"] == name).cloned().expect(name);
    let (theirs, own) = (find("operator1"), find("main_admin"));
    assert_eq!((&theirs["waiting"], &own["waiting"]), (&0.into(), &0.into()), "what came with it is there");
    assert_eq!(
        (&theirs["here"], &theirs["erased"], &own["here"]),
        (&false.into(), &false.into(), &true.into())
    );
    let number = |device: &serde_json::Value| device["device"].as_str().unwrap()[..8].to_owned();

    let table = field.by(MAIN, &["devices", "list"]);
    let head: Vec<&str> = table.out.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["DEVICE", "USER", "HEARD", "UNSENT", "TO", "DECIDE", "VERSION"]);
    assert!(table.out.contains(&number(&theirs)) && table.out.contains("this one"), "{table:?}");
    let seen = field.by_at(lost.path(), OPERATOR, &["devices", "list", "--json"]).well();
    assert_eq!((&seen["totalCount"], &seen["devices"][0]["here"]), (&1.into(), &true.into()), "{seen}");
    field.by(MAIN, &["devices", "erase", "ffffffff", "--yes"]).says(4, "There is no machine ffffffff");
    field.by(MAIN, &["devices", "erase", "0", "--yes"]).says(4, "too little");
    field.by(MAIN, &["devices", "erase", &number(&own), "--yes"]).says(4, "the machine you sit at");
    field.by(EAST, &["devices", "erase", &number(&theirs), "--yes"]).says(3, "Only headquarters");
    let asked = field.by(MAIN, &["devices", "erase", &number(&theirs), "--json"]).badly(2);
    assert!(asked["hints"].to_string().contains("This cannot be taken back"), "{asked}");
    let whole = theirs["device"].as_str().unwrap();
    let erased = field.json(MAIN, &["devices", "erase", whole, "--yes"]);
    assert_eq!(erased["device"], whole, "{erased}");
    field.by(MAIN, &["devices", "erase", whole, "--yes"]).says(4, "Its keys go the next time");
    let listed = field.json(MAIN, &["devices", "list"]);
    let devices = listed["devices"].as_array().unwrap();
    assert!(devices.iter().any(|one| one["device"] == whole && one["erased"] == true), "{listed}");
    // Nothing is shown there any more, and it is said why.
    let gone = field.by_at(lost.path(), OPERATOR, &["drones", "list"]);
    gone.says(5, "Headquarters erased what this machine had");
    assert_eq!(gone.out, "");
    // Whoever signs in there anew leaves at once with the server's key to what they have.
    for command in ["sign-in", "sync"] {
        let home = tempfile::tempdir().unwrap();
        field.by_at(home.path(), OPERATOR, &[command]).says(0, "");
        let accounts = std::fs::read_dir(home.path().join("data/accounts")).unwrap();
        let files = accounts.map(|account| account.unwrap().path().join("account.toml"));
        let files: Vec<String> = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        assert!(matches!(&files[..], [one] if one.contains("by = \"server\"")), "{command}: {files:?}");
    }
    field.stop_server();
    let away = field.by(MAIN, &["devices", "list"]);
    away.says(7, "the server alone knows: ask again when there is a line");
}

#[test]
fn an_open_console_asks_for_a_command() {
    let field = Field::new();
    let mut console = field.console(MAIN);
    field.bare(&["drones", "set", "drone-001", "--status", "MAINTENANCE", "--wait", "60"]).says(0, "");
    let listed = field.bare(&["devices", "list", "--json"]).well();
    assert_eq!(listed["devices"][0]["here"], true, "{listed}");
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

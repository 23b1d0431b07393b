//! The service's "complete test suite", step for step, with commands in the place of requests: authenticate, users,
//! regions, drones, relations, access, persistence over a restart, clean-up.

use serde_json::Value;

use super::kit::{Field, MAIN};

fn counts(field: &Field) -> [Value; 3] {
    ["users", "regions", "drones"].map(|things| field.json(MAIN, &[things, "list"])["totalCount"].clone())
}

#[test]
fn the_complete_suite() {
    let mut field = Field::new();
    // 1: authentication.
    assert_eq!(field.json(MAIN, &["sign-in"])["email"], MAIN);

    // 2: users.
    let before = counts(&field);
    let created = field.json(
        MAIN,
        &[
            "users",
            "create",
            "--username",
            "api_test_user",
            "--full-name",
            "API Test User",
            "--mail",
            "apitest@flyos.mil",
            "--role",
            "OPERATOR",
            "--region",
            "Eastern",
        ],
    );
    let user = created["user"]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["sent"], true, "{created}");
    assert_eq!(field.json(MAIN, &["users", "show", &user])["user"]["username"], "api_test_user");
    let updated = field.json(MAIN, &["users", "set", &user, "--full-name", "Updated API Test User"]);
    assert_eq!(updated["user"]["fullName"], "Updated API Test User");

    // 3: regions.
    assert_eq!(field.json(MAIN, &["regions", "list"])["regions"].as_array().unwrap().len(), 2);
    let created = field.json(
        MAIN,
        &[
            "regions",
            "create",
            "--name",
            "API Test Region",
            "--area",
            "Test Area",
            "--commander",
            "Test Commander",
        ],
    );
    let region = created["region"]["id"].as_str().unwrap().to_owned();
    assert_eq!(created["region"]["status"], "ACTIVE");

    // 4: drones. An operator has to be in the drone's region, so the user moves there first.
    let drone = "api-test-drone-001";
    let create = [
        "drones",
        "create",
        drone,
        "--model",
        "FlyOS_MQ7",
        "--status",
        "ACTIVE",
        "--region",
        &region,
        "--operator",
        &user,
    ];
    assert_eq!(field.by(MAIN, &create).code, 4, "the operator is in another region");
    field.json(MAIN, &["users", "set", &user, "--region", &region, "--yes"]);
    assert_eq!(field.json(MAIN, &create)["drone"]["operatorId"], user.as_str());

    // 5: relations.
    let shown = field.json(MAIN, &["users", "show", "api_test_user"]);
    assert_eq!(shown["user"]["assignedDrones"], serde_json::json!([drone]));
    let shown = field.json(MAIN, &["regions", "show", &region]);
    assert_eq!((&shown["region"]["userCount"], &shown["region"]["droneCount"]), (&1.into(), &1.into()));

    // 6: access control.
    let there = tempfile::tempdir().unwrap();
    let wrong = ["users", "list", "--json", "--email", MAIN, "--password-stdin"];
    assert_eq!(field.fed_at(there.path(), &wrong, "invalid_token\n").badly(5)["error"], "sign_in");

    // 7: persistence, of the server and of what this machine has.
    let initial = counts(&field);
    field.stop_server();
    assert_eq!(counts(&field), initial, "without the server");
    field.start_server();
    assert_eq!(counts(&field), initial, "after its restart");
    assert_eq!(field.server().row("profiles", &user)["full_name"], "Updated API Test User");

    // 8: clean-up.
    field.json(MAIN, &["drones", "delete", drone, "--yes"]);
    field.json(MAIN, &["users", "delete", &user, "--yes"]);
    field.json(MAIN, &["regions", "delete", &region, "--yes"]);
    assert_eq!(counts(&field), before);
}

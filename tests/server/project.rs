//! The rest of the Supabase project: its settings as the command line tool reads them, and the initial data set.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::pg::{self, Database, migrations_folder};

const TABLES: [(&str, &str); 4] = [
    ("regions", "id"),
    ("profiles", "id"),
    ("drones", "id"),
    ("user_drone_assignments", "user_id, drone_id"),
];

fn file(name: &str) -> PathBuf {
    migrations_folder().with_file_name(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect(name)
}

#[test]
fn the_settings_are_what_the_console_counts_on() {
    let config: toml::Table = text("config.toml").parse().expect("TOML");
    let config = serde_json::to_value(config).expect("JSON");
    // What the tool refuses to go without.
    assert_eq!(config["project_id"], "flyos");
    assert_eq!((&config["db"]["major_version"], &config["auth"]["enabled"]), (&json!(17), &json!(true)));
    assert!(config["auth"]["site_url"].is_string());
    // Nothing but `public` is reached from outside, through pages of PostgREST's size.
    assert_eq!((&config["api"]["schemas"], &config["api"]["max_rows"]), (&json!(["public"]), &json!(1000)));
    let expected = json!({
        "enable_signup": false, "enable_anonymous_sign_ins": false, "jwt_expiry": 3600,
        "enable_refresh_token_rotation": true, "refresh_token_reuse_interval": 10, "minimum_password_length": 8,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&config["auth"][name], value, "{name}");
    }
    // Off, this would switch off signing in by e-mail.
    let email = &config["auth"]["email"];
    assert_eq!((&email["enable_signup"], &email["enable_confirmations"]), (&json!(true), &json!(true)));
    assert_eq!(config["auth"]["mfa"]["totp"], json!({"enroll_enabled": true, "verify_enabled": true}));
    assert_eq!(config["functions"]["admin-users"]["verify_jwt"], true);
    for path in config["db"]["seed"]["sql_paths"].as_array().expect("a list") {
        assert!(file(path.as_str().expect("a path")).is_file(), "{path}");
    }
}

/// Everything of the four tables, in order.
async fn rows(db: &Database) -> Json {
    let sql = db.postgres().await;
    let mut all = json!({});
    for (table, key) in TABLES {
        let found =
            sql.rows(&format!("select * from public.{table} order by {key}")).await.expect("the owner may");
        all[table] = Json::from(found);
    }
    all
}

/// The same instant, however it is written.
fn same_time(a: &Json, b: &Json) -> bool {
    let parse = |value: &Json| value.as_str().and_then(flyos::domain::Stamp::parse);
    parse(a).is_some() && parse(a) == parse(b)
}

#[tokio::test]
async fn the_seed_is_the_initial_data_set() {
    let initial: Json = serde_json::from_str(include_str!("../../assets/initial.json")).expect("JSON");
    let db = pg::database().await;
    db.migrate(&text("seed.sql")).await.unwrap_or_else(|error| panic!("{error:?}"));
    let there = rows(&db).await;
    for (table, key) in TABLES {
        let mut expected = initial[table].as_array().expect("rows").clone();
        let sort = |row: &Json| key.split(", ").map(|name| row[name].to_string()).collect::<Vec<_>>();
        expected.sort_by_key(sort);
        let found = there[table].as_array().expect("rows");
        assert_eq!(found.len(), expected.len(), "{table}");
        for (row, expected) in found.iter().zip(&expected) {
            for (name, value) in expected.as_object().expect("columns") {
                let same = match name.as_str() {
                    // Accounts are made elsewhere; what the rules had to be asked for in a second step is stamped.
                    "auth_user_id" => row[name].is_null(),
                    "updated_at" if !row["operator_id"].is_null() || row["status"] == "INACTIVE" => true,
                    _ if name.ends_with("_at") => same_time(&row[name], value),
                    _ => &row[name] == value,
                };
                assert!(same, "{table} {name}: {}, not {value}", row[name]);
            }
        }
    }
    let sql = db.postgres().await;
    let count = |query: &'static str| sql.value(query);
    assert_eq!(count("select count(*) from flyos.flaws").await.expect("a number"), 0);
    assert_eq!(count("select count(*) from auth.users").await.expect("a number"), 0);
    let booked = "select count(*) from sync.row_state where not deleted";
    let all: usize = TABLES.iter().map(|(table, _)| initial[table].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(count(booked).await.expect("a number"), all);

    // Again: nothing is written.
    let lines = count("select count(*) from public.activity").await.expect("a number");
    db.migrate(&text("seed.sql")).await.expect("it can be run again");
    assert_eq!(rows(&db).await, there);
    assert_eq!(count("select count(*) from public.activity").await.expect("a number"), lines);
}

#[tokio::test]
async fn the_seed_goes_in_beside_what_is_there() {
    let db = pg::database().await;
    let first = "insert into public.profiles (id, username, full_name, email, role, status) values
            (gen_random_uuid(), 'Main_Admin', 'The first', 'first@unit.mil', 'MAIN_HQ', 'ACTIVE');
        insert into public.regions (id, name, area, status) values (gen_random_uuid(), 'WESTERN', 'Other', 'ACTIVE');
        insert into public.drones (id, model, status) values ('Drone-001', 'FlyOS_MQ9', 'OFFLINE')";
    db.migrate(first).await.expect("allowed");
    db.migrate(&text("seed.sql")).await.unwrap_or_else(|error| panic!("{error:?}"));
    let sql = db.postgres().await;
    let of_west = "select count(*) from public.profiles where username in ('west_hq', 'k_tanaka')";
    assert_eq!(sql.value(of_west).await.expect("a number"), 0, "their region has another name here");
    let admin = "select full_name from public.profiles where lower(username) = 'main_admin'";
    assert_eq!(sql.value(admin).await.expect("one"), "The first");
    let drone =
        "select jsonb_build_array(model, operator_id) from public.drones where lower(id) = 'drone-001'";
    assert_eq!(sql.value(drone).await.expect("one"), json!(["FlyOS_MQ9", null]));
    let flown = "select p.username from public.drones d join public.profiles p on p.id = d.operator_id
        where d.id = 'drone-002'";
    assert_eq!(sql.value(flown).await.expect("one"), "operator1");
    assert_eq!(sql.value("select count(*) from flyos.flaws").await.expect("a number"), 0);
}

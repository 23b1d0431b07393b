//! Each flawed value is set right by a person, column by column, until every constraint stands.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::flawed::FLAWED;
use super::{
    codes, differences, everything, flaws, headquarters, id, long, migrate, old_project, op, push, settle,
    short,
};
use crate::pg::{Database, Sql, mint};

/// Columns of rows and what a person makes of them.
fn mends() -> Vec<(&'static str, String, &'static str, Option<String>)> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        ("drones", "odd".into(), "model", text("FlyOS_MQ9")),
        ("drones", "odd".into(), "status", text("OFFLINE")),
        ("drones", "tab\tand\nline".into(), "model", text("FlyOS_MQ5")),
        ("drones", "tab\tand\nline".into(), "status", text("STANDBY")),
        ("profiles", id("u03"), "email", text("ann2@unit.mil")),
        ("profiles", id("u03"), "username", text("ann2")),
        ("profiles", id("u04"), "email", text("dora@unit.mil")),
        ("profiles", id("u04"), "full_name", text("Dora")),
        ("profiles", id("u04"), "role", text("OPERATOR")),
        ("profiles", id("u04"), "status", text("INACTIVE")),
        ("profiles", id("u04"), "username", text("dora")),
        ("profiles", id("u05"), "email", text("bob@unit.mil")),
        ("profiles", id("u05"), "full_name", text("Bob")),
        ("profiles", id("u05"), "role", text("OPERATOR")),
        ("profiles", id("u05"), "status", text("ACTIVE")),
        ("profiles", id("u05"), "username", text("bob")),
        ("profiles", id("u06"), "full_name", text("Carl")),
        ("profiles", id("u06"), "region_id", Some(id("r01"))),
        ("profiles", id("u08"), "username", text("fay")),
        ("profiles", id("u09"), "username", text("fay2")),
        ("regions", id("r03"), "name", text("Far East")),
        ("regions", id("r04"), "area", text("Islands")),
        ("regions", id("r04"), "name", text("Northern")),
        ("regions", id("r05"), "area", text("Arctic")),
        ("regions", id("r05"), "name", text("North")),
        ("regions", id("r05"), "status", text("INACTIVE")),
        ("regions", id("r06"), "area", text("South")),
        ("regions", id("r06"), "status", text("ACTIVE")),
        ("regions", id("r07"), "name", text("Middle East")),
        // What is sound in a flawed row can be changed as well, and emptied where it may be.
        ("regions", id("r05"), "commander_name", None),
    ]
}

/// Rows that cannot be set right but by taking them away.
fn removals() -> Vec<(&'static str, String)> {
    let pair = |user: &str, drone: &str| ("user_drone_assignments", format!("{}:{drone}", id(user)));
    vec![
        pair("u01", "no-such"),
        pair("u02", "drone-001"),
        pair("u02", "stranger-flies"),
        pair("u10", "drone-001"),
        pair("u98", "nor-this"),
        pair("u99", "drone-001"),
        ("drones", "Drone-001".to_owned()),
        ("drones", "drone 2/ü:x".to_owned()),
        ("drones", "tab\tand\nline".to_owned()),
        ("drones", "d".repeat(80)),
    ]
}

struct Desk {
    db: Database,
    claims: Json,
    owner: Sql,
    sql: Sql,
}

async fn desk() -> Desk {
    let db = old_project(&long(FLAWED)).await;
    migrate(&db).await;
    let claims = headquarters(&db).await;
    let (owner, sql) = (db.postgres().await, db.as_user(&claims).await);
    Desk { db, claims, owner, sql }
}

impl Desk {
    async fn push(&self, ops: &[Json]) -> Vec<String> {
        codes(&push(&self.sql, &self.claims, ops).await)
    }

    async fn row(&self, table: &str, key: &str) -> Json {
        super::rows(&self.owner, table).await.remove(key).unwrap_or_else(|| panic!("{table} {key} is there"))
    }
}

/// What stands in the tables but for time stamps that a write moves, without the sound values that were meant.
async fn settled_rules(owner: &Sql) -> Vec<Json> {
    let query = "select conname as name, convalidated as whole from pg_constraint
            where connamespace = 'public'::regnamespace and conrelid <> 'public.activity'::regclass
        union all select c.relname, i.indpred is null from pg_index i join pg_class c on c.oid = i.indexrelid
            where c.relname like '%\\_ci'";
    owner.rows(query).await.expect("everybody may read the catalogue")
}

#[tokio::test]
async fn each_column_is_mended_by_itself_and_then_every_rule_stands() {
    let desk = desk().await;
    let mut left = flaws(&desk.owner).await.len();
    for (table, key, column, value) in mends() {
        let before = everything(&desk.db).await;
        let was = before[table][&key][column].clone();
        let edit = op("update", table, &key, json!({column: was}), json!({column: value}));
        assert_eq!(desk.push(&[edit]).await, ["applied"], "{} {column}", short(&key));
        let changed = differences(&before, &everything(&desk.db).await);
        let wrote = changed.iter().filter(|line| !line.contains(" updated_at: ")).count();
        assert_eq!(wrote, 1, "nothing else was written: {changed:?}");
        // A double is two flaws, and goes as two.
        let now = flaws(&desk.owner).await.len();
        assert!(now < left || ["region_id", "commander_name"].contains(&column), "{} {column}", short(&key));
        left = now;
    }
    for (table, key) in removals() {
        let row = desk.row(table, &key).await;
        let columns: BTreeMap<&str, &Json> = match table {
            "drones" => ["model", "status", "region_id", "operator_id"].map(|name| (name, &row[name])).into(),
            _ => [("assigned_at", &row["assigned_at"])].into(),
        };
        let edit = op("delete", table, &key, json!(columns), json!({}));
        assert_eq!(desk.push(&[edit]).await, ["applied"], "{table} {}", short(&key));
    }
    assert_eq!(flaws(&desk.owner).await, Vec::<String>::new());
    assert_eq!(settle(&desk.owner).await, Vec::<String>::new());
    let rules = settled_rules(&desk.owner).await;
    assert_eq!(rules.iter().filter(|rule| rule["whole"] != true).collect::<Vec<_>>(), Vec::<&Json>::new());
    let names: Vec<&str> = rules.iter().filter_map(|rule| rule["name"].as_str()).collect();
    for expected in
        ["profiles_role_check", "drones_id_check", "drones_operator_assigned_fkey", "drones_id_key_ci"]
    {
        assert!(names.contains(&expected), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.ends_with("_all_ci")), "there is nothing left to help: {names:?}");
    assert_eq!(desk.owner.value("select count(*) from flyos.exempt").await.expect("a number"), 0);
    // From now on no way leads round them.
    let direct = desk.db.superuser().await;
    direct.batch_execute("set session_replication_role = replica").await.expect("the platform's owner may");
    let wrong = direct.execute("update public.profiles set role = 'ADMIN'", &[]).await;
    assert_eq!(crate::pg::sqlstate(&wrong), "23514");
}

#[tokio::test]
async fn a_wrong_value_is_refused_in_a_flawed_row_as_anywhere() {
    let desk = desk().await;
    let edit = |key: &str, base: Json, set: Json| op("update", "profiles", &id(key), base, set);
    let results = desk
        .push(&[
            edit("u05", json!({"role": "ADMIN"}), json!({"role": "CHIEF"})),
            edit("u06", json!({"region_id": null}), json!({"region_id": id("r99")})),
            edit("u07", json!({"username": "eve"}), json!({"username": "ANN"})),
            edit("u08", json!({"username": " fay"}), json!({"username": " fay"})),
            edit("u10", json!({"username": "gus"}), json!({"username": null})),
            edit("u11", json!({"status": "ACTIVE"}), json!({"status": "ACTIVE"})),
            edit("u01", json!({"email": "x@unit.mil"}), json!({"email": "y@unit.mil"})),
        ])
        .await;
    let expected = [
        "invalid role: Role is one of MAIN_HQ, REGIONAL_HQ, OPERATOR.",
        "reference region_id: There is no such region.",
        "unique username: Username ANN is taken.",
        "invalid username: Username is 3 to 64 of A-Z a-z 0-9 _.",
        "invalid username: Username is needed.",
        "conflict",
        "conflict",
    ];
    assert_eq!(results, expected);
}

#[tokio::test]
async fn a_flawed_row_blocks_nobody() {
    let desk = desk().await;
    let (user, flies) = (uuid::Uuid::now_v7().to_string(), "stranger-flies");
    let new = json!({"username": "ivy", "full_name": "Ivy", "email": "ivy@unit.mil", "role": "OPERATOR",
        "region_id": id("r01"), "status": "ACTIVE"});
    let results = desk
        .push(&[
            op(
                "update",
                "regions",
                &id("r01"),
                json!({"area": "The coast"}),
                json!({"area": "The whole coast"}),
            ),
            op("insert", "profiles", &user, json!({}), new),
            op("insert", "user_drone_assignments", &format!("{user}:drone-001"), json!({}), json!({})),
            op("insert", "user_drone_assignments", &format!("{user}:drone 2/ü:x"), json!({}), json!({})),
            // Twice the same flawed row in one transaction, beside what is wrong with it.
            op("update", "drones", flies, json!({"status": "ACTIVE"}), json!({"status": "OFFLINE"})),
            op("update", "drones", flies, json!({"model": "FlyOS_MQ5"}), json!({"model": "FlyOS_MQ7"})),
            op("update", "drones", flies, json!({"status": "OFFLINE"}), json!({"status": "STANDBY"})),
            op(
                "update",
                "profiles",
                &id("u05"),
                json!({"full_name": "Zero\u{200b}width"}),
                json!({"full_name": "Bob"}),
            ),
            op("update", "profiles", &id("u05"), json!({"region_id": id("r01")}), json!({"region_id": null})),
            op(
                "update",
                "drones",
                "drone-001",
                json!({"operator_id": id("u01")}),
                json!({"operator_id": user}),
            ),
        ])
        .await;
    assert_eq!(results, ["applied"; 10]);
    assert_eq!(desk.row("drones", "drone-001").await["operator_id"], user);

    // People and regions without a name are named by their id.
    let nameless = long("update public.profiles set region_id = 'r01', status = 'INACTIVE' where id = 'u04'");
    desk.owner.batch_execute(&nameless).await.expect("the owner may");
    let refused = desk
        .push(&[
            op("insert", "user_drone_assignments", &format!("{}:drone-001", id("u04")), json!({}), json!({})),
            op("update", "drones", "odd", json!({"region_id": null}), json!({"region_id": id("r05")})),
            op("update", "drones", "odd", json!({"operator_id": null}), json!({"operator_id": id("u04")})),
        ])
        .await;
    let expected = [
        "invalid user_id: u04 is INACTIVE and takes no new assignments.",
        "invalid region_id: North\u{1b}[31m is INACTIVE and takes no new members.",
        "blocked",
    ];
    assert_eq!(refused.iter().map(|line| short(line)).collect::<Vec<_>>(), expected);

    // Flawed rows can go, whatever is wrong with them.
    let rows =
        [("profiles", id("u04")), ("profiles", id("u05")), ("regions", id("r04")), ("regions", id("r01"))];
    for (table, key) in rows {
        let row = desk.row(table, &key).await;
        let server = ["id", "created_at", "updated_at", "auth_user_id"];
        let columns =
            row.as_object().expect("columns").iter().filter(|(name, _)| !server.contains(&name.as_str()));
        let seen: serde_json::Map<String, Json> =
            columns.map(|(name, value)| (name.clone(), value.clone())).collect();
        let edit = op("delete", table, &key, Json::Object(seen), json!({}));
        assert_eq!(desk.push(&[edit]).await, ["applied"], "{}", short(&key));
    }
}

#[tokio::test]
async fn the_data_api_mends_as_well() {
    let desk = desk().await;
    let front = desk.db.front().await;
    let token = mint(&desk.claims);
    let patch = async |path: String, body: Json| {
        let request =
            front.request(Method::PATCH, &format!("/rest/v1/{path}")).bearer_auth(&token).json(&body);
        let reply = request.header("prefer", "return=representation").send().await.expect("an answer");
        (reply.status().as_u16(), reply.json::<Json>().await.expect("JSON"))
    };
    let five = format!("profiles?id=eq.{}", id("u05"));
    let (status, rows) = patch(five.clone(), json!({"role": "OPERATOR"})).await;
    assert_eq!((status, &rows[0]["role"], &rows[0]["status"]), (200, &json!("OPERATOR"), &json!("retired")));
    let (status, error) = patch(five.clone(), json!({"status": "gone"})).await;
    assert_eq!((status, &error["code"]), (400, &json!("23514")), "{error}");
    assert_eq!(error["message"], "Status is one of ACTIVE, INACTIVE.");
    let (status, error) = patch(five, json!({"username": "Ben"})).await;
    assert_eq!((status, &error["message"]), (409, &json!("Username Ben is taken.")), "{error}");
    let (status, rows) =
        patch("drones?id=eq.drone%202%2F%C3%BC%3Ax".to_owned(), json!({"status": "OFFLINE"})).await;
    assert_eq!((status, &rows[0]["id"]), (200, &json!("drone 2/ü:x")));
    // One request over sound and flawed rows alike.
    let (status, rows) = patch("drones?status=neq.OFFLINE".to_owned(), json!({"model": "FlyOS_MQ7"})).await;
    assert_eq!((status, rows.as_array().map(Vec::len)), (200, Some(8)), "{rows}");
}

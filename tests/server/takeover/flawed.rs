//! Data that breaks every rule: nothing is lost, all of it is told in words, what has one right answer is set right.

use flyos::domain::{Key, Record};
use flyos::remote::wire::{Page, RowKind};
use flyos::sync::translate;
use serde_json::{Value as Json, json};

use super::{differences, everything, flaws, headquarters, long, migrate, old_project, settle, short};
use crate::pg::Sql;

/// Every row breaks something, but `r01`, `r02`, `u01`, `u02`, `drone-001` and the assignments that are said to be sound.
pub const FLAWED: &str = r"
insert into regions (id, name, area, commander_name, status) values
  ('r01', 'Eastern', 'The coast', 'Col. Mitchell', 'ACTIVE'), ('r02', 'Western', 'The basin', null, 'ACTIVE'),
  ('r03', 'EASTERN', 'The coast again', null, 'ACTIVE'), ('r04', null, null, '', 'active'),
  ('r05', E'North\x1b[31m', E'\t', '  Capt. Ng ', 'CLOSED'), ('r06', '  Southern', repeat('x', 121), '   ', null),
  ('r07', ' eastern ', 'Blanks hide a double', null, 'Inactive');
insert into profiles (id, username, full_name, email, role, region_id, status) values
  ('u01', 'ann', 'Ann', 'ann@unit.mil', 'OPERATOR', 'r01', 'ACTIVE'),
  ('u02', 'ben', 'Ben', 'ben@unit.mil', 'REGIONAL_HQ', 'r02', 'ACTIVE'),
  ('u03', 'ANN', 'Ann the other', 'Ann@Unit.mil', 'OPERATOR', 'r01', 'ACTIVE'),
  ('u04', null, null, null, null, null, null),
  ('u05', 'bo', U&'Zero\200Bwidth', 'not-an-address', 'ADMIN', 'r01', 'retired'),
  ('u06', 'carl', repeat('n', 300), 'carl@unit.mil', 'regional_hq', 'r99', ' ACTIVE'),
  ('u07', ' eve ', U&'\00A0Eve\3000', ' eve@unit.mil', 'Operator', 'r01', 'Active'),
  ('u08', ' fay', 'Fay', 'fay1@unit.mil', 'OPERATOR', 'r02', 'ACTIVE'),
  ('u09', 'fay ', 'Fay', 'fay2@unit.mil', 'OPERATOR', 'r02', 'ACTIVE'),
  ('u10', 'gus', 'Gus', 'gus@unit.mil', 'OPERATOR', 'r99', 'ACTIVE'),
  ('u11', 'hal', 'Hal', 'hal@unit.mil', 'OPERATOR', 'r01', 'INACTIVE');
insert into drones (id, model, status, region_id, operator_id) values
  ('drone-001', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u01'), ('Drone-001', 'FlyOS_MQ5', 'ACTIVE', null, null),
  ('drone 2/ü:x', 'FlyOS_MQ7', 'STANDBY', 'r01', null), (E'tab\tand\nline', null, null, null, null),
  (repeat('d', 80), 'flyos_mq9', 'active', 'r99', null), ('odd', 'MQ-1', 'BROKEN', null, null),
  ('unassigned', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u01'), ('retired-flies', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u11'),
  ('stranger-flies', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u02'), ('nobody-flies', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u99');
insert into user_drone_assignments (user_id, drone_id, created_at) values
  ('u01', 'drone-001', '2024-05-01T00:00:00Z'), ('u01', 'drone 2/ü:x', null), ('u02', 'drone-001', default),
  ('u10', 'drone-001', default), ('u99', 'drone-001', default), ('u01', 'no-such', default), ('u98', 'nor-this', default);
update regions set created_at = '2024-01-01T00:00:00Z', updated_at = '2024-02-01T00:00:00Z';
update profiles set created_at = '2024-01-01T00:00:00Z', updated_at = '2024-02-01T00:00:00Z';
update drones set created_at = '2024-01-01T00:00:00Z', updated_at = null;
";

/// What has one right answer: `table key column: was, is`.
const MENDED: &[&str] = &[
    r#"regions r04 commander_name: "", null"#,
    r#"regions r04 status: "active", "ACTIVE""#,
    r#"regions r05 commander_name: "  Capt. Ng ", "Capt. Ng""#,
    r#"regions r06 commander_name: "   ", null"#,
    r#"regions r06 name: "  Southern", "Southern""#,
    r#"regions r07 status: "Inactive", "INACTIVE""#,
    r#"profiles u06 region_id: "r99", null"#,
    r#"profiles u06 role: "regional_hq", "REGIONAL_HQ""#,
    r#"profiles u06 status: " ACTIVE", "ACTIVE""#,
    r#"profiles u07 email: " eve@unit.mil", "eve@unit.mil""#,
    "profiles u07 full_name: \"\u{a0}Eve\u{3000}\", \"Eve\"",
    r#"profiles u07 role: "Operator", "OPERATOR""#,
    r#"profiles u07 status: "Active", "ACTIVE""#,
    r#"profiles u07 username: " eve ", "eve""#,
    r#"profiles u10 region_id: "r99", null"#,
    r#"drones dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd model: "flyos_mq9", "FlyOS_MQ9""#,
    r#"drones dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd region_id: "r99", null"#,
    r#"drones dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd status: "active", "ACTIVE""#,
    r#"drones nobody-flies operator_id: "u99", null"#,
    "user_drone_assignments u01:unassigned is new",
    "user_drone_assignments u02:stranger-flies is new",
    "user_drone_assignments u11:retired-flies is new",
];

/// What waits for a person.
const LEFT: &[&str] = &[
    "drones Drone-001 id: Id Drone-001 is there 2 times, but for case.",
    "drones dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd id: Id has 80 characters, \
     at most 64 fit.",
    "drones drone 2/ü:x id: Id is 1 to 64 of A-Z a-z 0-9 . _ -.",
    "drones drone-001 id: Id drone-001 is there 2 times, but for case.",
    "drones odd model: Model is one of FlyOS_MQ5, FlyOS_MQ7, FlyOS_MQ9.",
    "drones odd status: Status is one of ACTIVE, STANDBY, MAINTENANCE, OFFLINE.",
    "drones tab\tand\nline id: Id holds a control or invisible character: remove it.",
    "drones tab\tand\nline model: Model is needed.",
    "drones tab\tand\nline status: Status is needed.",
    "profiles u01 email: E-mail ann@unit.mil is there 2 times, but for case.",
    "profiles u01 username: Username ann is there 2 times, but for case.",
    "profiles u03 email: E-mail Ann@Unit.mil is there 2 times, but for case.",
    "profiles u03 username: Username ANN is there 2 times, but for case.",
    "profiles u04 email: E-mail is needed.",
    "profiles u04 full_name: Full name is needed.",
    "profiles u04 role: Role is needed.",
    "profiles u04 status: Status is needed.",
    "profiles u04 username: Username is needed.",
    "profiles u05 email: E-mail is an address like name@unit.mil.",
    "profiles u05 full_name: Full name holds a control or invisible character: remove it.",
    "profiles u05 role: Role is one of MAIN_HQ, REGIONAL_HQ, OPERATOR.",
    "profiles u05 status: Status is one of ACTIVE, INACTIVE.",
    "profiles u05 username: Username is 3 to 64 of A-Z a-z 0-9 _.",
    "profiles u06 full_name: Full name has 300 characters, at most 120 fit.",
    "profiles u08 username: Username is 3 to 64 of A-Z a-z 0-9 _.",
    "profiles u09 username: Username is 3 to 64 of A-Z a-z 0-9 _.",
    "regions r01 name: Name Eastern is there 2 times, but for case.",
    "regions r03 name: Name EASTERN is there 2 times, but for case.",
    "regions r04 area: Area is needed.",
    "regions r04 name: Name is needed.",
    "regions r05 area: Area is needed.",
    "regions r05 name: Name holds a control or invisible character: remove it.",
    "regions r05 status: Status is one of ACTIVE, INACTIVE.",
    "regions r06 area: Area has 121 characters, at most 120 fit.",
    "regions r06 status: Status is needed.",
    "regions r07 name: Name is a name of 1 to 80 characters.",
    "user_drone_assignments u01:no-such drone_id: There is no such drone.",
    "user_drone_assignments u02:drone-001 user_id: The user is not in the region of the drone.",
    "user_drone_assignments u02:stranger-flies user_id: The user is not in the region of the drone.",
    "user_drone_assignments u10:drone-001 user_id: The user is not in the region of the drone.",
    "user_drone_assignments u98:nor-this drone_id: There is no such drone.",
    "user_drone_assignments u98:nor-this user_id: There is no such user.",
    "user_drone_assignments u99:drone-001 user_id: There is no such user.",
];

fn sorted<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().map(|line| short(line.as_ref())).collect();
    lines.sort();
    lines
}

/// What `flyos.mended` says, in the words of `differences`.
async fn mended(sql: &Sql) -> Vec<String> {
    let rows = sql.rows("select * from flyos.mended").await.expect("the owner may");
    let told = rows.iter().map(|row| {
        let (table, key) = (row["tbl"].as_str().expect("a name"), row["pk"].as_str().expect("a key"));
        if table == "user_drone_assignments" {
            return format!("{table} {key} is new");
        }
        format!("{table} {key} {}: {}, {}", row["name"].as_str().expect("a name"), row["old"], row["new"])
    });
    sorted(told)
}

#[tokio::test]
async fn nothing_is_lost_and_everything_is_told() {
    let db = old_project(&long(FLAWED)).await;
    let before = everything(&db).await;
    migrate(&db).await;
    let after = everything(&db).await;
    let sql = db.postgres().await;
    assert_eq!(sorted(differences(&before, &after)), sorted(MENDED));
    assert_eq!(mended(&sql).await, sorted(MENDED), "it is all in the list");
    assert_eq!(sorted(flaws(&sql).await), sorted(LEFT));
    // When an assignment was made: when its row was; and where that is not known, now.
    let assigned =
        "select assigned_at = created_at from public.user_drone_assignments where drone_id = 'drone-001'";
    let assigned = sql.query(assigned, &[]).await.expect("the owner sees it");
    assert!(assigned.iter().all(|row| row.get(0)));
    let unknown = "select assigned_at > now() - interval '1 hour' and created_at is null
        from public.user_drone_assignments where drone_id like 'drone 2/%'";
    assert_eq!(sql.value(unknown).await.expect("one row"), true);

    let waiting = [
        "drones_id_check 3",
        "drones_id_key_ci 2",
        "drones_model_check 2",
        "drones_status_check 2",
        "profiles_email_check 2",
        "profiles_email_key_ci 2",
        "profiles_full_name_check 3",
        "profiles_role_check 2",
        "profiles_status_check 2",
        "profiles_username_check 4",
        "profiles_username_key_ci 2",
        "regions_area_check 3",
        "regions_name_check 3",
        "regions_name_key_ci 2",
        "regions_status_check 2",
        "user_drone_assignments_drone_id_fkey 2",
        "user_drone_assignments_user_id_fkey 2",
    ];
    assert_eq!(settle(&sql).await, waiting, "and nothing is taken for settled that is not");
    assert_eq!(sorted(differences(&after, &everything(&db).await)), Vec::<String>::new());
}

/// A whole load, page by page, as headquarters.
async fn load(sql: &Sql, rows_a_page: i32) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut cursor = Json::Null;
    loop {
        let row = sql.query_one("select public.sync_pull($1, $2, 200000, 1)", &[&cursor, &rows_a_page]).await;
        let page: Json = row.unwrap_or_else(|error| panic!("{error:?}")).get(0);
        let page: Page = serde_json::from_value(page).expect("a page as the console reads it");
        cursor = page.cursor.clone();
        pages.push(page);
        if !pages[pages.len() - 1].more {
            return pages;
        }
    }
}

#[tokio::test]
async fn flawed_rows_reach_the_console() {
    let db = old_project(&long(FLAWED)).await;
    migrate(&db).await;
    let claims = headquarters(&db).await;
    let expected = everything(&db).await;
    let sql = db.as_user(&claims).await;
    for rows_a_page in [3, 1000] {
        let mut count = 0;
        for page in load(&sql, rows_a_page).await {
            let (pulled, unsound) = translate::rows(&page);
            assert_eq!(unsound, 0);
            for (change, pulled) in page.changes.iter().zip(pulled) {
                assert_eq!((change.k, &*change.pk), (RowKind::Row, &*pulled.key.pk));
                let (fields, _) = pulled.row.expect("a row");
                let record = Record::from_fields(&pulled.key, &fields).expect("a row of that kind");
                let truth = &expected[change.t.table()][&change.pk];
                for (name, value) in record.fields().iter().filter(|(name, _)| !name.ends_with("_at")) {
                    // To the console an empty text and none are the same.
                    let was = truth[name.as_str()].as_str().filter(|text| !text.is_empty());
                    assert_eq!(value.as_deref(), was, "{} {name}", short(&change.pk));
                }
                count += 1;
            }
        }
        assert_eq!(count, expected.values().map(super::Rows::len).sum::<usize>());
    }
    let key = Key::drone("odd");
    let odd = expected["drones"]["odd"].as_object().expect("columns");
    let fields = odd.iter().map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect();
    assert_eq!(Record::from_fields(&key, &fields).expect("a drone").flaws(), ["model", "status"]);
}

#[tokio::test]
async fn a_user_with_a_flawed_role_may_do_nothing_until_it_is_mended() {
    let db = old_project(&long(FLAWED)).await;
    migrate(&db).await;
    let main = headquarters(&db).await;
    let owner = db.postgres().await;
    let account = db.account("somebody@unit.mil").await;
    let link = long("update public.profiles set auth_user_id = $1 where id = 'u05'");
    owner.execute("delete from public.profiles where auth_user_id = $1", &[&account]).await.expect("allowed");
    owner.execute(&link, &[&account]).await.expect("allowed");
    owner.batch_execute("update auth.users set banned_until = null").await.expect("allowed");
    let claims = db.session(account).await;
    let flawed = db.as_user(&claims).await;
    let pull = "select public.sync_pull(null, 10, 10000, 1) -> 'must'";
    assert_eq!(flawed.value(pull).await.expect("an answer"), "inactive");
    let fix = [super::op(
        "update",
        "profiles",
        &super::id("u05"),
        json!({"role": "ADMIN", "status": "retired"}),
        json!({"role": "OPERATOR", "status": "ACTIVE"}),
    )];
    let sql = db.as_user(&main).await;
    assert_eq!(super::codes(&super::push(&sql, &main, &fix).await), ["applied"]);
    assert_eq!(flawed.value(pull).await.expect("an answer"), Json::Null);
}

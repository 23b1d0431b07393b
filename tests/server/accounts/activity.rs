//! Who did what, when and why: written whatever way it was done, never changed, read by role.

use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{
    EAST, EASTERN, INACTIVE, MAIN, OPERATOR1, WEST, WESTERN, profile, project, push, run, update, work,
};
use crate::pg::{Database, Sql, mint, sqlstate};

/// Lines as `kind table key field: old, new`, oldest first.
fn lines(items: &[Json]) -> Vec<String> {
    let word = |item: &Json, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let line = |item: &Json| {
        let key = word(item, "pk").replace("0194a3d2-0000-7000-8000-0000000000", "u");
        let (kind, table, field) = (word(item, "kind"), word(item, "tbl"), word(item, "field"));
        if kind == "update" {
            return format!("{kind} {table} {key} {field}: {}, {}", word(item, "old"), word(item, "new"));
        }
        format!("{kind} {table} {key}")
    };
    items.iter().map(line).collect()
}

async fn all(sql: &Sql) -> Vec<Json> {
    sql.rows("select * from public.activity order by id").await.expect("the owner may")
}

/// A project whose history is empty: the seed came as a backup does.
async fn quiet() -> (Database, Sql) {
    let db = project().await;
    let sql = db.postgres().await;
    assert_eq!(all(&sql).await, Vec::<Json>::new());
    (db, sql)
}

#[tokio::test]
async fn an_edit_says_who_did_what_and_why() {
    let (db, sql) = quiet().await;
    let claims = db.session_of(MAIN).await;
    let main = db.as_user(&claims).await;
    let mut edit = update(
        "drones",
        "drone-001",
        json!({"status": "ACTIVE", "model": "FlyOS_MQ5"}),
        json!({"status": "OFFLINE", "model": "FlyOS_MQ7"}),
    );
    edit["reason"] = json!("Bird strike");
    let other = update("drones", "drone-002", json!({"status": "ACTIVE"}), json!({"status": "STANDBY"}));
    let wrong = update("drones", "drone-003", json!({"status": "STANDBY"}), json!({"status": "BROKEN"}));
    let answer = push(&main, &claims, Uuid::nil(), Json::Null, &[edit.clone(), other.clone(), wrong]).await;
    assert_eq!(answer["results"][2]["code"], "rejected");
    let items = all(&sql).await;
    let expected = [
        "update drones drone-001 model: FlyOS_MQ5, FlyOS_MQ7",
        "update drones drone-001 status: ACTIVE, OFFLINE",
        "update drones drone-002 status: ACTIVE, STANDBY",
    ];
    assert_eq!(lines(&items), expected, "what was refused was not done");
    let me = profile(&sql, MAIN).await["id"].clone();
    for (item, (op, reason)) in
        items.iter().zip([(&edit, json!("Bird strike")), (&edit, json!("Bird strike")), (&other, Json::Null)])
    {
        assert_eq!((&item["op_id"], &item["reason"]), (&op["id"], &reason));
        assert_eq!((&item["actor_id"], &item["actor_name"]), (&me, &json!("main_admin")));
        let at = item["at"].as_str().and_then(flyos::domain::Stamp::parse).expect("a time");
        assert!(
            (flyos::domain::Stamp::from_millis(crate::pg::now_s() * 1000).as_millis() - at.as_millis()).abs()
                < 60_000
        );
    }
    // The same edit once more is no deed.
    push(&main, &claims, Uuid::max(), Json::Null, &[edit]).await;
    let items = all(&sql).await;
    assert_eq!(items.len(), 3);
    assert!(
        items.iter().all(|item| item["device"] == json!(Uuid::nil())),
        "where it came from first: {items:?}"
    );
}

#[tokio::test]
async fn other_ways_leave_their_lines_too() {
    let (db, sql) = quiet().await;
    // The owner, with SQL: nobody of ours.
    run(&sql, "update public.regions set area = 'New' where name = 'Eastern'", &[]).await;
    run(&sql, "update public.regions set area = 'New' where name = 'Eastern'", &[]).await;
    // The data API, and the key that may do everything.
    let front = db.front().await;
    let claims = db.session_of(EAST).await;
    let patch = front.request(Method::PATCH, "/rest/v1/drones?id=eq.drone-001").bearer_auth(mint(&claims));
    assert_eq!(patch.json(&json!({"status": "OFFLINE"})).send().await.expect("an answer").status(), 204);
    let service = db.as_user(&json!({"role": "service_role"})).await;
    run(
        &service,
        "insert into public.drones (id, model, status) values ('drone-900', 'FlyOS_MQ5', 'ACTIVE')",
        &[],
    )
    .await;
    run(&service, "delete from public.drones where id = 'drone-900'", &[]).await;
    let items = all(&sql).await;
    let expected = [
        &*format!("update regions {EASTERN} area: Atlantic seaboard, from the Carolinas to Maine, New"),
        "update drones drone-001 status: ACTIVE, OFFLINE",
        "insert drones drone-900",
        "delete drones drone-900",
    ];
    assert_eq!(lines(&items), expected);
    let who: Vec<&str> = items.iter().filter_map(|item| item["actor_name"].as_str()).collect();
    assert_eq!(who, ["postgres", "east_hq", "service_role", "service_role"]);
    let whole: Json = serde_json::from_str(items[2]["new"].as_str().expect("a row")).expect("JSON");
    assert_eq!(
        (&whole["id"], &whole["model"], &items[2]["old"]),
        (&json!("drone-900"), &json!("FlyOS_MQ5"), &Json::Null)
    );
    let whole: Json = serde_json::from_str(items[3]["old"].as_str().expect("a row")).expect("JSON");
    assert_eq!((&whole["status"], &items[3]["new"]), (&json!("ACTIVE"), &Json::Null));
    assert!(items.iter().all(|item| item["op_id"].is_null() && item["reason"].is_null()));
}

#[tokio::test]
async fn what_follows_from_an_edit_is_told_with_it() {
    let (db, sql) = quiet().await;
    let claims = db.session_of(MAIN).await;
    let main = db.as_user(&claims).await;
    let mut edit = update(
        "drones",
        "drone-002",
        json!({"region_id": EASTERN, "operator_id": "0194a3d2-0000-7000-8000-000000000004"}),
        json!({"region_id": WESTERN}),
    );
    edit["reason"] = json!("Moved");
    work(&main, &claims, &[edit.clone()]).await;
    let items = all(&sql).await;
    let mut told = lines(&items);
    told.sort();
    let expected = [
        "delete user_drone_assignments u04:drone-002".to_owned(),
        "delete user_drone_assignments u09:drone-002".to_owned(),
        "update drones drone-002 operator_id: 0194a3d2-0000-7000-8000-000000000004, -".to_owned(),
        format!("update drones drone-002 region_id: {EASTERN}, {WESTERN}"),
    ];
    assert_eq!(told, expected);
    assert!(items.iter().all(|item| item["op_id"] == edit["id"] && item["reason"] == "Moved"), "{items:?}");
    assert!(items.iter().all(|item| item["actor_name"] == "main_admin"));
}

#[tokio::test]
async fn a_line_is_never_changed() {
    let (db, sql) = quiet().await;
    run(&sql, "update public.regions set area = 'New'", &[]).await;
    let claims = db.session_of(MAIN).await;
    let statements = [
        "update public.activity set old = 'x'",
        "delete from public.activity",
        "truncate public.activity",
        "insert into public.activity (actor_name, tbl, pk, kind, scopes) values ('x', 'drones', 'x', 'update', '{}')",
    ];
    let main = db.as_user(&claims).await;
    let service = db.as_user(&json!({"role": "service_role"})).await;
    for statement in statements {
        for who in [&main, &service] {
            assert_eq!(sqlstate(&who.execute(statement, &[]).await), "42501", "{statement}");
        }
        // Nor by the owner, in passing.
        let owner = sqlstate(&sql.execute(statement, &[]).await).to_owned();
        assert_eq!(owner, if statement.starts_with("insert") { "" } else { "0A000" }, "{statement}");
    }
    assert_eq!(service.value("select count(*) from public.activity").await.expect("it reads"), 3);
    let anon = db.as_user(&json!({"role": "anon"})).await;
    assert_eq!(sqlstate(&anon.query("select from public.activity", &[]).await), "42501");
}

async fn page(sql: &Sql, arguments: &str) -> Json {
    sql.value(&format!("select public.activity_page({arguments})"))
        .await
        .unwrap_or_else(|error| panic!("{error:?}"))
}

fn items(page: &Json) -> Vec<String> {
    lines(page["items"].as_array().unwrap_or_else(|| panic!("{page}")))
}

#[tokio::test]
async fn everybody_reads_what_is_theirs() {
    let (db, sql) = quiet().await;
    let operator = db.session_of(OPERATOR1).await;
    let edit = update("drones", "drone-001", json!({"status": "ACTIVE"}), json!({"status": "OFFLINE"}));
    work(&db.as_user(&operator).await, &operator, &[edit]).await;
    for deed in [
        "update public.drones set status = 'STANDBY' where id = 'drone-015'".to_owned(),
        "update public.drones set status = 'STANDBY' where id = 'drone-030'".to_owned(),
        "update public.profiles set full_name = 'M. Rodriguez' where username = 'operator1'".to_owned(),
        "update public.profiles set full_name = 'Head' where username = 'main_admin'".to_owned(),
        format!("update public.drones set region_id = '{WESTERN}' where id = 'drone-005'"),
        format!("delete from public.regions where id = '{WESTERN}'"),
    ] {
        run(&sql, &deed, &[]).await;
    }
    let of = async |email: &str| {
        let mut told = items(&page(&db.as_user(&db.session_of(email).await).await, "null, 1000").await);
        told.reverse();
        told
    };
    assert_eq!(of(MAIN).await, lines(&all(&sql).await), "all of it");
    let own = "update drones drone-001 status: ACTIVE, OFFLINE";
    assert_eq!(of(OPERATOR1).await, [own], "not what was done to the name");
    let east = [
        own,
        "update profiles u04 full_name: Lt. Michael Rodriguez, M. Rodriguez",
        "delete user_drone_assignments u04:drone-005",
        &*format!("update drones drone-005 region_id: {EASTERN}, {WESTERN}"),
    ];
    let mut told = of(EAST).await;
    assert_eq!(told.len(), east.len(), "{told:?}");
    assert!(east.iter().all(|line| told.iter().any(|its| its == line)), "{told:?}");
    // Of the region that is no more its commander reads nothing; while it was there, he did.
    assert_eq!(of(WEST).await, Vec::<String>::new());
    assert_eq!(
        page(&db.as_user(&db.session_of(INACTIVE).await).await, "").await,
        json!({"must": "inactive"})
    );
    // The table itself shows no more than the page: neither more lines, nor who else could see them.
    let front = db.front().await;
    told.sort();
    let (token, columns) = (mint(&db.session_of(EAST).await), "id,tbl,pk,kind,field,old,new");
    let (status, rows) = front.get(&token, &format!("activity?select={columns}&order=id")).await;
    let mut rows = lines(rows.as_array().unwrap_or_else(|| panic!("{rows}")));
    rows.sort();
    let (refused, error) = front.get(&token, "activity?select=scopes").await;
    assert_eq!((refused, &error["code"]), (403, &json!("42501")));
    assert_eq!((status, rows), (200, told));
}

#[tokio::test]
async fn pages_go_back_in_time() {
    let (db, sql) = quiet().await;
    for number in 0..25 {
        let name = format!("update public.regions set area = 'Area {number}' where id = '{EASTERN}'");
        run(&sql, &name, &[]).await;
    }
    run(&sql, "update public.drones set status = 'OFFLINE' where id = 'drone-001'", &[]).await;
    let claims = db.session_of(MAIN).await;
    let main = db.as_user(&claims).await;
    let (mut before, mut sizes, mut ids) = ("null".to_owned(), Vec::new(), Vec::new());
    loop {
        let page = page(&main, &format!("{before}, 10")).await;
        let found = page["items"].as_array().expect("items").clone();
        sizes.push(found.len());
        assert!(
            found.iter().all(|item| item.get("scopes").is_none()),
            "who could see it then is nobody's business"
        );
        ids.extend(found.iter().filter_map(|item| item["id"].as_i64()));
        if page["more"] == false {
            break;
        }
        before = ids[ids.len() - 1].to_string();
    }
    assert_eq!(sizes, [10, 10, 6]);
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first, none twice: {ids:?}");
    assert_eq!(page(&main, "null, 26").await["more"], false, "a full page that is the last says so");
    assert_eq!(items(&page(&main, "null, 5, 'drones'").await).len(), 1);
    assert_eq!(items(&page(&main, &format!("null, 100, 'regions', '{EASTERN}'")).await).len(), 25);
    assert_eq!(items(&page(&main, &format!("null, 100, 'regions', '{WESTERN}'")).await).len(), 0);
    for arguments in ["null, 0", "null, -1", "null, 10, 'auth'", "null, 10, null, 'x'"] {
        let refused = main.execute(&format!("select public.activity_page({arguments})"), &[]).await;
        assert_eq!(sqlstate(&refused), "PT400", "{arguments}");
    }
    let front = db.front().await;
    let (status, answer) =
        front.rpc(&mint(&claims), "activity_page", &json!({"limit_rows": 3, "tbl": "regions"})).await;
    assert_eq!((status, answer["items"].as_array().map(Vec::len)), (200, Some(3)));
    let (status, _) = front.rpc("", "activity_page", &json!({})).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn walking_the_pages_gives_what_row_level_security_does() {
    let (db, sql) = quiet().await;
    // Lines as the trigger writes them, of every shape, of each person, beside more of others.
    let made = format!(
        "insert into public.activity (actor_id, actor_name, tbl, pk, kind, scopes)
        select case n % 4 when 0 then p.id end, 'x', t, 'x' || n % 3, 'delete', s.scopes
        from generate_series(1, 20) n, public.profiles p, unnest(array['drones', 'regions']) t, (values
            ('{{}}'::text[]), (array['u:1']), (array['r:{EASTERN}']), (array['r:{WESTERN}', 'u:1']),
            (array['m:{EASTERN}', 'r:{EASTERN}']), (array['r:{EASTERN}', 'u:1', 'u:2', 'r:{WESTERN}']),
            (array['r:{WESTERN}', 'r:{EASTERN}']), (array['u:1', 'r:{EASTERN}']), (array['u:1', 'u:2', 'r:{WESTERN}'])
            ) s (scopes)
        where p.auth_user_id is not null order by md5(n::text || p.id || t || s.scopes::text)"
    );
    run(&sql, &made, &[]).await;
    run(
        &sql,
        &format!("update public.drones set region_id = '{WESTERN}' where region_id = '{EASTERN}'"),
        &[],
    )
    .await;
    run(&sql, &format!("delete from public.regions where id = '{WESTERN}'"), &[]).await;
    for (email, least) in [(MAIN, 2000), (EAST, 1000), (WEST, 20), (OPERATOR1, 80)] {
        let person = db.as_user(&db.session_of(email).await).await;
        for (filter, arguments) in [
            ("true", ""),
            ("tbl = 'regions'", ", 'regions'"),
            ("tbl = 'drones' and pk = 'x1'", ", 'drones', 'x1'"),
        ] {
            let visible = format!("select id from public.activity where {filter} order by id desc");
            let visible: Vec<i64> =
                person.query(&visible, &[]).await.expect("it reads").iter().map(|row| row.get(0)).collect();
            let (mut before, mut walked) = ("null".to_owned(), Vec::new());
            loop {
                let page = page(&person, &format!("{before}, 70{arguments}")).await;
                let ids = page["items"].as_array().expect("items").iter();
                walked.extend(ids.map(|item| item["id"].as_i64().expect("an id")));
                if page["more"] == false {
                    break;
                }
                before = walked[walked.len() - 1].to_string();
            }
            assert_eq!(walked, visible, "{email}, {filter}");
            assert!(filter != "true" || visible.len() >= least, "{email}: {}", visible.len());
        }
    }
    // A region in another place would be missed, and cannot be.
    for scopes in ["u:1,u:2,r:1,u:3", "r:1,r:2,r:3"] {
        let line = "insert into public.activity (actor_name, tbl, pk, kind, scopes)
            values ('x', 'drones', 'x', 'delete', string_to_array($1, ','))";
        assert_eq!(sqlstate(&sql.execute(line, &[&scopes]).await), "23514", "{scopes}");
    }
}

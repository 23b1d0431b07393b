//! Who did what: what a page says of an edit, and who may see it.

use flyos::domain::{Change, Key};
use flyos::remote::wire::OpWire;
use serde_json::{Value as Json, json};

use super::*;
use crate::fixtures::{fixture, same_shape};

on_both! {
    each_column_is_a_line_and_each_role_sees_its_own,
    a_row_has_its_history_and_pages_go_back,
    a_deed_on_an_account_is_a_line_that_only_the_secret_key_writes,
}

async fn page(person: &Person, request: &Json) -> Json {
    person.rpc("activity_page", request).await.json().await.expect("a page")
}

fn all(limit: u32) -> Json {
    json!({"limit_rows": limit})
}

/// Lines without what differs from server to server: ids, times, the administrator's name.
fn told(page: &Json) -> Vec<String> {
    let text = |item: &Json, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let line = |item: &Json| {
        let names = ["tbl", "pk", "kind", "field", "reason"];
        let by =
            if item["actor_id"].is_null() { "administrator".to_owned() } else { text(item, "actor_name") };
        let values = if item["field"].is_null() {
            String::new()
        } else {
            format!(" {} {}", text(item, "old"), text(item, "new"))
        };
        format!("{} {by}{values}", names.map(|name| text(item, name)).join(" "))
    };
    page["items"].as_array().expect("items").iter().map(line).collect()
}

async fn each_column_is_a_line_and_each_role_sees_its_own(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let (west, operator) = (sign_in(server, WEST).await, sign_in(server, OPERATOR1).await);
    let mut edit = update(server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    edit.reason = Some("left engine".to_owned());
    east.push(&[edit]).await;
    let both = update(server, &drone("drone-002"), &[("status", "OFFLINE"), ("model", "FlyOS_MQ9")]).await;
    main.push(&[both]).await;
    let assigned = delete(server, &Key::assignment(user_named(server, "d_okafor").await, "drone-006")).await;
    main.push(&[assigned]).await;
    let everything = page(&main, &all(100)).await;
    same_shape("activity_page", &everything);
    let lines = told(&everything);
    let mut machines = everything["items"].as_array().expect("items").iter().map(|item| &item["device"]);
    let machine = json!(DEVICE);
    assert!(machines.all(|device| *device == machine), "a line says where it came from: {everything:#}");
    // Newest first; of one edit in the order in which its columns were written.
    assert!(
        lines.contains(&"drones drone-001 update status left engine east_hq ACTIVE OFFLINE".to_owned()),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("drones drone-002 update model - main")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("user_drone_assignments")), "{lines:#?}");
    let cascade = lines.iter().filter(|line| line.starts_with("drones drone-006 update operator_id")).count();
    assert_eq!(cascade, 1, "what follows from an edit stands there too: {lines:#?}");
    let of_east = told(&page(&east, &all(100)).await);
    assert!(of_east.len() >= 2 && of_east.iter().all(|line| lines.contains(line)), "{of_east:#?}");
    assert_eq!(told(&page(&west, &all(100)).await), Vec::<String>::new());
    assert_eq!(
        told(&page(&operator, &all(100)).await),
        Vec::<String>::new(),
        "others' doings are not theirs"
    );
}

async fn a_row_has_its_history_and_pages_go_back(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let key = drone("drone-001");
    for status in ["OFFLINE", "STANDBY", "MAINTENANCE"] {
        let edit: OpWire = update(server, &key, &[("status", status)]).await;
        main.push(&[edit]).await;
    }
    let gone = row(server, &drone("drone-013")).await.expect("a drone");
    server.admin(&[Change::delete(&gone)]).await;
    let of_row = json!({"limit_rows": 2, "tbl": "drones", "pk": "drone-001"});
    let first = page(&main, &of_row).await;
    assert_eq!((told(&first).len(), &first["more"]), (2, &json!(true)));
    assert!(told(&first)[0].ends_with("STANDBY MAINTENANCE"), "{first:#}");
    let before = first["items"][1]["id"].clone();
    let rest =
        page(&main, &json!({"before": before, "limit_rows": 2, "tbl": "drones", "pk": "drone-001"})).await;
    assert_eq!((told(&rest).len(), &rest["more"]), (1, &json!(false)));
    let newest = page(&main, &all(200)).await;
    let deleted = told(&newest).into_iter().find(|line| line.starts_with("drones drone-013 delete"));
    assert!(deleted.is_some_and(|line| line.ends_with("administrator")), "{newest:#}");
    // What is wrong in itself is told as such.
    for wrong in [json!({"limit_rows": 0}), json!({"limit_rows": 1, "pk": "x"})] {
        let refused: Json = main.rpc("activity_page", &wrong).await.json().await.expect("an error");
        assert_eq!(refused["code"], "PT400");
    }
    let reply =
        main.rpc("activity_page", &fixture("activity_request")).await.json::<Json>().await.expect("a page");
    assert_eq!(reply["items"], json!([]));
}

/// What the database says to who notes a deed with that key, as that person.
async fn note(server: &impl Server, person: Option<&Person>, request: &Json) -> Json {
    let url = format!("{}/rest/v1/rpc/note_account_deed", server.url());
    let asked = reqwest::Client::new().post(url).json(request);
    let asked = match person {
        Some(person) => asked.header("apikey", &person.key).bearer_auth(&person.token),
        None => asked.header("apikey", server.service_role_key()),
    };
    asked.send().await.expect("an answer").json().await.expect("JSON")
}

async fn a_deed_on_an_account_is_a_line_that_only_the_secret_key_writes(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let (west, operator) = (sign_in(server, WEST).await, sign_in(server, OPERATOR1).await);
    let mut request = fixture("note_account_deed_request");
    for person in [&main, &east, &operator] {
        assert_eq!(note(server, Some(person), &request).await["code"], "42501");
    }
    for (name, wrong) in [
        ("deed", json!("promote")),
        ("deed", json!("list_unlinked")),
        ("deed", json!("")),
        ("reason", json!("é".repeat(201))),
        ("reason", json!("left \u{202e}the unit")),
        ("reason", json!("left\nthe unit")),
    ] {
        let mut request = request.clone();
        request[name] = wrong;
        assert_eq!(note(server, None, &request).await["code"], "PT400", "{request}");
    }
    assert_eq!(told(&page(&main, &all(100)).await), Vec::<String>::new(), "none of this stands there");

    assert_eq!(note(server, None, &request).await, fixture("note_account_deed"));
    let again = note(server, None, &request).await;
    assert_eq!(again, json!({"noted": false}), "sent again on its way");
    request["op"] = json!("0194f2a0-0000-7000-8000-000000000004");
    request["deed"] = json!("unban");
    request["reason"] = json!("");
    assert_eq!(note(server, None, &request).await["noted"], true);
    let of_row = json!({"limit_rows": 10, "tbl": "profiles", "pk": request["profile"]});
    let history = page(&main, &of_row).await;
    same_shape("activity_page", &history);
    let user = request["profile"].as_str().expect("a uuid");
    let wanted = [
        format!("profiles {user} account - - main_admin"),
        format!("profiles {user} account - left the unit main_admin"),
    ];
    assert_eq!(told(&history), wanted);
    assert_eq!(json!([history["items"][0]["new"], history["items"][1]["new"]]), json!(["unban", "ban"]));
    assert_eq!(history["items"][1]["op_id"], fixture("note_account_deed_request")["op"]);
    // As other lines of that row: for headquarters and for the region's, and not for the person.
    assert_eq!(told(&page(&east, &all(100)).await), wanted);
    assert_eq!(told(&page(&east, &of_row).await), wanted);
    for person in [&west, &operator] {
        assert_eq!(told(&page(person, &all(100)).await), Vec::<String>::new());
    }
    // Of a row that nobody has, headquarters alone reads; of who is not there (any more) the name is not known.
    request["op"] = json!("0194f2a0-0000-7000-8000-000000000005");
    request["profile"] = json!("0194f2a0-0000-7000-8000-0000000000ff");
    request["actor"] = json!("0194f2a0-0000-7000-8000-0000000000fe");
    let answer = note(server, None, &request).await;
    assert_eq!(answer["noted"], true, "{answer}");
    let newest = page(&main, &all(1)).await;
    assert_eq!(newest["items"][0]["actor_name"], "service_role", "{newest}");
    assert_eq!(told(&page(&east, &all(100)).await).len(), 2);
}

//! Plain reads and writes of tables, for what the sync does not carry.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;

on_both! {
    rows_are_filtered_ordered_and_cut,
    at_most_a_thousand_rows (rows: 5000),
    what_is_not_there_is_refused,
    rows_are_found_by_patterns_and_by_what_they_lack,
    the_secret_key_makes_profiles_and_takes_them_away,
}

async fn ids(person: &Person, query: &str) -> Vec<String> {
    let reply = person.table(query).await;
    assert_eq!(reply.status(), StatusCode::OK, "{query}");
    let rows: Vec<Json> = reply.json().await.expect("rows");
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn rows_are_filtered_ordered_and_cut(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    assert_eq!(ids(&main, "drones?id=eq.drone-003").await, ["drone-003"]);
    assert_eq!(
        ids(&main, "drones?select=*&id=in.(drone-005,%22drone-002%22)").await,
        ["drone-002", "drone-005"]
    );
    assert_eq!(ids(&main, "drones?order=id.desc&limit=2").await, ["drone-032", "drone-031"]);
    let by_two = ids(&main, "drones?order=status.asc,id.desc&limit=1").await;
    assert_eq!(by_two, ["drone-030"]);
    assert_eq!(ids(&main, "drones").await.len(), 32);
    assert_eq!(ids(&east, "drones").await.len(), 14);
    assert_eq!(ids(&east, "drones?id=eq.drone-020").await, [""; 0]);
    let reply = main.table("drones?limit=5").await;
    assert_eq!(reply.headers()["content-range"], "0-4/*");
    assert_eq!(main.table("drones?id=eq.none").await.headers()["content-range"], "*/*");
    let url = format!("{}/rest/v1/profiles", server.url());
    let all = client().get(&url).header("apikey", server.service_role_key()).send().await.expect("an answer");
    let all: Vec<Json> = all.json().await.expect("rows");
    assert_eq!(all.len(), server.world().await.users().count(), "the secret key alone sees all");
    let anon = client().get(&url).header("apikey", server.publishable_key()).send().await.expect("an answer");
    assert_eq!(code_of(anon).await, (401, "42501".to_owned()));
}

async fn at_most_a_thousand_rows(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    assert_eq!(ids(&main, "drones?limit=5000").await.len(), 1000);
}

async fn what_is_not_there_is_refused(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    for (query, status, code) in [
        ("planes", 404, "PGRST205"),
        ("drones?colour=eq.red", 400, "42703"),
        ("drones?region_id=eq.east", 400, "22P02"),
    ] {
        let (got, body) = error_of(main.table(query).await).await;
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{query}");
        let mut keys: Vec<_> = body.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["code", "details", "hint", "message"]);
    }
}

/// A request by the secret key alone.
fn by_key(server: &impl Server, method: Method, query: &str) -> reqwest::RequestBuilder {
    let url = format!("{}/rest/v1/{query}", server.url());
    client().request(method, url).header("apikey", server.service_role_key())
}

async fn usernames(server: &impl Server, query: &str) -> Vec<String> {
    let reply = by_key(server, Method::GET, query).send().await.expect("an answer");
    assert_eq!(reply.status(), StatusCode::OK, "{query}");
    let rows: Vec<Json> = reply.json().await.expect("rows");
    let mut names: Vec<_> =
        rows.iter().map(|row| row["username"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

async fn rows_are_found_by_patterns_and_by_what_they_lack(server: &impl Server) {
    let names = async |filter: &str| usernames(server, &format!("profiles?{filter}")).await;
    assert_eq!(names("email=ilike.MAIN@FLYOS.MIL").await, ["main_admin"]);
    assert_eq!(names("username=ilike.MAIN%5C_admin").await, ["main_admin"]);
    assert_eq!(names("username=ilike.main%5C%5Cadmin").await, [""; 0]);
    assert_eq!(names("username=ilike.*%5C_hq").await, names("username=ilike.%25%5C_hq").await);
    assert!(names("username=ilike.*%5C_hq").await.len() > 1);
    let world = server.world().await;
    let alone = world.users().filter(|user| user.region_id.is_none()).count();
    assert_eq!(names("region_id=is.null").await.len(), alone);
    let ends = by_key(server, Method::GET, "profiles?username=ilike.a%5C").send().await.expect("an answer");
    assert_eq!(code_of(ends).await, (400, "22025".to_owned()));
    let uuid = by_key(server, Method::GET, "profiles?region_id=ilike.a").send().await.expect("an answer");
    assert_eq!(code_of(uuid).await, (404, "42883".to_owned()));
}

async fn the_secret_key_makes_profiles_and_takes_them_away(server: &impl Server) {
    let post = async |row: Json| {
        let call = by_key(server, Method::POST, "profiles").json(&row).send();
        let reply = call.await.expect("an answer");
        match reply.status().as_u16() {
            201 => assert_eq!(reply.text().await.expect("a body"), ""),
            _ => return code_of(reply).await,
        }
        (201, String::new())
    };
    let row = |name: &str, more: Json| {
        let mut row = json!({"id": Uuid::now_v7(), "username": name, "full_name": name,
            "email": format!("{name}@unit.mil"), "role": "OPERATOR", "status": "INACTIVE"});
        row.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        row
    };
    let mut main = sign_in(server, MAIN).await;
    main.drain(1000).await;
    let before = main.copy.len();
    let told = |status: u16, code: &str| (status, code.to_owned());
    let made = row("new_one", json!({}));
    assert_eq!(post(made.clone()).await, told(201, ""));
    main.drain(1000).await;
    assert_eq!(main.copy.len(), before + 1, "everybody hears of it");
    assert_eq!(post(row("NEW_ONE", json!({"email": "other@unit.mil"}))).await, told(409, "23505"));
    assert_eq!(post(row("xy", json!({}))).await, told(400, "23514"));
    assert_eq!(post(row("new_two", json!({"region_id": Uuid::now_v7()}))).await, told(409, "23503"));
    assert_eq!(post(row("new_two", json!({"id": "two"}))).await, told(400, "22P02"));
    assert_eq!(post(row("new_two", json!({"id": null}))).await, told(400, "23502"));
    assert_eq!(post(row("new_two", json!({"region_id": "east"}))).await, told(400, "22P02"));
    assert_eq!(post(row("new_two", json!({"colour": "red"}))).await, told(400, "PGRST204"));
    let region = server.world().await.regions().next().expect("a region").id.to_string().to_uppercase();
    let other = row("other", json!({"region_id": region}));
    assert_eq!(post(other).await, told(201, ""));
    assert_eq!(usernames(server, "profiles?username=ilike.new%25").await, ["new_one"]);

    let delete = async |filter: &str| {
        let call = by_key(server, Method::DELETE, &format!("profiles?{filter}")).send();
        let reply = call.await.expect("an answer");
        if reply.status() == StatusCode::NO_CONTENT { told(204, "") } else { code_of(reply).await }
    };
    assert_eq!(delete("role=eq.MAIN_HQ").await, told(400, "23514"), "one remains");
    assert_eq!(delete("username=eq.nobody").await, told(204, ""));
    let id = made["id"].as_str().expect("an id");
    assert_eq!(delete(&format!("id=eq.{id}&auth_user_id=is.null")).await, told(204, ""));
    let count = server.world().await.users().count();
    assert_eq!(usernames(server, "profiles?username=ilike.new%25").await, [""; 0]);
    let linked = server.world().await.users().find(|user| user.auth_user_id.is_some()).expect("a user").id;
    assert_eq!(delete(&format!("id=eq.{linked}&auth_user_id=is.null")).await, told(204, ""));
    assert_eq!(server.world().await.users().count(), count, "who has an account stays");
}

//! What devices say of themselves, kept with each push and read by role.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EAST, INACTIVE, MAIN, OPERATOR1, WEST, profile, project, push, run};
use crate::pg::{Database, sqlstate};

const OPERATOR2: &str = "operator2@flyos.mil";

fn report(waiting: u32) -> Json {
    json!({"waiting": waiting, "oldest_s": 60 * waiting, "needs_you": 1, "version": "1.2.3"})
}

/// Says something as somebody, from a device, and pushes nothing.
async fn say(db: &Database, email: &str, device: Uuid, report: Json) -> Json {
    let claims = db.session_of(email).await;
    push(&db.as_user(&claims).await, &claims, device, report, &[]).await
}

/// Who is heard of, with how many edits wait there, newest first.
async fn seen(db: &Database, email: &str) -> Vec<String> {
    let claims = db.session_of(email).await;
    let answer = db.as_user(&claims).await.value("select public.sync_devices()").await.expect("an answer");
    let devices = answer["devices"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
    devices
        .iter()
        .map(|device| format!("{} {}", device["username"].as_str().expect("a name"), device["waiting"]))
        .collect()
}

#[tokio::test]
async fn a_commander_sees_the_devices_of_the_region() {
    let db = project().await;
    for (waiting, email) in [MAIN, EAST, OPERATOR1, OPERATOR2].into_iter().enumerate() {
        let waiting = u32::try_from(waiting).expect("a small number");
        assert_eq!(say(&db, email, Uuid::now_v7(), report(waiting)).await["results"], json!([]));
    }
    assert_eq!(seen(&db, MAIN).await, ["operator2 3", "operator1 2", "east_hq 1", "main_admin 0"]);
    assert_eq!(seen(&db, EAST).await, ["operator1 2", "east_hq 1"]);
    assert_eq!(seen(&db, WEST).await, ["operator2 3"]);
    assert_eq!(seen(&db, OPERATOR1).await, ["operator1 2"]);
    let claims = db.session_of(INACTIVE).await;
    let word = db.as_user(&claims).await.value("select public.sync_devices()").await.expect("an answer");
    assert_eq!(word, json!({"must": "inactive"}));
    assert_eq!(say(&db, INACTIVE, Uuid::nil(), report(9)).await, json!({"must": "inactive"}));
    for role in ["anon", "service_role"] {
        let other = db.as_user(&json!({"role": role})).await;
        assert_eq!(sqlstate(&other.query("select public.sync_devices()", &[]).await), "42501", "{role}");
    }
}

#[tokio::test]
async fn each_device_is_kept_once_and_goes_with_its_user() {
    let db = project().await;
    let (laptop, station) = (Uuid::now_v7(), Uuid::now_v7());
    say(&db, OPERATOR1, laptop, report(4)).await;
    say(&db, OPERATOR1, station, report(1)).await;
    say(&db, OPERATOR1, laptop, report(0)).await;
    // Nothing said changes nothing.
    say(&db, OPERATOR1, laptop, Json::Null).await;
    assert_eq!(seen(&db, EAST).await, ["operator1 0", "operator1 1"]);
    // The same device in other hands is another.
    say(&db, OPERATOR2, laptop, report(7)).await;
    assert_eq!(seen(&db, OPERATOR1).await, ["operator1 0", "operator1 1"]);
    let claims = db.session_of(MAIN).await;
    let answer = db.as_user(&claims).await.value("select public.sync_devices()").await.expect("an answer");
    let first = &answer["devices"][0];
    let sql = db.postgres().await;
    let operator2 = profile(&sql, OPERATOR2).await["id"].clone();
    let told = json!({"user": operator2, "username": "operator2", "device": laptop, "waiting": 7, "oldest_s": 420,
        "needs_you": 1, "version": "1.2.3", "at": first["at"], "erased": false});
    assert_eq!(first, &told);
    run(&sql, "delete from public.profiles where username = 'operator1'", &[]).await;
    assert_eq!(seen(&db, MAIN).await, ["operator2 7"]);
}

#[tokio::test]
async fn a_report_that_is_none_is_refused() {
    let db = project().await;
    let claims = db.session_of(OPERATOR1).await;
    let sql = db.as_user(&claims).await;
    let push = "select public.sync_push(auth.uid(), gen_random_uuid(), 1, $1, '[]')";
    for wrong in [
        json!([]),
        json!({}),
        json!({"waiting": -1, "oldest_s": 0, "needs_you": 0, "version": "1"}),
        json!({"waiting": "many", "oldest_s": 0, "needs_you": 0, "version": "1"}),
        json!({"waiting": 0, "oldest_s": 0, "needs_you": 0, "version": ""}),
        json!({"waiting": 0, "oldest_s": 0, "needs_you": 0, "version": "v".repeat(65)}),
    ] {
        assert_eq!(sqlstate(&sql.query(push, &[&wrong]).await), "PT400", "{wrong}");
    }
    assert_eq!(seen(&db, MAIN).await, Vec::<String>::new());
}

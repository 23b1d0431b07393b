//! The keys of devices: each account's own, until headquarters deletes one.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EAST, INACTIVE, MAIN, OPERATOR1, profile, project, run, uuid};
use crate::pg::{Database, sqlstate};

/// 32 bytes in base64, told apart by their last character but one.
fn secret(c: char) -> String {
    format!("{}{c}=", "A".repeat(42))
}

async fn ask(db: &Database, claims: &Json, device: Uuid, offered: &str) -> Json {
    let who = db.as_user(claims).await;
    let row = who.query_one("select public.device_key($1, $2)", &[&device, &offered]).await;
    row.map_or_else(|error| Json::from(sqlstate(&Err::<(), _>(error))), |row| row.get(0))
}

#[tokio::test]
async fn a_device_gets_the_key_that_it_offered_first_and_no_other_account_does() {
    let db = project().await;
    let (device, other) = (Uuid::new_v4(), Uuid::new_v4());
    let operator = db.session_of(OPERATOR1).await;
    assert_eq!(ask(&db, &operator, device, &secret('Q')).await, json!({"key": secret('Q')}));
    assert_eq!(ask(&db, &operator, device, &secret('g')).await, json!({"key": secret('Q')}), "kept");
    assert_eq!(ask(&db, &operator, other, &secret('g')).await, json!({"key": secret('g')}));
    // Another account that knows the device's number gets a key of its own, and headquarters no more than that.
    for (email, c) in [(EAST, 'w'), (MAIN, 'k')] {
        let theirs = db.session_of(email).await;
        assert_eq!(ask(&db, &theirs, device, &secret(c)).await, json!({"key": secret(c)}), "{email}");
        let who = db.as_user(&theirs).await;
        for query in ["select secret from sync.device_key", "delete from sync.device_key"] {
            assert_eq!(sqlstate(&who.query(query, &[]).await), "42501", "{email}: {query}");
        }
    }
    assert_eq!(ask(&db, &operator, device, "short").await, "PT400");
    // Who may not work gets a word, and who is nobody nothing.
    assert_eq!(
        ask(&db, &db.session_of(INACTIVE).await, device, &secret('Q')).await,
        json!({"must": "inactive"})
    );
    let ended = json!({"sub": operator["sub"], "role": "authenticated", "session_id": Uuid::new_v4()});
    assert_eq!(ask(&db, &ended, device, &secret('Q')).await, json!({"must": "signed_out"}));
    for role in ["anon", "service_role"] {
        assert_eq!(ask(&db, &json!({"role": role}), device, &secret('Q')).await, "42501", "{role}");
    }
}

#[tokio::test]
async fn a_second_factor_that_was_not_given_gets_no_key() {
    let db = project().await;
    let operator = db.session_of(OPERATOR1).await;
    assert_eq!(ask(&db, &operator, Uuid::nil(), &secret('Q')).await, json!({"key": secret('Q')}));
    let auth = db.superuser().await;
    let factor = "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
        values (gen_random_uuid(), ($1::jsonb ->> 'sub')::uuid, 'totp', 'verified', now(), now())";
    run(&auth, factor, &[&operator]).await;
    assert_eq!(ask(&db, &operator, Uuid::nil(), &secret('Q')).await, json!({"must": "aal2"}));
    let mut given = operator.clone();
    given["aal"] = json!("aal2");
    assert_eq!(ask(&db, &given, Uuid::nil(), &secret('Q')).await, json!({"key": secret('Q')}));
}

#[tokio::test]
async fn what_was_deleted_is_told_for_ever_and_what_is_missing_is_not() {
    let db = project().await;
    let [lost, by_hand, restored] = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    let operator = db.session_of(OPERATOR1).await;
    for device in [lost, by_hand, restored] {
        ask(&db, &operator, device, &secret('Q')).await;
    }
    let sql = db.superuser().await;
    let person = uuid(&profile(&sql, OPERATOR1).await["id"]);
    let erase = format!("select public.erase_device('{person}', '{lost}')");
    for (email, told) in [(EAST, "42501"), (OPERATOR1, "42501")] {
        let who = db.as_user(&db.session_of(email).await).await;
        assert_eq!(sqlstate(&who.query(&erase, &[]).await), told, "{email}");
    }
    let main = db.as_user(&db.session_of(MAIN).await).await;
    assert_eq!(main.value(&erase).await.expect("it may"), json!({"erased": true}));
    let nobody = format!("select public.erase_device('{}', '{lost}')", Uuid::nil());
    assert_eq!(sqlstate(&main.query(&nobody, &[]).await), "23514");
    assert_eq!(ask(&db, &operator, lost, &secret('g')).await, json!({"erased": true}));
    // And headquarters sees which one it was.
    for device in [lost, by_hand] {
        let said = json!({"waiting": 0, "oldest_s": 0, "needs_you": 0, "version": "1"});
        super::push(&db.as_user(&operator).await, &operator, device, said, &[]).await;
    }
    let devices = main.value("select public.sync_devices()").await.expect("an answer")["devices"].clone();
    for told in devices.as_array().expect("a list") {
        assert_eq!(told["erased"], json!(told["device"] == json!(lost)), "{told}");
    }
    assert_eq!(run(&sql, "delete from sync.device_key where device = $1", &[&by_hand]).await, 1);
    assert_eq!(ask(&db, &operator, by_hand, &secret('g')).await, json!({"erased": true}));
    // As after a restore from a backup that was made before: missing, and never deleted.
    run(&sql, "alter table sync.device_key disable trigger flyos_gone", &[]).await;
    run(&sql, "delete from sync.device_key where device = $1", &[&restored]).await;
    assert_eq!(ask(&db, &operator, restored, &secret('g')).await, json!({"key": secret('g')}));
    run(&sql, "alter table sync.device_key enable trigger flyos_gone", &[]).await;
    // A device that never had a key can be erased as well, and all goes with the account.
    let never = Uuid::new_v4();
    let erase = format!("select public.erase_device('{person}', '{never}')");
    assert_eq!(main.value(&erase).await.expect("it may"), json!({"erased": true}));
    assert_eq!(ask(&db, &operator, never, &secret('g')).await, json!({"erased": true}));
    run(&sql, "delete from auth.users where id = ($1::jsonb ->> 'sub')::uuid", &[&operator]).await;
    let left = "select (select count(*) from sync.device_key) + (select count(*) from sync.erased_device)";
    assert_eq!(sql.value(left).await.expect("a number"), 0);
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_keys() {
    let db = project().await;
    let operator = db.session_of(OPERATOR1).await;
    let sql = db.superuser().await;
    let fill = "insert into sync.device_key (account, device, secret)
        select ($1::jsonb ->> 'sub')::uuid, gen_random_uuid(), $2 from generate_series(1, sync.device_keys_max())";
    run(&sql, fill, &[&operator, &secret('Q')]).await;
    assert_eq!(ask(&db, &operator, Uuid::nil(), &secret('g')).await, json!({"key": null}));
}

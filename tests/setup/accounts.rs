//! `flyos accounts`: who is without a profile, and what becomes of each; and the troubles that people meet.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::pg::{self, Database};
use crate::program::Home;

const PEOPLE: &str = "insert into public.profiles (id, username, full_name, email, role, status) values
  ('00000000-0000-4000-8000-000000000001', 'head', 'Head', 'head@unit.mil', 'MAIN_HQ', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000003', 'ann', 'Ann', 'Ann@unit.mil', 'OPERATOR', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000004', 'ben', 'Ben', 'ben@unit.mil', 'OPERATOR', 'INACTIVE'),
  ('00000000-0000-4000-8000-000000000005', 'carl', 'Carl', 'carl@unit.mil', 'REGIONAL_HQ', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000006', 'dora', 'Dora', 'dora@unit.mil', 'OPERATOR', 'ACTIVE');";

/// Accounts from before the migrations, or whose profile was not to be had: address, whether it is confirmed, what
/// `app_metadata` names, what else; and what a sync must make of each.
const CAST: [(&str, bool, &str, &str, &str); 10] = [
    ("dora@unit.mil", true, "", "", "linked"),
    ("new@unit.mil", false, "", "", "new"),
    ("ann@unit.mil", true, "", "", "link"),
    ("head@unit.mil", true, "", "", "not_operator"),
    ("ben@unit.mil", false, "", "", "not_confirmed"),
    ("carl.new@unit.mil", true, "00000000-0000-4000-8000-000000000005", "", "overwrites"),
    ("gone@unit.mil", true, "00000000-0000-4000-8000-0000000000ff", "", "profile_deleted"),
    ("left@unit.mil", true, "", "banned_until = flyos.barred_until()", "profile_deleted"),
    ("", false, "", "is_anonymous = true", "anonymous"),
    ("ANN2@unit.mil", true, "", "", "new"),
];

/// A project with these people and accounts.
pub async fn project() -> Database {
    let db = pg::database().await;
    db.migrate(PEOPLE).await.unwrap();
    db.account("dora@unit.mil").await;
    let mut sql = "set session_replication_role = replica;\n".to_owned();
    for (email, confirmed, named, more, _) in CAST.iter().skip(1) {
        let id = Uuid::new_v4();
        let email = if email.is_empty() { "null".to_owned() } else { format!("'{}'", email.to_lowercase()) };
        let named =
            if named.is_empty() { "{}".to_owned() } else { format!(r#"{{"flyos_profile_id": "{named}"}}"#) };
        let when = if *confirmed { "now()" } else { "null" };
        let _written = write!(
            sql,
            "insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, confirmation_token,
                recovery_token, email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data, created_at,
                updated_at) values ('00000000-0000-0000-0000-000000000000', '{id}', 'authenticated', 'authenticated',
                {email}, {when}, '', '', '', '', '{named}', '{{}}', now(), now());\n"
        );
        if !more.is_empty() {
            let _written = writeln!(sql, "update auth.users set {more} where id = '{id}';");
        }
    }
    db.superuser().await.batch_execute(&sql).await.unwrap();
    db
}

/// What stands in the people's rows, by their usernames, without what a link writes.
pub async fn people(db: &Database) -> Json {
    let all = "select jsonb_object_agg(username, to_jsonb(p) - '{updated_at,auth_user_id}'::text[]) from public.profiles p";
    db.postgres().await.value(all).await.unwrap()
}

/// What an answer says of the accounts and profiles, without how the command ended.
pub fn tally_of(told: &Json) -> Json {
    let ended = ["success", "message", "error", "field", "hints", "exitCode"];
    let mut tally = told.clone();
    tally.as_object_mut().unwrap().retain(|name, _| !ended.contains(&name.as_str()));
    tally
}

/// Outcomes by address.
pub fn outcomes(told: &Json) -> Vec<(String, String)> {
    let all = told["accounts"].as_array().unwrap().iter();
    let mut all: Vec<_> = all
        .map(|one| {
            let outcome = one["why"].as_str().or(one["outcome"].as_str()).unwrap();
            (one["email"].as_str().unwrap_or_default().to_owned(), outcome.to_owned())
        })
        .collect();
    all.sort();
    all
}

/// What must come of those without a profile.
pub fn expected() -> Vec<(String, String)> {
    let mut all: Vec<_> = CAST
        .iter()
        .skip(1)
        .map(|(email, .., outcome)| (email.to_lowercase(), (*outcome).to_owned()))
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn people_who_sign_in_and_can_do_nothing_are_found_and_helped() {
    let db = project().await;
    let home = Home::new(&db);
    let told = home.run(&["accounts", "status", "--json"]).await;
    assert_eq!(told.code, 13, "{told:?}");
    let tally = json!({"accounts": 7, "profiles": 5, "withProfile": 1, "missing": 6, "percentage": 14,
        "ofDeletedProfiles": 2, "anonymous": 1, "profilesWithoutAccount": 4, "automatic": true});
    assert_eq!(tally_of(&told.json()), tally);
    assert_eq!((&told.json()["success"], &told.json()["error"]), (&json!(false), &json!("attention")));
    home.run(&["accounts", "status"]).await.says("missing: 6").says("accounts sync --dry-run");

    let before = people(&db).await;
    let ahead = home.run(&["accounts", "sync", "--dry-run", "--json"]).await.well().json();
    assert_eq!(outcomes(&ahead), expected());
    assert_eq!(people(&db).await, before);
    let still = home.run(&["accounts", "status", "--json"]).await.json();
    assert_eq!(tally_of(&still), tally, "a look changes nothing");

    let done = home.run(&["accounts", "sync", "--json"]).await.well().json();
    assert_eq!(outcomes(&done), expected(), "it does what it said");
    assert_eq!((&done["linked"], &done["made"], &done["failed"]), (&json!(1), &json!(2), &json!(0)));
    let after = people(&db).await;
    for (name, row) in before.as_object().unwrap() {
        assert_eq!(&after[name], row, "what stood in a profile stays");
    }
    for name in ["new", "ann2"] {
        assert_eq!((&after[name]["role"], &after[name]["status"]), (&json!("OPERATOR"), &json!("INACTIVE")));
    }
    let again = home.run(&["accounts", "sync", "--verbose"]).await.well();
    again.says("linked: 0, made: 0, left alone: 4, failed: 0.");
    again.says("2 accounts belonged to profiles that were deleted, and get none:").says("  gone@unit.mil");
    again.says("head@unit.mil: left alone: a profile has its address, and is no OPERATOR's.");
    again.says("carl.new@unit.mil: left alone: linking it to carl changes email from carl@unit.mil to");

    home.run(&["accounts", "sync", "--overwrite"]).await.well().says("linked: 1, made: 0");
    assert_eq!(people(&db).await["carl"]["email"], "carl.new@unit.mil");
}

#[tokio::test]
async fn new_accounts_that_get_no_profile_by_themselves_are_told() {
    let db = pg::database().await;
    let home = Home::new(&db);
    home.run(&["accounts", "status"]).await.well().says("with a profile: 0 (100 %)");
    let hurt =
        "drop trigger flyos_account_written on auth.users; drop trigger flyos_account_moved on auth.users";
    db.superuser().await.batch_execute(hurt).await.unwrap();
    db.account("late@unit.mil").await;
    let told = home.run(&["accounts", "status"]).await;
    assert_eq!(told.code, 13);
    told.says("do not get their profiles by themselves").says("flyos supabase migrate --again");
    // It is mended as is told, and who was missed meanwhile is fetched.
    home.run(&["supabase", "migrate", "--again"]).await.well();
    home.run(&["accounts", "sync"]).await.well().says("made: 1");
    db.account("later@unit.mil").await;
    let tally = home.run(&["accounts", "status", "--json"]).await.well().json();
    assert_eq!((&tally["accounts"], &tally["withProfile"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_role_without_the_right_is_told_what_to_do() {
    let db = project().await;
    let told = Home::with(&db.uri("authenticator")).run(&["accounts", "sync"]).await;
    assert_eq!(told.code, 3, "{told:?}");
    told.says("permission denied").says("Sign in as the role that owns the project: postgres.");
    let home = Home::new(&db);
    for words in [
        &["accounts", "status"][..],
        &["accounts", "sync", "--dry-run"],
        &["accounts", "preservation-report"],
    ] {
        let told = home.run_with(words, &[]).await;
        assert_eq!(told.code, 2, "{told:?}");
        told.says("No way to the project was given")
            .says("SUPABASE_SERVICE_ROLE_KEY")
            .says("--email ADDRESS");
    }
    for words in [&["accounts", "sync"][..], &["accounts", "create-profile", "ann@unit.mil"]] {
        let told = home.run_with(words, &[]).await;
        assert_eq!(told.code, 2, "{told:?}");
        told.says("No way to the project was given").says("lists accounts without a profile, and links none");
    }
    let told = Home::new(&pg::skeleton().await).run(&["accounts", "status"]).await;
    assert_eq!(told.code, 4);
    told.says("flyos supabase migrate");
    let gone = db.uri("postgres").replace("/test_", "/gone_");
    let told = Home::with(&gone).run(&["accounts", "status"]).await;
    assert_eq!(told.code, 8, "{told:?}");
    told.says("does not exist");
}

#[tokio::test]
async fn one_profile_is_made_on_request_and_never_twice() {
    let db = project().await;
    let home = Home::new(&db);
    let make = async |words: &[&str]| {
        let mut all = vec!["accounts", "create-profile"];
        all.extend(words);
        home.run(&all).await
    };
    make(&["new@unit.mil", "--role", "regional_hq"]).await.well().says("new (REGIONAL_HQ, ACTIVE)");
    let before = people(&db).await;
    for (who, words) in [
        ("new@unit.mil", "has a profile already: new. Nothing was changed."),
        ("gone@unit.mil", "its profile was deleted"),
        ("head@unit.mil", "is no OPERATOR's"),
        ("nobody@unit.mil", "There is no sign-in account nobody@unit.mil"),
    ] {
        let told = make(&[who]).await;
        assert_eq!(told.code, 4, "{told:?}");
        told.says(words);
    }
    let told = make(&["ann@unit.mil", "--role", "MAIN_HQ"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("which stays as it is");
    assert_eq!(people(&db).await, before);
    make(&["ann@unit.mil"]).await.well().says("is linked now to ann (OPERATOR, ACTIVE)");
    let id =
        db.postgres().await.value("select id from auth.users where email = 'ann2@unit.mil'").await.unwrap();
    make(&[id.as_str().unwrap(), "--inactive"]).await.well().says("(OPERATOR, INACTIVE)");
}

#[tokio::test]
async fn what_a_sync_would_keep_is_told_account_by_account() {
    let db = project().await;
    let home = Home::new(&db);
    let before = people(&db).await;
    let told = home.run(&["accounts", "preservation-report"]).await.well();
    told.says("9 accounts looked at. Nothing was changed.");
    told.says("ann@unit.mil: would be linked to ann, which was there");
    told.says("keeps: role OPERATOR, status ACTIVE, full_name Ann, email Ann@unit.mil\n    changes: nothing");
    told.says("changes: email from carl@unit.mil to carl.new@unit.mil");
    let one = home.run(&["accounts", "preservation-report", "dora@unit.mil", "--json"]).await.well().json();
    assert_eq!(
        (&one["accounts"][0]["outcome"], &one["accounts"][0]["changes"]),
        (&json!("linked"), &json!([]))
    );
    assert_eq!(one["accounts"][0]["profile"]["username"], "dora");
    assert_eq!(people(&db).await, before);
}

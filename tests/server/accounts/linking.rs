//! Which profile a new account gets, and that nothing that goes wrong there stops a sign-up.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{profile, run};
use crate::pg::{self, Database, Sql};

/// Profiles by role, without accounts.
const PEOPLE: &str = "insert into public.profiles (id, username, full_name, email, role, status) values
  ('00000000-0000-4000-8000-000000000001', 'head', 'Head', 'head@unit.mil', 'MAIN_HQ', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000002', 'region', 'Region', 'region@unit.mil', 'REGIONAL_HQ', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000003', 'ann', 'Ann', 'Ann@unit.mil', 'OPERATOR', 'ACTIVE'),
  ('00000000-0000-4000-8000-000000000004', 'ben', 'Ben', 'ben@unit.mil', 'OPERATOR', 'INACTIVE')";
const HEAD: &str = "00000000-0000-4000-8000-000000000001";

/// How an account comes into the world.
#[derive(Clone, Copy, Default)]
struct Born<'a> {
    email: Option<&'a str>,
    /// `app_metadata.flyos_profile_id`.
    named: Option<&'a str>,
    confirmed: bool,
    anonymous: bool,
    /// What its owner says of itself.
    says: Option<&'a str>,
}

fn with(email: &str) -> Born<'_> {
    Born { email: Some(email), ..Born::default() }
}

async fn people() -> (Database, Sql) {
    let db = pg::database().await;
    db.migrate(PEOPLE).await.expect("allowed");
    let auth = db.connect("supabase_auth_admin").await;
    (db, auth)
}

/// Makes an account as the sign-in server does: the row, then what the admin API wrote, then the confirmation, each a
/// statement, in one transaction.
async fn make(auth: &Sql, born: Born<'_>) -> Uuid {
    let id = Uuid::new_v4();
    run(auth, "begin", &[]).await;
    let row = "insert into auth.users (instance_id, id, aud, role, email, confirmation_token, recovery_token,
            email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data, is_anonymous, created_at, updated_at)
        values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, '', '', '', '',
            '{\"provider\": \"email\", \"providers\": [\"email\"]}', coalesce($3::jsonb, '{}'), $4, now(), now())";
    let says: Option<Json> = born.says.map(|says| serde_json::from_str(says).expect("JSON"));
    run(auth, row, &[&id, &born.email, &says, &born.anonymous]).await;
    if let Some(named) = born.named {
        let claim = json!({"flyos_profile_id": named});
        let write = "update auth.users set raw_app_meta_data = raw_app_meta_data || $2 where id = $1";
        run(auth, write, &[&id, &claim]).await;
    }
    if born.confirmed {
        confirm(auth, id).await;
    }
    run(auth, "commit", &[]).await;
    id
}

async fn confirm(auth: &Sql, id: Uuid) {
    run(auth, "update auth.users set email_confirmed_at = now(), updated_at = now() where id = $1", &[&id])
        .await;
}

/// The username of the profile that an account has, "" for none.
async fn has(db: &Database, account: Uuid) -> String {
    let query = format!("select username from public.profiles where auth_user_id = '{account}'");
    let name = db.postgres().await.value(&query).await.expect("at most one");
    name.as_str().unwrap_or_default().to_owned()
}

async fn count(db: &Database) -> Json {
    db.postgres().await.value("select count(*) from public.profiles").await.expect("a number")
}

#[tokio::test]
async fn the_admin_api_says_whose_it_is() {
    let (db, auth) = people().await;
    let own = make(&auth, Born { named: Some(HEAD), ..with("new-head@unit.mil") }).await;
    assert_eq!(has(&db, own).await, "head", "whatever the role and the address, also unconfirmed");
    let sql = db.postgres().await;
    assert_eq!(
        profile(&sql, "new-head@unit.mil").await["username"],
        "head",
        "the address is the account's now"
    );
    let upper = "00000000-0000-4000-8000-00000000000A";
    run(&sql, "insert into public.profiles (id, username, full_name, email, role, status)
        values ('00000000-0000-4000-8000-00000000000a', 'carl', 'Carl', 'carl@unit.mil', 'OPERATOR', 'ACTIVE')", &[]).await;
    let taken = make(&auth, Born { named: Some(upper), confirmed: true, ..with("ben@unit.mil") }).await;
    assert_eq!(has(&db, taken).await, "carl", "not Ben's, whose address it is");
    assert_eq!(
        profile(&sql, "carl@unit.mil").await["auth_user_id"],
        taken.to_string(),
        "and Ben keeps that address"
    );
    let told = auth.notices();
    assert!(
        told.iter().any(|line| line.contains("did not reach its profile: E-mail ben@unit.mil is taken.")),
        "{told:?}"
    );

    // Named wrongly: none, and no other instead.
    let before = count(&db).await;
    let gone = Uuid::new_v4().to_string();
    for named in [HEAD, &gone, "nonsense", ""] {
        let account = make(&auth, Born { named: Some(named), confirmed: true, ..with("ann@unit.mil") }).await;
        assert_eq!(has(&db, account).await, "", "{named}");
        run(&auth, "delete from auth.users where id = $1", &[&account]).await;
    }
    assert_eq!(count(&db).await, before);

    // Said later, of an account that has none.
    let later = make(&auth, with("region@unit.mil")).await;
    assert_eq!(has(&db, later).await, "");
    let claim = json!({"flyos_profile_id": "00000000-0000-4000-8000-000000000002"});
    let write = "update auth.users set raw_app_meta_data = raw_app_meta_data || $2 where id = $1";
    run(&auth, write, &[&later, &claim]).await;
    assert_eq!(has(&db, later).await, "region");
    // And of one that has one: it stays where it is.
    let claim = json!({"flyos_profile_id": "00000000-0000-4000-8000-000000000004"});
    run(&auth, write, &[&later, &claim]).await;
    assert_eq!(has(&db, later).await, "region");
}

#[tokio::test]
async fn a_confirmed_address_finds_its_operator_and_nobody_else() {
    let (db, auth) = people().await;
    let before = count(&db).await;
    let unconfirmed = make(&auth, with("ann@unit.mil")).await;
    assert_eq!(has(&db, unconfirmed).await, "", "anybody can claim an address");
    confirm(&auth, unconfirmed).await;
    assert_eq!(has(&db, unconfirmed).await, "ann", "now it is shown to be theirs");
    assert_eq!(profile(&db.postgres().await, "ann@unit.mil").await["email"], "Ann@unit.mil");
    // Once linked it is nobody else's. (The sign-in server has each address once; here it is the profile that counts.)
    run(&db.superuser().await, "drop index auth.users_email_partial_key", &[]).await;
    let second = make(&auth, Born { confirmed: true, ..with("ann@unit.mil") }).await;
    assert_eq!((has(&db, second).await, has(&db, unconfirmed).await), (String::new(), "ann".to_owned()));
    // An INACTIVE one is linked as well, and stays INACTIVE.
    let inactive = make(&auth, Born { confirmed: true, ..with("BEN@unit.mil") }).await;
    assert_eq!(has(&db, inactive).await, "ben");
    assert_eq!(profile(&db.postgres().await, "ben@unit.mil").await["status"], "INACTIVE");
    for email in ["head@unit.mil", "region@unit.mil"] {
        let account = make(&auth, Born { confirmed: true, ..with(email) }).await;
        assert_eq!(has(&db, account).await, "", "{email} is no operator's");
        assert_eq!(profile(&db.postgres().await, email).await["auth_user_id"], Json::Null);
    }
    assert_eq!(count(&db).await, before, "and nobody was made up beside them");
}

#[tokio::test]
async fn an_address_of_two_profiles_is_nobodys() {
    let (db, auth) = people().await;
    let doubled = "drop index public.profiles_email_key_ci;
        alter table public.profiles disable trigger flyos_2_rules;
        update public.profiles set email = 'ANN@unit.mil', role = 'MAIN_HQ' where username = 'head';
        alter table public.profiles enable trigger flyos_2_rules; select flyos.settle()";
    db.postgres().await.batch_execute(doubled).await.expect("the owner may");
    let account = make(&auth, Born { confirmed: true, ..with("ann@unit.mil") }).await;
    assert_eq!(has(&db, account).await, "");
    assert_eq!(auth.notices(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_owner_says_of_itself_counts_for_nothing() {
    let (db, auth) = people().await;
    let says = format!(
        "{{\"flyos_profile_id\": \"{HEAD}\", \"role\": \"MAIN_HQ\", \"status\": \"ACTIVE\", \"full_name\": \"God\"}}"
    );
    let account = make(&auth, Born { confirmed: true, says: Some(&says), ..with("evil@unit.mil") }).await;
    assert_eq!(has(&db, account).await, "evil");
    let made = profile(&db.postgres().await, "evil@unit.mil").await;
    let standing = ["role", "status", "region_id", "full_name"].map(|name| made[name].clone());
    assert_eq!(standing, [json!("OPERATOR"), json!("INACTIVE"), Json::Null, json!("evil")]);
    let claims = db.session(account).await;
    let pull = "select public.sync_pull(null, 1, 1, 1) -> 'must'";
    assert_eq!(db.as_user(&claims).await.value(pull).await.expect("an answer"), "inactive");
}

#[tokio::test]
async fn who_is_nobody_gets_a_profile_that_may_do_nothing() {
    let (db, auth) = people().await;
    let expected = [
        ("new.person@unit.mil", "new_person"),
        ("NEW-person@other.mil", "NEW_person_2"),
        ("x@unit.mil", "x_user"),
        ("ann@other.mil", "ann_2"),
        ("Ann@third.mil", "Ann_3"),
        ("öäü@unit.mil", "___"),
        (
            "a-very-long-local-part-of-an-address-that-goes-on-and-on-and-on@unit.mil",
            "a_very_long_local_part_of_an_address_that_goes_on_and_on",
        ),
    ];
    for (email, username) in expected {
        let account = make(&auth, with(email)).await;
        assert_eq!(has(&db, account).await, username, "{email}");
        let made = profile(&db.postgres().await, email).await;
        let standing = ["role", "status", "region_id"].map(|name| made[name].clone());
        assert_eq!(standing, [json!("OPERATOR"), json!("INACTIVE"), Json::Null]);
    }
    let sql = db.postgres().await;
    assert_eq!(sql.value("select count(*) from flyos.flaws").await.expect("a number"), 0);
    // By telephone there is no address.
    let phone = make(&auth, Born::default()).await;
    assert_eq!(profile(&sql, &format!("{phone}@account.invalid")).await["auth_user_id"], phone.to_string());
    // Whoever comes without a name and goes again is nobody.
    let before = count(&db).await;
    let anonymous = make(&auth, Born { anonymous: true, ..Born::default() }).await;
    assert_eq!((has(&db, anonymous).await, count(&db).await), (String::new(), before.clone()));
    // Until they show an address.
    let settle = "update auth.users set is_anonymous = false, email = 'ben@unit.mil', email_confirmed_at = now() where id = $1";
    run(&auth, settle, &[&anonymous]).await;
    assert_eq!((has(&db, anonymous).await, count(&db).await), ("ben".to_owned(), before.clone()));
    // An account that was not made after all leaves no profile.
    run(&auth, "begin", &[]).await;
    run(&auth, "insert into auth.users (id, email) values (gen_random_uuid(), 'never@unit.mil')", &[]).await;
    run(&auth, "rollback", &[]).await;
    assert_eq!(count(&db).await, before);
}

#[tokio::test]
async fn two_accounts_at_once_do_not_share_a_profile() {
    let (db, auth) = people().await;
    let named = Born { named: Some(HEAD), ..with("one@unit.mil") };
    let other = db.connect("supabase_auth_admin").await;
    for round in 0..10 {
        let email = format!("other{round}@unit.mil");
        let (a, b) =
            tokio::join!(make(&auth, named), make(&other, Born { named: Some(HEAD), ..with(&email) }));
        let have = [has(&db, a).await, has(&db, b).await];
        assert_eq!(have.iter().filter(|name| *name == "head").count(), 1, "{have:?}");
        run(&auth, "delete from auth.users where id = any ($1)", &[&vec![a, b]]).await;
    }
}

#[tokio::test]
async fn nothing_that_breaks_there_stops_a_sign_up() {
    for (how, told) in [
        ("create function public.no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
            create trigger no before insert or update on public.profiles for each row execute function public.no()", "no"),
        ("alter table public.profiles rename to people", "relation \"public.profiles\" does not exist"),
        ("alter table public.profiles add column needed text not null default 'x';
            alter table public.profiles alter needed drop default", "null value in column \"needed\""),
        ("drop function flyos.place_account(uuid, boolean)", "function flyos.place_account(uuid, boolean) does not exist"),
    ] {
        let (db, auth) = people().await;
        // Two that a broken table must not keep from being written, found and changed.
        let before = make(&auth, Born { named: Some(HEAD), ..with("head@unit.mil") }).await;
        db.migrate(how).await.expect("the owner may");
        for born in [with("new@unit.mil"), Born { confirmed: true, ..with("ann@unit.mil") }] {
            let id = make(&auth, born).await;
            let there = auth.query("select from auth.users where id = $1", &[&id]).await.expect("allowed");
            assert_eq!(there.len(), 1, "{how}");
        }
        run(&auth, "update auth.users set email = 'other@unit.mil' where id = $1", &[&before]).await;
        run(&auth, "update auth.users set deleted_at = now() where id = $1", &[&before]).await;
        let notices = auth.notices();
        let log = |line: &String| line.starts_with("WARNING: flyos: ") && line.contains(told);
        // Taking a column's default away hurts new rows alone.
        assert!(notices.iter().filter(|line| log(line)).count() >= 1, "{how}: {notices:?}");
    }
}

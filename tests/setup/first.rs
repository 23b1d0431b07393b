//! `flyos supabase init`: the first MAIN_HQ.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::pg::{self, Cluster, Database};
use crate::program::{Home, Told, private};

const PASSWORD: &str = "correct horse 7";

/// Runs it with the password in a file.
async fn init(db: &Database, words: &[&str]) -> Told {
    let home = Home::new(db);
    let file = private(home.path("password"), &format!("{PASSWORD}\n"));
    let mut all = vec!["supabase", "init", "--password-file", file.to_str().unwrap()];
    all.extend(words);
    let told = home.run(&all).await;
    assert!(!told.out.contains(PASSWORD) && !told.err.contains(PASSWORD), "{told:?}");
    told
}

/// Everything of accounts and people, to see that nothing changed.
async fn everybody(db: &Database) -> serde_json::Value {
    let all = "select jsonb_build_object('accounts', (select count(*) from auth.users), 'identities',
        (select count(*) from auth.identities), 'profiles', (select coalesce(jsonb_agg(p order by p.id), '[]')
        from public.profiles p))";
    db.postgres().await.value(all).await.unwrap()
}

#[tokio::test]
async fn the_first_main_hq_can_sign_in_and_is_the_only_one() {
    let db = pg::database().await;
    let owner = db.superuser().await;
    let log = format!("alter database {} set log_statement = 'all'", db.name());
    owner.batch_execute(&log).await.unwrap();
    let told = init(&db, &["--email", "HQ@unit.mil", "--full-name", "Head Quarters"]).await.well();
    told.says("hq_user (MAIN_HQ, ACTIVE) signs in with hq@unit.mil now.");
    let row = "select jsonb_build_object('full_name', p.full_name, 'role', p.role, 'status', p.status,
            'password', extensions.crypt('correct horse 7', u.encrypted_password) = u.encrypted_password,
            'kind', left(u.encrypted_password, 7), 'confirmed', u.email_confirmed_at is not null, 'email', u.email,
            'nulls', (to_jsonb(u) -> 'confirmation_token', to_jsonb(u) -> 'email_change', u.instance_id) is null,
            'identity', i.provider_id = u.id::text and i.email = 'hq@unit.mil')
        from public.profiles p join auth.users u on u.id = p.auth_user_id join auth.identities i on i.user_id = u.id";
    let made = owner.value(row).await.unwrap();
    let expected = json!({"full_name": "Head Quarters", "role": "MAIN_HQ", "status": "ACTIVE", "password": true,
        "kind": "$2a$10$", "confirmed": true, "email": "hq@unit.mil", "nulls": false, "identity": true});
    assert_eq!(made, expected);
    let log = Cluster::shared().log();
    assert!(log.contains("insert into auth.users"), "statements were logged");
    let shown = log.lines().filter(|line| line.contains(PASSWORD) && !line.contains("extensions.crypt"));
    assert_eq!(shown.count(), 0, "the database never sees the password");

    let before = everybody(&db).await;
    let told = init(&db, &["--email", "second@unit.mil"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("hq_user is an active MAIN_HQ with an account. Nothing was changed.");
    assert_eq!(everybody(&db).await, before);
}

#[tokio::test]
async fn of_two_at_once_one_is_the_first() {
    let db = pg::database().await;
    let (one, other) = (["--email", "one@unit.mil"], ["--email", "other@unit.mil"]);
    let (one, other) = tokio::join!(init(&db, &one), init(&db, &other));
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 4], "{one:?} {other:?}");
    assert_eq!(everybody(&db).await["accounts"], 1);
}

#[tokio::test]
async fn an_account_made_in_the_dashboard_is_used_and_keeps_its_password() {
    let db = pg::database().await;
    db.account("you@example.mil").await;
    let hash = "select encrypted_password from auth.users";
    let owner = db.postgres().await;
    let before = owner.value(hash).await.unwrap();
    // Nobody is asked for a password: there is none to be set.
    let told = Home::new(&db).run(&["supabase", "init", "--email", "You@example.mil"]).await.well();
    told.says("its password stays as it is").says("you (MAIN_HQ, ACTIVE)");
    assert_eq!(owner.value(hash).await.unwrap(), before);
    assert_eq!(everybody(&db).await["accounts"], 1);
}

#[tokio::test]
async fn headquarters_of_the_initial_data_set_gets_its_account() {
    let db = pg::database().await;
    let home = Home::new(&db);
    let seed = home.run_with(&["supabase", "sql", "--seed"], &[]).await.well().out;
    db.migrate(&seed).await.unwrap();
    db.migrate("update public.profiles set status = 'INACTIVE' where username = 'deputy_admin'")
        .await
        .unwrap();
    let told = init(&db, &["--email", "other@unit.mil"]).await;
    assert_eq!(told.code, 4);
    told.says("main_admin (main@flyos.mil) is an active MAIN_HQ already").says("say --email main@flyos.mil");
    init(&db, &["--email", "main@flyos.mil"]).await.well().says("main_admin (MAIN_HQ, ACTIVE) signs in");
}

#[tokio::test]
async fn the_initial_data_set_is_loaded_for_who_wants_it() {
    let db = pg::database().await;
    init(&db, &["--email", "hq@unit.mil", "--initial-data"]).await.well().says("was loaded");
    let owner = db.postgres().await;
    assert_eq!(owner.value("select count(*) from public.regions").await.unwrap(), 2);
    assert_eq!(owner.value("select count(*) from auth.users").await.unwrap(), 1, "it has no accounts");
    let told = init(&db, &["--email", "other@unit.mil"]).await;
    told.says("hq_user is an active MAIN_HQ with an account");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let db = pg::database().await;
    let before = everybody(&db).await;
    let home = Home::new(&db);
    for (password, words) in [("short", "8 characters"), (&"x".repeat(73) as &str, "72")] {
        let mut command = home.command(
            &[
                "supabase",
                "init",
                "--email",
                "hq@unit.mil",
                "--password-stdin",
                "--database-url",
                &db.uri("postgres"),
            ],
            &[],
        );
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let told = Told::from(child.wait_with_output().unwrap());
        assert_eq!(told.code, 4, "{told:?}");
        told.says(words);
    }
    let told = init(&db, &["--email", "no address"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("E-mail");
    let told = init(&db, &["--email", "hq@unit.mil", "--username", "a b"]).await;
    assert_eq!(told.code, 4, "{told:?}");
    assert_eq!(everybody(&db).await, before);
    let told = init(&pg::skeleton().await, &["--email", "hq@unit.mil"]).await;
    assert_eq!(told.code, 4);
    told.says("not set up in this database yet").says("flyos supabase migrate");
}

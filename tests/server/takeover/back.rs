//! The way back: `rollback.sql` leaves the project as it was found, with everybody's work in it; and forth again.

use serde_json::{Value as Json, json};

use super::clean::own_project;
use super::flawed::FLAWED;
use super::{
    assert_same, codes, differences, everything, flaws, headquarters, id, long, migrate, old_project, op,
    push, rollback, short,
};
use crate::pg::{self, Database, sqlstate};

/// Takes FlyOS Console out, as somebody with `psql` would: what was told.
async fn roll_back(db: &Database) -> Vec<String> {
    let sql = db.postgres().await;
    sql.batch_execute(&rollback()).await.unwrap_or_else(|error| panic!("{error:?}"));
    sql.notices()
}

async fn refused(db: &Database) -> String {
    let (dump, refused) = (db.dump(), db.postgres().await.batch_execute(&rollback()).await);
    assert_same(&db.dump(), &dump);
    let error = refused.expect_err("it is refused");
    error.as_db_error().expect("words").message().to_owned()
}

/// What is left of the history goes; then the schema must be what it was.
async fn forget_history(db: &Database) -> i64 {
    let sql = db.postgres().await;
    let lines =
        sql.query_one("select count(*) from public.activity", &[]).await.expect("the owner reads it").get(0);
    let may = "select has_table_privilege('service_role', 'public.activity', 'select')
        and not has_table_privilege('authenticated', 'public.activity', 'select')
        and not has_table_privilege('anon', 'public.activity', 'select')";
    assert_eq!(sql.value(may).await.expect("one"), true);
    sql.batch_execute("drop table public.activity").await.expect("it is the owner's");
    lines
}

#[tokio::test]
async fn what_was_there_is_there_again_and_the_work_stays() {
    let db = old_project(&long(FLAWED)).await;
    let (before, schema) = (everything(&db).await, db.dump());
    migrate(&db).await;
    let claims = headquarters(&db).await;
    let user = db.as_user(&claims).await;
    let insert = json!({"model": "FlyOS_MQ5", "status": "ACTIVE", "region_id": null, "operator_id": null});
    let results = push(
        &user,
        &claims,
        &[
            op("insert", "drones", "drone-900", json!({}), insert),
            op("update", "regions", &id("r01"), json!({"area": "The coast"}), json!({"area": "All coasts"})),
            // One mended value is changed again, one doubled name is gone.
            op("update", "regions", &id("r07"), json!({"status": "INACTIVE"}), json!({"status": "ACTIVE"})),
            op("update", "profiles", &id("u03"), json!({"username": "ANN"}), json!({"username": "ann2"})),
            op(
                "delete",
                "user_drone_assignments",
                &format!("{}:unassigned", id("u01")),
                json!({}),
                json!({}),
            ),
            op(
                "insert",
                "user_drone_assignments",
                &format!("{}:unassigned", id("u01")),
                json!({}),
                json!({}),
            ),
        ],
    )
    .await;
    assert_eq!(codes(&results), ["applied"; 6]);
    let hq = "select id::text from public.profiles where username = 'headquarters'";
    let hq = db.postgres().await.value(hq).await.expect("one").as_str().expect("a text").to_owned();

    assert_eq!(roll_back(&db).await, Vec::<String>::new(), "there is nothing to be told");
    assert!(forget_history(&db).await > 6);
    assert_same(&db.dump(), &schema);
    let changed = differences(&before, &everything(&db).await);
    let mut changed: Vec<String> =
        changed.iter().filter(|line| !line.contains(" updated_at: ")).map(|line| short(line)).collect();
    changed.sort();
    let mut work = vec![
        "drones drone-900 is new".to_owned(),
        // Cleared when the assignment went, as the rule is.
        "drones unassigned operator_id: \"u01\", null".to_owned(),
        format!("profiles {hq} is new"),
        "profiles u03 username: \"ANN\", \"ann2\"".to_owned(),
        "regions r01 area: \"The coast\", \"All coasts\"".to_owned(),
        "regions r07 status: \"Inactive\", \"ACTIVE\"".to_owned(),
        "user_drone_assignments u01:unassigned is new".to_owned(),
    ];
    work.sort();
    assert_eq!(changed, work);

    // The next application is as good as the first.
    let again = everything(&db).await;
    migrate(&db).await;
    assert!(flaws(&db.postgres().await).await.len() > 30);
    roll_back(&db).await;
    assert_same(&db.dump(), &schema);
    assert_eq!(differences(&again, &everything(&db).await), Vec::<String>::new());
}

#[tokio::test]
async fn an_owners_own_things_are_as_they_were() {
    let db = own_project("").await;
    let (before, schema) = (everything(&db).await, db.dump());
    migrate(&db).await;
    assert_ne!(db.dump(), schema);
    migrate(&db).await;
    // What the owner adds later is no business of ours.
    let later =
        "create index later on public.profiles (locale); alter table public.profiles add column shoe int;
        create policy later on public.flights using (true); grant select on public.regions to dashboard_user";
    let sql = db.postgres().await;
    sql.batch_execute(later).await.expect("allowed");
    roll_back(&db).await;
    let undo = "drop index public.later; alter table public.profiles drop column shoe;
        drop policy later on public.flights; revoke all on public.regions from dashboard_user";
    sql.batch_execute(undo).await.expect("it is still there");
    assert_same(&db.dump(), &schema);
    let changed = differences(&before, &everything(&db).await);
    assert_eq!(changed, Vec::<String>::new());
    let waits = "select to_regclass('public.activity') is null and to_regnamespace('flyos') is null
        and to_regnamespace('sync') is null";
    assert_eq!(sql.value(waits).await.expect("one"), true, "an empty history goes as well");
}

#[tokio::test]
async fn tables_that_we_made_stay_with_their_rows_and_are_shut() {
    let db = pg::skeleton().await;
    migrate(&db).await;
    let applied = db.dump();
    db.seed(0).await;
    let claims = db.session_of("main@flyos.mil").await;
    let user = db.as_user(&claims).await;
    let edit = op("update", "drones", "drone-001", json!({"status": "ACTIVE"}), json!({"status": "OFFLINE"}));
    assert_eq!(codes(&push(&user, &claims, &[edit]).await), ["applied"]);
    let before = everything(&db).await;
    let tool = "create schema supabase_migrations;
        create table supabase_migrations.schema_migrations (version text primary key, name text, statements text[]);
        insert into supabase_migrations.schema_migrations values ('20261101000050', 'found', null),
            ('20261101000900', 'accounts', null), ('20261101001000', 'device_keys', null), ('20250101000000', 'theirs', null)";
    db.migrate(tool).await.expect("allowed");
    let weaver = "select banned_until from auth.users where email = 't.weaver@flyos.mil'";
    roll_back(&db).await;

    assert_eq!(differences(&before, &everything(&db).await), Vec::<String>::new());
    let sql = db.postgres().await;
    let left = "select string_agg(version, ', ') from supabase_migrations.schema_migrations";
    assert_eq!(sql.value(left).await.expect("one"), "20250101000000", "the tool is to apply them again");
    let shut = "select bool_and(relrowsecurity and not has_table_privilege('authenticated', oid, 'select')
            and has_table_privilege('service_role', oid, 'select')) from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r'";
    assert_eq!(sql.value(shut).await.expect("one"), true);
    let ours = "select count(*) from pg_trigger where tgname like 'flyos%' and not tgisinternal";
    assert_eq!(sql.value(ours).await.expect("a number"), 0, "also on the sign-in server's tables");
    let ours = "select count(*) from pg_policies where policyname like 'flyos%'";
    assert_eq!(sql.value(ours).await.expect("a number"), 0, "also on realtime's");
    let ours = "select count(*) from pg_constraint where connamespace = 'public'::regnamespace and contype in ('c', 'f')";
    assert_eq!(sql.value(ours).await.expect("a number"), 0);
    // Whoever signed in before can sign in after.
    assert_eq!(sql.value(weaver).await.expect("one"), Json::Null);

    // Back again: the links, the rows and the history are there, and the schema is the same to the letter.
    let lines = sql.value("select count(*) from public.activity").await.expect("a number");
    sql.batch_execute("drop schema supabase_migrations cascade").await.expect("it was the test's");
    migrate(&db).await;
    let now = db.as_user(&claims).await;
    let history = now.value("select public.activity_page()").await.expect("an answer");
    assert_eq!(
        history["items"].as_array().map(Vec::len),
        lines.as_u64().and_then(|n| usize::try_from(n).ok())
    );
    let edit = op("update", "drones", "drone-001", json!({"status": "OFFLINE"}), json!({"status": "ACTIVE"}));
    assert_eq!(codes(&push(&now, &claims, &[edit]).await), ["applied"]);
    // Comments aside: what we said of our own tables is taken for the owner's by now.
    assert_same(&db.dump(), &applied);
}

#[tokio::test]
async fn what_is_not_possible_any_more_is_told() {
    let db = own_project("").await;
    migrate(&db).await;
    let sql = db.postgres().await;
    // Somebody took the mended name's old form, and a row breaks a reference that was taken down.
    let since = long(
        "alter table public.profiles drop constraint profiles_username_check;
        set session_replication_role = replica;
        update public.profiles set username = ' cat ' where id = 'u02';
        update public.drones set operator_id = 'u77' where id = 'drone-002';",
    );
    db.superuser().await.batch_execute(&since).await.expect("the platform's owner may");
    let told = roll_back(&db).await;
    let expected = [
        format!("NOTICE: profiles {} keeps its username: the old one is not possible any more.", id("u04")),
        "NOTICE: The reference drones_operator_id_fkey of drones is back, unchecked: rows break it."
            .to_owned(),
        "NOTICE: The reference operator_again of drones is back, unchecked: rows break it.".to_owned(),
    ];
    assert_eq!(told, expected);
    let rows = super::rows(&sql, "profiles").await;
    assert_eq!(
        (&rows[&id("u04")]["username"], &rows[&id("u02")]["username"]),
        (&json!("cat"), &json!(" cat "))
    );
    assert_eq!(super::rows(&sql, "regions").await[&id("r03")]["status"], "active");
}

#[tokio::test]
async fn it_is_refused_where_something_would_break() {
    let db = pg::skeleton().await;
    assert_eq!(refused(&db).await, "FlyOS Console is not set up here. Nothing was changed.");
    migrate(&db).await;
    let theirs = "create table public.mine (id int);
        create policy built on public.mine using ((select flyos.my_role()) = 'MAIN_HQ');
        create view public.watch as select tbl, flaw from flyos.flaws;
        create function public.role_of_me() returns text language sql return flyos.my_role();
        alter table public.mine add column who uuid default flyos.my_id();
        create trigger built before truncate on public.mine execute function flyos.no_truncate()";
    db.migrate(theirs).await.expect("allowed");
    let expected = "Something of yours is built upon FlyOS Console: default value for column who of table mine, \
        function role_of_me(), policy built on table mine, rule _RETURN on view watch, trigger built on table mine. \
        Nothing was changed. Drop it first.";
    assert_eq!(refused(&db).await, expected);
    db.migrate("drop table public.mine; drop view public.watch; drop function public.role_of_me()")
        .await
        .expect("allowed");
    roll_back(&db).await;
    // Nobody but the owner.
    let db = pg::database().await;
    let claims = json!({"role": "service_role"});
    assert_eq!(sqlstate(&db.as_user(&claims).await.batch_execute(&rollback()).await), "42501");
}

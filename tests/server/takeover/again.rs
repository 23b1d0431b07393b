//! Migrations applied twice, in a project of any age, as the project's owner and no superuser.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::flawed::FLAWED;
use super::{GENEROUS, assert_same, headquarters, id, long, migrate, old_project, op, push, rollback};
use crate::pg::{self, Database, migrations_folder};

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(migrations_folder())
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
}

/// Every row of every table of ours.
async fn contents(db: &Database) -> Vec<String> {
    let sql = db.superuser().await;
    let tables = "select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname in ('public', 'flyos', 'sync', 'auth', 'realtime')";
    let mut all = Vec::new();
    for table in sql.rows(tables).await.expect("a catalogue") {
        let table = table["name"].as_str().expect("a name");
        let rows = sql.rows(&format!("select * from {table}")).await.expect("a superuser reads all");
        all.extend(rows.iter().map(|row| format!("{table} {row}")));
    }
    all.sort();
    all
}

async fn a_second_time_changes_nothing(db: &Database, name: &str) {
    let (dump, rows) = (db.dump(), contents(db).await);
    migrate(db).await;
    assert_same(&db.dump(), &dump);
    assert_eq!(contents(db).await, rows, "{name}");
}

#[tokio::test]
async fn a_second_time_changes_nothing_whatever_was_there() {
    let empty = pg::skeleton().await;
    migrate(&empty).await;
    a_second_time_changes_nothing(&empty, "empty").await;
    empty.seed(0).await;
    let claims = empty.session_of("main@flyos.mil").await;
    let sql = empty.as_user(&claims).await;
    let edit = op("update", "drones", "drone-001", json!({"status": "ACTIVE"}), json!({"status": "OFFLINE"}));
    assert_eq!(push(&sql, &claims, &[edit]).await[0]["code"], "applied");
    a_second_time_changes_nothing(&empty, "at work").await;

    let old = old_project(&long(FLAWED)).await;
    migrate(&old).await;
    a_second_time_changes_nothing(&old, "flawed").await;
    let claims = headquarters(&old).await;
    let sql = old.as_user(&claims).await;
    let edit = op("update", "profiles", &id("u03"), json!({"username": "ANN"}), json!({"username": "ann2"}));
    assert_eq!(push(&sql, &claims, &[edit]).await[0]["code"], "applied");
    // One flaw less: the second time settles what waited for it, and then there is nothing more to do.
    migrate(&old).await;
    a_second_time_changes_nothing(&old, "half mended").await;
}

/// Who may do what with everything of ours, one right a line, written out where it is PostgreSQL's default.
async fn rights(db: &Database) -> BTreeSet<String> {
    let query = "
        with things (thing, owner, acl) as (
            select format('%s %I.%I', c.relkind, n.nspname, c.relname), c.relowner,
                coalesce(c.relacl, acldefault(case c.relkind when 'S' then 'S' else 'r' end::\"char\", c.relowner))
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('public', 'flyos', 'sync') and c.relkind in ('r', 'v', 'S')
            union all
            select format('column %I.%I.%I', n.nspname, c.relname, a.attname), c.relowner, a.attacl
            from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('public', 'flyos', 'sync') and not a.attisdropped and a.attacl is not null
            union all
            select 'function ' || p.oid::regprocedure, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            from pg_proc p join pg_namespace n on n.oid = p.pronamespace
            where n.nspname in ('public', 'flyos', 'sync')
            union all
            select 'schema ' || n.nspname, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
            from pg_namespace n where n.nspname in ('flyos', 'sync')
        )
        select format('%s: %s %s', t.thing, x.privilege_type,
            case x.grantee when 0 then 'everybody' else x.grantee::regrole::text end) as may
        from things t, aclexplode(t.acl) x where x.grantee <> t.owner";
    let found = db.postgres().await.rows(query).await.expect("everybody may read the catalogue");
    found.iter().map(|row| row["may"].as_str().expect("words").to_owned()).collect()
}

#[tokio::test]
async fn old_and_new_projects_end_with_the_same_rights() {
    let new = pg::skeleton().await;
    let old = pg::skeleton().await;
    old.migrate(GENEROUS).await.expect("allowed");
    let taken_over =
        old_project("grant all on regions, profiles, drones, user_drone_assignments to public").await;
    for db in [&new, &old, &taken_over] {
        migrate(db).await;
    }
    let expected = rights(&new).await;
    assert_eq!(rights(&old).await, expected);
    assert_eq!(rights(&taken_over).await, expected);
    let of = |who: &str| expected.iter().filter(|line| line.ends_with(who)).collect::<Vec<_>>();
    assert_eq!(of(" everybody"), Vec::<&String>::new());
    assert_eq!(of(" anon"), Vec::<&String>::new());
    assert!(
        of(" authenticated").iter().all(|line| !line.contains(" flyos.") || line.starts_with("function "))
    );
    assert!(
        expected.contains("function sync_push(uuid,uuid,integer,jsonb,jsonb): EXECUTE authenticated"),
        "{expected:?}"
    );
    // Every table is under row-level security, and of every table people may see by name some rows are shown by a policy.
    for db in [&new, &old, &taken_over] {
        let open = "select string_agg(c.oid::regclass::text, ', ') from pg_class c
            where c.relnamespace in ('public'::regnamespace, 'sync'::regnamespace) and c.relkind = 'r'
                and not c.relrowsecurity";
        assert_eq!(db.postgres().await.value(open).await.expect("one"), Json::Null);
        let policies = "select jsonb_agg(tablename || ' ' || cmd order by tablename, cmd) from pg_policies
            where schemaname = 'public'";
        let four = |table: &str| ["DELETE", "INSERT", "SELECT", "UPDATE"].map(|cmd| format!("{table} {cmd}"));
        let expected: Vec<String> = ["activity SELECT".to_owned()]
            .into_iter()
            .chain(["drones", "profiles", "regions"].iter().flat_map(|table| four(table)))
            .chain(four("user_drone_assignments").into_iter().filter(|line| !line.ends_with("UPDATE")))
            .collect();
        assert_eq!(db.postgres().await.value(policies).await.expect("one"), json!(expected));
    }
    // What a signed-in person may write directly: no column that is the server's.
    for server in ["auth_user_id", "created_at", "updated_at", "assigned_at"] {
        let writes = |line: &&String| {
            ["INSERT", "UPDATE"].iter().any(|may| line.contains(&format!(".{server}: {may}")))
        };
        assert_eq!(expected.iter().find(writes), None);
    }
}

#[tokio::test]
async fn the_owner_who_applies_them_is_no_superuser() {
    let db = pg::skeleton().await;
    let sql = db.postgres().await;
    let role = "select jsonb_build_array(current_user, rolsuper) from pg_roles where rolname = current_user";
    assert_eq!(sql.value(role).await.expect("one"), json!(["postgres", false]));
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a text").to_lowercase();
        for word in ["\nbegin;", "\ncommit;", "concurrently", "session_replication_role", "superuser"] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn the_files_are_named_as_the_command_line_tool_wants_them() {
    let mut versions: Vec<String> = Vec::new();
    for file in files() {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        let stem = name.strip_suffix(".sql").unwrap_or_else(|| panic!("{name} is no migration"));
        let (version, title) = stem.split_once('_').unwrap_or_else(|| panic!("{name} has no version"));
        let stamp = format!(
            "{}-{}-{}T{}:{}:{}Z",
            &version[..4],
            &version[4..6],
            &version[6..8],
            &version[8..10],
            &version[10..12],
            &version[12..]
        );
        assert!(flyos::domain::Stamp::parse(&stamp).is_some(), "{name}: {stamp}");
        assert!(title.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{name}");
        versions.push(version.to_owned());
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "each has a version of its own");
    // The way back tells the tool that they are not applied any more.
    for version in versions {
        assert!(rollback().contains(&format!("'{version}'")), "rollback.sql does not know {version}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let db = old_project(&long(FLAWED)).await;
    let before = db.dump();
    let first = std::fs::read_to_string(&files()[0]).expect("a text");
    assert!(db.migrate(&format!("{first}; select 1 / 0")).await.is_err());
    assert_same(&db.dump(), &before);
    let rows: Json =
        db.postgres().await.value("select count(*) from public.profiles").await.expect("a number");
    assert_eq!(rows, 11);
}

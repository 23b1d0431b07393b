//! Sound data is taken over as it is, beside things of the owner's own; accounts that were there find their profile;
//! and what cannot be taken over is refused in words, before anything is changed.

use serde_json::{Value as Json, json};

use super::{
    DOCUMENT, Rows, TABLES, assert_same, codes, differences, everything, flaws, headquarters, id, long,
    migrate, old_project, op, push, settle, short,
};
use crate::pg::{self, Database, mint, sqlstate};

pub const SOUND: &str = "
insert into regions (id, name, area, commander_name, status) values
  ('r01', 'Eastern', 'The coast', 'Col. Mitchell', 'ACTIVE'), ('r02', 'Western', 'The basin', null, 'INACTIVE');
insert into profiles (id, username, full_name, email, role, region_id, status) values
  ('u01', 'main_admin', 'Main', 'main@unit.mil', 'MAIN_HQ', null, 'ACTIVE'),
  ('u02', 'ann', 'Ann', 'ann@unit.mil', 'OPERATOR', 'r01', 'ACTIVE'),
  ('u03', 'ben', 'Ben', 'ben@unit.mil', 'OPERATOR', 'r02', 'INACTIVE');
insert into drones (id, model, status, region_id, operator_id) values
  ('drone-001', 'FlyOS_MQ5', 'ACTIVE', 'r01', 'u02'), ('drone-002', 'FlyOS_MQ9', 'OFFLINE', null, null);
insert into user_drone_assignments (user_id, drone_id) values ('u02', 'drone-001');
";

/// What an owner may have built around the document's tables. The last two rows are flawed, so that something is mended.
pub const OWN: &str = "
alter table profiles add column phone text, add column locale text not null default 'en',
  add constraint profiles_role_check check (role <> 'PIRATE'), add constraint no_spaces check (email not like '% %');
alter table drones add column serial bigint generated always as identity,
  add constraint drones_operator_id_fkey foreign key (operator_id) references profiles on delete cascade,
  add constraint operator_again foreign key (operator_id) references profiles on update cascade on delete set null;
alter table user_drone_assignments add constraint user_drone_assignments_drone_id_fkey foreign key (drone_id)
  references drones on delete cascade;
alter table profiles add constraint home foreign key (region_id) references regions not valid;
create table flights (id int primary key, drone_id text references drones, pilot uuid references profiles on delete set null);
create view pilots as select username, email, status from profiles where role = 'OPERATOR';
create view careful_pilots with (security_invoker = true) as select username from profiles;
create view own_eyes as select username from profiles; revoke all on own_eyes from anon, authenticated;
comment on table profiles is 'Our people.'; comment on column drones.model is 'As on the invoice.';
create index idx_drones_status_region on drones (status); create index mine on profiles (phone);
create function stamp() returns trigger language plpgsql as $$ begin new.updated_at := now(); return new; end $$;
create function hands_off() returns trigger language plpgsql as $$ begin raise exception 'hands off'; end $$;
create trigger z_stamp before update on profiles for each row execute function stamp();
create trigger always before update on drones for each row execute function stamp();
alter table drones enable always trigger always;
create trigger hands_off before update on profiles for each row execute function hands_off();
alter table profiles disable trigger hands_off;
create trigger replica_only before update on regions for each row execute function hands_off();
alter table regions enable replica trigger replica_only;
create trigger no_region_changes before update or delete on regions for each row
  when (old.name is not distinct from 'Sealed') execute function hands_off();
alter table drones enable row level security;
create policy \"Anybody sees drones\" on drones for select using (true);
create policy \"Own row\" on profiles as restrictive for update to authenticated, anon using (id = auth.uid())
  with check (role <> 'MAIN_HQ');
grant select on regions to anon; grant all on profiles to authenticated;
grant select (id, model), update (status) on drones to anon; revoke all on user_drone_assignments from service_role;
grant select on profiles to public; grant select on regions to authenticated with grant option;
insert into regions (id, name, area, status) values ('r03', 'Sealed', 'A room', 'active');
insert into profiles (id, username, full_name, email, role, status, phone) values
  ('u04', ' cat ', 'Cat', 'cat@unit.mil', 'OPERATOR', 'ACTIVE', '555');
update profiles set updated_at = '2024-02-01T00:00:00Z';
insert into flights values (1, 'drone-001', 'u02');
";

pub async fn own_project(more: &str) -> Database {
    old_project(&long(&format!("{SOUND}{OWN}{more}"))).await
}

#[tokio::test]
async fn sound_data_is_taken_over_as_it_is() {
    let db = old_project(&long(SOUND)).await;
    let before = everything(&db).await;
    migrate(&db).await;
    assert_eq!(differences(&before, &everything(&db).await), Vec::<String>::new());
    let sql = db.postgres().await;
    assert_eq!(flaws(&sql).await, Vec::<String>::new());
    assert_eq!(sql.value("select count(*) from flyos.mended").await.expect("a number"), 0);
    assert_eq!(settle(&sql).await, Vec::<String>::new());
    let open = "select count(*) from pg_constraint where not convalidated";
    assert_eq!(sql.value(open).await.expect("a number"), 0);
    let booked = "select count(*) from sync.row_state where ver = 1 and not deleted";
    assert_eq!(sql.value(booked).await.expect("a number"), 8);
}

#[tokio::test]
async fn what_is_the_owners_own_stays_and_does_not_get_in_the_way() {
    let db = own_project("").await;
    let before = everything(&db).await;
    migrate(&db).await;
    let mended = ["regions r03 status: \"active\", \"ACTIVE\"", "profiles u04 username: \" cat \", \"cat\""];
    let changed: Vec<String> =
        differences(&before, &everything(&db).await).iter().map(|line| short(line)).collect();
    assert_eq!(changed, mended, "and no trigger of theirs stamped or refused it");
    let sql = db.postgres().await;
    let comments = "select jsonb_build_array(obj_description('public.profiles'::regclass),
        obj_description('public.drones'::regclass), col_description('public.drones'::regclass, 2))";
    assert_eq!(sql.value(comments).await.expect("one"), json!(["Our people.", null, "As on the invoice."]));
    let triggers = "select string_agg(tgname || ' ' || tgenabled::text, ', ' order by tgname) from pg_trigger
        where tgname in ('z_stamp', 'always', 'hands_off', 'replica_only', 'no_region_changes')";
    let as_before = "always A, hands_off D, no_region_changes O, replica_only R, z_stamp O";
    assert_eq!(sql.value(triggers).await.expect("one"), as_before);

    // Their policies and grants would let everybody in: they do no more.
    let (front, nobody) = (db.front().await, mint(&json!({"role": "anon"})));
    for table in TABLES {
        let (status, answer) = front.get(&nobody, &format!("{table}?select=*")).await;
        assert_eq!((status, &answer["code"]), (401, &json!("42501")), "{table}: {answer}");
    }
    // A view of theirs shows what its owner sees, as ever: theirs to close, and they are told.
    assert_eq!(front.get(&nobody, "pilots?select=*").await.0, 200);
    let access = pg::migrations_folder().join("20261101000200_access.sql");
    sql.batch_execute(&std::fs::read_to_string(access).expect("a text"))
        .await
        .expect("it can be applied again");
    let told = sql.notices();
    assert!(
        told.iter().any(|line| line.starts_with("WARNING: flyos: the view pilots still shows rows")),
        "{told:?}"
    );
    assert!(
        !told.iter().any(|line| line.contains("careful_pilots") || line.contains("own_eyes")),
        "{told:?}"
    );

    // New rows get the defaults of columns that consoles know nothing of; their triggers and checks go on.
    let claims = headquarters(&db).await;
    let user = db.as_user(&claims).await;
    let new = uuid::Uuid::now_v7().to_string();
    let person = json!({"username": "dan", "full_name": "Dan", "email": "dan@unit.mil", "role": "OPERATOR",
        "region_id": null, "status": "ACTIVE"});
    let results = push(
        &user,
        &claims,
        &[
            op("insert", "profiles", &new, json!({}), person),
            op("insert", "drones", "drone-003", json!({}), json!({"model": "FlyOS_MQ5", "status": "ACTIVE"})),
            op(
                "update",
                "profiles",
                &id("u04"),
                json!({"full_name": "Cat"}),
                json!({"full_name": "Catherine"}),
            ),
        ],
    )
    .await;
    assert_eq!(codes(&results), ["applied"; 3]);
    let rows: Rows = super::rows(&sql, "profiles").await;
    assert_eq!((&rows[&new]["locale"], &rows[&id("u04")]["phone"]), (&json!("en"), &json!("555")));

    // A drone outlives its operator, whatever a reference of theirs said.
    let was = &rows[&id("u02")];
    let seen = ["username", "full_name", "email", "role", "region_id", "status"]
        .map(|name| (name, was[name].clone()));
    let gone = op("delete", "profiles", &id("u02"), json!(std::collections::BTreeMap::from(seen)), json!({}));
    assert_eq!(codes(&push(&user, &claims, &[gone]).await), ["applied"]);
    let drones = super::rows(&sql, "drones").await;
    assert_eq!(drones["drone-001"]["operator_id"], Json::Null);
    // And what other tables of theirs say of it follows their own rules.
    assert_eq!(sql.value("select count(*) from flights where pilot is null").await.expect("a number"), 1);
}

#[tokio::test]
async fn rules_of_the_owners_own_are_final() {
    let more = "alter table drones add constraint not_thirteen check (id !~ '13'), add column mark text unique;
        create function mark() returns trigger language plpgsql as $$ begin
            new.mark := new.model; if new.status = 'OFFLINE' then raise exception 'Not on a Sunday.'; end if; return new;
        end $$;
        create trigger marks before insert or update on drones for each row execute function mark()";
    let db = own_project(more).await;
    migrate(&db).await;
    let claims = headquarters(&db).await;
    let user = db.as_user(&claims).await;
    let drone = super::rows(&db.postgres().await, "drones").await["drone-001"].clone();
    let seen = ["model", "status", "region_id", "operator_id"].map(|name| (name, drone[name].clone()));
    let seen = json!(std::collections::BTreeMap::from(seen));
    let new = |model: &str| json!({"model": model, "status": "ACTIVE"});
    let results = push(
        &user,
        &claims,
        &[
            op("delete", "drones", "drone-001", seen, json!({})),
            op("insert", "drones", "drone-013", json!({}), new("FlyOS_MQ7")),
            op("insert", "drones", "drone-014", json!({}), new("FlyOS_MQ7")),
            op("insert", "drones", "drone-015", json!({}), new("FlyOS_MQ7")),
            op("update", "drones", "drone-014", json!({"status": "ACTIVE"}), json!({"status": "OFFLINE"})),
        ],
    )
    .await;
    let expected = [
        "reference : The table flights of this project still points at it.",
        "invalid : A rule of this project refuses it: not_thirteen.",
        "applied",
        "unique mark: Another row has this mark.",
        "invalid : A rule of this project refuses it: Not on a Sunday.",
    ];
    assert_eq!(codes(&results), expected);
}

#[tokio::test]
async fn what_their_constraints_refuse_is_left_as_it_is() {
    let stubborn = "alter table regions add constraint small check (status = lower(status));
        insert into regions (id, name, area, status) values ('r01', ' East ', 'The coast', 'active');
        alter table user_drone_assignments add constraint nobody check (drone_id <> 'drone-001');
        insert into profiles (id, username, full_name, email, role, status) values
            ('u01', 'ann', 'Ann', 'ann@unit.mil', 'OPERATOR', 'ACTIVE');
        insert into drones (id, model, status, operator_id) values ('drone-001', 'FlyOS_MQ5', 'ACTIVE', 'u01')";
    let db = old_project(&long(stubborn)).await;
    let before = everything(&db).await;
    migrate(&db).await;
    let changed: Vec<String> =
        differences(&before, &everything(&db).await).iter().map(|line| short(line)).collect();
    assert_eq!(changed, ["regions r01 name: \" East \", \"East\""]);
    let sql = db.postgres().await;
    assert_eq!(sql.value("select count(*) from flyos.mended").await.expect("a number"), 1);
    let left = [
        "drones drone-001 operator_id: The operator is not among the assigned users.",
        "regions r01 status: Status is one of ACTIVE, INACTIVE.",
    ];
    assert_eq!(flaws(&sql).await, left);
    sql.batch_execute("select flyos.mend()").await.expect("it never fails");
    let told = sql.notices();
    let words = [
        "WARNING: flyos: status of regions cannot be set right: ",
        "WARNING: flyos: operators cannot be assigned",
    ];
    assert!(words.iter().all(|words| told.iter().any(|line| line.starts_with(words))), "{told:?}");
}

#[tokio::test]
async fn people_who_were_their_accounts_are_people_of_their_own() {
    let db = pg::skeleton().await;
    let account = db.account("ann@unit.mil").await;
    let theirs = format!(
        "{DOCUMENT} alter table profiles add constraint person foreign key (id) references auth.users on delete cascade;
        insert into profiles (id, username, full_name, email, role, status)
            values ('{account}', 'ann', 'Ann', 'ann@unit.mil', 'OPERATOR', 'ACTIVE');
        create function make_profile() returns trigger language plpgsql security definer as $$ begin
            insert into public.profiles (id, email) values (new.id, new.email); return new; end $$;
        create trigger on_auth_user_created after insert on auth.users for each row execute function make_profile()"
    );
    db.migrate(&theirs).await.expect("allowed");
    migrate(&db).await;
    let sql = db.postgres().await;
    assert_eq!(
        super::rows(&sql, "profiles").await[&account.to_string()]["auth_user_id"],
        account.to_string()
    );
    // Their trigger is told of: it would keep everybody from signing up.
    let accounts = pg::migrations_folder().join("20261101000900_accounts.sql");
    sql.batch_execute(&std::fs::read_to_string(accounts).expect("a text"))
        .await
        .expect("it can be applied again");
    let told = sql.notices();
    let line = "WARNING: flyos: the trigger on_auth_user_created on auth.users (function make_profile()) writes profiles too.";
    assert!(told.iter().any(|its| its.starts_with(line)), "{told:?}");
    db.superuser().await.batch_execute("drop function public.make_profile() cascade").await.expect("allowed");
    // People without an account, and accounts that go without their people.
    let claims = headquarters(&db).await;
    assert_eq!(
        db.as_user(&claims).await.value("select public.admin_caller() ->> 'role'").await.expect("one"),
        "MAIN_HQ"
    );
    let gone = db.connect("supabase_auth_admin").await;
    gone.execute("delete from auth.users where id = $1", &[&account]).await.expect("allowed");
    assert_eq!(super::rows(&sql, "profiles").await[&account.to_string()]["username"], "ann");
}

#[tokio::test]
async fn accounts_that_were_there_find_their_operators() {
    let db = old_project(&long(SOUND)).await;
    for email in ["main@unit.mil", "ann@unit.mil", "ben@unit.mil", "stranger@unit.mil"] {
        db.account(email).await;
    }
    db.superuser()
        .await
        .batch_execute("update auth.users set email_confirmed_at = null where email like 'ben%'")
        .await
        .expect("allowed");
    migrate(&db).await;
    let sql = db.postgres().await;
    let linked = "select string_agg(p.username, ', ') from public.profiles p join auth.users u on u.id = p.auth_user_id";
    assert_eq!(sql.value(linked).await.expect("one"), "ann", "confirmed, and an OPERATOR");
    assert_eq!(
        sql.value("select count(*) from public.profiles").await.expect("a number"),
        3,
        "nobody is made up"
    );
    // The others are for the owner to say.
    let say = async |email: &str| {
        let said = sql.value(&format!("select flyos.link('{email}')")).await;
        said.map_or_else(
            |error| error.as_db_error().map_or_else(String::new, |e| e.message().to_owned()),
            |said| said.to_string(),
        )
    };
    assert_eq!(say("MAIN@unit.mil").await, "\"main_admin (MAIN_HQ) signs in with MAIN@unit.mil now.\"");
    assert_eq!(say("main@unit.mil").await, "\"They belong together already.\"");
    assert_eq!(say("ben@unit.mil").await, "\"ben (OPERATOR) signs in with ben@unit.mil now.\"");
    let none = "There is no profile of that address, or more than one. Nothing was changed.";
    assert_eq!(say("stranger@unit.mil").await, none);
    let none = "There is no sign-in account of that address, or more than one. Nothing was changed.";
    assert_eq!(say("nobody@unit.mil").await, none);
    // Nobody else says so.
    let claims = db.session_of("main@unit.mil").await;
    let refused = db.as_user(&claims).await.execute("select flyos.link('x@unit.mil')", &[]).await;
    assert_eq!(sqlstate(&refused), "42501");
    let pull = "select public.sync_pull(null, 100, 100000, 1) ->> 'role'";
    assert_eq!(db.as_user(&claims).await.value(pull).await.expect("an answer"), "MAIN_HQ");
}

/// What is told of a project, and that nothing was changed in it.
async fn refusal(sql: &str) -> Vec<String> {
    let db = pg::skeleton().await;
    db.migrate(sql).await.expect("allowed");
    let before = db.dump();
    let first = pg::migrations_folder().join("20261101000050_found.sql");
    let refused =
        db.migrate(&std::fs::read_to_string(first).expect("a text")).await.expect_err("it cannot be");
    assert_same(&db.dump(), &before);
    let message = refused.as_db_error().expect("words").message().to_owned();
    let mut lines = message.lines().map(str::to_owned);
    let head = lines.next().expect("a line");
    assert_eq!(head, "FlyOS Console cannot be set up here yet. Nothing was changed.");
    lines.collect()
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_told_at_once() {
    let odd = "
        create schema sync; create schema flyos;
        create table regions (id text primary key, name varchar(40));
        create table profiles (id uuid, username text, badge text not null, rank text not null default 'none',
            number int not null generated always as identity, created_at timestamp);
        create table base_drones (id text primary key); create view drones as select * from base_drones;
        create table user_drone_assignments (id int primary key, user_id uuid, drone_id text);
        create table activity (id bigint primary key, text text)";
    let expected = [
        "Schema flyos is there and is not ours: rename it.",
        "Schema sync is there and is not ours: rename it.",
        "public.activity is there and is not ours (it has no column actor_id): rename it.",
        "public.drones is no ordinary table: rename it.",
        "public.profiles has no primary key of id: make it one.",
        "public.profiles.badge must be given in every new row, which nobody here would do: give it a default.",
        "public.profiles.created_at is of type timestamp, and must be timestamptz: \
         \"alter table public.profiles alter created_at type timestamptz\".",
        "public.regions.id is of type text, and must be uuid: \"alter table public.regions alter id type uuid\".",
        "public.regions.name is of type varchar, and must be text: \"alter table public.regions alter name type text\".",
        "public.user_drone_assignments has no primary key of drone_id, user_id: make it one.",
        "public.user_drone_assignments.id must be given in every new row, which nobody here would do: give it a default.",
    ];
    assert_eq!(refusal(odd).await, expected);
    let twice = format!(
        "{DOCUMENT} alter table profiles add column auth_user_id uuid; insert into profiles (id, auth_user_id)
            select gen_random_uuid(), '{}' from generate_series(1, 2)",
        id("u01")
    );
    let line = format!(
        "public.profiles.auth_user_id says of several people that they are one account: {}.",
        id("u01")
    );
    assert_eq!(refusal(&twice).await, [line]);
    let db = pg::skeleton().await;
    db.migrate(DOCUMENT).await.expect("allowed");
    let admin = db.superuser().await;
    admin.batch_execute("alter table public.drones owner to supabase_admin").await.expect("allowed");
    let first =
        std::fs::read_to_string(pg::migrations_folder().join("20261101000050_found.sql")).expect("a text");
    let refused = db.migrate(&first).await.expect_err("it cannot be");
    let message = refused.as_db_error().expect("words").message().to_owned();
    let owner = "public.drones belongs to another role: \"alter table public.drones owner to postgres\".";
    assert_eq!(message.lines().nth(1), Some(owner));
}

#[tokio::test]
async fn tables_that_lack_columns_get_them() {
    let db = pg::skeleton().await;
    let thin = "create table profiles (id uuid primary key, username text, auth_user_id uuid);
        create table drones (id text primary key, status text);
        create table user_drone_assignments (user_id uuid, drone_id text, assigned_at timestamptz,
            primary key (drone_id, user_id));
        insert into profiles values ('u01', 'ann', null), ('u02', 'ben', '00000000-0000-4000-8000-000000000001');
        insert into drones values ('drone-001', 'ACTIVE');
        insert into user_drone_assignments values ('u01', 'drone-001', null)";
    db.migrate(&long(thin)).await.expect("allowed");
    migrate(&db).await;
    let sql = db.postgres().await;
    let users = super::rows(&sql, "profiles").await;
    assert_eq!(users[&id("u02")]["auth_user_id"], Json::Null, "there is no such account");
    assert_eq!(users[&id("u01")]["email"], Json::Null);
    let assignments = super::rows(&sql, "user_drone_assignments").await;
    assert!(
        assignments.values().all(|row| row["assigned_at"].is_null()),
        "a column that was there is left alone"
    );
    let told: Vec<String> = flaws(&sql).await.into_iter().filter(|line| line.starts_with("drones")).collect();
    assert_eq!(told, ["drones drone-001 model: Model is needed."]);
    let claims = headquarters(&db).await;
    let user = db.as_user(&claims).await;
    let mend = op("update", "drones", "drone-001", json!({"model": null}), json!({"model": "FlyOS_MQ5"}));
    assert_eq!(codes(&push(&user, &claims, &[mend]).await), ["applied"]);
}

//! Single edits that a push writes in one statement: each ends as it would in a call and a group of its own, which is the
//! way of all others.

use serde_json::{Value as Json, json};

use crate::kit::{EAST, Person, ops, user};
use crate::pg::{self, Database, Sql};

fn status(drone: &str, base: &str, set: &str) -> Json {
    ops::update("drones", drone, &json!({ "status": base }), &json!({ "status": set }))
}

/// Edits of every outcome, in runs of one table, with some among them that are no plain ones.
fn edits() -> Vec<Json> {
    let mut why = status("drone-003", "ACTIVE", "OFFLINE");
    why["reason"] = json!("Bird strike * 2");
    let mut waits = status("drone-008", "ACTIVE", "OFFLINE");
    waits["deps"] = json!([why["id"]]);
    let name = |base: &str, set: &str| {
        ops::update("profiles", &user(9), &json!({ "full_name": base }), &json!({ "full_name": set }))
    };
    let area = json!({"area": "Atlantic seaboard, from the Carolinas to Maine", "commander_name": null});
    vec![
        status("drone-001", "ACTIVE", "STANDBY"),
        status("drone-002", "STANDBY", "OFFLINE"),
        why,
        status("drone-004", "OFFLINE", "ACTIVE"),
        status("drone-005", "ACTIVE", "ACTIVE"),
        status("drone-none", "ACTIVE", "STANDBY"),
        ops::update(
            "drones",
            "drone-006",
            &json!({"status": "ACTIVE", "model": "?"}),
            &json!({"status": "OFFLINE"}),
        ),
        status("drone-007", "ACTIVE", "STANDBY"),
        waits,
        name("Nobody", "Somebody else"),
        ops::update("regions", EAST, &area, &json!({"area": "Other", "commander_name": "Col. Other"})),
        status("drone-009", "ACTIVE", "BROKEN"),
        status("drone-010", "ACTIVE", "MAINTENANCE"),
        status("drone-011", "ACTIVE", "STANDBY"),
        status("drone-011", "STANDBY", "OFFLINE"),
        ops::delete("drones", "drone-012"),
        status("drone-012", "ACTIVE", "OFFLINE"),
    ]
}

/// A project in which two edits' columns are known, and one of its people.
async fn project(email: &str) -> (Database, Sql, Person) {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    let known = format!(
        "update public.drones set status = 'ACTIVE';
        update public.regions set commander_name = null where id = '{EAST}';
        alter sequence public.activity_id_seq restart; set session_replication_role = replica;
        delete from public.activity; set session_replication_role = origin"
    );
    owner.batch_execute(&known).await.expect("the rows are sound");
    let person = Person::new(&db, email).await;
    (db, owner, person)
}

/// What stands in the tables, the books and the history, without times (a line of a deletion holds the whole row).
async fn state(owner: &Sql) -> Json {
    let state = "select jsonb_build_object(
        'drones', (select jsonb_agg(to_jsonb(d) - '{created_at,updated_at}'::text[] order by d.id) from public.drones d),
        'regions', (select jsonb_agg(to_jsonb(r) - '{created_at,updated_at}'::text[] order by r.id) from public.regions r),
        'books', (select jsonb_agg(to_jsonb(s) - '{xid,at}'::text[] order by s.tbl, s.pk) from sync.row_state s),
        'history', (select jsonb_agg(to_jsonb(a) - '{id,at}'::text[] - case when a.kind = 'delete' then 'old' else '' end
            order by a.op_id, a.tbl, a.pk, a.field) from public.activity a))";
    owner.query_one(state, &[]).await.expect("the owner may").get(0)
}

#[tokio::test]
async fn edits_in_one_statement_end_as_one_by_one() {
    for (email, applied) in [("main@flyos.mil", 8), ("east@flyos.mil", 5), ("operator1@flyos.mil", 1)] {
        let edits = edits();
        let (_one, at_once, person) = project(email).await;
        let mut together = person.push(&edits).await.expect("it is answered");
        let device = person.device;
        let (_other, by_itself, mut person) = project(email).await;
        person.device = device;
        for (result, edit) in together.iter_mut().zip(&edits) {
            // What waits in a call for a refused edit has no answer of its own.
            if result["code"] == "blocked" {
                continue;
            }
            let mut alone =
                person.push(&ops::group(std::slice::from_ref(edit))).await.expect("it is answered");
            for result in [&mut *result, &mut alone[0]] {
                let result = result.as_object_mut().expect("an object");
                // A call gives the version of its end, and each conflict the time of its row's last change.
                result.retain(|name, _| name != "v" && name != "at");
            }
            assert_eq!(*result, alone[0], "{email}: {edit}");
        }
        let got_in = together.iter().filter(|result| result["code"] == "applied").count();
        assert!(got_in >= applied, "{email}: {together:?}");
        let (together, alone) = (state(&at_once).await, state(&by_itself).await);
        for part in ["drones", "regions", "history", "books"] {
            assert_eq!(together[part], alone[part], "{email}: {part}");
        }
    }
}

#[tokio::test]
async fn nothing_hangs_on_a_plain_column() {
    let (_db, owner, _) = project("main@flyos.mil").await;
    let hangs = "select count(*) from flyos.field f
        where f.name = any (sync.plain_columns(f.tbl)) and (f.server or f.is_unique or f.unit is not null)";
    assert_eq!(owner.value(hangs).await.expect("a number"), 0);
    let plain = "select count(*) from flyos.field f where f.name = any (sync.plain_columns(f.tbl))";
    let named = "select sum(cardinality(sync.plain_columns(t))) from unnest(sync.tables()) t";
    assert_eq!(owner.value(plain).await.expect("a number"), owner.value(named).await.expect("a number"));
}

/// Asked again for each row of a table that the database reads whole, a few thousand drones took seconds.
#[tokio::test]
async fn which_rows_its_sender_sees_is_asked_a_few_times_a_push() {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    let name = db.name();
    // As with tables that are small, or that a session learned small.
    let read_whole = format!(
        "alter database {name} set track_functions = 'all'; alter database {name} set enable_indexscan = off;
        alter database {name} set enable_bitmapscan = off"
    );
    owner.batch_execute(&read_whole).await.unwrap();
    let drones = owner.value("select count(*) from public.drones").await.unwrap();
    assert!(drones.as_i64().unwrap() > 20, "{drones}");
    let main = Person::new(&db, "main@flyos.mil").await;
    let free = "select jsonb_agg(d.id) from public.drones d join public.profiles p on p.id = $1::text::uuid
        where d.region_id = p.region_id and not exists (
            select from public.user_drone_assignments a where a.drone_id = d.id and a.user_id = p.id)";
    let free: Json = owner.query_one(free, &[&user(9)]).await.unwrap().get(0);
    let codes = main.push(&[ops::assign(&user(9), free[0].as_str().expect("a free drone"))]).await.unwrap();
    assert_eq!(codes[0]["code"], "applied", "{codes:?}");
    main.sql.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
    let calls = "select sum(calls)::int from pg_stat_user_functions where funcname = 'in_sight'";
    let calls = owner.value(calls).await.unwrap();
    assert!((1..=6).contains(&calls.as_i64().unwrap_or_default()), "{calls} of {drones} drones");
}

//! Rows of a test's database: read as a `World`, written as a `Change`, put back as they were.

use flyos::domain::{Change, Fields, Key, Kind, Op, World};
use serde_json::{Value as Json, json};

use crate::cases::record_of;
use crate::pg::{Database, Sql};

/// Every row that this connection sees.
pub async fn world(sql: &Sql) -> World {
    let mut world = World::default();
    for kind in Kind::ALL {
        let columns = kind.fields().iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        let rows = sql.rows(&format!("select {columns} from public.{}", kind.table())).await;
        for row in rows.expect("the tables can be read") {
            let row: Fields = serde_json::from_value(row).expect("texts and nulls");
            world.put(record_of(kind, &row));
        }
    }
    world
}

/// The columns of a key, with their values.
pub fn key_columns(key: &Key) -> Json {
    match key.pair() {
        Some((user, drone)) => json!({"user_id": user, "drone_id": drone}),
        None => json!({"id": key.pk}),
    }
}

/// A change as a statement for a `jsonb` argument.
pub fn statement(change: &Change) -> (String, Json) {
    let table = format!("public.{}", change.key.kind.table());
    let mut row = key_columns(&change.key);
    let key_names = row.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let is_row =
        key_names.iter().map(|name| format!("t.{name} = r.{name}")).collect::<Vec<_>>().join(" and ");
    let from = format!("jsonb_populate_record(null::{table}, $1) r");
    let set = change.set().cloned().unwrap_or_default();
    for (name, value) in &set {
        row[name] = json!(value);
    }
    let names = set.keys().cloned().collect::<Vec<_>>();
    let text = match &change.op {
        Op::Insert { .. } => {
            let mut names = names;
            names.extend(key_names);
            let names = names.join(", ");
            format!("insert into {table} ({names}) select {names} from {from}")
        }
        Op::Update { .. } => {
            let set = names.iter().map(|name| format!("{name} = r.{name}")).collect::<Vec<_>>().join(", ");
            format!("update {table} t set {set} from {from} where {is_row}")
        }
        Op::Delete { .. } => format!("delete from {table} t using {from} where {is_row}"),
    };
    (text, row)
}

/// Writes a change as whoever the connection is; how many rows it reached.
pub async fn write(sql: &Sql, change: &Change) -> Result<u64, tokio_postgres::Error> {
    let (text, row) = statement(change);
    sql.execute(&text, &[&row]).await
}

/// A push without HTTP, as whoever the connection is.
pub async fn push(sql: &Sql, body: &Json) -> Result<Json, tokio_postgres::Error> {
    let call = "select public.sync_push(($1::jsonb ->> 'uid')::uuid, ($1 ->> 'device')::uuid, ($1 ->> 'schema')::int,
        $1 -> 'report', $1 -> 'ops')";
    Ok(sql.query_one(call, &[body]).await?.get(0))
}

/// The rows as they were once, to go back to.
pub struct Keep {
    sql: Sql,
}

const KEPT: [&str; 9] = [
    "auth.users",
    "auth.sessions",
    "public.regions",
    "public.profiles",
    "public.drones",
    "public.user_drone_assignments",
    "sync.row_state",
    "sync.scope_exit",
    "sync.applied_op",
];

impl Keep {
    /// Remembers the rows as they are.
    pub async fn of(db: &Database) -> Self {
        let sql = db.superuser().await;
        let copies =
            KEPT.map(|table| format!("create table keep.{} as table {table};", table.replace('.', "_")));
        sql.batch_execute(&format!("create schema keep; {}", copies.concat()))
            .await
            .expect("the platform's owner may");
        Self { sql }
    }

    /// The rows as they are now.
    pub async fn world(&self) -> World {
        world(&self.sql).await
    }

    /// Goes back, as a restored backup would: no trigger hears of it.
    pub async fn restore(&self) {
        let copies = KEPT.map(|table| {
            let kept = format!("keep.{}", table.replace('.', "_"));
            // Of accounts, which have generated columns, what our triggers write is put back.
            if table == "auth.users" {
                format!(
                    "update {table} t set banned_until = k.banned_until, email = k.email,
                        raw_app_meta_data = k.raw_app_meta_data from {kept} k where k.id = t.id;"
                )
            } else {
                format!("delete from {table}; insert into {table} table {kept};")
            }
        });
        let begin = "begin; set local session_replication_role = replica; delete from sync.device;";
        let back = format!("{begin} {} commit;", copies.concat());
        self.sql.batch_execute(&back).await.expect("the platform's owner may");
    }
}

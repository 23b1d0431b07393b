//! What is true on the server: the rows that row-level security lets somebody see, and what must always hold.

use std::collections::BTreeMap;

use flyos::domain::{Fields, Key, Kind, Record, World, rules};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::copy::{Copy, Place};
use crate::pg::Sql;

/// The columns of each table on the wire, and how its key is written.
const TABLES: [(&str, &str, &str); 4] = [
    ("regions", "id::text", "id, name, area, commander_name, status, created_at, updated_at"),
    (
        "profiles",
        "id::text",
        "id, username, full_name, email, role, region_id, status, auth_user_id, created_at, updated_at",
    ),
    ("drones", "id", "id, model, status, region_id, operator_id, created_at, updated_at"),
    ("user_drone_assignments", "user_id || ':' || drone_id", "user_id, drone_id, assigned_at"),
];

/// Every row that a connection may see, straight from the tables.
pub async fn visible(sql: &Sql) -> BTreeMap<Place, Json> {
    let mut rows = BTreeMap::new();
    for (table, key, columns) in TABLES {
        let query = format!(
            "select {key} as pk, to_jsonb(x) as row from (select {columns} from public.{table}) x order by 1"
        );
        for row in sql.query(&query, &[]).await.expect("the tables can be read") {
            rows.insert((table.to_owned(), row.get(0)), row.get(1));
        }
    }
    rows
}

/// The versions of all rows that are there.
pub async fn versions(owner: &Sql) -> BTreeMap<Place, i64> {
    let rows = owner.query("select tbl::text, pk::text, ver from sync.row_state where not deleted", &[]);
    let rows = rows.await.expect("the owner may");
    rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
}

/// In what a drained copy differs from what its user may see; nothing where it is equal, digest and all. Inside a
/// transaction that keeps its snapshot this may be asked while others write.
pub async fn differences(copy: &Copy, user: &Sql) -> Vec<String> {
    let truth = visible(user).await;
    let mut found = Vec::new();
    for (place, row) in &truth {
        match copy.rows.get(place) {
            None => found.push(format!("missing: {place:?}")),
            Some(held) if held.row != *row => {
                found.push(format!("stale: {place:?} v{}: {} is {row}", held.v, held.row));
            }
            Some(_) => {}
        }
    }
    let left = copy.rows.iter().filter(|(place, _)| !truth.contains_key(*place));
    found.extend(left.map(|(place, held)| format!("left over: {place:?} v{} {:?}", held.v, held.scopes)));
    let (theirs, ours) = (asked_digest(user).await, digest(copy));
    if found.is_empty() && theirs != ours {
        found.push(format!("digest: {theirs} is not {ours}"));
    }
    found
}

/// The digest of all tables, from the server.
pub async fn asked_digest(user: &Sql) -> Json {
    let tables: Vec<&str> = TABLES.iter().map(|(table, ..)| *table).collect();
    let row = user.query_one("select public.sync_digest($1)", &[&json!(tables)]).await;
    row.expect("the digest can be asked for").get(0)
}

/// In whose versions a copy differs from the books.
pub async fn old_versions(copy: &Copy, owner: &Sql) -> Vec<String> {
    let versions = versions(owner).await;
    let old = copy.rows.iter().filter(|(place, held)| versions.get(*place) != Some(&held.v));
    old.map(|(place, held)| format!("{place:?} v{} is {:?}", held.v, versions.get(place))).collect()
}

/// The digest of a copy, as a client makes it.
pub fn digest(copy: &Copy) -> Json {
    let mut tables: BTreeMap<&str, BTreeMap<u8, (u64, i64)>> =
        TABLES.iter().map(|(table, ..)| (*table, BTreeMap::new())).collect();
    for ((table, pk), held) in &copy.rows {
        let hash = Sha256::new().chain_update(pk).chain_update([0x1f]).chain_update(held.v.to_string());
        let hash: [u8; 8] = hash.finalize()[..8].try_into().expect("eight bytes");
        let buckets = tables.get_mut(table.as_str()).expect("one of ours");
        let bucket = buckets.entry(Sha256::digest(pk)[0]).or_default();
        *bucket = (bucket.0 + 1, bucket.1 ^ i64::from_be_bytes(hash));
    }
    let told = |buckets: BTreeMap<u8, (u64, i64)>| {
        buckets
            .into_iter()
            .map(|(n, (count, sum))| (n.to_string(), json!([count, sum.to_string()])))
            .collect()
    };
    Json::Object(tables.into_iter().map(|(table, buckets)| (table.to_owned(), told(buckets))).collect())
}

/// What is wrong on the server, in words: the console's own rules, and the books of the sync protocol against the
/// tables. Nobody may be writing.
pub async fn faults(owner: &Sql) -> Vec<String> {
    let mut world = World::default();
    for ((table, pk), row) in visible(owner).await {
        let kind = Kind::from_table(&table).expect("one of ours");
        let columns = row.as_object().expect("a row").iter();
        let fields: Fields =
            columns.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned))).collect();
        world.put(Record::from_fields(&Key { kind, pk }, &fields).expect("a key"));
    }
    let mut found = rules::broken(&world);
    if world.main_hq_active_count() == 0 {
        found.push("there is no active MAIN_HQ any more".to_owned());
    }
    for (what, query) in [
        (
            "a notice for a scope that the row has",
            "select to_jsonb(e) from sync.scope_exit e join sync.row_state s using (tbl, pk)
                where e.scope = any (s.scopes)",
        ),
        (
            "scopes that are not sorted and distinct",
            "select to_jsonb(s) from sync.row_state s where s.scopes <> sync.sorted(s.scopes)",
        ),
        ("an edit without its answer", "select to_jsonb(a) from sync.applied_op a where a.code is null"),
        ("something that was never told", "select to_jsonb(t) from sync.telling t"),
    ] {
        let rows = owner.query(query, &[]).await.expect("the owner may");
        found.extend(rows.iter().map(|row| format!("{what}: {}", row.get::<_, Json>(0))));
    }
    found.extend(unbooked(owner).await);
    found
}

/// What `sync.repair` would set right, without doing it.
pub async fn unbooked(owner: &Sql) -> Vec<String> {
    owner.batch_execute("begin").await.expect("a transaction");
    let before = states(owner).await;
    let booked = owner.query_one("select sync.repair()", &[]).await.expect("it repairs").get::<_, i64>(0);
    let after = states(owner).await;
    owner.batch_execute("rollback").await.expect("it ends");
    let changed = after.iter().filter(|(place, state)| before.get(*place) != Some(*state));
    let found: Vec<_> = changed
        .map(|(place, state)| format!("booked wrongly: {place:?} {:?} is {state:?}", before.get(place)))
        .collect();
    assert_eq!(found.len(), usize::try_from(booked).expect("a count"), "{found:?}");
    found
}

async fn states(owner: &Sql) -> BTreeMap<Place, (i64, bool, Vec<String>)> {
    let rows = owner.query("select tbl::text, pk::text, ver, deleted, scopes from sync.row_state", &[]);
    let rows = rows.await.expect("the owner may");
    rows.iter().map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3), row.get(4)))).collect()
}

//! A person with a device, and the edits they push.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value as Json, json};
use tokio_postgres::Error;
use uuid::Uuid;

use crate::pg::{Database, Sql};

pub struct Person {
    pub sql: Sql,
    pub claims: Json,
    pub device: Uuid,
}

impl Person {
    /// One of the seeded accounts, with a new session on a new device.
    pub async fn new(db: &Database, email: &str) -> Self {
        let claims = db.session_of(email).await;
        Self { sql: db.as_user(&claims).await, claims, device: Uuid::new_v4() }
    }

    pub fn uid(&self) -> Uuid {
        self.claims["sub"].as_str().and_then(|sub| sub.parse().ok()).expect("an account")
    }

    /// Pushes edits; the results in their order.
    pub async fn push(&self, ops: &[Json]) -> Result<Vec<Json>, Error> {
        let call = "select public.sync_push($1, $2, 1, null, $3)";
        let row = self.sql.query_one(call, &[&self.uid(), &self.device, &json!(ops)]).await?;
        let reply: Json = row.get(0);
        match reply["results"].as_array() {
            Some(results) => Ok(results.clone()),
            None => panic!("no results: {reply}"),
        }
    }

    /// Pushes one edit; its code.
    pub async fn code(&self, op: &Json) -> String {
        let results = self.push(std::slice::from_ref(op)).await.expect("a push is answered");
        results[0]["code"].as_str().expect("a code").to_owned()
    }

    /// A push as a statement, for a lane.
    pub fn statement(&self, ops: &[Json]) -> String {
        let ops = json!(ops).to_string().replace('\'', "''");
        format!("select public.sync_push('{}', '{}', 1, null, '{ops}')", self.uid(), self.device)
    }
}

fn op(k: &str, t: &str, pk: &str, base: &Json, set: &Json) -> Json {
    static SEQ: AtomicU64 = AtomicU64::new(1);
    json!({
        "id": Uuid::now_v7(), "seq": SEQ.fetch_add(1, Ordering::Relaxed), "group": null, "t": t, "pk": pk, "k": k,
        "base": base, "set": set, "deps": [],
    })
}

pub fn update(t: &str, pk: &str, base: &Json, set: &Json) -> Json {
    op("update", t, pk, base, set)
}

pub fn insert(t: &str, pk: &str, set: &Json) -> Json {
    op("insert", t, pk, &json!({}), set)
}

/// With nothing said of what was seen: it deletes whatever is there.
pub fn delete(t: &str, pk: &str) -> Json {
    op("delete", t, pk, &json!({}), &json!({}))
}

pub fn assign(user: &str, drone: &str) -> Json {
    insert("user_drone_assignments", &format!("{user}:{drone}"), &json!({}))
}

pub fn unassign(user: &str, drone: &str) -> Json {
    delete("user_drone_assignments", &format!("{user}:{drone}"))
}

/// The same edits as one group.
pub fn group(ops: &[Json]) -> Vec<Json> {
    let id = json!(Uuid::now_v7());
    let mut ops = ops.to_vec();
    for op in &mut ops {
        op["group"] = id.clone();
    }
    ops
}

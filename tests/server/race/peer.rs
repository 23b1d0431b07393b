//! The usual cursor: every row whose `updated_at`, then key, lies past the last one seen. It is what the sync
//! libraries for Supabase do without SQL of their own, and it is here to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

use super::Race;
use crate::kit::copy::Place;
use crate::kit::{Person, truth};
use crate::pg::Sql;

const TABLES: [(&str, &str); 4] = [
    ("regions", "id::text"),
    ("profiles", "id::text"),
    ("drones", "id"),
    ("user_drone_assignments", "user_id || ':' || drone_id"),
];

#[derive(Default)]
pub struct Peer {
    rows: BTreeMap<Place, Json>,
    /// By table, the last time and key.
    seen: BTreeMap<&'static str, (String, String)>,
}

/// What it ended without, with, and with in an old state.
#[derive(Debug, Default)]
pub struct Lost {
    pub missing: usize,
    pub stale: usize,
    pub left_over: usize,
}

/// One table's next rows.
async fn page(sql: &Sql, peer: &Mutex<Peer>, (table, key): (&'static str, &'static str)) -> usize {
    let first = ("-infinity".to_owned(), String::new());
    let (at, pk) = peer.lock().expect("no panic").seen.get(table).cloned().unwrap_or(first);
    let query = format!(
        "select pk, at::text, row from (select {key} as pk, updated_at as at, to_jsonb(x) as row
            from public.{table} x) x
        where (at, pk) > ($1::text::timestamptz, $2) order by at, pk limit 100"
    );
    let rows = sql.query(&query, &[&at, &pk]).await.expect("the tables can be read");
    let mut peer = peer.lock().expect("no panic");
    for row in &rows {
        let pk: String = row.get(0);
        peer.seen.insert(table, (row.get(1), pk.clone()));
        peer.rows.insert((table.to_owned(), pk), row.get(2));
    }
    rows.len()
}

pub async fn run(race: Arc<Race>, peer: Arc<Mutex<Peer>>) {
    let person = Person::new(&race.db, "main@flyos.mil").await;
    loop {
        // One round more after everybody has stopped: it gets its chance.
        let last = race.over();
        for table in TABLES {
            while page(&person.sql, &peer, table).await > 0 {}
        }
        if last {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Peer {
    /// The last time seen among drones.
    pub fn drones_until(&self) -> String {
        self.seen.get("drones").map_or_else(|| "-infinity".to_owned(), |(at, _)| at.clone())
    }

    /// Drains, now that nobody writes any more, and compares with what its user may see.
    pub async fn finish(self, race: &Race) -> Lost {
        let person = Person::new(&race.db, "main@flyos.mil").await;
        let peer = Mutex::new(self);
        for table in TABLES {
            while page(&person.sql, &peer, table).await > 0 {}
        }
        let held = peer.into_inner().expect("no panic").rows;
        let truth = truth::visible(&person.sql).await;
        let mut lost = Lost::default();
        for (place, row) in &truth {
            let Some(mine) = held.get(place) else {
                lost.missing += 1;
                continue;
            };
            let columns = row.as_object().expect("a row");
            lost.stale += usize::from(columns.iter().any(|(name, value)| mine[name] != *value));
        }
        lost.left_over = held.keys().filter(|place| !truth.contains_key(*place)).count();
        lost
    }
}

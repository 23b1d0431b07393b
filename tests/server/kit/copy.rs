//! A client's copy, kept by `sync_pull` alone, as the protocol asks of every client and no cleverer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use tokio_postgres::Error;

use crate::pg::Sql;

/// Table and key.
pub type Place = (String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub v: i64,
    pub scopes: Vec<String>,
    pub row: Json,
}

/// What one call brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    Page { more: bool },
    Scope,
    Resync(String),
    Must(String),
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub pages: u64,
    pub changes: u64,
    /// Cursors whose snapshot had transactions in progress.
    pub straddling: u64,
    /// Rows that came though the copy had them at that version.
    pub again: u64,
    pub scope_changes: u64,
    pub resyncs: u64,
}

#[derive(Clone, Default)]
pub struct Copy {
    pub rows: BTreeMap<Place, Held>,
    /// As the server gave it; null before the first page.
    pub cursor: Json,
    /// The rows of the generation that is being loaded.
    loading: Option<BTreeSet<Place>>,
    pub counts: Counts,
}

/// Calls `sync_pull` and gives its answer as it is.
pub async fn call(sql: &Sql, cursor: &Json, rows: i32) -> Result<Json, Error> {
    let cursor = Some(cursor).filter(|cursor| !cursor.is_null());
    let row = sql.query_one("select public.sync_pull($1, $2, 1048576, 1)", &[&cursor, &rows]).await?;
    Ok(row.get(0))
}

impl Copy {
    /// One page of at most so many rows.
    pub async fn pull(&mut self, sql: &Sql, rows: i32) -> Result<Came, Error> {
        Ok(self.take(&call(sql, &self.cursor, rows).await?))
    }

    /// Pulls until nothing more is there.
    pub async fn drain(&mut self, sql: &Sql, rows: i32) -> Result<(), Error> {
        for _ in 0..200_000 {
            match self.pull(sql, rows).await? {
                Came::Page { more: false } => return Ok(()),
                Came::Must(word) => panic!("must {word}"),
                Came::Page { more: true } | Came::Scope | Came::Resync(_) => {}
            }
        }
        panic!("the pages do not end");
    }

    /// Nothing is kept: as after INACTIVE.
    pub fn forget(&mut self) {
        *self = Self { counts: self.counts, ..Self::default() };
    }

    pub fn take(&mut self, reply: &Json) -> Came {
        if let Some(word) = reply["must"].as_str() {
            if word != "resync" {
                return Came::Must(word.to_owned());
            }
            self.counts.resyncs += 1;
            self.loading = Some(BTreeSet::new());
            self.cursor = Json::Null;
            return Came::Resync(reply["why"].as_str().unwrap_or_default().to_owned());
        }
        self.cursor = reply["cursor"].clone();
        if let Some(scope) = reply.get("scope") {
            self.counts.scope_changes += 1;
            let now = texts(&scope["now"]);
            self.rows.retain(|_, held| held.scopes.iter().any(|scope| now.contains(scope)) || now == ["*"]);
            return Came::Scope;
        }
        self.counts.pages += 1;
        self.counts.straddling += u64::from(straddles(&self.cursor));
        let changes = reply["changes"].as_array().expect("a page has changes");
        for change in changes {
            self.apply(change);
        }
        let more = reply["more"].as_bool().expect("a page says whether there is more");
        if !more && let Some(kept) = self.loading.take() {
            self.rows.retain(|place, _| kept.contains(place));
        }
        Came::Page { more }
    }

    fn apply(&mut self, change: &Json) {
        self.counts.changes += 1;
        let text = |name: &str| change[name].as_str().expect("a text").to_owned();
        let place = (text("t"), text("pk"));
        let v = change["v"].as_i64().expect("a version");
        if change["k"] != "row" {
            // A notice older than what is held is about an earlier life of the row.
            if self.rows.get(&place).is_some_and(|held| held.v <= v) {
                self.rows.remove(&place);
            }
            return;
        }
        let fresh = self.loading.as_mut().is_some_and(|kept| kept.insert(place.clone()));
        let held = Held { v, scopes: texts(&change["scopes"]), row: change["row"].clone() };
        match self.rows.get_mut(&place) {
            // Versions of two generations are not compared.
            Some(mine) if !fresh && mine.v > v => {}
            Some(mine) if !fresh && mine.v == v => {
                self.counts.again += 1;
                mine.scopes = held.scopes;
            }
            _ => drop(self.rows.insert(place, held)),
        }
    }
}

/// Did a cursor begin, or does it end, while transactions were in progress?
pub fn straddles(cursor: &Json) -> bool {
    ["base", "target"].iter().any(|name| {
        let snapshot = cursor[name].as_str().unwrap_or("::");
        snapshot.rsplit(':').next().is_some_and(|in_progress| !in_progress.is_empty())
    })
}

pub fn texts(list: &Json) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

//! What the door answers about lists: windows, places, keys, what was found, what may follow in a filter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::list::filter::{At, complete};
use super::session::Inner;
use super::{OpCtx, Service, find, words};
use crate::domain::{Key, Kind, Stamp};
use crate::store::replica::Replica;

/// The columns a list of that kind can show, filter and sort by, in order of importance. `region`,
/// `operator`, `drones`, `users` are computed; `changed` is `updated_at` or `assigned_at`.
pub const fn columns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &["username", "full_name", "role", "status", "region", "drones", "email", "changed"],
        Kind::Region => &["name", "area", "commander_name", "status", "users", "drones", "changed"],
        Kind::Drone => &["id", "model", "status", "region", "operator", "changed"],
        Kind::Assignment => &["username", "drone", "changed"],
    }
}

/// Which rows, in which order, and which window of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    pub kind: Kind,
    /// Words that must all hold: the filter language of the README.
    pub filter: String,
    /// Columns of `columns(kind)`, separated by commas, the first one first; `-` before one: descending.
    pub sort: String,
    /// Turns the first one round.
    pub descending: bool,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage {
    /// Rows of that kind that I may see.
    pub total: usize,
    /// Those that the filter leaves.
    pub matched: usize,
    /// The window.
    pub rows: Vec<RowView>,
    /// Why the filter means nothing; then nothing matches.
    #[serde(default)]
    pub problem: Option<String>,
    /// There are so many rows that their order is made meanwhile: `Event::Data` says when it is. What is here is of an
    /// older order, or nothing.
    #[serde(default)]
    pub coming: bool,
}

/// One row as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    pub key: Key,
    pub label: String,
    /// Text by column name of `columns(kind)`; a column that is empty is absent.
    pub cells: BTreeMap<String, String>,
    pub changed: Option<Stamp>,
    pub mark: Option<Mark>,
    /// A conflict or a refusal waits on this row.
    pub needs_you: bool,
    /// What looks wrong with it, in words.
    pub alert: Option<String>,
}

/// An unsent edit's mark on its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    New,
    Changed,
    Deleted,
}

/// A filter that was completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The filter, with its last word as far as it is clear.
    pub text: String,
    /// What may follow, where there is a choice.
    pub offers: Vec<String>,
}

/// What one of several edits would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The row's name.
    pub label: String,
    /// What changes; empty where all is so already.
    pub what: String,
    /// What follows from it for other rows, a sentence each.
    #[serde(default)]
    pub follows: Vec<String>,
    pub why_not: Option<String>,
}

impl Foreseen {
    /// What changes and what follows, in one line.
    pub fn told(&self) -> String {
        words::with_follows(&self.what, &self.follows)
    }

    /// Something changes, and nothing stands in the way.
    pub fn is_doable(&self) -> bool {
        self.why_not.is_none() && !self.what.is_empty()
    }
}

/// A row that was found by what people call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub key: Key,
    pub label: String,
    /// What it is, in a few words.
    pub note: String,
}

impl Service {
    pub fn list(&self, ctx: &OpCtx, query: &ListQuery) -> ListPage {
        self.inner
            .look(|replica| self.inner.lists.page(replica, query, At::of(ctx, replica)))
            .unwrap_or_default()
    }

    /// The same for a screen, which must not wait: where it takes longer than a frame may, it is `coming`.
    pub fn list_soon(&self, ctx: &OpCtx, query: &ListQuery) -> ListPage {
        Inner::list_soon(&self.inner, ctx, query).unwrap_or_default()
    }

    /// Users, regions and drones by what people call them.
    pub fn find(&self, _ctx: &OpCtx, text: &str) -> Vec<Found> {
        self.inner.look(|replica| find::find(replica.view(), text)).unwrap_or_default()
    }

    /// The same for a screen; see `Event::Found`.
    pub fn find_soon(&self, text: &str) -> Option<Vec<Found>> {
        Inner::find_soon(&self.inner, text)
    }

    /// A filter that is being typed, completed.
    pub fn complete(&self, _ctx: &OpCtx, kind: Kind, filter: &str) -> Completion {
        let completed = self.inner.look(|replica| complete(replica.view(), kind, filter));
        completed.unwrap_or_else(|| Completion { text: filter.to_owned(), offers: Vec::new() })
    }

    /// The place of a row among those that match the query, whatever its window; `None`: it is not among them.
    pub fn place(&self, ctx: &OpCtx, query: &ListQuery, key: &Key) -> Option<usize> {
        self.inner.look(|replica| self.inner.lists.place(replica, query, key, At::of(ctx, replica))).flatten()
    }

    /// The same for a screen: `None` also where the order is made meanwhile.
    pub fn place_soon(&self, ctx: &OpCtx, query: &ListQuery, key: &Key) -> Option<usize> {
        let lists = &self.inner.lists;
        let place = |replica: &Replica| {
            let at = At::of(ctx, replica);
            lists.is_at_hand(replica, query, at).then(|| lists.place(replica, query, key, at)).flatten()
        };
        self.inner.look(place).flatten()
    }

    /// The keys of the rows of a list; see `Query::Keys`.
    pub fn keys(&self, ctx: &OpCtx, query: &ListQuery, between: Option<&(Key, Key)>) -> Vec<Key> {
        self.inner
            .look(|replica| self.inner.lists.keys(replica, query, between, At::of(ctx, replica)))
            .unwrap_or_default()
    }
}

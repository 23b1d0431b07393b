//! Rows as values that go through the door: as lists show them, and as data (stored values by column, and what is
//! computed beside them) for who reads them by machine. Filter, order and rights of both are `list`'s.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::filter::At;
use super::list::row_view;
use super::session::Inner;
use super::{ErrorKind, ListQuery, OpCtx, RowView, ServiceError};
use crate::domain::{Fields, Key, Kind, Record, Stamp, World};
use crate::store::replica::Replica;

/// Rows of one answer, at most: it has to fit into a message between two processes.
pub const ROWS_MAX: usize = 1000;
/// Rows that belong to one row, told at most: a region may have thousands. The counts are always whole.
const MEMBERS_MAX: usize = 200;

/// Which rows, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsQuery {
    /// Filter, order and window; of the window at most `ROWS_MAX` rows.
    pub list: ListQuery,
    /// Columns that have exactly these values.
    #[serde(default)]
    pub exact: Fields,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsPage {
    /// Rows that filter and values leave.
    pub matched: usize,
    pub rows: Vec<RowData>,
    /// Another one than before: something changed between two windows.
    pub revision: u64,
    pub as_of: Option<Stamp>,
}

/// One row with its stored values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowData {
    pub row: RowView,
    pub fields: Fields,
    /// The row's region, in some columns.
    pub region: Option<Fields>,
    /// A drone's operator.
    pub operator: Option<Fields>,
    /// Of a drone those it is assigned to; of a region, where it alone was asked for, its users.
    pub users: Vec<Fields>,
    /// Of a user those assigned to them; of a region, where it alone was asked for, its drones.
    pub drones: Vec<Fields>,
    pub user_count: usize,
    pub drone_count: usize,
}

impl Inner {
    /// The window of a query.
    pub(super) fn rows(&self, ctx: &OpCtx, query: &RowsQuery) -> Result<RowsPage, ServiceError> {
        self.open_desk()?;
        let list = ListQuery { limit: query.list.limit.min(ROWS_MAX), ..query.list.clone() };
        let page = self.look(|replica| {
            let at = At::of(ctx, replica);
            let (matched, keys) = self.lists.having(replica, &list, &query.exact, at)?;
            let rows = keys.iter().filter_map(|key| data(replica, key, false)).collect();
            Ok(RowsPage { matched, rows, revision: replica.revision(), as_of: replica.meta().as_of })
        });
        let page = page.ok_or_else(super::explain::signed_out)?;
        page.map_err(|problem: String| ServiceError::new(ErrorKind::Usage, problem))
    }

    /// The row that goes by that name, with what belongs to it.
    pub(super) fn row(&self, kind: Kind, name: &str) -> Result<Option<RowData>, ServiceError> {
        self.open_desk()?;
        let found = self.look(|replica| data(replica, &named(replica, kind, name)?, true));
        Ok(found.flatten())
    }
}

/// The key of the row that has that text as its key, or as one of the columns of which no two rows have the same.
fn named(replica: &Replica, kind: Kind, name: &str) -> Option<Key> {
    let there = |key: &Key| replica.view().has(key) || replica.ghost(key).is_some();
    let by_key = Key::known(kind, name).filter(there);
    let unique = || kind.fields().iter().filter(|field| field.unique);
    by_key.or_else(|| unique().find_map(|field| replica.view().named(kind, field.name, name).next()))
}

fn data(replica: &Replica, key: &Key, members: bool) -> Option<RowData> {
    let world = replica.view();
    let record = world.get(key).or_else(|| replica.ghost(key))?;
    let mut data = RowData {
        row: row_view(replica, key)?,
        fields: record.fields(),
        region: None,
        operator: None,
        users: Vec::new(),
        drones: Vec::new(),
        user_count: 0,
        drone_count: 0,
    };
    match &record {
        Record::User(user) => {
            data.region = region(world, user.region_id);
            data.drone_count = world.held(user.id).count();
            data.drones = drones(world, world.held(user.id));
        }
        Record::Region(row) => {
            (data.user_count, data.drone_count) = world.members(row.id);
            if members {
                data.users = users(world, world.users_of(row.id));
                data.drones = drones(world, world.drones_of(row.id));
            }
        }
        Record::Drone(drone) => {
            data.region = region(world, drone.region_id);
            data.operator = drone.operator_id.map(|id| user(world, id));
            data.user_count = world.holders(&drone.id).count();
            data.users = users(world, world.holders(&drone.id));
        }
        Record::Assignment(_) => {}
    }
    Some(data)
}

/// Some columns of a row; of one that I may not see, its key.
fn some(world: &World, key: &Key, columns: &[&str]) -> Fields {
    let record = world.get(key);
    let id = ("id".to_owned(), Some(key.pk.clone()));
    let others = columns.iter().filter_map(|name| Some(((*name).to_owned(), record.as_ref()?.get(name))));
    std::iter::once(id).chain(others).collect()
}

fn region(world: &World, id: Option<Uuid>) -> Option<Fields> {
    id.map(|id| some(world, &Key::region(id), &["name", "area"]))
}

fn user(world: &World, id: Uuid) -> Fields {
    some(world, &Key::user(id), &["username", "full_name", "role", "status"])
}

fn users(world: &World, ids: impl Iterator<Item = Uuid>) -> Vec<Fields> {
    ids.take(MEMBERS_MAX).map(|id| user(world, id)).collect()
}

fn drones<'a>(world: &World, ids: impl Iterator<Item = &'a str>) -> Vec<Fields> {
    ids.take(MEMBERS_MAX).map(|id| some(world, &Key::drone(id), &["model", "status"])).collect()
}

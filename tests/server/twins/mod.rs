//! One suite, two servers: every case of the sync protocol, written once, is run against the training server and
//! against our SQL on PostgreSQL behind a server that speaks PostgREST's protocol.
//!
//! * `servers`: what a case asks of a server besides the wire: its truth, and an administrator's hand
//! * `pull`, `push`, `tables`, `shapes`: the protocol, case by case
//! * `activity`: who did what, and who may see it
//! * `client`, `console`: the console's own client, and its whole service, on each
//! * `input`, `cursors`: calls that are wrong in themselves, and cursors that were made up
//! * `random`: sequences of edits by everybody, to both at once, whose answers must agree
//!
//! Where the two differ, PostgreSQL is right unless the design says otherwise.

mod activity;
mod client;
mod console;
mod cursors;
mod input;
mod pull;
mod push;
mod random;
mod servers;
mod shapes;
mod tables;

use flyos::domain::{Change, Key, Record};
use flyos::remote::wire::OpWire;
use uuid::Uuid;

pub use crate::common::*;
pub use servers::{Postgres, Server, Training};

/// Makes a test of each case on each server. `(rows: n)` fills the servers up to about so many rows.
macro_rules! on_both {
    (@rows) => { 0 };
    (@rows $rows:expr) => { $rows };
    ($($case:ident $((rows: $rows:expr))?),+ $(,)?) => {
        mod sandbox {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let server = crate::twins::Training::start($crate::twins::on_both!(@rows $($rows)?)).await;
                super::$case(&server).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let server = crate::twins::Postgres::start($crate::twins::on_both!(@rows $($rows)?)).await;
                super::$case(&server).await;
            })+
        }
    };
}
pub(crate) use on_both;

pub async fn sign_in(server: &impl Server, email: &str) -> Person {
    sign_in_at(&server.url(), &server.publishable_key(), email, server.password()).await
}

pub async fn row(server: &impl Server, key: &Key) -> Option<Record> {
    server.world().await.get(key)
}

/// A column of a row as it is now; "" for null, and for a row that is not there.
pub async fn field(server: &impl Server, key: &Key, name: &str) -> String {
    row(server, key).await.and_then(|row| row.get(name)).unwrap_or_default()
}

pub async fn user_named(server: &impl Server, username: &str) -> Uuid {
    let world = server.world().await;
    world.users().find(|user| &*user.username == username).expect("a user of the initial set").id
}

pub async fn region_named(server: &impl Server, name: &str) -> Uuid {
    server.world().await.regions().find(|region| &*region.name == name).expect("a region").id
}

/// An update of a row as it is now.
pub async fn update(server: &impl Server, key: &Key, set: &[(&str, &str)]) -> OpWire {
    update_of(&row(server, key).await.expect("a row to update"), set)
}

pub async fn delete(server: &impl Server, key: &Key) -> OpWire {
    delete_of(&row(server, key).await.expect("a row to delete"))
}

/// Writes as an administrator.
pub async fn admin_update(server: &impl Server, key: &Key, set: &[(&str, &str)]) {
    let record = row(server, key).await.expect("a row to update");
    server.admin(&[Change::update(&record, &fields(set)).expect("something to change")]).await;
}

pub fn drone(id: &str) -> Key {
    Key::drone(id)
}

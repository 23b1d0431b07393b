//! What the tests share: a training server, signed-in people, and its rows at hand.

use flyos::domain::{Change, Key, Record};
use flyos::remote::wire::OpWire;
use flyos::sandbox::{Options, Sandbox};
use reqwest::Response;
use serde_json::Value as Json;
use uuid::Uuid;

pub use crate::common::*;

pub async fn start() -> Sandbox {
    start_with(Options::default()).await
}

pub async fn start_with(options: Options) -> Sandbox {
    // Another test of this process may have installed it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Sandbox::start(options).await.expect("a free port")
}

pub async fn token_call(sandbox: &Sandbox, grant: &str, body: Json) -> Response {
    token_at(&sandbox.url(), &sandbox.publishable_key(), grant, &body).await
}

pub async fn sign_in(sandbox: &Sandbox, email: &str) -> Person {
    sign_in_at(&sandbox.url(), &sandbox.publishable_key(), email, sandbox.password()).await
}

pub fn user_named(sandbox: &Sandbox, username: &str) -> Uuid {
    sandbox.with_world(|world| {
        world.users().find(|user| &*user.username == username).expect("a user of the initial set").id
    })
}

pub fn region_named(sandbox: &Sandbox, name: &str) -> Uuid {
    sandbox.with_world(|world| world.regions().find(|r| &*r.name == name).expect("a region").id)
}

pub fn row(sandbox: &Sandbox, key: &Key) -> Option<Record> {
    sandbox.with_world(|world| world.get(key))
}

/// An update of a row as it is now.
pub fn update(sandbox: &Sandbox, key: &Key, set: &[(&str, &str)]) -> OpWire {
    update_of(&row(sandbox, key).expect("a row to update"), set)
}

/// Writes as an administrator.
pub fn admin_update(sandbox: &Sandbox, key: &Key, set: &[(&str, &str)]) {
    let record = row(sandbox, key).expect("a row to update");
    let change = Change::update(&record, &fields(set)).expect("something to change");
    sandbox.admin(&[change]).expect("a change the rules allow");
}

//! The fixtures of `tests/wire/`: each reads as its wire type and writes back as it was, and what the server
//! answers has the same keys with the same types.

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use flyos::remote::wire::activity::{ActivityReply, ActivityRequest};
use flyos::remote::wire::admin::{
    AdminAsked, AdminCaller, AdminRefusal, AdminReply, CallerReply, LinkedReply, LinkedRequest, NoteReply,
    NoteRequest, SignOutReply, SignOutRequest,
};
use flyos::remote::wire::device::{
    DeviceKeyReply, DeviceKeyRequest, DevicesReply, EraseDeviceReply, EraseDeviceRequest,
};
use flyos::remote::wire::{
    AuthUser, DigestReply, DigestRequest, PullReply, PullRequest, PushReply, PushRequest, TokenReply,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::fixtures::{fixture, same_shape};
use crate::kit::*;

/// Nulls that may as well be absent, as the types write them.
fn round_trips<T: Serialize + DeserializeOwned>(name: &str) {
    let json = fixture(name);
    let typed: T = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(serde_json::to_value(&typed).expect("JSON"), json, "{name}");
}

#[test]
fn fixtures_are_what_the_types_say() {
    for name in ["pull_request", "pull_request_first"] {
        round_trips::<PullRequest>(name);
    }
    for name in ["page", "page_bulk", "resync", "scope"] {
        round_trips::<PullReply>(name);
    }
    for name in ["must_inactive", "must_no_profile", "must_aal2", "must_signed_out", "must_schema_old"] {
        round_trips::<PullReply>(name);
        round_trips::<PushReply>(name);
        round_trips::<DigestReply>(name);
    }
    round_trips::<PushRequest>("push_request");
    round_trips::<PushReply>("push_reply");
    round_trips::<DigestRequest>("digest_request");
    round_trips::<DigestReply>("digest_reply");
    round_trips::<TokenReply>("token_reply");
    round_trips::<AuthUser>("user_reply");
    round_trips::<AdminCaller>("admin_caller");
    round_trips::<CallerReply>("admin_caller");
    round_trips::<SignOutRequest>("admin_sign_out_request");
    round_trips::<SignOutReply>("admin_sign_out");
    round_trips::<LinkedRequest>("admin_linked_request");
    round_trips::<LinkedReply>("admin_linked");
    round_trips::<NoteRequest>("note_account_deed_request");
    round_trips::<NoteReply>("note_account_deed");
    for name in ["must_inactive", "must_no_profile", "must_aal2", "must_signed_out"] {
        round_trips::<CallerReply>(name);
        round_trips::<SignOutReply>(name);
        round_trips::<LinkedReply>(name);
    }
    for name in ["admin_done", "admin_unlinked"] {
        round_trips::<AdminReply>(name);
    }
    round_trips::<AdminRefusal>("admin_refusal");
    round_trips::<ActivityRequest>("activity_request");
    for name in ["activity_page", "must_inactive", "must_schema_old"] {
        round_trips::<ActivityReply>(name);
    }
    round_trips::<DeviceKeyRequest>("device_key_request");
    round_trips::<EraseDeviceRequest>("erase_device_request");
    for name in ["sync_devices", "must_inactive", "must_signed_out"] {
        round_trips::<DevicesReply>(name);
    }
    for name in ["device_key", "device_key_none", "device_key_erased", "must_inactive", "must_aal2"] {
        round_trips::<DeviceKeyReply>(name);
    }
    for name in ["device_key_erased", "must_inactive", "must_signed_out"] {
        round_trips::<EraseDeviceReply>(name);
    }
    let request = AdminAsked::read(fixture("admin_request").to_string().as_bytes()).expect("a request");
    assert_eq!(serde_json::to_value(request).expect("JSON"), fixture("admin_request"));
}

#[tokio::test]
async fn signing_in_answers_in_the_shapes_of_the_fixtures() {
    let sandbox = start().await;
    let body = json!({"email": OPERATOR1, "password": sandbox.password()});
    let reply = token_call(&sandbox, "password", body).await.json::<Json>().await.expect("a session");
    same_shape("token_reply", &reply);
    same_shape("user_reply", &reply["user"]);
    let wrong = token_call(&sandbox, "password", json!({"email": OPERATOR1, "password": "x"})).await;
    same_shape("error_auth", &wrong.json().await.expect("an error"));
    sandbox.shutdown().await;
}

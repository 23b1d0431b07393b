//! The keys of devices, as the database keeps them: one for each device of an account, until it is deleted; what was
//! deleted is remembered. And what devices last said of themselves, which is gone with this process.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use uuid::Uuid;

use super::admin_rpc;
use super::http::rest_error;
use super::keys::Claims;
use super::rpc;
use super::shared::{Shared, now};
use crate::domain::{Record, Stamp, policy};
use crate::remote::wire::device::{
    DeviceKey, DeviceKeyReply, DeviceKeyRequest, DeviceReport, DevicesReply, EraseDeviceReply,
    EraseDeviceRequest,
};
use crate::remote::wire::{Report, SCHEMA};

/// Devices of one account that have a key, at most.
const KEYS_MAX: usize = 200;

type Answer = Result<Response, Box<Response>>;

/// By account and device; `None`: erased.
#[derive(Clone, Debug, Default)]
pub struct DeviceKeys(BTreeMap<(Uuid, Uuid), Option<DeviceKey>>);

impl DeviceKeys {
    pub fn put(&mut self, account: Uuid, device: Uuid, key: Option<DeviceKey>) {
        self.0.insert((account, device), key);
    }

    pub fn all(&self) -> impl Iterator<Item = (Uuid, Uuid, Option<&DeviceKey>)> {
        self.0.iter().map(|((account, device), key)| (*account, *device, key.as_ref()))
    }

    /// What is known of a device already.
    fn known(&self, account: Uuid, device: Uuid) -> Option<DeviceKeyReply> {
        self.0.get(&(account, device)).map(|key| match key {
            Some(key) => DeviceKeyReply::Key { key: Some(key.clone()) },
            None => DeviceKeyReply::Erased { erased: true },
        })
    }

    fn is_erased(&self, account: Uuid, device: Uuid) -> bool {
        self.0.get(&(account, device)).is_some_and(Option::is_none)
    }

    fn is_full(&self, account: Uuid) -> bool {
        let of = (account, Uuid::nil())..=(account, Uuid::max());
        self.0.range(of).filter(|(_, key)| key.is_some()).count() >= KEYS_MAX
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "every caller puts it into `Answer`, which is boxed")]
fn stuck() -> Box<Response> {
    Box::new(rest_error(503, "53100", "The server cannot write to its data folder."))
}

/// `device_key(device uuid, offered text)`
pub fn device_key(shared: &Shared, claims: Option<&Claims>, request: DeviceKeyRequest) -> Answer {
    if let Err(must) = rpc::caller(shared, &shared.engine(), claims, SCHEMA) {
        return Ok(Json(DeviceKeyReply::Must(must)).into_response());
    }
    // The secret key has no account, and no caller that may work.
    let account = claims.map(|claims| claims.sub).unwrap_or_default();
    let mut keys = shared.device_keys();
    let reply = match keys.known(account, request.device) {
        Some(reply) => reply,
        None if keys.is_full(account) => DeviceKeyReply::Key { key: None },
        None => {
            let key = Some(request.offered);
            shared.keep_device_key(account, request.device, key.as_ref()).map_err(|_| stuck())?;
            keys.put(account, request.device, key.clone());
            DeviceKeyReply::Key { key }
        }
    };
    Ok(Json(reply).into_response())
}

/// `erase_device(user_id uuid, device uuid)`
pub fn erase_device(shared: &Shared, claims: Option<&Claims>, request: &EraseDeviceRequest) -> Answer {
    let engine = shared.engine();
    if let Some(word) = admin_rpc::headquarters(shared, &engine, claims, EraseDeviceReply::Must)? {
        return Ok(Json(word).into_response());
    }
    let user = engine.world().user(request.user_id);
    let Some(account) = user.and_then(|user| user.auth_user_id) else {
        let message = "There is no sign-in account of that user. Nothing was changed.";
        return Err(Box::new(rest_error(400, "23514", message)));
    };
    drop(engine);
    shared.keep_device_key(account, request.device, None).map_err(|_| stuck())?;
    shared.device_keys().put(account, request.device, None);
    Ok(Json(EraseDeviceReply::Erased { erased: true }).into_response())
}

/// Devices of one person whose reports are kept.
const REPORTS_MAX: usize = 16;

/// What devices said, by profile and device.
pub type Reports = BTreeMap<(Uuid, Uuid), (Report, Stamp)>;

/// Keeps what a device says of itself; of each person the newest.
pub fn report(shared: &Shared, user: Uuid, device: Uuid, report: Report) {
    let mut reports = shared.reports();
    reports.insert((user, device), (report, now()));
    let of = (user, Uuid::nil())..=(user, Uuid::max());
    while reports.range(of.clone()).count() > REPORTS_MAX {
        let oldest = reports.range(of.clone()).min_by_key(|(_, (_, at))| *at).map(|(key, _)| *key);
        let Some(oldest) = oldest else { return };
        reports.remove(&oldest);
    }
}

/// `sync_devices()`
pub fn devices(shared: &Shared, claims: Option<&Claims>) -> Response {
    let engine = shared.engine();
    let caller = match rpc::caller(shared, &engine, claims, SCHEMA) {
        Err(must) => return Json(DevicesReply::Must(must)).into_response(),
        Ok(caller) => caller,
    };
    let (keys, reports) = (shared.device_keys(), shared.reports());
    let mut devices: Vec<DeviceReport> = Vec::new();
    for ((user, device), (report, at)) in reports.iter() {
        let Some(person) = engine.world().user(*user) else { continue };
        let record = Record::User(person.clone());
        if !policy::may_see(&caller.actor, engine.world(), &record) {
            continue;
        }
        let Report { waiting, oldest_s, needs_you, version } = report.clone();
        devices.push(DeviceReport {
            user: *user,
            username: person.username.to_string(),
            device: *device,
            waiting,
            oldest_s,
            needs_you,
            version,
            at: *at,
            erased: person.auth_user_id.is_some_and(|account| keys.is_erased(account, *device)),
        });
    }
    devices.sort_by_key(|device| (std::cmp::Reverse(device.at), device.device));
    Json(DevicesReply::Devices { devices, server_time: now() }).into_response()
}

//! The shapes of `POST /rest/v1/rpc/device_key`, `erase_device` and `sync_devices`: the key that the server keeps for a
//! device, and what devices say of themselves.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

use super::MustReply;
use crate::domain::Stamp;

/// Bytes of a device's key.
const KEY_BYTES: usize = 32;

/// A device's key on its way: 32 bytes in base64. No `Debug` shows it, and it is wiped when dropped.
#[derive(Clone)]
pub struct DeviceKey(SecretString);

impl DeviceKey {
    /// A key of these bytes, which the caller wipes.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(SecretString::from(STANDARD.encode(bytes)))
    }

    /// What a copy of the account's key is sealed by.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for DeviceKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey([REDACTED])")
    }
}

impl Serialize for DeviceKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for DeviceKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = SecretString::from(String::deserialize(deserializer)?);
        match STANDARD.decode(key.expose_secret()) {
            Ok(bytes) if bytes.len() == KEY_BYTES => Ok(Self(key)),
            _ => Err(D::Error::custom("32 bytes in base64 are needed")),
        }
    }
}

/// The key that is kept for this device, or else the offered one from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceKeyRequest {
    pub device: Uuid,
    pub offered: DeviceKey,
}

/// What that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeviceKeyReply {
    Must(MustReply),
    /// Always true: headquarters wants what this device has erased.
    Erased {
        erased: bool,
    },
    /// `None`: the account has too many devices, none is kept for this one.
    Key {
        key: Option<DeviceKey>,
    },
}

/// What that person's device has is to be erased: a `profiles.id`, and the device as `sync_devices` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EraseDeviceRequest {
    pub user_id: Uuid,
    pub device: Uuid,
}

/// What that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EraseDeviceReply {
    Must(MustReply),
    Erased { erased: bool },
}

/// A device as it last said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// A `profiles.id`.
    pub user: Uuid,
    pub username: String,
    pub device: Uuid,
    /// Edits that waited there, for how long the oldest, and how many needed a decision.
    pub waiting: u64,
    pub oldest_s: u64,
    pub needs_you: u64,
    /// Of the program.
    pub version: String,
    pub at: Stamp,
    /// Headquarters had it erased; a server of before this was told says nothing.
    #[serde(default)]
    pub erased: bool,
}

/// Devices of the people whom the caller may see, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DevicesReply {
    Must(MustReply),
    Devices { devices: Vec<DeviceReport>, server_time: Stamp },
}

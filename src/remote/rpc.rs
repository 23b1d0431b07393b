//! The three calls of the sync protocol, who did what, the key that the server keeps for this device, and devices as
//! headquarters sees them. Always by POST: a cursor does
//! not fit an address.

use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{Call, Client, Reply, body_of};
use super::error::{Doing, RemoteError};
use super::wire::activity::{ActivityReply, ActivityRequest};
use super::wire::device::{
    DeviceKeyReply, DeviceKeyRequest, DevicesReply, EraseDeviceReply, EraseDeviceRequest,
};
use super::wire::{DigestReply, DigestRequest, PullReply, PullRequest, PushReply, PushRequest};

impl Client {
    /// The next page of what changed.
    pub async fn sync_pull(
        &self,
        token: &SecretString,
        request: &PullRequest,
    ) -> Result<Reply<PullReply>, RemoteError> {
        let limit = self.limits().page_bytes;
        self.rpc(Doing::Pulling, "/rest/v1/rpc/sync_pull", token, request, limit).await
    }

    /// Edits on their way. Sending the same again is safe: the server knows their ids.
    pub async fn sync_push(
        &self,
        token: &SecretString,
        request: &PushRequest,
    ) -> Result<Reply<PushReply>, RemoteError> {
        let limit = self.limits().page_bytes;
        self.rpc(Doing::Pushing, "/rest/v1/rpc/sync_push", token, request, limit).await
    }

    /// Sums over what the caller may see, to compare with one's own.
    pub async fn sync_digest(
        &self,
        token: &SecretString,
        request: &DigestRequest,
    ) -> Result<Reply<DigestReply>, RemoteError> {
        let limit = self.limits().other_bytes;
        self.rpc(Doing::Digesting, "/rest/v1/rpc/sync_digest", token, request, limit).await
    }

    /// The key that the server keeps for this device; the offered one where it had none.
    pub async fn device_key(
        &self,
        token: &SecretString,
        request: &DeviceKeyRequest,
    ) -> Result<Reply<DeviceKeyReply>, RemoteError> {
        let limit = self.limits().other_bytes;
        self.rpc(Doing::FetchingKey, "/rest/v1/rpc/device_key", token, request, limit).await
    }

    /// Who did what: a page of what the caller may see.
    pub async fn activity_page(
        &self,
        token: &SecretString,
        request: &ActivityRequest,
    ) -> Result<Reply<ActivityReply>, RemoteError> {
        let limit = self.limits().page_bytes;
        self.rpc(Doing::ReadingActivity, "/rest/v1/rpc/activity_page", token, request, limit).await
    }

    /// What devices last said of themselves.
    pub async fn devices(&self, token: &SecretString) -> Result<Reply<DevicesReply>, RemoteError> {
        let limit = self.limits().page_bytes;
        self.rpc(Doing::ListingDevices, "/rest/v1/rpc/sync_devices", token, &serde_json::json!({}), limit)
            .await
    }

    /// Has what that device keeps erased, the next time it is heard of. Asking again is safe.
    pub async fn erase_device(
        &self,
        token: &SecretString,
        request: &EraseDeviceRequest,
    ) -> Result<Reply<EraseDeviceReply>, RemoteError> {
        let limit = self.limits().other_bytes;
        self.rpc(Doing::ErasingDevice, "/rest/v1/rpc/erase_device", token, request, limit).await
    }

    async fn rpc<T: DeserializeOwned>(
        &self,
        doing: Doing,
        path: &str,
        token: &SecretString,
        request: &impl Serialize,
        limit: usize,
    ) -> Result<Reply<T>, RemoteError> {
        let (body, timeout) = (Some(body_of(request)), self.limits().rest);
        let call = Call { doing, method: Method::POST, path, token: Some(token), body, limit, timeout };
        self.json(call).await
    }
}

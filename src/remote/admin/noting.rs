//! The direct path's last step: what was done to an account is told to the activity, as the function does it. It was
//! the key's own doing, so the line names no person.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::direct::{DirectAdmin, Done, refused};
use crate::remote::error::{Cause, RemoteError};
use crate::remote::wire::admin::{
    AdminAsked, AdminRefusal, AdminReply, AdminRequest, NoteReply, NoteRequest,
};

const PATH: &str = "/rest/v1/rpc/note_account_deed";

impl DirectAdmin {
    /// Does it, and has it noted.
    pub async fn run(&self, asked: &AdminAsked) -> Result<AdminReply, RemoteError> {
        asked.check().map_err(|refusal| refused(&refusal))?;
        let profile = self.noted_under(&asked.request).await?;
        let reply = self.carry_out(&asked.request).await?;
        if let Some(profile) = profile {
            self.note(asked, profile).await?;
        }
        Ok(reply)
    }

    /// The profile that the line is about; looked for first, while the account is there. None for what is no deed.
    async fn noted_under(&self, request: &AdminRequest) -> Done<Option<Uuid>> {
        let AdminRequest::DeleteUnlinked { account } = request else { return Ok(request.profile()) };
        let made_for = self.account(*account).await?.and_then(|told| told.made_for());
        Ok(Some(made_for.unwrap_or(*account)))
    }

    /// Twice, if need be: the same `op` leaves one line.
    async fn note(&self, asked: &AdminAsked, profile: Uuid) -> Done<()> {
        let (action, reason) = (asked.request.action(), asked.reason.clone());
        let note = NoteRequest { op: Uuid::new_v4(), actor: None, profile, deed: action.to_string(), reason };
        let note = json!(note);
        for _ in 0..2 {
            match self.ask::<NoteReply>(Method::POST, PATH, Some(&note)).await {
                Ok(_) => return Ok(()),
                Err(error) if error.cause == Cause::SchemaMissing => {
                    return Err(refused(&AdminRefusal::cannot_be_noted(action)));
                }
                Err(error) => tracing::warn!(%error, "a deed was not noted"),
            }
        }
        Err(refused(&AdminRefusal::not_noted(action)))
    }
}

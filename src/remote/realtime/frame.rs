//! One message of the socket, in the text form of version 1.0.0: an object with five members.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// A message, either way.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Frame {
    pub topic: String,
    pub event: String,
    #[serde(default)]
    pub payload: Json,
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The reference of the join that a message belongs to.
    #[serde(default)]
    pub join_ref: Option<String>,
}

impl Frame {
    /// `None` for what is no frame: it is passed over, since servers may send more than we know.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub fn heartbeat(reference: String) -> Self {
        Self {
            topic: "phoenix".to_owned(),
            event: "heartbeat".to_owned(),
            payload: json!({}),
            reference: Some(reference),
            join_ref: None,
        }
    }

    /// Asks to be let into a channel, as that person. A payload of wrong types would silently be taken as a
    /// public channel, so the shape is said in one place.
    pub fn join(topic: &str, reference: String, access_token: &str) -> Self {
        let config = json!({
            "broadcast": {"ack": false, "self": false},
            "presence": {"enabled": false, "key": ""},
            "postgres_changes": [],
            "private": true,
        });
        Self {
            topic: topic.to_owned(),
            event: "phx_join".to_owned(),
            payload: json!({"config": config, "access_token": access_token}),
            join_ref: Some(reference.clone()),
            reference: Some(reference),
        }
    }

    /// A message to a channel one is in.
    pub fn push(topic: &str, event: &str, payload: Json, join_ref: &str, reference: String) -> Self {
        Self {
            topic: topic.to_owned(),
            event: event.to_owned(),
            payload,
            reference: Some(reference),
            join_ref: Some(join_ref.to_owned()),
        }
    }

    pub fn text(&self) -> String {
        // Texts and objects of texts always serialise; an empty frame would be refused.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A text of the payload.
    pub fn said(&self, path: &str) -> Option<&str> {
        self.payload.pointer(path)?.as_str()
    }
}

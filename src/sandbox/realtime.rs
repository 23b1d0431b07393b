//! The websocket: who listens to which scope, and the nudges.
//!
//! A nudge carries no data and promises nothing; it only asks for a pull. A channel belongs to the token it
//! was joined with: when that expires, its session ends or the scope is no longer the caller's, the channel
//! is closed, and the socket stays.
//!
//! Both framings of Phoenix are spoken: objects (vsn 1.0.0) and arrays (vsn 2.0.0), text only.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use super::keys::BadToken;
use super::shared::{Shared, now_s};

/// The largest frame that is read.
const FRAME_BYTES_MAX: usize = 64 << 10;
/// Channels of one socket, as Supabase allows.
const CHANNELS_MAX: usize = 100;
/// A socket that says nothing for so long is closed; clients send a heartbeat every 25 s.
const IDLE: Duration = Duration::from_secs(60);
/// How often tokens are looked at.
const CHECK: Duration = Duration::from_secs(1);

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Objects,
    Arrays,
}

/// One frame, whichever way it is written.
#[derive(Clone, Debug, PartialEq)]
struct Frame {
    join_ref: Option<String>,
    reference: Option<String>,
    topic: String,
    event: String,
    payload: Value,
}

impl Framing {
    fn read(self, text: &str) -> Option<Frame> {
        let mut json: Value = serde_json::from_str(text).ok()?;
        let mut take = |name: &str, at: usize| match self {
            Self::Objects => json.get_mut(name).map(Value::take),
            Self::Arrays => json.get_mut(at).map(Value::take),
        };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        Some(Frame {
            join_ref: text(take("join_ref", 0)),
            reference: text(take("ref", 1)),
            topic: text(take("topic", 2))?,
            event: text(take("event", 3))?,
            payload: take("payload", 4).unwrap_or_default(),
        })
    }

    fn write(self, frame: &Frame) -> String {
        let Frame { join_ref, reference, topic, event, payload } = frame;
        match self {
            Self::Objects => json!({
                "topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": join_ref,
            }),
            Self::Arrays => json!([join_ref, reference, topic, event, payload]),
        }
        .to_string()
    }
}

/// A joined topic.
struct Channel {
    join_ref: Option<String>,
    /// What stands behind `sync:`.
    scope: String,
    listener: Listener,
}

/// On whose behalf a channel was joined.
#[derive(Clone, Copy)]
struct Listener {
    uid: Uuid,
    session: Uuid,
    exp: i64,
    /// Without the second factor that the account has.
    weak: bool,
}

/// `GET /realtime/v1/websocket?apikey=…&vsn=…`; the gate has seen the key.
pub async fn connect(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let framing = match query.split('&').find_map(|pair| pair.strip_prefix("vsn=")) {
        None | Some("1.0.0") => Framing::Objects,
        Some("2.0.0") => Framing::Arrays,
        Some(_) => {
            let body = axum::Json(json!({"error": "Unsupported protocol version"}));
            return (StatusCode::BAD_REQUEST, body).into_response();
        }
    };
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &shared).await {
        Err(refusal) => refusal.into_response(),
        Ok(upgrade) => upgrade
            .max_message_size(FRAME_BYTES_MAX)
            .max_frame_size(FRAME_BYTES_MAX)
            .on_upgrade(move |socket| Talk { shared, framing, socket, channels: HashMap::new() }.run()),
    }
}

/// One open socket.
struct Talk {
    shared: Arc<Shared>,
    framing: Framing,
    socket: WebSocket,
    /// By topic, `realtime:` included.
    channels: HashMap<String, Channel>,
}

/// The socket is gone.
struct Gone;

type Talked = Result<(), Gone>;

impl Talk {
    async fn run(mut self) {
        // The end of a socket is no fault, whoever ends it.
        let _ended = self.talk().await;
    }

    async fn talk(&mut self) -> Talked {
        let mut nudges = self.shared.nudges.subscribe();
        let mut check = tokio::time::interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.hear(text.as_str()).await?,
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                        Some(Ok(_)) => {}
                    }
                }
                nudge = nudges.recv() => match nudge {
                    Ok(topics) => self.nudge(Some(&topics)).await?,
                    Err(RecvError::Lagged(_)) => self.nudge(None).await?,
                    Err(RecvError::Closed) => return Err(Gone),
                },
                _ = check.tick() => {
                    if heard.elapsed() > IDLE {
                        return Err(Gone);
                    }
                    self.drop_lost_channels().await?;
                }
            }
        }
    }

    async fn send(&mut self, frame: &Frame) -> Talked {
        let text = self.framing.write(frame);
        self.socket.send(Message::Text(text.into())).await.map_err(|_| Gone)
    }

    async fn reply(&mut self, to: &Frame, status: &str, response: Value) -> Talked {
        self.send(&Frame {
            join_ref: to.join_ref.clone(),
            reference: to.reference.clone(),
            topic: to.topic.clone(),
            event: "phx_reply".to_owned(),
            payload: json!({"status": status, "response": response}),
        })
        .await
    }

    async fn hear(&mut self, text: &str) -> Talked {
        // A frame that is none is passed over: only its sender could be told, and it has no name.
        let Some(frame) = self.framing.read(text) else { return Ok(()) };
        match (frame.topic.as_str(), frame.event.as_str()) {
            ("phoenix", "heartbeat") => self.reply(&frame, "ok", json!({})).await,
            (_, "phx_join") => self.join(&frame).await,
            (_, "phx_leave") => self.leave(&frame).await,
            (_, "access_token") => self.new_token(&frame).await,
            (topic, _) if !self.channels.contains_key(topic) => {
                self.reply(&frame, "error", json!({"reason": "unmatched topic"})).await
            }
            // Nobody but the server speaks on these topics: messages are dropped without a word.
            _ => Ok(()),
        }
    }

    async fn join(&mut self, frame: &Frame) -> Talked {
        if let Some(old) = self.channels.remove(&frame.topic) {
            self.close(&frame.topic, old.join_ref).await?;
        }
        let (scope, listener) = match self.admit(frame) {
            Ok(admitted) => admitted,
            Err(reason) => return self.reply(frame, "error", json!({"reason": reason})).await,
        };
        let join_ref = frame.join_ref.clone().or_else(|| frame.reference.clone());
        self.channels.insert(frame.topic.clone(), Channel { join_ref: join_ref.clone(), scope, listener });
        self.reply(frame, "ok", json!({"postgres_changes": []})).await?;
        let payload = json!({
            "extension": "system", "status": "ok", "message": "Subscribed to Broadcast",
            "channel": frame.topic.trim_start_matches("realtime:"),
        });
        self.system(&frame.topic, join_ref, payload).await
    }

    /// May this topic be joined? The scope and the listener, or the reason against it.
    fn admit(&self, frame: &Frame) -> Result<(String, Listener), String> {
        let name = frame.topic.strip_prefix("realtime:").unwrap_or_default();
        if name.is_empty() {
            return Err("TopicNameRequired: You must provide a topic name".to_owned());
        }
        if self.channels.len() >= CHANNELS_MAX {
            return Err("ChannelRateLimitReached: Too many channels".to_owned());
        }
        if frame.payload.pointer("/config/private") != Some(&Value::Bool(true)) {
            return Err("PrivateOnly: This project only allows private channels".to_owned());
        }
        let no_permission =
            || format!("Unauthorized: You do not have permissions to read from this Channel topic: {name}");
        let token = frame.payload.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() || token.starts_with("sb_") {
            return Err(no_permission());
        }
        let listener = self.listener(token)?;
        let scope = name.strip_prefix("sync:").ok_or_else(no_permission)?;
        if self.may_hear(&listener, scope) { Ok((scope.to_owned(), listener)) } else { Err(no_permission()) }
    }

    fn listener(&self, token: &str) -> Result<Listener, String> {
        let now = now_s();
        let claims = self.shared.keys.verify(token, now).map_err(|bad| match bad {
            BadToken::Expired => "InvalidJWTToken: Token has expired".to_owned(),
            BadToken::Parts(_) => "MalformedJWT: The token provided is not a valid JWT".to_owned(),
            BadToken::Forged => "JwtSignatureError: Failed to validate JWT signature".to_owned(),
        })?;
        if self.shared.is_made_to_expire(claims.session_id) {
            return Err("InvalidJWTToken: Token has expired".to_owned());
        }
        let weak = self.shared.lacks_second_factor(&claims);
        Ok(Listener { uid: claims.sub, session: claims.session_id, exp: claims.exp, weak })
    }

    fn may_hear(&self, listener: &Listener, scope: &str) -> bool {
        let signed_in = self.shared.auth().session(listener.session).is_some();
        signed_in
            && !listener.weak
            && self
                .shared
                .engine()
                .caller(listener.uid)
                .is_ok_and(|caller| scope == "all" || caller.scopes.iter().any(|own| own == scope))
    }

    async fn leave(&mut self, frame: &Frame) -> Talked {
        self.reply(frame, "ok", json!({})).await?;
        match self.channels.remove(&frame.topic) {
            Some(channel) => self.close(&frame.topic, channel.join_ref).await,
            None => Ok(()),
        }
    }

    async fn new_token(&mut self, frame: &Frame) -> Talked {
        let token = frame.payload.get("access_token").and_then(Value::as_str).unwrap_or_default();
        let listener = self.listener(token);
        let Some(channel) = self.channels.get_mut(&frame.topic) else { return Ok(()) };
        match listener {
            Ok(listener) => {
                channel.listener = listener;
                Ok(())
            }
            Err(reason) => self.lose(&frame.topic.clone(), &reason).await,
        }
    }

    async fn system(&mut self, topic: &str, join_ref: Option<String>, payload: Value) -> Talked {
        self.send(&Frame {
            join_ref,
            reference: None,
            topic: topic.to_owned(),
            event: "system".to_owned(),
            payload,
        })
        .await
    }

    async fn close(&mut self, topic: &str, join_ref: Option<String>) -> Talked {
        self.send(&Frame {
            reference: join_ref.clone(),
            join_ref,
            topic: topic.to_owned(),
            event: "phx_close".to_owned(),
            payload: json!({}),
        })
        .await
    }

    /// Ends a channel that has lost its right, saying why.
    async fn lose(&mut self, topic: &str, why: &str) -> Talked {
        let Some(channel) = self.channels.remove(topic) else { return Ok(()) };
        let payload = json!({
            "extension": "system", "status": "error", "message": why,
            "channel": topic.trim_start_matches("realtime:"),
        });
        self.system(topic, channel.join_ref.clone(), payload).await?;
        self.close(topic, channel.join_ref).await
    }

    async fn drop_lost_channels(&mut self) -> Talked {
        let now = now_s();
        let lost: Vec<(String, &str)> = self
            .channels
            .iter()
            .filter_map(|(topic, channel)| {
                if channel.listener.exp <= now {
                    Some((topic.clone(), "Token has expired"))
                } else {
                    let may = self.may_hear(&channel.listener, &channel.scope);
                    (!may).then(|| (topic.clone(), "You do not have permissions to read from this Channel"))
                }
            })
            .collect();
        for (topic, why) in lost {
            self.lose(&topic, why).await?;
        }
        Ok(())
    }

    /// Passes a nudge on to the channels it is for; `None` is for all, after messages were missed.
    async fn nudge(&mut self, topics: Option<&[String]>) -> Talked {
        let is_for =
            |scope: &str| topics.is_none_or(|all| all.iter().any(|t| t.strip_prefix("sync:") == Some(scope)));
        let joined: Vec<(String, Option<String>)> = self
            .channels
            .iter()
            .filter(|(_, channel)| is_for(&channel.scope))
            .map(|(topic, channel)| (topic.clone(), channel.join_ref.clone()))
            .collect();
        for (topic, join_ref) in joined {
            let payload = json!({"type": "broadcast", "event": "nudge", "payload": {}});
            let event = "broadcast".to_owned();
            self.send(&Frame { join_ref, reference: None, topic, event, payload }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_framings_say_the_same() {
        let objects = r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"7","join_ref":null}"#;
        let arrays = r#"[null,"7","phoenix","heartbeat",{}]"#;
        let read = Framing::Objects.read(objects).expect("a frame");
        assert_eq!(Some(&read), Framing::Arrays.read(arrays).as_ref());
        for framing in [Framing::Objects, Framing::Arrays] {
            assert_eq!(framing.read(&framing.write(&read)).as_ref(), Some(&read));
            for nonsense in ["", "{}", "[]", "7", "nonsense"] {
                assert_eq!(framing.read(nonsense), None);
            }
        }
    }
}

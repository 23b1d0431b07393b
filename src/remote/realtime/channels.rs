//! Which topics are joined, and what must be sent for it. Pure: it is told the time and what was heard.
//!
//! Every join has a reference of its own. What belongs to an earlier join is passed over: joining again
//! makes the server close the older one, and that close must not end the newer.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::Instant;

use super::frame::Frame;
use super::{TOPICS_MAX, jittered};
use crate::remote::error::Cause;

/// What a frame meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Nudge,
    /// A channel is not joined, and is tried again later.
    Failed {
        cause: Cause,
        text: Option<String>,
    },
}

enum State {
    /// Joined again at that time; `None` while there is no line.
    Out(Option<Instant>),
    Joining {
        join: String,
        until: Instant,
    },
    In {
        join: String,
    },
}

struct Channel {
    /// With the `realtime:` that the server wants before every name.
    topic: String,
    state: State,
    failures: usize,
    /// The server's words before it closes a channel.
    reason: Option<String>,
}

pub(super) struct Channels {
    all: Vec<Channel>,
    token: SecretString,
    last_ref: u64,
    patience: Duration,
    backoff: [Duration; 4],
}

impl Channels {
    pub fn new(topics: Vec<String>, token: SecretString, patience: Duration, backoff: [Duration; 4]) -> Self {
        let mut this = Self { all: Vec::new(), token, last_ref: 0, patience, backoff };
        drop(this.set_topics(topics, Instant::now()));
        this
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn all_joined(&self) -> bool {
        let is_in = |channel: &Channel| matches!(channel.state, State::In { .. });
        !self.is_empty() && self.all.iter().all(is_in)
    }

    /// A new line: nothing is joined on it.
    pub fn connected(&mut self, now: Instant) {
        for channel in &mut self.all {
            channel.state = State::Out(Some(now));
            channel.failures = 0;
        }
    }

    /// The renewed pass, for every channel that is joined; the others are tried again at once.
    pub fn set_token(&mut self, token: SecretString, now: Instant) -> Vec<Frame> {
        self.token = token;
        let payload = json!({"access_token": self.token.expose_secret()});
        let mut frames = Vec::new();
        for channel in &mut self.all {
            match &channel.state {
                State::In { join } | State::Joining { join, .. } => {
                    let reference = count(&mut self.last_ref);
                    let frame = Frame::push(&channel.topic, "access_token", payload.clone(), join, reference);
                    frames.push(frame);
                }
                State::Out(Some(_)) => channel.state = State::Out(Some(now)),
                State::Out(None) => {}
            }
        }
        frames
    }

    /// Leaves what is not among these, and will join what is new.
    pub fn set_topics(&mut self, mut topics: Vec<String>, now: Instant) -> Vec<Frame> {
        topics.sort();
        topics.dedup();
        if topics.len() > TOPICS_MAX {
            tracing::warn!(asked = topics.len(), "more topics than one connection takes");
            topics.truncate(TOPICS_MAX);
        }
        let wanted: Vec<String> = topics.iter().map(|topic| format!("realtime:{topic}")).collect();
        let mut frames = Vec::new();
        for channel in self.all.iter().filter(|channel| !wanted.contains(&channel.topic)) {
            if let State::In { join } | State::Joining { join, .. } = &channel.state {
                let reference = count(&mut self.last_ref);
                frames.push(Frame::push(&channel.topic, "phx_leave", json!({}), join, reference));
            }
        }
        self.all.retain(|channel| wanted.contains(&channel.topic));
        for topic in wanted {
            if !self.all.iter().any(|channel| channel.topic == topic) {
                let state = State::Out(Some(now));
                self.all.push(Channel { topic, state, failures: 0, reason: None });
            }
        }
        frames
    }

    pub fn heartbeat(&mut self) -> Frame {
        Frame::heartbeat(count(&mut self.last_ref))
    }

    /// The joins to send now, and those that nobody answered.
    pub fn due(&mut self, now: Instant) -> (Vec<Frame>, Vec<Happening>) {
        let (mut frames, mut failed) = (Vec::new(), Vec::new());
        let until = now + self.patience;
        for channel in &mut self.all {
            match channel.state {
                State::Out(Some(at)) if at <= now => {
                    let join = count(&mut self.last_ref);
                    frames.push(Frame::join(&channel.topic, join.clone(), self.token.expose_secret()));
                    channel.state = State::Joining { join, until };
                }
                State::Joining { until, .. } if until <= now => {
                    channel.fail(now, &self.backoff);
                    failed.push(Happening::Failed { cause: Cause::Timeout, text: None });
                }
                _ => {}
            }
        }
        (frames, failed)
    }

    /// When `due` has something to do.
    pub fn next_due(&self) -> Option<Instant> {
        let times = self.all.iter().filter_map(|channel| match channel.state {
            State::Out(at) => at,
            State::Joining { until, .. } => Some(until),
            State::In { .. } => None,
        });
        times.min()
    }

    /// What a frame means. Frames of other topics, other joins or unknown events mean nothing.
    pub fn hear(&mut self, frame: &Frame, now: Instant) -> Option<Happening> {
        let channel = self.all.iter_mut().find(|channel| channel.topic == frame.topic)?;
        if !channel.is_current(frame) {
            return None;
        }
        match frame.event.as_str() {
            "phx_reply" => channel.reply(frame, now, &self.backoff),
            "broadcast" => matches!(channel.state, State::In { .. }).then_some(Happening::Nudge),
            "system" if frame.said("/status") == Some("error") => {
                channel.reason = frame.said("/message").map(str::to_owned);
                None
            }
            "phx_close" | "phx_error" => {
                let text = channel.reason.take();
                channel.fail(now, &self.backoff);
                Some(Happening::Failed { cause: cause(text.as_deref().unwrap_or_default()), text })
            }
            _ => None,
        }
    }
}

impl Channel {
    /// Whether a frame is of the join that holds. Some frames name none, and are of whichever holds.
    fn is_current(&self, frame: &Frame) -> bool {
        let (State::Joining { join, .. } | State::In { join }) = &self.state else { return false };
        let named = match frame.event.as_str() {
            "phx_close" | "phx_error" => frame.join_ref.as_ref().or(frame.reference.as_ref()),
            _ => frame.join_ref.as_ref(),
        };
        named.is_none_or(|named| named == join)
    }

    fn reply(&mut self, frame: &Frame, now: Instant, backoff: &[Duration; 4]) -> Option<Happening> {
        let State::Joining { join, .. } = &self.state else { return None };
        if frame.reference.as_ref() != Some(join) {
            return None;
        }
        if frame.said("/status") == Some("ok") {
            self.state = State::In { join: join.clone() };
            self.failures = 0;
            return None;
        }
        let text = frame.said("/response/reason").map(str::to_owned);
        self.fail(now, backoff);
        Some(Happening::Failed { cause: cause(text.as_deref().unwrap_or_default()), text })
    }

    fn fail(&mut self, now: Instant, backoff: &[Duration; 4]) {
        self.failures += 1;
        self.state = State::Out(Some(now + jittered(backoff, self.failures)));
    }
}

fn count(last: &mut u64) -> String {
    *last += 1;
    last.to_string()
}

/// What the server's words mean: `Code: text` of a refused join, or a sentence before a close.
fn cause(text: &str) -> Cause {
    if text.contains("expired") {
        return Cause::TokenExpired;
    }
    match text.split(':').next().unwrap_or_default() {
        "Unauthorized" => Cause::NotAllowed,
        "InvalidJWTExpiration" => Cause::TokenExpired,
        "InvalidJWTToken" | "MalformedJWT" | "JwtSignatureError" | "JwtSignerError" => Cause::TokenBad,
        "ChannelRateLimitReached" | "ConnectionRateLimitReached" | "ClientJoinRateLimitReached" => {
            Cause::RateLimited
        }
        "TenantNotFound" => Cause::WrongAddress,
        "RealtimeDisabledForTenant" => Cause::Paused,
        // A close without a word is a server that restarts.
        ""
        | "InitializingProjectConnection"
        | "DatabaseLackOfConnections"
        | "IncreaseConnectionPool"
        | "RealtimeRestarting" => Cause::Busy,
        _ if text.starts_with("Too many") => Cause::RateLimited,
        _ => Cause::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: [Duration; 4] = [Duration::from_secs(1); 4];

    fn channels(topics: &[&str]) -> Channels {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let mut channels =
            Channels::new(topics, SecretString::from("first"), Duration::from_secs(10), BACKOFF);
        channels.connected(Instant::now());
        channels
    }

    fn reply(frame: &Frame, payload: serde_json::Value) -> Frame {
        Frame { event: "phx_reply".to_owned(), payload, ..frame.clone() }
    }

    fn joined(topics: &[&str]) -> (Channels, Vec<Frame>) {
        let mut channels = channels(topics);
        let now = Instant::now();
        let (joins, failed) = channels.due(now);
        assert_eq!(failed, []);
        for join in &joins {
            assert_eq!(channels.hear(&reply(join, json!({"status": "ok", "response": {}})), now), None);
        }
        (channels, joins)
    }

    fn event(topic: &str, event: &str, join_ref: Option<&str>) -> Frame {
        let join_ref = join_ref.map(str::to_owned);
        let (topic, event) = (topic.to_owned(), event.to_owned());
        Frame { topic, event, payload: json!({}), reference: None, join_ref }
    }

    #[test]
    fn a_join_is_private_and_carries_the_pass() {
        let (channels, joins) = joined(&["sync:all"]);
        assert!(channels.all_joined());
        assert_eq!(joins[0].topic, "realtime:sync:all");
        assert_eq!(
            joins[0].payload,
            json!({"config": {"broadcast": {"ack": false, "self": false},
                   "presence": {"enabled": false, "key": ""}, "postgres_changes": [], "private": true},
                   "access_token": "first"})
        );
    }

    #[test]
    fn a_close_of_an_earlier_join_does_not_end_the_newer() {
        let (mut channels, _) = joined(&["sync:all"]);
        let now = Instant::now();
        assert_eq!(channels.hear(&event("realtime:sync:all", "phx_close", Some("99")), now), None);
        assert!(channels.all_joined());
        let failed = Some(Happening::Failed { cause: Cause::Busy, text: None });
        assert_eq!(channels.hear(&event("realtime:sync:all", "phx_close", None), now), failed);
        assert!(!channels.all_joined());
        assert!(channels.next_due().is_some_and(|at| at <= now + BACKOFF[0]), "tried again");
    }

    #[test]
    fn a_nudge_counts_only_where_one_is_in() {
        let mut waiting = channels(&["sync:all"]);
        let nudge = event("realtime:sync:all", "broadcast", None);
        let now = Instant::now();
        assert_eq!(waiting.hear(&nudge, now), None);
        assert_eq!(waiting.due(now).0.len(), 1);
        assert_eq!(waiting.hear(&nudge, now), None, "not let in yet");
        let (mut channels, _) = joined(&["sync:all"]);
        assert_eq!(channels.hear(&nudge, now), Some(Happening::Nudge));
        assert_eq!(channels.hear(&event("realtime:sync:other", "broadcast", None), now), None);
    }

    #[test]
    fn a_join_that_nobody_answers_is_given_up() {
        let mut channels = channels(&["sync:all"]);
        let now = Instant::now();
        assert_eq!(channels.due(now).0.len(), 1);
        let (joins, failed) = channels.due(now + Duration::from_secs(10));
        assert!(joins.is_empty());
        assert_eq!(failed, [Happening::Failed { cause: Cause::Timeout, text: None }]);
    }

    #[test]
    fn other_topics_are_left_and_joined() {
        let (mut channels, joins) = joined(&["a", "b"]);
        let left = channels.set_topics(vec!["b".to_owned(), "c".to_owned(), "c".to_owned()], Instant::now());
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].topic.as_str(), left[0].event.as_str()), ("realtime:a", "phx_leave"));
        assert_eq!(left[0].join_ref, joins[0].reference);
        assert!(!channels.all_joined());
        let (joins, _) = channels.due(Instant::now());
        assert_eq!(joins.iter().map(|join| join.topic.as_str()).collect::<Vec<_>>(), ["realtime:c"]);
    }

    #[test]
    fn the_servers_words_are_sorted() {
        for (text, sorted) in [
            (
                "Unauthorized: You do not have permissions to read from this Channel topic: x",
                Cause::NotAllowed,
            ),
            ("InvalidJWTToken: Token has expired 5 seconds ago", Cause::TokenExpired),
            ("InvalidJWTExpiration: bad", Cause::TokenExpired),
            ("MalformedJWT: The token provided is not a valid JWT", Cause::TokenBad),
            ("ClientJoinRateLimitReached: Too many joins per second", Cause::RateLimited),
            ("Too many messages per second", Cause::RateLimited),
            ("RealtimeRestarting: Realtime is restarting", Cause::Busy),
            ("Unknown Error on Channel", Cause::Fault),
        ] {
            assert_eq!(cause(text), sorted, "{text}");
        }
    }
}

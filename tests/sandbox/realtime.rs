//! The websocket: who hears which nudge.

use std::time::Duration;

use flyos::domain::{Change, Key};
use flyos::sandbox::Sandbox;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::kit::*;

struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    arrays: bool,
    refs: u32,
}

impl Socket {
    async fn open(sandbox: &Sandbox, key: &str, vsn: &str) -> Result<Self, Error> {
        let url = sandbox.url().replace("http://", "ws://");
        let url = format!("{url}/realtime/v1/websocket?apikey={key}&vsn={vsn}");
        let (stream, _) = tokio_tungstenite::connect_async(url).await?;
        Ok(Self { stream, arrays: vsn == "2.0.0", refs: 0 })
    }

    async fn send(&mut self, topic: &str, event: &str, payload: Json) {
        self.refs += 1;
        let reference = self.refs.to_string();
        let frame = if self.arrays {
            json!([reference, reference, topic, event, payload])
        } else {
            json!({"topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": reference})
        };
        self.stream.send(Message::Text(frame.to_string().into())).await.expect("the socket is open");
    }

    /// The next message as (topic, event, payload).
    async fn next(&mut self) -> Option<(String, String, Json)> {
        let message =
            tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await.expect("a message");
        let text = message?.ok()?.into_text().ok()?;
        let frame: Json = serde_json::from_str(&text).ok()?;
        let part = |name: &str, at: usize| if self.arrays { &frame[at] } else { &frame[name] }.clone();
        let text = |json: Json| json.as_str().unwrap_or_default().to_owned();
        Some((text(part("topic", 2)), text(part("event", 3)), part("payload", 4)))
    }

    /// Joins; the reason where it is refused.
    async fn join(&mut self, topic: &str, token: &str) -> Result<(), String> {
        let config = json!({"broadcast": {"ack": false, "self": false}, "private": true});
        self.send(topic, "phx_join", json!({"config": config, "access_token": token})).await;
        let (on, event, payload) = loop {
            // An older join of the same topic is closed first.
            match self.next().await.expect("a reply") {
                (_, event, _) if event == "phx_close" => {}
                message => break message,
            }
        };
        assert_eq!((on.as_str(), event.as_str()), (topic, "phx_reply"));
        if payload["status"] != "ok" {
            return Err(payload["response"]["reason"].as_str().unwrap_or_default().to_owned());
        }
        let (_, event, payload) = self.next().await.expect("a system message");
        assert_eq!((event.as_str(), &payload["status"]), ("system", &json!("ok")));
        Ok(())
    }

    /// The topics nudged before the reply to a heartbeat.
    async fn nudged(&mut self) -> Vec<String> {
        self.send("phoenix", "heartbeat", json!({})).await;
        let mut topics = Vec::new();
        loop {
            match self.next().await.expect("the socket is open") {
                (topic, event, _) if topic == "phoenix" && event == "phx_reply" => return topics,
                (topic, event, payload) => {
                    assert_eq!(event, "broadcast");
                    assert_eq!(payload, json!({"type": "broadcast", "event": "nudge", "payload": {}}));
                    topics.push(topic);
                }
            }
        }
    }

    /// Waits for as many nudges, then makes sure that no more came.
    async fn hears(&mut self, count: usize) -> Vec<String> {
        let mut topics = self.nudged().await;
        for _ in 0..200 {
            if topics.len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            topics.extend(self.nudged().await);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        topics.extend(self.nudged().await);
        topics.sort();
        topics
    }
}

#[tokio::test]
async fn nudges_reach_the_right_topics_only() {
    let sandbox = start().await;
    let (east, main) = (sign_in(&sandbox, EAST).await, sign_in(&sandbox, MAIN).await);
    let (r_east, r_west) = (region_named(&sandbox, "Eastern"), region_named(&sandbox, "Western"));
    let me = user_named(&sandbox, "east_hq");
    let own = format!("realtime:sync:r:{r_east}");
    for vsn in ["1.0.0", "2.0.0"] {
        let mut mine = Socket::open(&sandbox, &east.key, vsn).await.expect("a socket");
        for topic in [&own, &format!("realtime:sync:u:{me}"), "realtime:sync:all"] {
            mine.join(topic, &east.token).await.expect("one of the caller's scopes");
        }
        let refused =
            mine.join(&format!("realtime:sync:r:{r_west}"), &east.token).await.expect_err("not theirs");
        assert!(refused.starts_with("Unauthorized: You do not have permissions"), "{refused}");
        assert!(mine.join("realtime:sync:*", &east.token).await.is_err());
        assert!(mine.join("realtime:other", &east.token).await.is_err());
        assert!(
            mine.join("sync:all", &east.token).await.expect_err("no prefix").starts_with("TopicNameRequired")
        );
        assert!(mine.join(&own, "a.b.c").await.expect_err("forged").starts_with("JwtSignatureError"));
        mine.join(&own, &east.token).await.expect("again");
        let mut all = Socket::open(&sandbox, &main.key, vsn).await.expect("a socket");
        all.join("realtime:sync:*", &main.token).await.expect("MAIN_HQ");
        // A western drone, by administrator and by push: headquarters alone hears of it.
        let status = if vsn == "1.0.0" { "OFFLINE" } else { "ACTIVE" };
        admin_update(&sandbox, &Key::drone("drone-021"), &[("status", status)]);
        assert_eq!(all.hears(1).await, ["realtime:sync:*"]);
        assert_eq!(mine.hears(0).await, [""; 0]);
        main.edit(update(&sandbox, &Key::drone("drone-006"), &[("status", status)])).await;
        assert_eq!(mine.hears(1).await, [own.as_str()]);
        assert_eq!(all.hears(1).await, ["realtime:sync:*"]);
        // It leaves the region: the old one is told.
        let to = if vsn == "1.0.0" { r_west } else { r_east };
        admin_update(&sandbox, &Key::drone("drone-012"), &[("region_id", &to.to_string())]);
        assert_eq!(mine.hears(1).await, [own.as_str()]);
        // Left, and heard no more.
        mine.send(&own, "phx_leave", json!({})).await;
        assert_eq!(mine.next().await.expect("a reply").1, "phx_reply");
        assert_eq!(mine.next().await.expect("a close").1, "phx_close");
        admin_update(&sandbox, &Key::drone("drone-012"), &[("status", "MAINTENANCE")]);
        admin_update(&sandbox, &Key::drone("drone-012"), &[("status", "STANDBY")]);
        assert_eq!(mine.hears(0).await, [""; 0]);
    }
    sandbox.shutdown().await;
}

#[tokio::test]
async fn many_scopes_are_one_nudge_to_all() {
    let sandbox =
        start_with(flyos::sandbox::Options { rows: 2000, ..flyos::sandbox::Options::default() }).await;
    let east = sign_in(&sandbox, EAST).await;
    let region = region_named(&sandbox, "Eastern");
    let own = format!("realtime:sync:r:{region}");
    let mut socket = Socket::open(&sandbox, &east.key, "1.0.0").await.expect("a socket");
    for topic in [own.as_str(), "realtime:sync:all"] {
        socket.join(topic, &east.token).await.expect("allowed");
    }
    let users: Vec<Change> = sandbox.with_world(|world| {
        let users = world.users_of(region).filter_map(|id| world.get(&Key::user(id))).take(30);
        users.filter_map(|row| Change::update(&row, &fields(&[("full_name", "Renamed")]))).collect()
    });
    sandbox.admin(&users).expect("names may change");
    assert_eq!(socket.hears(1).await, ["realtime:sync:all"]);
    sandbox.shutdown().await;
}

#[tokio::test]
async fn a_channel_ends_with_its_right() {
    let sandbox = start().await;
    let operator = sign_in(&sandbox, OPERATOR1).await;
    let mut socket = Socket::open(&sandbox, &operator.key, "1.0.0").await.expect("a socket");
    socket.join("realtime:sync:all", &operator.token).await.expect("active");
    socket.send("realtime:sync:all", "access_token", json!({"access_token": operator.token})).await;
    assert_eq!(socket.hears(0).await, [""; 0], "a good token is taken without a word");
    admin_update(&sandbox, &Key::user(user_named(&sandbox, "operator1")), &[("status", "INACTIVE")]);
    let (_, event, payload) = socket.next().await.expect("a message");
    assert_eq!((event.as_str(), &payload["status"]), ("system", &json!("error")));
    assert_eq!(socket.next().await.expect("a close").1, "phx_close");
    assert!(socket.join("realtime:sync:all", &operator.token).await.is_err());
    sandbox.shutdown().await;
}

#[tokio::test]
async fn sockets_need_a_key_and_end_with_the_line() {
    let sandbox = start().await;
    let Err(Error::Http(refused)) = Socket::open(&sandbox, "nonsense", "1.0.0").await else {
        panic!("refused")
    };
    assert_eq!(refused.status(), 401);
    let mut socket = Socket::open(&sandbox, &sandbox.publishable_key(), "2.0.0").await.expect("a socket");
    assert_eq!(socket.nudged().await, [""; 0]);
    sandbox.faults().line_down().await;
    assert!(socket.next().await.is_none(), "dropped");
    sandbox.faults().line_up().await;
    let mut socket = Socket::open(&sandbox, &sandbox.publishable_key(), "2.0.0").await.expect("a socket");
    let large = json!([null, "1", "phoenix", "heartbeat", "x".repeat(100_000)]).to_string();
    let _may_fail = socket.stream.send(Message::Text(large.into())).await;
    assert!(socket.next().await.is_none(), "a frame that is too large ends the socket");
    sandbox.shutdown().await;
}

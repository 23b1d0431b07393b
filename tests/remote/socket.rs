//! The realtime socket against a server that speaks its protocol and can be told to misbehave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::any;
use flyos::remote::realtime::{Command, Config, Socket, SocketEvent, topic};
use flyos::remote::{Cause, ErrorKind, Project, RemoteError};
use secrecy::SecretString;
use serde_json::{Value as Json, json};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{sleep, timeout};

use crate::server::{Canned, KEY, Server};

/// Longer than anything here takes, by far.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Manners {
    /// The reason a join is refused for.
    refuse: Option<&'static str>,
    heartbeats: bool,
}

#[derive(Clone)]
enum Say {
    Frame(Json),
    Text(String),
    Binary,
    HangUp,
}

#[derive(Clone)]
struct Shared {
    manners: Arc<Mutex<Manners>>,
    heard: mpsc::UnboundedSender<Json>,
    say: broadcast::Sender<Say>,
}

struct Hub {
    address: SocketAddr,
    shared: Shared,
    heard: mpsc::UnboundedReceiver<Json>,
}

async fn upgrade(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    shared.heard.send(json!({"event": "connected", "query": query})).expect("a listener");
    upgrade.on_upgrade(move |socket| serve(socket, shared))
}

async fn serve(mut socket: WebSocket, shared: Shared) {
    let mut say = shared.say.subscribe();
    loop {
        let out = tokio::select! {
            heard = socket.recv() => {
                let Some(Ok(Message::Text(text))) = heard else { return };
                let frame: Json = serde_json::from_str(&text).expect("JSON");
                let answer = answer(&frame, &shared.manners.lock().expect("no poison"));
                if shared.heard.send(frame).is_err() {
                    return;
                }
                let Some(answer) = answer else { continue };
                Message::text(answer.to_string())
            }
            said = say.recv() => match said {
                Ok(Say::Frame(frame)) => Message::text(frame.to_string()),
                Ok(Say::Text(text)) => Message::text(text),
                Ok(Say::Binary) => Message::binary(vec![4, 1, 1, 1, 1]),
                Ok(Say::HangUp) | Err(_) => return,
            },
        };
        if socket.send(out).await.is_err() {
            return;
        }
    }
}

fn answer(frame: &Json, manners: &Manners) -> Option<Json> {
    let payload = match (frame["event"].as_str()?, manners.refuse) {
        ("phx_join", Some(reason)) => json!({"status": "error", "response": {"reason": reason}}),
        ("phx_join", None) => json!({"status": "ok", "response": {"postgres_changes": []}}),
        ("heartbeat", _) if manners.heartbeats => json!({"status": "ok", "response": {}}),
        _ => return None,
    };
    Some(json!({"topic": frame["topic"], "event": "phx_reply", "payload": payload, "ref": frame["ref"],
                "join_ref": null}))
}

impl Hub {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self::start_on(listener, Manners { refuse: None, heartbeats: true })
    }

    fn start_on(listener: tokio::net::TcpListener, manners: Manners) -> Self {
        let address = listener.local_addr().expect("an address");
        let (heard_in, heard) = mpsc::unbounded_channel();
        let (say, _) = broadcast::channel(16);
        let shared = Shared { manners: Arc::new(Mutex::new(manners)), heard: heard_in, say };
        let app = Router::new().route("/realtime/v1/websocket", any(upgrade)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared, heard }
    }

    fn manners(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.shared.manners.lock().expect("no poison"));
    }

    fn say(&self, say: Say) {
        assert!(self.shared.say.send(say).is_ok(), "somebody is connected");
    }

    fn frame(&self, topic: &str, event: &str, join_ref: &Json, payload: &Json) {
        let frame = json!({"topic": topic, "event": event, "payload": payload, "ref": null,
                           "join_ref": join_ref});
        self.say(Say::Frame(frame));
    }

    /// The next frame of that event; others are passed over.
    async fn hear(&mut self, event: &str) -> Json {
        loop {
            let frame = timeout(PATIENCE, self.heard.recv()).await.expect("in time").expect("a frame");
            if frame["event"] == event {
                return frame;
            }
        }
    }
}

/// A running socket.
struct Run {
    commands: mpsc::Sender<Command>,
    events: mpsc::UnboundedReceiver<SocketEvent>,
    task: tokio::task::JoinHandle<()>,
}

fn config(address: SocketAddr) -> Config {
    let project = Project::new(&format!("http://{address}"), KEY).expect("a project");
    let backoff = [5, 10, 20, 40].map(Duration::from_millis);
    Config { backoff, ..Config::new(project, "1.2.3") }
}

fn run(config: Config, topics: &[&str]) -> Run {
    let (commands, inbox) = mpsc::channel(8);
    let (outbox, events) = mpsc::unbounded_channel();
    let topics = topics.iter().map(|name| (*name).to_owned()).collect();
    let tell = move |event| outbox.send(event).expect("a listener");
    let task = tokio::spawn(Socket::run(config, topics, SecretString::from("first"), inbox, tell));
    Run { commands, events, task }
}

impl Run {
    async fn event(&mut self) -> SocketEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("in time").expect("an event")
    }

    async fn why(&mut self) -> RemoteError {
        let event = self.event().await;
        let SocketEvent::Down { why } = event else { unreachable!("not down: {event:?}") };
        why
    }

    async fn down(&mut self) -> Cause {
        self.why().await.cause
    }

    async fn tell(&self, command: Command) {
        self.commands.send(command).await.expect("a socket");
    }
}

#[tokio::test]
async fn it_joins_hears_nudges_and_stops() {
    let mut hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all", &topic("r:1")]);
    assert_eq!(hub.hear("connected").await["query"], format!("apikey={KEY}&vsn=1.0.0"));
    let joins = [hub.hear("phx_join").await, hub.hear("phx_join").await];
    assert_eq!([&joins[0]["topic"], &joins[1]["topic"]], ["realtime:sync:all", "realtime:sync:r:1"]);
    for join in &joins {
        assert_eq!(join["payload"]["config"]["private"], true);
        assert_eq!(join["payload"]["access_token"], "first");
        assert_eq!(join["ref"], join["join_ref"]);
    }
    assert_eq!(run.event().await, SocketEvent::Up);
    // What nobody knows is passed over.
    hub.say(Say::Text("not JSON".to_owned()));
    hub.say(Say::Text("[1,2,3]".to_owned()));
    hub.say(Say::Binary);
    hub.frame("realtime:sync:all", "event_of_tomorrow", &Json::Null, &json!({"a": 1}));
    hub.frame("realtime:sync:strange", "broadcast", &Json::Null, &json!({}));
    hub.frame("realtime:sync:all", "broadcast", &Json::Null, &json!({"event": "nudge", "payload": {}}));
    assert_eq!(run.event().await, SocketEvent::Nudge);
    run.tell(Command::Stop).await;
    timeout(PATIENCE, run.task).await.expect("in time").expect("it stops");
    assert_eq!(run.events.recv().await, None, "exactly one nudge");
}

#[tokio::test]
async fn nobody_left_to_command_it_stops_it() {
    let hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    drop(run.commands);
    timeout(PATIENCE, run.task).await.expect("in time").expect("it stops");
}

#[tokio::test]
async fn heartbeats_keep_it_up() {
    let mut hub = Hub::start().await;
    // An answer that comes later than the next one is due is none: time enough for a busy machine.
    let heartbeat = Duration::from_millis(500);
    let mut run = run(Config { heartbeat, ..config(hub.address) }, &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    let mut last = String::new();
    for _ in 0..4 {
        let beat = hub.hear("heartbeat").await;
        assert_eq!((&beat["topic"], &beat["payload"]), (&json!("phoenix"), &json!({})));
        let reference = beat["ref"].as_str().expect("a reference").to_owned();
        assert_ne!(reference, last);
        last = reference;
    }
    assert!(run.events.try_recv().is_err(), "still up");
}

#[tokio::test]
async fn an_unanswered_heartbeat_ends_the_line_and_a_new_one_is_made() {
    let mut hub = Hub::start().await;
    hub.manners(|manners| manners.heartbeats = false);
    let heartbeat = Duration::from_millis(30);
    let mut run = run(Config { heartbeat, ..config(hub.address) }, &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    assert_eq!(run.down().await, Cause::Timeout);
    hub.manners(|manners| manners.heartbeats = true);
    assert_eq!(run.event().await, SocketEvent::Rejoined);
    hub.hear("connected").await;
    hub.hear("connected").await;
}

#[tokio::test]
async fn a_channel_that_is_closed_is_joined_again() {
    let mut hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    let join = hub.hear("phx_join").await;
    hub.frame("realtime:sync:all", "phx_close", &json!("77"), &json!({}));
    let words =
        json!({"extension": "system", "status": "error", "message": "Token has expired 3 seconds ago"});
    hub.frame("realtime:sync:all", "system", &join["ref"], &words);
    hub.frame("realtime:sync:all", "phx_close", &join["ref"], &json!({}));
    assert_eq!(run.down().await, Cause::TokenExpired);
    assert_eq!(run.event().await, SocketEvent::Rejoined);
    let again = hub.hear("phx_join").await;
    assert_ne!(again["ref"], join["ref"]);
}

#[tokio::test]
async fn a_refused_join_is_told_once_and_tried_again() {
    let mut hub = Hub::start().await;
    hub.manners(|manners| manners.refuse = Some("InvalidJWTToken: Token has expired 9 seconds ago"));
    let mut run = run(config(hub.address), &["sync:all"]);
    let why = run.why().await;
    assert_eq!((why.kind, why.cause), (ErrorKind::SignInAgain, Cause::TokenExpired));
    for _ in 0..3 {
        hub.hear("phx_join").await;
    }
    assert!(run.events.try_recv().is_err(), "told once");
    run.tell(Command::Token(SecretString::from("second"))).await;
    hub.manners(|manners| manners.refuse = None);
    assert_eq!(run.event().await, SocketEvent::Up);
    loop {
        if hub.hear("phx_join").await["payload"]["access_token"] == "second" {
            break;
        }
    }
}

#[tokio::test]
async fn a_renewed_pass_goes_to_every_channel() {
    let mut hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all", "sync:r:1"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    let joins = [hub.hear("phx_join").await, hub.hear("phx_join").await];
    run.tell(Command::Token(SecretString::from("second"))).await;
    for join in &joins {
        let push = hub.hear("access_token").await;
        assert_eq!(push["payload"], json!({"access_token": "second"}));
        assert_eq!((&push["topic"], &push["join_ref"]), (&join["topic"], &join["ref"]));
    }
    run.tell(Command::Topics(vec!["sync:r:1".to_owned(), "sync:r:2".to_owned()])).await;
    assert_eq!(hub.hear("phx_leave").await["topic"], "realtime:sync:all");
    let join = hub.hear("phx_join").await;
    assert_eq!(
        (&join["topic"], &join["payload"]["access_token"]),
        (&json!("realtime:sync:r:2"), &json!("second"))
    );
    assert_eq!(run.event().await, SocketEvent::Rejoined);
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_joined_again() {
    let hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    hub.say(Say::HangUp);
    assert_eq!(run.down().await, Cause::Interrupted);
    assert_eq!(run.event().await, SocketEvent::Rejoined);
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut run = run(config(address), &["sync:all"]);
    assert_eq!(run.down().await, Cause::ConnectionRefused);
    let listener = tokio::net::TcpListener::bind(address).await.expect("the same port");
    let _hub = Hub::start_on(listener, Manners { refuse: None, heartbeats: true });
    assert_eq!(run.event().await, SocketEvent::Up);
}

#[tokio::test]
async fn a_frame_beyond_the_bound_ends_the_line() {
    let hub = Hub::start().await;
    let mut run = run(config(hub.address), &["sync:all"]);
    assert_eq!(run.event().await, SocketEvent::Up);
    hub.say(Say::Text("x".repeat(70_000)));
    assert_eq!(run.down().await, Cause::ReplyTooLarge);
    assert_eq!(run.event().await, SocketEvent::Rejoined);
}

#[tokio::test]
async fn a_refused_handshake_is_read() {
    let refusal = json!({"message": "Invalid API key", "hint": "Double check your key."});
    let server = Server::start(Canned::json(401, &refusal)).await;
    let mut run = run(config(server.address), &["sync:all"]);
    let why = run.why().await;
    assert_eq!((why.kind, why.cause, why.status), (ErrorKind::Configuration, Cause::KeyInvalid, Some(401)));
    server.set(Canned::json(429, &json!({"error": "Too many connected users"})));
    assert_eq!(run.down().await, Cause::RateLimited);
    server.set(Canned::raw(200, &[("content-type", "text/html")], b"<html>portal</html>".to_vec()));
    assert_eq!(run.down().await, Cause::NotJson);
    assert!(server.seen().iter().all(|seen| seen.header("user-agent") == Some("flyos/1.2.3")));
}

#[tokio::test]
async fn where_no_socket_gets_through_it_is_tried_seldom() {
    let server = Server::start(Canned::raw(403, &[], b"no sockets here".to_vec())).await;
    let mut run = run(config(server.address), &["sync:all"]);
    run.down().await;
    let tries = async || {
        let before = server.seen().len();
        sleep(Duration::from_millis(400)).await;
        (before, server.seen().len())
    };
    while server.seen().len() < 6 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(tries().await, (6, 6), "five tries and one more");
}

#[tokio::test]
async fn tls_and_names_are_told_apart() {
    let hub = Hub::start().await;
    let secure = |url: &str| Project::new(url, KEY).expect("a project");
    let plain = Config { project: secure(&format!("https://{}", hub.address)), ..config(hub.address) };
    assert_eq!(run(plain, &["sync:all"]).down().await, Cause::Tls);
    let nowhere = Config { project: secure("https://no-such-host.invalid"), ..config(hub.address) };
    assert_eq!(run(nowhere, &["sync:all"]).down().await, Cause::Dns);
}

#[tokio::test]
async fn without_topics_nothing_is_connected() {
    let mut hub = Hub::start().await;
    let mut run = run(config(hub.address), &[]);
    assert!(timeout(Duration::from_millis(50), hub.heard.recv()).await.is_err());
    run.tell(Command::Topics(vec!["sync:all".to_owned()])).await;
    assert_eq!(run.event().await, SocketEvent::Up);
}

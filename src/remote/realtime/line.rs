//! The connection of the socket: name, line, trust, handshake, each with its own trouble told apart.

use std::io;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::Config;
use super::frame::Frame;
use crate::remote::error::{Cause, Doing, RemoteError};
use crate::remote::rows::percent;
use crate::remote::sort::Answer;
use crate::remote::{client, tls, transport};

/// Bytes of a frame or message: a nudge is under 1 KiB, a refusal a few.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// An open connection.
pub(super) struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Line {
    pub async fn connect(config: &Config) -> Result<Self, RemoteError> {
        let host = config.project.host();
        let fail = |cause| RemoteError::new(Doing::Listening, cause, host);
        let request = request(config).ok_or_else(|| fail(Cause::Setup))?;
        let connector = if config.project.is_secure() {
            Connector::Rustls(tls::config().map_err(|_| fail(Cause::Setup))?)
        } else {
            Connector::Plain
        };
        let stream = reach(config).await.map_err(fail)?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        match client_async_tls_with_config(request, stream, Some(limits), Some(connector)).await {
            Ok((line, _)) => Ok(Self(line)),
            Err(error) => Err(sort(host, error)),
        }
    }

    /// The next frame; `None` where what came was none of ours.
    pub async fn hear(&mut self) -> Result<Option<Frame>, Cause> {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => Ok(Frame::parse(&text)),
            Some(Ok(Message::Close(_))) | None => Err(Cause::Interrupted),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(cause(&error)),
        }
    }

    pub async fn say(&mut self, frame: &Frame) -> Result<(), Cause> {
        self.0.send(Message::text(frame.text())).await.map_err(|error| cause(&error))
    }

    /// Says goodbye where somebody listens; nobody waits for an answer.
    pub async fn close(&mut self) {
        if let Err(error) = self.0.send(Message::Close(None)).await {
            tracing::trace!(%error, "closed without a goodbye");
        }
    }
}

fn request(config: &Config) -> Option<Request<()>> {
    let project = &config.project;
    let key = percent(project.key().expose());
    let url = format!("{}?apikey={key}&vsn=1.0.0", project.socket_url());
    let mut request = url.into_client_request().ok()?;
    let agent = HeaderValue::from_str(&client::agent(&config.version)).ok()?;
    request.headers_mut().insert("user-agent", agent.clone());
    request.headers_mut().insert("x-client-info", agent);
    Some(request)
}

/// A name is looked up apart, so that an unknown one is told from a dead line.
async fn reach(config: &Config) -> Result<TcpStream, Cause> {
    let url = Url::parse(config.project.url()).map_err(|_| Cause::Setup)?;
    let host = url.host_str().ok_or(Cause::Setup)?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or(Cause::Setup)?;
    let addresses = lookup_host((host, port)).await.map_err(|_| Cause::Dns)?;
    let mut last = Cause::Dns;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                return stream.set_nodelay(true).map(|()| stream).map_err(|error| line_cause(&error));
            }
            Err(error) => last = line_cause(&error),
        }
    }
    Err(last)
}

fn line_cause(error: &io::Error) -> Cause {
    transport::cause_of_io(error)
}

fn sort(host: &str, error: Error) -> RemoteError {
    let Error::Http(response) = error else {
        // A stranger that answers, but not as a socket.
        let strange = matches!(error, Error::Protocol(_) | Error::Utf8(_) | Error::HttpFormat(_));
        let cause = if strange { Cause::NotJson } else { cause(&error) };
        return RemoteError::new(Doing::Listening, cause, host);
    };
    let (parts, body) = response.into_parts();
    let (status, body) = (parts.status.as_u16(), body.unwrap_or_default());
    let answer = Answer {
        doing: Doing::Listening,
        host,
        token_sent: false,
        status,
        headers: &parts.headers,
        body: &body,
    };
    answer.sort()
}

fn cause(error: &Error) -> Cause {
    match error {
        Error::Io(error) => match line_cause(error) {
            Cause::Unreachable => Cause::Interrupted,
            cause => cause,
        },
        Error::Tls(_) => Cause::Tls,
        Error::Capacity(_) => Cause::ReplyTooLarge,
        // A line that ends without a goodbye is a fault of the protocol to the library.
        _ => Cause::Interrupted,
    }
}

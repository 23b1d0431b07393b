//! Sorts what kept us from reaching a server: no name, no line, no trust, no patience.
//!
//! The libraries wrap these several deep, so the chain of causes is walked for the first link that tells.

use std::error::Error as StdError;
use std::io;

use super::error::{Cause, Doing, RemoteError};

/// The error that a failed request is. What the library says goes to the log: it helps nobody on a screen.
pub(super) fn sort(doing: Doing, host: &str, error: &reqwest::Error) -> RemoteError {
    let cause = cause_of_request(error);
    tracing::debug!(%doing, host, ?cause, kind = %chain_text(error), "request failed");
    RemoteError::new(doing, cause, host)
}

fn cause_of_request(error: &reqwest::Error) -> Cause {
    if error.is_timeout() {
        return Cause::Timeout;
    }
    if error.is_builder() {
        return Cause::Setup;
    }
    match links(error).find_map(cause_of_link) {
        // A connection that ends while it is being made secure was never one.
        Some(Cause::Interrupted) if error.is_connect() => Cause::Tls,
        Some(cause) => cause,
        None if error.is_connect() => Cause::Unreachable,
        None => Cause::Interrupted,
    }
}

/// What an error of the socket's own line is.
pub(super) fn cause_of_io(error: &io::Error) -> Cause {
    cause_of(error).unwrap_or(Cause::Unreachable)
}

/// What any error of a line is, where the chain of its causes tells.
pub(super) fn cause_of(error: &(dyn StdError + 'static)) -> Option<Cause> {
    links(error).find_map(cause_of_link)
}

fn links<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link| (*link).source())
}

fn cause_of_link(link: &(dyn StdError + 'static)) -> Option<Cause> {
    if link.is::<rustls::Error>() {
        return Some(Cause::Tls);
    }
    // The connector's own type is private; its words are all there is.
    if link.to_string() == "dns error" {
        return Some(Cause::Dns);
    }
    let error = link.downcast_ref::<io::Error>()?;
    // What is wrapped in an I/O error is not its source: its source's is.
    if let Some(cause) = error.get_ref().and_then(|inner| links(inner).find_map(cause_of_link)) {
        return Some(cause);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Cause::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(Cause::Timeout),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => Some(Cause::Unreachable),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe => Some(Cause::Interrupted),
        _ => None,
    }
}

/// The chain in words, without the first link: that one may hold the address.
fn chain_text(error: &reqwest::Error) -> String {
    let words: Vec<String> = links(error).skip(1).map(ToString::to_string).collect();
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_told_by_its_kind() {
        for (kind, cause) in [
            (io::ErrorKind::ConnectionRefused, Cause::ConnectionRefused),
            (io::ErrorKind::TimedOut, Cause::Timeout),
            (io::ErrorKind::NetworkUnreachable, Cause::Unreachable),
            (io::ErrorKind::ConnectionReset, Cause::Interrupted),
            (io::ErrorKind::Other, Cause::Unreachable),
        ] {
            assert_eq!(cause_of_io(&io::Error::from(kind)), cause, "{kind:?}");
        }
        let inner = rustls::Error::General("x".to_owned());
        assert_eq!(cause_of_io(&io::Error::new(io::ErrorKind::InvalidData, inner)), Cause::Tls);
    }
}

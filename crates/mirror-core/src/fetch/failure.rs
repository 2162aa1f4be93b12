//! From what the HTTP library tells to an [`Error`] that names whose fault it is.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::agents::{Agent, Setup};
use super::{Options, tls};
use crate::error::{Cause, Error, Kind, redact};

/// A request that was sent.
pub(super) struct Asked<'a> {
    pub(super) url: &'a Url,
    pub(super) setup: &'a Setup,
    pub(super) agent: &'a Agent,
    pub(super) options: &'a Options,
    /// When.
    pub(super) at: Instant,
}

impl Asked<'_> {
    /// It got no answer.
    pub(super) fn failed(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        let url = redact(self.url);
        let tls = find::<rustls::Error>(&error);
        // What TLS refuses now it refuses the next time too; so it is with what cannot be asked for.
        let refusal = tls.and_then(|tls| tls::refusal(tls, self.setup.shows_certificate()));
        if let Some((kind, mut reason)) = refusal {
            if let Some(proxy) = &self.setup.proxy {
                // One that looks into TLS, or answers itself, stands in the upstream's place.
                reason = format!("{reason} (through the proxy {})", redact(proxy));
            }
            return Error::Protocol { url, kind, reason };
        }
        let kind = connection(&error);
        if error.is_builder() {
            return Error::Protocol { url, kind, reason: innermost(&error) };
        }
        let limit = self.options.connect_timeout;
        if error.is_connect() && error.is_timeout() && self.is_in_handshake() {
            return self.silent(limit);
        }
        let reason = if error.is_timeout() {
            format!("no connection within {} s", limit.as_secs_f64())
        } else {
            innermost(&error)
        };
        match self.setup.proxy.as_ref() {
            // Beyond the proxy there is TLS or an answer.
            Some(proxy) if error.is_connect() && tls.is_none() => {
                let (kind, reason) = self.of_proxy(reason);
                Error::Proxy { url, proxy: redact(proxy), kind, source: reason.into() }
            }
            _ => Error::Transport { url, kind, source: reason.into() },
        }
    }

    /// Nothing came within `limit`.
    pub(super) fn unanswered(&self, limit: Duration) -> Error {
        if self.is_in_handshake() {
            return self.silent(limit);
        }
        let reason = format!("no answer within {} s", limit.as_secs_f64());
        Error::Stalled { url: redact(self.url), reason }
    }

    fn is_in_handshake(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default();
        self.url.scheme() == "https" && self.agent.handshakes.is_open(host, self.at)
    }

    fn silent(&self, limit: Duration) -> Error {
        let through =
            self.setup.proxy.as_ref().map(|proxy| format!(", through the proxy {}", redact(proxy)));
        let source: Cause = format!(
            "connected, but no answer to the TLS handshake within {} s{}",
            limit.as_secs_f64(),
            through.unwrap_or_default()
        )
        .into();
        Error::Transport { url: redact(self.url), kind: Kind::SilentHandshake, source }
    }

    /// What the proxy did, where it opened no tunnel; the library tells no status.
    fn of_proxy(&self, reason: String) -> (Kind, String) {
        let (host, port) = (self.url.host_str(), self.url.port_or_known_default());
        let to = format!("{}:{}", host.unwrap_or_default(), port.unwrap_or_default());
        match reason.strip_prefix("tunnel error: ") {
            Some("proxy authorization required") => {
                (Kind::ProxyLogin, "it wants a login".to_owned())
            }
            Some("unsuccessful") => (Kind::Proxy, format!("it refuses to connect to {to}")),
            Some("unexpected end of file") => {
                (Kind::Proxy, format!("it hung up when asked to connect to {to}"))
            }
            _ => (Kind::Proxy, reason),
        }
    }
}

/// Whether the connection ended before an answer began.
pub(super) fn is_hang_up(error: &reqwest::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = find::<std::io::Error>(error).map(std::io::Error::kind);
    let broke = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
    !error.is_connect()
        && (kind.is_some_and(|kind| broke.contains(&kind))
            || innermost(error) == "connection closed before message completed")
}

/// A body that broke.
pub(super) fn of_body(shown: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (kind, source) = (connection(&error), innermost(&error).into());
    Error::Transport { url: shown.to_owned(), kind, source }
}

fn connection(error: &(dyn StdError + 'static)) -> Kind {
    if find::<super::resolver::UnknownHost>(error).is_some() {
        return Kind::UnknownHost;
    }
    match find::<std::io::Error>(error).map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => Kind::Refused,
        _ => Kind::Other,
    }
}

/// The innermost error of a type that lies somewhere below `error`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    // An io::Error names the source of what it wraps as its own, and passes over that itself.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let below = match wrapped {
        Some(wrapped) => find(wrapped),
        None => error.source().and_then(find),
    };
    below.or_else(|| error.downcast_ref())
}

/// The cause that says something: the library's own layers only repeat where in it they are.
fn innermost(error: &reqwest::Error) -> String {
    if let Some(unknown) = find::<super::resolver::UnknownHost>(error) {
        return unknown.to_string();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    match text.as_str() {
        "tls handshake eof" => "the connection ended within the TLS handshake".to_owned(),
        _ => text,
    }
}

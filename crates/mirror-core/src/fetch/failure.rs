//! From what the HTTP library tells to an [`Error`] that names whose fault it is.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::time::Duration;

use rustls::{CertificateError, InvalidMessage};
use url::Url;

use crate::error::{Cause, Error, Kind, redact};

/// The error of a request to `url` that got no answer, through `proxy` where there is one. A
/// connection had `limit` to be made.
pub(super) fn of(url: &Url, proxy: Option<&Url>, limit: Duration, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let tls = find::<rustls::Error>(&error);
    let kind = tls.map_or_else(|| connection(&error), of_tls);
    // What TLS refuses now it refuses the next time too; so it is with what cannot be asked for.
    let is_final = matches!(kind, Kind::UnknownAuthority | Kind::Certificate | Kind::NotTls);
    let url = redact(url);
    if is_final || error.is_builder() {
        let reason = match kind {
            Kind::NotTls => "the answer is no TLS, expected an https port".to_owned(),
            _ => innermost(&error),
        };
        return Error::Protocol { url, kind, reason };
    }
    let source: Cause = if error.is_timeout() {
        format!("no connection within {} s", limit.as_secs_f64()).into()
    } else {
        innermost(&error).into()
    };
    match proxy {
        // Beyond the proxy there is TLS or an answer.
        Some(proxy) if error.is_connect() && tls.is_none() => {
            let kind = if innermost(&error).contains("authorization required") {
                Kind::ProxyLogin
            } else {
                Kind::Proxy
            };
            Error::Proxy { url, proxy: redact(proxy), kind, source }
        }
        _ => Error::Transport { url, kind, source },
    }
}

/// A body that broke.
pub(super) fn of_body(shown: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    let (kind, source) = (connection(&error), innermost(&error).into());
    Error::Transport { url: shown.to_owned(), kind, source }
}

fn of_tls(error: &rustls::Error) -> Kind {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Kind::UnknownAuthority
        }
        rustls::Error::InvalidCertificate(_) => Kind::Certificate,
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Kind::NotTls,
        _ => Kind::Other,
    }
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
    text
}

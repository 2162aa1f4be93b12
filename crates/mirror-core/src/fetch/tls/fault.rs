//! What TLS refuses, in words.

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use crate::error::Kind;

/// Names of a certificate that are shown: some have hundreds.
const NAMES: usize = 5;

/// The longest name that is shown, in characters.
const NAME_LEN: usize = 80;

/// The kind and the words of a refusal, which will be the same the next time. `None` for what may
/// pass. `shown` says whether the client showed a certificate.
pub(in crate::fetch) fn refusal(error: &rustls::Error, shown: bool) -> Option<(Kind, String)> {
    let refusal = match error {
        rustls::Error::InvalidCertificate(fault) => {
            let is_unknown = matches!(fault, CertificateError::UnknownIssuer);
            let kind = if is_unknown { Kind::UnknownAuthority } else { Kind::Certificate };
            (kind, of_certificate(fault))
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            (Kind::NotTls, "the answer is no TLS, expected an https port".to_owned())
        }
        rustls::Error::AlertReceived(alert) => of_alert(*alert, shown)?,
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            (Kind::Handshake, "the server speaks neither TLS 1.2 nor 1.3".to_owned())
        }
        rustls::Error::PeerIncompatible(reason) => (
            Kind::Handshake,
            format!("the server speaks TLS in a way that is not known: {reason:?}"),
        ),
        _ => return None,
    };
    Some(refusal)
}

/// What the server says of a handshake that it ends (RFC 8446, section 6.2).
fn of_alert(alert: AlertDescription, shown: bool) -> Option<(Kind, String)> {
    use AlertDescription as Alert;
    let of_client = match alert {
        Alert::CertificateRequired | Alert::NoCertificate => "there is none",
        Alert::CertificateExpired => "it has expired",
        Alert::CertificateRevoked => "it is revoked",
        Alert::UnknownCA => "its authority is not known there",
        Alert::UnsupportedCertificate => "its kind is not supported",
        Alert::AccessDenied => "access denied",
        Alert::BadCertificate | Alert::CertificateUnknown => "it does not count there",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            let reason = "the server ends the handshake: it wants a client certificate, or no cipher \
                          is common to both";
            return Some((Kind::Handshake, reason.to_owned()));
        }
        Alert::ProtocolVersion => {
            let reason = "the server speaks neither TLS 1.2 nor 1.3";
            return Some((Kind::Handshake, reason.to_owned()));
        }
        Alert::UnrecognisedName => {
            let reason = "the server says that it does not have this name";
            return Some((Kind::Handshake, reason.to_owned()));
        }
        _ => return None,
    };
    let reason = if shown && alert != Alert::CertificateRequired {
        format!("the server refuses the client certificate: {of_client}")
    } else {
        "the server wants a client certificate".to_owned()
    };
    Some((Kind::ClientCertificate, reason))
}

fn of_certificate(fault: &CertificateError) -> String {
    let what = match fault {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("expired at {}; here it is {}", at(*not_after), at(*time))
        }
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("is not valid before {}; here it is {}", at(*not_before), at(*time))
        }
        CertificateError::NotValidYet => "is not valid yet".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("is for {}, not for {}", names(presented), printable(&expected.to_str()))
        }
        CertificateError::NotValidForName => "is for another name".to_owned(),
        CertificateError::UnknownIssuer => {
            "comes from an authority that is not trusted here".to_owned()
        }
        CertificateError::BadSignature => "is not signed by the authority that it names".to_owned(),
        CertificateError::BadEncoding => "cannot be read".to_owned(),
        CertificateError::Revoked => "is revoked".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not one for servers".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => {
            "sets a condition that is not known here (a critical extension)".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that is not supported, such as by SHA-1".to_owned()
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "is that of an authority itself".to_owned()
        }
        other => format!("does not count: {other}"),
    };
    format!("the server's certificate {what}")
}

fn at(time: UnixTime) -> String {
    let time =
        i64::try_from(time.as_secs()).ok().and_then(|time| Timestamp::from_second(time).ok());
    time.map_or_else(|| "a time far away".to_owned(), |time| time.to_string())
}

/// The names that a certificate is for. The library gives them as `DnsName("h.example")`,
/// `IpAddress(10.0.0.1)` and the like.
fn names(presented: &[String]) -> String {
    let plain = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        printable(inner.unwrap_or(name).trim_matches('"'))
    };
    let mut names: Vec<_> = presented.iter().take(NAMES).map(plain).collect();
    if names.is_empty() {
        return "no name at all (a common name is none)".to_owned();
    }
    if presented.len() > NAMES {
        names.push(format!("{} more", presented.len() - NAMES));
    }
    names.join(", ")
}

/// Text of upstream's, on one line and not for ever.
fn printable(text: &str) -> String {
    text.chars().take(NAME_LEN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_in_words_what_is_wrong_with_a_certificate() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let name = || "h.example".try_into().unwrap();
        let presented = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let many: Vec<_> = (0..7).map(|n| format!("DnsName(\"{n}.example\")")).collect();
        for (fault, words) in [
            (
                CertificateError::ExpiredContext { time: time(86_400), not_after: time(3_600) },
                "expired at 1970-01-01T01:00:00Z; here it is 1970-01-02T00:00:00Z",
            ),
            (
                CertificateError::NotValidYetContext { time: time(0), not_before: time(3_600) },
                "is not valid before 1970-01-01T01:00:00Z; here it is 1970-01-01T00:00:00Z",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name(),
                    presented: presented(&["DnsName(\"*.example\")", "IpAddress(10.0.0.1)"]),
                },
                "is for *.example, 10.0.0.1, not for h.example",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name(),
                    presented: presented(&["DnsName(\"a\n\u{1b}[31mb\")"]),
                },
                "is for a\\n\\u{1b}[31mb, not for h.example",
            ),
            (
                CertificateError::NotValidForNameContext { expected: name(), presented: many },
                "is for 0.example, 1.example, 2.example, 3.example, 4.example, 2 more, not for \
                 h.example",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: name(),
                    presented: Vec::new(),
                },
                "is for no name at all (a common name is none), not for h.example",
            ),
            (CertificateError::UnknownIssuer, "comes from an authority that is not trusted here"),
        ] {
            let (kind, reason) = refusal(&rustls::Error::InvalidCertificate(fault), false).unwrap();
            assert_eq!(reason, format!("the server's certificate {words}"));
            assert_eq!(kind == Kind::UnknownAuthority, words.contains("trusted"));
        }
    }

    #[test]
    fn tells_what_will_not_pass_from_what_may() {
        use AlertDescription as Alert;
        let of = |alert, shown| refusal(&rustls::Error::AlertReceived(alert), shown);
        for alert in [Alert::CertificateRequired, Alert::BadCertificate, Alert::UnknownCA] {
            let (kind, reason) = of(alert, false).unwrap();
            assert_eq!(reason, "the server wants a client certificate");
            assert_eq!(kind, Kind::ClientCertificate);
        }
        let (_, reason) = of(Alert::CertificateExpired, true).unwrap();
        assert_eq!(reason, "the server refuses the client certificate: it has expired");
        assert_eq!(of(Alert::InternalError, true), None);
        assert_eq!(refusal(&rustls::Error::DecryptError, true), None);
    }
}

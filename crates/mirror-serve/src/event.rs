//! What a server reports: one [`Access`] for each response, and the faults that have none.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::time::Utc;

/// Called with what happened; see [`crate::ServerConfig::on_event`].
pub(crate) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Something that an operator may want to read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A request was answered, or its response broke off. Requests that are not HTTP, or whose head
    /// is too large or too slow, are refused before they become one.
    Answered(Access),
    /// No connection could be taken; the server tries again after a pause.
    AcceptFailed(io::Error),
}

/// One request and what came of it. Its `Display` is a line of the combined log format, with
/// everything that a client chose escaped.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Access {
    /// The client's address.
    pub peer: SocketAddr,
    /// The method, as sent.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// The protocol, as in `HTTP/1.1`.
    pub version: &'static str,
    /// The `User-Agent` header, if it was sent.
    pub user_agent: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// The bytes of the body that were handed to the connection.
    pub body_bytes: u64,
    /// Whether that was all of the body.
    pub end: BodyEnd,
    /// Why the server failed, where it was the server: a status of 500 and above, or a file that
    /// could not be read to its end.
    pub fault: Option<String>,
    /// When the request's head had been read.
    pub begun: SystemTime,
    /// From then until the last byte was handed to the connection.
    pub took: Duration,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// All of it was handed to the connection.
    Whole,
    /// The client left or stalled, the file ended early, or the server stopped.
    Cut,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let t = Utc::from(self.begun);
        write!(
            f,
            "{} - - [{:02}/{}/{:04}:{:02}:{:02}:{:02} +0000] \"{} {} {}\" {} {} \"-\" \"{}\"",
            self.peer.ip(),
            t.day,
            MONTHS[usize::from(t.month.saturating_sub(1)) % 12],
            t.year,
            t.hour,
            t.minute,
            t.second,
            Escaped(&self.method),
            Escaped(&self.target),
            self.version,
            self.status,
            self.body_bytes,
            Escaped(self.user_agent.as_deref().unwrap_or("-")),
        )
    }
}

/// Text of a client's choosing, made safe for a log line and for the terminal that shows it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// Reports an [`Access`] when it is dropped, so that whichever way a response ends is reported.
pub(crate) struct Report {
    access: Option<Access>,
    started: Instant,
    observer: Observer,
}

impl Report {
    pub(crate) fn new(access: Access, started: Instant, observer: Observer) -> Self {
        Self { access: Some(access), started, observer }
    }

    /// Counts bytes of the body as handed over.
    pub(crate) fn sent(&mut self, bytes: u64, end: BodyEnd) {
        if let Some(access) = &mut self.access {
            access.body_bytes += bytes;
            access.end = end;
        }
    }

    /// Notes why the body cannot go on.
    pub(crate) fn fault(&mut self, fault: String) {
        if let Some(access) = &mut self.access {
            access.fault = Some(fault);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(mut access) = self.access.take() {
            access.took = self.started.elapsed();
            (self.observer)(&Event::Answered(access));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_cannot_be_forged() {
        let access = Access {
            peer: "192.0.2.7:4711".parse().unwrap(),
            method: "GET".into(),
            target: "/a\"b".into(),
            version: "HTTP/1.1",
            user_agent: Some("evil\u{1b}[2J\"\n127.0.0.1 é\\".into()),
            status: 404,
            body_bytes: 14,
            end: BodyEnd::Whole,
            fault: None,
            begun: SystemTime::UNIX_EPOCH + Duration::from_secs(971_211_336),
            took: Duration::ZERO,
        };
        assert_eq!(
            access.to_string(),
            r#"192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] "GET /a\"b HTTP/1.1" 404 14 "-" "evil\x1b[2J\"\x0a127.0.0.1 \xc3\xa9\\""#
        );
    }
}

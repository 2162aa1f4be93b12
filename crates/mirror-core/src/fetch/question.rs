//! Small answers that are kept in memory: pages, and pieces of larger files.
//!
//! A page is asked for with what is known of it, so that one that did not change costs a header. A
//! piece of an archive is asked for by its range; a server that takes no notice of ranges is told
//! apart at once, and nothing of the file is read for it.

use std::io::Read as _;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::headers::content_range;
use super::hosts::{Lease, Standing, Wish};
use super::send::{Answer, Failed};
use super::{Client, Watch, failure};
use crate::error::{Error, Kind, Result, redact};

/// What to ask a server.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Where.
    pub url: &'a Url,
    /// The media types that are understood (RFC 9110, section 12.5.1).
    pub accept: Option<&'a str>,
    /// What an earlier answer said of itself: the content is sent only where it is another now.
    pub known: Option<&'a Validators>,
    /// The bytes that are wanted; `None` for all.
    pub piece: Option<Piece>,
    /// The most bytes that are taken, decompressed.
    pub limit: u64,
}

/// Some bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// These, counted from its start.
    Of(Range<u64>),
    /// So many at its end.
    Last(u64),
}

/// What tells whether a page changed (RFC 9110, section 8.8); given back as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl Validators {
    /// Whether there is none: then nothing can be asked for on condition.
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where the answer came from in the end: relative links are relative to it.
    pub url: Url,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// What to ask with the next time.
    pub validators: Validators,
    /// The answer.
    pub content: Content,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing: it is what the validators are of.
    Unchanged,
    /// All of it.
    Whole(Vec<u8>),
    /// Some of it.
    Piece {
        /// Where in the file it begins.
        start: u64,
        /// The size of the file.
        total: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A piece was asked for and the whole file is what would come; nothing was read of it.
    NoPieces,
}

impl Client {
    /// Asks a server for something small. Failures that may pass are tried again, as for
    /// [`Client::download`].
    pub async fn ask(&self, question: &Question<'_>, watch: &dyn Watch) -> Result<Reply> {
        let hosts = self.hosts.of([question.url]);
        let attempts = self.options.attempts.max(1);
        let headers = headers(question);
        let (mut failures, mut failing_since) = (0, None);
        let wish = Wish { size: Some(0), is_pinned: false };
        loop {
            let standing = hosts.first().map(|host| self.hosts.standing(*host));
            if let Some(Standing::Lost(reason)) = standing {
                return Err(Error::GivenUp { url: redact(question.url), reason });
            }
            let Some((_, lease)) = self.hosts.lease(&hosts, wish).await else {
                let reason = "it was given up meanwhile".to_owned();
                return Err(Error::GivenUp { url: redact(question.url), reason });
            };
            let begun = Instant::now();
            let Failed { error, fault, .. } = match self.reply(question, &headers, &lease).await {
                Ok(reply) => {
                    lease.succeeded();
                    return Ok(reply);
                }
                Err(failed) => failed,
            };
            if !error.is_transient() {
                match error.kind() {
                    Kind::UnknownAuthority
                    | Kind::Certificate
                    | Kind::NotTls
                    | Kind::ClientCertificate
                    | Kind::Handshake
                    | Kind::ProxyLogin => lease.failed(fault, |failures| self.backoff(failures)),
                    _ => lease.refused(),
                }
                return Err(error);
            }
            lease.failed(fault, |failures| self.backoff(failures));
            drop(lease);
            failures += 1;
            let since = *failing_since.get_or_insert(begun);
            let is_once = matches!(standing, Some(Standing::Once));
            if failures >= attempts || is_once {
                self.hosts.give_up(&hosts, since, fault, &error.to_string());
                return Err(error);
            }
            let wait = self.backoff(failures);
            watch.retrying(&error, wait.max(fault.pause.unwrap_or_default()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn reply(
        &self,
        question: &Question<'_>,
        headers: &HeaderMap,
        lease: &Lease<'_>,
    ) -> Result<Reply, Failed> {
        let Answer { mut response, url, shown, proxy } =
            self.send(question.url, headers, lease).await?;
        let broken = |reason: &str| Error::Transport {
            url: shown.clone(),
            kind: Kind::Other,
            source: reason.to_owned().into(),
        };
        let found = response.headers();
        let text = |name: HeaderName| {
            let value = found.get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let content_type = text(header::CONTENT_TYPE);
        let validators =
            Validators { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) };
        let is_gzip = match text(header::CONTENT_ENCODING).as_deref() {
            None | Some("identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(_) => {
                let reason = "the answer is content-encoded in a way that was not asked for";
                return Err(broken(reason).into());
            }
        };
        let content = match (response.status(), &question.piece) {
            (StatusCode::NOT_MODIFIED, _) if question.known.is_some() => Content::Unchanged,
            (StatusCode::OK, None) => {
                let bytes = self.collect(&mut response, question.limit, &shown, lease).await?;
                Content::Whole(if is_gzip {
                    unpack(&bytes, question.limit, &shown)?
                } else {
                    bytes
                })
            }
            (StatusCode::OK, Some(_)) => Content::NoPieces,
            (StatusCode::PARTIAL_CONTENT, Some(piece)) if !is_gzip => {
                let Some((start, total)) =
                    content_range(found).and_then(|(start, total)| Some((start, total?)))
                else {
                    return Err(broken("the answer does not say which bytes it holds").into());
                };
                let (first, end) = match piece {
                    Piece::Of(range) => (range.start, range.end.min(total)),
                    Piece::Last(size) => (total.saturating_sub(*size), total),
                };
                if start != first {
                    let reason = "the server answered with another range than asked for";
                    return Err(broken(reason).into());
                }
                let limit = question.limit.min(end.saturating_sub(first));
                let bytes = self.collect(&mut response, limit, &shown, lease).await?;
                if bytes.len() as u64 != end.saturating_sub(first) {
                    let expected = end.saturating_sub(first);
                    let found = bytes.len() as u64;
                    return Err(Error::Truncated { url: shown, expected, found }.into());
                }
                Content::Piece { start, total, bytes }
            }
            (status, _) => return Err(self.refusal(status, found, shown, proxy.as_deref())),
        };
        Ok(Reply { url, content_type, validators, content })
    }

    /// The whole body, in the time that a file's may take.
    async fn collect(
        &self,
        response: &mut Response,
        limit: u64,
        shown: &str,
        lease: &Lease<'_>,
    ) -> Result<Vec<u8>, Failed> {
        let expected = response.content_length();
        let too_large = || Error::TooLarge { url: shown.to_owned(), limit };
        if expected.is_some_and(|expected| expected > limit) {
            return Err(too_large().into());
        }
        let window = self.options.speed_window;
        let lowest = self.options.lowest_speed.saturating_mul(window.as_secs()).max(1);
        let (begun, mut waited) = (Instant::now(), Duration::ZERO);
        let (mut window_end, mut window_bytes) = (begun + window, 0);
        let mut bytes = Vec::new();
        loop {
            let chunk = match timeout_at(window_end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    let (found, url) = (bytes.len() as u64, shown.to_owned());
                    let error = match expected.filter(|expected| *expected > found) {
                        Some(expected) => Error::Truncated { url, expected, found },
                        None => failure::of_body(shown, error),
                    };
                    return Err(Failed::after(error, begun.elapsed()));
                }
                Err(_) if window_bytes < lowest => {
                    return Err(Failed::after(self.too_slow(shown, window_bytes), window));
                }
                Err(_) => {
                    (window_end, window_bytes) = (Instant::now() + window, 0);
                    continue;
                }
            };
            let size = chunk.len() as u64;
            if bytes.len() as u64 + size > limit {
                return Err(too_large().into());
            }
            bytes.extend_from_slice(&chunk);
            window_bytes += size;
            self.received.fetch_add(size, Ordering::Relaxed);
            if let Some(limiter) = &self.limiter {
                // What we wait for ourselves is no slowness of the server's.
                let wait = limiter.take(size).await;
                waited += wait;
                window_end += wait;
            }
        }
        lease.measured(bytes.len() as u64, begun.elapsed().saturating_sub(waited));
        Ok(bytes)
    }
}

fn headers(question: &Question<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut add = |name: HeaderName, value: &str| {
        // What an earlier answer gave may not be fit for a request: then it is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if let Some(accept) = question.accept {
        add(header::ACCEPT, accept);
    }
    match &question.piece {
        // A piece of compressed bytes would be of no use.
        Some(Piece::Of(range)) => {
            let last = range.end.saturating_sub(1);
            add(header::RANGE, &format!("bytes={}-{last}", range.start));
        }
        Some(Piece::Last(size)) => add(header::RANGE, &format!("bytes=-{size}")),
        None => add(header::ACCEPT_ENCODING, "gzip"),
    }
    if let Some(known) = question.known {
        if let Some(etag) = &known.etag {
            add(header::IF_NONE_MATCH, etag);
        }
        if let Some(time) = &known.last_modified {
            add(header::IF_MODIFIED_SINCE, time);
        }
    }
    headers
}

fn unpack(bytes: &[u8], limit: u64, shown: &str) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut plain);
    match read {
        Ok(size) if size as u64 > limit => Err(Error::TooLarge { url: shown.to_owned(), limit }),
        Ok(_) => Ok(plain),
        Err(error) => {
            let source = format!("the answer's gzip encoding: {error}").into();
            Err(Error::Transport { url: shown.to_owned(), kind: Kind::Other, source })
        }
    }
}

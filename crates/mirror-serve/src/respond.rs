//! One request → one response.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use hyper::body::Incoming;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HOST, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RANGE, RETRY_AFTER,
    USER_AGENT, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::Semaphore;

use crate::body::{Body, Content, FileStream, Segment};
use crate::conditional::{Validators, Verdict};
use crate::event::Observer;
use crate::event::{Access, BodyEnd, Report};
use crate::listing::{Listing, Refused};
use crate::media_type;
use crate::negotiate::{Form, VARY_ACCEPT};
use crate::range::{Selection, select};
use crate::target::Target;
use crate::tree::{Found, Missing, Opened, Root};

/// What a client is asked to wait, in seconds, where the server is short of something.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// Caches may keep it, and must ask before each reuse.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) root: Root,
    pub(crate) observer: Option<Observer>,
    /// One permit for each connection.
    pub(crate) slots: Arc<Semaphore>,
    /// Fewer free slots than this, and connections are no longer kept alive.
    pub(crate) scarce: usize,
    /// One permit for each entry of a listing on its way.
    pub(crate) listings: Arc<Semaphore>,
}

/// A response before it is known whether its body is wanted.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    content: Content,
    length: u64,
    fault: Option<String>,
}

/// Answers `request` of `peer`.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let now = SystemTime::now();
    let started = Instant::now();
    // The body of a request is never read; hyper closes the connection where it is long.
    let (request, _) = request.into_parts();
    let mut reply = reply(&shared, &request, now).await;
    if reply.status != StatusCode::NOT_MODIFIED {
        reply.set(CONTENT_LENGTH, HeaderValue::from(reply.length));
    }
    if request.method == Method::HEAD || reply.status == StatusCode::NOT_MODIFIED {
        reply.content = Content::Nothing;
        reply.length = 0;
    }
    if shared.slots.available_permits() < shared.scarce {
        reply.set(CONNECTION, HeaderValue::from_static("close"));
    }
    let report = shared.observer.as_ref().map(|observer| {
        let access = Access {
            peer,
            method: request.method.to_string(),
            target: request.uri.to_string(),
            version: version(request.version),
            user_agent: request
                .headers
                .get(USER_AGENT)
                .map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned()),
            status: reply.status.as_u16(),
            body_bytes: 0,
            end: BodyEnd::Cut,
            fault: reply.fault.take(),
            begun: now,
            took: Duration::ZERO,
        };
        Report::new(access, started, Arc::clone(observer))
    });
    let mut response = Response::new(Body::new(reply.content, reply.length, report));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

async fn reply(shared: &Arc<Shared>, request: &Parts, now: SystemTime) -> Reply {
    if request.version == Version::HTTP_11 && request.headers.get_all(HOST).iter().count() != 1 {
        return Reply::status(StatusCode::BAD_REQUEST); // RFC 9112, section 3.2
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let mut reply = Reply::status(StatusCode::METHOD_NOT_ALLOWED);
        reply.set(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    let target = match Target::parse(request.uri.path()) {
        Ok(target) => Arc::new(target),
        Err(status) => return Reply::status(status),
    };
    let looking = tokio::task::spawn_blocking({
        let (shared, target) = (Arc::clone(shared), Arc::clone(&target));
        let wanted = Form::wanted(&request.headers);
        move || look(&shared, &target, wanted)
    });
    match looking.await {
        Ok(Ok(Seen::File(opened))) => Reply::file(request, opened, now),
        Ok(Ok(Seen::Unslashed)) => Reply::redirect(&target, request.uri.query()),
        Ok(Ok(Seen::Listing(listing))) => Reply::listing(listing),
        Ok(Err(missing)) => Reply::missing(missing),
        Err(error) => Reply::missing(Missing {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            fault: Some(format!("cannot look up {}: {error}", request.uri.path())),
        }),
    }
}

/// What a target is, and all that is needed of it.
enum Seen {
    File(Opened),
    Unslashed,
    Listing(Listing),
}

/// The part of a request that blocks.
fn look(shared: &Shared, target: &Target, wanted: Form) -> Result<Seen, Missing> {
    let folder = match shared.root.find(target, wanted)? {
        Found::File(opened) => return Ok(Seen::File(opened)),
        Found::Unslashed => return Ok(Seen::Unslashed),
        Found::Folder(folder) => folder,
    };
    Listing::read(&folder, target, &shared.listings).map(Seen::Listing).map_err(|refused| {
        match refused {
            Refused::Unreadable(errno) => Missing::new(errno, target),
            Refused::OverBudget => Missing {
                status: StatusCode::SERVICE_UNAVAILABLE,
                fault: Some("too many entries are being listed at once".to_owned()),
            },
        }
    })
}

impl Reply {
    fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            content: Content::Nothing,
            length: 0,
            fault: None,
        }
    }

    /// A response that says its status in words.
    fn status(status: StatusCode) -> Self {
        let text = format!("{status}\n");
        let mut reply = Self::new(status);
        reply.length = text.len() as u64;
        reply.content = Content::Text(text.into());
        reply.set(CONTENT_TYPE, HeaderValue::from_static(media_type::TEXT));
        reply
    }

    fn missing(missing: Missing) -> Self {
        let mut reply = Self::status(missing.status);
        if missing.status == StatusCode::SERVICE_UNAVAILABLE {
            reply.set(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        reply.fault = missing.fault;
        reply
    }

    fn redirect(target: &Target, query: Option<&str>) -> Self {
        let mut location = target.folder_url();
        if let Some(query) = query {
            location.push('?');
            location.push_str(query);
        }
        let Ok(location) = HeaderValue::try_from(location) else {
            return Self::status(StatusCode::BAD_REQUEST);
        };
        let mut reply = Self::status(StatusCode::MOVED_PERMANENTLY);
        reply.set(LOCATION, location);
        reply
    }

    fn listing(listing: Listing) -> Self {
        let page = listing.into_page();
        let mut reply = Self::new(StatusCode::OK);
        reply.set(CONTENT_TYPE, HeaderValue::from_static(media_type::HTML));
        reply.set(CACHE_CONTROL, REVALIDATE);
        reply.length = page.length();
        reply.content = Content::Page(Box::new(page));
        reply
    }

    fn file(request: &Parts, opened: Opened, now: SystemTime) -> Self {
        let validators = Validators::new(&opened.stamp, opened.form.map_or("", Form::tag), now);
        match validators.weigh(&request.headers) {
            Verdict::Failed => return Self::status(StatusCode::PRECONDITION_FAILED),
            Verdict::NotModified => {
                let mut reply = Self::new(StatusCode::NOT_MODIFIED);
                reply.describe(&opened, &validators);
                return reply;
            }
            Verdict::Proceed => {}
        }
        let size = opened.stamp.size;
        let kind = opened.form.map_or_else(|| media_type::of(&opened.name), Form::media_type);
        let mut reply;
        let segments = match selection(request, &validators, size, now) {
            Selection::Unsatisfiable => {
                reply = Self::status(StatusCode::RANGE_NOT_SATISFIABLE);
                reply.set_text(CONTENT_RANGE, format!("bytes */{size}"));
                return reply;
            }
            Selection::Whole => {
                reply = Self::new(StatusCode::OK);
                reply.set(CONTENT_TYPE, HeaderValue::from_static(kind));
                VecDeque::from([Segment::Bytes(0..size)])
            }
            Selection::Parts(parts) => {
                reply = Self::new(StatusCode::PARTIAL_CONTENT);
                if let [part] = parts.as_slice() {
                    reply.set(CONTENT_TYPE, HeaderValue::from_static(kind));
                    reply.set_text(CONTENT_RANGE, content_range(part, size));
                    VecDeque::from([Segment::Bytes(part.clone())])
                } else {
                    let boundary = boundary(now);
                    reply.set_text(
                        CONTENT_TYPE,
                        format!("multipart/byteranges; boundary={boundary}"),
                    );
                    multipart(&parts, size, kind, &boundary)
                }
            }
        };
        reply.set(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        reply.describe(&opened, &validators);
        reply.length = segments.iter().map(Segment::length).sum();
        reply.content = Content::File(Box::new(FileStream::new(opened.file, segments)));
        reply
    }

    /// The headers that a 304 shares with the 200 that it stands for.
    fn describe(&mut self, opened: &Opened, validators: &Validators) {
        self.set_text(ETAG, validators.etag.clone());
        if let Some(modified) = validators.modified {
            self.set_text(LAST_MODIFIED, httpdate::fmt_http_date(modified));
        }
        if media_type::is_entry_point(&opened.name) {
            self.set(CACHE_CONTROL, REVALIDATE);
        }
        if opened.form.is_some() {
            self.set(VARY, VARY_ACCEPT);
        }
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Sets a value of our own making, which is always fit for a header.
    fn set_text(&mut self, name: HeaderName, value: String) {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.set(name, value);
        }
    }
}

/// What of the file is asked for. Ranges are defined for `GET` alone (RFC 9110, section 14.2).
fn selection(request: &Parts, validators: &Validators, size: u64, now: SystemTime) -> Selection {
    let mut ranges = request.headers.get_all(RANGE).iter();
    match (ranges.next().map(HeaderValue::to_str), ranges.next()) {
        (Some(Ok(range)), None)
            if request.method == Method::GET && validators.range_applies(&request.headers, now) =>
        {
            select(range, size)
        }
        _ => Selection::Whole,
    }
}

fn content_range(part: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", part.start, part.end - 1)
}

/// The body of several parts (RFC 9110, section 14.6).
fn multipart(parts: &[Range<u64>], size: u64, kind: &str, boundary: &str) -> VecDeque<Segment> {
    let mut segments = VecDeque::with_capacity(parts.len() * 2 + 1);
    for part in parts {
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n",
            content_range(part, size)
        );
        segments.push_back(Segment::Text(head.into()));
        segments.push_back(Segment::Bytes(part.clone()));
    }
    segments.push_back(Segment::Text(format!("\r\n--{boundary}--\r\n").into()));
    segments
}

/// A boundary that no file can hold on purpose: it differs for each response.
fn boundary(now: SystemTime) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("mirror-part-{nanos:x}-{count:x}")
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

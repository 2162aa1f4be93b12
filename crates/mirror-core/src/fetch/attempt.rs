//! One request for a file and the bytes that come of it: ranges, redirects, and the bounds on time.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::access::Terms;
use super::failure::{self, Asked};
use super::headers::{
    content_range, contradicts, is_encoded, modified, retry_after, unsatisfied_total, validator,
};
use super::hosts::{Fault, HostId, Lease};
use super::{Client, Request, Watch};
use crate::error::{Error, Kind, Result, redact};
use crate::part::Part;

/// Redirects followed for one request (mirror managers use one or two).
const REDIRECTS: usize = 10;

/// A transfer that would take this many times as long as another mirror is expected to take for the
/// rest goes on there …
const OVERTAKEN: f64 = 10.0;

/// … where it would take longer than this, in seconds.
const LONG: f64 = 30.0;

/// How long bytes have to keep coming for their host to count as one that answers: it may send the
/// beginning of each file and no more.
const STEADY: Duration = Duration::from_secs(1);

/// Kept connections that may turn out to be closed, one after the other, before that is a failure.
const STALE_CONNECTIONS: u32 = 3;

/// What tells whether a file changed between two requests.
pub(super) struct Validator {
    url: Url,
    value: HeaderValue,
}

/// How an attempt failed.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) fault: Fault,
    /// Nothing failed: another mirror will be faster.
    pub(super) is_overtaken: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, fault: Fault::default(), is_overtaken: false }
    }
}

impl Failed {
    fn after(error: Error, cost: Duration) -> Self {
        Self { error, fault: Fault { cost, pause: None }, is_overtaken: false }
    }
}

/// An answer, and where it came from in the end.
struct Answer {
    response: Response,
    shown: String,
    /// The proxy that may have made the answer itself, redacted: what comes through a tunnel (https)
    /// is upstream's.
    proxy: Option<String>,
}

/// A body being received.
struct Body<'a, 'b> {
    response: Response,
    part: &'a mut Part,
    request: &'a Request<'b>,
    /// Where the file ends, as the answer says.
    end: Option<u64>,
    shown: &'a str,
    lease: &'a Lease<'b>,
    alternatives: &'a [HostId],
    watch: &'a dyn Watch,
}

impl Client {
    /// Asks `url` for what `part` lacks. Returns upstream's modification time.
    #[allow(clippy::too_many_arguments)] // each is another side of the same request
    pub(super) async fn attempt<'b>(
        &'b self,
        part: &mut Part,
        url: &Url,
        request: &Request<'b>,
        known: &mut Option<Validator>,
        lease: &Lease<'b>,
        alternatives: &[HostId],
        watch: &dyn Watch,
    ) -> Result<Option<SystemTime>, Failed> {
        // Only the server that gave it can tell what a validator means. Without one the digest
        // decides.
        let same_file = known.as_ref().filter(|known| known.url == *url);
        if part.size() > 0 && request.expected.digest.is_none() && same_file.is_none() {
            // Nothing could tell that it became a mixture of two files.
            throw_away(part, watch)?;
        }
        let same_file = same_file.filter(|_| part.size() > 0).map(|known| known.value.clone());
        let begun = Instant::now();
        let asked = self.send(part.size(), url, same_file.as_ref()).await;
        let Answer { response, shown, proxy } =
            asked.map_err(|error| Failed::after(error, begun.elapsed()))?;
        lease.answered(begun.elapsed());
        let headers = response.headers();
        let broken = |reason: &str| Error::Transport {
            url: shown.clone(),
            kind: Kind::Other,
            source: reason.to_owned().into(),
        };
        let resumed = match response.status() {
            StatusCode::OK => false,
            StatusCode::PARTIAL_CONTENT if part.size() > 0 => true,
            StatusCode::RANGE_NOT_SATISFIABLE if part.size() > 0 => {
                if unsatisfied_total(headers) == Some(part.size()) {
                    // There is no more: what is there decides.
                    return Ok(None);
                }
                throw_away(part, watch)?;
                return Err(broken("the server refused to go on at the part's end").into());
            }
            status => return Err(self.refusal(status, headers, shown, proxy.as_deref())),
        };
        let time = modified(headers);
        let mut end = response.content_length();
        if resumed {
            let changed = same_file.as_ref().is_some_and(|known| contradicts(headers, known));
            match content_range(headers) {
                Some((start, total))
                    if start == part.size() && fits(request, total) && !changed =>
                {
                    // A server may send less than was asked for: then it is asked again.
                    end = end.map(|length| length.saturating_add(start)).max(total);
                }
                _ => {
                    throw_away(part, watch)?;
                    let reason = if changed {
                        "the file changed between two requests"
                    } else {
                        "the server answered with another range than asked for"
                    };
                    return Err(broken(reason).into());
                }
            }
        } else if part.size() > 0 {
            throw_away(part, watch)?;
        }
        if end.is_some_and(|end| end > request.limit) {
            return Err(too_large(request, end.unwrap_or_default(), &shown).into());
        }
        if end.is_some_and(|end| end.saturating_sub(part.size()) > watch.room()) {
            return Err(no_room(part, request, &shown, watch).into());
        }
        if request.expected.digest.is_none() && is_encoded(headers) {
            // A digest would tell whether the bytes are the file's; without one nothing can.
            return Err(broken("the answer is content-encoded, which was not asked for").into());
        }
        *known = validator(headers).map(|value| Validator { url: url.clone(), value });
        let shown = &shown;
        let body = Body { response, part, request, end, shown, lease, alternatives, watch };
        self.receive(body).await?;
        Ok(time)
    }

    /// An answer that is no file.
    fn refusal(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        url: String,
        proxy: Option<&str>,
    ) -> Failed {
        let code = status.as_u16();
        let pause = retry_after(headers).map(|asked| asked.min(self.options.longest_backoff));
        let status = match proxy {
            Some(proxy) if code == 407 => format!("{status} (by the proxy {proxy})"),
            // Nothing tells whose answer it is.
            Some(proxy) => format!("{status} (through the proxy {proxy})"),
            None => status.to_string(),
        };
        let error = Error::Status { url, status, code };
        Failed { error, fault: Fault { cost: Duration::ZERO, pause }, is_overtaken: false }
    }

    /// Sends the request, and follows where it is sent on.
    async fn send(&self, from: u64, url: &Url, validator: Option<&HeaderValue>) -> Result<Answer> {
        let mut at = url.clone();
        let mut before: Option<(Url, Terms)> = None;
        for _ in 0..=REDIRECTS {
            let mut terms = self.access.terms(&at)?;
            if let Some((last, own)) = before.take()
                && last.origin() == at.origin()
            {
                // Within a host what was sent to it may be sent on.
                terms = terms.or(own);
            }
            let setup = self.agents.setup(&at, &terms);
            let agent = self.agents.get(&setup)?;
            let mut get = agent.client.get(without_user(&at));
            for (name, value) in &terms.headers {
                get = get.header(name, value);
            }
            if from > 0 {
                get = get.header(header::RANGE, format!("bytes={from}-"));
                if let Some(value) = validator {
                    get = get.header(header::IF_RANGE, value);
                }
            }
            let asked = Asked {
                url: &at,
                setup: &setup,
                agent: &agent,
                options: &self.options,
                at: Instant::now(),
            };
            let response = self.ask(&asked, get).await?;
            let Some(next) = redirect(&at, &response)? else {
                let proxy = setup.proxy.as_ref().filter(|_| at.scheme() == "http").map(redact);
                return Ok(Answer { response, shown: redact(&at), proxy });
            };
            before = Some((std::mem::replace(&mut at, next), terms));
        }
        let reason = format!("over {REDIRECTS} redirects");
        Err(Error::Protocol { url: redact(url), kind: Kind::Other, reason })
    }

    /// Sends one request and waits for its answer.
    async fn ask(&self, asked: &Asked<'_>, mut get: RequestBuilder) -> Result<Response> {
        let limit = self.options.first_byte_timeout;
        let mut left = STALE_CONNECTIONS;
        loop {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let (again, connections) = (get.try_clone(), asked.agent.connections());
            let error = match timeout(limit, get.send()).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error,
                Err(_) => return Err(asked.unanswered(limit)),
            };
            let is_stale = asked.agent.connections() == connections && failure::is_hang_up(&error);
            match again.filter(|_| is_stale && left > 0) {
                // The server may end a connection just when it is used again (RFC 9112, 9.3.1).
                Some(again) => get = again,
                None => return Err(asked.failed(error)),
            }
            left -= 1;
        }
    }

    async fn receive(&self, body: Body<'_, '_>) -> Result<(), Failed> {
        let Body { mut response, part, request, end, shown, lease, alternatives, watch } = body;
        let window = self.options.speed_window;
        let lowest = self.options.lowest_speed.saturating_mul(window.as_secs()).max(1);
        let mut window_end = Instant::now() + window;
        let mut window_bytes = 0;
        // Of the whole body, without the waits of our own.
        let (begun, from, mut waited) = (Instant::now(), part.size(), Duration::ZERO);
        let mut last_byte = begun;
        let (mut steady_since, mut steady_bytes) = (begun, 0);
        let ended = loop {
            let chunk = match timeout_at(window_end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break Ok(()),
                Ok(Err(error)) => {
                    let error = match end.filter(|end| *end > part.size()) {
                        Some(expected) => truncated(shown, expected, part),
                        None => failure::of_body(shown, error),
                    };
                    break Err(Failed::after(error, last_byte.elapsed()));
                }
                Err(_) if window_bytes < lowest => {
                    let reason = format!(
                        "{window_bytes} bytes in {} s, under {} bytes a second",
                        window.as_secs_f64(),
                        self.options.lowest_speed
                    );
                    let error = Error::Stalled { url: shown.to_owned(), reason };
                    break Err(Failed::after(error, window));
                }
                Err(_) => {
                    let left = end.or(request.expected.size).map(|end| end - part.size().min(end));
                    if request.expected.digest.is_some()
                        && let Some(error) =
                            self.overtaken(shown, window_bytes, left, lease, alternatives)
                    {
                        lease.measured(window_bytes, window);
                        return Err(Failed { is_overtaken: true, ..error.into() });
                    }
                    window_end = Instant::now() + window;
                    window_bytes = 0;
                    continue;
                }
            };
            let size = chunk.len() as u64;
            if part.size() + size > request.limit {
                throw_away(part, watch)?;
                break Err(too_large(request, part.size() + size, shown).into());
            }
            if size > watch.room() {
                let error = no_room(part, request, shown, watch);
                throw_away(part, watch)?;
                break Err(error.into());
            }
            part.append(&chunk)?;
            last_byte = Instant::now();
            window_bytes += size;
            self.received.fetch_add(size, Ordering::Relaxed);
            watch.progress(i64::try_from(size).unwrap_or(i64::MAX));
            if let Some(limiter) = &self.limiter {
                // What we wait for ourselves is no slowness of the server's.
                let wait = limiter.take(size).await;
                waited += wait;
                window_end += wait;
                steady_since += wait;
            }
            steady_bytes += size;
            let steady = steady_since.elapsed();
            if steady >= STEADY {
                // Who streams one long file is not dead, whatever becomes of others meanwhile.
                if steady_bytes / steady.as_secs().max(1) >= self.options.lowest_speed {
                    lease.progressed();
                }
                (steady_since, steady_bytes) = (Instant::now(), 0);
            }
        };
        lease.measured(part.size().saturating_sub(from), begun.elapsed().saturating_sub(waited));
        ended?;
        match end {
            Some(expected) if part.size() != expected => {
                Err(truncated(shown, expected, part).into())
            }
            // Where no length was told, a cut looks like the end. A size beside a digest may be
            // wrong, so the digest is asked first.
            None if request.expected.digest.is_some()
                && request.expected.size.is_some_and(|size| size > part.size())
                && !part.is(&request.expected) =>
            {
                Err(truncated(shown, request.expected.size.unwrap_or_default(), part).into())
            }
            _ => Ok(()),
        }
    }

    /// Why the rest had better come from another mirror, where it had.
    #[allow(clippy::cast_precision_loss)] // an estimate
    fn overtaken(
        &self,
        shown: &str,
        window_bytes: u64,
        left: Option<u64>,
        lease: &Lease<'_>,
        alternatives: &[HostId],
    ) -> Option<Error> {
        let left = left?;
        let speed = window_bytes as f64 / self.options.speed_window.as_secs_f64();
        let here = left as f64 / speed.max(1.0);
        let there = self.hosts.expected_elsewhere(alternatives, lease.host(), left)?;
        (here > LONG && here > there * OVERTAKEN).then(|| Error::Stalled {
            url: shown.to_owned(),
            reason: format!("{speed:.0} bytes a second, another mirror is faster"),
        })
    }
}

/// Where an answer sends the request on to.
fn redirect(from: &Url, response: &Response) -> Result<Option<Url>> {
    let status = response.status();
    if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return Ok(None);
    }
    let to = response.headers().get(header::LOCATION);
    let to = to.map(|to| String::from_utf8_lossy(to.as_bytes())).unwrap_or_default();
    let next = from.join(&to).ok().filter(|_| !to.is_empty());
    let reason = match &next {
        Some(next) if from.scheme() == "https" && next.scheme() == "http" => {
            format!("{status} from https to {}", redact(next))
        }
        Some(next) if matches!(next.scheme(), "http" | "https") => return Ok(Some(next.clone())),
        _ => {
            let shown = next.as_ref().map_or_else(|| to.into_owned(), redact);
            let shown = shown.chars().take(200).collect::<String>();
            format!("{status} to {shown:?}, expected a redirect to http or https")
        }
    };
    Err(Error::Protocol { url: redact(from), kind: Kind::Other, reason })
}

/// The URL as it is asked for: its user goes into a header.
fn without_user(url: &Url) -> Url {
    let mut plain = url.clone();
    // Both refuse only URLs without a host, which have neither.
    let _ = plain.set_username("");
    let _ = plain.set_password(None);
    plain
}

fn throw_away(part: &mut Part, watch: &dyn Watch) -> Result<()> {
    watch.progress(-i64::try_from(part.size()).unwrap_or(i64::MAX));
    part.restart()
}

fn truncated(shown: &str, expected: u64, part: &Part) -> Error {
    Error::Truncated { url: shown.to_owned(), expected, found: part.size() }
}

fn too_large(request: &Request<'_>, found: u64, shown: &str) -> Error {
    match request.expected.size {
        // The bound is the size itself: say so.
        Some(expected) if expected == request.limit => {
            Error::SizeMismatch { file: shown.to_owned(), expected, found }
        }
        _ => Error::TooLarge { url: shown.to_owned(), limit: request.limit },
    }
}

fn no_room(part: &Part, request: &Request<'_>, shown: &str, watch: &dyn Watch) -> Error {
    let room = part.size().saturating_add(watch.room());
    Error::NoRoom { url: shown.to_owned(), listed: request.expected.size, room }
}

/// Whether a range's total can be the file's: a size beside a digest may lie, so only without a
/// digest does it have to match.
fn fits(request: &Request<'_>, total: Option<u64>) -> bool {
    request.expected.digest.is_some()
        || total.zip(request.expected.size).is_none_or(|(total, size)| total == size)
}

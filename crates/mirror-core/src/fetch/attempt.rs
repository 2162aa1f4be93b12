//! One request for a file and the bytes that come of it: ranges, redirects, and the bounds on time.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::headers::{
    content_range, contradicts, is_encoded, modified, unsatisfied_total, validator,
};
use super::hosts::{HostId, Lease};
use super::send::{Answer, Failed};
use super::{Client, Request, Watch, failure};
use crate::error::{Error, Kind, Result};
use crate::limits;
use crate::part::Part;

/// A transfer that would take this many times as long as another mirror is expected to take for the
/// rest goes on there …
const OVERTAKEN: f64 = 10.0;

/// … where it would take longer than this, in seconds.
const LONG: f64 = 30.0;

/// How long bytes have to keep coming for their host to count as one that answers: it may send the
/// beginning of each file and no more.
const STEADY: Duration = Duration::from_secs(1);

/// What tells whether a file changed between two requests.
pub(super) struct Validator {
    url: Url,
    value: HeaderValue,
}

/// A body being received.
struct Body<'a, 'b> {
    response: Response,
    part: &'a mut Part,
    request: &'a Request<'b>,
    /// Where the file ends, as the answer says.
    end: Option<u64>,
    /// The most bytes of the file that are taken.
    limit: u64,
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
        let mut headers = HeaderMap::new();
        if part.size() > 0 {
            let range = HeaderValue::try_from(format!("bytes={}-", part.size()));
            // A number is fit for a header.
            headers.extend(range.ok().map(|range| (header::RANGE, range)));
            headers.extend(same_file.clone().map(|value| (header::IF_RANGE, value)));
        }
        let Answer { response, shown, proxy, .. } = self.send(url, &headers, lease).await?;
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
            status => return Err(self.refusal(status, headers, shown.clone(), proxy.as_deref())),
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
        let limit = match end {
            Some(end) if end > request.limit => {
                return Err(too_large(request, end, request.limit, &shown).into());
            }
            Some(_) => request.limit,
            None => request.limit.min(limits::unmeasured_size(request.expected.size)),
        };
        if end.is_some_and(|end| end.saturating_sub(part.size()) > watch.room()) {
            return Err(no_room(part, request, &shown, watch).into());
        }
        if request.expected.digest.is_none() && is_encoded(headers) {
            // A digest would tell whether the bytes are the file's; without one nothing can.
            return Err(broken("the answer is content-encoded, which was not asked for").into());
        }
        *known = validator(headers).map(|value| Validator { url: url.clone(), value });
        let shown = &shown;
        let body = Body { response, part, request, end, limit, shown, lease, alternatives, watch };
        self.receive(body).await?;
        Ok(time)
    }

    async fn receive(&self, body: Body<'_, '_>) -> Result<(), Failed> {
        let Body { mut response, part, request, end, limit, shown, lease, alternatives, watch } =
            body;
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
                    break Err(Failed::after(self.too_slow(shown, window_bytes), window));
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
            if part.size() + size > limit {
                let found = part.size() + size;
                throw_away(part, watch)?;
                break Err(too_large(request, found, limit, shown).into());
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

fn throw_away(part: &mut Part, watch: &dyn Watch) -> Result<()> {
    watch.progress(-i64::try_from(part.size()).unwrap_or(i64::MAX));
    part.restart()
}

fn truncated(shown: &str, expected: u64, part: &Part) -> Error {
    Error::Truncated { url: shown.to_owned(), expected, found: part.size() }
}

fn too_large(request: &Request<'_>, found: u64, limit: u64, shown: &str) -> Error {
    match request.expected.size {
        // The bound is the size itself: say so.
        Some(expected) if expected == limit => {
            Error::SizeMismatch { file: shown.to_owned(), expected, found }
        }
        _ => Error::TooLarge { url: shown.to_owned(), limit },
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

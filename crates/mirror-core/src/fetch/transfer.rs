//! One file's transfer: attempts, resumption, failover, and the bounds on each.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{StatusCode, redirect};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::resolver::HostResolver;
use super::{Client, Options, Request, Watch, tls};
use crate::error::{Cause, Error, Result, redact};
use crate::part::Part;

/// Redirects followed for one request (mirror managers use one or two).
const REDIRECTS: usize = 10;

/// An attempt that brought a file further than any before it, by at least this part of it, did not
/// fail for nothing: it is not counted against [`Options::attempts`].
const PROGRESS_FRACTION: u64 = 1_000;

/// How often that is so at most: a size may be a lie, and then a byte would be progress for ever.
const SPARED: u32 = 1_000;

/// The same in bytes where the size is not known.
const PROGRESS_BYTES: u64 = 64 << 10;

pub(super) fn http_client(options: &Options) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(&options.trust)?)
        .dns_resolver(HostResolver::default())
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(redirect::Policy::custom(follow))
        .http1_only()
        .tcp_nodelay(true)
        .referer(false)
        // Artifacts are taken as they are, whatever another crate switches on in this one.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        // Proxies come from the options: a library does not read the environment.
        .no_proxy();
    for proxy in &options.proxies {
        builder = builder.proxy(self::proxy(proxy)?);
    }
    builder.build().map_err(|error| Error::Client(error.into()))
}

fn proxy(proxy: &super::Proxy) -> Result<reqwest::Proxy> {
    let url = proxy.url.clone();
    let made = match proxy.scheme.as_deref() {
        Some("http") => reqwest::Proxy::http(url),
        Some("https") => reqwest::Proxy::https(url),
        _ => reqwest::Proxy::all(url),
    }
    .map_err(|error| Error::Client(error.without_url().into()))?;
    let except = proxy.except.as_deref().and_then(reqwest::NoProxy::from_string);
    Ok(made.no_proxy(except))
}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let from_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    let to = attempt.url().scheme();
    let problem = if attempt.previous().len() > REDIRECTS {
        "over 10 redirects"
    } else if from_https && to != "https" {
        "redirected from https to another scheme"
    } else if !matches!(to, "http" | "https") {
        "redirected to a scheme that is neither http nor https"
    } else {
        return attempt.follow();
    };
    attempt.error(problem)
}

/// What tells whether a file changed between two requests.
struct Validator {
    url: Url,
    value: HeaderValue,
}

/// How an attempt failed.
struct Failed {
    error: Error,
    retry_after: Option<Duration>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None }
    }
}

impl Client {
    /// Fills `part` from the first of `urls` that can; those that cannot are taken from the list.
    /// Returns upstream's modification time.
    pub(super) async fn fill(
        &self,
        part: &mut Part,
        urls: &mut Vec<Url>,
        request: &Request<'_>,
        watch: &dyn Watch,
    ) -> Result<Option<SystemTime>> {
        let mut validator = None;
        let mut failures = 0;
        let mut first_error = None;
        // Where a server ignores ranges, each attempt begins anew: only what is further counts.
        let mut furthest = part.size();
        let mut spared = 0;
        let enough = request.expected.size.map_or(PROGRESS_BYTES, |size| size / PROGRESS_FRACTION);
        loop {
            let Some(url) = urls.first().cloned() else {
                return Err(first_error.unwrap_or_else(|| Error::NoUrl(request.name.into())));
            };
            let failed = match self.attempt(part, &url, request, &mut validator, watch).await {
                Ok(time) => return Ok(time),
                Err(failed) => failed,
            };
            if failed.error.is_local() {
                return Err(failed.error);
            }
            if !failed.error.is_transient() {
                urls.remove(0);
                failures = 0;
                first_error.get_or_insert(failed.error);
                continue;
            }
            // A stall's few bytes are no progress: one byte a second would never end.
            let stalled = matches!(failed.error, Error::Stalled { .. });
            let progressed = !stalled && spared < SPARED && part.size() > furthest + enough;
            furthest = furthest.max(part.size());
            spared += u32::from(progressed);
            failures = if progressed { 1 } else { failures + 1 };
            if failures >= self.options.attempts.max(1) {
                urls.remove(0);
                failures = 0;
                first_error.get_or_insert(failed.error);
                continue;
            }
            let wait = self.wait(failures, failed.retry_after);
            watch.retrying(&failed.error, wait);
            tokio::time::sleep(wait).await;
            urls.rotate_left(1);
        }
    }

    fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.options.backoff.saturating_mul(1 << failures.saturating_sub(1).min(16));
        asked.unwrap_or_else(|| doubled.mul_f64(jitter())).min(self.options.longest_backoff)
    }

    async fn attempt(
        &self,
        part: &mut Part,
        url: &Url,
        request: &Request<'_>,
        validator: &mut Option<Validator>,
        watch: &dyn Watch,
    ) -> Result<Option<SystemTime>, Failed> {
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.map_err(|error| Error::Client(error.into()))?;
        let same_file = validator.as_ref().is_some_and(|validator| validator.url == *url);
        if part.size() > 0 && request.expected.digest.is_none() && !same_file {
            // Nothing could tell that it became a mixture of two files.
            self.throw_away(part, watch)?;
        }
        let response = self.send(part, url, validator.as_ref()).await?;
        let shown = redact(url);
        let headers = response.headers();
        let retry_after = retry_after(headers);
        let status = response.status();
        let resumed = match status {
            StatusCode::OK => false,
            StatusCode::PARTIAL_CONTENT if part.size() > 0 => true,
            StatusCode::RANGE_NOT_SATISFIABLE if part.size() > 0 => {
                self.throw_away(part, watch)?;
                let reason = "the server refused to go on at the part's end".into();
                return Err(Error::Transport { url: shown, source: reason }.into());
            }
            status if status.is_redirection() => {
                let to =
                    headers.get(header::LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()));
                let to = to.unwrap_or_default().chars().take(200).collect::<String>();
                let reason = format!("{status} to {to:?}, expected a redirect to http or https");
                return Err(Error::Protocol { url: shown, reason }.into());
            }
            _ => {
                let error =
                    Error::Status { url: shown, status: status.to_string(), code: status.as_u16() };
                return Err(Failed { error, retry_after });
            }
        };
        let modified = headers
            .get(header::LAST_MODIFIED)
            .and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
        let mut end = response.content_length();
        if resumed {
            match content_range(headers) {
                Some((start, total)) if start == part.size() && fits(request, total) => {
                    // A server may send less than was asked for: then it is asked again.
                    end = end.map(|length| length.saturating_add(start)).max(total);
                }
                _ => {
                    self.throw_away(part, watch)?;
                    let reason = "the server answered with another range than asked for".into();
                    return Err(Error::Transport { url: shown, source: reason }.into());
                }
            }
        } else if part.size() > 0 {
            self.throw_away(part, watch)?;
        }
        check_length(request, end, &shown)?;
        if request.expected.digest.is_none() && is_encoded(headers) {
            // A digest would tell whether the bytes are the file's; without one nothing can.
            let reason = "the answer is content-encoded, which was not asked for".into();
            return Err(Error::Transport { url: shown, source: reason }.into());
        }
        *validator = self::validator(headers).map(|value| Validator { url: url.clone(), value });
        self.receive(response, part, request, end, &shown, watch).await?;
        Ok(modified)
    }

    async fn send(
        &self,
        part: &Part,
        url: &Url,
        validator: Option<&Validator>,
    ) -> Result<reqwest::Response> {
        let mut get = self.http.get(url.clone());
        if part.size() > 0 {
            get = get.header(header::RANGE, format!("bytes={}-", part.size()));
            // Only the server that gave it can tell what a validator means. Without one the
            // digest decides: a part of an earlier run always has one.
            if let Some(validator) = validator.filter(|validator| validator.url == *url) {
                get = get.header(header::IF_RANGE, validator.value.clone());
            }
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let limit = self.options.first_byte_timeout;
        match timeout(limit, get.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(transport(url, error)),
            Err(_) => {
                let reason = format!("no answer within {} s", limit.as_secs_f64());
                Err(Error::Stalled { url: redact(url), reason })
            }
        }
    }

    async fn receive(
        &self,
        mut response: reqwest::Response,
        part: &mut Part,
        request: &Request<'_>,
        end: Option<u64>,
        shown: &str,
        watch: &dyn Watch,
    ) -> Result<()> {
        let window = self.options.speed_window;
        let lowest = self.options.lowest_speed.saturating_mul(window.as_secs());
        let mut window_end = Instant::now() + window;
        let mut window_bytes = 0;
        loop {
            let chunk = match timeout_at(window_end, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(_)) if end.is_some_and(|end| end > part.size()) => {
                    let (expected, found) = (end.unwrap_or_default(), part.size());
                    return Err(Error::Truncated { url: shown.to_owned(), expected, found });
                }
                Ok(Err(error)) => {
                    let source = innermost(error);
                    return Err(Error::Transport { url: shown.to_owned(), source });
                }
                Err(_) if window_bytes < lowest.max(1) => {
                    let reason = format!(
                        "{window_bytes} bytes in {} s, under {} bytes a second",
                        window.as_secs_f64(),
                        self.options.lowest_speed
                    );
                    return Err(Error::Stalled { url: shown.to_owned(), reason });
                }
                Err(_) => {
                    window_end = Instant::now() + window;
                    window_bytes = 0;
                    continue;
                }
            };
            let size = chunk.len() as u64;
            if part.size() + size > request.limit {
                self.throw_away(part, watch)?;
                return Err(too_large(request, part.size() + size, shown));
            }
            part.append(&chunk)?;
            window_bytes += size;
            self.received.fetch_add(size, Ordering::Relaxed);
            watch.progress(i64::try_from(size).unwrap_or(i64::MAX));
        }
        match end {
            Some(expected) if part.size() != expected => {
                Err(Error::Truncated { url: shown.to_owned(), expected, found: part.size() })
            }
            _ => Ok(()),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as a step of the attempt beside the others")]
    fn throw_away(&self, part: &mut Part, watch: &dyn Watch) -> Result<()> {
        watch.progress(-i64::try_from(part.size()).unwrap_or(i64::MAX));
        part.restart()
    }
}

fn check_length(request: &Request<'_>, length: Option<u64>, shown: &str) -> Result<()> {
    match length {
        Some(length) if length > request.limit => Err(too_large(request, length, shown)),
        _ => Ok(()),
    }
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

/// Whether a range's total can be the file's: a size beside a digest may lie, so only without a
/// digest does it have to match.
fn fits(request: &Request<'_>, total: Option<u64>) -> bool {
    request.expected.digest.is_some()
        || total.zip(request.expected.size).is_none_or(|(total, size)| total == size)
}

/// The strong validator of an answer (RFC 9110, section 13.1.5: If-Range takes no weak one).
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = |tag: &&HeaderValue| !tag.as_bytes().starts_with(b"W/");
    headers.get(header::ETAG).filter(strong).or_else(|| headers.get(header::LAST_MODIFIED)).cloned()
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// The start and the total of `Content-Range: bytes START-END/TOTAL`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.trim().parse().ok()?, total))
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok()
}

fn transport(url: &Url, error: reqwest::Error) -> Error {
    let url = redact(url);
    // A redirect or a certificate that is refused is refused the next time too.
    if error.is_redirect() || error.is_builder() || is_certificate(&error) {
        return Error::Protocol { url, reason: innermost(error).to_string() };
    }
    Error::Transport { url, source: innermost(error) }
}

/// Whether a certificate that was refused lies somewhere below `error`.
fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An io::Error names the source of what it wraps as its own, and passes over that itself.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => is_certificate(wrapped),
        None => error.source().is_some_and(is_certificate),
    }
}

/// The cause that says something: reqwest's own layers only repeat the URL.
fn innermost(error: reqwest::Error) -> Cause {
    use std::error::Error as _;
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    // "connection refused" is the last one; what lies above says where in the library.
    let text = texts.pop().unwrap_or_default();
    match texts.last() {
        Some(above) if above.contains("dns") => format!("{above}: {text}").into(),
        _ => text.into(),
    }
}

/// A factor between 0.5 and 1, so that many clients do not come back at once.
fn jitter() -> f64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    0.5 + f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn reads_content_ranges() {
        let read = |value| content_range(&headers(header::CONTENT_RANGE, value));
        assert_eq!(read("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(read("bytes 5-9/*"), Some((5, None)));
        assert_eq!(read("bytes */10"), None);
        assert_eq!(read("lines 5-9/10"), None);
    }

    #[test]
    fn takes_no_weak_validator() {
        assert!(validator(&headers(header::ETAG, "\"a\"")).is_some());
        assert!(validator(&headers(header::ETAG, "W/\"a\"")).is_none());
    }

    #[test]
    fn caps_what_a_server_asks_for() {
        let client = Client::new(Options::default()).unwrap();
        assert_eq!(client.wait(1, Some(Duration::from_secs(3600))), Duration::from_secs(60));
        assert_eq!(client.wait(1, Some(Duration::from_secs(5))), Duration::from_secs(5));
        let own = client.wait(3, None);
        assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&own), "{own:?}");
        assert!(client.wait(99, None) <= Duration::from_secs(60));
    }
}

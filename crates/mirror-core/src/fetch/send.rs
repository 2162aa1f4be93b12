//! One request: where it is sent on to, and the answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::{self, HeaderMap};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use super::Client;
use super::access::Terms;
use super::failure::{self, Asked};
use super::headers::retry_after;
use super::hosts::{Fault, Lease};
use crate::error::{Error, Kind, Result, redact};

/// Redirects followed for one request (mirror managers use one or two).
const REDIRECTS: usize = 10;

/// Kept connections that may turn out to be closed, one after the other, before that is a failure.
const STALE_CONNECTIONS: u32 = 3;

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
    pub(super) fn after(error: Error, cost: Duration) -> Self {
        Self { error, fault: Fault { cost, pause: None }, is_overtaken: false }
    }
}

/// An answer, and where it came from in the end.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) url: Url,
    /// The same, redacted.
    pub(super) shown: String,
    /// The proxy that may have made the answer itself, redacted: what comes through a tunnel (https)
    /// is upstream's.
    pub(super) proxy: Option<String>,
}

impl Client {
    /// Sends the request, and follows where it is sent on.
    pub(super) async fn send(
        &self,
        url: &Url,
        headers: &HeaderMap,
        lease: &Lease<'_>,
    ) -> Result<Answer, Failed> {
        let begun = Instant::now();
        let sent = self.follow(url, headers).await;
        let answer = sent.map_err(|error| Failed::after(error, begun.elapsed()))?;
        lease.answered(begun.elapsed());
        Ok(answer)
    }

    async fn follow(&self, url: &Url, headers: &HeaderMap) -> Result<Answer> {
        let mut at = url.clone();
        let mut before: Option<(Url, Terms)> = None;
        for _ in 0..=REDIRECTS {
            let mut terms = self.access.terms(&at)?;
            if let Some((last, own)) = before.take() {
                // Within a host what was sent to it may be sent on.
                let is_same = last.origin() == at.origin();
                terms = terms.or(if is_same { own } else { self.access.way_from(url) });
            }
            let setup = self.agents.setup(&at, &terms);
            let agent = self.agents.get(&setup)?;
            let mut get = agent.client.get(without_user(&at));
            for (name, value) in &terms.headers {
                get = get.header(name, value);
            }
            get = get.headers(headers.clone());
            let asked = Asked {
                url: &at,
                setup: &setup,
                agent: &agent,
                options: &self.options,
                at: Instant::now(),
            };
            let response = self.once(&asked, get).await?;
            let Some(next) = redirect(&at, &response)? else {
                let proxy = setup.proxy.as_ref().filter(|_| at.scheme() == "http").map(redact);
                return Ok(Answer { response, shown: redact(&at), url: at, proxy });
            };
            before = Some((std::mem::replace(&mut at, next), terms));
        }
        let reason = format!("over {REDIRECTS} redirects");
        Err(Error::Protocol { url: redact(url), kind: Kind::Other, reason })
    }

    /// Sends one request and waits for its answer.
    async fn once(&self, asked: &Asked<'_>, mut get: RequestBuilder) -> Result<Response> {
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

    /// What a body that comes at less than the lowest speed fails with.
    pub(super) fn too_slow(&self, url: &str, window_bytes: u64) -> Error {
        let reason = format!(
            "{window_bytes} bytes in {} s, under {} bytes a second",
            self.options.speed_window.as_secs_f64(),
            self.options.lowest_speed
        );
        Error::Stalled { url: url.to_owned(), reason }
    }

    /// An answer that is no file.
    pub(super) fn refusal(
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

//! URLs → bytes into a part: one HTTP client for a whole run.
//!
//! Knows nothing of repositories nor of the store: it is asked for a file by its URLs and what is
//! expected of it, fills a [`Part`] and seals it. A transfer that breaks is resumed, one that
//! cannot succeed at a URL goes to the next one, and what fails everywhere fails with the reason of
//! the first.
//!
//! HTTP/1.1 over many connections, by measurement: HTTP/2 was never faster. Each chunk is hashed
//! and written by the task that received it.

mod options;
mod resolver;
mod tls;
mod transfer;

pub use options::{Options, Proxy, Trust};

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use url::Url;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::part::{Expected, Part, Rejected, Verified};

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What errors and events call it.
    pub name: &'a str,
    /// Where it can be had, best first.
    pub urls: Vec<Url>,
    /// What it must be.
    pub expected: Expected,
    /// The most bytes that are taken.
    pub limit: u64,
}

/// Is told how a transfer goes.
pub trait Watch: Send + Sync {
    /// Bytes are about to come, after `resumed` that an earlier run left.
    fn started(&self, resumed: u64, size: Option<u64>);
    /// So many bytes came; negative where bytes had to be thrown away.
    fn progress(&self, bytes: i64);
    /// It broke and is tried again after a while.
    fn retrying(&self, error: &Error, after: Duration);
}

/// A watch that takes no notice.
impl Watch for () {
    fn started(&self, _: u64, _: Option<u64>) {}
    fn progress(&self, _: i64) {}
    fn retrying(&self, _: &Error, _: Duration) {}
}

/// The client of a run: connections, names and trust are shared by all its transfers.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    options: Options,
    slots: Semaphore,
    requests: AtomicU64,
    received: AtomicU64,
}

impl Client {
    /// A client with `options`.
    pub fn new(options: Options) -> Result<Self> {
        let http = transfer::http_client(&options)?;
        Ok(Self {
            http,
            slots: Semaphore::new(options.connections.clamp(1, Options::MAX_CONNECTIONS)),
            options,
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
        })
    }

    /// How many transfers may run at once.
    pub fn connections(&self) -> usize {
        self.options.connections.clamp(1, Options::MAX_CONNECTIONS)
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Fetches a file into a part below `parts`, and seals it: against its digest where one is
    /// expected, else as what came.
    ///
    /// Dropping the future leaves the part for the next run to go on with.
    pub async fn download(
        &self,
        request: &Request<'_>,
        parts: &Path,
        watch: &dyn Watch,
    ) -> Result<Verified> {
        let key = request.urls.first().map_or(request.name, Url::as_str).to_owned();
        let mut part = Part::open(parts, &request.expected, &key)?;
        let mut urls: Vec<Url> = request.urls.clone();
        let mut mismatches = 0;
        let mut first_error: Option<Error> = None;
        watch.started(part.size(), request.expected.size);
        // A part that an earlier run finished needs no request.
        let mut filled = part.size() > 0 && request.expected.size == Some(part.size());
        let mut modified = None;
        loop {
            let url = match urls.first() {
                _ if filled => request.name.to_owned(),
                Some(url) => crate::error::redact(url),
                None => {
                    let error = first_error.unwrap_or_else(|| Error::NoUrl(request.name.into()));
                    return Err(give_up(part, request, error));
                }
            };
            if !filled {
                match self.fill(&mut part, &mut urls, request, watch).await {
                    Ok(time) => modified = time,
                    Err(error) if error.is_local() => return Err(error),
                    Err(error) => return Err(give_up(part, request, first_error.unwrap_or(error))),
                }
            }
            let size = part.size();
            let rejected = match seal(part, request, &url) {
                Ok(verified) => return Ok(verified.modified(modified)),
                Err(rejected) if rejected.error.is_local() => return Err(rejected.error),
                Err(rejected) => *rejected,
            };
            part = rejected.part;
            watch.progress(-i64::try_from(size).unwrap_or(i64::MAX));
            // A part that an earlier run left may be damaged, and a cache on the way may have been
            // caught half-filled: the same URL gets a second chance, from zero.
            if std::mem::take(&mut filled) {
                continue;
            }
            first_error.get_or_insert(rejected.error);
            mismatches += 1;
            if mismatches >= 2 {
                mismatches = 0;
                urls.remove(0);
            }
        }
    }
}

/// Keeps what the next run can go on with, and nothing else.
fn give_up(part: Part, request: &Request<'_>, error: Error) -> Error {
    if part.size() > 0 && request.expected.digest.is_some() {
        return error;
    }
    part.discard().err().unwrap_or(error)
}

fn seal(part: Part, request: &Request<'_>, url: &str) -> Result<Verified, Box<Rejected>> {
    let nothing_expected = Expected { size: None, digest: None::<Digest> };
    if request.expected == nothing_expected {
        return Ok(part.seal_as_written());
    }
    part.seal(&request.expected, url)
}

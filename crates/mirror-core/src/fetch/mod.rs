//! URLs → bytes into a part: one HTTP client for a whole run.
//!
//! Knows nothing of repositories nor of the store: it is asked for a file by its URLs and what is
//! expected of it, fills a [`Part`] and seals it. A transfer that breaks is resumed, at the same
//! mirror or another; mirrors are ranked by what they deliver, and one that is dead is found out once
//! and not for each file (the module `hosts`). What fails everywhere fails with the first reason that
//! another attempt would not change, else with the first.
//!
//! HTTP/1.1 over many connections, by measurement: HTTP/2 was never faster. Each chunk is hashed
//! and written by the task that received it.

mod access;
mod agents;
mod attempt;
mod failure;
mod headers;
mod hosts;
pub mod netrc;
mod options;
mod question;
mod rate;
mod resolver;
mod send;
mod tls;
mod transfer;

pub use access::{Access, ClientCertificate, Login, Route, Scope};
#[cfg(any(test, fuzzing))]
pub(crate) use headers::check_reading as check_headers;
pub use options::{Options, Proxy, Trust};
pub use question::{Content, Piece, Question, Reply, Validators};

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use url::Url;

use crate::error::{Error, Result};
use crate::part::{Expected, Part, Verified};

/// The most mirrors that are asked for a file before it is taken for granted that none has it.
pub const MIRRORS_PER_FILE: usize = 20;

/// The same for a file that upstream may not have: most have none, and a metalink names hundreds.
pub const OPTIONAL_MIRRORS: usize = 3;

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// What errors and events call it.
    pub name: &'a str,
    /// Where it can be had, best first.
    pub urls: Vec<Url>,
    /// What it must be.
    pub expected: Expected,
    /// The most bytes that are taken; of a body without a length at most as many as
    /// [`unmeasured_size`](crate::limits::unmeasured_size) has for the expected one.
    pub limit: u64,
    /// How much is tried.
    pub need: Need,
}

/// How much is tried for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Need {
    /// Up to [`MIRRORS_PER_FILE`] mirrors are asked whether they have it.
    #[default]
    Required,
    /// Most upstreams do not have it: up to [`OPTIONAL_MIRRORS`] are asked, and where one says that
    /// it does not, none of which nothing comes at the moment.
    Optional,
}

/// Is told how a transfer goes, and says how far it may.
pub trait Watch: Send + Sync {
    /// Bytes are about to come, after `resumed` that an earlier run left.
    fn started(&self, resumed: u64, size: Option<u64>);
    /// So many bytes came; negative where bytes had to be thrown away.
    fn progress(&self, bytes: i64);
    /// It broke and is tried again after a while.
    fn retrying(&self, error: &Error, after: Duration);
    /// How many more bytes there is room for; asked before any are written.
    fn room(&self) -> u64 {
        u64::MAX
    }
}

/// A watch that takes no notice.
impl Watch for () {
    fn started(&self, _: u64, _: Option<u64>) {}
    fn progress(&self, _: i64) {}
    fn retrying(&self, _: &Error, _: Duration) {}
}

/// A file that came.
#[derive(Debug)]
pub struct Downloaded {
    /// The file.
    pub verified: Verified,
    /// Which of the request's URLs gave it; `None` where an earlier run had finished it.
    pub from: Option<usize>,
}

/// The client of a run: connections, names, trust, and what is known of each host are shared by all
/// its transfers.
#[derive(Debug)]
pub struct Client {
    options: Options,
    agents: agents::Agents,
    access: access::Accesses,
    hosts: hosts::Hosts,
    limiter: Option<rate::Limiter>,
    requests: AtomicU64,
    received: AtomicU64,
}

impl Client {
    /// A client with `options`.
    pub fn new(options: Options) -> Result<Self> {
        if let Trust::Only(paths) = &options.trust {
            // They are read when they are needed, and missed at once.
            for path in paths {
                std::fs::metadata(path).map_err(|error| Error::Certificates {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
            }
        }
        let connections = options.connections.clamp(1, Options::MAX_CONNECTIONS);
        Ok(Self {
            agents: agents::Agents::new(&options),
            access: access::Accesses::new(&options.access)?,
            hosts: hosts::Hosts::new(connections),
            limiter: options.limit_rate.map(rate::Limiter::new),
            options,
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
        })
    }

    /// How many transfers may run at once.
    pub fn connections(&self) -> usize {
        self.options.connections.clamp(1, Options::MAX_CONNECTIONS)
    }

    /// Small questions at once ([`Client::ask`]).
    pub fn questions(&self) -> usize {
        hosts::QUESTIONS * self.connections()
    }

    /// Requests sent so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of bodies received so far.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Lets the mirrors that a list names be reached as the list is: see [`Access::with_mirrors`].
    pub fn reach_as(&self, list: &Url, mirrors: &[Url]) {
        self.access.lead(list, mirrors);
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
    ) -> Result<Downloaded> {
        let key = request.urls.first().map_or(request.name, Url::as_str);
        let mut part = Part::open(parts, &request.expected, key)?;
        if part.size() > request.limit {
            // Begun where more was listed.
            part.restart()?;
        }
        transfer::Transfer::new(self, request, watch).run(part).await
    }

    /// The wait after so many failures in a row.
    fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.options.backoff.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.mul_f64(jitter()).min(self.options.longest_backoff)
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

    #[test]
    fn waits_longer_each_time_up_to_a_bound() {
        let client = Client::new(Options::default()).unwrap();
        let third = client.backoff(3);
        assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&third), "{third:?}");
        assert!(client.backoff(99) <= Duration::from_mins(1));
    }
}

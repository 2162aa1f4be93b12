//! What a run's user may set about transfers.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::access::Access;

/// Settings of a [`Client`](super::Client). The defaults suit a site with a bad link.
#[derive(Debug, Clone)]
pub struct Options {
    /// Transfers at once.
    pub connections: usize,
    /// The longest that a connection may take to be made.
    pub connect_timeout: Duration,
    /// The longest that an answer may take to begin.
    pub first_byte_timeout: Duration,
    /// The lowest acceptable speed, in bytes a second, over [`Options::speed_window`].
    pub lowest_speed: u64,
    /// How long the speed may stay below the lowest acceptable one.
    pub speed_window: Duration,
    /// Attempts in a row, without progress, after which a mirror is given up for a file; of several
    /// mirrors, twice as many all together.
    pub attempts: u32,
    /// The wait after the first failure; doubled after each further one.
    pub backoff: Duration,
    /// The longest wait between two attempts, whatever the server asks for.
    pub longest_backoff: Duration,
    /// What the client calls itself.
    pub user_agent: String,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// Proxies, the first that fits.
    pub proxies: Vec<Proxy>,
    /// With what some hosts are asked: logins, certificates, headers, other proxies.
    pub access: Vec<Access>,
    /// The most bytes a second of all transfers together.
    pub limit_rate: Option<NonZeroU64>,
}

impl Options {
    /// The most transfers at once that may be asked for.
    pub const MAX_CONNECTIONS: usize = 256;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 24,
            connect_timeout: Duration::from_secs(20),
            first_byte_timeout: Duration::from_mins(1),
            lowest_speed: 1_000,
            speed_window: Duration::from_secs(30),
            attempts: 6,
            backoff: Duration::from_millis(500),
            longest_backoff: Duration::from_mins(1),
            user_agent: concat!("mirror/", env!("CARGO_PKG_VERSION")).to_owned(),
            trust: Trust::System,
            proxies: Vec::new(),
            access: Vec::new(),
            limit_rate: None,
        }
    }
}

/// Which certificate authorities are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those of the host, where its distribution keeps them.
    #[default]
    System,
    /// Those of these PEM files and folders of such files, and no others.
    Only(Vec<PathBuf>),
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The scheme of the URLs that go through it; `None` for all.
    pub scheme: Option<String>,
    /// The proxy, with user and password where it asks for them.
    pub url: Url,
    /// Hosts that are reached without it, in the form of the variable `no_proxy`.
    pub except: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy")
            .field("scheme", &self.scheme)
            .field("url", &crate::error::redact(&self.url))
            .field("except", &self.except)
            .finish()
    }
}

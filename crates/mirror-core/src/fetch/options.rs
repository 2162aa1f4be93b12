//! What a run's user may set about transfers.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

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
    /// Attempts in a row, without progress, after which a file is given up.
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
}

impl Options {
    /// The most transfers at once that may be asked for.
    pub const MAX_CONNECTIONS: usize = 256;
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            connect_timeout: Duration::from_secs(20),
            first_byte_timeout: Duration::from_secs(60),
            lowest_speed: 1_000,
            speed_window: Duration::from_secs(30),
            attempts: 6,
            backoff: Duration::from_millis(500),
            longest_backoff: Duration::from_secs(60),
            user_agent: concat!("mirror/", env!("CARGO_PKG_VERSION")).to_owned(),
            trust: Trust::System,
            proxies: Vec::new(),
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The scheme of the URLs that go through it; `None` for all.
    pub scheme: Option<String>,
    /// The proxy, with user and password where it asks for them.
    pub url: Url,
    /// Hosts that are reached without it, in the form of the variable `no_proxy`.
    pub except: Option<String>,
}

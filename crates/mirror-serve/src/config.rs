//! What a server is told, and every bound that it keeps.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::event::{Event, Observer};

/// The size of the pieces, in bytes, in which a file is read and sent. A connection holds one at a
/// time, so this and the number of connections bound the memory of bodies. Smaller ones cost
/// system calls, larger ones fall out of the processor's cache between reading and sending.
pub const BODY_CHUNK: usize = 128 * 1024;

/// The most bytes that a request's line and headers may have together; more is answered 431.
/// Room for [`MAX_RANGES`] ranges of ten-digit offsets.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The most headers that a request may have; more is answered 431.
pub const MAX_HEADERS: usize = 64;

/// The most ranges that one request may ask for; beyond it the whole file is sent. librepo, which
/// fetches the missing chunks of zchunk files for dnf, asks for 256 at most, and for fewer after a
/// 200 (`max_ranges` in its `downloader.c`).
pub const MAX_RANGES: usize = 512;

/// The most entries of one folder that a listing shows, the first by name; a last line says that
/// there are more. The largest folders of real repositories hold some 60,000 packages.
pub const MAX_LISTED: usize = 100_000;

/// The most entries that all listings on their way hold together (about 100 bytes each); a listing
/// that would pass it is answered 503 with `Retry-After`.
pub const LISTING_BUDGET: usize = 1_000_000;

/// What to serve, and the bounds that a site may want to move.
#[derive(Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The folder whose content is served. It may itself be, or lie below, a symbolic link; below
    /// it none is followed.
    pub root: PathBuf,
    /// The most connections at once (default 1,024); further ones wait in the system's queue. Where
    /// the process may not open three files for each, fewer are taken: 320 under the usual limit of
    /// 1,024 open files. When seven of eight are taken, answers end with `Connection: close`, so
    /// that clients that idle make room.
    pub max_connections: usize,
    /// How long a client may take to send a request's head, and how long a connection may idle
    /// before it (default 30 s). Then it is closed.
    pub head_timeout: Duration,
    /// How long a client may take no byte of a response before it is closed (default 60 s). A slow
    /// client is served for as long as it takes something.
    pub stall_timeout: Duration,
    /// How long responses on their way may go on after a shutdown was asked for (default 10 s).
    pub shutdown_grace: Duration,
    pub(crate) observer: Option<Observer>,
}

impl ServerConfig {
    /// Serves `root`, with the defaults for all else.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            max_connections: 1024,
            head_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_mins(1),
            shutdown_grace: Duration::from_secs(10),
            observer: None,
        }
    }

    /// Calls `observer` after each response and at each fault. It runs on the threads that serve:
    /// it should return at once.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("root", &self.root)
            .field("max_connections", &self.max_connections)
            .field("head_timeout", &self.head_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("shutdown_grace", &self.shutdown_grace)
            .finish_non_exhaustive()
    }
}

//! The listening socket and the life of its connections.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::config::{LISTING_BUDGET, MAX_HEAD_BYTES, MAX_HEADERS, ServerConfig};
use crate::event::Event;
use crate::respond::{Shared, answer};
use crate::socket::Socket;
use crate::tree::Root;

/// The pause after a connection could not be taken, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Descriptors of the process that are not for connections: the runtime's, the caller's.
const SPARE_DESCRIPTORS: u64 = 64;

/// Descriptors that a connection may hold: its socket, and two while a path is walked.
const DESCRIPTORS_EACH: u64 = 3;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The root is missing, is no folder, or may not be entered.
    #[error("cannot serve {}, expected a folder that can be opened", path.display())]
    Root {
        /// The root as it was configured, made absolute.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The address is taken, or not one of this host.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A server that has its address and may already be connected to; [`Server::run`] answers.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
    shared: Arc<Shared>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The connections that were still busy when the grace was over, and were cut.
    pub cut: usize,
}

impl Server {
    /// Takes `address` (port 0 for any free one), after a look at whether the root is there. It is
    /// opened anew at each request; one that goes missing later is answered 503.
    pub async fn bind(address: SocketAddr, config: ServerConfig) -> Result<Self, BindError> {
        let root = |path: PathBuf, source| BindError::Root { path, source };
        let path = std::path::absolute(&config.root)
            .map_err(|source| root(config.root.clone(), source))?;
        let tree = Root::new(path.clone());
        tree.open().map_err(|errno| root(path, io::Error::from(errno)))?;
        let listen = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let slots = slots(config.max_connections);
        let shared = Arc::new(Shared {
            root: tree,
            observer: config.observer.clone(),
            slots: Arc::new(Semaphore::new(slots)),
            scarce: slots / 8,
            listings: Arc::new(Semaphore::new(LISTING_BUDGET)),
        });
        Ok(Self { listener, address, config, shared })
    }

    /// The address that is listened on, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then takes no more connections, lets idle ones go and
    /// gives responses on their way [`ServerConfig::shutdown_grace`]. Dropping the future ends
    /// everything at once.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Stopped {
        let mut shutdown = pin!(shutdown);
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer, slot) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                taken = self.take() => taken,
            };
            while connections.try_join_next().is_some() {}
            let connection = self.connection(stream, peer);
            let connection = graceful.watch(connection);
            connections.spawn(async move {
                // Its errors are a client's doing, and end this connection alone.
                let _ = connection.await;
                drop(slot);
            });
        }
        drop(self.listener);
        let grace = tokio::time::timeout(self.config.shutdown_grace, graceful.shutdown()).await;
        while connections.try_join_next().is_some() {}
        // Within the grace all have ended, though some of their tasks may yet have to be seen to.
        let cut = grace.map_or_else(|_| connections.len(), |()| 0);
        connections.shutdown().await;
        Stopped { cut }
    }

    /// Waits for a free slot, then for a client.
    async fn take(&self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let slot = Arc::clone(&self.shared.slots).acquire_owned().await;
            match (self.listener.accept().await, slot) {
                (Ok((stream, peer)), Ok(slot)) => {
                    // Else the end of each small response waits for the client's delayed
                    // acknowledgement. Where it is refused, all still works.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer, slot);
                }
                (Err(error), _) => {
                    if let Some(observer) = &self.shared.observer {
                        observer(&Event::AcceptFailed(error));
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                // The slots are never closed.
                (Ok(_), Err(_)) => {}
            }
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + use<>
    {
        let shared = Arc::clone(&self.shared);
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.config.head_timeout)
            .max_headers(MAX_HEADERS)
            // Bounds the head, and keeps hyper from asking for a second piece of a body while the
            // first is unsent.
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(
                Socket::new(stream, self.config.stall_timeout),
                service_fn(move |request| answer(Arc::clone(&shared), peer, request)),
            )
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("root", &self.shared.root.path())
            .finish_non_exhaustive()
    }
}

/// How many connections there may be at once: `wanted`, or what the limit of open files allows.
fn slots(wanted: usize) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let allowed =
        limit.map_or(u64::MAX, |limit| limit.saturating_sub(SPARE_DESCRIPTORS) / DESCRIPTORS_EACH);
    wanted.min(usize::try_from(allowed).unwrap_or(usize::MAX)).clamp(1, Semaphore::MAX_PERMITS)
}

//! The embedded HTTP server of `mirror`: what `mirror serve` runs where no nginx is at hand.
//!
//! It serves the files below one *root* to dnf, pip, uv, curl and browsers, over HTTP/1.1:
//!
//! * `GET` and `HEAD`, conditional requests, byte ranges (several at once too), folder listings;
//! * pages of a Python index as HTML or JSON, by what the client accepts (PEP 691);
//! * straight from the file system, as it stands at each request: publication is a rename, so
//!   there is nothing to reload and no cache to go stale. A response keeps the file that it opened:
//!   one that is replaced meanwhile is still sent whole, one that is cut short ends the connection;
//! * never anything outside the root: a request's path must be a [`RepoPath`], so it holds no `..`
//!   and no name that begins with `.mirror`, and below the root no symbolic link is followed.
//!   Only regular files and folders exist for it.
//!
//! Memory and time are bounded whatever the clients do; [`ServerConfig`] lists the bounds.
//! TLS, uploads, users and virtual hosts are a front server's task.
//!
//! ```no_run
//! # async fn serve() -> Result<(), mirror_serve::BindError> {
//! use mirror_serve::{Event, Server, ServerConfig};
//!
//! let config = ServerConfig::new("/srv/mirror").on_event(|event| {
//!     if let Event::Answered(access) = event {
//!         eprintln!("{access}");
//!     }
//! });
//! let server = Server::bind("0.0.0.0:8080".parse().expect("an address"), config).await?;
//! let stopped = server.run(std::future::pending()).await;
//! assert_eq!(stopped.cut, 0);
//! # Ok(()) }
//! ```
//!
//! [`RepoPath`]: mirror_core::path::RepoPath
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod body;
mod conditional;
mod config;
mod event;
mod listing;
mod media_type;
mod negotiate;
mod range;
mod respond;
mod server;
mod socket;
mod target;
mod time;
mod tree;

pub use config::ServerConfig;
pub use config::{BODY_CHUNK, LISTING_BUDGET, MAX_HEAD_BYTES, MAX_HEADERS, MAX_LISTED, MAX_RANGES};
pub use event::{Access, BodyEnd, Event};
pub use server::{BindError, Server, Stopped};

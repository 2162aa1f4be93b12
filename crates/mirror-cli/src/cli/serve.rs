//! The arguments of `mirror serve`.

use std::net::SocketAddr;

use clap::{Args, ValueHint};

use super::shared::Place;
use super::values::listen_address;

pub(super) const ABOUT: &str = "\
Serve the mirrors over HTTP

Serves the published trees, and nothing of the mirror's own state, to dnf, pip, uv, curl and browsers, \
on every address of this host unless --listen says otherwise. Prints the trees' URLs and the \
configuration of the clients: a .repo file, and those of pip and uv. A sync may run meanwhile.";

/// `mirror serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", env = "MIRROR_LISTEN", hide_env_values = true)]
    #[arg(default_value = "0.0.0.0:8080", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// How nodes reach this server [default: http://, this host's address, and the port]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) base_url: Option<url::Url>,
    /// Write a line for each request to standard error
    #[arg(long)]
    pub(crate) access_log: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

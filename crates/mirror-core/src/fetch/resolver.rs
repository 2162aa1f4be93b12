//! Names from the host's `hosts` and `resolv.conf`, and from nowhere else.
//!
//! A static binary must not load the host's NSS modules (another glibc's), and a mirror's host must
//! not ask a public server that its administrator did not name: where `resolv.conf` is absent or
//! lists nobody, only `hosts` answers.

use std::net::SocketAddr;
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UnknownHost(String);

/// The resolver; the files are read when the first name is asked for.
#[derive(Clone, Default)]
pub(super) struct HostResolver(Arc<OnceCell<TokioResolver>>);

impl Resolve for HostResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let cell = Arc::clone(&self.0);
        Box::pin(async move {
            let resolver = cell.get_or_try_init(|| async { build() }).await?;
            let found = resolver.lookup_ip(name.as_str()).await.map_err(|error| {
                // The resolver's own words are of queries and records.
                let name = name.as_str();
                UnknownHost(if error.is_no_records_found() {
                    format!("host {name} not found")
                } else {
                    format!("cannot look up host {name}: {error}")
                })
            })?;
            let addresses: Vec<_> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn build() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let (config, mut options) =
        hickory_resolver::system_conf::read_system_conf().unwrap_or_else(|_| {
            (ResolverConfig::from_parts(None, Vec::new(), Vec::new()), ResolverOpts::default())
        });
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
}

//! The HTTP clients of a run: one for each way to make a connection, made when it is first used.
//!
//! Certificates are read for the first https connection and not before: a run over plain http, or
//! one that finds nothing to do, opens none of those files.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect;
use tower_layer::layer_fn;
use tower_service::Service;
use url::Url;

use super::access::{Route, Terms};
use super::resolver::HostResolver;
use super::tls::Handshakes;
use super::{ClientCertificate, Options, Trust, tls};
use crate::error::{Error, Result};

/// The clients, and what they are made of.
pub(super) struct Agents {
    options: Options,
    resolver: HostResolver,
    proxies: Vec<(Matcher, Url)>,
    made: Mutex<Vec<(Setup, Agent)>>,
}

/// A client, and what its connections tell.
#[derive(Clone)]
pub(super) struct Agent {
    pub(super) client: reqwest::Client,
    pub(super) handshakes: Arc<Handshakes>,
    connections: Arc<AtomicU64>,
}

impl Agent {
    /// Connections begun so far. Where a request begins none, it goes over one that was there.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Counts the connections that are begun.
#[derive(Clone)]
struct Counted<S> {
    connect: S,
    connections: Arc<AtomicU64>,
}

impl<R, S: Service<R>> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connect.poll_ready(context)
    }

    fn call(&mut self, to: R) -> S::Future {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connect.call(to)
    }
}

/// How connections are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) proxy: Option<Url>,
    tls: Option<Tls>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tls {
    trust: Trust,
    client_certificate: Option<ClientCertificate>,
}

impl Setup {
    /// Whether the client shows a certificate where it is asked for one.
    pub(super) fn shows_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_certificate.is_some())
    }
}

impl std::fmt::Debug for Agents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agents").finish_non_exhaustive()
    }
}

impl Agents {
    pub(super) fn new(options: &Options) -> Self {
        let proxies = options.proxies.iter().map(|proxy| {
            // Only whether it is for a URL is asked: the password stays here.
            let (some, builder) = ("http://proxy.invalid", Matcher::builder());
            let builder = match proxy.scheme.as_deref() {
                Some("http") => builder.http(some),
                Some("https") => builder.https(some),
                _ => builder.all(some),
            };
            let except = proxy.except.as_deref().unwrap_or_default().to_owned();
            (builder.no(except).build(), proxy.url.clone())
        });
        Self {
            proxies: proxies.collect(),
            options: options.clone(),
            resolver: HostResolver::default(),
            made: Mutex::default(),
        }
    }

    /// How `url` is reached.
    pub(super) fn setup(&self, url: &Url, terms: &Terms) -> Setup {
        let proxy = match &terms.route {
            Some(Route::Direct) => None,
            Some(Route::Proxy(proxy)) => Some(proxy.clone()),
            None => self.proxy(url),
        };
        let is_tls =
            [Some(url), proxy.as_ref()].into_iter().flatten().any(|u| u.scheme() == "https");
        let tls = is_tls.then(|| Tls {
            trust: terms.trust.clone().unwrap_or_else(|| self.options.trust.clone()),
            client_certificate: terms.client_certificate.clone(),
        });
        Setup { proxy, tls }
    }

    fn proxy(&self, url: &Url) -> Option<Url> {
        if self.proxies.is_empty() {
            return None;
        }
        let uri: http::Uri = url.as_str().parse().ok()?;
        let (_, proxy) =
            self.proxies.iter().find(|(matcher, _)| matcher.intercept(&uri).is_some())?;
        Some(proxy.clone())
    }

    /// The client for `setup`.
    pub(super) fn get(&self, setup: &Setup) -> Result<Agent> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = made.iter().find(|(known, _)| known == setup) {
            return Ok(agent.clone());
        }
        let agent = self.make(setup)?;
        made.push((setup.clone(), agent.clone()));
        Ok(agent)
    }

    fn make(&self, setup: &Setup) -> Result<Agent> {
        let (handshakes, connections) = (Arc::<Handshakes>::default(), Arc::default());
        let tls = match &setup.tls {
            None => tls::none()?,
            Some(Tls { trust, client_certificate }) => {
                tls::config(trust, client_certificate.as_ref(), Arc::clone(&handshakes))?
            }
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(self.resolver.clone())
            .user_agent(&self.options.user_agent)
            .connect_timeout(self.options.connect_timeout)
            .connector_layer(layer_fn({
                let connections = Arc::clone(&connections);
                move |connect| Counted { connect, connections: Arc::clone(&connections) }
            }))
            // Each step is a request of its own: another host has other credentials.
            .redirect(redirect::Policy::none())
            .http1_only()
            // Some old servers fold long headers (RFC 9112, section 5.2).
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .tcp_nodelay(true)
            .referer(false)
            // Artifacts are taken as they are, whatever another crate switches on in this one.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            // Proxies come from the options: a library does not read the environment.
            .no_proxy();
        if let Some(proxy) = &setup.proxy {
            let proxy = reqwest::Proxy::all(proxy.clone());
            builder =
                builder.proxy(proxy.map_err(|error| Error::Client(error.without_url().into()))?);
        }
        let client = builder.build().map_err(|error| Error::Client(error.into()))?;
        Ok(Agent { client, handshakes, connections })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Proxy;

    #[test]
    fn takes_the_proxy_that_a_url_fits_and_goes_directly_where_none_does() {
        let proxy = |scheme: Option<&str>, url: &str, except: Option<&str>| Proxy {
            scheme: scheme.map(Into::into),
            url: url.parse().unwrap(),
            except: except.map(Into::into),
        };
        let except = Some("localhost,.inside.example,10.0.0.0/8");
        let agents = Agents::new(&Options {
            proxies: vec![
                proxy(Some("http"), "http://one:1", except),
                proxy(None, "http://all:2", except),
            ],
            ..Options::default()
        });
        let proxy_of = |url: &str, terms: &Terms| {
            let found = agents.setup(&url.parse().unwrap(), terms).proxy;
            found.map(|proxy| proxy.host_str().unwrap().to_owned())
        };
        for (url, proxy) in [
            ("http://out.example/", Some("one")),
            ("https://out.example/", Some("all")),
            ("http://a.inside.example/", None),
            ("https://10.1.2.3/", None),
            ("http://localhost:81/", None),
        ] {
            assert_eq!(proxy_of(url, &Terms::default()).as_deref(), proxy, "{url}");
        }
        let direct = Terms { route: Some(Route::Direct), ..Terms::default() };
        assert_eq!(proxy_of("http://out.example/", &direct), None);
    }

    #[test]
    fn reads_no_certificate_for_plain_http() {
        let options = Options {
            trust: Trust::Only(vec!["/nonexistent/ca.pem".into()]),
            ..Options::default()
        };
        let agents = Agents::new(&options);
        let client = |url: &str| {
            agents.get(&agents.setup(&url.parse().unwrap(), &Terms::default())).map(drop)
        };
        assert!(client("http://h.example/").is_ok());
        let error = client("https://h.example/").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/ca.pem"), "{error}");
    }
}

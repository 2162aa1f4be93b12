//! With what a host is asked: login, headers, client certificate, authorities, proxy.
//!
//! Each [`Access`] holds for a [`Scope`]; for a request every setting comes from the narrowest scope
//! that covers its URL and has it, and among equals from the first; those that yield come after all
//! others. It is looked up anew for each step of a redirect, so nothing goes to a host that it was not
//! given for.

use std::cmp::Reverse;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::Trust;
use crate::error::{Error, Kind, Result};

/// What holds for requests within a scope. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Which requests.
    pub scope: Scope,
    /// User and password, or a token. A user in the URL itself goes before it.
    pub login: Option<Login>,
    /// Headers that are sent as well.
    pub headers: Vec<(String, String)>,
    /// The certificate that the client shows.
    pub client_certificate: Option<ClientCertificate>,
    /// The authorities that are trusted, in place of [`Options::trust`](super::Options::trust).
    pub trust: Option<Trust>,
    /// The way there, in place of [`Options::proxies`](super::Options::proxies).
    pub route: Option<Route>,
    /// Whether `trust` and `route` hold too for the mirrors that a list within the scope names, and for
    /// the hosts that it redirects to. The rest never does: who hands out the list does not say who
    /// gets a password.
    pub with_mirrors: bool,
    /// Whether it counts only where no other has a setting, however wide that one's scope: for what
    /// somebody meant for some of a server's files, and which others of them have to be reached too.
    pub yields: bool,
}

/// Which requests: those whose URL has all that is set here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    scheme: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    /// Without a slash at its end.
    path: String,
}

/// What shows who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// User and password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token (RFC 6750).
    Bearer(String),
}

/// A client certificate, in PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, with those that lead to its authority behind it.
    pub certificate: PathBuf,
    /// Its key; `None` where it lies in the same file.
    pub key: Option<PathBuf>,
}

/// The way to a host.
#[derive(Clone, PartialEq, Eq)]
pub enum Route {
    /// Without a proxy.
    Direct,
    /// Through this proxy, with user and password in the URL where it asks for them.
    Proxy(Url),
}

impl Scope {
    /// All requests.
    pub fn any() -> Self {
        Self::default()
    }

    /// All to a host, at any port where none is given.
    pub fn host(name: &str, port: Option<u16>) -> Self {
        let host = Some(name.trim_matches(['[', ']']).to_ascii_lowercase());
        Self { host, port, ..Self::default() }
    }

    /// Those to the scheme, host and port of `url`, for its path and what lies below.
    pub fn below(url: &Url) -> Self {
        Self {
            scheme: Some(url.scheme().to_owned()),
            host: host(url),
            port: url.port_or_known_default(),
            path: url.path().trim_end_matches('/').to_owned(),
        }
    }

    fn covers(&self, url: &Url) -> bool {
        let is = |own: Option<&str>, other: Option<&str>| own.is_none_or(|own| Some(own) == other);
        let below = |path: &str| path.is_empty() || path.starts_with('/');
        is(self.host.as_deref(), host(url).as_deref())
            && is(self.scheme.as_deref(), Some(url.scheme()))
            && self.port.is_none_or(|port| Some(port) == url.port_or_known_default())
            && url.path().strip_prefix(&*self.path).is_some_and(below)
    }

    /// The higher, the narrower.
    fn narrowness(&self) -> (usize, bool, bool, bool) {
        (self.path.len(), self.port.is_some(), self.scheme.is_some(), self.host.is_some())
    }
}

/// The host without the brackets of an IPv6 address.
fn host(url: &Url) -> Option<String> {
    url.host_str().map(|host| host.trim_matches(['[', ']']).to_ascii_lowercase())
}

/// With what one request is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) client_certificate: Option<ClientCertificate>,
    pub(super) trust: Option<Trust>,
    pub(super) route: Option<Route>,
}

impl Terms {
    /// With what `others` have besides.
    pub(super) fn or(mut self, others: Self) -> Self {
        for (name, value) in others.headers {
            if !self.headers.iter().any(|(known, _)| *known == name) {
                self.headers.push((name, value));
            }
        }
        self.client_certificate = self.client_certificate.or(others.client_certificate);
        self.trust = self.trust.or(others.trust);
        self.route = self.route.or(others.route);
        self
    }
}

/// All accesses of a run.
#[derive(Debug)]
pub(super) struct Accesses(RwLock<Vec<Rule>>);

/// An access with its headers made.
#[derive(Debug, Clone)]
struct Rule {
    access: Arc<Access>,
    authorization: Option<HeaderValue>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Accesses {
    pub(super) fn new(accesses: &[Access]) -> Result<Self> {
        let mut rules = accesses.iter().map(Rule::new).collect::<Result<Vec<_>>>()?;
        rules.sort_by_key(Rule::order);
        Ok(Self(RwLock::new(rules)))
    }

    /// With what `url` is asked for.
    pub(super) fn terms(&self, url: &Url) -> Result<Terms> {
        let mut terms = Terms::default();
        let login = Login::of(url).map(|login| login.header()).transpose();
        let mut authorization = login.map_err(|reason| wrong(url, reason))?;
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for Rule { access, authorization: own, headers } in
            rules.iter().filter(|rule| rule.access.scope.covers(url))
        {
            authorization = authorization.or_else(|| own.clone());
            for (name, value) in headers {
                if !terms.headers.iter().any(|(known, _)| known == name) {
                    terms.headers.push((name.clone(), value.clone()));
                }
            }
            terms.client_certificate =
                terms.client_certificate.or_else(|| access.client_certificate.clone());
            terms.trust = terms.trust.or_else(|| access.trust.clone());
            terms.route = terms.route.or_else(|| access.route.clone());
        }
        if let Some(value) = authorization {
            terms.headers.retain(|(name, _)| name != reqwest::header::AUTHORIZATION);
            terms.headers.push((reqwest::header::AUTHORIZATION, value));
        }
        Ok(terms)
    }

    /// How what `list` names or sends on to is reached: as it is itself, without what shows who asks.
    pub(super) fn way_from(&self, list: &Url) -> Terms {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner);
        leading(&rules, list).map_or_else(Terms::default, |lead| Terms {
            trust: lead.trust.clone(),
            route: lead.route.clone(),
            ..Terms::default()
        })
    }

    /// Lets the way to a list be the way to the mirrors that it names.
    pub(super) fn lead(&self, list: &Url, mirrors: &[Url]) {
        let mut rules = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(lead) = leading(&rules, list) else { return };
        for mirror in mirrors {
            let access = Access {
                scope: Scope::below(mirror),
                trust: lead.trust.clone(),
                route: lead.route.clone(),
                yields: lead.yields,
                ..Access::default()
            };
            let rule = Rule { access: Arc::new(access), authorization: None, headers: Vec::new() };
            if !rules.iter().any(|known| known.access == rule.access) {
                rules.push(rule);
            }
        }
        rules.sort_by_key(Rule::order);
    }
}

/// The narrowest access to a list that holds for what it names too.
fn leading(rules: &[Rule], list: &Url) -> Option<Arc<Access>> {
    let leads = |rule: &&Rule| {
        let Access { with_mirrors, trust, route, scope, .. } = &*rule.access;
        *with_mirrors && (trust.is_some() || route.is_some()) && scope.covers(list)
    };
    rules.iter().find(leads).map(|rule| Arc::clone(&rule.access))
}

impl Rule {
    fn new(access: &Access) -> Result<Self> {
        let of = access.scope.host.as_deref().unwrap_or("any host");
        let wrong = |reason: String| Error::Access { of: of.to_owned(), reason };
        let authorization = access.login.as_ref().map(Login::header).transpose();
        let headers = access.headers.iter().map(|(name, value)| {
            let named = HeaderName::try_from(name.as_str())
                .map_err(|_| wrong(format!("{name:?} is no name of a header")))?;
            let mut value = HeaderValue::try_from(value.as_str())
                .map_err(|_| wrong(format!("the value of the header {name} is not printable")))?;
            value.set_sensitive(true);
            Ok((named, value))
        });
        let headers = headers.collect::<Result<_>>()?;
        let authorization = authorization.map_err(|reason| wrong(reason.to_owned()))?;
        Ok(Self { access: Arc::new(access.clone()), authorization, headers })
    }

    /// The least first.
    fn order(&self) -> impl Ord + use<> {
        (self.access.yields, Reverse(self.access.scope.narrowness()))
    }
}

/// A URL's own login may be upstream's word, in a redirect or a list of mirrors: so it is no fault of
/// this host's, which would end the whole run.
fn wrong(url: &Url, reason: &str) -> Error {
    let (url, reason) = (crate::error::redact(url), reason.to_owned());
    Error::Protocol { url, kind: Kind::Other, reason }
}

impl Login {
    /// The user and password that stand in a URL.
    pub fn of(url: &Url) -> Option<Self> {
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let plain = |text: &str| {
            let bytes = percent_encoding::percent_decode_str(text);
            bytes.decode_utf8_lossy().into_owned()
        };
        let password = plain(url.password().unwrap_or(""));
        Some(Self::Basic { user: plain(url.username()), password })
    }

    fn header(&self) -> Result<HeaderValue, &'static str> {
        use base64::Engine as _;
        let text = match self {
            Self::Basic { user, .. } if user.contains(':') => {
                return Err("a user's name has no colon (RFC 7617)");
            }
            Self::Basic { user, password } => {
                let pair = format!("{user}:{password}");
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::try_from(text)
            .map_err(|_| "the token has characters that are not printable")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
        })
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("Direct"),
            Self::Proxy(url) => write!(f, "Proxy({})", crate::error::redact(url)),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Access")
            .field("scope", &self.scope)
            .field("login", &self.login)
            .field("headers", &names)
            .field("client_certificate", &self.client_certificate)
            .field("trust", &self.trust)
            .field("route", &self.route)
            .field("with_mirrors", &self.with_mirrors)
            .field("yields", &self.yields)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn bearer(scope: Scope, token: &str) -> Access {
        Access { scope, login: Some(Login::Bearer(token.into())), ..Access::default() }
    }

    fn authorization(accesses: &Accesses, text: &str) -> Option<String> {
        let terms = accesses.terms(&url(text)).unwrap();
        let (_, value) = terms.headers.into_iter().find(|(name, _)| name == "authorization")?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_narrowest_scope_that_has_it_wins() {
        let ca = Some(Trust::Only(vec!["ca.pem".into()]));
        let accesses = Accesses::new(&[
            bearer(Scope::any(), "default"),
            Access { trust: ca.clone(), ..bearer(Scope::host("H.example", None), "host") },
            bearer(Scope::host("h.example", Some(8443)), "port"),
            bearer(Scope::below(&url("https://h.example/a/b/")), "path"),
            bearer(Scope::host("h.example", None), "second"),
        ])
        .unwrap();
        for (text, token) in [
            ("http://other/", "default"),
            ("https://h.example/a", "host"),
            ("https://h.example:8443/a/b/c", "port"),
            ("https://h.example/a/b/c", "path"),
            ("https://h.example/a/b", "path"),
            ("https://h.example/a/bc", "host"),
            ("http://h.example/a/b/c", "host"),
        ] {
            assert_eq!(authorization(&accesses, text), Some(format!("Bearer {token}")), "{text}");
        }
        // What the narrow one does not say, a wider one says.
        let narrow = accesses.terms(&url("https://h.example/a/b/c")).unwrap();
        assert_eq!(narrow.trust, ca);
        let own = authorization(&accesses, "https://me:p%40ss@h.example/a/b/c");
        assert_eq!(own.as_deref(), Some("Basic bWU6cEBzcw=="));
    }

    #[test]
    fn what_yields_counts_where_no_other_says_anything() {
        let trust = |name: &str| Some(Trust::Only(vec![name.into()]));
        let yielding = Access {
            scope: Scope::below(&url("https://h.example:8443/")),
            trust: trust("derived.pem"),
            with_mirrors: true,
            yields: true,
            ..Access::default()
        };
        let said = |name: &str| Access {
            scope: Scope::host(name, None),
            trust: trust("said.pem"),
            ..Access::default()
        };
        let of = |accesses: &Accesses, text: &str| accesses.terms(&url(text)).unwrap().trust;
        let accesses = Accesses::new(&[yielding.clone(), said("files.example")]).unwrap();
        assert_eq!(of(&accesses, "https://h.example:8443/a"), trust("derived.pem"));
        // Where it leads to as well.
        let files = [url("https://files.example"), url("https://more.example")];
        accesses.lead(&url("https://h.example:8443/a"), &files);
        assert_eq!(of(&accesses, "https://files.example/a"), trust("said.pem"));
        assert_eq!(of(&accesses, "https://more.example/a"), trust("derived.pem"));
        let accesses = Accesses::new(&[yielding, said("h.example")]).unwrap();
        assert_eq!(of(&accesses, "https://h.example:8443/a"), trust("said.pem"));
    }

    #[test]
    fn a_login_of_a_url_that_is_none_is_no_fault_of_this_host() {
        let accesses = Accesses::new(&[]).unwrap();
        let error = accesses.terms(&url("http://a%3Ab:secret@h.example/")).unwrap_err();
        assert!(!error.is_local());
        let said = "http://h.example/: a user's name has no colon (RFC 7617)";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn the_mirrors_of_a_list_are_reached_as_it_is_and_get_no_password() {
        let lead = Access {
            route: Some(Route::Proxy(url("http://proxy:3128"))),
            with_mirrors: true,
            ..bearer(Scope::below(&url("https://lists.example/metalink")), "secret")
        };
        let accesses = Accesses::new(&[lead]).unwrap();
        accesses.lead(&url("https://lists.example/metalink?repo=x"), &[url("https://m/x/")]);
        let terms = accesses.terms(&url("https://m/x/repodata/repomd.xml")).unwrap();
        assert_eq!(terms.route, Some(Route::Proxy(url("http://proxy:3128"))));
        assert!(terms.headers.is_empty());
        let terms = accesses.way_from(&url("https://lists.example/metalink?repo=y"));
        assert!(terms.route.is_some() && terms.headers.is_empty());
        assert_eq!(accesses.way_from(&url("https://lists.example/other")).route, None);
    }

    #[test]
    fn shows_no_secret() {
        let access = Access {
            headers: vec![("X-Key".into(), "secret".into())],
            route: Some(Route::Proxy(url("http://me:secret@proxy"))),
            login: Some(Login::Basic { user: "me".into(), password: "secret".into() }),
            ..bearer(Scope::any(), "secret")
        };
        let shown = format!("{access:?} {:?}", Accesses::new(std::slice::from_ref(&access)));
        assert!(!shown.contains("secret"), "{shown}");
        let odd = Access { headers: vec![("X-Key".into(), "se\ncret".into())], ..access };
        let error = Accesses::new(&[odd]).unwrap_err().to_string();
        assert_eq!(error, "access to any host: the value of the header X-Key is not printable");
    }
}

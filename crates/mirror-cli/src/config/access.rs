//! With what hosts are asked: `[[host]]` of `mirror.toml`, and what a `.repo` file says of the way
//! to its repository.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use mirror_core::fetch::{Access, ClientCertificate, Login, Route, Scope, Trust};
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::repofile::Section;
use mirror_core::source::rpm::Location;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use url::Url;

use super::error::ConfigError;
use super::values::without_password;

/// `[[host]]`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostSection {
    host: String,
    username: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    token: Option<Secret>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    proxy: Option<Secret>,
}

impl HostSection {
    /// Whether the file itself holds what nobody else should read.
    pub(super) fn has_secret(&self) -> bool {
        let of_proxy = self.proxy.as_ref().is_some_and(|proxy| proxy.0.contains('@'));
        self.password.is_some() || self.token.is_some() || !self.headers.is_empty() || of_proxy
    }

    /// Relative paths start from `folder`.
    pub(super) fn access(self, folder: &Path) -> Result<Access, ConfigError> {
        let of = format!("host {:?}", without_password(&self.host));
        let wrong = |reason: &str| ConfigError::Access { of: of.clone(), reason: reason.into() };
        let password = secret(self.password, self.password_file, folder, "password", &wrong)?;
        let token = secret(self.token, self.token_file, folder, "token", &wrong)?;
        let login = match (self.username, password, token) {
            (None, None, None) => None,
            (None, None, Some(token)) => Some(Login::Bearer(token)),
            (Some(user), Some(password), None) => Some(Login::Basic { user, password }),
            (Some(_), None, None) => return Err(wrong("`username` needs a `password`")),
            (None, Some(_), None) => return Err(wrong("`password` needs a `username`")),
            (_, _, Some(_)) => return Err(wrong("`token` stands in place of user and password")),
        };
        let certificate = |path: PathBuf| ClientCertificate {
            certificate: folder.join(path),
            key: self.client_key.as_ref().map(|key| folder.join(key)),
        };
        if self.client_key.is_some() && self.client_cert.is_none() {
            return Err(wrong("`client_key` needs a `client_cert`"));
        }
        let route = self.proxy.map(|proxy| route(&proxy.0)).transpose();
        Ok(Access {
            scope: scope(&self.host).ok_or_else(|| {
                wrong("expected a name, a name and a port, or a URL, such as packages.example.com")
            })?,
            login,
            headers: self.headers.into_iter().map(|(name, value)| (name, value.0)).collect(),
            client_certificate: self.client_cert.map(certificate),
            trust: self.ca_file.map(|file| Trust::Only(vec![folder.join(file)])),
            route: route.map_err(|reason| wrong(&format!("`proxy`: {reason}")))?,
            with_mirrors: false,
            yields: false,
        })
    }
}

fn secret(
    inline: Option<Secret>,
    file: Option<PathBuf>,
    folder: &Path,
    name: &str,
    wrong: &impl Fn(&str) -> ConfigError,
) -> Result<Option<String>, ConfigError> {
    match (inline, file) {
        (Some(_), Some(_)) => Err(wrong(&format!("both `{name}` and `{name}_file`"))),
        (Some(Secret(text)), None) => Ok(Some(text)),
        (None, None) => Ok(None),
        (None, Some(file)) => {
            let path = folder.join(file);
            let text = fs::read_to_string(&path);
            let text = text.map_err(|source| ConfigError::Read { path, source })?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
    }
}

/// `NAME`, `NAME:PORT` or a URL.
fn scope(host: &str) -> Option<Scope> {
    if host.contains("://") {
        let url = Url::parse(host).ok()?;
        return matches!(url.scheme(), "http" | "https").then(|| Scope::below(&url));
    }
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    // http's own port is left out of what is parsed.
    let port = url.port().or_else(|| host.ends_with(":80").then_some(80));
    plain.then(|| Some(Scope::host(url.host_str()?, port)))?
}

/// A proxy, or `none` (`_none_` in `.repo` files) for the direct way.
fn route(text: &str) -> Result<Route, String> {
    match text.trim() {
        "none" | "_none_" => Ok(Route::Direct),
        url => proxy_url(url).map(Route::Proxy),
    }
}

/// A proxy's URL, with or without `http://`. An error does not show it: it may hold a password.
pub(crate) fn proxy_url(value: &str) -> Result<Url, String> {
    let value = value.trim();
    let full = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&full).map_err(|error| format!("no usable proxy URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(format!("{scheme} proxies are not supported, expected http or https")),
    }
}

/// The keys of a `.repo` file that say how its repository is reached. Values may hold variables, but
/// for user and password.
#[derive(Debug, Default)]
pub(super) struct RepoAccess {
    username: Option<String>,
    password: Option<Secret>,
    client_cert: Option<String>,
    client_key: Option<String>,
    ca_file: Option<String>,
    verify: Option<bool>,
    proxy: Option<Secret>,
    proxy_username: Option<String>,
    proxy_password: Option<Secret>,
}

impl RepoAccess {
    pub(super) fn read(section: &Section) -> Result<Self, FormatError> {
        let get = |key| section.get(key).map(str::to_owned);
        let secret = |key| get(key).map(Secret);
        Ok(Self {
            username: get("username"),
            password: secret("password"),
            client_cert: get("sslclientcert"),
            client_key: get("sslclientkey"),
            ca_file: get("sslcacert"),
            verify: section.boolean("sslverify")?,
            proxy: secret("proxy"),
            proxy_username: get("proxy_username"),
            proxy_password: secret("proxy_password"),
        })
    }

    /// What holds for the URLs of `location`, which is `of`'s.
    pub(super) fn accesses(
        &self,
        location: &Location,
        of: &str,
        put_in: impl Fn(&str) -> Result<String, ConfigError>,
    ) -> Result<Vec<Access>, ConfigError> {
        let wrong = |reason: String| ConfigError::Access { of: of.to_owned(), reason };
        let urls = match location {
            Location::Bases(urls) => &urls[..],
            Location::MirrorList(url) | Location::Metalink(url) => std::slice::from_ref(url),
        };
        if self.verify == Some(false) && urls.iter().any(|url| url.scheme() == "https") {
            return Err(ConfigError::NoVerify { of: of.to_owned() });
        }
        let path = |text: &Option<String>| text.as_deref().map(&put_in).transpose();
        let (certificate, key) = (path(&self.client_cert)?, path(&self.client_key)?);
        let login = self.username.as_ref().map(|user| Login::Basic {
            user: user.clone(),
            password: self.password.as_ref().map(|secret| secret.0.clone()).unwrap_or_default(),
        });
        let access = Access {
            scope: Scope::any(),
            login,
            headers: Vec::new(),
            client_certificate: certificate.map(|certificate| ClientCertificate {
                certificate: certificate.into(),
                key: key.map(PathBuf::from),
            }),
            trust: path(&self.ca_file)?.map(|file| Trust::Only(vec![file.into()])),
            route: self
                .route(&put_in)?
                .transpose()
                .map_err(|reason| wrong(format!("proxy: {reason}")))?,
            with_mirrors: true,
            yields: false,
        };
        if access == (Access { with_mirrors: true, ..Access::default() }) {
            return Ok(Vec::new());
        }
        let scopes = urls.iter().map(Scope::below);
        Ok(scopes.map(|scope| Access { scope, ..access.clone() }).collect())
    }

    fn route(
        &self,
        put_in: impl Fn(&str) -> Result<String, ConfigError>,
    ) -> Result<Option<Result<Route, String>>, ConfigError> {
        let Some(proxy) = &self.proxy else {
            return Ok(None);
        };
        let mut route = route(&put_in(&proxy.0)?);
        if let (Ok(Route::Proxy(url)), Some(user)) = (&mut route, &self.proxy_username) {
            let password = self.proxy_password.as_ref().map(|secret| secret.0.as_str());
            // Both refuse only URLs without a host; a proxy has one.
            let _ = url.set_username(user);
            let _ = url.set_password(password);
        }
        Ok(Some(route))
    }
}

/// A text that is never shown.
pub(super) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SecretVisitor;
        impl Visitor<'_> for SecretVisitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(text.to_owned()))
            }

            // The usual errors show the value.
            fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
                Err(E::custom("invalid type: a number, expected a text in quotes"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
                Err(E::custom("invalid type: a number, expected a text in quotes"))
            }
        }
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Whether others than its owner and group may read a file.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_with_or_without_a_port_or_a_url() {
        let url = |text: &str| Scope::below(&text.parse().unwrap());
        for (text, expected) in [
            ("Packages.example.com", Some(Scope::host("packages.example.com", None))),
            ("packages.example.com:8443", Some(Scope::host("packages.example.com", Some(8443)))),
            ("packages.example.com:80", Some(Scope::host("packages.example.com", Some(80)))),
            ("[::1]:8080", Some(Scope::host("::1", Some(8080)))),
            ("https://h.example/a/", Some(url("https://h.example/a/"))),
            ("ftp://h.example/", None),
            ("h.example/a", None),
            ("me@h.example", None),
            ("a b", None),
        ] {
            assert_eq!(scope(text), expected, "{text}");
        }
    }
}

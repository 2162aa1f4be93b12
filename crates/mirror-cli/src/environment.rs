//! The environment, read here and nowhere else (but for the options that `cli` names): proxies,
//! logins, and the certificates that are trusted.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use mirror_core::fetch::{self, Access, Proxy, Trust};

use crate::config::proxy_url;
use crate::diagnostics::Failure;

/// A variable; one that is empty counts as not set.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The proxies of `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case;
/// as for curl, lower case wins.
pub(crate) fn proxies() -> Result<Vec<Proxy>, Failure> {
    proxies_from(variable)
}

fn proxies_from(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Proxy>, Failure> {
    let either = |name: &str| {
        let upper = name.to_ascii_uppercase();
        let value = variable(name).map(|value| (name.to_owned(), value));
        value.or_else(|| variable(&upper).map(|value| (upper, value)))
    };
    let except = either("no_proxy").map(|(_, value)| value);
    let mut proxies = Vec::new();
    for (name, scheme) in
        [("http_proxy", Some("http")), ("https_proxy", Some("https")), ("all_proxy", None)]
    {
        if let Some((name, value)) = either(name) {
            let url = proxy_url(&value).map_err(|reason| Failure::Variable { name, reason })?;
            proxies.push(Proxy { scheme: scheme.map(Into::into), url, except: except.clone() });
        }
    }
    Ok(proxies)
}

/// The logins of the file that `NETRC` names, else of `~/.netrc` where there is one.
pub(crate) fn netrc() -> Result<Vec<Access>, Failure> {
    let named = variable("NETRC").map(PathBuf::from);
    let usual = || variable("HOME").map(|home| PathBuf::from(home).join(".netrc"));
    let is_named = named.is_some();
    let Some(path) = named.or_else(usual) else {
        return Ok(Vec::new());
    };
    let wrong = |reason: String| Failure::Netrc { path: path.clone(), reason };
    match fs::read_to_string(&path) {
        Ok(text) => fetch::netrc::read(&text).map_err(wrong),
        Err(error) if error.kind() == ErrorKind::NotFound && !is_named => Ok(Vec::new()),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The certificates to trust: those of `--ca-file`, else of `SSL_CERT_FILE` and `SSL_CERT_DIR`, else
/// the system's.
pub(crate) fn trust(ca_files: &[PathBuf]) -> Trust {
    let mut paths = ca_files.to_vec();
    if paths.is_empty() {
        let variables = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
        paths.extend(variables.into_iter().filter_map(variable).map(PathBuf::from));
    }
    if paths.is_empty() { Trust::System } else { Trust::Only(paths) }
}

/// The folder of this user's configuration (XDG base directories).
pub(crate) fn config_home() -> Option<PathBuf> {
    let set = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")))
}

/// The host's architecture, as RPM calls it.
pub(crate) fn host_arch() -> &'static str {
    match env::consts::ARCH {
        "powerpc64" => "ppc64le",
        "x86" => "i686",
        "arm" => "armv7hl",
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(set: &[(&str, &str)]) -> Result<Vec<Proxy>, String> {
        let value = |name: &str| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        proxies_from(value).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_proxies_as_curl_does() {
        let found = proxies(&[
            ("http_proxy", "proxy:3128"),
            ("HTTP_PROXY", "http://other:1"),
            ("HTTPS_PROXY", "http://me:secret@proxy:3129"),
            ("no_proxy", "localhost,.example.com"),
        ])
        .unwrap();
        let urls: Vec<_> = found.iter().map(|proxy| proxy.url.as_str()).collect();
        assert_eq!(urls, ["http://proxy:3128/", "http://me:secret@proxy:3129/"]);
        assert_eq!(found[1].scheme.as_deref(), Some("https"));
        assert_eq!(found[0].except.as_deref(), Some("localhost,.example.com"));
        assert_eq!(proxies(&[]).unwrap(), []);
    }

    #[test]
    fn tells_no_password() {
        let error = proxies(&[("ALL_PROXY", "socks5://me:secret@proxy")]).unwrap_err();
        assert_eq!(error, "ALL_PROXY: socks5 proxies are not supported, expected http or https");
        assert!(
            !proxies(&[("https_proxy", "http://me:secret@:x")]).unwrap_err().contains("secret")
        );
    }
}

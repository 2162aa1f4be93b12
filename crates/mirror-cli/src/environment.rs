//! The environment, read here and nowhere else (but for the options that `cli` names): proxies,
//! logins, the certificates that are trusted, and what pip and uv are configured with.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mirror_core::fetch::{self, Access, Proxy, Trust};

use crate::config::indexes::{self, Text};
use crate::config::{ConfigError, proxy_url};
use crate::diagnostics::Failure;

/// A variable; one that is empty counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The bytes of a variable that is set, if to nothing.
pub(crate) fn bytes(name: &str) -> Option<Vec<u8>> {
    env::var_os(name).map(OsString::into_vec)
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
    trust_from(ca_files, variable)
}

fn trust_from(ca_files: &[PathBuf], variable: impl Fn(&str) -> Option<String>) -> Trust {
    let mut paths = ca_files.to_vec();
    if paths.is_empty() {
        paths.extend(variable("SSL_CERT_FILE").map(PathBuf::from));
        // As for OpenSSL: several folders, and those that are absent hold none.
        let folders = variable("SSL_CERT_DIR");
        let mut folders: Vec<_> = folders.iter().flat_map(env::split_paths).collect();
        folders.retain(|folder| !folder.as_os_str().is_empty());
        if folders.iter().any(|folder| folder.exists()) {
            folders.retain(|folder| folder.exists());
        }
        paths.extend(folders);
    }
    if paths.is_empty() { Trust::System } else { Trust::Only(paths) }
}

/// What pip and uv are configured with on this host.
pub(crate) struct IndexFiles {
    /// pip's files, in the order in which they count.
    pub(crate) pip: Vec<Text>,
    /// uv's.
    pub(crate) uv: Vec<Text>,
}

/// The configuration files of pip and uv that are there.
pub(crate) fn index_files() -> Result<IndexFiles, Failure> {
    let texts = |paths: Vec<PathBuf>| {
        let texts = paths.into_iter().filter_map(|path| match fs::read_to_string(&path) {
            Ok(text) => Some(Ok((path, text))),
            Err(error) if is_absent(&error) => None,
            Err(source) => Some(Err(ConfigError::Read { path, source }.into())),
        });
        texts.collect::<Result<Vec<Text>, Failure>>()
    };
    let pip = texts(indexes::pip_files(&variable, Path::exists))?;
    Ok(IndexFiles { pip, uv: texts(indexes::uv_files(&variable))? })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The time that what is made is to bear, in seconds since 1970
/// (reproducible-builds.org/specs/source-date-epoch).
pub(crate) fn source_date_epoch() -> Result<Option<i64>, Failure> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let parse = |value: String| {
        let reason = format!("expected seconds since 1970, found {value:?}");
        value.parse().map_err(|_| Failure::Variable { name: NAME.to_owned(), reason })
    };
    variable(NAME).map(parse).transpose()
}

/// The index that the installed pip asks when nobody names one. Python is kept from looking at the
/// working directory, where anything could call itself pip.
pub(crate) fn pip_default_index() -> Option<String> {
    const PRINT: &str = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
    let output = Command::new("python3").args(["-I", "-c", PRINT]).stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    let url = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!url.is_empty()).then_some(url)
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
    fn reads_the_folders_of_certificates_as_openssl_does() {
        let folders = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| folders.path().join(name));
        let absent = folders.path().join("absent");
        let trust = |ca_files: &[PathBuf], file: Option<&str>, dirs: &str| {
            trust_from(ca_files, |name| match name {
                "SSL_CERT_FILE" => file.map(str::to_owned),
                _ => Some(dirs.to_owned()),
            })
        };
        let dirs = format!("{}::{}:{}", one.display(), absent.display(), two.display());
        // Where there is none, they are all named.
        let all = vec![one.clone(), absent, two.clone()];
        assert_eq!(trust(&[], None, &dirs), Trust::Only(all));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&two).unwrap();
        assert_eq!(trust(&[], None, &dirs), Trust::Only(vec![one.clone(), two.clone()]));
        let both = Trust::Only(vec!["ca.pem".into(), one.clone(), two]);
        assert_eq!(trust(&[], Some("ca.pem"), &dirs), both);
        assert_eq!(
            trust(std::slice::from_ref(&one), Some("ca.pem"), &dirs),
            Trust::Only(vec![one])
        );
        assert_eq!(trust(&[], None, ":"), Trust::System);
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

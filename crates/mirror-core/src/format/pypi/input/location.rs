//! Where a file is that says what to mirror, or that it names.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use super::Fault;
use super::shown::{printable, shown};
use crate::error::redact;

/// Where a file or folder is: on this host, or behind a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A path of this host; a relative one starts from the working directory.
    Path(PathBuf),
    /// An `http` or `https` URL.
    Url(Url),
}

impl Location {
    /// Reads a path, a `file:` URL (which becomes a path) or an `http` or `https` URL. Anything with
    /// another scheme is an error; what has none is a path.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |reason: &str| Fault::Url { text: shown(text), reason: reason.to_owned() };
        let Some((scheme, rest)) = split_scheme(text) else {
            if text.is_empty() || text.contains('\0') {
                return Err(wrong("expected a path or a URL"));
            }
            return Ok(Self::Path(PathBuf::from(text)));
        };
        match &*scheme.to_ascii_lowercase() {
            "http" | "https" => {
                Ok(Self::Url(Url::parse(text).map_err(|error| wrong(&error.to_string()))?))
            }
            // As pip: `file:../wheels` is relative.
            "file" if !rest.starts_with('/') => {
                let rest = rest.split(['#', '?']).next().unwrap_or_default();
                let path = percent_decode_str(rest).decode_utf8();
                let path = path.map_err(|_| wrong("expected UTF-8 in the path"))?;
                Ok(Self::Path(PathBuf::from(&*path)))
            }
            "file" => {
                let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
                let path = url.to_file_path();
                Ok(Self::Path(path.map_err(|()| wrong("expected a file of this host"))?))
            }
            _ => Err(wrong("expected a path, or a URL of http, https or file")),
        }
    }

    /// What `reference` means in this file: relative to its folder or URL. A file that came from
    /// elsewhere cannot name one of this host.
    pub fn join(&self, reference: &str) -> Result<Self, Fault> {
        match self {
            Self::Path(path) => match Self::parse(reference)? {
                Self::Path(other) => Ok(Self::Path(normal(&path.with_file_name("").join(other)))),
                url @ Self::Url(_) => Ok(url),
            },
            Self::Url(base) => {
                let text = || shown(reference);
                let joined = base
                    .join(reference)
                    .map_err(|error| Fault::Url { text: text(), reason: error.to_string() })?;
                match joined.scheme() {
                    "http" | "https" => Ok(Self::Url(joined)),
                    _ => Err(Fault::LocalFromRemote { text: text() }),
                }
            }
        }
    }

    /// The last component of the path, percent-decoded where it is a URL's.
    pub fn filename(&self) -> Option<String> {
        match self {
            Self::Path(path) => path.file_name()?.to_str().map(str::to_owned),
            Self::Url(url) => {
                let last = url.path_segments()?.next_back()?;
                let name = percent_decode_str(last).decode_utf8().ok()?;
                (!name.is_empty()).then(|| name.into_owned())
            }
        }
    }

    /// Whether it is behind a URL.
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// The same for all spellings of a path that need no look at the disk.
    pub(crate) fn key(&self) -> Self {
        match self {
            Self::Path(path) => Self::Path(normal(path)),
            Self::Url(url) => {
                let mut url = url.clone();
                url.set_fragment(None);
                Self::Url(url)
            }
        }
    }
}

/// The path without `.`, and without what a `..` takes back.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        let is_name = matches!(out.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if is_name => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// `https` and what comes after the colon; a scheme has two letters at least.
pub(crate) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some((scheme, rest))
}

/// The path as it is, the URL without what must not be shown.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(&printable(&path.to_string_lossy())),
            Self::Url(url) => f.write_str(&redact(url)),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_what_a_file_names_with_its_folder_or_url() {
        let join = |from: &str, to: &str| {
            let joined = Location::parse(from).unwrap().join(to);
            joined.map(|location| location.to_string()).map_err(|fault| fault.to_string())
        };
        assert_eq!(join("a/b.txt", "c.txt").unwrap(), "a/c.txt");
        assert_eq!(join("b.txt", "../c.txt").unwrap(), "../c.txt");
        assert_eq!(join("/a/b.txt", "/c.txt").unwrap(), "/c.txt");
        assert_eq!(join("/a/b.txt", "file:///c%20d.txt").unwrap(), "/c d.txt");
        assert_eq!(join("/a/b.txt", "file:c.txt").unwrap(), "/a/c.txt");
        assert_eq!(join("/a/b.txt", "https://h.example/c.txt").unwrap(), "https://h.example/c.txt");
        assert_eq!(
            join("https://h.example/a/b.txt", "c.txt").unwrap(),
            "https://h.example/a/c.txt"
        );
        assert_eq!(join("https://h.example/a/b.txt", "/c.txt").unwrap(), "https://h.example/c.txt");
        let error = join("https://h.example/b.txt", "file:///etc/shadow").unwrap_err();
        assert!(error.contains("is a file of this host"), "{error}");
        let error = join("b.txt", "ftp://me:secret@h.example/").unwrap_err();
        assert_eq!(
            error,
            "\"ftp://***@h.example/\": expected a path, or a URL of http, https or file"
        );
        assert!(join("b.txt", "").is_err());
        assert!(join("b.txt", "file://other.example/x").unwrap_err().contains("of this host"));
    }

    #[test]
    fn shows_no_login_of_a_url() {
        let location = Location::parse("https://me:secret@h.example/a?t=secret").unwrap();
        assert_eq!(
            format!("{location} {location:?}"),
            "https://h.example/a?… \"https://h.example/a?…\""
        );
    }

    #[test]
    fn knows_a_path_by_any_spelling() {
        let key = |text: &str| Location::parse(text).unwrap().key();
        assert_eq!(key("a/./b/../c"), key("a/c"));
        assert_eq!(key("../a/../c"), key("../c"));
        assert_eq!(key("/../a"), key("/../b/../a"));
        assert_ne!(key("../c"), key("c"));
        assert_eq!(key("https://h.example/a#x"), key("https://h.example/a"));
    }
}

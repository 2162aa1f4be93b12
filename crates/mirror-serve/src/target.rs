//! A request's path → the file or folder that it names.
//!
//! The path is split at its slashes, each part is percent-decoded once, and what results must be a
//! [`RepoPath`]. So whatever a client sends, no `..`, no NUL, no slash in disguise and no reserved
//! name gets as far as the file system. Slashes in a row count as one: base URLs with a slash too
//! many are common in hand-written `.repo` files.

use hyper::StatusCode;
use mirror_core::path::{PathRule, RESERVED, RepoPath};

/// What a request names, by its path alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The path below the root; `None` is the root itself.
    pub(crate) path: Option<RepoPath>,
    /// Whether it ended with a slash, and so must be a folder.
    pub(crate) folder: bool,
}

impl Target {
    /// Reads the path of a request, without its query. The error is the status to answer.
    pub(crate) fn parse(raw: &str) -> Result<Self, StatusCode> {
        if !raw.starts_with('/') {
            return Err(StatusCode::BAD_REQUEST);
        }
        let mut joined = String::with_capacity(raw.len());
        for part in raw.split('/').filter(|part| !part.is_empty()) {
            let part = decode(part).ok_or(StatusCode::BAD_REQUEST)?;
            // A name that is no UTF-8 is none of a published tree.
            let part = String::from_utf8(part).map_err(|_| StatusCode::NOT_FOUND)?;
            if part.contains('/') {
                return Err(StatusCode::BAD_REQUEST);
            }
            if is_reserved(&part) {
                return Err(StatusCode::NOT_FOUND);
            }
            if !joined.is_empty() {
                joined.push('/');
            }
            joined.push_str(&part);
        }
        let path = match joined.as_str() {
            "" => None,
            path => Some(RepoPath::new(path).map_err(|e| status_of(e.reason))?),
        };
        Ok(Self { path, folder: raw.ends_with('/') })
    }

    /// The URL path of this target as a folder: from the root, with one slash at either end, so
    /// that a redirect to it stays on this host.
    pub(crate) fn folder_url(&self) -> String {
        match &self.path {
            Some(path) => format!("/{}/", path.to_url_path()),
            None => "/".to_owned(),
        }
    }
}

/// Whether a name is the project's own. Letter case is ignored: a root on FAT answers to either.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.get(..RESERVED.len()).is_some_and(|head| head.eq_ignore_ascii_case(RESERVED))
}

/// Whether this server would serve an entry called `name`, so that listings show no dead links.
pub(crate) fn is_servable(name: &str) -> bool {
    !is_reserved(name) && RepoPath::new(name).is_ok()
}

fn status_of(rule: PathRule) -> StatusCode {
    match rule {
        PathRule::Reserved => StatusCode::NOT_FOUND,
        PathRule::TooLong => StatusCode::URI_TOO_LONG,
        PathRule::Empty
        | PathRule::Absolute
        | PathRule::Url
        | PathRule::EmptyComponent
        | PathRule::Dots
        | PathRule::BadCharacter => StatusCode::BAD_REQUEST,
    }
}

/// Percent-decodes once; `None` where a `%` is not followed by two hexadecimal digits.
fn decode(part: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' { hex(bytes.next()?)? * 16 + hex(bytes.next()?)? } else { byte });
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(raw: &str) -> String {
        let target = Target::parse(raw).unwrap();
        target.path.map_or(String::new(), |p| p.as_str().to_owned())
    }

    #[test]
    fn decodes_once() {
        assert_eq!(path("/"), "");
        assert_eq!(path("/a%20b/libstdc%2B%2B.rpm"), "a b/libstdc++.rpm");
        assert_eq!(path("/libstdc++-1^2~3.rpm"), "libstdc++-1^2~3.rpm");
        assert_eq!(path("/100%25.rpm"), "100%.rpm");
        assert_eq!(path("/r%C3%A9p/"), "rép");
        assert_eq!(path("//a///b/"), "a/b");
        assert_eq!(path("/.treeinfo"), ".treeinfo");
    }

    #[test]
    fn refuses_hostile_paths() {
        for raw in [
            "*",
            "a",
            "/..",
            "/a/../b",
            "/%2e%2e/b",
            "/%2E./b",
            "/./a",
            "/a%2fb",
            "/..%2f..%2fetc",
            "/a%5cb",
            "/a\\b",
            "/a%00b",
            "/a%0ab",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%252e%252e/x",
            "/%252f",
            "/file:/etc",
        ] {
            assert_eq!(Target::parse(raw), Err(StatusCode::BAD_REQUEST), "{raw}");
        }
        for raw in [
            "/.mirror",
            "/.mirror/state",
            "/a/.mirror-stage-1/x",
            "/%2emirror/x",
            "/.%6Dirror",
            "/.MIRROR/state",
            "/.mirrorx",
            "/%ff",
        ] {
            assert_eq!(Target::parse(raw), Err(StatusCode::NOT_FOUND), "{raw}");
        }
        let long = format!("/{}", "x".repeat(256));
        assert_eq!(Target::parse(&long), Err(StatusCode::URI_TOO_LONG));
    }

    #[test]
    fn a_redirect_stays_on_this_host() {
        let target = Target::parse("//evil.example/%0d").err();
        assert_eq!(target, Some(StatusCode::BAD_REQUEST));
        let target = Target::parse("//evil.example").unwrap();
        assert_eq!(target.folder_url(), "/evil.example/");
        let target = Target::parse("/a%20b%3F/c%22").unwrap();
        assert_eq!(target.folder_url(), "/a%20b%3F/c%22/");
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_below_the_root(raw in "/[./%a-z0-9\\\\]{0,24}") {
            if let Ok(Target { path: Some(path), .. }) = Target::parse(&raw) {
                prop_assert!(path.as_str().split('/').all(|c| !matches!(c, "" | "." | "..")));
            }
        }

        #[test]
        fn every_path_is_found_by_its_url(path in "[ -~é]{1,20}") {
            if let Ok(path) = RepoPath::new(&path) && !is_reserved(path.as_str()) {
                let target = Target::parse(&format!("/{}", path.to_url_path())).unwrap();
                prop_assert_eq!(target.path, Some(path));
            }
        }
    }
}

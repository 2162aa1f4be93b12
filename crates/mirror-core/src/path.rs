//! [`RepoPath`], the only way to name a file in a tree.
//!
//! A path that upstream gives ends up below a folder of ours, in a URL, and in metadata that nodes
//! read. `RepoPath` holds only what is safe and means the same in all three: relative, without
//! empty, `.` or `..` components (percent-encoded ones included: some clients put a path into a URL
//! as it stands), without control characters or backslashes, within Linux's lengths, and never
//! under a name that the project keeps for itself (`.mirror…`).

use std::fmt;
use std::path::{Path, PathBuf};

use crate::limits;

/// The prefix of names that the project keeps for itself, in a root and in a tree.
pub const RESERVED: &str = ".mirror";

/// A relative path of a file in a tree; see the module's rules.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoPath(Box<str>);

/// Why a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {path:?} {reason}")]
pub struct PathError {
    /// The path as it was given, cut to 200 characters.
    pub path: String,
    /// Which rule it breaks.
    pub reason: PathRule,
}

/// The rules of [`RepoPath`], one variant each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRule {
    /// Nothing is there.
    #[error("is empty")]
    Empty,
    /// Begins with `/`.
    #[error("is absolute, expected a relative path")]
    Absolute,
    /// Begins with a scheme, as in `file:/etc/passwd`.
    #[error("is a URL, expected a relative path")]
    Url,
    /// Over [`limits::PATH_LEN`] bytes, or a component over [`limits::NAME_LEN`].
    #[error("is too long (at most 1024 bytes, 255 a component)")]
    TooLong,
    /// Two slashes in a row, or one at the end.
    #[error("has an empty component")]
    EmptyComponent,
    /// `.` or `..`, plain or percent-encoded.
    #[error("has a `.` or `..` component")]
    Dots,
    /// A control character, a backslash, or an encoded slash, backslash or NUL.
    #[error("has a control character, a backslash or an encoded slash")]
    BadCharacter,
    /// A component begins with [`RESERVED`].
    #[error("uses a name that is reserved (.mirror…)")]
    Reserved,
}

impl RepoPath {
    /// Takes `path` if it keeps the rules.
    pub fn new(path: &str) -> Result<Self, PathError> {
        match check(path) {
            Ok(()) => Ok(Self(path.into())),
            Err(reason) => Err(PathError { path: path.chars().take(200).collect(), reason }),
        }
    }

    /// A name of the project's own, which [`RepoPath::new`] refuses.
    pub(crate) fn reserved(suffix: &str) -> Self {
        Self(format!("{RESERVED}{suffix}").into())
    }

    /// The path as text, components separated by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path without its last component; `None` where it has only one.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// This path with `more` below it.
    pub fn join(&self, more: &str) -> Result<Self, PathError> {
        Self::new(&format!("{}/{more}", self.0))
    }

    /// Whether this path is `folder` itself or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The file's place below `folder`.
    pub fn under(&self, folder: &Path) -> PathBuf {
        folder.join(&*self.0)
    }

    /// The path as a relative URL: everything but unreserved characters and `/` is percent-encoded
    /// (RFC 3986, section 3.3). `+` too, since some object stores read a plain one as a space, and
    /// `:`, which would make a scheme of what is before it (section 4.2).
    pub fn to_url_path(&self) -> String {
        encode(&self.0)
    }
}

/// A tree's place below the root: a path, or the root itself, written `.`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Option<RepoPath>);

impl TreePath {
    /// Takes `.` or a path that keeps the rules of [`RepoPath`]; slashes at its end are dropped.
    pub fn new(path: &str) -> Result<Self, PathError> {
        match path.trim_end_matches('/') {
            "." => Ok(Self(None)),
            path => Ok(Self(Some(RepoPath::new(path)?))),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref().map_or(".", RepoPath::as_str)
    }

    /// The tree's place below `folder`.
    pub fn under(&self, folder: &Path) -> PathBuf {
        self.0.as_ref().map_or_else(|| folder.to_owned(), |path| path.under(folder))
    }

    /// Whether this tree and `other` are the same, or one lies within the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => a.is_within(b) || b.is_within(a),
            _ => true,
        }
    }

    /// The components of the path, none for the root.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|path| path.as_str().split('/'))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl std::str::FromStr for TreePath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::new(path)
    }
}

/// The text as a relative URL; see [`RepoPath::to_url_path`].
pub(crate) fn encode(path: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(path.len() + 8);
    for &byte in path.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn check(path: &str) -> Result<(), PathRule> {
    if path.is_empty() {
        return Err(PathRule::Empty);
    }
    if path.len() > limits::PATH_LEN {
        return Err(PathRule::TooLong);
    }
    if path.starts_with('/') {
        return Err(PathRule::Absolute);
    }
    if has_scheme(path) {
        return Err(PathRule::Url);
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(PathRule::BadCharacter);
    }
    path.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), PathRule> {
    if component.is_empty() {
        return Err(PathRule::EmptyComponent);
    }
    if component.len() > limits::NAME_LEN {
        return Err(PathRule::TooLong);
    }
    if component == "." || component == ".." {
        return Err(PathRule::Dots);
    }
    if component.starts_with(RESERVED) {
        return Err(PathRule::Reserved);
    }
    if component.contains('%') {
        let decoded = decode(component);
        if decoded == b"." || decoded == b".." {
            return Err(PathRule::Dots);
        }
        if decoded.iter().any(|b| matches!(b, b'/' | b'\\') || b.is_ascii_control()) {
            return Err(PathRule::BadCharacter);
        }
        if decoded.starts_with(RESERVED.as_bytes()) {
            return Err(PathRule::Reserved);
        }
    }
    Ok(())
}

/// RFC 3986, section 3.1: a scheme and a colon, ended here by the slash that would make a component
/// of it. `name-1:2-3.noarch.rpm` is a file's name.
fn has_scheme(path: &str) -> bool {
    let Some((scheme, _)) = path.split_once(":/") else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn decode(component: &str) -> Vec<u8> {
    let bytes = component.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| component.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    out
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for RepoPath {
    fn as_ref(&self) -> &Path {
        Path::new(&*self.0)
    }
}

impl std::str::FromStr for RepoPath {
    type Err = PathError;

    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::new(path)
    }
}

impl serde::Serialize for RepoPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(path: &str) -> PathRule {
        RepoPath::new(path).unwrap_err().reason
    }

    #[test]
    fn takes_the_odd_names_that_real_repositories_hold() {
        for path in [
            "Packages/b/bash-5.1.8-9.el9.x86_64.rpm",
            "Packages/libstdc++-11.5-1.x86_64.rpm",
            "oranges-^0.2~rc1-1.noarch.rpm",
            "a package.rpm",
            "100%.rpm",
            "name-1:2-3.noarch.rpm",
            "..data/x",
            ".treeinfo",
            "répertoire/é.rpm",
        ] {
            assert_eq!(RepoPath::new(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn refuses_every_way_out_of_a_tree() {
        assert_eq!(refused(""), PathRule::Empty);
        assert_eq!(refused("/etc/passwd"), PathRule::Absolute);
        assert_eq!(refused("file:/etc/passwd"), PathRule::Url);
        assert_eq!(refused("https://example.com/x"), PathRule::Url);
        assert_eq!(refused("../x"), PathRule::Dots);
        assert_eq!(refused("a/../../x"), PathRule::Dots);
        assert_eq!(refused("a/./x"), PathRule::Dots);
        assert_eq!(refused("%2e%2E/x"), PathRule::Dots);
        assert_eq!(refused("..%2fx"), PathRule::BadCharacter);
        assert_eq!(refused("..\\x"), PathRule::BadCharacter);
        assert_eq!(refused("a\0b"), PathRule::BadCharacter);
        assert_eq!(refused("a%00b"), PathRule::BadCharacter);
        assert_eq!(refused("a//b"), PathRule::EmptyComponent);
        assert_eq!(refused("a/"), PathRule::EmptyComponent);
        assert_eq!(refused(".mirror/state"), PathRule::Reserved);
        assert_eq!(refused("a/.mirror-stage/x"), PathRule::Reserved);
        assert_eq!(refused("%2emirror/x"), PathRule::Reserved);
        assert_eq!(refused(&"x".repeat(256)), PathRule::TooLong);
        assert_eq!(refused(&"x/".repeat(600)), PathRule::TooLong);
    }

    #[test]
    fn encodes_for_urls() {
        let path = RepoPath::new("a b/libstdc++-1^2~3%.rpm").unwrap();
        assert_eq!(path.to_url_path(), "a%20b/libstdc%2B%2B-1%5E2~3%25.rpm");
    }

    #[test]
    fn knows_what_lies_within_a_folder() {
        let folder = RepoPath::new("repodata").unwrap();
        assert!(RepoPath::new("repodata/x").unwrap().is_within(&folder));
        assert!(folder.is_within(&folder));
        assert!(!RepoPath::new("repodata-evil/x").unwrap().is_within(&folder));
    }

    #[test]
    fn trees_overlap_where_one_contains_the_other() {
        let tree = |path| TreePath::new(path).unwrap();
        assert!(tree("a/b").overlaps(&tree("a/b/")));
        assert!(tree("a").overlaps(&tree("a/b")));
        assert!(tree(".").overlaps(&tree("a/b")));
        assert!(!tree("a/b").overlaps(&tree("a/bc")));
        assert!(TreePath::new("../a").is_err());
        assert!(TreePath::new("").is_err());
    }

    proptest! {
        #[test]
        fn stays_below_its_folder(path in "\\PC{0,40}") {
            if let Ok(path) = RepoPath::new(&path) {
                let full = path.under(Path::new("/root"));
                prop_assert!(full.starts_with("/root"));
                prop_assert!(full.components().all(|c| c != std::path::Component::ParentDir));
                let base = url::Url::parse("http://h/base/").unwrap();
                let url = base.join(&path.to_url_path()).unwrap();
                prop_assert!(url.path().starts_with("/base/"));
                prop_assert_eq!(url.query(), None);
            }
        }
    }
}

//! The files that say what to mirror: where one is, what place in it something stands at, and what
//! can be wrong with it.
//!
//! Nothing here shows a login: URLs lose user, password and query where they are displayed, and text
//! is shown through `shown`.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

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

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Location>,
    /// The line, from 1; `None` where it is the whole file.
    pub line: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: &Arc<Location>) -> Self {
        Self { file: Arc::clone(file), line: None }
    }

    /// A line of the file, from 1.
    pub fn line(file: &Arc<Location>, line: usize) -> Self {
        Self { file: Arc::clone(file), line: Some(line) }
    }

    pub(crate) fn wrong(&self, fault: Fault) -> InputError {
        InputError { at: self.clone(), fault }
    }
}

/// `requirements.txt:3`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => write!(f, "{}", self.file),
        }
    }
}

/// The lines of a text, to find the one that a byte is in.
#[derive(Debug)]
pub(crate) struct Lines {
    /// Where each line but the first begins.
    begin: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        Self { begin: text.match_indices('\n').map(|(at, _)| at + 1).collect() }
    }

    /// The line that the byte `offset` is in.
    pub(crate) fn place(&self, file: &Arc<Location>, offset: usize) -> Place {
        Place::line(file, 1 + self.begin.partition_point(|begin| *begin <= offset))
    }
}

/// Something odd that is no error: what it is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub at: Place,
    /// What is odd, and what comes of it.
    pub text: String,
}

/// `requirements.txt:3: …`.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// Why a file that says what to mirror cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct InputError {
    /// Where.
    pub at: Place,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes that are no text in the file's encoding.
    #[error(
        "is not {encoding} at byte {position}; expected UTF-8, or a first line that names the encoding, such as `# coding: latin-1`"
    )]
    NotText {
        /// The encoding that the file is in by its own word, or UTF-8.
        encoding: &'static str,
        /// Where, in bytes from the file's start.
        position: usize,
    },
    /// An encoding that is not known here.
    #[error("is encoded as {found:?}, expected utf-8, ascii, latin-1 or cp1252")]
    Encoding {
        /// What the file says.
        found: String,
    },
    /// Over a bound of [`crate::limits`].
    #[error("is too large: expected at most {limit} {what}")]
    Limit {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// No requirement.
    #[error("expected a requirement such as name>=1.0, found {text:?}: {reason}")]
    Requirement {
        /// What is there instead.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An option that requirements files do not have.
    #[error("option {option} is unknown in a requirements file{}", meant(*near))]
    UnknownOption {
        /// The option as written.
        option: String,
        /// The one that was meant, where one is near.
        near: Option<&'static str>,
    },
    /// The beginning of several options.
    #[error("option {option} is short for several: {}", candidates.join(", "))]
    AmbiguousOption {
        /// The option as written.
        option: String,
        /// What it may stand for.
        candidates: Vec<&'static str>,
    },
    /// An option whose value is missing, wrong or too much.
    #[error("option {option}: expected {expected}, found {found}")]
    OptionValue {
        /// The option.
        option: &'static str,
        /// What its value is.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A quotation mark or backslash that nothing follows.
    #[error("expected a closing {mark} in the options")]
    Quote {
        /// What is open.
        mark: &'static str,
    },
    /// Something after an option that is no option: pip drops it without a word.
    #[error("{text:?} stands after an option, expected it on a line of its own")]
    AfterOption {
        /// What stands there.
        text: String,
    },
    /// An include behind a requirement: pip drops it without a word.
    #[error("{text:?} stands behind a requirement, expected it on a line of its own")]
    AfterRequirement {
        /// The option and its value.
        text: String,
    },
    /// A digest that does not parse.
    #[error("{text:?}: {reason}")]
    Hash {
        /// The digest as written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No usable URL or path.
    #[error("{text:?}: {reason}")]
    Url {
        /// The URL, without login and query.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file from elsewhere names one of this host.
    #[error("{text:?} is a file of this host, and the file that names it is not")]
    LocalFromRemote {
        /// What is named.
        text: String,
    },
    /// What no index can serve.
    #[error("{text:?} is {refusal}")]
    Refused {
        /// The requirement, without login and query.
        text: String,
        /// What it is.
        refusal: Refusal,
    },
    /// A constraint says more than versions.
    #[error("{text:?} cannot be a constraint: {reason}")]
    Constraint {
        /// The constraint as written.
        text: String,
        /// What it says too much.
        reason: &'static str,
    },
    /// A file includes itself, over others or directly.
    #[error("includes itself: {}", chain(files))]
    Cycle {
        /// The files, from the first to the one that includes the first again.
        files: Vec<Arc<Location>>,
    },
    /// Requirements without a digest where others have one, or where all are to have one.
    #[error("{text:?} {lacks}, and {reason}")]
    NotExact {
        /// The requirement as written.
        text: String,
        /// What it lacks: `has no --hash`.
        lacks: &'static str,
        /// What asks for it: `requirements.txt:4 has one`.
        reason: String,
    },
    /// Not well-formed TOML, or values of other kinds than the format has.
    #[error("{reason}")]
    Toml {
        /// What was expected and found.
        reason: String,
    },
    /// A value that its format does not allow.
    #[error("{key}: expected {expected}, found {found:?}")]
    Value {
        /// The key, with its table where that helps.
        key: String,
        /// What its value is.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// Something that must be there is not.
    #[error("{table} has no {key}")]
    Missing {
        /// The table, and which one where it has a name.
        table: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A list that only the build back end knows.
    #[error(
        "project.{field} is dynamic: the build back end makes it, and nothing of a project is run here"
    )]
    Dynamic {
        /// `dependencies` or `optional-dependencies`.
        field: &'static str,
    },
    /// An extra or group that the project does not have.
    #[error("there is no {kind} {name}{}", known_names(known))]
    Unknown {
        /// `extra` or `group`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Groups that include one another.
    #[error("a group includes itself: {}", groups.join(" includes "))]
    GroupCycle {
        /// The groups, from the first to the one that includes the first again.
        groups: Vec<String>,
    },
    /// A version of the lock format that is not known here.
    #[error("{key} is {found}, this program knows {known}")]
    LockVersion {
        /// The key that says it.
        key: &'static str,
        /// The version found.
        found: String,
        /// Those that are known.
        known: &'static str,
    },
    /// A file that is not of the project and version that it is listed for.
    #[error("{filename:?} is listed for {project}: {reason}")]
    Filename {
        /// The file's name, shortened.
        filename: String,
        /// The project, and its version where that is known.
        project: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// What an index cannot serve, and what to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// `-e` and `--editable`.
    #[error("an editable requirement, which a mirror cannot hold")]
    Editable,
    /// `git+https://…` and its kin.
    #[error("a checkout of version control, which a mirror cannot hold")]
    VersionControl,
    /// A folder that would be built.
    #[error("a folder, which a mirror cannot hold")]
    Folder,
    /// An archive whose name is neither a wheel's nor a source distribution's.
    #[error("neither a wheel nor a source distribution by its name, expected NAME-VERSION.tar.gz")]
    Archive,
    /// A folder within an archive.
    #[error("a folder within an archive, which clients of a mirror do not find")]
    Subdirectory,
}

impl Refusal {
    /// What to do instead, for a hint.
    pub const fn instead(self) -> &'static str {
        match self {
            Self::Editable | Self::Folder => {
                "list the project's dependencies (pyproject.toml can be given as it is), or build a \
                 wheel of it with `pip wheel --no-deps` and name that"
            }
            Self::VersionControl | Self::Archive | Self::Subdirectory => {
                "build a wheel of it with `pip wheel --no-deps` and name that file, or a release of \
                 the project as name==version"
            }
        }
    }
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; {near} is meant?")).unwrap_or_default()
}

fn chain(files: &[Arc<Location>]) -> String {
    let names: Vec<_> = files.iter().map(ToString::to_string).collect();
    names.join(" includes ")
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        ", and none at all".into()
    } else {
        format!(", expected one of {}", known.join(", "))
    }
}

/// As much of `text` as a message can bear, without control characters and without what URLs may
/// hold of logins and tokens.
pub(crate) fn shown(text: &str) -> String {
    excerpt(&without_secrets(text))
}

fn excerpt(text: &str) -> String {
    const LEN: usize = 120;
    match text.char_indices().nth(LEN) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// URLs without user information and query values.
fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        shown.push_str(&url_without_secrets(url));
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// The same of what stands after `://`.
fn url_without_secrets(url: &str) -> String {
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    // A password may hold what ends an authority: then what stands before is no host and port.
    let odd = authority.split_once(':').is_some_and(|(_, port)| {
        !port.bytes().all(|byte| byte.is_ascii_digit()) && !authority.contains('@')
    });
    let within = if odd { url } else { authority };
    let mut shown = String::new();
    let mut rest = url;
    if let Some(at) = within.rfind('@') {
        shown.push_str("***");
        rest = &url[at..];
    }
    if let Some(query) = rest.find('?') {
        let fragment = rest[query..].find('#').map_or("", |at| &rest[query + at..]);
        shown.push_str(&rest[..query]);
        shown.push_str("?…");
        rest = fragment;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_login_of_any_url_in_a_text() {
        for (text, expected) in [
            ("a @ https://me:secret@h.example/a.whl", "a @ https://***@h.example/a.whl"),
            ("https://secret@h.example", "https://***@h.example"),
            ("https://me:se/cret@h.example/x", "https://***@h.example/x"),
            ("https://me:se?c#ret@h.example/x", "https://***@h.example/x"),
            ("https://h.example/a?token=secret#sha256=1 ; x", "https://h.example/a?…#sha256=1 ; x"),
            ("https://h.example:8443/a@1/b", "https://h.example:8443/a@1/b"),
            ("x http://a:b@h/ y https://c:d@i/ z", "x http://***@h/ y https://***@i/ z"),
            ("git+ssh://git@h.example/x@v1", "git+ssh://***@h.example/x@v1"),
            ("a\u{1b}[0m\nb", "a\u{fffd}[0m\u{fffd}b"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 121);
        let location = Location::parse("https://me:secret@h.example/a?t=secret").unwrap();
        assert_eq!(
            format!("{location} {location:?}"),
            "https://h.example/a?… \"https://h.example/a?…\""
        );
    }

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
    fn knows_a_path_by_any_spelling() {
        let key = |text: &str| Location::parse(text).unwrap().key();
        assert_eq!(key("a/./b/../c"), key("a/c"));
        assert_eq!(key("../a/../c"), key("../c"));
        assert_eq!(key("/../a"), key("/../b/../a"));
        assert_ne!(key("../c"), key("c"));
        assert_eq!(key("https://h.example/a#x"), key("https://h.example/a"));
    }
}

//! The files that say what to mirror: where one is, what place in it something stands at, and what
//! can be wrong with it.
//!
//! Nothing here shows a login: URLs lose user, password and query where they are displayed, and text
//! is shown through `shown`.

mod location;
mod shown;

use std::fmt;
use std::sync::Arc;

pub use location::Location;
pub(crate) use location::split_scheme;
pub(crate) use shown::shown;

use super::filename::FilenameError;

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
    /// A file whose name says that it cannot be what it is listed for.
    #[error(transparent)]
    Filename(#[from] FilenameError),
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

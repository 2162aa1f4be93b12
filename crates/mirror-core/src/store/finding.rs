//! What a check of the disk finds, as data.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::digest::Sha256;
use crate::manifest::StoredEntry;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Problem {
    /// Nothing is there.
    Missing,
    /// Another content.
    Changed {
        /// `sha256:HEX`, or the size in bytes where that differs.
        expected: String,
        /// The same of what is there.
        found: String,
    },
    /// A symbolic link is where a file or folder should be.
    Link {
        /// Where it leads.
        target: String,
    },
    /// Something else is where a file or folder should be.
    WrongKind {
        /// `file` or `folder`.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Permissions that keep a web server out, or let others in.
    Mode {
        /// In octal digits.
        expected: String,
        /// In octal digits.
        found: String,
    },
    /// No kept generation names it, nor anything in it.
    Foreign {
        /// Files in it, itself among them.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A symbolic link that no kept generation names leads out of the root.
    Outward {
        /// Where it leads.
        target: String,
    },
    /// It cannot be read.
    Unreadable {
        /// The system's reason.
        reason: String,
    },
    /// A kept manifest, the journal, or the file that says which generation is published is not what
    /// was written.
    Damaged {
        /// What is wrong with it.
        reason: String,
    },
    /// A publication was interrupted.
    Unfinished,
}

impl Problem {
    /// The problem in a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Changed { .. } => "changed",
            Self::Link { .. } => "link",
            Self::WrongKind { .. } => "wrong kind",
            Self::Mode { .. } => "mode",
            Self::Foreign { .. } => "foreign",
            Self::Outward { .. } => "outward",
            Self::Unreadable { .. } => "unreadable",
            Self::Damaged { .. } => "damaged",
            Self::Unfinished => "unfinished",
        }
    }
}

/// What there is to say beside [`Problem::word`]; empty where that says it all.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Changed { expected, found } | Self::Mode { expected, found } => {
                write!(f, "found {found}, expected {expected}")
            }
            Self::Link { target } => write!(f, "to {target}"),
            Self::Outward { target } => {
                write!(f, "a link to {target}, which a web server may follow out of the root")
            }
            Self::WrongKind { expected, found } => {
                write!(f, "a {found}, expected a {expected}")
            }
            Self::Foreign { files, bytes } => {
                let s = |number: u64| if number == 1 { "" } else { "s" };
                write!(f, "{files} file{}, {bytes} byte{}", s(*files), s(*bytes))
            }
            Self::Unreadable { reason } | Self::Damaged { reason } => f.write_str(reason),
            Self::Unfinished => {
                f.write_str("a publication was interrupted, and the next sync finishes it")
            }
        }
    }
}

/// What came of an attempt to put something right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "repair", content = "reason", rename_all = "kebab-case")]
pub enum Repaired {
    /// It is as it should be.
    Done,
    /// It is not, and why.
    Not(String),
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file or folder: below the tree, or below the root where it is none of a tree's.
    pub path: String,
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
    /// What came of its repair, where one was asked for.
    #[serde(flatten)]
    pub repaired: Option<Repaired>,
    /// Whether it is as somebody wants it; see [`Check::allow_foreign`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allowed: bool,
    /// The file that belongs there.
    #[serde(skip)]
    pub(crate) wanted: Option<Box<StoredEntry>>,
}

impl Finding {
    /// That `problem` was found at `path`.
    pub fn new(path: impl Into<String>, problem: Problem) -> Self {
        Self { path: path.into(), problem, repaired: None, allowed: false, wanted: None }
    }

    pub(super) fn of(entry: &StoredEntry, problem: Problem) -> Self {
        let wanted = Some(Box::new(entry.clone()));
        Self { wanted, ..Self::new(entry.path.to_string(), problem) }
    }

    /// Whether it is still wrong.
    pub fn is_open(&self) -> bool {
        !self.allowed && self.repaired != Some(Repaired::Done)
    }
}

/// What came of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeCheck {
    /// The tree's path below the root.
    pub tree: String,
    /// The generation that is published; `None` where that, or its manifest, cannot be read.
    pub generation: Option<u64>,
    /// Files that it holds.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The root.
    pub root: PathBuf,
    /// Each tree, in the order of their paths.
    pub trees: Vec<TreeCheck>,
    /// What is wrong with the state: blobs, manifests, the journal.
    pub state: Vec<Finding>,
    /// Files that were read; hard links of one content are one.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that had to be fetched for a repair.
    pub received: u64,
    /// Content that was found whole, and where: what a repair can take it from.
    #[serde(skip)]
    pub(crate) whole: HashMap<Sha256, PathBuf>,
    /// Blobs whose content is not what they are named by.
    #[serde(skip)]
    pub(crate) spoilt: HashSet<Sha256>,
    /// Files whose content is not what a tree needs there, with what they hold.
    #[serde(skip)]
    pub(crate) other: Vec<(PathBuf, Sha256)>,
}

impl Check {
    /// Everything that was found.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.trees.iter().flat_map(|tree| &tree.findings).chain(&self.state)
    }

    /// Takes files that mirror never put there for no fault: they are told of all the same. A link
    /// that leads out of the root stays one.
    pub fn allow_foreign(&mut self) {
        let findings = self.trees.iter_mut().flat_map(|tree| &mut tree.findings);
        for finding in findings.chain(&mut self.state) {
            finding.allowed |= matches!(finding.problem, Problem::Foreign { .. });
        }
    }

    /// Whether all is as it should be or allowed, or was made so.
    pub fn is_clean(&self) -> bool {
        !self.findings().any(Finding::is_open)
    }
}

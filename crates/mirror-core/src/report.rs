//! What happens during a run ([`Event`]) and what came of it ([`Report`]), as data.
//!
//! The library prints nothing. Who runs it gives a [`Reporter`], and reads the report.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::Kind;
use crate::path::RepoPath;
use crate::plan::Changes;
use crate::signature::{Fingerprint, Verdict};

/// Something that happened. Events of one file come in order; those of several files mix.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event<'a> {
    /// The source of a tree begins to read its upstream.
    Resolving {
        /// The tree.
        tree: &'a str,
    },
    /// The manifest of a tree is known.
    Resolved {
        /// The tree.
        tree: &'a str,
        /// Files that it holds.
        files: u64,
        /// Files to fetch.
        fetch_files: u64,
        /// Bytes to fetch, as far as sizes are known.
        fetch_bytes: u64,
        /// Files to fetch whose size is not known.
        fetch_unsized: u64,
    },
    /// A file's transfer begins or goes on.
    Started {
        /// The tree.
        tree: &'a str,
        /// The file.
        path: &'a str,
        /// Bytes that an earlier run left.
        resumed: u64,
        /// Its size, where known.
        size: Option<u64>,
    },
    /// Bytes of a file came.
    Progress {
        /// The tree.
        tree: &'a str,
        /// The file.
        path: &'a str,
        /// How many since the last such event; negative where bytes had to be thrown away.
        bytes: i64,
    },
    /// A transfer failed and is tried again.
    Retrying {
        /// The tree.
        tree: &'a str,
        /// The file.
        path: &'a str,
        /// Why.
        reason: &'a str,
        /// Milliseconds until then; 0 where it is asked for once more when the others are done.
        after_ms: u64,
    },
    /// A server said what it was asked: a page, metadata, or a piece of a file.
    Answered {
        /// The tree.
        tree: &'a str,
        /// What was asked for: a URL without its secrets.
        path: &'a str,
    },
    /// A file is verified and stored.
    Fetched {
        /// The tree.
        tree: &'a str,
        /// The file.
        path: &'a str,
        /// Its size in bytes.
        size: u64,
    },
    /// A file could not be had.
    Failed {
        /// The tree.
        tree: &'a str,
        /// The file, or the tree's entry point where nothing is known yet.
        path: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// A set of a tree cannot be had as it is asked for now: what is published of it stays, and the
    /// rest of the tree goes on.
    SetFailed {
        /// The tree.
        tree: &'a str,
        /// The set.
        set: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// Something odd that does no harm.
    Warning {
        /// The tree.
        tree: &'a str,
        /// What.
        message: &'a str,
    },
    /// The signature of a tree's upstream was looked at.
    Signature {
        /// The tree.
        tree: &'a str,
        /// What was found.
        signature: &'a Verdict,
    },
    /// A group of trees is being published.
    Publishing {
        /// The group.
        group: &'a str,
    },
    /// A tree was rolled back and stays so.
    Held {
        /// The tree.
        tree: &'a str,
        /// Its generation; `None` where others of its group are held, and it was never published.
        generation: Option<u64>,
    },
    /// A tree is what it should be already: nothing was published.
    Unchanged {
        /// The tree.
        tree: &'a str,
        /// Its generation.
        generation: u64,
    },
    /// Files of a tree, or blobs of no tree, are about to be read.
    Verifying {
        /// The tree, or the state's folder.
        tree: &'a str,
        /// Files to read: hard links of one content count once, in one of their trees.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// A file was read.
    Read {
        /// The tree, or the state's folder.
        tree: &'a str,
        /// Its size in bytes.
        size: u64,
    },
    /// Something is not as it should be.
    Found {
        /// The tree, or the state's folder.
        tree: &'a str,
        /// The file or folder.
        path: &'a str,
        /// What is wrong, in a word.
        problem: &'a str,
        /// What there is to say of it; may be empty.
        reason: &'a str,
    },
    /// A tree is published, or mended.
    Published {
        /// The tree.
        tree: &'a str,
        /// Its generation.
        generation: u64,
    },
}

/// Takes events as they happen, from several tasks at once; it should be quick.
pub trait Reporter: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: &Event<'_>);
}

/// A reporter that takes no notice.
impl Reporter for () {
    fn on_event(&self, _: &Event<'_>) {}
}

/// What came of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A new generation is published.
    Published,
    /// It was already what it should be; nothing was written.
    Unchanged,
    /// A dry run: the plan is known.
    Planned,
    /// It was rolled back, and stays so until it is released; upstream was not asked.
    Held,
    /// Complete itself, and held back because another tree of its group is not.
    HeldBack,
    /// Files are missing; the old generation stays.
    Incomplete,
    /// Its upstream could not be read, or there is no room for what it lacks; the old generation stays.
    Failed,
}

impl Outcome {
    /// Whether the tree is what its upstream is (or, in a dry run, could become it), or is held on
    /// purpose.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Published | Self::Unchanged | Self::Planned | Self::Held)
    }

    /// The outcome as JSON tells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
            Self::Held => "held",
            Self::HeldBack => "held-back",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// A file that could not be had, or the reason why a tree could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The file; `None` where the tree as a whole failed.
    pub path: Option<RepoPath>,
    /// The reason, with the URL.
    pub reason: String,
    /// Which kind of fault that is.
    pub kind: Kind,
}

/// A set of a tree that could not be had as it was asked for, beside others that could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetFailure {
    /// The set.
    pub set: String,
    /// Whether an earlier state of it is published, which stays.
    pub is_published: bool,
    /// Why, and which of its files.
    #[serde(flatten)]
    pub failure: Failure,
}

/// What came of the signatures in a tree's packages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct PackageSignatures {
    /// Packages with a signature that counts, by the key that made it.
    pub good: Vec<SignedBy>,
    /// Those of them that were known from an earlier run, and not read again.
    pub known: u64,
    /// Packages without a signature.
    pub unsigned: u64,
    /// Packages of which the signature says nothing: by a key that is not trusted or not at hand, or
    /// of a kind that does not count or cannot be verified here.
    pub not_judged: u64,
    /// Packages that were refused.
    pub refused: u64,
}

/// The packages that a key has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The key.
    pub key: Fingerprint,
    /// What it calls itself.
    pub name: String,
    /// How many packages.
    pub packages: u64,
}

impl PackageSignatures {
    /// How many have a signature that counts.
    pub fn verified(&self) -> u64 {
        self.good.iter().map(|by| by.packages).sum()
    }
}

/// What came of a tree, in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeReport {
    /// The tree's path below the root.
    pub tree: String,
    /// The publish group.
    pub group: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The generation that is published now.
    pub generation: Option<u64>,
    /// Files that it holds, or is to hold.
    pub files: u64,
    /// Their bytes, as far as known.
    pub bytes: u64,
    /// Those of them whose size upstream does not say: a plan's `bytes` lack theirs.
    pub unsized_files: u64,
    /// Files that had to be fetched; content shared with another tree counts in one of them.
    pub fetch_files: u64,
    /// Their bytes.
    pub fetch_bytes: u64,
    /// Those of them whose size upstream does not say: a plan's `fetch_bytes` lack theirs.
    pub fetch_unsized: u64,
    /// What it changes in payload.
    pub changes: Changes,
    /// Files verified by a weak digest (MD5, SHA-1) or by none.
    pub weakly_verified: u64,
    /// What is known of upstream's signature; `None` where nothing was read, or its kind has none.
    pub signature: Option<Verdict>,
    /// What is known of its packages' signatures; `None` where none were looked at in this run.
    pub package_signatures: Option<PackageSignatures>,
    /// What was odd and harmless.
    pub warnings: Vec<String>,
    /// What is missing, and why.
    pub failures: Vec<Failure>,
    /// Sets of it that are not what was asked for, whatever the outcome of the others.
    pub failed_sets: Vec<SetFailure>,
}

impl TreeReport {
    /// Whether it is what it should be, with all of its sets.
    pub fn is_good(&self) -> bool {
        self.outcome.is_good() && self.failed_sets.is_empty()
    }

    /// The first reason why it is not; empty where it is, or where that is another tree's fault.
    pub fn reason(&self) -> String {
        let of_set = || {
            let failed = self.failed_sets.first()?;
            Some(format!("set {}: {}", failed.set, failed.failure.reason))
        };
        let of_tree = self.failures.first().map(|failure| failure.reason.clone());
        of_tree.or_else(of_set).unwrap_or_default()
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The root.
    pub root: PathBuf,
    /// Each tree, in the order given.
    pub trees: Vec<TreeReport>,
    /// Requests sent.
    pub requests: u64,
    /// Bytes of bodies received.
    pub received: u64,
}

impl Report {
    /// Whether every tree is what it should be.
    pub fn is_complete(&self) -> bool {
        self.trees.iter().all(TreeReport::is_good)
    }
}

//! What is asked for.

use std::collections::{BTreeSet, HashMap};

use crate::digest::Digest;
use crate::format::pypi::{PackageName, Requirement};

/// A set of requirements with all that bears on how they are resolved.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// What is wanted.
    pub requirements: Vec<Asked>,
    /// What holds for a project if something needs it.
    pub constraints: Vec<Asked>,
    /// The digests that files of a project may have (`--hash`); any where a project is not named.
    pub hashes: HashMap<PackageName, Vec<Digest>>,
    /// What is chosen of what fits.
    pub policy: Policy,
}

/// A requirement in the user's own words.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it means.
    pub requirement: Requirement,
    /// As it was written, but for logins: it is shown.
    pub text: String,
    /// Where: a file and line, or the command line.
    pub origin: String,
}

/// What is chosen of what fits.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whether pre-releases are as good as final releases. Otherwise one is taken only where a
    /// specifier names one, or where a project has nothing else.
    pub pre_releases: PreReleases,
    /// Projects whose pre-releases are as good as final releases, whatever the others' are
    /// (`--all-releases`).
    pub all_releases: BTreeSet<PackageName>,
    /// Projects whose pre-releases are not, whatever the others' are (`--only-final`).
    pub only_final: BTreeSet<PackageName>,
    /// The projects whose wheels are left out (`--no-binary`).
    pub no_binary: Projects,
    /// The projects whose source distributions are left out (`--only-binary`).
    pub only_binary: Projects,
    /// Whether an older version with a wheel goes before a newer one without.
    pub prefer_binary: Prefer,
}

/// Whether pre-releases are taken unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreReleases {
    /// Where a specifier names one, or nothing else exists.
    #[default]
    WhereNamed,
    /// Always.
    Allow,
}

/// Whether the newest version or the newest with a wheel is best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// The newest version.
    #[default]
    Newest,
    /// The newest with a wheel.
    Wheels,
}

/// All projects, some, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projects {
    /// Every project (`:all:`).
    pub all: bool,
    /// These.
    pub named: BTreeSet<PackageName>,
}

impl Policy {
    /// Whether pre-releases of a project are taken unasked. What names the project goes before what
    /// means all.
    pub(crate) fn takes_pre_releases(&self, name: &PackageName) -> bool {
        self.all_releases.contains(name)
            || (self.pre_releases == PreReleases::Allow && !self.only_final.contains(name))
    }

    /// Whether wheels, and source distributions, of a project may be taken. What names the project
    /// goes before what means all, as in pip.
    pub(super) fn formats(&self, name: &PackageName) -> [bool; 2] {
        match (self.no_binary.named.contains(name), self.only_binary.named.contains(name)) {
            (true, only_binary) => [false, !only_binary],
            (false, true) => [true, false],
            (false, false) => [!self.no_binary.all, !self.only_binary.all],
        }
    }
}

//! Sets of Python packages: what the options of `mirror pypi` say, and the `[pypi.SET]` of
//! `mirror.toml`.
//!
//! `[pypi]` itself holds settings for all sets, those of the command line included. The closest word
//! counts: option, section, `[pypi]`.

mod section;
mod targets;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use mirror_core::format::pypi::input;
use mirror_core::format::pypi::pyproject::Which;
use mirror_core::path::TreePath;
use mirror_core::resolve::pypi::Target;
use mirror_core::source::pypi::{Sdists, Selection, SetName, Wheels};

pub(super) use section::PypiTable;

use super::error::{ConfigError, Place, Said};
use super::indexes::Given;

/// Where the tree of Python packages goes below the root, if nothing says otherwise.
pub(crate) const DEFAULT_TREE: &str = "pypi";

/// A `[pypi.SET]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PypiEntry {
    /// The section's first line.
    pub(crate) at: Place,
    /// The set's name.
    pub(crate) name: SetName,
    /// What it says.
    pub(crate) wanted: PypiWanted,
}

/// What a set is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PypiWanted {
    /// Requirements.
    pub(crate) requirements: Vec<String>,
    /// Requirements files, `pyproject.toml`s and lock files: paths or URLs.
    pub(crate) files: Vec<String>,
    /// Files of constraints: paths or URLs.
    pub(crate) constraints: Vec<String>,
    /// Projects of which all matching versions are mirrored.
    pub(crate) all_versions: Vec<String>,
    /// Of those projects so many of the newest versions; `None`: all.
    pub(crate) newest_only: Option<NonZeroU32>,
    /// Which extras of each `pyproject.toml`.
    pub(crate) extras: Which,
    /// Which dependency groups of each `pyproject.toml`.
    pub(crate) groups: Which,
    /// The rest, which `[pypi]` can say for all sets.
    pub(crate) settings: PypiSettings,
}

/// For what, from where, and which files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PypiSettings {
    /// Pythons.
    pub(crate) python: Vec<String>,
    /// Platforms.
    pub(crate) platform: Vec<String>,
    /// Distributions.
    pub(crate) target: Vec<String>,
    /// Where from.
    pub(crate) indexes: Given,
    /// Whether pre-releases count like others.
    pub(crate) pre: Option<bool>,
    /// Projects that are taken as wheels only, as pip writes it.
    pub(crate) only_binary: Vec<String>,
    /// Projects that are taken as source distributions only.
    pub(crate) no_binary: Vec<String>,
    /// Whether an older version with a wheel goes before a newer one without.
    pub(crate) prefer_binary: Option<bool>,
    /// Which wheels.
    pub(crate) wheels: Option<WheelChoice>,
    /// Which source distributions.
    pub(crate) sdist: Option<SdistChoice>,
    /// Whether files without a digest are taken.
    pub(crate) allow_unhashed: Option<bool>,
    /// The tree's path below the root.
    pub(crate) tree: Option<String>,
}

/// Which wheels of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum WheelChoice {
    /// For each target the one that it would install
    Best,
    /// All that a target takes
    All,
}

/// When source distributions are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SdistChoice {
    /// Never
    Never,
    /// Where a target has no wheel
    Fallback,
    /// Beside every wheel
    Always,
}

impl PypiWanted {
    /// Whether anything is named to be mirrored.
    pub(crate) fn names_something(&self) -> bool {
        !(self.requirements.is_empty() && self.files.is_empty() && self.all_versions.is_empty())
    }

    /// Which files.
    pub(crate) fn selection(&self) -> Selection {
        self.settings.selection(self.newest_only)
    }

    /// The name of a set that was given none: that of its first file, as far as that can be one.
    pub(crate) fn default_name(&self) -> String {
        let first = self.files.first().and_then(|file| input::Location::parse(file).ok());
        let file = first.and_then(|location| location.filename()).unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name: String = stem.chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect();
        let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if name.is_empty() { "cli".to_owned() } else { name.to_owned() }
    }
}

impl PypiSettings {
    /// What these do not say, as `other` says it.
    pub(crate) fn or(self, other: &Self) -> Self {
        // These three say together what is mirrored for; the next two hold against one another.
        let targets = if self.names_targets() { &self } else { other };
        let (python, platform, target) =
            (targets.python.clone(), targets.platform.clone(), targets.target.clone());
        let formats =
            if self.only_binary.is_empty() && self.no_binary.is_empty() { other } else { &self };
        let (only_binary, no_binary) = (formats.only_binary.clone(), formats.no_binary.clone());
        Self {
            python,
            platform,
            target,
            only_binary,
            no_binary,
            indexes: self.indexes.or(&other.indexes),
            pre: self.pre.or(other.pre),
            prefer_binary: self.prefer_binary.or(other.prefer_binary),
            wheels: self.wheels.or(other.wheels),
            sdist: self.sdist.or(other.sdist),
            allow_unhashed: self.allow_unhashed.or(other.allow_unhashed),
            tree: self.tree.or_else(|| other.tree.clone()),
        }
    }

    fn names_targets(&self) -> bool {
        !(self.python.is_empty() && self.platform.is_empty() && self.target.is_empty())
    }

    fn selection(&self, newest: Option<NonZeroU32>) -> Selection {
        Selection {
            wheels: match self.wheels {
                None | Some(WheelChoice::Best) => Wheels::Best,
                Some(WheelChoice::All) => Wheels::All,
            },
            sdists: match self.sdist {
                Some(SdistChoice::Never) => Sdists::Never,
                None | Some(SdistChoice::Fallback) => Sdists::Fallback,
                Some(SdistChoice::Always) => Sdists::Always,
            },
            newest,
            allow_unhashed: self.allow_unhashed.unwrap_or_default(),
        }
    }

    /// The interpreters and platforms; none where nothing names one.
    pub(crate) fn targets(&self, in_file: bool) -> Result<Vec<Target>, ConfigError> {
        targets::targets(self, if in_file { Said::File } else { Said::Options })
    }

    /// Where the tree goes.
    pub(crate) fn tree(&self) -> Result<TreePath, ConfigError> {
        let path = self.tree.as_deref().unwrap_or(DEFAULT_TREE);
        let of = || "the tree of Python packages".to_owned();
        TreePath::new(path).map_err(|source| ConfigError::Path { of: of(), source })
    }
}

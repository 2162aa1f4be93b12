//! The arguments of `mirror pypi`.

use std::num::NonZeroU32;

use clap::{ArgAction, Args, ValueHint};
use mirror_core::path::TreePath;
use mirror_core::source::pypi::SetName;

use super::shared::{OutputArgs, Place, PublicationArgs, TransferArgs};
use crate::config::pypi::{SdistChoice, WheelChoice};

pub(super) const ABOUT: &str = "\
Mirror Python packages

Resolves the requirements for every target, with all that they need, and mirrors the files: a tree that \
pip, uv and poetry install from with no other index. Nothing of a package is run. What was named is a \
set; a run replaces its own set, and the tree is the union of its sets. Without requirements, the sets \
of the configuration are mirrored ([pypi.SET] of mirror.toml).";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror pypi -r requirements.txt --target el9 ubuntu24.04
  mirror pypi 'ansible>=9' --python 3.11 3.12 --platform linux_x86_64 linux_aarch64
  mirror pypi -r pyproject.toml --extra tls --python 3.12 --set site-tools
  mirror pypi -r uv.lock --target el9
  mirror pypi --all-versions 'requests>=2.30' --newest-only=5 --target el9
  mirror pypi -r requirements.txt --target el9 --dry-run

A Python such as 3.11 stands for all of its patch releases. Without --platform it is one on x86_64 Linux \
with glibc 2.28 or newer (linux_x86_64, as EL 8); this host's own Python and platform never count.";

/// `mirror pypi`.
#[derive(Debug, Args)]
pub(crate) struct PypiArgs {
    /// Requirements, such as 'ansible>=9' or requests
    #[arg(value_name = "REQUIREMENT")]
    pub(crate) requirements: Vec<String>,
    /// A requirements file, pyproject.toml, pylock.toml or uv.lock: a path or a URL
    #[arg(short, long = "requirement", alias = "requirements", value_name = "FILE", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) requirement_files: Vec<String>,
    /// A file of constraints: a path or a URL
    #[arg(short, long = "constraint", alias = "constraints", value_name = "FILE", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) constraints: Vec<String>,
    /// Every version of these projects that fits, without what they need
    #[arg(long, value_name = "REQUIREMENT", num_args = 1..)]
    pub(crate) all_versions: Vec<String>,
    /// These extras of each pyproject.toml
    #[arg(long = "extra", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) extras: Vec<String>,
    /// All extras of each pyproject.toml
    #[arg(long, conflicts_with = "extras")]
    pub(crate) all_extras: bool,
    /// These dependency groups of each pyproject.toml
    #[arg(long = "group", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) groups: Vec<String>,
    /// All dependency groups of each pyproject.toml
    #[arg(long, conflicts_with = "groups")]
    pub(crate) all_groups: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) targets: TargetArgs,
    #[command(flatten)]
    pub(crate) indexes: IndexArgs,
    #[command(flatten)]
    pub(crate) selection: PypiSelectionArgs,
    #[command(flatten)]
    pub(crate) sets: SetArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) publication: PublicationArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// How nodes reach the root, for the lines of pip.conf and uv.toml [default: http:// and this
    /// host's address]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = "Output")]
    pub(crate) base_url: Option<url::Url>,
}

/// What is mirrored for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Targets")]
#[allow(clippy::doc_markdown)] // help, no Markdown
pub(crate) struct TargetArgs {
    /// Pythons, such as 3.11, 3.11.13, 3.13t or pypy3.10
    #[arg(long, value_name = "VERSION", num_args = 1.., value_delimiter = ',')]
    pub(crate) python: Vec<String>,
    /// Platforms, such as manylinux_2_28_x86_64, linux_aarch64, musllinux_1_2_x86_64,
    /// macosx_11_0_arm64 or win_amd64 [default: linux_x86_64]
    #[arg(long, value_name = "PLATFORM", num_args = 1.., value_delimiter = ',')]
    pub(crate) platform: Vec<String>,
    /// Distributions with their Pythons, or with those of --python: el8, el9, el10, ubuntu20.04,
    /// ubuntu22.04, ubuntu24.04, debian11, debian12 or debian13; el9-aarch64 for another processor
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) target: Vec<String>,
}

/// Where packages come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Indexes")]
pub(crate) struct IndexArgs {
    /// The index [default: as the requirements files, mirror.toml, and the variables and
    /// configuration of pip and uv say]
    #[arg(short, long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) index_url: Option<String>,
    /// A further index, asked before the other; a project belongs to the first index that has it
    #[arg(long = "extra-index-url", value_name = "URL", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::Url)]
    pub(crate) extra_index_urls: Vec<String>,
    /// A folder of packages, or a page with links to some
    #[arg(short, long, value_name = "DIR|URL", action = ArgAction::Append)]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) find_links: Vec<String>,
    /// Ask no index: only what --find-links names
    #[arg(long, conflicts_with_all = ["index_url", "extra_index_urls"])]
    pub(crate) no_index: bool,
}

/// Which versions and files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
#[allow(clippy::struct_excessive_bools)] // each is an option of its own
pub(crate) struct PypiSelectionArgs {
    /// Pre-releases count like other versions
    #[arg(long)]
    pub(crate) pre: bool,
    /// These projects as wheels only: names with commas, :all: or :none:
    #[arg(long, value_name = "NAMES", action = ArgAction::Append)]
    pub(crate) only_binary: Vec<String>,
    /// These projects as source distributions only: names with commas, :all: or :none:
    #[arg(long, value_name = "NAMES", action = ArgAction::Append)]
    pub(crate) no_binary: Vec<String>,
    /// An older version with a wheel goes before a newer one without
    #[arg(long)]
    pub(crate) prefer_binary: bool,
    /// Which wheels of a version [default: best]
    #[arg(long, value_name = "WHICH")]
    pub(crate) wheels: Option<WheelChoice>,
    /// When source distributions are mirrored, with what their builds need [default: fallback]
    #[arg(long, value_name = "WHEN")]
    pub(crate) sdist: Option<SdistChoice>,
    /// Only the newest N versions of each project of --all-versions [default: all; without =N: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    pub(crate) newest_only: Option<NonZeroU32>,
    /// Mirror files of which the index gives no digest: nothing shows whether they are what they
    /// should be
    #[arg(long)]
    pub(crate) allow_unhashed: bool,
}

/// Which sets of which tree.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sets")]
pub(crate) struct SetArgs {
    /// The set's name [default: that of the first file, without its ending; else cli]. Without
    /// requirements: mirror only this set of the configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) set: Option<SetName>,
    /// Where the tree goes, below the root [default: pypi]
    #[arg(long, value_name = "PATH")]
    pub(crate) tree: Option<TreePath>,
    /// Remove these sets of the tree, and the files that no other set has
    #[arg(long = "remove-set", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) remove_sets: Vec<SetName>,
    /// List the sets of the tree, and do nothing else
    #[arg(long, conflicts_with = "remove_sets")]
    pub(crate) list_sets: bool,
}

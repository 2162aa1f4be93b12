//! The arguments of `mirror sync`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use mirror_core::resolve::rpm::ModuleStream;

use super::keygen::SignArgs;
use super::shared::{OutputArgs, Place, PublicationArgs, TransferArgs};
use crate::config::Gpgcheck;

pub(super) const ABOUT: &str = "\
Make mirrors what their upstreams are

Fetches what is missing, verifies every file, and publishes each repository as a whole; what is \
there and verified is not fetched again, and a run that was interrupted continues. Without presets, \
--repo-file and --url, everything that the configuration lists is mirrored, sets of Python packages \
included (see `mirror pypi`).";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror sync rocky --repo baseos appstream extras
  mirror sync rocky --release 9 --arch x86_64 aarch64 --root /srv/mirror
  mirror sync rocky kubernetes --repo baseos appstream stable --packages kubeadm @core --closed
  mirror sync --repo-file vendor.repo
  mirror sync --url https://example.com/repo/ --path vendor/tools
  mirror sync --dry-run";

/// `mirror sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The presets to mirror, such as rocky or epel; see `mirror repos`
    #[arg(value_name = "PRESET")]
    pub(crate) presets: Vec<String>,
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) upstream: UpstreamArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    #[command(flatten)]
    pub(crate) sign: SignArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) publication: PublicationArgs,
    #[command(flatten)]
    pub(crate) groups: GroupArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which upstreams.
#[derive(Debug, Args)]
#[command(next_help_heading = "Upstreams")]
pub(crate) struct UpstreamArgs {
    /// Only these repositories of the presets or .repo files
    #[arg(long = "repo", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub(crate) repos: Vec<String>,
    /// The releases of the distributions, such as 9 or 9.6 [default: each preset's newest]
    #[arg(long = "release", value_name = "RELEASE", num_args = 1.., value_delimiter = ',')]
    pub(crate) releases: Vec<String>,
    /// The architectures, each in a folder of its own [default: this host's, without one]
    #[arg(long = "arch", value_name = "ARCH", num_args = 1.., value_delimiter = ',')]
    pub(crate) arches: Vec<String>,
    /// The repositories of source packages as well
    #[arg(long)]
    pub(crate) source: bool,
    /// The repositories of debugging information as well
    #[arg(long)]
    pub(crate) debuginfo: bool,
    /// The repositories of these .repo files
    #[arg(long = "repo-file", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) repo_files: Vec<PathBuf>,
    /// Folders of variables for .repo files, as in /etc/dnf/vars
    #[arg(long = "vars", value_name = "DIR", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) vars_dirs: Vec<PathBuf>,
    /// The repository at this URL; several are mirrors of the same one
    #[arg(long = "url", value_name = "URL", num_args = 1.., value_hint = ValueHint::Url)]
    pub(crate) urls: Vec<String>,
    /// Where the tree goes, below the root; `.` is the root itself. May hold $releasever, $basearch
    /// and $repo
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
}

/// Which of an upstream's packages.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Only packages whose name or NEVRA fits one of these patterns. Where this or one of the next
    /// two drops a package, the metadata is made anew and lists what is left
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) include: Vec<String>,
    /// No packages whose name or NEVRA fits one of these patterns
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    /// Only the newest N versions of each package, in each stream of a module [default: all; without
    /// =N: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "1")]
    pub(crate) newest_only: Option<NonZeroUsize>,
    /// Only the packages that security advisories name, at the versions that mend
    #[arg(long)]
    pub(crate) security: bool,
    /// Only the packages that these advisories name, such as RHSA-2024:1234
    #[arg(long = "advisory", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub(crate) advisories: Vec<String>,
    /// Only the packages of the advisories for these CVEs
    #[arg(long = "cve", value_name = "ID", num_args = 1.., value_delimiter = ',')]
    pub(crate) cves: Vec<String>,
    /// Only these packages, chosen of all repositories that are named, as `dnf install` takes them:
    /// names, patterns, what packages provide, files, @groups, @^environments; of each the newest
    #[arg(long, value_name = "PACKAGE", num_args = 1.., value_delimiter = ',')]
    pub(crate) packages: Vec<String>,
    /// The same, of lists: files with a package a line, folders of such files (*.txt), or a list of
    /// ours by its name, such as kubernetes-el9; `mirror repos --lists` shows these
    #[arg(long = "package-list", value_name = "FILE|NAME", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) package_lists: Vec<String>,
    /// What these sets of mirror.toml ask for, [packages.NAME], of the repositories that are named;
    /// where none is, only the repositories that these sets are asked of
    #[arg(long = "set", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) sets: Vec<String>,
    /// With all that those packages need, so that they can be installed from these mirrors alone
    #[arg(long)]
    pub(crate) closed: bool,
    /// Whether what packages recommend counts as needed [default: yes]
    #[arg(long, value_name = "yes|no", value_parser = super::values::yes_or_no)]
    pub(crate) weak: Option<bool>,
    /// The streams of modules that packages may be of, such as nodejs:20 [default: the default ones]
    #[arg(long = "stream", value_name = "MODULE:STREAM", num_args = 1.., value_delimiter = ',')]
    pub(crate) streams: Vec<ModuleStream>,
    /// What the hosts have installed already, as `rpm -qa` prints it: it need not come again
    /// [default: nothing]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) installed: Option<PathBuf>,
    /// With .treeinfo and the files that it lists, which an installer boots from
    #[arg(long)]
    pub(crate) treeinfo: bool,
}

/// Whose signatures count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// Whether the signature of a repository's metadata is checked [default: if-present]
    #[arg(long, value_name = "WHEN")]
    pub(crate) repo_gpgcheck: Option<Gpgcheck>,
    /// Whether the signatures of packages are checked [default: if-present]
    #[arg(long, value_name = "WHEN")]
    pub(crate) gpgcheck: Option<Gpgcheck>,
    /// Only these keys may sign metadata and packages: files, or fingerprints of 40 or 64 digits
    /// [default: those that the preset or the .repo file names]
    #[arg(long = "key", value_name = "FILE|FINGERPRINT", num_args = 1.., value_delimiter = ',')]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) keys: Vec<String>,
}

/// What is published how, where upstreams are repositories.
#[derive(Debug, Args)]
#[command(next_help_heading = "Publication")]
pub(crate) struct GroupArgs {
    /// Publish all of this together or not at all, as a group of this name [default: the
    /// repositories of one preset and release together]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Publish a state of the upstream that is older than the published one
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// Publish without the packages that upstream lists and no mirror of it has, and warn of each
    #[arg(long)]
    pub(crate) allow_missing: bool,
}

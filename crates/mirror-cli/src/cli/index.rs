//! The arguments of `mirror index`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use mirror_core::digest::Algorithm;
use mirror_core::format::compression::Compression;
use mirror_core::store::LockWait;

use super::keygen::SignArgs;
use super::shared::{ConfigArgs, OutputArgs};
use super::values::{changelogs, checksum, compression, lock_wait, release, timeout};

pub(super) const ABOUT: &str = "\
Make dnf metadata for a folder of packages

What createrepo_c does: reads every package below DIR and writes DIR/repodata, in one step, so that \
clients see the old metadata or the new. Groups, modules, advisories and whatever else the old metadata \
lists are kept, unless they are given anew. Where nothing changed nothing is written. A package that \
cannot be listed is named and left out, and the run ends with 3; with --strict it ends with 1, and the \
old metadata stays.

Links are followed; packages that a link leads to outside of DIR are told, for a web server has to \
follow it too. The time of the metadata is SOURCE_DATE_EPOCH where that is set. Of the configuration \
the sign_key at its top counts, and nothing else.";

pub(super) const EXAMPLES: &str = "\
Examples:
  mirror index /srv/packages
  mirror index /srv/packages --update               # reads only what is new or has changed
  mirror index /srv/el8 --for el8 --comps comps.xml
  mirror index /srv/all/a /srv/all/b --out /srv/all
  mirror index /srv/packages --exclude '*.src.rpm' 'debug/*'
  mirror index /srv/packages --sign-key /etc/mirror/site.key";

/// `mirror index`.
#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// The folders of packages
    #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
    pub(crate) folders: Vec<PathBuf>,
    /// The folder that gets repodata and holds all DIR; needed where there are several [default: DIR]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Take what the metadata there lists already and has not changed, by size and time
    #[arg(long)]
    pub(crate) update: bool,
    /// Fail where a package cannot be listed
    #[arg(long)]
    pub(crate) strict: bool,
    /// Wait while another process makes metadata there, at most SECS seconds [without =SECS: forever]
    #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "forever", value_parser = lock_wait)]
    pub(crate) lock_wait: Option<LockWait>,
    #[command(flatten)]
    pub(crate) selection: IndexSelectionArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) extra: ExtraArgs,
    #[command(flatten)]
    pub(crate) sign: SignArgs,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which packages are listed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct IndexSelectionArgs {
    /// Only packages whose path below DIR or file name fits one of these patterns
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) include: Vec<String>,
    /// No packages whose path below DIR or file name fits one of these patterns
    #[arg(long, value_name = "GLOB", num_args = 1.., value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    /// Only the packages at the paths that this file lists, one a line; # begins a comment
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) package_list: Option<PathBuf>,
    /// Pass over files and folders that are symbolic links
    #[arg(long)]
    pub(crate) skip_symlinks: bool,
}

/// What the metadata is like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
pub(crate) struct FormArgs {
    /// The oldest clients: el7 and el8 get gzip, later ones zstd [default: as the names of the packages
    /// say]
    #[arg(long = "for", value_name = "RELEASE", value_parser = release)]
    #[arg(conflicts_with = "compress_type")]
    pub(crate) release: Option<u32>,
    /// How documents are compressed: gz, zstd, xz, bz2 or none
    #[arg(long, value_name = "TYPE", value_parser = compression)]
    pub(crate) compress_type: Option<Compression>,
    /// The digests of packages and documents: sha1, sha256, sha384 or sha512
    #[arg(long, value_name = "TYPE", value_parser = checksum, default_value = "sha256")]
    pub(crate) checksum: Algorithm,
    /// The most changelog entries of a package that are listed, or all
    #[arg(long, value_name = "N", value_parser = changelogs, default_value = "10")]
    pub(crate) changelog_limit: usize,
    /// What this state is called [default: the time in seconds]
    #[arg(long, value_name = "TEXT")]
    pub(crate) revision: Option<String>,
    /// Keep the documents of so many earlier states, for clients who are just reading them
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) retain_old_md: usize,
    /// Keep the documents of earlier states, too, that are younger, such as 48h
    #[arg(long, value_name = "TIME", value_parser = timeout)]
    pub(crate) retain_old_md_age: Option<Duration>,
}

/// Metadata beside the packages' own.
#[derive(Debug, Args)]
#[command(next_help_heading = "Groups, modules, advisories")]
pub(crate) struct ExtraArgs {
    /// Groups of packages; several files are merged
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) comps: Vec<PathBuf>,
    /// Modules; several files are merged
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) modules: Vec<PathBuf>,
    /// Advisories; several files are merged
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub(crate) updateinfo: Vec<PathBuf>,
    /// Drop these kinds of metadata instead of keeping them, such as updateinfo
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',')]
    pub(crate) discard: Vec<String>,
}
